"""Identifiers that cannot be guessed."""

from __future__ import annotations

import secrets


def new(prefix: str = "") -> str:
    """Return a new identifier: `prefix` and 80 random bits as 20 hexadecimal digits."""
    return f"{prefix}{secrets.token_hex(10)}"
