"""Units and OpenADR's items: `kW` is `powerReal` with the prefix kilo, and back.

The profile fixes the words of an item and puts the SI prefix beside them; pulses and Green Button data have no unit
here, and what people measure besides is a `customUnit` of that name.
"""

from __future__ import annotations

from decimal import Decimal

from ..common.data.unit import Unit, money, unit
from ..common.errors import LocalError, Malformed
from .model import (
    Currency,
    CurrencyPerKw,
    CurrencyPerKwh,
    CurrencyPerThm,
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
    Therm,
    Voltage,
)
from .model.units import ITEM_BASE

GRID = PowerAttributes(hertz=Decimal("60.0"), voltage=Decimal("11400.0"), ac=True)
"""The grid where none is named: powers cannot be without one."""

_PREFIX = {
    "": SiScaleCode.NONE, "p": SiScaleCode.PICO, "n": SiScaleCode.NANO, "u": SiScaleCode.MICRO, "m": SiScaleCode.MILLI,
    "c": SiScaleCode.CENTI, "d": SiScaleCode.DECI, "k": SiScaleCode.KILO, "M": SiScaleCode.MEGA,
    "G": SiScaleCode.GIGA, "T": SiScaleCode.TERA,
}  # fmt: skip
_SYMBOL = {code: prefix for prefix, code in _PREFIX.items()}
_POWER: dict[str, type[PowerReal | PowerReactive | PowerApparent]] = {
    "W": PowerReal,
    "var": PowerReactive,
    "VA": PowerApparent,
}
_OTHER: dict[str, type[EnergyReal | EnergyReactive | EnergyApparent | Voltage | Current | Frequency | Therm]] = {
    "Wh": EnergyReal,
    "varh": EnergyReactive,
    "VAh": EnergyApparent,
    "V": Voltage,
    "A": Current,
    "Hz": Frequency,
    "thm": Therm,
}
_MONEY: dict[str, type[Currency | CurrencyPerKw | CurrencyPerKwh | CurrencyPerThm]] = {
    "": Currency,
    "kW": CurrencyPerKw,
    "kWh": CurrencyPerKwh,
    "thm": CurrencyPerThm,
}
_PER = {kind: per for per, kind in _MONEY.items()}
_BASE: dict[type[object], str] = {kind: symbol for symbol, kind in (*_POWER.items(), *_OTHER.items())}
_TEMPERATURE = {"degC": TemperatureUnit.CELSIUS, "degF": TemperatureUnit.FAHRENHEIT}
_DEGREES = {word: symbol for symbol, word in _TEMPERATURE.items()}
_NAMES = {kind: path.partition(":")[2] for path, kind in ITEM_BASE.members.items()}

ITEMS = tuple(_NAMES.values())
"""What the profile calls its items."""


def item(symbol: str, grid: PowerAttributes = GRID) -> ItemBase | None:
    """Return the item of values in this unit (`kW`, `kWh`, `degC`, …), None for the unit `""`.

    `grid` is what a power is measured on. Raises `LocalError` for a unit that is not known.
    """
    unit(symbol)
    if not symbol:
        return None
    if symbol in _TEMPERATURE:
        return Temperature(item_units=_TEMPERATURE[symbol])
    if (price := money(symbol)) is not None and price[2] in _MONEY:
        return _MONEY[price[2]](item_units=price[1], si_scale_code=_PREFIX[price[0]])
    base = max((known for known in _BASE.values() if symbol.endswith(known)), key=len, default="")
    code = _PREFIX.get(symbol.removesuffix(base)) if base else None
    if code is None:
        return CustomUnit(item_description=unit(symbol).dimension, item_units=symbol)
    if base in _POWER:
        return _POWER[base](si_scale_code=code, power_attributes=grid)
    return _OTHER[base](si_scale_code=code)


def _base(item: ItemBase) -> str | None:
    """Return the unit of an item without its prefix; None if it has none here."""
    if isinstance(item, Temperature):
        return _DEGREES[item.item_units]
    if isinstance(item, CustomUnit):
        return item.item_units
    if isinstance(item, Currency | CurrencyPerKw | CurrencyPerKwh | CurrencyPerThm):
        per = _PER[type(item)]
        return f"{item.item_units}/{per}" if per else item.item_units
    return _BASE.get(type(item))


def item_name(item: ItemBase | None) -> str:
    """Return what the profile calls an item (`powerReal`, `currencyPerKWh`, …), the empty text for None."""
    return "" if item is None else _NAMES[type(item)]


def kind_name(kind: type) -> str:
    """Return what the profile calls the items of a class: `powerReal` for `PowerReal`."""
    return _NAMES[kind]


def unit_of(item: ItemBase | None) -> Unit:
    """Return the unit in which values of this item are; raise `Malformed` for an item that has none here."""
    if item is None:
        return unit("")
    prefix = _SYMBOL[getattr(item, "si_scale_code", SiScaleCode.NONE)]
    try:
        if (base := _base(item)) is not None:
            return unit(f"{prefix}{base}")
    except LocalError:
        pass
    name = getattr(item, "item_units", "") or type(item).__name__
    scale = getattr(item, "si_scale_code", SiScaleCode.NONE)
    raise Malformed(f"{'' if scale is SiScaleCode.NONE else scale}{name} is no unit that is known here")
