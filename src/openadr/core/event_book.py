"""EiEvent of the VTN: the events it has made, who is to have them, and what they answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import attrs

from ...common.errors import LocalError, UnknownName
from ..model import (
    EiEvent,
    Event,
    EventResponse,
    EventStatus,
    OptType,
    QualifiedEventId,
    ResponseRequired,
    changed,
)
from ..rules import Finding, timeline
from ..rules.decisions import rule_4, rule_5, startafter
from ..rules.event import order
from . import event_rules, spelling
from .answers import Code, Rejected
from .event_answers import EventAnswers
from .shelf import Shelf


@attrs.define(slots=True, eq=False)
class BookedEvent:
    """An event with its addressees; their answers stand in the `said` that all events of a book share.

    Attributes:
        event: as made or last modified; its status is that of the time it was made, see `EventBook.for_ven`.
        ven_ids: the VENs it is for.
        by_target: whether it is for whomever its target and market context mean, also if they register later.
        warnings: what had better be otherwise in it.
    """

    event: EiEvent
    ven_ids: frozenset[str]
    said: EventAnswers
    response_required: ResponseRequired = ResponseRequired.ALWAYS
    by_target: bool = False
    warnings: tuple[Finding, ...] = ()

    def opt(self, ven_id: str) -> OptType | None:
        """Return whether this VEN takes part (rule 16); None while it has not answered the present modification."""
        answer = self.answer(ven_id)
        if answer is None:
            return None
        return answer.opt_type if answer.response_code.startswith("2") else OptType.OPT_OUT

    def answer(self, ven_id: str) -> EventResponse | None:
        """Return what counts as this VEN's answer to the present modification; None while there is none."""
        said = self.said.of(self.event.event_descriptor.event_id).get(ven_id)
        return None if said is None else self._present(said.override) or self._present(said.answer)

    def is_overridden(self, ven_id: str) -> bool:
        """Return whether this VEN has spoken by EiOpt, so that its answers are ignored (rule 206).

        What it has said of an earlier modification says nothing of this one.
        """
        said = self.said.of(self.event.event_descriptor.event_id).get(ven_id)
        return said is not None and self._present(said.override) is not None

    def _present(self, found: EventResponse | None) -> EventResponse | None:
        current = self.event.event_descriptor.modification_number
        return found if found is not None and found.qualified_event_id.modification_number == current else None

    def spelled(self) -> str:
        """Return the event as it is kept."""
        return spelling.document(
            event=spelling.event(self.event, self.response_required),
            vens=sorted(self.ven_ids),
            by_target=self.by_target,
        )

    @classmethod
    def unspelled(cls, text: str, said: EventAnswers) -> BookedEvent:
        """Return what `spelled` has returned the text of."""
        kept = spelling.values(text)
        event, required = spelling.event_of(kept["event"])
        return cls(event, frozenset(kept["vens"]), said, required, kept.get("by_target", False))

    @property
    def unanswered(self) -> frozenset[str]:
        """The VENs that owe an answer to the present modification."""
        return frozenset(filter(self.owes, self.ven_ids))

    def owes(self, ven_id: str) -> bool:
        """Return whether this VEN owes an answer to the present modification."""
        required = self.response_required is not ResponseRequired.NEVER
        return required and ven_id in self.ven_ids and self.opt(ven_id) is None


KEPT = timedelta(days=1)
"""How long an event is known at least after it is over."""

LEAST = 100
"""Events that are kept in any case."""


