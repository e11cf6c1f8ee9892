"""The plain dispatch rule: share what is asked by rating, within what each device can do, and follow the meter.

No input, output or clock here: figures and `now` come in, set-points go out. Power in kW; production and discharge
positive, import positive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs
from attrs.validators import gt

from ..common.errors import LocalError
from .events import DispatchEvent, Phase

STANDSTILL = 0.005
"""Below this part of its rating a device counts as standing still."""
RESERVE_HOURS = 5 / 60
"""Stored energy is spread over the rest of the event and this much more: so it does not run out early, and the power
that it sustains stays a calm figure to the end."""


@attrs.frozen(slots=True)
class Bounds:
    """One device for `share`: its weight and what it may be asked for now.

    Attributes:
        name: of the device.
        rating_kw: its weight in the sharing.
        low_kw, high_kw: the smallest and largest set-point at this moment; a battery's low is negative.
    """

    name: str
    rating_kw: float = attrs.field(validator=gt(0.0))
    low_kw: float
    high_kw: float

    def __attrs_post_init__(self) -> None:
        if not (math.isfinite(self.low_kw) and math.isfinite(self.high_kw) and math.isfinite(self.rating_kw)):
            raise LocalError(f"{self.name}: bounds are finite numbers")
        if self.low_kw > self.high_kw:
            raise LocalError(f"{self.name}: the lower bound {self.low_kw} kW is above the upper, {self.high_kw} kW")

    def take(self, level: float) -> float:
        """Return the device's part at `level`: that fraction of its rating, within its bounds."""
        return min(max(level * self.rating_kw, self.low_kw), self.high_kw)


def share(asked_kw: float, devices: Sequence[Bounds]) -> dict[str, float]:
    """Return each device's part of `asked_kw`: the same fraction of its rating, except where a bound binds.

    The parts sum to `asked_kw` wherever the bounds allow; otherwise every device stands at its nearer bound. Each part
    grows with `asked_kw` and never falls. Raises `LocalError` if `asked_kw` is no finite number.
    """
    if not math.isfinite(asked_kw):
        raise LocalError(f"what is asked is a finite number, not {asked_kw}")
    level = _level(asked_kw, devices)
    return {device.name: device.take(level) for device in devices}


def _level(asked_kw: float, devices: Sequence[Bounds]) -> float:
    """Return the fraction of rating at which the parts sum to `asked_kw`, or that nearest to it.

    The sum is a rising chain of straight lines with a knee wherever a device meets a bound; so: find the line, then
    the place on it.
    """
    knees = sorted({bound / d.rating_kw for d in devices for bound in (d.low_kw, d.high_kw)})
    previous, below = 0.0, 0.0
    for i, knee in enumerate(knees):
        total = math.fsum(d.take(knee) for d in devices)
        if total >= asked_kw:
            rise = total - below
            return knee if i == 0 or rise <= 0 else previous + (asked_kw - below) / rise * (knee - previous)
        previous, below = knee, total
    return previous


@attrs.frozen(slots=True, kw_only=True)
class Storage:
    """The energy side of a battery: capacity in kWh, state of charge that it must keep, efficiency of discharging."""

    capacity_kwh: float = attrs.field(validator=gt(0.0))
    floor: float = 0.20
    efficiency: float = 0.97

    def deliverable_kwh(self, soc: float) -> float:
        """Return the energy that can still be delivered at this state of charge (0..1)."""
        return max(0.0, soc - self.floor) * self.capacity_kwh * self.efficiency


@attrs.frozen(slots=True, kw_only=True)
class Planned:
    """What is to be known of a resource that is asked beforehand, until when, and not for something else all the time.

    Attributes:
        notice: how long before it shall begin to move it has to know.
        ramp: how long it takes from there to what it is asked for.
        band: a part of its rating: what it is asked is not changed for less.
        rest: what it is asked is not changed again for so long.
    """

    notice: timedelta = timedelta(0)
    ramp: timedelta = timedelta(0)
    band: float = 0.05
    rest: timedelta = timedelta(minutes=5)


