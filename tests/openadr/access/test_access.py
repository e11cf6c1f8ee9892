"""OpenADR through the common data access, a real VTN and a real VEN: what the one suite (tests.data) does not ask."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from janusgrid.common.clock import ScaledClock
from janusgrid.common.data.access import Change, DataAccess, Entry
from janusgrid.common.data.joined import join
from janusgrid.common.data.point import Kind
from janusgrid.common.data.services import NotOffered
from janusgrid.common.data.value import GOOD, LOST, Detail, Quality, Validity
from janusgrid.common.errors import LocalError, Refused, TimedOut, TypeConflict, UnknownName
from janusgrid.openadr.access import VenAccess, VtnAccess
from janusgrid.openadr.access.quality import quality
from janusgrid.openadr.core.report_desk import Recall
from janusgrid.openadr.items import item
from janusgrid.openadr.model import DataQuality, OptType
from janusgrid.openadr.ven import DataPoint, EventChange, Offer, Reading, Ven
from janusgrid.openadr.vtn import Party, Sample, TelemetryPlan, Vtn

from tests.openadr.binding.ways import Way, a_grid, eventually

START = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)
OFFERS = (
    Offer(
        "live",
        "TELEMETRY_USAGE",
        (DataPoint("pcc.p", item("kW")), DataPoint("pcc.e", item("MWh"), minimum=timedelta(seconds=5))),
    ),
    Offer("past", "HISTORY_USAGE", (DataPoint("pcc.p", item("kW")), DataPoint("old", item("degC")))),
)
NAMES = ["site.dispatch.p", "site.level", "site.old", "site.pcc.e", "site.pcc.p"]


class Plant:
    """A VTN and a VEN on one of the ways, each with its access."""

    def __init__(self, way: Way, stack: AsyncExitStack) -> None:
        self.way, self.stack = way, stack
        self.clock = ScaledClock(60.0, START)
        self.values = {"pcc.p": Reading(1900.0), "pcc.e": Reading(2.5, DataQuality.UNCERTAIN_LAST_USABLE_VALUE)}
        self.answer: OptType | None = OptType.OPT_IN

    async def open(self) -> None:
        parties = [Party("site", self.way.identity("ems"))]
        nothing = TelemetryPlan(names=())
        transport = await self.way.transport("vtn")
        self.vtn = Vtn("VTN1", transport, parties=parties, clock=self.clock, plan=nothing)
        self.upper = VtnAccess(self.vtn, patience=20.0)
        await self.stack.enter_async_context(self.vtn)
        self.ven = Ven(
            "site", await self.way.transport("ems"), vtn=self.way.vtn, offers=OFFERS, read=self.read,
            history=self.history, clock=self.clock,
        )  # fmt: skip
        self.ven.on_event(self.decide)
        self.lower = VenAccess(self.ven)
        await self.stack.enter_async_context(self.ven)
        async with asyncio.timeout(30):
            await self.ven.joined()
            await self.vtn.wait_registered("site")

    async def read(self, r_ids: frozenset[str]) -> Mapping[str, Reading]:
        return {r_id: self.values[r_id] for r_id in r_ids & self.values.keys()}

    def history(self, asked: Recall) -> list[Sample]:
        minutes = [START - timedelta(minutes=30 - 10 * number) for number in range(3)]
        return [Sample(r_id, time, float(time.minute)) for r_id in asked.r_ids for time in minutes]

    def decide(self, change: EventChange) -> OptType | None:
        return self.answer

    def now(self) -> datetime:
        return self.clock.now().replace(microsecond=0)


@pytest.fixture(params=["embedded", "pull"])
async def plant(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Plant]:
    async with a_grid(request.param, tmp_path) as grid, AsyncExitStack() as stack:
        made = Plant(grid.way, stack)
        await made.open()
        yield made


class Watch:
    """A watch in the background."""

    def __init__(self, access: DataAccess, names: list[str], **options: float) -> None:
        self.changes: list[Change] = []
        self._task = asyncio.create_task(self._run(access, names, options))

    async def _run(self, access: DataAccess, names: list[str], options: dict[str, float]) -> None:
        async for change in access.watch(names, **options):
            self.changes.append(change)

    async def until(self, reason: str, name: str, value: float | None) -> Change:
        def found() -> list[Change]:
            return [c for c in self.changes if (c.reason, c.name, c.value.value) == (reason, name, value)]

        await eventually(lambda: bool(found()), 20.0)
        return found()[0]

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_the_directory_is_what_is_offered_and_the_signals(plant: Plant) -> None:
    points = {point.name: point for point in await plant.upper.directory()}
    assert list(points) == NAMES
    assert {name: point.unit.symbol for name, point in points.items()} == {
        "site.dispatch.p": "kW", "site.level": "", "site.old": "degC", "site.pcc.e": "MWh", "site.pcc.p": "kW",
    }  # fmt: skip
    assert points["site.pcc.p"].kind is Kind.MEASUREMENT
    assert points["site.level"].kind is Kind.SETPOINT
    assert [point.name for point in await plant.lower.directory()] == ["dispatch.p", "level"]
    both = await join([plant.upper, plant.lower])
    assert [point.name for point in await both.directory()] == ["dispatch.p", "level", *NAMES]


async def test_reading_asks_once(plant: Plant) -> None:
    plant.answer = None
    found = await plant.upper.read(NAMES)
    assert (found["site.pcc.p"].value, found["site.pcc.p"].quality) == (1900.0, GOOD)
    assert found["site.pcc.e"].quality == Quality(Validity.QUESTIONABLE, Detail.OLD_DATA)
    assert found["site.pcc.p"].origin == "site"
    assert found["site.old"].value is None
    assert not found["site.dispatch.p"].quality.good
    assert found.keys() == set(NAMES)
    plant.values["pcc.p"] = Reading(1800.0)
    assert (await plant.upper.read(["site.pcc.p"]))["site.pcc.p"].value == 1800.0
    assert not plant.ven.core.reports.pending, "a one-shot report leaves nothing behind"


async def test_to_operate_is_to_make_an_event_and_to_abort_is_to_cancel_it(plant: Plant) -> None:
    upper = Watch(plant.upper, ["site.dispatch.p"])
    lower = Watch(plant.lower, ["dispatch.p"])
    await lower.until("initial", "dispatch.p", None)
    await plant.upper.operate("site.dispatch.p", 1000)
    await lower.until("change", "dispatch.p", 1000.0)
    await upper.until("change", "site.dispatch.p", 1000.0)
    assert (await plant.lower.read(["dispatch.p"]))["dispatch.p"].value == 1000.0
    await plant.upper.operate("site.dispatch.p", 800.0)
    await lower.until("change", "dispatch.p", 800.0)
    assert len(plant.ven.core.events.active(plant.clock.now())) == 1
    await plant.upper.abort("site.dispatch.p")
    await eventually(lambda: lower.changes[-1].value.value is None)
    with pytest.raises(Refused, match="nothing is under way"):
        await plant.upper.abort("site.dispatch.p")
    await upper.stop()
    await lower.stop()


async def test_a_ven_that_opts_out_refuses(plant: Plant) -> None:
    plant.answer = OptType.OPT_OUT
    with pytest.raises(Refused, match="site opts out") as refused:
        await plant.upper.operate("site.level", 2)
    assert refused.value.code == "optOut"
    await eventually(lambda: not plant.ven.core.events.active(plant.clock.now()))


async def test_a_ven_that_says_nothing_is_not_waited_for_for_ever(plant: Plant) -> None:
    plant.answer = None
    hasty = VtnAccess(plant.vtn, patience=0.3)
    with pytest.raises(TimedOut, match="has not answered"):
        await hasty.operate("site.level", 1)


async def test_a_schedule_is_the_intervals_of_an_event(plant: Plant) -> None:
    begin = plant.now() + timedelta(minutes=1)
    entries = [Entry(begin, 300.0), Entry(begin + timedelta(minutes=1), 200.0)]
    watch = Watch(plant.lower, ["dispatch.p"])
    await plant.upper.schedule("site.dispatch.p", entries, end=begin + timedelta(minutes=2))
    await watch.until("change", "dispatch.p", 300.0)
    await watch.until("change", "dispatch.p", 200.0)
    await watch.until("change", "dispatch.p", None)
    values = [change.value.value for change in watch.changes]
    assert values == [None, 300.0, 200.0, None]
    await watch.stop()


async def test_a_watch_is_a_periodic_report_and_its_end_cancels_it(plant: Plant) -> None:
    watch = Watch(plant.upper, ["site.pcc.p"], period=10)
    await watch.until("initial", "site.pcc.p", 1900.0)
    plant.values["pcc.p"] = Reading(1750.0)
    found = await watch.until("change", "site.pcc.p", 1750.0)
    assert found.value.time is not None
    times = [change.value.time for change in watch.changes if change.value.time]
    assert all((b - a) >= timedelta(seconds=10) for a, b in itertools.pairwise(times))
    await watch.stop()
    await eventually(lambda: not plant.ven.core.reports.pending)


async def test_a_watch_outlives_a_registration(plant: Plant) -> None:
    watch = Watch(plant.upper, ["site.pcc.p"], period=5)
    await watch.until("initial", "site.pcc.p", 1900.0)
    await plant.ven.leave()
    lost = await watch.until("lost", "site.pcc.p", 1900.0)
    assert lost.value.quality == LOST
    assert not await plant.upper.available("site.pcc.p")
    assert not await plant.lower.available("level")
    plant.values["pcc.p"] = Reading(1600.0)
    plant.ven.core.start(plant.clock.now())
    plant.ven.nudge()
    await watch.until("change", "site.pcc.p", 1600.0)
    assert await plant.upper.available("site.pcc.p")
    await watch.stop()


async def test_history_is_what_the_ven_has_kept(plant: Plant) -> None:
    found = await plant.upper.history("site.pcc.p", START - timedelta(minutes=25), START)
    assert [(value.value, value.time) for value in found] == [
        (0.0, START - timedelta(minutes=20)), (10.0, START - timedelta(minutes=10)),
    ]  # fmt: skip
    for name in ("site.pcc.e", "site.level"):
        with pytest.raises(Refused, match="no history"):
            await plant.upper.history(name, START, START)
    with pytest.raises(Refused, match="no history"):
        await plant.lower.history("level", START, START)


async def test_availability_is_what_opt_schedules_say(plant: Plant) -> None:
    assert await plant.upper.available("site.pcc.p")
    sent = plant.ven.opt_schedule(OptType.OPT_OUT, [(plant.now(), timedelta(hours=8))])
    await eventually(lambda: len(plant.vtn.opts("site")) == 1)
    assert not await plant.upper.available("site.pcc.p")
    sent.cancel()
    await eventually(lambda: not plant.vtn.opts("site"))
    assert await plant.upper.available("site.pcc.p")


async def test_what_does_not_map_raises_the_errors_of_the_port(plant: Plant) -> None:
    upper, lower = plant.upper, plant.lower
    begin = plant.now() + timedelta(minutes=5)
    for name in ("site.nothing", "nobody.pcc.p", "dispatch.p"):
        for call in (upper.read([name]), upper.operate(name, 1), upper.abort(name), upper.available(name)):
            with pytest.raises(UnknownName):
                await call
    with pytest.raises(NotOffered, match="no settings"):
        await upper.write({"site.pcc.p": 1})
    with pytest.raises(TypeConflict, match="cannot be commanded"):
        await upper.operate("site.pcc.p", 1)
    for value in (True, "1", float("nan"), float("inf")):
        with pytest.raises(TypeConflict, match="finite"):
            await upper.operate("site.dispatch.p", value)
    with pytest.raises(TypeConflict, match="not within 0 to 3"):
        await upper.operate("site.level", 4)
    for entries in ([], [Entry(begin, 1.0), Entry(begin - timedelta(seconds=1), 2.0)]):
        with pytest.raises(LocalError):
            await upper.schedule("site.dispatch.p", entries, end=begin + timedelta(minutes=1))
    with pytest.raises(LocalError, match="whole seconds"):
        await anext(aiter(upper.watch(["site.pcc.p"], period=0.5)))
    for refused in (
        lower.write({"level": 1}), lower.operate("level", 1), lower.abort("level"),
        lower.schedule("level", [], end=begin),
    ):  # fmt: skip
        with pytest.raises(NotOffered, match="events of the utility set it"):
            await refused
    with pytest.raises(UnknownName):
        await lower.read(["pcc.p"])


def test_words_of_quality() -> None:
    for word in DataQuality:
        assert quality(word).validity is (
            Validity.INVALID if "Bad" in word or "No Value" in word
            else Validity.GOOD if "Good" in word or word is DataQuality.LIMIT_FIELD_NOT
            else Validity.QUESTIONABLE
        ), word  # fmt: skip
    assert quality(None) == GOOD
    assert quality("x-mine").validity is Validity.QUESTIONABLE
