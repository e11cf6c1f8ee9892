"""A fuel cell in this process, made of its table: serves it, reads it and commands it as the site's host does."""

import asyncio
from pathlib import Path

from janusgrid.common.clock import RealClock
from janusgrid.common.data.memory import MemoryAccess
from janusgrid.common.data.site import Device, load_site
from janusgrid.iec61850 import Ied, Server
from janusgrid.iec61850.access import DeviceAccess, ServedPoints, model_of_device

DEVICE: Device = load_site(Path("site.yaml")).device("FC1")


async def main() -> None:
    plant = MemoryAccess([binding.point for binding in DEVICE.bindings])
    for name, value in (("p", 40.0), ("efficiency", 55), ("hydrogen", 80.0), ("state", "running"), ("health", "ok")):
        plant.put(f"der.FC1.{name}", value)

    server = Server(model_of_device(DEVICE))

    async def connect() -> Ied:
        return Ied(server.connect("host"))

    host = DeviceAccess("FC1", DEVICE.bindings, connect, RealClock())
    async with ServedPoints(server, DEVICE.bindings, plant), host:
        await host.ready()
        await host.operate("der.FC1.p.set", 75.0)
        found = await host.read(f"der.FC1.{point}" for point in ("p", "p.set", "efficiency", "state"))
        for name, value in found.items():
            print(name, value.value, value.quality.validity.value)
    await server.close()


asyncio.run(main())
