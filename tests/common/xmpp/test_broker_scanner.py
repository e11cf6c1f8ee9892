"""The broker's XML reader: boundaries, namespaces on forwarding, limits, and what must never get through."""

from __future__ import annotations

import itertools
import random
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.xmpp.broker import scanner as scanner_module
from janusgrid.common.xmpp.broker.scanner import Element, Event, Fault, Footer, Header, Scanner

from .broker_kit import HEADER

STREAMS = "http://etherx.jabber.org/streams"
# Shapes that a reader of boundaries can stumble over.
STANZAS = [
    "<iq id='1' type='get' to='a@b/c'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq a='x>y/>' b=\"it's\" id = '2'/>",
    "<message><body>a &lt; b &amp;&#38; c > d /> </body></message>",
    "<message><body><![CDATA[</message> <iq> ]] > ]]></body></message>",
    "<message\n to='a@b'\t type=\"chat\"\n><body/></message  >",
    "<message><message><message/></message></message>",
    "<message xmlns:x='urn:x' x:a='1'><x:y x:z='&quot;&apos;'/></message>",
    "<message xml:lang='de'><body>Grüße — 電力 🜂</body></message>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<m:message xmlns:m='jabber:client'><m:body>prefixed</m:body></m:message>",
    "<presence/>",
]
STREAM = (f"<?xml version='1.0'?>{HEADER}" + " \n".join(STANZAS) + "</stream:stream>").encode()


def read(data: bytes, *cuts: int, scanner: Scanner | None = None) -> list[Event]:
    scanner = scanner or Scanner(100_000)
    events: list[Event] = []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        events += scanner.feed(data[start:end])
    return events


def elements(data: bytes, *cuts: int) -> list[Element]:
    return [event for event in read(data, *cuts) if isinstance(event, Element)]


def fault(text: str | bytes, scanner: Scanner | None = None) -> str:
    event = read(text.encode() if isinstance(text, str) else text, scanner=scanner)[-1]
    assert isinstance(event, Fault), event
    assert event.text
    return event.condition


def canonical(xml: str | bytes, context: str) -> str:
    """The first child of `context` with this content, as canonical XML: what a namespace-aware reader sees."""
    text = xml.decode() if isinstance(xml, bytes) else xml
    root = ElementTree.fromstring(f"{context}{text}</{context[1:].split()[0].rstrip('>')}>")
    return ElementTree.canonicalize(ElementTree.tostring(root[0]))


def test_elements_come_as_they_were_written():
    found = elements(STREAM)
    assert [element.raw.decode() for element in found] == STANZAS
    assert [element.name for element in found[:2]] == ["{jabber:client}iq"] * 2
    assert found[0].attributes == {"id": "1", "type": "get", "to": "a@b/c"}
    assert (found[0].child, found[0].children) == ("{urn:xmpp:ping}ping", 1)
    assert found[1].attributes == {"a": "x>y/>", "b": "it's", "id": "2"}
    assert found[6].attributes == {"{urn:x}a": "1"}
    assert found[8].name == "{urn:xmpp:sm:3}r"
    assert found[9].name == "{jabber:client}message"
    assert found[9].child == "{jabber:client}body"


def test_header_and_footer():
    events = read(STREAM)
    header = events[0]
    assert isinstance(header, Header)
    assert header.name == f"{{{STREAMS}}}stream"
    assert header.attributes["to"] == "site.example"
    assert header.default == "jabber:client"
    assert header.scope == ()
    assert isinstance(events[-1], Footer)


def test_one_byte_at_a_time():
    whole, dribbled = read(STREAM), read(STREAM, *range(1, len(STREAM)))
    assert [repr(event) for event in dribbled] == [repr(event) for event in whole]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_cuts_give_the_same(cuts):
    assert [element.raw.decode() for element in elements(STREAM, *cuts)] == STANZAS


@given(st.lists(st.sampled_from(STANZAS), max_size=8), st.lists(st.integers(0, 500), max_size=6))
def test_any_stanzas_with_any_cuts(stanzas, cuts):
    data = (HEADER + "\n".join(stanzas)).encode()
    assert [element.raw.decode() for element in elements(data, *(cut % len(data) for cut in cuts))] == stanzas


