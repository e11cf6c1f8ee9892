"""The text of a `Val` as a value of its type (IEC 61850-6 clause 9.5.4)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from ..acsi.types import BasicType, BitString, DataValue, EntryTime, Quality, Timestamp
from ..model.nodes import EnumType

Parsed = tuple[DataValue, str]
"""A value, and what was not as it should be in its text; empty if nothing."""


class BadValue(Exception):
    """The text is no value of the type; says what it should be. Never leaves this room."""


def parse(text: str, basic: BasicType, enum: EnumType | None = None) -> Parsed:
    """Return the value that `text` spells, with a remark where it is spelled loosely; raise `BadValue` if it is none.

    Empty text is the empty string of a string type, and no value (None) of any other.
    """
    if basic is BasicType.ENUM:
        return _enumerated(text, enum)
    if limit := STRINGS.get(basic):
        return _string(text, limit, basic is BasicType.UNICODE255)
    text = text.strip()
    if not text:
        return None, ""
    if bounds := INTEGERS.get(basic):
        return _integer(text, *bounds)
    reader = _READERS.get(basic)
    if reader is None:
        raise BadValue(f"{basic.value} has no text form")
    return reader(text, basic)


def flag(text: str) -> bool | None:
    """Return what an XML boolean says, None if it is none."""
    return {"true": True, "1": True, "false": False, "0": False}.get(text)


def _signed(bits: int) -> tuple[int, int]:
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


INTEGERS = {
    BasicType.INT8: _signed(8),
    BasicType.INT16: _signed(16),
    BasicType.INT24: _signed(24),
    BasicType.INT32: _signed(32),
    BasicType.INT64: _signed(64),
    BasicType.INT128: _signed(128),
    BasicType.INT8U: (0, 255),
    BasicType.INT16U: (0, 65535),
    BasicType.INT24U: (0, (1 << 24) - 1),
    BasicType.INT32U: (0, (1 << 32) - 1),
}
"""Least and greatest value of each integer type."""

STRINGS = {
    BasicType.VISSTRING32: 32,
    BasicType.VISSTRING64: 64,
    BasicType.VISSTRING65: 65,
    BasicType.VISSTRING129: 129,
    BasicType.VISSTRING255: 255,
    BasicType.UNICODE255: 255,
    BasicType.OBJREF: 129,
    BasicType.CURRENCY: 3,
}
"""Most characters of each string type."""

OCTETS = {BasicType.OCTET6: 6, BasicType.OCTET16: 16, BasicType.OCTET64: 64, BasicType.ENTRYID: 8}
"""Most octets of each octet-string type."""

_CODED = {
    BasicType.DBPOS: {"intermediate": 0, "off": 1, "on": 2, "bad": 3, "intermediate-state": 0, "bad-state": 3},
    BasicType.TCMD: {"stop": 0, "lower": 1, "higher": 2, "reserved": 3},
}
_QUALITY = (
    *("", "", "overflow", "outOfRange", "badReference", "oscillatory", "failure", "oldData", "inconsistent"),
    *("inaccurate", "substituted", "test", "operatorBlocked"),
)
_VALIDITY = {"good": 0, "invalid": 1, "reserved": 2, "questionable": 3}
_PACKED = {
    BasicType.CHECK: ("synchrocheck", "interlock-check"),
    BasicType.TRGOPS: ("", "dchg", "qchg", "dupd", "period", "gi"),
    BasicType.OPTFLDS: (
        *("", "seqNum", "timeStamp", "reasonCode", "dataSet", "dataRef", "bufOvfl", "entryID", "configRef"),
        "segmentation",
    ),
    BasicType.SVOPTFLDS: ("refreshTime", "sampleSynchronized", "sampleRate", "dataSet", "security"),
}
"""Names of the bits of a packed list, bit 0 first; empty for one that has no name."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_WHOLE = re.compile(r"([+-]?[0-9]{1,40})[.,]0*")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?|[+-]?INF|NaN", re.ASCII)
_HEX = re.compile(r"(0x)?([0-9A-Fa-f]{2})+")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,20}))?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def _integer(text: str, low: int, high: int) -> Parsed:
    remark = ""
    if whole := _WHOLE.fullmatch(text):
        text, remark = whole[1], "an integer is written without a fraction"
    if not _INTEGER.fullmatch(text):
        raise BadValue("is no integer")
    value = int(text)
    if not low <= value <= high:
        raise BadValue(f"is not from {low} to {high}")
    return value, remark


def _enumerated(text: str, enum: EnumType | None) -> Parsed:
    """Return the ordinal of a literal; a number stands for itself where it is the ordinal of a literal."""
    ordinals = enum.ordinals if enum else {}
    for spelling in (text, text.strip()):
        if spelling in ordinals:
            return ordinals[spelling], ""
    text = text.strip()
    if not text:
        return None, ""
    same = {ordinal for literal, ordinal in ordinals.items() if literal.casefold() == text.casefold()}
    if len(same) == 1:
        return same.pop(), "the literal is spelled otherwise"
    if _INTEGER.fullmatch(text):
        number = int(text)
        if enum is None and -(1 << 31) <= number < 1 << 31:
            return number, ""
        if number in ordinals.values():
            return number, "a literal should stand here, not its ordinal"
    raise BadValue(f"is no literal of {enum.id}" if enum else "is no number, and there is no EnumType to look it up in")


