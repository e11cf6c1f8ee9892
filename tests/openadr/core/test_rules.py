"""The table of rules against what the code cites."""

from __future__ import annotations

import re
from pathlib import Path

import janusgrid.openadr
from janusgrid.openadr.core.rules import RULES, table

HOUSE = Path(janusgrid.openadr.__file__).parent
CITATION = re.compile(r"[Rr]ules? (\d+(?:(?:, | and | or | to )\d+)*)|rule=(\d+)")


def cited(file: Path) -> set[int]:
    """Return the numbers of the rules that a file cites."""
    found = CITATION.findall(file.read_text(encoding="utf-8"))
    return {int(number) for pair in found for text in pair for number in re.findall(r"\d+", text)}


def test_every_rule_cited_is_in_the_table_and_the_other_way_round() -> None:
    files = [file for file in HOUSE.rglob("*.py") if file.name != "rules.py"]
    assert {number for file in files for number in cited(file)} == {rule.number for rule in RULES}


def test_the_place_named_cites_the_rule() -> None:
    for rule in RULES:
        file = HOUSE.joinpath(*rule.where.split(".")).with_suffix(".py")
        assert rule.number in cited(file), rule


def test_numbers_are_in_order_and_stand_once() -> None:
    numbers = [rule.number for rule in RULES]
    assert numbers == sorted(set(numbers))
    assert {rule.kept_by for rule in RULES} == {"VTN", "VEN", "both"}
    assert len(table().splitlines()) == len(RULES) + 2
