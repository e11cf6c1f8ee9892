"""Reading XML that comes from outside.

A document is decoded here, by us; a DOCTYPE is refused before any parser sees it; size and number of nodes are bounded
before a tree is built; then libxml2 parses it with entities off and no network. Validation is a second step
(`schema.py`): libxml2 given a schema while parsing does not survive an entity reference.

Most documents are proved small by counting two characters. Only one that is not is counted exactly, by a streaming
pass. lxml keeps every name that a thread has ever met: so many different names are let through in the life of the
process (`NAMES`), so that no peer can fill the memory by inventing some. Tags are compared with those met before; only
a document with others goes through a streaming pass, which keeps nothing, before libxml2 sees it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element as StdElement
from xml.parsers import expat

import attrs
from lxml import etree

from ..errors import ConfigError, LocalError, Malformed

Element = etree._Element

MAX_DEPTH = 256
"""libxml2's own limit; no `Limits` can go beyond it."""


@attrs.frozen(slots=True)
class Limits:
    """How much is accepted.

    Attributes:
        size: octets of the document as it came in.
        depth: levels of elements, the root being the first; at most 256.
        elements: elements in the document.
        attributes: attributes of one element.
        names: whether names that nobody has used before count against `NAMES`.
    """

    size: int = 1 << 20
    depth: int = attrs.field(default=100)
    elements: int = 50_000
    attributes: int = 256
    names: bool = True

    @depth.validator
    def _within_parser(self, _: object, depth: int) -> None:
        if not 0 < depth <= MAX_DEPTH:
            raise LocalError(f"a depth limit is from 1 to {MAX_DEPTH}, not {depth}")


WIRE = Limits()
"""For messages of peers."""

FILES = Limits(size=64 << 20, elements=2_000_000, names=False)
"""For engineering files (SCL) that an engineer chose to load."""

_PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    load_dtd=False,
    dtd_validation=False,
    attribute_defaults=False,
    no_network=True,
    huge_tree=False,
    recover=False,
    remove_comments=True,
    remove_pis=True,
    collect_ids=False,
)
_SPACE = re.compile(rb"[ \t\r\n]*")
_DECLARED = re.compile(rb"<\?xml[ \t\r\n][^>]*?encoding[ \t\r\n]*=[ \t\r\n]*[\"']([A-Za-z0-9._-]+)")
_POSITION = re.compile(r",? ?line \d+, column \d+.*", re.DOTALL)
_SINGLE_BYTE = {"iso-8859-1": "latin-1", "latin-1": "latin-1", "windows-1252": "cp1252"}
_BOMS = (
    (codecs.BOM_UTF32_LE, ""),
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


def read(data: bytes | str, *, limits: Limits = WIRE, source: str | None = None) -> Element:
    """Return the root element of the document `data`, without comments and processing instructions.

    `source` names the document in errors and in `place`. UTF-8, UTF-16 and the single-byte encodings that
    declare themselves are read; text (`str`) is taken as it is, whatever it declares.

    Raises:
        Malformed: not well-formed, a DOCTYPE, or beyond a limit; `where` is `source:line:column`.
    """
    octets = _decoded(data, limits, source)
    _refuse_doctype(octets, source)
    tags, equals = octets.count(b"<"), octets.count(b"=")
    counted = tags + equals > limits.elements
    if counted:
        _count(octets, limits, source)
    if limits.names:
        _acquaint(octets, source)
    try:
        root = etree.fromstring(octets, _PARSER, base_url=source or "")
    except etree.XMLSyntaxError as error:
        raise _not_parsed(error, limits, source) from None
    if not counted:
        _measure(root, limits, source, deep=tags > limits.depth, wide=equals > limits.attributes)
    return root


def read_file(path: Path, *, limits: Limits = FILES) -> Element:
    """Return the root element of a file; raise `ConfigError` if it cannot be read, else as `read`."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limits.size + 1)
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", where=str(path)) from None
    return read(data, limits=limits, source=str(path))


def place(element: Element) -> str:
    """Return where an element stands, `source:line`, for messages; the source alone if it has no line."""
    source = element.getroottree().docinfo.URL or "document"
    return _where(source, line(element))


def line(element: Element) -> int:
    """Return the line on which an element starts; 0 if it was not read from text."""
    return getattr(element, "sourceline", None) or 0


def from_element(
    element: StdElement,
    *,
    limits: Limits = WIRE,
    source: str | None = None,
    prefixes: Mapping[str, str] | None = None,
) -> Element:
    """Return a copy of a standard-library element (an XMPP payload) under the same limits, without recursion.

    Such elements know no prefixes any more. `prefixes` (prefix to namespace) are declared at the root and used again.

    Raises:
        Malformed: beyond a limit, or a name or character that XML does not have; `where` is `source:/path`.
    """
    root = _copy(element, None, source, prefixes)
    budget = limits.size - _weight(element)
    count = 1
    stack: list[tuple[Iterator[StdElement], Element]] = [(iter(element), root)]
    while stack:
        children, target = stack[-1]
        for child in children:
            tag: object = child.tag
            if not isinstance(tag, str):  # a comment or processing instruction: only what follows it counts
                _append(target, child.tail)
                continue
            count += 1
            budget -= _weight(child)
            depth, wide = len(stack) + 1, len(child.attrib)
            if count > limits.elements or budget < 0 or depth > limits.depth or wide > limits.attributes:
                raise _over(_broken(limits, count, depth, wide), f"{source or 'stanza'}:{_path(target)}")
            copy = _copy(child, target, source)
            if len(child):
                stack.append((iter(child), copy))
                break
        else:
            stack.pop()
    return root


def _decoded(data: bytes | str, limits: Limits, source: str | None) -> bytes:
    """Return the document as UTF-8 octets without a byte-order mark."""
    if len(data) > limits.size:
        raise _over(f"larger than {limits.size} octets", _where(source))
    encoding = "utf-8"
    try:
        if isinstance(data, str):
            octets = data.removeprefix("\ufeff").encode()
        else:
            encoding = _encoding(data, source)
            text = data.decode(encoding)
            octets = data if encoding == "utf-8" else text.encode()
    except UnicodeError as error:
        raise Malformed(f"not {encoding} text: {error.args[-1]}", where=_where(source)) from None
    if (at := octets.find(b"\0")) >= 0:
        raise Malformed("a NUL character", where=_position(octets, at, source))
    return octets


def _encoding(data: bytes, source: str | None) -> str:
    """Return the codec of a document: by its first octets, else by what it declares, else UTF-8."""
    for mark, codec in _BOMS:
        if data.startswith(mark):
            if codec:
                return codec
            raise Malformed("UTF-32 is not accepted: send UTF-8", where=_where(source))
    declared = _DECLARED.match(data)
    if declared is None:
        return "utf-8"
    name = declared[1].decode("ascii").lower()
    if name in {"utf-8", "utf8", "us-ascii", "ascii"}:
        return "utf-8"
    if name in _SINGLE_BYTE:
        return _SINGLE_BYTE[name]
    raise Malformed(f"encoding {name!r} is not accepted, or not what the octets are: send UTF-8", where=_where(source))


def _refuse_doctype(octets: bytes, source: str | None) -> None:
    """Walk over what may stand before the root element; a DOCTYPE can stand nowhere else."""
    at = 0
    while True:
        at = _SPACE.match(octets, at).end()  # type: ignore[union-attr]  # matches the empty string
        if octets.startswith(b"<!--", at):
            end = octets.find(b"-->", at + 4) + 3
        elif octets.startswith(b"<?", at):
            end = octets.find(b"?>", at + 2) + 2
        else:
            break
        if end < at:
            raise Malformed("not well-formed: a comment or instruction never ends", where=_position(octets, at, source))
        at = end
    if octets.startswith(b"<!", at):
        raise Malformed("a DOCTYPE is not accepted: remove it", where=_position(octets, at, source))


def _count(octets: bytes, limits: Limits, source: str | None) -> None:
    """Count exactly, without a tree."""
    parser = expat.ParserCreate("utf-8")
    elements = depth = 0

    def start(_: str, attributes: list[str]) -> None:
        nonlocal elements, depth
        elements += 1
        depth += 1
        if elements > limits.elements or depth > limits.depth or len(attributes) > 2 * limits.attributes:
            rule = _broken(limits, elements, depth, len(attributes) // 2)
            raise _over(rule, _where(source, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1))

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser.ordered_attributes = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(octets, True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise Malformed(f"not well-formed: {reason}", where=_where(source, error.lineno, error.offset + 1)) from None


def _measure(root: Element, limits: Limits, source: str | None, *, deep: bool, wide: bool) -> None:
    """Check the depth and the attributes, where they are in doubt, of a tree that is small and at most 256 deep."""
    too_deep, too_wide = _xpaths(limits)
    if deep and (found := too_deep(root)):
        raise _over(_broken(limits, 0, limits.depth + 1, 0), _where(source, line(found[0])))
    if wide and (found := too_wide(root)):
        raise _over(_broken(limits, 0, 0, len(found[0].attrib)), _where(source, line(found[0])))


_TAG = re.compile(rb"<[^/!?][^>]*>")
_PLAIN_TAG = re.compile(rb"""<[^\s<>"'=/]++(?:\s++[^\s<>"'=/]++=(?:"[^"<>]*+"|'[^'<>]*+'))*+\s*+/?>""")
_MOST_TAGS = 20_000
_tags: set[bytes] = set()
"""Tags as they stand in documents, whose names were let through. Such a tag means the same wherever it stands."""


def _acquaint(octets: bytes, source: str | None) -> None:
    """Let the names of a document through to libxml2; raise `Malformed` once too many different ones have come."""
    tags = set(_TAG.findall(octets))
    if tags <= _tags:
        return
    parser = expat.ParserCreate("utf-8")

    def start(tag: str, attributes: list[str]) -> None:
        found = [*tag.split(":"), *(part for name in attributes[::2] for part in name.split(":"))]
        found += (value for name, value in zip(attributes[::2], attributes[1::2], strict=True) if name[:5] == "xmlns")
        try:
            for name in found:
                if name not in _names:
                    _admit(name)
        except ValueError as error:
            raise Malformed(f"{error}", where=_where(source, parser.CurrentLineNumber)) from None

    parser.ordered_attributes = True
    parser.StartElementHandler = start
    try:
        parser.Parse(octets, True)
    except expat.ExpatError:
        pass  # libxml2 stops there too, and says why
    finally:
        parser.StartElementHandler = None  # which leads back to the parser: nothing is to wait for a collection
    if len(_tags) > _MOST_TAGS:
        _tags.clear()
    _tags.update(tag for tag in tags if len(tag) < 1_000 and _PLAIN_TAG.fullmatch(tag))


def familiar(names: Iterable[str]) -> None:
    """Let the names of a vocabulary through always, however many others have come."""
    _names.update(names)


NAMES = 50_000
"""Different names of elements, attributes and namespaces that peers may bring in the life of the process."""
_LONGEST_NAME = 1_000
_names: set[str] = set()


def _admit(name: str) -> None:
    """Let a name through to lxml; raise ValueError once too many different ones have come."""
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"{_short(name, 80)} is too long for a name")
    if len(_names) >= NAMES:
        raise ValueError(f"{_short(name, 80)} is a new name, and {NAMES} different ones have come already")
    _names.add(name)


_CACHE: dict[Limits, tuple[Any, Any]] = {}


def _xpaths(limits: Limits) -> tuple[Any, Any]:
    found = _CACHE.get(limits)
    if found is None:
        deep = etree.XPath("/*" * (limits.depth + 1), smart_strings=False)
        wide = etree.XPath(f"//*[@*[{limits.attributes + 1}]]", smart_strings=False)
        found = _CACHE[limits] = deep, wide
    return found


def _not_parsed(error: etree.XMLSyntaxError, limits: Limits, source: str | None) -> Malformed:
    where = _where(source, *error.position)
    reason = _POSITION.sub("", _short(error.msg or "no element"))
    if reason.startswith("Excessive depth"):
        return _over(_broken(limits, 0, limits.depth + 1, 0), where)
    return Malformed(f"not well-formed: {reason}", where=where)


def _broken(limits: Limits, elements: int, depth: int, attributes: int) -> str:
    """Say which limit these counts break; the size if none of them does."""
    if elements > limits.elements:
        return f"more than {limits.elements} elements"
    if depth > limits.depth:
        return f"deeper than {limits.depth} levels"
    if attributes > limits.attributes:
        return f"more than {limits.attributes} attributes in one element"
    return f"larger than {limits.size} octets"


def _over(rule: str, where: str) -> Malformed:
    return Malformed(f"{rule}: refused", where=where)


def _copy(
    element: StdElement, parent: Element | None, source: str | None, prefixes: Mapping[str, str] | None = None
) -> Element:
    """Return a shallow copy of `element`, with its text and tail, under `parent`."""
    try:
        if element.tag not in _names:
            _admit(element.tag)
        for name in element.attrib:
            if name not in _names:
                _admit(name)
        if parent is None:
            namespace, brace, _ = element.tag.rpartition("}")
            nsmap: Any = {None: namespace[1:]} if brace and namespace[1:] else None
            if prefixes is not None:
                nsmap = dict(prefixes)
            copy = etree.Element(element.tag, element.attrib, nsmap)
        else:
            copy = etree.SubElement(parent, element.tag, element.attrib or None)
            if element.tail:
                copy.tail = element.tail
        if element.text:
            copy.text = element.text
    except (ValueError, TypeError, AttributeError) as error:
        path = "/" if parent is None else _path(parent)
        raise Malformed(f"not XML: {_short(str(error))}", where=f"{source or 'stanza'}:{path}") from None
    return copy


def _append(target: Element, text: str | None) -> None:
    if text and len(target):
        target[-1].tail = (target[-1].tail or "") + text
    elif text:
        target.text = (target.text or "") + text


def _weight(element: StdElement) -> int:
    weight = len(element.tag) + len(element.text or "") + len(element.tail or "")
    if element.attrib:
        weight += sum(len(name) + len(value) for name, value in element.attrib.items())
    return weight


def _path(element: Element) -> str:
    steps = [etree.QName(step).localname for step in (*reversed([*element.iterancestors()]), element)]
    return "/" + "/".join(steps[:8])


def _where(source: str | None, line: int | None = None, column: int | None = None) -> str:
    return ":".join(str(part) for part in (source or "document", line, column) if part)


def _position(octets: bytes, at: int, source: str | None) -> str:
    return _where(source, octets.count(b"\n", 0, at) + 1, at - octets.rfind(b"\n", 0, at))


def _short(text: str, length: int = 300) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
