"""The VTN: leads messages to its services, and letters to its VENs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from ....common import ids
from ....common.errors import JanusGridError, LocalError, UnknownName
from ...model import (
    CanceledPartyRegistration,
    CanceledReport,
    CancelPartyRegistration,
    CancelReport,
    CreatedEvent,
    CreatedReport,
    CreateOpt,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    EiEvent,
    EiResponse,
    Message,
    OptType,
    Poll,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportRequest,
    ReportSpecifier,
    RequestReregistration,
    Response,
    ResponseRequired,
    TransportName,
    UpdatedReport,
    UpdateReport,
)
from .. import quotas
from ..answers import Code, Deployment, Rejected, check, ok, rejection, request_id
from ..event_book import BookedEvent, EventBook
from ..opt_book import Availability
from ..opt_scope import WHOLE, Scope
from ..outbox import MOST_FETCHES, Letter, Outbox, Retry
from ..report_desk import Recall
from ..report_offers import Offer, Value
from ..routes import Route
from ..shelf import Cabinet, Change
from ..telemetry import Sample
from ..ven_book import Party, Ven, VenBook
from .events import Events
from .happenings import Declined, Happening, Telemetry
from .office import Handler, Office
from .opts import Opts
from .registration import Registration
from .reports import ReportChooser, Reports
from .sharing import Sharing

CAPACITY = 1_000
"""Messages that may wait for a VEN that is away; events do not count, their latest state takes the place of older."""

REPLIES: dict[type[Message], tuple[type[Message], ...]] = {
    CreatedEvent: (DistributeEvent,),
    CreatedReport: (CreateReport,),
    CanceledReport: (CancelReport,),
    RegisteredReport: (RegisterReport,),
    UpdatedReport: (UpdateReport,),
    CreatePartyRegistration: (RequestReregistration,),
    CanceledPartyRegistration: (CancelPartyRegistration,),
    Response: (CreateReport, CancelReport, RegisterReport, UpdateReport, RequestReregistration),
}
"""What a VEN that came for a letter sends as a message of its own, and which letters that answers.

