"""Writing XML: text of elements, and the escapes for codecs that render text themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

from ..errors import LocalError, Malformed
from .reader import Element, place

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_TEXT = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_VALUE = re.compile('[&<>"\r\n\t\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


def escape(text: str) -> str:
    """Return `text` as it stands between tags; raise `LocalError` for a character that XML cannot carry."""
    return _IN_TEXT.sub(_escaped, text) if _IN_TEXT.search(text) else text


def escape_value(text: str) -> str:
    """Return `text` as it stands between the double quotes of an attribute; raise `LocalError` as `escape`."""
    return _IN_VALUE.sub(_escaped, text) if _IN_VALUE.search(text) else text


def text(element: Element) -> str:
    """Return the element as XML text without a declaration and without what follows it."""
    return etree.tostring(element, encoding="unicode", with_tail=False)


def data(element: Element, *, declaration: bool = False) -> bytes:
    """Return the element as UTF-8 octets, with an XML declaration if asked."""
    return etree.tostring(element, encoding="utf-8", xml_declaration=declaration, with_tail=False)


def document(element: Element) -> str:
    """Return the element as the text of a file: with a declaration, indented by two spaces, and a last line feed.

    White space is added between elements only; an element that holds text keeps it as it is.
    """
    etree.indent(element, space="  ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text(element)}\n'


def canonical(element: Element) -> str:
    """Return the element in exclusive canonical form: self-contained, and the same wherever it stands.

    Prefixes that only an `xsi:type` uses stay declared. A relative namespace has no such form: `Malformed`.
    """
    types = (each.get(_XSI_TYPE, "").partition(":") for each in element.iter())
    prefixes = sorted({prefix for prefix, colon, _ in types if colon}) or None
    try:
        octets: bytes = etree.tostring(
            element, method="c14n", exclusive=True, inclusive_ns_prefixes=prefixes, with_tail=False
        )
    except etree.C14NError:
        raise Malformed("has no canonical form: every namespace has to be absolute", where=place(element)) from None
    return octets.decode()


def root(tag: str, namespaces: Mapping[str | None, str] | None = None) -> Element:
    """Return a new root element `{namespace}local`, with these prefixes declared."""
    declared: Any = dict(namespaces) if namespaces else None
    return etree.Element(_name(tag), None, declared)


def child(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """Return a new last child of `parent`; raise `LocalError` for a name or character that XML cannot carry."""
    element = etree.SubElement(parent, _name(tag))
    if text is not None:
        element.text = _legal(text)
    for name, value in attributes.items():
        element.set(name, _legal(value))
    return element


def _escaped(match: re.Match[str]) -> str:
    found = _ESCAPES.get(match[0])
    if found is None:
        raise _illegal(match[0])
    return found


def _legal(text: str) -> str:
    if found := _FORBIDDEN.search(text):
        raise _illegal(found[0])
    return text


def _illegal(character: str) -> LocalError:
    return LocalError(f"character U+{ord(character):04X} cannot be carried by XML: remove it")


def _name(tag: str) -> str:
    try:
        etree.QName(tag)
    except ValueError:
        raise LocalError(f"{tag!r} is not an XML name") from None
    return tag
