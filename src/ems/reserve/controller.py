"""The reserve application: sells reserve to the utility with the devices of a site, and survives the loss of some.

It speaks points and time and knows no protocol. What it decides is in `core`; here is how it looks, when it wakes, and
how its orders reach the devices. Its own points are in `points`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import attrs

from ...common.clock import Clock
from ...common.data.access import Change, DataAccess
from ...common.data.memory import MemoryAccess
from ...common.errors import JanusGridError, LocalError, Refused
from ..controller import Control
from ..delivery import MINUTE, Sample, Trace
from ..events import Answer, DispatchEvent, Opt
from ..picture import Picture
from . import points as names
from .core import Reserve
from .parameters import SERVICES, Fleet, Parameters, Service
from .phases import IN_SERVICE
from .points import Eyes
from .seen import RETURNED, Happening, Seen
from .settlement import BaselineRule, Settlement, baseline_kw, settle
from .state import as_record, from_record

log = logging.getLogger(__name__)

KEPT = 1000
"""Happenings that are remembered; listeners are told of all."""

TAIL = timedelta(minutes=7)
"""Of the import before now, kept in a snapshot: a baseline looks back so far."""
TAIL_STEP = timedelta(seconds=20)


class Look(Enum):
    """How the site is looked at."""

    WATCH = "watch"
    """Devices report; what they reported last counts, until it is too old."""
    READ = "read"
    """Every turn reads power and charge anew: one picture of one instant. States are read less often."""


@attrs.frozen(slots=True, kw_only=True)
class ReserveConfig:
    """What the application has to know.

    Attributes:
        fleet: what it may dispatch, generators in the order in which they start.
        parameters: constants of the decisions.
        services: what is sold; the last part of an event's market context names one.
        meter: the point of the import at the point of common coupling.
        pv: the point of the photovoltaic output; only the figure of the load needs it.
        look: how the site is looked at.
        status_s: seconds between two readings of states and health, where points are read.
        rule: how the baseline follows from the import before the dispatch, where the event gives none.
        renew_s: seconds after which devices shall tell their values again, changed or not.
        stale_s: a value that was not renewed for so long counts as unknown.
        hold_s: a generator that did not accept its start is left out for this long.
        retry_s: another order that was not accepted is given again after this long; after six times that, if the
            device has failed.
        deadband_kw: a set-point is sent if it differs from the last one by more.
        publish_s: seconds between two values of the application's own points.
    """

    fleet: Fleet
    parameters: Parameters = attrs.field(factory=Parameters)
    services: tuple[Service, ...] = SERVICES
    meter: str = "der.PCC.p"
    pv: str | None = "der.PV.p"
    look: Look = Look.WATCH
    status_s: float = 10.0
    rule: BaselineRule = BaselineRule.SAMPLES
    renew_s: float = 30.0
    stale_s: float = 90.0
    hold_s: float = 300.0
    retry_s: float = 10.0
    deadband_kw: float = 0.0
    publish_s: float = 10.0


@attrs.frozen(slots=True)
class Turned:
    """What one turn saw and ordered, for views, logs and reports."""

    time: datetime
    seen: Seen
    orders: Mapping[str, float]
    required_kw: float | None
    target_kw: float | None


class ReserveController:
    """The application. `run` it beside whatever brings it events; or, in lock step, call `step` again and again."""

    def __init__(self, access: DataAccess, clock: Clock, config: ReserveConfig) -> None:
        self._access = access
        self._clock = clock
        self._config = config
        self._core = Reserve(config.fleet, config.parameters, config.services)
        self._picture = Picture(stale_after=timedelta(seconds=config.stale_s))
        self._eyes: Eyes | None = None
        self._sent: dict[str, float] = {}
        self._retry: dict[str, datetime] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._ready = asyncio.Event()
        self._minutes: dict[int, float] = {}
        self._told = 0
        self._published: datetime | None = None
        self._looked: datetime | None = None
        self._turn_listeners: list[Callable[[Turned], None]] = []
        self._control_listeners: list[Callable[[Control], None]] = []
        self._happening_listeners: list[Callable[[Happening], None]] = []
        self._points = MemoryAccess(names.own(config.fleet, config.services), clock=clock, origin="reserve")
        self.trace = Trace()
        """The import by the site's own meter."""

    # --- what others see --------------------------------------------------------------------------------------------

    @property
    def points(self) -> MemoryAccess:
        """The application's own points."""
        return self._points

    @property
    def core(self) -> Reserve:
        """The decisions, with their state."""
        return self._core

    @property
    def event(self) -> DispatchEvent | None:
        """The event being followed, or the last one."""
        return self._core.duty.event if self._core.duty else None

    @property
    def baseline_kw(self) -> float | None:
        """The baseline of that event."""
        return self._core.duty.baseline_kw if self._core.duty else None

    @property
    def happenings(self) -> list[Happening]:
        """What has happened so far: dispatch, starts, stops, confirmed failures, empty storage, end."""
        return self._core.happenings

    def on_turn(self, listener: Callable[[Turned], None]) -> None:
        """Call `listener` after each turn."""
        self._turn_listeners.append(listener)

    def on_control(self, listener: Callable[[Control], None]) -> None:
        """Call `listener` when a set-point was accepted or refused."""
        self._control_listeners.append(listener)

    def on_happening(self, listener: Callable[[Happening], None]) -> None:
        """Call `listener` when something has happened that a person would want to know."""
        self._happening_listeners.append(listener)

    def settlement(self) -> Settlement | None:
        """Return the judgement of the sustained period by the site's own meter, of its whole minutes so far.

        None without an event, and before its first minute is over.
        """
        duty, service = self._core.duty, self._core.service
        if duty is None or service is None:
            return None
        now = self._clock.now()
        self._close_minutes(now)
        means = [self._minutes.get(k) for k in range(self._whole_minutes(now))]
        if not means:
            return None
        return settle(means, service, contract_kw=duty.event.reduction_kw, baseline_kw=duty.baseline_kw)

    # --- events -----------------------------------------------------------------------------------------------------

    def offer(self, event: DispatchEvent) -> Answer:
        """Take a new or modified event; return opt in, or opt out with the reason.

        The site stays out of an event that is over, or comes while another one runs or the site recovers from one; if
        its market context names no service; if what is available is rated below the reduction; and if there is no
        baseline because the import before the dispatch was not recorded.
        """
        now = self._clock.now()
        reason = self._core.objection(event, now, self._see(now))
        if reason:
            log.info("event %s: opt out: %s", event.id, reason)
            return Answer(Opt.OUT, reason)
        try:
            base = self._baseline(event)
        except LocalError as error:
            return Answer(Opt.OUT, error.message)
        if self.event is None or self.event.id != event.id:
            self._minutes.clear()
        self._core.accept(event, base, now)
        log.info("event %s accepted: %g kW below %.1f kW", event.id, event.reduction_kw, base)
        self._woken.set()
        return Answer(Opt.IN)

    def withdraw(self, event_id: str) -> None:
        """The event was cancelled: its service ends now, and the site recovers. Unknown ids are passed over."""
        self._core.cancel(event_id, self._clock.now())
        self._woken.set()

    def _baseline(self, event: DispatchEvent) -> float:
        duty = self._core.duty
        if duty is not None and duty.event.id == event.id and not self._core.state.closed:
            return duty.baseline_kw
        if event.baseline_kw is not None:
            return event.baseline_kw
        return baseline_kw(self.trace, event.issued, self._config.rule)

    # --- a restart in mid-event -------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Return what a restarted application needs to go on, as plain values that JSON can hold.

        It is the event with its baseline and stage, the generators that are on and since when, confirmed failures and
        counts, the last set-points, the minutes judged so far, and the import of the last minutes.
        """
        now = self._clock.now()
        self._close_minutes(now)
        kept = self.trace.since(now - TAIL, TAIL_STEP)
        return {
            "core": as_record(self._core.state),
            "minutes": {str(k): kw for k, kw in self._minutes.items()},
            "import": [[sample.time.isoformat(), sample.kw] for sample in kept],
        }

    def restore(self, record: Mapping[str, Any]) -> None:
        """Go on from a snapshot, before `run`. Every set-point is sent again.

        Raises `LocalError` for a record that is damaged or of another version; nothing is changed then.
        """
        try:
            state = from_record(record["core"])
            done = {int(k): float(kw) for k, kw in record["minutes"].items()}
            samples = [Sample(datetime.fromisoformat(when), float(kw)) for when, kw in record["import"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LocalError(f"a record of the reserve application is damaged: {error!r}") from None
        unknown = (set(state.on) | set(state.setpoints)) - set(self._config.fleet.names)
        if state.duty is not None and state.duty.service not in self._core.services:
            raise LocalError(f"the record tells of the service {state.duty.service!r}, which this site does not sell")
        if unknown:
            raise LocalError(f"the record tells of {', '.join(sorted(unknown))}, which this site does not have")
        self._core.state = state
        self._minutes = done
        self.trace = Trace(samples)

    # --- running ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Watch and decide, until cancelled."""
        await self._open_eyes()
        async with asyncio.TaskGroup() as group:
            if self._config.look is Look.WATCH:
                group.create_task(self._watch())
            while True:
                for device, kw in await self._turn():
                    if device not in self._sending:
                        self._sending[device] = group.create_task(self._send(device, kw))
                await self._wait()

    async def ready(self) -> None:
        """Return when the import and the power of every device have been seen: from then on events can be followed."""
        await self._ready.wait()

    async def step(self) -> None:
        """Do one turn: look, decide, and send what was decided; all of it is answered when this returns."""
        if self._eyes is None:
            await self._open_eyes()
        for device, kw in await self._turn():
            await self._send(device, kw)

    async def _open_eyes(self) -> Eyes:
        there = {point.name for point in await self._access.directory()}
        needed = [self._config.meter, *(f"der.{name}.p" for name in self._config.fleet.names)]
        needed += [f"der.{store.name}.soc" for store in self._config.fleet.stores]
        missing = [name for name in needed if name not in there]
        if missing:
            raise LocalError(f"the reserve application needs the points {', '.join(missing)}")
        self._eyes = Eyes(self._config.fleet, self._config.meter, self._config.pv, there)
        return self._eyes

    async def _watch(self) -> None:
        eyes = self._eyes or await self._open_eyes()
        async for change in self._access.watch(eyes.names, period=self._config.renew_s):
            self._take(change, self._clock.now())

    def _take(self, change: Change, now: datetime) -> None:
        self._picture.put(change, now)
        value = change.value
        if change.name == self._config.meter and value.quality.good and value.value is not None:
            self.trace.add(Sample(value.time or now, value.number))

    async def _wait(self) -> None:
        """Wait for the next turn, a whole number of loops from the dispatch, or for an event that comes or goes."""
        now, period = self._clock.now(), timedelta(seconds=self._config.parameters.loop_s)
        course = self._core.course
        origin = course.dispatch if course is not None else now
        due = origin + ((now - origin) // period + 1) * period
        sleeping = asyncio.ensure_future(self._clock.sleep_until(due))
        waking = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait((sleeping, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
            self._woken.clear()

    async def _turn(self) -> list[tuple[str, float]]:
        """Look and decide; return the set-points to send."""
        if self._config.look is Look.READ:
            await self._read()
        now = self._clock.now()
        seen = self._see(now)
        if seen.import_kw is not None:  # a meter tells what changes: what it told last holds until now
            self.trace.add(Sample(now, seen.import_kw))
        if seen.import_kw is not None and not any(look.lost for look in seen.devices.values()):
            self._ready.set()
        orders = self._core.turn(now, seen)
        closed = len(self._minutes)
        self._close_minutes(now)
        self._tell(Turned(now, seen, orders, self._core.required_kw(now), self._core.target_kw))
        last = self._published
        if last is None or (now - last).total_seconds() >= self._config.publish_s or len(self._minutes) != closed:
            self._published = now
            self._publish(now, seen)
        return [(device, kw) for device, kw in orders.items() if self._differs(device, kw, now)]

    async def _read(self) -> None:
        eyes = self._eyes or await self._open_eyes()
        looked, last = self._clock.now(), self._looked
        whole = last is None or (looked - last).total_seconds() >= self._config.status_s
        self._looked = looked if whole else last
        try:
            found = await self._access.read(eyes.names if whole else eyes.quick)
        except JanusGridError as error:
            log.warning("the site cannot be looked at: %s", error)
            return
        now = self._clock.now()
        for name, value in found.items():
            self._take(Change(name, value), now)

    def _see(self, now: datetime) -> Seen:
        return Seen(None, {}) if self._eyes is None else self._eyes.see(self._picture, now)

    # --- orders -----------------------------------------------------------------------------------------------------

    def _differs(self, device: str, kw: float, now: datetime) -> bool:
        last = self._sent.get(device)
        if last is None:
            return now >= self._retry.get(device, now)
        return abs(kw - last) > self._config.deadband_kw or (kw == 0.0) != (last == 0.0)

    async def _send(self, device: str, kw: float) -> None:
        """Send one set-point. While it is under way no other one is sent; the next turn looks again."""
        error: JanusGridError | None = None
        try:
            await self._access.operate(f"der.{device}.p.set", kw)
            self._sent[device] = kw
            self._retry.pop(device, None)
        except JanusGridError as caught:
            error = caught
            now = self._clock.now()
            lost = (
                device in self._core.state.failed
            )  # a stop for what has failed already: not urgent, but not forgotten
            wait_s = 6 * self._config.retry_s if lost else self._config.retry_s
            again = device in self._retry
            self._sent.pop(device, None)
            self._retry[device] = now + timedelta(seconds=wait_s)
            hold_s = (
                self._config.hold_s if isinstance(caught, Refused) else 0.0
            )  # what is not reached is seen to be lost
            self._core.refused(device, now + timedelta(seconds=hold_s), now, caught.message)
            log.log(logging.DEBUG if again else logging.WARNING, "%s did not accept %.1f kW: %s", device, kw, caught)
        finally:
            self._sending.pop(device, None)
        control = Control(self._clock.now(), device, kw, error)
        for listener in self._control_listeners:
            listener(control)

    # --- telling ----------------------------------------------------------------------------------------------------

    def _close_minutes(self, now: datetime) -> None:
        """Take the mean of each minute that is over: samples are not kept for ever."""
        duty = self._core.duty
        if duty is None:
            return
        for k in range(len(self._minutes), self._whole_minutes(now)):
            begin = duty.event.start + k * MINUTE
            mean = self.trace.mean(begin, begin + MINUTE)
            if mean is not None:
                self._minutes.setdefault(k, duty.baseline_kw - mean)

    def _whole_minutes(self, now: datetime) -> int:
        """Return how many minutes of the sustained period are over; those after a cancellation are not of it."""
        course = self._core.course
        return 0 if course is None else max(0, (min(now, course.end) - course.start) // MINUTE)

    def _tell(self, turned: Turned) -> None:
        for happening in self.happenings[self._told :]:
            log.info("%s", happening)
            if happening.what == RETURNED:
                self._sent.pop(happening.device, None)  # it may have forgotten what it was told
            for hear in self._happening_listeners:
                hear(happening)
        del self.happenings[:-KEPT]
        self._told = len(self.happenings)
        for listener in self._turn_listeners:
            listener(turned)

    def _publish(self, now: datetime, seen: Seen) -> None:
        core, put = self._core, self._points.put
        generation = sum(look.power_kw or 0.0 for look in seen.devices.values())
        pv = self._eyes.pv_kw(self._picture, now) if self._eyes else None
        put(names.GENERATION, generation)
        known = seen.import_kw is not None and pv is not None
        put(names.LOAD, (seen.import_kw or 0.0) + generation + (pv or 0.0) if known else None)
        put(names.AVAILABLE, core.available_kw(seen))
        put(names.STORED, core.energy_kwh(seen))
        put(names.STAGE, core.stage.name.lower())
        for name in self._config.fleet.names:
            put(names.online(name), name not in core.state.failed and not seen.look(name).lost)
        duty, service = core.duty, core.service
        if duty is None or service is None:
            return
        put(names.EVENT, duty.event.id)
        put(names.SERVICE, service.name)
        put(names.BASELINE, duty.baseline_kw)
        put(names.TARGET, core.target_kw)
        in_service = core.stage in IN_SERVICE
        put(names.REQUIRED, core.required_kw(now) if in_service else None)
        put(names.DEVIATION, None if seen.import_kw is None else duty.baseline_kw - seen.import_kw)
        settled = self.settlement()
        if settled is not None:
            k = len(settled.rates) - 1
            put(names.DEVIATION_MEAN, self._minutes.get(k), time=duty.event.start + (k + 1) * MINUTE)
            put(names.RATE, 100 * settled.average_rate)
            put(names.MINUTE_RATE, 100 * settled.rates[-1])
            put(names.INDEX, settled.index)
