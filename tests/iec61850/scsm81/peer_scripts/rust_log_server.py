"""The server of PyPI `iec61850` with a log, serving peer.cid: rust_log_server.py FILE. Runs until its input ends.

Each line on its input is a value for AnIn1, which its application writes into the log: the package does not by itself.
"""

import asyncio
import sys

import iec61850

BLOCK = "LD0/LLN0.evlog"


async def main() -> None:
    server = iec61850.IedServer.from_scl(sys.argv[1], ied_name="PEER")
    server.bind("127.0.0.1:0")
    server.register_log_control(BLOCK, dataset="LLN0$Meas", trg_ops=["data_changed"])
    async with server:
        print(server.bound_addr.rpartition(":")[2], flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            server.update_float32("LD0/GGIO1.AnIn1.mag.f", float(line))
            server.log_value(BLOCK, data_ref="PEERLD0/GGIO1$MX$AnIn1$mag$f", value=float(line))


asyncio.run(main())
