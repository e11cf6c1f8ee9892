"""The adapters of this repository, each with its source in the hands of the suite (`janusgrid.common.data.suite`).

A further adapter joins with a class of `Rig` and a line in `RIGS`: a context manager that opens it on the `Stage`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.ageing import aged
from janusgrid.common.data.joined import join
from janusgrid.common.data.memory import Asked, MemoryAccess
from janusgrid.common.data.point import Kind, Point, ValueType
from janusgrid.common.data.site import load_site
from janusgrid.common.data.suite import Rig
from janusgrid.common.data.unit import unit
from janusgrid.common.data.value import GOOD, Quality, Scalar
from janusgrid.common.errors import NotReachable, Refused
from janusgrid.common.resources import resource
from janusgrid.common.store.history import History
from janusgrid.common.store.recorded import Recorded
from janusgrid.common.xmpp.session import Session
from janusgrid.ems.local import PlantAccess
from janusgrid.iec61850 import Command, Ied, Server, connect, read_scl
from janusgrid.iec61850.access import DeviceAccess, ServedPoints, ServerAccess, model_of
from janusgrid.iec61850.access.objects import attribute, quality_bits
from janusgrid.iec61850.acsi.errors import AddCause
from janusgrid.iec61850.acsi.types import DataValue
from janusgrid.iec61850.engine import Change
from janusgrid.iec61850.model.nodes import LogControl, Model, Trigger

from tests.data.openadr import Both, LinkRig, VenRig, VtnRig
from tests.ems.plants import at, microgrid
from tests.iec61850.access.rows import LIMIT, POWER, TARGET, bound

START = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)


@attrs.frozen
class Stage:
    """What rigs share: the XMPP sessions of a device and of its client, and what has a VTN and a VEN on a way."""

    below: Session
    above: Session
    openadr: Callable[[str], Awaitable[Both]]


Open = Callable[[Stage], AbstractAsyncContextManager[Rig]]


# --- points in memory -------------------------------------------------------------------------------------------------

POINTS = (
    Point("own.p", Kind.MEASUREMENT, unit=unit("kW")),
    Point("own.q", Kind.MEASUREMENT, unit=unit("kvar")),
    Point("own.state", Kind.STATUS, ValueType.ENUM, literals=("off", "on")),
    Point("own.p.set", Kind.SETPOINT, unit=unit("kW"), low=0.0, high=100.0),
    Point("own.p.max", Kind.SETTING, unit=unit("kW"), low=0.0, high=100.0),
)


class MemoryRig(Rig):
    """The points of an application."""

    number, second, setpoint, setting = "own.p", "own.q", "own.p.set", "own.p.max"
    memory_points: Sequence[Point] = POINTS

    def __init__(self, **options: float) -> None:
        self.clock: LockStepClock = LockStepClock(START)
        self.done: list[Scalar] = []
        self.memory = MemoryAccess(self.memory_points, clock=self.clock, handler=self._do, keep=100, **options)  # type: ignore[arg-type]
        self.access = self.memory
        for name in (self.number, self.second, self.setpoint, self.setting):
            self.memory.put(name, 0.0)

    async def _do(self, asked: Asked) -> None:
        if self.refusing:
            raise Refused("not now", where=asked.point.name)
        self.done.append(asked.value)

    async def show(self, name: str, value: float, quality: Quality = GOOD, time: datetime | None = None) -> None:
        self.memory.put(name, value, quality, time)

    async def carried_out(self) -> list[Scalar]:
        return list(self.done)

    async def lose(self) -> None:
        self.memory.set_available(False)

    async def restore(self) -> None:
        self.memory.set_available(True)


@asynccontextmanager
async def memory(stage: Stage) -> AsyncIterator[Rig]:
    rig = MemoryRig()
    async with rig.memory:
        yield rig


@asynccontextmanager
async def ageing(stage: Stage) -> AsyncIterator[Rig]:
    rig = MemoryRig()
    async with rig.memory:
        rig.access = await aged([rig.memory], rig.clock, 3600.0)
        yield rig


@asynccontextmanager
async def recorded(stage: Stage) -> AsyncIterator[Rig]:
    rig = MemoryRig()
    with TemporaryDirectory() as folder, History(Path(folder) / "history.sqlite", clock=rig.clock) as history:
        async with rig.memory, Recorded(rig.memory, history, rig.clock) as rig.access:
            await rig.clock.advance(0)
            yield rig


# --- the simulated plant ----------------------------------------------------------------------------------------------


class PlantRig(Rig):
    """The simulated plant: its numbers are set-points, for what it measures is up to physics."""

    number, second = "der.MT1.p.set", "der.MT2.p.set"
    setpoint, setting = "der.DG750.p.set", "der.DG750.p.max"
    shows_quality = shows_time = False
    selects = is_lost = False

    def __init__(self) -> None:
        self.clock = self._clock = LockStepClock(at("08:15"))
        self.plant = microgrid()
        self.done: list[Scalar] = []
        self.access = made = PlantAccess(self.plant, self.clock, poll=1.0)
        for name in (self.setpoint, self.setting):
            source = made._sources[name]
            made._sources[name] = attrs.evolve(source, put=self._recording(source.put))

    def _recording(self, put: Callable[[float], object] | None) -> Callable[[float], object]:
        assert put is not None

        def record(value: float) -> object:
            self.done.append(value)
            return put(value)

        return record

    @property
    def refusing(self) -> bool:
        """Whether the device is broken."""
        return self.plant.device("DG750").failed

    @refusing.setter
    def refusing(self, refusing: bool) -> None:
        self.plant.device("DG750").failed = refusing

    async def show(self, name: str, value: float, quality: Quality = GOOD, time: datetime | None = None) -> None:
        await self.access.available(name)  # time goes on when it is looked at
        self.plant.device(name.split(".")[1]).set(value)

    async def carried_out(self) -> list[Scalar]:
        return list(self.done)

    async def turn(self) -> None:
        await self._clock.advance(0.5)


@asynccontextmanager
async def simulation(stage: Stage) -> AsyncIterator[Rig]:
    yield PlantRig()


# --- IEC 61850 --------------------------------------------------------------------------------------------------------

SERVED = bound(POWER, POWER.replace("p,", "q,", 1).replace("MMXU1", "MMXU2"), TARGET, LIMIT)
SITE = load_site(resource("mappings/sites/microgrid.yaml"))
DEVICE = SITE.device("ESS500")
CONTROL, LIMIT = "ESS500DER/DWGC1.WSpt", "ESS500DER/DSTO1.DschWMax.setMag.f"


def model() -> Model:
    """Return the battery with a log of what it reports."""
    made = read_scl(resource("mappings/sites/microgrid/ESS500.cid")).model
    node = made.devices["ESS500DER"].nodes["LLN0"]
    node.logs.append("Events")
    triggers = Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE
    node.log_controls["lcb"] = LogControl("lcb", "Meas", "ESS500DER/LLN0.Events", True, triggers)
    return made


class ServerRig(Rig):
    """A server of a battery, in this process."""

    number, second = "der.ESS500.p", "der.ESS500.soc"

    def __init__(self) -> None:
        self.clock: LockStepClock = LockStepClock(START)
        self.server = Server(model(), clock=self.clock)
        self.done: list[Scalar] = []
        self.server.on_operate(CONTROL)(self._command)
        self.server.on_write(LIMIT)(self._write)

    def _command(self, asked: Command) -> None:
        if self.refusing:
            asked.refuse(AddCause.BLOCKED_BY_INTERLOCKING)
        if not asked.test:
            self.done.append(_kilo(asked.value))

    def _write(self, asked: Change) -> None:
        self.done.append(_kilo(asked.value))

    async def show(self, name: str, value: float, quality: Quality = GOOD, time: datetime | None = None) -> None:
        binding = next(each for each in DEVICE.bindings if each.point.name == name)
        reference = str(attribute(binding).with_fc(None))
        self.server.update(reference, binding.to_wire(value), quality=quality_bits(quality), time=time)

    async def carried_out(self) -> list[Scalar]:
        return list(self.done)


def _kilo(value: DataValue) -> float:
    assert isinstance(value, float)
    return value / 1000


class InsideRig(ServerRig):
    """The server seen from inside."""

    keeps_history = is_lost = False

    def __init__(self) -> None:
        super().__init__()
        self.access = ServerAccess(self.server, DEVICE.bindings)
        self.inside = self.access

    async def show(self, name: str, value: float, quality: Quality = GOOD, time: datetime | None = None) -> None:
        self.inside.put(name, value, quality, time)


@asynccontextmanager
async def server(stage: Stage) -> AsyncIterator[Rig]:
    rig = InsideRig()
    async with rig.server:
        yield rig


class ClientRig(ServerRig):
    """The server seen by a client, over a wire that can be cut."""

    setpoint, setting = "der.ESS500.p.set", "der.ESS500.p.max"
    takes_later = takes_tests = takes_schedules = selects = False

    def __init__(self, reach: Callable[[ServerRig], Awaitable[Ied]]) -> None:
        super().__init__()
        self._reach = reach
        self.reachable = True
        self.ied: Ied | None = None
        self.device = DeviceAccess("ESS500", DEVICE.bindings, self._connect, self.clock, retry=0.01, integrity=5.0)
        self.access = self.device

    async def _connect(self) -> Ied:
        if not self.reachable:
            raise NotReachable("the wire is cut")
        self.ied = await self._reach(self)
        return self.ied

    async def lose(self) -> None:
        self.reachable = False
        assert self.ied is not None
        await self.ied.association.abort()
        await self.until(lambda: not self.device._up.is_set())

    async def restore(self) -> None:
        self.reachable = True
        await self.device.ready()


class ServedRig(MemoryRig):
    """Points in memory behind a server that is made from their table, seen by its client: everything there and back."""

    number, second, setpoint, setting = "der.X.p", "der.X.q", "der.X.p.set", "der.X.p.max"
    takes_tests = False
    memory_points = tuple(binding.point for binding in SERVED)

    def __init__(self) -> None:
        super().__init__()
        self.server = Server(model_of("X", SERVED, logged=True), clock=self.clock)
        self.served = ServedPoints(self.server, SERVED, self.memory)
        self.reachable = True
        self.ied: Ied | None = None
        self.device = DeviceAccess("X", SERVED, self._connect, self.clock, retry=0.01, integrity=5.0)
        self.access = self.device

    async def _connect(self) -> Ied:
        if not self.reachable:
            raise NotReachable("the wire is cut")
        self.ied = Ied(self.server.connect("client"), clock=self.clock)
        return self.ied

    async def lose(self) -> None:
        self.reachable = False
        assert self.ied is not None
        await self.ied.association.abort()
        await self.until(lambda: not self.device._up.is_set())

    async def restore(self) -> None:
        self.reachable = True
        await self.device.ready()


@asynccontextmanager
async def served(stage: Stage) -> AsyncIterator[Rig]:
    rig = ServedRig()
    async with rig.memory, rig.server, rig.served, rig.device:
        await rig.device.ready()
        yield rig


@asynccontextmanager
async def local(stage: Stage) -> AsyncIterator[ClientRig]:
    async def reach(rig: ServerRig) -> Ied:
        return Ied(rig.server.connect("client"), clock=rig.clock)

    rig = ClientRig(reach)
    async with rig.server, rig.device:
        await rig.device.ready()
        yield rig


@asynccontextmanager
async def scsm81(stage: Stage) -> AsyncIterator[Rig]:
    port = 0

    rig = ClientRig(lambda rig: connect(f"tcp://127.0.0.1:{port}", clock=rig.clock))
    async with rig.server:
        port = (await rig.server.start_tcp(port=0)).port
        async with rig.device:
            await rig.device.ready()
            yield rig


@asynccontextmanager
async def scsm82(stage: Stage) -> AsyncIterator[Rig]:
    rig = ClientRig(lambda rig: connect(f"xmpp:{stage.below.jid}", session=stage.above, clock=rig.clock))
    async with rig.server:
        rig.server.start(stage.below)
        async with rig.device:
            await rig.device.ready()
            yield rig


# --- OpenADR ----------------------------------------------------------------------------------------------------------


def vtn(way: str) -> Open:
    @asynccontextmanager
    async def opened(stage: Stage) -> AsyncIterator[Rig]:
        two = await stage.openadr(way)
        await two.reset()
        rig = VtnRig(two)
        yield rig
        await rig.seen.stop()
        two.used.clear()

    return opened


@asynccontextmanager
async def ven_by_table(stage: Stage) -> AsyncIterator[Rig]:
    two = await stage.openadr("table")
    await two.reset()
    rig = LinkRig(two)
    yield rig
    await rig.seen.stop()
    two.used.clear()


@asynccontextmanager
async def ven(stage: Stage) -> AsyncIterator[Rig]:
    two = await stage.openadr("embedded")
    await two.reset()
    yield VenRig(two)
    two.used.clear()


# --- several as one ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def joined(stage: Stage) -> AsyncIterator[Rig]:
    """A battery over a wire, beside points in memory."""
    async with local(stage) as rig, MemoryAccess(POINTS, clock=rig.clock) as other:
        rig.access = await join([rig.device, other])
        yield rig


RIGS: dict[str, Open] = {
    "memory": memory,
    "ageing": ageing,
    "recorded": recorded,
    "simulation": simulation,
    "server": server,
    "served": served,
    "local": local,
    "8-1": scsm81,
    "8-2": scsm82,
    "ven": ven,
    "vtn over XMPP": vtn("embedded"),
    "vtn over HTTP": vtn("push"),
    "ven by its table": ven_by_table,
    "joined": joined,
}
