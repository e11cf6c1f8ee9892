"""The example of the how-to on control, as a reader runs it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "control_a_switch.py"


async def test_control_a_switch() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode == 0, out
    assert out.decode().splitlines() == [
        "refused: BLOCKED_BY_INTERLOCKING",
        "moves to open (in earnest)",
        "moves to closed (a test)",
        "shows 01",
    ]
