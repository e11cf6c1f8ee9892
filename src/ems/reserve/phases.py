"""The course of a dispatch: the phases of each service as tables that can be printed, and when each one begins."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

import attrs

from ...common.statemachine import StateMachine
from ..events import DispatchEvent
from .parameters import Service


class Stage(Enum):
    """Where the application stands."""

    IDLE = "idle"
    RESPONSE = "response"
    """Generators start; storage helps, or waits for the last minutes."""
    LAST_MINUTES = "last minutes"
    """Of the response period: storage comes in."""
    FIRST_HOUR = "first hour"
    """Generators support first, and the stored energy is kept."""
    SUSTAINED = "sustained"
    """Storage supports first; generators are started and stopped by the energy that is left."""
    RECOVERY = "recovery"
    """Generators are off, storage is charged, no dispatch is taken."""


class Turn(Enum):
    """What leads from one stage to the next."""

    DISPATCHED = "dispatched"
    STORAGE_DUE = "storage is due"
    BEGUN = "service begins"
    HOUR_OVER = "first hour is over"
    ENDED = "service ends"
    RECOVERED = "recovered"


IN_SERVICE = frozenset({Stage.RESPONSE, Stage.LAST_MINUTES, Stage.FIRST_HOUR, Stage.SUSTAINED})
"""The stages in which faults are looked for and devices are dispatched."""

PLAIN = StateMachine[Stage, Turn](
    "spinning reserve",
    [
        (Stage.IDLE, Turn.DISPATCHED, Stage.RESPONSE),
        (Stage.RESPONSE, Turn.BEGUN, Stage.SUSTAINED),
        (Stage.RESPONSE, Turn.ENDED, Stage.RECOVERY),
        (Stage.SUSTAINED, Turn.ENDED, Stage.RECOVERY),
        (Stage.RECOVERY, Turn.RECOVERED, Stage.IDLE),
    ],
    initial=Stage.IDLE,
)
"""A service in which storage helps from the dispatch on."""

STAGED = StateMachine[Stage, Turn](
    "supplementary reserve",
    [
        (Stage.IDLE, Turn.DISPATCHED, Stage.RESPONSE),
        (Stage.RESPONSE, Turn.STORAGE_DUE, Stage.LAST_MINUTES),
        (Stage.LAST_MINUTES, Turn.BEGUN, Stage.FIRST_HOUR),
        (Stage.FIRST_HOUR, Turn.HOUR_OVER, Stage.SUSTAINED),
        ((Stage.RESPONSE, Stage.LAST_MINUTES, Stage.FIRST_HOUR, Stage.SUSTAINED), Turn.ENDED, Stage.RECOVERY),
        (Stage.RECOVERY, Turn.RECOVERED, Stage.IDLE),
    ],
    initial=Stage.IDLE,
)
"""A service that keeps its stored energy for the end."""


def machine(service: Service) -> StateMachine[Stage, Turn]:
    """Return the table of a service."""
    return PLAIN if service.storage_lead is None else STAGED


@attrs.frozen(slots=True)
class Course:
    """When what happens to one dispatch.

    Attributes:
        dispatch: the instant from which decisions are counted.
        start, end: of the sustained period; an event that is cancelled ends at that instant.
        recovered: when the next dispatch may come.
        turns: what happens, in order of time.
    """

    dispatch: datetime
    start: datetime
    end: datetime
    recovered: datetime
    turns: tuple[tuple[datetime, Turn], ...]

    def in_service(self, now: datetime) -> bool:
        """Return whether `now` lies in the response or sustained period."""
        return self.dispatch <= now < self.end


def course(
    event: DispatchEvent, service: Service, *, begun: datetime | None = None, cancelled: datetime | None = None
) -> Course:
    """Return the course of an event that was `begun` already, or begins when it says.

    One that is cancelled before its end ends at that instant, and recovers as any.
    """
    begin, end = event.begin if begun is None else begun, event.end
    if cancelled is not None:
        end = min(end, max(cancelled, begin))
    recovered = end + (event.recovery or service.recovery)
    turns = [(begin, Turn.DISPATCHED)]
    if service.storage_lead is not None:
        turns.append((max(begin, event.start - service.storage_lead), Turn.STORAGE_DUE))
    turns.append((event.start, Turn.BEGUN))
    if service.storage_lead is not None:
        turns.append((event.start + service.first_hour, Turn.HOUR_OVER))
    turns = [turn for turn in turns if turn[0] < end]
    turns += [(end, Turn.ENDED), (recovered, Turn.RECOVERED)]
    return Course(begin, event.start, end, recovered, tuple(turns))


def minutes(event: DispatchEvent) -> int:
    """Return how many minutes the sustained period has."""
    return max(1, round(event.duration / timedelta(minutes=1)))
