"""The demonstration's clock: it waits for everyone to log in, runs faster than real time, and gives way under load."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

TICK = 0.02
"""Real seconds between two ticks."""
MOST = 0.06
"""Real seconds that count at most between two ticks. When the event loop is busy for longer, the clock stands still."""
STRIDE = 5.0
"""Seconds of the clock that pass at most between two ticks: no more than the quickest of the parties looks away."""


class HeldClock:
    """A clock that shows `start` until `go` is called, and from then on runs `factor` times as fast as real time.

    On a machine that is too slow for that it runs as fast as the machine can: at most 60 ms of real time, and at most
    five seconds of its own, pass on it between two turns of the event loop, so that no party misses its times because
    another one was computing.
    """

    def __init__(self, factor: float, start: datetime) -> None:
        self._base = start
        self._ticked: float | None = None
        self._gone = asyncio.Event()
        self._ticker: asyncio.Task[None] | None = None
        self._resting: set[asyncio.Future[None]] = set()
        self._set(factor)

    def _set(self, factor: float) -> None:
        self._factor = factor
        self._most = min(MOST, STRIDE / factor)

    def pace(self, factor: float) -> None:
        """Run `factor` times as fast as real time from now on."""
        if self._ticked is not None:
            self._base, self._ticked = self.now(), time.monotonic()
        self._set(factor)
        for each in self._resting:
            _wake(each)

    def go(self) -> None:
        """Begin to run; a second call does nothing."""
        if self._ticker is None:
            self._ticked = time.monotonic()
            self._gone.set()
            self._ticker = asyncio.create_task(self._tick())

    def stop(self) -> None:
        """Stand still again, for good."""
        if self._ticker is not None:
            self._ticker.cancel()
            self._base, self._ticked = self.now(), None

    def now(self) -> datetime:
        """Return the present time of this clock."""
        if self._ticked is None:
            return self._base
        return self._base + timedelta(seconds=min(time.monotonic() - self._ticked, self._most) * self._factor)

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` of this clock have passed; at once for zero or less."""
        await self.sleep_until(self.now() + timedelta(seconds=seconds))

    async def sleep_until(self, when: datetime) -> None:
        """Return when this clock shows `when` or later."""
        if when <= self.now():
            await asyncio.sleep(0)
            return
        await self._gone.wait()
        while (left := (when - self.now()).total_seconds()) > 0:  # it may stand still meanwhile
            await self._rest(max(left / self._factor, 0.001))

    async def _rest(self, seconds: float) -> None:
        """Return after so many real seconds, or when the pace changes."""
        loop = asyncio.get_running_loop()
        rest = loop.create_future()
        timer = loop.call_later(seconds, _wake, rest)
        self._resting.add(rest)
        try:
            await rest
        finally:
            timer.cancel()
            self._resting.discard(rest)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(min(TICK, self._most / 3))
            self._base, self._ticked = self.now(), time.monotonic()


def _wake(rest: asyncio.Future[None]) -> None:
    if not rest.done():
        rest.set_result(None)
