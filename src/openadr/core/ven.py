"""The VEN's behaviour: registration, events, reports."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from ...common import ids
from ...common.errors import JanusGridError
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
    Poll,
    QueryRegistration,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportRequest,
    RequestEvent,
    RequestReregistration,
    Response,
    TransportName,
    UpdatedReport,
    UpdateReport,
)
from . import spelling
from .answers import Code, Deployment, Rejected, check, negative, ok, rejection
from .event_inbox import EventChange, EventInbox
from .identity import is_one_of
from .outbox import Letter, Outbox
from .report_desk import Offer, Reading, ReportDesk
from .routes import Route
from .shelf import Cabinet, Change, Shelf
from .times import length

REGISTRATION: StateMachine[str, str] = StateMachine(
    "VEN registration",
    [
        ("unregistered", "start", "querying"),
        ("querying", "profiles received", "registering"),
        ("registering", "accepted", "offering reports"),
        ("offering reports", "reports accepted", "fetching events"),
        ("registering", "renewed", "fetching events"),
        ("fetching events", "events received", "registered"),
        ("registered", "re-registration asked", "registering"),
        (
            ("querying", "registering", "offering reports", "fetching events", "registered"),
            "ended",
            "unregistered",
        ),
    ],
    initial="unregistered",
    code=Code.OUT_OF_SEQUENCE,
)
"""How a VEN comes to be registered (rules 301, 401, 402, 404 and 405).

