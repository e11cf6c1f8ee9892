"""The cutting of a stream into stanzas: whatever the pieces it comes in, whatever it holds."""

from __future__ import annotations

import logging
from contextlib import suppress
from itertools import pairwise
from xml.etree.ElementTree import Element, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.xmpp import guard
from janusgrid.common.xmpp.guard import Closed, Limits, Opened, Refusals, Stanza, StanzaReader, StreamFault

HEADER = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    b"id='1' version='1.0'>"
)


def read(data: bytes, cuts: list[int] | None = None, limits: Limits | None = None) -> list[Opened | Stanza | Closed]:
    """Return what a reader makes of `data`, fed in pieces that end at `cuts`."""
    reader = StanzaReader(limits or Limits())
    edges = pairwise([0, *sorted(cuts or []), len(data)])
    return [part for start, end in edges for part in reader.feed(data[start:end])]


def stanzas(data: bytes, **limits: int) -> list[tuple[str, str | None]]:
    """Return the id and fault of each stanza after the header."""
    parts = read(HEADER + data, limits=Limits(**limits))
    return [(part.xml.get("id", ""), part.fault) for part in parts if isinstance(part, Stanza)]


def test_a_stream_from_end_to_end() -> None:
    reader = StanzaReader(Limits())
    (opened,) = reader.feed(HEADER)
    assert isinstance(opened, Opened)
    assert opened.root.get("id") == "1"
    first, second, closed = reader.feed(b"<iq id='1'/> \n<message id='2'><a>x</a></message></stream:stream>")
    assert isinstance(first, Stanza)
    assert isinstance(second, Stanza)
    assert second.xml.findtext("{jabber:client}a") == "x"
    assert isinstance(closed, Closed)


def _element(name: str, text: str, children: list[Element]) -> Element:
    element = Element(name, {"k": text})
    element.text = text
    element.extend(children)
    return element


NAMES = st.sampled_from(["a", "b", "longer-name"])
TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
TREES = st.recursive(
    st.builds(lambda n, t: _element(n, t, []), NAMES, TEXTS),
    lambda inner: st.builds(_element, NAMES, TEXTS, st.lists(inner, max_size=4)),
    max_leaves=12,
)


@given(st.lists(TREES, max_size=5), st.data())
def test_pieces_make_no_difference(trees: list[Element], data: st.DataObject) -> None:
    wire = HEADER + b" ".join(b"<iq>" + tostring(tree, "utf-8") + b"</iq>" for tree in trees)
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=8))

    def shape(cuts: list[int]) -> list[bytes]:
        return [tostring(part.xml) for part in read(wire, cuts) if isinstance(part, Stanza) and part.fault is None]

    assert shape(cuts) == shape([])
    assert len(shape([])) == len(trees)


@given(st.binary(max_size=300), st.data())
def test_garbage_ends_in_nothing_but_a_stream_fault(garbage: bytes, data: st.DataObject) -> None:
    wire = HEADER + b"<iq id='1'><a>x</a></iq>"
    at = data.draw(st.integers(0, len(wire)))
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=3))
    with suppress(StreamFault):
        assert all(isinstance(part, Opened | Stanza | Closed) for part in read(wire[:at] + garbage + wire[at:], cuts))


@pytest.mark.parametrize("depth", [1, 2, 63, 64])
def test_depth_within(depth: int) -> None:
    assert stanzas(b"<iq id='1'>" + b"<a>" * (depth - 1) + b"</a>" * (depth - 1) + b"</iq>") == [("1", None)]


@pytest.mark.parametrize("depth", [65, 1000, 100_000])
def test_depth_beyond(depth: int) -> None:
    deep = b"<iq id='1'>" + b"<a>" * (depth - 1) + b"</a>" * (depth - 1) + b"</iq>"
    assert stanzas(deep + b"<iq id='2'><a/></iq>") == [("1", "stanza-too-deep"), ("2", None)]


