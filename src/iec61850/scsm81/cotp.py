"""COTP class 0: connecting, cutting long messages, joining them again (ISO 8073, RFC 1006)."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from . import tpkt
from .errors import LayerFault

CR, CC, DR, DT, ER = 0xE0, 0xD0, 0x80, 0xF0, 0x70
_SIZE, _CALLING, _CALLED, _ALTERNATIVES = 0xC0, 0xC1, 0xC2, 0xC7
_LAST = b"\x02\xf0\x80"
_MORE = b"\x02\xf0\x00"
DATA_HEADER = len(_LAST)

MAX_SIZE_CODE = 13
"""8192 octets, the most that ISO 8073 has a code for and the most that peers are known to take."""
WITHOUT_SIZE = tpkt.LONGEST - tpkt.HEADER
"""The TPDU size where neither side names one (RFC 1006 clause 5)."""

REASONS = {
    0: "not-specified", 1: "congestion", 2: "session-entity-not-attached", 3: "transport-address-unknown",
    128: "normal-disconnect", 129: "remote-congestion", 130: "negotiation-failed", 131: "duplicate-reference",
    132: "mismatched-references", 133: "protocol-error", 135: "reference-overflow",
    136: "request-refused-on-this-connection", 138: "invalid-header",
}  # fmt: skip
CONGESTION, ADDRESS_UNKNOWN, NEGOTIATION_FAILED, PROTOCOL_ERROR = 1, 3, 130, 133
TEMPORARY = frozenset({CONGESTION, 129})


@attrs.frozen(slots=True)
class Connect:
    """A connection request or its confirmation.

    Attributes:
        kind: `CR` or `CC`.
        destination, source: references; in class 0 nothing hangs on them.
        size_code: the TPDU size as a power of two, None where it is not said.
        calling, called: transport selectors, None where they are not said.
        class_0: True if class 0 is asked for, or allowed.
    """

    kind: int
    destination: int
    source: int
    size_code: int | None = None
    calling: bytes | None = None
    called: bytes | None = None
    class_0: bool = True

    def encode(self) -> bytes:
        """Return the TPDU."""
        body = bytes((self.kind,)) + self.destination.to_bytes(2, "big") + self.source.to_bytes(2, "big") + b"\0"
        if self.size_code is not None:
            body += bytes((_SIZE, 1, self.size_code))
        for code, selector in ((_CALLED, self.called), (_CALLING, self.calling)):
            if selector is not None:
                body += bytes((code, len(selector))) + selector
        return bytes((len(body),)) + body


@attrs.frozen(slots=True)
class Disconnect:
    """A disconnect request: here always a refusal; `reason` as in `REASONS`."""

    reason: int
    destination: int = 0
    source: int = 0

    def encode(self) -> bytes:
        """Return the TPDU."""
        return (
            b"\x06\x80" + self.destination.to_bytes(2, "big") + self.source.to_bytes(2, "big") + bytes((self.reason,))
        )


@attrs.frozen(slots=True)
class Error:
    """The peer could not read a TPDU; `cause` is 0 to 3."""

    cause: int


@attrs.frozen(slots=True)
class Data:
    """A piece of a message; `last` if the message ends with it."""

    content: bytes
    last: bool


Tpdu = Connect | Disconnect | Error | Data


def parse(tpdu: bytes) -> Tpdu:
    """Return what a TPDU says; raise `LayerFault` for what is none of class 0."""
    size = tpdu[0] if tpdu else 0
    if size < 2 or size == 0xFF or size >= len(tpdu):
        raise LayerFault("transport", f"a TPDU header of {size} octets in {max(len(tpdu) - 1, 0)}")
    kind = tpdu[1]
    if kind == DT:
        if size != 2:
            raise LayerFault("transport", "data with more in its header than class 0 has")
        return Data(tpdu[3:], bool(tpdu[2] & 0x80))
    if kind & 0xF0 in (CR, CC):
        return _connect(kind & 0xF0, tpdu[: size + 1])
    if kind == DR and size >= 6:
        return Disconnect(tpdu[6], int.from_bytes(tpdu[2:4], "big"), int.from_bytes(tpdu[4:6], "big"))
    if kind == ER and size >= 4:
        return Error(tpdu[4])
    raise LayerFault("transport", f"TPDU {kind:#04x} is not one of class 0")


def _connect(kind: int, tpdu: bytes) -> Connect:
    if len(tpdu) < 7:
        raise LayerFault("transport", "a connection request is cut off")
    found: dict[int, bytes] = {}
    at = 7
    while at < len(tpdu):
        if at + 1 >= len(tpdu) or at + 2 + tpdu[at + 1] > len(tpdu):
            raise LayerFault("transport", "a parameter is cut off")
        found[tpdu[at]] = tpdu[at + 2 : at + 2 + tpdu[at + 1]]
        at += 2 + tpdu[at + 1]
    size = found.get(_SIZE)
    if size is not None and (len(size) != 1 or not 7 <= size[0] <= 16):
        raise LayerFault("transport", f"a TPDU size that is none: {size.hex()}")
    # A class above 0 may be preferred, if class 0 is among the alternatives.
    class_0 = tpdu[6] >> 4 == 0 or any(octet >> 4 == 0 for octet in found.get(_ALTERNATIVES, b""))
    references = int.from_bytes(tpdu[2:4], "big"), int.from_bytes(tpdu[4:6], "big")
    return Connect(kind, *references, size[0] if size else None, found.get(_CALLING), found.get(_CALLED), class_0)


def octets_of(size_code: int | None) -> int:
    """Return how many octets a TPDU may have."""
    return WITHOUT_SIZE if size_code is None else min(1 << size_code, WITHOUT_SIZE)


def packets(message: bytes, size: int) -> bytes:
    """Return the packets that carry a message, in TPDUs of at most `size` octets."""
    room = size - DATA_HEADER
    if len(message) <= room:
        return tpkt.wrap(_LAST + message)
    return b"".join(_cut(message, room))


def _cut(message: bytes, room: int) -> Iterator[bytes]:
    for start in range(0, len(message), room):
        header = _MORE if start + room < len(message) else _LAST
        yield tpkt.wrap(header + message[start : start + room])


class Joiner:
    """Joins the pieces of messages."""

    __slots__ = ("_begun", "waiting")

    def __init__(self) -> None:
        self._begun = bytearray()
        self.waiting = False
        """True while a message has begun but not ended."""

    def add(self, piece: Data, limit: int) -> bytes | None:
        """Return the message that ends with this piece, None if it goes on.

        Raises `LayerFault` for one of more than `limit` octets.
        """
        if len(self._begun) + len(piece.content) > limit:
            raise LayerFault("transport", f"a message of more than {limit} octets")
        if not self.waiting and piece.last:
            return piece.content
        self._begun += piece.content
        self.waiting = not piece.last
        if self.waiting:
            return None
        message = bytes(self._begun)
        self._begun.clear()
        return message
