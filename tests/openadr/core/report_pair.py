"""A VTN and a VEN that both offer reports, and the road between them: carried either way, or polled for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core import telemetry
from janusgrid.openadr.core.answers import Deployment
from janusgrid.openadr.core.report_desk import Recall
from janusgrid.openadr.core.report_offers import DataPoint, Offer, Reading, Value
from janusgrid.openadr.core.shelf import Cabinet, Change
from janusgrid.openadr.core.telemetry import Sample
from janusgrid.openadr.core.ven import Telemetry as OfVtn
from janusgrid.openadr.core.ven import VenCore
from janusgrid.openadr.core.ven_book import Party
from janusgrid.openadr.core.vtn import Telemetry as OfVen
from janusgrid.openadr.core.vtn import VtnCore
from janusgrid.openadr.events import kilowatts
from janusgrid.openadr.model import Message, Report, ReportRequest, ReportSpecifier, TransportName
from janusgrid.openadr.rules import check

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
VTN, VEN = "vtn@utility.example", "ems@site.example"

USAGE = Offer("usage", "TELEMETRY_USAGE", (DataPoint("a", kilowatts()), DataPoint("b", kilowatts())))
LEVELS = Offer(
    "levels", "TELEMETRY_USAGE",
    tuple(DataPoint(name, kilowatts(), on_change=True, minimum=10 * SECOND) for name in ("c", "d")),
)  # fmt: skip
STATUS = Offer("status", "TELEMETRY_STATUS", (DataPoint.status("s", resource_id="R1"),))
PAST = Offer("past", "HISTORY_USAGE", (DataPoint("a", kilowatts()), DataPoint("b", kilowatts())), kept=24 * HOUR)
GREEN = Offer("green", "HISTORY_GREENBUTTON", (DataPoint("meter"),), kept=24 * HOUR)
OFFERS = (USAGE, LEVELS, STATUS, PAST, GREEN)

Chosen = tuple[timedelta, timedelta] | None


class Disk:
    """What a process has written, and finds again."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def save(self, cabinet: Cabinet) -> None:
        for kind, key, text in cabinet.changes():
            if text is None:
                self.kept.pop((kind, key), None)
            else:
                self.kept[kind, key] = text

    def records(self) -> list[Change]:
        return [Change(kind, key, text) for (kind, key), text in self.kept.items()]


