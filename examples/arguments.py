"""The command line that the examples share: who we are, and where the XMPP server is."""

import argparse
import sys

from janusgrid.common.xmpp.slix import SlixSession


def session_of(*more: str) -> tuple[argparse.Namespace, SlixSession]:
    """Return the arguments and a session that is not yet open; call it inside the running loop."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("jid", help="user@domain/resource")
    parser.add_argument("password")
    for argument in more:
        parser.add_argument(argument)
    parser.add_argument("--host", help="of the XMPP server; without it DNS is asked")
    parser.add_argument("--port", type=int, default=5222)
    parser.add_argument("--ca", help="PEM file of the authority of the server's certificate")
    found = parser.parse_args()
    return found, SlixSession(found.jid, password=found.password, host=found.host, port=found.port, tls=found.ca)
