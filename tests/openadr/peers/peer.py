"""openleadr 0.5.36 (Apache-2.0), installed in an environment of its own and run as a process of its own.

It is installed when a test first asks for it, into `.peers/` of the checkout.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.iec61850.scsm81.peers import Peer
from tests.peers import interpreter

HERE = Path(__file__).parent
NAME = "openleadr==0.5.36"


def python() -> Path:
    """Return the interpreter that has it installed; skip the test if it cannot be."""
    return interpreter(NAME, "--prefer-binary", "-r", HERE / "requirements.txt")


@asynccontextmanager
async def talking(script: str, **settings: object) -> AsyncIterator[Peer]:
    """Run a VEN or VTN of it (scripts/) that does what it is told."""
    process = await asyncio.create_subprocess_exec(
        python(), HERE / "scripts" / script, json.dumps(settings, default=str),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 24,
    )  # fmt: skip
    peer = Peer(process)
    try:
        yield peer
    finally:
        await peer.end()
