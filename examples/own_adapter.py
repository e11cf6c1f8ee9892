"""A heater as points, and the suite of the port that it is held to: pytest examples/own_adapter.py"""

from datetime import datetime

import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock, RealClock
from janusgrid.common.data.memory import Asked, MemoryAccess
from janusgrid.common.data.point import Kind, Point
from janusgrid.common.data.suite import AccessSuite, Rig
from janusgrid.common.data.unit import unit
from janusgrid.common.data.value import GOOD
from janusgrid.common.errors import Refused

pytestmark = pytest.mark.asyncio


class Heater:
    """The device. It calls `told` with what it measures, and takes a power."""

    def __init__(self):
        self.locked, self.power, self.told = False, [], lambda what, value, quality, time: None

    def heat(self, kilowatts):
        if self.locked:
            raise Refused("the heater is locked")
        self.power.append(kilowatts)


class HeaterAccess(MemoryAccess):
    """The adapter: the points of a heater."""

    def __init__(self, heater, clock=None):
        points = [
            Point("heater.indoor", Kind.MEASUREMENT, unit=unit("degC")),
            Point("heater.outdoor", Kind.MEASUREMENT, unit=unit("degC")),
            Point("heater.p.set", Kind.SETPOINT, unit=unit("kW"), low=0.0, high=60.0),
        ]
        super().__init__(points, clock=clock or RealClock(), origin="heater", age=60.0)
        self._heater = heater
        self.handler = self._heat
        heater.told = lambda what, value, quality, time: self.put(f"heater.{what}", value, quality, time)

    def _heat(self, asked: Asked):
        self._heater.heat(asked.value)


class HeaterRig(Rig):
    """The heater in the hands of the suite."""

    number, second, setpoint = "heater.indoor", "heater.outdoor", "heater.p.set"

    def __init__(self):
        self.clock = LockStepClock(datetime.fromisoformat("2026-03-25T08:00:00Z"))
        self.heater = Heater()
        self.access = HeaterAccess(self.heater, self.clock)
        self.access.put(self.setpoint, 0.0)

    @property
    def refusing(self):
        return self.heater.locked

    @refusing.setter
    def refusing(self, refusing):
        self.heater.locked = refusing

    async def show(self, name, value, quality=GOOD, time=None):
        self.heater.told(name.removeprefix("heater."), value, quality, time)

    async def carried_out(self):
        return list(self.heater.power)

    async def lose(self):
        self.access.set_available(False)

    async def restore(self):
        self.access.set_available(True)


class TestHeater(AccessSuite):
    """Some forty tests."""

    @pytest_asyncio.fixture
    async def rig(self):
        rig = HeaterRig()
        async with rig.access:
            yield rig
