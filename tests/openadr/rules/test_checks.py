"""Every check, on a message that keeps it and on one that breaks it; and the two roles by them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from janusgrid.common.errors import LocalError
from janusgrid.openadr.core.event_book import EventBook
from janusgrid.openadr.core.event_inbox import EventInbox
from janusgrid.openadr.core.report_offers import DataPoint, Offer
from janusgrid.openadr.events import baseline, compose, kilowatts, load_control, load_dispatch, price, signal, simple
from janusgrid.openadr.model import (
    CreatedEvent,
    CreatePartyRegistration,
    CreateReport,
    Currency,
    DistributeEvent,
    Duration,
    EiEvent,
    EiResponse,
    EiTarget,
    EnergyReal,
    Event,
    EventResponse,
    EventStatus,
    Interval,
    LoadControlState,
    LoadControlValue,
    Message,
    OptType,
    PayloadResourceStatus,
    Poll,
    QualifiedEventId,
    RegisterReport,
    Report,
    ReportDescription,
    ReportPayload,
    ReportRequest,
    ReportSpecifier,
    SamplingRate,
    SignalPayload,
    SignalType,
    SpecifierPayload,
    Tolerance,
    TransportName,
    UpdateReport,
    WsCalendarInterval,
    changed,
)
from janusgrid.openadr.rules import RULES, Grade, Kind, Rule, check

from tests.openadr.core.report_pair import VEN, VTN, Pair

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def good(**about: Any) -> EiEvent:
    """Return an event that breaks nothing."""
    return load_dispatch([(HOUR, 5), (HOUR, 6)], start=T0 + HOUR, created=T0, event_id="E1", **about)


def spoilt(event: EiEvent | None = None, **fields: Any) -> EiEvent:
    """Return an event with other fields, in whichever part of it they stand."""
    event = event or good()
    parts = {
        "event_descriptor": event.event_descriptor,
        "ei_active_period": event.ei_active_period,
    }
    for name, value in fields.items():
        for part in parts:
            if hasattr(parts[part], name):
                parts[part] = changed(parts[part], **{name: value})
    return changed(event, **parts)


def signals(event: EiEvent | None = None, **fields: Any) -> EiEvent:
    """Return an event whose first signal has other fields."""
    event = event or good()
    first, *rest = event.ei_event_signals
    return changed(event, ei_event_signals=[changed(first, **fields), *rest])


def intervals(change: Callable[[list[Interval]], list[Interval]]) -> EiEvent:
    return signals(intervals=change(list(good().ei_event_signals[0].intervals)))


def sent(*events: EiEvent) -> DistributeEvent:
    return DistributeEvent(request_id="D", vtn_id="V", events=[Event(ei_event=event) for event in events])


def answer(code: str = "200", request_id: str = "", responses: int = 1) -> CreatedEvent:
    response = EventResponse(
        request_id="D", qualified_event_id=QualifiedEventId(event_id="E1"), opt_type=OptType.OPT_IN
    )
    return CreatedEvent(
        ei_response=EiResponse(response_code=code, request_id=request_id), ven_id="V",
        event_responses=[response] * responses if responses else None,
    )  # fmt: skip


def offer(name: str = "TELEMETRY_USAGE", **fields: Any) -> Report:
    status = "STATUS" in name
    point = ReportDescription(
        r_id="p", report_type="x-resourceStatus" if status else "usage", item_base=None if status else kilowatts(),
        reading_type="x-notApplicable" if status else "Direct Read",
        sampling_rate=SamplingRate(min_period=Duration("PT1M"), max_period=Duration("PT1H")),
    )  # fmt: skip
    made = Report(
        duration=Duration("PT1H"), descriptions=[point], report_specifier_id=name, report_name=f"METADATA_{name}",
        created_date_time=T0,
    )  # fmt: skip
    return changed(made, **fields)


def offers(*reports: Report) -> RegisterReport:
    both = (offer(), offer("TELEMETRY_STATUS"))
    return RegisterReport(request_id="R", ven_id="V", reports=reports or both)


def point(report: Report, **fields: Any) -> Report:
    return changed(report, descriptions=[changed(report.descriptions[0], **fields)])


def request(name: str = "RR1", specifier: str = "usage", r_id: str = "p", **fields: Any) -> ReportRequest:
    item = fields.pop("item_base", None)
    made = ReportSpecifier(
        report_specifier_id=specifier, granularity=Duration("PT1M"), report_back_duration=Duration("PT1M"),
        specifier_payloads=[SpecifierPayload(r_id=r_id, item_base=item)],
    )  # fmt: skip
    return ReportRequest(report_request_id=name, report_specifier=changed(made, **fields))


def requests(*asked: ReportRequest) -> CreateReport:
    return CreateReport(request_id="R", report_requests=asked or [request()], ven_id="V")


def update(*values: Interval, **fields: Any) -> UpdateReport:
    values = values or (interval(0), interval(1))
    made = Report(
        dtstart=T0, intervals=values, report_request_id="RR1", report_specifier_id="usage",
        report_name="TELEMETRY_USAGE", created_date_time=T0,
    )  # fmt: skip
    return UpdateReport(request_id="U", ven_id="V", reports=[changed(made, **fields)])


def interval(n: int, value: Any = 1.0, **fields: Any) -> Interval:
    payload = ReportPayload(r_id="p", value=value)
    return changed(Interval(dtstart=T0 + n * MINUTE, duration=Duration("PT1M"), payloads=[payload]), **fields)


def state(**parts: Any) -> PayloadResourceStatus:
    values = {name: LoadControlValue(current=float(value)) for name, value in parts.items()}
    return PayloadResourceStatus(online=True, manual_override=False, load_control_state=LoadControlState(**values))


def with_baseline(change: Callable[[Any], Any]) -> EiEvent:
    return changed(good(), ei_event_baseline=change(baseline([(HOUR, 1), (HOUR, 2)], start=T0)))


EURO = Currency(item_units="EUR")
LEVELS = simple(2, start=T0 + HOUR, duration=HOUR, created=T0)
PRICE = price(0.2, start=T0, duration=HOUR, created=T0)
BROKEN: list[tuple[str, Message, str]] = [
    ("calendar", sent(spoilt(duration="-PT1H")), "negative"),
    ("calendar", sent(spoilt(duration="P9999Y")), "beyond the calendar"),
    ("calendar", sent(spoilt(tolerance=Tolerance(startafter="P1M"))), "months"),
    ("rule_2", sent(intervals(lambda all: [all[0], changed(all[1], uid="0")])), "uid '0'"),
    ("rule_2", sent(intervals(lambda all: [all[0], changed(all[1], uid=None)])), "uid None"),
    ("rule_8", sent(intervals(lambda all: all[:1])), "do not fill"),
    ("rule_8", sent(intervals(lambda all: [changed(all[0], duration="PT0S"), all[1]])), "no length"),
    ("rule_9", sent(signals(signal_name="SIMPLE", signal_type="level", item_base=None)), "not 5"),
    ("rule_13", sent(spoilt(event_status=EventStatus.ACTIVE)), "it is far"),
    ("rule_14", sent(signals(current_value=5.0)), "it is 0"),
    ("rule_15", sent(good(), load_dispatch(1, start=T0, duration=MINUTE, created=T0)), "too late"),
    ("rule_100", sent(intervals(lambda all: [changed(all[0], payloads=[SignalPayload(1.0)] * 2), all[1]])), "one"),
    ("rule_100", sent(intervals(lambda all: [changed(all[0], payloads=[SignalPayload(state())]), all[1]])), "number"),
    ("rule_105", sent(spoilt(notification=None)), "notification"),
    ("rule_116", sent(signals(LEVELS, signal_type="delta")), "is a level"),
    ("units", sent(signals(item_base=EnergyReal())), "not in energyReal"),
    ("units", sent(signals(item_base=None)), "not in no unit"),
    ("units", sent(signals(PRICE, item_base=None)), "currencyPerKwh"),
    ("units", sent(signals(signal_name="simple", signal_type="level")), "no unit"),
    ("remembered", sent(signals(signal_type="price")), "LOAD_DISPATCH is setpoint or delta"),
    ("remembered", sent(signals(signal_name="BID_PRICE", signal_type="price")), "currency"),
    ("remembered", sent(signals(signal_name="DEMAND_CHARGE", signal_type="price", item_base=EURO)), "currencyPerKw"),
    ("remembered", sent(signals(signal_name="CHARGE_STATE")), "energy"),
    ("remembered", sent(signals(signal_name="LOAD_CONTROL")), "x-loadControlCapacity"),
    ("signal_ids", sent(changed(good(), ei_event_signals=good().ei_event_signals * 2)), "more than once"),
    ("no_starts", sent(intervals(lambda all: [changed(all[0], dtstart=T0), all[1]])), "has a dtstart"),
    ("baseline", sent(with_baseline(lambda base: changed(base, duration="PT1H"))), "do not fill"),
    ("baseline", sent(with_baseline(lambda base: changed(base, intervals=base.intervals[1:]))), "uid '1'"),
    ("created", sent(spoilt(created_date_time=T0 - 6 * MINUTE)), "not now"),
    ("device_classes", sent(signals(ei_target=EiTarget(end_device_assets=["Toaster"]))), "Toaster"),
    ("signal_targets", sent(signals(ei_target=EiTarget(group_ids=["g"]))), "group_ids"),
    ("event_ids", sent(good(), good()), "more than once"),
    ("one_ven", sent(changed(good(), ei_target=EiTarget(ven_ids=["A", "B"]))), "2 venIDs"),
    ("no_overlap", sent(good(), spoilt(event_id="E2")), "overlaps event E1"),
    ("overlap", sent(good(), spoilt(event_id="E2", market_context="http://other")), "overlaps event E1"),
    ("rule_25", answer(responses=0), "no eventResponses"),
    ("rule_35", answer("454"), "and yet"),
    ("root_request_id", answer(request_id="D"), "beside"),
    ("rule_509", Poll(ven_id="V", schema_version=None), "missing"),
    ("rule_509", Poll(ven_id="V", schema_version="2.0a"), "not 2.0b"),
    ("full_jid", CreatePartyRegistration(request_id="R", transport_name=TransportName.XMPP, transport_address="a@b"),
     "no full JID"),
    ("rule_305", offers(point(offer(), item_base=None), offer("TELEMETRY_STATUS")), "neither"),
    ("rule_311", offers(offer(report_request_id="7"), offer("TELEMETRY_STATUS")), "not 0"),
    ("rule_312", offers(offer(duration=None), offer("TELEMETRY_STATUS")), "no duration"),
    ("rule_312", offers(offer(duration="PT30M"), offer("TELEMETRY_STATUS")), "above PT30M"),
    ("rule_331", offers(point(offer(), reading_type="Net"), offer("TELEMETRY_STATUS")), "Net"),
    ("rule_331", offers(offer(), point(offer("TELEMETRY_STATUS"), item_base=kilowatts())), "x-resourceStatus"),
    ("rule_510", offers(offer()), "TELEMETRY_STATUS is not offered"),
    ("offers", offers(offer(), offer("TELEMETRY_STATUS", report_name="TELEMETRY_STATUS")), "METADATA_"),
    ("offer_ids", offers(offer(), offer("TELEMETRY_STATUS", report_specifier_id="TELEMETRY_USAGE")), "more than once"),
    ("offer_ids", offers(changed(offer(), descriptions=2 * offer().descriptions), offer("TELEMETRY_STATUS")),
     "an rID of"),
    ("offers", offers(offer(), offer("TELEMETRY_STATUS", dtstart=T0)), "no dtstart"),
    ("rule_306", requests(request(specifier="METADATA")), "rID 0"),
    ("rule_321", requests(request(item_base=kilowatts())), "units"),
    ("rule_321", requests(request(report_interval=WsCalendarInterval(dtstart=T0, duration=HOUR, ramp_up="PT1M"))),
     "more than a start"),
    ("request_ids", requests(request("0")), "cannot be used"),
    ("request_ids", requests(request(), request()), "cannot be used"),
    ("rule_314", update(interval(0, dtstart=None, duration=None), dtstart=None), "nowhere"),
    ("rule_342", update(interval(0), interval(1, duration=None)), "duration"),
    ("values", update(report_name="METADATA_TELEMETRY_USAGE"), "METADATA_TELEMETRY_USAGE"),
    ("values", update(descriptions=offer().descriptions), "no descriptions"),
    ("values", update(intervals=None), "no values"),
    ("values", update(dtstart=T0 + MINUTE), "first interval"),
    ("load_control", update(interval(0, state(capacity=1)), interval(1, state(set_point=1))), "other parts"),
]  # fmt: skip


def test_what_is_good_breaks_nothing() -> None:
    levels = simple([(MINUTE, 1), (MINUTE, 3)], start=T0 + HOUR, created=T0)
    devices = load_control(
        0.5, SignalType.X_LOAD_CONTROL_CAPACITY, start=T0 + 3 * HOUR, duration=HOUR, created=T0, devices=["Sauna"]
    )
    for message in (
        sent(good(baseline=baseline([(HOUR, 1)], start=T0)), devices), sent(levels), sent(), answer(),
        answer("454", responses=0),
        offers(), requests(), requests(request(specifier="METADATA", r_id="0")), update(), Poll(ven_id="V"),
    ):  # fmt: skip
        assert [str(finding) for finding in check(message, T0)] == []


@pytest.mark.parametrize(("name", "message", "reason"), BROKEN)
def test_what_breaks_a_rule_is_found(name: str, message: Message, reason: str) -> None:
    found = [f for f in check(message, T0) if f.rule.function is not None and f.rule.function.__name__ == name]
    assert any(reason in finding.message for finding in found), [str(f) for f in check(message, T0)]


def test_a_bad_code_is_found() -> None:
    from janusgrid.openadr.model import Response

    (found,) = check(Response(ei_response=EiResponse(response_code="500")))
    assert str(found) == "500 is no code of OpenADR (rule 48)"
    assert found.at == ("ei_response",)


def test_every_check_of_a_message_is_broken_here() -> None:
    names = {name for name, _, _ in BROKEN} | {"rule_48"}
    of_messages = {
        rule.function.__name__ for rule in RULES
        if rule.kind is Kind.CHECK and rule.function is not None and not rule.where.endswith("documents")
    }  # fmt: skip
    assert of_messages == names


EVENTS = [
    (name, message.events[0].ei_event) for name, message, _ in BROKEN
    if isinstance(message, DistributeEvent) and len(message.events) == 1
]  # fmt: skip


def rule(name: str) -> Rule:
    return next(each for each in RULES if each.function is not None and each.function.__name__ == name)


@pytest.mark.parametrize(
    ("name", "event"), [each for each in EVENTS if not rule(each[0]).timed and each[0] != "one_ven"]
)
def test_a_vtn_sends_no_event_that_breaks_a_rule(name: str, event: EiEvent) -> None:
    if rule(name).grade is Grade.ERROR:
        with pytest.raises(LocalError):
            EventBook().add(event, ["V"], T0)
    else:
        booked = EventBook().add(event, ["V"], T0)
        assert rule(name) in [warning.rule for warning in booked.warnings]


@pytest.mark.parametrize(("name", "event"), EVENTS)
def test_a_ven_refuses_an_event_that_could_be_misread(name: str, event: EiEvent) -> None:
    target = EiTarget(ven_ids=event.ei_target.ven_ids)
    inbox = EventInbox(
        target.ven_ids[0] if target.ven_ids else "V",
        frozenset(str(each.signal_name) for each in event.ei_event_signals),
    )
    changes, answers = inbox.receive(sent(event), T0)
    refused = rule(name).harmful or (name == "units" and event.ei_event_signals[0].item_base is not None)
    if refused:
        (response,) = answers
        assert not changes
        assert response.response_code in ("454", "460")
        number = rule(name).number or (109 if name == "units" else None)
        assert number is None or f"(rule {number})" in (response.response_description or "")
    else:
        assert len(changes) == 1


REPORTS = [each for each in BROKEN if isinstance(each[1], RegisterReport | CreateReport | UpdateReport)]


@pytest.mark.parametrize("up", [True, False], ids=["from the VEN", "from the VTN"])
@pytest.mark.parametrize(("name", "message", "reason"), REPORTS)
def test_either_role_refuses_a_report_that_could_be_misread(
    name: str, message: RegisterReport | CreateReport | UpdateReport, reason: str, up: bool
) -> None:
    """With the code and the number of the rule; and lets pass what does no harm."""
    pair = Pair(up=up, offers=[Offer("usage", "TELEMETRY_USAGE", (DataPoint("p", kilowatts()),))])
    running = pair.ask("usage", every=5 * MINUTE)
    by_source = not isinstance(message, CreateReport)
    to_vtn = up is by_source
    message = changed(message, ven_id=pair.ven.ven_id)
    if isinstance(message, UpdateReport):
        name_of = changed(message.reports[0], report_request_id=running.report_request_id)
        message = changed(message, reports=[name_of])
    answer: Any = pair.vtn.receive(VEN, message, T0) if to_vtn else pair.ven.receive(VTN, message, T0)
    response = answer.ei_response
    broken = rule(name)
    if broken.harmful:
        assert response.response_code == broken.code
        assert reason in response.response_description
        assert broken.number is None or f"(rule {broken.number})" in response.response_description
    else:
        assert response.ok, response
    assert pair.pending[:1] == (running.report_request_id,)


@pytest.mark.parametrize("up", [True, False], ids=["from the VEN", "from the VTN"])
@pytest.mark.parametrize(
    "asked", [m for _, m, _ in BROKEN if isinstance(m, CreateReport)], ids=lambda message: str(len(str(message)))
)
def test_neither_role_asks_for_a_report_by_breaking_a_rule(asked: CreateReport, up: bool) -> None:
    pair = Pair(up=up)
    before = len(pair.vtn.outbox) + len(pair.ven.outbox)
    sink, peer = (pair.vtn._reports.sink, pair.ven.ven_id) if up else (pair.ven._reports.sink, "")
    with pytest.raises(LocalError, match=r"rule 306|rule 321|cannot be used"):
        sink.request(peer, asked.report_requests)
    assert len(pair.vtn.outbox) + len(pair.ven.outbox) == before


@pytest.mark.parametrize(
    ("offer", "number"),
    [
        (Offer("x", "TELEMETRY_USAGE", (DataPoint("p", maximum=2 * HOUR),)), "rule 312"),
        (Offer("x", "TELEMETRY_USAGE", (DataPoint.status("p"),)), "rule 331"),
        (Offer("x", "TELEMETRY_STATUS", (DataPoint("p", kilowatts()),)), "rule 331"),
        (Offer("x", "TELEMETRY_USAGE", (DataPoint("p"), DataPoint("p"))), "more than once"),
    ],
)
def test_neither_role_offers_a_report_that_breaks_a_rule(offer: Offer, number: str) -> None:
    for up in (True, False):
        with pytest.raises(LocalError, match=number):
            Pair(up=up, offers=[offer])


def test_an_event_can_be_made_of_any_signals() -> None:
    made = compose(signal("x-own", SignalType.DELTA, [(HOUR, 1)]), start=T0, created=T0)
    assert made.ei_event_signals[0].signal_name == "x-own"
    assert [str(finding) for finding in check(sent(made))] == []
