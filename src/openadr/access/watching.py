"""Watches under way: the newest value of each point that waits to be told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime

import attrs

from ...common.clock import Clock
from ...common.data.access import Change
from ...common.data.value import Value
from ..binding.role import Role


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


async def follow(
    role: Role,
    clock: Clock,
    names: Iterable[str],
    value: Callable[[str], Value],
    wake: Callable[[], datetime | None],
    watcher: Watcher,
) -> None:
    """Tell what these set-points are, and again whenever that has changed: by an event, or as time goes on."""
    wanted, told = tuple(names), dict[str, Value]()
    while True:
        happening = asyncio.ensure_future(role.changed())
        try:
            await asyncio.sleep(0)  # from here on it is heard: nothing is missed between looking and waiting
            for name in wanted:
                found = value(name)
                if told.get(name) != found:
                    told[name] = found
                    watcher.put(Change(name, found))
            await _first(happening, clock, wake())
        finally:
            happening.cancel()


async def _first(happening: asyncio.Future[None], clock: Clock, when: datetime | None) -> None:
    """Return when something has happened, or at that time."""
    waits = [happening] if when is None else [happening, asyncio.ensure_future(clock.sleep_until(when))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
