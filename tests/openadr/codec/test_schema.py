"""Our schema is what the declarations say, and it judges as the official one does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from janusgrid.common.errors import Malformed
from janusgrid.common.resources import resource
from janusgrid.common.xml import read as read_xml
from janusgrid.openadr.codec import decode, write
from janusgrid.openadr.codec.generate_schema import main, stale
from lxml import etree

from .documents import changes, samples
from .strategies import messages


@pytest.fixture(scope="module")
def ours() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(resource("schemas/openadr/oadr.xsd")))


@pytest.fixture(scope="module")
def official(shared: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(shared / "reference/openadr/xsd/oadr_20b.xsd"))


def test_the_schema_files_are_up_to_date() -> None:
    assert stale(resource("schemas/openadr")) == []


def test_the_command_writes_checks_and_removes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.xsd").write_text("<old/>")
    assert main([str(tmp_path), "--check"]) == 1
    assert "oadr.xsd: out of date" in capsys.readouterr().out
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--check"]) == 0
    assert not (tmp_path / "old.xsd").exists()
    (tmp_path / "ei.xsd").write_text("changed")
    assert stale(tmp_path) == ["ei.xsd"]


def test_both_schemas_say_the_same_of_every_sample_and_every_change_of_it(
    shared: Path, ours: etree.XMLSchema, official: etree.XMLSchema
) -> None:
    count = 0
    for sample in samples(shared):
        root = read_xml(sample.path.read_bytes())
        assert ours.validate(root) is official.validate(root) is sample.valid, sample.name
        for kind, element in changes(root):
            count += 1
            assert ours.validate(root) is official.validate(root), (sample.name, kind, element.tag)
    assert count > 80_000


@given(message=messages())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_schemas_say_the_same_of_changed_messages_with_everything_in_them(
    ours: etree.XMLSchema, official: etree.XMLSchema, message: object
) -> None:
    root = read_xml(write(message, check=False))  # type: ignore[arg-type]
    for kind, element in changes(root):
        assert ours.validate(root) is official.validate(root), (kind, element.tag)


def test_the_reader_holds_a_document_to_its_structure_without_a_schema(shared: Path, ours: etree.XMLSchema) -> None:
    """What the schema refuses because of the elements, the reader refuses too; what it lets pass, the reader reads."""
    for sample in samples(shared)[::3]:
        root = read_xml(sample.path.read_bytes())
        carried = {element for each in root.iter("{*}feed", "{*}Signature", "{*}components") for element in each.iter()}
        if not sample.valid or not sample.is_message:
            continue
        for kind, element in changes(root):
            if kind in {"drop", "repeat", "reorder", "rename"} and element not in carried:
                assert _reads(root) is ours.validate(root), (sample.name, kind, element.tag)
            elif ours.validate(root):
                assert _reads(root), (sample.name, kind, element.tag)


def _reads(root: etree._Element) -> bool:
    try:
        decode(root)
    except Malformed:
        return False
    return True
