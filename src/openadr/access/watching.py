"""Set-points of events that are watched: told as they change, by an event or as time goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

from ...common.clock import Clock
from ...common.data.access import Change
from ...common.data.value import LOST, Value
from ...common.data.watching import Watcher
from ..binding.role import Role


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
                    watcher.put(Change(name, found, "lost" if found.quality == LOST else "change"))
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
