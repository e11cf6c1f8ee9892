"""The VEN's behaviour: registration, events, reports."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from ...common import ids
from ...common.errors import LocalError
from ...common.statemachine import StateMachine
from ..model import (
    CanceledPartyRegistration,
    CanceledReport,
    CancelPartyRegistration,
    CancelReport,
    CreatedEvent,
    CreatedPartyRegistration,
    CreatedReport,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    EiResponse,
    EventResponse,
    Message,
    OptType,
    QueryRegistration,
    RegisteredReport,
    RegisterReport,
    ReportRequest,
    RequestEvent,
    RequestReregistration,
    Response,
    TransportName,
    UpdateReport,
)
from .answers import Code, Rejected, check, ok, rejection
from .event_inbox import Change, EventChange, EventInbox
from .outbox import Letter, Outbox
from .report_desk import Offer, Reading, ReportDesk

REGISTRATION: StateMachine[str, str] = StateMachine(
    "VEN registration",
    [
        ("unregistered", "start", "querying"),
        ("querying", "profiles received", "registering"),
        ("registering", "accepted", "offering reports"),
        ("offering reports", "reports accepted", "fetching events"),
        ("fetching events", "events received", "registered"),
        ("registered", "re-registration asked", "registering"),
        (("querying", "registering", "offering reports", "fetching events"), "refused", "unregistered"),
        (("registered", "offering reports", "fetching events"), "cancelled", "unregistered"),
    ],
    initial="unregistered",
    code=Code.OUT_OF_SEQUENCE,
)
"""How a VEN comes to be registered (rules 301, 401 to 405): nothing else is sent before the state is `registered`."""


@attrs.frozen(slots=True)
class Joined:
    """The VEN is registered; events and reports flow."""

    ven_id: str
    registration_id: str
    vtn_id: str


@attrs.frozen(slots=True)
class Left:
    """The registration has ended, or was refused: then `error` says why."""

    error: Rejected | None = None


@attrs.frozen(slots=True)
class Asked:
    """Reports were asked for and accepted."""

    requests: tuple[ReportRequest, ...]


Happening = Joined | Left | Asked | EventChange


class VenCore:
    """A VEN without input or output.

    `receive` answers a message of the VTN, `answered` takes the VTN's answer to a letter; what they changed stands in
    `happened`, what is to be sent in `outbox`. A NEW or MODIFIED event waits for `decide`.

    Args:
        ven_name: as agreed with the VTN.
        vtn: the VTN's address; letters go there.
        vtn_identity: what the transport must have proved the sender of the VTN's messages to be.
        address: our own transport address.
        offers: the reports we can deliver.
        signals: names of the signals that the application understands.
    """

    def __init__(
        self,
        ven_name: str,
        *,
        vtn: str,
        vtn_identity: str,
        address: str,
        offers: Iterable[Offer] = (),
        signals: Iterable[str] = ("LOAD_DISPATCH", "SIMPLE"),
        new_id: Callable[[str], str] = ids.new,
    ) -> None:
        self.ven_name = ven_name
        self.vtn = vtn
        self.vtn_identity = vtn_identity
        self.address = address
        self.outbox = Outbox()
        self.happened: deque[Happening] = deque()
        self.state = REGISTRATION.initial
        self.ven_id = ""
        self.registration_id = ""
        self.vtn_id = ""
        self.events = EventInbox("", frozenset(signals))
        self.reports = ReportDesk(offers)
        self._new_id = new_id
        self._handlers: dict[type[Message], Callable[[Any, datetime], Message]] = {
            DistributeEvent: self._distribute_event,
            RegisterReport: lambda message, _: RegisteredReport(ei_response=ok(message), ven_id=self.ven_id),
            CreateReport: self._create_report,
            CancelReport: self._cancel_report,
            CancelPartyRegistration: self._cancel_party,
            RequestReregistration: self._request_reregistration,
        }
        self._replies: dict[type[Message], Callable[[Any, datetime], None]] = {
            QueryRegistration: self._queried,
            CreatePartyRegistration: self._created_party,
            RegisterReport: self._registered_report,
            RequestEvent: self._requested_event,
            CancelPartyRegistration: self._canceled_party,
        }

    @property
    def registered(self) -> bool:
        """Whether events and reports flow."""
        return self.state == "registered"

    # --- what the application does ---

    def start(self, now: datetime) -> None:
        """Begin to register."""
        self._step("start")
        self._send(QueryRegistration(request_id=self._new_id("R")))

    def leave(self, now: datetime) -> None:
        """End the registration."""
        if self.registration_id:
            message = CancelPartyRegistration(
                request_id=self._new_id("R"), registration_id=self.registration_id, ven_id=self.ven_id
            )
            self._send(message)

    def decide(self, event_id: str, opt: OptType, now: datetime) -> None:
        """Answer an event; a later call changes the mind (rule 17). Raise `UnknownName` if it is not known."""
        self._answer_events([self.events.answer(event_id, opt)])

    def wanted(self, now: datetime) -> frozenset[str]:
        """Return the rIDs to read now."""
        return self.reports.wanted(now) if self.registered else frozenset()

    def sample(self, readings: Mapping[str, Reading], now: datetime) -> None:
        """Take readings of `wanted`; complete reports go into the outbox."""
        if self.registered and (complete := self.reports.sample(readings, now)):
            self._send(UpdateReport(request_id=self._new_id("U"), reports=complete, ven_id=self.ven_id))

    def wake(self) -> datetime | None:
        """Return when there is something to do next, beyond answering."""
        times = [self.outbox.wake(), self.reports.wake() if self.registered else None]
        return min((time for time in times if time), default=None)

    # --- what comes in ---

    def receive(self, identity: str, message: Message, now: datetime) -> Message:
        """Return the answer to a message of the peer that the transport knows as `identity`."""
        try:
            if identity.lower() != self.vtn_identity.lower():
                raise Rejected(Code.NOT_REGISTERED, f"{identity} is not the VTN of this VEN", rule=21)
            handler = self._handlers.get(type(message))
            if handler is None:
                raise Rejected(Code.NOT_RECOGNIZED, f"{type(message).__name__} is not for a VEN")
            if not self.registration_id:
                raise Rejected(Code.NOT_REGISTERED, "this VEN is not registered")
            claimed = getattr(message, "ven_id", None)
            if claimed not in (None, "", self.ven_id):
                raise Rejected(Code.INVALID_ID, f"venID {claimed} is not {self.ven_id}", rule=21)
            return handler(message, now)
        except Rejected as error:
            return rejection(message, error, self.vtn_id)

    def answered(self, letter: Letter, answer: Message | None, now: datetime) -> None:
        """Take the VTN's answer to a letter.

        A negative answer to registration ends it (`Left`); 463 to anything else means that the VTN does not know us
        any more: we register anew.
        """
        self.outbox.done(letter)
        handle = self._replies.get(type(letter.message))
        try:
            check(answer)
            if handle is not None:
                handle(answer, now)
        except Rejected as error:
            if handle is not None:
                self._forget()
                self.state = REGISTRATION.next(self.state, "refused")
                self.happened.append(Left(error))
            elif error.code == Code.NOT_REGISTERED and self.registered:
                self._forget()
                self._step("cancelled")
                self.happened.append(Left(error))
                self.start(now)

    # --- EiRegisterParty ---

    def _queried(self, answer: Any, now: datetime) -> None:
        if not isinstance(answer, CreatedPartyRegistration):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer the query for registration")
        names = {transport for profile in answer.profiles for transport in profile.transports}
        if TransportName.XMPP not in names:
            raise Rejected(Code.DEPLOYMENT_ERROR, "the VTN does not offer XMPP")
        self._step("profiles received")
        self._register()

    def _register(self) -> None:
        message = CreatePartyRegistration(
            request_id=self._new_id("R"),
            registration_id=self.registration_id or None,
            ven_id=self.ven_id or None,
            transport_name=TransportName.XMPP,
            transport_address=self.address,
            ven_name=self.ven_name,
        )
        self._send(message)

    def _created_party(self, answer: Any, now: datetime) -> None:
        if not isinstance(answer, CreatedPartyRegistration) or not (answer.ven_id and answer.registration_id):
            raise Rejected(Code.INVALID_DATA, "the VTN registered us without venID and registrationID")
        self._step("accepted")
        if answer.registration_id != self.registration_id:  # rule 406
            self.reports.clear()
        self.ven_id, self.registration_id, self.vtn_id = answer.ven_id, answer.registration_id, answer.vtn_id
        self.events.ven_id = answer.ven_id
        offers = self.reports.metadata(now)
        self._send(RegisterReport(request_id=self._new_id("R"), reports=offers, ven_id=self.ven_id))

    def _request_reregistration(self, message: RequestReregistration, now: datetime) -> Message:
        self._step("re-registration asked")
        self._register()
        return Response(ei_response=EiResponse(), ven_id=self.ven_id)

    def _cancel_party(self, message: CancelPartyRegistration, now: datetime) -> Message:
        if message.registration_id != self.registration_id:
            raise Rejected(Code.INVALID_ID, f"no registration {message.registration_id} is known")
        answer = CanceledPartyRegistration(
            ei_response=ok(message), registration_id=self.registration_id, ven_id=self.ven_id
        )
        self._forget()
        self._step("cancelled")
        self.happened.append(Left())
        return answer

    def _canceled_party(self, answer: Any, now: datetime) -> None:
        self._forget()
        self._step("cancelled")
        self.happened.append(Left())

    def _forget(self) -> None:
        """Forget what belongs to the registration."""
        self.outbox.drop(self.vtn)
        self.reports.clear()
        self.events.clear()
        self.ven_id = self.registration_id = ""

    def _step(self, event: str) -> None:
        self.state = REGISTRATION.next(self.state, event)

    # --- EiReport ---

    def _registered_report(self, answer: Any, now: datetime) -> None:
        if not isinstance(answer, RegisteredReport):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer our reports")
        self._step("reports accepted")
        if answer.report_requests:
            self._send(self._begin(answer.report_requests, EiResponse(), now))
        self._send(RequestEvent(request_id=self._new_id("R"), ven_id=self.ven_id))

    def _create_report(self, message: CreateReport, now: datetime) -> Message:
        return self._begin(message.report_requests, ok(message), now)

    def _begin(self, requests: Iterable[ReportRequest], response: EiResponse, now: datetime) -> CreatedReport:
        """Begin reports and return the message that says so; the first fault goes into its response."""
        accepted = []
        for request in requests:
            try:
                self.reports.accept(request, now)
                accepted.append(request)
            except Rejected as error:
                if response.ok:
                    response = EiResponse(
                        response_code=error.code or Code.COMPLIANCE_ERROR,
                        response_description=error.message,
                        request_id=response.request_id,
                    )
        if accepted:
            self.happened.append(Asked(tuple(accepted)))
        return CreatedReport(ei_response=response, pending_reports=self.reports.pending, ven_id=self.ven_id)

    def _cancel_report(self, message: CancelReport, now: datetime) -> Message:
        self.reports.cancel(message.report_request_ids)
        return CanceledReport(ei_response=ok(message), pending_reports=self.reports.pending, ven_id=self.ven_id)

    # --- EiEvent ---

    def _requested_event(self, answer: Any, now: datetime) -> None:
        if not isinstance(answer, DistributeEvent):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer with its events")
        self._step("events received")
        self.happened.append(Joined(self.ven_id, self.registration_id, self.vtn_id))
        self._take_events(answer, now)

    def _distribute_event(self, message: DistributeEvent, now: datetime) -> Message:
        if message.vtn_id != self.vtn_id:
            raise Rejected(Code.INVALID_ID, f"vtnID {message.vtn_id} is not {self.vtn_id}", rule=21)
        self._take_events(message, now)
        return Response(ei_response=ok(message), ven_id=self.ven_id)

    def _take_events(self, message: DistributeEvent, now: datetime) -> None:
        changes, rejected = self.events.receive(message, now)
        answers: list[EventResponse | None] = [*rejected]
        for change in changes:
            if change.change is Change.CANCELLED:  # rule 36: a cancellation is confirmed with optIn
                answers.append(self.events.answer(change.known.event_id, OptType.OPT_IN))
        self.happened.extend(changes)
        self._answer_events(answers)

    def _answer_events(self, answers: Iterable[EventResponse | None]) -> None:
        responses = tuple(answer for answer in answers if answer is not None)
        if responses:
            self._send(CreatedEvent(event_responses=responses, ven_id=self.ven_id))

    def _send(self, message: Message) -> None:
        try:
            self.outbox.put(self.vtn, message)
        except LocalError as error:
            raise Rejected(Code.DEPLOYMENT_ERROR, error.message) from None
