"""A server process of ours: unprivileged, on a loopback port that stays free for it, gone when we are gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from ...errors import NotReachable

HOST = "127.0.0.1"
# Below the range from which the kernel takes the ports of outgoing connections: while a server is down, nothing else
# may get its port by chance.
_PORTS = range(15_000, 30_000)
_NOBODY = "nobody"


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    # Not from the shared generator: tests that seed it in several processes at once would all find the same port.
    for port in random.SystemRandom().sample(_PORTS, 200):
        with socket.socket() as probe:
            # As servers do, or a connection of the last run that still lingers would make the port look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return port
    raise NotReachable(f"no free port on {HOST} between {_PORTS.start} and {_PORTS.stop}")


def missing(*programs: str) -> str | None:
    """Return what keeps us from running these programs, in words; None if nothing does."""
    absent = [program for program in (*programs, "setpriv") if find(program) is None]
    return f"{', '.join(absent)} not installed" if absent else None


def find(program: str) -> str | None:
    """Return the path of a program; servers live in directories that are not on everybody's path."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Home:
    """A directory of its own, owned by the user that the server runs as, removed when nobody refers to it any more."""

    def __init__(self, name: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"janusgrid-{name}-"))
        self._removal = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def hand_over(self) -> None:
        """Give all files to the unprivileged user, if it is another than ourselves."""
        if os.getuid() != 0:
            return
        nobody = pwd.getpwnam(_NOBODY)
        for place, _, files in os.walk(self.path):
            for name in (place, *(os.path.join(place, file) for file in files)):
                os.chown(name, nobody.pw_uid, nobody.pw_gid)


class Process:
    """One run of a server program."""

    def __init__(self, child: asyncio.subprocess.Process, log: Path) -> None:
        self._child = child
        self._log = log

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path) -> Process:
        """Start `command` as nobody if we are root; its output goes to `log`. It does not outlive us."""
        drop = ["setpriv", "--pdeathsig", "KILL"]
        if os.getuid() == 0:
            nobody = pwd.getpwnam(_NOBODY)
            drop += [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        with _appended(log) as output:
            child = await asyncio.create_subprocess_exec(
                *drop,
                *command,
                cwd=cwd,
                env={**os.environ, **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # an interrupt from the terminal is for us; we end it in our own order
            )
        return cls(child, log)

    @property
    def running(self) -> bool:
        return self._child.returncode is None

    @property
    def pid(self) -> int:
        return self._child.pid

    def said(self) -> str:
        """Return the end of what it printed."""
        with contextlib.suppress(OSError):
            return self._log.read_text(errors="replace")[-2000:].strip()
        return ""

    async def end(self, number: signal.Signals, wait: float = 10.0) -> None:
        """Send a signal and return when the process is gone; after `wait` seconds it is killed."""
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(number)
        try:
            await asyncio.wait_for(self._child.wait(), wait)
        except TimeoutError:
            self._child.kill()
            await self._child.wait()


def _appended(file: Path) -> BinaryIO:
    return file.open("ab")


async def answers(port: int, domain: str) -> bool:
    """Return whether an XMPP server for `domain` answers on this port of the loopback address."""
    writer = None
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(
                f"<?xml version='1.0'?><stream:stream to='{domain}' xmlns='jabber:client' version='1.0' "
                "xmlns:stream='http://etherx.jabber.org/streams'>".encode()
            )
            header = await reader.readuntil(b"</stream:features>")
            return domain.encode() in header and b"starttls" in header
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return False
    finally:
        if writer is not None:
            writer.close()
