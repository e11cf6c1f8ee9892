"""The words of the profile that are understood: everything that stands in the model."""

from __future__ import annotations

from enum import StrEnum

from ...common.data.unit import UNITS
from ...common.statement import Table
from ..items import item
from ..model import (
    DECLARATIONS,
    CustomUnit,
    EiTarget,
    OptReason,
    ReadingType,
    ReportName,
    ReportType,
    SignalName,
    SignalType,
)
from ..model.enumerations import DataQuality
from ..rules.event_checks import DeviceClass
from ..rules.signals import SIGNALS, Row, item_name

WORDS: dict[str, tuple[str, type[StrEnum]]] = {
    "signals": ("Signals of events", SignalName),
    "types": ("Types of signals", SignalType),
    "devices": ("Device classes that signals are for", DeviceClass),
    "reports": ("Reports", ReportName),
    "report-types": ("What data points are", ReportType),
    "reading-types": ("How values are obtained", ReadingType),
    "qualities": ("Qualities of values", DataQuality),
    "reasons": ("Reasons of opts", OptReason),
}


def tables() -> tuple[Table, ...]:
    """Return the tables of the statement."""
    rows = [(title, ", ".join(word.value for word in words)) for title, words in WORDS.values()]
    rows.append(("Kinds of targets", ", ".join(targets())))
    note = "Words of one's own that begin with `x-` are carried where the profile has room for them."
    return (Table("words", "Words", ("what", "words"), tuple(rows), note), signals(), units())


def signals() -> Table:
    """Return which type and unit goes with which signal, by the table that events are held to."""
    rows = tuple(
        (row.name.value, row.kind.value, ", ".join(map(item_name, row.units)) or _none(row), _other_unit(row))
        for row in SIGNALS
    )
    note = (
        "Every signal, type and unit is read and written; this is what events of ours are held to. Where certification "
        "checks a unit, another is refused; what is known from memory alone is warned of, and so is another type of a "
        "signal (of SIMPLE it is refused: rule 116). Signals that are not here go with anything."
    )
    return Table("signals", "Signals by type and unit", ("signal", "type", "unit", "another unit is"), rows, note)


def _none(row: Row) -> str:
    return "any, or none" if row.any_unit else "none"


def _other_unit(row: Row) -> str:
    if row.any_unit:
        return "good"
    return "refused" if row.sourced else "warned of"


def targets() -> tuple[str, ...]:
    """Return by which kinds of things events and opts mean somebody: the elements of a target."""
    return tuple(field.path[0].rstrip("*").partition(":")[2] for field in DECLARATIONS[EiTarget].fields)


def units() -> Table:
    """Return which item each unit of points is."""
    found: dict[str, list[str]] = {}
    for symbol in UNITS:
        made = item(symbol)
        if made is not None:
            found.setdefault("customUnit" if isinstance(made, CustomUnit) else type(made).__name__, []).append(symbol)
    rows = tuple((name, ", ".join(symbols)) for name, symbols in found.items())
    return Table("units", "Units of points as items", ("item", "units"), rows)
