"""Data access: what a change of a point costs one EMS, and what a point weighs, for ever more points.

The points are in IEC 61850 servers of a hundred each, seen by a client over the local engine with reports, and joined
with points of the application's own. All of them change once a second, and all of them are watched.
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import attrs
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.access import DataAccess
from janusgrid.common.data.joined import join
from janusgrid.common.data.memory import MemoryAccess
from janusgrid.common.data.point import Kind, Point
from janusgrid.common.data.tables import Binding, parse_table
from janusgrid.iec61850 import Ied, Server
from janusgrid.iec61850.access import DeviceAccess, model_of

SIZES = (100, 1_000, 10_000)
EACH = 100
"""Points of a server."""
OWN = 10
"""One in so many points is the application's own."""
ROUNDS = 10
NOT_OURS = [tracemalloc.Filter(False, f"*/iec61850/{room}/*") for room in ("engine", "model", "server")]
"""What the servers keep, which are in this process too."""
HEADER = (
    "point,kind,type,unit,reference,fc,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description\n"
)


def main() -> None:
    """Measure and print."""
    first: Found | None = None
    for size in SIZES:
        found = measured(size)
        first = first or found
        print(f"{found}, {found.ems / first.ems:.2f} of the first")


@attrs.frozen
class Found:
    """What a size costs.

    Attributes:
        points: of all servers, and the application's own.
        ems: microseconds of the processor for a change, from the report to whoever watches.
        servers: of the servers, from the new value to the report.
        octets: of memory that a point takes in the EMS, with what it is watched by.
    """

    points: int
    ems: float
    servers: float
    octets: float

    def __str__(self) -> str:
        return (
            f"{self.points:>6} points: {self.ems:.1f} us a change in the EMS, {self.servers:.1f} us in the servers, "
            f"{self.octets:,.0f} octets a point; at 1 Hz {self.points * self.ems / 1e4:.1f} % of a core"
        )


def measured(size: int, rounds: int = ROUNDS) -> Found:
    """Return what so many points cost: time and memory one after the other, for to count octets takes time."""
    spent = asyncio.run(_timed(size, rounds))
    return Found(size, *spent, asyncio.run(_weighed(size)))


class Plant:
    """Servers, and points of the application's own, whose values all change together."""

    def __init__(self, size: int) -> None:
        self.clock = LockStepClock(datetime(2026, 3, 25, tzinfo=UTC))
        self.own = MemoryAccess(
            [Point(f"own.n{number}", Kind.MEASUREMENT) for number in range(size // OWN)], clock=self.clock
        )
        self.points = {f"D{number}": bindings(f"D{number}") for number in range((size - size // OWN) // EACH or 1)}
        self.servers = {name: Server(model_of(name, rows), clock=self.clock) for name, rows in self.points.items()}
        self.names = [row.point.name for rows in self.points.values() for row in rows]
        self.own_names = [f"own.n{number}" for number in range(size // OWN)]

    @asynccontextmanager
    async def ems(self) -> AsyncIterator[DataAccess]:
        """Yield all points as one access."""
        async with AsyncExitStack() as stack:
            devices = []
            for name, rows in self.points.items():
                device = DeviceAccess(name, rows, self._connect(name), self.clock, integrity=3600.0)
                devices.append(await stack.enter_async_context(device))
                await device.ready()
            yield await join([*devices, self.own])
        for server in self.servers.values():
            await server.close()

    def _connect(self, name: str) -> Callable[[], Awaitable[Ied]]:
        async def connect() -> Ied:
            return Ied(self.servers[name].connect("ems"), clock=self.clock)

        return connect

    def change(self, value: float) -> None:
        """Let every server have new values."""
        for name, server in self.servers.items():
            server.update_many({f"{name}DER/MMXU{number}.TotW": value for number in range(1, EACH + 1)})

    def change_own(self, value: float) -> None:
        """Let the application have new values."""
        for name in self.own_names:
            self.own.put(name, value)


def bindings(ied: str) -> list[Binding]:
    """Return the points of a server: a power each in a node of its own."""
    lines = (
        f"p{number},measurement,float,kW,{{ied}}DER/MMXU{number}.TotW.mag.f,MX,float32,W,,,,read report,,,\n"
        for number in range(1, EACH + 1)
    )
    rows = parse_table((HEADER + "".join(lines)).encode(), f"{ied}.csv")
    return [row.bind(f"der.{ied}.{row.point}", {"ied": ied}, device=ied) for row in rows]


class Watcher:
    """Whoever watches: an application that takes each value."""

    def __init__(self) -> None:
        self.told = 0
        self.latest: dict[str, float] = {}

    async def follow(self, access: DataAccess, names: list[str]) -> None:
        """Take what changes."""
        async for change in access.watch(names):
            self.told += 1
            if change.value.value is not None:
                self.latest[change.name] = change.value.number

    async def until(self, count: int) -> None:
        """Return when so much was told."""
        while self.told < count:  # noqa: ASYNC110 - each turn of the loop may tell some
            await asyncio.sleep(0)


async def _timed(size: int, rounds: int) -> tuple[float, float]:
    """Return the microseconds of a change in the EMS, and in the servers."""
    plant, watcher = Plant(size), Watcher()
    names = plant.names + plant.own_names
    async with plant.ems() as access:
        task = asyncio.create_task(watcher.follow(access, names))
        await watcher.until(len(names))
        ems, servers = [], []
        for number in range(1, rounds + 1):
            await plant.clock.advance(1)
            before, begun = watcher.told, time.process_time()
            plant.change(1000.0 * number)
            between = time.process_time()
            plant.change_own(float(number))
            await watcher.until(before + len(names))
            ems.append(time.process_time() - between)
            servers.append(between - begun)
        assert set(watcher.latest.values()) == {float(rounds)}, "every point is told its newest value"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return min(ems) / len(names) * 1e6, min(servers) / len(plant.names) * 1e6


async def _weighed(size: int) -> float:
    """Return the octets of a point in the EMS."""
    plant, watcher = Plant(size), Watcher()
    names = plant.names + plant.own_names
    gc.collect()
    tracemalloc.start()
    try:
        async with plant.ems() as access:
            task = asyncio.create_task(watcher.follow(access, names))
            await watcher.until(len(names))
            plant.change(1000.0)
            plant.change_own(1.0)
            await watcher.until(2 * len(names))
            gc.collect()
            found = tracemalloc.take_snapshot().filter_traces(NOT_OURS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    finally:
        tracemalloc.stop()
    return sum(trace.size for trace in found.traces) / len(names)
