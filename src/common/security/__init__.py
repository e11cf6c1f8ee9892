"""TLS profiles, certificates and what they prove."""

from .fingerprint import fingerprint, is_fingerprint
from .tls import MODERN, OPENADR, Credentials, TlsProfile, client_context, server_context

__all__ = [
    "Credentials",
    "TlsProfile",
    "MODERN",
    "OPENADR",
    "client_context",
    "server_context",
    "fingerprint",
    "is_fingerprint",
]