class Pair:
    """Both roles. `up` says which way reports go: from the VEN to the VTN, or the other way."""

    def __init__(
        self,
        up: bool = True,
        polls: bool = False,
        choose: Callable[[Report], Chosen] = lambda report: None,
        offers: Iterable[Offer] = OFFERS,
        report_only: bool = False,
    ) -> None:
        count = itertools.count(1)
        self.new_id = lambda prefix: f"{prefix}{next(count)}"
        self.up, self.polls, self.choose, self.report_only = up, polls, choose, report_only
        self.offers = tuple(offers)
        self.now = T0
        self.road: list[Message] = []
        self.disks = {"vtn": Disk(), "ven": Disk()}
        self.values: dict[str, Value] = {}
        self.past: list[Sample] = []
        self.recalled: list[Recall] = []
        self.told: list[OfVen | OfVtn] = []
        self.start_vtn()
        self.start_ven()
        self.settle()

    def start_vtn(self) -> None:
        deployment = Deployment("VTN1", (TransportName.SIMPLE_HTTP, TransportName.XMPP))
        self.vtn = VtnCore(
            deployment, [Party("site", VEN)], new_id=self.new_id,
            choose=lambda ven, report: self.choose(report) if self.up else None,
            offers=() if self.up else self.offers,
        )  # fmt: skip
        assert not self.vtn.restore(self.disks["vtn"].records())

    def start_ven(self) -> None:
        self.ven = VenCore(
            "site", vtn=VTN, vtn_identity=VTN, address=None if self.polls else f"{VEN}/ems", new_id=self.new_id,
            transport=TransportName.SIMPLE_HTTP if self.polls else TransportName.XMPP,
            choose=lambda report: None if self.up else self.choose(report),
            offers=self.offers if self.up else (), report_only=self.report_only,
        )  # fmt: skip
        assert not self.ven.restore(self.disks["ven"].records())
        self.ven.start(self.now)

    @property
    def source(self) -> VenCore | VtnCore:
        return self.ven if self.up else self.vtn

    @property
    def desk(self) -> Any:
        return self.ven.reports if self.up else self.vtn._reports.desk

    @property
    def peer(self) -> str:
        """Who is reported to, as the source calls it."""
        return "" if self.up else self.ven.ven_id

    @property
    def pending(self) -> tuple[str, ...]:
        return self.desk.pending_for(self.peer)  # type: ignore[no-any-return]

    @property
    def ledger(self) -> Any:
        return self.vtn.ven("site") if self.up else self.ven.vtn_reports

    def request(self, specifier: ReportSpecifier) -> ReportRequest:
        return self.vtn.request_report("site", specifier) if self.up else self.ven.request_report(specifier)

    def forgot(self) -> None:
        """Note that the ledger was changed from outside."""
        (self.vtn._office if self.up else self.ven.office).keep(self.ven.ven_id)

    def ask(self, specifier_id: str, r_ids: Iterable[str] | None = None, **times: Any) -> ReportRequest:
        """Ask for a report as an application does, and carry the letters."""
        offer = self.vtn.offer("site", specifier_id) if self.up else self.ven.offer(specifier_id)
        found = self.request(telemetry.asked(offer, r_ids, now=self.now, **times))
        self.settle()
        return found

    def cancel(self, *request_ids: str, to_follow: bool = False, with_next: bool = False) -> None:
        if self.up:
            self.vtn.cancel_reports("site", request_ids, to_follow=to_follow, with_next=with_next)
        else:
            self.ven.cancel_reports(request_ids, to_follow=to_follow, with_next=with_next)
        self.settle()

    def carry(self, message: Message | None) -> Message | None:
        """Return a message as it arrives: what we send is valid, keeps the rules, and means the same to the reader."""
        if message is None:
            return None
        arrived = read(write(message))
        assert arrived == message
        assert [str(finding) for finding in check(arrived) if finding.is_error] == []
        self.road.append(arrived)
        return arrived

    def settle(self, *, lose_answer_of: type[Message] | None = None) -> None:
        """Carry every letter that is due, until none is, and tell the applications."""
        if self.polls:
            self.ven._polling.next = self.now if self.ven.registration_id else None
        moved = True
        while moved:
            moved = False
            self.ven.tick(self.now)
            for letter in self.ven.outbox.due(self.now):
                moved = True
                answer = self.vtn.receive(VEN, self.carry(letter.message), self.now)  # type: ignore[arg-type]
                self.keep()
                if lose_answer_of is not None and isinstance(letter.message, lose_answer_of):
                    lose_answer_of = None
                    self.ven.outbox.failed(letter, self.now)
                    self.ven.outbox.kick()
                else:
                    self.ven.answered(letter, self.carry(answer), self.now)
            for letter in self.vtn.outbox.due(self.now, lambda ven_id: not self.polls):
                moved = True
                answer = self.ven.receive(VTN, self.carry(letter.message), self.now)  # type: ignore[arg-type]
                self.keep()
                if lose_answer_of is not None and isinstance(letter.message, lose_answer_of):
                    lose_answer_of = None
                    self.vtn.outbox.failed(letter, self.now)
                    self.vtn.outbox.kick()
                else:
                    self.vtn.answered(letter, self.carry(answer), self.now)
            self.tell()
        self.keep()

    def tell(self) -> None:
        for core in (self.vtn, self.ven):
            for happening in core.happened:
                if isinstance(happening, OfVen | OfVtn):
                    self.told.append(happening)
                core.told(happening)
            core.happened.clear()

    def keep(self) -> None:
        self.disks["vtn"].save(self.vtn.cabinet)
        self.disks["ven"].save(self.ven.cabinet)

    def run(self, span: timedelta, step: timedelta = 30 * SECOND) -> None:
        """Let time go on; the source reads what it has to."""
        until = self.now + span
        while True:
            for core in (self.ven, self.vtn):
                wanted = core.wanted(self.now)
                core.sample({r_id: self.values[r_id] for r_id in wanted if r_id in self.values}, self.now)
                for asked in core.recalls(self.now):
                    self.recalled.append(asked)
                    core.recall(asked, self.past, self.now)
            self.settle()
            if self.now >= until:
                break
            self.now += step

    @property
    def samples(self) -> list[Sample]:
        return [sample for telemetry in self.told for sample in telemetry.samples]

    def of(self, kind: type[Message]) -> list[Any]:
        """Return the messages of a kind that were on the road."""
        return [message for message in self.road if isinstance(message, kind)]


def good(**values: float) -> dict[str, Value]:
    return {name: Reading(value) for name, value in values.items()}
