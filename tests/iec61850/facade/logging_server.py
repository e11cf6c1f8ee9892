"""A server that writes into its log without end, to be killed.

It counts: TotW becomes run * 100000 + 1, + 2, ... After each update the number is written to the file TOLD.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from janusgrid.iec61850.engine.log import LogLimits
from janusgrid.iec61850.model.nodes import Model
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import LD, plant

LIMITS = LogLimits(entries=1_000_000, octets=1 << 30)


def logging_plant() -> Model:
    model = plant()
    model.devices[LD].nodes["LLN0"].log_controls["lcbMeas"].enabled = True
    return model


async def main(port: int, state: Path, told: Path, run: int) -> None:
    server = Server(logging_plant(), state=state, logs=LIMITS)
    file = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    await server.start_tcp(port=port)
    number = run * 100_000
    while True:
        for _ in range(3):
            number += 1
            server.update(f"{LD}/MMXU1.TotW", float(number))
            os.write(file, f"{number}\n".encode())
        await asyncio.sleep(0.005)