`renewed` is a registration that goes on under the same ID: the VTN knows our reports already.
"""

POLL_EVERY = timedelta(seconds=10)
"""How often is asked for messages where the VTN does not say (rules 54 and 55)."""

SHORTEST_POLL = timedelta(seconds=1)
"""However often the VTN wants to be asked."""

METADATA = "METADATA"
"""The reportSpecifierID by which a VTN asks what we can report (rule 306)."""


@attrs.frozen(slots=True)
class Joined:
    """The VEN is registered; events and reports flow."""

    ven_id: str
    registration_id: str
    vtn_id: str


@attrs.frozen(slots=True)
class Left:
    """The registration has ended, or was refused: then `error` says why."""

    error: JanusGridError | None = None


@attrs.frozen(slots=True)
class Asked:
    """Reports were asked for and accepted."""

    requests: tuple[ReportRequest, ...]


@attrs.frozen(slots=True)
class Declined:
    """The VTN has refused a message of ours, or its answer made no sense; that is the end of the matter."""

    message: Message
    error: JanusGridError


Happening = Joined | Left | Asked | EventChange | Declined


@attrs.frozen(slots=True)
class Standing:
    """A registration as it is kept."""

    ven_id: str
    registration_id: str
    vtn_id: str
    poll_every: float

    def spelled(self) -> str:
        """Return it as text."""
        return spelling.document(**attrs.asdict(self))

    @classmethod
    def unspelled(cls, text: str) -> Standing:
        """Return what `spelled` has returned the text of."""
        return cls(**spelling.values(text))


class VenCore:
    """A VEN without input or output.

    `receive` answers a message of the VTN, `answered` takes the VTN's answer to a letter; what they changed stands in
    `happened`, what is to be sent in `outbox`. A NEW or MODIFIED event waits for `decide`.

    Args:
        ven_name: as agreed with the VTN.
        vtn: the VTN's address; letters go there.
        vtn_identity: what the transport must have proved the sender of the VTN's messages to be.
        address: our own transport address; None if we cannot be reached and ask for our messages (oadrPoll).
        transport: how messages travel.
        report_only: register for reports only.
        signs: register to sign messages.
        offers: the reports we can deliver.
        signals: names of the signals that the application understands.
        pick: returns a number from 0 to 1, by which times are picked that the VTN leaves open (rules 30 and 65).
    """

    def __init__(
        self,
        ven_name: str,
        *,
        vtn: str,
        vtn_identity: str,
        address: str | None,
        transport: TransportName = TransportName.XMPP,
        report_only: bool = False,
        signs: bool = False,
        offers: Iterable[Offer] = (),
        signals: Iterable[str] = ("LOAD_DISPATCH", "SIMPLE"),
        new_id: Callable[[str], str] = ids.new,
        pick: Callable[[], float] = random.random,
    ) -> None:
        self.ven_name = ven_name
        self.vtn = vtn
        self.vtn_identities = {vtn_identity}
        self.address = address
        self.transport = transport
        self.report_only = report_only
        self.signs = signs
        self.poll_every = POLL_EVERY
        self._next_poll: datetime | None = None
        self._restored = False
        self.outbox = Outbox()
        self.happened: deque[Happening] = deque()
        self.state = REGISTRATION.initial
        self.ven_id = ""
        self.registration_id = ""
        self.vtn_id = ""
        self.events = EventInbox("", frozenset(signals), pick)
        self.reports = ReportDesk(offers)
        self.standing = Shelf("registration", Standing.spelled, Standing.unspelled)
        self.cabinet = Cabinet(
            self.standing, self.events.shelf, self.reports.active, self.reports.samples, self.outbox.shelf
        )
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
            UpdateReport: self._updated_report,
            CancelPartyRegistration: lambda answer, now: self._end(),
            Poll: self._polled,
        }

    @property
    def registered(self) -> bool:
        """Whether events and reports flow."""
        return self.state == "registered"

    def restore(self, records: Iterable[Change]) -> list[str]:
        """Go on from what was kept: once, before anything else. Return what of it could not be understood.

        A registration that was in the making is begun again by `start`; one that stood is renewed.
        """
        faults = self.cabinet.fill(records)
        found = self.standing.get(_OURS)
        if found is None:
            for shelf in (self.events.shelf, self.reports.active, self.reports.samples, self.outbox.shelf):
                shelf.clear()
            return faults
        self.ven_id, self.registration_id, self.vtn_id = found.ven_id, found.registration_id, found.vtn_id
        self.poll_every = timedelta(seconds=found.poll_every)
        self.events.ven_id = self.ven_id
        self.reports.restore()
        for number, letter in list(self.outbox.shelf.items()):
            if isinstance(letter.message, QueryRegistration | CreatePartyRegistration | RequestEvent):
                del self.outbox.shelf[number]  # they are sent anew
        self.outbox.restore()
        self.state = "registered"
        self._restored = True
        return faults

    # --- what the application does ---

    def start(self, now: datetime) -> None:
        """Begin to register; nothing happens if that was begun already."""
        if self.state == REGISTRATION.initial:
            self._step("start")
            self._send(QueryRegistration(request_id=self._new_id("R")))
        elif self._restored:
            self._restored = False
            self.happened.extend(self.events.undecided(now))
            self._renew()

    def trust(self, identity: str) -> None:
        """Take this identity too for that of our VTN: one of its services has it."""
        self.vtn_identities.add(identity)

    def route(self, to: str) -> Route:
        """Return how the VTN is reached."""
        return Route(self.transport, self.vtn, next(iter(self.vtn_identities)))

    @property
    def polls(self) -> bool:
        """Whether the VTN cannot reach us: we ask for what waits."""
        return self.transport is TransportName.SIMPLE_HTTP and self.address is None

    def tick(self, now: datetime) -> None:
        """Ask for what waits, if it is time to."""
        if self._next_poll is not None and self._next_poll <= now and self.registered:
            self._next_poll = now + self.poll_every
            self.outbox.put(self.vtn, Poll(ven_id=self.ven_id), key="poll")

    def move(self, address: str | None) -> None:
        """Our transport address has changed: tell the VTN."""
        if address != self.address:
            self.address = address
            if self.registered:
                self._renew()

    def leave(self, now: datetime) -> None:
        """End the registration."""
        if self.registration_id:
            message = CancelPartyRegistration(
                request_id=self._new_id("R"), registration_id=self.registration_id, ven_id=self.ven_id
            )
            self._send(message)
        elif self.state != REGISTRATION.initial:
            self._end()

    def decide(self, event_id: str, opt: OptType, now: datetime, modification: int | None = None) -> None:
        """Answer an event; a later call changes the mind (rule 17). Raise `UnknownName` if it is not known.

        A decision that is on another `modification` than the present one is void.
        """
        self._answer_events([self.events.answer(event_id, opt, modification)])

    def wanted(self, now: datetime) -> frozenset[str]:
        """Return the rIDs to read now."""
        return self.reports.wanted(now) if self.registration_id else frozenset()

    def sample(self, readings: Mapping[str, Reading], now: datetime) -> None:
        """Take readings of `wanted`; complete reports go into the outbox."""
        if self.registration_id:
            self._deliver(self.reports.sample(readings, now))

    def wake(self) -> datetime | None:
        """Return when there is something to sample, to report or to ask for next."""
        times = (self.reports.wake(), self._next_poll) if self.registration_id else ()
        return min((time for time in times if time is not None), default=None)

    # --- what comes in ---

    def receive(self, identity: str, message: Message, now: datetime) -> Message:
        """Return the answer to a message of the peer that the transport knows as `identity`."""
        if not is_one_of(identity, self.vtn_identities):
            error = Rejected(Code.NOT_REGISTERED, f"{identity or 'the sender'} is not the VTN of this VEN", rule=21)
            return rejection(message, error, Deployment(self.vtn_id))
        return self._take(message, now)

    def _take(self, message: Message, now: datetime) -> Message:
        """Return the answer to a message of the VTN."""
        try:
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
            return rejection(message, error, Deployment(self.vtn_id))

    def _polled(self, answer: Any, now: datetime) -> None:
        """Take what the VTN had for us, and ask again until it has nothing more (rule 500)."""
        if answer is None or isinstance(answer, Response):
            return
        self._next_poll = now
        reply = self._take(answer, now)
        if not (isinstance(reply, Response) and reply.ei_response.ok):
            self._send(reply)

    def answered(self, letter: Letter, answer: Message | None, now: datetime) -> None:
        """Take the VTN's answer to a letter. An answer to a letter of an earlier registration means nothing."""
        if not self.outbox.done(letter):
            return
        handle = self._replies.get(type(letter.message))
        try:
            check(answer)
            if handle is not None:
                handle(answer, now)
        except Rejected as error:
            self._refused(letter.message, error, now)

    def refused(self, letter: Letter, error: JanusGridError, now: datetime) -> None:
        """A letter cannot be delivered, or its answer cannot be read."""
        if self.outbox.done(letter):
            self._refused(letter.message, error, now)

    def _refused(self, message: Message, error: JanusGridError, now: datetime) -> None:
        """Draw the conclusions of a refusal.

        On the way to a registration it ends it (`Left`). A VTN that does not know us any more (463), or not by the
        registration that we would renew, is registered with anew, without IDs (rule 406).
        """
        if isinstance(message, CancelPartyRegistration):
            self._end()  # it is not known there
            return
        lost = error.code == Code.NOT_REGISTERED and self.registered
        stale = isinstance(message, CreatePartyRegistration) and bool(message.registration_id)
        if lost or stale:
            self._end(error)
            self.start(now)
        elif not self.registered and type(message) in _BOOTSTRAP:
            self._end(error)
        else:
            self.happened.append(Declined(message, error))

    # --- EiRegisterParty ---

    def _queried(self, answer: Any, now: datetime) -> None:
        if not isinstance(answer, CreatedPartyRegistration):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer the query for registration")
        names = {transport for profile in answer.profiles for transport in profile.transports}
        if self.transport not in names:
            raise Rejected(Code.DEPLOYMENT_ERROR, f"the VTN does not offer {self.transport}")
        self._step("profiles received")
        self._register()

    def _renew(self) -> None:
        self._step("re-registration asked")
        self._register()

    def _register(self) -> None:
        message = CreatePartyRegistration(
            request_id=self._new_id("R"),
            registration_id=self.registration_id or None,
            ven_id=self.ven_id or None,
            transport_name=self.transport,
            transport_address=self.address,
            report_only=self.report_only,
            xml_signature=self.signs,
            ven_name=self.ven_name,
            http_pull_model=self.polls if self.transport is TransportName.SIMPLE_HTTP else None,
        )
        self._send(message)

    def _created_party(self, answer: Any, now: datetime) -> None:
        if not isinstance(answer, CreatedPartyRegistration) or not (answer.ven_id and answer.registration_id):
            raise Rejected(Code.INVALID_DATA, "the VTN registered us without venID and registrationID")
        renewed = answer.registration_id == self.registration_id
        self.ven_id, self.registration_id, self.vtn_id = answer.ven_id, answer.registration_id, answer.vtn_id
        self.events.ven_id = answer.ven_id
        self._stand()
        if self.polls:
            self._next_poll = now
            if answer.requested_oadr_poll_freq is not None:
                self.poll_every = max(length(answer.requested_oadr_poll_freq), SHORTEST_POLL)
        if renewed:
            self._step("renewed")
            self._fetch_events()
        else:
            self._step("accepted")
            self.reports.clear()  # rule 406
            self._offer(now)

    def _stand(self) -> None:
        """Keep how we are registered."""
        if self.registration_id:
            seconds = self.poll_every.total_seconds()
            self.standing[_OURS] = Standing(self.ven_id, self.registration_id, self.vtn_id, seconds)
        else:
            self.standing.pop(_OURS, None)

    def _fetch_events(self) -> None:
        self._send(RequestEvent(request_id=self._new_id("R"), ven_id=self.ven_id))

    def _request_reregistration(self, message: RequestReregistration, now: datetime) -> Message:
        if self.registered:  # else we are at it
            self._renew()
        return Response(ei_response=EiResponse(), ven_id=self.ven_id)

    def _cancel_party(self, message: CancelPartyRegistration, now: datetime) -> Message:
        if message.registration_id != self.registration_id:
            raise Rejected(Code.INVALID_ID, f"no registration {message.registration_id} is known")
        answer = CanceledPartyRegistration(
            ei_response=ok(message), registration_id=self.registration_id, ven_id=self.ven_id
        )
        self._end()
        return answer

    def _end(self, error: JanusGridError | None = None) -> None:
        """The registration is over: forget what belongs to it."""
        self.outbox.drop(self.vtn)
        self.reports.clear()
        self.events.clear()
        self.ven_id = self.registration_id = ""
        self._next_poll = None
        self._stand()
        self._step("ended")
        self.happened.append(Left(error))

    def _step(self, event: str) -> None:
        self.state = REGISTRATION.next(self.state, event)

    # --- EiReport ---

    def _offer(self, now: datetime) -> None:
        offers = self.reports.metadata(now)
        message = RegisterReport(request_id=self._new_id("R"), reports=offers, ven_id=self.ven_id)
        self.outbox.put(self.vtn, message, key="offers")

    def _registered_report(self, answer: Any, now: datetime) -> None:
        if not isinstance(answer, RegisteredReport):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer our reports")
        if answer.report_requests:
            self._send(self._begin(answer.report_requests, EiResponse(), now))
        if self.state == "offering reports":
            self._step("reports accepted")
            self._fetch_events()

    def _create_report(self, message: CreateReport, now: datetime) -> Message:
        return self._begin(message.report_requests, ok(message), now)

    def _begin(self, requests: Iterable[ReportRequest], response: EiResponse, now: datetime) -> CreatedReport:
        """Begin reports and return the message that says so; the first fault goes into its response."""
        accepted = []
        for request in requests:
            if request.report_specifier.report_specifier_id == METADATA:
                self._offer(now)
                continue
            try:
                self.reports.accept(request, now)
                accepted.append(request)
            except Rejected as error:
                if response.ok:
                    response = negative(error, response.request_id)
        if accepted:
            self.happened.append(Asked(tuple(accepted)))
        return CreatedReport(ei_response=response, pending_reports=self.reports.pending, ven_id=self.ven_id)

    def _cancel_report(self, message: CancelReport, now: datetime) -> CanceledReport:
        """End reports; with reportToFollow, what they have collected is sent first (rule 345)."""
        collected, unknown = self.reports.cancel(message.report_request_ids, now)
        if message.report_to_follow:
            self._deliver(collected)
        response = ok(message)
        if unknown:
            error = Rejected(Code.INVALID_ID, f"no report {', '.join(unknown)} is active")
            response = negative(error, message.request_id)
        return CanceledReport(ei_response=response, pending_reports=self.reports.pending, ven_id=self.ven_id)

    def _updated_report(self, answer: Any, now: datetime) -> None:
        """The answer to values may cancel their reports."""
        if isinstance(answer, UpdatedReport) and answer.cancel_report is not None:
            self._send(self._cancel_report(answer.cancel_report, now))

    def _deliver(self, reports: Iterable[Report]) -> None:
        """Send values. In a long outage the oldest of them give way to the newest."""
        for report in reports:
            message = UpdateReport(request_id=self._new_id("U"), reports=(report,), ven_id=self.ven_id)
            values = sum(len(interval.payloads) for interval in report.intervals or ())
            self.outbox.put(self.vtn, message, weight=1 + values, expendable=True)

    # --- EiEvent ---

    def _requested_event(self, answer: Any, now: datetime) -> None:
        if not isinstance(answer, DistributeEvent):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer with its events")
        self._check_vtn(answer)
        self._step("events received")
        self.happened.append(Joined(self.ven_id, self.registration_id, self.vtn_id))
        self._take_events(answer, now)

    def _distribute_event(self, message: DistributeEvent, now: datetime) -> Message:
        self._check_vtn(message)
        self._take_events(message, now)
        return Response(ei_response=ok(message), ven_id=self.ven_id)

    def _check_vtn(self, message: DistributeEvent) -> None:
        if message.vtn_id != self.vtn_id:
            raise Rejected(Code.INVALID_ID, f"vtnID {message.vtn_id} is not {self.vtn_id}", rule=21)

    def _take_events(self, message: DistributeEvent, now: datetime) -> None:
        changes, answers = self.events.receive(message, now)
        self.happened.extend(changes)
        self._answer_events(answers)

    def _answer_events(self, answers: Iterable[EventResponse | None]) -> None:
        responses = tuple(answer for answer in answers if answer is not None)
        if responses:
            self._send(CreatedEvent(event_responses=responses, ven_id=self.ven_id))

    def _send(self, message: Message) -> None:
        """Send a message. Nothing is kept for a VTN that asks without end and never takes an answer."""
        self.outbox.put(self.vtn, message, expendable=True)


_OURS = "ours"
_BOOTSTRAP = (QueryRegistration, CreatePartyRegistration, RegisterReport, RequestEvent)
