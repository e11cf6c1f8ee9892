"""Accounts on a server of this machine, with passwords made for one run, and the sessions of their programs."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Iterable

from ...errors import ConfigError
from .. import jid as jids
from ..backoff import Backoff
from ..link import Patience
from ..slix import SlixSession
from ..tls import client_context
from . import LocalServer

PATIENCE = Patience(connect=10.0, idle=10.0, answer=5.0, backoff=Backoff(base=0.1, cap=1.0))
"""The server is on this machine: whoever loses it is back within seconds."""


class Accounts:
    """An account for each JID on one server that is not started yet; they may see each other's presence.

    Raises `ConfigError` for a JID that is not of the server's domain.
    """

    def __init__(self, server: LocalServer, jid_list: Iterable[str]) -> None:
        self._server = server
        self._passwords: dict[str, str] = {}
        self._context: ssl.SSLContext | None = None
        for jid in map(jids.normal, jid_list):
            if jids.domain(jid) != server.domain:
                raise ConfigError(f"{jid} is not of the domain {server.domain}, which is all that this server has")
            if jids.bare(jid) not in self._passwords:
                self._passwords[jids.bare(jid)] = secrets.token_urlsafe(18)
                server.add_user(jids.local(jid), self._passwords[jids.bare(jid)])

    def password(self, jid: str) -> str:
        """Return the password of the account of this JID."""
        return self._passwords[jids.bare(jids.normal(jid))]

    def session(self, jid: str) -> SlixSession:
        """Return a session, not open yet, with this full JID; all share one TLS context. The server has to run."""
        if self._context is None:
            self._context = client_context(self._server.ca)
        return SlixSession(
            jid,
            password=self.password(jid),
            host=self._server.host,
            port=self._server.port,
            tls=self._context,
            allow=self._passwords.__contains__,
            patience=PATIENCE,
        )
