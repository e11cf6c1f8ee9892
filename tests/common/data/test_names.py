"""Every name in the IEC 61850 tables exists in the namespaces of edition 2, with the class and constraint used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from janusgrid.common.data.point import OPERABLE, WRITABLE, ValueType
from janusgrid.common.data.tables import Row, Service, load_table
from janusgrid.common.data.unit import unit
from janusgrid.common.resources import mappings_dir

from .nsd import Namespaces

REFERENCE = re.compile(r"\{ied\}(DER|MET)/([A-Z]{4})(\d+)\.([A-Za-z]+)\.([a-zA-Z]+)(\.f)?")
TABLES = sorted((mappings_dir() / "iec61850").glob("*.csv"))
ROWS = [(f"{path.stem}.{row.point}", row) for path in TABLES for row in load_table(path)]
WIRE = {"mag": "float32", "mxVal": "float32", "setMag": "float32", "stVal": "enum"}
STANDARD_UNITS = {"W", "Wh", "%", ""}
CONTROLLABLE = {"SPC", "DPC", "INC", "ENC", "BSC", "ISC", "APC", "BAC"}


@pytest.fixture(scope="module")
def namespaces(shared: Path) -> Namespaces:
    return Namespaces(shared / "reference/iec61850/nsd")


def test_the_tables_of_the_house() -> None:
    assert [path.stem for path in TABLES] == ["battery", "generator", "meter", "microturbine", "pv"]


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_a_reference_is_in_the_standard(name: str, row: Row, namespaces: Namespaces) -> None:
    match = REFERENCE.fullmatch(row.address["reference"])
    assert match, row.address["reference"]
    device, node, _, data, attribute, leaf = match.groups()
    assert device == ("MET" if name.startswith("meter") else "DER")

    found = namespaces.data_object(node, data)
    assert found is not None, f"{node} has no {data}"
    assert not found.deprecated
    assert namespaces.constraint(found.cdc, attribute) == row.address["fc"]

    assert row.conversion.wire_type.value == WIRE[attribute]
    assert bool(leaf) == (row.conversion.type is ValueType.FLOAT)
    assert (Service.OPERATE in row.services) == (found.cdc in CONTROLLABLE) == (row.kind in OPERABLE)
    assert (Service.WRITE in row.services) == (row.kind in WRITABLE)
    if row.kind in WRITABLE:
        assert row.address["fc"] == "SP"
    if found.enumeration:
        assert set(namespaces.codes(found.enumeration)) == {row.conversion.to_wire(n) for n in row.conversion.literals}


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_wire_units_are_the_unit_of_the_data_object(name: str, row: Row) -> None:
    """A data object counts in the unit of its name without a multiplier: W, Wh, Pct in per cent."""
    data = row.address["reference"].split(".")[1]
    pairs = (("Pct", "%"), ("Wh", "Wh"), ("W", "W"))
    symbol = next((symbol for part, symbol in pairs if part in data), "")
    expected = unit(symbol if row.conversion.type is ValueType.FLOAT else "")
    one = row.conversion.from_wire(1) if row.conversion.type is ValueType.FLOAT else 1.0
    assert expected.symbol in STANDARD_UNITS
    assert abs(one) == pytest.approx(expected.factor / row.unit.factor)  # type: ignore[arg-type]


def test_the_codes_mean_what_their_names_say(namespaces: Namespaces) -> None:
    """The literals are ours, shorter than the standard's; the words that tell states apart stand in both."""
    for _, row in ROWS:
        if row.conversion.type is not ValueType.ENUM:
            continue
        node, data = re.split(r"[/.]", row.address["reference"])[1:3]
        found = namespaces.data_object(node[:4], data)
        assert found is not None
        assert found.enumeration is not None
        codes = namespaces.codes(found.enumeration)
        for literal in row.conversion.literals:
            code = row.conversion.to_wire(literal)
            assert isinstance(code, int)
            words = literal.replace("unknown", "not known").replace("emergency_stopping", "stopping emergency")
            standard = codes[code].lower()
            assert all(word in standard for word in re.split("[_ ]", words)), (literal, standard)


def test_references_are_not_shared() -> None:
    for path in TABLES:
        references = [row.address["reference"] for row in load_table(path)]
        assert len(set(references)) == len(references)


def test_the_check_has_teeth(namespaces: Namespaces) -> None:
    assert namespaces.data_object("DGEN", "WMax") is not None
    assert namespaces.data_object("DGEN", "WMx") is None
    assert namespaces.data_object("MMXU", "TotW") is not None
    assert namespaces.constraint("MV", "mag") == "MX"
    assert namespaces.constraint("MV", "setMag") is None
    assert "DRCS" not in namespaces
