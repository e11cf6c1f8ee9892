"""The site application: follows a dispatch event by commanding its devices.

It speaks points (`DataAccess`) and time (`Clock`) and knows no protocol. Events come in by `offer` and `withdraw`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import attrs

from ..common.clock import Clock
from ..common.data.access import Change, DataAccess, Entry
from ..common.data.memory import MemoryAccess
from ..common.data.point import Kind, Point, ValueType
from ..common.data.unit import unit
from ..common.data.value import Value
from ..common.errors import JanusGridError, LocalError
from .delivery import Delivery, Sample, Trace, baseline, delivered, minute_means
from .dispatch import Condition, Dispatcher, Plan, Resource, Tuning
from .events import Answer, DispatchEvent, Opt, Phase
from .picture import Picture, points_of

log = logging.getLogger(__name__)

_PAUSE = 5.0
"""Seconds after which a watch that has failed is tried again."""
NO_EVENT = "none"


def _own_points() -> list[Point]:
    def power(name: str, description: str) -> Point:
        return Point(name, Kind.MEASUREMENT, unit=unit("kW"), description=description)

    phases = (NO_EVENT, *(phase.value for phase in Phase))
    return [
        power("site.generation.p", "Sum of what all resources deliver, as far as it is known"),
        power("site.asked.p", "Reduction that the event asks for that is followed now"),
        power("site.baseline.p", "Import from which that counts"),
        power("site.delivered.p", "Import below the baseline"),
        Point("site.event", Kind.STATUS, ValueType.TEXT, description="The event that is followed; empty without one"),
        Point("site.phase", Kind.STATUS, ValueType.ENUM, literals=phases, description="Where it stands"),
    ]


@attrs.frozen(slots=True, kw_only=True)
class ControllerConfig:
    """What the site application has to know.

    Attributes:
        resources: the devices that it may dispatch.
        meter: the point of the import at the point of common coupling; None at a site that has none, which then stays
            out of every event.
        others: further points to watch, for those who ask by `value`.
        cycle_s: seconds between two decisions.
        renew_s: seconds after which devices shall tell their values again, changed or not.
        stale_s: a value that was not renewed for so long counts as unknown.
        refusal_hold_s: a device that did not accept a set-point is left out for this long.
        deadband: a set-point is sent if it differs from the last one by more than this part of the rating.
        tuning: constants of the dispatch rule.
    """

    resources: tuple[Resource, ...]
    meter: str | None = "der.PCC.p"
    others: tuple[str, ...] = ()
    cycle_s: float = 10.0
    renew_s: float = 30.0
    stale_s: float = 90.0
    refusal_hold_s: float = 60.0
    deadband: float = 0.001
    tuning: Tuning = attrs.field(factory=Tuning)


@attrs.frozen(slots=True)
class Cycle:
    """What one cycle saw and decided, for views, logs and reports."""

    time: datetime
    import_kw: float
    conditions: dict[str, Condition]
    plan: Plan


@attrs.frozen(slots=True)
class Control:
    """One set-point sent, and what became of it: `error` is None if the device accepted it."""

    time: datetime
    device: str
    kw: float
    error: JanusGridError | None = None


@attrs.define(slots=True)
class _Accepted:
    event: DispatchEvent
    baseline_kw: float


@attrs.frozen(slots=True)
class _Asked:
    """What a planned resource was asked for: since when, until when."""

    kw: float
    since: datetime
    until: datetime


class SiteController:
    """The application. `run` it beside whatever brings it events."""

    def __init__(self, access: DataAccess, clock: Clock, config: ControllerConfig) -> None:
        self._access = access
        self._clock = clock
        self._config = config
        self._picture = Picture(stale_after=timedelta(seconds=config.stale_s))
        self._dispatcher = Dispatcher(config.resources, config.tuning)
        self._accepted: _Accepted | None = None
        self._setpoints: dict[str, float] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._held: dict[str, datetime] = {}
        self._asked: dict[str, _Asked] = {}
        self._own = MemoryAccess(_own_points(), clock=clock, origin="ems")
        self._cycle_listeners: list[Callable[[Cycle], None]] = []
        self._control_listeners: list[Callable[[Control], None]] = []
        self.trace = Trace()

    @property
    def points(self) -> MemoryAccess:
        """What the site does as a whole: sums, and the event that is followed (see `_own_points`)."""
        return self._own

    @property
    def event(self) -> DispatchEvent | None:
        """The event being followed, or the last one."""
        return self._accepted.event if self._accepted else None

    @property
    def baseline_kw(self) -> float | None:
        """The baseline of that event."""
        return self._accepted.baseline_kw if self._accepted else None

    def on_cycle(self, listener: Callable[[Cycle], None]) -> None:
        """Call `listener` after each cycle."""
        self._cycle_listeners.append(listener)

    def on_control(self, listener: Callable[[Control], None]) -> None:
        """Call `listener` when a set-point was accepted or refused."""
        self._control_listeners.append(listener)

    def offer(self, event: DispatchEvent) -> Answer:
        """Take a new or modified event; return opt in, or opt out with the reason.

        The site stays out of an event if it is over, if another one is running, if its available devices cannot give
        what is asked by the time it starts, or if there is no baseline: the event brings none, and the import before
        the dispatch was not recorded.
        """
        now = self._clock.now()
        current = self._accepted
        if event.phase(now) is Phase.OVER:
            return Answer(Opt.OUT, "the event is over")
        if current and current.event.id != event.id and current.event.phase(now) is not Phase.OVER:
            return Answer(Opt.OUT, f"event {current.event.id} is running")
        conditions = self._conditions(now)
        ready = (r for r in self._config.resources if conditions[r.name].available)
        able_kw = sum(r.rating_kw for r in ready if self._counts(r, event, now))
        if able_kw < event.reduction_kw:
            return Answer(Opt.OUT, f"{able_kw:g} kW are available, {event.reduction_kw:g} kW are asked")
        try:
            base = self._baseline(event)
        except LocalError as error:
            return Answer(Opt.OUT, error.message)
        self._accepted = _Accepted(event, base)
        log.info("event %s accepted: %g kW below %.1f kW", event.id, event.reduction_kw, base)
        return Answer(Opt.IN)

    def _counts(self, resource: Resource, event: DispatchEvent, now: datetime) -> bool:
        """Return whether a resource can be there in time, or is at it already."""
        return resource.name in self._asked or resource.in_time(event, now)

    def _baseline(self, event: DispatchEvent) -> float:
        if event.baseline_kw is not None:
            return event.baseline_kw
        current = self._accepted
        return current.baseline_kw if current and current.event.id == event.id else baseline(self.trace, event.issued)

    def withdraw(self, event_id: str) -> None:
        """Stop following this event; its devices stop with the next cycle. Unknown ids are passed over."""
        if self._accepted and self._accepted.event.id == event_id:
            self._accepted = None

    def delivery(self) -> Delivery | None:
        """Return what was delivered so far, minute by minute, by the site's own meter; None without an event."""
        if self._accepted is None:
            return None
        event = self._accepted.event
        means = minute_means(self.trace, event.start, round(event.duration / timedelta(minutes=1)))
        return delivered(means, self._accepted.baseline_kw, event.reduction_kw)

    def value(self, name: str) -> Value | None:
        """Return the latest value of a watched point; None if there is none that may be used."""
        return self._picture.value(name, self._clock.now())

    def latest(self, name: str) -> Value | None:
        """Return the latest value of a watched point whatever its quality; None if there never was one."""
        return self._picture.latest(name, self._clock.now())

    async def run(self) -> None:
        """Watch and decide, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._decide(group))

    async def _watch(self) -> None:
        resources = (name for r in self._config.resources for name in points_of(r))
        meter = [self._config.meter] if self._config.meter else []
        names = dict.fromkeys([*meter, *resources, *self._config.others])
        while True:
            try:
                async for change in self._access.watch(names, period=self._config.renew_s):
                    self._saw(change)
            except JanusGridError as error:  # values grow old meanwhile
                log.warning("watching the devices has failed: %s; beginning anew", error)
            await self._clock.sleep(_PAUSE)

    def _saw(self, change: Change) -> None:
        now = self._clock.now()
        self._picture.put(change, now)
        if change.name == self._config.meter and change.value.quality.good and change.value.value is not None:
            self.trace.add(Sample(change.value.time or now, change.value.number))

    async def _decide(self, group: asyncio.TaskGroup) -> None:
        due = self._clock.now()
        period = timedelta(seconds=self._config.cycle_s)
        while True:
            self._cycle(group)
            due = max(due + period, self._clock.now())
            await self._clock.sleep_until(due)

    def _cycle(self, group: asyncio.TaskGroup) -> None:
        """Decide once. Without a figure of the import nothing is changed: the devices keep their set-points."""
        now = self._clock.now()
        import_kw = self._picture.number(self._config.meter, now) if self._config.meter else None
        conditions = self._conditions(now)
        self._tell(now, import_kw, conditions)
        if import_kw is None:
            return
        event, base = self.event, self.baseline_kw or 0.0
        plan = self._dispatcher.cycle(now, event, base, import_kw, conditions)
        for resource in self._config.resources:
            wanted = plan.setpoints.get(resource.name)
            if wanted is not None and self._differs(resource, wanted, event) and resource.name not in self._sending:
                self._sending[resource.name] = group.create_task(self._send(resource, wanted, event))
        cycle = Cycle(now, import_kw, conditions, plan)
        for listener in self._cycle_listeners:
            listener(cycle)

    def _conditions(self, now: datetime) -> dict[str, Condition]:
        conditions = self._picture.conditions(self._config.resources, now)
        for name, until in self._held.items():
            if now < until:
                conditions[name] = attrs.evolve(conditions[name], available=False)
        for name, asked in self._asked.items():
            conditions[name] = attrs.evolve(conditions[name], asked_kw=asked.kw, asked_at=asked.since)
        return conditions

    def _tell(self, now: datetime, import_kw: float | None, conditions: dict[str, Condition]) -> None:
        """Put the site's own points."""
        put, event = self._own.put, self.event
        phase = Phase.OVER if event is None else event.phase(now)
        followed = event if phase is not Phase.OVER else None
        base = None if followed is None else self.baseline_kw
        known = [c.power_kw for c in conditions.values() if c.power_kw is not None]
        put("site.generation.p", sum(known) if known or not conditions else None)
        put("site.asked.p", 0.0 if followed is None else followed.reduction_kw)
        put("site.baseline.p", base)
        put("site.delivered.p", None if base is None or import_kw is None else base - import_kw)
        put("site.event", "" if followed is None else followed.id)
        put("site.phase", NO_EVENT if followed is None else phase.value)

    def _differs(self, resource: Resource, wanted: float, event: DispatchEvent | None) -> bool:
        last, asked = self._setpoints.get(resource.name), self._asked.get(resource.name)
        if asked is not None and event is not None and wanted and asked.until != event.end:
            return True
        if last is None or (wanted == 0.0) != (last == 0.0):
            return True
        return abs(wanted - last) > self._config.deadband * resource.rating_kw

    async def _send(self, resource: Resource, kw: float, event: DispatchEvent | None) -> None:
        """Send one set-point. While it is under way no other one is sent; the next cycle looks again."""
        device, error = resource.name, None
        try:
            await self._ask(resource, kw, event)
            self._setpoints[device] = kw
        except JanusGridError as caught:
            error = caught
            self._setpoints.pop(device, None)
            self._asked.pop(device, None)
            self._held[device] = self._clock.now() + timedelta(seconds=self._config.refusal_hold_s)
            log.warning("%s did not accept %.1f kW: %s", device, kw, caught)
        finally:
            del self._sending[device]
        control = Control(self._clock.now(), device, kw, error)
        for listener in self._control_listeners:
            listener(control)

    async def _ask(self, resource: Resource, kw: float, event: DispatchEvent | None) -> None:
        """Give a set-point; to a planned resource as a course from the beginning of the event to its end."""
        point, now = f"der.{resource.name}.p.set", self._clock.now()
        if resource.plan is None:
            await self._access.operate(point, kw)
        elif kw == 0.0 or event is None or event.end <= now:
            await self._access.operate(point, 0.0)
            self._asked.pop(resource.name, None)
        else:
            await self._access.schedule(point, [Entry(max(event.begin, now), kw)], end=event.end)
            self._asked[resource.name] = _Asked(kw, now, event.end)
