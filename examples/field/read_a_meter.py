"""A Modbus meter as points: python examples/field/read_a_meter.py"""

import asyncio
from pathlib import Path

from janusgrid.common.clock import RealClock
from janusgrid.common.data.site import load_site
from janusgrid.ems.drivers import Surroundings, find
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


async def main():
    meter = await simulated_meter()
    device = load_site(Path(__file__).parent / "site.yaml").device("M1")
    link = find(device.driver).link(device, Surroundings(clock=RealClock()))
    async with link:
        await link.ready()  # raises ConfigError, with file and line, if the meter does not have what the table says
        for name, value in (await link.read(point.name for point in await link.directory())).items():
            print(f"{name} {value.value} ({value.quality.validity.value})")
        await link.write({"der.M1.limit": 42.0})
        print("the limit is", (await link.read(["der.M1.limit"]))["der.M1.limit"].value)
        async for change in link.watch(["der.M1.p"]):
            print(f"{change.reason}: {change.value.value}")
            if change.value.quality.good and change.reason == "initial":
                await meter.async_setValues(1, 4, 0, [0, 2500])
            elif change.reason == "change":
                await meter.shutdown()
            elif change.reason == "lost":
                break


async def simulated_meter():
    """Return a meter that runs: what is a real one in life."""
    holding = [SimData(5, values=0b1000, datatype=DataType.REGISTERS), SimData(8, datatype=DataType.REGISTERS)]
    inputs = [
        SimData(0, values=[0xFFFF, 64036, 6001], datatype=DataType.REGISTERS),
        SimData(10, values=[1, 234, 567], datatype=DataType.REGISTERS),
    ]
    none = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    server = ModbusTcpServer(SimDevice(1, simdata=(none, none, holding, inputs)), address=("127.0.0.1", 5020))
    await server.serve_forever(background=True)
    return server


if __name__ == "__main__":
    asyncio.run(main())
