"""The configuration of `janusgrid ven`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

import attrs

from ...common.clock import Clock
from ...common.config import Document, Step, read, together
from ...common.errors import ConfigError, LocalError
from ...common.security import is_fingerprint
from ...common.security.entry import SigningEntry
from ...openadr.core.report_desk import ReportDesk
from ...openadr.items import item
from ...openadr.model import ReadingType, ReportName, ReportType, SignalName
from ...openadr.ven import DataPoint, Offer
from .places import Level, place, socket_of
from .readings import Command, Constants, Readings, Source, course
from .way import Http, Ways, is_url


@attrs.frozen(slots=True)
class PointEntry:
    """A thing that can be reported, as it is written; `value` is a constant reading for laboratories."""

    rid: str
    unit: str = ""
    type: ReportType = ReportType.USAGE
    reading: ReadingType = ReadingType.DIRECT_READ
    min: timedelta = timedelta(seconds=1)
    max: timedelta = timedelta(hours=1)
    resource: str | None = None
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
class VenFile:
    """The file as it is written.

    Attributes:
        ven: its name, as agreed with the VTN.
        vtn: the VTN's URL, or over XMPP its JID.
        fingerprint: of the VTN's certificate, where the authority alone is not enough; needed if the VEN listens.
        http: over HTTP: certificates; with `listen` the VTN posts to it, else it comes for its messages.
        xmpp: file of its XMPP account, beside this one.
        reports: what it can report.
        readings: where the values come from.
        answer: to events: optIn, optOut, or `ask` to leave it to `janusgrid openadr opt`.
        signals: that it understands.
        resources, groups: by which events mean it, beside its venID.
        signing: how messages are signed: then it registers to sign.
        reading, store, control, log: as for a VTN.
    """

    ven: str
    vtn: str
    fingerprint: str = ""
    http: Http | None = None
    xmpp: str | None = None
    reports: tuple[ReportEntry, ...] = ()
    readings: ReadingsEntry = ReadingsEntry()
    answer: Literal["optIn", "optOut", "ask"] = "optOut"
    signals: tuple[str, ...] = ("LOAD_DISPATCH", "SIMPLE")
    resources: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    signing: SigningEntry | None = None
    reading: Literal["strict", "tolerant"] = "strict"
    store: str | None = None
    control: str | None = None
    log: Level = "warning"


@attrs.frozen(slots=True)
class VenSettings:
    """A configuration that was found to be good."""

    file: VenFile
    ways: Ways
    offers: tuple[Offer, ...]
    readings: Readings
    store: str | None
    control: Path


def load(path: Path, clock: Clock) -> VenSettings:
    """Return the settings in a file; raise `ConfigError` that names every fault with line and column."""
    document = read(path)
    file = document.structure(VenFile)
    folder = path.parent
    ways = Ways(file.http, file.xmpp, folder, file.fingerprint, file.signing)
    faults: list[ConfigError] = []

    def complain(reason: str, *trail: Step) -> None:
        faults.append(document.error(reason, *trail))

    if is_url(file.vtn) != (file.http is not None) or is_url(file.vtn) == (file.xmpp is not None):
        complain("a URL is reached by http, a JID by xmpp: give the one that fits, and not both", "vtn")
    elif is_url(file.vtn) and file.http is not None and file.http.plain == file.vtn.lower().startswith("https"):
        complain("https is spoken with certificates, http is for plain: true", "vtn")
    if file.fingerprint and not is_fingerprint(file.fingerprint):
        complain("is no fingerprint (ten octets, AA:BB:…)", "fingerprint")
    ways.check(complain)
    known = [signal.value for signal in SignalName]
    for index, name in enumerate(file.signals):
        if not name.startswith("x-") and name not in known:
            complain(f"{name!r} is no signal of OpenADR; there are {', '.join(known)}", "signals", index)
    offers = tuple(_offers(document, file, faults))
    readings = _readings(document, file, folder, clock, faults)
    if faults:
        raise together(faults)
    return VenSettings(file, ways, offers, readings, place(file.store, folder), socket_of(path, file.control))


def _offers(document: Document, file: VenFile, faults: list[ConfigError]) -> list[Offer]:
    found: list[Offer] = []
    names = {name.value for name in ReportName}
    for index, entry in enumerate(file.reports):
        trail: tuple[Step, ...] = ("reports", index)
        if not entry.name.startswith("x-") and (entry.name not in names or entry.name.startswith("METADATA_")):
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
    try:
        unit = item(entry.unit)
    except LocalError as error:
        raise document.error(error.message, *trail, "unit") from None
    return DataPoint(entry.rid, unit, entry.type, entry.reading, entry.min, entry.max, entry.resource)


def _readings(document: Document, file: VenFile, folder: Path, clock: Clock, faults: list[ConfigError]) -> Readings:
    entries = [point for report in file.reports for point in report.points]
    constants = {entry.rid: entry.value for entry in entries if entry.value is not None}
    sources: list[Source] = [Constants(constants)]
    if file.readings.csv is not None:
        try:
            sources.append(course(folder / file.readings.csv, clock, frozenset(entry.rid for entry in entries)))
        except ConfigError as error:
            faults.append(error)
    if file.readings.command:
        sources.append(Command(file.readings.command, folder))
    silent = [entry.rid for entry in entries if entry.value is None]
    if silent and len(sources) == 1:
        faults.append(document.error(f"nothing says what {silent[0]} is: a value, or readings: csv or command"))
    return Readings(sources)
