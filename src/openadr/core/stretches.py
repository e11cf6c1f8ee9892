"""Stretches of time that a schedule consists of."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime

import attrs

from ..model import WsCalendarInterval
from .answers import Code, Rejected
from .times import after

MOST = 500
"""Stretches in one schedule: more than one for each day of a year."""


@attrs.frozen(slots=True)
class Stretches:
    """Times that do not touch each other, in order; an end belongs no more to what it ends.

    Attributes:
        bounds: begin, end, begin, end …; the last end is missing where the last stretch is open.
    """

    bounds: tuple[datetime, ...]

    @classmethod
    def of(cls, intervals: Iterable[WsCalendarInterval]) -> Stretches:
        """Return intervals as stretches, those that overlap or touch as one; a zero duration is open-ended.

        Raises:
            Rejected: (454) there is none, there are very many, or one is not within the calendar.
        """
        given = sorted(((each.dtstart, after(each.dtstart, each.duration)) for each in intervals), key=lambda it: it[0])
        if not 0 < len(given) <= MOST:
            raise Rejected(Code.INVALID_DATA, f"a schedule has from 1 to {MOST} stretches of time, not {len(given)}")
        bounds: list[datetime] = []
        for begin, end in given:
            if bounds and len(bounds) % 2:
                break  # what came before is open-ended
            if bounds and begin <= bounds[-1]:
                last = bounds.pop()
            else:
                bounds.append(begin)
                last = begin
            if end > begin:
                bounds.append(max(last, end))
        return cls(tuple(bounds))

    def cover(self, when: datetime) -> bool:
        """Return whether a time is in one of them."""
        return bisect_right(self.bounds, when) % 2 == 1

    def changes(self, when: datetime) -> datetime | None:
        """Return the next time after `when` at which one begins or ends; None if there is none."""
        following = bisect_right(self.bounds, when)
        return self.bounds[following] if following < len(self.bounds) else None

    def are_over(self, when: datetime) -> bool:
        """Return whether the last of them has ended at `when`."""
        return len(self.bounds) % 2 == 0 and self.bounds[-1] <= when
