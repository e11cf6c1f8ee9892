"""The example of the reserve case study says what the page says that it says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "reserve_case.py"))
    out = capsys.readouterr().out
    page = (ROOT / "docs" / "explanation" / "reserve.md").read_text(encoding="utf-8")
    assert f"```text\n{out}```" in page
