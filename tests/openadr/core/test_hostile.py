"""Both cores against peers that send anything that the schema lets pass, in any order, as message and as answer."""

from __future__ import annotations

import itertools
import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError, Malformed, NotReachable
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core.event_book import EventBook
from janusgrid.openadr.core.report_offers import DataPoint, Offer, Reading
from janusgrid.openadr.core.telemetry import Sample
from janusgrid.openadr.core.ven import REGISTRATION, VenCore
from janusgrid.openadr.core.ven_book import Party
from janusgrid.openadr.core.vtn import Telemetry, VtnCore
from janusgrid.openadr.events import event, kilowatts, load_dispatch
from janusgrid.openadr.model import (
    DECLARATIONS,
    CanceledReport,
    CancelPartyRegistration,
    CancelReport,
    CreatedEvent,
    CreatedPartyRegistration,
    CreatedReport,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    Duration,
    EiResponse,
    Event,
    EventResponse,
    EventStatus,
    Interval,
    Message,
    OptType,
    Profile,
    QualifiedEventId,
    QueryRegistration,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportDescription,
    ReportPayload,
    ReportRequest,
    ReportSpecifier,
    ReportType,
    RequestEvent,
    RequestReregistration,
    Response,
    ResponseRequired,
    SamplingRate,
    SignalPayload,
    SignalType,
    SpecifierPayload,
    Tolerance,
    TransportName,
    UpdatedReport,
    UpdateReport,
    WsCalendarInterval,
    changed,
)

from tests.openadr.codec.strategies import messages

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)
VTN, VEN, MALLORY = "vtn@utility.example", "ems@site.example", "mallory@site.example"
LENGTHS = ["PT0S", "PT1S", "PT1M", "PT1H", "-PT1H", "P1M", "P99999Y", "PT99999999999999999S", "P9999999999999Y", "2W"]
TIMES = [
    datetime(1, 1, 1, tzinfo=UTC),
    T0 - timedelta(hours=1),
    T0,
    T0 + timedelta(hours=1),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]
KNOWN: dict[str, list[Any]] = {
    "ven_id": ["VEN1", "VEN2", ""],
    "ven_ids": [["VEN1"], ["OTHER"], []],
    "ven_name": ["site", "other"],
    "vtn_id": ["VTN1", "X"],
    "registration_id": ["REG1", "REG2"],
    "transport_address": [f"{VEN}/ems", f"{VEN}/other", ""],
    "transport_name": [TransportName.XMPP],
    "event_id": ["E1", "E2", "E3"],
    "modification_number": [0, 1, 2],
    "signal_name": ["SIMPLE", "LOAD_DISPATCH", "ELECTRICITY_PRICE"],
    "uid": ["0", "1", ""],
    "report_specifier_id": ["usage", "METADATA", "other"],
    "report_request_id": ["RR1", "RR2", "0"],
    "r_id": ["pcc.p", "DG750.p"],
    "response_code": ["200", "200", "463", "452", "450"],
    "request_id": ["R1", "R2"],
    "reply_limit": [0, 1, 2**32 - 1],
}
"""What a field may hold that means something to the core; the schema's whole range is tried too."""


def mutated(rng: random.Random, part: Any, rate: float) -> Any:
    """Return a part of which some fields hold something else that the schema lets pass."""
    fields = {}
    for field in DECLARATIONS[type(part)].fields:
        value = getattr(part, field.name)
        hit = rng.random() < rate
        if hit and field.name in KNOWN:
            value = rng.choice(KNOWN[field.name])
        elif hit and isinstance(value, Duration):
            value = Duration(rng.choice(LENGTHS))
        elif hit and isinstance(value, datetime):
            value = rng.choice(TIMES)
        elif hit and isinstance(value, float):
            value = rng.choice([0.0, 4.0, math.inf, math.nan])
        elif hit and field.name in ("event_status", "response_required"):
            value = rng.choice([*EventStatus] if field.name == "event_status" else [*ResponseRequired])
        elif hit and isinstance(value, tuple) and len(value) + 1 > field.least:
            value = value + value[:1] if rng.random() < 0.5 else value[1:] or value
        elif isinstance(value, tuple):
            value = tuple(mutated(rng, each, rate) if type(each) in DECLARATIONS else each for each in value)
        elif type(value) in DECLARATIONS:
            value = mutated(rng, value, rate)
        fields[field.name] = value
    return changed(part, **{name: value for name, value in fields.items() if getattr(part, name) is not value})


