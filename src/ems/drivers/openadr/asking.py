"""What a VEN is asked for a point: an event, which is modified as long as it is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from ....common import ids
from ....common.clock import Clock
from ....common.errors import TimedOut
from ....openadr.events import event
from ....openadr.items import item
from ....openadr.model import EventStatus, OptType
from ....openadr.rules import timeline
from ....openadr.rules.decisions import rule_6
from ....openadr.vtn import Dispatch, Vtn
from .rows import Signal

SECOND = timedelta(seconds=1)
_OVER = (EventStatus.CANCELLED, EventStatus.COMPLETED)

Course = Sequence[tuple[datetime, float]]
"""From when on which value, as it stands on the wire."""


class Asking:
    """The events of one VEN, of this run of the program and earlier ones: they are known by the names of points.

    Args:
        patience: real seconds that the VEN has to answer in.
        market: the market context of the events.
    """

    def __init__(self, vtn: Vtn, ven: str, clock: Clock, *, patience: float, market: str) -> None:
        self._vtn, self._ven, self._clock = vtn, ven, clock
        self._patience, self._market = patience, market

    def under_way(self, point: str) -> Iterator[Dispatch]:
        """Yield the events of a point that are not over, but for those for test."""
        own = (each for each in self._vtn.events if each.id.startswith(f"{point}/") and each.status not in _OVER)
        return (each for each in own if not rule_6(each.event.event_descriptor))

    def in_force(self, point: str, signal: Signal) -> float | None:
        """Return what an event asks for now; None for nothing, where it is opted out of, or is not answered yet."""
        now = self._clock.now()
        for each in self.under_way(point):
            found = next((one for one in each.event.ei_event_signals if str(one.signal_name) == signal.name), None)
            wire = None if found is None else timeline.value(each.event, found, now)
            if wire is not None and each.opt(self._ven) is OptType.OPT_IN:
                return wire
        return None

    def next_change(self, point: str) -> datetime | None:
        """Return when that is something else, if nothing happens; None if never."""
        now = self._clock.now()
        times = (timeline.changes(each.event, now) for each in self.under_way(point))
        return min((time for time in times if time is not None), default=None)

    async def ask(self, point: str, signal: Signal, course: Course, end: datetime, *, test: bool) -> Dispatch:
        """Make an event, or modify the one under way; one that has begun keeps its start. Return when it is stored.

        For `test` it is an event of its own, and of a market context of its own, since it lies beside the other.
        """
        now = _whole(self._clock.now())
        known = None if test else next(self.under_way(point), None)
        times = [_whole(time) for time, _ in course]
        if known is not None and (began := known.event.ei_active_period.dtstart) <= now:
            times[0] = began
        ends = [*times[1:], max(_whole(end), times[-1] + SECOND)]
        values = [(until - time, value) for time, until, (_, value) in zip(times, ends, course, strict=True)]
        made = event(
            signal.name, signal.type, values, start=times[0], created=now, item=item(signal.unit),
            notification=max(times[0] - now, timedelta()), test=test,
            market=f"{self._market}/test" if test else self._market,
            event_id=f"{point}/{ids.new('EV')}" if known is None else known.id,
        )  # fmt: skip
        if known is None:
            known = self._vtn.create_event(made, [self._ven])
        else:
            known.modify(made)
        await self._vtn.kept()
        return known

    async def answer(self, dispatch: Dispatch, point: str) -> OptType:
        """Return whether the VEN takes part; raise `TimedOut` if it does not say so in time."""
        try:
            async with asyncio.timeout(self._patience):
                return await dispatch.opted(self._ven)
        except TimeoutError:
            raise TimedOut(f"{self._ven} has not answered within {self._patience:g} s", where=point) from None

    async def cancel(self, point: str) -> bool:
        """Cancel what is under way; return whether anything was."""
        own = list(self.under_way(point))
        for dispatch in own:
            dispatch.cancel("not needed any more")
        if own:
            await self._vtn.kept()
        return bool(own)


def _whole(time: datetime) -> datetime:
    return time.replace(microsecond=0)
