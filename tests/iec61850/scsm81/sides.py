"""Both sides of the tests with live peers: theirs in processes of their own, ours here, all with the same model."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from janusgrid.iec61850 import AddCause, Command, Ied, Server, connect
from janusgrid.iec61850.model.nodes import Model
from janusgrid.iec61850.scl.writer import write_cid

from tests.iec61850.scsm81 import peers, station

BOTH = pytest.mark.parametrize("peer", ["rust", "libiec"])
SWITCHES = (*station.MODELS, "SwLater", "SwLaterEnh", "Setpoint")
TEST = 3
"""The behaviour in which test commands are taken."""


def at(name: str) -> str:
    """Return the reference of a switch."""
    return f"{station.LD}/CSWI1.{name}"


def their(name: str) -> str:
    """Return the reference of a switch as their servers' applications have it."""
    return f"LD0/CSWI1.{name}"


@asynccontextmanager
async def their_server(
    peer: str, directory: Path, *options: object, select_timeout: int = 5000
) -> AsyncIterator[peers.Peer]:
    """Run a server of a peer with the model of the station; `options` are `name=value`, see its script."""
    model = station.station(select_timeout)
    if peer == "rust":
        path = directory / "station.cid"
        write_cid(model, path)
        command: tuple[object, ...] = (path, f"timeout={select_timeout}", *options)
    else:
        command = libiec_arguments(model, directory, map(their, SWITCHES), *options)
    async with peers.talking(peer, f"{peer}_serves.py", *command) as made:
        await made.ready()
        yield made


def libiec_arguments(model: Model, directory: Path, controls: Iterable[str], *options: object) -> tuple[object, ...]:
    """Return the arguments of a server of libiec61850 that serves a model, in which `controls` can be commanded."""
    path = directory / "model.cfg"
    path.write_text(station.configuration(model))
    return (path, peers.free_port(), f"controls={','.join(controls)}", *options)


class Listening(Protocol):
    """What can be connected with: a server, or a cable to it."""

    port: int


@asynccontextmanager
async def our_client(server: Listening, *, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[Ied]:
    """Connect with a server."""
    async with connect(f"tcp://{host}:{server.port}", **{"timeout": 20, **options}) as ied:
        yield ied


class Station:
    """Our server with the model of the station, and an application that does as the test says.

    Attributes:
        refuse: at which step a switch refuses: `check` or `operate`, and why.
        slow: seconds that the execution of a switch takes.
        commands: what was asked for, oldest first.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.port = 0
        self.refuse: dict[str, tuple[str, AddCause]] = {}
        self.slow: dict[str, float] = {}
        self.commands: list[Command] = []
        for name in SWITCHES:
            self._serve(name)

    def _serve(self, name: str) -> None:
        def judge(step: str, command: Command) -> None:
            where, cause = self.refuse.get(name, ("", AddCause.NONE))
            if where == step:
                command.refuse(cause)

        @self.server.on_check(at(name))
        def check(command: Command) -> None:
            self.commands.append(command)
            judge("check", command)

        @self.server.on_operate(at(name))
        async def operate(command: Command) -> None:
            await asyncio.sleep(self.slow.get(name, 0.0))
            judge("operate", command)

        @self.server.on_cancel(at(name))
        def cancel(command: Command) -> None:
            pass

    def shows(self, name: str, attribute: str = "stVal") -> Any:
        return self.server.read(f"{at(name)}.{attribute}")


@asynccontextmanager
async def our_server(
    *, select_timeout: int = 5000, options: dict[str, Any] | None = None, **listening: Any
) -> AsyncIterator[Station]:
    """Serve the station ourselves; `options` are those of `Server`, `listening` those of `start_tcp`."""
    made = Station(Server(station.station(select_timeout), **(options or {})))
    made.port = (await made.server.start_tcp(port=0, **listening)).port
    yield made
    await made.server.close()


@asynccontextmanager
async def their_client(peer: str, port: int, *options: object) -> AsyncIterator[peers.Peer]:
    """Run a client of a peer and connect it."""
    async with peers.client(peer) as made:
        await made.do("connect", port, *options)
        yield made


class Cable:
    """A TCP connection to a server that can be cut; nothing goes through until it is `mended`."""

    def __init__(self, port: int) -> None:
        self.far = port
        self.port = 0
        self.cuts = 0
        self._whole = True
        self._ends: list[asyncio.StreamWriter] = []

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.far)
        self._ends += [writer, back]

        async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while octets := await source.read(1 << 16):
                    to.write(octets)
                to.close()

        await asyncio.gather(pump(reader, back), pump(there, writer))

    def cut(self) -> None:
        """Cut every connection through it."""
        self._whole = False
        self.cuts += 1
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    def mend(self) -> None:
        """Let connections through again."""
        self._whole = True


@asynccontextmanager
async def cable(port: int) -> AsyncIterator[Cable]:
    """Lead connections to a port of this machine through a cable."""
    made = Cable(port)
    server = await asyncio.start_server(made._through, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    made.cut()
    server.close()