def good(start: datetime = T0) -> tuple[Message, ...]:
    """Return messages that a good peer would send, to be spoiled."""
    tolerance = Tolerance(startafter=Duration("PT10M"))
    plain = load_dispatch(100.0, start=start, duration=MINUTE * 60, created=T0, event_id="E1", ramp_up=MINUTE)
    period = changed(plain.ei_active_period, tolerance=tolerance)
    moved = changed(plain, ei_active_period=period)
    levels = [(MINUTE, 1.0), (MINUTE, 2.0)]
    simple = event("SIMPLE", SignalType.LEVEL, levels, start=start, created=T0, event_id="E2")
    events = [Event(ei_event=plain), Event(ei_event=simple)]
    point = SpecifierPayload(r_id="pcc.p")
    specifier = ReportSpecifier(
        report_specifier_id="usage",
        granularity=Duration("PT1M"),
        report_back_duration=Duration("PT5M"),
        report_interval=WsCalendarInterval(dtstart=T0, duration=Duration("PT1H")),
        specifier_payloads=[point],
    )
    asked = ReportRequest(report_request_id="RR1", report_specifier=specifier)
    interval = Interval(
        dtstart=T0, duration=Duration("PT1M"), payloads=[ReportPayload(r_id="pcc.p", value=1.0), SignalPayload(1.0)]
    )
    names: dict[str, Any] = {"report_specifier_id": "usage", "created_date_time": T0}
    report = Report(report_request_id="RR1", intervals=[interval, interval], report_name="TELEMETRY_USAGE", **names)
    rate = SamplingRate(min_period=Duration("PT1S"), max_period=Duration("PT1H"))
    points = [ReportDescription(r_id="p", report_type=ReportType.USAGE, reading_type="Direct Read", sampling_rate=rate)]
    offer = Report(report_name="METADATA_TELEMETRY_USAGE", descriptions=points, **names)
    answer = EventResponse(request_id="D1", qualified_event_id=QualifiedEventId(event_id="E1"), opt_type=OptType.OPT_IN)
    response = EiResponse(request_id="R1")
    return (
        DistributeEvent(request_id="D", vtn_id="VTN1", events=events),
        DistributeEvent(request_id="D", vtn_id="VTN1", events=[Event(ei_event=moved)], ei_response=response),
        CreateReport(request_id="R", report_requests=[asked], ven_id="VEN1"),
        CancelReport(request_id="R", report_request_ids=["RR1"], report_to_follow=True, ven_id="VEN1"),
        CancelPartyRegistration(request_id="R", registration_id="REG1", ven_id="VEN1"),
        RequestReregistration(ven_id="VEN1"),
        UpdateReport(request_id="U1", reports=[report], ven_id="VEN1"),
        RegisterReport(request_id="R1", reports=[offer], ven_id="VEN1"),
        CreatedEvent(event_responses=[answer], ven_id="VEN1"),
        CreatedReport(ei_response=response, pending_reports=["RR1"], ven_id="VEN1"),
        RequestEvent(request_id="R1", ven_id="VEN1", reply_limit=1),
        QueryRegistration(request_id="R1"),
        CreatePartyRegistration(
            request_id="R1",
            registration_id="REG1",
            ven_id="VEN1",
            ven_name="site",
            transport_name=TransportName.XMPP,
            transport_address=f"{VEN}/ems",
        ),
        CreatedPartyRegistration(
            ei_response=response,
            ven_id="VEN1",
            registration_id="REG1",
            vtn_id="VTN1",
            profiles=[Profile(transports=[TransportName.XMPP])],
        ),
        RegisteredReport(ei_response=response, report_requests=[asked], ven_id="VEN1"),
        UpdatedReport(ei_response=response, cancel_report=CancelReport(request_id="C", report_request_ids=["RR1"])),
        Response(ei_response=response),
    )


