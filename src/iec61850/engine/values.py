"""Values against their types: what a leaf holds before anything is known, what fits into it, and reading a subtree."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.types import BasicType, BitString, DataValue, EntryTime, Quality, Timestamp
from ..model.nodes import Attribute
from .tree import Group, Node

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
_CLASSES: dict[BasicType, type[Quality | Timestamp | EntryTime]] = {
    _T.QUALITY: Quality, _T.TIMESTAMP: Timestamp, _T.ENTRYTIME: EntryTime,
}  # fmt: skip


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
    if kind in _CLASSES:
        return _CLASSES[kind]()
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
        return value

    return check


def _class(kind: BasicType) -> Check:
    wanted = _CLASSES[kind]

    def check(value: DataValue) -> DataValue:
        if type(value) is not wanted:
            raise _conflict(kind, value)
        return value

    return check


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
    **{kind: _class(kind) for kind in _CLASSES},
    _T.BOOLEAN: _boolean,
    _T.FLOAT32: _float32,
    _T.FLOAT64: _float64,
}
"""For each type, what returns a value as it is to be held, or raises `ServiceRefused` (type-conflict for another type,
parameter-value-inappropriate for a value out of range)."""


def fit(leaf: Attribute, value: DataValue) -> DataValue:
    """Return `value` as this leaf will hold it; raise `ServiceRefused` if it does not fit."""
    assert leaf.type is not None
    check = CHECKS[leaf.type]
    if leaf.count:
        if not isinstance(value, list) or len(value) != leaf.count:
            raise ServiceRefused(ServiceError.TYPE_CONFLICT, f"{leaf.name} is an array of {leaf.count}")
        return [check(one) for one in value]
    held = check(value)
    if leaf.enum is not None and leaf.enum.ordinals and held not in leaf.enum.ordinals.values():
        raise ServiceRefused(
            ServiceError.PARAMETER_VALUE_INAPPROPRIATE, f"{value!r} is no ordinal of the enumeration {leaf.enum.id}"
        )
    return held


def spread(node: Node, value: DataValue) -> Iterator[tuple[Attribute, DataValue]]:
    """Yield each leaf below a node with its part of `value`, fitted; raise `ServiceRefused` if one does not fit."""
    if isinstance(node, Attribute) and node.type is not None:
        yield node, fit(node, value)
        return
    below = node.elements or list(node.children.values())
    if not isinstance(value, list) or len(value) != len(below):
        raise ServiceRefused(ServiceError.TYPE_CONFLICT, f"{node.name} has {len(below)} components")
    for child, part in zip(below, value, strict=True):
        yield from spread(child, part)


def read(node: Node) -> DataValue:
    """Return the present value of a node: of a leaf as it is held, of anything else a list in order."""
    if isinstance(node, Attribute) and node.type is not None:
        value = node.value
        return list(value) if isinstance(value, list) else value
    return [read(child) for child in node.elements or node.children.values()]


def initialise(groups: Iterator[Group], time: Timestamp) -> None:
    """Give every leaf that has no value one, so that reading never meets an absent value.

    Times become `time`. The quality of a data object is good if the configuration gave one of its values, else
    invalid: nothing is known of it yet.
    """
    for group in groups:
        _initialise(group, time)


def _initialise(node: Node, time: Timestamp) -> bool:
    """Fill the absent values below a node; return whether any was given there."""
    if isinstance(node, Attribute) and node.type is not None:
        given = node.value is not None
        if not given:
            one: DataValue = time if node.type is _T.TIMESTAMP else default(node.type)
            node.value = [one] * node.count if node.count else one
        return given
    given, quality = False, None
    for child in node.elements or list(node.children.values()):
        if isinstance(child, Attribute) and child.type is _T.QUALITY and child.value is None and not child.count:
            quality = child
        given |= _initialise(child, time)
    if quality is not None and given:
        quality.value = Quality()
    return given
