import asyncio
from contextlib import suppress

from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.items import item
from janusgrid.openadr.ven import DataPoint, Offer, Reading, Ven


async def main() -> None:
    meter = Offer("meter", "TELEMETRY_USAGE", (DataPoint("pcc.p", item("kW")),))
    ven = Ven("site", HttpTransport(plain=True), vtn="http://127.0.0.1:8088", offers=[meter], read=read)
    async with ven:
        print("registered as", await ven.joined(), flush=True)
        await asyncio.Event().wait()


def read(r_ids: frozenset[str]) -> dict[str, Reading]:
    return {r_id: Reading(1900.0) for r_id in r_ids}


with suppress(KeyboardInterrupt):
    asyncio.run(main())
