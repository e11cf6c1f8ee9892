"""The VTN's behaviour: who is registered, what they are sent, what they answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import attrs

from ...common import ids
from ...common.errors import JanusGridError, LocalError
from ..model import (
    CanceledPartyRegistration,
    CanceledReport,
    CancelPartyRegistration,
    CreatedEvent,
    CreatedPartyRegistration,
    CreatedReport,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    EiEvent,
    EiResponse,
    EventResponse,
    Message,
    OptType,
    Profile,
    QueryRegistration,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportRequest,
    ReportSpecifier,
    RequestEvent,
    Response,
    ResponseRequired,
    TransportName,
    UpdatedReport,
    UpdateReport,
)
from . import telemetry
from .answers import Code, Rejected, check, ok, rejection, request_id
from .event_book import BookedEvent, EventBook
from .outbox import Letter, Outbox
from .telemetry import Sample
from .ven_book import Party, Ven, VenBook


@attrs.frozen(slots=True)
class Registered:
    """A VEN has registered, or registered anew."""

    ven: Ven


@attrs.frozen(slots=True)
class Deregistered:
    """A VEN's registration has ended."""

    ven: Ven


@attrs.frozen(slots=True)
class Offered:
    """A VEN has said what it can report, and was asked for `requests`."""

    ven: Ven
    requests: tuple[ReportRequest, ...]


@attrs.frozen(slots=True)
class Opted:
    """A VEN has answered an event; `response.response_code` tells whether it accepted it at all."""

    ven: Ven
    booked: BookedEvent
    response: EventResponse


@attrs.frozen(slots=True)
class Telemetry:
    """A report's values."""

    ven: Ven
    report: Report
    samples: tuple[Sample, ...]


@attrs.frozen(slots=True)
class Declined:
    """A VEN has refused a message of ours, or it cannot be delivered; that is the end of the matter."""

    address: str
    message: Message
    error: JanusGridError


Happening = Registered | Deregistered | Offered | Opted | Telemetry | Declined
CAPACITY = 1_000
"""Messages that may wait for a VEN that is away; events do not count, their latest state takes the place of older."""

ReportChooser = Callable[[Ven, Report], "tuple[timedelta, timedelta] | None"]
"""Given an offered report: the granularity and report-back time wanted, None to leave it."""


