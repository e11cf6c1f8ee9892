"""Both roles in trouble: outages, restarts, late answers, peers that ask for too much."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from janusgrid.common.errors import LocalError, NotReachable
from janusgrid.openadr.core.answers import Code, Rejected
from janusgrid.openadr.core.event_inbox import Change, EventChange
from janusgrid.openadr.core.outbox import Outbox, Retry
from janusgrid.openadr.core.report_desk import MOST_IN_PART, DataPoint, Offer, Reading, ReportDesk
from janusgrid.openadr.core.telemetry import metadata
from janusgrid.openadr.core.ven import WHEN_REFUSED, Declined, Joined, Left, VenCore
from janusgrid.openadr.core.ven_book import Party
from janusgrid.openadr.core.vtn import Declined as VtnDeclined
from janusgrid.openadr.core.vtn import Opted, Telemetry
from janusgrid.openadr.events import price, simple
from janusgrid.openadr.model import (
    CancelReport,
    CreatedEvent,
    CreateOpt,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    Duration,
    EiEvent,
    EiResponse,
    Event,
    EventResponse,
    EventStatus,
    Message,
    OptType,
    Poll,
    QueryRegistration,
    RegisterReport,
    Report,
    ReportRequest,
    ReportSpecifier,
    RequestReregistration,
    Response,
    ResponseRequired,
    SignalPayload,
    SpecifierPayload,
    Tolerance,
    TransportName,
    UpdatedReport,
    UpdateReport,
    WsCalendarInterval,
    changed,
)

from .test_roles import MINUTE, OFFER, T0, VEN, VTN, Pair, dispatch, joined, pair

__all__ = ["joined", "pair"]
HOUR = timedelta(hours=1)


def code_of(answer: Any) -> str:
    return str(answer.ei_response.response_code)


def sent(pair: Pair, kind: type[Message]) -> list[Any]:
    return [message for message in pair.road if isinstance(message, kind)]


def told(pair: Pair) -> list[Change]:
    changes = [each.change for each in pair.ven.happened if isinstance(each, EventChange)]
    pair.ven.happened.clear()
    return changes


def distribute(pair: Pair, *events: EiEvent, **fields: Any) -> Message:
    """Let the VTN send these events, as they are."""
    wrapped = [Event(ei_event=each, **fields) for each in events]
    return pair.ven.receive(VTN, DistributeEvent(request_id="D9", vtn_id="VTN1", events=wrapped), T0)


def responses(pair: Pair, now: Any = T0) -> list[EventResponse]:
    """Return what the VEN answers to events."""
    pair.road.clear()
    pair.settle(now)
    return [response for message in sent(pair, CreatedEvent) for response in message.event_responses or ()]


# --- registration ----------------------------------------------------------------------------------------------------


def test_a_second_wish_for_registration_is_no_error(joined: Pair) -> None:
    for _ in range(2):
        answer = joined.ven.receive(VTN, RequestReregistration(ven_id=joined.ven.ven_id), T0)
        assert code_of(answer) == "200"
    joined.settle(T0)
    assert joined.ven.registered
    assert len(sent(joined, CreatePartyRegistration)) == 1


def test_registering_again_leaves_the_reports_alone(joined: Pair) -> None:
    """Reports that run go on, are sampled meanwhile, and are asked for once."""
    pending = joined.ven.reports.pending
    joined.ven.receive(VTN, RequestReregistration(ven_id=joined.ven.ven_id), T0)
    assert joined.ven.wanted(T0 + MINUTE)
    joined.settle(T0)
    assert joined.ven.reports.pending == pending == tuple(joined.vtn.ven("site").requests)
    assert sent(joined, RegisterReport) == []


def test_a_registration_that_the_vtn_has_lost_is_made_anew(joined: Pair) -> None:
    joined.vtn = Pair().vtn
    joined.ven.receive(VTN, RequestReregistration(ven_id=joined.ven.ven_id), T0)
    joined.settle(T0)
    assert joined.ven.registered
    assert [type(each) for each in joined.ven.happened if isinstance(each, Left | Joined)] == [Left, Joined]
    assert sent(joined, CreatePartyRegistration)[-1].registration_id is None  # rule 406


@pytest.mark.parametrize("state", ["registering", "offering reports", "fetching events", "registered"])
def test_a_registration_may_end_at_any_time(pair: Pair, state: str) -> None:
    pair.ven.start(T0)
    pair.settle(T0)
    pair.ven.office.state = state
    pair.ven.leave(T0)
    pair.settle(T0)
    assert pair.ven.state == "unregistered"
    pair.ven.start(T0)
    pair.settle(T0)
    assert pair.ven.registered


def test_leaving_twice_is_leaving(joined: Pair) -> None:
    """The first answer was lost: the VTN does not know the registration any more, which is what was wanted."""
    joined.ven.leave(T0)
    (letter,) = joined.ven.outbox.due(T0)
    joined.vtn.receive(VEN, letter.message, T0)
    joined.ven.outbox.failed(letter, T0)
    joined.settle(T0 + MINUTE)
    assert (joined.ven.state, joined.ven.registration_id) == ("unregistered", "")


def test_leaving_before_one_is_registered(pair: Pair) -> None:
    pair.ven.start(T0)
    pair.ven.leave(T0)
    assert pair.ven.state == "unregistered"
    assert len(pair.ven.outbox) == 0


def test_what_cannot_be_delivered_ends_the_registration_with_its_reason(pair: Pair) -> None:
    pair.ven.start(T0)
    (letter,) = pair.ven.outbox.due(T0)
    pair.ven.refused(letter, NotReachable("forbidden", code="forbidden"), T0)
    (left,) = pair.ven.happened
    assert isinstance(left, Left)
    assert left.error is not None
    assert left.error.code == "forbidden"


def test_an_answer_to_a_letter_of_before_means_nothing(joined: Pair) -> None:
    joined.ven.sample({"pcc.p": Reading(1.0)}, T0)
    joined.ven.sample({"pcc.p": Reading(1.0)}, T0 + 2 * MINUTE)
    (letter,) = joined.ven.outbox.due(T0 + 2 * MINUTE)
    joined.ven.receive(VTN, RequestReregistration(ven_id=joined.ven.ven_id), T0)
    joined.ven.outbox.drop(joined.ven.office.vtn)
    late = UpdatedReport(ei_response=EiResponse(response_code=Code.NOT_REGISTERED))
    joined.ven.answered(letter, late, T0)
    assert joined.ven.registration_id


def test_a_ven_that_comes_again_keeps_its_ven_id(joined: Pair) -> None:
    before = joined.ven.ven_id
    joined.ven.leave(T0)
    joined.settle(T0)
    joined.ven.start(T0)
    joined.settle(T0)
    assert joined.ven.ven_id == before


def test_a_ven_without_a_name_is_known_by_its_account(pair: Pair) -> None:
    message = CreatePartyRegistration(request_id="R", transport_name=TransportName.XMPP, transport_address=f"{VEN}/ems")
    assert code_of(pair.vtn.receive(VEN, message, T0)) == "200"


def test_what_waits_for_a_ven_moves_with_it(joined: Pair) -> None:
    joined.vtn.request_reports("site", [request(name="X1")])
    joined.ven.move(f"{VEN}/elsewhere")
    for letter in joined.ven.outbox.due(T0):
        joined.ven.answered(letter, joined.vtn.receive(VEN, letter.message, T0), T0)
    route = joined.vtn.route(*joined.vtn.outbox.peers)
    assert route is not None
    assert route.address == f"{VEN}/elsewhere"
    joined.settle(T0)
    assert "X1" in joined.ven.reports.pending


# --- events ----------------------------------------------------------------------------------------------------------


def test_a_decision_on_an_event_that_was_modified_meanwhile_is_void(joined: Pair) -> None:
    booked = joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    joined.vtn.modify_event(dispatch(500.0), T0)
    joined.settle(T0)
    joined.ven.decide("E1", OptType.OPT_IN, T0, modification=0)
    joined.settle(T0)
    assert booked.opt(joined.ven.ven_id) is None
    joined.ven.decide("E1", OptType.OPT_OUT, T0, modification=1)
    joined.settle(T0)
    assert booked.opt(joined.ven.ven_id) is OptType.OPT_OUT


def test_to_modify_nothing_is_no_modification(joined: Pair) -> None:
    """Rule 5: createdDateTime, eventStatus and currentValue do not count."""
    made = dispatch()
    booked = joined.vtn.create_event(made, ["site"], T0)
    joined.settle(T0)
    joined.road.clear()
    descriptor = changed(made.event_descriptor, created_date_time=T0 + MINUTE, event_status=EventStatus.ACTIVE)
    joined.vtn.modify_event(changed(made, event_descriptor=descriptor), T0)
    joined.settle(T0)
    assert joined.road == []
    assert booked.event.event_descriptor.modification_number == 0


def test_to_cancel_twice_is_to_cancel_once(joined: Pair) -> None:
    booked = joined.vtn.create_event(dispatch(), ["site"], T0)
    for _ in range(2):
        joined.vtn.cancel_event("E1", T0)
        joined.settle(T0)
    assert booked.event.event_descriptor.modification_number == 1


def test_events_are_sent_as_they_are_when_the_letter_leaves(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.road.clear()
    joined.settle(T0 + 30 * MINUTE)  # the VEN was away
    (message,) = sent(joined, DistributeEvent)
    assert message.events[0].ei_event.event_descriptor.event_status is EventStatus.ACTIVE


def test_an_event_that_comes_again_is_answered_again(joined: Pair) -> None:
    """Rule 12: the VTN that asks may have lost the first answer."""
    booked = joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    joined.ven.decide("E1", OptType.OPT_IN, T0)
    joined.settle(T0)
    joined.vtn.events.answers.clear()
    assert code_of(distribute(joined, booked.event)) == "200"
    assert [response.opt_type for response in responses(joined)] == [OptType.OPT_IN]
    assert told(joined) == [Change.NEW]


def test_the_same_answer_again_is_no_news(joined: Pair) -> None:
    booked = joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    for opt in (OptType.OPT_IN, OptType.OPT_IN, OptType.OPT_OUT):
        joined.ven.decide("E1", opt, T0)
        joined.settle(T0)
    assert len([each for each in joined.vtn.happened if isinstance(each, Opted)]) == 2
    assert booked.opt(joined.ven.ven_id) is OptType.OPT_OUT  # rule 17


def test_a_negative_answer_is_not_taken_for_consent(joined: Pair) -> None:
    booked = joined.vtn.create_event(dispatch(), ["site"], T0)
    response = EventResponse(
        response_code="460", request_id="D", qualified_event_id=booked.event.qualified_event_id, opt_type=OptType.OPT_IN
    )
    joined.vtn.receive(VEN, CreatedEvent(event_responses=[response], ven_id=joined.ven.ven_id), T0)
    assert booked.opt(joined.ven.ven_id) is OptType.OPT_OUT


def test_never_is_never_answered(joined: Pair) -> None:
    distribute(joined, price(0.2, start=T0, duration=MINUTE, created=T0), response_required=ResponseRequired.NEVER)
    assert responses(joined) == []


def test_a_cancellation_without_a_higher_number_is_told_all_the_same(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    descriptor = changed(dispatch().event_descriptor, event_status=EventStatus.CANCELLED)
    for _ in range(2):
        distribute(joined, changed(dispatch(), event_descriptor=descriptor))
    assert told(joined) == [Change.NEW, Change.CANCELLED]


def test_what_changes_without_a_higher_number_does_not_replace_what_was_decided_on(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(1000.0, start=T0), ["site"], T0)
    joined.settle(T0)
    distribute(joined, dispatch(9999.0, start=T0))
    (active,) = joined.ven.events.active(T0)
    assert active.event.ei_event_signals[0].intervals[0].payloads[0].value == 1000.0  # type: ignore[union-attr]


def test_an_event_whose_modification_is_refused_ends(joined: Pair) -> None:
    made = dispatch(start=T0)
    distribute(joined, made)
    descriptor = changed(made.event_descriptor, modification_number=1)
    period = changed(made.ei_active_period, duration=Duration("-PT1H"))
    distribute(joined, changed(made, event_descriptor=descriptor, ei_active_period=period))
    assert told(joined) == [Change.NEW, Change.IMPLICITLY_CANCELLED]
    assert joined.ven.events.active(T0) == []
    assert [response.response_code for response in responses(joined)] == [Code.INVALID_DATA]


@pytest.mark.parametrize(
    "period",
    [
        {"duration": Duration("P9999Y")},
        {"duration": Duration("PT99999999999999999999S")},
        {"duration": Duration("-PT1H")},
        {"ramp_up": Duration("P1M")},
        {"ramp_up": Duration("P999999D")},
        {"tolerance": Tolerance(startafter=Duration("P9000Y"))},
        {"duration": Duration("PT30M")},
    ],
)
def test_an_event_with_impossible_times_is_refused(joined: Pair, period: dict[str, Any]) -> None:
    made = dispatch()
    wrong = changed(made, ei_active_period=changed(made.ei_active_period, **period))
    assert code_of(distribute(joined, wrong)) == "200"
    assert [response.response_code for response in responses(joined)] == [Code.INVALID_DATA]
    assert len(joined.ven.events) == 0
    with pytest.raises(LocalError):
        joined.vtn.create_event(wrong, ["site"], T0)


@pytest.mark.parametrize(("value", "rule"), [(4.0, "rule 9"), (float("nan"), "no number")])
def test_a_value_that_means_nothing_is_refused(joined: Pair, value: float, rule: str) -> None:
    made = simple(1, start=T0, duration=MINUTE, created=T0)
    (signal,) = made.ei_event_signals
    interval = changed(signal.intervals[0], payloads=[SignalPayload(value)])
    distribute(joined, changed(made, ei_event_signals=[changed(signal, intervals=[interval])]))
    (response,) = responses(joined)
    assert rule in (response.response_description or "")


def test_an_open_ended_event_goes_on(joined: Pair) -> None:
    made = dispatch(start=T0)
    (signal,) = made.ei_event_signals
    endless = changed(signal, intervals=[changed(signal.intervals[0], duration=Duration("PT0S"))])
    period = changed(made.ei_active_period, duration=Duration("PT0S"))
    distribute(joined, changed(made, ei_active_period=period, ei_event_signals=[endless]))
    assert [known.event_id for known in joined.ven.events.active(T0 + timedelta(days=900))] == ["E1"]


def startafter(minutes: int, **fields: Any) -> EiEvent:
    made = dispatch(start=T0 + MINUTE)
    tolerance = Tolerance(startafter=Duration(f"PT{minutes}M"))
    return changed(made, ei_active_period=changed(made.ei_active_period, tolerance=tolerance), **fields)


def test_a_start_that_is_left_open_is_picked_and_kept(joined: Pair) -> None:
    """Rules 30 and 65."""
    picks = iter([0.5, 0.25])
    joined.ven.events._pick = lambda: next(picks)
    made = startafter(20)
    distribute(joined, made)
    again = changed(made.event_descriptor, modification_number=1, vtn_comment="more of the same")
    distribute(joined, changed(made, event_descriptor=again))
    (known,) = joined.ven.events.active(T0 + 11 * MINUTE)
    assert joined.ven.events.active(T0 + 10 * MINUTE) == []
    assert known.delay == 10 * MINUTE
    assert known.event.ei_active_period.duration == Duration("PT1H")
    now = T0 + 30 * MINUTE
    cancelled = changed(made.event_descriptor, modification_number=2, event_status=EventStatus.CANCELLED)
    message = DistributeEvent(
        request_id="D", vtn_id="VTN1", events=[Event(ei_event=changed(made, event_descriptor=cancelled))]
    )
    joined.ven.receive(VTN, message, now)
    change = joined.ven.happened[-1]
    assert isinstance(change, EventChange)
    assert (change.change, change.at) == (Change.CANCELLED, now + 5 * MINUTE)
    assert joined.ven.events.active(now + 4 * MINUTE)
    assert joined.ven.events.active(now + 5 * MINUTE) == []


def test_events_that_are_long_over_are_forgotten(joined: Pair) -> None:
    for number in range(500):
        start = T0 + number * timedelta(days=1)
        joined.vtn.create_event(dispatch(start=start, event_id=f"E{number}"), ["site"], start)
    assert len(list(joined.vtn.events)) <= 100


# --- reports ---------------------------------------------------------------------------------------------------------


def request(
    granularity: str = "PT0S", every: str = "PT0S", *, name: str = "X1", interval: WsCalendarInterval | None = None
) -> ReportRequest:
    specifier = ReportSpecifier(
        report_specifier_id="usage",
        granularity=Duration(granularity),
        report_back_duration=Duration(every),
        report_interval=interval,
        specifier_payloads=[SpecifierPayload(r_id="pcc.p")],
    )
    return ReportRequest(report_request_id=name, report_specifier=specifier)


def window(start: int, minutes: int) -> WsCalendarInterval:
    return WsCalendarInterval(dtstart=T0 + start * MINUTE, duration=Duration(f"PT{minutes}M"))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (request("PT1M", "P1M"), Code.INVALID_DATA),
        (request("P1Y", "PT1M"), Code.INVALID_DATA),
        (request("PT1M", "-PT1M"), Code.INVALID_DATA),
        (request("-PT1M", "PT1M"), Code.INVALID_DATA),
        (request("PT1M", "PT99999999999999999999S"), Code.INVALID_DATA),
        (request("PT1M", "PT1M", interval=window(-120, 60)), Code.INVALID_DATA),
        (request("PT1S", "P900D"), Code.DEPLOYMENT_ERROR),
    ],
)
def test_a_report_that_cannot_be_is_refused(joined: Pair, wrong: ReportRequest, code: Code) -> None:
    answer = joined.ven.receive(VTN, CreateReport(request_id="R", report_requests=[wrong], ven_id="V"), T0)
    assert code_of(answer) == Code.INVALID_ID  # of another venID
    message = CreateReport(request_id="R", report_requests=[wrong], ven_id=joined.ven.ven_id)
    answer = joined.ven.receive(VTN, message, T0)
    assert code_of(answer) == code
    assert len(answer.pending_reports) == 1  # type: ignore[attr-defined]


def test_there_is_an_end_to_the_reports_that_may_be_asked_for(joined: Pair) -> None:
    many = [request("PT1M", "PT1M", name=f"X{number}") for number in range(1000)]
    message = CreateReport(request_id="R", report_requests=many, ven_id=joined.ven.ven_id)
    assert code_of(joined.ven.receive(VTN, message, T0)) == Code.DEPLOYMENT_ERROR
    assert len(joined.ven.reports.pending) <= 256


def sampled(desk: ReportDesk, minutes: range) -> list[Report]:
    """Return the reports of a desk that is served every minute, and between."""
    reports = []
    for minute in minutes:
        for now in (T0 + minute * MINUTE, T0 + minute * MINUTE + MINUTE / 2):
            reports += desk.sample({r_id: Reading(float(minute)) for r_id in desk.wanted(now)}, now)
    return reports


def times(report: Report) -> list[float]:
    return [(each.dtstart - T0) / MINUTE for each in report.intervals or () if each.dtstart]


def test_a_report_asked_for_once_waits_for_its_time() -> None:
    desk = ReportDesk([OFFER])
    desk.accept(request(interval=window(5, 0)), T0)
    (report,) = sampled(desk, range(10))
    assert times(report) == [5]
    assert desk.pending == ()


def test_a_report_asked_for_once_has_its_whole_interval() -> None:
    desk = ReportDesk([OFFER])
    desk.accept(request("PT1M", interval=window(2, 5)), T0)
    (report,) = sampled(desk, range(10))
    assert times(report) == [2, 3, 4, 5, 6]


def test_a_report_ends_with_its_interval() -> None:
    desk = ReportDesk([OFFER])
    desk.accept(request("PT1M", "PT2M", interval=window(0, 5)), T0)
    reports = sampled(desk, range(12))
    assert [time for report in reports for time in times(report)] == [0, 1, 2, 3, 4]
    assert desk.pending == ()


def test_a_sample_bears_the_time_it_was_taken_at() -> None:
    """After a pause there is one sample, of now; what was missed cannot be made up."""
    desk = ReportDesk([OFFER])
    desk.accept(request("PT1M", "PT1M"), T0)
    (report,) = desk.sample({"pcc.p": Reading(1.0)}, T0 + 90 * MINUTE)
    assert times(report) == [90]
    assert desk.wake() == T0 + 91 * MINUTE


def test_a_large_report_comes_in_parts() -> None:
    desk = ReportDesk([OFFER])
    desk.accept(request("PT1S", "PT20M"), T0)
    reports = []
    for second in range(20 * 60 + 1):
        reports += desk.sample({"pcc.p": Reading(1.0)}, T0 + timedelta(seconds=second))
    sizes = [len(report.intervals or ()) for report in reports]
    assert sum(sizes) == 20 * 60 + 1
    assert max(sizes) <= MOST_IN_PART


def test_telemetry_of_a_very_long_outage_keeps_the_newest(joined: Pair) -> None:
    joined.ven.outbox = joined.ven.office.outbox = Outbox(capacity=100)
    for minute in range(1000):
        now = T0 + minute * MINUTE
        joined.ven.sample({r_id: Reading(float(minute)) for r_id in joined.ven.wanted(now)}, now)
    assert joined.ven.outbox.dropped > 400
    joined.settle(T0 + 1000 * MINUTE)
    samples = [s.value for each in joined.vtn.happened if isinstance(each, Telemetry) for s in each.samples]
    assert samples[-1] > 990
    assert 60 <= len(samples) <= 100


def test_what_was_collected_follows_a_cancellation_that_wants_it(joined: Pair) -> None:
    """Rule 345."""
    joined.ven.sample({"pcc.p": Reading(7.0)}, T0)
    message = CancelReport(
        request_id="C", report_request_ids=joined.ven.reports.pending, report_to_follow=True, ven_id=joined.ven.ven_id
    )
    assert code_of(joined.ven.receive(VTN, message, T0)) == "200"
    joined.settle(T0)
    (telemetry,) = [each for each in joined.vtn.happened if isinstance(each, Telemetry)]
    assert [sample.value for sample in telemetry.samples] == [7.0]


def test_the_answer_to_values_may_end_their_report(joined: Pair) -> None:
    (pending,) = joined.ven.reports.pending
    joined.ven.sample({"pcc.p": Reading(1.0)}, T0)
    joined.ven.sample({"pcc.p": Reading(1.0)}, T0 + 2 * MINUTE)
    (letter,) = joined.ven.outbox.due(T0 + 2 * MINUTE)
    cancel = CancelReport(request_id="C", report_request_ids=[pending])
    joined.ven.answered(letter, UpdatedReport(ei_response=EiResponse(), cancel_report=cancel), T0)
    joined.settle(T0 + 2 * MINUTE)
    assert joined.ven.reports.pending == ()
    assert "CanceledReport" in joined.names()
    assert joined.vtn.ven("site").requests == {}


def test_metadata_is_sent_on_request(joined: Pair) -> None:
    """Rule 306; what runs is not asked for a second time."""
    pending = joined.ven.reports.pending
    joined.vtn.request_reports("site", [ReportRequest(report_request_id="M1", report_specifier=metadata())])
    joined.settle(T0)
    assert len(sent(joined, RegisterReport)) == 1
    assert joined.ven.reports.pending == pending


def test_an_offer_without_points_is_answered_454(joined: Pair) -> None:
    report = Report(report_specifier_id="empty", report_name="METADATA_TELEMETRY_USAGE", created_date_time=T0)
    message = RegisterReport(request_id="R", reports=[report], ven_id=joined.ven.ven_id)
    assert code_of(joined.vtn.receive(VEN, message, T0)) == Code.INVALID_DATA
    assert "usage" in joined.vtn.ven("site").offers


def test_values_are_not_taken_for_a_repetition_because_of_their_request_id(joined: Pair) -> None:
    (pending,) = joined.ven.reports.pending
    for minute in range(3):
        report = Report(report_request_id=pending, report_specifier_id="usage", created_date_time=T0 + minute * MINUTE)
        message = UpdateReport(request_id="0", ven_id=joined.ven.ven_id, reports=[report])
        for _ in range(2):
            assert code_of(joined.vtn.receive(VEN, message, T0)) == "200"
    assert len([each for each in joined.vtn.happened if isinstance(each, Telemetry)]) == 3


def test_a_report_with_impossible_times_is_answered_454(joined: Pair) -> None:
    joined.ven.sample({"pcc.p": Reading(1.0)}, T0)
    joined.ven.sample({"pcc.p": Reading(1.0)}, T0 + 2 * MINUTE)
    (letter,) = joined.ven.outbox.due(T0 + 2 * MINUTE)
    message = letter.message
    assert isinstance(message, UpdateReport)
    (report,) = message.reports
    intervals = [changed(each, duration=Duration("P9999Y")) for each in report.intervals or ()]
    answer = joined.vtn.receive(VEN, changed(message, reports=[changed(report, intervals=intervals)]), T0)
    assert code_of(answer) == Code.INVALID_DATA
    assert not joined.vtn.happened


@pytest.mark.parametrize(
    "offers",
    [
        [OFFER, OFFER],
        [Offer("usage", "TELEMETRY_USAGE", ())],
        [Offer("usage", "TELEMETRY_USAGE", (DataPoint("a"), DataPoint("a")))],
        [Offer("usage", "TELEMETRY_USAGE", (DataPoint("a", minimum=timedelta(milliseconds=1)),))],
        [Offer("usage", "TELEMETRY_USAGE", (DataPoint("a", maximum=2 * HOUR),), kept=HOUR)],
        [Offer("usage", "usage", (DataPoint("a"),))],
    ],
)
def test_an_offer_that_cannot_be_made_is_refused_at_once(offers: list[Offer]) -> None:
    with pytest.raises(LocalError):
        ReportDesk(offers)


# --- both ------------------------------------------------------------------------------------------------------------


def test_a_refusal_is_told_and_what_was_refused_is_not_waited_for(joined: Pair) -> None:
    joined.vtn.request_reports("site", [request("P1M", name="X1")])
    joined.settle(T0)
    (declined,) = [each for each in joined.vtn.happened if isinstance(each, VtnDeclined)]
    assert declined.error.code == Code.INVALID_DATA
    assert "X1" not in joined.vtn.ven("site").requests
    joined.vtn.ven("site").requests.clear()
    joined.ven.sample({"pcc.p": Reading(1.0)}, T0)
    joined.ven.sample({"pcc.p": Reading(1.0)}, T0 + 2 * MINUTE)
    joined.settle(T0 + 2 * MINUTE)
    assert isinstance(joined.ven.happened[-1], Declined)
    assert joined.ven.registered


def test_what_waits_for_a_ven_that_is_away_is_bounded(joined: Pair) -> None:
    for number in range(300):
        joined.vtn.create_event(dispatch(event_id=f"E{number}"), ["site"], T0)
    assert len(joined.vtn.outbox) == 1
    for number in range(1000):
        joined.vtn.request_reports("site", [request(name=f"X{number}")])
    with pytest.raises(LocalError, match="away for too long"):
        joined.vtn.request_reports("site", [request()])
    joined.vtn.cancel_event("E0", T0)
    assert len(joined.vtn.outbox) == 1001


def test_an_answer_names_what_it_answers() -> None:
    opt = CreateOpt(
        opt_id="O1", opt_type=OptType.OPT_IN, opt_reason="economic", ven_id="V", created_date_time=T0, request_id="R"
    )
    answer: Any = Pair().vtn.receive(VEN, opt, T0)
    assert (answer.opt_id, answer.ei_response.request_id, code_of(answer)) == ("O1", "R", Code.NOT_REGISTERED)


def test_a_reason_does_not_grow_with_what_it_quotes(joined: Pair) -> None:
    ids = [f"{number:0100}" for number in range(1000)]
    message = CancelReport(request_id="C", report_request_ids=ids, ven_id=joined.ven.ven_id)
    answer: Any = joined.ven.receive(VTN, message, T0)
    assert len(answer.ei_response.response_description) <= 500


@pytest.mark.parametrize("answer", [None, Poll(ven_id="V"), Response(ei_response=EiResponse())])
def test_a_vtn_that_answers_nonsense_is_left_with_a_reason(pair: Pair, answer: Message | None) -> None:
    pair.ven.start(T0)
    (letter,) = pair.ven.outbox.due(T0)
    assert isinstance(letter.message, QueryRegistration)
    pair.ven.answered(letter, answer, T0)
    (left,) = pair.ven.happened
    assert isinstance(left, Left)
    assert left.error is not None


def refused(retry: Retry | None = WHEN_REFUSED, part: float = 1.0) -> Pair:
    """Return a pair whose VTN has refused the VEN for the first time."""
    pair = Pair()
    pair.ven = VenCore(
        "other", vtn=f"{VTN}/vtn", vtn_identity=VTN, address=f"{VEN}/ems", offers=[OFFER], refused=retry,
        pick=lambda: part,
    )  # fmt: skip
    pair.ven.start(T0)
    pair.settle(T0)
    return pair


def test_a_ven_that_is_refused_goes_on_trying_and_registers_as_soon_as_it_is_known() -> None:
    """The pauses grow to an hour. `Left` tells of the first refusal, `Declined` of those that are like it."""
    pair, now, pauses = refused(), T0, []
    for _ in range(9):
        again = pair.ven.wake()
        assert again is not None
        assert pair.ven.happened[-1].again == again  # type: ignore[union-attr]
        pauses.append((again - now) / MINUTE)
        pair.ven.tick(again - timedelta(seconds=1))
        assert pair.ven.state == "unregistered"
        now = again
        pair.ven.tick(now)
        pair.settle(now)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert [type(each) for each in pair.ven.happened] == [Left] + 9 * [Declined]
    assert all(isinstance(each.error, Rejected) for each in pair.ven.happened if isinstance(each, Left | Declined))
    pair.vtn.add_party(Party("other", VEN))
    pair.ven.tick(now + 60 * MINUTE)
    pair.settle(now + 60 * MINUTE)
    assert pair.ven.registered
    assert isinstance(pair.ven.happened[-1], Joined)
    pair.ven.tick(now + 120 * MINUTE)
    pair.settle(now + 120 * MINUTE)
    assert pair.ven.registered


@pytest.mark.parametrize(("part", "seconds"), [(0.0, 15), (0.2, 24), (1.0, 60)])
def test_a_pause_after_a_refusal_is_left_to_chance(part: float, seconds: float) -> None:
    assert refused(part=part).ven.wake() == T0 + timedelta(seconds=seconds)


def test_a_refusal_for_another_reason_is_told_as_the_first_was() -> None:
    pair = refused()
    pair.ven.tick(T0 + MINUTE)
    (letter,) = pair.ven.outbox.due(T0 + MINUTE)
    pair.ven.refused(letter, NotReachable("no such account", code="item-not-found"), T0 + MINUTE)
    first, second = pair.ven.happened
    assert isinstance(first, Left)
    assert isinstance(second, Left)
    assert isinstance(first.error, Rejected)
    assert not isinstance(second.error, Rejected)
    assert second.again == T0 + 3 * MINUTE


def test_a_ven_that_was_told_to_gives_up() -> None:
    pair = refused(None)
    assert pair.ven.wake() is None
    pair.ven.tick(T0 + 1000 * MINUTE)
    assert pair.ven.state == "unregistered"
    (left,) = pair.ven.happened
    assert isinstance(left, Left)
    assert left.again is None


def test_who_leaves_or_joins_while_a_refused_ven_waits_is_obeyed() -> None:
    pair = refused()
    pair.ven.start(T0 + timedelta(seconds=5))
    assert pair.ven.wake() is None
    pair.settle(T0 + timedelta(seconds=5))
    assert [type(each) for each in pair.ven.happened] == [Left, Left]  # whoever has asked is told
    pair.ven.leave(T0 + MINUTE)
    assert pair.ven.wake() is None
    pair.ven.tick(T0 + 1000 * MINUTE)
    assert pair.ven.state == "unregistered"


def test_a_ven_that_the_vtn_sends_away_does_not_come_back_by_itself(joined: Pair) -> None:
    joined.vtn.cancel_registration("site")
    joined.settle(T0)
    assert joined.ven.state == "unregistered"
    assert joined.ven.wake() is None


def test_a_letter_that_was_dropped_does_not_delay_those_that_came_after() -> None:
    outbox = Outbox()
    outbox.put("a", Poll(ven_id="V"))
    (old,) = outbox.due(T0)
    outbox.drop("a")
    outbox.put("a", Poll(ven_id="W"))
    outbox.failed(old, T0)
    assert not outbox.done(old)
    assert len(outbox.due(T0)) == 1


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_pauses_grow_and_half_of_each_is_left_to_chance(chance: float) -> None:
    outbox, now, pauses = Outbox(chance=lambda: chance), T0, []
    outbox.put("a", Poll(ven_id="V"))
    for _ in range(9):
        (letter,) = outbox.due(now)
        outbox.failed(letter, now)
        again = outbox.wake()
        assert again is not None
        assert outbox.due(again - timedelta(microseconds=1)) == []
        pauses.append((again - now).total_seconds())
        now = again
    assert pauses == pytest.approx([(1 - chance / 2) * whole for whole in (1, 2, 4, 8, 16, 32, 64, 120, 120)])


def test_peers_of_one_that_was_away_do_not_come_all_at_once() -> None:
    outbox = Outbox()
    for number in range(200):
        outbox.put(str(number), Poll(ven_id="V"))
    for letter in outbox.due(T0):
        outbox.failed(letter, T0)
    early = len(outbox.due(T0 + timedelta(seconds=0.75)))
    assert 50 < early < 150
    assert early + len(outbox.due(T0 + timedelta(seconds=1))) == 200
