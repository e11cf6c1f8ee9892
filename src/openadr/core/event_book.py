"""EiEvent of the VTN: the events it has made, who is to have them, and what they answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import attrs

from ...common.errors import LocalError, UnknownName
from ..model import (
    EiEvent,
    Event,
    EventResponse,
    EventStatus,
    OptType,
    ResponseRequired,
    changed,
)
from . import event_rules, spelling, timeline
from .answers import Code, Rejected
from .shelf import Shelf


@attrs.define(slots=True, eq=False)
class BookedEvent:
    """An event with its addressees and their answers.

    Attributes:
        event: as made or last modified; its status is that of the time it was made, see `EventBook.for_ven`.
        ven_ids: the VENs it is for.
        answers: by venID, the last answer.
    """

    event: EiEvent
    ven_ids: frozenset[str]
    response_required: ResponseRequired = ResponseRequired.ALWAYS
    answers: dict[str, EventResponse] = attrs.Factory(dict)

    def opt(self, ven_id: str) -> OptType | None:
        """Return whether this VEN takes part; None while it has not answered the present modification."""
        answer = self.answers.get(ven_id)
        current = self.event.event_descriptor.modification_number
        if answer is None or answer.qualified_event_id.modification_number != current:
            return None
        return answer.opt_type if answer.response_code.startswith("2") else OptType.OPT_OUT

    def spelled(self) -> str:
        """Return the event as it is kept."""
        return spelling.document(
            event=spelling.event(self.event, self.response_required),
            vens=sorted(self.ven_ids),
            answers={ven: spelling.responses((answer,)) for ven, answer in self.answers.items()},
        )

    @classmethod
    def unspelled(cls, text: str) -> BookedEvent:
        """Return what `spelled` has returned the text of."""
        kept = spelling.values(text)
        event, required = spelling.event_of(kept["event"])
        answers = {ven: spelling.responses_of(answer)[0] for ven, answer in kept["answers"].items()}
        return cls(event, frozenset(kept["vens"]), required, answers)

    @property
    def unanswered(self) -> frozenset[str]:
        """The VENs that owe an answer to the present modification."""
        if self.response_required is ResponseRequired.NEVER:
            return frozenset()
        return frozenset(ven_id for ven_id in self.ven_ids if self.opt(ven_id) is None)


KNOWN_TIME = datetime(2000, 1, 1, tzinfo=UTC)
KEPT = timedelta(days=1)
"""How long an event is known at least after it is over."""

LEAST = 100
"""Events that are kept in any case."""


class EventBook:
    """The events of a VTN, until a day after they are over."""

    def __init__(self) -> None:
        self.shelf = self._events = Shelf("event", BookedEvent.spelled, BookedEvent.unspelled)
        self._most = LEAST

    def add(
        self,
        event: EiEvent,
        ven_ids: Iterable[str],
        now: datetime,
        response_required: ResponseRequired = ResponseRequired.ALWAYS,
    ) -> BookedEvent:
        """Add a new event.

        Raises:
            LocalError: an event of that ID exists, or it does not begin at modification 0 (rule 4), or it breaks
                another rule of `event_rules`.
        """
        descriptor = event.event_descriptor
        if descriptor.event_id in self._events:
            raise LocalError(f"there is an event {descriptor.event_id} already: modify it", where=descriptor.event_id)
        if descriptor.modification_number != 0:
            raise LocalError("a new event has modification number 0 (rule 4)", where=descriptor.event_id)
        _check(event)
        self._forget(now)
        booked = self._events[descriptor.event_id] = BookedEvent(event, frozenset(ven_ids), response_required)
        return booked

    def modify(self, event: EiEvent, now: datetime) -> BookedEvent:
        """Replace an event by a changed one; the book counts the modification (rule 5) if anything counts as one.

        Raises:
            UnknownName: no such event.
            LocalError: it is cancelled or completed, or it would break a rule.
        """
        booked = self.get(event.event_descriptor.event_id)
        if _essence(event) == _essence(booked.event):
            return booked
        before = timeline.status(booked.event, now)
        if before in (EventStatus.CANCELLED, EventStatus.COMPLETED):
            raise LocalError(f"a {before} event cannot be changed", where=event.event_descriptor.event_id)
        _check(event)
        descriptor = changed(
            event.event_descriptor,
            modification_number=booked.event.event_descriptor.modification_number + 1,
            modification_date_time=now,
        )
        booked.event = changed(event, event_descriptor=descriptor)
        self._events.touch(descriptor.event_id)
        return booked

    def cancel(self, event_id: str, now: datetime, reason: str | None = None) -> BookedEvent:
        """Cancel an event: status cancelled, one modification more (rule 5). To do it twice changes nothing.

        Raises:
            UnknownName: no such event.
            LocalError: it is completed.
        """
        booked = self.get(event_id)
        event = booked.event
        if event.event_descriptor.event_status is EventStatus.CANCELLED:
            return booked
        descriptor = changed(event.event_descriptor, event_status=EventStatus.CANCELLED, modification_reason=reason)
        return self.modify(changed(event, event_descriptor=descriptor), now)

    def get(self, event_id: str) -> BookedEvent:
        """Return an event; raise `UnknownName` if there is none of that ID."""
        if event_id not in self._events:
            raise UnknownName("there is no event of that ID", where=event_id)
        return self._events[event_id]

    def for_ven(self, ven_id: str, now: datetime, limit: int | None = None) -> tuple[Event, ...]:
        """Return what a VEN has to know at `now`, in the order of rule 15, at most `limit` of them.

        Active events first by priority, then by start; then those to come by start; completed ones are left out once
        they have ended. A cancelled event is sent until the VEN has answered it, or for good where no answer is owed
        until its time is over.
        """
        found = []
        for booked in self._events.values():
            if ven_id not in booked.ven_ids:
                continue
            state = timeline.status(booked.event, now)
            if state is EventStatus.COMPLETED or (state is EventStatus.CANCELLED and _closed(booked, ven_id, now)):
                continue
            found.append((state, booked))
        found.sort(key=lambda item: _order(*item))
        return tuple(_sent(booked, state, now) for state, booked in found[:limit])

    def record(self, ven_id: str, response: EventResponse) -> tuple[BookedEvent, bool]:
        """Keep a VEN's answer to an event; return the event, and whether the answer says anything new.

        Raises:
            Rejected: no such event for this VEN (452), or another modification than the present one (450).
        """
        identity = response.qualified_event_id
        booked = self._events.get(identity.event_id)
        if booked is None or ven_id not in booked.ven_ids:
            raise Rejected(Code.INVALID_ID, f"there is no event {identity.event_id} for {ven_id}")
        current = booked.event.event_descriptor.modification_number
        if identity.modification_number != current:
            raise Rejected(
                Code.OUT_OF_SEQUENCE,
                f"event {identity.event_id} is at modification {current}, not {identity.modification_number}",
            )
        before = booked.answers.get(ven_id)
        booked.answers[ven_id] = response
        self._events.touch(identity.event_id)
        return booked, before is None or changed(before, request_id=response.request_id) != response

    def _forget(self, now: datetime) -> None:
        """Forget what is long over; looked for only when the book has grown to twice what was left the last time."""
        if len(self._events) >= self._most:
            for over in [id for id, each in self._events.items() if _is_over(each.event, now - KEPT)]:
                del self._events[over]
            self._most = max(LEAST, 2 * len(self._events))

    def __iter__(self) -> Iterator[BookedEvent]:
        return iter(self._events.values())


def _check(event: EiEvent) -> None:
    """Refuse what we may not send: here it is the caller's mistake."""
    try:
        event_rules.check_own(event)
    except Rejected as error:
        raise LocalError(error.message, where=event.event_descriptor.event_id) from None


