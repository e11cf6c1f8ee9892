"""A generating set, diesel or microturbine: start delay, then a power ramp of constant slope."""

from __future__ import annotations

import math

import attrs
from attrs.validators import ge, gt

from ...common.errors import LocalError
from .device import Device, DeviceState


@attrs.frozen(slots=True, kw_only=True)
class GeneratorModel:
    """What a generating set is.

    Attributes:
        name: the device's name in the plant.
        rating_kw: the largest set-point.
        t95_s: from the command of full power at rest to 95 % of it. Published for the INER machines.
        delay_s: the part of `t95_s` in which nothing is delivered yet: starting, run-up, synchronising. A free choice
            of this model; the slope that follows is such that `t95_s` holds.
        factor: delivered power at a settled set-point, as a fraction of the set-point.
        fade_s: from the power at which the machine fails to nothing.
    """

    name: str
    rating_kw: float = attrs.field(validator=gt(0.0))
    t95_s: float = attrs.field(validator=gt(0.0))
    delay_s: float = attrs.field(default=0.0, validator=ge(0.0))
    factor: float = attrs.field(default=1.0, validator=gt(0.0))
    fade_s: float = attrs.field(default=60.0, validator=gt(0.0))

    def __attrs_post_init__(self) -> None:
        if self.delay_s >= self.t95_s:
            raise LocalError(f"{self.name}: the start delay ({self.delay_s} s) ends after t95 ({self.t95_s} s)")

    @property
    def ramp_kw_s(self) -> float:
        """Slope of the delivered power, up and down, in kW per second."""
        return 0.95 * self.rating_kw / (self.t95_s - self.delay_s)


@attrs.define(slots=True, kw_only=True)
class Generator(Device):
    """A generating set in operation. It starts by a set-point above zero and stops by one of zero."""

    model: GeneratorModel
    _delay_left_s: float = attrs.field(init=False)
    _fade_kw_s: float = attrs.field(init=False, default=0.0)

    @classmethod
    def of(cls, model: GeneratorModel) -> Generator:
        """Return a new set of this kind, at rest."""
        return cls(name=model.name, rating_kw=model.rating_kw, model=model)

    def __attrs_post_init__(self) -> None:
        Device.__attrs_post_init__(self)
        self._delay_left_s = self.model.delay_s

    @property
    def state(self) -> DeviceState:
        """What the set is doing."""
        if self.failed:
            return DeviceState.FAILED
        if self.setpoint_kw > 0:
            return DeviceState.RUNNING if self.power_kw > 0 else DeviceState.STARTING
        return DeviceState.STOPPING if self.power_kw > 0 else DeviceState.AVAILABLE

    def step(self, dt_s: float) -> None:
        """Move on by `dt_s` seconds; a broken set fades."""
        if self.failed:
            self.power_kw = max(0.0, self.power_kw - self._fade_kw_s * dt_s)
            return
        if self.setpoint_kw > 0 and self.power_kw == 0:
            waited = min(dt_s, self._delay_left_s)
            self._delay_left_s -= waited
            dt_s -= waited
        missing = self.setpoint_kw * self.model.factor - self.power_kw
        self.power_kw += math.copysign(min(self.model.ramp_kw_s * dt_s, abs(missing)), missing)
        if self.power_kw == 0 and self.setpoint_kw == 0:
            self._delay_left_s = self.model.delay_s

    def fail(self) -> None:
        """Break down: the power fades in a straight line."""
        if not self.failed:
            self._fade_kw_s = self.power_kw / self.model.fade_s
        Device.fail(self)

    def repair(self) -> None:
        """Be at rest and ready again."""
        Device.repair(self)
        self._delay_left_s = self.model.delay_s
