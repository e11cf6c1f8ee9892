"""Units: a small closed table of the symbols this field uses, each with its dimension and its factor to the SI unit."""

from __future__ import annotations

from difflib import get_close_matches

import attrs

from ..errors import LocalError


@attrs.frozen(slots=True)
class Unit:
    """A unit. `si = value * factor + offset`; two units convert into one another if their dimension is the same."""

    symbol: str
    dimension: str
    factor: float = 1.0
    offset: float = 0.0


_PREFIXES = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
_PREFIXED = {
    "W": "active power", "VA": "apparent power", "var": "reactive power", "V": "voltage", "A": "current",
    "Hz": "frequency", "Wh": "active energy", "VAh": "apparent energy", "varh": "reactive energy", "Ah": "charge",
}  # fmt: skip
_SINGLE = (
    Unit("1", "ratio"), Unit("%", "ratio", 0.01), Unit("pu", "ratio"), Unit("cos", "power factor"),
    Unit("s", "time"), Unit("min", "time", 60.0), Unit("h", "time", 3600.0), Unit("ms", "time", 1e-3),
    Unit("K", "temperature"), Unit("degC", "temperature", 1.0, 273.15),
    Unit("degF", "temperature", 5 / 9, 459.67 * 5 / 9),
    Unit("deg", "angle"), Unit("m/s", "speed"), Unit("W/m2", "irradiance"), Unit("1/h", "rate"),
    Unit("W/s", "ramp"), Unit("W/min", "ramp", 1 / 60), Unit("kW/min", "ramp", 1000 / 60),
    Unit("", "none"),
)  # fmt: skip

UNITS: dict[str, Unit] = {
    f"{p}{s}": Unit(f"{p}{s}", d, f) for s, d in _PREFIXED.items() for p, f in _PREFIXES.items()
} | {u.symbol: u for u in _SINGLE}
"""Every unit that tables and points may name, by symbol."""


def unit(symbol: str) -> Unit:
    """Return the unit called `symbol`; raise `LocalError` naming near ones if there is none."""
    found = UNITS.get(symbol)
    if found is None:
        near = [s for s in UNITS if s and s.lower() == symbol.lower()] or get_close_matches(symbol, filter(None, UNITS))
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are: {', '.join(filter(None, UNITS))}"
        raise LocalError(f"unknown unit {symbol!r}: {hint}")
    return found


def convert(value: float, source: Unit, target: Unit) -> float:
    """Return `value`, given in `source`, in `target`; raise `LocalError` if their dimensions differ."""
    if source is target:
        return value
    if source.dimension != target.dimension:
        raise LocalError(
            f"{source.symbol!r} ({source.dimension}) does not convert to {target.symbol!r} ({target.dimension})"
        )
    return (value * source.factor + source.offset - target.offset) / target.factor
