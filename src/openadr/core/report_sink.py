"""EiReport of who takes, in either role: asks for what is offered, takes values, ends reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import attrs

from ...common.errors import JanusGridError, UnknownName
from ..model import (
    CanceledReport,
    CancelReport,
    CreatedReport,
    CreateReport,
    Message,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportRequest,
    ReportSpecifier,
    UpdatedReport,
    UpdateReport,
)
from ..rules.decisions import rule_324
from ..rules.rule import findings
from . import message_rules, spelling, telemetry
from .answers import Code, Rejected, ok
from .report_ledger import Ledger
from .report_post import Ledgers, Post
from .shelf import Shelf
from .telemetry import METADATA, Sample
from .ven_book import Answered

Choice = tuple[timedelta, timedelta]
"""Granularity and report-back time that are wanted of an offer."""


@attrs.frozen(slots=True)
class Delivery:
    """A report that has come.

    Attributes:
        key: under which it is kept until the application has been told.
        missing: the points that were asked for, and of which it has no value.
    """

    key: str
    peer: str
    report: Report
    samples: tuple[Sample, ...]
    missing: frozenset[str]


@attrs.frozen(slots=True)
class Kept:
    """A report that the application has not been told of, as it is kept."""

    peer: str
    report: Report
    r_ids: tuple[str, ...]

    def spelled(self) -> str:
        """Return it as text."""
        return spelling.document(peer=self.peer, report=spelling.reports((self.report,)), r_ids=self.r_ids)

    @classmethod
    def unspelled(cls, text: str) -> Kept:
        """Return what `spelled` has returned the text of."""
        kept = spelling.values(text)
        (report,) = spelling.reports_of(kept["report"])
        return cls(kept["peer"], report, tuple(kept["r_ids"]))

    def delivery(self, key: str) -> Delivery:
        """Return it as it is told; raise `Rejected` (454) for times that cannot be."""
        feed = self.r_ids[0] if self.r_ids else ""
        samples = tuple(telemetry.samples(self.report, feed))
        missing = frozenset(self.r_ids) - {sample.r_id for sample in samples}
        return Delivery(key, self.peer, self.report, samples, missing)


class Sink:
    """Asks peers for reports and takes them.

    Args:
        answered: what was answered lately, so that nothing that comes again is applied twice.
        choose: what to ask of an offer of a peer; None to leave it.
        offered: called with the peer and what it was asked for.
        received: called with a report that has come.
        declined: called with the peer, the request that it has refused, and why.
    """

    def __init__(
        self,
        post: Post,
        ledgers: Ledgers,
        answered: Answered,
        *,
        choose: Callable[[str, Report], Choice | None],
        offered: Callable[[str, tuple[ReportRequest, ...]], None],
        received: Callable[[Delivery], None],
        declined: Callable[[str, Message, JanusGridError], None],
    ) -> None:
        self._post = post
        self._ledgers = ledgers
        self._answered = answered
        self._choose = choose
        self._offered = offered
        self._received = received
        self._declined = declined
        self._number = 0
        self.untold = Shelf("untold", Kept.spelled, Kept.unspelled)

    # --- what was acknowledged and not told yet ---

    def restore(self, keys: Iterable[str] | None = None) -> Iterator[Delivery]:
        """Yield what was acknowledged before and is to be told now, in the order in which it came."""
        for key in sorted(self.untold if keys is None else self.untold.keys() & set(keys), key=int):
            self._number = max(self._number, int(key))
            yield self.untold[key].delivery(key)

    def renewed(self) -> None:
        """Go on counting behind what other processes have taken."""
        self._number = max([self._number, *map(int, self.untold)])

    def told(self, key: str) -> None:
        """The application has been told of a report: it is kept no more."""
        self.untold.pop(key, None)

    # --- what the application asks for ---

    def request(self, peer: str, requests: Sequence[ReportRequest]) -> None:
        """Ask a peer for reports; raise `LocalError` if too much waits for it already, or a rule would be broken."""
        message = CreateReport(request_id=self._post.ids("R"), report_requests=requests, ven_id=self._post.named(peer))
        message_rules.refuse(findings(message))
        self._post.post(peer, message)
        reports = [each for each in requests if each.report_specifier.report_specifier_id != METADATA]
        self._ledgers.ledger(peer).expect(reports)
        self._ledgers.keep(peer)

    def request_one(self, peer: str, specifier: ReportSpecifier) -> ReportRequest:
        """Ask a peer for one report and return the request; raise `LocalError` if too much waits for it already."""
        made = ReportRequest(report_request_id=self._post.ids("RR"), report_specifier=specifier)
        self.request(peer, (made,))
        return made

    def offer(self, peer: str, specifier_id: str) -> Report:
        """Return what a peer offers under this reportSpecifierID; raise `UnknownName`."""
        offers = self._ledgers.ledger(peer).offers
        if specifier_id not in offers:
            raise UnknownName(f"no such report is offered: there is {', '.join(offers) or 'none'}", where=specifier_id)
        return offers[specifier_id]

    def cancel(
        self, peer: str, request_ids: Iterable[str], *, to_follow: bool = False, with_next: bool = False
    ) -> None:
        """End reports, with a last update if one is `to_follow` (rule 345).

        `with_next` says so in the answer to the next values of each, else in a message of its own.

        Raises `UnknownName` for a report that does not run, `LocalError` if too much waits for the peer already.
        """
        ledger = self._ledgers.ledger(peer)
        ids = tuple(dict.fromkeys(request_ids))
        for identity in ids:
            if identity not in ledger.requests:
                raise UnknownName("no such report runs", where=identity)
        if with_next:
            ledger.cancelling.update(dict.fromkeys(ids, to_follow))
            self._ledgers.keep(peer)
        elif ids:
            self._post.post(peer, self._cancel(peer, ids, to_follow))

    def _cancel(self, peer: str, request_ids: Sequence[str], to_follow: bool) -> CancelReport:
        return CancelReport(
            request_id=self._post.ids("R"),
            report_request_ids=request_ids,
            report_to_follow=to_follow,
            ven_id=self._post.named(peer),
        )

    # --- what peers send ---

    def register(self, peer: str, message: RegisterReport, now: datetime) -> RegisteredReport:
        """Take the offers and ask for what is wanted of them; what was asked for in the same way before goes on."""
        if isinstance(before := self._answered.get(peer, message), RegisteredReport):
            return before
        message_rules.check(message)
        ledger = self._ledgers.ledger(peer)
        requests = []
        for report in message.reports:
            chosen = self._choose(peer, report)
            if chosen is not None:
                requests.append(self._request(ledger, telemetry.wanted(report, *chosen, now)))
        ledger.offers = {report.report_specifier_id: report for report in message.reports}
        known = ledger.requests.items()
        ledger.end([name for name, r in known if r.report_specifier.report_specifier_id not in ledger.offers])
        ledger.expect(requests)
        ledger.ready = True
        self._offered(peer, tuple(requests))
        answer = RegisteredReport(
            ei_response=ok(message), report_requests=tuple(requests), ven_id=self._post.named(peer)
        )
        self._ledgers.keep(peer)
        self._answered.remember(peer, message, answer)
        return answer

    def _request(self, ledger: Ledger, specifier: ReportSpecifier) -> ReportRequest:
        for request in ledger.requests.values():
            if telemetry.same(request.report_specifier, specifier):
                return request
        return ReportRequest(report_request_id=self._post.ids("RR"), report_specifier=specifier)

    def update(self, peer: str, message: UpdateReport, now: datetime) -> UpdatedReport:
        """Take values; what is to be cancelled with them is (rule 304: values that were not asked for are refused)."""
        if isinstance(before := self._answered.get(peer, message), UpdatedReport):
            return before
        ledger = self._ledgers.ledger(peer)
        if unknown := [r.report_request_id for r in message.reports if not ledger.knows(r.report_request_id)]:
            raise Rejected(Code.INVALID_ID, f"no report request {', '.join(unknown)} is known", rule=304)
        message_rules.check(message)  # nothing is taken of a message that cannot be taken whole
        for report in message.reports:
            self._take(peer, report, ledger)
        answer = UpdatedReport(
            ei_response=ok(message),
            cancel_report=self._with_next(peer, ledger, message.reports),
            ven_id=self._post.named(peer),
        )
        self._answered.remember(peer, message, answer)
        return answer

    def _take(self, peer: str, report: Report, ledger: Ledger) -> None:
        request, r_ids = ledger.requests.get(report.report_request_id), ledger.wanted(report.report_request_id)
        if request is not None and rule_324(request.report_specifier.report_back_duration):
            ledger.end([request.report_request_id])  # it comes once, be it in parts
            self._ledgers.keep(peer)
        self._number += 1
        key = str(self._number)
        self.untold[key] = Kept(peer, report, r_ids)
        self._received(self.untold[key].delivery(key))

    def _with_next(self, peer: str, ledger: Ledger, reports: Sequence[Report]) -> CancelReport | None:
        """Return the cancellation of reports that are in a message. One says of all of them whether a last follows."""
        ids = [each.report_request_id for each in reports if each.report_request_id in ledger.cancelling]
        if not ids:
            return None
        to_follow = ledger.cancelling[ids[0]]
        return self._cancel(peer, [each for each in ids if ledger.cancelling[each] is to_follow], to_follow)

    def created(self, peer: str, answer: CreatedReport) -> None:
        """A peer says which reports run. Those that it could not begin are not waited for, and told of."""
        if answer.ei_response.ok:
            return
        ledger = self._ledgers.ledger(peer)
        waiting = self._under_way(peer)
        lost = [r for name, r in ledger.requests.items() if name not in answer.pending_reports and name not in waiting]
        if lost:
            ledger.end([each.report_request_id for each in lost])
            self._ledgers.keep(peer)
            response = answer.ei_response
            error = Rejected(response.response_code, response.response_description or "no reason given")
            message = CreateReport(request_id="", report_requests=lost, ven_id=self._post.named(peer))
            self._declined(peer, message, error)

    def _under_way(self, peer: str) -> set[str]:
        """Return the requests that a peer may not have seen yet."""
        letters = (letter.content for letter in self._post.outbox.waiting(self._post.box(peer)))
        creating = (content for content in letters if isinstance(content, CreateReport))
        return {request.report_request_id for message in creating for request in message.report_requests}

    def canceled(self, peer: str, answer: CanceledReport) -> None:
        """A peer says which reports still run."""
        ledger = self._ledgers.ledger(peer)
        waiting = self._under_way(peer)
        ledger.end([n for n in ledger.requests if n not in answer.pending_reports and n not in waiting])
        self._ledgers.keep(peer)

    def refused(self, peer: str, message: CreateReport | CancelReport, answer: Message | None) -> None:
        """A peer has refused to report, but for what it lists as pending, or to end what it does not know."""
        pending = answer.pending_reports if isinstance(answer, CreatedReport | CanceledReport) else ()
        if isinstance(message, CreateReport):
            ids: Iterable[str] = [request.report_request_id for request in message.report_requests]
        else:
            ids = message.report_request_ids if isinstance(answer, CanceledReport) else ()
        self._ledgers.ledger(peer).end([each for each in ids if each not in pending])
        self._ledgers.keep(peer)
