"""EiReport of the VEN."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ...model import (
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
from ..answers import Code, Rejected, negative, ok
from ..report_desk import Reading, ReportDesk
from .happenings import Asked
from .office import Handler, Office, Reply

METADATA = "METADATA"
"""The reportSpecifierID by which a VTN asks what we can report (rule 306)."""


class Reports:
    """Offers reports, begins and ends them as the VTN asks, and delivers their values.

    Args:
        settled: called when the VTN has taken our offers on the way to a registration.
    """

    def __init__(self, office: Office, desk: ReportDesk, settled: Callable[[], None]) -> None:
        self._office = office
        self.desk = desk
        self._settled = settled
        self.handlers: Mapping[type[Message], Handler] = {
            RegisterReport: lambda message, _: RegisteredReport(ei_response=ok(message), ven_id=office.ven_id),
            CreateReport: self._create,
            CancelReport: self._cancel,
        }
        self.replies: Mapping[type[Message], Reply] = {
            RegisterReport: self._registered,
            UpdateReport: self._updated,
        }

    def offer(self, now: datetime) -> None:
        """Say what we can report (rule 301)."""
        offers = self.desk.metadata(now)
        message = RegisterReport(request_id=self._office.request_id(), reports=offers, ven_id=self._office.ven_id)
        self._office.send(message, key="offers")

    def wanted(self, now: datetime) -> frozenset[str]:
        """Return the rIDs to read now."""
        return self.desk.wanted(now) if self._office.registration_id else frozenset()

    def sample(self, readings: Mapping[str, Reading], now: datetime) -> None:
        """Take readings of `wanted`; complete reports are sent."""
        if self._office.registration_id:
            self._deliver(self.desk.sample(readings, now))

    def _registered(self, asked: Message, answer: Any, now: datetime) -> None:
        if not isinstance(answer, RegisteredReport):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer our reports")
        if answer.report_requests:
            self._office.send(self._begin(answer.report_requests, EiResponse(), now))
        if self._office.state == "offering reports":
            self._settled()

    def _create(self, message: CreateReport, now: datetime) -> Message:
        return self._begin(message.report_requests, ok(message), now)

    def _begin(self, requests: Iterable[ReportRequest], response: EiResponse, now: datetime) -> CreatedReport:
        """Begin reports and return the message that says so; the first fault goes into its response."""
        accepted = []
        for request in requests:
            if request.report_specifier.report_specifier_id == METADATA:
                self.offer(now)
                continue
            try:
                self.desk.accept(request, now)
                accepted.append(request)
            except Rejected as error:
                if response.ok:
                    response = negative(error, response.request_id)
        if accepted:
            self._office.happened.append(Asked(tuple(accepted)))
        return CreatedReport(ei_response=response, pending_reports=self.desk.pending, ven_id=self._office.ven_id)

    def _cancel(self, message: CancelReport, now: datetime) -> CanceledReport:
        """End reports; with reportToFollow, what they have collected is sent first (rule 345)."""
        collected, unknown = self.desk.cancel(message.report_request_ids, now)
        if message.report_to_follow:
            self._deliver(collected)
        response = ok(message)
        if unknown:
            error = Rejected(Code.INVALID_ID, f"no report {', '.join(unknown)} is active")
            response = negative(error, message.request_id)
        return CanceledReport(ei_response=response, pending_reports=self.desk.pending, ven_id=self._office.ven_id)

    def _updated(self, asked: Message, answer: Any, now: datetime) -> None:
        """The answer to values may cancel their reports."""
        if isinstance(answer, UpdatedReport) and answer.cancel_report is not None:
            self._office.send(self._cancel(answer.cancel_report, now))

    def _deliver(self, reports: Iterable[Report]) -> None:
        """Send values. In a long outage the oldest of them give way to the newest."""
        office = self._office
        for report in reports:
            message = UpdateReport(request_id=office.new_id("U"), reports=(report,), ven_id=office.ven_id)
            values = sum(len(interval.payloads) for interval in report.intervals or ())
            office.outbox.put(office.vtn, message, weight=1 + values, expendable=True)
