"""A VEN of JanusGrid: our_ven.py SETTINGS, as JSON: `vtn`; `session`, or `tls` and `trusted`, if events come to it.

Says that it is registered; then of each event when its handler was called, and when the last poll before it left, on
the clock of the machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import contestant
from janusgrid.common.clock import ScaledClock
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.model import Message, OptType, Poll
from janusgrid.openadr.ven import Ven
from our_vtn import transport

QUICKLY = 20.0
"""A VEN polls no more often than each second of its time; so much faster than ours that is."""

polled = 0.0


class Noticed(HttpTransport):
    """Notes when a poll leaves."""

    async def carry(self, to: str, message: Message, identity: str = "") -> Message | None:
        global polled
        if isinstance(message, Poll):
            polled = time.perf_counter()
        return await super().carry(to, message, identity)


async def main() -> None:
    settings: dict[str, Any] = json.loads(sys.argv[1])
    pulls = not ("session" in settings or "tls" in settings)
    served = Noticed(plain=True) if pulls else await transport(settings)
    ven = Ven("site 0", served, vtn=settings["vtn"], clock=ScaledClock(QUICKLY) if pulls else None)

    @ven.on_event
    def decide(change: object) -> OptType:
        contestant.say({"at": time.perf_counter(), "polled": polled})
        return OptType.OPT_IN

    async with ven:
        await ven.joined()
        contestant.say("registered")
        async for _ in contestant.lines():
            pass
    os._exit(0)


asyncio.run(main())
