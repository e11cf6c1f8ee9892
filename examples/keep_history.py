"""Keep the history of a site in a database, and answer the utility's question for the past from it.

python keep_history.py plant.sqlite 127.0.0.1 8088
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from janusgrid.common.clock import RealClock
from janusgrid.common.data.memory import MemoryAccess
from janusgrid.common.data.point import Kind, Point
from janusgrid.common.data.tables import load_table
from janusgrid.common.data.unit import unit
from janusgrid.common.store.history import History, Retention
from janusgrid.common.store.recorded import Recorded
from janusgrid.ems.bridge import offers
from janusgrid.ems.past import recaller
from janusgrid.openadr.access import VtnAccess
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, TelemetryPlan, Vtn

POWER = Point("site.pcc.p", Kind.MEASUREMENT, unit=unit("kW"))
TABLE = Path(__file__).parent / "history" / "past.csv"


async def main(place: str, host: str, port: int) -> None:
    clock = RealClock()
    plant = MemoryAccess([POWER], clock=clock)  # the site's devices, joined, in earnest
    table = [row.bind(row.point, {}) for row in load_table(TABLE)]
    keep = Retention(values=timedelta(days=400), happenings=timedelta(days=400))
    with History(place, clock=clock, retention=keep) as history:
        async with Recorded(plant, history, clock) as access:
            for kilowatts in (1900, 1800, 1700):
                plant.put("site.pcc.p", float(kilowatts))
                await asyncio.sleep(0.5)
            utility = Vtn(
                "utility",
                HttpTransport(listen=(host, port), plain=True),
                parties=[Party("site", "*")],
                plan=TelemetryPlan(names=()),
                poll_every=timedelta(seconds=1),
            )
            site = Ven(
                "site",
                HttpTransport(plain=True),
                vtn=f"http://{host}:{port}",
                offers=offers(table, "site"),
                history=recaller(table, access),
            )
            async with utility, site:
                await utility.wait_registered("site")
                now = datetime.now(UTC)
                for value in await VtnAccess(utility).history("site.pcc.p", now - timedelta(hours=1), now):
                    print(f"{value.number:g} kW", flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
