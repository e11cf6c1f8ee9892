"""Where an event stands at a time: its status, and the value of a signal then."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..model import EiEvent, EiEventSignal, EventStatus, SignalPayload


def start(event: EiEvent) -> datetime:
    """Return when the event becomes active."""
    return event.ei_active_period.dtstart


def end(event: EiEvent) -> datetime | None:
    """Return when the event ends; None for an open-ended one (zero duration)."""
    period = event.ei_active_period
    ends = period.duration.after(period.dtstart)
    return ends if ends > period.dtstart else None


def status(event: EiEvent, now: datetime) -> EventStatus:
    """Return the status at `now`: far, near (from the start of the ramp), active, completed; cancelled stays.

    (Rule 13; near begins at dtstart minus x-eiRampUp, as certification practice reckons.)
    """
    if event.event_descriptor.event_status is EventStatus.CANCELLED:
        return EventStatus.CANCELLED
    ends = end(event)
    if ends is not None and now >= ends:
        return EventStatus.COMPLETED
    if now >= start(event):
        return EventStatus.ACTIVE
    ramp = event.ei_active_period.ramp_up
    lead = timedelta(seconds=ramp.seconds) if ramp else timedelta()
    return EventStatus.NEAR if lead and now >= start(event) - lead else EventStatus.FAR


def value(event: EiEvent, signal: EiEventSignal, now: datetime) -> float | None:
    """Return the value of `signal` at `now`; None while the event is not active."""
    if status(event, now) is not EventStatus.ACTIVE:
        return None
    begin = start(event)
    for interval in signal.intervals:
        lasts = interval.duration or event.ei_active_period.duration
        ends = lasts.after(begin)
        if now < ends or ends == begin:
            payload = interval.payloads[0]
            found = payload.value if isinstance(payload, SignalPayload) else None
            return found if isinstance(found, float) else None
        begin = ends
    return None


def changes(event: EiEvent, now: datetime) -> datetime | None:
    """Return the next time after `now` at which the status or a value of the event changes; None if never."""
    period = event.ei_active_period
    times = [period.dtstart]
    if period.ramp_up:
        times.append(period.dtstart - timedelta(seconds=period.ramp_up.seconds))
    for signal in event.ei_event_signals:
        begin = period.dtstart
        for interval in signal.intervals:
            begin = (interval.duration or period.duration).after(begin)
            times.append(begin)
    ends = end(event)
    if ends:
        times.append(ends)
    return min((time for time in times if time > now), default=None)
