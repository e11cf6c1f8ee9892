"""The session layer: kernel and duplex, version 2 (ISO 8327-1)."""

from __future__ import annotations

import attrs

from .errors import LayerFault

CONNECT, ACCEPT, REFUSE, FINISH, DISCONNECT, NOT_FINISHED, ABORT, ABORT_ACCEPT = 13, 14, 12, 9, 10, 8, 25, 26
DATA = 1
"""The same number as GIVE TOKENS, which stands before each DATA TRANSFER."""
NAMES = {
    CONNECT: "CONNECT", ACCEPT: "ACCEPT", REFUSE: "REFUSE", FINISH: "FINISH", DISCONNECT: "DISCONNECT",
    NOT_FINISHED: "NOT FINISHED", ABORT: "ABORT", ABORT_ACCEPT: "ABORT ACCEPT",
}  # fmt: skip

DATA_HEADER = b"\x01\x00\x01\x00"
_CONNECT_ITEM, _OPTIONS, _VERSION, _REQUIREMENTS = 5, 19, 22, 20
_CALLING, _CALLED, _REASON, _TRANSPORT, _ENCLOSURE = 51, 52, 50, 17, 25
_USER_DATA, _EXTENDED = 193, 194
_DUPLEX = b"\0\2"

SELECTOR_UNKNOWN, BY_USER = 0x81, 2
REASONS = {
    0: "rejected-by-user", 1: "user-congestion", BY_USER: "rejected-by-user", 0x81: "session-selector-unknown",
    0x82: "session-user-not-attached", 0x83: "congestion", 0x84: "version-not-supported",
}  # fmt: skip
TEMPORARY = frozenset({1, 0x83})

BY_USER_ABORT, BY_PROTOCOL_ERROR = 0x0B, 0x05
"""Why a session is aborted, as bits: 1 the transport connection goes with it, 2 by the user, 4 a protocol error,
8 without a reason. The first is what peers send."""


@attrs.frozen(slots=True)
class Spdu:
    """A session PDU other than DATA TRANSFER.

    Attributes:
        kind: one of the numbers above.
        user_data: a PDU of the presentation layer; None where there is none.
        calling, called: session selectors of CONNECT and ACCEPT, None where they are not said.
        reason: of REFUSE, as in `REASONS`.
    """

    kind: int
    user_data: bytes | None = None
    calling: bytes | None = None
    called: bytes | None = None
    reason: int = 0

    def encode(self) -> bytes:
        """Return the SPDU."""
        body = b""
        if self.kind in (CONNECT, ACCEPT):
            body = _parameter(_CONNECT_ITEM, _parameter(_OPTIONS, b"\0") + _parameter(_VERSION, b"\2"))
            body += _parameter(_REQUIREMENTS, _DUPLEX)
            for code, selector in ((_CALLING, self.calling), (_CALLED, self.called)):
                if selector is not None:
                    body += _parameter(code, selector)
        elif self.kind == ABORT:
            body = _parameter(_TRANSPORT, bytes((self.reason,)))
        elif self.kind == REFUSE:
            # The reason code may have the user data behind it; a parameter of its own is for other versions.
            return _spdu(REFUSE, _parameter(_REASON, bytes((self.reason,)) + (self.user_data or b"")))
        if self.user_data is not None:
            body += _parameter(_EXTENDED if len(self.user_data) > 512 else _USER_DATA, self.user_data)
        return _spdu(self.kind, body)


def _parameter(code: int, value: bytes) -> bytes:
    return bytes((code,)) + _length(len(value)) + value


def _spdu(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + _length(len(body)) + body


def _length(size: int) -> bytes:
    return bytes((size,)) if size < 0xFF else b"\xff" + size.to_bytes(2, "big")


def data(message: bytes) -> bytes | None:
    """Return what a DATA TRANSFER carries, None for any other SPDU; raise `LayerFault` if it is cut up or broken."""
    if message.startswith(DATA_HEADER):
        return message[4:]
    if not message.startswith(b"\x01"):
        return None
    _, at = _header(message, 0)  # GIVE TOKENS, with parameters that mean nothing in the duplex unit
    if message[at : at + 1] != b"\x01":
        raise LayerFault("session", "GIVE TOKENS is not followed by DATA TRANSFER")
    start, end = _header(message, at)
    for code, value in _parameters(message[start:end]):
        if code == _ENCLOSURE and value != b"\3":
            raise LayerFault("session", "a message cut up by the session layer")
    return message[end:]


def parse(message: bytes) -> Spdu:
    """Return what an SPDU other than DATA TRANSFER says; raise `LayerFault`."""
    if not message or message[0] not in NAMES:
        raise LayerFault("session", f"SPDU {message[:1].hex() or 'without octets'} is not known")
    kind = message[0]
    start, end = _header(message, 0)
    if end != len(message):
        raise LayerFault("session", f"{len(message) - end} octets behind {NAMES[kind]}")
    found = dict(_parameters(message[start:end]))
    user_data, reason = found.get(_USER_DATA, found.get(_EXTENDED)), 0
    if kind == REFUSE and found.get(_REASON):
        reason = found[_REASON][0]
        user_data = found[_REASON][1:] or user_data
    elif kind == ABORT and found.get(_TRANSPORT):
        reason = found[_TRANSPORT][0]
    if kind in (CONNECT, ACCEPT):
        _check_connect(found)
    return Spdu(kind, user_data, found.get(_CALLING), found.get(_CALLED), reason)


def _check_connect(found: dict[int, bytes]) -> None:
    versions = dict(_parameters(found.get(_CONNECT_ITEM, b""))).get(_VERSION, b"\1")
    if len(versions) != 1 or not versions[0] & 2:
        raise LayerFault("session", f"version 2 is not among {versions.hex()}")
    wanted = found.get(_REQUIREMENTS, _DUPLEX)
    if len(wanted) != 2 or not wanted[1] & 2:
        raise LayerFault("session", f"duplex is not among the units {wanted.hex()}")
    for code in (_CALLING, _CALLED):
        if len(found.get(code, b"")) > 16:
            raise LayerFault("session", f"a selector of {len(found[code])} octets")


def _header(octets: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the SPDU or parameter at `at` begins and ends."""
    start, size = at + 2, octets[at + 1] if at + 1 < len(octets) else 0
    if size == 0xFF:
        start, size = at + 4, int.from_bytes(octets[at + 2 : at + 4], "big")
    if start + size > len(octets):
        raise LayerFault("session", f"{size} octets are announced, {max(len(octets) - start, 0)} are there")
    return start, start + size


def _parameters(octets: bytes) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(octets):
        start, end = _header(octets, at)
        found.append((octets[at], octets[start:end]))
        at = end
    return found
