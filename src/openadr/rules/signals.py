"""The signals of OpenADR 2.0b: which type and unit go with which name.

What certification practice checks is *sourced*. The rest of the table is known from memory alone, second-hand: what
contradicts it is a warning. A name of one's own (`x-…`) goes with anything.
"""

from __future__ import annotations

import attrs

from ..model import (
    Currency,
    CurrencyPerKw,
    CurrencyPerKwh,
    EiEvent,
    EiEventSignal,
    EnergyApparent,
    EnergyReactive,
    EnergyReal,
    PowerApparent,
    PowerReactive,
    PowerReal,
    SignalName,
    SignalType,
)
from .codes import Code
from .rule import Faults, Grade, check

POWER: tuple[type, ...] = (PowerReal, PowerApparent, PowerReactive)
ENERGY: tuple[type, ...] = (EnergyReal, EnergyApparent, EnergyReactive)
LOAD_CONTROL = (
    SignalType.X_LOAD_CONTROL_CAPACITY,
    SignalType.X_LOAD_CONTROL_LEVEL_OFFSET,
    SignalType.X_LOAD_CONTROL_PERCENT_OFFSET,
    SignalType.X_LOAD_CONTROL_SETPOINT,
)


@attrs.frozen(slots=True)
class Row:
    """A way in which a signal may be used.

    Attributes:
        name, kind: of the signal: its signalName and signalType.
        units: the classes that its item may be; none for a signal that has no unit.
        sourced: whether certification practice checks this, or it is known from memory.
        any_unit: whether any unit goes, and none.
    """

    name: SignalName
    kind: SignalType
    units: tuple[type, ...] = ()
    sourced: bool = False
    any_unit: bool = False

    def takes(self, signal: EiEventSignal) -> bool:
        """Whether a signal has a unit of this row."""
        item = signal.item_base
        return self.any_unit or (item is None if not self.units else isinstance(item, self.units))


_PRICE = (SignalType.PRICE, SignalType.PRICE_RELATIVE, SignalType.PRICE_MULTIPLIER)
_S, _T = SignalName, SignalType


def _prices(name: SignalName, unit: type) -> tuple[Row, ...]:
    """A multiplier has no unit, or that of the price that it multiplies."""
    rows = [Row(name, kind, (unit,)) for kind in _PRICE]
    return (*rows, Row(name, SignalType.PRICE_MULTIPLIER))


SIGNALS: tuple[Row, ...] = (
    Row(_S.SIMPLE, _T.LEVEL, sourced=True),
    Row(_S.ELECTRICITY_PRICE, _T.PRICE, (CurrencyPerKwh,), sourced=True),
    *_prices(_S.ELECTRICITY_PRICE, CurrencyPerKwh)[1:],
    *_prices(_S.ENERGY_PRICE, CurrencyPerKwh),
    *_prices(_S.DEMAND_CHARGE, CurrencyPerKw),
    Row(_S.BID_PRICE, _T.PRICE, (Currency,)),
    Row(_S.BID_LOAD, _T.SETPOINT, POWER),
    Row(_S.BID_ENERGY, _T.SETPOINT, ENERGY),
    Row(_S.CHARGE_STATE, _T.SETPOINT, ENERGY),
    Row(_S.CHARGE_STATE, _T.DELTA, ENERGY),
    Row(_S.CHARGE_STATE, _T.MULTIPLIER, any_unit=True),
    Row(_S.LOAD_DISPATCH, _T.SETPOINT, POWER, sourced=True),
    Row(_S.LOAD_DISPATCH, _T.DELTA, POWER),
    Row(_S.LOAD_DISPATCH, _T.MULTIPLIER, any_unit=True),
    Row(_S.LOAD_DISPATCH, _T.LEVEL, any_unit=True),
    *(Row(_S.LOAD_CONTROL, kind, any_unit=True) for kind in LOAD_CONTROL),
)
"""In the order of the profile's names."""


def fault(signal: EiEventSignal, *, sourced: bool) -> str | None:
    """Return what is wrong with the type or unit of a signal, as far as rows that are `sourced` or not say so."""
    name = str(signal.signal_name).upper() if signal.signal_name == "simple" else str(signal.signal_name)
    rows = [row for row in SIGNALS if row.name == name]
    of_type = [row for row in rows if row.kind is signal.signal_type]
    if not rows or any(row.takes(signal) for row in of_type):
        return None
    if of_type:
        units = sorted({item_name(unit) for row in of_type for unit in row.units}) or ["no unit"]
        text = f"{name} as {signal.signal_type} is in {' or '.join(units)}, not in {item_name(type(signal.item_base))}"
        return text if any(row.sourced for row in of_type) is sourced else None
    if sourced or all(row.sourced for row in rows):
        return None  # SIMPLE: rule 116 says it
    types = dict.fromkeys(row.kind.value for row in rows)
    return f"{name} is {' or '.join(types)}, not {signal.signal_type}"


def item_name(item: type) -> str:
    """Return what a class of units is called."""
    return "no unit" if item is type(None) else item.__name__[0].lower() + item.__name__[1:]


@check(None, "the unit of SIMPLE (none), ELECTRICITY_PRICE (currencyPerKWh) and LOAD_DISPATCH (power)", of=EiEvent,
       source="cert practice", code=Code.SIGNAL_NOT_SUPPORTED, kept_by="VTN")  # fmt: skip
def units(event: EiEvent) -> Faults:
    """The part of the table of signals that certification checks."""
    for n, signal in enumerate(event.ei_event_signals):
        if (found := fault(signal, sourced=True)) is not None:
            yield found, ("ei_event_signals", n)


@check(None, "types and units of signals as the rest of the table has them", of=EiEvent, source="memory",
       code=Code.SIGNAL_NOT_SUPPORTED, grade=Grade.WARNING, kept_by="VTN")  # fmt: skip
def remembered(event: EiEvent) -> Faults:
    """The part of the table of signals that is known from memory."""
    for n, signal in enumerate(event.ei_event_signals):
        if (found := fault(signal, sourced=False)) is not None:
            yield found, ("ei_event_signals", n)
