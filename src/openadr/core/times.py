"""Durations and times that a peer has sent, before anything is reckoned with them: what cannot be is answered 454."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ..model import Duration
from ..rules import times
from .answers import Code, Rejected

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def after(start: datetime, duration: Duration) -> datetime:
    """Return the time `duration` after `start`; raise `Rejected` (454) if it is negative or beyond the calendar."""
    try:
        return times.after(start, duration)
    except ValueError as error:
        raise Rejected(Code.INVALID_DATA, str(error)) from None


def length(duration: Duration) -> timedelta:
    """Return a length of its own, from none to ten years; raise `Rejected` (454) for any other."""
    try:
        return times.length(duration)
    except ValueError as error:
        raise Rejected(Code.INVALID_DATA, str(error)) from None


def whole(when: datetime, step: timedelta) -> datetime:
    """Return the last whole multiple of `step` that is not after `when`."""
    return when - (when - EPOCH) % step
