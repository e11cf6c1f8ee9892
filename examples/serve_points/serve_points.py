"""A roof as an IEC 61850 server, made from a table of five rows: serve_points.py [CID-FILE].

With a file name the description of the server is written, for clients of others. A client of ours follows, commands
and schedules the roof here, in the same program.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from janusgrid.common.data.access import Entry
from janusgrid.common.data.memory import Asked, MemoryAccess
from janusgrid.common.data.tables import load_table
from janusgrid.common.errors import Refused
from janusgrid.iec61850 import Server, ServiceRefused, connect, write_cid
from janusgrid.iec61850.access import DeviceAccess, ServedPoints, model_of

TABLE = load_table(Path(__file__).with_name("roof.csv"))
ROOF = [row.bind(f"roof.{row.point}", {"ied": "ROOF", "rating": 30.0}, device="ROOF") for row in TABLE]


def carry_out(asked: Asked) -> None:
    """Do what clients command: here it is only told."""
    if asked.value == 13:
        raise Refused("not on a Friday", code="blocked-by-process")
    print(f"the roof shall have {asked.point.name} = {asked.value} {asked.point.unit.symbol}")


async def main(file: str | None) -> None:
    """Serve the roof, and be its client."""
    points = MemoryAccess([binding.point for binding in ROOF], handler=carry_out, keep=1000)
    points.put("roof.module.rating", 430.0)
    points.put("roof.tracker", "awake")
    points.put("roof.sun", 870.0)
    points.put("roof.p", 21.5)
    model = model_of("ROOF", ROOF, addresses={"IP": "127.0.0.1"})
    if file is not None:
        write_cid(model, file)
    async with Server(model) as server, ServedPoints(server, ROOF, points, history=True):
        port = (await server.start_tcp(port=0)).port
        async with DeviceAccess("ROOF", ROOF, lambda: connect(f"tcp://127.0.0.1:{port}"), server.clock) as client:
            await client.ready()
            await talk(points, client)


async def talk(points: MemoryAccess, client: DeviceAccess) -> None:
    """Show what can be done from the other side."""
    seen = await client.read(["roof.p", "roof.sun", "roof.tracker", "roof.module.rating"])
    print(*(f"{name} {value.value}" for name, value in seen.items()), sep=", ")
    changes = client.watch(["roof.p"])
    print("initial:", (await anext(changes)).value.value)
    points.put("roof.p", 22.0)
    print("change:", (await anext(changes)).value.value)
    await client.operate("roof.p.limit", 15.0)
    try:
        await client.operate("roof.p.limit", 13.0)
    except ServiceRefused as refused:
        print("refused:", refused.add_cause.text if refused.add_cause is not None else refused)
    noon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    course = [Entry(noon, 10.0), Entry(noon + timedelta(hours=2), 20.0)]
    await client.schedule("roof.p.limit", course, end=noon + timedelta(hours=3))
    print("scheduled for tomorrow, and withdrawn")
    await client.abort("roof.p.limit")
    begun = datetime.now(UTC) - timedelta(minutes=1)
    told = await client.history("roof.p", begun, begun + timedelta(minutes=2))
    print("power of the last minute:", [value.value for value in told])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