`Response` is what a VEN sends that refuses, or has nothing else to say.
"""


class VtnCore:
    """A VTN without input or output.

    `receive` answers a message; what it changed stands in `happened`, what is to be sent in `outbox`.

    Args:
        deployment: this VTN's ID, or all it says of itself.
        parties: the VENs that may register.
        choose: which offered reports to ask for.
        offers: reports that we can deliver to VENs.
        owns: whether, on a transport, an identity may give this address as its own.
        retry: when what did not go through is sent again.
    """

    def __init__(
        self,
        deployment: Deployment | str,
        parties: Iterable[Party],
        *,
        choose: ReportChooser = lambda ven, report: None,
        offers: Iterable[Offer] = (),
        owns: Callable[[TransportName, str, str], bool] = lambda transport, identity, address: True,
        retry: Retry | None = None,
        new_id: Callable[[str], str] = ids.new,
    ) -> None:
        self.deployment = Deployment(deployment) if isinstance(deployment, str) else deployment
        self._office = Office(self.deployment, VenBook(parties, owns, new_id), Outbox(CAPACITY, retry=retry), new_id)
        self.outbox = self._office.outbox
        self.happened: deque[Happening] = self._office.happened
        self.events = EventBook()
        self._events = Events(self._office, self.events)
        self._reports = Reports(self._office, choose, offers)
        self._opts = Opts(self._office, self.events, self._events.ask)
        self._registration = Registration(self._office, self._events.begun, self._over)
        self._handlers: dict[type[Message], Handler] = {
            **self._registration.handlers,
            **self._reports.handlers,
            **self._events.handlers,
            **self._opts.handlers,
            Poll: self._poll,
        }
        for kind in REPLIES:
            self._handlers.setdefault(kind, self._replied)
        vens = self._office.vens
        opts, untold = self._opts.book, self._reports.sink.untold
        self.cabinet = Cabinet(
            vens.ids, vens.shelf, vens.answered.shelf, self.events.shelf, self.events.answers, opts.shelf, untold,
            self.outbox.shelf, self._reports.desk.active, self._reports.desk.samples,
        )  # fmt: skip
        derived = {opts.shelf.kind: opts.restore, untold.kind: self._reports.sink.renewed}
        self._sharing = Sharing(self.cabinet, vens.answered, self.outbox, derived)

    @property
    def taken(self) -> frozenset[type[Message]]:
        """The kinds of messages that are answered otherwise than by 453."""
        return frozenset(self._handlers)

    def restore(self, records: Iterable[Change]) -> list[str]:
        """Go on from what was kept: once, before anything else. Return what of it could not be understood."""
        faults = self.cabinet.fill(records)
        self._office.vens.answered.restore()
        self._opts.book.restore()
        self.outbox.restore()
        self._registration.end_strangers()
        self._events.restored()
        self.happened.extend(self._reports.restore())
        return faults

    def _over(self, ven: Ven) -> None:
        """A registration means nothing any more."""
        self._opts.forget(ven)
        self._reports.over(ven)

    # --- many processes with the same books ---

    def share(self, guard: Callable[[], None]) -> None:
        """Let other processes have the same books: they change only where `guard` lets them, and by `refresh`."""
        self._sharing.begin(guard)

    def refresh(self, records: Iterable[Change], complete: bool) -> list[str]:
        """Take in what others have changed; with `complete` it is all that there is. Return what was not understood."""
        found = list(records)
        if complete:
            found += self._sharing.missing(found)
        faults = self.cabinet.fill(found)
        self._sharing.renewed(found)
        return faults

    def resume(self) -> None:
        """See that who owes an answer has its events coming: the last process may not have shared its books."""
        self._events.resume()

    def strange(self) -> dict[str, int]:
        """Return the keys of reports that other processes have acknowledged, and have to tell their applications.

        Each with how often it was said that they will.
        """
        return self._sharing.strange()

    def waits(self) -> bool:
        """Return whether our application is still to be told of any report."""
        return self._sharing.waits()

    def insist(self) -> None:
        """Say to the other processes that we will tell it: its listeners are slow, and we are not gone."""
        self._sharing.insist()

    def adopt(self, keys: Iterable[str]) -> None:
        """Tell our application of such reports: the processes that had taken them are gone."""
        found = list(keys)
        self._sharing.adopted(found)
        self.happened.extend(self._reports.restore(found))

    # --- what comes in ---

    def receive(self, identity: str, message: Message, now: datetime) -> Message:
        """Return the answer to a message from the peer that the transport knows as `identity`."""
        handler = self._handlers.get(type(message))
        try:
            if handler is None:
                raise Rejected(Code.NOT_RECOGNIZED, f"{type(message).__name__} is not for a VTN")
            quotas.check(message)
            answer = handler(identity, message, now)
        except Rejected as error:
            return rejection(message, error, self.deployment)
        if type(message) in REPLIES:
            self._settle(self._sender(identity, message), message, now)
        return answer

    def answered(self, letter: Letter, answer: Message | None, now: datetime, *, by_itself: bool = False) -> None:
        """Take a VEN's answer to a letter; what it has sent `by_itself` was taken as a message already."""
        if not self.outbox.done(letter):
            return
        try:
            check(answer)
            quotas.check(answer)
        except Rejected as error:
            self._declined(letter, error, answer)
        else:
            ven = self._office.vens.get(letter.to)
            if ven is not None and isinstance(letter.message, CancelPartyRegistration):
                self._registration.expelled(ven)
            elif ven is not None and not by_itself:
                self._reports.replied(ven, letter.message, answer, now)

    def refused(self, letter: Letter, error: JanusGridError, now: datetime) -> None:
        """A letter cannot be delivered, or its answer cannot be read."""
        if self.outbox.done(letter):
            self._declined(letter, error, None)

    def route(self, ven_id: str) -> Route | None:
        """Return how a VEN is reached, None where there is no such VEN."""
        ven = self._office.vens.get(ven_id)
        return None if ven is None else Route(ven.transport, ven.address, self._office.vens.proof(ven))

    def _declined(self, letter: Letter, error: JanusGridError, answer: Message | None) -> None:
        message, ven = letter.message, self._office.vens.get(letter.to)
        if ven is not None:
            self._reports.declined(ven, message, answer, error)
        if ven is not None and isinstance(message, CancelPartyRegistration):
            self._registration.expelled(ven)
        self.happened.append(Declined(letter.to, message, error))

    # --- VENs that come for their letters ---

    def _poll(self, identity: str, message: Poll, now: datetime) -> Message:
        """Return the next letter of a VEN, or say that there is none (rule 500); what is carried is not given out."""
        ven = self._office.vens.sender(identity, message.ven_id)
        if ven.address is not None:
            raise Rejected(Code.NOT_ALLOWED, f"messages for {ven.ven_name} are sent to {ven.address}: it does not poll")
        for letter in self.outbox.fetched(ven.ven_id):
            if self._is_over(letter, ven):
                self.outbox.done(letter)
            elif letter.attempts >= MOST_FETCHES and not isinstance(letter.message, DistributeEvent):
                self.refused(letter, LocalError("it was given out many times and never answered"), now)
        found = self.outbox.fetch(ven.ven_id, now)
        return _nothing_waits(ven.ven_id) if found is None else found.message

    def _is_over(self, letter: Letter, ven: Ven) -> bool:
        """Return whether events that need no answer (any more) were given out often enough to have arrived: twice."""
        return isinstance(letter.message, DistributeEvent) and letter.attempts > 1 and not self._events.owed(ven.ven_id)

    def _settle(self, ven: Ven | None, message: Message, now: datetime) -> None:
        """See which letters a VEN has answered by a message of its own."""
        if ven is None:
            return
        fetched = self.outbox.fetched(ven.ven_id)
        if isinstance(message, Response) and not _answers(message):
            # A request to register again has no requestID that an answer could name: it is the one that is meant.
            fetched = tuple(each for each in fetched if isinstance(each.message, RequestReregistration)) or fetched
        for letter in fetched:
            asked = letter.message
            if not isinstance(asked, REPLIES[type(message)]):
                continue
            if isinstance(asked, DistributeEvent):
                if not self._events.owed(ven.ven_id):
                    self.outbox.done(letter)
            elif not request_id(asked) or _answers(message) in ("", request_id(asked)):
                self.answered(letter, message, now, by_itself=True)

    def _replied(self, identity: str, message: Message, now: datetime) -> Message:
        """Take an answer that has no meaning beyond the letter that it answers."""
        ven = self._sender(identity, message)
        if ven is None:
            raise Rejected(Code.NOT_REGISTERED, f"{identity or 'an unknown sender'} is not registered", rule=21)
        return Response(ei_response=ok(message), ven_id=ven.ven_id)

    def _sender(self, identity: str, message: Message) -> Ven | None:
        try:
            return self._office.vens.sender(identity, getattr(message, "ven_id", None))
        except Rejected:
            return None

    # --- signatures ---

    def agreed(self, identity: str, ven_id: str | None) -> bool:
        """Return whether a VEN of this venID, or of this identity, has registered to sign its messages."""
        return self._office.vens.agreed(identity, ven_id)

    def same_party(self, identity: str, names: Iterable[str]) -> bool:
        """Return whether a sender, and any of the names that its signature proves, are of one party."""
        return self._office.vens.same_party(identity, names)

    # --- what the application asks for ---

    @property
    def parties(self) -> tuple[Party, ...]:
        """The VENs that may register."""
        return self._office.vens.parties

    def add_party(self, party: Party) -> None:
        """Let a VEN register, in the place of a party of that name if there is one.

        A registration that would not be granted any more ends; events by target follow whom they mean now.
        """
        self._office.vens.admit(party)
        self._registration.end_strangers()
        self._events.meant_anew()

    def remove_party(self, ven_name: str) -> None:
        """Let a VEN register no more and end its registration; raise `UnknownName` if there is no such party."""
        if not self._office.vens.dismiss(ven_name):
            raise UnknownName("there is no such party", where=ven_name)
        self._registration.end_strangers()

    def ven(self, name_or_id: str) -> Ven:
        """Return a registered VEN by its venID or name; raise `UnknownName`."""
        return self._office.vens.find(name_or_id)

    @property
    def vens(self) -> tuple[Ven, ...]:
        """Every registered VEN."""
        return tuple(self._office.vens)

    def create_event(
        self,
        event: EiEvent,
        vens: Sequence[str] | None,
        now: datetime,
        response_required: ResponseRequired = ResponseRequired.ALWAYS,
    ) -> BookedEvent:
        """Add an event for these VENs (venID or name) and send it; raise `UnknownName` or `LocalError`.

        None is for whomever the market context and the target of the event mean, now and when they register later.
        """
        return self._events.create(event, vens, now, response_required)

    def modify_event(self, event: EiEvent, now: datetime) -> BookedEvent:
        """Replace an event by a changed one and send it, if it differs in what counts as a modification (rule 5)."""
        return self._events.modify(event, now)

    def cancel_event(self, event_id: str, now: datetime, reason: str | None = None) -> BookedEvent:
        """Cancel an event and say so."""
        return self._events.cancel(event_id, now, reason)

    def opt(self, event_id: str, ven: str, scope: Scope = WHOLE) -> OptType | None:
        """Return whether a VEN (venID or name), or a part of it, takes part in an event; None while it has not said so.

        Raises `UnknownName`.
        """
        return self._opts.opt(self.events.get(event_id), self.ven(ven).ven_id, scope)

    def opts(self, ven: str) -> tuple[CreateOpt, ...]:
        """Return what a VEN (venID or name) has said by EiOpt, in the order in which it came; raise `UnknownName`."""
        return self._opts.book.of(self.ven(ven).ven_id)

    def availability(self, ven: str, when: datetime, scope: Scope = WHOLE) -> Availability:
        """Return what the opt schedules of a VEN (venID or name) say of a time; raise `UnknownName`."""
        return self._opts.book.availability(self.ven(ven).ven_id, when, scope)

    def request_reports(self, ven: str, requests: Sequence[ReportRequest]) -> None:
        """Ask a VEN for reports; raise `LocalError` if too much waits for it already."""
        self._reports.sink.request(self.ven(ven).ven_id, requests)

    def request_report(self, ven: str, specifier: ReportSpecifier) -> ReportRequest:
        """Ask a VEN for one report and return the request; raise `LocalError` if too much waits for it already."""
        return self._reports.sink.request_one(self.ven(ven).ven_id, specifier)

    def offer(self, ven: str, specifier_id: str) -> Report:
        """Return what a VEN offers under this reportSpecifierID; raise `UnknownName`."""
        return self._reports.sink.offer(self.ven(ven).ven_id, specifier_id)

    def cancel_reports(
        self, ven: str, request_ids: Iterable[str], *, to_follow: bool = False, with_next: bool = False
    ) -> None:
        """End reports of a VEN (venID or name), with a last update if one is `to_follow` (rule 345).

        `with_next` says so in the answer to the next values of each, else in a message of its own.

        Raises `UnknownName` for a report that does not run, `LocalError` if too much waits for the VEN already.
        """
        self._reports.sink.cancel(self.ven(ven).ven_id, request_ids, to_follow=to_follow, with_next=with_next)

    def told(self, happening: Any) -> None:
        """The application has been told of this."""
        if isinstance(happening, Telemetry):
            self._reports.sink.told(happening.key)

    # --- reports that we deliver ---

    def wanted(self, now: datetime) -> frozenset[str]:
        """Return the rIDs to read now."""
        return self._reports.desk.wanted(now)

    def sample(self, readings: Mapping[str, Value], now: datetime) -> None:
        """Take readings of `wanted`; complete reports go into the outbox."""
        self._reports.source.sample(readings, now)

    def recalls(self, now: datetime) -> list[Recall]:
        """Return the reports of the past that are to be answered by `recall`."""
        return self._reports.desk.recalls(now)

    def recall(self, asked: Recall, found: Iterable[Sample], now: datetime) -> None:
        """Answer a report of the past."""
        self._reports.source.recall(asked, found, now)

    def wake(self) -> datetime | None:
        """Return when there is something to sample or to report next."""
        return self._reports.desk.wake()

    def request_registration(self, ven: str) -> None:
        """Ask a VEN (venID or name) to register anew."""
        self._registration.request_again(self.ven(ven))

    def cancel_registration(self, ven: str) -> None:
        """End the registration of a VEN (venID or name): it is over when the VEN has confirmed it."""
        self._registration.expel(self.ven(ven))


@lru_cache(4_096)
def _nothing_waits(ven_id: str) -> Response:
    """Return the answer to most polls."""
    return Response(ei_response=EiResponse(), ven_id=ven_id)


def _answers(message: Message) -> str:
    """Return the requestID that an answer refers to."""
    response = getattr(message, "ei_response", None)
    return response.request_id if response is not None else request_id(message)
