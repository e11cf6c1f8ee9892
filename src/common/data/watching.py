"""Watches under way: the newest value of each point that waits to be told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import attrs

from .access import Change
from .value import Value


@attrs.define(slots=True, eq=False)
class Watcher:
    """One watch: a slow reader is told the newest value of each point, not every one."""

    names: frozenset[str]
    waiting: dict[str, Change] = attrs.Factory(dict)
    awake: asyncio.Event = attrs.Factory(asyncio.Event)

    def put(self, change: Change) -> None:
        """Let a change be told, if it is wanted."""
        if change.name in self.names:
            self.waiting.pop(change.name, None)
            self.waiting[change.name] = change
            self.awake.set()

    async def changes(self, deadband: float) -> AsyncIterator[Change]:
        """Yield what is worth to be told; the first of each point is `initial`."""
        shown: dict[str, Value] = {}
        while True:
            await self.awake.wait()
            self.awake.clear()
            while self.waiting:
                change = self.waiting.pop(next(iter(self.waiting)))
                last = shown.get(change.name)
                if last is None or is_worth(change.value, last, deadband):
                    shown[change.name] = change.value
                    yield attrs.evolve(change, reason="initial") if last is None else change


def is_worth(new: Value, old: Value, deadband: float) -> bool:
    """Return whether a value is to be told after another: always, but for small changes within a deadband."""
    numbers = isinstance(new.value, float) and isinstance(old.value, float)
    if deadband and numbers and new.quality == old.quality:
        return abs(new.number - old.number) > deadband
    return True
