"""Points kept in memory: an application's own, a mirror's, a driver's."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import attrs

from ..clock import Clock, RealClock
from ..errors import LocalError, NotReachable, Refused, UnknownName
from .access import Change, Entry
from .agenda import Agenda
from .fitting import allowed, course, fitting, operable, schedulable, utc, writable
from .newest import AGEING, Newest
from .point import Point
from .services import CommonService, Services, refuse
from .value import GOOD, LOST, Quality, Scalar, Validity, Value
from .watching import Watcher, Watchers, check_watch, renew, stop, task_of

UNKNOWN = Quality(Validity.INVALID)
"""Of a point of which nothing is known yet."""


_OFFERED = {
    CommonService.DIRECTORY: "the points it was made with",
    CommonService.READ: "the newest value put",
    CommonService.WRITE: "the owner's handler",
    CommonService.OPERATE: "the owner's handler",
    CommonService.OPERATE_LATER: "carried out when the clock says so",
    CommonService.OPERATE_TEST: "type, limits and availability are looked at",
    CommonService.ABORT: "forgets what is still to come",
    CommonService.WATCH: "values as they are put",
    CommonService.SCHEDULE: "carried out when the clock says so",
    CommonService.AVAILABLE: "as the owner says",
}
_KEPT = _OFFERED | {CommonService.HISTORY: "the last values put"}


@attrs.frozen(slots=True)
class Asked:
    """A command, or the new value of a setting: that is up to the kind of the point."""

    point: Point
    value: Scalar


Handler = Callable[[Asked], Awaitable[None] | None]
"""Carries out what is asked; refuses by raising a `JanusGridError`."""


class MemoryAccess:
    """`DataAccess` over points whose owner puts their values::

        own = MemoryAccess([Point("site.sum.p", Kind.MEASUREMENT, unit=unit("kW"))], clock=clock)
        own.put("site.sum.p", 412.0)

    Commands and settings that fit go to the owner's handler. When it returns they are the point's value, unless it has
    put one itself; without a handler they are it at once. Close it (or use it by `async with`) if commands for later
    or schedules may be under way.

    Args:
        points: what there is; more come by `add`.
        clock: for times of values, ageing, what is commanded for later; that of the machine by default.
        handler: carries out commands and settings: a function or coroutine function of `Asked`.
        origin: of the values.
        age: seconds after which a measurement or status that was not put again is stale; None if they hold until they
            change, as all other kinds do.
        keep: how many values of each point are kept as history; without any there is no history.
    """

    def __init__(
        self,
        points: Iterable[Point] = (),
        *,
        clock: Clock | None = None,
        handler: Handler | None = None,
        origin: str = "local",
        age: float | None = None,
        keep: int = 0,
    ) -> None:
        self.clock: Clock = RealClock() if clock is None else clock
        self.handler = handler
        self._origin = origin
        self._age = None if age is None else timedelta(seconds=age)
        self._keep = keep
        self._points: dict[str, Point] = {}
        self._newest = Newest(self._age)
        self._away: set[str] = set()
        self._records: dict[str, deque[Value]] = {}
        self._watchers = Watchers()
        self._ageing: asyncio.Task[None] | None = None
        self._agenda = Agenda(self.clock, self._carry_out)
        self.add(*points)

    # --- for the owner ----------------------------------------------------------------------------------------------

    def add(self, *points: Point) -> None:
        """Have these points too; raise `LocalError` for a name that is there already."""
        for point in points:
            if point.name in self._points:
                raise LocalError("there is a point of this name already", where=point.name)
            self._points[point.name] = point

    def put(self, name: str, value: Scalar | None, quality: Quality = GOOD, time: datetime | None = None) -> bool:
        """Set the value of a point, at `time` or now; return False if it is late, and so only in the history.

        None says that nothing is known; its quality is then invalid. Raises `UnknownName`, `TypeConflict`.
        """
        point = self._point(name)
        now = self.clock.now()
        if value is not None:
            value = fitting(point, value)
        elif quality.validity is not Validity.INVALID:
            quality = UNKNOWN
        made = Value(value, quality, now if time is None else utc(time, name), self._origin)
        if self._keep:
            self._record(name, made)
        if not self._newest.put(name, made, now, holds=point.kind not in AGEING):
            return False
        self._watchers.put(Change(name, made))
        return True

    def set_available(self, available: bool, names: Iterable[str] | None = None) -> None:
        """Say whether the source of these points (of all) is there. If not, what is known of them is lost.

        When it is there again they remain lost until they are put anew.
        """
        wanted = tuple(self._points) if names is None else tuple(self._point(name).name for name in names)
        if available:
            self._away.difference_update(wanted)
            return
        now = self.clock.now()
        for name in wanted:
            self._away.add(name)
            lost = attrs.evolve(self._value(name, now), quality=LOST)
            self._newest.put(name, lost, now)
            self._watchers.put(Change(name, lost, "lost"))

    async def close(self) -> None:
        """Give up what is still to come."""
        await self._agenda.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- DataAccess -------------------------------------------------------------------------------------------------

    @property
    def services(self) -> Services:
        """What it offers: history, if it keeps any."""
        return _KEPT if self._keep else _OFFERED

    async def directory(self) -> Sequence[Point]:
        """Return every point, sorted by name."""
        return [self._points[name] for name in sorted(self._points)]

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Return the newest values."""
        wanted, now = [self._point(name).name for name in names], self.clock.now()
        return {name: self._value(name, now) for name in wanted}

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Have settings set by the owner, one after the other; what was set before an error stays set."""
        points = [self._point(name) for name in values]
        asked = [(point, allowed(writable(point), values[point.name])) for point in points]
        for point, value in asked:
            await self._carry_out(point, value)

    async def select(self, name: str, value: Scalar | None = None) -> None:
        """Raise: all who command these points do it through this one access."""
        refuse(CommonService.SELECT, self._point(name).name, "points in memory are nobody's alone")

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Have the owner carry out a command, now or `at` a time."""
        point = self._point(name)
        fit = allowed(operable(point), value)
        if at is not None:
            at = utc(at, name)
        self._reach(name)
        if test:
            return
        if at is not None and at > self.clock.now():
            self._agenda.add(at, point, fit)
        else:
            await self._carry_out(point, fit)

    async def abort(self, name: str) -> None:
        """Forget what is still to come for this point."""
        if not self._agenda.drop(schedulable(self._point(name))):
            raise Refused("nothing is under way for it", where=name)

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield values as they are put."""
        check_watch(period, deadband)
        watcher = Watcher(frozenset(self._point(name).name for name in names))
        now = self.clock.now()
        for name in sorted(watcher.names):
            watcher.put(Change(name, self._value(name, now)))
        self._watchers.add(watcher)
        if self._age is not None and self._ageing is None:
            self._ageing = asyncio.create_task(self._grow_old(self._age))
        renewing = task_of(period, lambda seconds: renew(self.clock, seconds, watcher, self._present))
        try:
            async for change in watcher.changes(deadband, period):
                yield change
        finally:
            self._watchers.discard(watcher)
            if self._ageing is not None and not self._watchers:
                renewing, self._ageing = (*renewing, self._ageing), None
            await stop(renewing)

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Carry out each entry at its time; at `end` the point becomes again what it was before the first."""
        point = self._point(name)
        steps = course(point, entries, end)
        self._reach(name)
        self._agenda.follow(point, steps, end, lambda: self._present(name).value)

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Return the last values that were put, as many as are kept."""
        self._point(name)
        if not self._keep:
            refuse(CommonService.HISTORY, name, "no values are kept")
        start, end = utc(start, name), utc(end, name)
        kept = self._records.get(name, ())
        inside = [value for value in kept if value.time is not None and start <= value.time < end]
        return sorted(inside, key=lambda value: value.time or start)

    async def available(self, name: str) -> bool:
        """Return what the owner has said; True until then."""
        return self._point(name).name not in self._away

    # --- underneath -------------------------------------------------------------------------------------------------

    def _point(self, name: str) -> Point:
        point = self._points.get(name)
        if point is None:
            raise UnknownName(f"there is no point {name!r}")
        return point

    def _value(self, name: str, now: datetime) -> Value:
        return self._newest.get(name, now) or Value(None, UNKNOWN, origin=self._origin)

    def _present(self, name: str) -> Value:
        return self._value(name, self.clock.now())

    def _reach(self, name: str) -> None:
        if name in self._away:
            raise NotReachable("its source is not there", where=name)

    async def _carry_out(self, point: Point, value: Scalar) -> None:
        self._reach(point.name)
        before = self._newest.last(point.name)
        if self.handler is not None:
            doing = self.handler(Asked(point, value))
            if inspect.isawaitable(doing):
                await doing
        if self._newest.last(point.name) is before:
            self.put(point.name, value)

    def _record(self, name: str, value: Value) -> None:
        kept = self._records.get(name)
        if kept is None:
            kept = self._records[name] = deque(maxlen=self._keep)
        kept.append(value)

    async def _grow_old(self, age: timedelta) -> None:
        while True:
            await self.clock.sleep_until(self._newest.due() or self.clock.now() + age)
            for name, value in self._newest.expire(self.clock.now()):
                self._watchers.put(Change(name, value, "quality"))
