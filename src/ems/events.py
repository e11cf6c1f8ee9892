"""The dispatch event as the site sees it, and the port by which it is told of one."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

import attrs

from ..common.errors import LocalError


class Opt(Enum):
    """The site's answer to an event."""

    IN = "optIn"
    OUT = "optOut"


class Phase(Enum):
    """Where in an event's course a moment lies."""

    FAR = "far"
    RESPONSE = "response"
    SUSTAINED = "sustained"
    RECOVERY = "recovery"
    OVER = "over"


@attrs.frozen(slots=True, kw_only=True)
class DispatchEvent:
    """The utility asks for a reduction of import against the baseline.

    Attributes:
        id, modification: which event, and which state of it.
        issued: the dispatch instant: the baseline counts back from here.
        start, duration: the sustained period.
        reduction_kw: below the baseline.
        response: the time before `start` in which the site gets there; ramps begin at `begin`.
        recovery: the time after the sustained period in which the site gets ready again.
        market: the market context, by which a site knows which of its services is asked for.
        baseline_kw: given by the utility; None if the site's own counts.
    """

    id: str
    modification: int = 0
    issued: datetime
    start: datetime
    duration: timedelta
    reduction_kw: float
    response: timedelta = timedelta(minutes=10)
    recovery: timedelta = timedelta(0)
    market: str = ""
    baseline_kw: float | None = None

    def __attrs_post_init__(self) -> None:
        if self.duration <= timedelta(0):
            raise LocalError(f"event {self.id}: a duration is above zero, not {self.duration}")

    @property
    def end(self) -> datetime:
        """When the sustained period is over."""
        return self.start + self.duration

    @property
    def recovered(self) -> datetime:
        """When the site is ready for the next event."""
        return self.end + self.recovery

    @property
    def begin(self) -> datetime:
        """When the response begins: the response time before the start, but not before the event was issued."""
        return min(self.start, max(self.issued, self.start - self.response))

    def phase(self, now: datetime) -> Phase:
        """Return where `now` lies."""
        if now < self.begin:
            return Phase.FAR
        if now < self.start:
            return Phase.RESPONSE
        if now < self.end:
            return Phase.SUSTAINED
        return Phase.RECOVERY if now < self.recovered else Phase.OVER


@attrs.frozen(slots=True)
class Answer:
    """An opt with its reason, for the utility and for people."""

    opt: Opt
    reason: str = ""


class EventSink(Protocol):
    """The site, seen by whatever brings it events (the VEN, a test)."""

    def offer(self, event: DispatchEvent) -> Answer:
        """Take a new or modified event; return whether the site will follow it."""
        ...

    def withdraw(self, event_id: str) -> None:
        """The event was cancelled; unknown ids are passed over."""
        ...
