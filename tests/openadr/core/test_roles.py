"""Both roles as cores: letters carried by hand, time moved by hand."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from janusgrid.common.errors import LocalError, UnknownName
from janusgrid.openadr.core.answers import Code, Rejected
from janusgrid.openadr.core.event_inbox import Change, EventChange
from janusgrid.openadr.core.outbox import Outbox
from janusgrid.openadr.core.report_desk import DataPoint, Offer, Reading
from janusgrid.openadr.core.ven import Asked, Joined, Left, VenCore
from janusgrid.openadr.core.ven_book import Party
from janusgrid.openadr.core.vtn import Offered, Opted, Registered, Telemetry, VtnCore
from janusgrid.openadr.events import MARKET, event, kilowatts, load_dispatch, price
from janusgrid.openadr.model import (
    CancelReport,
    CreatedEvent,
    CreatedReport,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    Duration,
    EiEvent,
    EiTarget,
    EventResponse,
    EventStatus,
    Message,
    OptType,
    Poll,
    QualifiedEventId,
    RegisterReport,
    Report,
    ReportRequest,
    ReportSpecifier,
    RequestEvent,
    RequestReregistration,
    Response,
    SignalType,
    SpecifierPayload,
    TransportName,
    UpdateReport,
    changed,
)

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
VTN, VEN = "vtn@utility.example", "ems@site.example"
OFFER = Offer("usage", "TELEMETRY_USAGE", (DataPoint("pcc.p", kilowatts()), DataPoint("DG750.p", kilowatts())))


class Pair:
    """A VTN and a VEN, and the road between them."""

    def __init__(self) -> None:
        count = itertools.count(1)
        new_id = lambda prefix: f"{prefix}{next(count)}"  # noqa: E731
        parties = [Party("site", VEN)]
        self.vtn = VtnCore("VTN1", parties, choose=lambda ven, report: (MINUTE, 2 * MINUTE), new_id=new_id)
        self.ven = VenCore(
            "site", vtn=f"{VTN}/vtn", vtn_identity=VTN, address=f"{VEN}/ems", offers=[OFFER], new_id=new_id
        )
        self.road: list[Message] = []

    def settle(self, now: datetime, *, lose_answer_of: type[Message] | None = None) -> None:
        """Carry every letter that is due, until none is."""
        moved = True
        while moved:
            moved = False
            for letter in self.ven.outbox.due(now):
                answer = self.vtn.receive(VEN, letter.message, now)
                self.road += [letter.message, answer]
                if isinstance(letter.message, lose_answer_of or ()):
                    self.ven.outbox.failed(letter, now)
                    lose_answer_of = None
                else:
                    self.ven.answered(letter, answer, now)
                moved = True
            for letter in self.vtn.outbox.due(now):
                answer = self.ven.receive(VTN, letter.message, now)
                self.road += [letter.message, answer]
                self.vtn.answered(letter, answer, now)
                moved = True

    def names(self) -> list[str]:
        return [type(message).__name__ for message in self.road]


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture
def joined(pair: Pair) -> Pair:
    pair.ven.start(T0)
    pair.settle(T0)
    pair.road.clear()
    pair.ven.happened.clear()
    pair.vtn.happened.clear()
    return pair


def dispatch(kilowatt: float = 1000.0, start: datetime = T0 + 10 * MINUTE, event_id: str = "E1") -> EiEvent:
    hour = timedelta(hours=1)
    market = f"{MARKET}/{event_id}"  # those of one market context may not overlap
    return load_dispatch(
        kilowatt, start=start, duration=hour, created=T0, ramp_up=10 * MINUTE, event_id=event_id, market=market
    )


# --- registration ----------------------------------------------------------------------------------------------------


def test_a_ven_registers_in_the_order_of_the_profile(pair: Pair) -> None:
    pair.ven.start(T0)
    pair.settle(T0)
    assert pair.names() == [
        "QueryRegistration", "CreatedPartyRegistration",
        "CreatePartyRegistration", "CreatedPartyRegistration",
        "RegisterReport", "RegisteredReport",
        "CreatedReport", "Response",
        "RequestEvent", "DistributeEvent",
    ]  # fmt: skip
    assert pair.ven.registered
    assert [type(h) for h in pair.ven.happened] == [Asked, Joined]
    assert [type(h) for h in pair.vtn.happened] == [Registered, Offered]
    first = pair.road[2]
    assert isinstance(first, CreatePartyRegistration)
    assert first.registration_id is None  # rule 404
    assert first.ven_id is None
    metadata = pair.road[4]
    assert isinstance(metadata, RegisterReport)
    assert [r.report_request_id for r in metadata.reports] == ["0"]  # rule 311
    assert metadata.reports[0].report_name == "METADATA_TELEMETRY_USAGE"
    pending = pair.road[6]
    assert isinstance(pending, CreatedReport)
    assert len(pending.pending_reports) == 1  # rule 329


@pytest.mark.parametrize(
    ("name", "identity", "address"),
    [("stranger", VEN, f"{VEN}/ems"), ("site", "mallory@site.example", "mallory@site.example/x")],
)
def test_only_agreed_parties_register(pair: Pair, name: str, identity: str, address: str) -> None:
    message = CreatePartyRegistration(
        request_id="R", ven_name=name, transport_name=TransportName.XMPP, transport_address=address
    )
    answer = pair.vtn.receive(identity, message, T0)
    assert answer.ei_response.response_code == Code.NOT_REGISTERED  # type: ignore[attr-defined]
    assert answer.ei_response.request_id == "R"  # type: ignore[attr-defined]
    assert pair.vtn.vens == ()


def test_a_refused_registration_ends_with_its_reason(pair: Pair) -> None:
    pair.ven.office.ven_name = "unknown"
    pair.ven.start(T0)
    pair.settle(T0)
    left = pair.ven.happened[-1]
    assert isinstance(left, Left)
    assert left.error is not None
    assert left.error.code == Code.NOT_REGISTERED
    assert pair.ven.state == "unregistered"


def test_registering_again_keeps_the_ids_and_the_reports(joined: Pair) -> None:
    before = joined.ven.ven_id, joined.ven.registration_id, joined.ven.reports.pending
    joined.ven.receive(VTN, RequestReregistration(ven_id=joined.ven.ven_id), T0)
    joined.settle(T0)
    assert joined.ven.registered
    assert (joined.ven.ven_id, joined.ven.registration_id) == before[:2]


def test_a_vtn_that_has_forgotten_the_ven_makes_it_register_anew(joined: Pair) -> None:
    fresh = Pair()
    joined.vtn = fresh.vtn  # the VTN was restarted without its memory
    joined.ven.sample({"pcc.p": Reading(1.0)}, T0 + 2 * MINUTE)
    joined.settle(T0 + 2 * MINUTE)
    assert joined.ven.registered
    assert joined.vtn.vens[0].ven_id == joined.ven.ven_id


def test_leaving_ends_the_registration_on_both_sides(joined: Pair) -> None:
    joined.ven.leave(T0)
    joined.settle(T0)
    assert joined.vtn.vens == ()
    assert joined.ven.state == "unregistered"


@pytest.mark.parametrize("identity", ["mallory@site.example", "vtn@utility.example.evil"])
def test_a_ven_listens_to_its_own_vtn_only(joined: Pair, identity: str) -> None:
    message = DistributeEvent(request_id="D", vtn_id="VTN1")
    answer = joined.ven.receive(identity, message, T0)
    assert answer.ei_response.response_code == Code.NOT_REGISTERED  # type: ignore[attr-defined]


def test_a_ven_id_belongs_to_its_identity(joined: Pair) -> None:
    """Rule 21: another account cannot speak for a registered VEN."""
    message = UpdateReport(request_id="U", ven_id=joined.ven.ven_id)
    answer = joined.vtn.receive("mallory@site.example", message, T0)
    assert answer.ei_response.response_code == Code.NOT_REGISTERED  # type: ignore[attr-defined]
    assert not joined.vtn.happened


@pytest.mark.parametrize("message", [RequestReregistration(ven_id="V"), DistributeEvent(request_id="D", vtn_id="X")])
def test_what_is_not_for_a_vtn_is_not_recognized(joined: Pair, message: Message) -> None:
    answer = joined.vtn.receive(VEN, message, T0)
    assert isinstance(answer, Response)
    assert answer.ei_response.response_code == Code.NOT_RECOGNIZED


# --- events ----------------------------------------------------------------------------------------------------------


def test_an_event_is_sent_decided_and_answered(joined: Pair) -> None:
    booked = joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    (change,) = joined.ven.happened
    assert isinstance(change, EventChange)
    assert change.change is Change.NEW
    assert booked.unanswered == {joined.ven.ven_id}
    joined.ven.decide("E1", OptType.OPT_IN, T0)
    joined.settle(T0)
    assert booked.opt(joined.ven.ven_id) is OptType.OPT_IN
    assert isinstance(joined.vtn.happened[-1], Opted)
    sent, answer = joined.road[0], joined.road[2]
    assert isinstance(sent, DistributeEvent)
    assert isinstance(answer, CreatedEvent)
    assert answer.ei_response.request_id == ""  # rule 42
    assert answer.event_responses is not None
    assert answer.event_responses[0].request_id == sent.request_id


def test_status_and_current_value_follow_the_time(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    ven_id = joined.ven.ven_id

    def shown(minutes: float) -> list[tuple[EventStatus, float | None]]:
        sent = joined.vtn.events.for_ven(ven_id, T0 + minutes * MINUTE)
        return [(e.ei_event.event_descriptor.event_status, e.ei_event.ei_event_signals[0].current_value) for e in sent]

    assert shown(-1) == [(EventStatus.FAR, 0.0)]
    assert shown(0) == [(EventStatus.NEAR, 0.0)]
    assert shown(10) == [(EventStatus.ACTIVE, 1000.0)]
    assert shown(69) == [(EventStatus.ACTIVE, 1000.0)]
    assert shown(70) == []


def test_all_events_travel_together_in_the_order_of_rule_15(joined: Pair) -> None:
    for name, start, priority in (("late", 90, 1), ("soon", 30, 9), ("low", 0, 5), ("high", -5, 1)):
        made = event(
            "LOAD_DISPATCH", SignalType.SETPOINT, [(60 * MINUTE, 1.0)], start=T0 + start * MINUTE,
            created=T0, item=kilowatts(), priority=priority, event_id=name, market=f"{MARKET}/{name}",
        )  # fmt: skip
        joined.vtn.create_event(made, ["site"], T0)
    joined.settle(T0)
    assert len([m for m in joined.road if isinstance(m, DistributeEvent)]) == 1
    sent = joined.vtn.events.for_ven(joined.ven.ven_id, T0)
    assert [e.ei_event.event_descriptor.event_id for e in sent] == ["high", "low", "soon", "late"]
    assert len(joined.vtn.events.for_ven(joined.ven.ven_id, T0, limit=2)) == 2


def test_modifying_counts_and_a_lower_number_is_refused(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    joined.ven.happened.clear()
    old = joined.road[0]
    joined.vtn.modify_event(dispatch(800.0), T0)
    joined.settle(T0)
    (change,) = joined.ven.happened
    assert isinstance(change, EventChange)
    assert change.change is Change.MODIFIED
    assert change.known.event.event_descriptor.modification_number == 1
    assert isinstance(old, DistributeEvent)
    joined.ven.receive(VTN, old, T0)
    joined.road.clear()
    joined.settle(T0)
    answer = joined.road[0]
    assert isinstance(answer, CreatedEvent)
    assert answer.event_responses is not None
    assert answer.event_responses[0].response_code == Code.OUT_OF_SEQUENCE
    assert "rule 58" in (answer.event_responses[0].response_description or "")


def test_cancelling_is_confirmed_by_itself(joined: Pair) -> None:
    booked = joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    joined.ven.decide("E1", OptType.OPT_IN, T0)
    joined.settle(T0)
    joined.ven.happened.clear()
    joined.vtn.cancel_event("E1", T0, "not needed")
    joined.settle(T0)
    (change,) = joined.ven.happened
    assert isinstance(change, EventChange)
    assert change.change is Change.CANCELLED
    assert booked.opt(joined.ven.ven_id) is OptType.OPT_IN  # rule 36
    assert joined.vtn.events.for_ven(joined.ven.ven_id, T0) == ()
    with pytest.raises(LocalError, match="cancelled"):
        joined.vtn.modify_event(dispatch(), T0)


def test_a_missing_event_is_cancelled_by_implication(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    joined.ven.happened.clear()
    joined.ven.receive(VTN, DistributeEvent(request_id="D", vtn_id="VTN1"), T0)
    (change,) = joined.ven.happened
    assert isinstance(change, EventChange)
    assert change.change is Change.IMPLICITLY_CANCELLED


def test_good_and_bad_events_are_answered_each_for_itself(joined: Pair) -> None:
    """Rules 19, 22 and 109."""
    booked = joined.vtn.create_event(dispatch(), ["site"], T0)
    (good,) = joined.vtn.events.for_ven(joined.ven.ven_id, T0)
    descriptor = changed(good.ei_event.event_descriptor, event_id="E2")
    target = EiTarget(ven_ids=["OTHER"])
    elsewhere = changed(good, ei_event=changed(good.ei_event, event_descriptor=descriptor, ei_target=target))
    prices = price(0.2, start=T0, duration=MINUTE, created=T0, event_id="E3")
    message = DistributeEvent(request_id="D", vtn_id="VTN1", events=[good, elsewhere, changed(good, ei_event=prices)])
    joined.vtn.outbox.drop(f"{VEN}/ems")
    assert joined.ven.receive(VTN, message, T0).ei_response.ok  # type: ignore[attr-defined]
    joined.settle(T0)
    answer = joined.road[0]
    assert isinstance(answer, CreatedEvent)
    codes = {r.qualified_event_id.event_id: r.response_code for r in answer.event_responses or ()}
    assert codes == {"E2": Code.TARGET_MISMATCH, "E3": Code.SIGNAL_NOT_SUPPORTED}
    assert booked.opt(joined.ven.ven_id) is None
    assert len(joined.ven.events) == 1


@pytest.mark.parametrize(
    ("identity", "code"),
    [(("E9", 0), Code.INVALID_ID), (("E1", 7), Code.OUT_OF_SEQUENCE)],
)
def test_an_answer_to_no_event_or_another_modification_is_refused(
    joined: Pair, identity: tuple[str, int], code: Code
) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    response = EventResponse(
        request_id="D",
        qualified_event_id=QualifiedEventId(event_id=identity[0], modification_number=identity[1]),
        opt_type=OptType.OPT_IN,
    )
    message = CreatedEvent(event_responses=[response], ven_id=joined.ven.ven_id)
    answer = joined.vtn.receive(VEN, message, T0)
    assert answer.ei_response.response_code == code  # type: ignore[attr-defined]


def test_an_event_for_a_ven_that_is_not_registered_is_the_callers_mistake(joined: Pair) -> None:
    with pytest.raises(UnknownName, match="no such VEN"):
        joined.vtn.create_event(dispatch(), ["VEN-unknown"], T0)


def test_rules_hold_for_what_the_vtn_makes(joined: Pair) -> None:
    short = changed(dispatch(), ei_active_period=changed(dispatch().ei_active_period, duration=Duration("PT30M")))
    with pytest.raises(LocalError, match="rule 8"):
        joined.vtn.create_event(short, ["site"], T0)
    joined.vtn.create_event(dispatch(), ["site"], T0)
    with pytest.raises(LocalError, match="already"):
        joined.vtn.create_event(dispatch(), ["site"], T0)


def test_a_request_for_events_is_answered_with_a_response(joined: Pair) -> None:
    answer = joined.vtn.receive(VEN, RequestEvent(request_id="R9", ven_id=joined.ven.ven_id), T0)
    assert isinstance(answer, DistributeEvent)
    assert answer.ei_response is not None  # rule 40
    assert answer.ei_response.request_id == "R9"


def test_an_event_that_could_not_be_delivered_is_delivered_later(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    (letter,) = joined.vtn.outbox.due(T0)
    joined.vtn.outbox.failed(letter, T0)
    assert joined.vtn.outbox.due(T0) == []
    again = joined.vtn.outbox.wake()
    assert again is not None
    assert T0 + timedelta(seconds=0.5) <= again <= T0 + timedelta(seconds=1)
    joined.vtn.outbox.kick(joined.ven.ven_id)
    joined.settle(T0)
    assert joined.ven.happened


# --- reports ---------------------------------------------------------------------------------------------------------


def run_reports(joined: Pair, minutes: int) -> list[Telemetry]:
    for step in range(minutes + 1):
        now = T0 + step * MINUTE
        wanted = joined.ven.wanted(now)
        joined.ven.sample({r_id: Reading(100.0 + step) for r_id in wanted}, now)
        joined.settle(now)
    return [happening for happening in joined.vtn.happened if isinstance(happening, Telemetry)]


def test_telemetry_is_sampled_at_its_granularity_and_sent_at_its_time(joined: Pair) -> None:
    received = run_reports(joined, 6)
    samples = [s for telemetry in received for s in telemetry.samples if s.r_id == "pcc.p"]
    assert [s.time for s in samples] == [T0 + n * MINUTE for n in range(7)]
    assert [s.value for s in samples] == [100.0 + n for n in range(7)]
    assert {len(t.samples) for t in received} <= {4, 6}  # two points, two or three samples each
    assert all(s.duration == MINUTE for s in samples)


def test_a_report_sent_again_after_a_lost_answer_counts_once(joined: Pair) -> None:
    joined.ven.sample({"pcc.p": Reading(1.0), "DG750.p": Reading(2.0)}, T0)
    joined.ven.sample({"pcc.p": Reading(1.0), "DG750.p": Reading(2.0)}, T0 + 2 * MINUTE)
    joined.settle(T0 + 2 * MINUTE, lose_answer_of=UpdateReport)
    joined.settle(T0 + 3 * MINUTE)
    assert joined.names().count("UpdateReport") == 2
    assert len([h for h in joined.vtn.happened if isinstance(h, Telemetry)]) == 1
    assert len(joined.ven.outbox) == 0


def test_reports_that_were_not_asked_for_are_refused(joined: Pair) -> None:
    report = Report(
        report_request_id="RR-none", report_specifier_id="usage", report_name="TELEMETRY_USAGE", created_date_time=T0
    )
    message = UpdateReport(request_id="U", ven_id=joined.ven.ven_id, reports=[report])
    answer = joined.vtn.receive(VEN, message, T0)
    assert answer.ei_response.response_code == Code.INVALID_ID  # type: ignore[attr-defined]
    assert "rule 304" in answer.ei_response.response_description  # type: ignore[attr-defined]
    assert not joined.vtn.happened


def request(
    specifier: str = "usage", r_id: str = "pcc.p", granularity: str = "PT1M", name: str = "X1"
) -> ReportRequest:
    return ReportRequest(
        report_request_id=name,
        report_specifier=ReportSpecifier(
            report_specifier_id=specifier,
            granularity=Duration(granularity),
            report_back_duration=Duration("PT0S"),
            specifier_payloads=[SpecifierPayload(r_id=r_id)],
        ),
    )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (request(specifier="other"), Code.REPORT_NOT_SUPPORTED),
        (request(r_id="pcc.q"), Code.INVALID_ID),
        (request(name="0"), Code.INVALID_ID),
    ],
)
def test_a_report_that_cannot_be_delivered_is_refused(joined: Pair, wrong: ReportRequest, code: Code) -> None:
    message = CreateReport(request_id="R", report_requests=[wrong], ven_id=joined.ven.ven_id)
    answer = joined.ven.receive(VTN, message, T0)
    assert isinstance(answer, CreatedReport)
    assert answer.ei_response.response_code == code
    assert len(answer.pending_reports) == 1


def test_a_report_asked_for_once_is_sent_once(joined: Pair) -> None:
    joined.vtn.request_reports("site", [request(granularity="PT0S")])
    joined.settle(T0)
    received = [t for t in run_reports(joined, 5) if t.report.report_request_id == "X1"]
    assert len(received) == 1
    assert joined.ven.reports.pending != ("X1",)


def test_a_cancelled_report_ends(joined: Pair) -> None:
    pending = joined.ven.reports.pending
    message = CancelReport(request_id="C", report_request_ids=pending, ven_id=joined.ven.ven_id)
    answer = joined.ven.receive(VTN, message, T0)
    assert answer.pending_reports == ()  # type: ignore[attr-defined]
    assert joined.ven.wanted(T0 + timedelta(hours=1)) == frozenset()
    again = joined.ven.receive(VTN, message, T0)
    assert again.ei_response.response_code == Code.INVALID_ID  # type: ignore[attr-defined]


def test_an_outbox_is_bounded() -> None:
    outbox = Outbox(capacity=3)
    for _ in range(3):
        outbox.put("a", Poll(ven_id="V"))
    with pytest.raises(LocalError, match="away for too long"):
        outbox.put("a", Poll(ven_id="V"))
    outbox.put("b", Poll(ven_id="V"))


def test_a_rejection_says_code_and_rule() -> None:
    error = Rejected(Code.OUT_OF_SEQUENCE, "modification 1 after 2", rule=58)
    assert str(error) == "modification 1 after 2 (rule 58) [450]"
