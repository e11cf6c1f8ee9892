"""Things to do later, without a clock: the caller says what time it is."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import attrs


@attrs.define(slots=True, eq=False)
class Timer:
    """One thing to do at `when`; without an action once it is done or called off."""

    when: float
    action: Callable[[], None] | None

    def cancel(self) -> None:
        """Call it off."""
        self.action = None


class Timers:
    """Timers in the order of their times, which are seconds of the caller's clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        """Return a new timer."""
        timer = Timer(when, action)
        heapq.heappush(self._heap, (when, next(self._order), timer))
        return timer

    @property
    def next(self) -> float | None:
        """When `run` has something to do; None for never."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Do what is due at `now`."""
        while (when := self.next) is not None and when <= now:
            timer = heapq.heappop(self._heap)[2]
            action, timer.action = timer.action, None
            if action is not None:
                action()
