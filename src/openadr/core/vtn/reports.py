"""EiReport of the VTN."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from ...model import (
    CanceledReport,
    CreatedReport,
    CreateReport,
    Message,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportRequest,
    ReportSpecifier,
    Response,
    UpdatedReport,
    UpdateReport,
)
from .. import telemetry
from ..answers import Code, Rejected, ok
from ..ven_book import Ven
from .happenings import Offered, Telemetry
from .office import Handler, Office

ReportChooser = Callable[[Ven, Report], "tuple[timedelta, timedelta] | None"]
"""Given an offered report: the granularity and report-back time wanted, None to leave it."""


class Reports:
    """Takes what VENs offer, asks for it, takes what they deliver."""

    def __init__(self, office: Office, choose: ReportChooser) -> None:
        self._office = office
        self._choose = choose
        self.handlers: Mapping[type[Message], Handler] = {
            RegisterReport: self._register,
            CreatedReport: self._settled,
            CanceledReport: self._settled,
            UpdateReport: self._update,
        }

    def request(self, ven: Ven, requests: Sequence[ReportRequest]) -> None:
        """Ask a VEN for reports; raise `LocalError` if too much waits for it already."""
        message = CreateReport(request_id=self._office.new_id("R"), report_requests=requests, ven_id=ven.ven_id)
        self._office.send(ven, message)
        ven.expect(requests)
        self._office.vens.touch(ven)

    def declined(self, ven: Ven, message: CreateReport, answer: Message | None) -> None:
        """A VEN has refused to report, but for what it lists as pending: expect nothing of it."""
        pending = answer.pending_reports if isinstance(answer, CreatedReport) else ()
        for request in message.report_requests:
            if request.report_request_id not in pending:
                ven.requests.pop(request.report_request_id, None)
        self._office.vens.touch(ven)

    def _register(self, identity: str, message: RegisterReport, now: datetime) -> Message:
        """Take the offers and ask for what is wanted of them; what was asked for in the same way before goes on."""
        ven = self._office.vens.sender(identity, message.ven_id)
        if (before := self._office.vens.answered.get(ven, message)) is not None:
            return before
        requests = []
        for report in message.reports:
            chosen = self._choose(ven, report)
            if chosen is not None:
                requests.append(self._request(ven, telemetry.wanted(report, *chosen)))
        ven.offers = {report.report_specifier_id: report for report in message.reports}
        kept = [r for r in ven.requests.values() if r.report_specifier.report_specifier_id in ven.offers]
        ven.requests = {}
        ven.expect([*kept, *requests])
        ven.ready = True
        self._office.happened.append(Offered(ven, tuple(requests)))
        answer = RegisteredReport(ei_response=ok(message), report_requests=tuple(requests), ven_id=ven.ven_id)
        self._office.vens.touch(ven)
        return self._office.vens.answered.remember(ven, message, answer)

    def _request(self, ven: Ven, specifier: ReportSpecifier) -> ReportRequest:
        same = (request for request in ven.requests.values() if request.report_specifier == specifier)
        made = ReportRequest(report_request_id=self._office.new_id("RR"), report_specifier=specifier)
        return next(same, made)

    def _settled(self, identity: str, message: CreatedReport | CanceledReport, now: datetime) -> Message:
        """A VEN says which reports run now. Those that it could not begin are not waited for."""
        ven = self._office.vens.sender(identity, message.ven_id)
        if not message.ei_response.ok or isinstance(message, CanceledReport):
            ven.requests = {name: request for name, request in ven.requests.items() if name in message.pending_reports}
            self._office.vens.touch(ven)
        return Response(ei_response=ok(message), ven_id=ven.ven_id)

    def _update(self, identity: str, message: UpdateReport, now: datetime) -> Message:
        ven = self._office.vens.sender(identity, message.ven_id)
        if (before := self._office.vens.answered.get(ven, message)) is not None:
            return before
        unknown = [r.report_request_id for r in message.reports if r.report_request_id not in ven.requests]
        if unknown:
            raise Rejected(Code.INVALID_ID, f"no report request {', '.join(unknown)} is known", rule=304)
        received = [Telemetry(ven, report, tuple(telemetry.samples(report))) for report in message.reports]
        self._office.happened.extend(received)
        answer = UpdatedReport(ei_response=ok(message), ven_id=ven.ven_id)
        return self._office.vens.answered.remember(ven, message, answer)
