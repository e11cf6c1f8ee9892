"""The example of the how-to on serving points by a table, as a reader runs it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from janusgrid.iec61850.scl import check

HOME = Path(__file__).resolve().parents[2]
EXAMPLE = HOME / "examples" / "serve_points" / "serve_points.py"


async def test_it_prints_what_the_how_to_says(tmp_path: Path) -> None:
    cid = tmp_path / "roof.cid"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), str(cid), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    page = (HOME / "docs" / "how-to" / "serve-points-over-iec61850.md").read_text("utf-8")
    assert out.decode() in page
    assert check(cid)[1] == ()
