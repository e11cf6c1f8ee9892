"""Durations and times that a peer has sent, before anything is reckoned with them.

The schema lets pass what no calendar holds: ten years after a start in the year 9999, a billion hours,
minus an hour.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..model import Duration

LONGEST = timedelta(days=3660)
"""Longer than ten years is no period of sampling or reporting."""

LAST_YEAR = 9000
"""Some room is left to the end of the calendar, so that what is reckoned with from here on stays within."""


def after(start: datetime, duration: Duration) -> datetime:
    """Return the time `duration` after `start`; raise `ValueError` if it is negative or beyond the calendar."""
    if duration.months < 0 or duration.seconds < 0:
        raise ValueError(f"a duration of {duration.text[:40]} is negative")
    try:
        end = duration.after(start)
    except (ValueError, OverflowError):
        end = None
    if end is None or end.year > LAST_YEAR:
        raise ValueError(f"{duration.text[:40]} after {start} is beyond the calendar")
    return end


def length(duration: Duration) -> timedelta:
    """Return a length of its own, from none to `LONGEST`; raise `ValueError` for any other."""
    if duration.months:
        raise ValueError(f"{duration.text[:40]} has months, whose length is not fixed: give days")
    if not 0 <= duration.seconds <= LONGEST.total_seconds():
        raise ValueError(f"{duration.text[:40]} is not between nothing and {LONGEST.days} days")
    return timedelta(seconds=duration.seconds)
