"""The payloads of others: read, written again, and held to the official schema; the bad ones refused with a reason."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from janusgrid.common.errors import Malformed
from janusgrid.common.xml import Schema
from janusgrid.common.xml import read as read_xml
from janusgrid.openadr.codec import read, read_payload, write
from janusgrid.openadr.model import DECLARATIONS, MESSAGES

from .documents import difference, samples


@pytest.fixture(scope="module")
def official(shared: Path) -> Schema:
    return Schema(shared / "reference/openadr/xsd/oadr_20b.xsd")


def test_there_are_samples_of_every_message(shared: Path) -> None:
    roots = {(DECLARATIONS[message].root or "").partition(":")[2] for message in MESSAGES}
    assert len(roots) == 23
    assert roots <= {sample.message for sample in samples(shared) if sample.valid}


def test_every_sample_is_one_of_the_three_that_are_held_to_their_manifest(shared: Path) -> None:
    """Messages, which come back equal; what is against the schema, which is refused; and fragments of messages."""
    found = samples(shared)
    folder = shared / "reference/openadr/samples"
    assert {sample.path for sample in found} == set(folder.rglob("*.xml"))
    kinds = Counter("invalid" if not each.valid else "message" if each.is_message else "fragment" for each in found)
    assert kinds == {"message": 127, "invalid": 24, "fragment": 9}


def test_every_valid_sample_comes_back_with_equal_content(shared: Path, official: Schema) -> None:
    count = 0
    for sample in samples(shared):
        if sample.valid and sample.is_message:
            data = sample.path.read_bytes()
            payload = read_payload(data, source=sample.name)
            assert DECLARATIONS[type(payload.message)].root == f"oadr:{sample.message}", sample.name
            written = read_xml(write(payload.message))
            assert official.faults(written) == (), sample.name
            original = read_xml(data)
            if payload.wrapped:
                original = original[-1][0]
            assert difference(original, written[0][0]) is None, sample.name
            assert read(write(payload.message)) == payload.message
            count += 1
    assert count >= 120


def test_every_invalid_sample_is_refused_with_path_line_and_reason(shared: Path) -> None:
    count = 0
    for sample in samples(shared):
        if not sample.valid:
            with pytest.raises(Malformed) as caught:
                read(sample.path.read_bytes(), source=sample.name)
            assert re.fullmatch(re.escape(sample.name) + r":\d+", caught.value.where or ""), sample.name
            assert re.match(r"against the schema: /\w+", caught.value.message), sample.name
            tag = re.search(r"Element '[^']*?(\w+)'", sample.fault)
            assert tag is None or tag[1] in caught.value.message, sample.name
            count += 1
    assert count >= 24


def test_a_fragment_is_not_a_message(shared: Path) -> None:
    fragments = [sample for sample in samples(shared) if sample.valid and not sample.is_message]
    assert fragments
    for sample in fragments:
        with pytest.raises(Malformed, match="is not a message"):
            read(sample.path.read_bytes(), source=sample.name)


def test_a_signature_is_kept_as_it_is(shared: Path) -> None:
    (sample,) = (each for each in samples(shared) if each.name == "avob/xmlsignature_oadrPayload.xml")
    payload = read_payload(sample.path.read_bytes())
    assert payload.signature is not None
    assert "SignatureValue" in payload.signature.text
    assert read_xml(payload.signature.text).tag == "{http://www.w3.org/2000/09/xmldsig#}Signature"


def test_the_official_schema_can_stand_in_for_ours(shared: Path, official: Schema) -> None:
    poll = next(sample for sample in samples(shared) if sample.message == "oadrPoll" and sample.valid)
    assert read(poll.path.read_bytes(), against=official) == read(poll.path.read_bytes())
