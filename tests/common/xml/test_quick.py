"""The fast door: what it reads, and what it does not."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import Malformed
from janusgrid.common.xml.quick import parse


def test_it_reads_what_the_standard_library_reads() -> None:
    text = '<a xmlns="urn:x" b="1"><c>caf\u00e9 &amp; more</c><d/>tail</a>'
    assert ElementTree.tostring(parse(text.encode())) == ElementTree.tostring(ElementTree.fromstring(text))


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "not well-formed"),
        (b"<a>", "not well-formed"),
        (b"<a/><b/>", "not well-formed"),
        (b"<a>\xff</a>", "UTF-8"),
        (b'<?xml version="1.0" encoding="utf-16"?><a/>', "DOCTYPE"),
        ("<a/>".encode("utf-16"), "UTF-8"),
        (b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "DOCTYPE"),
        (b"<a>&e;</a>", "not well-formed"),
        (b"<a><!-- --></a>", "DOCTYPE"),
        (b"<a>" * 65 + b"</a>" * 65, "deep"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "elements"),
        (b"<r>" + b"<a/>" * 20_000 + b"</r>", "elements"),
        (bytes(2 << 20), "octets"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_it_refuses(octets: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        parse(octets)


def test_as_deep_as_may_be() -> None:
    assert parse(b"<a>" * 64 + b"</a>" * 64).tag == "a"
    assert len(parse(b"<r>" + b"<a><b/>text</a>" * 100 + b"</r>")) == 100  # many that are empty, none that is deep


@given(st.binary(max_size=300) | st.text(alphabet="<a/>=\"' &;!?", max_size=100).map(str.encode))
def test_garbage(octets: bytes) -> None:
    with contextlib.suppress(Malformed):
        parse(octets)