@attrs.frozen(slots=True, kw_only=True)
class Resource:
    """A device that can be dispatched, or a VEN below.

    Attributes:
        name, rating_kw: of the device.
        storage: the energy side of a battery.
        state: the last part of the point that tells whether it can be dispatched now; empty where there is none.
        plan: of one that cannot follow from one moment to the next; None of one that can.
    """

    name: str
    rating_kw: float = attrs.field(validator=gt(0.0))
    storage: Storage | None = None
    state: str = "state"
    plan: Planned | None = None

    def in_time(self, event: DispatchEvent, now: datetime) -> bool:
        """Return whether it can be there when an event starts, if it is asked now."""
        return self.plan is None or now + self.plan.notice + self.plan.ramp <= event.start


@attrs.frozen(slots=True, kw_only=True)
class Condition:
    """What is known of a device now.

    Attributes:
        power_kw: measured; None if not known.
        available: whether it may be dispatched.
        soc: state of charge (0..1); None if it has or tells none.
        asked_kw, asked_at: of a planned resource what it is asked for at present, and since when; None if nothing.
    """

    power_kw: float | None = None
    available: bool = False
    soc: float | None = None
    asked_kw: float | None = None
    asked_at: datetime | None = None


@attrs.frozen(slots=True)
class Plan:
    """What one cycle decided.

    Attributes:
        phase: of the event; None without one.
        target_kw: the import aimed at; None outside response and sustained period.
        required_kw: generation that would meet it; None likewise.
        setpoints: to be sent, by device; empty if the devices are to be left alone.
    """

    phase: Phase | None
    target_kw: float | None
    required_kw: float | None
    setpoints: dict[str, float]


@attrs.frozen(slots=True, kw_only=True)
class Tuning:
    """The rule's constants.

    Attributes:
        bias_kw: aim this much above the import that the contract allows (the published tables show 0.2).
        storage_lead: batteries, which need no ramp, wait until this long before the start, to keep their energy.
        smoothing: weight of the newest figure of net load. Meter and devices do not report at one instant; at 0.5
            the loop stays calm even if they lie a whole cycle apart.
        trim_gain, trim_limit: integral correction of what remains, per cycle, and its limit as a part of the contract.
    """

    bias_kw: float = 0.2
    storage_lead: timedelta = timedelta(minutes=1)
    smoothing: float = 0.5
    trim_gain: float = 0.1
    trim_limit: float = 0.03


class Dispatcher:
    """Turns an event, the baseline and what is measured into set-points, cycle by cycle.

    Net load (import plus all generation) is what the site would import without its devices. What is asked of the
    devices is net load less the target. They share it by rating; a battery's part is limited to what its energy
    sustains to the end. Then the batteries, which follow at once, make up for what the generators do not deliver yet.
    """

    def __init__(self, resources: Iterable[Resource], tuning: Tuning | None = None) -> None:
        self._resources = tuple(resources)
        self._tuning = tuning or Tuning()
        self._net_kw: float | None = None
        self._trim_kw = 0.0
        self._started: set[str] = set()

    def cycle(
        self,
        now: datetime,
        event: DispatchEvent | None,
        baseline_kw: float,
        import_kw: float,
        conditions: Mapping[str, Condition],
    ) -> Plan:
        """Return the plan for this cycle. A device missing in `conditions` counts as not available."""
        ready = [(r, conditions[r.name]) for r in self._resources if r.name in conditions]
        ready = [(r, c) for r, c in ready if c.available]
        net_kw = self._follow(import_kw + math.fsum(c.power_kw or 0.0 for _, c in ready))
        phase = None if event is None else event.phase(now)
        if event is not None and phase is Phase.FAR:
            return self._announce(now, event, net_kw - baseline_kw + event.reduction_kw, ready)
        if event is None or phase not in (Phase.RESPONSE, Phase.SUSTAINED):
            return Plan(phase, None, None, self._release(ready))
        target_kw = baseline_kw - event.reduction_kw + self._tuning.bias_kw
        if phase is Phase.SUSTAINED:
            self._correct(import_kw - target_kw, event.reduction_kw)
        required_kw = net_kw - target_kw + self._trim_kw
        setpoints = self._setpoints(now, event, required_kw, ready)
        self._started.update(setpoints)
        return Plan(phase, target_kw, required_kw, setpoints)

    def _announce(
        self, now: datetime, event: DispatchEvent, required_kw: float, ready: Sequence[tuple[Resource, Condition]]
    ) -> Plan:
        """Return the plan before an event moves anything: who has to know of it beforehand is told its part."""
        setpoints = self._release(ready)
        if any(_is_told(r, event, now) for r, _ in ready):
            parts = _shared(required_kw, event, now, ready)
            setpoints |= {r.name: parts[r.name] for r, _ in ready if _is_told(r, event, now)}
            self._started.update(setpoints)
        return Plan(Phase.FAR, None, None, setpoints)

    def _follow(self, net_kw: float) -> float:
        """Return net load, smoothed. A device that is not available counts as part of the load, in or out of order."""
        if self._net_kw is None:
            self._net_kw = net_kw
        self._net_kw += self._tuning.smoothing * (net_kw - self._net_kw)
        return self._net_kw

    def _correct(self, error_kw: float, contract_kw: float) -> None:
        limit = self._tuning.trim_limit * contract_kw
        self._trim_kw = min(max(self._trim_kw + self._tuning.trim_gain * error_kw, -limit), limit)

    def _release(self, ready: Sequence[tuple[Resource, Condition]]) -> dict[str, float]:
        """Return the set-points that stop what this dispatcher has started; none for what stands still."""
        self._trim_kw = 0.0
        still = {r.name for r, c in ready if not c.asked_kw and abs(c.power_kw or 0.0) < STANDSTILL * r.rating_kw}
        self._started -= still
        return {r.name: 0.0 for r, _ in ready if r.name in self._started}

    def _setpoints(
        self, now: datetime, event: DispatchEvent, required_kw: float, ready: Sequence[tuple[Resource, Condition]]
    ) -> dict[str, float]:
        plan = _shared(required_kw, event, now, ready)
        batteries = [(r, r.storage, c) for r, c in ready if r.storage is not None]
        if now < event.start - self._tuning.storage_lead:
            return plan | {r.name: 0.0 for r, _, _ in batteries}
        generated_kw = math.fsum(c.power_kw or 0.0 for r, c in ready if r.storage is None)
        missing_kw = required_kw - generated_kw - math.fsum(plan[r.name] for r, _, _ in batteries)
        extra = share(missing_kw, [_instant(r, s, c, plan[r.name]) for r, s, c in batteries])
        return plan | {name: plan[name] + kw for name, kw in extra.items()}


