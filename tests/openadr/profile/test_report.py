"""EiReport, noun by noun, through the facades of both roles: reports go up to the VTN, and down to the VEN."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from janusgrid.common.errors import UnknownName
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.model import (
    CanceledReport,
    CancelReport,
    CreatedReport,
    CreateReport,
    LoadControlValue,
    ReadingType,
    RegisteredReport,
    RegisterReport,
    ReportType,
    UpdatedReport,
    UpdateReport,
    Xml,
    changed,
)
from janusgrid.openadr.ven import DataPoint, Offer, Reading, Recall, Rejected, Sample, TelemetryPlan, Ven
from janusgrid.openadr.vtn import ReportOrder, Telemetry, Vtn

from .line import Pair
from .test_event import UNITS

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
USAGE = Offer("usage", "TELEMETRY_USAGE", (DataPoint("a"), DataPoint("b")))
LEVEL = Offer("level", "TELEMETRY_USAGE", (DataPoint("c", on_change=True, minimum=10 * SECOND),))
STATUS = Offer("status", "TELEMETRY_STATUS", (DataPoint.status("s", resource_id="R1", on_change=True),))
PAST = Offer("past", "HISTORY_USAGE", (DataPoint("a"), DataPoint("b")), kept=24 * HOUR)
GREEN = Offer("green", "HISTORY_GREENBUTTON", (DataPoint("meter"),), kept=24 * HOUR)
FEED = Xml('<atom:feed xmlns:atom="http://www.w3.org/2005/Atom"><atom:title>usage</atom:title></atom:feed>')
STATE = Reading.status(
    online=True, manual_override=False,
    capacity=LoadControlValue(min=0.0, max=10.0, current=7.0, normal=9.0), level_offset=LoadControlValue(current=1.0),
    percent_offset=LoadControlValue(current=50.0), set_point=LoadControlValue(min=-5.0, current=0.0),
)  # fmt: skip


class Reporters:
    """A pair of which one side, the source, offers everything, and the other asks."""

    def __init__(self, pair: Pair, up: bool) -> None:
        self.pair, self.up = pair, up
        self.values: dict[str, Any] = {"a": 1.0, "b": 2.0, "c": 5.0, "s": STATE}

    async def open(self, **options: Any) -> Vtn | Ven:
        source = {
            "offers": [USAGE, LEVEL, STATUS, PAST, GREEN], "history": self.history,
            "read": lambda r_ids: {r_id: self.values[r_id] for r_id in r_ids if r_id in self.values}, **options,
        }  # fmt: skip
        idle = {"plan": TelemetryPlan(names=())}
        if self.up:
            self.vtn, self.ven = await self.pair.both(vtn=idle, **source)
        else:
            self.vtn, self.ven = await self.pair.both(vtn={**idle, **source})
        await self.pair.let(30)
        return self.ven if self.up else self.vtn

    def history(self, asked: Recall) -> Iterable[Sample]:
        if asked.name == "HISTORY_GREENBUTTON":
            return [Sample("meter", asked.start, FEED)]
        return [Sample("a", asked.start + n * HOUR, float(n), HOUR) for n in range(3)]

    def ask(self, specifier: str, *args: Any, **options: Any) -> ReportOrder[Any]:
        if self.up:
            return self.vtn.request_report("site", specifier, *args, **options)
        return self.ven.request_report(specifier, *args, **options)

    async def wait(self, order: ReportOrder[Any], seconds: float) -> Any:
        await self.pair.let(seconds)
        assert order._came.qsize(), "nothing has come"
        return await order.next()

    def pending(self) -> tuple[str, ...]:
        """What runs, as the source knows it."""
        core = self.ven.core.reports if self.up else self.vtn.core._reports.desk
        return core.pending_for("" if self.up else self.ven.ven_id)


@pytest.fixture(params=["up", "down"])
def reporters(request: pytest.FixtureRequest, pair: Pair) -> Reporters:
    return Reporters(pair, request.param == "up")


async def test_what_can_be_reported_is_said_at_first_and_on_request(reporters: Reporters) -> None:
    await reporters.open()
    for _ in range(2):
        said = next(each for each in reporters.pair.line.of(RegisterReport) if each.reports)
        assert {each.report_request_id for each in said.reports} == {"0"}  # rule 311
        assert [str(each.report_name) for each in said.reports] == [
            f"METADATA_{offer.name}" for offer in (USAGE, LEVEL, STATUS, PAST, GREEN)
        ]
        assert all(each.duration and not each.intervals and each.dtstart is None for each in said.reports)
        (status,) = said.reports[2].descriptions
        assert (status.report_type, status.reading_type, status.item_base) == (
            ReportType.X_RESOURCE_STATUS, ReadingType.X_NOT_APPLICABLE, None,
        )  # fmt: skip
        reporters.pair.line.said.clear()
        if reporters.up:
            reporters.vtn.request_metadata("site")
        else:
            reporters.ven.request_metadata()
        await reporters.pair.let(30)
        (asked,) = reporters.pair.line.of(CreateReport)[0].report_requests
        assert asked.report_specifier.report_specifier_id == "METADATA"
        assert [each.r_id for each in asked.report_specifier.specifier_payloads] == ["0"]


async def test_a_periodic_report_has_every_value_at_its_time(reporters: Reporters) -> None:
    await reporters.open()
    begins = reporters.pair.now.replace(second=0, microsecond=0) + 5 * MINUTE
    order = reporters.ask("usage", granularity=MINUTE, every=3 * MINUTE, start=begins, duration=10 * MINUTE)
    await reporters.pair.let(20 * 60)
    updates = reporters.pair.line.of(UpdateReport)
    times: list[datetime] = []
    for update in updates:
        (report,) = update.reports
        assert (report.report_name, report.report_request_id) == ("TELEMETRY_USAGE", order.id)
        assert not report.descriptions
        assert report.intervals
        assert report.dtstart == report.intervals[0].dtstart
        for interval in report.intervals:
            assert [each.r_id for each in interval.payloads] == ["a", "b"]  # type: ignore[union-attr]
            times.append(interval.dtstart)  # type: ignore[arg-type]
    assert times == [begins + n * MINUTE for n in range(10)]
    assert reporters.pending() == ()
    (asked,) = reporters.pair.line.of(CreateReport)[0].report_requests
    assert asked.report_specifier.report_interval is not None
    assert all(payload.item_base is None for payload in asked.report_specifier.specifier_payloads)  # rule 321


async def test_a_report_asked_for_once_comes_once(reporters: Reporters) -> None:
    await reporters.open()
    told = await reporters.wait(reporters.ask("usage", ["b"]), 40)
    assert [(sample.r_id, sample.value) for sample in told.samples] == [("b", 2.0)]
    await reporters.pair.let(3600)
    assert len(reporters.pair.line.of(UpdateReport)) == 1
    assert reporters.pending() == ()


async def test_the_state_of_a_resource_comes_whole(reporters: Reporters) -> None:
    await reporters.open()
    order = reporters.ask("status", granularity=MINUTE, every=MINUTE)
    told = await reporters.wait(order, 150)
    assert told.samples[0].value == STATE.value
    reporters.values["s"] = Reading.status(online=False, manual_override=True)
    await reporters.pair.let(120)
    while order._came.qsize():
        told = await order.next()
    assert (told.samples[-1].value.online, told.samples[-1].value.load_control_state) == (False, None)


async def test_values_come_as_they_change(reporters: Reporters) -> None:
    await reporters.open()
    order = reporters.ask("level", every=MINUTE)
    seen: list[float] = []
    for value in (5.0, 5.0, 6.0, 7.0):
        reporters.values["c"] = value
        await reporters.pair.let(60)
    await reporters.pair.let(90)
    while order._came.qsize():
        seen += [sample.value for sample in (await order.next()).samples]
    assert list(dict.fromkeys(seen)) == [5.0, 6.0, 7.0]


async def test_the_past_comes_as_it_was_kept(reporters: Reporters) -> None:
    await reporters.open()
    start = reporters.pair.now.replace(microsecond=0) - 6 * HOUR
    told = await reporters.wait(reporters.ask("past", start=start, duration=3 * HOUR), 40)
    assert [(each.r_id, each.time, each.value) for each in told.samples] == [
        ("a", start + n * HOUR, float(n)) for n in range(3)
    ]
    assert told.missing == {"b"}
    intervals = reporters.pair.line.of(UpdateReport)[-1].reports[0].intervals or ()
    assert {each.r_id for interval in intervals for each in interval.payloads} == {"a", "b"}  # type: ignore[union-attr]
    green = await reporters.wait(reporters.ask("green"), 40)
    assert [each.value for each in green.samples] == [FEED]
    (asked,) = reporters.pair.line.of(CreateReport)[-1].report_requests
    assert (asked.report_specifier.granularity.seconds, asked.report_specifier.report_back_duration.seconds) == (0, 0)


async def test_every_answer_lists_what_still_runs(reporters: Reporters) -> None:
    await reporters.open()
    first = reporters.ask("usage", ["a"], granularity=MINUTE, every=MINUTE)
    second = reporters.ask("usage", ["b"], granularity=MINUTE, every=MINUTE)
    await reporters.pair.let(30)
    assert reporters.pending() == (first.id, second.id)
    assert reporters.pair.line.of(CreatedReport)[-1].pending_reports == (first.id, second.id)
    first.cancel()
    await reporters.pair.let(30)
    assert reporters.pending() == (second.id,)
    assert reporters.pair.line.of(CanceledReport)[-1].pending_reports == (second.id,)
    with pytest.raises(UnknownName):
        first.cancel()


async def test_a_last_report_follows_if_it_is_wished(reporters: Reporters) -> None:
    await reporters.open()
    order = reporters.ask("usage", granularity=MINUTE, every=10 * MINUTE)
    await reporters.pair.let(200)
    assert not reporters.pair.line.of(UpdateReport)
    order.cancel(to_follow=True)
    told = await reporters.wait(order, 90)
    assert len(told.samples) >= 4
    assert reporters.pair.line.of(CancelReport)[-1].report_to_follow
    assert reporters.pending() == ()
    count = len(reporters.pair.line.of(UpdateReport))
    await reporters.pair.let(1800)
    assert len(reporters.pair.line.of(UpdateReport)) == count


async def test_reports_are_ended_with_the_answer_to_their_values(reporters: Reporters) -> None:
    await reporters.open()
    order, other = (reporters.ask("usage", [name], granularity=MINUTE, every=MINUTE) for name in ("a", "b"))
    order.cancel(with_next=True)
    await reporters.pair.let(200)
    assert not reporters.pair.line.of(CancelReport)
    carried = [each.cancel_report for each in reporters.pair.line.of(UpdatedReport) if each.cancel_report]
    assert carried
    assert {tuple(each.report_request_ids) for each in carried} == {(order.id,)}
    assert reporters.pending() == (other.id,)
    assert reporters.pair.line.of(CanceledReport)[-1].pending_reports == (other.id,)


async def test_reports_are_asked_for_with_the_answer_to_their_offer(pair: Pair) -> None:
    plan = TelemetryPlan(MINUTE, MINUTE, ("TELEMETRY_USAGE", "TELEMETRY_STATUS"))
    source: dict[str, Any] = {"offers": [USAGE, STATUS], "read": lambda r_ids: dict.fromkeys(r_ids, 1.0)}
    _, ven = await pair.both(vtn={"plan": plan, **source}, plan=plan, **source)
    await pair.let(30)
    assert not pair.line.of(CreateReport)
    requests = [len(each.report_requests) for each in pair.line.of(RegisteredReport)]
    assert requests == [2, 2]
    assert [len(each.pending_reports) for each in pair.line.of(CreatedReport)] == [2, 2]
    assert len(ven.core.reports.pending) == 2
    await pair.let(200)
    assert {str(update.reports[0].report_name) for update in pair.line.of(UpdateReport)} == set(plan.names)


async def test_every_unit_can_be_reported(reporters: Reporters) -> None:
    offer = Offer("units", "TELEMETRY_USAGE", tuple(DataPoint(kind.__name__, unit) for kind, unit in UNITS.items()))
    reporters.values = dict.fromkeys((kind.__name__ for kind in UNITS), 3.0)
    await reporters.open(offers=[offer])
    told = await reporters.wait(reporters.ask("units"), 40)
    assert {sample.r_id for sample in told.samples} == {kind.__name__ for kind in UNITS}
    offered = reporters.vtn.core.offer("site", "units") if reporters.up else reporters.ven.core.offer("units")
    assert [each.item_base for each in offered.descriptions] == list(UNITS.values())


async def test_how_good_a_value_is_comes_along(reporters: Reporters) -> None:
    await reporters.open()
    reporters.values["a"] = Reading(1.5, "Quality Bad - Sensor Failure", confidence=80, accuracy=0.1)
    del reporters.values["b"]
    told = await reporters.wait(reporters.ask("usage"), 40)
    (sample,) = told.samples
    assert (sample.value, sample.quality, sample.confidence) == (1.5, "Quality Bad - Sensor Failure", 80)
    assert sample.accuracy == pytest.approx(0.1)
    assert told.missing == {"b"}


async def test_a_report_that_cannot_be_delivered_is_refused(reporters: Reporters) -> None:
    await reporters.open()
    order = reporters.ask("past", start=reporters.pair.now - 72 * HOUR, duration=HOUR)
    await reporters.pair.let(40)
    with pytest.raises(Rejected) as caught:
        await order.next()
    assert caught.value.code in (Code.REPORT_NOT_SUPPORTED, Code.INVALID_DATA)


async def test_values_nobody_asked_for_are_refused(pair: Pair) -> None:
    reporters = Reporters(pair, up=True)
    await reporters.open()
    told: list[Telemetry] = []
    reporters.vtn.listen(Telemetry, told.append)
    order = reporters.ask("usage")
    await reporters.wait(order, 40)
    (sent,) = pair.line.of(UpdateReport)
    strange = changed(sent, request_id="X", reports=[changed(sent.reports[0], report_request_id="strange")])
    answer: Any = await reporters.vtn.receive("site", strange)
    assert answer.ei_response.response_code == Code.INVALID_ID
    assert "rule 304" in answer.ei_response.response_description
    assert len(told) == 1