MINUTE = timedelta(minutes=1)
GOOD = good()


@st.composite
def hostile(draw: Any, *classes: type) -> Message:
    """Draw a message: one that was good and is spoiled more or less, or any at all that the schema lets pass."""
    if draw(st.integers(0, 19)) == 0:
        made: Message = draw(messages(*classes))
        return made
    base = draw(st.sampled_from([message for message in GOOD if not classes or type(message) in classes]))
    rng = random.Random(draw(st.integers(0, 2**32)))
    spoiled: Message = mutated(rng, base, draw(st.sampled_from([0.0, 0.03, 0.1, 0.5])))
    return spoiled


def counted() -> Any:
    """Return what makes IDs: VEN1, REG1, RR1, each kind by itself."""
    counts: dict[str, itertools.count[int]] = {}
    return lambda prefix: f"{prefix}{next(counts.setdefault(prefix, itertools.count(1)))}"


def checked(message: Message) -> None:
    """What we send can be written, is valid, and means the same to the reader."""
    assert type(read(write(message))) is type(message)


SETTINGS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


REPORTING = (
    RegisterReport, RegisteredReport, CreateReport, CreatedReport, UpdateReport, UpdatedReport, CancelReport,
    CanceledReport,
)  # fmt: skip
TO_VTN = (CreatePartyRegistration, RegisterReport, UpdateReport, CreatedEvent, CreatedReport, *REPORTING)
TO_VEN = (DistributeEvent, CreateReport, CancelReport, *REPORTING)


def reported() -> list[Offer]:
    """What either role offers: telemetry, as it changes too, and the past."""
    points = (DataPoint("pcc.p", kilowatts(), on_change=True), DataPoint("DG750.p", kilowatts(), on_change=True))
    return [Offer("usage", "TELEMETRY_USAGE", points), Offer("other", "HISTORY_USAGE", points)]


def deliver(core: VenCore | VtnCore, now: datetime) -> None:
    """Read what is wanted, in part, and recall what is asked of the past."""
    core.sample({r_id: Reading(1.0) for r_id in core.wanted(now) if r_id != "pcc.p"}, now)
    for asked in core.recalls(now):
        core.recall(asked, [Sample("pcc.p", asked.start, 1.0)], now)
    assert (wake := core.wake()) is None or wake > now


def registered_vtn() -> VtnCore:
    choose = lambda ven, report: (MINUTE, MINUTE)  # noqa: E731
    vtn = VtnCore("VTN1", [Party("site", VEN)], choose=choose, offers=reported(), new_id=counted())
    address = CreatePartyRegistration(
        request_id="R0", ven_name="site", transport_name=TransportName.XMPP, transport_address=f"{VEN}/ems"
    )
    vtn.receive(VEN, address, T0)
    (offer,) = (message for message in GOOD if isinstance(message, RegisterReport))
    vtn.receive(VEN, offer, T0)
    return vtn


@SETTINGS
@given(st.data())
def test_a_vtn_answers_whatever_comes(data: st.DataObject) -> None:
    vtn = registered_vtn()
    made = load_dispatch(100.0, start=T0, duration=60 * MINUTE, created=T0, event_id="E1")
    vtn.create_event(made, ["site"], T0)
    now = T0
    for _ in range(data.draw(st.integers(1, 6))):
        now += data.draw(st.sampled_from([timedelta(), MINUTE, timedelta(days=2)]))
        message = data.draw(hostile(*TO_VTN) | hostile())
        answer = vtn.receive(data.draw(st.sampled_from([VEN, VEN, VEN, MALLORY])), message, now)
        checked(answer)
        for letter in vtn.outbox.due(now):
            checked(letter.message)
            what = data.draw(st.sampled_from(["answered", "failed", "refused"]))
            if what == "answered":
                vtn.answered(letter, data.draw(st.none() | hostile()), now)
            elif what == "failed":
                vtn.outbox.failed(letter, now)
            else:
                vtn.refused(letter, Malformed("nonsense"), now)
        assert {ven.ven_name for ven in vtn.vens} <= {"site"}
        assert all(ven.identity == VEN for ven in vtn.vens)
        deliver(vtn, now)
        assert len({each.key for each in vtn.happened if isinstance(each, Telemetry)} - {""}) == sum(
            isinstance(each, Telemetry) for each in vtn.happened
        )
        for happening in vtn.happened:
            vtn.told(happening)
        assert not vtn._reports.sink.untold
        vtn.happened.clear()


