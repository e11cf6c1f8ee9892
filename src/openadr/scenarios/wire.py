"""What travels: heard and said word by word, and shown without what is secret."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element as StdElement

import attrs

from ...common.errors import JanusGridError
from ...common.xml import canonical
from ..binding.envelopes import Envelopes, Opened
from ..codec import element
from ..model import Message

SECRET = ("registrationID", "SignatureValue", "X509Certificate", "DigestValue", "nonce", "Modulus")
"""Elements whose content is left out."""

LONGEST = 6_000
"""Characters of a message that are shown."""

_SECRET = re.compile(rf"(<(?:[\w.-]+:)?(?:{'|'.join(SECRET)})(?:\s[^>]*)?>)([^<]+)(<)")
_PASSWORD = re.compile(r"(https?://)[^/@\s<]*@")
_TOKEN = re.compile(r"<[^>]*>|[^<]+")


@attrs.frozen(slots=True, eq=False, kw_only=True)
class Raw(Message):
    """A text that is sent as it is."""

    text: str


class Recorder(Envelopes):
    """Envelopes that remember what was in them, and what could not be read."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._texts: dict[int, tuple[Message, str]] = {}
        self.faults: list[str] = []
        self.last = ""

    def clear(self) -> None:
        """Forget everything."""
        self._texts.clear()
        self.faults.clear()
        self.last = ""

    def open(self, identity: str, data: bytes | str | StdElement) -> Opened:
        """Return the message in a document, and remember its text (see `Envelopes.open`)."""
        text = _text(data)
        self.last = text
        try:
            opened = super().open(identity, data)
        except JanusGridError as error:
            self.faults.append(f"what came cannot be accepted: {error}")
            raise
        self._texts[id(opened.message)] = opened.message, text
        return opened

    def close(self, message: Message, identity: str, *, signed: bool = False) -> str:
        """Return the text of a message, and remember it (see `Envelopes.close`)."""
        text = message.text if isinstance(message, Raw) else super().close(message, identity, signed=signed)
        self._texts[id(message)] = message, text
        return text

    def text(self, message: Message) -> str:
        """Return the text of a message that came or went; empty if it did not."""
        return self._texts.get(id(message), (None, ""))[1]


def _text(data: bytes | str | StdElement) -> str:
    if isinstance(data, bytes):
        return data.decode("utf-8", "replace")
    if isinstance(data, str):
        return data
    try:
        return canonical(element(data))
    except JanusGridError:
        return ElementTree.tostring(data, encoding="unicode")


def shown(text: str) -> str:
    """Return a text for people: element by element, without secrets, not too long."""
    return _indented(hidden(text))[:LONGEST]


def hidden(text: str) -> str:
    """Return a text without secrets; equal ones have equal marks in their place."""

    def mark(match: re.Match[str]) -> str:
        digest = hashlib.sha256(match[2].strip().encode()).hexdigest()[:6]
        return f"{match[1]}[left out, {digest}]{match[3]}"

    return _PASSWORD.sub(r"\1", _SECRET.sub(mark, text))


def _indented(text: str) -> str:
    """Return XML with an element a line; what is no XML comes out as it is, but for its line ends."""
    lines: list[str] = []
    depth = 0
    inline = False
    for token in _TOKEN.findall(text[: 4 * LONGEST]):
        if token.startswith("</"):
            depth = max(0, depth - 1)
            if inline and lines:
                lines[-1] += token
            else:
                lines.append("  " * depth + token)
            inline = False
        elif token.startswith("<"):
            lines.append("  " * depth + token)
            inline = not token.endswith("/>") and not token.startswith(("<?", "<!"))
            depth += inline
        elif token.strip():
            if inline and lines:
                lines[-1] += token.strip()
            else:
                lines.append("  " * depth + token.strip())
    return "\n".join(lines)
