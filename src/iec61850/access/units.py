"""Units of tables as IEC 61850-7-3 writes them: an SI unit and a multiplier."""

from __future__ import annotations

import attrs

from ...common.data.unit import Unit

_PREFIXES = {"": "", "m": "m", "k": "k", "M": "M", "G": "G"}
_PREFIXED = {
    "W": "W",
    "VA": "VA",
    "var": "VAr",
    "V": "V",
    "A": "A",
    "Hz": "Hz",
    "Wh": "Wh",
    "VAh": "VAh",
    "varh": "VArh",
}
_SINGLE = {
    "1": ("", ""), "pu": ("", ""), "%": ("", "c"), "cos": ("cos(phi)", ""), "s": ("s", ""), "ms": ("s", "m"),
    "min": ("min", ""), "h": ("h", ""), "K": ("K", ""), "degC": ("°C", ""), "deg": ("deg", ""), "m/s": ("m/s", ""),
    "W/m2": ("W/m²", ""), "W/s": ("W/s", ""),
}  # fmt: skip


@attrs.frozen(slots=True)
class SiUnit:
    """Literals of SIUnitKind and MultiplierKind."""

    unit: str
    multiplier: str


_UNITS = {
    f"{prefix}{symbol}": SiUnit(name, multiplier)
    for symbol, name in _PREFIXED.items()
    for prefix, multiplier in _PREFIXES.items()
} | {symbol: SiUnit(*pair) for symbol, pair in _SINGLE.items()}


def si_unit(unit: Unit) -> SiUnit | None:
    """Return how the standard writes a unit; None for none, and for one that it cannot write (`Ah`, `kW/min`)."""
    return _UNITS.get(unit.symbol)
