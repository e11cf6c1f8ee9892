import asyncio
from contextlib import suppress

from janusgrid.openadr import DataPoint, HttpTransport, Offer, Ven

METER = Offer("meter", "TELEMETRY_USAGE", [DataPoint("pcc.p", "kW")])


async def main() -> None:
    http, values = HttpTransport(listen=("127.0.0.1", 8089), plain=True), {"pcc.p": 1900.0}
    async with Ven("site", http, vtn="http://127.0.0.1:8088", offers=[METER], read=lambda r_ids: values) as ven:
        print("registered as", await ven.joined(), flush=True)
        await asyncio.Event().wait()


with suppress(KeyboardInterrupt):
    asyncio.run(main())
