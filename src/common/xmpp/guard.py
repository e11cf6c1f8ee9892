"""What comes in from the network, bounded: one stanza must never be able to end a session or fill the memory.

The server vouches for the sender of a stanza and for nothing else. `StanzaReader` cuts the byte stream into stanzas
and counts depth, elements and size while it parses; a stanza beyond a limit is still delivered, marked with its
fault, so that it can be answered and counted. What only a broken or hostile server can send raises `StreamFault`.
"""

from __future__ import annotations

import codecs
import logging
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

import attrs

from ..errors import Malformed

_log = logging.getLogger(__name__)

# Anything before the root but an XML declaration (RFC 6120 clause 11.1): a DOCTYPE could only stand here.
_PROLOG = re.compile(r"\ufeff?\s*(?:<\?xml\s[^<>]*\?>)?\s*<(?=[A-Za-z_])")
_FORBIDDEN = re.compile(r"\A\ufeff?\s*[^\ufeff<\s]|<!|\?>\s*<\?|\0")
_PROLOG_SIZE = 1024
# Many stanzas may come in one read. Parsed all at once their trees would live together, and the garbage collector
# would go through them again and again: with 50 requests of 5 kB outstanding that costs a third of the time.
_SLICE = 8192
# A parser keeps every name it has ever met, for as long as it lives: a peer that invents names would fill the memory,
# stanza by stanza. After so many octets the stream is read on by a fresh parser, which is told the header again.
_RENEW = 4_194_304
_START_TAG = re.compile(r"""[^<]*(?:<\?[^>]*\?>)?\s*<[^\s>/]+(?:[^>"']|"[^"]*"|'[^']*')*>""")


@attrs.frozen(slots=True)
class Limits:
    """Bounds of one incoming or outgoing stanza.

    Attributes:
        size: octets of a stanza; servers commonly allow clients 256 KiB.
        depth: levels of elements, the stanza itself being the first.
        elements: number of elements.
        endless: octets of an unfinished stanza after which the stream is given up, for no server relays such a thing.
    """

    size: int = 262_144
    depth: int = 64
    elements: int = 20_000
    endless: int = 8_388_608


class StreamFault(Malformed):
    """The stream itself is broken; `code` is the stream error condition (RFC 6120 clause 4.9.3)."""

    def __init__(self, condition: str, message: str) -> None:
        super().__init__(message, code=condition)
        self.condition = condition


class Opened(NamedTuple):
    """The stream header came; its attributes are there until the next stanza."""

    root: Element


class Stanza(NamedTuple):
    """A whole stanza came; `fault` is the event code of the limit it breaks, None if it keeps all."""

    xml: Element
    fault: str | None


class Closed(NamedTuple):
    """The peer closed the stream."""


