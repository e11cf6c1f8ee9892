"""The simulated plant as points, without a wire: the port that the protocols serve, for tests and for trying out.

Names and kinds are those of the device tables in `mappings/`: `der.<NAME>.p`, `.p.set`, `.p.max`, `.p.rating`,
`.state`, `.health`, for batteries `.p.min`, `.e.rating` and `.soc` too; `der.PV.p`; `der.PCC.p` (import) and
`der.PCC.load`, `.state` and `.health` of those two. Power in kW, energy in kWh, state of charge in per cent.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from ..common.clock import Clock
from ..common.data.access import Change, Entry
from ..common.data.fitting import allowed, course, operable, schedulable, utc, writable
from ..common.data.point import Kind, Point, ValueType
from ..common.data.services import CommonService, Services, refuse
from ..common.data.unit import unit
from ..common.data.value import Scalar, Value
from ..common.data.watching import check_watch, why
from ..common.errors import Refused, UnknownName
from .sim.device import Device, DeviceState
from .sim.plant import Plant

RECORD_EVERY = timedelta(minutes=1)
RECORDS_KEPT = 24 * 60

OFFERED = {
    CommonService.DIRECTORY: "the devices of the plant",
    CommonService.READ: "the plant as it is now",
    CommonService.WRITE: "the limits of a device",
    CommonService.OPERATE: "the set-point of a device",
    CommonService.OPERATE_LATER: "when the plant gets there",
    CommonService.OPERATE_TEST: "looked at, not given",
    CommonService.ABORT: "forgets what is still to come",
    CommonService.WATCH: "looks again and again",
    CommonService.SCHEDULE: "set-points when the plant gets there",
    CommonService.HISTORY: "a value a minute for a day",
    CommonService.AVAILABLE: "whether the device has failed",
}


@attrs.frozen(slots=True)
class _Source:
    """A point, where its value comes from, and where a new one goes."""

    point: Point
    read: Callable[[], Scalar]
    device: Device | None = None
    put: Callable[[float], object] | None = None

    def set(self, value: Scalar) -> None:
        """Give it a new value, of its type."""
        assert self.put is not None, "only set-points and settings are set"
        self.put(float(value))


class PlantAccess:
    """`DataAccess` over a simulated plant. The plant moves on to the clock's time whenever it is looked at or told.

    A set-point beyond what a device may give now is clipped; what was taken reads back from the same point.

    Args:
        plant: that is simulated.
        clock: that it follows.
        poll: seconds between two looks of a watch, or what gives them after each look.
        device: the one that is seen; all of them, if not given.
    """

    services: Services = OFFERED

    def __init__(
        self, plant: Plant, clock: Clock, *, poll: float | Callable[[], float] = 10.0, device: str | None = None
    ) -> None:
        self._plant = plant
        self._clock = clock
        self._poll = poll
        part = "der." if device is None else f"der.{device}."
        self._sources = {source.point.name: source for source in _sources(plant) if source.point.name.startswith(part)}
        self._later: list[tuple[datetime, int, str, Scalar]] = []
        self._order = itertools.count()
        self._records: dict[str, deque[Value]] = {name: deque(maxlen=RECORDS_KEPT) for name in self._sources}
        self._recorded = plant.time - RECORD_EVERY

    async def directory(self) -> Sequence[Point]:
        """Return every point, sorted by name."""
        return sorted((source.point for source in self._sources.values()), key=lambda point: point.name)

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Return the present values."""
        self._advance()
        return {name: self._value(self._source(name)) for name in names}

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Set limits (`p.max`, `p.min`)."""
        sources = [self._source(name) for name in values]
        puts = [(source, allowed(writable(source.point), values[source.point.name])) for source in sources]
        self._advance()
        for source, value in puts:
            source.set(value)

    async def select(self, name: str, value: Scalar | None = None) -> None:
        """Raise: there is one who commands the plant."""
        self._source(name)
        refuse(CommonService.SELECT, name, "the simulated devices know no selection")

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Give a device its set-point, now or `at` a time. With `test`, only look whether it could be given.

        A broken device refuses it: `Refused`, code `blocked-by-health`.
        """
        source = self._source(name)
        wanted = allowed(operable(source.point), value)
        at = None if at is None else utc(at, name)
        self._advance()
        if not await self.available(name):
            raise Refused("the device has failed", where=name, code="blocked-by-health")
        if test:
            return
        if at is not None and at > self._plant.time:
            heapq.heappush(self._later, (at, next(self._order), name, wanted))
        else:
            source.set(wanted)

    async def abort(self, name: str) -> None:
        """Forget what is still to come for this set-point; raise `Refused` if nothing is."""
        schedulable(self._source(name).point)
        left = [entry for entry in self._later if entry[2] != name]
        if len(left) == len(self._later):
            raise Refused("nothing is under way for it", where=name)
        self._later = left
        heapq.heapify(self._later)

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield initial values, then changes; looks every `poll` seconds of the clock."""
        check_watch(period, deadband)
        wanted = [self._source(name) for name in dict.fromkeys(names)]
        shown: dict[str, Value] = {}
        renewed = self._clock.now()
        while True:
            self._advance()
            now = self._clock.now()
            renew = period is not None and now - renewed >= timedelta(seconds=period)
            renewed = now if renew else renewed
            for source in wanted:
                change = Change(source.point.name, self._value(source), "periodic" if renew else "change")
                reason = why(change, shown.get(change.name), deadband)
                if reason is not None:
                    shown[change.name] = change.value
                    yield attrs.evolve(change, reason=reason)
            poll = self._poll() if callable(self._poll) else self._poll
            await self._clock.sleep(poll if period is None else min(period, poll))

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Give a set-point a course in time; at `end` it becomes zero."""
        steps = course(self._source(name).point, entries, end)
        self._advance()
        self._later = [entry for entry in self._later if entry[2] != name]
        heapq.heapify(self._later)
        for start, number in [*steps, (end, 0.0)]:
            heapq.heappush(self._later, (start, next(self._order), name, number))

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Return one value a minute for the last day at most, in `[start, end)`."""
        self._source(name)
        start, end = utc(start, name), utc(end, name)
        self._advance()
        return [value for value in self._records[name] if value.time is not None and start <= value.time < end]

    async def available(self, name: str) -> bool:
        """Return whether the device behind the point works; meters always do."""
        device = self._source(name).device
        self._advance()
        return device is None or device.state is not DeviceState.FAILED

    def _source(self, name: str) -> _Source:
        source = self._sources.get(name)
        if source is None:
            raise UnknownName(f"no point {name!r} in this plant")
        return source

    def _value(self, source: _Source) -> Value:
        origin = source.device.name if source.device else "meter"
        return Value(source.read(), time=self._plant.time.astimezone(UTC), origin=origin)

    def _advance(self) -> None:
        """Move the plant on to now, with what was to be commanded and recorded on the way."""
        now = self._clock.now()
        while (due := min(self._next_command(), self._recorded + RECORD_EVERY)) <= now:
            self._plant.advance(due)
            if due == self._recorded + RECORD_EVERY:
                self._record(due)
            while self._later and self._later[0][0] <= due:
                _, _, name, number = heapq.heappop(self._later)
                self._source(name).set(number)
        self._plant.advance(now)

    def _next_command(self) -> datetime:
        return self._later[0][0] if self._later else datetime.max.replace(tzinfo=self._plant.time.tzinfo)

    def _record(self, now: datetime) -> None:
        self._recorded = now
        for name, source in self._sources.items():
            self._records[name].append(self._value(source))


STATES = tuple(state.value for state in DeviceState)
HEALTH = ("ok", "warning", "alarm")


def _sources(plant: Plant) -> list[_Source]:
    def meter(name: str, read: Callable[[], float]) -> _Source:
        return _Source(Point(f"der.{name}", Kind.MEASUREMENT, unit=unit("kW")), read)

    def word(name: str, literals: tuple[str, ...], text: str) -> _Source:
        return _Source(Point(f"der.{name}", Kind.STATUS, ValueType.ENUM, unit(""), literals), lambda: text)

    found = [
        meter("PCC.p", lambda: plant.reading().import_kw),
        meter("PCC.load", lambda: plant.reading().load_kw),
        meter("PV.p", lambda: plant.reading().pv_kw),
        word("PCC.health", HEALTH, "ok"),
        word("PV.health", HEALTH, "ok"),
        word("PV.state", STATES, "running"),
    ]
    for device in plant.devices.values():
        found += _device_sources(device)
    return found


def _device_sources(device: Device) -> list[_Source]:
    def source(
        name: str, kind: Kind, symbol: str, read: Callable[[], float], put: Callable[[float], object] | None = None
    ) -> _Source:
        low, high = (device.lowest_kw, device.rating_kw) if put else (None, None)
        return _Source(
            Point(f"der.{device.name}.{name}", kind, unit=unit(symbol), low=low, high=high), read, device, put
        )

    def word(name: str, literals: tuple[str, ...], read: Callable[[], str]) -> _Source:
        point = Point(f"der.{device.name}.{name}", Kind.STATUS, ValueType.ENUM, unit(""), literals)
        return _Source(point, read, device)

    found = [
        source("p", Kind.MEASUREMENT, "kW", lambda: device.power_kw),
        source("p.set", Kind.SETPOINT, "kW", lambda: device.setpoint_kw, device.set),
        source("p.max", Kind.SETTING, "kW", lambda: device.high_kw, lambda kw: device.limit(high_kw=kw)),
        source("p.rating", Kind.STATUS, "kW", lambda: device.rating_kw),
        word("state", STATES, lambda: device.state.value),
        word("health", HEALTH, lambda: "alarm" if device.failed else "ok"),
    ]
    if device.soc is not None:
        found += [
            source("p.min", Kind.SETTING, "kW", lambda: device.low_kw, lambda kw: device.limit(low_kw=kw)),
            source("e.rating", Kind.STATUS, "kWh", lambda: device.capacity_kwh or 0.0),
            source("soc", Kind.MEASUREMENT, "%", lambda: 100 * (device.soc or 0.0)),
        ]
    return found
