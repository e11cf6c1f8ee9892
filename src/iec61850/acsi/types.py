"""Basic types, type descriptions and the Python values that stand for them (IEC 61850-7-2 clause 6, 7-3 clause 6).

A value of BOOLEAN is a `bool`, of an integer or enumerated type an `int`, of FLOAT32/64 a `float`, of a string type a
`str`, of an octet string `bytes`; packed lists and coded enumerations are a `BitString`; Quality, Timestamp and
EntryTime have their classes. A structure or an array is a `list` in the order of its `TypeDescription`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache

import attrs

from .references import subscript


class BasicType(Enum):
    """The basic types an attribute can have, by their names in SCL (`bType`)."""

    __hash__ = object.__hash__  # as for FC

    BOOLEAN = "BOOLEAN"
    INT8 = "INT8"
    INT16 = "INT16"
    INT24 = "INT24"
    INT32 = "INT32"
    INT64 = "INT64"
    INT128 = "INT128"
    INT8U = "INT8U"
    INT16U = "INT16U"
    INT24U = "INT24U"
    INT32U = "INT32U"
    FLOAT32 = "FLOAT32"
    FLOAT64 = "FLOAT64"
    ENUM = "Enum"
    DBPOS = "Dbpos"
    TCMD = "Tcmd"
    QUALITY = "Quality"
    TIMESTAMP = "Timestamp"
    VISSTRING32 = "VisString32"
    VISSTRING64 = "VisString64"
    VISSTRING65 = "VisString65"
    VISSTRING129 = "VisString129"
    VISSTRING255 = "VisString255"
    OCTET6 = "Octet6"
    OCTET16 = "Octet16"
    OCTET64 = "Octet64"
    UNICODE255 = "Unicode255"
    CHECK = "Check"
    OBJREF = "ObjRef"
    CURRENCY = "Currency"
    PHYCOMADDR = "PhyComAddr"
    TRGOPS = "TrgOps"
    OPTFLDS = "OptFlds"
    SVOPTFLDS = "SvOptFlds"
    ENTRYID = "EntryID"
    ENTRYTIME = "EntryTime"


@attrs.frozen(slots=True)
class BitString:
    """`size` bits; bit 0 is the first on the wire and the most significant of `value`."""

    value: int
    size: int

    def __getitem__(self, bit: int) -> bool:
        if not 0 <= bit < self.size:
            raise IndexError(bit)
        return bool(self.value >> (self.size - 1 - bit) & 1)

    def __str__(self) -> str:
        return format(self.value, f"0{self.size}b") if self.size else ""

    @classmethod
    def of(cls, *bits: int, size: int) -> BitString:
        """Return a bit string of `size` bits in which just `bits` are set."""
        return cls(sum(1 << (size - 1 - bit) for bit in bits), size)

    @property
    def bits(self) -> tuple[int, ...]:
        """The numbers of the bits that are set."""
        # By way of the text: to shift a long number once for each of its bits takes the square of its length.
        return tuple(bit for bit, found in enumerate(str(self)[-self.size :]) if found == "1")


_VALIDITIES = ("good", "invalid", "reserved", "questionable")
_QUALITY_FLAGS = (
    "overflow", "outOfRange", "badReference", "oscillatory", "failure", "oldData", "inconsistent", "inaccurate",
    "substituted", "test", "operatorBlocked",
)  # fmt: skip


@attrs.frozen(slots=True)
class Quality:
    """Quality of a data attribute (IEC 61850-7-3 clause 6.2): 13 bits, `Quality()` is good."""

    bits: int = 0
    """The 13 bits as they stand on the wire, bit 0 most significant."""

    GOOD = 0b00
    INVALID = 0b01
    RESERVED = 0b10
    QUESTIONABLE = 0b11

    @property
    def validity(self) -> int:
        """0 good, 1 invalid, 2 reserved, 3 questionable."""
        return self.bits >> 11 & 3

    def bit(self, number: int) -> bool:
        """Return bit 2 overflow, 3 outOfRange, 4 badReference, 5 oscillatory, 6 failure, 7 oldData, 8 inconsistent,
        9 inaccurate, 10 substituted, 11 test or 12 operatorBlocked."""
        return bool(self.bits >> (12 - number) & 1)

    def __str__(self) -> str:
        """Return the quality in the standard's words: `good`, `invalid, failure`, `questionable, oldData, test`."""
        flags = (name for number, name in enumerate(_QUALITY_FLAGS, start=2) if self.bit(number))
        return ", ".join((_VALIDITIES[self.validity], *flags))

    @classmethod
    def of(cls, validity: int = 0, *flags: int) -> Quality:
        """Return a quality of this validity with these bits (2 to 12) set."""
        return cls(validity << 11 | sum(1 << (12 - flag) for flag in flags))

    @property
    def good(self) -> bool:
        """True if validity is good."""
        return self.validity == self.GOOD

    @property
    def details(self) -> tuple[int, ...]:
        """The bits from 2 (overflow) to 9 (inaccurate) that are set: why the value is invalid or questionable."""
        return tuple(bit for bit in range(2, 10) if self.bit(bit))

    @property
    def contradicts(self) -> bool:
        """True if it has no meaning: a value that is good with a reason why it is not, or the reserved validity."""
        return self.validity == self.RESERVED or (self.good and bool(self.details))

    @property
    def sound(self) -> Quality:
        """The same quality, but questionable where it contradicts itself."""
        return Quality(self.bits | self.QUESTIONABLE << 11) if self.contradicts else self

    def under(self, behaviour: int) -> Quality:
        """Return the quality of the same value where its node has this behaviour (IEC 61850-7-4 annex A, second-hand):
        marked as test in test (3) and test/blocked (4), invalid where it is off (5)."""
        if behaviour in (3, 4):
            return Quality(self.bits | 1 << 12 - 11)
        return Quality(self.bits & 0x7FF | self.INVALID << 11) if behaviour == 5 else self


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENTRY_EPOCH = datetime(1984, 1, 1, tzinfo=UTC)


