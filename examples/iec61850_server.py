"""A server: a diesel generator from its CID file, that follows its set-point by 50 kW a second.

python iec61850_server.py dg750@grid.example/IEC SECRET DG750.cid --host 127.0.0.1 --port 5222 --ca ca.pem
"""

import asyncio

from arguments import run, session_of
from janusgrid.iec61850 import AddCause, Command, Server

STEP = 50e3


async def main() -> None:
    arguments, session = session_of("cid")
    server = Server.from_scl(arguments.cid)
    asked = power = 0.0

    @server.on_operate("DG750DER/DWGC1.WSpt")
    async def set_power(command: Command) -> None:
        nonlocal asked
        if command.value > server.read("DG750DER/DGEN1.WMax")["f"]:
            command.refuse(AddCause.BLOCKED_BY_PROCESS, "more than it may deliver now")
        asked = command.value
        print(f"{command.peer} asks for {asked / 1e3:.0f} kW", flush=True)

    async with session, server:
        server.start(session)
        while True:
            power += max(-STEP, min(STEP, asked - power))
            server.update("DG750DER/MMXU1.TotW", {"f": power})
            await asyncio.sleep(1)


run(main())