def test_elements() -> None:
    assert stanzas(b"<iq id='1'>" + b"<a/>" * 9 + b"</iq>" + b"<iq id='2'>" + b"<a/>" * 10 + b"</iq>", elements=10) == [
        ("1", None),
        ("2", "stanza-too-many-elements"),
    ]


@pytest.mark.parametrize("content", [b"x" * 20_000, b"<a b='" + b"x" * 20_000 + b"'/>", b"<abcd>x</abcd>" * 2000])
def test_size(content: bytes) -> None:
    wire = b"<iq id='0'/><iq id='1'><z>" + content + b"</z></iq><iq id='2'><z/></iq>"
    assert stanzas(wire, size=10_000) == [("0", None), ("1", "stanza-too-large"), ("2", None)]
    assert stanzas(wire, size=40_000) == [("0", None), ("1", None), ("2", None)]


def test_many_small_stanzas_in_one_read_are_not_one_large_one() -> None:
    assert stanzas(b"<iq id='1'><z>" + b"x" * 900 + b"</z></iq>" * 1 + b"<iq id='2'/>" * 5000, size=1000) == [
        ("1", None),
        *[("2", None)] * 5000,
    ]


def test_white_space_between_stanzas_adds_up_to_nothing() -> None:
    reader = StanzaReader(Limits(size=1000, endless=4000))
    list(reader.feed(HEADER))
    for _ in range(100):
        assert list(reader.feed(b" " * 100)) == []
    (stanza,) = reader.feed(b"<iq id='1'/>")
    assert stanza == (stanza[0], None)


def test_a_stanza_without_end_is_given_up() -> None:
    reader = StanzaReader(Limits(size=1000, endless=100_000))
    list(reader.feed(HEADER + b"<iq id='1'><a>"))
    for _ in range(19):
        assert list(reader.feed(b"x" * 5000)) == []
    with pytest.raises(StreamFault, match="more than 100000 octets") as fault:
        list(reader.feed(b"x" * 5000))
    assert fault.value.condition == "policy-violation"


def test_what_is_refused_is_not_kept() -> None:
    reader = StanzaReader(Limits(elements=10, endless=10**9))
    list(reader.feed(HEADER + b"<iq id='1'>"))
    for _ in range(1000):
        list(reader.feed(b"<a><b>text</b></a>" * 10))
    (stanza,) = reader.feed(b"</iq>")
    assert isinstance(stanza, Stanza)
    assert stanza.fault == "stanza-too-many-elements"
    assert all(len(child) == 0 for child in list(stanza.xml)[20:])


@pytest.mark.parametrize(
    "prolog",
    [
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
        b"<?xml version='1.0'?><!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
        b"\n <!DOCTYPE stream:stream>",
        b"<!-- a comment -->",
        b"<?xml version='1.0'?><?php evil ?>",
        "<!DOCTYPE x>".encode("utf-16"),
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE x>".encode("utf-16-le"),
        b"<?xml version='1.0'?>" + b" " * 2000,
        b"HTTP/1.1 400 Bad Request" + b"\r\n" * 600,
    ],
)
@pytest.mark.parametrize("bytewise", [False, True])
def test_nothing_may_stand_before_the_header(prolog: bytes, bytewise: bool) -> None:
    wire = prolog + HEADER
    with pytest.raises(StreamFault) as fault:
        read(wire, list(range(len(wire))) if bytewise else None)
    assert fault.value.condition in ("restricted-xml", "not-well-formed")


@pytest.mark.parametrize(
    "header", [HEADER, b"\xef\xbb\xbf" + HEADER, HEADER.split(b"?>")[1], b"\n" + HEADER.split(b"?>")[1]]
)
def test_headers_as_they_may_be(header: bytes) -> None:
    assert isinstance(read(header, list(range(len(header))))[0], Opened)


def test_another_declared_encoding_is_not_believed() -> None:
    header = HEADER.replace(b"?>", b" encoding='iso-8859-1'?>", 1)
    (_, stanza) = read(header + "<iq id='\u20ac'/>".encode())
    assert isinstance(stanza, Stanza)
    assert stanza.xml.get("id") == "\u20ac"


