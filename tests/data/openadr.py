"""A VTN and its VEN as adapters of the suite: each is the source of the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.suite import Rig, Watching
from janusgrid.common.data.tables import parse_table
from janusgrid.common.data.value import GOOD, Detail, Quality, Scalar, Validity
from janusgrid.common.errors import JanusGridError
from janusgrid.ems.drivers.openadr import OpenAdrLink
from janusgrid.openadr.access import SignalPoint, VenAccess, VtnAccess
from janusgrid.openadr.core.report_desk import Recall
from janusgrid.openadr.items import item
from janusgrid.openadr.model import DataQuality, OptType, SignalName, SignalType
from janusgrid.openadr.ven import DataPoint, EventChange, Offer, Reading, Ven
from janusgrid.openadr.vtn import Party, Sample, TelemetryPlan, Vtn

from tests.openadr.binding.ways import Way, a_grid

START = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)
DISPATCH = SignalPoint("dispatch.p", SignalName.LOAD_DISPATCH, SignalType.SETPOINT, "kW", -1000.0, 1000.0)
LEVEL = SignalPoint("level", SignalName.SIMPLE, SignalType.LEVEL, "", 0.0, 3.0, "http://level.test")
OFFERS = (
    Offer("live", "TELEMETRY_USAGE", (DataPoint("p", item("kW")), DataPoint("q", item("kW")))),
    Offer("past", "HISTORY_USAGE", (DataPoint("p", item("kW")),)),
)
WORDS = {
    GOOD: DataQuality.GOOD_NON_SPECIFIC,
    Quality(Validity.QUESTIONABLE, Detail.INACCURATE): DataQuality.UNCERTAIN_SENSOR_NOT_ACCURATE,
    Quality(Validity.GOOD, Detail.SUBSTITUTED): DataQuality.GOOD_LOCAL_OVERRIDE,
}
TICK_S = 0.25
SECOND = timedelta(seconds=1)
TABLE = b"""\
point,kind,type,unit,rid,signal,signal_type,about,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description
p,measurement,float,kW,p,,,,float32,kW,,,,read report,,,Power
q,measurement,float,kW,q,,,,float32,kW,,,,read report,,,Another
p.set,setpoint,float,kW,,LOAD_DISPATCH,setpoint,,float32,kW,,,,read report operate schedule,0,100,Power asked for
"""
BELOW = [row.bind(f"der.S.{row.point}", {}, device="S") for row in parse_table(TABLE, "ven.csv")]


class Both:
    """A VTN and a VEN on one of the ways. Their time goes on by a tick with each turn of theirs, on any machine."""

    def __init__(self, way: Way, stack: AsyncExitStack, by_table: bool) -> None:
        self.way, self.stack, self.by_table = way, stack, by_table
        self.plan = TelemetryPlan(SECOND, SECOND) if by_table else TelemetryPlan(names=())
        self.clock = LockStepClock(START, settle=5)
        self.used = asyncio.Event()
        self.values: dict[str, Reading] = {}
        self.past: list[Sample] = []
        self.opts_in = True

    async def open(self) -> None:
        """Let the VEN join."""
        self.stack.push_async_callback(self._stop, asyncio.create_task(self._tick()))
        self.used.set()
        parties = [Party("site", self.way.identity("ems"))]
        self.vtn = Vtn("VTN1", await self.way.transport("vtn"), parties=parties, clock=self.clock, plan=self.plan)
        self.upper = VtnAccess(self.vtn, (DISPATCH, LEVEL), every=timedelta(seconds=1))
        self.link = OpenAdrLink("site", BELOW, self.vtn, self.clock, renew=20.0)
        if self.by_table:
            await self.stack.enter_async_context(self.link)
        await self.stack.enter_async_context(self.vtn)
        self.ven = Ven(
            "site", await self.way.transport("ems"), vtn=self.way.vtn, offers=OFFERS, read=self._read,
            history=self._history, clock=self.clock,
        )  # fmt: skip
        self.ven.on_event(self._decide)
        self.lower = VenAccess(self.ven, (DISPATCH, LEVEL))
        await self.stack.enter_async_context(self.ven)
        await self.joined()

    async def joined(self) -> None:
        """Return when the VEN is registered."""
        async with asyncio.timeout(30):
            await self.ven.joined()
            await self.vtn.wait_registered("site")

    async def leave(self) -> None:
        """Let the VEN leave."""
        await self.ven.leave()

    async def come(self) -> None:
        """Let it come back."""
        self.ven.core.start(self.clock.now())
        self.ven.nudge()
        await self.joined()

    async def reset(self) -> None:
        """Be as at the beginning."""
        self.used.set()
        if not self.ven.registered:
            await self.come()
        self.opts_in = True
        for name in ("site.dispatch.p", "site.level"):
            with suppress(JanusGridError):
                await self.upper.abort(name)
        if self.by_table:
            with suppress(JanusGridError):
                await self.link.abort("der.S.p.set")
        async with asyncio.timeout(30):
            while self.ven.active():
                await self.ven.changed()
        self.values = {"p": Reading(0.0), "q": Reading(0.0)}
        self.past.clear()
        while self.by_table and any(value.value for value in (await self.link.read(["der.S.p", "der.S.q"])).values()):
            await self.clock.sleep(1)

    async def _tick(self) -> None:
        while True:
            await self.used.wait()
            await asyncio.sleep(0.005)
            await self.clock.advance(TICK_S)

    async def _stop(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _read(self, r_ids: frozenset[str]) -> Mapping[str, Reading]:
        return {r_id: self.values[r_id] for r_id in r_ids & self.values.keys()}

    def _history(self, asked: Recall) -> list[Sample]:
        return [sample for sample in self.past if sample.r_id in asked.r_ids]

    def _decide(self, change: EventChange) -> OptType:
        return OptType.OPT_IN if self.opts_in else OptType.OPT_OUT


@asynccontextmanager
async def both(way: str, folder: Path, by_table: bool = False) -> AsyncIterator[Both]:
    """Yield a VTN and a VEN that know each other; `by_table`, the VEN is a device by its conversion table."""
    async with a_grid(way, folder) as grid, AsyncExitStack() as stack:
        made = Both(grid.way, stack, by_table)
        await made.open()
        yield made


class OpenAdrRig(Rig):
    """What the two sides have in common."""

    step = 3.0
    volley = 4
    shows_time = False

    def __init__(self, two: Both) -> None:
        self.both, self.clock = two, two.clock

    async def lose(self) -> None:
        await self.both.leave()

    async def restore(self) -> None:
        await self.both.come()

    async def pass_time(self, seconds: float) -> None:
        await self.clock.sleep(seconds)


class VtnRig(OpenAdrRig):
    """What a VEN reports, and events for it."""

    number, second, setpoint = "site.p", "site.q", "site.dispatch.p"

    def __init__(self, two: Both) -> None:
        super().__init__(two)
        self.access = two.upper
        below = Rig()
        below.access, below.clock = two.lower, two.clock
        self.seen = Watching(below, "dispatch.p")

    @property
    def refusing(self) -> bool:
        """Whether the VEN opts out."""
        return not self.both.opts_in

    @refusing.setter
    def refusing(self, refusing: bool) -> None:
        self.both.opts_in = not refusing

    async def show(self, name: str, value: float, quality: Quality = GOOD, time: datetime | None = None) -> None:
        r_id = name.removeprefix("site.")
        self.both.values[r_id] = Reading(value, WORDS[quality])
        self.both.past.append(Sample(r_id, self.clock.now().replace(microsecond=0), value))

    async def carried_out(self) -> list[Scalar]:
        return [value for value in self.seen.told("dispatch.p") if value is not None]


class LinkRig(VtnRig):
    """The VEN as a device, by its table. Who opts out is not available any more, which is for its own tests."""

    number, second, setpoint = "der.S.p", "der.S.q", "der.S.p.set"
    refuses = False

    def __init__(self, two: Both) -> None:
        super().__init__(two)
        self.access = two.link

    async def show(self, name: str, value: float, quality: Quality = GOOD, time: datetime | None = None) -> None:
        await super().show(name.replace("der.S", "site"), value, quality, time)


class VenRig(OpenAdrRig):
    """What the VTN's events set."""

    number, second = "dispatch.p", "level"
    shows_quality = False
    lapses = True

    def __init__(self, two: Both) -> None:
        super().__init__(two)
        self.access = two.lower

    async def show(self, name: str, value: float, quality: Quality = GOOD, time: datetime | None = None) -> None:
        await self.both.upper.operate(f"site.{name}", value)
