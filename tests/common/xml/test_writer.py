"""What is written reads back the same; what XML cannot carry is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError, Malformed
from janusgrid.common.xml import canonical, child, data, escape, escape_value, read, root, text

FORBIDDEN = [chr(c) for c in (0, 1, 8, 11, 12, 14, 31, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF)]
CONTROLS = "".join(chr(c) for c in range(32) if chr(c) not in "\t\n\r")
LEGAL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS + "\ufffe\uffff"))


@given(LEGAL, LEGAL)
def test_escaped_text_reads_back(content: str, value: str) -> None:
    element = read(f'<r a="{escape_value(value)}">{escape(content)}</r>')
    assert (element.get("a"), element.text or "") == (value, content)


@given(LEGAL, LEGAL)
def test_built_elements_read_back(content: str, value: str) -> None:
    element = root("{u:x}r", {None: "u:x"})
    child(element, "{u:x}c", content, k=value)
    for again in (read(text(element)), read(data(element)), read(data(element, declaration=True))):
        assert (again[0].tag, again[0].text or "", again[0].get("k")) == ("{u:x}c", content, value)


def test_plain_text_is_returned_untouched() -> None:
    plain = "plain text"
    assert escape(plain) is plain
    assert escape("a<b>&\r\n\"'") == "a&lt;b&gt;&amp;&#13;\n\"'"
    assert escape_value("a<b>&\r\n\t\"'") == "a&lt;b&gt;&amp;&#13;&#10;&#9;&quot;'"


@pytest.mark.parametrize("character", FORBIDDEN)
def test_characters_that_xml_cannot_carry(character: str) -> None:
    for write in (escape, escape_value, lambda c: child(root("r"), "c", c), lambda c: child(root("r"), "c", k=c)):
        with pytest.raises(LocalError, match=rf"U\+{ord(character):04X}"):
            write(f"a{character}b")


def test_names() -> None:
    with pytest.raises(LocalError, match="not an XML name"):
        root("a b")
    with pytest.raises(LocalError, match="not an XML name"):
        child(root("r"), "<x>")


def test_what_follows_an_element_is_not_part_of_it() -> None:
    element = read("<r><a>x</a>tail</r>")[0]
    assert text(element) == "<a>x</a>"
    assert data(element) == b"<a>x</a>"


def test_canonical_form_is_self_contained_and_does_not_depend_on_where_the_element_stood() -> None:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    one = read(
        f'<a xmlns="urn:a" xmlns:b="urn:b" xmlns:c="urn:c" {xsi}><b:x   z="1" y="2" xsi:type="c:t">1</b:x> </a>'
    )[0]
    other = read(f'<b:x y="2" z="1" xmlns:b="urn:b" xmlns:c="urn:c" {xsi} xsi:type="c:t">1</b:x>')
    assert canonical(one) == canonical(other)
    assert 'xmlns:c="urn:c"' in canonical(one)
    assert "urn:a" not in canonical(one)
    assert canonical(read(canonical(one))) == canonical(one)


def test_a_relative_namespace_has_no_canonical_form() -> None:
    with pytest.raises(Malformed, match="namespace has to be absolute"):
        canonical(read('<a xmlns="relative"/>'))
