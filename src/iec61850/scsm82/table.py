"""The associations of one role on a session: found by what identifies them, by peer and by account, however many."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Protocol
from xml.etree.ElementTree import Element

from ...common.xmpp import jid as jids

Key = tuple[str, str]
"""Full JID of the peer, identifier of the association."""


class Peer(Protocol):
    """An association, as the endpoint knows it: of which we are the server, or the client."""

    async def take(self, content: Element, kind: str) -> str | None:
        """Take what the association context holds; return the payload that answers it, None for a message."""
        ...

    def lost(self, why: str) -> None:
        """The peer or the session is gone: the association has ended."""
        ...

    def doubted(self) -> None:
        """End the association if its peer is not believed any more to be who it has proved to be."""


class Table(MutableMapping[Key, Peer]):
    """Associations by key. What is asked of one peer or account looks at no other."""

    def __init__(self) -> None:
        self._all: dict[Key, Peer] = {}
        self._of: dict[str, dict[Key, None]] = {}
        self._accounts: dict[str, int] = {}
        self.get = self._all.get  # type: ignore[method-assign]  # each stanza asks for it

    def __getitem__(self, key: Key) -> Peer:
        return self._all[key]

    def __setitem__(self, key: Key, peer: Peer) -> None:
        if key not in self._all:
            account = jids.bare(key[0])
            self._of.setdefault(key[0], {})[key] = None
            self._accounts[account] = self._accounts.get(account, 0) + 1
        self._all[key] = peer

    def __delitem__(self, key: Key) -> None:
        del self._all[key]
        jid, account = key[0], jids.bare(key[0])
        keys = self._of[jid]
        del keys[key]
        if not keys:
            del self._of[jid]
        self._accounts[account] -= 1
        if not self._accounts[account]:
            del self._accounts[account]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def peers(self) -> set[str]:
        """The full JIDs of all peers."""
        return set(self._of)

    def of(self, jid: str) -> tuple[Key, ...]:
        """Return the keys of the associations with this full JID."""
        return tuple(self._of.get(jid, ()))

    def count(self, account: str) -> int:
        """Return how many associations there are with this bare JID, over all its resources."""
        return self._accounts.get(account, 0)
