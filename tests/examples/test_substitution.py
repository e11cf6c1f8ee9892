"""The example of the how-to on substitution, as a reader runs it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "substitute_a_value.py"


async def test_substitute_a_value() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode == 0, out
    assert out.decode().splitlines() == [
        "by hand: 410.0 - good, substituted",
        "by hand: 410.0",
        "process: 412.5 - good",
    ]
