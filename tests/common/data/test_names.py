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
CLASSES = [
    *("battery", "chp", "energy-meter", "evse", "generator", "load", "meter", "microturbine", "pv", "switch", "wind")
]
TABLES = sorted((mappings_dir() / "iec61850").glob("*.csv"))
ROWS = [(f"{path.stem}.{row.point}", row) for path in TABLES for row in load_table(path)]
WIRE = {"mag": "float32", "mxVal": "float32", "setMag": "float32", "actVal": "int64", "setVal": "enum"}
STATES = {"SPS": "bool", "SPC": "bool", "DPC": "bits2", "INS": "int32", "ENS": "enum"}
"""What `stVal` is, by class."""
UNITS = (
    ("TotVAr", "var"), ("VArh", "varh"), ("TotVA", "VA"), ("TotPF", "cos"), ("Pct", "%"), ("Spd", "m/s"),
    ("Dir", "deg"), ("Tmp", "degC"), ("Hz", "Hz"), ("AvPPV", "V"), ("AvA", "A"), ("Wh", "Wh"), ("HtCap", "Wh"),
    ("W", "W"),
)  # fmt: skip
"""By a part of its name, the unit in which a data object counts."""
POSITIONS = {0: "between (intermediate-state)", 1: "open (off)", 2: "closed (on)", 3: "bad (bad-state)"}
"""Of a double point, as 7-3 has them."""
CONTROLLABLE = {"SPC", "DPC", "INC", "ENC", "BSC", "ISC", "APC", "BAC"}


@pytest.fixture(scope="module")
def namespaces(shared: Path) -> Namespaces:
    return Namespaces(shared / "reference/iec61850/nsd")


def test_the_tables_of_the_house() -> None:
    assert [path.stem for path in TABLES] == CLASSES


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_a_reference_is_in_the_standard(name: str, row: Row, namespaces: Namespaces) -> None:
    match = REFERENCE.fullmatch(row.address["reference"])
    assert match, row.address["reference"]
    device, node, _, data, attribute, leaf = match.groups()
    assert device == ("MET" if "meter." in name else "DER")

    found = namespaces.data_object(node, data)
    assert found is not None, f"{node} has no {data}"
    assert not found.deprecated
    assert namespaces.constraint(found.cdc, attribute) == row.address["fc"]

    assert row.conversion.wire_type.value == (STATES[found.cdc] if attribute == "stVal" else WIRE[attribute])
    assert bool(leaf) == (row.conversion.wire_type.value == "float32")
    assert (Service.OPERATE in row.services) == (row.kind in OPERABLE)
    assert row.kind not in OPERABLE or found.cdc in CONTROLLABLE
    assert (Service.WRITE in row.services) == (row.kind in WRITABLE)
    if row.kind in WRITABLE:
        assert row.address["fc"] == "SP"
    if found.enumeration and row.conversion.type is ValueType.ENUM:
        assert set(namespaces.codes(found.enumeration)) == {row.conversion.to_wire(n) for n in row.conversion.literals}


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_wire_units_are_the_unit_of_the_data_object(name: str, row: Row) -> None:
    """A data object counts in the unit of its name without a multiplier: W, Wh, Pct in per cent."""
    data = row.address["reference"].split(".")[1]
    if row.conversion.type is not ValueType.FLOAT:
        assert row.unit.symbol == ""
        return
    expected = unit(next(symbol for part, symbol in UNITS if part in data))
    one = row.conversion.from_wire(1), row.conversion.from_wire(0)
    assert all(isinstance(value, float) for value in one)
    step = float(one[0]) - float(one[1])
    assert row.wire_unit is expected
    assert abs(step) == pytest.approx(expected.factor / row.unit.factor)


def test_the_codes_mean_what_their_names_say(namespaces: Namespaces) -> None:
    """The literals are ours, shorter than the standard's; the words that tell states apart stand in both."""
    for _, row in ROWS:
        if row.conversion.type is not ValueType.ENUM:
            continue
        node, data = re.split(r"[/.]", row.address["reference"])[1:3]
        found = namespaces.data_object(node[:4], data)
        assert found is not None
        codes = namespaces.codes(found.enumeration) if found.enumeration else POSITIONS
        for literal in row.conversion.literals:
            code = row.conversion.to_wire(literal)
            assert isinstance(code, int)
            words = literal.replace("emergency_stopping", "stopping emergency")
            standard = codes[code].lower().replace("not known", "not known unknown").replace("-", " ")
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
