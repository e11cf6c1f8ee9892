"""Who takes part in a demonstration: an XMPP server of this machine, and an account for each program on it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from ...common.data.site import Site
from ...common.errors import LocalError
from ...common.xmpp import jid as jids
from ...common.xmpp.backoff import Backoff
from ...common.xmpp.link import Patience
from ...common.xmpp.servers import LocalServer
from ...common.xmpp.slix import SlixSession
from ...common.xmpp.tls import client_context

BROKERS = ("embedded", "prosody", "ejabberd")
PATIENCE = Patience(connect=10.0, idle=10.0, answer=5.0, backoff=Backoff(base=0.1, cap=1.0))
"""A demonstration lasts a minute: whoever loses the server is back within seconds."""


def make_server(name: str, domain: str) -> LocalServer:
    """Return an XMPP server that is not started yet; raise `LocalError` for a name that is none of `BROKERS`."""
    if name == "embedded":
        from ...common.xmpp.broker import Broker

        return Broker(domain)
    if name == "prosody":
        from ...common.xmpp.servers.prosody import Prosody

        return Prosody(domain)
    if name == "ejabberd":
        from ...common.xmpp.servers.ejabberd import Ejabberd

        return Ejabberd(domain)
    raise LocalError(f"{name!r} is no broker; there are {', '.join(BROKERS)}")


class Accounts:
    """The accounts of a site's programs on one server, with passwords made for this run, and their sessions."""

    def __init__(self, server: LocalServer, jid_list: Iterable[str]) -> None:
        self._server = server
        self._passwords = {jids.normal(jid): secrets.token_urlsafe(18) for jid in jid_list}
        for jid, password in self._passwords.items():
            server.add_user(jids.local(jid), password)

    @classmethod
    def of(cls, server: LocalServer, site: Site) -> Accounts:
        """Return accounts for the host, the utility and every device of a site."""
        devices = (device.address["jid"] for device in site.devices)
        return cls(server, [site.jid, site.ven.vtn, *devices])

    def sessions(self) -> dict[str, SlixSession]:
        """Return a session for each account, not open yet; they share one TLS context. The server has to be running."""
        context = client_context(self._server.ca)
        ours = {jids.bare(jid) for jid in self._passwords}
        return {
            jid: SlixSession(
                jid,
                password=password,
                host=self._server.host,
                port=self._server.port,
                tls=context,
                allow=ours.__contains__,
                patience=PATIENCE,
            )
            for jid, password in self._passwords.items()
        }
