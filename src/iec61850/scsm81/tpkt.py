"""TPKT: packets in a stream of octets (RFC 1006 clause 6)."""

from __future__ import annotations

from .errors import LayerFault

VERSION = 3
HEADER = 4
SHORTEST = 7
"""The header and the shortest TPDU, a length indicator with two octets behind it."""
LONGEST = 0xFFFF


def wrap(tpdu: bytes) -> bytes:
    """Return the packet around a TPDU."""
    size = len(tpdu) + HEADER
    return bytes((VERSION, 0, size >> 8, size & 0xFF)) + tpdu


class Packets:
    """Cuts a stream into packets."""

    __slots__ = ("_at", "_buffer")

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Take octets from the wire."""
        self._buffer = self._buffer[self._at :] + data if self._at < len(self._buffer) else data
        self._at = 0

    @property
    def waiting(self) -> int:
        """How many octets are here that have not been taken."""
        return len(self._buffer) - self._at

    def next(self) -> bytes | None:
        """Return the next whole TPDU, None if it is not there yet; raise `LayerFault` for what is no packet.

        What is wrong in a header is found as soon as that octet is there, without waiting for a length that is a lie.
        """
        buffer, at = self._buffer, self._at
        here = len(buffer) - at
        if here < HEADER:
            if here and buffer[at] != VERSION:
                raise _other(buffer[at])
            return None
        if buffer[at] != VERSION:
            raise _other(buffer[at])
        size = buffer[at + 2] << 8 | buffer[at + 3]
        if size < SHORTEST:
            raise LayerFault("transport", f"a packet of {size} octets")
        if here < size:
            return None
        self._at = end = at + size
        return buffer[at + HEADER : end]


def _other(octet: int) -> LayerFault:
    """Return the fault for a stream of something else, which may be TLS on one side only."""
    hint = ", but it looks like TLS" if octet in (0x15, 0x16) else ""
    return LayerFault("transport", f"not TPKT: it begins with {octet:#04x}{hint}")
