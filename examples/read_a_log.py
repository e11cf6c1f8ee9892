"""A meter that logs what it measures, and a client that reads its log: read_a_log.py [STATE-DIRECTORY].

With a directory the log is still there when the program is started again.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from janusgrid.iec61850 import Server, build, connect


async def main(state: str | None) -> None:
    model = (
        build("METER")
        .device("LD0")
        .node("MMXU1", "TotW")
        .data_set("Power", "MMXU1.TotW[MX]")
        .log("lcbPower", "EventLog", "Power")
        .model()
    )
    async with Server(model, state=state) as server:
        listener = await server.start_tcp(port=0)
        begun = datetime.now(UTC) - timedelta(milliseconds=1)  # entries know the time to the millisecond
        for watts in (410.0, 412.5, 409.0):
            server.update("METERLD0/MMXU1.TotW", watts)
        async with connect(f"tcp://127.0.0.1:{listener.port}") as ied:
            print("logs:", *await ied.logs())
            log = ied.log("METERLD0/LLN0.EventLog")
            last = None
            async for update in log.entries():
                age = "now" if update.time > begun else "before"
                print(age, update.values["METERLD0/MMXU1.TotW"]["mag"], update.reasons["METERLD0/MMXU1.TotW"].name)
                last = update
            server.update("METERLD0/MMXU1.TotW", 500.0)
            async for update in log.entries(after=last):
                print("new", update.values["METERLD0/MMXU1.TotW"]["mag"])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
