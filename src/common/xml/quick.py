"""Reading small documents fast, into the trees of the standard library.

For what has come through another door already, inside a stanza or a protected PDU: its size is known to be small. A
document type cannot be declared, and so no entity either; depth and number of elements are bounded.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, XMLParser, XMLPullParser

from ..errors import Malformed

SIZE = 1 << 20
DEPTH = 64
ELEMENTS = 20_000


def parse(octets: bytes, *, size: int = SIZE, depth: int = DEPTH, elements: int = ELEMENTS) -> Element:
    """Return the root of a document in UTF-8; raise `Malformed` if it is none, or beyond a limit."""
    if len(octets) > size:
        raise Malformed(f"{len(octets)} octets of XML; the limit is {size}")
    if b"<!" in octets or b"<?" in octets:
        raise Malformed("no XML as peers may send: a DOCTYPE, a comment, CDATA or a processing instruction is in it")
    if octets.count(b"<") - octets.count(b"</") > elements:
        raise Malformed(f"more than {elements} elements of XML")
    try:
        octets.decode()
        parser = XMLParser()  # noqa: S314 - nothing is left in it that could do harm
        if _may_be_deep(octets, depth):
            _measure(octets, depth)
        parser.feed(octets)
        root: Element = parser.close()
    except UnicodeDecodeError:
        raise Malformed("XML that is not in UTF-8") from None
    except ParseError as error:
        raise Malformed(f"not well-formed XML: {error}") from None
    return root


def _may_be_deep(octets: bytes, most: int) -> bool:
    """Return whether elements may stand within each other too deeply, taking those that are empty for open ones."""
    level = 1  # the first part follows no end of an element
    for part in octets.split(b"</"):
        level += part.count(b"<") - 1
        if level > most:
            return True
    return False


def _measure(octets: bytes, most: int) -> None:
    """Raise `Malformed` if elements stand within each other too deeply; no tree of it is ever whole."""
    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    depth = 0
    for start in range(0, len(octets), 4096):
        parser.feed(octets[start : start + 4096])
        for event, element in parser.read_events():  # type: ignore[misc]  # the stubs know more kinds of events
            depth += 1 if event == "start" else -1
            if depth > most:
                raise Malformed(f"elements more than {most} deep")
            if event == "end":
                element.clear()  # type: ignore[union-attr]
