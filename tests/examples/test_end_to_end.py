"""The example of the how-to on end-to-end security, as a reader runs it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
EXAMPLE = HOME / "examples" / "end_to_end.py"


async def test_it_prints_what_the_how_to_says() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        out, log = await process.communicate()
    assert process.returncode == 0, log
    page = (HOME / "docs" / "how-to" / "keep-xmpp-servers-out.md").read_text("utf-8")
    assert out.decode() in page
    for code in ("e2e-unprotected", "e2e-certificate", "e2e-identity"):
        assert code in log.decode()
