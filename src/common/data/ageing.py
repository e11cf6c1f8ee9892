"""Values that age: what a source does not tell again in time is marked as stale, whatever it is reached by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

from ..clock import Clock
from .access import Change, DataAccess
from .joined import Joined, join
from .newest import AGEING, Newest
from .watching import Watcher, carry, check_watch, stop


class Ageing(Joined):
    """Other accesses, whose measurements and states age where they are watched. Make it with `aged`."""

    def __init__(self, joined: Joined, clock: Clock, age: float) -> None:
        super().__init__(joined.points)
        self._clock = clock
        self._age = age

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield changes as they come, and `quality` when a value was not told again in time.

        The sources are asked to tell their values twice in that time, so that not to change is not to age.
        """
        check_watch(period, deadband)
        wanted = list(names)
        ageing = frozenset(name for name in wanted if self._point(name).kind in AGEING)
        newest = Newest(timedelta(seconds=self._age))
        watcher = Watcher(frozenset(wanted))
        source = super().watch(wanted, period=min(period or self._age, self._age / 2))

        def take(change: Change) -> bool:
            return newest.put(change.name, change.value, self._clock.now(), holds=change.name not in ageing)

        async def grow_old() -> None:
            while True:
                now = self._clock.now()
                for name, value in newest.expire(now):
                    watcher.put(Change(name, value, "quality"))
                await self._clock.sleep_until(newest.due() or now + timedelta(seconds=self._age))

        tasks = [asyncio.create_task(carry(source, watcher, take)), asyncio.create_task(grow_old())]
        try:
            async for change in watcher.changes(deadband, period):
                yield change
        finally:
            await stop(tasks)


async def aged(accesses: Iterable[DataAccess], clock: Clock, age: float) -> Ageing:
    """Return one access over these, in which what was not told for `age` seconds is stale; raises as `join` does.

    What an access keeps by itself (`MemoryAccess` without an age) it tells again by itself: that does not age.
    """
    return Ageing(await join(accesses), clock, age)
