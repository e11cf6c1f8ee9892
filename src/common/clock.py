"""Time as the application sees it: real, scaled by a factor, or moved by hand.

Cores never read a clock: they are given `now`. Facades and the application take a `Clock`. Time-outs of the network
are not application time: they always run in real seconds.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
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
