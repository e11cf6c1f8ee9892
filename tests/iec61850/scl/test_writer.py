"""Models written as CID files and read again: the same model, valid by the official schema."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.cli import cli
from janusgrid.common.errors import LocalError
from janusgrid.common.resources import resource
from janusgrid.common.xml import Schema
from janusgrid.common.xml import read as read_xml
from janusgrid.iec61850.acsi.types import BasicType, BitString, DataValue, EntryTime, Quality, Timestamp
from janusgrid.iec61850.model.nodes import Attribute, EnumType, Model
from janusgrid.iec61850.scl import SclError, check, read, servers, write_cid
from janusgrid.iec61850.scl.spelling import spell
from janusgrid.iec61850.scl.values import INTEGERS, OCTETS, STRINGS, parse

from ...conftest import SHARED
from ..model.dump import dump
from .texts import BASE, changed, mutated

OURS = sorted(resource("mappings/sites/microgrid").glob("*.cid"))
SCL = SHARED / "reference" / "iec61850" / "scl"
REAL = sorted(path for ending in ("icd", "cid", "scd") for path in SCL.glob(f"*.{ending}"))


def again(model: Model) -> Model:
    """Return what is read, without any finding of the file itself, from what is written of a model."""
    text = write_cid(model)
    loaded = read(text.encode(), strict=True)
    assert str(loaded.edition) == "2007B4"
    assert [one for one in loaded.diagnostics if one.code not in {"SCL701", "SCL605", "SCL108", "SCL214"}] == []
    return loaded.model


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_our_files_come_back_the_same(path: Path) -> None:
    model = read(path).model
    assert dump(again(model)) == dump(model)
    assert check(write_cid(model).encode())[1] == ()


def test_everything_that_the_reader_knows_comes_back() -> None:
    model = read(changed(), access_point="S1").model
    assert dump(again(model)) == dump(model)


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_come_back_the_same(path: Path) -> None:
    for ied, point in servers(path):
        try:
            model = read(path, ied=ied, access_point=point).model
        except SclError as error:
            pytest.skip(error.message)
        assert dump(again(model)) == dump(without_what_is_later(model))


def without_what_is_later(model: Model) -> Model:
    """Take away what was new in 2007C5, and is not written."""
    for name in ("ClientServices.Security", "ClientServices.GOOSEMcSecurity"):
        model.services.pop(name, None)
    for device in model.devices.values():
        for node in device.nodes.values():
            for block in node.others:
                block.attributes.pop("uuid", None)
    return model


@settings(max_examples=50, deadline=None)
@given(mutated(BASE))
def test_what_is_left_of_a_broken_file_comes_back_or_is_refused(document: bytes) -> None:
    for model in check(document, classes=False)[0]:
        if all("LLN0" in device.nodes for device in model.devices.values()):  # which says what setting group is active
            text = written(model)
            assert text is None or dump(read(text.encode()).model) == dump(model)


def written(model: Model) -> str | None:
    """Return the file of a model, None where it has what no file can say: an enumeration without literals, or a node
    whose instance is no number."""
    try:
        return write_cid(model)
    except LocalError as error:
        if not re.search(r"without literals|its class \([A-Z]*\) and a number", error.message):
            raise
        return None


@pytest.fixture(scope="module")
def schema(shared: Path) -> Schema:
    return Schema(shared / "reference/iec61850/scl-xsd/IEC_61850-6.2018.SCL.2007B4.full/SCL.xsd")


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_what_is_written_is_valid(path: Path, schema: Schema) -> None:
    assert list(schema.faults(read_xml(write_cid(read(path).model)))) == []


OWN_FAULTS = {
    # what a file says against every release, and is written as it says
    "cms61850_IEC61850.icd": {"@name", "@doName", "No precomputed value"},  # names in small letters
    "iec61850bean_sample-model.icd": {"@cdc The value 'SCA'"},  # common data classes that no part has
    "iec61850bean_testModel2.icd": {"@cdc The value 'SCA'", "ConfLogControl/@max", "EnumVal"},  # 0 logs; a Greek letter
    "libiec61850_sg_demo.cid": {"ConfReportControl The attribute 'max' is required"},
    "libiec61850_wtur.cid": {"@cdc The value"},  # of IEC 61400-25
    "osgp_MarkerWadden.icd": {"@cdc The value 'SCA'"},
    "osgp_Pampus.icd": {"@cdc The value 'SCA'"},
    "osgp_WAGO123.icd": {"@cdc The value 'SCA'"},
}


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_what_is_written_of_real_files_is_valid_but_for_their_own_faults(path: Path, schema: Schema) -> None:
    own, seen = OWN_FAULTS.get(path.name, set()), set()
    for ied, point in servers(path):
        text = write_cid(read(path, ied=ied, access_point=point).model)
        for fault in schema.faults(read_xml(text)):
            known = {one for one in own if one in f"{fault.path} {fault.reason}"}
            assert known, fault
            seen |= known
    assert seen == own


def test_sampling_rates_and_other_texts_of_services_come_back(shared: Path) -> None:
    model = read(SCL / "iec_annexD_2007C5_example.scd", ied="E1Q1SB1").model
    rate = model.services["SMVSettings.SmpRate"]["text"]
    assert rate
    assert f"<SmpRate>{rate.split()[0]}</SmpRate>" in write_cid(model)


def test_what_is_written_of_everything_is_valid(schema: Schema) -> None:
    assert list(schema.faults(read_xml(write_cid(read(changed(), access_point="S1").model)))) == []


def test_text_is_readable_and_types_are_written_once() -> None:
    text = write_cid(read(OURS[0]).model)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<SCL xmlns="http://www.iec.ch/61850/2003/SCL"')
    assert "\n    <AccessPoint name=" in text
    assert text.endswith("</SCL>\n")
    assert text.count('<DOType id="MV"') == 1
    assert write_cid(read(text.encode()).model) == text


def test_is_written_to_a_file(tmp_path: Path) -> None:
    model = read(OURS[0]).model
    file = tmp_path / "a.cid"
    assert write_cid(model, file) == file.read_text(encoding="utf-8")
    with pytest.raises(LocalError, match="cannot write"):
        write_cid(model, tmp_path / "none" / "a.cid")


def test_the_command_writes_one_server_of_a_file(tmp_path: Path) -> None:
    runner, scd, cid = CliRunner(), tmp_path / "base.scd", tmp_path / "x.cid"
    scd.write_bytes(changed())
    which = ["scl", "write", str(scd), "--access-point", "S1"]
    assert runner.invoke(cli, [*which, "-o", str(cid)]).output == ""
    assert runner.invoke(cli, which).output == cid.read_text(encoding="utf-8")
    assert dump(read(cid, strict=True).model) == dump(read(scd, access_point="S1").model)
    refused = runner.invoke(cli, ["scl", "write", str(scd)])
    assert (refused.exit_code, "several servers" in refused.output) == (1, True)


# --- values ----------------------------------------------------------------------------------------------------------

ENUM = EnumType("E", {"": 0, "on": 1, "3-phase wye / 4-wires": 2, " odd ": -7})
PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
MOMENTS = st.datetimes(min_value=datetime(1984, 1, 1), timezones=st.just(UTC))


def values(basic: BasicType) -> st.SearchStrategy[DataValue]:
    """Return values of a type that a file can hold."""
    if basic in INTEGERS:
        return st.integers(*INTEGERS[basic])
    if basic is BasicType.UNICODE255:
        return st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=255)
    if basic in STRINGS:
        return st.text(PRINTABLE, max_size=STRINGS[basic])
    if basic in OCTETS:
        return st.binary(min_size=1, max_size=OCTETS[basic])
    sizes = {"Dbpos": 2, "Tcmd": 2, "Check": 2, "TrgOps": 6, "OptFlds": 10, "SvOptFlds": 5}
    if basic.value in sizes:
        size = sizes[basic.value]
        return st.integers(0, (1 << size) - 1).map(lambda number: BitString(number, size))
    return {
        BasicType.BOOLEAN: st.booleans(),
        BasicType.FLOAT32: st.floats(width=32),
        BasicType.FLOAT64: st.floats(),
        BasicType.ENUM: st.sampled_from(list(ENUM.ordinals.values())),
        BasicType.QUALITY: st.integers(0, (1 << 13) - 1).map(Quality),
        BasicType.TIMESTAMP: MOMENTS.filter(lambda when: when.year < 2106).map(Timestamp.of),
        BasicType.ENTRYTIME: MOMENTS.filter(lambda when: when.year < 2163).map(EntryTime.of),
    }[basic]


KINDS = [basic for basic in BasicType if basic is not BasicType.PHYCOMADDR]


@given(st.data())
def test_a_value_is_read_as_it_is_spelled(data: st.DataObject) -> None:
    basic = data.draw(st.sampled_from(KINDS))
    value = data.draw(values(basic))
    assert repr(parse(spell(value, basic, ENUM), basic, ENUM)) == repr((value, ""))


# --- what a file cannot say ------------------------------------------------------------------------------------------


def leaf(model: Model, name: str) -> Attribute:
    found = model.devices["DG750DER"].nodes["LPHD1"].objects["PhyNam"].children[name]
    assert isinstance(found, Attribute)
    return found


@pytest.mark.parametrize(
    ("value", "words"), [("two\nlines", "no line feed"), ("\x01", "U[+]0001"), ([1.0], "no text form")]
)
def test_a_value_that_has_no_text_is_refused_with_its_place(value: DataValue, words: str) -> None:
    model = read(resource("mappings/sites/microgrid/DG750.cid")).model
    leaf(model, "model").value = value
    with pytest.raises(LocalError, match=words) as caught:
        write_cid(model)
    assert value == "\x01" or caught.value.where == "DG750DER/LPHD1.PhyNam.model"


def test_an_enumeration_without_literals_is_refused() -> None:
    model = read(resource("mappings/sites/microgrid/DG750.cid")).model
    found = model.devices["DG750DER"].nodes["LLN0"].objects["Beh"].children["stVal"]
    assert isinstance(found, Attribute)
    found.enum = None
    with pytest.raises(LocalError, match="without literals") as caught:
        write_cid(model)
    assert caught.value.where == "LLN0.Beh.stVal"
