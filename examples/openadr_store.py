"""A VTN that keeps what it knows: run it again, and it goes on.

    python openadr_store.py vtn.sqlite

With the URL of a PostgreSQL database it is one of several processes that are one VTN, each on a port of its own:

    python openadr_store.py postgresql://grid@db.example/grid 8443
"""

import asyncio
import sys
from datetime import timedelta

from janusgrid.common.clock import RealClock
from janusgrid.common.store.records import Records
from janusgrid.common.store.shared import SharedRecords
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, Vtn


async def main(place: str, port: int) -> None:
    shared = place.startswith("postgresql://")
    store = SharedRecords(place, "utility") if shared else Records(place, "utility")
    # Without certificates, to be short: see "OpenADR over HTTPS" for real ones.
    transport = HttpTransport(listen=("127.0.0.1", port), plain=True)
    vtn = Vtn("utility", transport, parties=[Party("site", ANYBODY)], store=store)
    async with vtn, Ven("site", HttpTransport(plain=True), vtn=transport.address) as ven:
        await ven.joined()
        await vtn.wait_registered("site")
        number = await vtn.turn(create, vtn)
        print(f"{ven.ven_id} has {number} events")
    store.close()


def create(vtn: Vtn) -> int:
    """Make one event more than there were: a turn sees all that other processes have made, and none comes between."""
    now = RealClock().now()
    start = max((event.event.ei_active_period.dtstart for event in vtn.events), default=now)
    vtn.create_event(
        load_dispatch(500, start=start + timedelta(hours=2), duration=timedelta(hours=1), created=now), ["site"]
    )
    return len(vtn.events)


asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8443))
