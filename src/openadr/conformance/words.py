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
    return (Table("words", "Words", ("what", "words"), tuple(rows), note), units())


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
