"""Schemas load offline only, and a fault comes with path, line and reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.common.errors import ConfigError, Malformed
from janusgrid.common.xml import Schema, read, read_file

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
MAIN = f"""<xs:schema {XS} xmlns:p="urn:plant" targetNamespace="urn:plant" elementFormDefault="qualified">
  <xs:include schemaLocation="types.xsd"/>
  <xs:element name="plant"><xs:complexType><xs:sequence>
    <xs:element name="device" type="p:device" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
TYPES = f"""<xs:schema {XS} targetNamespace="urn:plant" elementFormDefault="qualified">
  <xs:complexType name="device"><xs:sequence><xs:element name="p" type="xs:double"/></xs:sequence>
    <xs:attribute name="id" type="xs:NCName" use="required"/></xs:complexType>
</xs:schema>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.xsd").write_text(MAIN)
    (tmp_path / "types.xsd").write_text(TYPES)
    return tmp_path


@pytest.fixture(params=["file", "directory"])
def schema(folder: Path, request: pytest.FixtureRequest) -> Schema:
    return Schema(folder / "main.xsd" if request.param == "file" else folder)


def plant(*devices: str) -> str:
    return '<x:plant xmlns:x="urn:plant" xmlns="urn:plant">\n' + "\n".join(devices) + "\n</x:plant>"


GOOD = '<device id="a"><p>1</p></device>'


def test_a_valid_document(schema: Schema) -> None:
    element = read(plant(GOOD, GOOD))
    assert schema.faults(element) == schema.explain(element) == ()
    schema.check(element)


@pytest.mark.parametrize(
    ("device", "path", "reason"),
    [
        ('<device id="a"><p>x</p></device>', "/plant/device[2]/p", "'x' is not a valid value"),
        ('<device id="1"><p>1</p></device>', "/plant/device[2]/@id", "'1' is not a valid value"),
        ("<device><p>1</p></device>", "/plant/device[2]", "attribute 'id' is required"),
        ('<x:device id="a"><x:q/></x:device>', "/plant/device[2]/q", "not expected"),
        ("<other/>", "/plant/other", "not expected"),
    ],
)
def test_a_fault_has_path_line_reason_and_rule(schema: Schema, device: str, path: str, reason: str) -> None:
    element = read(plant(GOOD, device), source="message")
    fault = schema.faults(element)[0]
    assert (fault.path, fault.line) == (path, 3)
    assert reason in fault.reason
    assert fault.rule.isupper()
    explained = schema.explain(element)[0]
    assert (explained.line in {1, 3}, explained.path.startswith("/plant")) == (True, True)
    with pytest.raises(Malformed, match="against the schema") as caught:
        schema.check(element)
    assert caught.value.where == "message:3"
    assert path in caught.value.message
    with pytest.raises(Malformed) as caught:
        schema.check(element, "elsewhere")
    assert caught.value.where == "elsewhere:3"


def test_many_and_long_faults_stay_short(schema: Schema) -> None:
    element = read(plant(*[f'<device id="a"><p>{"x" * 10_000}</p></device>'] * 9))
    with pytest.raises(Malformed, match=r"and 6 more") as caught:
        schema.check(element)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize("location", ["http://127.0.0.1:9/t.xsd", "file:///etc/t.xsd", "/etc/t.xsd"])
def test_a_schema_from_elsewhere_is_refused(folder: Path, location: str) -> None:
    (folder / "main.xsd").write_text(MAIN.replace("types.xsd", location))
    with pytest.raises(ConfigError, match="not a file beside this schema") as caught:
        Schema(folder / "main.xsd")
    assert caught.value.where == f"{folder}/main.xsd:2"


def test_schemas_that_do_not_load(folder: Path, tmp_path: Path) -> None:
    (folder / "types.xsd").write_text(TYPES.replace("xs:double", "xs:nothing"))
    with pytest.raises(ConfigError, match="does not load") as caught:
        Schema(folder / "main.xsd")
    assert caught.value.where == "types.xsd:2"
    (folder / "types.xsd").unlink()
    with pytest.raises(ConfigError, match="is not there"):
        Schema(folder / "main.xsd")
    (folder / "main.xsd").write_text("<r/>")
    with pytest.raises(ConfigError, match="not an XML schema"):
        Schema(folder / "main.xsd")
    (folder / "main.xsd").write_text("<!DOCTYPE r><r/>")
    with pytest.raises(ConfigError, match="DOCTYPE"):
        Schema(folder)
    with pytest.raises(ConfigError, match="no schema here"):
        Schema(folder / "none")


def test_a_directory_with_two_entries_for_one_namespace(folder: Path) -> None:
    (folder / "second.xsd").write_text(TYPES)
    with pytest.raises(ConfigError, match="two entry schemas for namespace 'urn:plant'"):
        Schema(folder)


def test_official_schemas_judge_real_messages(shared: Path) -> None:
    folder = shared / "reference/openadr/xsd"
    schema, directory = Schema(folder / "oadr_20b.xsd"), Schema(folder)
    valid = invalid = 0
    for path in sorted((shared / "reference/openadr/samples").rglob("*.xml")):
        element = read_file(path)
        faults = schema.faults(element)
        assert bool(directory.faults(element)) == bool(faults)
        valid, invalid = valid + (not faults), invalid + bool(faults)
    assert (valid, invalid) == (136, 24)
    for file in (shared / "reference/iec61850/scl-xsd").glob("*/SCL.xsd"):
        Schema(file)


def test_reasons_of_xmlschema(shared: Path) -> None:
    schema = Schema(shared / "reference/openadr/xsd/oadr_20b.xsd")
    element = read_file(shared / "reference/openadr/samples/avob/response_unvalidatingOadrResponse.xml")
    (fault,) = schema.explain(element)
    assert fault.path == "/oadrResponse/eiResponse"
    assert "'pyld:requestID' expected" in fault.reason


def test_a_document_of_another_kind_is_told_in_words(schema: Schema) -> None:
    (fault,) = schema.faults(read("<elsewhere/>"))
    assert (fault.path, fault.reason) == ("/elsewhere", "no document begins with this element")
