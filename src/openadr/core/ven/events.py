"""EiEvent of the VEN."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ...model import (
    CreatedEvent,
    DistributeEvent,
    EventResponse,
    Message,
    OptType,
    RequestEvent,
    Response,
    changed,
)
from ..answers import Code, Rejected, ok
from ..event_inbox import EventInbox
from .office import Handler, Office, Reply


class Events:
    """Takes the VTN's events, and answers them.

    Args:
        fetched: called when the events that were asked for have come, before they are taken in.
        limit: how many are asked for at once; None for all.
    """

    def __init__(
        self, office: Office, inbox: EventInbox, fetched: Callable[[], None], limit: int | None = None
    ) -> None:
        self._office = office
        self.inbox = inbox
        self._fetched = fetched
        self._limit = limit
        self._told = False
        """Whether the VTN has told its events unasked since they were asked for."""
        self.handlers: Mapping[type[Message], Handler] = {DistributeEvent: self._distribute}
        self.replies: Mapping[type[Message], Reply] = {RequestEvent: self._requested}

    def fetch(self) -> None:
        """Ask for our events (rule 405)."""
        office, self._told = self._office, False
        office.send(RequestEvent(request_id=office.request_id(), ven_id=office.ven_id, reply_limit=self._limit))

    def decide(self, event_id: str, opt: OptType, modification: int | None = None) -> None:
        """Answer an event; a later call changes the mind (rule 17). Raise `UnknownName` if it is not known."""
        self._answer([self.inbox.answer(event_id, opt, modification)])

    def say_again(self, event_id: str) -> None:
        """Answer an event as it stands, if it is decided."""
        self._answer([self.inbox.owed(event_id)])

    def _requested(self, asked: Message, answer: Any, now: datetime) -> None:
        if type(answer) is Response:  # so some VTNs say that they have none, against rule 40: it cancels nothing
            self._fetched()
            return
        if not isinstance(answer, DistributeEvent):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer with its events")
        self._check(answer)
        self._fetched()
        # What was told meanwhile may be younger than the answer: what is missing from that is not cancelled by it.
        complete = not self._told and (self._limit is None or len(answer.events) < self._limit)
        self._take(answer, now, complete=complete)

    def _distribute(self, message: DistributeEvent, now: datetime) -> Message:
        self._check(message)
        self._told = True
        self._take(message, now)
        return Response(ei_response=ok(message), ven_id=self._office.ven_id)

    def _check(self, message: DistributeEvent) -> None:
        if message.vtn_id != self._office.vtn_id:
            raise Rejected(Code.INVALID_ID, f"vtnID {message.vtn_id} is not {self._office.vtn_id}", rule=21)

    def _take(self, message: DistributeEvent, now: datetime, *, complete: bool = True) -> None:
        changes, answers = self.inbox.receive(message, now, complete=complete)
        self._office.happened.extend(changes)
        self._answer(answers)

    def _answer(self, answers: Iterable[EventResponse | None]) -> None:
        """Send answers, in one message with those that are about to be sent."""
        responses = tuple(answer for answer in answers if answer is not None)
        if not responses:
            return
        office = self._office
        waiting = office.outbox.unsent(office.vtn, CreatedEvent)
        if waiting is None:
            office.send(CreatedEvent(event_responses=responses, ven_id=office.ven_id))
            return
        fresh = {answer.qualified_event_id.event_id for answer in responses}
        before = (each for each in waiting.event_responses or () if each.qualified_event_id.event_id not in fresh)
        office.outbox.amend(office.vtn, changed(waiting, event_responses=(*before, *responses)))
