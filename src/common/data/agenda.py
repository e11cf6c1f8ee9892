"""What is to be carried out at times to come: commands for later, and the steps of schedules."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

import attrs

from ..clock import Clock
from ..errors import JanusGridError, LocalError
from .point import Point
from .value import Scalar

log = logging.getLogger(__name__)


class Agenda:
    """What is to be carried out at times to come, on a clock."""

    def __init__(self, clock: Clock, carry_out: Callable[[Point, Scalar], Awaitable[None]]) -> None:
        self._clock = clock
        self._carry_out = carry_out
        self._order = itertools.count()
        self._items: list[tuple[datetime, int, _Item]] = []
        self._task: asyncio.Task[None] | None = None
        self._doing: set[asyncio.Future[None]] = set()

    def add(self, when: datetime, point: Point, value: Scalar) -> None:
        """Carry this out then."""
        self._push(when, _Item(point, lambda: value))
        self._wake()

    def follow(
        self,
        point: Point,
        steps: Sequence[tuple[datetime, Scalar]],
        end: datetime,
        present: Callable[[], Scalar | None],
    ) -> None:
        """Carry out these steps in place of those before; at `end` what was `present` before the first of them."""
        self._items = [entry for entry in self._items if not (entry[2].point is point and entry[2].of_course)]
        heapq.heapify(self._items)
        now = self._clock.now()
        if end <= now:
            raise LocalError("a schedule ends in the future", where=point.name)
        begun = sum(start <= now for start, _ in steps)
        course = _Course(present)
        for when, value in steps[max(0, begun - 1) :]:
            self._push(when, _Item(point, partial(course.step, value), of_course=True))
        self._push(end, _Item(point, course.rest, of_course=True))
        self._wake()

    def drop(self, point: Point) -> bool:
        """Forget what is still to come for a point; return whether there was any."""
        left = [entry for entry in self._items if entry[2].point is not point]
        found = len(left) < len(self._items)
        self._items = left
        heapq.heapify(self._items)
        return found

    async def close(self) -> None:
        """Forget everything."""
        self._items = []
        under_way = [*self._doing, *([self._task] if self._task is not None else ())]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        self._task = None

    def _push(self, when: datetime, item: _Item) -> None:
        heapq.heappush(self._items, (when, next(self._order), item))

    def _wake(self) -> None:
        """Look at the times anew."""
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._items:
            await self._clock.sleep_until(self._items[0][0])
            while self._items and self._items[0][0] <= self._clock.now():
                _, _, item = heapq.heappop(self._items)
                value = item.value()
                if value is not None:
                    doing = asyncio.ensure_future(self._do(item.point, value))
                    self._doing.add(doing)
                    doing.add_done_callback(self._doing.discard)

    async def _do(self, point: Point, value: Scalar) -> None:
        with suppress(asyncio.CancelledError):
            try:
                await self._carry_out(point, value)
            except JanusGridError as error:
                log.warning("%s: what was to be carried out now was not: %s", point.name, error)


@attrs.define(slots=True, eq=False)
class _Course:
    """A schedule under way, and what the point was before."""

    present: Callable[[], Scalar | None]
    before: Scalar | None = None
    begun: bool = False

    def step(self, value: Scalar) -> Scalar:
        if not self.begun:
            self.before, self.begun = self.present(), True
        return value

    def rest(self) -> Scalar | None:
        return self.before


@attrs.frozen(slots=True, eq=False)
class _Item:
    point: Point
    value: Callable[[], Scalar | None]
    of_course: bool = False
