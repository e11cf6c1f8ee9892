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
from ..common.data.access import DataAccess
from ..common.data.value import Value
from ..common.errors import JanusGridError, LocalError
from .delivery import Delivery, Sample, Trace, baseline, delivered, minute_means
from .dispatch import Condition, Dispatcher, Plan, Resource, Tuning
from .events import Answer, DispatchEvent, Opt, Phase
from .picture import Picture, points_of

log = logging.getLogger(__name__)


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
        self._cycle_listeners: list[Callable[[Cycle], None]] = []
        self._control_listeners: list[Callable[[Control], None]] = []
        self.trace = Trace()

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
        what is asked, or if the import before the dispatch was not recorded, so that there is no baseline.
        """
        now = self._clock.now()
        current = self._accepted
        if event.phase(now) is Phase.OVER:
            return Answer(Opt.OUT, "the event is over")
        if current and current.event.id != event.id and current.event.phase(now) is not Phase.OVER:
            return Answer(Opt.OUT, f"event {current.event.id} is running")
        conditions = self._conditions(now)
        able_kw = sum(r.rating_kw for r in self._config.resources if conditions[r.name].available)
        if able_kw < event.reduction_kw:
            return Answer(Opt.OUT, f"{able_kw:g} kW are available, {event.reduction_kw:g} kW are asked")
        try:
            known = current and current.event.id == event.id
            base = current.baseline_kw if current and known else baseline(self.trace, event.issued)
        except LocalError as error:
            return Answer(Opt.OUT, error.message)
        self._accepted = _Accepted(event, base)
        log.info("event %s accepted: %g kW below %.1f kW", event.id, event.reduction_kw, base)
        return Answer(Opt.IN)

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
        async for change in self._access.watch(names, period=self._config.renew_s):
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
        if import_kw is None:
            return
        conditions = self._conditions(now)
        event, base = self.event, self.baseline_kw or 0.0
        plan = self._dispatcher.cycle(now, event, base, import_kw, conditions)
        for resource in self._config.resources:
            wanted = plan.setpoints.get(resource.name)
            if wanted is not None and self._differs(resource, wanted) and resource.name not in self._sending:
                self._sending[resource.name] = group.create_task(self._send(resource.name, wanted))
        cycle = Cycle(now, import_kw, conditions, plan)
        for listener in self._cycle_listeners:
            listener(cycle)

    def _conditions(self, now: datetime) -> dict[str, Condition]:
        conditions = self._picture.conditions(self._config.resources, now)
        for name, until in self._held.items():
            if now < until:
                conditions[name] = attrs.evolve(conditions[name], available=False)
        return conditions

    def _differs(self, resource: Resource, wanted: float) -> bool:
        last = self._setpoints.get(resource.name)
        if last is None or (wanted == 0.0) != (last == 0.0):
            return True
        return abs(wanted - last) > self._config.deadband * resource.rating_kw

    async def _send(self, device: str, kw: float) -> None:
        """Send one set-point. While it is under way no other one is sent; the next cycle looks again."""
        error: JanusGridError | None = None
        try:
            await self._access.operate(f"der.{device}.p.set", kw)
            self._setpoints[device] = kw
        except JanusGridError as caught:
            error = caught
            self._setpoints.pop(device, None)
            self._held[device] = self._clock.now() + timedelta(seconds=self._config.refusal_hold_s)
            log.warning("%s did not accept %.1f kW: %s", device, kw, caught)
        finally:
            del self._sending[device]
        control = Control(self._clock.now(), device, kw, error)
        for listener in self._control_listeners:
            listener(control)