def _string(text: str, limit: int, unicode: bool) -> Parsed:
    remarks = []
    text = re.sub(r"[\t\r\n]", " ", text)
    if not unicode and not (text.isascii() and text.isprintable()):
        text = "".join(char if " " <= char <= "~" else "?" for char in text)
        remarks.append("a visible string holds ASCII only: other characters are replaced by '?'")
    if len(text) > limit:
        text = text[:limit]
        remarks.append(f"it is cut to {limit} characters")
    return text, "; ".join(remarks)


def _boolean(text: str, _: BasicType) -> Parsed:
    value = flag(text)
    if value is not None:
        return value, ""
    value = flag(text.lower())
    if value is None:
        raise BadValue("is neither true nor false")
    return value, "true and false are written in small letters"


def _float(text: str, basic: BasicType) -> Parsed:
    remark = ""
    if "," in text:
        text, remark = text.replace(",", ".", 1), "the decimal separator is a point"
    if not _FLOAT.fullmatch(text):
        raise BadValue("is no number")
    value = float(text)
    if abs(value) > 3.4028235677973366e38 and basic is BasicType.FLOAT32 and "INF" not in text:
        raise BadValue("is too large for FLOAT32")
    return value, remark


def _coded(text: str, basic: BasicType) -> Parsed:
    codes = _CODED[basic]
    if text.lower() in codes:
        return BitString(codes[text.lower()], 2), "" if text in codes else "the literal is spelled otherwise"
    if text in {"0", "1", "2", "3"}:
        return BitString(int(text), 2), "a literal should stand here, not its code"
    raise BadValue(f"is none of {', '.join(list(codes)[:4])}")


def _bits(text: str, names: tuple[str, ...]) -> int | None:
    """Return a bit string of 0 and 1, or of the names of the bits that are set, as a number; None if it is neither."""
    if re.fullmatch(f"[01]{{{len(names)}}}", text):
        return int(text, 2)
    given = [name for name in re.split(r"[\s,;|]+", text) if name and name != "none"]
    if any(name not in names for name in given):
        return None
    return sum(1 << (len(names) - 1 - names.index(name)) for name in set(given))


def _packed(text: str, basic: BasicType) -> Parsed:
    names = _PACKED[basic]
    value = (1 << len(names)) - 1 if basic is BasicType.CHECK and text == "both" else _bits(text, names)
    if value is None:
        raise BadValue(f"is neither {len(names)} bits nor names of {', '.join(filter(None, names))}")
    return BitString(value, len(names)), ""


def _quality(text: str, _: BasicType) -> Parsed:
    validity, _sep, rest = text.partition(",") if text.split(",")[0].strip() in _VALIDITY else ("good", "", text)
    bits = _bits(rest.strip(), _QUALITY)
    if bits is None:
        raise BadValue("is neither 13 bits nor a validity and names of flags, separated by commas")
    return Quality(bits | _VALIDITY[validity.strip()] << 11), ""


def _octets(text: str, basic: BasicType) -> Parsed:
    """Return octets written in base64, as XML does; hexadecimal where it cannot be base64."""
    remark = ""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        if not _HEX.fullmatch(text):
            raise BadValue("is not base64") from None
        value, remark = (
            bytes.fromhex(text.removeprefix("0x")),
            "octets are written in base64; it is read as hexadecimal",
        )
    if len(value) > OCTETS[basic]:
        raise BadValue(f"has {len(value)} octets, more than {OCTETS[basic]}")
    return value, remark


def _moment(text: str) -> tuple[datetime, str]:
    match = _TIME.fullmatch(text)
    if match is None:
        raise BadValue("is no date and time like 2026-01-31T12:00:00.000Z")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    remark = (
        "" if zone and hour else "without a time zone it is taken as UTC" if hour else "it is a date without a time"
    )
    try:
        offset = UTC if zone in (None, "Z") else timezone(_offset(zone))
        whole = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), 0, offset)
        when = whole.astimezone(UTC) + timedelta(microseconds=int((fraction or "0").ljust(6, "0")[:6]))
    except (ValueError, OverflowError) as error:
        raise BadValue(f"is no date and time: {error}") from None
    return when, remark


def _offset(zone: str) -> timedelta:
    size = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return -size if zone[0] == "-" else size


def _timestamp(text: str, _: BasicType) -> Parsed:
    when, remark = _moment(text)
    value = Timestamp.of(when)
    if not 0 <= value.seconds < 1 << 32:
        raise BadValue("is not from 1970 to 2106")
    return value, remark


def _entry_time(text: str, _: BasicType) -> Parsed:
    when, remark = _moment(text)
    value = EntryTime.of(when)
    if not 0 <= value.milliseconds < 65536 * 86_400_000:
        raise BadValue("is not from 1984 to 2163")
    return value, remark


_READERS: dict[BasicType, Callable[[str, BasicType], Parsed]] = {
    BasicType.BOOLEAN: _boolean,
    BasicType.FLOAT32: _float,
    BasicType.FLOAT64: _float,
    BasicType.DBPOS: _coded,
    BasicType.TCMD: _coded,
    BasicType.QUALITY: _quality,
    BasicType.TIMESTAMP: _timestamp,
    BasicType.ENTRYTIME: _entry_time,
    **dict.fromkeys(OCTETS, _octets),
    **dict.fromkeys(_PACKED, _packed),
}
