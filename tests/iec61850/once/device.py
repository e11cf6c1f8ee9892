"""A device that is commanded and dies in the midst of it: at a moment of its own, or whenever it is killed.

Each execution is written to the file `done` beside TOLD, by the machine: out of the reach of what the server remembers.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850.engine import Command
from janusgrid.iec61850.engine.repeated import Begun
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import LD, plant

OBJECTS = ("DWGC1.WSpt", "CSWI1.SwDir", "CSWI1.SwSbo", "CSWI1.SwEnh", "CSWI1.SwSel")


class Moment(Enum):
    """When a device dies: from the reception of a command until its client is answered."""

    RECEIVED = "received"
    GRANTED = "granted, not kept yet"
    KEPT = "kept, not carried out yet"
    DONE = "carried out"
    ENDED = "its end is kept"
    ANY = "any time"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fatal(server: Server, moment: Moment) -> Callable[[], None]:
    """Let a server die at a moment of the first command; return what the machine calls when it has carried it out."""
    keeping: Any = server._commands
    write = keeping.write

    def writes(records: Any) -> None:
        begins = isinstance(records[0], Begun)
        if begins and moment is Moment.GRANTED:
            die()
        write(records)
        if moment is (Moment.KEPT if begins else Moment.ENDED):
            die()

    keeping.write = writes
    if moment is Moment.RECEIVED:
        asking: Any = server.engine.control
        asking.find = lambda reference: die()
    return die if moment is Moment.DONE else lambda: None


async def main(port: int, state: Path, told: Path, run: int) -> None:
    who = json.loads(told.read_bytes())  # noqa: ASYNC240 - it is the beginning
    done = os.open(told.with_name("done"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    server = Server(plant(), state=state)
    chance = random.Random(run)
    carried_out = fatal(server, Moment(who["moment"])) if who["moment"] else lambda: None

    async def operate(command: Command) -> None:
        await asyncio.sleep(chance.uniform(0.0, 0.01) if chance.random() < 0.5 else 0)
        os.write(done, f"{command.time.fraction}\n".encode())
        carried_out()
        await asyncio.sleep(chance.uniform(0.0, 0.01) if chance.random() < 0.5 else 0)

    for name in OBJECTS:
        server.on_operate(f"{LD}/{name}")(operate)
    if "jid" in who:
        session = SlixSession(
            who["jid"], password="secret", host="127.0.0.1", port=port, tls=who["ca"], allow=lambda peer: True
        )
        await session.open()
        await server.serve(session)
    else:
        await server.serve_tcp(port=port)
