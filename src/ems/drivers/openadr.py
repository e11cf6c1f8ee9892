"""The driver `openadr`: a VEN below is a device of the site, and what it is asked for an event.

It stands on the VTN of the program (`Surroundings.roles["vtn"]`), which asks its VENs for reports by its plan. Address:

* `ven`: name of the VEN;
* `jid`, or `fingerprint` of its certificate over HTTP: who it has to be, for who makes the VTN's parties (`party`);
* `lasts`: how long an event lasts of which nobody says how long (1 h);
* `patience`: real seconds that it has to answer an event in (30);
* `market`: market context of the events.

The table is `mappings/openadr/ven.csv`, or one like it beside the site file. A row is one of three: `rid`, a value of
the VEN's telemetry; `signal` and `signal_type`, what events set; `about`, what the VTN knows of the VEN.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import ClassVar, Self
from weakref import WeakKeyDictionary

import attrs

from ...common import ids
from ...common.clock import Clock
from ...common.data.access import Change, Entry
from ...common.data.fitting import allowed, course, operable, utc
from ...common.data.memory import MemoryAccess
from ...common.data.point import Point
from ...common.data.services import CommonService, Services, refuse
from ...common.data.site import Device
from ...common.data.tables import Binding, Service
from ...common.data.unit import Unit, convert
from ...common.data.value import Quality, Scalar, Validity, Value
from ...common.errors import ConfigError, JanusGridError, NotReachable, Refused, TimedOut, TypeConflict, UnknownName
from ...common.security import is_fingerprint
from ...common.xmpp import jid as jids
from ...openadr.access.quality import quality
from ...openadr.events import MARKET, event
from ...openadr.items import item, unit_of
from ...openadr.model import EiEvent, EventStatus, OptType, SignalType
from ...openadr.rules import timeline
from ...openadr.vtn import (
    Deregistered,
    Dispatch,
    Offered,
    OptCanceled,
    OptCreated,
    Opted,
    Party,
    Registered,
    Sample,
    Telemetry,
    Ven,
    Vtn,
)
from .port import Surroundings
from .settings import Settings

log = logging.getLogger(__name__)

ROLE = "vtn"
"""The VTN among the roles of the program."""
ABOUT = ("availability",)
"""What may stand in the column `about`."""

SECOND = timedelta(seconds=1)
_AGE = 3
"""Periods after which a value that was not told again is stale."""
_UNFIT = Quality(Validity.INVALID)

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


def party(device: Device) -> Party:
    """Return the VEN of a device as a party of the VTN; raise `ConfigError` if its address does not say who it is."""
    settings = Settings(device, _KEYS)
    if ("jid" in settings) == ("fingerprint" in settings):
        raise settings.error("address: give jid for a VEN on XMPP, or the fingerprint of its certificate over HTTP")
    if "jid" in settings:
        return Party(settings.text("ven"), jids.bare(jids.normal(settings.text("jid"))))
    fingerprint = settings.text("fingerprint")
    if not is_fingerprint(fingerprint):
        raise settings.error(f"address: {fingerprint!r} is no fingerprint (ten octets, AA:BB:…)")
    return Party(settings.text("ven"), fingerprint)


class OpenAdrDriver:
    """Makes links to VENs."""

    def link(self, device: Device, surroundings: Surroundings) -> OpenAdrLink:
        """Return a link to a VEN (see `Driver`)."""
        settings = Settings(device, _KEYS)
        vtn = surroundings.roles.get(ROLE)
        if not isinstance(vtn, Vtn):
            raise settings.error("a VEN needs a VTN, and this program has none")
        return OpenAdrLink(
            settings.text("ven"),
            device.bindings,
            vtn,
            surroundings.clock,
            renew=surroundings.renew_s,
            lasts=timedelta(seconds=settings.seconds("lasts", 3600.0, 1.0, 31e6)),
            patience=settings.seconds("patience", 30.0, 0.1, 3600.0),
            market=settings.text("market", MARKET),
        )


_KEYS = ("ven", "jid", "fingerprint", "lasts", "patience", "market")


@attrs.frozen(slots=True)
class _Signal:
    """What events set."""

    name: str
    type: SignalType
    unit: str


class OpenAdrLink:
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
        self._vtn = vtn
        self._clock = clock
        self._renew = renew
        self._lasts, self._patience, self._market = lasts, patience, market
        self._reported: dict[str, Binding] = {}
        self._signals: dict[str, tuple[Binding, _Signal]] = {}
        self._about: list[str] = []
        self._points: dict[str, Point] = {}
        for binding in bindings:
            self._take(binding)
        self._memory = MemoryAccess(self._points.values(), clock=clock, origin=ven, age=_AGE * renew)
        self._units: dict[str, Unit | None] = {}
        self._declined_until: datetime | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def _take(self, binding: Binding) -> None:
        address, name = binding.address, binding.point.name
        said = [column for column in ("rid", "signal", "about") if address.get(column)]
        if len(said) != 1:
            raise ConfigError("a row of a VEN has one of rid, signal and about", where=binding.row.where)
        self._points[name] = binding.point
        if said[0] == "rid":
            self._reported[address["rid"]] = binding
        elif said[0] == "signal":
            self._signals[name] = binding, _signal(binding)
        elif address["about"] in ABOUT:
            self._about.append(name)
        else:
            reason = f"about: {address['about']!r} is not known; there is {', '.join(ABOUT)}"
            raise ConfigError(reason, where=binding.row.where)

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Follow the VEN from now on."""
        _Desk.of(self._vtn).enter(self)
        self.look()
        self._task = asyncio.create_task(self._follow())

    async def ready(self) -> None:
        """Return when the VEN is registered and its values come."""
        await self._ready.wait()

    async def close(self) -> None:
        """Follow it no more; events go on."""
        _Desk.of(self._vtn).leave(self)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._memory.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _follow(self) -> None:
        """Look again from time to time: opt schedules and events begin and end by the clock."""
        while True:
            now = self._clock.now()
            soon = now + timedelta(seconds=self._renew / 3)
            changes = (timeline.changes(each.event, now) for name in self._signals for each in self._own(name))
            await self._clock.sleep_until(min((soon, *(time for time in changes if time is not None))))
            self.look()

    def came(self, ven: Ven, samples: Sequence[Sample]) -> None:
        """Take what the VEN has reported, oldest first."""
        for sample in sorted(samples, key=lambda each: each.time):
            binding = self._reported.get(sample.r_id)
            if binding is not None:
                value = self._common(ven, binding, sample)
                self._memory.put(binding.point.name, value.value, value.quality, value.time)
        self._ready.set()

    def look(self) -> None:
        """See what the VTN knows of the VEN now."""
        ven = self._registered()
        if ven is None:
            self._units.clear()
            self._ready.clear()
            self._memory.set_available(False, [*self._reported_names(), *self._signals])
        else:
            self._memory.set_available(True)
        for name in self._about:
            self._memory.put(name, ven is not None and self._willing())
        for name in self._signals if ven is not None else ():
            self._show(name)

    def _show(self, name: str) -> None:
        """Show what an event asks for now; nothing where it was opted out of, or is not answered yet."""
        binding, signal = self._signals[name]
        now = self._clock.now()
        for each in self._own(name):
            found = next((one for one in each.event.ei_event_signals if str(one.signal_name) == signal.name), None)
            wire = None if found is None else timeline.value(each.event, found, now)
            if wire is not None and each.opt(self.ven) is OptType.OPT_IN:
                whole = binding.row.conversion.wire_type.range is not None
                self._memory.put(name, binding.from_wire(round(wire) if whole else wire))
                return
        self._memory.put(name, None)

    def _reported_names(self) -> list[str]:
        return [binding.point.name for binding in self._reported.values()]

    def _registered(self) -> Ven | None:
        try:
            found = self._vtn.ven(self.ven)
        except UnknownName:
            return None
        return found if found.ven_name == self.ven else None

    def _willing(self) -> bool:
        if self._declined_until is not None and self._clock.now() < self._declined_until:
            return False
        return self._vtn.availability(self.ven, market=self._market).opt is not OptType.OPT_OUT

    def answered(self, booked: EiEvent) -> None:
        """The VEN has answered an event: if it is ours and it stays out, it does until that is over."""
        event_id = booked.event_descriptor.event_id
        if not any(event_id.startswith(f"{name}/") for name in self._signals):
            return
        dispatch = self._vtn.event(event_id)
        if dispatch.status is EventStatus.CANCELLED:
            return  # that is confirmed, and says nothing of whether it takes part
        opt = dispatch.opt(self.ven)
        if opt is OptType.OPT_OUT:
            self._decline(booked)
        elif opt is OptType.OPT_IN:
            self._declined_until = None
        self.look()

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
        point = operable(self._point(name))
        fit = allowed(point, value)
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
        return self._registered() is not None and self._willing()

    def _point(self, name: str) -> Point:
        point = self._points.get(name)
        if point is None:
            raise UnknownName(f"{self.ven} has no point {name!r}")
        return point

    # --- events -----------------------------------------------------------------------------------------------------

    async def _ask(
        self, name: str, steps: Sequence[tuple[datetime, Scalar]], end: datetime, test: bool = False
    ) -> None:
        binding, signal = self._signals[name]
        if not binding.offers(Service.OPERATE):
            raise TypeConflict("the table offers no operate for it", where=name)
        ven = self._registered()
        if ven is None:
            raise NotReachable("the VEN is not registered", where=self.ven)
        wire = [(time, binding.to_wire(value)) for time, value in steps]
        if len(wire) == 1 and wire[0][1] == 0:
            await self._cancel(name)
            return
        dispatch = self._dispatch(name, signal, wire, end, test)
        await self._vtn.kept()
        await self._opted(name, dispatch)
        self.look()

    def _dispatch(
        self, name: str, signal: _Signal, wire: Sequence[tuple[datetime, Scalar]], end: datetime, test: bool
    ) -> Dispatch:
        """Make an event, or modify the one under way; one that has begun keeps its start."""
        now = self._clock.now().replace(microsecond=0)
        under_way = next(iter(self._own(name)), None)
        times = [_whole(time) for time, _ in wire]
        if under_way is not None and (began := under_way.event.ei_active_period.dtstart) <= now:
            times[0] = began
        ends = [*times[1:], max(_whole(end), times[-1] + SECOND)]
        values = [(until - time, float(value)) for time, until, (_, value) in zip(times, ends, wire, strict=True)]
        event_id = f"{name}/{ids.new('EV')}" if under_way is None else under_way.id
        made = event(
            signal.name, signal.type, values, start=times[0], created=now, item=item(signal.unit),
            notification=max(times[0] - now, timedelta()), market=self._market, event_id=event_id, test=test,
        )  # fmt: skip
        if under_way is None:
            return self._vtn.create_event(made, [self.ven])
        under_way.modify(made)
        return under_way

    async def _opted(self, name: str, dispatch: Dispatch) -> None:
        try:
            async with asyncio.timeout(self._patience):
                opt = await dispatch.opted(self.ven)
        except TimeoutError:
            raise TimedOut(f"{self.ven} has not answered within {self._patience:g} s", where=name) from None
        if opt is OptType.OPT_OUT:
            self._decline(dispatch.event)
            dispatch.cancel("opted out of")
            self.look()
            raise Refused(f"{self.ven} opts out", where=name, code=opt.value)

    async def _cancel(self, name: str) -> bool:
        own = list(self._own(name))
        for dispatch in own:
            dispatch.cancel("not needed any more")
        if own:
            await self._vtn.kept()
            self.look()
        return bool(own)

    def _own(self, name: str) -> Iterator[Dispatch]:
        """Yield what is under way for a point, made in this run of the program or an earlier one."""
        over = (EventStatus.CANCELLED, EventStatus.COMPLETED)
        return (each for each in self._vtn.events if each.id.startswith(f"{name}/") and each.status not in over)

    # --- values -----------------------------------------------------------------------------------------------------

    def _common(self, ven: Ven, binding: Binding, sample: Sample) -> Value:
        number = sample.value if isinstance(sample.value, int | float) else None
        if number is None:
            return Value(None, _UNFIT, sample.time)
        try:
            given = self._unit(ven, sample.r_id)
            wire = float(number) if given is None else convert(float(number), given, binding.row.wire_unit)
            whole = binding.row.conversion.wire_type.range is not None
            return Value(binding.from_wire(round(wire) if whole else wire), quality(sample.quality), sample.time)
        except JanusGridError as error:
            log.warning("%s: %s of %s: %s", binding.point.name, sample.r_id, self.ven, error)
            return Value(None, _UNFIT, sample.time)

    def _unit(self, ven: Ven, r_id: str) -> Unit | None:
        """Return the unit in which the VEN offers a value; None where it names none: then it is that of the table."""
        if r_id not in self._units:
            items = (
                each.item_base for report in ven.offers.values() for each in report.descriptions if each.r_id == r_id
            )
            found = next(iter(items), None)
            self._units[r_id] = None if found is None else unit_of(found)
        return self._units[r_id]

    def forget_offers(self) -> None:
        """The VEN has said anew what it reports."""
        self._units.clear()