class StanzaReader:
    """Cuts one XML stream into stanzas. No I/O: it is fed octets and gives back what they complete."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._parser: XMLPullParser[Element] = XMLPullParser(("start", "end", "comment", "pi"))
        self._prolog: str | None = ""
        self._header = ""
        self._read = 0
        self._root: Element | None = None
        self._depth = 0
        self._elements = 0
        self._octets = 0
        self._fault: str | None = None

    def feed(self, data: bytes) -> Iterator[Opened | Stanza | Closed]:
        """Yield what `data` completes; raise `StreamFault` when the stream can go no further.

        A stanza that was yielded belongs to the caller.
        """
        for start in range(0, len(data), _SLICE):
            part = data[start : start + _SLICE]
            self._octets += len(part)
            self._read += len(part)
            if self._octets > self._limits.endless:
                raise StreamFault("policy-violation", f"a stanza of more than {self._limits.endless} octets")
            try:
                text = self._decoder.decode(part)
                self._parse(text)
                yield from self._events(len(part))
            except UnicodeDecodeError as error:
                raise StreamFault("not-well-formed", "the stream is not UTF-8") from error
            except ParseError as error:
                raise StreamFault("not-well-formed", f"the stream is not well-formed XML: {error}") from error
            if self._depth == 1:
                self._octets = 0  # white space between stanzas keeps connections alive and is no stanza
                if (
                    self._read > _RENEW and self._header and text.endswith(">")
                ):  # the parser holds no beginning of the next stanza
                    self._renew()

    def _renew(self) -> None:
        """Go on with a fresh parser, as if the stream had just been opened."""
        self._parser = XMLPullParser(("start", "end", "comment", "pi"))
        self._parser.feed(self._header)
        ((_, self._root),) = cast(Iterator[tuple[str, Element]], self._parser.read_events())
        self._read = 0

    def _parse(self, text: str) -> None:
        if self._root is None and len(self._header) <= self._limits.size:
            self._header += text
        if self._prolog is None:
            self._parser.feed(text)
            return
        self._prolog += text
        if _PROLOG.match(self._prolog):
            self._parser.feed(self._prolog)
            self._prolog = None
        elif len(self._prolog) > _PROLOG_SIZE or _FORBIDDEN.search(self._prolog):
            raise StreamFault("restricted-xml", "something stands before the stream header: no XMPP, or a DTD")

    def _events(self, fed: int) -> Iterator[Opened | Stanza | Closed]:
        most_deep, most = self._limits.depth + 1, self._limits.elements
        depth, elements = self._depth, self._elements
        try:
            for event, element in cast(Iterator[tuple[str, Element]], self._parser.read_events()):
                if event == "start":
                    depth += 1
                    if depth == 1:
                        self._root = element
                        found = _START_TAG.match(self._header)
                        self._header = found[0] if found else ""
                        yield Opened(element)
                        continue
                    elements += 1
                    if depth > most_deep:
                        self._fault = "stanza-too-deep"
                    elif elements > most:
                        self._fault = "stanza-too-many-elements"
                elif event == "end":
                    depth -= 1
                    if depth == 1:
                        yield Stanza(element, self._fault or self._weigh(element))
                        self._next(fed)
                        elements = 0
                    elif depth == 0:
                        yield Closed()
                    elif self._fault:
                        element.clear()  # it is refused already: hold no more of it than must be
                elif depth > 1:
                    self._fault = "restricted-xml"
                else:
                    raise StreamFault("restricted-xml", "a comment or processing instruction between stanzas")
        finally:
            self._depth, self._elements = depth, elements

    def _next(self, fed: int) -> None:
        assert self._root is not None
        self._root.clear()
        self._fault = None
        self._octets = min(self._octets, fed)

    def _weigh(self, element: Element) -> str | None:
        """Return the fault of a stanza that may be too large; the tree is only walked when the octets allow it."""
        if self._octets <= self._limits.size:
            return None
        size = 0
        for node in element.iter():
            size += 2 * len(node.tag.rpartition("}")[2]) + 5 + len(node.text or "") + len(node.tail or "")
            size += sum(len(name) + len(value) + 4 for name, value in node.attrib.items())
        return "stanza-too-large" if size > self._limits.size else None


class Refusals:
    """Counts what was refused, by event code, and logs it without ever filling the log: 1 to 10, then each 100th."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.counts: Counter[str] = Counter()

    def note(self, code: str, peer: str, detail: str = "") -> None:
        """Count and log that something of `peer` was refused for the reason `code`."""
        self.counts[code] += 1
        count = self.counts[code]
        if count <= 10 or count % 100 == 0:
            _log.warning(
                "%s refused %s from %s (%d so far)%s",
                self.owner,
                code,
                peer[:200] or "the server",
                count,
                f": {' '.join(detail.split())[:300]}" if detail else "",  # a peer's words shall not forge log lines
                extra={"event": code, "peer": peer[:200], "count": count},
            )

    def failed(self, code: str, peer: str) -> None:
        """Count and log, with its traceback, the exception that our own code raised on something of `peer`."""
        self.counts[code] += 1
        _log.exception(
            "%s: %s on a stanza of %s", self.owner, code, peer[:200], extra={"event": code, "peer": peer[:200]}
        )
