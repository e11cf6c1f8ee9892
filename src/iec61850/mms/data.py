"""Values of IEC 61850 in the forms that MMS has for them (IEC 61850-8-1 clause 8).

These are the primitives: a float and its octets, a time and its octets, bits and their classes. Which of them a value
takes is for its type description to say.
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from ..acsi.types import BitString, EntryTime, Quality, Timestamp
from .errors import MmsDecodeError, MmsEncodeError
from .pdu_generated import Bits

QUALITY_BITS = 13

_DAY = 86_400_000  # milliseconds
_FLOAT32, _FLOAT64 = struct.Struct(">f"), struct.Struct(">d")
_TIMESTAMP = struct.Struct(">II")
_TIME = re.compile(
    r"(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)?)?(?:[.,](\d{1,9}))?(?:(Z)|([+-])(\d\d)(\d\d)?)?", re.ASCII
)


def float_to_octets(value: float, *, double: bool = False) -> bytes:
    """Return a floating-point number as MMS has it: 5 octets for FLOAT32, 9 for FLOAT64.

    A FLOAT32 is rounded to the nearest one. Raises `MmsEncodeError` if it is finite and too large.
    """
    try:
        return b"\x0b" + _FLOAT64.pack(value) if double else b"\x08" + _FLOAT32.pack(value)
    except (OverflowError, struct.error):
        raise MmsEncodeError(f"{value!r} is not a number of FLOAT{64 if double else 32}") from None


def float_from_octets(octets: bytes) -> float:
    """Return the number that 5 or 9 octets are; raise `MmsDecodeError` for another width of number or exponent."""
    if len(octets) == 5 and octets[0] == 8:
        return float(_FLOAT32.unpack_from(octets, 1)[0])
    if len(octets) == 9 and octets[0] == 11:
        return float(_FLOAT64.unpack_from(octets, 1)[0])
    raise MmsDecodeError(
        f"a floating-point number of {len(octets)} octets, exponent width {octets[0] if octets else 0}"
    )


def bits_from(value: BitString) -> Bits:
    """Return a bit string as MMS has it."""
    return value.value, value.size


def bit_string_from(bits: Bits) -> BitString:
    """Return the bit string that MMS bits are."""
    return BitString(*bits)


def quality_to_bits(quality: Quality) -> Bits:
    """Return a quality as MMS has it: 13 bits."""
    return quality.bits, QUALITY_BITS


def quality_from_bits(bits: Bits) -> Quality:
    """Return the quality that 13 bits are; raise `MmsDecodeError` for another number of bits."""
    if bits[1] != QUALITY_BITS:
        raise MmsDecodeError(f"a quality of {bits[1]} bits, not {QUALITY_BITS}")
    return Quality(bits[0])


def timestamp_to_octets(time: Timestamp) -> bytes:
    """Return a timestamp as the 8 octets of utc-time; raise `MmsEncodeError` if it is not from 1970 to 2106."""
    flags = time.leap_seconds_known << 7 | time.clock_failure << 6 | time.clock_not_synchronized << 5 | time.accuracy
    if not (0 <= time.accuracy < 32 and 0 <= time.fraction < 1 << 24 and 0 <= time.seconds < 1 << 32):
        raise MmsEncodeError(f"{time} is no timestamp: a part of it is out of range")
    return _TIMESTAMP.pack(time.seconds, time.fraction << 8 | flags)


@lru_cache(maxsize=256)  # what a report tells of has mostly happened at once
def timestamp_from_octets(octets: bytes) -> Timestamp:
    """Return the timestamp that the 8 octets of utc-time are; raise `MmsDecodeError` for another number."""
    if len(octets) != 8:
        raise MmsDecodeError(f"a timestamp of {len(octets)} octets, not 8")
    seconds, rest = _TIMESTAMP.unpack(octets)
    return Timestamp(seconds, rest >> 8, bool(rest & 0x80), bool(rest & 0x40), bool(rest & 0x20), rest & 0x1F)


def entry_time_to_octets(time: EntryTime) -> bytes:
    """Return an entry time as the 6 octets of binary-time; raise `MmsEncodeError` if it is not from 1984 to 2163."""
    days, milliseconds = divmod(time.milliseconds, _DAY)
    if not 0 <= days < 1 << 16:
        raise MmsEncodeError(f"{time} is not from 1984 to 2163")
    return milliseconds.to_bytes(4, "big") + days.to_bytes(2, "big")


def entry_time_from_octets(octets: bytes) -> EntryTime:
    """Return the entry time that the 6 octets of binary-time are.

    Raises `MmsDecodeError` for the form of 4 octets, which has no date, and for a time beyond the end of a day.
    """
    milliseconds = int.from_bytes(octets[:4], "big")
    if len(octets) != 6 or milliseconds >= _DAY:
        raise MmsDecodeError(f"{octets.hex()} is not milliseconds of a day (4 octets) and days since 1984 (2 octets)")
    return EntryTime(int.from_bytes(octets[4:], "big") * _DAY + milliseconds)


def datetime_to_text(time: datetime) -> str:
    """Return an aware datetime as a GeneralizedTime in UTC, to the millisecond: `20261121074357.000Z`."""
    utc = time.astimezone(UTC)
    return f"{utc:%Y%m%d%H%M%S}.{utc.microsecond // 1000:03d}Z"


def datetime_from_text(text: str) -> datetime:
    """Return the aware datetime that a GeneralizedTime is; without a zone it is taken as UTC.

    Raises `MmsDecodeError` if there is no such time.
    """
    parts = _TIME.fullmatch(text)
    try:
        if parts is None:
            raise ValueError
        year, month, day, hour, minute, second, fraction, _, sign, zone_hours, zone_minutes = parts.groups("0")
        zone = timedelta(hours=int(zone_hours), minutes=int(zone_minutes)) * (-1 if sign == "-" else 1)
        unit = timedelta(seconds=1) if parts[6] else timedelta(minutes=1) if parts[5] else timedelta(hours=1)
        when = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=timezone(zone))
        return (when + unit * float(f"0.{fraction}")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MmsDecodeError(f"{text[:40]!r} is not a GeneralizedTime") from None
