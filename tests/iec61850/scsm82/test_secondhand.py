"""The table of what is known second-hand has all of it, and points to places that there are."""

from __future__ import annotations

import re
from importlib import import_module
from inspect import getsource
from pathlib import Path
from typing import Any

import attrs
import pytest
from janusgrid.iec61850 import mms, scsm82
from janusgrid.iec61850.mms.dialect import DIALECT_80_3, DIALECT_2018, Dialect
from janusgrid.iec61850.scsm82.context import PROFILES, Profile
from janusgrid.iec61850.scsm82.secondhand import FACTS, table


@pytest.mark.parametrize("where", sorted({fact.where for fact in FACTS}))
def test_it_stands_where_the_table_says(where: str) -> None:
    module, _, rest = where.partition(":")
    found: Any = import_module(f"janusgrid.{module}")
    for name in filter(None, rest.split(".")):
        found = getattr(found, name)


def test_wherever_the_provisional_dialect_differs_the_table_says_so() -> None:
    listed = {fact.where.rpartition(".")[2] for fact in FACTS if ":DIALECT_2018." in fact.where}
    different = {
        field.name
        for field in attrs.fields(Dialect)
        if getattr(DIALECT_2018, field.name) != getattr(DIALECT_80_3, field.name)
    }
    assert different - {"name", "source"} <= listed


def test_each_choice_of_a_profile_is_in_the_table() -> None:
    about = " ".join(fact.what for fact in FACTS if fact.where.endswith(":PROFILES"))
    words = {"namespace": "namespace", "paired": "half", "reports": "reports", "reject_in_result": "reject"}
    assert {"dialect", *words} == {field.name for field in attrs.fields(Profile)}
    assert all(word in about for word in words.values())
    assert len(PROFILES) == 2


def test_what_is_marked_in_the_code_is_in_the_table() -> None:
    """Every module of the two rooms that has the mark is one that the table points to."""
    pointed = {fact.where.partition(":")[0].rpartition(".")[2] for fact in FACTS}
    for room in (mms, scsm82):
        for path in sorted(Path(str(room.__path__[0])).glob("*.py")):
            if re.search(r"second-hand|provisional", path.read_text("utf-8"), re.IGNORECASE):
                assert path.stem in pointed | {"secondhand", "xsd"}, path.name


def test_the_marks_of_the_dialect_are_those_of_the_table() -> None:
    marks = dict(re.findall(r"(\w+)=.*# second-hand, (two|one) sources?", getsource(import_module(Dialect.__module__))))
    assert len(marks) > 6
    for name, mark in marks.items():
        known = [fact.origin.name.lower() for fact in FACTS if fact.where.endswith(f":DIALECT_2018.{name}")]
        assert mark in known, name


def test_the_table_is_one() -> None:
    lines = table().splitlines()
    assert len(lines) == len(FACTS) + 2
    assert {line.count("|") for line in lines} == {5}
