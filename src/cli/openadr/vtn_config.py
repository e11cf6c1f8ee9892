"""The configuration of `janusgrid vtn`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Literal

import attrs

from ...common.clock import Clock
from ...common.config import Document, Step, read, together
from ...common.errors import ConfigError
from ...common.security.entry import SigningEntry
from ...openadr.vtn import Party, Retry, TelemetryPlan
from .places import Level, place, socket_of
from .reports import HistoryEntry, PlanEntry, ReadingsEntry, ReportEntry, Reports, reports
from .way import Http, RetryEntry, Ways, identities, poll_fits, target


@attrs.frozen(slots=True)
class PartyEntry:
    """A VEN that may register, as it is written.

    Attributes:
        identity: a bare JID or the fingerprint of a certificate; several with blanks between them.
        ven: its venID, where that was agreed.
        resources, groups, parties, devices, meters: by which events mean it, beside its venID.
        markets: market contexts that it takes part in; none given is all.
    """

    name: str
    identity: str
    ven: str | None = None
    resources: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()


@attrs.frozen(slots=True)
class VtnFile:
    """The file as it is written.

    Attributes:
        vtn: its ID.
        http: how VENs reach it over HTTP.
        xmpp: file of its XMPP account, beside this one.
        parties: the VENs that may register.
        telemetry: what is asked of offered reports.
        reports, readings, history: what VENs may ask of it, as for a VEN.
        retry: when what does not go through is sent again.
        poll: how often VENs that cannot be reached are asked to come for their messages.
        signing: how messages are signed, for VENs that register to sign; without it none may.
        reading: `tolerant` to read what is against the schema in ways that are known; each is logged once.
        store: file of a database, beside this one, or a URL; without it all is forgotten at the end.
        shared: many processes are this VTN: the store is one PostgreSQL, by its URL, and all of them have it.
        control: file of the socket by which the program is directed; beside this one and named like it, if not given.
        log: what is logged, on standard error.
    """

    vtn: str
    parties: tuple[PartyEntry, ...]
    http: Http | None = None
    xmpp: str | None = None
    telemetry: PlanEntry = PlanEntry()
    reports: tuple[ReportEntry, ...] = ()
    readings: ReadingsEntry = ReadingsEntry()
    history: HistoryEntry = HistoryEntry()
    retry: RetryEntry = RetryEntry()
    poll: timedelta = timedelta(seconds=10)
    signing: SigningEntry | None = None
    reading: Literal["strict", "tolerant"] = "strict"
    store: str | None = None
    shared: bool = False
    control: str | None = None
    log: Level = "warning"


@attrs.frozen(slots=True)
class VtnSettings:
    """A configuration that was found to be good."""

    file: VtnFile
    ways: Ways
    parties: tuple[Party, ...]
    plan: TelemetryPlan
    reports: Reports
    retry: Retry | None
    store: str | None
    control: Path


def load(path: Path, clock: Clock) -> VtnSettings:
    """Return the settings in a file; raise `ConfigError` that names every fault with line and column."""
    document = read(path)
    file = document.structure(VtnFile)
    folder = path.parent
    ways = Ways(file.http, file.xmpp, folder, signing=file.signing)
    faults: list[ConfigError] = []

    def complain(reason: str, *trail: Step) -> None:
        faults.append(document.error(reason, *trail))

    if file.http is None and file.xmpp is None:
        complain("say how VENs reach it: http, xmpp or both")
    if file.http is not None and file.http.listen is None:
        complain("a VTN listens: listen: HOST:PORT", "http")
    ways.check(complain)
    poll_fits(file.poll, complain)
    _sharing_fits(file, complain)
    parties = _parties(document, file, faults)
    plan = file.telemetry.plan(document, faults, "telemetry")
    found = reports(document, file.reports, file.readings, file.history, folder, clock, faults)
    retry = file.retry.retry(complain)
    if faults:
        raise together(faults)
    assert plan is not None
    store, control = place(file.store, folder), socket_of(path, file.control)
    return VtnSettings(file, ways, parties, plan, found, retry, store, control)


def _sharing_fits(file: VtnFile, complain: Callable[..., None]) -> None:
    """Complain of what many processes cannot be."""
    if file.shared and not (file.store or "").startswith("postgresql"):
        complain("many processes share a PostgreSQL: store: postgresql://…", "store" if file.store else "shared")
    if file.shared and file.reports:
        complain("a VTN of many processes offers no reports of its own", "reports")


def _parties(document: Document, file: VtnFile, faults: list[ConfigError]) -> tuple[Party, ...]:
    found: list[Party] = []
    for index, entry in enumerate(file.parties):
        try:
            who = identities(entry.identity, document, "parties", index, "identity")
        except ConfigError as error:
            faults.append(error)
            continue
        if entry.name in {party.ven_name for party in found}:
            faults.append(document.error(f"{entry.name!r} is given twice", "parties", index, "name"))
        meant = target(entry)
        found.append(Party(entry.name, who, entry.ven, meant, entry.markets))
    if not file.parties:
        faults.append(document.error("no VEN may register: name one at least", "parties"))
    return tuple(found)
