"""A site, or a table alone, looked through before it runs: the loader's faults, then those that the protocols find.

Rows of IEC 61850 are held against the class tables of the standards and the CID files, those of OpenADR against the
words of the profile, and those of other drivers are shown to the driver.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from pathlib import Path

import attrs

from ..common.clock import RealClock
from ..common.config import together
from ..common.data.site import Device, Site, load_site
from ..common.data.tables import COMMON, OPTIONAL, Binding, Row, Table, load_table
from ..common.errors import ConfigError
from ..iec61850.access.check import disagreements
from ..iec61850.access.objects import attribute
from ..iec61850.access.targets import target
from ..iec61850.model.classes import class_tables
from ..iec61850.scl import Diagnostic, Severity
from ..iec61850.scl import read as read_scl
from ..openadr.model import SignalName, SignalType
from .bridge import check_signals, strange_signals
from .drivers.openadr import ABOUT, party
from .drivers.port import Surroundings, find
from .host import resources
from .telemetry import offers, strange_reports
from .words import word

_PLACE = re.compile(r"\{(\w+)\}")
COLUMNS = {
    "iec61850": ("reference", "fc"),
    "signals": ("signal", "signal_type", "item"),
    "ven": ("rid", "signal", "signal_type", "about"),
    "reports": ("report", "report_name", "rid", "report_type", "reading_type", "item", "min_period", "max_period"),
}
"""By what a table is for, the columns that it has beside those of every table."""

_FIELD: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "modbus": ("register", ".drivers.modbus.rows", "row", ()),
    "opcua": ("node", ".drivers.opcua.nodes", "node_row", ("urn:namespace",)),
}
"""Of tables for field devices: the column by which they are known, and what looks at a row of theirs."""


@attrs.frozen(slots=True)
class Checked:
    """What was found.

    Attributes:
        site: as loaded.
        faults: what keeps it from running, each with file and line.
        diagnostics: what its CID files have that is against their standard, the faults among it left out.
        advice: rows that work and are unusual, each with what is usual.
    """

    site: Site
    faults: tuple[ConfigError, ...]
    diagnostics: tuple[Diagnostic, ...]
    advice: tuple[ConfigError, ...] = ()

    def require(self) -> Site:
        """Return the site; raise one `ConfigError` for all faults, if there are any."""
        if self.faults:
            raise together(self.faults)
        return self.site


def check(path: Path) -> Checked:
    """Return what is wrong with a site.

    Raises `ConfigError`, as `load_site` does, where site file or tables are so wrong that there is no site to look at.
    """
    site = load_site(path)
    faults: list[ConfigError] = []
    diagnostics: list[Diagnostic] = []
    ven = site.ven
    for device in site.devices:
        faults += _device(device, diagnostics)
    faults += _columns(ven.signals, "signals") or _faults(lambda: check_signals(ven.signals))
    faults += _columns(ven.reports, "reports") or _faults(lambda: offers(ven.reports, ven.resource))
    faults += _faults(lambda: resources(site))
    unknown = (binding for device in site.devices if _without_cid(device) for binding in device.bindings)
    if faults:
        return Checked(site, tuple(faults), tuple(diagnostics))
    advice = (*_against_classes(unknown), *strange_signals(ven.signals), *strange_reports(ven.reports))
    return Checked(site, tuple(faults), tuple(diagnostics), advice)


def _device(device: Device, diagnostics: list[Diagnostic]) -> Iterator[ConfigError]:
    if device.driver == "iec61850":
        if not {"jid", "host"} & device.address.keys():
            reason = f"{device.name} has no jid in its address, and no host either: that is where it is reached"
            yield ConfigError(reason, where=device.where)
        if device.cid is not None:
            yield from _against_cid(device, device.cid, diagnostics)
        elif lacking := _columns(device.bindings, "iec61850"):
            yield from lacking
        else:
            for binding in device.bindings:
                yield from _faults(partial(attribute, binding))
    elif device.driver == "openadr":
        yield from _faults(partial(party, device))
        for binding in device.bindings:
            yield from _faults(partial(_ven_row, binding))
    else:
        yield from _faults(lambda: find(device.driver, device.where).link(device, Surroundings(clock=RealClock())))


def _columns(rows: Iterable[Binding], purpose: str) -> list[ConfigError]:
    """Return which columns the tables of these rows lack for what they are used for."""
    tables = {row.row.where.rpartition(":")[0]: list(row.row.address) for row in rows}
    return [fault for path, there in tables.items() for fault in _missing(there, purpose, Path(path))]


def _without_cid(device: Device) -> bool:
    return device.driver == "iec61850" and device.cid is None


def _against_classes(rows: Iterable[Binding]) -> Iterator[ConfigError]:
    """Yield what the classes of the standards do not have; a device may have more than they, if it says so itself."""
    for row in rows:
        yield from _faults(partial(target, class_tables(), row))


def _ven_row(row: Binding) -> None:
    """Raise `ConfigError` for a row of a VEN below that says nothing of it, or what OpenADR does not know."""
    where = row.row.where
    given = [column for column in ("rid", "signal", "about") if row.address.get(column)]
    if len(given) != 1:
        raise ConfigError(f"a row of a VEN has one of rid, signal and about, not {' and '.join(given) or 'none'}",
                          where=where)  # fmt: skip
    if given == ["signal"]:
        word(SignalName, row, "signal")
        word(SignalType, row, "signal_type", own=False)
    elif given == ["about"] and row.address["about"] not in ABOUT:
        raise ConfigError(f"about: {row.address['about']!r} is not known; there is {', '.join(ABOUT)}", where=where)


def _faults(look: Callable[[], object]) -> tuple[ConfigError, ...]:
    try:
        look()
    except ConfigError as error:
        return error.faults
    return ()


def _against_cid(device: Device, cid: Path, diagnostics: list[Diagnostic]) -> Iterator[ConfigError]:
    try:
        loaded = read_scl(cid, ied=device.address.get("ied"))
    except ConfigError as error:
        yield error
        return
    for diagnostic in loaded.diagnostics:
        if diagnostic.severity is Severity.ERROR:
            yield ConfigError(f"{diagnostic.message} ({diagnostic.code})", where=diagnostic.where)
        else:
            diagnostics.append(diagnostic)
    for fault in disagreements(loaded.model, device.bindings):
        yield ConfigError(f"{device.name}: {fault.message}, says {cid.name}", where=fault.where)


# --- a table alone ---------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class CheckedTable:
    """What was found in a table.

    Attributes:
        table: as loaded.
        purpose: what its columns say that it is for: `iec61850`, `signals`, `reports`, `ven` (a VEN below), `modbus`,
            `opcua`, or the empty text for another.
        faults, advice: as of a site.
    """

    table: Table
    purpose: str
    faults: tuple[ConfigError, ...]
    advice: tuple[ConfigError, ...]


def check_table(path: Path) -> CheckedTable:
    """Return what is wrong with a table, as far as that can be said without the site that names it.

    Raises `ConfigError`, as `load_table` does, where its rows cannot be read.
    """
    table = load_table(path)
    there = list(table.rows[0].address) if table.rows else []
    purpose = purpose_of(there)
    rows = [_example(row) for row in table]
    faults: tuple[ConfigError, ...] = tuple(_missing(there, purpose, path))
    advice: tuple[ConfigError, ...] = ()
    if faults:
        return CheckedTable(table, purpose, faults, ())
    if purpose == "iec61850":
        faults = tuple(_against_classes(rows))
    elif purpose == "signals":
        faults, advice = _faults(lambda: check_signals(rows)), tuple(strange_signals(rows))
    elif purpose == "reports":
        faults, advice = _faults(lambda: offers(rows, "resource")), tuple(strange_reports(rows))
    elif purpose == "ven":
        faults = tuple(fault for row in rows for fault in _faults(partial(_ven_row, row)))
    elif purpose:
        faults, advice = _field(rows, purpose)
    return CheckedTable(table, purpose, faults, advice)


def _field(rows: Iterable[Binding], purpose: str) -> tuple[tuple[ConfigError, ...], tuple[ConfigError, ...]]:
    """Return what a field driver says of rows; without its library, that nothing was looked at."""
    _, module, name, more = _FIELD[purpose]
    try:
        look = getattr(import_module(module, __package__), name)
    except ImportError as error:
        reason = f"rows were not looked at: that needs {error.name!r}, pip install 'janusgrid[{purpose}]'"
        return (), (ConfigError(reason),)
    told = (row for row in rows if not row.address.get("value"))  # others are figures of the table itself
    return tuple(fault for row in told for fault in _faults(partial(look, row, *more))), ()


def purpose_of(columns: Iterable[str]) -> str:
    """Return what a table with these columns is for, by most of them; the empty text if that is not known here."""
    there = {*columns} - {*COMMON, *OPTIONAL}
    if {"rid", "signal"} <= there:
        return "ven"
    for purpose, (column, *_) in _FIELD.items():
        if column in there:
            return purpose
    found = {name: len(there & {*own}) / len(own) for name, own in COLUMNS.items()}
    best = max(found, key=lambda name: found[name])
    return best if found[best] >= 0.5 else ""


def _missing(there: list[str], purpose: str, path: Path) -> Iterator[ConfigError]:
    for column in COLUMNS.get(purpose, ()):
        if column not in there:
            near = get_close_matches(column, [name for name in there if name not in COLUMNS[purpose]], 1, 0.6)
            hint = f"; is {near[0]!r} meant for it?" if near else f": a table of {purpose} has {_listed(purpose)}"
            yield ConfigError(f"column {column!r} is missing{hint}", where=f"{path}:1")


def _listed(purpose: str) -> str:
    return ", ".join(COLUMNS[purpose])


def _example(row: Row) -> Binding:
    """Return a row bound to a device that has whatever the row asks for."""
    texts = (*row.address.values(), row.low, row.high)
    values: dict[str, str | float] = {name: name.upper() for text in texts for name in _PLACE.findall(text)}
    values |= {name: 1.0 for text in (row.low, row.high) for name in _PLACE.findall(text)}
    return row.bind(row.point.replace("{device}", "DEVICE"), values)
