"""Units and OpenADR's items: `kW` is `powerReal` with the prefix kilo, and back.

The profile fixes the words of an item and puts the SI prefix beside them; currencies, pulses and Green Button data have
no unit here, and what people measure besides is a `customUnit` of that name.
"""

from __future__ import annotations

from decimal import Decimal

from ..common.data.unit import Unit, unit
from ..common.errors import LocalError, Malformed
from .model import (
    Current,
    CustomUnit,
    EnergyApparent,
    EnergyReactive,
    EnergyReal,
    Frequency,
    ItemBase,
    PowerApparent,
    PowerAttributes,
    PowerReactive,
    PowerReal,
    SiScaleCode,
    Temperature,
    TemperatureUnit,
    Voltage,
)
from .model.units import ITEM_BASE

GRID = PowerAttributes(hertz=Decimal("60.0"), voltage=Decimal("11400.0"), ac=True)
"""The grid where none is named: powers cannot be without one."""

_PREFIX = {
    "": SiScaleCode.NONE,
    "m": SiScaleCode.MILLI,
    "k": SiScaleCode.KILO,
    "M": SiScaleCode.MEGA,
    "G": SiScaleCode.GIGA,
}
_SYMBOL = {code: prefix for prefix, code in _PREFIX.items()}
_POWER: dict[str, type[PowerReal | PowerReactive | PowerApparent]] = {
    "W": PowerReal,
    "var": PowerReactive,
    "VA": PowerApparent,
}
_OTHER: dict[str, type[EnergyReal | EnergyReactive | EnergyApparent | Voltage | Current | Frequency]] = {
    "Wh": EnergyReal,
    "varh": EnergyReactive,
    "VAh": EnergyApparent,
    "V": Voltage,
    "A": Current,
    "Hz": Frequency,
}
_BASE: dict[type[object], str] = {kind: symbol for symbol, kind in (*_POWER.items(), *_OTHER.items())}
_TEMPERATURE = {"degC": TemperatureUnit.CELSIUS, "degF": TemperatureUnit.FAHRENHEIT}
_DEGREES = {word: symbol for symbol, word in _TEMPERATURE.items()}
_NAMES = {kind: path.partition(":")[2] for path, kind in ITEM_BASE.members.items()}


def item(symbol: str, grid: PowerAttributes = GRID) -> ItemBase | None:
    """Return the item of values in this unit (`kW`, `kWh`, `degC`, …), None for the unit `""`.

    `grid` is what a power is measured on. Raises `LocalError` for a unit that is not known.
    """
    unit(symbol)
    if not symbol:
        return None
    if symbol in _TEMPERATURE:
        return Temperature(item_units=_TEMPERATURE[symbol])
    base = max((known for known in _BASE.values() if symbol.endswith(known)), key=len, default="")
    code = _PREFIX.get(symbol.removesuffix(base)) if base else None
    if code is None:
        return CustomUnit(item_description=unit(symbol).dimension, item_units=symbol)
    if base in _POWER:
        return _POWER[base](si_scale_code=code, power_attributes=grid)
    return _OTHER[base](si_scale_code=code)


def item_name(item: ItemBase | None) -> str:
    """Return what the profile calls an item (`powerReal`, `currencyPerKWh`, …), the empty text for None."""
    return "" if item is None else _NAMES[type(item)]


def unit_of(item: ItemBase | None) -> Unit:
    """Return the unit in which values of this item are; raise `Malformed` for an item that has none here."""
    if item is None:
        return unit("")
    if isinstance(item, Temperature):
        return unit(_DEGREES[item.item_units])
    base = item.item_units if isinstance(item, CustomUnit) else _BASE.get(type(item))
    prefix = _SYMBOL.get(getattr(item, "si_scale_code", SiScaleCode.NONE))
    try:
        if base is not None and prefix is not None:
            return unit(f"{prefix}{base}")
    except LocalError:
        pass
    name = getattr(item, "item_units", "") or type(item).__name__
    scale = getattr(item, "si_scale_code", SiScaleCode.NONE)
    raise Malformed(f"{'' if scale is SiScaleCode.NONE else scale}{name} is no unit that is known here")
