"""What the examples share: the command line (who we are, where the XMPP server is), and how they end."""

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from janusgrid.common.errors import JanusGridError
from janusgrid.common.xmpp import jid as jids
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
    domain = jids.domain(jids.normal(found.jid))
    return found, SlixSession(
        found.jid,
        password=found.password,
        host=found.host,
        port=found.port,
        tls=found.ca,
        allow=lambda peer: jids.domain(peer) == domain,  # they may see whether we are there
    )


def run(program: Coroutine[Any, Any, None]) -> None:
    """Run it until it ends, or Ctrl-C does; what goes wrong is one line."""
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(program)
    except JanusGridError as error:
        sys.exit(str(error))
