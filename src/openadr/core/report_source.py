"""EiReport of who delivers, in either role: offers, begins and ends reports, sends their values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from ..model import (
    CanceledReport,
    CancelReport,
    CreatedReport,
    CreateReport,
    EiResponse,
    Message,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportRequest,
    UpdatedReport,
    UpdateReport,
)
from ..rules.reports import request_ids
from . import spelling
from .answers import Code, Rejected, negative, ok
from .report_desk import Recall, ReportDesk
from .report_offers import Value
from .report_post import Ledgers, Post
from .telemetry import METADATA, Sample
from .times import EPOCH


class Source:
    """Delivers to peers what they have asked for.

    Args:
        asked: called with the peer and the requests that were accepted.
    """

    def __init__(
        self, post: Post, ledgers: Ledgers, desk: ReportDesk, asked: Callable[[str, tuple[ReportRequest, ...]], None]
    ) -> None:
        self._post = post
        self._ledgers = ledgers
        self.desk = desk
        self._asked = asked
        metadata = spelling.offers(desk.metadata(EPOCH))
        self._digest = hashlib.sha256(metadata.encode()).hexdigest()[:32] if desk.offers else ""

    def offer(self, peer: str) -> None:
        """Say what can be reported (rule 301)."""
        self._post.post(peer, partial(self._offers, peer), key="offers")

    def offer_news(self, peer: str) -> None:
        """Say what can be reported, if that is another thing than the peer knows."""
        ledger = self._ledgers.ledger(peer)
        if ledger.told != self._digest or (self._digest and not ledger.taken):
            self.offer(peer)

    def _offers(self, peer: str, now: datetime) -> Message:
        """Return what can be reported. As long as that is the same, so is its createdDateTime."""
        ledger = self._ledgers.ledger(peer)
        if ledger.told != self._digest or ledger.told_at is None:
            ledger.told, ledger.told_at, ledger.taken = self._digest, now, False
            self._ledgers.keep(peer)
        offers = self.desk.metadata(ledger.told_at)
        return RegisterReport(request_id=self._post.ids("R"), reports=offers, ven_id=self._post.named(peer))

    def create(self, peer: str, message: CreateReport, now: datetime) -> CreatedReport:
        """Begin reports."""
        return self._begin(peer, message, ok(message), now)

    def registered(self, peer: str, answer: RegisteredReport, now: datetime) -> CreatedReport | None:
        """The peer has taken our offers: begin what it asks for at once; return what is to be said of that."""
        ledger = self._ledgers.ledger(peer)
        if answer.ei_response.ok and not ledger.taken:
            ledger.taken = True
            self._ledgers.keep(peer)
        return self._begin(peer, answer, EiResponse(), now) if answer.report_requests else None

    def updated(self, peer: str, answer: UpdatedReport, now: datetime) -> CanceledReport | None:
        """The peer has taken values: end what it cancels with that; return what is to be said of it."""
        return self.cancel(peer, answer.cancel_report, now) if answer.cancel_report is not None else None

    def cancel(self, peer: str, message: CancelReport, now: datetime) -> CanceledReport:
        """End reports; with reportToFollow there is a last update of each (rule 345)."""
        collected, unknown = self.desk.cancel(message.report_request_ids, now, peer, to_follow=message.report_to_follow)
        self.deliver(peer, collected)
        response = ok(message)
        if unknown:
            error = Rejected(Code.INVALID_ID, f"no report {', '.join(unknown)} is active")
            response = negative(error, message.request_id)
        pending = self.desk.pending_for(peer)
        return CanceledReport(ei_response=response, pending_reports=pending, ven_id=self._post.named(peer))

    def sample(self, readings: Mapping[str, Value], now: datetime) -> None:
        """Take readings of what is wanted; complete reports are sent."""
        for peer, reports in self.desk.sampled(readings, now).items():
            self.deliver(peer, reports)

    def recall(self, asked: Recall, found: Iterable[Sample], now: datetime) -> None:
        """Answer a report of the past."""
        self.deliver(*self.desk.recall(asked, found, now))

    def unwanted(self, peer: str, message: UpdateReport) -> None:
        """A peer does not know the reports in a message: they are not sent any more (rule 304)."""
        self.desk.cancel((report.report_request_id for report in message.reports), EPOCH, peer)

    def deliver(self, peer: str, reports: Iterable[Report]) -> None:
        """Send values. In a long outage the oldest of them give way to the newest."""
        for report in reports:
            message = UpdateReport(request_id=self._post.ids("U"), reports=(report,), ven_id=self._post.named(peer))
            values = sum(len(interval.payloads) for interval in report.intervals or ())
            self._post.post(peer, message, weight=1 + values, expendable=True)

    def _begin(
        self, peer: str, message: CreateReport | RegisteredReport, response: EiResponse, now: datetime
    ) -> CreatedReport:
        """Begin reports and return the message that says so; the first fault goes into its response."""
        accepted = []
        unusable = {finding.at: finding for finding in request_ids(message)}
        for n, request in enumerate(message.report_requests):
            if request.report_specifier.report_specifier_id == METADATA:
                self.offer(peer)
                continue
            try:
                if (finding := unusable.get(("report_requests", n))) is not None:
                    raise Rejected.of(finding)
                self.desk.accept(request, now, peer)
                accepted.append(request)
            except Rejected as error:
                if response.ok:
                    response = negative(error, response.request_id)
        if accepted:
            self._asked(peer, tuple(accepted))
        pending = self.desk.pending_for(peer)
        return CreatedReport(ei_response=response, pending_reports=pending, ven_id=self._post.named(peer))
