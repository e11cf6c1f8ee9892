"""EiEvent of the VEN: what a distributeEvent changes, what is owed in answer, and what is active when."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

import attrs

from ...common.errors import UnknownName
from ..model import (
    DistributeEvent,
    EiEvent,
    EiEventSignal,
    EiResponse,
    EiTarget,
    EventResponse,
    EventStatus,
    OptType,
    ResponseRequired,
    changed,
)
from ..rules import timeline
from ..rules.decisions import (
    rule_6,
    rule_12,
    rule_22,
    rule_30,
    rule_36,
    rule_42,
    rule_57,
    rule_58,
    rule_59,
    rule_60,
    rule_61,
    rule_65,
    rule_66,
    rule_109,
    startafter,
)
from ..rules.event import order
from . import event_rules, quotas, spelling
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


ENDS = (Change.CANCELLED, Change.IMPLICITLY_CANCELLED)


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
    override: OptType | None = None
    """What we have said by EiOpt, which goes before `opt` (rule 206)."""
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
        return rule_59(self.event)

    @property
    def is_test(self) -> bool:
        """Whether it is a test only (rule 6)."""
        return rule_6(self.event.event_descriptor)

    def status(self, now: datetime) -> EventStatus:
        """Return where it stands here at `now`: far, near, active, completed or cancelled."""
        return timeline.status(self.event, now)

    def value(self, signal: EiEventSignal | str, now: datetime) -> float | None:
        """Return what a signal, or the first one of a name, asks for at `now`; None for nothing.

        The number is in the unit of the signal's item.
        """
        if self.until is not None and now >= self.until:
            return None
        signals = self.event.ei_event_signals
        found = (each for each in signals if signal in (each, each.signal_name))
        return next((timeline.value(self.followed, each, now) for each in found), None)

    @property
    def followed(self) -> EiEvent:
        """The event as it is followed: cancelled, it goes on as it was `until` it ends (rule 65)."""
        if self.until is None:
            return self.event
        return changed(self.event, event_descriptor=changed(self.event.event_descriptor, event_status=EventStatus.FAR))

    @property
    def answer_owed(self) -> bool:
        """Whether the VTN wants an answer to it (rules 12 and 62)."""
        return rule_12(self.response_required)

    @property
    def stands(self) -> OptType | None:
        """Whether we take part, as the VTN knows it; None while that is not decided."""
        return self.override or self.opt

    def spelled(self) -> str:
        """Return the event as it is kept."""
        return spelling.document(
            event=spelling.event(self.event, self.response_required),
            request_id=self.request_id,
            delay=spelling.length(self.delay),
            opt=self.opt,
            override=self.override,
            until=spelling.time(self.until),
        )

    @classmethod
    def unspelled(cls, text: str) -> KnownEvent:
        """Return what `spelled` has returned the text of."""
        kept = spelling.values(text)
        event, required = spelling.event_of(kept["event"])
        opt, override = (None if kept.get(name) is None else OptType(kept[name]) for name in ("opt", "override"))
        delay, until = spelling.length_of(kept["delay"]), spelling.time_of(kept["until"])
        return cls(event, required, kept["request_id"], delay, opt, override, until)

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

    def spelled(self) -> str:
        """Return the change as it is kept."""
        at = spelling.time(self.at)
        return spelling.document(change=self.change.value, known=self.known.spelled(), at=at)

    @classmethod
    def unspelled(cls, text: str) -> EventChange:
        """Return what `spelled` has returned the text of."""
        kept = spelling.values(text)
        return cls(Change(kept["change"]), KnownEvent.unspelled(kept["known"]), datetime.fromisoformat(kept["at"]))


class EventInbox:
    """The events that a VEN knows.

    Args:
        ven_id: gives the venID, by which targets are checked.
        targets: what else is the VEN's own: resources, groups, parties, nodes, device classes …
        signals: the signal names that the application understands; others are answered 460 (rule 109).
        pick: returns a number from 0 to 1, by which times are picked that the VTN leaves open.
    """

    def __init__(
        self,
        ven_id: str,
        signals: frozenset[str],
        pick: Callable[[], float] = random.random,
        targets: EiTarget | None = None,
    ) -> None:
        self.ven_id = ven_id
        self.targets = targets or EiTarget()
        self._signals = signals
        self._pick = pick
        self.shelf = self._events = Shelf("event", KnownEvent.spelled, KnownEvent.unspelled)
        self.ends = Shelf("end", EventChange.spelled, EventChange.unspelled)
        """Cancellations that the application was not told of yet, by eventID."""

    def receive(
        self, message: DistributeEvent, now: datetime, *, complete: bool = True
    ) -> tuple[list[EventChange], list[EventResponse]]:
        """Take in a distributeEvent; return what changed, and the answers that need no decision.

        Those are the negative ones, the confirmations of cancellations (optIn, rule 36), and the answers to events
        that were answered before. Good and bad events in one message are answered each for itself (rule 19). Answers
        to what is new or modified are made by `answer` when the application has decided.

        An ID that stands more than once is answered 452 each time, and what is known of it stays. A message that is not
        `complete`, because of a replyLimit, cancels nothing by leaving it out.
        """
        changes: list[EventChange | None] = []
        answers: list[EventResponse | None] = []
        known = list(self._events)
        count = Counter(sent.ei_event.event_descriptor.event_id for sent in message.events)
        for sent in message.events:
            fresh = KnownEvent(sent.ei_event, sent.response_required, rule_42(message))
            change, answer = self._take(fresh, now) if count[fresh.event_id] == 1 else (None, _ambiguous(fresh))
            changes.append(change)
            answers.append(answer if fresh.answer_owed else None)
        if complete:
            changes += [self._lose(self._events[event_id], now) for event_id in rule_61(known, count)]
        found = [change for change in changes if change]
        self.ends.update({change.known.event_id: change for change in found if change.change in ENDS})
        return found, [answer for answer in answers if answer]

    def told(self, change: EventChange) -> None:
        """The application has been told of a change; one that it has to decide on is kept until it has."""
        if change.change in ENDS:
            self.ends.pop(change.known.event_id, None)

    def answer(self, event_id: str, opt: OptType, modification: int | None = None) -> EventResponse | None:
        """Keep the decision on an event and return the answer.

        None is returned where no answer is owed, and where the decision is on a `modification` that is not the present
        one: the application was or will be asked again.

        What we have said by EiOpt stays the answer until it is withdrawn; then the decision counts again.

        Raises:
            UnknownName: no such event.
        """
        known = self.get(event_id)
        if modification not in (None, known.modification) or known.cancelled:
            return None
        known.opt = opt
        self._events.touch(event_id)
        return self.owed(event_id)

    def override(self, event_id: str, opt: OptType | None) -> bool:
        """Let what we say by EiOpt go before our decision, None for nothing any more; return whether that is new."""
        known = self._events.get(event_id)
        if known is None or known.override is opt:
            return False
        known.override = opt
        self._events.touch(event_id)
        return True

    def owed(self, event_id: str) -> EventResponse | None:
        """Return the answer that is owed to an event; None where none is, or it is not decided."""
        known = self._events.get(event_id)
        if known is None or known.stands is None or not known.answer_owed:
            return None
        return known.response(known.stands)

    def get(self, event_id: str) -> KnownEvent:
        """Return an event; raise `UnknownName` if there is none of that ID."""
        known = self._events.get(event_id)
        if known is None:
            raise UnknownName("there is no event of that ID", where=event_id)
        return known

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._events

    def undecided(self, now: datetime) -> list[EventChange]:
        """Return what the application was not told of yet, or has still to decide on: to be told after a restart."""
        open_ = [known for known in self._events.values() if known.opt is None and not known.cancelled]
        return [*self.ends.values(), *(EventChange(Change.NEW, known, now) for known in open_)]

    def active(self, now: datetime) -> list[KnownEvent]:
        """Return the events that are active at `now`, most important first."""
        found = [known for known in self._events.values() if _is_active(known, now)]
        return sorted(found, key=lambda known: order(known.event, EventStatus.ACTIVE))

    def all(self, now: datetime) -> list[KnownEvent]:
        """Return every event, in the order of rule 15."""
        return sorted(self._events.values(), key=lambda known: order(known.event, known.status(now)))

    def clear(self) -> None:
        """Forget everything: the registration has ended."""
        self._events.clear()
        self.ends.clear()

    def __len__(self) -> int:
        return len(self._events)

    def _take(self, fresh: KnownEvent, now: datetime) -> tuple[EventChange | None, EventResponse | None]:
        known = self._events.get(fresh.event_id)
        if known is not None and (wrong := rule_58(known.event, fresh.event)) is not None:
            return None, fresh.response(OptType.OPT_OUT, Rejected(Code.OUT_OF_SEQUENCE, wrong, rule=58))
        again = known is not None and not rule_57(known.event, fresh.event)
        if known is not None and again and (known.cancelled or not fresh.cancelled):
            # Nothing may have changed but what follows from the time (rule 5): what was decided on stays.
            known.request_id, known.response_required = fresh.request_id, fresh.response_required
            self._events.touch(known.event_id)
            return None, known.response(known.stands) if known.stands else None
        if fresh.cancelled:
            fresh.opt = rule_36()
            return self._cancel(known, fresh, now), fresh.response(fresh.opt)
        try:
            if known is None:
                quotas.check_event(fresh.event_id, len(self._events))
            self._check(fresh.event)
        except Rejected as error:
            return self._lose(known, now) if known else None, fresh.response(OptType.OPT_OUT, error)
        self._delay(fresh, known)
        self._events[fresh.event_id] = fresh
        return EventChange(Change.MODIFIED if known else Change.NEW, fresh, now), None

    def _cancel(self, known: KnownEvent | None, fresh: KnownEvent, now: datetime) -> EventChange | None:
        if known is None or rule_60(fresh.event, self._events):
            return None
        fresh.until = known.until or rule_65(known.event, now, self._pick())
        fresh.delay = known.delay
        fresh.event = changed(known.event, event_descriptor=fresh.event.event_descriptor)  # it ends as it has run
        self._events[fresh.event_id] = fresh
        if known.cancelled or timeline.status(known.event, now) is EventStatus.COMPLETED:
            return None
        return EventChange(Change.CANCELLED, fresh, fresh.until)

    def _lose(self, known: KnownEvent, now: datetime) -> EventChange | None:
        """Forget an event that the VTN does not send any more; to have completed is not to be cancelled (rule 66).

        One that began later here than at the VTN runs to its end, and is forgotten then.
        """
        running = _is_active(known, now)
        if running and not known.cancelled and rule_66(known.event, known.delay, now):
            return None
        del self._events[known.event_id]
        if known.cancelled or timeline.status(known.event, now) is EventStatus.COMPLETED:
            return None
        return EventChange(Change.IMPLICITLY_CANCELLED, known, rule_65(known.event, now, self._pick()))

    def is_for_us(self, signal: EiEventSignal) -> bool:
        """Return whether a signal of an event that is for us is: it may be for other device classes (rule 22)."""
        return signal.ei_target is None or rule_22(signal.ei_target, self.ven_id, self.targets) is None

    def _check(self, event: EiEvent) -> None:
        if (wrong := rule_22(event.ei_target, self.ven_id, self.targets)) is not None:
            raise Rejected(Code.TARGET_MISMATCH, wrong, rule=22)
        ours = [signal for signal in event.ei_event_signals if self.is_for_us(signal)]
        if not ours:
            raise Rejected(Code.TARGET_MISMATCH, "none of its signals is for us, or for devices that we have", rule=22)
        if (wrong := rule_109(changed(event, ei_event_signals=ours), self._signals)) is not None:
            raise Rejected(Code.SIGNAL_NOT_SUPPORTED, wrong, rule=109)
        event_rules.check(event)

    def _delay(self, fresh: KnownEvent, known: KnownEvent | None) -> None:
        """Pick the start of an event within its `startafter`; a modification that leaves both alone keeps the pick."""
        period = fresh.event.ei_active_period
        room = startafter(fresh.event)
        if not room:
            return
        same = known is not None and startafter(known.event) == room
        if known is not None and same and timeline.start(known.event) - known.delay == period.dtstart:
            fresh.delay = known.delay
        else:
            fresh.delay = rule_30(fresh.event, self._pick())
        moved = changed(period, dtstart=period.dtstart + fresh.delay)
        fresh.event = changed(fresh.event, ei_active_period=moved)


def _ambiguous(fresh: KnownEvent) -> EventResponse:
    error = Rejected(Code.INVALID_ID, f"eventID {fresh.event_id:.80} stands more than once in the message")
    return fresh.response(OptType.OPT_OUT, error)


def _is_active(known: KnownEvent, now: datetime) -> bool:
    if known.until is not None:
        return now < known.until
    return timeline.status(known.event, now) is EventStatus.ACTIVE