def _is_told(resource: Resource, event: DispatchEvent, now: datetime) -> bool:
    return resource.plan is not None and now >= event.begin - resource.plan.notice


def _shared(
    required_kw: float, event: DispatchEvent, now: datetime, ready: Sequence[tuple[Resource, Condition]]
) -> dict[str, float]:
    """Return everybody's part. Who is planned keeps his while that is near enough; the others make up for it."""
    hours_left = (event.end - max(now, event.start)) / timedelta(hours=1)
    bounds = [_sustained(r, c, hours_left) for r, c in ready]
    parts = share(max(0.0, required_kw), bounds)
    kept = {r.name: c.asked_kw for r, c in ready if _keeps(r, c, parts[r.name], now)}
    if not kept:
        return parts
    held = [attrs.evolve(b, low_kw=kw, high_kw=kw) if (kw := kept.get(b.name)) is not None else b for b in bounds]
    return share(max(0.0, required_kw), held)


def _keeps(resource: Resource, condition: Condition, part_kw: float, now: datetime) -> bool:
    plan, asked_kw, since = resource.plan, condition.asked_kw, condition.asked_at
    if plan is None or asked_kw is None or since is None:
        return False
    return now - since < plan.rest or abs(part_kw - asked_kw) <= plan.band * resource.rating_kw


def _sustained(resource: Resource, condition: Condition, hours_left: float) -> Bounds:
    """Bounds for the rest of the event: a battery may give what its energy sustains, and five minutes more."""
    high = resource.rating_kw
    if resource.storage is not None:
        energy = resource.storage.deliverable_kwh(condition.soc or 0.0)
        high = min(high, energy / (hours_left + RESERVE_HOURS))
    return Bounds(resource.name, resource.rating_kw, 0.0, high)


def _instant(resource: Resource, storage: Storage, condition: Condition, part_kw: float) -> Bounds:
    """Bounds of what a battery may do in this cycle on top of its part: its rating, either way, unless it is empty."""
    empty = storage.deliverable_kwh(condition.soc or 0.0) <= 0
    high = 0.0 if empty else resource.rating_kw
    return Bounds(resource.name, resource.rating_kw, -resource.rating_kw - part_kw, high - part_kw)
