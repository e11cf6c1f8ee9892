"""A data access whose values and commands are written down, and whose history is answered from there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import attrs

from ..clock import Clock
from ..data.access import Change, DataAccess, Entry
from ..data.fitting import utc
from ..data.point import READABLE, Point
from ..data.services import CommonService, Services
from ..data.value import Scalar, Value
from ..errors import JanusGridError, UnknownName
from .history import Happening, History

log = logging.getLogger(__name__)

_ALWAYS = datetime(1984, 1, 1, tzinfo=UTC)
"""Before anything can have been recorded."""

AGAIN = 5.0
"""Seconds of the clock until a watch that has ended is begun anew."""


class Recorded:
    """`DataAccess` over another: the same points, written down while it is open.

        async with Recorded(access, history, clock) as access:
            await access.history("der.DG750.p", start, end)

    Everything that changes is recorded, and every command, setting and schedule is noted with what became of it. The
    history of a point is what was recorded here; where that is nothing, what the source itself has kept.

    Args:
        access: whose points they are; the caller opens and closes it.
        history: where to; the caller closes it.
        clock: of the application.
        names: the points that are recorded; all that can be read unless given. With none of them commands are noted.
        period: seconds after which a value is recorded again, changed or not; None for changes alone.
        deadband: changes of numbers up to it are not recorded.
    """

    def __init__(
        self,
        access: DataAccess,
        history: History,
        clock: Clock,
        *,
        names: Iterable[str] | None = None,
        period: float | None = None,
        deadband: float = 0.0,
    ) -> None:
        self._access = access
        self._history = history
        self._clock = clock
        self._names = None if names is None else tuple(names)
        self._period, self._deadband = period, deadband
        self._latest: dict[str, Value] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._names != ():
            self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # --- writing down -------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            try:
                names = self._names
                if names is None:
                    names = tuple(point.name for point in await self._access.directory() if point.kind in READABLE)
                async for change in self._access.watch(names, period=self._period, deadband=self._deadband):
                    self._record(change)
            except JanusGridError as error:
                log.warning("what changes is not recorded for %g s: %s", AGAIN, error)
            except Exception:
                log.exception("what changes is not recorded for %g s", AGAIN)
            await self._clock.sleep(AGAIN)

    def _record(self, change: Change) -> None:
        """Record a value that is new. One that differs from the last without a time of its own gets the present one:
        a loss must not take the place of the last good value."""
        value, last = change.value, self._latest.get(change.name)
        if last is None and value.value is None:
            return  # nothing is known yet
        if last is not None and value.time == last.time:
            if (value.value, value.quality) == (last.value, last.quality) and value.time is not None:
                return
            self._latest[change.name] = value
            value = attrs.evolve(value, time=self._clock.now())
        else:
            self._latest[change.name] = value
        self._history.record(change.name, value)

    async def _noted(self, kind: str, subject: str, text: str, doing: Awaitable[None]) -> None:
        asked = self._clock.now()
        try:
            await doing
        except JanusGridError as error:
            self._history.note(Happening(asked, kind, subject, f"{text}: {error}"))
            raise
        except asyncio.CancelledError:
            self._history.note(Happening(asked, kind, subject, f"{text}: given up before it was answered"))
            raise
        self._history.note(Happening(asked, kind, subject, text))

    # --- DataAccess ---------------------------------------------------------------------------------------------------

    @property
    def services(self) -> Services:
        """What the source offers, and history."""
        return {**self._access.services, CommonService.HISTORY: "what was recorded here"}

    async def directory(self) -> Sequence[Point]:
        """Return every point, sorted by name."""
        return await self._access.directory()

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Return the present values."""
        return await self._access.read(names)

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Write settings, and note it."""
        text = ", ".join(f"{name} = {value}" for name, value in values.items())
        await self._noted("write", next(iter(values), ""), text, self._access.write(values))

    async def select(self, name: str, value: Scalar | None = None) -> None:
        """Reserve a point, and note it."""
        await self._noted("control", name, "selected", self._access.select(name, value))

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Command a point, and note it."""
        text = f"{value}{f' at {at.isoformat()}' if at else ''}{' (test)' if test else ''}"
        await self._noted("control", name, text, self._access.operate(name, value, at=at, test=test, check=check))

    async def abort(self, name: str) -> None:
        """Withdraw what was commanded, and note it."""
        await self._noted("control", name, "withdrawn", self._access.abort(name))

    def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield changes as the source does."""
        return self._access.watch(names, period=period, deadband=deadband)

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Give a point a course of values, and note it."""
        text = ", ".join(f"{entry.value} from {entry.start.isoformat()}" for entry in entries)
        text = f"{text}, until {end.isoformat()}"
        await self._noted("schedule", name, text, self._access.schedule(name, entries, end=end))

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Return what was recorded in `[start, end)`, oldest first; what the source has kept where that is nothing."""
        start, end = utc(start, name), utc(end, name)
        try:
            return await asyncio.to_thread(self._history.values, name, start, end)
        except UnknownName:
            if CommonService.HISTORY in self._access.services:
                return await self._access.history(name, start, end)
            await self._access.available(name)  # raises for a name that is not known at all
            return []

    async def earliest(self, name: str) -> datetime | None:
        """Return the time of the oldest value that was recorded here of a point; None if there is none."""
        try:
            found = await asyncio.to_thread(self._history.values, name, _ALWAYS, self._clock.now(), most=1)
        except UnknownName:
            return None
        return found[0].time if found else None

    async def available(self, name: str) -> bool:
        """Return whether the source behind this point is there."""
        return await self._access.available(name)
