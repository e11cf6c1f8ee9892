"""What a program can report, as its configuration has it: the reports, their points, and where values come from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import attrs

from ...common.clock import Clock
from ...common.config import Document, Step
from ...common.errors import ConfigError, LocalError
from ...openadr.core.report_desk import ReportDesk
from ...openadr.items import item
from ...openadr.model import ReadingType, ReportName, ReportType
from ...openadr.plans import TelemetryPlan
from ...openadr.ven import DataPoint, Offer
from .past import GREENBUTTON, Past
from .readings import Command, Constants, Readings, Source, course


@attrs.frozen(slots=True)
class PointEntry:
    """A thing that can be reported, as it is written; `value` is a constant reading for laboratories.

    Attributes:
        on_change: it can be sent when it changes; it is looked at once in `min`.
        status: it is the state of a resource, for TELEMETRY_STATUS: a reading other than 0 says that it is online.
    """

    rid: str
    unit: str = ""
    type: ReportType = ReportType.USAGE
    reading: ReadingType = ReadingType.DIRECT_READ
    min: timedelta = timedelta(seconds=1)
    max: timedelta = timedelta(hours=1)
    on_change: bool = False
    status: bool = False
    resource: str | None = None
    market: str | None = None
    value: float | None = None


@attrs.frozen(slots=True)
class ReportEntry:
    """A report that can be delivered, as it is written."""

    id: str
    points: tuple[PointEntry, ...]
    name: str = "TELEMETRY_USAGE"
    kept: timedelta = timedelta(hours=1)


@attrs.frozen(slots=True)
class ReadingsEntry:
    """Where readings come from besides constants: a CSV file, or a command and its arguments."""

    csv: str | None = None
    command: tuple[str, ...] = ()


@attrs.frozen(slots=True)
class HistoryEntry:
    """Where the past is known from: a CSV file for HISTORY_USAGE, feeds in files by rID for HISTORY_GREENBUTTON."""

    csv: str | None = None
    greenbutton: dict[str, str] = attrs.Factory(dict)


@attrs.frozen(slots=True)
class PlanEntry:
    """What is asked of every report of these names that is offered; no names: nothing is asked for."""

    granularity: timedelta = timedelta(minutes=1)
    every: timedelta = timedelta(minutes=1)
    names: tuple[str, ...] = ("TELEMETRY_USAGE",)

    def plan(self, document: Document, faults: list[ConfigError], *trail: Step) -> TelemetryPlan | None:
        """Return the plan; None if there are faults."""
        for index, name in enumerate(self.names):
            if not is_report(name):
                faults.append(document.error(f"{name!r} is no report of OpenADR", *trail, "names", index))
        try:
            return TelemetryPlan(self.granularity, self.every, self.names)
        except LocalError as error:
            faults.append(document.error(error.message, *trail))
            return None


@attrs.frozen(slots=True)
class Reports:
    """Reports that were found to be good.

    Attributes:
        history: what knows the past; None where no report of the past is offered.
    """

    offers: tuple[Offer, ...]
    readings: Readings
    history: Past | None


def is_report(name: str) -> bool:
    """Return whether a report may have this name."""
    return name.startswith("x-") or (not name.startswith("METADATA_") and name in {known.value for known in ReportName})


def reports(
    document: Document, entries: Sequence[ReportEntry], readings: ReadingsEntry, history: HistoryEntry,
    folder: Path, clock: Clock, faults: list[ConfigError],
) -> Reports:  # fmt: skip
    """Return what can be reported; faults are added to those that there are, each with where it is written."""
    offers = tuple(_offers(document, entries, faults))
    past = _past(document, entries, offers, history, folder, faults)
    present = [point for entry in entries if entry.name not in _OF_THE_PAST for point in entry.points]
    return Reports(offers, _readings(document, present, readings, folder, clock, faults), past)


_OF_THE_PAST = ("HISTORY_USAGE", GREENBUTTON)


def _offers(document: Document, entries: Sequence[ReportEntry], faults: list[ConfigError]) -> list[Offer]:
    found: list[Offer] = []
    for index, entry in enumerate(entries):
        trail: tuple[Step, ...] = ("reports", index)
        if not is_report(entry.name):
            faults.append(document.error(f"{entry.name!r} is no report of OpenADR", *trail, "name"))
            continue
        try:
            points = [_point(document, each, *trail, "points", n) for n, each in enumerate(entry.points)]
            offer = Offer(entry.id, entry.name, tuple(points), entry.kept)
            ReportDesk([*found, offer])
        except ConfigError as error:
            faults.append(error)
        except LocalError as error:
            faults.append(document.error(error.message, *trail))
        else:
            found.append(offer)
    return found


def _point(document: Document, entry: PointEntry, *trail: Step) -> DataPoint:
    if entry.status:
        if entry.unit:
            raise document.error("the state of a resource has no unit", *trail, "unit")
        return DataPoint.status(
            entry.rid, minimum=entry.min, maximum=entry.max, resource_id=entry.resource, on_change=entry.on_change
        )
    try:
        unit = item(entry.unit)
    except LocalError as error:
        raise document.error(error.message, *trail, "unit") from None
    return DataPoint(
        entry.rid, unit, entry.type, entry.reading, entry.min, entry.max, entry.resource,
        on_change=entry.on_change, market=entry.market,
    )  # fmt: skip


def _past(
    document: Document, entries: Sequence[ReportEntry], offers: Sequence[Offer], history: HistoryEntry, folder: Path,
    faults: list[ConfigError],
) -> Past | None:  # fmt: skip
    """Return what knows the past, and complain where nobody does."""
    usage = frozenset(point.rid for entry in entries if entry.name == "HISTORY_USAGE" for point in entry.points)
    green = {
        point.rid: (index, n)
        for index, entry in enumerate(entries)
        if entry.name == GREENBUTTON
        for n, point in enumerate(entry.points)
    }
    if usage and history.csv is None:
        faults.append(document.error("HISTORY_USAGE is offered, and nothing says what was: history: csv", "reports"))
    for r_id, (index, n) in green.items():
        if r_id not in history.greenbutton:
            trail: tuple[Step, ...] = ("reports", index, "points", n, "rid")
            faults.append(document.error(f"no feed of {r_id} is named: history: greenbutton", *trail))
    for r_id in history.greenbutton:
        if r_id not in green:
            faults.append(
                document.error(f"{r_id!r} is no rID of a report {GREENBUTTON}", "history", "greenbutton", r_id)
            )
    if history.csv is not None and not usage:
        faults.append(document.error("no report HISTORY_USAGE is offered that it could be for", "history", "csv"))
    if not any(offer.of_the_past for offer in offers):
        return None
    csv = None if history.csv is None else folder / history.csv
    past = Past(csv, {r_id: folder / name for r_id, name in history.greenbutton.items()}, usage)
    try:
        past.check()
    except ConfigError as error:
        faults.append(error)
    return past


def _readings(
    document: Document, points: Sequence[PointEntry], entry: ReadingsEntry, folder: Path, clock: Clock,
    faults: list[ConfigError],
) -> Readings:  # fmt: skip
    constants = {point.rid: point.value for point in points if point.value is not None}
    sources: list[Source] = [Constants(constants)]
    if entry.csv is not None:
        try:
            sources.append(course(folder / entry.csv, clock, frozenset(point.rid for point in points)))
        except ConfigError as error:
            faults.append(error)
    if entry.command:
        sources.append(Command(entry.command, folder))
    silent = [point.rid for point in points if point.value is None]
    if silent and len(sources) == 1:
        faults.append(document.error(f"nothing says what {silent[0]} is: a value, or readings: csv or command"))
    return Readings(sources, frozenset(point.rid for point in points if point.status))
