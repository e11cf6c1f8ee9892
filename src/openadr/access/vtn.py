"""A VTN and its VENs as points: `VtnAccess`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import attrs

from ...common import ids
from ...common.data.access import Change, Entry
from ...common.data.fitting import course, utc
from ...common.data.point import Point
from ...common.data.services import CommonService, Services, refuse
from ...common.data.value import LOST, Quality, Scalar, Validity, Value
from ...common.data.watching import Watcher, check_watch, renew, stop, task_of
from ...common.errors import JanusGridError, LocalError, NotReachable, Refused, TimedOut, TypeConflict, UnknownName
from ..core.event_book import BookedEvent
from ..events import MARKET, event
from ..items import item
from ..model import EiEvent, EventStatus, OptType
from ..orders import ReportOrder
from ..rules import timeline
from ..rules.decisions import rule_6
from ..vtn import Deregistered, Dispatch, Offered, Sample, Telemetry, Ven, Vtn
from .offered import Reported, offers
from .quality import quality
from .signals import LEVEL, LOAD_DISPATCH, SignalPoint, in_force, next_change
from .watching import follow

SECOND = timedelta(seconds=1)
NO_OFFER = Quality(Validity.INVALID)

OFFERED = {
    CommonService.DIRECTORY: "oadrRegisterReport, and the signals it is made for",
    CommonService.READ: "oadrCreateReport, one shot; the event in force",
    CommonService.OPERATE: "oadrDistributeEvent, answered by oadrCreatedEvent",
    CommonService.OPERATE_LATER: "the start of the event",
    CommonService.OPERATE_TEST: "testEvent",
    CommonService.ABORT: "cancellation of the event",
    CommonService.WATCH: "oadrCreateReport, periodic; oadrUpdateReport",
    CommonService.SCHEDULE: "the intervals of an event",
    CommonService.HISTORY: "HISTORY_USAGE",
    CommonService.AVAILABLE: "the registration, and EiOpt",
}


class VtnAccess:
    """`DataAccess` over the VENs of a VTN::

        access = VtnAccess(vtn)
        print(await access.read(["site.pcc.p"]))
        await access.operate("site.dispatch.p", 1000.0)

    The points are what VENs offer to report, `<VEN name>.<rID>`, in its unit; and for each VEN a set-point for each of
    `signals`, `<VEN name>.<name of the signal>`. To command one makes an event, which the VEN has to opt in to.

    Args:
        signals: the signals that events are made of.
        lasts: how long an event of `operate` lasts.
        every: how often a watch asks for values that does not say so.
        patience: real seconds that a VEN has to answer in: one that comes for its messages takes as long as it polls.
        market: the market context of the events, but of signals that have one of their own.
    """

    services: Services = OFFERED

    def __init__(
        self,
        vtn: Vtn,
        signals: Iterable[SignalPoint] = (LOAD_DISPATCH, LEVEL),
        *,
        lasts: timedelta = timedelta(hours=1),
        every: timedelta = timedelta(minutes=1),
        patience: float = 30.0,
        market: str = MARKET,
    ) -> None:
        self._vtn = vtn
        self._signals = {signal.name: signal for signal in signals}
        self._lasts, self._every, self._patience, self._market = lasts, every, patience, market
        self._watches: dict[Watcher, _Watch] = {}
        self._known: dict[str, bool] = {}
        """The points that were found once, and whether each is a set-point."""
        vtn.listen(Telemetry, self._reported)
        vtn.listen(Offered, self._offered)
        vtn.listen(Deregistered, self._gone)

    # --- DataAccess -------------------------------------------------------------------------------------------------

    async def directory(self) -> Sequence[Point]:
        """Return every point of every registered VEN, sorted by name."""
        found = [each.point for ven in self._vtn.core.vens for each in offers(ven).values()]
        for ven in self._vtn.core.vens:
            if not ven.report_only:
                names = ((f"{ven.ven_name}.{name}", signal) for name, signal in self._signals.items())
                found += [signal.point(name) for name, signal in names]
        return sorted(found, key=lambda point: point.name)

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Ask each VEN once for the present values (a one-shot report); set-points are what events in force say.

        What does not come in time, or is refused, is lost; what is only offered as history has no present value.
        """
        found: dict[str, Value] = {}
        asked: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        for name in dict.fromkeys(names):
            try:
                ven, point = self._find(name)
            except NotReachable:
                found[name] = Value(None, LOST, origin="local")
                continue
            if isinstance(point, SignalPoint):
                found[name] = self._in_force(name)
            elif point.telemetry is None:
                found[name] = Value(None, NO_OFFER, origin=ven.ven_name)
            else:
                found[name] = Value(None, LOST, origin=ven.ven_name)
                asked[ven.ven_name, point.telemetry][point.r_id] = name
        for values in await asyncio.gather(*(self._ask(*where, points) for where, points in asked.items())):
            found.update(values)
        return found

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Raise: OpenADR has no settings."""
        for name in values:
            self._find(name)
            refuse(CommonService.WRITE, name, "OpenADR has no settings; `operate` makes an event")

    async def select(self, name: str, value: Scalar | None = None) -> None:
        """Raise: OpenADR reserves nothing."""
        self._find(name)
        refuse(CommonService.SELECT, name, "OpenADR reserves nothing; the most important event counts")

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Make an event of one value in place of what `operate` and `schedule` have made for this point before.

        It begins `at` a time, or at once, and lasts as long as this access says. For `test` it is a test event, which
        takes the place of none, and so is of a market context of its own (`…/test`), and is withdrawn when it is
        answered. `check` has no meaning in OpenADR.

        Raises:
            Refused: the VEN opts out, by answer or beforehand by a schedule; the event is withdrawn.
            TimedOut: it has not answered; the event stands, and it may still take part.
        """
        ven, signal = self._setpoint(name)
        number = signal.check(name, value)
        begin = self._now() if at is None else utc(at, name)
        await self._make(name, ven, signal, [(self._lasts, number)], begin, test)

    async def abort(self, name: str) -> None:
        """Cancel the events that were made for this point; raise `Refused` if there is none."""
        self._setpoint(name)
        own = self._own(name)
        if not own:
            raise Refused("nothing is under way for it", where=name)
        for booked in own:
            self._vtn.core.cancel_event(booked.event.event_descriptor.event_id, self._vtn.clock.now())
        self._vtn.nudge()
        await self._vtn.kept()

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Ask for periodic reports and yield the values that come, and set-points as they change.

        The values are as dense as the `period`, as far as the VEN can. A VEN that comes back is asked anew.
        """
        check_watch(period, deadband)
        if period is not None and period < 1:
            raise LocalError(f"OpenADR has whole seconds, one at least: a period of {period:g} s cannot be")
        wanted = list(dict.fromkeys(names))
        lost = [name for name in wanted if not self._is_there(name)]
        watcher = Watcher(frozenset(wanted))
        for name in lost:
            watcher.put(Change(name, Value(None, LOST, origin="local")))
        setpoints = [name for name in wanted if self._known[name]]
        every = self._every if period is None else timedelta(seconds=round(period))
        watch = self._watches[watcher] = _Watch(every)
        clock = self._vtn.clock
        following = asyncio.create_task(follow(self._vtn, clock, setpoints, self._in_force, self._wake, watcher))
        renewing = task_of(period, lambda seconds: renew(clock, seconds, watcher, self._in_force, setpoints))
        try:
            for ven in self._vtn.core.vens:
                self._order(watcher, watch, ven)
            async for change in watcher.changes(deadband, period):
                yield change
        finally:
            del self._watches[watcher]
            await stop([following, *renewing])
            for order in watch.orders:
                with suppress(UnknownName, LocalError):  # it has come to an end meanwhile, or the VEN is gone
                    order.cancel()

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Make an event of these values, one interval each, in place of what was made for this point before.

        Raises as `operate`; `LocalError` for entries that are not in order of time, each a whole second or more long.
        """
        ven, signal = self._setpoint(name)
        steps = course(signal.point(name), entries, end)
        times = [*(start for start, _ in steps), utc(end, name)]
        intervals = [(until - start, float(value)) for (start, value), until in zip(steps, times[1:], strict=True)]
        if any(lasts % SECOND for lasts, _ in intervals):
            raise LocalError("OpenADR has whole seconds: let the entries of a schedule last some", where=name)
        await self._make(name, ven, signal, intervals, times[0], test=False)

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Ask the VEN for what it has kept (HISTORY_USAGE); raise `Refused` if it offers none of this point."""
        ven, point = self._find(name)
        start, end = utc(start, name), utc(end, name)
        if isinstance(point, SignalPoint) or point.history is None:
            raise Refused("no history of it is offered", where=name)
        if end <= start:
            return []
        begin = start.replace(microsecond=0)  # OpenADR has whole seconds: ask for what covers it
        order = self._vtn.request_report(
            ven.ven_name, point.history, [point.r_id], start=begin, duration=_whole(end - begin)
        )
        came = await self._next(order, name)
        values = [_value(each, ven.ven_name) for each in came.samples if each.r_id == point.r_id]
        inside = (value for value in values if value.time is not None and start <= value.time < end)
        return sorted(inside, key=lambda value: value.time or start)

    async def available(self, name: str) -> bool:
        """Return whether the VEN is registered, and has not said by a schedule that it is not available now."""
        try:
            ven, _ = self._find(name)
        except NotReachable:
            return False
        return self._vtn.availability(ven.ven_name, market=self._market).opt is not OptType.OPT_OUT

    # --- points -----------------------------------------------------------------------------------------------------

    def _find(self, name: str) -> tuple[Ven, Reported | SignalPoint]:
        """Return the VEN and the point of a name; raise `UnknownName`, `NotReachable` if there was such a VEN."""
        for ven in self._vtn.core.vens:
            if not name.startswith(f"{ven.ven_name}."):
                continue
            found = offers(ven).get(name)
            signal = self._signals.get(name.removeprefix(f"{ven.ven_name}."))
            if found is not None or (signal is not None and not ven.report_only):
                self._known[name] = found is None
            if found is not None:
                return ven, found
            if signal is not None and not ven.report_only:
                return ven, signal
        if name in self._known:
            raise NotReachable("its VEN is not registered now", where=name)
        raise UnknownName("no registered VEN has such a point", where=name)

    def _is_there(self, name: str) -> bool:
        """Return whether the VEN of a point is registered; raise `UnknownName`."""
        try:
            self._find(name)
        except NotReachable:
            return False
        return True

    def _setpoint(self, name: str) -> tuple[Ven, SignalPoint]:
        ven, point = self._find(name)
        if not isinstance(point, SignalPoint):
            raise TypeConflict("it is reported by the VEN and cannot be commanded", where=name)
        return ven, point

    # --- reports ----------------------------------------------------------------------------------------------------

    async def _ask(self, ven: str, specifier: str, points: Mapping[str, str]) -> dict[str, Value]:
        """Return what a one-shot report says of points (rID to name); those that are missing are left out."""
        try:
            came = await self._next(self._vtn.request_report(ven, specifier, list(points)), ven)
        except JanusGridError:
            return {}
        return {points[each.r_id]: _value(each, ven) for each in came.samples if each.r_id in points}

    async def _next(self, order: ReportOrder[Telemetry], where: str) -> Telemetry:
        try:
            async with asyncio.timeout(self._patience):
                return await order.next()
        except TimeoutError:
            with suppress(JanusGridError):
                order.cancel()
            raise TimedOut(f"no report within {self._patience:g} s", where=where) from None

    def _order(self, watcher: Watcher, watch: _Watch, ven: Ven) -> None:
        """Ask a VEN for what a watch wants of it."""
        wanted: dict[str, list[Reported]] = defaultdict(list)
        for name, point in offers(ven).items():
            if name in watcher.names and point.telemetry is not None:
                wanted[point.telemetry].append(point)
        for specifier, points in wanted.items():
            shortest = max((point.shortest for point in points), default=SECOND)
            longest = min((point.longest for point in points), default=watch.every)
            every = max(min(watch.every, longest), shortest, SECOND)
            r_ids = [point.r_id for point in points]
            watch.orders.append(
                self._vtn.request_report(ven.ven_name, specifier, r_ids, granularity=every, every=every)
            )

    def _reported(self, telemetry: Telemetry) -> None:
        origin = telemetry.ven.ven_name
        for sample in telemetry.samples:
            change = Change(f"{origin}.{sample.r_id}", _value(sample, origin), "periodic")
            for watcher, watch in self._watches.items():
                if watch.is_newer(change):
                    watcher.put(change)

    def _offered(self, offered: Offered) -> None:
        for watcher, watch in self._watches.items():
            running = {order.id for order in watch.orders}
            if not running & offered.ven.requests.keys():
                self._order(watcher, watch, offered.ven)

    def _gone(self, gone: Deregistered) -> None:
        for watcher, watch in self._watches.items():
            for name in offers(gone.ven):
                last = watch.last.get(name, Value(None, origin=gone.ven.ven_name))
                watcher.put(Change(name, attrs.evolve(last, quality=LOST), "lost"))

    # --- events -----------------------------------------------------------------------------------------------------

    async def _make(
        self,
        name: str,
        ven: Ven,
        signal: SignalPoint,
        course: Sequence[tuple[timedelta, float]],
        begin: datetime,
        test: bool,
    ) -> None:
        now, market = self._now(), signal.market or self._market
        start = begin.replace(microsecond=0)
        made = event(
            signal.signal,
            signal.type,
            course,
            start=start,
            created=now,
            item=item(signal.unit),
            notification=max(start - now, timedelta()),
            market=f"{market}/test" if test else market,
            event_id=f"{name}/{ids.new('EV')}",
            test=test,
        )
        for booked in () if test else self._own(name):
            self._vtn.core.cancel_event(booked.event.event_descriptor.event_id, now)
        dispatch = self._vtn.create_event(made, [ven.ven_name])
        await self._vtn.kept()
        try:
            await self._opted(name, ven, dispatch)
        finally:
            if test:
                dispatch.cancel("for test only")

    async def _opted(self, name: str, ven: Ven, dispatch: Dispatch) -> None:
        try:
            async with asyncio.timeout(self._patience):
                opt = await dispatch.opted(ven.ven_name)
        except TimeoutError:
            raise TimedOut(f"{ven.ven_name} has not answered within {self._patience:g} s", where=name) from None
        if opt is OptType.OPT_OUT:
            dispatch.cancel("opted out of")
            raise Refused(f"{ven.ven_name} opts out", where=name, code=opt.value)

    def _own(self, name: str) -> list[BookedEvent]:
        """Return the events that this access has made for a point, in this run of the program or an earlier one."""
        return [
            booked
            for booked in self._vtn.core.events
            if booked.event.event_descriptor.event_id.startswith(f"{name}/") and self._is_on(booked.event)
        ]

    def _is_on(self, made: EiEvent) -> bool:
        over = (EventStatus.CANCELLED, EventStatus.COMPLETED)
        return timeline.status(made, self._vtn.clock.now()) not in over

    def _events(self, ven_id: str) -> list[EiEvent]:
        booked = (each for each in self._vtn.core.events if ven_id in each.ven_ids and _binds(each, ven_id))
        return sorted((each.event for each in booked), key=lambda each: each.event_descriptor.priority or 1 << 30)

    def _in_force(self, name: str) -> Value:
        try:
            ven, signal = self._setpoint(name)
        except NotReachable:
            return Value(None, LOST, origin="local")
        return in_force(signal, self._events(ven.ven_id), self._vtn.clock.now(), "local")

    def _wake(self) -> datetime | None:
        return next_change((each.event for each in self._vtn.core.events), self._vtn.clock.now())

    def _now(self) -> datetime:
        return self._vtn.clock.now().replace(microsecond=0)


@attrs.define(slots=True)
class _Watch:
    """What a watch has asked for, and what it was told last of each point."""

    every: timedelta
    orders: list[ReportOrder[Telemetry]] = attrs.Factory(list)
    last: dict[str, Value] = attrs.Factory(dict)

    def is_newer(self, change: Change) -> bool:
        """Return whether a value is of a later time than the last one: several reports may bring the same."""
        last, time = self.last.get(change.name), change.value.time
        if last is not None and last.time is not None and time is not None and time <= last.time:
            return False
        self.last[change.name] = change.value
        return True


def _value(sample: Sample, origin: str) -> Value:
    number = sample.value if isinstance(sample.value, int | float) else None
    meaning = quality(sample.quality) if number is not None else NO_OFFER
    return Value(None if number is None else float(number), meaning, sample.time, origin)


def _binds(booked: BookedEvent, ven_id: str) -> bool:
    """Return whether an event sets anything at a VEN: not for test, and not opted out of."""
    return not rule_6(booked.event.event_descriptor) and booked.opt(ven_id) is not OptType.OPT_OUT


def _whole(span: timedelta) -> timedelta:
    return -(-span // SECOND) * SECOND
