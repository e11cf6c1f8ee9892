"""Values of OPC UA: their status as quality, their types as wire types, both ways."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

from asyncua import ua

from ....common.data.conversion import WireType
from ....common.data.value import Detail, Quality, Scalar, Validity
from ....common.errors import TypeConflict

V = ua.VariantType

TYPES: dict[WireType, frozenset[ua.VariantType]] = {
    WireType.FLOAT32: frozenset({V.Float}),
    WireType.FLOAT64: frozenset({V.Double}),
    WireType.INT8: frozenset({V.SByte}),
    WireType.INT16: frozenset({V.Int16}),
    WireType.INT32: frozenset({V.Int32}),
    WireType.INT64: frozenset({V.Int64}),
    WireType.UINT8: frozenset({V.Byte}),
    WireType.UINT16: frozenset({V.UInt16}),
    WireType.UINT32: frozenset({V.UInt32}),
    WireType.UINT64: frozenset({V.UInt64}),
    WireType.BOOL: frozenset({V.Boolean}),
    WireType.ENUM: frozenset({V.SByte, V.Byte, V.Int16, V.UInt16, V.Int32, V.UInt32}),
    WireType.TEXT: frozenset({V.String, V.LocalizedText, V.DateTime}),
}
"""What a node may be, for each wire type of a row. A `DateTime` is text in ISO 8601, and only read."""

WHOLE = frozenset({V.SByte, V.Byte, V.Int16, V.UInt16, V.Int32, V.UInt32, V.Int64, V.UInt64})
NUMBERS = WHOLE | {V.Float, V.Double}

_DETAILS = {
    "BadNodeIdUnknown": Detail.BAD_REFERENCE, "BadNodeIdInvalid": Detail.BAD_REFERENCE,
    "BadAttributeIdInvalid": Detail.BAD_REFERENCE, "BadNotReadable": Detail.BAD_REFERENCE,
    "BadUserAccessDenied": Detail.BAD_REFERENCE, "BadConfigurationError": Detail.BAD_REFERENCE,
    "BadOutOfRange": Detail.OUT_OF_RANGE, "BadOutOfService": Detail.OPERATOR_BLOCKED,
    "BadDataUnavailable": Detail.OLD_DATA, "BadWaitingForInitialData": Detail.OLD_DATA,
    "BadNoData": Detail.OLD_DATA,
    "UncertainLastUsableValue": Detail.OLD_DATA, "UncertainNoCommunicationLastUsableValue": Detail.OLD_DATA,
    "UncertainInitialValue": Detail.OLD_DATA, "UncertainDataSubNormal": Detail.INACCURATE,
    "UncertainSensorNotAccurate": Detail.INACCURATE, "UncertainSubNormal": Detail.INACCURATE,
    "UncertainEngineeringUnitsExceeded": Detail.OUT_OF_RANGE, "UncertainSubstituteValue": Detail.SUBSTITUTED,
    "UncertainSimulatedValue": Detail.TEST, "UncertainTransducerInManual": Detail.SUBSTITUTED,
    "UncertainSensorCalibration": Detail.INACCURATE,
    "GoodLocalOverride": Detail.SUBSTITUTED,
}  # fmt: skip
_DATA_VALUE, _OVERFLOW = 0x0400, 0x0080
"""Info bits of a status: they speak of a data value; some were lost on the way (OPC 10000-4, 7.39)."""


def quality(status: ua.StatusCode | None) -> Quality:
    """Return the common quality of a status; what is bad for no special reason is a failure."""
    if status is None:
        return Quality()
    code = int(status.value)
    known = ua.StatusCode(ua.UInt32(code & 0xFFFF0000))
    bad = not known.is_good() and not known.is_uncertain()
    detail = _DETAILS.get(known.name, Detail.FAILURE if bad else Detail.NONE)
    if code & _DATA_VALUE and code & _OVERFLOW:
        detail |= Detail.OVERFLOW
    if bad:
        return Quality(Validity.INVALID, detail)
    return Quality(Validity.GOOD if known.is_good() else Validity.QUESTIONABLE, detail)


def scalar(variant: ua.Variant | None, types: frozenset[ua.VariantType]) -> Scalar | None:
    """Return what a variant holds; None if it holds nothing, or what is none of these types."""
    if variant is None or variant.VariantType not in types:
        return None
    value: Any = variant.Value
    if isinstance(value, ua.LocalizedText):
        value = value.Text
    if isinstance(value, datetime):
        return instant(value).isoformat()
    return value if isinstance(value, bool | int | float | str) else None


def variant(value: Scalar, kind: ua.VariantType) -> ua.Variant:
    """Return a value of the wire as a variant of this type; raise `TypeConflict` if it cannot be one."""
    if kind is V.LocalizedText:
        return ua.Variant(ua.LocalizedText(str(value)), kind)
    if kind is V.DateTime:
        raise TypeConflict("a DateTime cannot be written")
    if kind in (V.Float, V.Double) and isinstance(value, int):
        value = float(value)
    return ua.Variant(value, kind)


def same(one: Scalar | None, other: Scalar | None, kind: ua.VariantType) -> bool:
    """Return whether two values are the same on the wire."""
    if kind is V.Float and isinstance(one, int | float) and isinstance(other, int | float):
        return struct.pack("<f", one) == struct.pack("<f", other)
    return one == other


def instant(time: datetime) -> datetime:
    """Return a time of the wire, which is in UTC, as an aware one."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def time(value: ua.DataValue) -> datetime | None:
    """Return the source time of a value; None if it has none."""
    return None if value.SourceTimestamp is None else instant(value.SourceTimestamp)
