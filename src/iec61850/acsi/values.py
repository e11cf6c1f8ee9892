"""Values against their basic types: what stands for no value yet, and what fits (IEC 61850-7-2 clause 6)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from .errors import ServiceError, ServiceRefused
from .types import BasicType, BitString, DataValue, EntryTime, Quality, Timestamp

Check = Callable[[DataValue], DataValue]

_T = BasicType
_INTEGERS = {
    _T.INT8: (-(1 << 7), (1 << 7) - 1), _T.INT16: (-(1 << 15), (1 << 15) - 1), _T.INT24: (-(1 << 23), (1 << 23) - 1),
    _T.INT32: (-(1 << 31), (1 << 31) - 1), _T.INT64: (-(1 << 63), (1 << 63) - 1),
    _T.INT128: (-(1 << 127), (1 << 127) - 1),
    _T.INT8U: (0, (1 << 8) - 1), _T.INT16U: (0, (1 << 16) - 1), _T.INT24U: (0, (1 << 24) - 1),
    _T.INT32U: (0, (1 << 32) - 1), _T.ENUM: (-(1 << 15), (1 << 15) - 1),
}  # fmt: skip
_TEXTS = {
    _T.VISSTRING32: 32, _T.VISSTRING64: 64, _T.VISSTRING65: 65, _T.VISSTRING129: 129, _T.VISSTRING255: 255,
    _T.UNICODE255: 255, _T.OBJREF: 129, _T.CURRENCY: 3,
}  # fmt: skip
_OCTETS = {_T.OCTET6: (0, 6), _T.OCTET16: (0, 16), _T.OCTET64: (0, 64), _T.ENTRYID: (8, 8), _T.PHYCOMADDR: (0, 64)}
_BITS = {_T.DBPOS: 2, _T.TCMD: 2, _T.CHECK: 2, _T.TRGOPS: 6, _T.OPTFLDS: 10, _T.SVOPTFLDS: 5}


def default(kind: BasicType) -> DataValue:
    """Return what a leaf of this type holds before it is given a value: zero, empty; quality is invalid."""
    if kind in _INTEGERS:
        return 0
    if kind in _TEXTS:
        return ""
    if kind in _OCTETS:
        return bytes(_OCTETS[kind][0])
    if kind in _BITS:
        return BitString(0, _BITS[kind])
    if kind is _T.QUALITY:
        return Quality.of(Quality.INVALID)
    if kind is _T.TIMESTAMP:
        return Timestamp()
    if kind is _T.ENTRYTIME:
        return EntryTime()
    return False if kind is _T.BOOLEAN else 0.0


def _conflict(kind: BasicType, value: DataValue) -> ServiceRefused:
    return ServiceRefused(ServiceError.TYPE_CONFLICT, f"{value!r} is no {kind.value}")


def _improper(kind: BasicType, value: DataValue, why: str) -> ServiceRefused:
    return ServiceRefused(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, f"{value!r} is no {kind.value}: {why}")


def _integer(kind: BasicType) -> Check:
    low, high = _INTEGERS[kind]

    def check(value: DataValue) -> DataValue:
        if type(value) is not int:
            raise _conflict(kind, value)
        if not low <= value <= high:
            raise _improper(kind, value, f"the range is {low} to {high}")
        return value

    return check


def _text(kind: BasicType) -> Check:
    limit, ascii_only = _TEXTS[kind], kind is not _T.UNICODE255

    def check(value: DataValue) -> DataValue:
        if type(value) is not str:
            raise _conflict(kind, value)
        if len(value) > limit:
            raise _improper(kind, value, f"at most {limit} characters")
        if ascii_only and not (value.isascii() and value.isprintable()):
            raise _improper(kind, value, "only printable ASCII")
        return value

    return check


def _octets(kind: BasicType) -> Check:
    low, high = _OCTETS[kind]

    def check(value: DataValue) -> DataValue:
        if type(value) is not bytes:
            raise _conflict(kind, value)
        if not low <= len(value) <= high:
            raise _improper(kind, value, f"{low} to {high} octets")
        return value

    return check


def _bits(kind: BasicType) -> Check:
    size = _BITS[kind]

    def check(value: DataValue) -> DataValue:
        if type(value) is not BitString or value.size != size:
            raise _conflict(kind, value)
        if not 0 <= value.value < 1 << size:
            raise _improper(kind, value, f"{size} bits")
        return value

    return check


def _quality(value: DataValue) -> DataValue:
    if type(value) is not Quality:
        raise _conflict(_T.QUALITY, value)
    if not 0 <= value.bits < 1 << 13:
        raise _improper(_T.QUALITY, value, "13 bits")
    return value


def _timestamp(value: DataValue) -> DataValue:
    if type(value) is not Timestamp:
        raise _conflict(_T.TIMESTAMP, value)
    if not (0 <= value.seconds < 1 << 32 and 0 <= value.fraction < 1 << 24 and 0 <= value.accuracy < 32):
        raise _improper(_T.TIMESTAMP, value, "from 1970 to 2106")
    return value


def _entry_time(value: DataValue) -> DataValue:
    if type(value) is not EntryTime:
        raise _conflict(_T.ENTRYTIME, value)
    if not 0 <= value.milliseconds < 86_400_000 << 16:
        raise _improper(_T.ENTRYTIME, value, "from 1984 to 2163")
    return value


def _boolean(value: DataValue) -> DataValue:
    if type(value) is not bool:
        raise _conflict(_T.BOOLEAN, value)
    return value


_single = struct.Struct("<f")


def _float32(value: DataValue) -> DataValue:
    if type(value) is not float:
        raise _conflict(_T.FLOAT32, value)
    try:
        # Held as the wire will show it, so that a value reads the same in process and over any mapping.
        return float(_single.unpack(_single.pack(value))[0])
    except OverflowError:
        raise _improper(_T.FLOAT32, value, "too large for single precision") from None


def _float64(value: DataValue) -> DataValue:
    if type(value) is not float:
        raise _conflict(_T.FLOAT64, value)
    return value


CHECKS: dict[BasicType, Check] = {
    **{kind: _integer(kind) for kind in _INTEGERS},
    **{kind: _text(kind) for kind in _TEXTS},
    **{kind: _octets(kind) for kind in _OCTETS},
    **{kind: _bits(kind) for kind in _BITS},
    _T.QUALITY: _quality,
    _T.TIMESTAMP: _timestamp,
    _T.ENTRYTIME: _entry_time,
    _T.BOOLEAN: _boolean,
    _T.FLOAT32: _float32,
    _T.FLOAT64: _float64,
}
"""For each type, what returns a value as it is to be held, or raises `ServiceRefused` (type-conflict for another type,
parameter-value-inappropriate for a value out of range)."""
