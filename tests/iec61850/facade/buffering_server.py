"""A server that reports without end, to be killed.

It counts: TotW becomes run * 100000 + 1, + 2, ... After each update the number is written to the file TOLD.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from janusgrid.iec61850.engine.buffer import BufferLimits
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import plant


async def main(port: int, state: Path, told: Path, run: int) -> None:
    server = Server(plant(), state=state, buffers=BufferLimits(entries=50_000, octets=64 << 20))
    file = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    await server.start_tcp(port=port)
    number = run * 100_000
    while True:
        for _ in range(3):
            number += 1
            server.update("DG750DER/MMXU1.TotW", float(number))
            os.write(file, f"{number}\n".encode())
        await asyncio.sleep(0.002)
