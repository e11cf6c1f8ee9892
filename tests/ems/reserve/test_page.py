"""The case study's page: its table of results is what comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.ems.reserve.cases import REFERENCES

from .runs import ran
from .test_cases import AVERAGES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "reserve.md"


@pytest.mark.parametrize("name", REFERENCES)
def test_the_page_shows_what_comes_out(name: str) -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} |")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    (cells,) = [row for row in rows if len(row) == 9]
    settled, deviations = ran(name).settlement, ran(name).deviations
    words = {True: "passed", False: "failed"}
    assert cells[3] == (f"{100 * AVERAGES[name]:.0f} %" if name in AVERAGES else "")
    assert cells[4] == f"{100 * settled.average_rate:.2f} %"
    assert cells[5] == f"{100 * settled.worst_rate:.1f} %"
    assert cells[6] == f"{settled.index:g}"
    assert cells[7] == f"{words[settled.minutes_passed]}, {words[settled.average_passed]}"
    worst = max((abs(kw) for kw in deviations.values()), default=None)
    assert cells[8] == ("" if worst is None else f"{max(0.1, round(worst + 0.05, 1)):g} kW")
