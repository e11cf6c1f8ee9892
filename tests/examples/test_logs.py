"""The example of the how-to on logs, as a reader runs it: twice, so that the second run finds the log of the first."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "read_a_log.py"


async def run(state: Path) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), str(state), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode == 0, out
    return out.decode().splitlines()


async def test_read_a_log(tmp_path: Path) -> None:
    first = await run(tmp_path)
    assert first == [
        "logs: METERLD0/LLN0.EventLog",
        "now {'f': 410.0} DATA_CHANGE|QUALITY_CHANGE",
        "now {'f': 412.5} DATA_CHANGE",
        "now {'f': 409.0} DATA_CHANGE",
        "new {'f': 500.0}",
    ]
    second = await run(tmp_path)
    kept = [line.replace("now", "before", 1) for line in first[1:4]]
    assert second == [first[0], *kept, "before {'f': 500.0} DATA_CHANGE", *first[1:]]
