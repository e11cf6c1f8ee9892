"""The example of a field device prints what the how-to says."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]


async def test_it_prints_what_the_how_to_says() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HOME / "examples/field/read_a_meter.py"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    page = (HOME / "docs" / "how-to" / "field-devices.md").read_text("utf-8")
    assert out.decode() in page
