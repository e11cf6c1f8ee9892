"""XMPP addresses (RFC 7622): `local@domain/resource`, normalised, and taken apart.

Two JIDs are the same peer when their normal forms are equal; everything in this package compares normal forms.
"""

from __future__ import annotations

from functools import lru_cache

from slixmpp.jid import JID, InvalidJID

from ..errors import LocalError


@lru_cache(maxsize=4096)
def normal(jid: str) -> str:
    """Return the normal form of `jid` (case folded and prepared); raise `LocalError` if it is not an address."""
    try:
        text: str = JID(jid).full
    except InvalidJID as error:
        raise LocalError(f"{jid[:200]!r} is not an XMPP address; it looks like name@domain/resource") from error
    if not text:
        raise LocalError("an XMPP address is missing; it looks like name@domain/resource")
    return text


def bare(jid: str) -> str:
    """Return `local@domain` of a JID in normal form."""
    return jid.partition("/")[0]


def resource(jid: str) -> str:
    """Return what follows the first slash of a JID in normal form; empty if there is none."""
    return jid.partition("/")[2]


def domain(jid: str) -> str:
    """Return the domain of a JID in normal form."""
    return bare(jid).rpartition("@")[2]


def local(jid: str) -> str:
    """Return what stands before the `@` of a JID in normal form; empty for a server's."""
    return bare(jid).rpartition("@")[0]
