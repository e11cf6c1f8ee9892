"""XER as the wire below the mapping."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from ..mms import decode_xer, encode_xer, pdu
from ..mms.dialect import Dialect


class XerWire:
    """PDUs as XML text in one dialect. The PDU size counts the octets of the PDU's element, without what is around it
    (the standard's own way of counting is not publicly known)."""

    name_overhead = len("<Identifier></Identifier>")

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def encode(self, message: pdu.MMSpdu) -> str:
        """Return the PDU as XML text."""
        return encode_xer(message, self.dialect)

    def decode(self, element: Element) -> pdu.MMSpdu:
        """Return the PDU of an element; raise `MmsDecodeError`."""
        return decode_xer(element, self.dialect)

    def size(self, payload: str) -> int:
        """Return the octets of the text."""
        return len(payload) if payload.isascii() else len(payload.encode())
