"""A VTN as points: read the power of a site, ask it for less, watch what it does. Over plain HTTP: for a laboratory.

python openadr_points.py 127.0.0.1 8088
"""

import asyncio
import sys
from datetime import timedelta

from janusgrid.openadr.access import VtnAccess
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.vtn import Party, TelemetryPlan, Vtn


async def main(host: str, port: int) -> None:
    http = HttpTransport(listen=(host, port), plain=True)
    second = timedelta(seconds=1)
    plan = TelemetryPlan(names=())  # what is wanted is asked for below
    async with Vtn("utility", http, parties=[Party("site", "*")], plan=plan, poll_every=second) as vtn:
        access = VtnAccess(vtn)
        await vtn.wait_registered("site")
        print(", ".join(point.name for point in await access.directory()), flush=True)
        power = (await access.read(["site.pcc.p"]))["site.pcc.p"]
        print(f"{power.number:g} kW at {power.time:%H:%M:%S}", flush=True)
        await access.operate("site.dispatch.p", 1000.0)
        print("the site takes part", flush=True)
        left = 3
        async for change in access.watch(["site.pcc.p"], period=1):
            print(f"{change.reason}: {change.value.number:g} kW", flush=True)
            left -= 1
            if not left:
                break


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
