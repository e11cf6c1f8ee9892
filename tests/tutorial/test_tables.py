"""The pages about conversion tables say what the loader does."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from janusgrid.common.data.conversion import WireType
from janusgrid.common.data.point import Kind, ValueType
from janusgrid.common.data.tables import COMMON, OPTIONAL, Service, parse_table
from janusgrid.common.data.unit import UNITS
from janusgrid.common.errors import ConfigError
from janusgrid.iec61850.access.check import TYPES

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOW_TO = DOCS / "how-to" / "write-a-conversion-table.md"
REFERENCE = DOCS / "reference" / "tables.md"
README = DOCS.parent / "mappings" / "README.md"
HEADER = "point,kind,type,unit,reference,fc,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description"

Tables = dict[str, dict[str, list[str]]]


def tables(text: str) -> Tables:
    """Return each table of a page by the title of its first column: first cell to the code words of the second."""
    found: Tables = {}
    for lines in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines.splitlines()]
        found[rows[0][0]] = {row[0].strip("`"): re.findall(r"`([^`]+)`", row[1]) for row in rows[2:]}
    return found


def blocks() -> list[tuple[str, str]]:
    """Return each table of the how-to with the errors that follow it, empty for one that is right."""
    pattern = r"^```text\n(point,.*?)^```\n(?:\n^```text\n(table\.csv:.*?)^```)?"
    return re.findall(pattern, HOW_TO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("table", "errors"), blocks())
def test_a_table_of_the_how_to_is_right_or_refused_as_it_says(table: str, errors: str) -> None:
    if not errors:
        assert parse_table(table.encode(), "table.csv")
        return
    with pytest.raises(ConfigError) as caught:
        parse_table(table.encode(), "table.csv")
    assert str(caught.value) == errors.rstrip("\n")


def test_the_how_to_shows_both() -> None:
    shown = [bool(errors) for _, errors in blocks()]
    assert shown.count(True) >= 3
    assert shown.count(False) >= 4


def test_the_program_of_the_how_to_runs() -> None:
    result = doctest.testfile(str(HOW_TO), module_relative=False, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert result.attempted >= 7
    assert result.failed == 0


def test_columns_are_those_of_the_loader() -> None:
    text = README.read_text(encoding="utf-8")
    first = tables(text)["column"]
    named = [name for cell in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)]
    assert tuple(named) == (*COMMON, *OPTIONAL)
    assert first["kind"] == [kind.value for kind in Kind]
    assert first["type"] == [kind.value for kind in ValueType]
    assert first["services"] == [service.value for service in Service]
    assert set(first["wire_type"]) <= {wire.value for wire in WireType}


def test_units_are_those_of_the_program() -> None:
    shown = tables(REFERENCE.read_text(encoding="utf-8"))["dimension"]
    known: dict[str, list[str]] = {}
    for unit in UNITS.values():
        if unit.symbol:
            known.setdefault(unit.dimension, []).append(unit.symbol)
    assert shown == known


def test_services_are_those_that_the_loader_allows() -> None:
    shown = tables(REFERENCE.read_text(encoding="utf-8"))["kind"]
    for kind in Kind:
        for service in Service:
            row = f"p,{kind.value},float,kW,a,MX,float32,W,,,,{service.value},,,"
            if service.value in shown[kind.value]:
                assert parse_table(f"{HEADER}\n{row}\n".encode(), "t.csv")
            else:
                with pytest.raises(ConfigError, match="cannot be served"):
                    parse_table(f"{HEADER}\n{row}\n".encode(), "t.csv")


def test_wire_types_are_those_of_the_check() -> None:
    shown = tables(REFERENCE.read_text(encoding="utf-8"))["wire type"]
    assert set(shown) == {wire.value for wire in TYPES} == {wire.value for wire in WireType} - {"uint64"}
    for wire, kinds in TYPES.items():
        if wire is not WireType.TEXT:
            assert set(shown[wire.value]) == {kind.value for kind in kinds}
