"""Watches under way: the newest value of each point that waits to be told, and what of it is worth telling."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from datetime import timedelta
from typing import Any

import attrs

from ..clock import Clock
from ..errors import LocalError
from .access import Change
from .value import Value


@attrs.define(slots=True, eq=False)
class Watcher:
    """One watch. A point that changes while it waits keeps its place, so that none waits for ever behind others."""

    names: frozenset[str]
    awake: asyncio.Event = attrs.Factory(asyncio.Event)
    _order: deque[str] = attrs.Factory(deque)
    _waiting: dict[str, Change] = attrs.Factory(dict)
    _failure: Exception | None = None

    def put(self, change: Change) -> None:
        """Let a change be told, if it is wanted."""
        name = change.name
        if (waits := self._waiting.get(name)) is not None:
            if (
                waits.reason == "periodic" != change.reason != "lost"
            ):  # told again it is all the same, if nothing is new
                change = Change(name, change.value, "periodic")
            self._waiting[name] = change
        elif name in self.names:
            self._waiting[name] = change
            self._order.append(name)
            self.awake.set()

    def fail(self, error: Exception) -> None:
        """End the watch with an error, after what still waits to be told."""
        self._failure = self._failure or error
        self.awake.set()

    async def changes(self, deadband: float = 0.0, period: float | None = None) -> AsyncIterator[Change]:
        """Yield what is worth to be told, each with its reason; what is `periodic` only if a period was asked for."""
        shown: dict[str, Value] = {}
        order, waiting = self._order, self._waiting
        while True:
            await self.awake.wait()
            self.awake.clear()
            while order:
                change = waiting.pop(order.popleft())
                reason = why(change, shown.get(change.name), deadband)
                if reason is None or (reason == "periodic" and period is None):
                    continue
                shown[change.name] = change.value
                yield change if reason == change.reason else Change(change.name, change.value, reason)
            if self._failure is not None:
                raise self._failure


class Watchers:
    """All watches of an access: a change goes to those of its point, however many there are of others."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[Watcher, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._of)

    def add(self, watcher: Watcher) -> None:
        """Tell this one too, from now on."""
        for name in watcher.names:
            self._of[name] = (*self._of.get(name, ()), watcher)

    def discard(self, watcher: Watcher) -> None:
        """Tell this one no more."""
        for name in watcher.names:
            left = tuple(each for each in self._of.get(name, ()) if each is not watcher)
            if left:
                self._of[name] = left
            else:
                self._of.pop(name, None)

    def put(self, change: Change) -> None:
        """Tell those who watch this point."""
        for watcher in self._of.get(change.name, ()):
            watcher.put(change)


def why(change: Change, last: Value | None, deadband: float) -> str | None:
    """Return the reason for which a change is told after `last`; None if it is not worth it."""
    if last is None:
        return "initial"
    value = change.value
    if value.quality != last.quality:
        if change.reason == "lost":
            return "lost"
        return "quality" if value.value == last.value else "change"
    if value.value != last.value and not _within(value.value, last.value, deadband):
        return "change"
    return "periodic" if change.reason == "periodic" else None


def _within(new: object, old: object, deadband: float) -> bool:
    if not deadband or not isinstance(new, int | float) or not isinstance(old, int | float):
        return False
    if isinstance(new, bool) or isinstance(old, bool):
        return False
    return abs(new - old) <= deadband


def _every(change: Change) -> bool:
    return True


async def carry(source: AsyncIterator[Change], watcher: Watcher, wanted: Callable[[Change], bool] = _every) -> None:
    """Let a watch be told what another one tells, as far as it is wanted; the end of that is an error."""
    try:
        async for change in source:
            if wanted(change):
                watcher.put(change)
        watcher.fail(LocalError("a watch came to an end"))
    except Exception as error:
        watcher.fail(error)


async def stop(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for their end."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


def task_of(period: float | None, work: Callable[[float], Coroutine[Any, Any, None]]) -> tuple[asyncio.Task[None], ...]:
    """Return the task of what is to be done every `period` seconds; none without one."""
    return () if period is None else (asyncio.create_task(work(period)),)


def check_watch(period: float | None, deadband: float) -> None:
    """Raise `LocalError` for a period or a dead band that is none."""
    if period is not None and not period > 0:
        raise LocalError(f"a period is above zero, not {period:g}")
    if not deadband >= 0:
        raise LocalError(f"a dead band is not below zero, as {deadband:g} is")


async def renew(
    clock: Clock, period: float, watcher: Watcher, value: Callable[[str], Value], names: Iterable[str] | None = None
) -> None:
    """Let points (all of a watch) be told every `period` seconds, until cancelled."""
    told, due = tuple(watcher.names if names is None else names), clock.now()
    while True:
        due = max(due + timedelta(seconds=period), clock.now())
        await clock.sleep_until(due)
        for name in told:
            watcher.put(Change(name, value(name), "periodic"))
