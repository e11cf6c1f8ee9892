"""The VEN: leads messages to its services, and letters to its VTN."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ....common import ids
from ....common.errors import JanusGridError, LocalError
from ...model import (
    CancelOpt,
    CancelPartyRegistration,
    CreateOpt,
    CreatePartyRegistration,
    EiTarget,
    Message,
    OptType,
    Poll,
    QueryRegistration,
    RegisterReport,
    Report,
    ReportRequest,
    ReportSpecifier,
    RequestEvent,
    Response,
    TransportName,
)
from .. import quotas
from ..answers import Code, Deployment, Rejected, check, rejection
from ..event_inbox import EventChange, EventInbox
from ..identity import is_one_of
from ..outbox import Letter, Outbox, Retry
from ..report_desk import VTN, Recall, ReportDesk
from ..report_ledger import Ledger
from ..report_offers import Offer, Value
from ..routes import Route
from ..shelf import Cabinet, Change
from ..telemetry import Sample
from .events import Events
from .happenings import Declined, Happening, Joined, Telemetry
from .office import Handler, Office, Reply
from .opts import Opts
from .polling import POLL_EVERY, SHORTEST_POLL, Polling
from .registration import WHEN_REFUSED, Registration
from .reports import ReportChooser, Reports

_BOOTSTRAP = (QueryRegistration, CreatePartyRegistration, RegisterReport, RequestEvent)
"""The letters on the way to a registration."""


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
        signers: what the VTN's signatures may prove, beside what the transport proves it to be.
        offers: the reports we can deliver.
        choose: which of the reports that the VTN offers to ask for.
        signals: names of the signals that the application understands.
        targets: by what else than the venID events may mean us: our resources, groups, device classes …
        reply_limit: how many events we ask for at once (rule 405); the VTN sends the rest by itself.
        poll_every, poll_shortest: how often we ask for what waits (see `Polling`).
        retry: when what did not go through is sent again.
        refused: when we try again to register where the VTN refuses us; None: we do not (see `Registration`).
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
        signers: Iterable[str] = (),
        offers: Iterable[Offer] = (),
        choose: ReportChooser = lambda report: None,
        signals: Iterable[str] = ("LOAD_DISPATCH", "SIMPLE"),
        targets: EiTarget | None = None,
        reply_limit: int | None = None,
        poll_every: timedelta = POLL_EVERY,
        poll_shortest: timedelta = SHORTEST_POLL,
        retry: Retry | None = None,
        refused: Retry | None = WHEN_REFUSED,
        new_id: Callable[[str], str] = ids.new,
        pick: Callable[[], float] = random.random,
    ) -> None:
        self.office = office = Office(
            ven_name, vtn, {vtn_identity}, address, transport, report_only, signs, Outbox(retry=retry), new_id
        )
        self.signers = frozenset(signers)
        self.outbox = office.outbox
        self.happened: deque[Happening] = office.happened
        self.events = EventInbox("", frozenset(signals), pick, targets)
        self.reports = ReportDesk(offers)
        self._restored = False
        self._polling = Polling(office, poll_every, poll_shortest)
        self._registration = Registration(office, self._polling, self._begun, self._ended, refused, pick)
        self._reports = Reports(office, self.reports, choose, self._settled)
        self._events = Events(office, self.events, self._joined, reply_limit)
        self.opts = Opts(office, self.events, self._events.say_again)
        rooms = (self._registration, self._reports, self._events, self.opts)
        self._handlers: dict[type[Message], Handler] = {k: v for room in rooms for k, v in room.handlers.items()}
        self._replies: dict[type[Message], Reply] = {k: v for room in rooms for k, v in room.replies.items()}
        self._replies[Poll] = self._polled
        self._shelves = (
            self.events.shelf, self.events.ends, self.opts.shelf, self.reports.active, self.reports.samples,
            office.shelf, self._reports.sink.untold, self._reports.answered.shelf, self.outbox.shelf,
        )  # fmt: skip
        self.cabinet = Cabinet(self._registration.shelf, *self._shelves)

    @property
    def taken(self) -> frozenset[type[Message]]:
        """The kinds of messages that are answered otherwise than by 453."""
        return frozenset(self._handlers)

    @property
    def registered(self) -> bool:
        """Whether events and reports flow."""
        return self.office.registered

    @property
    def state(self) -> str:
        """Where the registration stands: a state of `REGISTRATION`."""
        return self.office.state

    @property
    def ven_id(self) -> str:
        """Our venID; empty where we are not registered."""
        return self.office.ven_id

    @property
    def registration_id(self) -> str:
        """The ID of our registration; empty where there is none."""
        return self.office.registration_id

    @property
    def polls(self) -> bool:
        """Whether the VTN cannot reach us: we ask for what waits."""
        return self.office.polls

    @property
    def poll_every(self) -> timedelta:
        """How often we ask for what waits, if we do."""
        return self._polling.every

    def restore(self, records: Iterable[Change]) -> list[str]:
        """Go on from what was kept: once, before anything else. Return what of it could not be understood.

        A registration that was in the making is begun again by `start`; one that stood is renewed.
        """
        faults = self.cabinet.fill(records)
        if not self._registration.restore():
            for shelf in self._shelves:
                shelf.clear()
            return faults
        self.events.ven_id = self.ven_id
        self.happened.extend(self._reports.restore())
        for number, letter in list(self.outbox.shelf.items()):
            if isinstance(letter.message, QueryRegistration | CreatePartyRegistration | RequestEvent):
                del self.outbox.shelf[number]  # they are sent anew
        self.outbox.restore()
        self._restored = True
        return faults

    # --- what the application does ---

    def start(self, now: datetime) -> None:
        """Begin to register; nothing happens if that was begun already."""
        if not self._registration.start() and self._restored:
            self._restored = False
            self.happened.extend(self.events.undecided(now))
            self._registration.renew()

    def trust(self, identity: str) -> None:
        """Take this identity too for that of our VTN: one of its services has it."""
        self.office.vtn_identities.add(identity)

    def agreed(self, identity: str, ven_id: str | None) -> bool:
        """Return whether we have registered to sign messages, and the VTN with it."""
        return self.office.signs and bool(self.registration_id)

    def same_party(self, identity: str, names: Iterable[str]) -> bool:
        """Return whether a sender, and any of the names that its signature proves, are of one party."""
        ours = {identity, *self.signers} if is_one_of(identity, self.office.vtn_identities) else {identity}
        return any(is_one_of(name, ours) for name in names)

    def route(self, to: str) -> Route:
        """Return how the VTN is reached."""
        return Route(self.office.transport, self.office.vtn, next(iter(self.office.vtn_identities)))

    def tick(self, now: datetime) -> None:
        """Ask for what waits, or try again to register, if it is time to."""
        self._registration.tick(now)
        self._polling.tick(now)

    def move(self, address: str | None) -> None:
        """Our transport address has changed: tell the VTN."""
        if address != self.office.address:
            self.office.address = address
            if self.registered:
                self._registration.renew()

    def renew(self) -> None:
        """Register again under the same IDs, and ask for our events; raise `LocalError` if we are not registered."""
        if not self.registered:
            raise LocalError("there is no registration to renew", where=self.office.ven_name)
        self._registration.renew()

    @property
    def leaving(self) -> bool:
        """Whether the VTN is told that the registration ends, and has not confirmed it yet."""
        return self._registration.leaving

    def leave(self, now: datetime) -> None:
        """End the registration; to say so twice changes nothing."""
        if not self.leaving:
            self._registration.leave()

    def decide(self, event_id: str, opt: OptType, now: datetime, modification: int | None = None) -> None:
        """Answer an event; a later call changes the mind (rule 17). Raise `UnknownName` if it is not known.

        A decision that is on another `modification` than the present one is void.
        """
        self._events.decide(event_id, opt, modification)

    def wanted(self, now: datetime) -> frozenset[str]:
        """Return the rIDs to read now."""
        return self._reports.wanted(now)

    def sample(self, readings: Mapping[str, Value], now: datetime) -> None:
        """Take readings of `wanted`; complete reports go into the outbox."""
        self._reports.sample(readings, now)

    def recalls(self, now: datetime) -> list[Recall]:
        """Return the reports of the past that are to be answered by `recall`."""
        return self.reports.recalls(now) if self.registration_id else []

    def recall(self, asked: Recall, found: Iterable[Sample], now: datetime) -> None:
        """Answer a report of the past."""
        if self.registration_id:
            self._reports.source.recall(asked, found, now)

    @property
    def vtn_reports(self) -> Ledger:
        """What the VTN offers, and what of it we have asked for."""
        return self.office.vtn_reports

    def request_report(self, specifier: ReportSpecifier) -> ReportRequest:
        """Ask the VTN for a report and return the request."""
        return self._reports.sink.request_one(VTN, specifier)

    def offer(self, specifier_id: str) -> Report:
        """Return what the VTN offers under this reportSpecifierID; raise `UnknownName`."""
        return self._reports.sink.offer(VTN, specifier_id)

    def cancel_reports(self, request_ids: Iterable[str], *, to_follow: bool = False, with_next: bool = False) -> None:
        """End reports of the VTN, with a last update if one is `to_follow` (rule 345).

        `with_next` says so in the answer to the next values of each, else in a message of its own.

        Raises `UnknownName` for a report that does not run.
        """
        self._reports.sink.cancel(VTN, request_ids, to_follow=to_follow, with_next=with_next)

    def told(self, happening: Any) -> None:
        """The application has been told of this."""
        if isinstance(happening, Telemetry):
            self._reports.sink.told(happening.key)
        elif isinstance(happening, EventChange):
            self.events.told(happening)

    def wake(self) -> datetime | None:
        """Return when there is something to sample, to report or to ask for next, or we try again to register."""
        times = (self.reports.wake(), self._polling.next) if self.registration_id else (self._registration.again,)
        return min((time for time in times if time is not None), default=None)

    # --- what comes in ---

    def receive(self, identity: str, message: Message, now: datetime) -> Message:
        """Return the answer to a message of the peer that the transport knows as `identity`."""
        if not is_one_of(identity, self.office.vtn_identities):
            error = Rejected(Code.NOT_REGISTERED, f"{identity or 'the sender'} is not the VTN of this VEN", rule=21)
            return rejection(message, error, Deployment(self.office.vtn_id))
        return self._take(message, now)

    def _take(self, message: Message, now: datetime) -> Message:
        """Return the answer to a message of the VTN."""
        try:
            handler = self._handlers.get(type(message))
            if handler is None:
                raise Rejected(Code.NOT_RECOGNIZED, f"{type(message).__name__} is not for a VEN")
            if not self.registration_id:
                raise Rejected(Code.NOT_REGISTERED, "this VEN is not registered")
            quotas.check(message)
            claimed = getattr(message, "ven_id", None)
            if claimed not in (None, "", self.ven_id):
                raise Rejected(Code.INVALID_ID, f"venID {claimed} is not {self.ven_id}", rule=21)
            return handler(message, now)
        except Rejected as error:
            return rejection(message, error, Deployment(self.office.vtn_id))

    def _polled(self, asked: Message, answer: Any, now: datetime) -> None:
        """Take what the VTN had for us, and ask again until it has nothing more (rule 500)."""
        if answer is None or isinstance(answer, Response):
            return
        self._polling.next = now
        reply = self._take(answer, now)
        if not (isinstance(reply, Response) and reply.ei_response.ok):
            self.office.send(reply)

    def answered(self, letter: Letter, answer: Message | None, now: datetime) -> None:
        """Take the VTN's answer to a letter. An answer to a letter of an earlier registration means nothing."""
        if not self.outbox.done(letter):
            return
        handle = self._replies.get(type(letter.message))
        try:
            check(answer)
            if not isinstance(letter.message, Poll):  # what was polled for is a message, and looked at as one
                quotas.check(answer)
            if handle is not None:
                handle(letter.message, answer, now)
        except Rejected as error:
            self._reports.refused(letter.message, answer, error)
            self._refused(letter.message, error, now)

    def refused(self, letter: Letter, error: JanusGridError, now: datetime) -> None:
        """A letter cannot be delivered, or its answer cannot be read."""
        if self.outbox.done(letter):
            self._reports.refused(letter.message, None, error)
            self._refused(letter.message, error, now)

    def _refused(self, message: Message, error: JanusGridError, now: datetime) -> None:
        """Draw the conclusions of a refusal.

        On the way to a registration it ends it (`Left`), until we try again. A VTN that does not know us any more
        (463), or not by the registration that we would renew, is registered with anew, without IDs (rule 406).
        """
        if isinstance(message, CancelPartyRegistration):
            self._registration.end()  # it is not known there
            return
        lost = error.code == Code.NOT_REGISTERED and self.registered
        stale = isinstance(message, CreatePartyRegistration) and bool(message.registration_id)
        if lost or stale:
            self._registration.end(error)
            self.start(now)
        elif not self.registered and type(message) in _BOOTSTRAP:
            self._registration.refused(message, error, now)
        elif isinstance(message, CreateOpt | CancelOpt):
            self.opts.refused(message, error)
        else:
            self.happened.append(Declined(message, error))

    # --- from one room to the next ---

    def _begun(self, renewed: bool, now: datetime) -> None:
        """The VTN has registered us: offer our reports, if it does not know them; then ask for our events."""
        self.events.ven_id = self.ven_id
        if renewed:
            self.office.step("renewed")
            self._reports.renewed()
            self._fetch()
        else:
            self.office.step("accepted")
            self._reports.clear()  # rule 406
            self.opts.clear()
            self._reports.offer()

    def _settled(self) -> None:
        """The VTN has taken our offers."""
        self.office.step("reports accepted")
        self._fetch()

    def _fetch(self) -> None:
        """Ask for our events; who has registered for reports only has none."""
        if self.office.report_only:
            self._joined()
        else:
            self._events.fetch()

    def _joined(self) -> None:
        """The VTN has sent our events, which is the end of registering."""
        self.office.step("events received")
        self._registration.forgive()
        self.happened.append(Joined(self.ven_id, self.registration_id, self.office.vtn_id))

    def _ended(self) -> None:
        """The registration is over: what belongs to it means nothing any more."""
        self._reports.clear()
        self.events.clear()
        self.opts.clear()
