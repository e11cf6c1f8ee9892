"""Time as the application sees it: real, steered towards a better clock, scaled by a factor, or moved by hand.

Cores never read a clock: they are given `now`. Facades and the application take a `Clock`. Time-outs of the network
are not application time: they always run in real seconds.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Application time. All times are aware datetimes in UTC; all durations are seconds of this clock."""

    def now(self) -> datetime:
        """Return the present time of this clock."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` of this clock have passed; at once for zero or less."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Return when this clock shows `when` or later."""
        ...


class RealClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def sleep_until(self, when: datetime) -> None:
        await self.sleep((when - self.now()).total_seconds())


class ScaledClock:
    """A clock that starts at `start` when it is made and runs `factor` times as fast as real time."""

    def __init__(self, factor: float, start: datetime | None = None) -> None:
        if factor <= 0:
            raise ValueError(f"a clock's factor is above zero, not {factor}")
        self.factor = factor
        self._start = start or datetime.now(UTC)
        self._origin = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(time.monotonic() - self._origin) * self.factor)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.factor)

    async def sleep_until(self, when: datetime) -> None:
        await self.sleep((when - self.now()).total_seconds())


class LockStepClock:
    """A clock that stands still until `advance` moves it: simulations and tests run as fast as the machine can.

    Sleepers wake in the order of their times; between two wake-ups the loop runs until nothing is ready any more
    for `settle` rounds, so that what a sleeper does at its time is done before the next one wakes.
    """

    def __init__(self, start: datetime, settle: int = 50) -> None:
        self._now = start
        self._settle = settle
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self._now + timedelta(seconds=seconds))

    async def sleep_until(self, when: datetime) -> None:
        if when <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move the clock on by `seconds`, waking every sleeper whose time comes, in order."""
        end = self._now + timedelta(seconds=seconds)
        await self._let_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, future = heapq.heappop(self._sleepers)
            self._now = max(self._now, when)
            if not future.done():
                future.set_result(None)
            await self._let_run()
        self._now = end
        await self._let_run()

    async def _let_run(self) -> None:
        for _ in range(self._settle):
            await asyncio.sleep(0)


class DisciplinedClock:
    """A clock that is steered towards a better one (see `common.sntp`) and never goes back.

    It starts with the time of the machine and runs by the machine's oscillator from there on: whoever sets the clock
    of the machine does not disturb it. What it is behind by more than `STEP` it makes up at once, for to be late helps
    nobody; anything else it makes up by running a little faster or slower, and what it is far ahead by at half speed,
    so that no time comes twice and no report is older than the one before it.

    `ticks` gives the seconds of the oscillator; `start` is the time at which it begins.
    """

    STEP = 0.128
    """Seconds; the step threshold of RFC 5905."""
    SLEW = 0.01
    """Seconds made up in a second, up to `STEP`."""
    _BRAKE = 0.5

    def __init__(self, start: datetime | None = None, ticks: Callable[[], float] = time.monotonic) -> None:
        self.start = start or datetime.now(UTC)
        self._ticks = ticks
        self._origin = ticks()
        self._since = self._goal = self._drift = 0.0
        self._gap = 0.0
        self._slew = self.SLEW
        self._sleepers: set[asyncio.Future[None]] = set()

    def elapsed(self) -> float:
        """Return the seconds since `start` by the oscillator alone, which nothing steers."""
        return self._ticks() - self._origin

    def lag(self) -> float:
        """Return the seconds that it still has to make up; negative where it is ahead."""
        return self._lag(self.elapsed())

    def _lag(self, elapsed: float) -> float:
        made_up = (elapsed - self._since) * self._slew
        return math.copysign(max(0.0, abs(self._gap) - made_up), self._gap)

    def _offset(self, elapsed: float) -> float:
        return self._goal + (elapsed - self._since) * self._drift - self._lag(elapsed)

    def now(self) -> datetime:
        elapsed = self.elapsed()
        return self.start + timedelta(seconds=elapsed + self._offset(elapsed))

    def steer(self, offset: float, drift: float = 0.0) -> None:
        """Make for the time that is `offset` seconds after `start` plus `elapsed`, and gains `drift` seconds a second.

        Raises `ValueError` for a drift with which it would stand still.
        """
        if not abs(drift) < self._BRAKE / 2:
            raise ValueError(f"an oscillator does not drift by {drift:g} seconds a second")
        elapsed = self.elapsed()
        gap = offset - self._offset(elapsed)
        self._since, self._goal, self._drift = elapsed, offset, drift
        self._gap = 0.0 if gap > self.STEP else gap
        self._slew = self._BRAKE if gap < -self.STEP else self.SLEW
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed: by the oscillator, for to steer the clock is not to let time pass."""
        await asyncio.sleep(max(0.0, seconds))

    async def sleep_until(self, when: datetime) -> None:
        while (left := (when - self.now()).total_seconds()) > 0:
            steered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers.add(steered)
            try:
                await asyncio.wait((steered,), timeout=left)
            finally:
                self._sleepers.discard(steered)
