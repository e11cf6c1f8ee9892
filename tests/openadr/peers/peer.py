"""openleadr 0.5.36 (Apache-2.0), installed in an environment of its own and run as a process of its own.

It is installed when a test first asks for it, into `.peers/` of the checkout.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.iec61850.scsm81.peers import Peer

HERE = Path(__file__).parent
NAME = "openleadr==0.5.36"
HOME = HERE.parents[2] / ".peers" / f"{NAME}-py{sys.version_info.major}{sys.version_info.minor}"
_SECONDS = 240


def python() -> Path:
    """Return the interpreter that has it installed; skip the test if it cannot be."""
    interpreter, failed = HOME / "bin" / "python", HOME / "failed"
    if failed.exists() and (reason := failed.read_text()):
        pytest.skip(f"{NAME} could not be installed (remove {failed} to try again): {reason}")
    if not (HOME / "ready").exists():
        try:
            for command in (
                [sys.executable, "-m", "venv", HOME],
                [interpreter, "-m", "pip", "install", "-q", "--prefer-binary", "-r", HERE / "requirements.txt"],
            ):
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            reason = (getattr(error, "stderr", "") or str(error)).strip()[-200:]
            HOME.mkdir(parents=True, exist_ok=True)
            failed.write_text(reason)
            pytest.skip(f"{NAME} cannot be installed: {reason}")
        (HOME / "ready").touch()
    return interpreter


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
