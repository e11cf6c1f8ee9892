import asyncio

from janusgrid.openadr import HttpTransport, Party, Vtn


async def main() -> None:
    http = HttpTransport(listen=("127.0.0.1", 8088), plain=True)
    async with Vtn("utility", http, parties=[Party("site", "*", "VEN1")]) as vtn:
        site = await vtn.wait_registered("site")
        print(site.ven_id, "is here", flush=True)
        telemetry = await vtn.request_report("site", "meter").next()
        print(telemetry.samples[0].value, "kW")


asyncio.run(main())
