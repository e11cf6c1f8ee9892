"""What a VTN says, made of what the tester knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from ...core.report_offers import DataPoint, Offer
from ...core.times import length
from ...events import compose, dispatch_signal, kilowatts, signal, simple_signal
from ...model import (
    CancelPartyRegistration,
    CancelReport,
    CreateReport,
    DistributeEvent,
    Duration,
    EiEvent,
    EiEventSignal,
    Event,
    EventStatus,
    RegisterReport,
    ReportRequest,
    ReportSpecifier,
    RequestReregistration,
    ResponseRequired,
    SignalName,
    SignalType,
    SpecifierPayload,
    WsCalendarInterval,
    changed,
)
from ..state import Make, State

HOUR = timedelta(hours=1)
OFFER = Offer("vtn-usage", "TELEMETRY_USAGE", (DataPoint("feeder", kilowatts()),))
"""What the tester says that it can report itself."""

Change = Callable[[EiEvent], EiEvent]


def reregister(state: State) -> RequestReregistration:
    """Ask the VEN to register again."""
    return RequestReregistration(ven_id=state.ven_id)


def cancel(registration_id: str = "") -> Make:
    """End the registration, or one of another ID."""
    return lambda state: CancelPartyRegistration(
        request_id=state.new("R"), registration_id=registration_id or state.registration_id, ven_id=state.ven_id
    )


def distribute(*, vtn_id: str = "", twice: bool = False) -> Make:
    """Send every event of the scenario."""

    def make(state: State) -> DistributeEvent:
        found = tuple(state.events.values())
        state.notes["distributed"] = state.new("D")
        return DistributeEvent(
            request_id=state.notes["distributed"], vtn_id=vtn_id or state.vtn_id,
            events=(*found, *found) if twice else found,
        )  # fmt: skip

    return make


def first(make: Make, *acts: Callable[[State], object]) -> Make:
    """Change the events of the scenario before a message is made."""

    def made(state: State) -> Any:
        for act in acts:
            act(state)
        return make(state)

    return made


def add(
    name: str = "event", *, hours: float = 72, lasts: float = 2, level: float = 1, kind: str = "SIMPLE",
    response: ResponseRequired = ResponseRequired.ALWAYS, change: Change = lambda event: event, **about: Any,
) -> Callable[[State], None]:  # fmt: skip
    """Make an event, and note its ID under a name."""

    def act(state: State) -> None:
        event_id = state.notes.setdefault(name, state.new("EV"))
        given: Any = {"notification": max(hours, 0) * HOUR, "event_id": event_id, **about}
        signals = _signals(kind, lasts * HOUR, level)
        made = compose(*signals, start=state.soon(hours), created=state.now(), **given)
        state.events[event_id] = Event(ei_event=change(made), response_required=response)

    return act


def modify(name: str = "event", by: int = 1, change: Change = lambda event: event) -> Callable[[State], None]:
    """Raise, or lower, the modification number of an event, and change it."""

    def act(state: State) -> None:
        known = state.events[state.notes[name]]
        descriptor = known.ei_event.event_descriptor
        number = descriptor.modification_number + by
        fresh = changed(known.ei_event, event_descriptor=changed(descriptor, modification_number=number))
        state.events[state.notes[name]] = changed(known, ei_event=change(fresh))

    return act


def drop(name: str = "event") -> Callable[[State], object]:
    """Leave an event out from now on."""
    return lambda state: state.events.pop(state.notes[name])


def canceled(event: EiEvent) -> EiEvent:
    """Return an event as cancelled."""
    descriptor = changed(event.event_descriptor, event_status=EventStatus.CANCELLED)
    return changed(event, event_descriptor=descriptor)


def of_level(level: float) -> Change:
    """Return what gives an event another value."""

    def change(event: EiEvent) -> EiEvent:
        return changed(event, ei_event_signals=tuple(_leveled(each, level) for each in event.ei_event_signals))

    return change


def numbered_wrongly(event: EiEvent) -> EiEvent:
    """Return an event whose intervals are numbered from 5 on."""
    return _intervals(event, lambda n, interval: changed(interval, uid=str(n + 5)))


def too_short(event: EiEvent) -> EiEvent:
    """Return an event whose intervals do not fill its period."""
    return _intervals(event, lambda n, interval: changed(interval, duration=Duration.of(timedelta(minutes=1))))


def _intervals(event: EiEvent, change: Callable[[int, Any], Any]) -> EiEvent:
    signals = tuple(
        changed(each, intervals=tuple(change(n, interval) for n, interval in enumerate(each.intervals)))
        for each in event.ei_event_signals
    )
    return changed(event, ei_event_signals=signals)


def _leveled(made: EiEventSignal, level: float) -> EiEventSignal:
    return changed(made, intervals=tuple(
        changed(interval, payloads=tuple(changed(payload, value=level) for payload in interval.payloads))
        for interval in made.intervals
    ))  # fmt: skip


def _signals(kind: str, lasts: timedelta, level: float) -> tuple[EiEventSignal, ...]:
    if kind == "SIMPLE":
        return (simple_signal([(lasts, level)]),)
    if kind == "both":
        return simple_signal([(lasts, level)]), dispatch_signal([(lasts / 2, 500.0), (lasts / 2, 700.0)])
    if kind == "LOAD_DISPATCH":
        return (dispatch_signal([(lasts, level)]),)
    return (signal(SignalName(kind) if not kind.startswith("x-") else kind, SignalType.LEVEL, [(lasts, level)]),)


# --- reports ---


def ask(
    name: str, *, once: bool = False, every: float = 10, r_ids: Sequence[str] = (), request_id: str = "",
    note: str = "request",
) -> Make:  # fmt: skip
    """Ask the VEN for a report of this name that it offers: all its points, every 10 s or as its points allow."""

    def make(state: State) -> CreateReport:
        request = requested(state, name, once=once, every=every, r_ids=r_ids, request_id=request_id, note=note)
        return CreateReport(request_id=state.new("R"), report_requests=(request,), ven_id=state.ven_id)

    return make


def requested(
    state: State, name: str, *, once: bool = False, every: float = 10, r_ids: Sequence[str] = (),
    request_id: str = "", note: str = "request",
) -> ReportRequest:  # fmt: skip
    """Return a request for a report that the VEN offers, or for one that it does not."""
    specifier_id, points = state.offer(name) or (name, ())
    shortest = max((length(p.sampling_rate.min_period) for p in points if p.sampling_rate), default=timedelta())
    past = name.startswith("HISTORY")
    state.period = max(shortest, timedelta(seconds=every))
    period = timedelta() if past or once else state.period
    state.notes[note] = request_id or state.new("RR")
    state.notes[f"points of {note}"] = tuple(r_ids) or tuple(point.r_id for point in points) or ("none",)
    state.running[state.notes[note]] = None
    window = None if past or once else WsCalendarInterval(dtstart=state.now(), duration=Duration.of(timedelta()))
    specifier = ReportSpecifier(
        report_specifier_id=specifier_id,
        granularity=Duration.of(period),
        report_back_duration=Duration.of(period),
        report_interval=window,
        specifier_payloads=tuple(SpecifierPayload(r_id=each) for each in state.notes[f"points of {note}"]),
    )
    return ReportRequest(report_request_id=state.notes[note], report_specifier=specifier)


def ask_metadata(state: State) -> CreateReport:
    """Ask what the VEN can report."""
    nothing = Duration.of(timedelta())
    specifier = ReportSpecifier(
        report_specifier_id="METADATA", granularity=nothing, report_back_duration=nothing,
        specifier_payloads=(SpecifierPayload(r_id="0"),),
    )  # fmt: skip
    request = ReportRequest(report_request_id=state.new("RR"), report_specifier=specifier)
    return CreateReport(request_id=state.new("R"), report_requests=(request,), ven_id=state.ven_id)


def end(*notes: str, to_follow: bool = False) -> Make:
    """End reports; of what was not noted, a request that there is not."""
    return lambda state: canceling(state, *notes, to_follow=to_follow)


def canceling(state: State, *notes: str, to_follow: bool = False) -> CancelReport:
    """Return what ends reports."""
    ids = tuple(state.notes.get(note, "no-such-request") for note in notes)
    for each in ids:
        state.running.pop(each, None)
    return CancelReport(
        request_id=state.new("R"), report_request_ids=ids, report_to_follow=to_follow, ven_id=state.ven_id
    )


def offer(state: State) -> RegisterReport:
    """Say what the VTN can report."""
    return RegisterReport(request_id=state.new("R"), reports=(OFFER.metadata(state.now()),), ven_id=state.ven_id)
