"""Runs the application of peak.py on one of four ways to its devices: python run.py memory|simulation|81|82

The application is the same; only what it is given differs. The simulated plant is that of a recorded morning, a
hundred times as fast.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

import attrs
from janusgrid.common.clock import Clock, ScaledClock
from janusgrid.common.data.access import DataAccess
from janusgrid.common.data.joined import join
from janusgrid.common.data.memory import Asked, MemoryAccess
from janusgrid.common.data.point import Kind, Point
from janusgrid.common.data.site import load_site
from janusgrid.common.data.unit import unit
from janusgrid.common.resources import resource
from janusgrid.common.xmpp.servers import make_server
from janusgrid.common.xmpp.servers.accounts import Accounts
from janusgrid.ems.der import Der
from janusgrid.ems.drivers.port import Surroundings, find
from janusgrid.ems.local import PlantAccess
from janusgrid.ems.reserve.cases import at, case, plant
from peak import BATTERY, IMPORT, RATING_KW, SETPOINT, SHAVED, PeakShaver

LIMIT_KW = 1700.0
SITE = load_site(resource("mappings/sites/microgrid.yaml"))
DEVICES = [SITE.device(name) for name in ("PCC", "ESS500")]


async def memory(stack: AsyncExitStack, clock: Clock) -> DataAccess:
    """Points in this process: a load of 2000 kW, and a battery that does as it is told."""
    power = [Point(name, Kind.MEASUREMENT, unit=unit("kW")) for name in (IMPORT, BATTERY)]
    setpoint = Point(SETPOINT, Kind.SETPOINT, unit=unit("kW"), low=-RATING_KW, high=RATING_KW)

    def follow(asked: Asked) -> None:
        points.put(BATTERY, asked.value)
        points.put(IMPORT, 2000.0 - float(asked.value))

    points = MemoryAccess([*power, setpoint], clock=clock, handler=follow)
    points.put(BATTERY, 0.0)
    points.put(IMPORT, 2000.0)
    return points


async def simulation(stack: AsyncExitStack, clock: Clock) -> DataAccess:
    """The simulated plant, without a wire."""
    return PlantAccess(plant(case("spinning")), clock)


async def tcp(stack: AsyncExitStack, clock: Clock) -> DataAccess:
    """An IEC 61850 server for each device, MMS over TCP (8-1)."""
    machines, links = await simulation(stack, clock), []
    for device in DEVICES:
        der = await stack.enter_async_context(Der(device, machines, clock, refresh=2.0))
        listener = await der.server.start_tcp("127.0.0.1", 0)
        there = attrs.evolve(device, address={"host": "127.0.0.1", "port": str(listener.port), "ied": device.name})
        links.append(await stack.enter_async_context(find("iec61850").link(there, Surroundings(clock=clock))))
    await asyncio.gather(*(link.ready() for link in links))
    return await join(links)


async def xmpp(stack: AsyncExitStack, clock: Clock) -> DataAccess:
    """An IEC 61850 server for each device, over XMPP (8-2)."""
    server = make_server("embedded", SITE.domain)
    accounts = Accounts(server, [SITE.jid, *(device.jid for device in DEVICES)])
    await server.start()
    stack.push_async_callback(server.stop)
    ems = await stack.enter_async_context(accounts.session(SITE.jid))
    machines, links = await simulation(stack, clock), []
    for device in DEVICES:
        der = await stack.enter_async_context(Der(device, machines, clock, refresh=2.0))
        der.server.start(await stack.enter_async_context(accounts.session(device.jid)))
        around = Surroundings(clock=clock, session=ems)
        links.append(await stack.enter_async_context(find("iec61850").link(device, around)))
    await asyncio.gather(*(link.ready() for link in links))
    return await join(links)


WAYS = {"memory": memory, "simulation": simulation, "81": tcp, "82": xmpp}


async def main(way: str) -> None:
    async with AsyncExitStack() as stack:
        clock = ScaledClock(100.0, at("08:15"))
        access = await WAYS[way](stack, clock)
        application = PeakShaver(access, clock, LIMIT_KW)
        running = asyncio.create_task(application.run())
        while True:
            seen = await access.read([IMPORT])
            shaved = (await application.points.read([SHAVED]))[SHAVED].value
            if shaved and seen[IMPORT].number < LIMIT_KW + 5:
                print(f"import {seen[IMPORT].number:.0f} kW, the battery takes {shaved:.0f} kW off")
                break
            await clock.sleep(1.0)
        running.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
