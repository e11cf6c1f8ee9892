"""The newest value of points of many accesses, for who reports them: what one of them cannot tell holds up no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta

from ..common.clock import Clock
from ..common.data.access import Change, DataAccess
from ..common.data.value import LOST, Value
from .picture import Picture

log = logging.getLogger(__name__)

_PAUSE = 5.0
"""Seconds after which an access that cannot be watched is tried again."""


class Latest:
    """Follows points while it runs.

    Args:
        accesses: where points are, each by the name that is logged.
        names: of the points that are wanted; those that no access has are passed over.
        clock: of the application.
        renew: seconds after which every value shall be told anew.
        stale: seconds after which a value that was not is doubtful.
    """

    def __init__(
        self, accesses: Mapping[str, DataAccess], names: Iterable[str], clock: Clock, *, renew: float, stale: float
    ) -> None:
        self._accesses = dict(accesses)
        self._names = frozenset(names)
        self._clock = clock
        self._renew = renew
        self._picture = Picture(stale_after=timedelta(seconds=stale))

    def value(self, name: str) -> Value | None:
        """Return the newest value of a point if it may be used, else None."""
        return self._picture.value(name, self._clock.now())

    def latest(self, name: str) -> Value | None:
        """Return the newest value whatever its quality; None if there never was one."""
        return self._picture.latest(name, self._clock.now())

    async def run(self) -> None:
        """Follow, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, access in self._accesses.items():
                group.create_task(self._follow(name, access))

    async def _follow(self, name: str, access: DataAccess) -> None:
        wanted = [point.name for point in await access.directory() if point.name in self._names]
        while wanted:
            try:
                async for change in access.watch(wanted, period=self._renew):
                    self._picture.put(change, self._clock.now())
            except Exception:
                log.exception("%s: its points cannot be watched; trying again", name)
            for point in wanted:
                self._picture.put(Change(point, self._lost(point), "lost"), self._clock.now())
            await self._clock.sleep(_PAUSE)

    def _lost(self, point: str) -> Value:
        last = self._picture.latest(point, self._clock.now())
        return Value(None if last is None else last.value, LOST, None if last is None else last.time)
