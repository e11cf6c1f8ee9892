"""From what an association carries to values of points: where in a data object a point's value, quality and time are.

The tables name a single attribute (`MMXU1.TotW.mag.f`, MX); what is read and reported is the data object with its
constraint (`MMXU1.TotW`, MX), so that quality and time of the same instant come along.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

import attrs

from ...common.data.conversion import WireType
from ...common.data.tables import Binding
from ...common.data.value import Detail, Scalar, Validity, Value
from ...common.data.value import Quality as PointQuality
from ...common.errors import ConfigError, Malformed, TypeConflict
from ..acsi.references import BadReference, Reference
from ..acsi.types import Basic, BasicType, BitString, DataValue, Quality, Structure, Timestamp, TypeDescription

log = logging.getLogger(__name__)

_DETAILS = {
    2: Detail.OVERFLOW, 3: Detail.OUT_OF_RANGE, 4: Detail.BAD_REFERENCE, 5: Detail.OSCILLATORY, 6: Detail.FAILURE,
    7: Detail.OLD_DATA, 8: Detail.INCONSISTENT, 9: Detail.INACCURATE, 10: Detail.SUBSTITUTED, 11: Detail.TEST,
    12: Detail.OPERATOR_BLOCKED,
}  # fmt: skip
_VALIDITIES = {
    Quality.GOOD: Validity.GOOD,
    Quality.INVALID: Validity.INVALID,
    Quality.RESERVED: Validity.INVALID,
    Quality.QUESTIONABLE: Validity.QUESTIONABLE,
}
UNFIT = PointQuality(Validity.INVALID, Detail.INCONSISTENT)
"""Of a value that is not what the table says."""

_POSITIONS = {0b01: False, 0b10: True}
"""Off and on of a double point (7-3 Dbpos)."""

Steps = tuple[int, ...]
"""The way to a component: its place in each structure, from the outside in."""


@attrs.frozen(slots=True)
class Field:
    """A point within a data object: the way to its value, and to quality and time if it has them."""

    binding: Binding
    value: Steps
    quality: Steps | None
    time: Steps | None


def attribute(binding: Binding) -> Reference:
    """Return the attribute that a row names; raise `ConfigError` at the row if that is none."""
    try:
        found = Reference.parse(binding.address["reference"], binding.address["fc"])
    except KeyError as missing:
        raise ConfigError(f"the table has no column {missing.args[0]!r}", where=binding.row.where) from None
    except BadReference as error:
        raise ConfigError(str(error), where=binding.row.where) from None
    if len(found.path) < 2:
        raise ConfigError(f"{found} is no attribute of a data object (LD/LN.DO.DA)", where=binding.row.where)
    return found


def data_object(binding: Binding) -> Reference:
    """Return the data object of the attribute that a row names, with its constraint."""
    found = attribute(binding)
    return Reference(found.device, found.node, found.path[:1], found.fc)


def field(binding: Binding, description: TypeDescription) -> Field:
    """Return where the point is in its data object, whose type is `description`; `ConfigError` if it is not there."""
    path = attribute(binding).path[1:]
    value = _way(description, path)
    if value is None:
        reason = f"the server has no {binding.address['reference']}[{binding.address['fc']}]"
        raise ConfigError(reason, where=binding.row.where)
    return Field(
        binding,
        value,
        _beside(description, path, "q", BasicType.QUALITY),
        _beside(description, path, "t", BasicType.TIMESTAMP),
    )


def values(fields: Iterable[Field], data: DataValue, origin: str) -> dict[str, Value]:
    """Return the values of points from the value of their data object; one that does not fit its row is invalid."""
    found = {}
    for each in fields:
        try:
            found[each.binding.point.name] = _value(each, data, origin)
        except Malformed as error:
            log.warning("%s of %s: %s", each.binding.point.name, origin, error)
            found[each.binding.point.name] = Value(None, UNFIT, origin=origin)
    return found


def quality(bits: Quality) -> PointQuality:
    """Return the common quality of an IEC 61850 one."""
    return _quality(bits.bits)


@lru_cache(maxsize=1 << 13)  # as many as there are
def _quality(value: int) -> PointQuality:
    bits, detail = Quality(value), Detail.NONE
    for number, flag in _DETAILS.items():
        if bits.bit(number):
            detail |= flag
    return PointQuality(_VALIDITIES[bits.validity], detail)


@lru_cache(maxsize=1 << 13)
def quality_bits(common: PointQuality) -> Quality:
    """Return the IEC 61850 quality of a common one."""
    validity = {v: k for k, v in _VALIDITIES.items() if k != Quality.RESERVED}[common.validity]
    return Quality.of(validity, *(number for number, flag in _DETAILS.items() if flag in common.detail))


def _value(f: Field, data: DataValue, origin: str) -> Value:
    where = f.binding.point.name
    raw = _at(data, f.value, where)
    bits = _at(data, f.quality, where) if f.quality is not None else None
    when = _at(data, f.time, where) if f.time is not None else None
    if isinstance(raw, BitString):
        raw = raw.value
    good = quality(bits) if isinstance(bits, Quality) else PointQuality()
    return Value(f.binding.from_wire(scalar(raw, where)), good, _time(when), origin)


def scalar(raw: DataValue, where: str) -> Scalar:
    """Return a value as conversions take it, a bit string as its number; raise `Malformed` if it is no single value."""
    if isinstance(raw, bool | int | float | str):
        return raw
    if isinstance(raw, BitString):
        return raw.value
    if isinstance(raw, Quality):
        return raw.bits
    raise Malformed(f"{raw!r} is not what the table expects", where=where)


def commanded(binding: Binding, value: Scalar) -> Scalar:
    """Return what `ctlVal` is to be for a common value: of a double point a truth value, on or off.

    Raises `TypeConflict` for a position that cannot be commanded.
    """
    wire = binding.to_wire(value)
    if binding.row.conversion.wire_type is not WireType.BITS2:
        return wire
    if wire not in _POSITIONS:
        raise TypeConflict(f"{value!r} is a position that cannot be commanded", where=binding.point.name)
    return _POSITIONS[int(wire)]


def _time(when: DataValue) -> datetime | None:
    if not isinstance(when, Timestamp) or when.clock_failure:
        return None
    return when.datetime


def _at(data: DataValue, way: Steps, where: str) -> DataValue:
    for step in way:
        if not isinstance(data, list) or step >= len(data):
            raise Malformed("the value has another structure than the type that the server told", where=where)
        data = data[step]
    return data


def _way(description: TypeDescription, path: Iterable[str]) -> Steps | None:
    way: list[int] = []
    for name in path:
        if not isinstance(description, Structure):
            return None
        names = [component for component, _ in description.components]
        if name not in names:
            return None
        way.append(names.index(name))
        description = description.components[way[-1]][1]
    return tuple(way) if isinstance(description, Basic) else None


def _beside(description: TypeDescription, path: tuple[str, ...], name: str, kind: BasicType) -> Steps | None:
    """Return the way to the attribute `name` of this type that is nearest to the end of `path`."""
    found: Steps | None = None
    for length in range(len(path)):
        way = _way(description, (*path[:length], name))
        if way is not None and _type(description, way) == Basic(kind):
            found = way
    return found


def _type(description: TypeDescription, way: Steps) -> TypeDescription:
    for step in way:
        assert isinstance(description, Structure)
        description = description.components[step][1]
    return description