class _Desk:
    """Brings what happens at a VTN to the links of the VEN that it is about."""

    _all: ClassVar[WeakKeyDictionary[Vtn, _Desk]] = WeakKeyDictionary()

    def __init__(self, vtn: Vtn) -> None:
        self._links: dict[str, list[OpenAdrLink]] = {}
        vtn.listen(Telemetry, self._telemetry)
        vtn.listen(Offered, self._offered)
        vtn.listen(Opted, self._opted)
        for kind in (Registered, Deregistered, OptCreated, OptCanceled):
            vtn.listen(kind, self._look)

    @classmethod
    def of(cls, vtn: Vtn) -> _Desk:
        """Return the desk of a VTN, made at the first call."""
        found = cls._all.get(vtn)
        if found is None:
            found = cls._all[vtn] = cls(vtn)
        return found

    def enter(self, link: OpenAdrLink) -> None:
        """Bring it what is about its VEN."""
        self._links.setdefault(link.ven, []).append(link)

    def leave(self, link: OpenAdrLink) -> None:
        """Bring it nothing more."""
        if link in self._links.get(link.ven, ()):
            self._links[link.ven].remove(link)

    def _telemetry(self, happening: Telemetry) -> None:
        for link in self._links.get(happening.ven.ven_name, ()):
            link.came(happening.ven, happening.samples)

    def _offered(self, happening: Offered) -> None:
        for link in self._links.get(happening.ven.ven_name, ()):
            link.forget_offers()

    def _opted(self, happening: Opted) -> None:
        for link in self._links.get(happening.ven.ven_name, ()):
            link.answered(happening.booked.event)

    def _look(self, happening: Registered | Deregistered | OptCreated | OptCanceled) -> None:
        for link in self._links.get(happening.ven.ven_name, ()):
            link.look()


def _signal(binding: Binding) -> _Signal:
    text = binding.address.get("signal_type", "")
    try:
        return _Signal(binding.address["signal"], SignalType(text), binding.row.wire_unit.symbol)
    except ValueError:
        words = ", ".join(each.value for each in SignalType)
        raise ConfigError(f"signal_type: {text!r} is not known; there is {words}", where=binding.row.where) from None


def _whole(time: datetime) -> datetime:
    return time.replace(microsecond=0)