@pytest.mark.parametrize(
    "content",
    [b"<!-- no -->", b"<?php no ?>", b"<a><!-- no --></a>", b"<a/><?x?><b/>"],
)
def test_restricted_xml_in_a_stanza_makes_it_void(content: bytes) -> None:
    assert stanzas(b"<iq id='1'>" + content + b"</iq><iq id='2'/>") == [("1", "restricted-xml"), ("2", None)]


@pytest.mark.parametrize(
    ("content", "condition"),
    [
        (b"<!-- no -->", "restricted-xml"),
        (b"<?php no ?>", "restricted-xml"),
        (b"<!DOCTYPE a>", "not-well-formed"),
        (b"<iq>&unknown;</iq>", "not-well-formed"),
        (b"<iq></message>", "not-well-formed"),
        (b"<q:iq/>", "not-well-formed"),
        (b"<iq a='1' a='2'/>", "not-well-formed"),
        (b"<iq>\x00</iq>", "not-well-formed"),
        (b"<iq>\xff\xfe</iq>", "not-well-formed"),
        (b"<iq>\xc0\xbc</iq>", "not-well-formed"),
        (b"<iq>\xed\xa0\x80</iq>", "not-well-formed"),
    ],
)
def test_what_ends_the_stream(content: bytes, condition: str) -> None:
    with pytest.raises(StreamFault) as fault:
        read(HEADER + content)
    assert fault.value.condition == condition


def test_cdata_is_text() -> None:
    (_, stanza) = read(HEADER + b"<iq><a><![CDATA[<!DOCTYPE x><?y?>]]></a></iq>")
    assert isinstance(stanza, Stanza)
    assert stanza.xml.findtext("{jabber:client}a") == "<!DOCTYPE x><?y?>"
    assert stanza.fault is None


def test_refusals_count_everything_and_log_the_first_and_some(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals("me@x/y")
    with caplog.at_level(logging.WARNING):
        for _ in range(250):
            refusals.note("flood", "evil@x/" + "r" * 500, "two\nlines")
    assert refusals.counts == {"flood": 250}
    assert [record.__dict__["count"] for record in caplog.records] == [*range(1, 11), 100, 200]
    assert all(record.__dict__["event"] == "flood" and "\n" not in record.message for record in caplog.records)
    assert all(len(record.message) < 400 for record in caplog.records)


RICH_HEADER = (
    b"<?xml version='1.0'?>\n<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    b'xmlns:db="jabber:server:dialback" xml:lang="en" id="a&gt;b>c" version=\'1.0\'>'
)


@given(st.lists(TREES, min_size=3, max_size=8), st.lists(st.integers(0, 4000), max_size=12), st.integers(0, 300))
def test_a_stream_reads_the_same_however_often_its_parser_is_renewed(
    trees: list[Element], cuts: list[int], renew: int
) -> None:
    """A parser keeps every name it has met: it is replaced now and then, and nobody sees it."""
    data = RICH_HEADER + b"".join(b"<iq xmlns:x='urn:x'><db:a/>" + tostring(tree) + b"</iq> " for tree in trees)

    def whole() -> list[bytes]:
        parts = read(data, [cut for cut in cuts if cut < len(data)])
        # What stands between stanzas is none of theirs, and may be read with either.
        return [tostring(part.xml).rstrip(b" ") for part in parts if isinstance(part, Stanza)]

    expected = whole()
    assert len(expected) == len(trees)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "_RENEW", renew)
        assert whole() == expected


def test_names_that_a_peer_invents_do_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_RENEW", 20_000)
    reader = StanzaReader(Limits())
    assert len(list(reader.feed(HEADER))) == 1
    parsers = set()
    for number in range(200):
        names = "".join(f"<n{number}-{each}/>" for each in range(100))
        (stanza,) = reader.feed(f"<message>{names}</message>".encode())
        assert isinstance(stanza, Stanza)
        parsers.add(reader._parser)
    assert len(parsers) > 5
