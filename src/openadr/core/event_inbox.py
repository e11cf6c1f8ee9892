"""EiEvent of the VEN: what a distributeEvent changes, what is owed in answer, and what is active when."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

import attrs

from ...common.errors import UnknownName
from ..model import (
    DistributeEvent,
    EiEvent,
    EiResponse,
    EventResponse,
    EventStatus,
    OptType,
    ResponseRequired,
    changed,
)
from . import event_rules, spelling, timeline
from .answers import Code, Rejected, negative
from .shelf import Shelf


class Change(Enum):
    """What a distributeEvent did to an event."""

    NEW = "new"
    """Its eventID was not known (rule 56)."""
    MODIFIED = "modified"
    """It has a higher modificationNumber (rule 57)."""
    CANCELLED = "cancelled"
    IMPLICITLY_CANCELLED = "implicitly cancelled"
    """It was known, and what the VTN sends has it no more (rule 61), or only in a form that we refuse."""


@attrs.define(slots=True, eq=False)
class KnownEvent:
    """An event as this VEN knows it, and what it answered.

    Where the VTN leaves the start open by `startafter`, `event` begins at the time that was picked (rule 30).
    """

    event: EiEvent
    response_required: ResponseRequired
    request_id: str
    """Of the distributeEvent that brought it last: its answer carries it (rule 42)."""
    delay: timedelta = timedelta()
    """By how much the start was moved."""
    opt: OptType | None = None
    until: datetime | None = None
    """For a cancelled event: when it ends."""

    @property
    def event_id(self) -> str:
        """The eventID."""
        return self.event.event_descriptor.event_id

    @property
    def modification(self) -> int:
        """The modificationNumber."""
        return self.event.event_descriptor.modification_number

    @property
    def cancelled(self) -> bool:
        """Whether the VTN has cancelled it."""
        return self.event.event_descriptor.event_status is EventStatus.CANCELLED

    @property
    def answer_owed(self) -> bool:
        """Whether the VTN wants an answer to it (rules 12 and 62)."""
        return self.response_required is ResponseRequired.ALWAYS

    def spelled(self) -> str:
        """Return the event as it is kept."""
        return spelling.document(
            event=spelling.event(self.event, self.response_required),
            request_id=self.request_id,
            delay=spelling.length(self.delay),
            opt=self.opt,
            until=spelling.time(self.until),
        )

    @classmethod
    def unspelled(cls, text: str) -> KnownEvent:
        """Return what `spelled` has returned the text of."""
        kept = spelling.values(text)
        event, required = spelling.event_of(kept["event"])
        opt = None if kept["opt"] is None else OptType(kept["opt"])
        delay, until = spelling.length_of(kept["delay"]), spelling.time_of(kept["until"])
        return cls(event, required, kept["request_id"], delay, opt, until)

    def response(self, opt: OptType, error: Rejected | None = None) -> EventResponse:
        """Return the answer to this event."""
        response = negative(error) if error else EiResponse()
        return EventResponse(
            response_code=response.response_code,
            response_description=response.response_description,
            request_id=self.request_id,
            qualified_event_id=self.event.qualified_event_id,
            opt_type=opt,
        )


@attrs.frozen(slots=True)
class EventChange:
    """One change, the event that it concerns, as it is now, and when the change takes effect.

    That is at once, but for the cancellation of a running event whose start was open: it ends at a time picked within
    the same `startafter` (rule 65).
    """

    change: Change
    known: KnownEvent
    at: datetime


class EventInbox:
    """The events that a VEN knows.

    Args:
        ven_id: gives the venID, by which targets are checked.
        signals: the signal names that the application understands; others are answered 460 (rule 109).
        pick: returns a number from 0 to 1, by which times are picked that the VTN leaves open.
    """

    def __init__(self, ven_id: str, signals: frozenset[str], pick: Callable[[], float] = random.random) -> None:
        self.ven_id = ven_id
        self._signals = signals
        self._pick = pick
        self.shelf = self._events = Shelf("event", KnownEvent.spelled, KnownEvent.unspelled)

    def receive(self, message: DistributeEvent, now: datetime) -> tuple[list[EventChange], list[EventResponse]]:
        """Take in a distributeEvent; return what changed, and the answers that need no decision.

        Those are the negative ones, the confirmations of cancellations (optIn, rule 36), and the answers to events
        that were answered before. Good and bad events in one message are answered each for itself (rule 19). Answers
        to what is new or modified are made by `answer` when the application has decided.
        """
        changes: list[EventChange | None] = []
        answers: list[EventResponse | None] = []
        missing = set(self._events)
        for sent in message.events:
            fresh = KnownEvent(sent.ei_event, sent.response_required, message.request_id)
            missing.discard(fresh.event_id)
            change, answer = self._take(fresh, now)
            changes.append(change)
            answers.append(answer if fresh.answer_owed else None)
        changes += [self._lose(self._events[event_id], now) for event_id in sorted(missing)]
        return [change for change in changes if change], [answer for answer in answers if answer]

    def answer(self, event_id: str, opt: OptType, modification: int | None = None) -> EventResponse | None:
        """Keep the decision on an event and return the answer.

        None is returned where no answer is owed, and where the decision is on a `modification` that is not the present
        one: the application was or will be asked again.

        Raises:
            UnknownName: no such event.
        """
        known = self._events.get(event_id)
        if known is None:
            raise UnknownName("there is no event of that ID", where=event_id)
        if modification not in (None, known.modification) or known.cancelled:
            return None
        response = known.response(opt)
        known.opt = response.opt_type
        self._events.touch(event_id)
        return response if known.answer_owed else None

    def undecided(self, now: datetime) -> list[EventChange]:
        """Return what the application has still to decide on: to be told again after a restart."""
        open_ = [known for known in self._events.values() if known.opt is None and not known.cancelled]
        return [EventChange(Change.NEW, known, now) for known in open_]

    def active(self, now: datetime) -> list[KnownEvent]:
        """Return the events that are active at `now`, most important first."""
        found = [known for known in self._events.values() if _is_active(known, now)]
        return sorted(found, key=lambda k: (k.event.event_descriptor.priority or 1 << 30, timeline.start(k.event)))

    def clear(self) -> None:
        """Forget everything: the registration has ended."""
        self._events.clear()

    def __len__(self) -> int:
        return len(self._events)

    def _take(self, fresh: KnownEvent, now: datetime) -> tuple[EventChange | None, EventResponse | None]:
        known = self._events.get(fresh.event_id)
        if known is not None and fresh.modification < known.modification:
            error = Rejected(
                Code.OUT_OF_SEQUENCE, f"modification {fresh.modification} after {known.modification}", rule=58
            )
            return None, fresh.response(OptType.OPT_OUT, error)
        if known is not None and fresh.modification == known.modification and (known.cancelled or not fresh.cancelled):
            # Nothing may have changed but what follows from the time (rule 5): what was decided on stays.
            known.request_id, known.response_required = fresh.request_id, fresh.response_required
            self._events.touch(known.event_id)
            return None, known.response(known.opt) if known.opt else None
        if fresh.cancelled:
            fresh.opt = OptType.OPT_IN
            return self._cancel(known, fresh, now), fresh.response(OptType.OPT_IN)
        try:
            self._check(fresh.event)
        except Rejected as error:
            return self._lose(known, now) if known else None, fresh.response(OptType.OPT_OUT, error)
        self._delay(fresh, known)
        self._events[fresh.event_id] = fresh
        return EventChange(Change.MODIFIED if known else Change.NEW, fresh, now), None

    def _cancel(self, known: KnownEvent | None, fresh: KnownEvent, now: datetime) -> EventChange | None:
        if known is None:
            return None  # rule 60: it was never ours
        fresh.until = known.until or self._end(known, now)
        self._events[fresh.event_id] = fresh
        if known.cancelled or timeline.status(known.event, now) is EventStatus.COMPLETED:
            return None
        return EventChange(Change.CANCELLED, fresh, fresh.until)

    def _lose(self, known: KnownEvent, now: datetime) -> EventChange | None:
        """Forget an event that the VTN does not send any more; to have completed is not to be cancelled (rule 66)."""
        del self._events[known.event_id]
        if timeline.status(known.event, now) in (EventStatus.COMPLETED, EventStatus.CANCELLED):
            return None
        return EventChange(Change.IMPLICITLY_CANCELLED, known, self._end(known, now))

    def _check(self, event: EiEvent) -> None:
        target = event.ei_target
        if target.ven_ids and self.ven_id not in target.ven_ids:
            raise Rejected(
                Code.TARGET_MISMATCH, f"it is for {', '.join(target.ven_ids)}, not for {self.ven_id}", rule=22
            )
        unknown = [str(s.signal_name) for s in event.ei_event_signals if str(s.signal_name) not in self._signals]
        if len(unknown) == len(event.ei_event_signals):
            raise Rejected(Code.SIGNAL_NOT_SUPPORTED, f"{', '.join(unknown)} is not understood here", rule=109)
        event_rules.check(event)

    def _delay(self, fresh: KnownEvent, known: KnownEvent | None) -> None:
        """Pick the start of an event within its `startafter`; a modification that leaves both alone keeps the pick."""
        period = fresh.event.ei_active_period
        room = _startafter(fresh.event)
        if not room:
            return
        same = known is not None and _startafter(known.event) == room
        if known is not None and same and timeline.start(known.event) - known.delay == period.dtstart:
            fresh.delay = known.delay
        else:
            fresh.delay = self._picked(room)
        moved = changed(period, dtstart=period.dtstart + fresh.delay)
        fresh.event = changed(fresh.event, ei_active_period=moved)

    def _end(self, known: KnownEvent, now: datetime) -> datetime:
        """Return when a cancelled event ends (rule 65)."""
        if timeline.status(known.event, now) is not EventStatus.ACTIVE:
            return now
        ends = now + self._picked(_startafter(known.event))
        return min(ends, timeline.end(known.event) or ends)

    def _picked(self, room: timedelta) -> timedelta:
        return timedelta(seconds=round(self._pick() * room.total_seconds()))


def _startafter(event: EiEvent) -> timedelta:
    tolerance = event.ei_active_period.tolerance
    return tolerance.startafter.timedelta if tolerance and tolerance.startafter else timedelta()


def _is_active(known: KnownEvent, now: datetime) -> bool:
    if known.until is not None:
        return now < known.until
    return timeline.status(known.event, now) is EventStatus.ACTIVE
