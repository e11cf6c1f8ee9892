"""What a VEN says, made of what the tester knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ...core.report_offers import DataPoint, Offer
from ...events import kilowatts
from ...model import (
    CancelOpt,
    CancelPartyRegistration,
    CancelReport,
    CreatedEvent,
    CreateOpt,
    CreatePartyRegistration,
    CreateReport,
    Duration,
    EiResponse,
    EiTarget,
    EventResponse,
    GbPayload,
    Interval,
    OptReason,
    OptType,
    PayloadResourceStatus,
    Poll,
    QualifiedEventId,
    QueryRegistration,
    RegisterReport,
    Report,
    ReportPayload,
    ReportRequest,
    ReportSpecifier,
    RequestEvent,
    SpecifierPayload,
    TransportName,
    UpdateReport,
    WsCalendarInterval,
    Xml,
    changed,
)
from ..state import Make, State
from ..ways import Way

USAGE = Offer("usage", "TELEMETRY_USAGE", (DataPoint("p", kilowatts()), DataPoint("q", kilowatts())))
STATUS = Offer("status", "TELEMETRY_STATUS", (DataPoint.status("state"),))
HISTORY = Offer("history", "HISTORY_USAGE", (DataPoint("p", kilowatts()),))
GREEN = Offer("green", "HISTORY_GREENBUTTON", (DataPoint("feed", kilowatts()),))
OFFERS = (USAGE, STATUS, HISTORY)
"""What the tester says that it can report."""


def query(state: State) -> QueryRegistration:
    """Ask what the VTN speaks."""
    return QueryRegistration(request_id=state.new("R"))


def create(**changes: Any) -> Make:
    """Register; functions among the changes are called with what is known."""

    def make(state: State) -> CreatePartyRegistration:
        over_xmpp = state.way is Way.XMPP
        message = CreatePartyRegistration(
            request_id=state.new("R"),
            transport_name=TransportName.XMPP if over_xmpp else TransportName.SIMPLE_HTTP,
            transport_address=state.ven_address,
            xml_signature=state.signs,
            ven_name=state.ven_name,
            http_pull_model=None if over_xmpp else state.way is Way.PULL,
        )
        return changed(message, **{name: each(state) if callable(each) else each for name, each in changes.items()})

    return make


def again(state: State) -> CreatePartyRegistration:
    """Register again, under the IDs that the VEN has."""
    message: CreatePartyRegistration = create(registration_id=state.registration_id, ven_id=state.ven_id)(state)
    return message


def cancel(registration_id: str = "") -> Make:
    """End the registration, or one of another ID."""
    return lambda state: CancelPartyRegistration(
        request_id=state.new("R"), registration_id=registration_id or state.registration_id, ven_id=state.ven_id
    )


def ask_events(limit: int | None = None) -> Make:
    """Ask for events."""
    return lambda state: RequestEvent(request_id=state.new("R"), ven_id=state.ven_id, reply_limit=limit)


def poll(state: State) -> Poll:
    """Ask for what waits."""
    return Poll(ven_id=state.ven_id)


def answer(
    name: str = "event", opt: OptType = OptType.OPT_IN, *, older: int = 0, ven_id: str = "", others: Sequence[str] = ()
) -> Make:
    """Answer an event that a step has noted, at its modification or an older one; and `others`, which nobody knows."""

    def make(state: State) -> CreatedEvent:
        request_id, event_id, number = state.notes[name]
        known = EventResponse(
            request_id=request_id,
            qualified_event_id=QualifiedEventId(event_id=event_id, modification_number=max(0, number - older)),
            opt_type=opt,
        )
        unknown = (
            EventResponse(request_id=request_id, qualified_event_id=QualifiedEventId(event_id=each), opt_type=opt)
            for each in others
        )
        return CreatedEvent(event_responses=(known, *unknown), ven_id=ven_id or state.ven_id)

    return make


def answer_to(event_id: str) -> Make:
    """Answer an event of this ID."""
    return lambda state: CreatedEvent(
        event_responses=(
            EventResponse(
                request_id=state.new("R"), qualified_event_id=QualifiedEventId(event_id=event_id),
                opt_type=OptType.OPT_IN,
            ),
        ),
        ven_id=state.ven_id,
    )  # fmt: skip


def answer_nothing(code: str = "200") -> Make:
    """Answer no event at all; with a code of failure that is right."""
    response = EiResponse(response_code=code, response_description=None if code == "200" else "cannot be read")
    return lambda state: CreatedEvent(ei_response=response, ven_id=state.ven_id)


def opt_event(name: str = "event", opt: OptType = OptType.OPT_OUT, *, older: int = 0, **changes: Any) -> Make:
    """Opt in to or out of an event that a step has noted."""

    def make(state: State) -> CreateOpt:
        _, event_id, number = state.notes[name]
        identity = QualifiedEventId(event_id=event_id, modification_number=number - older)
        return _opt(state, opt, qualified_event_id=identity, **changes)

    return make


def opt_unknown(state: State) -> CreateOpt:
    """Opt out of an event that nobody knows."""
    return _opt(state, OptType.OPT_OUT, qualified_event_id=QualifiedEventId(event_id="no-such-event"))


def opt_times(
    opt: OptType = OptType.OPT_OUT, hours: float = 100, lasts: float = 2, **changes: Any
) -> Callable[[State], CreateOpt]:
    """Say when the VEN is available, or is not."""

    def make(state: State) -> CreateOpt:
        length = Duration.of(timedelta(hours=lasts))
        stretch = WsCalendarInterval(dtstart=state.soon(hours), duration=length)
        return _opt(state, opt, **{"vavailability": (stretch,), **changes})

    return make


def _opt(state: State, opt: OptType, **fields: Any) -> CreateOpt:
    made = CreateOpt(
        opt_id=state.notes.setdefault("opt", state.new("O")),
        opt_type=opt,
        opt_reason=OptReason.X_SCHEDULE,
        ven_id=state.ven_id,
        created_date_time=state.now(),
        request_id=state.new("R"),
        ei_target=EiTarget(ven_ids=(state.ven_id,)),
    )
    return changed(made, **fields)


def cancel_opt(opt_id: str = "") -> Make:
    """Take back the opt that was said last, or one of another ID."""
    return lambda state: CancelOpt(request_id=state.new("R"), opt_id=opt_id or state.notes["opt"], ven_id=state.ven_id)


def offer(*offers: Offer) -> Make:
    """Say what can be reported."""
    return lambda state: RegisterReport(
        request_id=state.new("R"), reports=tuple(each.metadata(state.now()) for each in offers), ven_id=state.ven_id
    )


def values(of: Offer = USAGE, request_id: str = "", *, starts: bool = True) -> Make:
    """Deliver two values of each point, for the request that was noted, or one of another ID."""

    def make(state: State) -> UpdateReport:
        now = state.now()
        step = timedelta(seconds=10)
        points = tuple(
            ReportPayload(
                r_id=each.r_id,
                value=PayloadResourceStatus(online=True, manual_override=False) if each.is_status else 1.5,
            )
            for each in of.points
        )
        intervals = tuple(
            Interval(dtstart=now + n * step if starts else None, duration=Duration.of(step), payloads=points)
            for n in range(2)
        )
        made = Report(
            dtstart=now,
            intervals=intervals,
            report_request_id=request_id or state.notes["request"],
            report_specifier_id=of.specifier_id,
            report_name=of.name,
            created_date_time=now,
        )
        return UpdateReport(request_id=state.new("U"), reports=(made,), ven_id=state.ven_id)

    return make


def feed(state: State) -> UpdateReport:
    """Deliver Green Button data, of an hour, for the request that was noted."""
    now = state.now()
    hour = Duration.of(timedelta(hours=1))
    interval = Interval(dtstart=now - timedelta(hours=1), duration=hour, payloads=(GbPayload(Xml(_feed_of(now))),))
    made = Report(
        dtstart=now - timedelta(hours=1),
        intervals=(interval,),
        report_request_id=state.notes["request"],
        report_specifier_id=GREEN.specifier_id,
        report_name=GREEN.name,
        created_date_time=now,
    )
    return UpdateReport(request_id=state.new("U"), reports=(made,), ven_id=state.ven_id)


def _feed_of(now: datetime) -> str:
    text = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    hour = f"<duration>3600</duration><start>{int(now.timestamp()) - 3600}</start>"
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>urn:uuid:{uuid5(NAMESPACE_URL, text)}</id><title>Usage</title><updated>{text}</updated>"
        f"<entry><id>urn:uuid:{uuid5(NAMESPACE_URL, text + 'block')}</id><title>An hour</title>"
        f"<updated>{text}</updated><content>"
        f'<IntervalBlock xmlns="http://naesb.org/espi"><interval>{hour}</interval></IntervalBlock>'
        "</content></entry></feed>"
    )


def ask_report(specifier_id: str, r_ids: Callable[[State], Sequence[str]], *, every: float = 10) -> Make:
    """Ask the VTN for a report of its own."""

    def make(state: State) -> CreateReport:
        state.notes["asked"] = state.new("RR")
        back = Duration.of(timedelta(seconds=every))
        specifier = ReportSpecifier(
            report_specifier_id=specifier_id or state.notes["offered"],
            granularity=back,
            report_back_duration=back,
            report_interval=WsCalendarInterval(dtstart=state.now(), duration=Duration.of(timedelta()))
            if every
            else None,
            specifier_payloads=tuple(SpecifierPayload(r_id=each) for each in r_ids(state)),
        )
        request = ReportRequest(report_request_id=state.notes["asked"], report_specifier=specifier)
        return CreateReport(request_id=state.new("R"), report_requests=(request,), ven_id=state.ven_id)

    return make


def end_report(request_id: str = "", *, to_follow: bool = False) -> Make:
    """End a report of the VTN."""
    return lambda state: CancelReport(
        request_id=state.new("R"), report_request_ids=(request_id or state.notes["asked"],),
        report_to_follow=to_follow, ven_id=state.ven_id,
    )  # fmt: skip
