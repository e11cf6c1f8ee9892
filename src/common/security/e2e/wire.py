"""How the PDUs of an end-to-end session look: the one file to change for another form of them.

Handshakes are DER, and their signatures stand for exactly the octets that are sent: however often the text around them
is written anew on its way, they stay what they were. A transfer begins with a header of fixed length, which is
authenticated but not encrypted. Names follow IEC 62351-4 as far as they are publicly known; the octets are ours.
"""

from __future__ import annotations

import struct
from collections.abc import Sized
from enum import IntFlag, StrEnum
from typing import Annotated, TypeVar

import attrs
from cryptography.hazmat import asn1

from .diagnostics import HandshakeDiagnostic, Reason, Unsafe

_T = TypeVar("_T")

VERSION = 1
PROTOCOL = "IEC_61850-8-2"
ASSOCIATION = 16
"""Octets of an association's identifier."""
POINT = 65
"""Octets of a public key: a point of P-256, not compressed."""
LARGEST_HANDSHAKE = 32_768
MOST_CERTIFICATES = 4


def _size(value: Sized) -> str:
    return f"<{len(value)}>"


class SecKind(StrEnum):
    """The kinds of PDUs of an end-to-end session, by the names of their elements."""

    HANDSHAKE_REQ = "HandshakeReq"
    HANDSHAKE_ACC = "HandshakeAcc"
    HANDSHAKE_REJECT = "HandshakeSecReject"
    CLEAR_TRANSFER = "ClearTransfer"
    ENCR_TRANSFER = "EncrTransfer"
    ABORT = "DtSecAbort"
    """Protected like a transfer, without data: the sender ends the session."""


@attrs.frozen(slots=True)
class SecPdu:
    """A PDU of an end-to-end session: its kind, and its octets."""

    kind: SecKind
    octets: bytes = attrs.field(repr=_size)


# --- handshakes -----------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class Token:
    """What both ends sign in a handshake (token1).

    Attributes:
        association: names the session; chosen by the caller at random.
        time: milliseconds since 1970 by the sender's clock.
        sender, recipient: their addresses, as the server between stamps them.
        suites: what is offered, the best first; or the one that is chosen.
        key: the sender's public key for this session alone.
        path: the sender's certificate, and those between it and the authority's, in DER.
        request: in an answer, the SHA-256 of what the request has signed.
        version: of this form.
        protocol: what is protected.
    """

    association: bytes
    time: int
    sender: str
    recipient: str
    suites: tuple[int, ...]
    key: bytes = attrs.field(repr=False)
    path: tuple[bytes, ...] = attrs.field(repr=_size)
    request: bytes | None = None
    version: int = VERSION
    protocol: str = PROTOCOL


@asn1.sequence
class _Token:
    version: int
    protocol: str
    association: bytes
    time: int
    sender: str
    recipient: str
    suites: list[int]
    key: bytes
    path: list[bytes]
    request: Annotated[bytes | None, asn1.Implicit(0)] = None


@asn1.sequence
class _Signed:
    tbs: bytes
    signature: bytes


@asn1.sequence
class _Reject:
    version: int
    diagnostic: int


def to_be_signed(token: Token) -> bytes:
    """Return the octets that a token's signature stands for."""
    fields = attrs.asdict(token, recurse=False)
    return asn1.encode_der(_Token(**{**fields, "suites": [*token.suites], "path": [*token.path]}))


def token_of(tbs: bytes) -> Token:
    """Return the token of signed octets; raise `Unsafe` if they are none."""
    read = _decoded(_Token, tbs)
    token = Token(
        read.association, read.time, read.sender, read.recipient, tuple(read.suites), read.key, tuple(read.path),
        read.request, read.version, read.protocol,
    )  # fmt: skip
    if token.version != VERSION or token.protocol != PROTOCOL:
        raise Unsafe(Reason.VERSION, f"version {token.version} for {token.protocol[:40]!r}; here it is {VERSION}")
    if len(token.association) != ASSOCIATION or not 1 <= len(token.path) <= MOST_CERTIFICATES or not token.suites:
        raise Unsafe(Reason.MALFORMED, "a handshake whose parts have other lengths than they can have")
    return token


