"""A battery with its inverter: follows the set-point at once, within its energy."""

from __future__ import annotations

import attrs
from attrs.validators import and_, ge, gt, le

from ...common.errors import LocalError
from .device import Device, DeviceState, SetpointResult


@attrs.frozen(slots=True, kw_only=True)
class BatteryModel:
    """What a battery is.

    Attributes:
        name: the device's name in the plant.
        rating_kw: the largest power in either direction.
        capacity_kwh: energy between empty and full.
        floor, ceiling: states of charge at which discharging and charging end.
        efficiency: of one way; energy taken out is delivered energy / efficiency.
        initial_soc: state of charge at the start.
        factor: the largest power that it really delivers, as a fraction of the rating.
    """

    name: str
    rating_kw: float = attrs.field(validator=gt(0.0))
    capacity_kwh: float = attrs.field(validator=gt(0.0))
    floor: float = attrs.field(default=0.20, validator=and_(ge(0.0), le(1.0)))
    ceiling: float = attrs.field(default=0.95, validator=and_(ge(0.0), le(1.0)))
    efficiency: float = attrs.field(default=0.97, validator=and_(gt(0.0), le(1.0)))
    initial_soc: float = attrs.field(default=0.70, validator=and_(ge(0.0), le(1.0)))
    factor: float = attrs.field(default=1.0, validator=gt(0.0))

    def __attrs_post_init__(self) -> None:
        if not self.floor <= self.initial_soc <= self.ceiling:
            raise LocalError(f"{self.name}: state of charge {self.initial_soc} is not in {self.floor}..{self.ceiling}")


@attrs.define(slots=True, kw_only=True)
class Battery(Device):
    """A battery in operation. Discharge is positive, charge negative."""

    model: BatteryModel
    _soc: float = attrs.field(init=False)

    @classmethod
    def of(cls, model: BatteryModel) -> Battery:
        """Return a new battery of this kind, at rest with its initial charge."""
        return cls(name=model.name, rating_kw=model.rating_kw, lowest_kw=-model.rating_kw, model=model)

    def __attrs_post_init__(self) -> None:
        Device.__attrs_post_init__(self)
        self._soc = self.model.initial_soc

    @property
    def state(self) -> DeviceState:
        """What the battery is doing; one that follows its set-point is running, in either direction."""
        if self.failed:
            return DeviceState.FAILED
        return DeviceState.AVAILABLE if self.power_kw == 0 else DeviceState.RUNNING

    @property
    def soc(self) -> float:
        """State of charge between 0 and 1."""
        return self._soc

    @property
    def capacity_kwh(self) -> float:
        """Energy between empty and full."""
        return self.model.capacity_kwh

    def set(self, asked_kw: float) -> SetpointResult:
        """Take a set-point, clipped to the present limits; the power follows at once."""
        result = Device.set(self, asked_kw)
        self.step(0.0)
        return result

    def step(self, dt_s: float) -> None:
        """Move on by `dt_s` seconds. `power_kw` is that at the end: zero if the energy ran out on the way."""
        most = self.rating_kw * self.model.factor
        goal = min(max(self.setpoint_kw, -most), most)
        if self.failed or goal == 0:
            self.power_kw = 0.0
            return
        drain_kw = goal / self.model.efficiency if goal > 0 else goal * self.model.efficiency
        drained_kwh = drain_kw * dt_s / 3600
        end = self.model.floor if goal > 0 else self.model.ceiling
        if abs(drained_kwh) < abs(self._soc - end) * self.model.capacity_kwh:
            self.power_kw = goal
            self._soc -= drained_kwh / self.model.capacity_kwh
        else:
            self.power_kw = 0.0
            self._soc = end

    def fail(self) -> None:
        """Break down: no output at once, the charge stays where it is."""
        Device.fail(self)
        self.power_kw = 0.0
