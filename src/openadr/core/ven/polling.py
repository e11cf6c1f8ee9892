"""oadrPoll of the VEN: when it asks for what waits."""

from __future__ import annotations

from datetime import datetime, timedelta

from ...model import Duration, Poll
from ..times import length
from .office import Office

POLL_EVERY = timedelta(seconds=10)
"""How often is asked for messages where the VTN does not say (rules 54 and 55)."""

SHORTEST_POLL = timedelta(seconds=1)
"""However often the VTN wants to be asked."""


class Polling:
    """Asks a VTN that cannot reach us for what waits (rule 37)."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.every = POLL_EVERY
        self.next: datetime | None = None

    def begin(self, wished: Duration | None, now: datetime) -> None:
        """Ask from now on, as often as the VTN wishes."""
        if self._office.polls:
            self.next = now
            if wished is not None:
                self.every = max(length(wished), SHORTEST_POLL)

    def end(self) -> None:
        """Ask no more."""
        self.next = None

    def tick(self, now: datetime) -> None:
        """Ask, if it is time to."""
        if self.next is not None and self.next <= now and self._office.registered:
            self.next = now + self.every
            self._office.outbox.put(self._office.vtn, Poll(ven_id=self._office.ven_id), key="poll")
