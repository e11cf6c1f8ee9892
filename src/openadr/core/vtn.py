"""The VTN's behaviour: who is registered, what they are sent, what they answer."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from ...common import ids
from ...common.errors import LocalError, UnknownName
from ..model import (
    CanceledPartyRegistration,
    CanceledReport,
    CancelPartyRegistration,
    CreatedEvent,
    CreatedPartyRegistration,
    CreatedReport,
    CreatePartyRegistration,
    CreateReport,
    DataQuality,
    DistributeEvent,
    Duration,
    EiEvent,
    EiResponse,
    EventResponse,
    Interval,
    Message,
    OptType,
    Profile,
    QueryRegistration,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportPayload,
    ReportRequest,
    ReportSpecifier,
    RequestEvent,
    Response,
    ResponseRequired,
    SpecifierPayload,
    TransportName,
    UpdatedReport,
    UpdateReport,
)
from .answers import Code, Rejected, check, ok, rejection, request_id
from .event_book import BookedEvent, EventBook
from .outbox import Letter, Outbox

REMEMBERED = 256
"""Answers kept per VEN, so that a request sent again after a lost answer is not applied twice."""


@attrs.frozen(slots=True)
class Party:
    """A VEN that may register: its name and the identity that the transport must have proved (a bare JID)."""

    ven_name: str
    identity: str
    ven_id: str | None = None
    """Where the venID was agreed beforehand; else one is made."""


@attrs.define(slots=True, eq=False)
class Ven:
    """A registered VEN."""

    ven_id: str
    registration_id: str
    ven_name: str
    identity: str
    address: str
    offers: dict[str, Report] = attrs.Factory(dict)
    requests: dict[str, ReportRequest] = attrs.Factory(dict)
    answers: OrderedDict[str, Message] = attrs.Factory(OrderedDict)


@attrs.frozen(slots=True)
class Sample:
    """One reported value. `time` is when its interval begins; `duration` its length, None for a moment."""

    r_id: str
    time: datetime
    value: Any
    duration: timedelta | None = None
    quality: DataQuality | str | None = None


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


Happening = Registered | Deregistered | Offered | Opted | Telemetry
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
        self.outbox = Outbox()
        self.events = EventBook()
        self.happened: deque[Happening] = deque()
        self._parties = {party.ven_name: party for party in parties}
        self._vens: dict[str, Ven] = {}
        self._choose = choose
        self._owns = owns
        self._new_id = new_id
        self._handlers: dict[type[Message], Callable[[str, Any, datetime], Message]] = {
            QueryRegistration: self._query,
            CreatePartyRegistration: self._create_party,
            CancelPartyRegistration: self._cancel_party,
            RegisterReport: self._register_report,
            CreatedReport: self._created_report,
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
        """A letter was answered; a negative answer has been logged by the binding and ends the matter here."""
        self.outbox.done(letter)
        if isinstance(answer, CreatedReport | CanceledReport | RegisteredReport):
            check(answer)

    # --- what the application asks for ---

    def ven(self, name_or_id: str) -> Ven:
        """Return a registered VEN by its venID or name; raise `UnknownName`."""
        for ven in self._vens.values():
            if name_or_id in (ven.ven_id, ven.ven_name):
                return ven
        raise UnknownName("no such VEN is registered", where=name_or_id)

    @property
    def vens(self) -> tuple[Ven, ...]:
        """Every registered VEN."""
        return tuple(self._vens.values())

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
        booked = self.events.add(event, [self.ven(ven).ven_id for ven in vens], response_required)
        self._distribute(booked.ven_ids, now)
        return booked

    def modify_event(self, event: EiEvent, now: datetime) -> BookedEvent:
        """Replace an event by a changed one and send it."""
        booked = self.events.modify(event, now)
        self._distribute(booked.ven_ids, now)
        return booked

    def cancel_event(self, event_id: str, now: datetime, reason: str | None = None) -> BookedEvent:
        """Cancel an event and say so."""
        booked = self.events.cancel(event_id, now, reason)
        self._distribute(booked.ven_ids, now)
        return booked

    def request_reports(self, ven: str, requests: Sequence[ReportRequest]) -> None:
        """Ask a VEN for reports."""
        record = self.ven(ven)
        record.requests.update({request.report_request_id: request for request in requests})
        message = CreateReport(request_id=self._new_id("R"), report_requests=requests, ven_id=record.ven_id)
        self.outbox.put(record.address, message)

    def _distribute(self, ven_ids: Iterable[str], now: datetime) -> None:
        for ven_id in ven_ids:
            ven = self._vens.get(ven_id)
            if ven is not None:
                message = DistributeEvent(
                    request_id=self._new_id("D"), vtn_id=self.vtn_id, events=self.events.for_ven(ven_id, now)
                )
                self.outbox.put(ven.address, message, key="events")

    # --- EiRegisterParty ---

    def _query(self, identity: str, message: QueryRegistration, now: datetime) -> Message:
        return self._created(message, None)

    def _create_party(self, identity: str, message: CreatePartyRegistration, now: datetime) -> Message:
        party = self._parties.get(message.ven_name or "")
        if party is None or party.identity.lower() != identity.lower():
            raise Rejected(Code.NOT_REGISTERED, f"{identity} may not register as {message.ven_name!r}")
        if message.transport_name is not TransportName.XMPP or not message.transport_address:
            raise Rejected(Code.INVALID_DATA, "an XMPP VEN gives its full JID as transport address")
        if not self._owns(identity, message.transport_address):
            raise Rejected(Code.NOT_REGISTERED, f"{message.transport_address} is not an address of {identity}")
        known = next((ven for ven in self._vens.values() if ven.ven_name == party.ven_name), None)
        if message.ven_id and message.ven_id not in {party.ven_id, known.ven_id if known else None}:
            raise Rejected(Code.INVALID_ID, f"venID {message.ven_id} is not that of {party.ven_name}")
        if message.registration_id and (known is None or message.registration_id != known.registration_id):
            raise Rejected(Code.INVALID_ID, f"no registration {message.registration_id} is known")
        if known is not None and known.address != message.transport_address:
            self.outbox.drop(known.address)
        again = known is not None and message.registration_id == known.registration_id
        ven = Ven(
            ven_id=known.ven_id if known else party.ven_id or self._new_id("VEN"),
            registration_id=known.registration_id if known and again else self._new_id("REG"),
            ven_name=party.ven_name,
            identity=identity,
            address=message.transport_address,
        )
        if known and again:  # a re-registration: reports go on (a new registration makes both sides forget, rule 406)
            ven.offers, ven.requests, ven.answers = known.offers, known.requests, known.answers
        self._vens[ven.ven_id] = ven
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
        ven = next((v for v in self._vens.values() if v.registration_id == message.registration_id), None)
        if ven is None or ven.identity.lower() != identity.lower():
            raise Rejected(Code.INVALID_ID, f"no registration {message.registration_id} is known")
        del self._vens[ven.ven_id]
        self.outbox.drop(ven.address)
        self.happened.append(Deregistered(ven))
        return CanceledPartyRegistration(
            ei_response=ok(message), registration_id=ven.registration_id, ven_id=ven.ven_id
        )

    # --- EiReport ---

    def _register_report(self, identity: str, message: RegisterReport, now: datetime) -> Message:
        ven = self._registered(identity, message.ven_id)
        requests = []
        ven.offers = {report.report_specifier_id: report for report in message.reports}
        ven.requests.clear()
        for report in message.reports:
            wanted = self._choose(ven, report)
            if wanted is not None:
                requests.append(self._request(report, *wanted))
        ven.requests.update({request.report_request_id: request for request in requests})
        self.happened.append(Offered(ven, tuple(requests)))
        return RegisteredReport(ei_response=ok(message), report_requests=tuple(requests), ven_id=ven.ven_id)

    def _request(self, report: Report, granularity: timedelta, every: timedelta) -> ReportRequest:
        payloads = tuple(SpecifierPayload(r_id=description.r_id) for description in report.descriptions)
        specifier = ReportSpecifier(
            report_specifier_id=report.report_specifier_id,
            granularity=Duration.of(granularity),
            report_back_duration=Duration.of(every),
            specifier_payloads=payloads,
        )
        return ReportRequest(report_request_id=self._new_id("RR"), report_specifier=specifier)

    def _created_report(self, identity: str, message: CreatedReport, now: datetime) -> Message:
        ven = self._registered(identity, message.ven_id)
        return Response(ei_response=ok(message), ven_id=ven.ven_id)

    def _update_report(self, identity: str, message: UpdateReport, now: datetime) -> Message:
        ven = self._registered(identity, message.ven_id)
        if (before := ven.answers.get(message.request_id)) is not None:
            return before
        unknown = [r.report_request_id for r in message.reports if r.report_request_id not in ven.requests]
        if unknown:
            raise Rejected(Code.INVALID_ID, f"no report request {', '.join(unknown)} is known", rule=304)
        for report in message.reports:
            self.happened.append(Telemetry(ven, report, tuple(_samples(report))))
        answer = UpdatedReport(ei_response=ok(message), ven_id=ven.ven_id)
        ven.answers[message.request_id] = answer
        if len(ven.answers) > REMEMBERED:
            ven.answers.popitem(last=False)
        return answer

    # --- EiEvent ---

    def _request_event(self, identity: str, message: RequestEvent, now: datetime) -> Message:
        ven = self._registered(identity, message.ven_id)
        events = self.events.for_ven(ven.ven_id, now, message.reply_limit)
        return DistributeEvent(
            ei_response=ok(message), request_id=request_id(message), vtn_id=self.vtn_id, events=events
        )

    def _created_event(self, identity: str, message: CreatedEvent, now: datetime) -> Message:
        ven = self._registered(identity, message.ven_id)
        faults = []
        for response in message.event_responses or ():
            try:
                booked = self.events.record(ven.ven_id, response)
            except Rejected as error:
                faults.append(error)
            else:
                self.happened.append(Opted(ven, booked, response))
        if faults:
            raise faults[0]
        return Response(ei_response=EiResponse(), ven_id=ven.ven_id)

    def _registered(self, identity: str, ven_id: str | None) -> Ven:
        """Return the VEN that sends, whose venID must belong to the identity that the transport has proved."""
        found = self._vens.get(ven_id) if ven_id else self._by_identity(identity)
        if found is None or found.identity.lower() != identity.lower():
            raise Rejected(Code.NOT_REGISTERED, f"{identity} is not registered as {ven_id or 'any VEN'}", rule=21)
        return found

    def _by_identity(self, identity: str) -> Ven | None:
        return next((ven for ven in self._vens.values() if ven.identity.lower() == identity.lower()), None)


def opted(response: EventResponse) -> OptType | None:
    """Return the opt of a positive answer to an event, None for a negative one."""
    return response.opt_type if response.response_code.startswith("2") else None


def _samples(report: Report) -> Iterable[Sample]:
    """Yield the values of a report; an interval without a start begins where the one before ended (rules 314, 342)."""
    begin = report.dtstart
    for interval in report.intervals or ():
        begin = interval.dtstart or begin or report.created_date_time
        yield from _of_interval(interval, begin)
        if interval.duration:
            begin = interval.duration.after(begin)


def _of_interval(interval: Interval, begin: datetime) -> Iterable[Sample]:
    lasts = interval.duration.timedelta if interval.duration and not interval.duration.months else None
    for payload in interval.payloads:
        if isinstance(payload, ReportPayload):
            yield Sample(payload.r_id, begin, payload.value, lasts, payload.data_quality)
