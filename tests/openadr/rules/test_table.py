"""The table of rules against the code: the functions, and what the modules cite."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import janusgrid.openadr
from janusgrid.openadr.rules import NOT_PUBLIC, RULES, Kind, table
from janusgrid.openadr.rules.table import LIFTED

HOUSE = Path(janusgrid.openadr.__file__).parent
CITATION = re.compile(r"[Rr]ules? (\d+(?:(?:, | and | or | to )\d+)*)|rule=(\d+)")
NUMBERS = {rule.number for rule in RULES if rule.number is not None}


def cited(file: Path) -> set[int]:
    """Return the numbers of the rules that a file cites."""
    found = CITATION.findall(file.read_text(encoding="utf-8"))
    return {int(number) for pair in found for text in pair for number in re.findall(r"\d+", text)}


def test_every_rule_cited_is_in_the_table() -> None:
    assert {number for file in HOUSE.rglob("*.py") for number in cited(file)} <= NUMBERS


def test_a_rule_is_a_function_of_its_name_or_the_place_named_cites_it() -> None:
    for rule in RULES:
        room = HOUSE.parent if rule.where.startswith("common.") else HOUSE
        file = room.joinpath(*rule.where.split(".")).with_suffix(".py")
        if rule.kind is Kind.CONDUCT:
            assert rule.function is None
            assert rule.number in cited(file), rule
        else:
            assert rule.function is not None
            name = rule.function.__name__
            assert f"def {name}(" in file.read_text(encoding="utf-8")
            assert rule.number is None or name == f"rule_{rule.number}"


def test_what_the_roles_decide_by_is_called_by_them() -> None:
    roles = "\n".join(file.read_text(encoding="utf-8") for file in (HOUSE / "core").rglob("*.py"))
    away = {"rule_6", "rule_56", "rule_62"}
    """6 stands in the model; 56 and 62 are the half of 60 and the same as 12."""
    decisions = {f"rule_{rule.number}" for rule in RULES if rule.kind is Kind.DECISION}
    assert {name for name in decisions if not re.search(rf"\b{name}\b", roles)} <= away


def test_numbers_are_in_order_and_stand_once() -> None:
    numbers = [rule.number for rule in RULES if rule.number is not None]
    assert numbers == sorted(set(numbers))
    assert {rule.kept_by for rule in RULES} == {"VTN", "VEN", "both"}
    assert all(rule.source and rule.meaning for rule in RULES)
    assert len(table().splitlines()) == len(RULES) + 2


def test_a_number_is_known_or_said_not_to_be() -> None:
    spans = [[int(n) for n in re.findall(r"\d+", text)] for text in NOT_PUBLIC if "from" not in text]
    unknown = set(chain.from_iterable(range(span[0], span[-1] + 1) for span in spans))
    assert not unknown & (NUMBERS | LIFTED.keys())
    known = NUMBERS | unknown | LIFTED.keys()
    missing = [n for n in (*range(1, 68), *range(100, 119), *range(301, 346), *range(401, 407)) if n not in known]
    assert missing == []


def test_what_a_rule_comes_to_is_told_where_a_role_acts_on_it() -> None:
    """A code stands for what is answered with it, and for nothing else."""
    weights = {rule.number: rule.weight for rule in RULES if rule.number is not None}
    assert (weights[2], weights[314], weights[25]) == ("error, refused 454",) * 3
    assert (weights[305], weights[105]) == ("warning", "error")
    assert (weights[58], weights[304], weights[21]) == ("refused 450", "refused 452", "refused 463")
    assert (weights[4], weights[206], weights[405]) == ("", "", "")
    assert all(rule.code for rule in RULES if rule.harmful)
