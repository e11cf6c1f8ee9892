"""Units of tables as IEC 61850-7-3 writes them: an SI unit and a multiplier."""

from __future__ import annotations

from functools import lru_cache

import attrs

from ...common.data.unit import Unit

_PREFIXES = {p: p for p in ("", "p", "n", "m", "c", "d", "k", "M", "G", "T")} | {"u": "µ"}
_PREFIXED = {
    "W": "W", "VA": "VA", "var": "VAr", "V": "V", "A": "A", "Hz": "Hz", "Wh": "Wh", "VAh": "VAh", "varh": "VArh",
    "ohm": "ohm", "Pa": "Pa",
}  # fmt: skip
_SINGLE = {
    "1": ("", ""), "pu": ("", ""), "count": ("", ""), "%": ("", "c"), "ppm": ("ppm", ""), "cos": ("cos(phi)", ""),
    "s": ("s", ""), "ms": ("s", "m"), "min": ("min", ""), "h": ("h", ""), "K": ("K", ""), "degC": ("°C", ""),
    "deg": ("deg", ""), "rad": ("rad", ""), "m/s": ("m/s", ""), "W/m2": ("W/m²", ""), "kW/m2": ("W/m²", "k"),
    "W/s": ("W/s", ""), "kW/s": ("W/s", "k"), "Hz/s": ("Hz/s", ""), "V/Hz": ("V/Hz", ""),
    "J": ("J", ""), "kJ": ("J", "k"), "MJ": ("J", "M"), "GJ": ("J", "G"), "m": ("m", ""), "mm": ("m", "m"),
    "km": ("m", "k"), "m2": ("m²", ""), "m3": ("m³", ""), "m3/s": ("m³/s", ""), "l/s": ("l/s", ""),
    "hPa": ("Pa", "h"), "mbar": ("Pa", "h"), "kg": ("kg", ""), "t": ("kg", "k"), "lx": ("lx", ""), "dB": ("dB", ""),
}  # fmt: skip


@attrs.frozen(slots=True)
class SiUnit:
    """Literals of SIUnitKind and MultiplierKind."""

    unit: str
    multiplier: str


@lru_cache(maxsize=1 << 10)
def si_unit(unit: Unit) -> SiUnit | None:
    """Return how the standard writes a unit; None for none, and for one that it cannot write (`Ah`, `kW/min`)."""
    single = _SINGLE.get(unit.symbol)
    if single is not None:
        return SiUnit(*single)
    for base, name in _PREFIXED.items():
        prefix = _PREFIXES.get(unit.symbol.removesuffix(base)) if unit.symbol.endswith(base) else None
        if prefix is not None:
            return SiUnit(name, prefix)
    return None