def test_idle_means_nothing_is_left_over():
    scanner = Scanner(1000)
    scanner.feed(HEADER.encode())
    assert scanner.idle
    scanner.feed(b"<iq><a")
    assert not scanner.idle
    scanner.feed(b"/></iq> \n")
    assert scanner.idle
    scanner.feed(b"<")
    assert not scanner.idle


HEADERS = [
    HEADER,
    # the prefix-free style of RFC 6120 clause 4.8.5: the stream's own namespace is the default
    f"<stream xmlns='{STREAMS}' to='site.example' version='1.0'>",
    f"<s:s xmlns:s='{STREAMS}' xmlns='jabber:client' xmlns:x='urn:from-root' xmlns:y=\"urn:it's\">",
    f"<stream xmlns='{STREAMS}' xmlns:c='jabber:client' xmlns:x='urn:from-root'>",
]
FORWARDED = [
    "<iq xmlns='jabber:client' id='1'><q xmlns='urn:q'><r a='1'/></q></iq>",
    "<iq xmlns='jabber:client' id='1' xmlns:x='urn:own'><x:q/></iq>",
    "<message xmlns='jabber:client'><body>x</body><stream:z xmlns:stream='urn:rebound'/></message>",
    "<m:message xmlns:m='jabber:client'><q/><m:body/></m:message>",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("stanza", FORWARDED)
def test_forwarding_keeps_every_namespace(header, stanza):
    element = elements((header + stanza).encode())[0]
    forwarded = element.forward("u@site.example/r")
    sent = ElementTree.fromstring(canonical(stanza, header))
    received = ElementTree.fromstring(canonical(forwarded, HEADER))
    assert received.attrib == sent.attrib | {"from": "u@site.example/r"}
    assert received.tag == sent.tag
    assert [ElementTree.canonicalize(ElementTree.tostring(child)) for child in received] == [
        ElementTree.canonicalize(ElementTree.tostring(child)) for child in sent
    ]


def test_forwarding_uses_prefixes_of_the_senders_header():
    element = elements((HEADERS[2] + "<iq><x:q y:a='1'/></iq>").encode())[0]
    received = ElementTree.fromstring(canonical(element.forward("u@s"), HEADER))
    assert received[0].tag == "{urn:from-root}q"
    assert received[0].attrib == {"{urn:it's}a": "1"}


def test_forwarding_stamps_and_readdresses():
    raw = b"<iq from = \"evil@x/y\"  to='a@b' id='&#10;&lt;' xml:lang='de'>&amp;</iq>"
    element = elements(HEADER.encode() + raw)[0]
    assert (
        element.forward("u@s/'&<") == b"<iq from='u@s/&apos;&amp;&lt;' to='a@b' id='&#10;&lt;' xml:lang='de'>&amp;</iq>"
    )
    assert element.forward("u", "c@d", "en") == b"<iq from='u' to='c@d' id='&#10;&lt;' xml:lang='de'>&amp;</iq>"
    plain = elements(HEADER.encode() + b"<presence/>")[0]
    assert plain.forward("u", lang="en") == b"<presence from='u' xml:lang='en'/>"


def test_tree_is_the_element_parsed():
    element = elements((HEADERS[2] + "<iq id='1' from='u'><x:q>t</x:q></iq>").encode())[0]
    tree = element.tree()
    assert tree.tag == "{jabber:client}iq"
    assert tree.attrib == {"id": "1"}
    assert tree[0].tag == "{urn:from-root}q"
    assert tree[0].text == "t"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("<!DOCTYPE x><stream/>", "restricted-xml"),
        ("<!DOCTYPE x [<!ENTITY a 'aaaa'>]>" + HEADER, "restricted-xml"),
        ("<!-- -->" + HEADER, "restricted-xml"),
        (HEADER + "<!-- -->", "restricted-xml"),
        (HEADER + "<iq><?php ?></iq>", "restricted-xml"),
        (HEADER + "<iq>&nbsp;</iq>", "restricted-xml"),
        (HEADER + "<iq a='&x;'/>", "restricted-xml"),
        (HEADER + "<iq></message>", "not-well-formed"),
        (HEADER + "<x:iq/>", "not-well-formed"),
        (HEADER + "<iq a='1' a='2'/>", "not-well-formed"),
        (HEADER + "<iq a=1/>", "not-well-formed"),
        (HEADER + "<iq>\x01</iq>", "not-well-formed"),
        (HEADER + "<iq>]]></iq>", "not-well-formed"),
        (HEADER.encode() + b"<iq>\xff</iq>", "not-well-formed"),
        (HEADER.encode() + b"<iq>\xc0\x80</iq>", "not-well-formed"),
        (HEADER.encode() + b"<iq>\xed\xa0\x80</iq>", "not-well-formed"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?>" + HEADER, "unsupported-encoding"),
        (("\ufeff" + HEADER).encode("utf-16-le"), "not-well-formed"),
        (("\ufeff" + HEADER).encode("utf-16-be"), "not-well-formed"),
        (HEADER.encode("utf-16-le"), "not-well-formed"),
        (HEADER.encode("utf-16-be"), "not-well-formed"),
        (HEADER.encode("utf-32-le"), "not-well-formed"),
        (HEADER + "<iq a='\0'/>", "not-well-formed"),
        (HEADER + "text<iq/>", "bad-format"),
        (HEADER + "text", "bad-format"),
        (HEADER + "<iq/><![CDATA[]]>", "bad-format"),
        (HEADER + "<iq/>&amp;<iq/>", "bad-format"),
        (HEADER + "<iq/>x</stream:stream>", "bad-format"),
        (HEADER + "</stream>", "not-well-formed"),
        ("hello", "not-well-formed"),
        ("GET / HTTP/1.1\r\n\r\n", "not-well-formed"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "not-well-formed"),
    ],
)
def test_refusals(text, condition):
    assert fault(text) == condition


