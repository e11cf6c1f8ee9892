"""A value as the text of a `Val`: what `values.parse` reads back as the same value."""

from __future__ import annotations

import base64
import math
from datetime import datetime

from ...common.errors import LocalError
from ..acsi.types import BasicType, BitString, DataValue, EntryTime, Quality, Timestamp
from ..model.nodes import EnumType

_CODED = {
    BasicType.DBPOS: ("intermediate", "off", "on", "bad"),
    BasicType.TCMD: ("stop", "lower", "higher", "reserved"),
}


def spell(value: DataValue, basic: BasicType, enum: EnumType | None = None) -> str:
    """Return the text of a value; raise `LocalError` for one that no text can stand for.

    Times keep the microsecond; what a time stamp says of its clock is not kept.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        literal = enum.literal(value) if enum is not None and basic is BasicType.ENUM else None
        return str(value) if literal is None else literal
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        if any(character in value for character in "\t\r\n"):
            raise LocalError("a string of a file holds no tab and no line feed: remove it", where=repr(value))
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Quality):
        return str(BitString(value.bits, 13))
    if isinstance(value, Timestamp | EntryTime):
        return _time(value.datetime)
    if isinstance(value, BitString):
        return _CODED[basic][value.value] if basic in _CODED else str(value)
    raise LocalError(f"{value!r} has no text form")


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    return repr(value).removesuffix(".0")


def _time(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")
