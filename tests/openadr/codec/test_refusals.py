"""What must not come in: refused with `Malformed`, whatever it is."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import Malformed
from janusgrid.common.xml import Limits
from janusgrid.common.xml import read as read_xml
from janusgrid.openadr.codec import decode, read, read_payload, write
from janusgrid.openadr.model import CreatedReport, EiResponse, Message, Poll, Report, UpdateReport

from .documents import samples

OADR = 'xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07"'
EI = 'xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110"'
POLL = f'<oadr:oadrPoll {OADR} {EI} ei:schemaVersion="2.0b"><ei:venID>VEN1</ei:venID></oadr:oadrPoll>'


def test_a_doctype_is_refused() -> None:
    with pytest.raises(Malformed, match="DOCTYPE"):
        read(f'<!DOCTYPE x [<!ENTITY a "b">]>{POLL}')
    with pytest.raises(Malformed, match="DOCTYPE"):
        read(f"<?xml version='1.0'?><!-- --><!DOCTYPE oadrPoll SYSTEM 'file:///etc/passwd'>{POLL}".encode())


def test_the_limits_of_the_door_hold() -> None:
    with pytest.raises(Malformed, match="larger than 100 octets"):
        read(POLL, limits=Limits(size=100))
    deep = "<a>" * 200 + "</a>" * 200
    with pytest.raises(Malformed, match="deeper"):
        read(deep)
    with pytest.raises(Malformed, match="deeper"):
        read(ElementTree.fromstring(deep))


def test_an_element_of_a_stanza_is_read_like_a_document() -> None:
    message = CreatedReport(ei_response=EiResponse(request_id="R1"), pending_reports=["a", "b"], ven_id="VEN1")
    assert read(ElementTree.fromstring(write(message))) == message
    assert read(ElementTree.fromstring(POLL)) == Poll(ven_id="VEN1")
    with pytest.raises(Malformed, match=r"/oadrPoll: .*venID"):
        read(ElementTree.fromstring(f"<oadr:oadrPoll {OADR}/>"), source="ven1@site.example")


def test_an_element_that_was_read_already_is_taken_as_it_is() -> None:
    assert read(read_xml(POLL)) == Poll(ven_id="VEN1")


def test_a_signed_object_by_itself_is_accepted() -> None:
    payload = read_payload(f'<oadr:oadrSignedObject {OADR} oadr:Id="a">{POLL}</oadr:oadrSignedObject>')
    assert (payload.message, payload.wrapped, payload.id) == (Poll(ven_id="VEN1"), True, "a")
    assert read_payload(POLL).wrapped is False


@pytest.mark.parametrize(
    "document",
    [
        f"<oadr:oadrPayload {OADR}/>",
        f"<oadr:oadrPayload {OADR}><oadr:oadrSignedObject/></oadr:oadrPayload>",
        f"<oadr:oadrPayload {OADR}><oadr:oadrSignedObject>{POLL}{POLL}</oadr:oadrSignedObject></oadr:oadrPayload>",
        f"<oadr:oadrPayload {OADR}>{POLL}</oadr:oadrPayload>",
        f"<oadr:oadrPayload {OADR}>"
        + f"<oadr:oadrSignedObject>{POLL}</oadr:oadrSignedObject>" * 2
        + "</oadr:oadrPayload>",
        "<oadrPoll/>",
        POLL.replace("2.0b/2012", "2.0a/2012"),
    ],
)
def test_a_payload_that_is_not_one_message_is_refused_with_and_without_the_schema(document: str) -> None:
    with pytest.raises(Malformed, match="against the schema: /oadrP"):
        read(document)
    with pytest.raises(Malformed, match=r"^document:1: /oadrP"):
        decode(read_xml(document))


def test_the_reader_names_path_line_and_what_was_wanted() -> None:
    document = f"\n<oadr:oadrPoll {OADR}\n {EI}>\n<ei:vtnID>\nVTN1</ei:vtnID></oadr:oadrPoll>"
    with pytest.raises(Malformed) as caught:
        decode(read_xml(document, source="peer"))
    assert str(caught.value) == "peer:4: /oadrPoll/vtnID: ei:vtnID is not expected here, but ei:venID"
    with pytest.raises(Malformed) as caught:
        decode(read_xml(f"<oadr:oadrPoll {OADR}/>", source="peer"))
    assert str(caught.value) == "peer:1: /oadrPoll: ei:venID is missing"


def test_a_time_that_python_cannot_hold_is_named_with_its_place() -> None:
    report = Report(report_specifier_id="S", created_date_time=datetime(2026, 11, 21, tzinfo=UTC))
    written = write(UpdateReport(request_id="R1", reports=[report]))
    document = written.replace("2026-11-21T00:00:00Z", "-0044-03-15T12:00:00Z")
    with pytest.raises(Malformed, match=r"/oadrUpdateReport/oadrReport/createdDateTime: '-0044-03-15T12:00:00Z'"):
        read(document)


@given(data=st.binary(max_size=200) | st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_garbage_is_malformed(data: bytes | str) -> None:
    with pytest.raises(Malformed):
        read(data)


def test_damaged_payloads_are_read_or_malformed_and_nothing_else(shared: Path) -> None:
    """Octets of real payloads changed, lost, doubled and exchanged: never another error, never a half-read message."""
    chance = random.Random(20261121)
    originals = [sample.path.read_bytes() for sample in samples(shared)]
    outcome = {"read": 0, "refused": 0}
    for _ in range(20_000):
        data = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 2)):
            at = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randint(1, 40)]
                case 2:
                    data[at:at] = data[at : at + chance.randint(1, 40)]
                case _:
                    other = chance.choice(originals)
                    begin = chance.randrange(len(other))
                    data[at:at] = other[begin : begin + 30]
        try:
            message = read(bytes(data))
        except Malformed:
            outcome["refused"] += 1
        else:
            assert isinstance(message, Message)
            assert read(write(message)) == message
            outcome["read"] += 1
    assert min(outcome.values()) > 200, outcome
