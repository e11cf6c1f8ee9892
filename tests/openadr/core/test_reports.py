"""EiReport between two cores, in both directions, carried and polled for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError, UnknownName
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core import telemetry
from janusgrid.openadr.core.answers import Code, Rejected
from janusgrid.openadr.core.report_desk import ReportDesk
from janusgrid.openadr.core.report_offers import DataPoint, Offer, Reading
from janusgrid.openadr.core.telemetry import Sample
from janusgrid.openadr.events import kilowatts
from janusgrid.openadr.model import (
    CanceledReport,
    CancelReport,
    CreatedReport,
    CreateReport,
    DataQuality,
    Duration,
    EnergyReal,
    Interval,
    ItemBase,
    LoadControlValue,
    PayloadResourceStatus,
    ReadingType,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportPayload,
    ReportRequest,
    ReportSpecifier,
    ReportType,
    RequestEvent,
    RequestReregistration,
    SpecifierPayload,
    UpdatedReport,
    UpdateReport,
    WsCalendarInterval,
    Xml,
)
from janusgrid.openadr.model.units import ITEM_BASE

from tests.openadr.core.report_pair import HOUR, MINUTE, OFFERS, PAST, SECOND, T0, USAGE, VEN, VTN, Pair, good

DIRECTIONS = [(True, False), (True, True), (False, False), (False, True)]


@pytest.fixture(params=DIRECTIONS, ids=["up", "up polled", "down", "down polled"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(*request.param)
    made.road.clear()
    yield made
    for who, core in (("vtn", made.vtn), ("ven", made.ven)):
        made.keep()
        assert core.cabinet.contents() == made.disks[who].kept  # type: ignore[attr-defined]


def payloads(report: Report) -> list[ReportPayload]:
    return [p for interval in report.intervals or () for p in interval.payloads if isinstance(p, ReportPayload)]


# --- offering --------------------------------------------------------------------------------------------------------


def test_each_side_knows_what_the_other_offers(pair: Pair) -> None:
    assert list(pair.ledger.offers) == [offer.specifier_id for offer in OFFERS]
    assert pair.ledger.offers["past"].report_name == "METADATA_HISTORY_USAGE"
    assert pair.ledger.offers["past"].duration == Duration("P1D")


def test_what_can_be_reported_is_said_on_request(pair: Pair) -> None:
    """Rule 306."""
    pair.request(telemetry.metadata())
    pair.settle()
    (sent,) = pair.of(RegisterReport)
    assert [report.report_request_id for report in sent.reports] == ["0"] * len(OFFERS)  # rule 311
    assert pair.pending == ()
    assert pair.ledger.requests == {}


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("polls", [True, False])
def test_what_is_offered_may_be_asked_for_in_the_answer(up: bool, polls: bool) -> None:
    pair = Pair(up, polls, choose=lambda report: (MINUTE, MINUTE) if "USAGE" in str(report.report_name) else None)
    (answer,) = [each for each in pair.of(RegisteredReport) if each.report_requests]
    names = [request.report_specifier.report_specifier_id for request in answer.report_requests]
    assert names == ["usage", "levels", "past"]
    assert pair.of(CreatedReport)[-1].pending_reports == tuple(
        each.report_request_id for each in answer.report_requests
    )
    assert pair.of(CreateReport) == []
    pair.values = good(a=1, b=2, c=3, d=4)
    pair.past = [Sample("a", T0 - HOUR, 1.0), Sample("b", T0 - HOUR, 2.0)]
    pair.run(3 * MINUTE)
    assert {sample.r_id for sample in pair.samples} == {"a", "b", "c", "d"}
    assert set(pair.ledger.requests) == set(pair.pending)  # the one of the past is over


def test_registering_again_offers_nothing_a_second_time(pair: Pair) -> None:
    request = pair.ask("usage", every=MINUTE, granularity=MINUTE)
    pair.ven.receive(VTN, RequestReregistration(ven_id=pair.ven.ven_id), pair.now)
    pair.settle()
    assert pair.ven.registered
    assert pair.of(RegisterReport) == []
    assert pair.pending == (request.report_request_id,)


def test_other_offers_after_a_restart_are_told_and_the_same_are_not(pair: Pair) -> None:
    first = pair.ledger.offers["usage"].created_date_time
    again = pair.ask("usage", every=MINUTE, granularity=MINUTE)
    pair.now += HOUR
    pair.start_vtn()
    pair.start_ven()
    pair.settle()
    assert pair.of(RegisterReport) == []
    pair.offers = (USAGE,)
    pair.start_vtn()
    pair.start_ven()
    pair.settle()
    (sent,) = pair.of(RegisterReport)
    assert [report.report_specifier_id for report in sent.reports] == ["usage"]
    assert sent.reports[0].created_date_time == T0 + HOUR > first
    assert list(pair.ledger.offers) == ["usage"]
    assert pair.pending == (again.report_request_id,)


@pytest.mark.parametrize("item", ITEM_BASE.members.values(), ids=lambda item: item.__name__)
def test_every_unit_is_offered_as_it_is(item: type[ItemBase]) -> None:
    from tests.openadr.codec.strategies import parts

    example: ItemBase = _example(parts(item))
    offer = Offer("x", "TELEMETRY_USAGE", (DataPoint("a", example, "x-any", ReadingType.MEAN),))
    message = RegisterReport(request_id="R", reports=ReportDesk([offer]).metadata(T0))
    arrived = read(write(message))
    assert isinstance(arrived, RegisterReport)
    assert arrived.reports[0].descriptions[0].item_base == example
    assert arrived.reports[0].descriptions[0].reading_type == ReadingType.MEAN


def _example(strategy: Any) -> Any:
    found = []

    @settings(max_examples=1, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def take(value: Any) -> None:
        found.append(value)

    take()
    return found[0]


@pytest.mark.parametrize(
    "offer",
    [
        Offer("x", "TELEMETRY_STATUS", (DataPoint("a", kilowatts()),)),
        Offer("x", "TELEMETRY_USAGE", (DataPoint.status("a"),)),
        Offer("x", "HISTORY_USAGE", (DataPoint.status("a"),)),
        Offer("x", "x-other", (DataPoint("a", kilowatts(), ReportType.X_RESOURCE_STATUS),)),
        Offer("x", "TELEMETRY_STATUS", (DataPoint("a", None, ReportType.X_RESOURCE_STATUS),)),
    ],
)
def test_a_point_that_does_not_belong_into_a_report_is_not_offered(offer: Offer) -> None:
    """Rule 331."""
    with pytest.raises(LocalError, match="rule 331"):
        ReportDesk([offer])


# --- asking ----------------------------------------------------------------------------------------------------------


def test_a_report_is_asked_for_delivered_and_ended(pair: Pair) -> None:
    request = pair.ask("usage", ["b"], granularity=MINUTE, every=2 * MINUTE)
    assert pair.pending == (request.report_request_id,) == tuple(pair.ledger.requests)
    assert pair.of(CreatedReport)[-1].pending_reports == (request.report_request_id,)  # rule 329
    pair.values = good(a=1, b=2)
    pair.run(6 * MINUTE)
    assert [s.time for s in pair.samples] == [T0 + n * MINUTE for n in range(7)]
    assert {(s.r_id, s.value, s.duration, s.quality) for s in pair.samples} == {
        ("b", 2.0, MINUTE, DataQuality.GOOD_NON_SPECIFIC)
    }
    assert all(telemetry.missing == frozenset() for telemetry in pair.told)
    pair.cancel(request.report_request_id)
    assert pair.of(CanceledReport)[-1].pending_reports == ()
    assert pair.pending == ()
    assert pair.ledger.requests == {}
    count = len(pair.samples)
    pair.run(10 * MINUTE)
    assert len(pair.samples) == count


def test_a_report_that_is_to_follow_comes_after_the_end(pair: Pair) -> None:
    """Rule 345: what was collected; and where nothing was yet, a value of now."""
    early = pair.ask("usage", ["a"], granularity=MINUTE, every=HOUR)
    pair.values = good(a=1, b=2)
    pair.run(3 * MINUTE)
    late = pair.ask("usage", ["b"], granularity=HOUR, every=HOUR)
    pair.road.clear()
    pair.cancel(early.report_request_id, late.report_request_id, to_follow=True)
    pair.run(5 * MINUTE)
    kinds = [type(message) for message in pair.road]
    assert kinds.index(CancelReport) < kinds.index(CanceledReport) < len(kinds) - kinds[::-1].index(UpdateReport)
    assert [(s.r_id, s.time) for s in pair.samples] == [
        *(("a", T0 + n * MINUTE) for n in range(4)),
        ("b", T0 + 3 * MINUTE),
    ]
    assert pair.pending == ()
    assert pair.desk.wake() is None
    assert not pair.desk.active


def test_reports_are_ended_in_the_answer_to_their_values(pair: Pair) -> None:
    gone, stays = (pair.ask("usage", [name], granularity=MINUTE, every=MINUTE) for name in ("a", "b"))
    pair.cancel(gone.report_request_id, with_next=True)
    assert pair.of(CancelReport) == []
    pair.values = good(a=1, b=2)
    pair.run(MINUTE)
    (cancel,) = [each.cancel_report for each in pair.of(UpdatedReport) if each.cancel_report is not None]
    assert cancel.report_request_ids == (gone.report_request_id,)
    assert pair.of(CanceledReport)[-1].pending_reports == (stays.report_request_id,)
    assert pair.pending == (stays.report_request_id,) == tuple(pair.ledger.requests)


def test_an_unknown_report_cannot_be_ended(pair: Pair) -> None:
    with pytest.raises(UnknownName):
        pair.cancel("RR-none")
    message = CancelReport(request_id="C", report_request_ids=["RR-none"], ven_id=pair.ven.ven_id)
    answer = pair.ven.receive(VTN, message, T0) if pair.up else pair.vtn.receive(VEN, message, T0)
    assert answer.ei_response.response_code == Code.INVALID_ID  # type: ignore[attr-defined]


def test_a_refusal_is_told_and_nothing_is_waited_for(pair: Pair) -> None:
    specifier = ReportSpecifier(
        report_specifier_id="nothing", granularity=Duration("PT0S"), report_back_duration=Duration("PT0S"),
        specifier_payloads=[SpecifierPayload(r_id="a")],
    )  # fmt: skip
    request = pair.request(specifier)
    pair.keep()
    heard: list[Any] = []
    pair.tell = lambda: heard.extend([*pair.vtn.happened, *pair.ven.happened])  # type: ignore[method-assign]
    pair.settle()
    declined = next(each for each in heard if type(each).__name__ == "Declined")
    assert declined.error.code == Code.REPORT_NOT_SUPPORTED
    assert request.report_request_id not in pair.ledger.requests


def test_values_of_unknown_requests_are_refused_and_end_what_sends_them(pair: Pair) -> None:
    """Rule 304."""
    request = pair.ask("usage", granularity=MINUTE, every=MINUTE)
    pair.ledger.requests.clear()
    pair.forgot()
    pair.values = good(a=1, b=2)
    pair.run(5 * MINUTE)
    assert len(pair.of(UpdateReport)) == 1
    assert pair.of(UpdatedReport)[0].ei_response.response_code == Code.INVALID_ID
    assert request.report_request_id not in pair.pending
    assert pair.samples == []


def test_values_that_come_twice_count_once(pair: Pair) -> None:
    pair.ask("usage", ["a"])
    pair.values = good(a=1)
    for core in (pair.ven, pair.vtn):
        core.sample(pair.values if core.wanted(T0) else {}, T0)
    if pair.polls and not pair.up:
        pair.settle()
        (update,) = pair.of(UpdateReport)
        assert pair.ven._take(update, T0).ei_response.ok  # type: ignore[attr-defined]
        pair.tell()
    else:
        pair.settle(lose_answer_of=UpdateReport)
        assert len(pair.of(UpdateReport)) == 2
    assert len(pair.samples) == 1


def test_what_cannot_be_is_not_asked_for(pair: Pair) -> None:
    for wrong, error in (
        ({"specifier_id": "none"}, UnknownName),
        ({"specifier_id": "usage", "r_ids": ["z"]}, UnknownName),
        ({"specifier_id": "usage", "r_ids": []}, LocalError),
        ({"specifier_id": "usage", "granularity": timedelta(hours=2), "every": HOUR}, LocalError),
        ({"specifier_id": "levels", "granularity": SECOND, "every": HOUR}, LocalError),
        ({"specifier_id": "past", "every": HOUR}, LocalError),
        ({"specifier_id": "usage", "granularity": MINUTE, "duration": SECOND}, LocalError),
    ):
        with pytest.raises(error):
            pair.ask(**wrong)  # type: ignore[arg-type]
    assert pair.ledger.requests == {}
    assert pair.road == []


@pytest.mark.parametrize("granularity", ["PT9S", "PT2H"])
def test_a_granularity_that_was_not_offered_is_refused(pair: Pair, granularity: str) -> None:
    specifier = ReportSpecifier(
        report_specifier_id="levels", granularity=Duration(granularity), report_back_duration=Duration("PT1H"),
        specifier_payloads=[SpecifierPayload(r_id="c")],
    )  # fmt: skip
    pair.request(specifier)
    pair.settle()
    assert pair.of(CreatedReport)[-1].ei_response.response_code == Code.INVALID_DATA
    assert pair.pending == ()


# --- values ----------------------------------------------------------------------------------------------------------


def test_the_state_of_a_resource_comes_as_it_is(pair: Pair) -> None:
    capacity = LoadControlValue(min=0.0, max=100.0, current=40.0, normal=50.0)
    offset = LoadControlValue(current=-1.0)
    pair.values = {
        "s": Reading.status(
            online=True, manual_override=True, capacity=capacity, level_offset=offset, percent_offset=offset,
            set_point=capacity,
        )
    }  # fmt: skip
    pair.ask("status", granularity=MINUTE, every=MINUTE)
    pair.run(MINUTE)
    state = pair.samples[0].value
    assert isinstance(state, PayloadResourceStatus)
    assert (state.online, state.manual_override) == (True, True)
    assert state.load_control_state is not None
    assert state.load_control_state.capacity == state.load_control_state.set_point == capacity
    assert state.load_control_state.level_offset == state.load_control_state.percent_offset == offset
    assert pair.told[0].report.report_name == "TELEMETRY_STATUS"


def test_a_point_without_a_value_is_delivered_as_such(pair: Pair) -> None:
    """Whatever is asked for is in every update, or is said to be missing there."""
    pair.ask("usage", granularity=MINUTE, every=MINUTE)
    pair.ask("status", granularity=MINUTE, every=MINUTE)
    pair.values = good(b=2)
    pair.run(2 * MINUTE)
    for update in pair.of(UpdateReport):
        for report in update.reports:
            wanted = {"s"} if report.report_specifier_id == "status" else {"a", "b"}
            assert {payload.r_id for payload in payloads(report)} == wanted
            without = {payload.r_id for payload in payloads(report) if payload.data_quality == DataQuality.NO_VALUE}
            assert without == wanted - {"b"}
    assert {sample.r_id for sample in pair.samples} == {"b"}
    assert {each.missing for each in pair.told} == {frozenset({"a"}), frozenset({"s"})}


def test_a_bare_value_is_a_good_one_and_one_of_the_wrong_kind_is_none(pair: Pair) -> None:
    pair.ask("usage", granularity=MINUTE, every=MINUTE)
    pair.ask("status", granularity=MINUTE, every=MINUTE)
    pair.values = {"a": 7, "b": PayloadResourceStatus(online=True, manual_override=False), "s": 1.0}
    pair.run(MINUTE)
    assert {(sample.r_id, sample.value, sample.quality) for sample in pair.samples} == {
        ("a", 7.0, DataQuality.GOOD_NON_SPECIFIC)
    }


def test_confidence_and_accuracy_come_along(pair: Pair) -> None:
    pair.ask("usage", ["a"])
    pair.values = {"a": Reading(3.5, DataQuality.UNCERTAIN_NON_SPECIFIC, confidence=80, accuracy=0.5)}
    pair.run(MINUTE)
    (sample,) = pair.samples
    assert (sample.quality, sample.confidence, sample.accuracy) == (DataQuality.UNCERTAIN_NON_SPECIFIC, 80, 0.5)


def test_values_are_reported_as_they_change(pair: Pair) -> None:
    request = pair.ask("levels", every=10 * MINUTE)
    for minute, value in enumerate([1.0, 1.0, 2.0, 2.0, 2.0, 1.0]):
        pair.values = good(c=value, d=5)
        pair.run(MINUTE - SECOND, SECOND)
        pair.now = T0 + (minute + 1) * MINUTE
    assert pair.samples == []
    pair.run(4 * MINUTE)
    changes = [(s.time - T0, s.value) for s in pair.samples if s.r_id == "c"]
    assert changes == [(timedelta(), 1.0), (2 * MINUTE, 2.0), (5 * MINUTE, 1.0)]
    assert len([s for s in pair.samples if s.r_id == "d"]) == 3, "each update has all that is asked for"
    pair.told.clear()
    pair.run(10 * MINUTE)
    assert [s.value for s in pair.samples if s.r_id == "c"] == [1.0], "where nothing has changed, what still holds"
    assert pair.pending == (request.report_request_id,)


def test_very_many_changes_are_sent_before_their_time(pair: Pair) -> None:
    pair.ask("levels", ["c"], every=HOUR)
    for second in range(0, 3500, 10):
        pair.values = good(c=second)
        pair.now = T0 + second * SECOND
        pair.run(timedelta())
    assert 300 <= len(pair.samples) < 350
    pair.now = T0 + HOUR
    pair.run(timedelta())
    assert len(pair.samples) >= 350


# --- the past --------------------------------------------------------------------------------------------------------


def past(hours: int) -> list[Sample]:
    made = []
    for quarter in range(hours * 4):
        when = T0 - quarter * 15 * MINUTE
        made += [Sample("a", when, float(quarter), 15 * MINUTE), Sample("other", when, 0.0, 15 * MINUTE)]
    return made


def test_the_past_is_delivered_once_with_all_that_was_asked_for(pair: Pair) -> None:
    """Rule 324, and every rID of the request in the update."""
    pair.past = past(30)
    request = pair.ask("past", start=T0 - 2 * HOUR, duration=HOUR)
    assert pair.of(CreatedReport)[-1].pending_reports == (request.report_request_id,)
    pair.run(MINUTE)
    (asked,) = pair.recalled
    assert (asked.start, asked.end, asked.r_ids) == (T0 - 2 * HOUR, T0 - HOUR, ("a", "b"))
    assert [sample.time for sample in pair.samples] == [T0 - 2 * HOUR + n * 15 * MINUTE for n in range(4)]
    (told,) = pair.told
    assert told.missing == {"b"}
    assert {payload.r_id for payload in payloads(told.report)} == {"a", "b"}
    assert told.report.report_name == "HISTORY_USAGE"
    assert pair.pending == ()
    assert pair.ledger.requests == {}


def test_a_long_past_comes_in_parts_that_each_have_all(pair: Pair) -> None:
    pair.past = [
        Sample(name, T0 - n * MINUTE, float(n)) for n in range(1, 1001) for name in ("a", "b") if name == "a" or n < 400
    ]
    pair.ask("past")
    pair.run(timedelta())
    updates = pair.of(UpdateReport)
    assert len(updates) > 3
    for update in updates:
        assert {payload.r_id for payload in payloads(update.reports[0])} == {"a", "b"}
    assert sorted(s.value for s in pair.samples if s.r_id == "a") == [float(n) for n in range(1, 1001)]
    assert len([s for s in pair.samples if s.r_id == "b"]) == 399


def test_where_nothing_is_known_of_the_past_that_is_said(pair: Pair) -> None:
    pair.ask("past")
    pair.run(timedelta())
    (told,) = pair.told
    assert told.samples == ()
    assert told.missing == {"a", "b"}
    assert len(payloads(told.report)) == 2


def test_what_is_asked_of_the_past_is_cut_to_what_is_kept(pair: Pair) -> None:
    pair.ask("past", start=T0 - 48 * HOUR, duration=72 * HOUR)
    pair.run(timedelta())
    assert (pair.recalled[0].start, pair.recalled[0].end) == (T0 - 24 * HOUR, T0)


@pytest.mark.parametrize(
    ("start", "duration", "back", "granularity"),
    [
        (T0 + HOUR, "PT1H", "PT0S", "PT0S"),
        (T0 - 48 * HOUR, "PT1H", "PT0S", "PT0S"),
        (T0 - HOUR, "PT1H", "PT1H", "PT0S"),
        (T0 - HOUR, "-PT1H", "PT0S", "PT0S"),
    ],
)
def test_a_past_that_is_not_kept_is_refused(
    pair: Pair, start: datetime, duration: str, back: str, granularity: str
) -> None:
    specifier = ReportSpecifier(
        report_specifier_id="past", granularity=Duration(granularity), report_back_duration=Duration(back),
        report_interval=WsCalendarInterval(dtstart=start, duration=Duration(duration)),
        specifier_payloads=[SpecifierPayload(r_id="a")],
    )  # fmt: skip
    pair.request(specifier)
    pair.settle()
    assert pair.of(CreatedReport)[-1].ei_response.response_code == Code.INVALID_DATA
    assert pair.desk.recalls(T0) == []


def test_green_button_data_is_carried_as_it_is(pair: Pair) -> None:
    feed = Xml('<atom:feed xmlns:atom="http://www.w3.org/2005/Atom"><atom:title>x</atom:title></atom:feed>')
    pair.past = [Sample("meter", T0 - HOUR, feed), Sample("meter", T0 - MINUTE, feed), Sample("meter", T0, 1.0)]
    pair.ask("green")
    pair.run(timedelta())
    assert len(pair.of(UpdateReport)) == 2, "a feed may be large: each goes by itself"
    assert [(s.r_id, s.time, s.value) for s in pair.samples] == [
        ("meter", T0 - HOUR, feed),
        ("meter", T0 - MINUTE, feed),
    ]
    assert all(each.missing == frozenset() for each in pair.told)


# --- registrations, restarts -----------------------------------------------------------------------------------------


def test_the_end_of_a_registration_ends_its_reports_on_both_sides(pair: Pair) -> None:
    """Rule 406."""
    pair.ask("usage", granularity=MINUTE, every=MINUTE)
    pair.ask("past")
    pair.ven.leave(T0)
    pair.settle()
    assert pair.vtn.vens == ()
    assert pair.desk.pending_for(pair.peer) == ()
    assert not pair.desk.active
    assert not pair.desk.samples
    pair.ven.start(T0)
    pair.settle()
    assert pair.pending == ()
    assert pair.ledger.requests == {}
    assert list(pair.ledger.offers) == [offer.specifier_id for offer in OFFERS]


def test_a_forced_new_registration_ends_reports_too(pair: Pair) -> None:
    pair.ask("usage", granularity=MINUTE, every=MINUTE)
    pair.disks["ven"].kept.clear()  # the VEN has lost its memory
    pair.start_ven()
    pair.settle()
    assert not pair.desk.active
    assert pair.ledger.requests == {}


def test_what_was_acknowledged_and_not_told_is_told_after_a_kill(pair: Pair) -> None:
    pair.ask("usage", granularity=MINUTE, every=MINUTE)
    pair.values = good(a=1, b=2)
    told, pair.tell = pair.tell, lambda: None  # type: ignore[method-assign]
    pair.run(2 * MINUTE)
    updates = len(pair.of(UpdateReport))
    assert updates
    sink = pair.vtn if pair.up else pair.ven
    assert len([key for kind, key in pair.disks["vtn" if pair.up else "ven"].kept if kind == "untold"]) == updates
    (pair.start_vtn if pair.up else pair.start_ven)()
    assert sink is not (pair.vtn if pair.up else pair.ven)
    pair.tell = told  # type: ignore[method-assign]
    pair.tell()
    assert [s.time for s in pair.samples if s.r_id == "a"] == [T0 + n * MINUTE for n in range(3)]
    assert all(telemetry.missing == frozenset() for telemetry in pair.told)
    pair.keep()
    (pair.start_vtn if pair.up else pair.start_ven)()
    count = len(pair.told)
    pair.tell()
    assert len(pair.told) == count


def test_reports_go_on_after_a_kill_of_either(pair: Pair) -> None:
    pair.ask("usage", granularity=MINUTE, every=2 * MINUTE)
    pair.ask("levels", every=5 * MINUTE)
    pair.ask("past", start=T0 - 2 * HOUR, duration=HOUR)
    pair.values, pair.past = good(a=1, b=2, c=3, d=4), past(3)
    pair.keep()
    for _ in range(10):
        pair.start_ven()
        pair.start_vtn()
        pair.run(90 * SECOND)
        pair.now += 30 * SECOND
    times = [s.time for s in pair.samples if s.r_id == "a" and s.time >= T0]
    assert times == sorted(set(times))
    assert len(times) >= 18
    assert len([s for s in pair.samples if s.time < T0]) == 4
    assert [s.r_id for s in pair.samples if s.r_id in "cd"][:2] == ["c", "d"]


def test_who_registers_for_reports_only_asks_for_no_events() -> None:
    pair = Pair(report_only=True)
    assert pair.ven.registered
    assert pair.of(RequestEvent) == []
    assert pair.vtn.ven("site").report_only
    pair.ask("usage", ["a"])
    pair.values = good(a=1)
    pair.run(MINUTE)
    assert len(pair.samples) == 1


# --- properties ------------------------------------------------------------------------------------------------------

SPANS = st.sampled_from([0, 1, 7, 10, 30, 60, 90, 600, 3600]).map(lambda seconds: timedelta(seconds=seconds))


@settings(max_examples=150, deadline=None)
@given(
    granularity=SPANS,
    every=SPANS,
    delay=st.integers(-100, 200),
    lasts=st.none() | st.integers(1, 600),
    names=st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3),
    known=st.sets(st.sampled_from(["a", "b"])),
    steps=st.lists(st.integers(1, 90), min_size=1, max_size=40),
    to_follow=st.booleans(),
)
def test_every_update_has_all_that_was_asked_for_in_order_and_in_time(
    granularity: timedelta, every: timedelta, delay: int, lasts: int | None, names: list[str], known: set[str],
    steps: list[int], to_follow: bool,
) -> None:  # fmt: skip
    start, duration = T0 + delay * SECOND, Duration.of(timedelta(seconds=lasts or 0))
    request = ReportRequest(
        report_request_id="X",
        report_specifier=ReportSpecifier(
            report_specifier_id="usage", granularity=Duration.of(granularity), report_back_duration=Duration.of(every),
            report_interval=WsCalendarInterval(dtstart=start, duration=duration),
            specifier_payloads=[SpecifierPayload(r_id=name) for name in names],
        ),
    )  # fmt: skip
    desk, now, reports = ReportDesk([USAGE]), T0, []
    over = lasts is not None and delay + lasts <= 0
    if over or (granularity and not SECOND <= granularity <= HOUR):
        with pytest.raises(Rejected) as refusal:
            desk.accept(request, T0)
        assert refusal.value.code == Code.INVALID_DATA
        return
    desk.accept(request, T0)
    values = {name: Reading(1.0) for name in known}
    for step in steps:
        wanted = desk.wanted(now)
        assert wanted <= set(names)
        reports += desk.sample({name: value for name, value in values.items() if name in wanted}, now)
        assert (wake := desk.wake()) is None or wake > now
        now += step * SECOND
    collected, _ = desk.cancel(["X"], now, to_follow=to_follow)
    reports += collected + desk.sample(values, now)
    assert not desk.active
    assert not desk.samples
    times = []
    for report in reports:
        assert {payload.r_id for payload in payloads(report)} == set(names)
        assert all((p.data_quality == DataQuality.NO_VALUE) == (p.r_id not in known) for p in payloads(report))
        assert [interval.uid for interval in report.intervals or ()] == [
            str(n) for n in range(len(report.intervals or ()))
        ]
        times += [interval.dtstart for interval in report.intervals or () if interval.dtstart]
    assert times == sorted(set(times))
    assert all((T0 if to_follow else max(start, T0)) <= time <= now for time in times)
    if not every and lasts is None:
        assert len(times) <= 1


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "z"]), st.integers(-90_000, 90_000), st.floats(width=32) | st.none(),
            st.sampled_from([None, timedelta(), MINUTE]),
        ),
        max_size=60,
    )
)  # fmt: skip
def test_whatever_an_application_recalls_is_delivered_as_far_as_it_was_asked_for(found: list[Any]) -> None:
    desk = ReportDesk([PAST])
    request = telemetry.asked(PAST.metadata(T0), now=T0)
    desk.accept(ReportRequest(report_request_id="X", report_specifier=request), T0)
    (asked,) = desk.recalls(T0)
    samples = [Sample(r_id, T0 + shift * SECOND, value, lasts) for r_id, shift, value, lasts in found]
    _, reports = desk.recall(asked, samples, T0)
    assert reports
    for report in reports:
        assert {payload.r_id for payload in payloads(report)} == {"a", "b"}
    delivered = sorted((s.r_id, s.time) for report in reports for s in telemetry.samples(report))
    inside = {(s.r_id, s.time, s.duration or None) for s in samples if asked.start <= s.time < asked.end}
    expected = {key for key in inside if key[0] != "z"}
    values = {(s.r_id, s.time, s.duration or None): s.value for s in samples}
    assert delivered == sorted((r_id, time) for r_id, time, lasts in expected if values[r_id, time, lasts] is not None)
    assert desk.recalls(T0) == []


def test_energy_is_a_unit_of_usage_as_power_is() -> None:
    desk = ReportDesk([Offer("x", "TELEMETRY_USAGE", (DataPoint("a", EnergyReal()),))])
    (report,) = desk.metadata(T0)
    assert isinstance(report.descriptions[0].item_base, EnergyReal)


def test_an_interval_of_a_foreign_source_may_miss_points(pair: Pair) -> None:
    """What a source leaves out against the custom is told as missing."""
    if not pair.up:
        return
    request = pair.ask("usage", granularity=MINUTE, every=MINUTE)
    interval = Interval(dtstart=T0, payloads=[ReportPayload(r_id="a", value=1.0)])
    report = Report(
        dtstart=T0, intervals=[interval], report_request_id=request.report_request_id, report_specifier_id="usage",
        report_name="TELEMETRY_USAGE", created_date_time=T0,
    )  # fmt: skip
    answer = pair.vtn.receive(VEN, UpdateReport(request_id="U", reports=[report], ven_id=pair.ven.ven_id), T0)
    assert isinstance(answer, UpdatedReport)
    assert answer.ei_response.ok
    pair.tell()
    assert pair.told[-1].missing == {"b"}
