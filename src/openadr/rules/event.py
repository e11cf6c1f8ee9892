"""The numbered rules of an event: what it has to be before it is sent, or believed.

A VEN refuses what it could misread and lets pass what does no harm; a VTN sends neither.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite

from ..model import (
    DistributeEvent,
    EiEvent,
    EiEventSignal,
    EventDescriptor,
    EventStatus,
    Interval,
    SignalPayload,
    SignalType,
)
from . import timeline
from .codes import Code
from .rule import Faults, check
from .times import after, length

BAD = Code.INVALID_DATA


def is_simple(signal: EiEventSignal) -> bool:
    """Return whether this is a SIMPLE signal: its name stands in capitals or not."""
    return str(signal.signal_name).upper() == "SIMPLE"


@check(None, "times and lengths are within the calendar, none is negative", of=EiEvent, source="robustness", code=BAD,
       harmful=True)  # fmt: skip
def calendar(event: EiEvent) -> Faults:
    """Lengths that are negative or lead out of the calendar are refused, so that nothing has to mind them later."""
    period = event.ei_active_period
    startafter = period.tolerance.startafter if period.tolerance else None
    before = period.dtstart - datetime.min.replace(tzinfo=UTC)
    try:
        begin = period.dtstart
        if startafter:
            length(startafter)
            begin = after(begin, startafter)
        after(begin, period.duration)
        for around in (period.notification, period.ramp_up, period.recovery):
            if around is not None and length(around) > before:
                raise ValueError(f"{around} before {period.dtstart} is no time")
    except ValueError as error:
        yield str(error), ("ei_active_period",)


def is_sound(event: EiEvent) -> bool:
    """Return whether the times of an event can be reckoned with."""
    return not any(calendar(event)) and not any(rule_8(event))


@check(2, "the intervals of a signal are numbered 0, 1, 2 …", of=EiEvent, source="openleadr and avob tests", code=BAD,
       harmful=True)  # fmt: skip
def rule_2(event: EiEvent) -> Faults:
    """Receivers put intervals in order by their uid."""
    for n, signal in enumerate(event.ei_event_signals):
        for number, interval in enumerate(signal.intervals):
            if interval.uid != str(number):
                at = ("ei_event_signals", n, "intervals", number)
                yield f"interval {number} of {signal.signal_name} has uid {interval.uid!r:.40}", at


@check(8, "the intervals of a signal fill the active period", of=EiEvent, source="openleadr tests", code=BAD,
       harmful=True)  # fmt: skip
def rule_8(event: EiEvent) -> Faults:
    """The lengths add up to that of the period; only the last one of an open-ended event may have no length."""
    period = event.ei_active_period
    open_ended = not (period.duration.months or period.duration.seconds)
    for n, signal in enumerate(event.ei_event_signals):
        at = ("ei_event_signals", n)
        begin = period.dtstart
        last = len(signal.intervals) - 1
        try:
            for number, interval in enumerate(signal.intervals):
                ends = after(begin, interval.duration or period.duration)
                if ends == begin and not (open_ended and number == last):
                    yield f"interval {number} of {signal.signal_name} has no length", (*at, "intervals", number)
                begin = ends
            if not open_ended and begin != after(period.dtstart, period.duration):
                yield f"the intervals of {signal.signal_name} do not fill the period", at
        except ValueError as error:
            yield str(error), at


@check(9, "a SIMPLE value is 0, 1, 2 or 3", of=EiEvent, source="openleadr tests", code=BAD, harmful=True)
def rule_9(event: EiEvent) -> Faults:
    """0 is normal, 1 moderate, 2 high, 3 special."""
    for n, signal in enumerate(event.ei_event_signals):
        if is_simple(signal):
            for number, interval in enumerate(signal.intervals):
                value = number_of(interval)
                if value is not None and value not in (0.0, 1.0, 2.0, 3.0):
                    at = ("ei_event_signals", n, "intervals", number)
                    yield f"a SIMPLE value is 0, 1, 2 or 3, not {value:g}", at


@check(13, "eventStatus fits the time", of=EiEvent, source="VOLTTRON", kept_by="VTN", timed=True)
def rule_13(event: EiEvent, now: datetime) -> Faults:
    """A VEN reckons the status itself, so a false one does no harm."""
    said = event.event_descriptor.event_status
    if not is_sound(event):
        return
    found = timeline.status(event, now)
    if said not in (found, EventStatus.CANCELLED):
        yield f"it is called {said}, but at {now:%Y-%m-%dT%H:%M:%SZ} it is {found}", ("event_descriptor",)


@check(14, "currentValue is 0 while an event is not active, and else that of the interval", of=EiEvent,
       source="openleadr and avob tests", kept_by="VTN", timed=True)  # fmt: skip
def rule_14(event: EiEvent, now: datetime) -> Faults:
    """What is believed is the intervals, so a false one does no harm."""
    for n, signal in enumerate(event.ei_event_signals if is_sound(event) else ()):
        value = timeline.value(event, signal, now) or 0.0
        if signal.current_value is not None and abs(signal.current_value - value) > 1e-6 * abs(value):
            said = f"{signal.signal_name} has currentValue {signal.current_value:g}, but it is {value:g}"
            yield said, ("ei_event_signals", n)


@check(15, "active events come first, by priority and start; then those to come; then those over",
       of=DistributeEvent, source="EPRI's event_spec.rb", kept_by="VTN", timed=True)  # fmt: skip
def rule_15(message: DistributeEvent, now: datetime) -> Faults:
    """Nothing is lost by another order."""
    if not all(is_sound(sent.ei_event) for sent in message.events):
        return
    places = [order(sent.ei_event, timeline.status(sent.ei_event, now)) for sent in message.events]
    for n, (one, other) in enumerate(pairwise(places), 1):
        if other < one:
            event = message.events[n].ei_event
            yield f"event {event.event_descriptor.event_id} stands too late", ("events", n)


def order(event: EiEvent, status: EventStatus) -> tuple[int, int, datetime]:
    """Return by what events are put in order (rule 15): 1 is the highest priority, 0 and none the lowest."""
    start = timeline.start(event)
    if status is EventStatus.ACTIVE:
        return 0, priority(event.event_descriptor), start
    return 2 if status is EventStatus.COMPLETED else 1, 0, start


def priority(descriptor: EventDescriptor) -> int:
    """Return the priority as a number that is the lower the more important an event is."""
    return descriptor.priority or 1 << 32


@check(100, "an interval of a signal has one value", of=EiEvent, source="colibri", code=BAD, harmful=True)
def rule_100(event: EiEvent) -> Faults:
    """And that is a number."""
    for n, signal in enumerate(event.ei_event_signals):
        for number, interval in enumerate(signal.intervals):
            at = ("ei_event_signals", n, "intervals", number)
            if len(interval.payloads) != 1:
                yield f"an interval of {signal.signal_name} has not one value", at
            elif number_of(interval) is None:
                yield f"a value of {signal.signal_name} is no number", at


def number_of(interval: Interval) -> float | None:
    """Return the one number of an interval, None if it has none."""
    payload = interval.payloads[0]
    value = payload.value if isinstance(payload, SignalPayload) else None
    return value if isinstance(value, float) and isfinite(value) else None


@check(105, "the active period has an x-eiNotification", of=EiEvent, source="VOLTTRON", kept_by="VTN")
def rule_105(event: EiEvent) -> Faults:
    """A VEN takes a missing one for none."""
    if event.ei_active_period.notification is None:
        yield "the period says nothing of its notification", ("ei_active_period",)


@check(116, "a SIMPLE signal is a level", of=EiEvent, source="VOLTTRON", kept_by="VTN")
def rule_116(event: EiEvent) -> Faults:
    """Its values can mean nothing else."""
    for n, signal in enumerate(event.ei_event_signals):
        if is_simple(signal) and signal.signal_type is not SignalType.LEVEL:
            yield f"a SIMPLE signal is a level, not {signal.signal_type}", ("ei_event_signals", n)
