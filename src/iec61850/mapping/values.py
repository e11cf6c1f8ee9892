"""Values of the ACSI and MMS Data (8-1 clause 8; forms and sizes from recordings of a peer)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ...common.errors import Malformed
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.types import (
    Array,
    Basic,
    BasicType,
    BitString,
    DataValue,
    EntryTime,
    Quality,
    Structure,
    Timestamp,
    TypeDescription,
)
from ..mms import MmsEncodeError, pdu
from ..mms.data import (
    QUALITY_BITS,
    entry_time_from_octets,
    entry_time_to_octets,
    float_from_octets,
    float_to_octets,
    timestamp_from_octets,
    timestamp_to_octets,
)
from .errors import TooLarge

_T = BasicType
Encode = Callable[[Any], pdu.Data]


def _float32(value: float) -> pdu.Data:
    try:
        return ("floating-point", float_to_octets(value))
    except MmsEncodeError:
        return _float64(value)  # the server will say that it does not fit


def _float64(value: float) -> pdu.Data:
    return ("floating-point", float_to_octets(value, double=True))


def _bits(value: BitString) -> pdu.Data:
    return ("bit-string", (value.value, value.size))


def _quality(value: Quality) -> pdu.Data:
    return ("bit-string", (value.bits, QUALITY_BITS))


def _utc_time(value: Timestamp) -> pdu.Data:
    return ("utc-time", timestamp_to_octets(value))


def _binary_time(value: EntryTime) -> pdu.Data:
    return ("binary-time", entry_time_to_octets(value))


def _plain(tag: str) -> Encode:
    return lambda value: (tag, value)  # type: ignore[return-value]


_SIGNED = frozenset({_T.INT8, _T.INT16, _T.INT24, _T.INT32, _T.INT64, _T.INT128, _T.ENUM})
_UNSIGNED = frozenset({_T.INT8U, _T.INT16U, _T.INT24U, _T.INT32U})
_OCTETS = frozenset({_T.OCTET6, _T.OCTET16, _T.OCTET64, _T.ENTRYID, _T.PHYCOMADDR})
_BIT_SIZES = {_T.DBPOS: 2, _T.TCMD: 2, _T.CHECK: 2, _T.TRGOPS: 6, _T.OPTFLDS: 10, _T.SVOPTFLDS: 5}


def _kind(type_: BasicType) -> tuple[str, type[Any], Encode]:
    """Return the alternative of Data for a type, the class of its Python values, and what encodes them."""
    if type_ is _T.BOOLEAN:
        return "boolean", bool, _plain("boolean")
    if type_ in _SIGNED:
        return "integer", int, _plain("integer")
    if type_ in _UNSIGNED:
        return "unsigned", int, _plain("unsigned")
    if type_ in (_T.FLOAT32, _T.FLOAT64):
        return "floating-point", float, _float32 if type_ is _T.FLOAT32 else _float64
    if type_ in _BIT_SIZES:
        return "bit-string", BitString, _bits
    if type_ is _T.QUALITY:
        return "bit-string", Quality, _quality
    if type_ in _OCTETS:
        return "octet-string", bytes, _plain("octet-string")
    if type_ is _T.UNICODE255:
        return "mMSString", str, _plain("mMSString")
    if type_ is _T.TIMESTAMP:
        return "utc-time", Timestamp, _utc_time
    if type_ is _T.ENTRYTIME:
        return "binary-time", EntryTime, _binary_time
    return "visible-string", str, _plain("visible-string")


_KINDS = {type_: _kind(type_) for type_ in BasicType}
ENCODERS: dict[BasicType, Encode] = {type_: kind[2] for type_, kind in _KINDS.items()}
"""For each basic type what makes Data of a value of it."""

_NATURAL: dict[type[Any], Encode] = {
    bool: _plain("boolean"),
    int: _plain("integer"),
    float: _float32,
    str: _plain("visible-string"),
    bytes: _plain("octet-string"),
    BitString: _bits,
    Quality: _quality,
    Timestamp: _utc_time,
    EntryTime: _binary_time,
}


def encode(value: DataValue, description: TypeDescription | None = None) -> pdu.Data:
    """Return Data for a value: of the type described, where the value is of that kind; else as it comes naturally,
    and the server will say what it thinks of it."""
    if isinstance(description, Basic):
        _, wanted, encoder = _KINDS[description.type]
        if type(value) is wanted:
            return encoder(value)
    if isinstance(value, list):
        if isinstance(description, Structure) and not description.in_order:
            raise TooLarge("the order of its parts is not known, for its type does not fit into a PDU: write its parts")
        parts: list[TypeDescription | None] = [None] * len(value)
        if isinstance(description, Structure) and len(description.components) == len(value):
            parts = [part for _, part in description.components]
        elif isinstance(description, Array):
            parts = [description.element] * len(value)
            return ("array", [encode(one, part) for one, part in zip(value, parts, strict=True)])
        return ("structure", [encode(one, part) for one, part in zip(value, parts, strict=True)])
    natural = _NATURAL.get(type(value))
    if natural is None:
        raise ServiceRefused(ServiceError.TYPE_CONFLICT, f"{value!r} cannot be sent")
    return natural(value)


# --- decoding --------------------------------------------------------------------------------------------------------


def _bit_string(value: tuple[int, int]) -> DataValue:
    bits, size = value
    return _quality_of(bits) if size == QUALITY_BITS else BitString(bits, size)


_quality_of = lru_cache(maxsize=1 << QUALITY_BITS)(Quality)


def _list(value: list[pdu.Data]) -> DataValue:
    return [decode(one) for one in value]


_DECODERS: dict[str, Callable[[Any], DataValue]] = {
    "array": _list,
    "structure": _list,
    "boolean": lambda value: value,
    "bit-string": _bit_string,
    "integer": lambda value: value,
    "unsigned": lambda value: value,
    "floating-point": float_from_octets,
    "octet-string": lambda value: value,
    "visible-string": lambda value: value,
    "binary-time": entry_time_from_octets,
    "bcd": lambda value: value,
    "booleanArray": lambda value: BitString(*value),
    "objId": lambda value: value,
    "mMSString": lambda value: value,
    "utc-time": timestamp_from_octets,
}


def decode(data: pdu.Data) -> DataValue:
    """Return the value of Data; raise `Malformed` if its octets are none. 13 bits are taken for a quality: nothing
    else in IEC 61850 has as many."""
    kind, value = data
    return _DECODERS[kind](value)


def decode_as(data: pdu.Data, description: TypeDescription) -> DataValue:
    """Return the value of Data that is to be of a type; raise `ServiceRefused` (type-conflict) if it is of another.

    Bit strings that may vary in length are filled up with zeros.
    """
    kind, value = data
    if isinstance(description, Basic):
        return _basic_as(kind, value, description.type)
    parts: list[TypeDescription]
    if isinstance(description, Structure):
        wanted, parts = "structure", [part for _, part in description.components]
    else:
        wanted, parts = "array", [description.element] * description.count
    if kind != wanted or not isinstance(value, list) or len(value) != len(parts):
        raise _conflict(kind, f"{wanted} of {len(parts)}")
    return [decode_as(one, part) for one, part in zip(value, parts, strict=True)]


def _basic_as(kind: str, value: Any, type_: BasicType) -> DataValue:
    wanted, _, _ = _KINDS[type_]
    if kind != wanted:
        raise _conflict(kind, type_.value)
    if wanted == "bit-string":
        return _fixed_bits(type_, *value)
    try:
        return _DECODERS[kind](value)
    except Malformed as malformed:
        raise ServiceRefused(ServiceError.TYPE_CONFLICT, malformed.message) from None


def _fixed_bits(type_: BasicType, bits: int, size: int) -> DataValue:
    if type_ is _T.QUALITY:
        wanted, variable = QUALITY_BITS, True
    else:
        wanted, variable = _BIT_SIZES[type_], type_ in (_T.TRGOPS, _T.OPTFLDS, _T.CHECK)
    if size > wanted or (size < wanted and not variable):
        raise _conflict(f"bit-string of {size}", type_.value)
    bits <<= wanted - size
    return Quality(bits) if type_ is _T.QUALITY else BitString(bits, wanted)


def _conflict(found: str, wanted: str) -> ServiceRefused:
    return ServiceRefused(ServiceError.TYPE_CONFLICT, f"{found} came for {wanted}")
