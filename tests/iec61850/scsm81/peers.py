"""Other implementations of IEC 61850, each installed in an environment of its own and run as a process of its own.

`rust` is PyPI `iec61850` (MIT or Apache-2.0), `libiec` is PyPI `pyiec61850-ng`, which wraps libiec61850 (GPL: never
imported here). They are installed when a test first asks for them, into `.peers/` of the checkout.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from janusgrid.common.xmpp.servers.process import free_port as free_port

from tests.peers import interpreter

HERE = Path(__file__).parent
CID = HERE / "peer.cid"
PACKAGES = {"rust": "iec61850==0.14.0", "libiec": "pyiec61850-ng==1.6.1.10"}


def python(peer: str) -> Path:
    """Return the interpreter that has a peer installed; skip the test if it cannot be."""
    return interpreter(PACKAGES[peer])


class PeerServer:
    """A server of a peer, serving the model of peer.cid."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def update(self, value: float) -> None:
        """Give AnIn1 a new value."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{value}\n".encode())
        await self.process.stdin.drain()


@asynccontextmanager
async def running(peer: str, script: str, *arguments: object) -> AsyncIterator[PeerServer]:
    """Run a server script; it says its port when it is ready."""
    process = await asyncio.create_subprocess_exec(
        python(peer), HERE / "peer_scripts" / script, *map(str, arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        async with asyncio.timeout(20):
            line = await process.stdout.readline()
        yield PeerServer(process, int(line))
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def run(peer: str, script: str, *arguments: object) -> dict[str, Any]:
    """Run a client script and return what it found, a JSON object on its last line.

    The binding of libiec61850 loses answers now and then, whatever server it talks to (docs/explanation,
    interoperability): its script may fail four times.
    """
    problem = ""
    for _ in range(5 if peer == "libiec" else 1):
        code, out, err = await _run(peer, script, *arguments)
        if code == 0:
            found = json.loads(out.splitlines()[-1])
            assert isinstance(found, dict)
            return found
        problem = f"{script} ended with {code}: {out[-500:]} {err[-2000:]}"
    pytest.fail(problem)


async def _run(peer: str, script: str, *arguments: object) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        python(peer), HERE / "peer_scripts" / script, *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(20):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        return None, out.decode(), err.decode()
    return process.returncode, out.decode(), err.decode()


# --- peers that do what they are told ---------------------------------------------------------------------------------


class PeerRefused(Exception):
    """A peer's client was refused; `args[0]` is what it says of that."""


class Peer:
    """A process of a peer, client or server, that does what it is told (peer_scripts/talk.py)."""

    port = 0

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._input, self._output = process.stdin, process.stdout
        self._events: dict[str, asyncio.Queue[Any]] = {}
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while line := await self._output.readline():
            try:
                message = json.loads(line)
            except ValueError:
                continue  # libraries print as they like
            if "event" in message:
                self._of(message["event"]).put_nowait(message["about"])
            else:
                self._answers.put_nowait(message)
        self._answers.put_nowait({"failed": "the process of the peer has ended"})

    def _of(self, kind: str) -> asyncio.Queue[Any]:
        return self._events.setdefault(kind, asyncio.Queue())

    async def ready(self) -> None:
        """Wait for what a server says first."""
        async with asyncio.timeout(20):
            first = await self._answers.get()
        if "port" not in first:
            pytest.fail(f"no server: {first}")
        self.port = first["port"]

    async def do(self, verb: str, *arguments: object, within: float = 15.0) -> Any:
        """Have it do something and return what it answers; raise `PeerRefused` if it was refused."""
        self._input.write(json.dumps([verb, *arguments]).encode() + b"\n")
        async with asyncio.timeout(within):
            message = await self._answers.get()
        if "no" in message:
            raise PeerRefused(message["no"])
        if "failed" in message:
            pytest.fail(f"{verb}{arguments}: {message['failed']}")
        return message["answer"]

    async def event(self, kind: str, within: float = 10.0) -> Any:
        """Return what it tells of next, of one kind."""
        async with asyncio.timeout(within):
            return await self._of(kind).get()

    def told(self, kind: str) -> list[Any]:
        """Return what it has told meanwhile, of one kind."""
        queue = self._of(kind)
        return [queue.get_nowait() for _ in range(queue.qsize())]

    async def end(self) -> None:
        """End the process."""
        self._input.close()
        try:
            async with asyncio.timeout(3):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await self.listening


@asynccontextmanager
async def talking(peer: str, script: str, *arguments: object) -> AsyncIterator[Peer]:
    """Run a script that does what it is told."""
    process = await asyncio.create_subprocess_exec(
        python(peer), HERE / "peer_scripts" / script, *map(str, arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24,
    )  # fmt: skip
    made = Peer(process)
    try:
        yield made
    finally:
        await made.end()


@asynccontextmanager
async def client(peer: str) -> AsyncIterator[Peer]:
    """Run a client of a peer."""
    async with talking(peer, f"{peer}_talks.py") as made:
        yield made
