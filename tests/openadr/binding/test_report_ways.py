"""EiReport of both roles, in both directions, the same on every way: XMPP servers, HTTP pull and HTTP push."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.common.clock import ScaledClock
from janusgrid.common.errors import LocalError, Refused, UnknownName
from janusgrid.common.store.records import Records
from janusgrid.openadr import vtn as of_vtn
from janusgrid.openadr.core.answers import Rejected
from janusgrid.openadr.events import kilowatts
from janusgrid.openadr.model import LoadControlValue, PayloadResourceStatus, Xml
from janusgrid.openadr.ven import DataPoint, Offer, Reading, Recall, Sample, TelemetryPlan, Ven
from janusgrid.openadr.vtn import Party, Vtn

from tests.openadr.binding.ways import WAYS, Grid, a_grid, eventually

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
METER = Offer("meter", "TELEMETRY_USAGE", (DataPoint("pcc.p", kilowatts(), on_change=True),))
STATUS = Offer("status", "TELEMETRY_STATUS", (DataPoint.status("site"),))
PAST = Offer("past", "HISTORY_USAGE", (DataPoint("pcc.p", kilowatts()), DataPoint("pv.p", kilowatts())), kept=24 * HOUR)
GREEN = Offer("green", "HISTORY_GREENBUTTON", (DataPoint("pcc"),), kept=24 * HOUR)
FEEDER = Offer("feeder", "TELEMETRY_USAGE", (DataPoint("feeder.p", kilowatts()),))
FEED = Xml('<atom:feed xmlns:atom="http://www.w3.org/2005/Atom"><atom:title>usage</atom:title></atom:feed>')
SITE = Reading.status(online=True, manual_override=True, capacity=LoadControlValue(current=7.0))


class Reporters:
    """A VTN and a VEN, each of which offers reports."""

    def __init__(self, grid: Grid, stack: AsyncExitStack) -> None:
        self.grid, self._stack, self.clock = grid, stack, grid.clock
        self.recalled: list[Recall] = []

    async def open(self) -> tuple[Vtn, Ven]:
        self.vtn = Vtn(
            "VTN1", await self.grid.way.transport("vtn"), clock=self.clock,
            parties=[Party("site", self.grid.way.identity("ems"))], plan=TelemetryPlan(names=()),
            offers=[FEEDER], read=self.feeder,
        )  # fmt: skip
        await self._stack.enter_async_context(self.vtn)
        self.ven = Ven(
            "site", await self.grid.way.transport("ems"), vtn=self.grid.way.vtn, clock=self.clock,
            offers=[METER, STATUS, PAST, GREEN], read=self.read, history=self.history, report_only=True,
        )  # fmt: skip
        await self._stack.enter_async_context(self.ven)
        async with asyncio.timeout(30):
            await self.ven.joined()
            await self.vtn.wait_registered("site")
            while not self.ven.core.vtn_reports.offers:
                await self.ven.changed()
        return self.vtn, self.ven

    def feeder(self, r_ids: frozenset[str]) -> dict[str, Reading | float | PayloadResourceStatus]:
        return dict.fromkeys(r_ids, 11.0)

    async def read(self, r_ids: frozenset[str]) -> Mapping[str, Reading]:
        return {r_id: SITE if r_id == "site" else Reading(5.0) for r_id in r_ids}

    async def history(self, asked: Recall) -> Iterable[Sample]:
        self.recalled.append(asked)
        if asked.name == "HISTORY_GREENBUTTON":
            return [Sample("pcc", asked.start, FEED)]
        return [Sample("pcc.p", asked.start + n * MINUTE, float(n), MINUTE) for n in range(400)]


@pytest_asyncio.fixture(params=WAYS)
async def reporters(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reporters]:
    async with a_grid(request.param, tmp_path) as grid, AsyncExitStack() as stack:
        yield Reporters(grid, stack)


async def test_reports_of_every_kind_go_up(reporters: Reporters) -> None:
    vtn, _ = await reporters.open()
    async with asyncio.timeout(30):
        status = await vtn.request_report("site", "status").next()
        assert [sample.value for sample in status.samples] == [SITE.value]
        start = reporters.clock.now() - 12 * HOUR
        past = vtn.request_report("site", "past", start=start, duration=10 * HOUR)
        found = [await past.next() for _ in range(2)]
        assert [s.value for telemetry in found for s in telemetry.samples] == [float(n) for n in range(400)]
        assert {telemetry.missing for telemetry in found} == {frozenset({"pv.p"})}
        green = await vtn.request_report("site", "green").next()
        assert [(sample.r_id, sample.value) for sample in green.samples] == [("pcc", FEED)]
        changes = vtn.request_report("site", "meter", every=2 * MINUTE)
        assert [sample.value for sample in (await changes.next()).samples] == [5.0]
        refused = vtn.request_report("site", "past", start=start - 48 * HOUR, duration=HOUR)
        with pytest.raises(Rejected):
            await refused.next()
        with pytest.raises(UnknownName):
            vtn.request_report("site", "none")
    assert [asked.name for asked in reporters.recalled] == ["HISTORY_USAGE", "HISTORY_GREENBUTTON"]


async def test_a_periodic_report_goes_up_until_it_is_ended(reporters: Reporters) -> None:
    vtn, ven = await reporters.open()
    order = vtn.request_report("site", "meter", granularity=MINUTE, every=2 * MINUTE)
    async with asyncio.timeout(30):
        await order.next()
        assert ven.core.reports.pending == (order.id,)
        order.cancel(to_follow=True)
        await order.next()
    await eventually(lambda: not vtn.core.ven("site").requests and not ven.core.reports.pending)
    second = vtn.request_report("site", "meter", granularity=MINUTE, every=MINUTE)
    second.cancel(with_next=True)
    async with asyncio.timeout(30):
        await second.next()
    await eventually(lambda: not vtn.core.ven("site").requests and not ven.core.reports.pending)


async def test_reports_go_down_until_they_are_ended(reporters: Reporters) -> None:
    _, ven = await reporters.open()
    order = ven.request_report("feeder", granularity=MINUTE, every=2 * MINUTE)
    async with asyncio.timeout(40):
        telemetry = await order.next()
        assert {(sample.r_id, sample.value) for sample in telemetry.samples} == {("feeder.p", 11.0)}
        order.cancel(to_follow=True)
        await order.next()
        assert [s.value for s in (await ven.request_report("feeder").next()).samples] == [11.0]
    await eventually(lambda: not ven.core.vtn_reports.requests)
    with pytest.raises(UnknownName):
        order.cancel()


async def test_reports_of_the_past_need_somebody_who_knows_it(tmp_path: Path) -> None:
    async with a_grid("embedded", tmp_path) as grid:
        transport = await grid.way.transport("ems")
        with pytest.raises(LocalError, match="no history"):
            Ven("site", transport, vtn=grid.way.vtn, offers=[PAST])


async def test_an_order_ends_with_the_registration(tmp_path: Path) -> None:
    async with a_grid("embedded", tmp_path) as grid, AsyncExitStack() as stack:
        vtn, ven = await Reporters(grid, stack).open()
        up = vtn.request_report("site", "meter", granularity=HOUR, every=HOUR)
        down = ven.request_report("feeder", granularity=HOUR, every=HOUR)
        await eventually(lambda: bool(ven.core.reports.pending) and bool(vtn._reporting._core.wake()))
        async with asyncio.timeout(20):
            await ven.leave()
            with pytest.raises(Refused, match="not registered any more"):
                await up.next()
            with pytest.raises(Refused, match="registration has ended"):
                await down.next()


T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)


async def test_what_was_acknowledged_is_told_by_the_next_run(tmp_path: Path) -> None:
    """A listener that hangs has not been told: what it was to hear is told after a restart, and then no more."""
    async with a_grid("embedded", tmp_path) as grid, AsyncExitStack() as stack:
        grid.clock = ScaledClock(120.0, T0)
        parties = [Party("site", grid.way.identity("ems"))]
        vtn = Vtn(
            "VTN1", await grid.way.transport("vtn"), parties=parties, clock=grid.clock,
            store=Records(tmp_path / "vtn.sqlite", "vtn"),
        )  # fmt: skip
        hung = asyncio.Event()

        async def hang(telemetry: of_vtn.Telemetry) -> None:
            hung.set()
            await asyncio.Event().wait()

        vtn.listen(of_vtn.Telemetry, hang)
        await vtn.open()
        ven = await stack.enter_async_context(
            Ven(
                "site", await grid.way.transport("ems"), vtn=grid.way.vtn, clock=grid.clock, offers=[METER],
                read=lambda r_ids: dict.fromkeys(r_ids, 5.0),
            )
        )  # fmt: skip
        async with asyncio.timeout(30):
            await ven.joined()
            await hung.wait()
        await eventually(lambda: len(vtn.core._reports.sink.untold) >= 3)
        await ven.close()
        await vtn.close()
        untold = len(vtn.core._reports.sink.untold)
        for expected in (untold, 0):
            again = Vtn(
                "VTN1", vtn._transports["xmpp"], parties=parties, clock=grid.clock,  # type: ignore[index]
                store=Records(tmp_path / "vtn.sqlite", "vtn"),
            )  # fmt: skip
            heard: list[of_vtn.Telemetry] = []
            again.listen(of_vtn.Telemetry, heard.append)
            async with again:
                await eventually(lambda: not again.core._reports.sink.untold and again._queue.empty())  # noqa: B023
            assert len(heard) == expected
            times = [sample.time for telemetry in heard for sample in telemetry.samples]
            assert times == sorted(set(times))