class EventBook:
    """The events of a VTN, until a day after they are over."""

    def __init__(self) -> None:
        self.answers = EventAnswers()
        self.shelf = self._events = Shelf(
            "event", BookedEvent.spelled, lambda text: BookedEvent.unspelled(text, self.answers)
        )
        self._most = LEAST

    def add(
        self,
        event: EiEvent,
        ven_ids: Iterable[str],
        now: datetime,
        response_required: ResponseRequired = ResponseRequired.ALWAYS,
        *,
        by_target: bool = False,
    ) -> BookedEvent:
        """Add a new event.

        Raises:
            LocalError: an event of that ID exists, or it breaks a rule, or it overlaps another of its market context.
        """
        descriptor = event.event_descriptor
        if descriptor.event_id in self._events:
            raise LocalError(f"there is an event {descriptor.event_id} already: modify it", where=descriptor.event_id)
        if (wrong := rule_4(event)) is not None:
            raise LocalError(f"{wrong} (rule 4)", where=descriptor.event_id)
        booked = BookedEvent(event, frozenset(ven_ids), self.answers, response_required, by_target=by_target)
        booked.warnings = event_rules.check_own(event, self._beside(booked, now), now)
        self._forget(now)
        self._events[descriptor.event_id] = booked
        return booked

    def modify(self, event: EiEvent, now: datetime) -> BookedEvent:
        """Replace an event by a changed one; the book counts the modification (rule 5) if anything counts as one.

        Raises:
            UnknownName: no such event.
            LocalError: it is cancelled or completed, or it would break a rule.
        """
        booked = self.get(event.event_descriptor.event_id)
        if not rule_5(booked.event, event):
            return booked
        before = timeline.status(booked.event, now)
        if before in (EventStatus.CANCELLED, EventStatus.COMPLETED):
            raise LocalError(f"a {before} event cannot be changed", where=event.event_descriptor.event_id)
        booked.warnings = event_rules.check_own(event, self._beside(booked, now), now)
        descriptor = changed(
            event.event_descriptor,
            modification_number=booked.event.event_descriptor.modification_number + 1,
            modification_date_time=now,
        )
        booked.event = changed(event, event_descriptor=descriptor)
        self._events.touch(descriptor.event_id)
        return booked

    def address(self, booked: BookedEvent, ven_ids: Iterable[str]) -> None:
        """Let an event be for these VENs."""
        booked.ven_ids = frozenset(ven_ids)
        self._events.touch(booked.event.event_descriptor.event_id)

    def cancel(self, event_id: str, now: datetime, reason: str | None = None) -> BookedEvent:
        """Cancel an event: status cancelled, one modification more (rule 5). To do it twice changes nothing.

        Raises:
            UnknownName: no such event.
            LocalError: it is completed, or the reason is no text that can be sent.
        """
        booked = self.get(event_id)
        event = booked.event
        if event.event_descriptor.event_status is EventStatus.CANCELLED:
            return booked
        if timeline.status(event, now) is EventStatus.COMPLETED:
            raise LocalError("a completed event cannot be changed", where=event_id)
        descriptor = changed(
            event.event_descriptor,
            event_status=EventStatus.CANCELLED,
            modification_reason=reason,
            modification_number=event.event_descriptor.modification_number + 1,
            modification_date_time=now,
        )
        cancelled = changed(event, event_descriptor=descriptor)
        event_rules.check_sendable(cancelled)
        booked.event = cancelled
        self._events.touch(event_id)
        return booked

    def get(self, event_id: str) -> BookedEvent:
        """Return an event; raise `UnknownName` if there is none of that ID."""
        if event_id not in self._events:
            raise UnknownName("there is no event of that ID", where=event_id)
        return self._events[event_id]

    def find(self, event_id: str) -> BookedEvent | None:
        """Return an event, None if there is none of that ID."""
        return self._events.get(event_id)

    def for_ven(self, ven_id: str, now: datetime, limit: int | None = None) -> tuple[Event, ...]:
        """Return what a VEN has to know at `now`, in the order of rule 15, at most `limit` of them.

        A completed event is left out; where its start was left open it stays, as completed, until the VEN is done
        too. A cancelled event is sent until the VEN has answered it, or for good where no answer is owed until its time
        is over. Of several VENs that a target names, each is told of itself alone. That a VEN has opted out of an event
        changes nothing (rule 50).
        """
        found = []
        for booked in self._events.values():
            if ven_id not in booked.ven_ids:
                continue
            state = timeline.status(booked.event, now)
            if state is EventStatus.COMPLETED and _is_over(booked.event, now - startafter(booked.event)):
                continue
            if state is EventStatus.CANCELLED and _closed(booked, ven_id, now):
                continue
            found.append((state, booked))
        found.sort(key=lambda item: order(item[1].event, item[0]))
        return tuple(_sent(booked, ven_id, state, now) for state, booked in found[:limit])

    def record(self, ven_id: str, response: EventResponse) -> tuple[BookedEvent, bool]:
        """Keep a VEN's answer to an event; return the event, and whether the answer says anything new.

        Of a VEN that has spoken by EiOpt it says nothing, and is not kept (rule 206).

        Raises:
            Rejected: no such event for this VEN (452), or another modification than the present one (450).
        """
        identity = response.qualified_event_id
        booked = self._named(ven_id, identity)
        if booked.is_overridden(ven_id):
            return booked, False
        said = self.answers.get_of(identity.event_id, ven_id)
        before = said.answer
        self.answers.put(attrs.evolve(said, answer=response))
        return booked, before is None or changed(before, request_id=response.request_id) != response

    def open_to(self, ven_id: str, identity: QualifiedEventId, now: datetime) -> BookedEvent:
        """Return an event that a VEN may still opt in to or out of.

        Raises:
            Rejected: as `record`, and for an event that is cancelled or completed (451).
        """
        booked = self._named(ven_id, identity)
        state = timeline.status(booked.event, now)
        if state in (EventStatus.CANCELLED, EventStatus.COMPLETED):
            raise Rejected(Code.NOT_ALLOWED, f"event {identity.event_id} is {state}")
        return booked

    def override(self, booked: BookedEvent, ven_id: str, response: EventResponse | None) -> bool:
        """Let this go before a VEN's answers (None: nothing any more); return whether that changes what it says."""
        said = self.answers.get_of(booked.event.event_descriptor.event_id, ven_id)
        before = said.override
        self.answers.put(attrs.evolve(said, override=response))
        return before is not response and (
            before is None or response is None or changed(before, request_id=response.request_id) != response
        )

    def _named(self, ven_id: str, identity: QualifiedEventId) -> BookedEvent:
        booked = self._events.get(identity.event_id)
        if booked is None or ven_id not in booked.ven_ids:
            raise Rejected(Code.INVALID_ID, f"there is no event {identity.event_id} for {ven_id}")
        current = booked.event.event_descriptor.modification_number
        if identity.modification_number != current:
            raise Rejected(
                Code.OUT_OF_SEQUENCE,
                f"event {identity.event_id} is at modification {current}, not {identity.modification_number}",
            )
        return booked

    def _beside(self, booked: BookedEvent, now: datetime) -> Iterator[EiEvent]:
        """Yield what the VENs of an event have to do besides it."""
        own = booked.event.event_descriptor.event_id
        for event_id, other in self._events.items():
            if event_id != own and not booked.ven_ids.isdisjoint(other.ven_ids) and not _is_over(other.event, now):
                yield other.event

    def _forget(self, now: datetime) -> None:
        """Forget what is long over; looked for only when the book has grown to twice what was left the last time."""
        if len(self._events) >= self._most:
            for over in [id for id, each in self._events.items() if _is_over(each.event, now - KEPT)]:
                del self._events[over]
                self.answers.forget(over)
            self._most = max(LEAST, 2 * len(self._events))

    def __iter__(self) -> Iterator[BookedEvent]:
        return iter(self._events.values())


