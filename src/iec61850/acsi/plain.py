"""Plain Python for people: structures as dicts by component name, and what people write as a type holds it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...common.errors import TypeConflict
from .errors import ServiceRefused
from .types import Array, Basic, BasicType, BitString, DataValue, EntryTime, Quality, Timestamp, TypeDescription
from .values import CHECKS

Plain = Any
"""A value as people see it: of a leaf as in `DataValue`, a structure as a dict, an array as a list."""

_FLOATS = frozenset({BasicType.FLOAT32, BasicType.FLOAT64})
_POSITIONS = {"intermediate": 0b00, "off": 0b01, "on": 0b10, "bad": 0b11}
_STEPS = {"stop": 0b00, "lower": 0b01, "higher": 0b10, "reserved": 0b11}
_CODED = {BasicType.DBPOS: _POSITIONS, BasicType.TCMD: _POSITIONS | _STEPS}
"""Over MMS the two are told apart by name only, so what some devices have for a double-point command is a step."""


def plain(value: DataValue, description: TypeDescription, *, as_sent: bool = False) -> Plain:
    """Return a value with its structures as dicts; what does not match its description is returned as it is.

    With `as_sent`, the server has put the value together: a structure of which the order is not known stays a list.
    """
    if isinstance(value, list) and not isinstance(description, Basic):
        if isinstance(description, Array):
            return [plain(one, description.element, as_sent=as_sent) for one in value]
        if len(value) == len(description.components) and (description.in_order or not as_sent):
            parts = zip(value, description.components, strict=True)
            return {name: plain(one, part, as_sent=as_sent) for one, (name, part) in parts}
    return value


def shape(value: Plain, description: TypeDescription, where: str) -> DataValue:
    """Return `value` as a type holds it; raise `TypeConflict` saying what does not fit.

    A structure is given as a dict (all of its components) or a list; one with a single component, or with a component
    `f`, `i` for a number, may be given as that component's value. A float may be given as an int, a time as an aware
    `datetime`, a double-point position as a bool or as `"on"`, `"off"`, `"intermediate"`, `"bad"`, a step command as
    `"higher"`, `"lower"`, `"stop"`.
    """
    if isinstance(description, Basic):
        return _leaf(value, description.type, where)
    if isinstance(description, Array):
        if not isinstance(value, list | tuple) or len(value) != description.count:
            raise TypeConflict(f"a list of {description.count} is wanted, not {value!r}", where=where)
        return [shape(one, description.element, f"{where}({n})") for n, one in enumerate(value)]
    components = description.components
    if isinstance(value, Mapping):
        missing = [name for name, _ in components if name not in value]
        strange = [str(name) for name in value if description.component(str(name)) is None]
        if missing or strange:
            wrong = f"{', '.join(missing)} is missing" if missing else f"there is no {', '.join(strange)}"
            raise TypeConflict(wrong, where=where)
        return [shape(value[name], part, f"{where}.{name}") for name, part in components]
    if isinstance(value, list | tuple):
        if len(value) != len(components):
            raise TypeConflict(f"{len(components)} components are wanted, not {len(value)}", where=where)
        parts = zip(value, components, strict=True)
        return [shape(one, part, f"{where}.{name}") for one, (name, part) in parts]
    if len(components) == 1:
        name, part = components[0]
        return [shape(value, part, f"{where}.{name}")]
    names = ", ".join(name for name, _ in components)
    raise TypeConflict(f"a dict with {names} is wanted, not {value!r}", where=where)


def _leaf(value: Plain, kind: BasicType, where: str) -> DataValue:
    if kind in _FLOATS and type(value) is int:
        value = float(value)
    elif isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeConflict(f"{value} has no time zone", where=where)
        value = EntryTime.of(value) if kind is BasicType.ENTRYTIME else Timestamp.of(value)
    elif kind in _CODED and isinstance(value, bool | str):
        position = "on" if value is True else "off" if value is False else value
        value = BitString(_CODED[kind][position], 2) if position in _CODED[kind] else value
    elif kind is BasicType.QUALITY and value is None:
        value = Quality()
    elif kind is BasicType.OCTET64 and isinstance(value, bytearray):
        value = bytes(value)
    try:
        return CHECKS[kind](value)
    except ServiceRefused as refused:
        raise TypeConflict(refused.message, where=where) from None
