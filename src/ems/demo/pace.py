"""The demonstration's clock: it stands still while everyone is logging in, then runs faster than real time."""

from __future__ import annotations

import asyncio
from datetime import datetime

from ...common.clock import ScaledClock


class HeldClock:
    """A clock that shows `start` until `go` is called, and from then on runs `factor` times as fast as real time."""

    def __init__(self, factor: float, start: datetime) -> None:
        self.factor = factor
        self._start = start
        self._running: ScaledClock | None = None
        self._gone = asyncio.Event()

    def go(self) -> None:
        """Begin to run; a second call does nothing."""
        if self._running is None:
            self._running = ScaledClock(self.factor, self._start)
            self._gone.set()

    def now(self) -> datetime:
        """Return the present time of this clock."""
        return self._running.now() if self._running else self._start

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` of this clock have passed; at once for zero or less."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        await self._gone.wait()
        await asyncio.sleep(seconds / self.factor)

    async def sleep_until(self, when: datetime) -> None:
        """Return when this clock shows `when` or later."""
        await self.sleep((when - self.now()).total_seconds())
