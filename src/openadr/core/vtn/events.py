"""EiEvent of the VTN."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from ....common.errors import LocalError
from ...model import (
    CreatedEvent,
    DistributeEvent,
    EiEvent,
    EiResponse,
    Message,
    RequestEvent,
    Response,
    ResponseRequired,
)
from .. import message_rules
from ..answers import Rejected, ok, request_id
from ..event_book import BookedEvent, EventBook
from ..ven_book import Ven
from .happenings import Declined, Opted
from .office import Handler, Office
from .registration import addressed

KEY = "events"
"""Of the letter that brings a VEN its events: there is one at a time."""


class Events:
    """Makes, changes and cancels events; distributes them, and takes what VENs answer."""

    def __init__(self, office: Office, book: EventBook) -> None:
        self._office = office
        self.book = book
        office.outbox.makers[KEY] = lambda ven_id: partial(self._distribution, ven_id)
        self.handlers: Mapping[type[Message], Handler] = {
            RequestEvent: self._request,
            CreatedEvent: self._created,
        }

    def create(
        self, event: EiEvent, vens: Sequence[str] | None, now: datetime, response_required: ResponseRequired
    ) -> BookedEvent:
        """Add an event for these VENs (venID or name) and send it; raise `UnknownName` or `LocalError`.

        None is for whomever the market context and the target of the event mean, now and when they register later.
        """
        if vens is None:
            found = self._office.vens.meant(event)
            if not found and not self._office.vens.means_somebody(event):
                message = "neither its target nor its market context means any party that may register"
                raise LocalError(message, where=event.event_descriptor.event_id)
        else:
            found = [self._office.vens.find(ven) for ven in vens]
            if not found:
                raise LocalError("an event needs a VEN to go to", where=event.event_descriptor.event_id)
        for ven in found:
            addressed(ven)
        ven_ids = [ven.ven_id for ven in found]
        booked = self.book.add(event, ven_ids, now, response_required, by_target=vens is None)
        self._distribute(booked.ven_ids)
        return booked

    def modify(self, event: EiEvent, now: datetime) -> BookedEvent:
        """Replace an event by a changed one and send it, if it differs in what counts as a modification (rule 5)."""
        return self._changed(event.event_descriptor.event_id, lambda: self.book.modify(event, now))

    def cancel(self, event_id: str, now: datetime, reason: str | None = None) -> BookedEvent:
        """Cancel an event and say so."""
        return self._changed(event_id, lambda: self.book.cancel(event_id, now, reason))

    def begun(self, ven: Ven) -> None:
        """A VEN has registered: what means it is for it too. It asks for its events by itself (rule 405)."""
        for booked in self.book:
            if booked.by_target and ven.ven_id not in booked.ven_ids and ven in self._office.vens.meant(booked.event):
                self.book.address(booked, {*booked.ven_ids, ven.ven_id})

    def meant_anew(self) -> None:
        """Who means whom has changed: let events by target follow, in what is still sent of them."""
        for booked in self.book:
            if booked.by_target:
                told, meant = booked.ven_ids, frozenset(ven.ven_id for ven in self._office.vens.meant(booked.event))
                if told != meant:
                    self.book.address(booked, meant)
                    self._distribute(told | meant)

    def ask(self, ven: Ven) -> None:
        """Send a VEN its events again: it owes an answer."""
        self._distribute([ven.ven_id])

    def owed(self, ven_id: str) -> bool:
        """Return whether a VEN still has to answer one of its events."""
        return any(booked.owes(ven_id) for booked in self.book)

    def _changed(self, event_id: str, change: Callable[[], BookedEvent]) -> BookedEvent:
        booked = self.book.get(event_id)
        before, told = booked.event, booked.ven_ids
        booked = change()
        if booked.event is not before:
            if booked.by_target:  # whom it means no more, misses it in the next message: rule 61
                self.book.address(booked, [ven.ven_id for ven in self._office.vens.meant(booked.event)])
            self._distribute(told | booked.ven_ids)
        return booked

    def restored(self) -> None:
        """Send everybody what was in force when we stopped: who knows it already is told nothing new."""
        self._distribute({ven_id for booked in self.book for ven_id in booked.ven_ids})

    def resume(self) -> None:
        """Send their events to those who owe an answer and have none coming."""
        owing = {ven_id for booked in self.book for ven_id in booked.unanswered}
        self._distribute(ven_id for ven_id in owing if not self._office.outbox.waits(ven_id, KEY))

    def _distribute(self, ven_ids: Iterable[str]) -> None:
        """Send these VENs their events, as they are when the letter leaves."""
        for ven_id in ven_ids:
            ven = self._office.vens.get(ven_id)
            if ven is not None:
                self._office.send(ven, partial(self._distribution, ven_id), key=KEY)

    def _distribution(self, ven_id: str, now: datetime) -> Message:
        events = self.book.for_ven(ven_id, now)
        return DistributeEvent(
            request_id=self._office.new_id("D"), vtn_id=self._office.deployment.vtn_id, events=events
        )

    def _request(self, identity: str, message: RequestEvent, now: datetime) -> Message:
        ven = self._office.vens.sender(identity, message.ven_id)
        events = self.book.for_ven(ven.ven_id, now, message.reply_limit)
        if message.reply_limit is not None and len(events) < len(self.book.for_ven(ven.ven_id, now)):
            self._distribute([ven.ven_id])  # it did not want so many in one answer, but it has to know them
        vtn_id = self._office.deployment.vtn_id
        return DistributeEvent(ei_response=ok(message), request_id=request_id(message), vtn_id=vtn_id, events=events)

    def _created(self, identity: str, message: CreatedEvent, now: datetime) -> Message:
        ven = self._office.vens.sender(identity, message.ven_id)
        message_rules.check(message)
        if not message.ei_response.ok:
            reason = message.ei_response.response_description or "no reason given"
            refusal = Rejected(message.ei_response.response_code, reason)
            self._office.happened.append(Declined(ven.ven_id, self._distribution(ven.ven_id, now), refusal))
        faults = []
        for response in message.event_responses or ():
            try:
                booked, is_news = self.book.record(ven.ven_id, response)
            except Rejected as error:
                faults.append(error)
            else:
                if is_news:
                    self._office.happened.append(Opted(ven, booked, response))
        if faults:
            raise faults[0]
        return Response(ei_response=EiResponse(), ven_id=ven.ven_id)
