"""The configuration of `janusgrid vtn`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

import attrs

from ...common.config import Document, Step, read, together
from ...common.errors import ConfigError, LocalError
from ...common.security.entry import SigningEntry
from ...openadr.model import ReportName
from ...openadr.vtn import Party, TelemetryPlan
from .places import Level, place, socket_of
from .way import Http, Ways, identities, target


@attrs.frozen(slots=True)
class PartyEntry:
    """A VEN that may register, as it is written.

    Attributes:
        identity: a bare JID or the fingerprint of a certificate; several with blanks between them.
        ven: its venID, where that was agreed.
        resources, groups: by which events mean it, beside its venID.
        markets: market contexts that it takes part in; none given is all.
    """

    name: str
    identity: str
    ven: str | None = None
    resources: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()


@attrs.frozen(slots=True)
class PlanEntry:
    """What is asked of every report of these names that is offered; no names: nothing is asked for."""

    granularity: timedelta = timedelta(minutes=1)
    every: timedelta = timedelta(minutes=1)
    names: tuple[str, ...] = ("TELEMETRY_USAGE",)


@attrs.frozen(slots=True)
class VtnFile:
    """The file as it is written.

    Attributes:
        vtn: its ID.
        http: how VENs reach it over HTTP.
        xmpp: file of its XMPP account, beside this one.
        parties: the VENs that may register.
        telemetry: what is asked of offered reports.
        poll: how often VENs that cannot be reached are asked to come for their messages.
        signing: how messages are signed, for VENs that register to sign; without it none may.
        reading: `tolerant` to read what is against the schema in ways that are known; each is logged once.
        store: file of a database, beside this one, or a URL; without it all is forgotten at the end.
        control: file of the socket by which the program is directed; beside this one and named like it, if not given.
        log: what is logged, on standard error.
    """

    vtn: str
    parties: tuple[PartyEntry, ...]
    http: Http | None = None
    xmpp: str | None = None
    telemetry: PlanEntry = PlanEntry()
    poll: timedelta = timedelta(seconds=10)
    signing: SigningEntry | None = None
    reading: Literal["strict", "tolerant"] = "strict"
    store: str | None = None
    control: str | None = None
    log: Level = "warning"


@attrs.frozen(slots=True)
class VtnSettings:
    """A configuration that was found to be good."""

    file: VtnFile
    ways: Ways
    parties: tuple[Party, ...]
    plan: TelemetryPlan
    store: str | None
    control: Path


def load(path: Path) -> VtnSettings:
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
    if file.poll < timedelta(seconds=1) or file.poll % timedelta(seconds=1):
        complain("is a whole number of seconds, one at least", "poll")
    parties = _parties(document, file, faults)
    plan = _plan(document, file, faults)
    if faults:
        raise together(faults)
    assert plan is not None
    return VtnSettings(file, ways, parties, plan, place(file.store, folder), socket_of(path, file.control))


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
        meant = target(entry.resources, entry.groups)
        found.append(Party(entry.name, who, entry.ven, meant, entry.markets))  # type: ignore[arg-type]  # its converter is not seen through
    if not file.parties:
        faults.append(document.error("no VEN may register: name one at least", "parties"))
    return tuple(found)


def _plan(document: Document, file: VtnFile, faults: list[ConfigError]) -> TelemetryPlan | None:
    entry = file.telemetry
    for index, name in enumerate(entry.names):
        if not name.startswith("x-") and name not in {known.value for known in ReportName}:
            faults.append(document.error(f"{name!r} is no report of OpenADR", "telemetry", "names", index))
    try:
        return TelemetryPlan(entry.granularity, entry.every, entry.names)
    except LocalError as error:
        faults.append(document.error(error.message, "telemetry"))
        return None