def test_a_mark_of_utf8_is_no_harm():
    found = elements(("\ufeff" + HEADER + STANZAS[0]).encode())
    assert found[0].raw.decode() == STANZAS[0]


@pytest.mark.parametrize("text", ["<", "\xfe", HEADER])
def test_other_encodings_byte_by_byte(text):
    scanner = Scanner(1000)
    events = [event for byte in text.encode("utf-16-le") for event in scanner.feed(bytes([byte]))]
    assert [event.condition for event in events if isinstance(event, Fault)] == ["not-well-formed"]


def test_what_was_complete_before_a_fault_still_counts():
    events = read((HEADER + "<iq id='1'/><iq id='2'><oops></iq>").encode())
    assert [type(event) for event in events] == [Header, Element, Fault]


def test_nothing_is_read_after_the_end():
    scanner = Scanner(1000)
    scanner.feed(HEADER.encode() + b"</stream:stream>")
    assert scanner.feed(b"<iq/>") == []
    scanner = Scanner(1000)
    scanner.feed(HEADER.encode() + b"<<")
    assert scanner.feed(b"<iq/>") == []


def test_size_is_bounded_whether_complete_or_not():
    small = "<iq>" + "x" * 991 + "</iq>"
    assert len(small) == 1000
    assert [e.raw.decode() for e in read((HEADER + small).encode(), scanner=Scanner(1000)) if isinstance(e, Element)]
    assert fault(HEADER + small.replace("</", "x</"), Scanner(1000)) == "policy-violation"
    assert fault(HEADER + "<iq>" + "x" * 1000, Scanner(1000)) == "policy-violation"


def test_size_counts_for_each_stanza_alone():
    scanner = Scanner(1000)
    scanner.feed(HEADER.encode())
    for _ in range(50):
        assert len(scanner.feed(b"<iq>" + b"x" * 900 + b"</iq>")) == 1


def test_depth_is_bounded():
    def nested(levels):
        return HEADER + "<a>" * levels + "</a>" * levels

    assert isinstance(read(nested(20).encode(), scanner=Scanner(10**6, depth=20))[-1], Element)
    assert fault(nested(21), Scanner(10**6, depth=20)) == "policy-violation"
    assert fault(nested(1000)) == "policy-violation"
    assert fault(HEADER + "<a>" * 100_000, Scanner(10**7)) == "policy-violation"


