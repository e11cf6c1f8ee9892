"""The site application on field devices: it knows nothing of what they speak."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from janusgrid.common.clock import RealClock
from janusgrid.ems.controller import ControllerConfig, SiteController
from janusgrid.ems.dispatch import Resource
from janusgrid.ems.drivers import Surroundings, find
from janusgrid.ems.events import DispatchEvent, Opt
from pymodbus.constants import ExcCodes

from .devices import ModbusDevice
from .test_modbus import site, words

GENERATOR = [
    "p,measurement,float,kW,int32,W,,,,read report,,,,holding:0,,,",
    "p.set,setpoint,float,kW,int32,W,,,,read report operate,0,50,,holding:2,,,",
    "state,status,enum,,enum,,,,available=3|running=6|failed=11,read report,,,,holding:4,,,",
    "health,status,enum,,enum,,,,ok=1|warning=2|alarm=3,read report,,,,holding:5,,,",
    "import,measurement,float,kW,int32,W,,,,read report,,,,holding:6,,,",
]
LOAD = 100_000
"""What the site takes, in watts: what the generator does not deliver is imported."""


async def test_a_dispatch_reaches_the_registers_of_a_generator(tmp_path: Path) -> None:
    registers = {0: 0, 1: 0, 2: 0, 3: 0, 4: 3, 5: 1} | dict(enumerate(words("i", LOAD), 6))
    async with ModbusDevice(holding=registers) as generator:

        async def follow(function: int, address: int, count: int) -> ExcCodes | None:
            if function == 3 and (found := await generator.get(2, 2)) != await generator.get(0, 2):
                await generator.set("holding", 0, *found)  # it delivers what it was asked for
                await generator.set("holding", 6, *words("i", LOAD - int.from_bytes(struct.pack(">2H", *found))))
            return None

        generator.before = follow
        clock = RealClock()
        link = find("modbus").link(site(tmp_path, generator.port, GENERATOR), Surroundings(clock=clock))
        async with link:
            await link.ready()
            config = ControllerConfig(
                resources=(Resource(name="D", rating_kw=50.0),), meter="der.D.import", cycle_s=0.05
            )
            app = SiteController(link, clock, config)
            running = asyncio.create_task(app.run())
            await until(lambda: all(app.value(f"der.D.{name}") for name in ("import", "state", "p")))
            now = clock.now()
            event = DispatchEvent(
                id="e1", issued=now, start=now, duration=timedelta(hours=1), reduction_kw=30.0, baseline_kw=100.0
            )
            assert app.offer(event).opt is Opt.IN
            await until(lambda: abs(getattr(app.value("der.D.import"), "number", 0.0) - 70.0) < 1.0)
            assert await generator.get(2, 2) != [0, 0]
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a value is no event
            await asyncio.sleep(0.02)
