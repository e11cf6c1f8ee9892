"""oadrPoll of the VEN: when it asks for what waits."""

from __future__ import annotations

from datetime import datetime, timedelta

from ....common.errors import LocalError
from ...model import Duration, Poll
from ..times import length
from .office import Office

POLL_EVERY = timedelta(seconds=10)
SHORTEST_POLL = timedelta(seconds=1)


class Polling:
    """Asks a VTN that cannot reach us for what waits (rule 37).

    Args:
        every: how often, where the VTN does not say (rule 54).
        shortest: the shortest time between two polls, however often the VTN wants to be asked (rule 55).
    """

    def __init__(self, office: Office, every: timedelta = POLL_EVERY, shortest: timedelta = SHORTEST_POLL) -> None:
        if not timedelta() < shortest <= every:
            raise LocalError(f"polls every {every} cannot be at least {shortest} from each other")
        self._office = office
        self._shortest = shortest
        self.every = every
        self.next: datetime | None = None

    def begin(self, wished: Duration | None, now: datetime) -> None:
        """Ask from now on, as often as the VTN wishes."""
        if self._office.polls:
            self.next = now
            if wished is not None:
                self.every = max(length(wished), self._shortest)

    def end(self) -> None:
        """Ask no more."""
        self.next = None

    def tick(self, now: datetime) -> None:
        """Ask, if it is time to."""
        if self.next is not None and self.next <= now and self._office.registered:
            self.next = now + self.every
            self._office.outbox.put(self._office.vtn, Poll(ven_id=self._office.ven_id), key="poll")
