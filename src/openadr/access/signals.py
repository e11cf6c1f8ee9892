"""Signals of events as set-points."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from ...common.data.fitting import allowed
from ...common.data.point import Kind, Point, ValueType
from ...common.data.unit import unit
from ...common.data.value import Quality, Scalar, Validity, Value
from ..model import EiEvent, EiEventSignal, SignalName, SignalType
from ..rules import timeline

NONE = Quality(Validity.INVALID)
"""Of a set-point that no event sets now."""


@attrs.frozen(slots=True)
class SignalPoint:
    """A signal that is a set-point.

    Attributes:
        name: of the point: at a VTN the last part of it, after the VEN's name.
        signal, type: by which the signal is known in an event.
        unit: of its values; events are made in it, and read if they are in it.
        low, high: between which a value has to be.
        market: the market context of its events, None for that of the access. Two signals of one context cannot be
            set by different events at once.
    """

    name: str
    signal: SignalName | str
    type: SignalType
    unit: str = ""
    low: float | None = None
    high: float | None = None
    market: str | None = None

    def point(self, name: str) -> Point:
        """Return the point of that name."""
        description = f"{self.signal} {self.type.value} of the event in force"
        return Point(
            name, Kind.SETPOINT, ValueType.FLOAT, unit(self.unit), low=self.low, high=self.high, description=description
        )

    def check(self, name: str, value: Scalar) -> float:
        """Return a value as a number; raise `TypeConflict` if the point `name` cannot have it."""
        return float(allowed(self.point(name), value))

    def of(self, event: EiEvent) -> EiEventSignal | None:
        """Return this signal in an event; None if the event has none."""
        for each in event.ei_event_signals:
            if str(each.signal_name) == str(self.signal) and each.signal_type is self.type:
                return each
        return None


LOAD_DISPATCH = SignalPoint("dispatch.p", SignalName.LOAD_DISPATCH, SignalType.SETPOINT, "kW")
LEVEL = SignalPoint("level", SignalName.SIMPLE, SignalType.LEVEL, "", 0.0, 3.0)


def in_force(point: SignalPoint, events: Iterable[EiEvent], now: datetime, origin: str) -> Value:
    """Return what the first of these events that is active and has this signal says of it."""
    for event in events:
        signal = point.of(event)
        found = None if signal is None else timeline.value(event, signal, now)
        if found is not None:
            return Value(found, time=event.ei_active_period.dtstart, origin=origin)
    return Value(None, NONE, origin=origin)


def next_change(events: Iterable[EiEvent], now: datetime) -> datetime | None:
    """Return when a value changes next by itself; None if none does."""
    times = (timeline.changes(event, now) for event in events)
    return min((time for time in times if time is not None), default=None)
