"""The driver, held to the port by the suite of the package: pytest examples/driver"""

import asyncio
from datetime import datetime
from pathlib import Path

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.site import load_site
from janusgrid.common.data.suite import AccessSuite, Rig
from janusgrid.common.data.value import GOOD
from janusgrid.ems.drivers import Surroundings

from .battery import Battery
from .janusgrid_text import TextDriver

pytestmark = pytest.mark.asyncio
SITE = load_site(Path(__file__).parent / "site.yaml")


class BatteryRig(Rig):
    """A battery in the hands of the suite. Lines of text tell neither quality nor time."""

    number, second, setpoint, setting = "der.BAT.p", "der.BAT.soc", "der.BAT.p.set", "der.BAT.p.max"
    shows_quality = shows_time = selects = False
    step, volley = 1.0, 50

    def __init__(self):
        self.clock = LockStepClock(datetime.fromisoformat("2026-03-25T08:00:00Z"))
        self.battery = Battery()

    async def open(self):
        self.port = await self.battery.serve()
        there = {"host": "127.0.0.1", "port": str(self.port), "poll": "0.1"}
        device = attrs.evolve(SITE.device("BAT"), address=there)
        self.access = TextDriver().link(device, Surroundings(clock=self.clock))

    @property
    def refusing(self):
        return self.battery.locked

    @refusing.setter
    def refusing(self, refusing):
        self.battery.locked = refusing

    async def show(self, name, value, quality=GOOD, time=None):
        word, worth = ("power", 1000) if name == self.number else ("charge", 1)
        self.battery.values[word] = value * worth

    async def carried_out(self):
        return [value / 1000 for value in self.battery.done]

    async def lose(self):
        await self.battery.stop()
        while await self.access.available(self.number):
            await self.turn()

    async def restore(self):
        await self.battery.serve(self.port)

    async def turn(self):
        await asyncio.sleep(0.002)  # of the network
        await self.clock.advance(0.05)


class TestText(AccessSuite):
    """Some forty tests."""

    @pytest_asyncio.fixture
    async def rig(self):
        rig = BatteryRig()
        await rig.open()
        async with rig.access:
            await rig.access.ready()
            yield rig
        await rig.battery.stop()
