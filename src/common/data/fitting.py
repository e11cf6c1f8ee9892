"""Whether a value fits a point, asked the same of every access."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from datetime import UTC, datetime

from ..errors import LocalError, TypeConflict
from .access import Entry
from .point import OPERABLE, WRITABLE, Kind, Point, ValueType
from .value import Scalar

Sequenced = list[tuple[datetime, Scalar]]


def fitting(point: Point, value: Scalar) -> Scalar:
    """Return a value in the type of its point (a whole number as a float where it is one); else `TypeConflict`."""
    kind = point.type
    if kind is ValueType.FLOAT:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        raise TypeConflict(f"a finite number is needed, not {value!r:.40}", where=point.name)
    if kind is ValueType.INT:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise TypeConflict(f"a whole number is needed, not {value!r:.40}", where=point.name)
    if kind is ValueType.BOOL:
        if isinstance(value, bool):
            return value
        raise TypeConflict(f"True or False is needed, not {value!r:.40}", where=point.name)
    if not isinstance(value, str):
        raise TypeConflict(f"text is needed, not {value!r:.40}", where=point.name)
    if kind is ValueType.ENUM and point.literals and value not in point.literals:
        raise TypeConflict(f"{value!r:.40} is none of {', '.join(point.literals)}", where=point.name)
    return value


def allowed(point: Point, value: Scalar) -> Scalar:
    """Return a value that may be commanded or written, as `fitting`; `TypeConflict` too if it is beyond the limits."""
    found = fitting(point, value)
    if isinstance(found, str):
        return found
    low, high = point.low, point.high
    if (low is not None and found < low) or (high is not None and found > high):
        bounds = " to ".join("any" if edge is None else f"{edge:g}" for edge in (low, high))
        raise TypeConflict(f"{found:g} is not within {bounds} {point.unit.symbol}".rstrip(), where=point.name)
    return found


def operable(point: Point) -> Point:
    """Return a point that can be commanded; raise `TypeConflict` for one of another kind."""
    return _of(point, OPERABLE, "set-point or command")


def writable(point: Point) -> Point:
    """Return a point that can be written; raise `TypeConflict` for one of another kind."""
    return _of(point, WRITABLE, "setting")


def schedulable(point: Point) -> Point:
    """Return a point that can be given a course; raise `TypeConflict` for one of another kind."""
    return _of(point, OPERABLE | WRITABLE, "set-point, command or setting")


def _of(point: Point, kinds: frozenset[Kind], wanted: str) -> Point:
    if point.kind not in kinds:
        raise TypeConflict(f"it is a {point.kind.value}, not a {wanted}", where=point.name)
    return point


def course(point: Point, entries: Iterable[Entry], end: datetime) -> Sequenced:
    """Return the steps of a schedule: one at least, in order of time, within the limits, before `end`; aware times.

    Raises `LocalError`, `TypeConflict` for a value.
    """
    found = [(utc(entry.start, point.name), allowed(schedulable(point), entry.value)) for entry in entries]
    if not found:
        raise LocalError("a schedule has at least one entry", where=point.name)
    times = [time for time, _ in found] + [utc(end, point.name)]
    if any(later <= earlier for earlier, later in itertools.pairwise(times)):
        raise LocalError("the entries of a schedule are in order of time, and it ends after them", where=point.name)
    return found


def utc(time: datetime, where: str) -> datetime:
    """Return a time in UTC; raise `LocalError` for one without a zone."""
    if time.tzinfo is UTC:
        return time
    if time.tzinfo is None:
        raise LocalError(f"{time} has no time zone: say it with one, best UTC", where=where)
    return time.astimezone(UTC)
