"""The embedded broker in a process of its own: our_broker.py USERS."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import contestant
import fleet
from janusgrid.common.xmpp import scale
from janusgrid.common.xmpp.broker import Broker


async def main() -> None:
    scale.small_tls_buffers()
    broker = Broker("bench.test", dict.fromkeys(json.loads(sys.argv[1]), fleet.PASSWORD))
    await broker.start()
    contestant.say({"host": broker.host, "port": broker.port, "ca": str(broker.ca), "domain": broker.domain})
    async for line in contestant.lines():
        await (broker.start() if json.loads(line) == "start" else broker.kill())
        contestant.say("done")
    os._exit(0)


asyncio.run(main())