def signed(tbs: bytes, signature: bytes) -> bytes:
    """Return the octets of a handshake."""
    return asn1.encode_der(_Signed(tbs=tbs, signature=signature))


def split(octets: bytes) -> tuple[bytes, bytes]:
    """Return what is signed in a handshake, and the signature; raise `Unsafe` if it is none."""
    if len(octets) > LARGEST_HANDSHAKE:
        raise Unsafe(Reason.MALFORMED, f"a handshake of {len(octets)} octets; {LARGEST_HANDSHAKE} are the most")
    read = _decoded(_Signed, octets)
    return read.tbs, read.signature


def reject(diagnostic: HandshakeDiagnostic) -> SecPdu:
    """Return the PDU that refuses a handshake."""
    return SecPdu(SecKind.HANDSHAKE_REJECT, asn1.encode_der(_Reject(version=VERSION, diagnostic=int(diagnostic))))


def diagnostic_of(octets: bytes) -> HandshakeDiagnostic:
    """Return what a refusal says; whatever is not understood is `NO_REASON_GIVEN`."""
    try:
        return HandshakeDiagnostic(_decoded(_Reject, octets[:64]).diagnostic)
    except (Unsafe, ValueError):
        return HandshakeDiagnostic.NO_REASON_GIVEN


def _decoded(kind: type[_T], octets: bytes) -> _T:
    try:
        return asn1.decode_der(kind, octets)
    except (ValueError, OverflowError) as error:
        raise Unsafe(Reason.MALFORMED, f"not in DER as a handshake is: {error!s:.120}") from None


# --- transfers ------------------------------------------------------------------------------------------------------


class Flag(IntFlag):
    """What a transfer carries besides its data; public keys follow the header in this order."""

    REKEY = 1
    """The caller's new public key."""
    CHANGED_KEY = 2
    """The called end's, in answer: new keys are there."""
    REKEY_WANTED = 4
    """The called end asks for new keys."""
    ABORT = 8
    """It is the last one."""


NO_FLAGS = Flag(0)


@attrs.frozen(slots=True)
class Header:
    """What stands before the data of a transfer (token2), and is authenticated with it.

    Attributes:
        association: which session.
        suite: how it is protected.
        epoch: which keys.
        number: of the PDU with these keys in this direction, from 0.
        time: milliseconds since 1970 by the sender's clock.
        flags: what else comes.
        keys: the public keys that the flags announce.
    """

    association: bytes
    suite: int
    epoch: int
    number: int
    time: int
    flags: Flag = NO_FLAGS
    keys: tuple[bytes, ...] = ()


_FIXED = struct.Struct(">BBH16sIQQ")
_KEYS = Flag.REKEY, Flag.CHANGED_KEY


def header(of: Header) -> bytes:
    """Return the octets of a header."""
    fixed = _FIXED.pack(VERSION, of.suite, of.flags, of.association, of.epoch, of.number, of.time)
    return b"".join((fixed, *of.keys)) if of.keys else fixed


def read_header(octets: bytes) -> tuple[Header, int]:
    """Return the header at the beginning of a transfer, and how long it is; raise `Unsafe` if there is none."""
    if len(octets) < _FIXED.size:
        raise Unsafe(Reason.MALFORMED, f"{len(octets)} octets are too few for a transfer")
    version, suite, flags, association, epoch, number, time = _FIXED.unpack_from(octets)
    if version != VERSION:
        raise Unsafe(Reason.VERSION, f"a transfer of version {version}; here it is {VERSION}")
    if not flags:
        return Header(association, suite, epoch, number, time), _FIXED.size
    if flags & ~0xF:
        raise Unsafe(Reason.MALFORMED, f"a transfer with flags that mean nothing: {flags:#x}")
    end, keys = _FIXED.size, []
    for flag in _KEYS:
        if flags & flag:
            keys.append(octets[end : end + POINT])
            end += POINT
    if len(octets) < end:
        raise Unsafe(Reason.MALFORMED, "a transfer that ends within its header")
    return Header(association, suite, epoch, number, time, Flag(flags), tuple(keys)), end
