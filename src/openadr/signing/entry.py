"""From a configuration to how a role signs."""

from __future__ import annotations

from ...common.security.entry import SigningEntry
from .options import Signing


def signing(entry: SigningEntry | None) -> Signing | None:
    """Return how a role signs by what is written (with its files where they are); None if it does not."""
    if entry is None or entry.mode == "off":
        return None
    return Signing(
        credentials=entry.credentials,
        required=entry.mode == "required",
        signers=entry.signers,
        certificates=entry.certificates,
        past=entry.past,
        future=entry.future,
        sha1=entry.sha1,
        inclusive=entry.inclusive,
    )
