"""What the launchers of the real servers have in common."""

from __future__ import annotations

import asyncio
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import LocalError, NotReachable
from . import pki
from .process import HOST, Home, Process, answers, free_port


class Launched(ABC):
    """A server program started by us. See `LocalServer` for what its methods promise.

    Args:
        domain: of its JIDs.
        certificate_for: the name in its certificate, if that shall be a wrong one.
        patience: seconds to wait until it is up.
    """

    name: str

    def __init__(
        self, domain: str = "grid.test", *, certificate_for: str | None = None, patience: float = 20.0
    ) -> None:
        self.domain = domain
        self.host = HOST
        self._patience = patience
        self._port: int | None = None
        self._users: dict[str, str] = {}
        self._process: Process | None = None
        self._home = Home(self.name)
        self._authority = pki.make_ca(self._home.path / "pki")
        self._identity = pki.issue(self._authority, certificate_for or domain)
        self.ca = self._authority.certificate

    @classmethod
    @abstractmethod
    def unavailable(cls) -> str | None:
        """Return why this server cannot be started on this machine, None if it can."""

    @abstractmethod
    def _configure(self, port: int) -> None:
        """Write the configuration and the users to the home directory."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Return the command that runs the server in the foreground."""

    def _environment(self) -> Mapping[str, str]:
        return {"HOME": str(self.home)}

    async def _is_up(self, port: int) -> bool:
        return await answers(port, self.domain)

    @property
    def home(self) -> Path:
        """The directory of its configuration, data and logs."""
        return self._home.path

    @property
    def port(self) -> int:
        """The client port, known after the first start."""
        if self._port is None:
            raise LocalError(f"{self.name} has no port before it was started")
        return self._port

    @property
    def pid(self) -> int | None:
        """The process, for measurements; None while it is down."""
        return self._process.pid if self._process is not None else None

    def add_user(self, user: str, password: str) -> None:
        """Provide the account `user@domain`; before `start`."""
        if self._process is not None:
            raise LocalError(f"{self.name} is running; add users before it starts")
        self._users[user] = password

    def client_certificate(self, user: str) -> pki.Identity:
        """Issue a certificate with which `user@domain` can log in, where the server takes those."""
        return pki.issue_client(self._authority, f"{user}@{self.domain}")

    async def start(self) -> None:
        """Return when clients can log in; raise `NotReachable` if it does not come up."""
        if (reason := self.unavailable()) is not None:
            raise NotReachable(f"{self.name} cannot be started here: {reason}")
        if self._process is not None:
            raise LocalError(f"{self.name} is running already")
        # The port was free when we looked; should somebody have been quicker, another one will do, the first time.
        for last in (False, False, True) if self._port is None else (True,):
            port = self._port or free_port()
            if await self._try(port, last):
                self._port = port
                return

    async def stop(self) -> None:
        """End it in good order."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it as a crash would."""
        await self._end(signal.SIGKILL)

    async def _try(self, port: int, last: bool) -> bool:
        self._configure(port)
        self._home.hand_over()
        log = self.home / "output.log"
        self._process = await Process.start(self._command(), self._environment(), log, self.home)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while self._process.running and loop.time() < deadline:
            if await self._is_up(port):
                return True
            await asyncio.sleep(0.03)
        said = self._process.said()
        await self.kill()
        if last:
            raise NotReachable(f"{self.name} did not come up on {HOST}:{port}; it said: {said or 'nothing'}")
        return False

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.end(number)
