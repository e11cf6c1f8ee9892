"""A command that comes again after the device was started anew: command_once.py STATE-DIRECTORY, twice.

The second time it is answered as before, and not carried out.
"""

import asyncio
import sys
from datetime import UTC, datetime

from janusgrid.iec61850 import Command, Server, build, connect
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import Operate
from janusgrid.iec61850.acsi.types import Timestamp

SETPOINT = "PLANTDER/DWGC1.WSpt"
WANTED = Operate(
    Reference.parse(SETPOINT), [60.0], number=1, time=Timestamp.of(datetime(2026, 11, 21, 12, tzinfo=UTC))
)  # an application that may have to say it again keeps it with the time at which it has made it


async def main(state: str) -> None:
    model = build("PLANT").device("DER").node("DWGC1", "WSpt", control={"WSpt": "direct-with-normal-security"}).model()
    async with Server(model, state=state) as server:

        @server.on_operate(SETPOINT)
        def set_power(command: Command) -> None:
            print("carried out:", command.value)

        listener = await server.start_tcp(port=0)
        async with connect(f"tcp://127.0.0.1:{listener.port}") as ied:
            await ied.association.call(WANTED)
            print("answered")


asyncio.run(main(sys.argv[1]))
