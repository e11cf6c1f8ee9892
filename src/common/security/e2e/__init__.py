"""An end-to-end session: what two programs say to each other is safe from the servers between them.

Two signed messages with ephemeral keys open it; then every message is numbered, dated and protected, for secrecy or
for integrity alone, and its keys are made anew from time to time. It has the shape and the names of the end-to-end
security of IEC 62351-4 as far as they are publicly known, after Rec. ITU-T X.510. **It is not IEC 62351-4** and does
not work together with it: nobody here holds its text. `wire` is the one file that says how its PDUs look.

No room here does input or output or reads a clock.
"""

from .diagnostics import HandshakeDiagnostic, HandshakeRefused, Reason, Unsafe
from .handshake import Accepted, Accepting, Believed, Calling, Identity, RenewedIdentity
from .limits import Limits, Suite
from .transfer import Channel
from .wire import SecKind, SecPdu

__all__ = [
    "Accepted",
    "Accepting",
    "Believed",
    "Calling",
    "Channel",
    "HandshakeDiagnostic",
    "HandshakeRefused",
    "Identity",
    "RenewedIdentity",
    "Limits",
    "Reason",
    "SecKind",
    "SecPdu",
    "Suite",
    "Unsafe",
]
