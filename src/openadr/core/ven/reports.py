"""EiReport of the VEN: it delivers reports to its VTN, and may take what the VTN reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from ....common.errors import JanusGridError
from ...model import (
    CanceledReport,
    CancelReport,
    CreatedReport,
    CreateReport,
    Message,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportRequest,
    Response,
    UpdatedReport,
    UpdateReport,
)
from ..answers import Code, Rejected, ok
from ..report_desk import VTN, ReportDesk
from ..report_offers import Value
from ..report_sink import Delivery, Sink
from ..report_source import Source
from ..telemetry import METADATA
from ..ven_book import Answered
from .happenings import Asked, Declined, Delivered, Offered, Telemetry
from .office import Handler, Office, Reply

__all__ = ["Reports", "ReportChooser", "METADATA"]

ReportChooser = Callable[[Report], "tuple[timedelta, timedelta] | None"]
"""Given a report that the VTN offers: the granularity and report-back time wanted, None to leave it."""


class Reports:
    """Delivers what the VTN asks for, and asks for what the VTN offers.

    Args:
        settled: called when the VTN has taken our offers on the way to a registration.
    """

    def __init__(self, office: Office, desk: ReportDesk, choose: ReportChooser, settled: Callable[[], None]) -> None:
        self._office = office
        self.desk = desk
        self._settled = settled
        self.answered = Answered()
        self.source = Source(office, office, desk, self._asked)
        self.sink = Sink(
            office, office, self.answered,
            choose=lambda peer, report: choose(report),
            offered=self._offered, received=self._received, declined=self._declined,
        )  # fmt: skip
        self.handlers: Mapping[type[Message], Handler] = {
            RegisterReport: lambda message, now: self.sink.register(VTN, message, now),
            CreateReport: lambda message, now: self.source.create(VTN, message, now),
            UpdateReport: lambda message, now: self.sink.update(VTN, message, now),
            CancelReport: lambda message, now: self.source.cancel(VTN, message, now),
            CreatedReport: self._created,
            CanceledReport: self._canceled,
        }
        self.replies: Mapping[type[Message], Reply] = {
            RegisterReport: self._registered,
            CreateReport: self._replied,
            UpdateReport: self._replied,
            CancelReport: self._replied,
            RegisteredReport: self._replied,
            UpdatedReport: self._replied,
        }

    def offer(self) -> None:
        """Say what we can report (rule 301)."""
        self.source.offer(VTN)

    def renewed(self) -> None:
        """The registration goes on: the VTN knows our reports already, if they are the same."""
        self.source.offer_news(VTN)

    def wanted(self, now: datetime) -> frozenset[str]:
        """Return the rIDs to read now."""
        return self.desk.wanted(now) if self._office.registration_id else frozenset()

    def sample(self, readings: Mapping[str, Value], now: datetime) -> None:
        """Take readings of `wanted`; complete reports are sent."""
        if self._office.registration_id:
            self.source.sample(readings, now)

    def refused(self, message: Message, answer: Message | None, error: JanusGridError) -> None:
        """The VTN has refused a letter about reports."""
        if isinstance(message, CreateReport | CancelReport):
            self.sink.refused(VTN, message, answer)
        elif isinstance(message, UpdateReport) and error.code == Code.INVALID_ID:
            self.source.unwanted(VTN, message)

    def clear(self) -> None:
        """The registration is over, and with it every report of either side (rule 406)."""
        self.desk.clear()
        self._office.vtn_reports.forget()
        self.answered.forget(VTN)
        self._office.keep(VTN)

    def restore(self) -> Iterator[Telemetry]:
        """Go on from what was kept; yield what is to be told now."""
        self.desk.restore()
        self.answered.restore()
        for delivery in self.sink.restore():
            yield _telemetry(delivery)

    def _registered(self, asked: Any, answer: Any, now: datetime) -> None:
        if not isinstance(answer, RegisteredReport):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer our reports")
        self._replied(asked, answer, now)
        if self._office.state == "offering reports":
            self._settled()

    def _replied(self, asked: Any, answer: Any, now: datetime) -> None:
        said: Message | None = None
        if isinstance(answer, RegisteredReport):
            said = self.source.registered(VTN, answer, now)
        elif isinstance(answer, UpdatedReport):
            if isinstance(asked, UpdateReport) and answer.ei_response.ok:
                self._office.happened.append(Delivered(tuple(asked.reports)))
            said = self.source.updated(VTN, answer, now)
        elif isinstance(answer, CreatedReport):
            self.sink.created(VTN, answer)
        elif isinstance(answer, CanceledReport):
            self.sink.canceled(VTN, answer)
        if said is not None:
            self._office.send(said)

    def _created(self, message: CreatedReport, now: datetime) -> Message:
        self.sink.created(VTN, message)
        return Response(ei_response=ok(message), ven_id=self._office.ven_id)

    def _canceled(self, message: CanceledReport, now: datetime) -> Message:
        self.sink.canceled(VTN, message)
        return Response(ei_response=ok(message), ven_id=self._office.ven_id)

    # --- what happens ---

    def _asked(self, peer: str, requests: tuple[ReportRequest, ...]) -> None:
        self._office.happened.append(Asked(requests))

    def _offered(self, peer: str, requests: tuple[ReportRequest, ...]) -> None:
        self._office.happened.append(Offered(tuple(self._office.vtn_reports.offers.values()), requests))

    def _received(self, delivery: Delivery) -> None:
        self._office.happened.append(_telemetry(delivery))

    def _declined(self, peer: str, message: Message, error: JanusGridError) -> None:
        self._office.happened.append(Declined(message, error))


def _telemetry(delivery: Delivery) -> Telemetry:
    return Telemetry(delivery.report, delivery.samples, delivery.missing, delivery.key)
