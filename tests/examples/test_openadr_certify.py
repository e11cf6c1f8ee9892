"""The example of the how-to on testing a VTN, as a reader runs it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.examples.test_openadr import start


async def test_a_vtn_is_tested(tmp_path: Path) -> None:
    program = await start("openadr_certify.py", str(tmp_path / "out"))
    said, _ = await program.communicate()
    lines = said.decode().splitlines()
    assert program.returncode == 0, said.decode()
    assert lines[-1] == "pass: report.html"
    assert "VTN-E-03 pass" in lines
    assert json.loads((tmp_path / "out" / "report.json").read_text())["verdict"] == "pass"