@attrs.frozen(slots=True)
class Timestamp:
    """UTC time with its quality (IEC 61850-7-2 clause 6.1.2.9; 8 octets on the wire)."""

    seconds: int = 0
    """Since 1970-01-01T00:00:00Z."""
    fraction: int = 0
    """In units of 2**-24 s."""
    leap_seconds_known: bool = True
    clock_failure: bool = False
    clock_not_synchronized: bool = False
    accuracy: int = 10
    """Number of significant fraction bits; 31 is unspecified. 10 is about a millisecond (class T1)."""

    @classmethod
    def of(cls, when: datetime, **quality: bool | int) -> Timestamp:
        """Return the timestamp of an aware datetime, rounded to the nearest 2**-24 s."""
        ticks = round((when - _EPOCH) / timedelta(microseconds=1) * (1 << 24) / 1_000_000)
        return cls(ticks >> 24, ticks & 0xFFFFFF, **quality)  # type: ignore[arg-type]

    @property
    def datetime(self) -> datetime:
        """As an aware datetime in UTC, to the microsecond."""
        return _moment(self.seconds, self.fraction)

    @property
    def entry_time(self) -> EntryTime:
        """As an entry time, cut to the millisecond; nothing but zeros for what is before 1984."""
        return EntryTime(max(0, EntryTime.of(self.datetime).milliseconds))


@lru_cache(maxsize=256)  # what a report tells of has mostly happened at once
def _moment(seconds: int, fraction: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds, microseconds=round(fraction * 1_000_000 / (1 << 24)))


@attrs.frozen(slots=True)
class TimeQuality:
    """What a time stamp says of the clock that made it (IEC 61850-7-2 TimeQuality); see `Timestamp`."""

    leap_seconds_known: bool = True
    clock_failure: bool = False
    clock_not_synchronized: bool = False
    accuracy: int = 10

    @classmethod
    def accuracy_of(cls, seconds: float | None) -> int:
        """Return as significant fraction bits by how much a time may be wrong; 31 where that is not known, or a second
        or more. A Python time has microseconds, so that there are never more than 20."""
        if seconds is None or not 0 <= seconds < 1:
            return 31
        return min(20, math.floor(-math.log2(max(seconds, 1e-9))))

    def stamp(self, when: datetime) -> Timestamp:
        """Return the timestamp of an aware datetime with this quality."""
        return Timestamp.of(
            when,
            leap_seconds_known=self.leap_seconds_known,
            clock_failure=self.clock_failure,
            clock_not_synchronized=self.clock_not_synchronized,
            accuracy=self.accuracy,
        )


@attrs.frozen(slots=True)
class EntryTime:
    """Time of an entry: whole milliseconds since 1984-01-01T00:00:00Z (6 octets on the wire)."""

    milliseconds: int = 0

    @classmethod
    def of(cls, when: datetime) -> EntryTime:
        """Return the entry time of an aware datetime, cut to the millisecond."""
        return cls((when - _ENTRY_EPOCH) // timedelta(milliseconds=1))

    @property
    def datetime(self) -> datetime:
        """As an aware datetime in UTC."""
        return _ENTRY_EPOCH + timedelta(milliseconds=self.milliseconds)

    @property
    def timestamp(self) -> Timestamp:
        """As a timestamp; nothing but zeros stay so."""
        return Timestamp.of(self.datetime) if self.milliseconds else Timestamp()


DataValue = bool | int | float | str | bytes | BitString | Quality | Timestamp | EntryTime | list["DataValue"] | None
"""A value of any type; None stands only for what has no value yet."""


@attrs.frozen(slots=True)
class Basic:
    """A leaf: its basic type."""

    type: BasicType


@attrs.frozen(slots=True)
class Structure:
    """Named components in order.

    `in_order` is False where a client has put the type together from its parts, since the server could not tell it at
    once: then the order is that of the names, and a value that the server sends as a whole may have another.
    """

    components: tuple[tuple[str, TypeDescription], ...]
    in_order: bool = attrs.field(default=True, eq=False, repr=False)

    def component(self, name: str) -> TypeDescription | None:
        """Return the description of one component, None if there is none of that name."""
        for component, description in self.components:
            if component == name:
                return description
        return None


@attrs.frozen(slots=True)
class Array:
    """`count` elements of one type."""

    count: int
    element: TypeDescription


TypeDescription = Basic | Structure | Array


def descend(description: TypeDescription, path: Sequence[str]) -> TypeDescription | None:
    """Return the type of what a path names below a type, None if there is nothing.

    `Har(3)` is an element of an array, `Har(0-3)` an array of four: what follows is an array of that part of each.
    """
    if not path:
        return description
    name, chosen = subscript(path[0])
    found = description.component(name) if isinstance(description, Structure) else None
    if found is None or chosen is None:
        return descend(found, path[1:]) if found is not None else None
    low, count = chosen
    if not isinstance(found, Array) or not 0 <= low < low + (count or 1) <= found.count:
        return None
    below = descend(found.element, path[1:])
    return Array(count, below) if count and below is not None else below