def test_elements_are_bounded():
    assert isinstance(
        read((HEADER + "<a>" + "<b/>" * 9 + "</a>").encode(), scanner=Scanner(10**6, elements=10))[-1], Element
    )
    deep = HEADER + "<a><b>" + "<c/>" * 9 + "</b></a>"
    assert fault(deep, Scanner(10**6, elements=10)) == "policy-violation"


def test_attributes_are_bounded_however_they_arrive():
    good, bad = (HEADER + f"<iq a='{'x' * size}'/>" for size in (1999, 2000))
    for step in (1, 7, 10_000):
        for text, kind in ((good, Element), (bad, Fault)):
            scanner = Scanner(10**6, tag_bytes=2000)
            events = [
                event for cut in range(0, len(text), step) for event in scanner.feed(text[cut : cut + step].encode())
            ]
            assert type(events[-1]) is kind


@pytest.mark.parametrize(
    ("token", "filler"), [("<iq a='", b">"), ("<!--", b"x"), ("<", b"x"), ("<?", b"x"), ("</", b"x")]
)
def test_a_token_without_an_end_is_stopped(token, filler):
    scanner = Scanner(10**6, tag_bytes=1000)
    scanner.feed((HEADER + "<x>" + token).encode())
    answers = [scanner.feed(filler) for _ in range(5000)]
    assert [type(event) for events in answers for event in events] == [Fault]


def test_a_big_stanza_byte_by_byte_costs_no_more_than_its_size():
    """Copying the buffer at each byte would run into the time-out of the test."""
    scanner = Scanner(10**6)
    scanner.feed(HEADER.encode() + b"<iq><x>")
    for _ in range(500_000):
        scanner.feed(b"x")
    (element,) = scanner.feed(b"</x></iq>")
    assert isinstance(element, Element)
    assert len(element.raw) == 500_000 + len("<iq><x></x></iq>")


def test_mutations_never_do_anything_but_events_and_faults():
    chance = random.Random(20261121)
    kinds: dict[type, int] = {}
    for _ in range(10_000):
        data = bytearray(STREAM[: chance.randrange(len(STREAM))])
        for _ in range(chance.randrange(4)):
            place = chance.randrange(len(data) + 1)
            if chance.random() < 0.5 and data:
                data[place % len(data)] = chance.choice(b"<>/'\"&;= \x00\xffax")
            else:
                data[place:place] = chance.choice(
                    [b"<", b"</", b"<!--", b"<![CDATA[", b"]]>", b"<?x?>", b"&#0;", b"\xe2\x82"]
                )
        cut = chance.randrange(len(data) + 1)
        scanner = Scanner(500, tag_bytes=300, depth=5, elements=50)
        events = scanner.feed(bytes(data[:cut])) + scanner.feed(bytes(data[cut:]))
        for event in events:
            kinds[type(event)] = kinds.get(type(event), 0) + 1
            if isinstance(event, Element):
                ElementTree.fromstring(f"<x xmlns:stream='{STREAMS}'>{event.forward('u@s').decode()}</x>")
        assert all(not isinstance(event, Fault | Footer) for event in events[:-1])
    assert kinds[Fault] > 1000
    assert kinds[Element] > 10_000


@given(st.lists(st.integers(0, len(STREAM)), max_size=20), st.integers(0, 400))
def test_a_stream_reads_the_same_however_often_its_parser_is_renewed(cuts, renew):
    """A parser keeps every name it has met: it is replaced now and then, and nobody sees it."""
    expected = [repr(event) for event in read(STREAM, *cuts)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner_module, "RENEW", renew)
        assert [repr(event) for event in read(STREAM, *cuts)] == expected


def test_names_that_a_client_invents_do_not_stay(monkeypatch):
    monkeypatch.setattr(scanner_module, "RENEW", 20_000)
    scanner = Scanner(100_000)
    read(HEADER.encode(), scanner=scanner)
    parsers = set()
    for number in range(200):
        (element,) = scanner.feed(f"<iq>{''.join(f'<n{number}-{each}/>' for each in range(100))}</iq>".encode())
        assert isinstance(element, Element)
        parsers.add(scanner._parser)
    assert len(parsers) > 5
