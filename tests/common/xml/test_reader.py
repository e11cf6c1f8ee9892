"""The door holds: what must be refused is refused before a tree exists, and only ever with `Malformed`."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import ConfigError, LocalError, Malformed
from janusgrid.common.xml import FILES, Limits, from_element, line, place, read, read_file, text
from janusgrid.common.xml import reader as reader_module

BOMB = '<!DOCTYPE r [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><r>&b;</r>'
EXTERNAL = '<!DOCTYPE r SYSTEM "file:///etc/hostname"><r/>'
PARAMETER = '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]><r/>'
DOCTYPES = [
    BOMB,
    EXTERNAL,
    PARAMETER,
    "<!DOCTYPE r><r/>",
    "<!doctype r><r/>",
    "\n \t<!DOCTYPE r><r/>",
    '<?xml version="1.0"?><!DOCTYPE r><r/>',
    "<!-- > --><!DOCTYPE r><r/>",
    "<?pi > ?><!-- --> <!DOCTYPE r><r/>",
    "<!--><!-- --><!DOCTYPE r><r/>",
    '<?xml version="1.0" standalone="yes"?>\n<!DOCTYPE r PUBLIC "-//x" "http://127.0.0.1:9/">\n<r/>',
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("document", DOCTYPES)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_doctype_is_refused_in_every_encoding(document: str, encoding: str) -> None:
    with pytest.raises(Malformed, match=r"DOCTYPE|NUL"):  # NUL: space before "<" hides that it is UTF-16
        read(document.encode(encoding))
    with pytest.raises(Malformed, match="DOCTYPE"):
        read(document)


@pytest.mark.parametrize(
    "document",
    [
        b"<r/><!DOCTYPE r>",
        b"<r>&undeclared;</r>",
        b"<r><!DOCTYPE r></r>",
        BOMB.encode("utf-32"),
        BOMB.encode("utf-7"),
        b'<?xml version="1.0" encoding="utf-7"?>' + BOMB.encode("utf-7"),
        b'<?xml version="1.0" encoding="utf-16"?><r/>',
        b'<?xml version="1.0" encoding="ebcdic-cp-us"?><r/>',
        BOMB.encode("cp037"),
        b"\xff\xfe<\x00r",
        b"\xef\xbb\xbf",
        b"",
        b"   ",
        b"text",
        b"<r>\x00</r>",
        b"<r>\x01</r>",
        b"<r>\xff</r>",
        b"<r>\xed\xa0\x80</r>",
        "<r>\ud800</r>",
        b"<r a='1' a='2'/>",
        b"<p:r/>",
        b"<r>",
        b"<!--",
        b"<?xml",
        b"<r><![CDATA[",
    ],
)
def test_not_well_formed_is_refused(document: bytes | str) -> None:
    with pytest.raises(Malformed):
        read(document)


def test_the_fault_has_a_place() -> None:
    with pytest.raises(Malformed, match="DOCTYPE") as caught:
        read("<?xml version='1.0'?>\n<!-- x -->\n  <!DOCTYPE r><r/>", source="message")
    assert caught.value.where == "message:3:3"
    with pytest.raises(Malformed, match=r"not well-formed: .*mismatch") as caught:
        read("<r>\n  <a></b>\n</r>", source="message")
    assert caught.value.where == "message:2:10"


@pytest.mark.parametrize("encoding", [*ENCODINGS, "latin-1"])
def test_one_document_in_every_accepted_encoding(encoding: str) -> None:
    declared = {"latin-1": "iso-8859-1", "utf-8-sig": "utf-8"}.get(encoding, encoding)
    document = f'<?xml version="1.0" encoding="{declared}"?>\n<r a="ü">\n<b>é</b></r>'
    root = read(document.encode(encoding))
    assert (root.get("a"), root.findtext("b"), line(root[0])) == ("ü", "é", 3)


def test_text_is_taken_whatever_it_declares() -> None:
    assert read('\ufeff<?xml version="1.0" encoding="utf-16"?><r>ü</r>').text == "ü"


def test_comments_and_instructions_are_dropped_and_text_joined() -> None:
    root = read("<!-- a --><r>x<!-- b -->y<?p q?>z<![CDATA[<&]]></r><!-- c -->")
    assert (text(root), len(root)) == ("<r>xyz&lt;&amp;</r>", 0)


SMALL = Limits(size=2000, depth=5, elements=20, attributes=3)
TOO_MUCH = {
    "larger than 2000 octets": "<r>" + "x" * 2000 + "</r>",
    "deeper than 5 levels": "<r>\n" + "<a>" * 5 + "</a>" * 5 + "</r>",
    "more than 20 elements": "<r>\n" + "<a/>" * 20 + "</r>",
    "more than 3 attributes": "<r>\n<a b='' c='' d='' e=''/></r>",
}


@pytest.mark.parametrize(("rule", "document"), TOO_MUCH.items())
def test_limits(rule: str, document: str) -> None:
    with pytest.raises(Malformed, match=rule) as caught:
        read(document, limits=SMALL, source="s")
    assert caught.value.where is not None
    assert caught.value.where == "s" if "octets" in rule else caught.value.where.startswith("s:2")
    if "octets" not in rule:
        with pytest.raises(Malformed, match=rule):
            from_element(ElementTree.fromstring(document), limits=SMALL)


def test_at_the_limits() -> None:
    deep = "<a>" * 5 + "</a>" * 5
    many = "<r>" + "<a b='' c='' d=''/>" * 19 + "</r>"
    for document in (deep, many):
        assert text(read(document, limits=SMALL)) == text(from_element(ElementTree.fromstring(document), limits=SMALL))


@pytest.mark.parametrize("padding", ["", "<!-- " + "<" * 60 + " -->", "<![CDATA[" + "= <" * 60 + "]]>"])
@pytest.mark.parametrize(("rule", "document"), [(r, d) for r, d in TOO_MUCH.items() if "octets" not in r])
def test_the_exact_count_agrees_with_the_cheap_bound(rule: str, document: str, padding: str) -> None:
    with pytest.raises(Malformed, match=rule):
        read(document.replace("\n", padding), limits=SMALL)
    inside = "<r>" + padding + "<a/>" * 19 + "</r>"
    assert len(read(inside, limits=SMALL)) == 19


def test_depth_beyond_libxml2() -> None:
    with pytest.raises(Malformed, match="deeper than 100 levels"):
        read("<a>" * 20_000 + "</a>" * 20_000)
    with pytest.raises(LocalError, match="256"):
        Limits(depth=257)


def test_nothing_is_built_for_too_many_attributes() -> None:
    with pytest.raises(Malformed, match="more than 256 attributes"):
        read("<r " + " ".join(f"a{i}=''" for i in range(60_000)) + "/>")


def test_a_line_beyond_16_bits_is_kept() -> None:
    root = read("<r>" + "\n" * 70_000 + "<a/></r>", source="big.scd")
    assert place(root[0]) == "big.scd:70001"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_file(tmp_path / "none.xml")


def test_an_element_of_the_standard_library() -> None:
    source = '<a xmlns="u:x" k="1">t<b xmlns="u:y" xmlns:z="u:z" z:k="2">u</b>v<!-- c -->w</a>'
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = from_element(ElementTree.fromstring(source, parser))
    assert (root.tag, root.text, root.get("k")) == ("{u:x}a", "t", "1")
    assert (root[0].tag, root[0].text, root[0].tail, root[0].get("{u:z}k")) == ("{u:y}b", "u", "vw", "2")
    assert root.nsmap == {None: "u:x"}


def test_an_element_that_xml_does_not_have() -> None:
    root = ElementTree.Element("r")
    ElementTree.SubElement(root, "a").text = "\x00"
    with pytest.raises(Malformed) as caught:
        from_element(root, source="stanza")
    assert caught.value.where == "stanza:/r"
    with pytest.raises(Malformed):
        from_element(ElementTree.Element("not a name"))


def test_a_deep_element_is_refused_without_recursion() -> None:
    root = ElementTree.Element("r")
    top = root
    for _ in range(5000):
        top = ElementTree.SubElement(top, "a")
    with pytest.raises(Malformed, match="deeper than 100 levels"):
        from_element(root)


def test_real_messages_read(shared: Path) -> None:
    samples = sorted((shared / "reference/openadr/samples").rglob("*.xml"))
    scl = [p for p in sorted((shared / "reference/iec61850/scl").iterdir()) if p.suffix in {".cid", ".icd", ".scd"}]
    assert len(samples) > 150
    assert len(scl) > 20
    roots = [read_file(path) for path in samples + scl]
    assert {"oadrPayload", "SCL"} <= {root.tag.rpartition("}")[2] for root in roots}
    wide = shared / "reference/openadr/samples/avob/xmlsignature_oadrPayload.xml"
    assert wide.read_bytes().startswith((b"\xfe\xff", b"\0<"))
    assert read_file(wide).tag.endswith("oadrPayload")


@given(st.binary(max_size=200), st.integers(0, 400), st.sampled_from(ENCODINGS))
def test_garbage_raises_nothing_but_malformed(garbage: bytes, at: int, encoding: str) -> None:
    good = '<?xml version="1.0"?><r a="1"><!-- c --><b>t</b><c/></r>'.encode(encoding)
    for document in (garbage, good[:at] + garbage + good[at + len(garbage) :]):
        try:
            root = read(document)
        except Malformed:
            continue
        assert root.getroottree().docinfo.doctype == ""


def test_invented_names_end_at_a_limit_and_known_ones_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """lxml keeps every name it has met, for good: stanzas may bring so many and no more."""
    monkeypatch.setattr(reader_module, "_names", set())
    monkeypatch.setattr(reader_module, "NAMES", 100)
    good = ElementTree.fromstring("<a b='1'><c/></a>")
    assert from_element(good).tag == "a"
    for number in range((100 - 3) // 3):
        from_element(ElementTree.fromstring(f"<n{number} a{number}=''><m{number}/></n{number}>"))
    for number in range(100, 110):
        with pytest.raises(Malformed, match="different ones have come already"):
            from_element(ElementTree.fromstring(f"<n{number} a{number}=''><m{number}/></n{number}>"))
    assert from_element(good)[0].tag == "c"


INVENTED = (
    "<n{0}/>",
    "<a n{0}=''/>",
    "<a><b/><n{0}>x</n{0}></a>",
    "<p{0}:a xmlns:p{0}='urn:x'/>",
    "<a xmlns='urn:{0}'/>",
    "<a xmlns='urn:?x={0}'/>",
    "<a b='>' n{0}=''/>",
    '<a b=">"\n n{0} = "1"/>',
    "<!-- <a --><n{0}/>",
    "<a><![CDATA[<a b=']]><n{0}/></a>",
    "<a b='<!--'/>",
    "<a><?p <a ?><n{0}/></a>",
    "<a b=\"'\" n{0}='\"'/>",
    "<a><b ></b ><b\tn{0}='>'/></a>",
)


@pytest.mark.parametrize("document", INVENTED)
def test_invented_names_in_documents_end_at_a_limit(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they are put; and what is known goes on."""
    monkeypatch.setattr(reader_module, "_names", set())
    monkeypatch.setattr(reader_module, "_tags", set())
    monkeypatch.setattr(reader_module, "NAMES", 50)
    good = "<a b='1'><c/></a>"
    assert read(good).tag == "a"
    refused = 0
    for number in range(100):
        try:
            read(document.format(number))
        except Malformed as error:
            refused += "different ones have come" in str(error)
    assert refused >= 50 or "{0}" not in document
    assert len(reader_module._names) <= 50
    assert read(good).tag == "a"
    if "{0}" in document:
        assert (
            read(document.format(12345), limits=FILES) is not None
        )  # files that an engineer has chosen are not counted
