"""The example of the how-to on signatures, as a reader runs it."""

from __future__ import annotations

import asyncio

from .test_openadr import EXAMPLES, start


async def test_they_sign() -> None:
    process = await start("openadr_signed.py")
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode == 0, out
    said = out.decode()
    page = (EXAMPLES.parent / "docs" / "how-to" / "certificates-and-signatures.md").read_text()
    assert f"```text\n{said}```" in page
