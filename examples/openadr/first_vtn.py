import asyncio
from datetime import timedelta

from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.vtn import Party, Telemetry, Vtn


async def main() -> None:
    http = HttpTransport(listen=("127.0.0.1", 8088), plain=True)
    parties, second = [Party("site", "*", "VEN1")], timedelta(seconds=1)
    async with Vtn("utility", http, parties=parties, poll_every=second) as vtn:
        vtn.listen(Telemetry, lambda telemetry: print(telemetry.samples[0].value, "kW", flush=True))
        print((await vtn.wait_registered("site")).ven_id, "is here", flush=True)
        report = vtn.request_report("site", "meter")
        await report.next()


asyncio.run(main())
