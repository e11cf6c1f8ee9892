"""The newest value of each point, with two marks of its own: what comes late is passed over, what ages is stale."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

import attrs

from .point import Kind
from .value import Detail, Quality, Validity, Value

AGEING = frozenset({Kind.MEASUREMENT, Kind.STATUS})
"""What the source has to tell again and again; points of other kinds hold until they change."""

PATIENCE = timedelta(minutes=1)
"""How long a value stands against late ones where none is said to age."""


class Newest:
    """The newest values, by name. It reads no clock.

    *Late* is a value whose source time is before that of the newest one. It is passed over, as long as the newest one
    is neither stale nor invalid: what comes then counts again, for the source's clock has been put back, or it began
    anew.

    *Stale* (questionable, old data) is a value that did not come again for `age`, changed or not. By arrival, since
    the time of a value may be that of its last change.
    """

    def __init__(self, age: timedelta | None = None) -> None:
        self._age = age
        self._patience = PATIENCE if age is None else age
        self._values: dict[str, Value] = {}
        self._came: dict[str, datetime] = {}
        self._young: OrderedDict[str, datetime] = OrderedDict()

    def put(self, name: str, value: Value, now: datetime, *, holds: bool = False) -> bool:
        """Take a value that came at `now`; return False if it is late. One that `holds` until it changes never ages."""
        last = self._values.get(name)
        if last is not None and self._is_late(name, value, last, now):
            return False
        self._values[name] = value
        self._came[name] = now
        if self._age is not None and not holds:
            self._young[name] = now
            self._young.move_to_end(name)
        return True

    def _is_late(self, name: str, value: Value, last: Value, now: datetime) -> bool:
        if last.time is None or value.time is None or value.time >= last.time:
            return False
        if last.quality.validity is Validity.INVALID:
            return False
        came = self._came.get(name)
        return came is not None and now - came < self._patience

    def last(self, name: str) -> Value | None:
        """Return the newest value as it came; None if there never was one."""
        return self._values.get(name)

    def get(self, name: str, now: datetime) -> Value | None:
        """Return the newest value, marked if it is stale by now; None if there never was one."""
        value = self._values.get(name)
        if value is None or self._age is None:
            return value
        came = self._young.get(name)
        return stale(value) if came is not None and now - came >= self._age else value

    def expire(self, now: datetime) -> list[tuple[str, Value]]:
        """Mark what has become stale since the last time, and return it."""
        found: list[tuple[str, Value]] = []
        if self._age is None:
            return found
        while self._young:
            name, came = next(iter(self._young.items()))
            if now - came < self._age:
                break
            del self._young[name]
            del self._came[name]
            value = self._values[name]
            marked = self._values[name] = stale(value)
            if marked is not value:
                found.append((name, marked))
        return found

    def due(self) -> datetime | None:
        """Return when the next value becomes stale; None if none does."""
        if self._age is None or not self._young:
            return None
        return next(iter(self._young.values())) + self._age


def stale(value: Value) -> Value:
    """Return a value marked as old data, and questionable; what is invalid is no worse for being old."""
    quality = value.quality
    if quality.validity is Validity.INVALID or Detail.OLD_DATA in quality.detail:
        return value
    return attrs.evolve(value, quality=Quality(Validity.QUESTIONABLE, quality.detail | Detail.OLD_DATA))