def ven_core() -> VenCore:
    return VenCore(
        "site", vtn=VTN, vtn_identity=VTN, address=f"{VEN}/ems", offers=reported(), new_id=counted(),
        choose=lambda report: (MINUTE, MINUTE),
    )  # fmt: skip


def answer_well(message: Message) -> Message | None:
    """Return what a VTN would answer on the way to a registration."""
    response = EiResponse(request_id="R")
    name = type(message).__name__
    if name in ("QueryRegistration", "CreatePartyRegistration"):
        created = name == "CreatePartyRegistration"
        return CreatedPartyRegistration(
            ei_response=response,
            ven_id="VEN1" if created else None,
            registration_id="REG1" if created else None,
            vtn_id="VTN1",
            profiles=[Profile(transports=[TransportName.XMPP])],
        )
    if name == "RegisterReport":
        (registered,) = (good for good in GOOD if isinstance(good, RegisteredReport))
        return registered
    if name == "RequestEvent":
        return next(good for good in GOOD if isinstance(good, DistributeEvent))
    return None


def consistent(ven: VenCore, now: datetime) -> None:
    assert ven.state in REGISTRATION.states
    assert bool(ven.registration_id) == bool(ven.ven_id)
    assert not (ven.state in ("unregistered", "querying") and ven.registration_id)
    assert not (ven.registered and not ven.registration_id)
    assert (ven.state == "unregistered") <= (len(ven.outbox) == 0)
    assert (wake := ven.wake()) is None or wake > now
    for known in ven.events.active(now):
        assert known.event_id


@SETTINGS
@given(st.data())
def test_a_ven_bears_whatever_its_vtn_sends_and_answers(data: st.DataObject) -> None:
    ven = ven_core()
    ven.start(T0)
    for _ in range(data.draw(st.sampled_from([0, 1, 2, 9, 9, 9, 9]))):
        for letter in ven.outbox.due(T0):
            ven.answered(letter, answer_well(letter.message), T0)
    now = T0
    for _ in range(data.draw(st.integers(1, 10))):
        now += data.draw(st.sampled_from([timedelta(), timedelta(seconds=61), timedelta(days=400)]))
        for letter in ven.outbox.due(now):
            checked(letter.message)
            what = data.draw(st.sampled_from(["well", "well", "any", "failed", "refused"]))
            if what == "failed":
                ven.outbox.failed(letter, now)
            elif what == "refused":
                ven.refused(letter, NotReachable("gone"), now)
            elif what == "well":
                ven.answered(letter, answer_well(letter.message), now)
            else:
                ven.answered(letter, data.draw(st.none() | hostile()), now)
        if data.draw(st.booleans()):
            message = data.draw(hostile(*TO_VEN) | hostile(*TO_VEN) | hostile())
            checked(ven.receive(data.draw(st.sampled_from([VTN, VTN, VTN, MALLORY])), message, now))
        deliver(ven, now)
        consistent(ven, now)
        for happening in ven.happened:
            ven.told(happening)
        assert not ven._reports.sink.untold
        ven.happened.clear()
        if ven.state == "unregistered":
            ven.start(now)


@SETTINGS
@given(hostile(DistributeEvent))
def test_an_event_is_taken_by_the_book_or_refused_as_the_callers_mistake(message: DistributeEvent) -> None:
    """What a caller makes of nonsense is a `LocalError`; what is taken can be sent at any time."""
    book = EventBook()
    for sent in message.events:
        try:
            book.add(sent.ei_event, ["VEN1"], T0)
        except LocalError:
            continue
        for now in TIMES:
            for taken in book.for_ven("VEN1", now):
                checked(DistributeEvent(request_id="R", vtn_id="V", events=[taken]))
