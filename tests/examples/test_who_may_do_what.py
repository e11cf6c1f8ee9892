"""The example of the how-to on roles and rights, as a reader runs it, in this process."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "who_may_do_what.py"


async def test_who_may_do_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await runpy.run_path(str(EXAMPLE))["main"](tmp_path)
    assert capsys.readouterr().out.splitlines() == [
        "screen reads 300.0",
        "screen is refused: access-violation, no-access-authority",
        "desk reads 300.0",
        "desk sets it to {'f': 60.0}",
        "audit: SetDataValues PLANTDER/DWGC1.WSpt.Oper[CO], its roles are viewer",
    ]
