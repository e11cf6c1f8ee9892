"""DERs of JanusGrid in one process, each with a session and a server of its own: our_ders.py SETTINGS.

They associate, are browsed and report as any. Under load, each sends again and again the report that its server has
made and written once, with the time of sending as the reading of its meter: what a whole fleet's engines would cost in
this one process is not what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any

import contestant
import fleet
from janusgrid.common.errors import JanusGridError
from janusgrid.common.xmpp import scale
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850.acsi.types import Timestamp
from janusgrid.iec61850.mms.data import timestamp_to_octets
from janusgrid.iec61850.scsm82.context import Envelope
from janusgrid.iec61850.server import Server

MARK = 987_654_321_987
"""The reading by which a report is known that is to be kept."""
_SEQUENCE = re.compile(r"(?<=<unsigned>)\d+(?=</unsigned>)")
_TIME = re.compile(r"(?<=<utc-time>)[0-9A-F]+(?=</utc-time>)")
_WRAP = Envelope.wrap
_AT_ONCE = 20


class Der:
    """One DER."""

    def __init__(self, settings: dict[str, Any], number: int) -> None:
        self._session: SlixSession = fleet.session(settings, fleet.user(number))
        self._security = fleet.security(settings, fleet.user(number))
        self._to = f"{fleet.EMS}@{settings['domain']}/IEC"
        self._server = Server(fleet.model())
        self._kept: dict[str, tuple[Envelope, list[str]]] = {}
        self._sequence = 0

    async def open(self) -> None:
        """Log in and serve."""
        await self._session.open()
        self._server.start(self._session, security=self._security)

    async def record(self, size: str) -> None:
        """Have the server report, and keep how that looks."""
        found: asyncio.Future[tuple[Envelope, str]] = asyncio.get_running_loop().create_future()

        def wrap(envelope: Envelope, text: str) -> str:
            if f">{MARK}<" in text and not found.done():
                found.set_result((envelope, text))
            return _WRAP(envelope, text)

        Envelope.wrap = wrap  # type: ignore[method-assign]
        try:
            changes: dict[str, Any] = {f"{fleet.DEVICE}/{fleet.METER}.actVal": MARK}
            for n in range(1, fleet.SIZES[size] + 1):
                changes[f"{fleet.DEVICE}/GGIO1.AnIn{n}"] = 1000.0 * n + time.monotonic() % 1
            self._server.update_many(changes)
            envelope, text = await found
        finally:
            Envelope.wrap = _WRAP  # type: ignore[method-assign]
        self._server.update(f"{fleet.DEVICE}/{fleet.METER}.actVal", 0)
        text = _TIME.sub("TIME", text)
        self._sequence = int(_SEQUENCE.search(text)[0])  # type: ignore[index]
        first, rest = _SEQUENCE.split(text, maxsplit=1)
        self._kept[size] = envelope, [first, *rest.split(str(MARK))]

    async def send(self, size: str) -> int:
        """Send a report; return its octets, with the association context."""
        self._sequence = (self._sequence + 1) % 256
        envelope, (first, middle, last) = self._kept[size]
        when = timestamp_to_octets(Timestamp.of(datetime.now(UTC))).hex().upper()
        text = f"{first}{self._sequence}{middle}{time.monotonic_ns() // 1000}{last}"
        text = envelope.wrap(text.replace("TIME", when))
        await self._session.push(self._to, text, kind=envelope.profile.reports)
        return len(text)


async def _connect(ders: list[Der]) -> dict[str, float]:
    begun, cpu = time.monotonic(), time.process_time()
    waiting = iter(ders)

    async def some() -> None:
        for der in waiting:
            await der.open()

    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))
    return {"seconds": time.monotonic() - begun, "cpu": time.process_time() - cpu}


async def _send(ders: list[Der], size: str, rate: float, seconds: float) -> dict[str, float]:
    """Send reports at a rate, by turns; return how many, and how late they were sent."""
    late, octets, begun = [], 0, time.monotonic()
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        with contextlib.suppress(JanusGridError):  # its association has ended: the report is lost
            octets = await ders[number % len(ders)].send(size)
        late.append(time.monotonic() - due)
    late.sort()
    took = time.monotonic() - begun
    return {"count": len(late), "rate": len(late) / took, "late": late[int(len(late) * 0.99) - 1], "octets": octets}


async def main() -> None:
    scale.small_tls_buffers()
    settings: dict[str, Any] = json.loads(sys.argv[1])
    ders: list[Der] = []
    contestant.say("ready")
    async for line in contestant.lines():
        asked = json.loads(line)
        match asked["do"]:
            case "connect":
                more = [Der(settings, number) for number in range(len(ders), asked["ders"])]
                ders += more
                contestant.say(await _connect(more))
            case "record":
                for size in fleet.SIZES:
                    for der in ders:
                        await der.record(size)
                scale.settle()
                contestant.say("ready")
            case "send":
                contestant.say(await _send(ders, asked["size"], asked["rate"], asked["seconds"]))
    os._exit(0)


asyncio.run(main())
