"""Points become telemetry: what the tables of reports offer, and readings of it; and back again at a VTN.

Rows of one rID with the report type `x-resourceStatus` make up one state of a resource; the `item` of each is the part
that it gives: `oadrOnline` (also if empty), `oadrManualOverride`, or a part of oadrLoadControlState such as
`oadrLevelOffset` or `oadrSetPoint.oadrMax`. All other rows are numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches

from ..common.config import duration, together
from ..common.data.conversion import WireType
from ..common.data.point import ValueType
from ..common.data.tables import Binding
from ..common.data.value import Scalar, Validity, Value
from ..common.errors import ConfigError, JanusGridError
from ..openadr.access import quality
from ..openadr.model import (
    LoadControlState,
    LoadControlValue,
    PayloadResourceStatus,
    ReadingType,
    ReportName,
    ReportType,
)
from ..openadr.ven import DataPoint, Offer, Reading
from .words import bare, cell, item_of, word

ONLINE, OVERRIDE = "oadrOnline", "oadrManualOverride"
_ASPECTS = {
    "oadrCapacity": "capacity",
    "oadrLevelOffset": "level_offset",
    "oadrPercentOffset": "percent_offset",
    "oadrSetPoint": "set_point",
}
_FIGURES = {"oadrMin": "min", "oadrMax": "max", "oadrCurrent": "current", "oadrNormal": "normal"}
PARTS = (ONLINE, OVERRIDE, *_ASPECTS, *(f"{aspect}.{figure}" for aspect in _ASPECTS for figure in _FIGURES))
"""What the item of a row may be in a state of a resource; an aspect alone is its `oadrCurrent`."""

_WORST = (Validity.INVALID, Validity.QUESTIONABLE, Validity.GOOD)
_OFFERED = frozenset({ReportName.HISTORY_USAGE, ReportName.TELEMETRY_USAGE, ReportName.TELEMETRY_STATUS})


# --- what is offered -------------------------------------------------------------------------------------------------


def offers(reports: Iterable[Binding], resource: str) -> list[Offer]:
    """Return the reports that the tables offer.

    Raises one `ConfigError` for all rows whose words OpenADR does not know, that say twice what an rID is, or that do
    not make up a state of a resource.
    """
    faults: list[ConfigError] = []
    points: dict[tuple[str, str], list[DataPoint]] = defaultdict(list)
    first: dict[tuple[str, str], Binding] = {}
    for rows in _grouped(reports, faults):
        key = rows[0].address.get("report", ""), rows[0].address.get("report_name", "")
        first.setdefault(key, rows[0])
        try:
            points[key].append(_status(rows, resource) if _is_status(rows[0]) else _number(rows[0], resource))
        except ConfigError as error:
            faults.append(error)
    made = [Offer(specifier, name, tuple(found)) for (specifier, name), found in points.items() if found]
    for offer in () if faults else made:
        try:
            offer.check()
        except JanusGridError as error:
            where = first[offer.specifier_id, offer.name].row.where
            faults.append(ConfigError(f"report {offer.specifier_id!r}: {error.message}", where=where))
    if faults:
        raise together(faults)
    return made


def _grouped(reports: Iterable[Binding], faults: list[ConfigError]) -> list[list[Binding]]:
    """Return the rows of each rID of each report: several for a state, else one."""
    groups: dict[tuple[str, str], list[Binding]] = {}
    meaning: dict[str, Binding] = {}
    for row in reports:
        r_id, key = row.address.get("rid", ""), (row.address.get("report", ""), row.address.get("rid", ""))
        known = meaning.setdefault(r_id, row)
        if not r_id:
            faults.append(ConfigError("rid is empty: the utility knows the value by it", where=row.row.where))
        elif _is_status(row) and key in groups and _is_status(known):
            groups[key].append(row)
        elif key in groups or known.point.name != row.point.name:
            reason = f"rid {r_id!r} is given twice, first for {known.point.name} at {known.row.where}"
            if known.row is row.row:
                reason = f"rid {r_id!r} would stand for several devices: put {{device}} into it"
            faults.append(ConfigError(reason, where=row.row.where))
        else:
            groups[key] = [row]
    return list(groups.values())


def _is_status(row: Binding) -> bool:
    return row.address.get("report_type") == ReportType.X_RESOURCE_STATUS


def _number(row: Binding, resource: str) -> DataPoint:
    where = row.row.where
    if row.point.type is ValueType.TEXT:
        raise ConfigError("a text cannot be reported: a report has numbers", where=where)
    if row.address["report_name"] == ReportName.TELEMETRY_STATUS:
        reason = (
            f"TELEMETRY_STATUS has states of resources alone, with the report_type {ReportType.X_RESOURCE_STATUS.value}"
        )
        raise ConfigError(reason, where=where)
    minimum, maximum = _periods(row)
    return DataPoint(
        r_id=row.address["rid"],
        item=item_of(row),
        report_type=word(ReportType, row, "report_type"),
        reading_type=word(ReadingType, row, "reading_type"),
        minimum=minimum,
        maximum=maximum,
        resource_id=resource,
    )


def _periods(row: Binding) -> list[timedelta]:
    name, where = word(ReportName, row, "report_name"), row.row.where
    if isinstance(name, ReportName) and name not in _OFFERED:
        known = ", ".join(sorted(_OFFERED))
        raise ConfigError(f"report_name: {name.value} is not offered by a table; {known} are", where=where)
    if not cell(row, "report"):
        raise ConfigError("report is empty: it is the name by which the utility asks for the report", where=where)
    found = []
    for column in ("min_period", "max_period"):
        try:
            found.append(duration(cell(row, column)))
        except ValueError as error:
            raise ConfigError(f"{column}: {error}", where=where) from None
    if found[0] > found[1]:
        raise ConfigError("min_period is above max_period", where=where)
    return found


def _status(rows: Sequence[Binding], resource: str) -> DataPoint:
    parts: dict[str, Binding] = {}
    for row in rows:
        part = _part(row)
        if part in parts:
            reason = f"item {part!r} of {row.address['rid']!r} is given twice, first at {parts[part].row.where}"
            raise ConfigError(reason, where=row.row.where)
        parts[part] = row
        _check_part(part, row)
    first = rows[0]
    if ONLINE not in parts:
        raise ConfigError(f"{first.address['rid']!r} has no row with the item {ONLINE}", where=first.row.where)
    for part, row in parts.items():
        aspect = part.partition(".")[0]
        if aspect in _ASPECTS and f"{aspect}.oadrCurrent" not in parts:
            raise ConfigError(f"item {part!r} needs a row with {aspect!r} beside it, the present value",
                              where=row.row.where)  # fmt: skip
    name = first.address["report_name"]
    if name in (ReportName.TELEMETRY_USAGE, ReportName.HISTORY_USAGE):
        raise ConfigError(
            f"a state of a resource is reported in TELEMETRY_STATUS, not in {name}", where=first.row.where
        )
    minimum, maximum = _periods(first)
    return DataPoint.status(first.address["rid"], minimum=minimum, maximum=maximum, resource_id=resource)


def _part(row: Binding) -> str:
    name = cell(row, "item") or ONLINE
    if name not in PARTS:
        near = get_close_matches(name, PARTS, 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(PARTS)}"
        raise ConfigError(f"item: {name!r} is no part of a state; {hint}", where=row.row.where)
    return f"{name}.oadrCurrent" if name in _ASPECTS else name


def _check_part(part: str, row: Binding) -> None:
    truth = part in (ONLINE, OVERRIDE)
    if truth != (row.row.conversion.wire_type is WireType.BOOL):
        kind = (
            "a truth value: type and wire_type bool" if truth else "a number: type int or float, wire_type int8 or so"
        )
        raise ConfigError(f"{part} is {kind}", where=row.row.where)
    if row.row.conversion.wire_type is WireType.TEXT:
        raise ConfigError(f"{part} is a number", where=row.row.where)


def strange_reports(reports: Iterable[Binding]) -> Iterator[ConfigError]:
    """Yield the rows that work, and that one will want otherwise: values whose unit the utility does not get."""
    for row in reports:
        reason = None if _is_status(row) else bare(row)
        if reason:
            yield ConfigError(reason, where=row.row.where)


# --- what is read ----------------------------------------------------------------------------------------------------


def reader(
    reports: Iterable[Binding], value_of: Callable[[str], Value | None]
) -> Callable[[frozenset[str]], Mapping[str, Reading]]:
    """Return what a VEN calls for readings: rIDs to values on the wire.

    What has no value is left out: a number, and a state of which it is not known whether the resource is online. A
    state is as good as the worst of its parts.
    """
    bound = rows_by_r_id(reports)

    def read(r_ids: frozenset[str]) -> Mapping[str, Reading]:
        found = {}
        for r_id in r_ids:
            known = [
                (row, value) for row in bound[r_id] if (value := value_of(row.point.name)) and value.value is not None
            ]
            reading = _state(known) if _is_status(bound[r_id][0]) else _figure(known)
            if reading is not None:
                found[r_id] = reading
        return found

    return read


def _figure(known: Sequence[tuple[Binding, Value]]) -> Reading | None:
    for row, value in known:
        assert value.value is not None
        return Reading(float(row.to_wire(value.value)), quality.word(value.quality))
    return None


def _state(known: Sequence[tuple[Binding, Value]]) -> Reading | None:
    wire = {_part(row): row.to_wire(value.value) for row, value in known if value.value is not None}
    if ONLINE not in wire:
        return None
    aspects: dict[str, LoadControlValue] = {}
    for aspect, name in _ASPECTS.items():
        figures = {field: wire.get(f"{aspect}.{figure}") for figure, field in _FIGURES.items()}
        if figures["current"] is not None:
            given = {field: float(figure) for field, figure in figures.items() if figure is not None}
            aspects[name] = LoadControlValue(**given)
    worst = min((value.quality for _, value in known), key=lambda each: _WORST.index(each.validity))
    return Reading(
        PayloadResourceStatus(
            online=bool(wire[ONLINE]),
            manual_override=bool(wire.get(OVERRIDE, False)),
            load_control_state=LoadControlState(**aspects) if aspects else None,
        ),
        quality.word(worst),
    )


# --- the other way round, for a VTN ----------------------------------------------------------------------------------


def points_by_r_id(reports: Iterable[Binding]) -> dict[str, Binding]:
    """Return which point an rID reports; of a state of a resource, the first of its rows."""
    return {r_id: rows[0] for r_id, rows in rows_by_r_id(reports).items()}


def rows_by_r_id(reports: Iterable[Binding]) -> dict[str, tuple[Binding, ...]]:
    """Return the rows of each rID: one for a number, all parts of a state. A second report has the same again."""
    found: dict[str, dict[str, Binding]] = defaultdict(dict)
    for row in reports:
        found[row.address["rid"]].setdefault(_part(row) if _is_status(row) else "", row)
    return {r_id: tuple(rows.values()) for r_id, rows in found.items()}


def told(rows: Iterable[Binding], value: float | PayloadResourceStatus) -> dict[str, Scalar]:
    """Return what the value of an rID says of the points of its rows; raise `Malformed` if it does not fit."""
    if not isinstance(value, PayloadResourceStatus):
        return {row.point.name: row.from_wire(_on_wire(row, value)) for row in rows}
    parts = dict(_parts(value))
    return {row.point.name: row.from_wire(_on_wire(row, parts[p])) for row in rows if (p := _part(row)) in parts}


def _parts(state: PayloadResourceStatus) -> Iterator[tuple[str, float]]:
    yield ONLINE, state.online
    yield OVERRIDE, state.manual_override
    for aspect, name in _ASPECTS.items():
        values = getattr(state.load_control_state, name, None)
        for figure, field in _FIGURES.items():
            found = getattr(values, field, None)
            if found is not None:
                yield f"{aspect}.{figure}", found


def _on_wire(row: Binding, value: float) -> Scalar:
    """Return a number of a report as the row's type on the wire has it."""
    there = row.row.conversion.wire_type
    if there is WireType.BOOL:
        return bool(value)
    return int(value) if there.range is not None and float(value).is_integer() else float(value)
