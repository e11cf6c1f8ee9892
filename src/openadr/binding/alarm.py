"""Waiting for a time or for a nudge."""

from __future__ import annotations

import asyncio
from datetime import datetime

from ...common.clock import Clock


class Alarm:
    """Wakes one waiter at a time of `clock`, or when somebody rings. Who rings while nobody waits is not forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """There may be something new to do."""
        self._rung.set()

    async def wait(self, until: datetime | None) -> None:
        """Return when it has rung since the last wait, or at `until`; None is never."""
        waits: list[asyncio.Task[object]] = [asyncio.create_task(self._rung.wait())]
        if until is not None:
            waits.append(asyncio.create_task(self._clock.sleep_until(until)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._rung.clear()
