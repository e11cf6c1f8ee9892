"""The configuration of `janusgrid ven`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

import attrs

from ...common.clock import Clock
from ...common.config import Step, read, together
from ...common.errors import ConfigError
from ...common.security import is_fingerprint
from ...common.security.entry import SigningEntry
from ...openadr.model import SignalName
from ...openadr.plans import TelemetryPlan
from ...openadr.ven import Retry
from .places import Level, place, socket_of
from .reports import HistoryEntry, PlanEntry, ReadingsEntry, ReportEntry, Reports, reports
from .way import Http, RefusedEntry, RetryEntry, Ways, is_url, poll_fits


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
        history: where the past comes from, for reports of the past.
        telemetry: what is asked of reports that the VTN offers; nothing, if this is not given.
        report_only: it registers for reports only: no events come.
        reply_limit: how many events it asks for at once when it has registered.
        poll: how often it polls, where the VTN does not say.
        retry: when what does not go through is sent again.
        refused: whether and when it tries again to register, where the VTN refuses it.
        answer: to events: optIn, optOut, or `ask` to leave it to `janusgrid openadr opt`.
        signals: that it understands.
        resources, groups, parties, devices, meters: by which events mean it, beside its venID.
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
    history: HistoryEntry = HistoryEntry()
    telemetry: PlanEntry | None = None
    report_only: bool = False
    reply_limit: int | None = None
    poll: timedelta = timedelta(seconds=10)
    retry: RetryEntry = RetryEntry()
    refused: RefusedEntry = RefusedEntry()
    answer: Literal["optIn", "optOut", "ask"] = "optOut"
    signals: tuple[str, ...] = ("LOAD_DISPATCH", "SIMPLE")
    resources: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()
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
    reports: Reports
    plan: TelemetryPlan | None
    retry: Retry | None
    refused: Retry | None
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
    if file.reply_limit is not None and file.reply_limit < 1:
        complain("is one at least", "reply_limit")
    poll_fits(file.poll, complain)
    found = reports(document, file.reports, file.readings, file.history, folder, clock, faults)
    plan = file.telemetry.plan(document, faults, "telemetry") if file.telemetry is not None else None
    retry, refused = file.retry.retry(complain), file.refused.retry(complain)
    if faults:
        raise together(faults)
    return VenSettings(
        file, ways, found, plan, retry, refused, place(file.store, folder), socket_of(path, file.control)
    )
