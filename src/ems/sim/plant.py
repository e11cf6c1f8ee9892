"""The whole plant: its devices, its load and sun, and what the meter at the point of common coupling shows."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import attrs

from ...common.errors import LocalError, UnknownName
from .device import Device, SetpointResult
from .profile import Profile


@attrs.frozen(slots=True)
class Reading:
    """The plant's power flows at one instant, in kW. `import_kw = load_kw - pv_kw - generation_kw` holds exactly.

    Attributes:
        time: the instant.
        load_kw: what the site consumes.
        pv_kw: what the photovoltaic plant delivers.
        generation_kw: of all controllable devices, discharge included, charge subtracted.
        import_kw: from the grid, at the point of common coupling; negative when the site exports.
    """

    time: datetime
    load_kw: float
    pv_kw: float
    generation_kw: float
    import_kw: float


class Plant:
    """Devices, load and photovoltaic output that move on together.

    `midnight` says which day the profile's clock counts from; `start` is the plant's first instant.
    """

    def __init__(self, devices: Iterable[Device], profile: Profile, *, midnight: datetime, start: datetime) -> None:
        self._devices = {device.name: device for device in devices}
        self._profile = profile
        self._midnight = midnight
        self._time = start
        self._faults: list[tuple[datetime, str]] = []

    @property
    def devices(self) -> Mapping[str, Device]:
        """The controllable devices by name."""
        return MappingProxyType(self._devices)

    @property
    def time(self) -> datetime:
        """How far the plant has come."""
        return self._time

    def device(self, name: str) -> Device:
        """Return a device; raise `UnknownName` if the plant has none of this name."""
        found = self._devices.get(name)
        if found is None:
            raise UnknownName(f"no device {name!r}; the plant has {', '.join(self._devices)}")
        return found

    def set(self, name: str, asked_kw: float) -> SetpointResult:
        """Give a device its set-point, now; return what it took of it."""
        return self.device(name).set(asked_kw)

    def step(self, dt_s: float) -> None:
        """Move every device on by `dt_s` seconds; raise `LocalError` for a step back."""
        if dt_s < 0:
            raise LocalError(f"the plant cannot go back in time by {-dt_s} s")
        for device in self._devices.values():
            device.step(dt_s)
        self._time += timedelta(seconds=dt_s)

    def break_at(self, when: datetime, name: str) -> None:
        """Let a device break down just after `when`: at that instant itself it still works.

        Raises `UnknownName` if the plant has none of this name.
        """
        heapq.heappush(self._faults, (when, self.device(name).name))

    def advance(self, now: datetime) -> None:
        """Move on to `now`, through the faults that lie on the way; stay where it is if that is past already."""
        while self._faults and self._faults[0][0] < now:
            when, name = heapq.heappop(self._faults)
            self._forward(when)
            self.device(name).fail()
        self._forward(now)

    def _forward(self, now: datetime) -> None:
        if now > self._time:
            self.step((now - self._time).total_seconds())
            self._time = now

    def reading(self) -> Reading:
        """Return the power flows at the plant's present instant."""
        load, pv = self._profile.at(self._midnight, self._time)
        generation = sum(device.power_kw for device in self._devices.values())
        return Reading(self._time, load, pv, generation, load - pv - generation)
