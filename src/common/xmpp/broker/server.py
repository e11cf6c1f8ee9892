"""The broker as it runs: a listening socket, its certificates, its users."""

from __future__ import annotations

import ipaddress
import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from ...errors import LocalError, NotReachable
from ..servers import pki
from ..servers.process import Home
from . import store
from .accounts import Directory
from .connection import Listener
from .core import Core
from .jid import BadJid, prepare_domain, prepare_local
from .limits import Limits
from .sasl import Keys
from .tls import server_context

log = logging.getLogger(__name__)


class Broker:
    """An XMPP server inside this process, for demos and tests. Not for production.

        async with Broker("site.example", {"ems": "secret"}) as broker:
            ...  # clients connect to broker.host, broker.port, and trust broker.ca

    Clients must use STARTTLS and SCRAM-SHA-256, or certificates (see `clients`). Started again after `stop` or `kill`,
    it keeps its port, its certificates, its users and their rosters.

    Args:
        domain: of its JIDs.
        users: passwords by name (the part of the JID before the @).
        host: the IP address to listen on; anything but loopback is against what this broker is for.
        port: 0 takes a free one at the first start.
        shared_roster: all users see each other's presence from the start, without asking.
        roster_file: keeps rosters (JSON), so that another process finds them as they were.
        identity: the server's certificate; without it one is made, with an authority of its own.
        ca: the PEM file that clients have to trust; belongs to `identity`.
        clients: the authorities (PEM) whose certificates let clients in without a password, by SASL EXTERNAL: the
            account is that of the JID in the certificate (id-on-xmppAddr).
        revoked: revocation lists (PEM) of these authorities; without a valid list of its authority no
            certificate is believed then.
        limits: what clients are allowed.

    Raises `LocalError` for an argument that cannot be used.
    """

    def __init__(
        self,
        domain: str = "localhost",
        users: Mapping[str, str] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        shared_roster: bool = False,
        roster_file: Path | None = None,
        identity: pki.Identity | None = None,
        ca: Path | None = None,
        clients: Path | None = None,
        revoked: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._domain = _checked_domain(domain)
        self._host = _checked_host(host)
        self._port = port
        self._shared_roster = shared_roster
        self._roster_file = roster_file
        self._limits = limits or Limits()
        self._directory = Directory(self._domain, self._limits.roster_items)
        self._ca, self._context = self._certificates(identity, ca, clients, revoked)
        self._run: Listener | None = None
        self._loaded = False
        for user, password in (users or {}).items():
            self.add_user(user, password)

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._host

    @property
    def port(self) -> int:
        """The client port, with STARTTLS; 0 before the first start if none was asked for."""
        return self._port

    @property
    def domain(self) -> str:
        """The domain of its JIDs."""
        return self._domain

    @property
    def ca(self) -> Path:
        """The PEM file of the certificate authority that clients have to trust."""
        return self._ca

    @property
    def running(self) -> bool:
        """True while it listens."""
        return self._run is not None

    @property
    def online(self) -> tuple[str, ...]:
        """The full JIDs that are bound, in the order in which they came."""
        return tuple(self._directory.sessions)

    def add_user(self, user: str, password: str) -> None:
        """Provide the account `user@domain`, or give it a new password; raise `LocalError` for what is none."""
        try:
            name = prepare_local(user)
        except BadJid as error:
            raise LocalError(f"{user!r} cannot be the name of an account: {error.message}") from error
        self._directory.add(name, Keys.of(password))
        if self.running and self._shared_roster:
            self._share()

    async def start(self) -> None:
        """Return when clients can log in.

        Raises:
            NotReachable: the address cannot be listened on.
            ConfigError: the roster file is none.
            LocalError: the broker is running already.
        """
        if self._run is not None:
            raise LocalError("the broker is running already")
        self._recall()
        run = Listener(Core(self._directory, self._limits), self._context, self._save)
        try:
            self._port = await run.open(self._host, self._port)
        except OSError as error:
            where = f"{self._host}:{self._port}"
            raise NotReachable(f"the broker cannot listen: {error.strerror or error}", where=where) from error
        self._run = run
        log.info("embedded broker (not for production): %s at %s port %d", self._domain, self._host, self._port)

    async def stop(self) -> None:
        """End it in good order: clients are told that the system shuts down, and what they are owed is sent."""
        run, self._run = self._run, None
        if run is not None:
            await run.close()

    async def kill(self) -> None:
        """End it as a crash would: connections break off without a word, sessions are lost."""
        run, self._run = self._run, None
        if run is not None:
            await run.abort()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _certificates(
        self, identity: pki.Identity | None, ca: Path | None, clients: Path | None, revoked: Path | None
    ) -> tuple[Path, ssl.SSLContext]:
        if identity is None:
            self._home = Home("broker")  # holds the directory for as long as the broker may need it
            authority = pki.make_ca(self._home.path)
            return authority.certificate, server_context(pki.issue(authority, self._domain), clients, revoked)
        if ca is None:
            raise LocalError("an identity needs the ca that clients have to trust")
        return ca, server_context(identity, clients, revoked)

    def _recall(self) -> None:
        """Get the rosters ready: those of the file once, those that are shared at each start."""
        if self._roster_file is not None and not self._loaded:
            store.load(self._roster_file, self._directory)
            self._loaded = True
        if self._shared_roster:
            self._share()

    def _share(self) -> None:
        for account in self._directory:
            for other in self._directory:
                if other is not account:
                    account.roster.befriend(other.bare, other.user, ("shared",))

    def _save(self) -> None:
        if not self._directory.changed:
            return
        self._directory.changed = False
        if self._roster_file is not None:
            try:
                store.save(self._roster_file, self._directory)
            except LocalError as error:
                log.error("%s", error)  # the rosters in memory are right, and are written at the next change


def _checked_domain(domain: str) -> str:
    try:
        return prepare_domain(domain)
    except BadJid as error:
        raise LocalError(error.message) from error


def _checked_host(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise LocalError(f"{host!r} is not an IP address to listen on; use 127.0.0.1 or ::1") from error
    if not address.is_loopback:
        log.warning("the embedded broker is not made for other machines, but listens on %s", host)
    return host
