"""One XML stream, read as it arrives: bytes in, first-level elements out, each with the bytes it came as.

Elements are not built into trees here: the broker forwards most of them as they are, so only the boundaries, the
start tag and the name of the first child are taken from the parser. All limits are enforced while parsing, and what
RFC 6120 clause 11.1 restricts (comments, processing instructions, DTDs, their entities) never gets further.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree
from xml.parsers import expat

import attrs

from .text import CLIENT, STREAMS, quote

_TAG = re.compile(rb"""<[^"'>]*+(?:(?:"[^"]*"|'[^']*')[^"'>]*+)*+>""")
_ATTRIBUTE = re.compile(rb"""([^\s=<>/"']+)\s*=\s*("[^"]*"|'[^']*')""")
_NAME = re.compile(rb"<([^\s/>]+)")
_BLANK = b" \t\r\n"
_UNDEFINED_ENTITY = expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]

Scope = tuple[tuple[bytes, bytes], ...]
"""Namespace declarations: attribute name and value without its quotes, both as written."""

# What every client has in force on its own stream, so that a forwarded element need not repeat it.
_IN_FORCE: dict[bytes, bytes] = {b"xmlns": CLIENT.encode(), b"xmlns:stream": STREAMS.encode()}


@attrs.frozen(slots=True)
class Header:
    """The start of the stream; `scope` is what it declares beyond the two usual namespaces."""

    name: str
    attributes: dict[str, str]
    default: str
    scope: Scope


@attrs.define(slots=True, eq=False)
class Element:
    """A first-level element.

    Attributes:
        name: `{namespace}local`.
        attributes: decoded; names with a namespace are written `{namespace}local`.
        child: the name of the first child element, empty if there is none.
        children: how many children elements there are.
        raw: the element as it came.
        scope: declarations of the stream's header that are in force in it.
    """

    name: str
    attributes: dict[str, str]
    child: str
    children: int
    raw: bytes
    scope: Scope = ()

    def forward(self, sender: str, to: str | None = None, lang: str = "") -> bytes:
        """Return the element for another stream: `from` is `sender`, the namespaces are declared, the rest is as it
        came. A `to` replaces that of the element; `lang` is given to an element that has none."""
        match = _TAG.match(self.raw)
        name = _NAME.match(self.raw)
        assert match, "the parser let through what is no tag"
        assert name, "the parser let through a tag without a name"
        declared = dict(self.scope)
        parts = [b"<", name[1], b" from=", quote(sender).encode()]
        if to is not None:
            parts += (b" to=", quote(to).encode())
        if lang and b"xml:lang" not in match[0]:
            parts += (b" xml:lang=", quote(lang).encode())
        for key, value in _ATTRIBUTE.findall(match[0], name.end()):
            if key == b"xmlns" or key.startswith(b"xmlns:"):
                declared[key] = value[1:-1]
            elif key != b"from" and (to is None or key != b"to"):
                parts += (b" ", key, b"=", value)
        for key, value in declared.items():
            if _IN_FORCE.get(key) != value:
                parts += (b" ", key, b'="', value.replace(b'"', b"&quot;"), b'"')
        parts += (b"/>" if match[0].endswith(b"/>") else b">", self.raw[match.end() :])
        return b"".join(parts)

    def tree(self) -> ElementTree.Element:
        """Return the element parsed."""
        inherited = "".join(f" {key.decode()}={quote(value)}" for key, value in _IN_FORCE_TEXT.items())
        element = ElementTree.fromstring(f"<x{inherited}>".encode() + self.forward("") + b"</x>")[0]  # noqa: S314
        element.attrib.pop("from", None)
        return element


_IN_FORCE_TEXT = {key: value.decode() for key, value in _IN_FORCE.items()}


@attrs.frozen(slots=True)
class Footer:
    """The end of the stream."""


@attrs.frozen(slots=True)
class Fault:
    """A stream error (RFC 6120 clause 4.9.3); the last event of its stream."""

    condition: str
    text: str


Event = Header | Element | Footer | Fault


class _Stop(Exception):
    """Leaves the parser from inside a handler."""

    def __init__(self, condition: str, text: str) -> None:
        super().__init__(condition, text)
        self.condition = condition
        self.text = text


RENEW = 4_194_304
"""Octets after which a stream is read on by a fresh parser."""


class Scanner:
    """Reads one stream, from its header to its end. `max_bytes` may be changed between two calls of `feed`."""

    def __init__(self, max_bytes: int, *, tag_bytes: int = 16_384, depth: int = 128, elements: int = 20_000) -> None:
        self.max_bytes = max_bytes
        self._tag_bytes = tag_bytes
        self._max_depth = depth + 1  # the stream's own element is the first level
        self._max_elements = elements
        self._events: list[Event] = []
        self._buffer = bytearray()
        self._base = 0  # index in the stream of the buffer's first byte
        self._fed = 0
        self._started = False
        self._done = False
        self._scope: Scope = ()
        self._depth = 0
        self._count = 0
        self._begin = 0  # index of the open first-level element, or of the first byte after the last one
        self._name = ""
        self._attributes: list[str] = []
        self._child = ""
        self._children = 0
        self._root = b""
        self._parser = self._make_parser()
        self._listen()

    def feed(self, data: bytes) -> list[Event]:
        """Return what these bytes complete, in order. After a `Footer` or a `Fault` nothing more is read."""
        if self._done:
            return []
        if not self._started:
            data = data.lstrip(_BLANK)
            if not data:
                return []
            self._started = True
            if data[0] not in b"<\xef":  # the latter begins the mark of UTF-8
                return self._refuse()
        if 0 in data:
            return self._refuse()
        self._buffer += data
        self._fed += len(data)
        try:
            self._parser.Parse(data, False)
            self._check()
        except _Stop as stop:
            self._end(Fault(stop.condition, stop.text))
        except expat.ExpatError as error:
            restricted = error.code == _UNDEFINED_ENTITY
            self._end(Fault("restricted-xml" if restricted else "not-well-formed", str(error)))
        if self._fed > RENEW and self._depth == 1 and self._begin == self._fed and not self._done:
            self._renew()
        events, self._events = self._events, []
        return events

    @property
    def idle(self) -> bool:
        """True if nothing but blanks has come since the last complete element."""
        return self._depth <= 1 and not self._buffer.strip(_BLANK)

    def _make_parser(self) -> expat.XMLParserType:
        # The encoding is UTF-8 whatever the stream claims (RFC 6120 clause 11.6).
        parser = expat.ParserCreate("UTF-8", " ")
        if hasattr(parser, "SetReparseDeferralEnabled"):
            # Newer versions of expat wait for more bytes after a long token; here no more may come, and the work
            # that this would save is bounded by tag_bytes.
            parser.SetReparseDeferralEnabled(False)
        parser.ordered_attributes = True
        return parser

    def _renew(self) -> None:
        """Go on with a fresh parser that is told the header again: the old one keeps every name it ever met."""
        self._parser = self._make_parser()
        self._parser.Parse(self._root, False)
        self._base = self._begin = self._fed = len(self._root)
        self._listen()

    def _listen(self) -> None:
        parser = self._parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._finish
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = _restricted("a document type declaration")
        parser.CommentHandler = _restricted("a comment")
        parser.ProcessingInstructionHandler = _restricted("a processing instruction")

    def _refuse(self) -> list[Event]:
        # The parser would take some of these for UTF-16, although it was told that the stream is in UTF-8.
        self._done = True
        return [Fault("not-well-formed", "this is not XML in UTF-8")]

    def _end(self, event: Event) -> None:
        self._events.append(event)
        self._done = True
        self._buffer.clear()

    def _check(self) -> None:
        """Bound what is not complete, and drop what is."""
        if self._done:
            return
        parsed = self._parser.CurrentByteIndex
        if self._fed - parsed > 4 * self._tag_bytes:
            raise self._long_tag()
        if self._depth > 1:
            self._check_size(self._fed)
        else:
            if self._depth == 1:
                self._check_gap(parsed)
            self._begin = parsed
        del self._buffer[: self._begin - self._base]
        self._base = self._begin

    def _long_tag(self) -> _Stop:
        return _Stop("policy-violation", f"the attributes of a tag are longer than {self._tag_bytes} characters")

    def _check_size(self, end: int) -> None:
        if end - self._begin > self.max_bytes:
            raise _Stop("policy-violation", f"an element is longer than {self.max_bytes} bytes")

    def _check_gap(self, end: int) -> None:
        if self._buffer[self._begin - self._base : end - self._base].strip(_BLANK):
            raise _Stop("bad-format", "there is text between two elements")

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise _Stop("unsupported-encoding", f"the stream is in {encoding[:40]}, not in UTF-8")

    def _start(self, name: str, attributes: list[str]) -> None:
        self._depth = depth = self._depth + 1
        self._count += 1
        if attributes and sum(map(len, attributes)) > self._tag_bytes:
            raise self._long_tag()
        if depth > 3:
            if depth > self._max_depth:
                raise _Stop("policy-violation", f"elements are nested more than {self._max_depth - 1} levels deep")
            if self._count > self._max_elements:
                raise _Stop("policy-violation", f"there are more than {self._max_elements} elements in one")
        elif depth == 3:
            self._children += 1
            if not self._child:
                self._child = _clark(name)
        elif depth == 2:
            begin = self._parser.CurrentByteIndex
            self._check_gap(begin)
            self._begin = begin
            self._name, self._attributes = name, attributes
            self._child, self._children, self._count = "", 0, 1
        else:
            self._header(name, attributes)

    def _header(self, name: str, attributes: list[str]) -> None:
        begin = self._parser.CurrentByteIndex
        match = _TAG.match(self._buffer, begin - self._base)
        assert match, "the parser let through what is no tag"
        tag = bytes(match[0])
        del match  # it would keep the buffer from being resized
        self._root = tag
        self._begin = begin + len(tag)
        declared = {b"xmlns": b""}
        for key, value in _ATTRIBUTE.findall(tag):
            if key == b"xmlns" or key.startswith(b"xmlns:"):
                declared[key] = value[1:-1]
        self._scope = tuple((key, value) for key, value in declared.items() if _IN_FORCE.get(key) != value)
        default = declared[b"xmlns"].decode()
        self._events.append(Header(_clark(name), _pairs(attributes), default, self._scope))

    def _finish(self, name: str) -> None:
        self._depth = depth = self._depth - 1
        if depth > 1:
            return
        if depth == 0:
            self._check_gap(self._parser.CurrentByteIndex)
            self._end(Footer())
            return
        start = self._begin - self._base
        match = _TAG.match(self._buffer, start)
        assert match, "the parser let through what is no tag"
        end = match.end()
        del match
        if self._buffer[end - 2] != 0x2F:  # no "/>": the end tag stands where the parser is
            end = self._buffer.index(b">", self._parser.CurrentByteIndex - self._base) + 1
        self._check_size(end + self._base)
        self._events.append(
            Element(
                _clark(self._name),
                _pairs(self._attributes),
                self._child,
                self._children,
                bytes(self._buffer[start:end]),
                self._scope,
            )
        )
        self._begin = end + self._base


def _restricted(what: str) -> Callable[..., None]:
    def stop(*_: object) -> None:
        raise _Stop("restricted-xml", f"{what} is not allowed in a stream")

    return stop


def _clark(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return f"{{{namespace}}}{local}" if namespace else local


def _pairs(flat: list[str]) -> dict[str, str]:
    return {_clark(flat[i]): flat[i + 1] for i in range(0, len(flat), 2)}
