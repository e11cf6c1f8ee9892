"""An EMS of JanusGrid: our_ems.py SETTINGS. One session, an access for each DER, and who watches all of its points.

The reading of a DER's meter is the time at which it was sent, on the clock of the machine. So the time to the
application is that from before a report was handed to the DER's session until after its points were told.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import contestant
import fleet
from janusgrid.common.clock import RealClock
from janusgrid.common.xmpp import scale
from janusgrid.iec61850 import Ied, connect
from janusgrid.iec61850.access import DeviceAccess
from janusgrid.iec61850.scsm82.presence import returned
from sampler import Sampler

_LAG = 0.02
_QUIET = 0.5
_LOST = 30.0
_DAY = 86_400.0


def _late(times: list[float]) -> float:
    """Return within which of these times, in order, 99 of 100 are."""
    return times[max(int(len(times) * 0.99) - 1, 0)]


class Ems:
    """What is measured."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._clock = RealClock()
        self._session = fleet.session(settings, fleet.EMS)
        self._security = fleet.security(settings, fleet.EMS)
        self._accesses: list[DeviceAccess] = []
        self._took: list[float] = []
        self._lags: list[float] = []
        self._before = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Log in."""
        await self._session.open()
        self._tasks.append(asyncio.create_task(self._feel()))

    def _access(self, number: int) -> DeviceAccess:
        jid = f"{fleet.user(number)}@{self._settings['domain']}/IEC"

        async def associate() -> Ied:
            return await connect(
                f"xmpp:{jid}", session=self._session, clock=self._clock, security=self._security, timeout=60
            )

        return DeviceAccess(
            fleet.user(number), fleet.bindings(number), associate, self._clock, integrity=_DAY,
            returned=lambda: returned(self._session, jid),
        )  # fmt: skip

    async def watch(self, ders: int) -> dict[str, float]:
        """Associate with as many more DERs as are missing, and watch them."""
        begun, cpu = time.monotonic(), time.process_time()
        more = [self._access(number) for number in range(len(self._accesses), ders)]
        self._accesses += more
        await asyncio.gather(*(access.open() for access in more))
        await asyncio.gather(*(access.ready() for access in more))
        took = {"seconds": time.monotonic() - begun, "cpu": time.process_time() - cpu}
        self._tasks += [asyncio.create_task(self._watch(access)) for access in more]
        return took

    async def _watch(self, access: DeviceAccess) -> None:
        names = [point.name for point in await access.directory()]
        async for change in access.watch(names):
            if change.name.endswith(".sent") and change.value.value:
                self._took.append(time.monotonic_ns() / 1e9 - change.value.number / 1e6)

    async def _feel(self) -> None:
        """Note how late the event loop comes to what is due."""
        while True:
            begun = time.monotonic()
            await asyncio.sleep(_LAG)
            self._lags.append(time.monotonic() - begun - _LAG)

    async def begin(self) -> None:
        """Count from here on, once nothing more comes of what was before."""
        await self._quiet()
        self._took, self._lags, self._before = [], [], self._reports()

    async def _quiet(self) -> None:
        count = -1
        while count != (count := self._reports()):  # noqa: ASYNC110 - what does not come is not told
            await asyncio.sleep(_QUIET)

    def _reports(self) -> int:
        return sum(access.reports for access in self._accesses)

    async def end(self, sent: int) -> dict[str, float]:
        """Return what came, once all that was sent is there, or for a long time no more came: reports that were decoded
        and mapped, and what they took."""
        lags, begun = sorted(self._lags) or [0.0], time.monotonic()
        while self._reports() - self._before < sent and time.monotonic() < begun + _LOST:  # noqa: ASYNC110
            await asyncio.sleep(_LAG)
        took = sorted(self._took) or [0.0]
        return {
            "count": self._reports() - self._before, "lag": _late(lags),
            "p50": took[len(took) // 2], "p99": _late(took), "most": took[-1],
        }  # fmt: skip

    async def back(self, *, lost: bool) -> float:
        """Return when all DERs are there again, on the clock of the machine; with `lost`, after all were gone."""
        names = [(access, f"{fleet.user(number)}.sent") for number, access in enumerate(self._accesses)]
        for there in (False, True) if lost else (True,):
            for access, name in names:
                while await access.available(name) is not there:  # noqa: ASYNC110
                    await asyncio.sleep(_LAG)
        return time.monotonic()


async def main() -> None:
    scale.small_tls_buffers()
    ems, sampler = Ems(json.loads(sys.argv[1])), Sampler()
    await ems.open()
    contestant.say("ready")
    async for line in contestant.lines():
        asked = json.loads(line)
        match asked["do"]:
            case "watch":
                contestant.say(await ems.watch(asked["ders"]))
            case "settle":
                scale.settle()
                contestant.say("ready")
            case "begin":
                await ems.begin()
                sampler.start()
                contestant.say("ready")
            case "end":
                told = await ems.end(asked["sent"])
                sampler.stop()
                contestant.say({**told, "layers": sampler.counts})
                sampler.counts.clear()
            case "back":
                contestant.say("ready")
                contestant.say(await ems.back(lost=asked["lost"]))
    os._exit(0)


asyncio.run(main())