def _is_over(event: EiEvent, when: datetime) -> bool:
    """Return whether the event was over at `when`."""
    descriptor = event.event_descriptor
    if descriptor.event_status is EventStatus.CANCELLED:
        return (descriptor.modification_date_time or when) < when
    return timeline.status(event, when) is EventStatus.COMPLETED


def _closed(booked: BookedEvent, ven_id: str, now: datetime) -> bool:
    ends = timeline.end(booked.event)
    return booked.opt(ven_id) is not None or (ends is not None and now >= ends)


def _sent(booked: BookedEvent, ven_id: str, state: EventStatus, now: datetime) -> Event:
    """Return the event as it is sent to a VEN at `now`: status and current values of that time (rules 13 and 14)."""
    event = booked.event
    signals = tuple(
        changed(signal, current_value=timeline.value(event, signal, now) or 0.0) for signal in event.ei_event_signals
    )
    descriptor = changed(event.event_descriptor, event_status=state)
    target = event.ei_target
    if len(target.ven_ids) > 1:
        target = changed(target, ven_ids=(ven_id,) if ven_id in target.ven_ids else target.ven_ids[:1])
    shown = changed(event, event_descriptor=descriptor, ei_event_signals=signals, ei_target=target)
    return Event(ei_event=shown, response_required=booked.response_required)
