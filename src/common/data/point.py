"""A point: one named thing of the plant, whatever protocol it is reached by."""

from __future__ import annotations

from enum import Enum

import attrs

from .unit import Unit, unit


class Kind(Enum):
    """What a point is for."""

    MEASUREMENT = "measurement"
    STATUS = "status"
    SETPOINT = "setpoint"
    COMMAND = "command"
    SETTING = "setting"
    SCHEDULE = "schedule"


class ValueType(Enum):
    """The Python type of a point's value."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    ENUM = "enum"
    TEXT = "text"


READABLE = frozenset({Kind.MEASUREMENT, Kind.STATUS, Kind.SETPOINT, Kind.SETTING, Kind.SCHEDULE})
OPERABLE = frozenset({Kind.SETPOINT, Kind.COMMAND})
WRITABLE = frozenset({Kind.SETTING, Kind.SCHEDULE})


@attrs.frozen(slots=True)
class Point:
    """One named point.

    Attributes:
        name: the stable common name, dotted, e.g. `der.DG750.p`.
        kind: measurement, status, set-point, command, setting or schedule.
        type: of its value.
        unit: of its value; the unit with symbol `""` where it has none.
        literals: for `ENUM`, the names a value may have, in order; empty otherwise.
        low, high: limits of what may be written or commanded, in `unit`; None for none.
        description: one line for people.
    """

    name: str
    kind: Kind
    type: ValueType = ValueType.FLOAT
    unit: Unit = attrs.field(factory=lambda: unit(""))
    literals: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    description: str = ""
