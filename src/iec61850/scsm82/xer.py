"""XER as the wire below the mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ..mms import decode_xer, encode_xer, pdu
from ..mms.dialect import Dialect
from .security import EndToEnd, Off

if TYPE_CHECKING:
    from .validation import Validation

_AROUND = 2_048
"""Octets that a stanza may take beside its JIDs and what it carries."""
_ESCAPED = 6
"""Octets that a character of a JID takes at most, where it is escaped."""
_PROTECTED = 256
"""Octets that end-to-end security adds to a PDU, before it is written in base64."""


class XerWire:
    """PDUs as XML text in one dialect. The PDU size counts the octets of the PDU's element, without what is around it
    (the standard's own way of counting is not publicly known)."""

    name_overhead = len("<Identifier></Identifier>")

    def __init__(self, dialect: Dialect, validation: Validation | None = None, peer: str = "") -> None:
        self.dialect = dialect
        self._validation = validation
        self._peer = peer

    def encode(self, message: pdu.MMSpdu) -> str:
        """Return the PDU as XML text."""
        text = encode_xer(message, self.dialect)
        if self._validation is not None:
            self._validation.sent(text)
        return text

    def decode(self, element: Element) -> pdu.MMSpdu:
        """Return the PDU of an element; raise `MmsDecodeError`."""
        if self._validation is not None:
            self._validation.received(element, self._peer)
        return decode_xer(element, self.dialect)

    def size(self, payload: str) -> int:
        """Return the octets of the text."""
        return len(payload) if payload.isascii() else len(payload.encode())


def largest(stanza: int, own: str, peer: str, security: EndToEnd) -> int:
    """Return the octets of the largest PDU for which a stanza of `stanza` octets has room, between these JIDs."""
    room = stanza - _AROUND - _ESCAPED * (len(own.encode()) + len(peer.encode()))
    if not isinstance(security, Off):
        room = room // 4 * 3 - _PROTECTED
    return max(0, room)
