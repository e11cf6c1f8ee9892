"""The VTN of JanusGrid: our_vtn.py SETTINGS, as JSON: `vens`, and if wanted `tls`, `store`, `session`, `identity`.

Says its port. Each line on its input is an order: `{"do": "event", "ven": …, "minutes": …}` sends an event and is
answered with the time at which that was asked for, on the clock of the machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import contestant
from janusgrid.common.security import Credentials
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.binding.transport import Transport
from janusgrid.openadr.binding.xmpp import XmppTransport
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.vtn import Party, Vtn


def http(settings: dict[str, Any], **options: Any) -> HttpTransport:
    """Return a transport over HTTP, with certificates if the settings have some."""
    files = settings.get("tls")
    return HttpTransport(Credentials(*files), **options) if files else HttpTransport(plain=True, **options)


async def transport(settings: dict[str, Any]) -> Transport:
    """Return the transport that the settings are for."""
    if session := settings.get("session"):
        return XmppTransport(await SlixSession(**session, allow=lambda _: True).__aenter__())
    return http(settings, listen=("127.0.0.1", 0), vtn=settings.get("trusted", ""))


def records(settings: dict[str, Any]) -> Any:
    """Return where the settings say that all is kept."""
    if not settings.get("store"):
        return None
    from janusgrid.common.store.records import Records

    return Records(settings["store"], "vtn")


async def main() -> None:
    settings = json.loads(sys.argv[1])
    identity = settings.get("identity", ANYBODY)
    parties = [Party(f"site {number}", identity) for number in range(settings["vens"])]
    served = await transport(settings)
    vtn = Vtn("VTN", served, parties=parties, store=records(settings), poll_every=timedelta(seconds=1))
    async with vtn:
        contestant.say(served.address)
        now = datetime.now(UTC).replace(microsecond=0)
        async for line in contestant.lines():
            asked = json.loads(line)
            start = now + timedelta(minutes=asked["minutes"])
            begun = time.perf_counter()
            vtn.create_event(
                load_dispatch(1000.0, start=start, duration=timedelta(minutes=1), created=now), [asked["ven"]]
            )
            contestant.say(begun)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
