"""A value as it stands in a row of the history, and back: number or text, and one integer for type and quality."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from ..data.value import Detail, Quality, Scalar, Validity, Value
from ..errors import LocalError

Cells = tuple[float | None, str | None, int]
"""Number, text, state."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EXACT = 1 << 53
"""Up to here a float holds every integer."""

_NONE, _FLOAT, _INT, _BOOL, _TEXT, _HUGE = range(6)
_TYPE_BITS, _VALIDITY_BITS = 3, 2
_VALIDITIES = tuple(Validity)
_CODES = {validity: code for code, validity in enumerate(_VALIDITIES)}


def microseconds(time: datetime) -> int:
    """Return an aware time as microseconds since 1970, UTC."""
    return (time - _EPOCH) // _MICROSECOND


def time_of(number: int) -> datetime:
    """Return the time, in UTC, of so many microseconds since 1970."""
    return _EPOCH + number * _MICROSECOND


def storable(text: str) -> str:
    """Return a text as every database takes it: what is no character of Unicode text is shown as such."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def cells(value: Value) -> Cells:
    """Return the cells of a value; its time and origin are not among them.

    Raises `LocalError` for a value that is none of the types that a point can have.
    """
    number, text, kind = _scalar(value.value)
    validity = _CODES[value.quality.validity] << _TYPE_BITS
    return number, text, kind | validity | value.quality.detail.value << _TYPE_BITS + _VALIDITY_BITS


def value_of(time: int, number: float | None, text: str | None, state: int, origin: str = "") -> Value:
    """Return the value that stands in these cells."""
    validity = _VALIDITIES[min(state >> _TYPE_BITS & (1 << _VALIDITY_BITS) - 1, len(_VALIDITIES) - 1)]
    quality = Quality(validity, Detail(state >> _TYPE_BITS + _VALIDITY_BITS))
    return Value(_back(number, text, state & (1 << _TYPE_BITS) - 1), quality, time_of(time), origin)


def _scalar(value: Scalar | None) -> tuple[float | None, str | None, int]:
    match value:
        case None:
            return None, None, _NONE
        case bool():
            return float(value), None, _BOOL
        case float():
            return value, None, _FLOAT
        case int():
            return (float(value), None, _INT) if abs(value) <= _EXACT else (None, str(value), _HUGE)
        case str():
            return None, storable(value), _TEXT
    raise LocalError(f"a history keeps numbers, truth values and texts, not {type(value).__name__}")


def _back(number: float | None, text: str | None, kind: int) -> Scalar | None:
    if kind in (_TEXT, _HUGE):
        return text if kind == _TEXT else int(text or "0")
    if kind == _FLOAT:
        return math.nan if number is None else number  # SQLite has no NaN
    if number is None or kind == _NONE:
        return None
    return bool(number) if kind == _BOOL else int(number)
