"""A VEN: register, take part in what is asked, report the power at the meter.

python openadr_ven.py ems@grid.example/ems SECRET vtn@grid.example/vtn --host 127.0.0.1 --port 5222 --ca ca.pem
"""

import asyncio
import random

from arguments import run, session_of
from janusgrid.openadr.events import kilowatts
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import DataPoint, EventChange, Offer, Reading, Ven


def read(r_ids: frozenset[str]) -> dict[str, Reading]:
    return {r_id: Reading(1900 + random.uniform(-5, 5)) for r_id in r_ids}


async def main() -> None:
    arguments, session = session_of("peer")
    async with session:
        offers = [Offer("meter", "TELEMETRY_USAGE", (DataPoint("pcc.p", kilowatts()),))]
        ven = Ven("site", session, vtn=arguments.peer, offers=offers, read=read)

        @ven.on_event
        def decide(change: EventChange) -> OptType:
            signal = change.known.event.ei_event_signals[0]
            print(f"{change.change.value} event {change.known.event_id}: {signal.signal_name}", flush=True)
            return OptType.OPT_IN

        async with ven:
            print(f"registered as {await ven.joined()}", flush=True)
            await asyncio.Event().wait()


run(main())
