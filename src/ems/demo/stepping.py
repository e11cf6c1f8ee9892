"""A clock in lock-step with its program: it goes on when nothing is left to do at the present moment.

Everything that a moment brings about (set-points, answers, reports, on loopback sockets too) is done before the next
one begins, however long that takes: a run does not depend on how quick the machine is, and no figure is late.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
import time
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ...common.clock import Clock

T = TypeVar("T")

LAST = 1_000
"""The rank of who has none."""
SOON = 0.005
"""Real seconds: a timer that ends sooner belongs to the present moment, and is waited for."""


class SteppingClock:
    """A clock that shows `start` until `go` is called, and then steps to each next moment that somebody waits for.

        clock = SteppingClock(start)
        result = clock.run(play(clock))

    Args:
        start: what it shows at first.
        factor: how many of its seconds pass at most in a real one; None for as fast as the program can.
        grace: real seconds of silence before the next step, for what other programs have to say; 0 where everything
            runs in this process, for then silence is seen at once, and those who wait for the same moment wake one
            after the other instead of all of one rank together.
    """

    def __init__(self, start: datetime, factor: float | None = None, *, grace: float = 0.0) -> None:
        self.grace = grace
        self._now = start
        self._factor = factor
        self._running = False
        self._sleepers: list[tuple[datetime, int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._began = (start, time.monotonic())

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` in an event loop of its own, which moves this clock; return its result."""
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Selector(self))) as runner:
            return runner.run(main)

    def go(self) -> None:
        """Begin to run; a second call does nothing."""
        if not self._running:
            self._running = True
            self._began = (self._now, time.monotonic())

    def stop(self) -> None:
        """Stand still again."""
        self._running = False

    def pace(self, factor: float | None) -> None:
        """Run at most `factor` times as fast as real time from now on; None for as fast as the program can."""
        self._factor = factor
        self._began = (self._now, time.monotonic())

    def now(self) -> datetime:
        """Return the present time of this clock."""
        return self._now

    def ranked(self, rank: int) -> Clock:
        """Return this clock for those who wake at a moment before others of a higher rank do.

        So devices have shown what they measure when the site looks, and the site has decided when it is reported.
        """
        return _Ranked(self, rank)

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` of this clock have passed; at once for zero or less."""
        await self.sleep_until(self._now + timedelta(seconds=seconds))

    async def sleep_until(self, when: datetime) -> None:
        """Return when this clock shows `when` or later, after all who have a rank."""
        await self.rest(when, LAST)

    async def rest(self, when: datetime, rank: int) -> None:
        """Return when this clock shows `when` or later, in turn: the lower rank first, then who began to wait first."""
        if when <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, rank, next(self._order), future))
        await future

    def wait(self) -> float | None:
        """Return the real seconds until the next step may come; None if there is none to make."""
        while self._sleepers and self._sleepers[0][3].done():  # cancelled meanwhile
            heapq.heappop(self._sleepers)
        if not self._running or not self._sleepers:
            return None
        if self._factor is None:
            return 0.0
        shown, then = self._began
        due = (self._sleepers[0][0] - shown).total_seconds() / self._factor
        return max(0.0, due - (time.monotonic() - then))

    def step(self) -> None:
        """Go on to the next moment and wake who is the first in turn; with a grace, all of that rank."""
        when, rank, _, _ = self._sleepers[0]
        self._now = max(self._now, when)
        while self._sleepers and self._sleepers[0][:2] <= (self._now, rank):
            future = heapq.heappop(self._sleepers)[3]
            if not future.done():
                future.set_result(None)
                if not self.grace:
                    return


class _Ranked:
    """A clock for those of one rank."""

    def __init__(self, clock: SteppingClock, rank: int) -> None:
        self._clock = clock
        self._rank = rank

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self._clock.now() + timedelta(seconds=seconds))

    async def sleep_until(self, when: datetime) -> None:
        await self._clock.rest(when, self._rank)


class _Selector(selectors.DefaultSelector):
    """What an event loop asks when it has nothing left to do: it is then that the clock goes on."""

    def __init__(self, clock: SteppingClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready to be read or written, as every selector; wait for it, or move the clock."""
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is not None and 0 < timeout < SOON:
            return super().select(timeout)
        until_step = self._clock.wait()
        if until_step is None:
            return super().select(timeout)
        silence = max(until_step, self._clock.grace)
        if timeout is not None and timeout <= silence:
            return super().select(timeout)
        if silence and (found := super().select(silence)):
            return found
        self._clock.step()
        return []
