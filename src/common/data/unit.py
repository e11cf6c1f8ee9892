"""Units: a small closed table of the symbols this field uses, each with its dimension and its factor to the SI unit."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache

import attrs

from ..currencies import CURRENCIES
from ..errors import LocalError


@attrs.frozen(slots=True)
class Unit:
    """A unit. `si = value * factor + offset`; two units convert into one another if their dimension is the same."""

    symbol: str
    dimension: str
    factor: float = 1.0
    offset: float = 0.0


PREFIXES = {
    "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1,
    "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
}  # fmt: skip
"""The prefixes of the SI that stand before the units that take them; `u` is micro."""

_USUAL = ("", "m", "k", "M", "G")
_PREFIXED = {
    "W": "active power", "VA": "apparent power", "var": "reactive power", "V": "voltage", "A": "current",
    "Hz": "frequency", "Wh": "active energy", "VAh": "apparent energy", "varh": "reactive energy", "Ah": "charge",
    "ohm": "resistance", "Pa": "pressure",
}  # fmt: skip
_WH_PER_J = 1 / 3600
_SINGLE = (
    Unit("1", "ratio"), Unit("%", "ratio", 0.01), Unit("pu", "ratio"), Unit("ppm", "ratio", 1e-6),
    Unit("cos", "power factor"), Unit("count", "count"),
    Unit("s", "time"), Unit("min", "time", 60.0), Unit("h", "time", 3600.0), Unit("ms", "time", 1e-3),
    Unit("d", "time", 86_400.0),
    Unit("K", "temperature"), Unit("degC", "temperature", 1.0, 273.15),
    Unit("degF", "temperature", 5 / 9, 459.67 * 5 / 9),
    Unit("deg", "angle"), Unit("rad", "angle", 57.29577951308232), Unit("rpm", "rotational speed"),
    Unit("m/s", "speed"), Unit("km/h", "speed", 1 / 3.6),
    Unit("W/m2", "irradiance"), Unit("kW/m2", "irradiance", 1000.0), Unit("1/h", "rate"), Unit("%/h", "rate", 0.01),
    Unit("W/s", "ramp"), Unit("W/min", "ramp", 1 / 60), Unit("kW/s", "ramp", 1000.0),
    Unit("kW/min", "ramp", 1000 / 60), Unit("MW/min", "ramp", 1e6 / 60),
    Unit("%/s", "relative ramp"), Unit("%/min", "relative ramp", 1 / 60),
    Unit("Hz/s", "frequency change"), Unit("V/Hz", "voltage per frequency"),
    Unit("J", "active energy", _WH_PER_J), Unit("kJ", "active energy", 1e3 * _WH_PER_J),
    Unit("MJ", "active energy", 1e6 * _WH_PER_J), Unit("GJ", "active energy", 1e9 * _WH_PER_J), Unit("thm", "heat"),
    Unit("m", "length"), Unit("mm", "length", 1e-3), Unit("km", "length", 1e3), Unit("m2", "area"),
    Unit("m3", "volume"), Unit("l", "volume", 1e-3),
    Unit("m3/s", "flow"), Unit("m3/h", "flow", 1 / 3600), Unit("l/s", "flow", 1e-3), Unit("l/min", "flow", 1e-3 / 60),
    Unit("l/h", "flow", 1e-3 / 3600),
    Unit("hPa", "pressure", 100.0), Unit("bar", "pressure", 1e5), Unit("mbar", "pressure", 100.0),
    Unit("kg", "mass"), Unit("t", "mass", 1e3), Unit("kg/s", "mass flow"), Unit("kg/h", "mass flow", 1 / 3600),
    Unit("lx", "illuminance"), Unit("dB", "level"),
    Unit("", "none"),
)  # fmt: skip

UNITS: dict[str, Unit] = {f"{p}{s}": Unit(f"{p}{s}", d, PREFIXES[p]) for s, d in _PREFIXED.items() for p in _USUAL} | {
    u.symbol: u for u in _SINGLE
}
"""The units that tables and points may name, by symbol; `unit` knows further prefixes, and money."""

_MONEY = re.compile(f"([{''.join(PREFIXES)}]?)([A-Z]{{3}})(?:/(kW|MW|kWh|MWh|thm))?")
_PER = {
    "": (" of money", 1.0), "kW": (" per power", 1e-3), "MW": (" per power", 1e-6),
    "kWh": (" per energy", 1e-3), "MWh": (" per energy", 1e-6), "thm": (" per heat", 1.0),
}  # fmt: skip


def unit(symbol: str) -> Unit:
    """Return the unit called `symbol`; raise `LocalError` naming near ones if there is none.

    Beside those of `UNITS`: theirs with every prefix of the SI (`uV`, `TWh`), and money (`EUR`), also as a price
    (`EUR/kWh`, `USD/kW`, `GBP/thm`) in the currencies of OpenADR. Amounts in two currencies do not convert.
    """
    found = UNITS.get(symbol) or _made(symbol)
    if found is None:
        near = _near(symbol)
        known = ", ".join((*_PREFIXED, *(u.symbol for u in _SINGLE if u.symbol)))
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are: {known}, and money: EUR, EUR/kWh"
        raise LocalError(f"unknown unit {symbol!r}: {hint}")
    return found


def money(symbol: str) -> tuple[str, str, str] | None:
    """Return prefix, currency and what the price is per (`kWh`, or nothing) of a unit of money; None for others."""
    found = _MONEY.fullmatch(symbol)
    return (found[1], found[2], found[3] or "") if found and found[2] in CURRENCIES else None


def _near(symbol: str) -> list[str]:
    currency, slash, per = symbol.partition("/")
    if slash and per in _PER and (codes := get_close_matches(currency.upper(), CURRENCIES, 3)):
        return [f"{code}/{per}" for code in codes]
    return [s for s in UNITS if s and s.lower() == symbol.lower()] or get_close_matches(symbol, filter(None, UNITS))


@lru_cache(maxsize=1 << 12)
def _made(symbol: str) -> Unit | None:
    if (price := money(symbol)) is not None:
        prefix, currency, per = price
        kind, factor = _PER[per]
        return Unit(symbol, f"{currency}{kind}", PREFIXES[prefix] * factor)
    for base, dimension in _PREFIXED.items():
        prefix = symbol.removesuffix(base)
        if prefix != symbol and prefix in PREFIXES:
            return Unit(symbol, dimension, PREFIXES[prefix])
    return None


def convert(value: float, source: Unit, target: Unit) -> float:
    """Return `value`, given in `source`, in `target`; raise `LocalError` if their dimensions differ."""
    if source is target:
        return value
    if source.dimension != target.dimension:
        raise LocalError(
            f"{source.symbol!r} ({source.dimension}) does not convert to {target.symbol!r} ({target.dimension})"
        )
    return (value * source.factor + source.offset - target.offset) / target.factor
