"""How messages travel between the tester and the party under test."""

from __future__ import annotations

from enum import StrEnum


class Way(StrEnum):
    """HTTP where the VEN comes for its messages, HTTP where it is posted to, or XMPP."""

    PULL = "pull"
    PUSH = "push"
    XMPP = "xmpp"


ALL = frozenset(Way)
HTTP = frozenset({Way.PULL, Way.PUSH})
REACHED = frozenset({Way.PUSH, Way.XMPP})
"""The ways on which a VEN is reached."""
