"""Why something is refused: what our own log is told, and how much of it the peer."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from ...errors import Malformed, Refused


class HandshakeDiagnostic(IntEnum):
    """What a peer is told whose handshake is refused (IEC 62351-4; numbers and names second-hand)."""

    NO_REASON_GIVEN = 0
    PROTOCOL_ERROR = 1
    PROTECTED_PROTOCOL_NOT_SUPPORTED = 2
    INVALID_SIGNATURE_ALGORITHM = 3
    UNEXPECTED_VERSION = 4
    HMAC_ALGORITHM_NOT_SUPPORTED = 5
    ENCRYPTION_NOT_REQUIRED = 6
    ENCRYPTION_REQUIRED = 7
    INVALID_PUBLIC_KEY_CERTIFICATE = 8
    INVALID_CERTIFICATION_PATH = 9
    INVALID_TIME_VALUE = 10


class Reason(StrEnum):
    """Event codes of what was refused, for the audit log. The peer is not told more than its diagnostic."""

    MALFORMED = "e2e-malformed"
    """It is no PDU of an end-to-end session."""
    VERSION = "e2e-version"
    """Another version, or another protocol above it."""
    IDENTITY = "e2e-identity"
    """Signed for another sender or recipient than the server vouches for, or by a certificate that does not name it."""
    CERTIFICATE = "e2e-certificate"
    """The certificate is not believed, or revoked."""
    SIGNATURE = "e2e-signature"
    """What was signed is not what came."""
    TIME = "e2e-time"
    """The peer's clock and ours differ by too much, or the handshake is an old one."""
    REPLAY = "e2e-replay"
    """It came before."""
    TOO_OLD = "e2e-out-of-window"
    """It is so far behind the newest that it cannot be told whether it came before."""
    DELAYED = "e2e-delayed"
    """It was under way for too long."""
    SUITE = "e2e-suite"
    """Another protection than that which is allowed, or agreed on."""
    ASSOCIATION = "e2e-other-association"
    """It belongs to another session."""
    EPOCH = "e2e-epoch"
    """Made with keys that are not, or no more, in use."""
    INTEGRITY = "e2e-integrity"
    """It was changed on its way, or is not made with the keys of this session."""
    UNPROTECTED = "e2e-unprotected"
    """It has no protection, where protection is needed."""
    OVERLOAD = "e2e-overload"
    """More handshakes than are taken."""
    STATE = "e2e-state"
    """It has no place in the present state of the session."""


class Unsafe(Malformed):
    """A PDU that is not believed. `code` is the event code; nothing of the PDU may be used."""

    def __init__(self, reason: Reason, message: str, *, where: str | None = None) -> None:
        super().__init__(message, where=where, code=reason)
        self.reason = reason


class HandshakeRefused(Refused):
    """A handshake that failed, on our side or the peer's.

    Attributes:
        reason: for our own log; None where the peer refused.
        diagnostic: what the peer is told, or has told.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Reason | None = None,
        diagnostic: HandshakeDiagnostic = HandshakeDiagnostic.NO_REASON_GIVEN,
        where: str | None = None,
    ) -> None:
        super().__init__(message, where=where, code=reason or f"e2e-rejected {diagnostic.name.lower()}")
        self.reason = reason
        self.diagnostic = diagnostic
