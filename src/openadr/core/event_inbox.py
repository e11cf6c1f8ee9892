"""EiEvent of the VEN: what a distributeEvent changes, what is owed in answer, and what is active when."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import attrs

from ...common.errors import UnknownName
from ..model import (
    DistributeEvent,
    EiEvent,
    Event,
    EventResponse,
    EventStatus,
    OptType,
    ResponseRequired,
)
from . import timeline
from .answers import Code, Rejected


class Change(Enum):
    """What a distributeEvent did to an event."""

    NEW = "new"
    MODIFIED = "modified"
    CANCELLED = "cancelled"
    IMPLICITLY_CANCELLED = "implicitly cancelled"
    """It was known, and is missing in what the VTN sends (rule 61)."""


@attrs.define(slots=True, eq=False)
class KnownEvent:
    """An event as this VEN knows it, and what it answered."""

    event: EiEvent
    response_required: ResponseRequired
    request_id: str
    """Of the distributeEvent that brought it last: its answer carries it (rule 42)."""
    opt: OptType | None = None

    @property
    def event_id(self) -> str:
        """The eventID."""
        return self.event.event_descriptor.event_id

    @property
    def answer_owed(self) -> bool:
        """Whether the VTN wants an answer to it (rules 12 and 62)."""
        return self.response_required is ResponseRequired.ALWAYS


@attrs.frozen(slots=True)
class EventChange:
    """One change, and the event that it concerns, as it is now."""

    change: Change
    known: KnownEvent


class EventInbox:
    """The events that a VEN knows.

    Args:
        ven_id: gives the venID, by which targets are checked.
        signals: the signal names that the application understands; others are answered 460 (rule 109).
    """

    def __init__(self, ven_id: str, signals: frozenset[str]) -> None:
        self.ven_id = ven_id
        self._signals = signals
        self._events: dict[str, KnownEvent] = {}

    def receive(self, message: DistributeEvent, now: datetime) -> tuple[list[EventChange], list[EventResponse]]:
        """Take in a distributeEvent; return what changed, and negative answers to the events that are wrong.

        Good and bad events in one message are answered each for itself (rule 19). Positive answers are made by
        `answer` when the application has decided.
        """
        changes: list[EventChange] = []
        rejected: list[EventResponse] = []
        present = set()
        for sent in message.events:
            identity = sent.ei_event.qualified_event_id
            present.add(identity.event_id)
            try:
                changed = self._take(sent, message.request_id, now)
            except Rejected as error:
                rejected.append(
                    EventResponse(
                        response_code=error.code or Code.COMPLIANCE_ERROR,
                        response_description=error.message,
                        request_id=message.request_id,
                        qualified_event_id=identity,
                        opt_type=OptType.OPT_OUT,
                    )
                )
            else:
                changes.extend([changed] if changed else [])
        for event_id in [known for known in self._events if known not in present]:
            known = self._events.pop(event_id)
            if timeline.status(known.event, now) not in (EventStatus.COMPLETED, EventStatus.CANCELLED):
                changes.append(EventChange(Change.IMPLICITLY_CANCELLED, known))
        return changes, rejected

    def answer(self, event_id: str, opt: OptType) -> EventResponse | None:
        """Keep the decision on an event and return the answer; None where none is owed.

        Raises:
            UnknownName: no such event.
        """
        known = self._events.get(event_id)
        if known is None:
            raise UnknownName("there is no event of that ID", where=event_id)
        known.opt = opt
        if not known.answer_owed:
            return None
        return EventResponse(
            request_id=known.request_id, qualified_event_id=known.event.qualified_event_id, opt_type=opt
        )

    def active(self, now: datetime) -> list[KnownEvent]:
        """Return the events that are active at `now`, most important first."""
        found = [k for k in self._events.values() if timeline.status(k.event, now) is EventStatus.ACTIVE]
        return sorted(found, key=lambda k: (k.event.event_descriptor.priority or 1 << 30, timeline.start(k.event)))

    def clear(self) -> None:
        """Forget everything: the registration has ended."""
        self._events.clear()

    def __len__(self) -> int:
        return len(self._events)

    def _take(self, sent: Event, request_id: str, now: datetime) -> EventChange | None:
        event = sent.ei_event
        descriptor = event.event_descriptor
        known = self._events.get(descriptor.event_id)
        cancelled = descriptor.event_status is EventStatus.CANCELLED
        if known is None and cancelled:
            return None  # rule 60: not an error
        if known is not None:
            before = known.event.event_descriptor.modification_number
            if descriptor.modification_number < before:
                raise Rejected(
                    Code.OUT_OF_SEQUENCE, f"modification {descriptor.modification_number} after {before}", rule=58
                )
            if descriptor.modification_number == before:
                known.event, known.request_id = event, request_id
                return None
        self._check(event)
        fresh = self._events[descriptor.event_id] = KnownEvent(event, sent.response_required, request_id)
        if cancelled:
            return EventChange(Change.CANCELLED, fresh)
        return EventChange(Change.MODIFIED if known else Change.NEW, fresh)

    def _check(self, event: EiEvent) -> None:
        target = event.ei_target
        if target.ven_ids and self.ven_id not in target.ven_ids:
            raise Rejected(
                Code.TARGET_MISMATCH, f"it is for {', '.join(target.ven_ids)}, not for {self.ven_id}", rule=22
            )
        if event.event_descriptor.event_status is EventStatus.CANCELLED:
            return
        unknown = [str(s.signal_name) for s in event.ei_event_signals if str(s.signal_name) not in self._signals]
        if len(unknown) == len(event.ei_event_signals):
            raise Rejected(Code.SIGNAL_NOT_SUPPORTED, f"{', '.join(unknown)} is not understood here", rule=109)
