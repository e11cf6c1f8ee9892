"""The example of the how-to on state, as a reader runs it: twice, and the command is carried out once."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "command_once.py"


async def test_command_once(tmp_path: Path) -> None:
    for expected in (["carried out: 60.0", "answered"], ["answered"]):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLE),
            str(tmp_path),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        assert out.decode().splitlines() == expected
