"""The example of the how-to on time synchronisation, as a reader runs it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.common.sntp.servers import chrony

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "keep_time.py"


async def test_keep_time(tmp_path: Path) -> None:
    async with chrony(tmp_path) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLE), server, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
    lines = out.decode().splitlines()
    assert process.returncode == 0, out
    assert lines[0] == f"synchronized to {server}, stratum 3"
    assert lines[1].startswith("right within 0.0")
    assert lines[2].endswith("+00:00")