class VtnCore:
    """A VTN without input or output.

    `receive` answers a message; what it changed stands in `happened`, what is to be sent in `outbox`.

    Args:
        vtn_id: this VTN's ID.
        parties: the VENs that may register.
        choose: which offered reports to ask for.
        owns: whether an identity may give this transport address as its own.
    """

    def __init__(
        self,
        vtn_id: str,
        parties: Iterable[Party],
        *,
        choose: ReportChooser = lambda ven, report: None,
        owns: Callable[[str, str], bool] = lambda identity, address: True,
        new_id: Callable[[str], str] = ids.new,
    ) -> None:
        self.vtn_id = vtn_id
        self.outbox = Outbox(CAPACITY)
        self.events = EventBook()
        self.happened: deque[Happening] = deque()
        self._vens = VenBook(parties, owns, new_id)
        self._choose = choose
        self._new_id = new_id
        self._handlers: dict[type[Message], Callable[[str, Any, datetime], Message]] = {
            QueryRegistration: self._query,
            CreatePartyRegistration: self._create_party,
            CancelPartyRegistration: self._cancel_party,
            RegisterReport: self._register_report,
            CreatedReport: self._reports_settled,
            CanceledReport: self._reports_settled,
            UpdateReport: self._update_report,
            RequestEvent: self._request_event,
            CreatedEvent: self._created_event,
        }

    # --- what comes in ---

    def receive(self, identity: str, message: Message, now: datetime) -> Message:
        """Return the answer to a message from the peer that the transport knows as `identity`."""
        handler = self._handlers.get(type(message))
        try:
            if handler is None:
                raise Rejected(Code.NOT_RECOGNIZED, f"{type(message).__name__} is not for a VTN")
            return handler(identity, message, now)
        except Rejected as error:
            return rejection(message, error, self.vtn_id)

    def answered(self, letter: Letter, answer: Message | None, now: datetime) -> None:
        """Take a VEN's answer to a letter."""
        if not self.outbox.done(letter):
            return
        try:
            check(answer)
        except Rejected as error:
            self._declined(letter, error, answer)

    def refused(self, letter: Letter, error: JanusGridError, now: datetime) -> None:
        """A letter cannot be delivered, or its answer cannot be read."""
        if self.outbox.done(letter):
            self._declined(letter, error, None)

    def _declined(self, letter: Letter, error: JanusGridError, answer: Message | None) -> None:
        message = letter.message
        ven = next((ven for ven in self._vens if ven.address == letter.to), None)
        if ven is not None and isinstance(message, CreateReport):
            pending = answer.pending_reports if isinstance(answer, CreatedReport) else ()
            for request in message.report_requests:
                if request.report_request_id not in pending:
                    ven.requests.pop(request.report_request_id, None)
        self.happened.append(Declined(letter.to, message, error))

    # --- what the application asks for ---

    def ven(self, name_or_id: str) -> Ven:
        """Return a registered VEN by its venID or name; raise `UnknownName`."""
        return self._vens.find(name_or_id)

    @property
    def vens(self) -> tuple[Ven, ...]:
        """Every registered VEN."""
        return tuple(self._vens)

    def create_event(
        self,
        event: EiEvent,
        vens: Sequence[str],
        now: datetime,
        response_required: ResponseRequired = ResponseRequired.ALWAYS,
    ) -> BookedEvent:
        """Add an event for these VENs (venID or name) and send it; raise `UnknownName` or `LocalError`."""
        if not vens:
            raise LocalError("an event needs a VEN to go to", where=event.event_descriptor.event_id)
        booked = self.events.add(event, [self.ven(ven).ven_id for ven in vens], now, response_required)
        self._distribute(booked.ven_ids)
        return booked

    def modify_event(self, event: EiEvent, now: datetime) -> BookedEvent:
        """Replace an event by a changed one and send it, if it differs in what counts as a modification (rule 5)."""
        return self._changed(event.event_descriptor.event_id, lambda: self.events.modify(event, now))

    def cancel_event(self, event_id: str, now: datetime, reason: str | None = None) -> BookedEvent:
        """Cancel an event and say so."""
        return self._changed(event_id, lambda: self.events.cancel(event_id, now, reason))

    def _changed(self, event_id: str, change: Callable[[], BookedEvent]) -> BookedEvent:
        before = self.events.get(event_id).event
        booked = change()
        if booked.event is not before:
            self._distribute(booked.ven_ids)
        return booked

    def request_reports(self, ven: str, requests: Sequence[ReportRequest]) -> None:
        """Ask a VEN for reports; raise `LocalError` if too much waits for it already."""
        record = self.ven(ven)
        message = CreateReport(request_id=self._new_id("R"), report_requests=requests, ven_id=record.ven_id)
        self.outbox.put(record.address, message)
        record.expect(requests)

    def _distribute(self, ven_ids: Iterable[str]) -> None:
        """Send these VENs their events, as they are when the letter leaves."""
        for ven_id in ven_ids:
            ven = self._vens.get(ven_id)
            if ven is not None:
                self.outbox.put(ven.address, partial(self._distribution, ven_id), key="events")

    def _distribution(self, ven_id: str, now: datetime) -> Message:
        events = self.events.for_ven(ven_id, now)
        return DistributeEvent(request_id=self._new_id("D"), vtn_id=self.vtn_id, events=events)

    # --- EiRegisterParty ---

    def _query(self, identity: str, message: QueryRegistration, now: datetime) -> Message:
        return self._created(message, None)

    def _create_party(self, identity: str, message: CreatePartyRegistration, now: datetime) -> Message:
        ven, before = self._vens.register(identity, message)
        if before is not None and (before.address, before.registration_id) != (ven.address, ven.registration_id):
            waiting = self.outbox.drop(before.address)
            if before.registration_id == ven.registration_id:  # it has moved: what waited for it goes along
                for letter in waiting:
                    self.outbox.put(ven.address, letter.content, key=letter.key)
        self.happened.append(Registered(ven))
        return self._created(message, ven)

    def _created(self, message: Message, ven: Ven | None) -> Message:
        return CreatedPartyRegistration(
            ei_response=ok(message),
            registration_id=ven.registration_id if ven else None,
            ven_id=ven.ven_id if ven else None,
            vtn_id=self.vtn_id,
            profiles=(Profile(transports=(TransportName.XMPP,)),),
        )

    def _cancel_party(self, identity: str, message: CancelPartyRegistration, now: datetime) -> Message:
        ven = self._vens.cancel(identity, message.registration_id)
        self.outbox.drop(ven.address)
        self.happened.append(Deregistered(ven))
        return CanceledPartyRegistration(
            ei_response=ok(message), registration_id=ven.registration_id, ven_id=ven.ven_id
        )

    # --- EiReport ---

    def _register_report(self, identity: str, message: RegisterReport, now: datetime) -> Message:
        """Take the offers and ask for what is wanted of them; what was asked for in the same way before goes on."""
        ven = self._vens.sender(identity, message.ven_id)
        if (before := ven.answered(message)) is not None:
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
        self.happened.append(Offered(ven, tuple(requests)))
        answer = RegisteredReport(ei_response=ok(message), report_requests=tuple(requests), ven_id=ven.ven_id)
        return ven.remember(message, answer)

    def _request(self, ven: Ven, specifier: ReportSpecifier) -> ReportRequest:
        same = (request for request in ven.requests.values() if request.report_specifier == specifier)
        made = ReportRequest(report_request_id=self._new_id("RR"), report_specifier=specifier)
        return next(same, made)

    def _reports_settled(self, identity: str, message: CreatedReport | CanceledReport, now: datetime) -> Message:
        """A VEN says which reports run now. Those that it could not begin are not waited for."""
        ven = self._vens.sender(identity, message.ven_id)
        if not message.ei_response.ok or isinstance(message, CanceledReport):
            ven.requests = {name: request for name, request in ven.requests.items() if name in message.pending_reports}
        return Response(ei_response=ok(message), ven_id=ven.ven_id)

    def _update_report(self, identity: str, message: UpdateReport, now: datetime) -> Message:
        ven = self._vens.sender(identity, message.ven_id)
        if (before := ven.answered(message)) is not None:
            return before
        unknown = [r.report_request_id for r in message.reports if r.report_request_id not in ven.requests]
        if unknown:
            raise Rejected(Code.INVALID_ID, f"no report request {', '.join(unknown)} is known", rule=304)
        received = [Telemetry(ven, report, tuple(telemetry.samples(report))) for report in message.reports]
        self.happened.extend(received)
        return ven.remember(message, UpdatedReport(ei_response=ok(message), ven_id=ven.ven_id))

    # --- EiEvent ---

    def _request_event(self, identity: str, message: RequestEvent, now: datetime) -> Message:
        ven = self._vens.sender(identity, message.ven_id)
        events = self.events.for_ven(ven.ven_id, now, message.reply_limit)
        return DistributeEvent(
            ei_response=ok(message), request_id=request_id(message), vtn_id=self.vtn_id, events=events
        )

    def _created_event(self, identity: str, message: CreatedEvent, now: datetime) -> Message:
        ven = self._vens.sender(identity, message.ven_id)
        faults = []
        for response in message.event_responses or ():
            try:
                booked, is_news = self.events.record(ven.ven_id, response)
            except Rejected as error:
                faults.append(error)
            else:
                if is_news:
                    self.happened.append(Opted(ven, booked, response))
        if faults:
            raise faults[0]
        return Response(ei_response=EiResponse(), ven_id=ven.ven_id)


def opted(response: EventResponse) -> OptType | None:
    """Return the opt of a positive answer to an event, None for a negative one."""
    return response.opt_type if response.response_code.startswith("2") else None
