"""What the suite needs of an adapter: a rig, and the tools with which the tests look at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ...clock import Clock, LockStepClock
from ...errors import JanusGridError
from ..access import Change, DataAccess, Entry
from ..point import Point
from ..services import CommonService
from ..value import GOOD, Quality, Scalar, Value

S = CommonService
E = TypeVar("E", bound=JanusGridError)

PATIENCE = 30.0
"""Real seconds after which what does not come is given up."""
NOBODY = "nobody.has.this"


class Rig:
    """An access, and its source, which does as the tests say.

    Attributes:
        access: what is tested.
        clock: of the access.
        number, second: two points whose values are floats, of one source.
        values: what `number` may be made to be: five numbers that are more than 5 apart, within the limits.
        others: what `second` may be made to be: three numbers.
        setpoint: a float that can be commanded, with limits; None if nothing can be.
        setting: a float that can be written, with limits; None if nothing can be.
        step: seconds of the clock in which the source surely gets something done: periods and schedules are made of it.
        volley: how many values the source shows one after the other without waiting.
        shows_quality, shows_time: whether it tells how good a value is, and when it was true.
        takes_later, takes_tests, takes_schedules, keeps_history, selects: whether the set-point, and `number` for
            history, have what the access offers in general.
        lapses: whether a new value comes after a moment without any.
        refuses: whether it can be made to refuse (`refusing`).
        is_lost: whether it can be lost.
    """

    access: DataAccess
    clock: Clock
    number: str
    second: str
    values: tuple[float, ...] = (10.0, 20.0, 30.0, 40.0, 50.0)
    others: tuple[float, ...] = (1.0, 2.0, 3.0)
    setpoint: str | None = None
    setting: str | None = None
    step: float = 10.0
    volley: int = 200
    shows_quality: bool = True
    shows_time: bool = True
    takes_later: bool = True
    takes_tests: bool = True
    takes_schedules: bool = True
    keeps_history: bool = True
    selects: bool = True
    lapses: bool = False
    refuses: bool = True
    is_lost: bool = True
    refusing: bool = False
    """Set by the tests: from now on the source says no."""

    async def show(self, name: str, value: float, quality: Quality = GOOD, time: datetime | None = None) -> None:
        """Let the source have a new value of `number` or `second`, at `time` or now."""
        raise NotImplementedError

    async def carried_out(self) -> list[Scalar]:
        """Return what the set-point and the setting were made to be, oldest first, since the test began."""
        return []

    async def lose(self) -> None:
        """Cut the source off."""
        raise NotImplementedError

    async def restore(self) -> None:
        """Let the source be reached again."""
        raise NotImplementedError

    async def turn(self) -> None:
        """Let a moment pass."""
        await asyncio.sleep(0.002)

    async def pass_time(self, seconds: float) -> None:
        """Let this time pass on the clock."""
        if isinstance(self.clock, LockStepClock):
            await self.clock.advance(seconds)
        else:
            await self.clock.sleep(seconds)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when this holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "it did not come"
            await self.turn()

    # --- what follows from this -------------------------------------------------------------------------------------

    def offers(self, service: CommonService) -> bool:
        """Return whether the access says that it has a service."""
        return service in self.access.services

    async def point(self, name: str) -> Point:
        """Return a point of the directory."""
        (found,) = [each for each in await self.access.directory() if each.name == name]
        return found

    async def value(self, name: str) -> Value:
        """Return the present value."""
        return (await self.access.read([name]))[name]

    async def comes(self, name: str, value: float) -> Value:
        """Return the value when it is that."""
        end = time.monotonic() + PATIENCE
        while (found := await self.value(name)).value != value:
            assert time.monotonic() < end, f"{name} is {found}, not {value}"
            await self.turn()
        return found

    async def now(self) -> datetime:
        """Return the present time in whole seconds, as every protocol can carry it."""
        return self.clock.now().replace(microsecond=0)


class Watching:
    """A watch in the background, and what it has told."""

    def __init__(self, rig: Rig, *names: str, **options: Any) -> None:
        self.changes: list[Change] = []
        self._rig = rig
        self._taken = 0
        self._task = asyncio.create_task(self._run(names, options))

    async def _run(self, names: tuple[str, ...], options: dict[str, Any]) -> None:
        async for change in self._rig.access.watch(names, **options):
            self.changes.append(change)

    async def next(self, name: str, wanted: Callable[[Change], bool] = lambda change: True) -> Change:
        """Return the first change of a point that is wanted, after those that were asked for before."""
        found: list[Change] = []

        def there() -> bool:
            if self._task.done():
                self._task.result()
            while self._taken < len(self.changes) and not found:
                change = self.changes[self._taken]
                self._taken += 1
                if change.name == name and wanted(change):
                    found.append(change)
            return bool(found)

        await self._rig.until(there)
        return found[0]

    async def value(self, name: str, value: float) -> Change:
        """Return the change to this value."""
        return await self.next(name, lambda change: change.value.value == value)

    def told(self, name: str) -> list[Scalar | None]:
        """Return all values of a point that were told."""
        return [change.value.value for change in self.changes if change.name == name]

    async def stop(self) -> None:
        """End it."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def watching(rig: Rig, *names: str, **options: Any) -> AsyncIterator[Watching]:
    """Yield a watch that is told of all of its points already."""
    watch = Watching(rig, *names, **options)
    try:
        for name in names:
            await rig.until(lambda name=name: bool(watch.told(name)) or watch._task.done())  # type: ignore[misc]
        if watch._task.done():
            watch._task.result()
        yield watch
    finally:
        await watch.stop()


@contextmanager
def raises(kind: type[E], where: str | None = None) -> Iterator[list[E]]:
    """Expect this error, at a point; the list has it afterwards."""
    caught: list[E] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
    assert caught, f"no {kind.__name__} was raised"
    assert caught[0].message, "an error says what is wrong"
    assert where is None or where in str(caught[0]), f"{caught[0]!r} does not name {where}"


def calls(rig: Rig, name: str) -> dict[CommonService, Callable[[], Coroutine[Any, Any, object]]]:
    """Return a call of each service at a point, with arguments that nobody could object to."""
    access, value = rig.access, rig.values[0]
    begin = rig.clock.now() + timedelta(seconds=rig.step)
    end = begin + timedelta(seconds=rig.step)

    async def watch() -> None:
        changes = access.watch([name])
        try:
            await anext(changes)
        finally:
            await changes.aclose()  # type: ignore[attr-defined]

    return {
        S.READ: lambda: access.read([name]),
        S.WRITE: lambda: access.write({name: value}),
        S.SELECT: lambda: access.select(name, value),
        S.OPERATE: lambda: access.operate(name, value),
        S.OPERATE_LATER: lambda: access.operate(name, value, at=begin),
        S.OPERATE_TEST: lambda: access.operate(name, value, test=True),
        S.ABORT: lambda: access.abort(name),
        S.WATCH: watch,
        S.SCHEDULE: lambda: access.schedule(name, [Entry(begin, value)], end=end),
        S.HISTORY: lambda: access.history(name, begin, end),
        S.AVAILABLE: lambda: access.available(name),
    }


COMMANDING = frozenset({S.SELECT, S.OPERATE, S.OPERATE_LATER, S.OPERATE_TEST, S.ABORT, S.SCHEDULE})
