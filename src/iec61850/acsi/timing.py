"""What time stamps say of a clock that is kept right."""

from __future__ import annotations

from ...common.sntp import Synchronization
from .types import TimeQuality


def quality(state: Synchronization) -> TimeQuality:
    """Return what time stamps say while the clock is in this state."""
    return TimeQuality(
        leap_seconds_known=state.known,
        clock_failure=state.failure,
        clock_not_synchronized=not state.synchronized,
        accuracy=TimeQuality.accuracy_of(state.accuracy),
    )
