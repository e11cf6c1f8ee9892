"""A VEN below as points: `OpenAdrLink`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from ....common.clock import Clock
from ....common.data.access import Change, Entry
from ....common.data.fitting import allowed, course, operable, utc
from ....common.data.memory import MemoryAccess
from ....common.data.point import Point
from ....common.data.services import CommonService, Services, refuse
from ....common.data.tables import Binding, Service
from ....common.data.value import Scalar, Value
from ....common.errors import NotReachable, Refused, TypeConflict, UnknownName
from ....common.openable import Openable
from ....openadr.events import MARKET
from ....openadr.model import EiEvent, EventStatus, OptType
from ....openadr.rules.decisions import rule_6
from ....openadr.vtn import Sample, Ven, Vtn
from .asking import Asking
from .desk import Desk
from .rows import Rows

_AGE = 3
"""Periods after which a value that was not told again is stale."""

OFFERED = {
    CommonService.DIRECTORY: "the conversion table",
    CommonService.READ: "the newest of oadrUpdateReport; the event in force",
    CommonService.OPERATE: "oadrDistributeEvent, answered by oadrCreatedEvent",
    CommonService.OPERATE_LATER: "the start of the event",
    CommonService.OPERATE_TEST: "testEvent",
    CommonService.ABORT: "cancellation of the event",
    CommonService.WATCH: "oadrUpdateReport",
    CommonService.SCHEDULE: "the intervals of an event",
    CommonService.AVAILABLE: "the registration, and EiOpt",
}


class OpenAdrLink(Openable):
    """`DataAccess` over one VEN of a VTN, by its table.

    What the VEN reports are measurements, in the unit of the table whatever its own is. To command a set-point makes an
    event, or modifies the one that is under way for that point; to command zero is to ask for nothing, and cancels it.
    A VEN that opts out of what it is asked is not `available` until the event would have been over.
    """

    services: Services = OFFERED

    def __init__(
        self,
        ven: str,
        bindings: Iterable[Binding],
        vtn: Vtn,
        clock: Clock,
        *,
        renew: float = 30.0,
        lasts: timedelta = timedelta(hours=1),
        patience: float = 30.0,
        market: str = MARKET,
    ) -> None:
        self.ven = ven
        self._vtn, self._clock = vtn, clock
        self._renew, self._lasts, self._market = renew, lasts, market
        self._rows = Rows.of(bindings)
        self._asking = Asking(vtn, ven, clock, patience=patience, market=market)
        self._memory = MemoryAccess(self._rows.points.values(), clock=clock, origin=ven, age=_AGE * renew)
        self._declined_until: datetime | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Follow the VEN from now on."""
        Desk.of(self._vtn).enter(self)
        self.look()
        self._task = asyncio.create_task(self._follow())

    async def ready(self) -> None:
        """Return when the VEN is registered and its values come."""
        await self._ready.wait()

    async def close(self) -> None:
        """Follow it no more; events go on."""
        Desk.of(self._vtn).leave(self)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._memory.close()

    async def _follow(self) -> None:
        """Look again from time to time: opt schedules and events begin and end by the clock."""
        while True:
            soon = self._clock.now() + timedelta(seconds=self._renew / 3)
            changes = (self._asking.next_change(name) for name in self._rows.signals)
            await self._clock.sleep_until(min((soon, *(time for time in changes if time is not None))))
            self.look()

    # --- what the VTN is told (see `Guest`) -------------------------------------------------------------------------

    def came(self, ven: Ven, samples: Sequence[Sample]) -> None:
        """Take what the VEN has reported, oldest first."""
        for sample in sorted(samples, key=lambda each: each.time):
            if (found := self._rows.value(ven, sample)) is not None:
                name, value = found
                self._memory.put(name, value.value, value.quality, value.time)
        self._ready.set()

    def offered(self) -> None:
        """The VEN has said anew what it reports, perhaps in other units."""
        self._rows.forget_offers()

    def answered(self, event: EiEvent) -> None:
        """The VEN has answered an event: if it is ours and it stays out, it does until that is over."""
        event_id = event.event_descriptor.event_id
        if rule_6(event.event_descriptor) or not any(event_id.startswith(f"{name}/") for name in self._rows.signals):
            return
        dispatch = self._vtn.event(event_id)
        if dispatch.status is EventStatus.CANCELLED:
            return  # that is confirmed, and says nothing of whether it takes part
        opt = dispatch.opt(self.ven)
        if opt is OptType.OPT_OUT:
            self._decline(event)
        elif opt is OptType.OPT_IN:
            self._declined_until = None
        self.look()

    def look(self) -> None:
        """See what the VTN knows of the VEN now."""
        there = self._registered()
        if not there:
            self._ready.clear()
            reported = (binding.point.name for binding in self._rows.reported.values())
            self._memory.set_available(False, [*reported, *self._rows.signals])
        else:
            self._memory.set_available(True)
        for name in self._rows.about:
            self._memory.put(name, there and self._willing())
        for name, signal in self._rows.signals.items() if there else ():
            wire = self._asking.in_force(name, signal)
            self._memory.put(name, None if wire is None else signal.common(wire))

    def _registered(self) -> bool:
        try:
            return self._vtn.ven(self.ven).ven_name == self.ven
        except UnknownName:
            return False

    def _willing(self) -> bool:
        if self._declined_until is not None and self._clock.now() < self._declined_until:
            return False
        return self._vtn.availability(self.ven, market=self._market).opt is not OptType.OPT_OUT

    def _decline(self, declined: EiEvent) -> None:
        period = declined.ei_active_period
        self._declined_until = period.duration.after(period.dtstart)

    # --- DataAccess -------------------------------------------------------------------------------------------------

    async def directory(self) -> Sequence[Point]:
        """Return every point of the table, sorted by name."""
        return await self._memory.directory()

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Return what was reported last; a VEN is asked by the plan of its VTN, not for each read."""
        return await self._memory.read(names)

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Raise: OpenADR has no settings."""
        for name in values:
            refuse(CommonService.WRITE, self._point(name).name, "OpenADR has no settings")

    async def select(self, name: str, value: Scalar | None = None) -> None:
        """Raise: an event needs no selection."""
        refuse(CommonService.SELECT, self._point(name).name, "events are not selected beforehand")

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Ask the VEN for this from now, or `at` a time, on, for as long as the address says. Zero is nothing.

        Raises `Refused` (`optOut`) if it opts out, `TimedOut` if it has not answered: it may still take part.
        """
        fit = allowed(operable(self._point(name)), value)
        start = self._clock.now() if at is None else max(utc(at, name), self._clock.now())
        await self._ask(name, [(start, fit)], start + self._lasts, test=test)

    async def abort(self, name: str) -> None:
        """Cancel the event that is under way for it; raise `Refused` if there is none."""
        operable(self._point(name))
        if not await self._cancel(name):
            raise Refused("nothing is under way for it", where=name)

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield what the VEN reports, and what becomes of it."""
        async for change in self._memory.watch(names, period=period, deadband=deadband):
            yield change

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Ask the VEN for this course, until `end`; raises as `operate`."""
        await self._ask(name, course(self._point(name), entries, end), utc(end, name))

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Raise: only what a VEN reports is kept, by the history of the program."""
        refuse(CommonService.HISTORY, self._point(name).name, "ask the program's own history")

    async def available(self, name: str) -> bool:
        """Return whether the VEN is registered and has opted out of nothing that goes on."""
        self._point(name)
        return self._registered() and self._willing()

    def _point(self, name: str) -> Point:
        point = self._rows.points.get(name)
        if point is None:
            raise UnknownName(f"{self.ven} has no point {name!r}")
        return point

    # --- events -----------------------------------------------------------------------------------------------------

    async def _ask(
        self, name: str, steps: Sequence[tuple[datetime, Scalar]], end: datetime, test: bool = False
    ) -> None:
        signal = self._rows.signals[name]
        if not signal.binding.offers(Service.OPERATE):
            raise TypeConflict("the table offers no operate for it", where=name)
        if not self._registered():
            raise NotReachable("the VEN is not registered", where=self.ven)
        wire = [(time, float(signal.binding.to_wire(value))) for time, value in steps]
        if len(wire) == 1 and wire[0][1] == 0:
            if not test:
                await self._cancel(name)
            return
        dispatch = await self._asking.ask(name, signal, wire, end, test=test)
        try:
            opt = await self._asking.answer(dispatch, name)
        finally:
            if test:
                dispatch.cancel("for test only")
        if opt is OptType.OPT_OUT and not test:
            self._decline(dispatch.event)
            dispatch.cancel("opted out of")
        self.look()
        if opt is OptType.OPT_OUT:
            raise Refused(f"{self.ven} opts out", where=name, code=opt.value)

    async def _cancel(self, name: str) -> bool:
        cancelled = await self._asking.cancel(name)
        if cancelled:
            self.look()
        return cancelled
