"""What an event has to be before it is sent, or believed: the rules that both roles hold it to.

A VEN refuses what it could misread and lets pass what does no harm; a VTN sends neither.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite

from ..model import EiActivePeriod, EiEvent, EiEventSignal, SignalPayload, SignalType
from .answers import Code, Rejected
from .times import after, length


def check(event: EiEvent) -> None:
    """Raise `Rejected` (454) if the event cannot be understood: its times, its signals' intervals, their values."""
    period = event.ei_active_period
    _times(period)
    for signal in event.ei_event_signals:
        _intervals(period, signal)
        for interval in signal.intervals:
            if len(interval.payloads) != 1:
                raise Rejected(Code.INVALID_DATA, f"an interval of {signal.signal_name} has not one value", rule=100)
            _value(signal, interval.payloads[0])


def check_own(event: EiEvent) -> None:
    """Raise `Rejected` if we may not send the event; stricter than `check`."""
    check(event)
    if event.ei_active_period.notification is None:
        raise Rejected(Code.COMPLIANCE_ERROR, "the period says nothing of its notification", rule=105)
    for signal in event.ei_event_signals:
        if _is_simple(signal) and signal.signal_type is not SignalType.LEVEL:
            raise Rejected(Code.COMPLIANCE_ERROR, f"a SIMPLE signal is a level, not {signal.signal_type}", rule=116)


def _times(period: EiActivePeriod) -> None:
    """Refuse lengths that are negative or lead out of the calendar, so that nothing has to mind them later."""
    startafter = period.tolerance.startafter if period.tolerance else None
    begin = period.dtstart
    if startafter:
        length(startafter)
        begin = after(begin, startafter)
    after(begin, period.duration)
    before = period.dtstart - datetime.min.replace(tzinfo=UTC)
    for around in (period.notification, period.ramp_up, period.recovery):
        if around is not None and length(around) > before:
            raise Rejected(Code.INVALID_DATA, f"{around} before {period.dtstart} is no time")


def _intervals(period: EiActivePeriod, signal: EiEventSignal) -> None:
    """Intervals count from 0 and fill the period; only the last one of an open-ended event may have no length."""
    open_ended = not (period.duration.months or period.duration.seconds)
    begin = period.dtstart
    last = len(signal.intervals) - 1
    for number, interval in enumerate(signal.intervals):
        if interval.uid != str(number):
            raise Rejected(
                Code.INVALID_DATA, f"interval {number} of {signal.signal_name} has uid {interval.uid!r:.40}", rule=2
            )
        ends = after(begin, interval.duration or period.duration)
        if ends == begin and not (open_ended and number == last):
            raise Rejected(Code.INVALID_DATA, f"interval {number} of {signal.signal_name} has no length", rule=8)
        begin = ends
    if not open_ended and begin != after(period.dtstart, period.duration):
        raise Rejected(Code.INVALID_DATA, f"the intervals of {signal.signal_name} do not fill the period", rule=8)


def _value(signal: EiEventSignal, payload: object) -> None:
    value = payload.value if isinstance(payload, SignalPayload) else None
    if not isinstance(value, float) or not isfinite(value):
        raise Rejected(Code.INVALID_DATA, f"a value of {signal.signal_name} is no number")
    if _is_simple(signal) and value not in (0.0, 1.0, 2.0, 3.0):
        raise Rejected(Code.INVALID_DATA, f"a SIMPLE value is 0, 1, 2 or 3, not {value:g}", rule=9)


def _is_simple(signal: EiEventSignal) -> bool:
    return str(signal.signal_name).upper() == "SIMPLE"