def _essence(event: EiEvent) -> EiEvent:
    """Return an event without what may change and yet is no modification (rule 5), and without what we count."""
    descriptor = event.event_descriptor
    cancelled = descriptor.event_status is EventStatus.CANCELLED
    return changed(
        event,
        event_descriptor=changed(
            descriptor,
            modification_number=0,
            modification_date_time=None,
            created_date_time=KNOWN_TIME,
            event_status=EventStatus.CANCELLED if cancelled else EventStatus.NONE,
        ),
        ei_event_signals=tuple(changed(signal, current_value=None) for signal in event.ei_event_signals),
    )


def _is_over(event: EiEvent, when: datetime) -> bool:
    """Return whether the event was over at `when`."""
    descriptor = event.event_descriptor
    if descriptor.event_status is EventStatus.CANCELLED:
        return (descriptor.modification_date_time or when) < when
    return timeline.status(event, when) is EventStatus.COMPLETED


def _closed(booked: BookedEvent, ven_id: str, now: datetime) -> bool:
    ends = timeline.end(booked.event)
    return booked.opt(ven_id) is not None or (ends is not None and now >= ends)


def _order(state: EventStatus, booked: BookedEvent) -> tuple[bool, int, datetime]:
    active = state is EventStatus.ACTIVE
    priority = booked.event.event_descriptor.priority or 1 << 30
    return not active, priority if active else 0, booked.event.ei_active_period.dtstart


def _sent(booked: BookedEvent, state: EventStatus, now: datetime) -> Event:
    """Return the event as it is sent at `now`: status and current values of that time (rules 13 and 14)."""
    event = booked.event
    signals = tuple(
        changed(signal, current_value=timeline.value(event, signal, now) or 0.0) for signal in event.ei_event_signals
    )
    descriptor = changed(event.event_descriptor, event_status=state)
    shown = changed(event, event_descriptor=descriptor, ei_event_signals=signals)
    return Event(ei_event=shown, response_required=booked.response_required)
