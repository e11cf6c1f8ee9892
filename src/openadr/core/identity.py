"""Who a peer is: what its transport has proved it to be, in a form that can be compared.

Over XMPP that is the bare JID; over HTTP with TLS the fingerprint of its certificate. Over HTTP without TLS nothing is
proved: who sends is `NOBODY`.
"""

from __future__ import annotations

from collections.abc import Iterable

NOBODY = ""
"""What a transport has proved that proves nothing."""

ANYBODY = "*"
"""Stands for every identity, `NOBODY` too: for laboratories, where a venID is believed as it is claimed."""


def normal(identity: str) -> str:
    """Return an identity as it is compared: a JID in lower case, a fingerprint without its colons too."""
    found = identity.strip().lower()
    return found if "@" in found or found in (ANYBODY, NOBODY) else found.replace(":", "")


def is_one_of(proved: str, allowed: Iterable[str]) -> bool:
    """Return whether an identity that a transport has proved is among the allowed ones."""
    names = {normal(each) for each in allowed}
    return ANYBODY in names or (proved != NOBODY and normal(proved) in names)
