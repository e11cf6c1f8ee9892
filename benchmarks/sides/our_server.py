"""The server of JanusGrid: our_server.py UNBUFFERED BUFFERED, the numbers of report control blocks.

Each line on its input asks for that many rounds of changes.
"""

from __future__ import annotations

import asyncio
import json
import os

import contestant
import plant
from janusgrid.iec61850 import Server
from sampler import Sampler


async def main() -> None:
    server = Server.from_scl(plant.scl(plant.wanted()).encode())

    @server.on_operate(plant.SWITCH)
    def operate(command: object) -> None:
        pass

    contestant.say((await server.start_tcp(port=0)).port)
    value, sampler = 0.0, Sampler()
    async for line in contestant.lines():
        asked = json.loads(line)
        if asked == "sample":
            sampler.start()
            contestant.say("started")
            continue
        if asked == "sampled":
            sampler.stop()
            contestant.say(sampler.counts)
            continue
        for _ in range(asked):
            value += 1.0
            server.update_many(dict.fromkeys(plant.VALUES[: plant.MEMBERS], value))
            await asyncio.sleep(0)
    os._exit(0)


asyncio.run(main())
