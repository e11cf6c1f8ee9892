"""XMPP servers that start on this machine for demos, tests and benchmarks: one small interface, several servers.

Never for production: they listen on loopback, with a certificate authority made on the spot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ...errors import LocalError

BROKERS = ("embedded", "prosody", "ejabberd")
"""The names that `make_server` knows."""


class LocalServer(Protocol):
    """An XMPP server on a loopback port of this machine, whose users and certificates we make ourselves.

    Users are added before `start`. Started again after `stop` or `kill`, it keeps its port, users and certificates.
    """

    @property
    def host(self) -> str:
        """The address it listens on, a loopback address."""
        ...

    @property
    def port(self) -> int:
        """The client port, with STARTTLS; known after the first `start`, then it stays the same."""
        ...

    @property
    def domain(self) -> str:
        """The domain of its JIDs, for which its certificate is made out."""
        ...

    @property
    def ca(self) -> Path:
        """The PEM file of the certificate authority that its clients have to trust."""
        ...

    def add_user(self, user: str, password: str) -> None:
        """Provide the account `user@domain`; before `start`."""
        ...

    async def start(self) -> None:
        """Return when clients can log in; raise `NotReachable` if it does not come up."""
        ...

    async def stop(self) -> None:
        """End it in good order: streams are closed, the port is free, no process is left. Not running: nothing."""
        ...

    async def kill(self) -> None:
        """End it as a crash would: connections break off, nothing is said on them."""
        ...


def make_server(name: str, domain: str) -> LocalServer:
    """Return an XMPP server that is not started yet; raise `LocalError` for a name that is none of `BROKERS`."""
    # Each is imported when it is asked for: a program that runs one needs no other.
    if name == "embedded":
        from ..broker import Broker

        return Broker(domain)
    if name == "prosody":
        from .prosody import Prosody

        return Prosody(domain)
    if name == "ejabberd":
        from .ejabberd import Ejabberd

        return Ejabberd(domain)
    raise LocalError(f"{name!r} is no broker; there are {', '.join(BROKERS)}")


__all__ = ["BROKERS", "LocalServer", "make_server"]
