"""EiReport of the VTN: it takes from VENs what they report, and may deliver reports to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
from ..answers import Code, ok
from ..report_desk import ReportDesk
from ..report_offers import Offer
from ..report_sink import Delivery, Sink
from ..report_source import Source
from ..ven_book import Ven
from .happenings import Asked, Declined, Offered, Telemetry
from .office import Handler, Office

ReportChooser = Callable[[Ven, Report], "tuple[timedelta, timedelta] | None"]
"""Given an offered report: the granularity and report-back time wanted, None to leave it."""


class Reports:
    """Takes what VENs offer, asks for it, takes what they deliver; and the other way round."""

    def __init__(self, office: Office, choose: ReportChooser, offers: Iterable[Offer]) -> None:
        self._office = office
        self._chooser = choose
        self.desk = ReportDesk(offers)
        self.source = Source(office, office, self.desk, self._asked)
        self.sink = Sink(
            office, office, office.vens.answered,
            choose=self._choose, offered=self._offered, received=self._received, declined=self._declined,
        )  # fmt: skip
        self.handlers: Mapping[type[Message], Handler] = {
            RegisterReport: self._from_ven(self._register),
            CreateReport: self._from_ven(self.source.create),
            UpdateReport: self._from_ven(self.sink.update),
            CancelReport: self._from_ven(self.source.cancel),
            RegisteredReport: self._from_ven(self._registered),
            CreatedReport: self._from_ven(self._created),
            UpdatedReport: self._from_ven(self._updated),
            CanceledReport: self._from_ven(self._canceled),
        }

    def replied(self, ven: Ven, asked: Message, answer: Message | None, now: datetime) -> None:
        """Take the answer that a letter to a VEN was given."""
        said: Message | None = None
        if isinstance(answer, RegisteredReport):
            said = self.source.registered(ven.ven_id, answer, now)
        elif isinstance(answer, UpdatedReport):
            said = self.source.updated(ven.ven_id, answer, now)
        elif isinstance(answer, CreatedReport):
            self.sink.created(ven.ven_id, answer)
        elif isinstance(answer, CanceledReport):
            self.sink.canceled(ven.ven_id, answer)
        if said is not None:
            self._office.post(ven.ven_id, said, expendable=True)

    def declined(self, ven: Ven, message: Message, answer: Message | None, error: JanusGridError) -> None:
        """A VEN has refused a letter about reports."""
        if isinstance(message, CreateReport | CancelReport):
            self.sink.refused(ven.ven_id, message, answer)
        elif isinstance(message, UpdateReport) and error.code == Code.INVALID_ID:
            self.source.unwanted(ven.ven_id, message)

    def over(self, ven: Ven) -> None:
        """The registration of a VEN means nothing any more, and so do the reports that it had asked for (rule 406)."""
        self.desk.clear(ven.ven_id)

    def restore(self, keys: Iterable[str] | None = None) -> Iterator[Telemetry]:
        """Go on from what was kept; yield what is to be told now: all, or what of it has these keys."""
        if keys is None:
            self.desk.restore()
            for known in self._office.vens:
                if known.ready:
                    self.source.offer_news(known.ven_id)
        for delivery in self.sink.restore(keys):
            ven = self._office.vens.get(delivery.peer)
            if ven is None:
                self.sink.told(delivery.key)
            else:
                yield _telemetry(ven, delivery)

    def _from_ven(self, take: Callable[[str, Any, datetime], Message]) -> Handler:
        def handle(identity: str, message: Any, now: datetime) -> Message:
            return take(self._office.vens.sender(identity, message.ven_id).ven_id, message, now)

        return handle

    def _register(self, ven_id: str, message: RegisterReport, now: datetime) -> Message:
        answer = self.sink.register(ven_id, message, now)
        self.source.offer_news(ven_id)
        return answer

    def _registered(self, ven_id: str, message: RegisteredReport, now: datetime) -> Message:
        return self.source.registered(ven_id, message, now) or self._noted(ven_id, message)

    def _updated(self, ven_id: str, message: UpdatedReport, now: datetime) -> Message:
        return self.source.updated(ven_id, message, now) or self._noted(ven_id, message)

    def _created(self, ven_id: str, message: CreatedReport, now: datetime) -> Message:
        self.sink.created(ven_id, message)
        return self._noted(ven_id, message)

    def _canceled(self, ven_id: str, message: CanceledReport, now: datetime) -> Message:
        self.sink.canceled(ven_id, message)
        return self._noted(ven_id, message)

    def _noted(self, ven_id: str, message: Message) -> Message:
        return Response(ei_response=ok(message), ven_id=ven_id)

    # --- what happens ---

    def _choose(self, ven_id: str, report: Report) -> tuple[timedelta, timedelta] | None:
        return self._chooser(self._office.registered(ven_id), report)

    def _asked(self, ven_id: str, requests: tuple[ReportRequest, ...]) -> None:
        self._office.happened.append(Asked(self._office.registered(ven_id), requests))

    def _offered(self, ven_id: str, requests: tuple[ReportRequest, ...]) -> None:
        self._office.happened.append(Offered(self._office.registered(ven_id), requests))

    def _received(self, delivery: Delivery) -> None:
        self._office.happened.append(_telemetry(self._office.registered(delivery.peer), delivery))

    def _declined(self, ven_id: str, message: Message, error: JanusGridError) -> None:
        self._office.happened.append(Declined(ven_id, message, error))


def _telemetry(ven: Ven, delivery: Delivery) -> Telemetry:
    return Telemetry(ven, delivery.report, delivery.samples, delivery.missing, delivery.key)
