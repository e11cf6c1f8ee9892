"""The fingerprint by which OpenADR knows a certificate."""

from __future__ import annotations

import hashlib
import re

_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{2}:?){9}[0-9A-Fa-f]{2}")


def fingerprint(certificate: bytes) -> str:
    """Return the fingerprint of a certificate (DER): the last ten octets of its SHA-256, as `AA:BB:…`.

    As the public implementations of OpenADR 2.0b agree on it (second-hand).
    """
    return hashlib.sha256(certificate).digest()[-10:].hex(":").upper()


def is_fingerprint(text: str) -> bool:
    """Return whether a text is a fingerprint, with colons or without."""
    return _FINGERPRINT.fullmatch(text.strip()) is not None
