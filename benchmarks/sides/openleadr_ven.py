"""A VEN of openleadr: openleadr_ven.py SETTINGS, as JSON: `vtn`.

Says that it is registered. For each line on its input it polls, and says when its handler for events was called, and
when the poll left.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time

import contestant
import openleadr

logging.getLogger("openleadr").setLevel(logging.ERROR)


async def main() -> None:
    settings = json.loads(sys.argv[1])
    client = openleadr.OpenADRClient(
        "site 0", settings["vtn"] + "/OpenADR2/Simple/2.0b", disable_signature=True, allow_jitter=False,
        show_fingerprint=False,
    )  # fmt: skip
    called = 0.0

    async def decide(event: object) -> str:
        nonlocal called
        called = time.perf_counter()
        return "optIn"

    client.add_handler("on_event", decide)
    client.add_handler("on_update_event", decide)
    await client.run()
    client.scheduler.remove_all_jobs()  # it polls when it is told to
    contestant.say("registered")
    async for _ in contestant.lines():
        polled = time.perf_counter()
        await client._poll()
        contestant.say({"at": called, "polled": polled})
    os._exit(0)


asyncio.run(main())
