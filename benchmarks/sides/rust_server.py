"""The server of PyPI `iec61850`, which is not asked for reports."""

from __future__ import annotations

import asyncio
import os
import tempfile

import contestant
import plant

import iec61850


def name(reference: str) -> str:
    return reference.replace(plant.IED, "", 1)


async def main() -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".cid") as file:
        file.write(plant.scl({plant.UNBUFFERED: 0, plant.BUFFERED: 0}))
        file.flush()
        server = iec61850.IedServer.from_scl(file.name, ied_name=plant.IED)
    server.bind("127.0.0.1:0")
    server.max_connections = 64
    status = f"{name(plant.SWITCH)}.stVal"
    server.on_control(
        name(plant.SWITCH), ctl_model="direct-normal",
        operate=lambda path, value, action: server.update_bool(status, bool(value)),
    )  # fmt: skip
    async with server:
        contestant.say(int(server.bound_addr.rpartition(":")[2]))
        async for _ in contestant.lines():
            pass
    os._exit(0)


asyncio.run(main())
