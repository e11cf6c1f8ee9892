"""A device on an XMPP server that reports without end and is commanded, to be killed.

It counts: TotW becomes run * 100000 + 1, + 2, ... Each number is written to the file TOLD after its update, each
command to the file beside it, `done`, before it is answered.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from janusgrid.common.security import Credentials
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850.engine import Command
from janusgrid.iec61850.engine.buffer import BufferLimits
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import LD, plant


async def main(port: int, state: Path, told: Path, run: int) -> None:
    who = json.loads(told.with_name("who.json").read_text())
    session = SlixSession(
        who["jid"], password="secret", host="127.0.0.1", port=port, tls=who["ca"], allow=lambda peer: True
    )
    await session.open()
    server = Server(plant(), state=state, buffers=BufferLimits(entries=50_000, octets=64 << 20))
    file = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    done = os.open(told.with_name("done"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @server.on_operate(f"{LD}/DWGC1.WSpt")
    def operate(command: Command) -> None:
        os.write(done, f"{command.time.fraction}\n".encode())

    server.start(session, security=Security.of(Credentials(*map(Path, who["files"]))))
    number = run * 100_000
    while True:
        number += 1
        server.update(f"{LD}/MMXU1.TotW", float(number))
        os.write(file, f"{number}\n".encode())
        await asyncio.sleep(0.01)
