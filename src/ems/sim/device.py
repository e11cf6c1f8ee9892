"""What the plant's controllable devices have in common: a name, a rating, limits, a set-point, a power."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from enum import Enum

import attrs

from ...common.errors import TypeConflict


class DeviceState(Enum):
    """What a device is doing, in the words of DERStateKind (IEC 61850-7-420 edition 2)."""

    AVAILABLE = "available"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"


@attrs.frozen(slots=True)
class SetpointResult:
    """What became of a set-point."""

    device: str
    asked_kw: float
    taken_kw: float

    @property
    def clipped(self) -> bool:
        """True if the device could not take what was asked."""
        return self.taken_kw != self.asked_kw


@attrs.define(slots=True, kw_only=True)
class Device(ABC):
    """A controllable device in operation.

    Attributes:
        name: in the plant.
        rating_kw: the power on the nameplate.
        lowest_kw: the smallest set-point that it can ever take; negative for what can charge.
        low_kw, high_kw: the smallest and largest set-point at present.
        setpoint_kw: what it follows.
        power_kw: what it delivers.
        failed: whether it is broken.
    """

    name: str
    rating_kw: float
    lowest_kw: float = 0.0
    low_kw: float = attrs.field(init=False)
    high_kw: float = attrs.field(init=False)
    setpoint_kw: float = attrs.field(init=False, default=0.0)
    power_kw: float = attrs.field(init=False, default=0.0)
    failed: bool = attrs.field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self.low_kw, self.high_kw = self.lowest_kw, self.rating_kw

    @property
    @abstractmethod
    def state(self) -> DeviceState:
        """What the device is doing."""

    @property
    def soc(self) -> float | None:
        """State of charge between 0 and 1; None for what stores nothing."""
        return None

    @property
    def capacity_kwh(self) -> float | None:
        """Energy on the nameplate; None for what stores nothing."""
        return None

    @abstractmethod
    def step(self, dt_s: float) -> None:
        """Move on by `dt_s` seconds. Exact: any split of an interval into steps gives the same end."""

    def set(self, asked_kw: float) -> SetpointResult:
        """Take a set-point, clipped to `low_kw..high_kw`; return what was asked and what was taken.

        Raises `TypeConflict` if it is no finite number.
        """
        if not math.isfinite(asked_kw):
            raise TypeConflict(f"a set-point is a finite number, not {asked_kw}", where=self.name)
        self.setpoint_kw = min(max(asked_kw, self.low_kw), self.high_kw)
        return SetpointResult(self.name, asked_kw, self.setpoint_kw)

    def limit(self, *, low_kw: float | None = None, high_kw: float | None = None) -> None:
        """Change what may be set, within the rating and around zero; acts on the present set-point too."""
        if low_kw is not None:
            self.low_kw = min(max(low_kw, self.lowest_kw), 0.0)
        if high_kw is not None:
            self.high_kw = max(min(high_kw, self.rating_kw), 0.0)
        self.set(self.setpoint_kw)

    def fail(self) -> None:
        """Break down: the set-point has no effect any more."""
        self.failed = True

    def repair(self) -> None:
        """Be at rest and ready again."""
        self.failed = False
        self.setpoint_kw = self.power_kw = 0.0
