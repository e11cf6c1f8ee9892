"""A VEN as points: `VenAccess`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from ...common.data.access import Change
from ...common.data.commanded import Commanded
from ...common.data.point import Point
from ...common.data.services import CommonService, Services, refuse
from ...common.data.value import LOST, Value
from ...common.data.watching import Watcher, check_watch, renew, stop, task_of
from ...common.errors import UnknownName
from ..core.event_inbox import KnownEvent
from ..model import EiEvent, OptType
from ..ven import Ven
from .signals import LEVEL, LOAD_DISPATCH, SignalPoint, in_force, next_change
from .watching import follow

OFFERED = {
    CommonService.DIRECTORY: "the signals it is made for",
    CommonService.READ: "the oadrDistributeEvent in force",
    CommonService.WATCH: "oadrDistributeEvent, and time as it goes on",
    CommonService.AVAILABLE: "the registration",
}


class VenAccess(Commanded):
    """`DataAccess` over a VEN: what the utility's events set, as set-points that can be read and watched::

        access = VenAccess(ven)
        async for change in access.watch(["dispatch.p"]):
            print(change.value.value)

    Of several active events the most important one counts, of those that the VEN takes part in; those for test are
    none. A set-point that no event sets has no value, and invalid quality; while the VEN is not registered all is lost.
    Nothing can be written or commanded here: the utility does. How the VEN answers events is its `on_event`, what it
    reports its `offers`.
    """

    services: Services = OFFERED
    commanded_by = "events of the utility set it, nobody else does"

    def __init__(self, ven: Ven, signals: Iterable[SignalPoint] = (LOAD_DISPATCH, LEVEL)) -> None:
        self._ven = ven
        self._signals = {signal.name: signal for signal in signals}

    async def directory(self) -> Sequence[Point]:
        """Return a set-point for each signal, sorted by name."""
        return [self._signals[name].point(name) for name in sorted(self._signals)]

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Return what the events in force say."""
        wanted = tuple(names)
        for name in wanted:
            self._signal(name)
        return {name: self._value(name) for name in wanted}

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield each value as it comes into force and goes."""
        check_watch(period, deadband)
        watcher = Watcher(frozenset(self._signal(name).name for name in names))
        clock = self._ven.clock
        following = asyncio.create_task(follow(self._ven, clock, watcher.names, self._value, self._wake, watcher))
        renewing = task_of(period, lambda seconds: renew(clock, seconds, watcher, self._value))
        try:
            async for change in watcher.changes(deadband, period):
                yield change
        finally:
            await stop([following, *renewing])

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Raise: OpenADR has no history of events."""
        self._signal(name)
        refuse(CommonService.HISTORY, name, "OpenADR has none of events")

    async def available(self, name: str) -> bool:
        """Return whether the VEN is registered, so that events can reach it."""
        self._signal(name)
        return self._ven.registered

    def _signal(self, name: str) -> SignalPoint:
        found = self._signals.get(name)
        if found is None:
            raise UnknownName(f"there is {', '.join(sorted(self._signals))}", where=name)
        return found

    def _events(self) -> list[EiEvent]:
        return [known.followed for known in self._ven.active() if _binds(known)]

    def _value(self, name: str) -> Value:
        core = self._ven.core
        found = in_force(self._signals[name], self._events(), self._ven.clock.now(), core.office.vtn_id)
        return found if core.registered else Value(found.value, LOST, found.time, found.origin)

    def _wake(self) -> datetime | None:
        now = self._ven.clock.now()
        known = self._ven.core.events.shelf.values()
        changes = next_change((each.event for each in known), now)
        ends = (each.until for each in known if each.until is not None and each.until > now)
        return min((time for time in (changes, *ends) if time is not None), default=None)


def _binds(known: KnownEvent) -> bool:
    """Return whether an event sets anything: not for test, not opted out of, and answered if it has to be."""
    if known.is_test or known.stands is OptType.OPT_OUT:
        return False
    return known.stands is OptType.OPT_IN or not known.answer_owed
