"""One XMPP session as an endpoint of associations: what comes in finds its association, or is refused.

An association is identified by the peer's full JID, as the XMPP server stamps it, together with the identifier in the
association context: an identifier is worth nothing to anybody else, nor to another resource of the same account.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import ClassVar, Protocol
from weakref import WeakKeyDictionary

from ...common.errors import Malformed
from ...common.xmpp import jid as jids
from ...common.xmpp.session import Incoming, Session, StanzaRefused
from .context import PROFILES, Context, parse

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Full JID of the peer, identifier of the association."""


class Peer(Protocol):
    """An association of either role, as the endpoint knows it."""

    async def take(self, context: Context, kind: str) -> str | None:
        """Take a PDU of this association; return the payload that answers it, None for a message."""
        ...

    def lost(self, why: str) -> None:
        """The peer or the session is gone: the association has ended."""
        ...


class Acceptor(Protocol):
    """What takes new associations."""

    async def open(self, sender: str, context: Context) -> str:
        """Open an association, or refuse it; return the payload of the answer."""
        ...


class Endpoint:
    """The associations on one session, of both roles. Get it by `Endpoint.of`.

    It watches over its peers: presence where there is some, else a ping every `keep_alive` seconds, two of which
    without an answer mean that the peer is gone.
    """

    keep_alive = 30.0

    _all: ClassVar[WeakKeyDictionary[Session, Endpoint]] = WeakKeyDictionary()

    def __init__(self, session: Session) -> None:
        self.session = session
        self.acceptor: Acceptor | None = None
        self._peers: dict[Key, Peer] = {}
        self._watch: asyncio.Task[None] | None = None
        self._missed: dict[str, int] = {}
        names = {name for profile in PROFILES.values() for name in profile.names}
        for name in sorted(names):
            session.handle(name, self._request, kinds=("get", "set"))
            session.handle(name, self._message, kinds=("normal", "chat"))
        session.announce(*(profile.namespace for profile in PROFILES.values()))
        self._stop: list[Callable[[], None]] = [session.on_presence(self._presence), session.on_link(self._link)]

    @classmethod
    def of(cls, session: Session) -> Endpoint:
        """Return the endpoint of a session, made at the first call."""
        found = cls._all.get(session)
        if found is None:
            found = cls._all[session] = cls(session)
        return found

    # --- associations -----------------------------------------------------------------------------------------------

    def has(self, key: Key) -> bool:
        """Return whether there is an association with this peer and identifier."""
        return key in self._peers

    def count(self, sender: str) -> int:
        """Return how many associations there are with this account, over all its resources."""
        account = jids.bare(sender)
        return sum(jids.bare(jid) == account for jid, _ in self._peers)

    def enter(self, key: Key, peer: Peer) -> None:
        """Route PDUs of this association to `peer`."""
        self.drop(key, "the peer began anew")
        self._peers[key] = peer
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._keep_watch())

    def drop(self, key: Key, why: str) -> None:
        """End the association of this key, if there is one."""
        peer = self._peers.pop(key, None)
        if peer is not None:
            peer.lost(why)

    def leave(self, key: Key, peer: Peer) -> None:
        """Route no more to `peer`."""
        if self._peers.get(key) is peer:
            del self._peers[key]

    # --- stanzas ----------------------------------------------------------------------------------------------------

    async def _request(self, incoming: Incoming) -> str | None:
        context = _parsed(incoming)
        peer = self._peers.get((incoming.sender, context.id))
        if context.pdu_name == "initiate-RequestPDU":
            if self.acceptor is None:
                raise StanzaRefused("service-unavailable", "there is no server here")
            if incoming.kind != "set":
                raise StanzaRefused("bad-request", "an association is opened by an iq of type set", kind="modify")
            return await self.acceptor.open(incoming.sender, context)
        if peer is None:
            raise StanzaRefused("item-not-found", f"there is no association {context.id} with {incoming.sender}")
        return await peer.take(context, incoming.kind)

    async def _message(self, incoming: Incoming) -> str | None:
        context = _parsed(incoming)
        peer = self._peers.get((incoming.sender, context.id))
        if peer is None:
            log.warning("%s: a message for association %s, which there is not; dropped", incoming.sender, context.id)
            return None
        await peer.take(context, incoming.kind)
        return None

    # --- whether peers are still there ------------------------------------------------------------------------------

    def _presence(self, jid: str, available: bool) -> None:
        if not available:
            self._lost(jid, "the peer is gone")

    def _link(self, change: str) -> None:
        if change == "up":  # a new session: whatever there was before, no peer knows it any more
            for jid in {jid for jid, _ in self._peers}:
                self._lost(jid, "the XMPP session was lost")

    def _lost(self, jid: str, why: str) -> None:
        for key in [key for key in self._peers if key[0] == jid]:
            self.drop(key, why)

    async def _keep_watch(self) -> None:
        while self._peers:
            await asyncio.sleep(self.keep_alive)
            unseen = {jid for jid, _ in self._peers if not self.session.available(jid)}
            self._missed = {jid: missed for jid, missed in self._missed.items() if jid in unseen}
            if self.session.connected:
                await asyncio.gather(*(self._check(jid) for jid in unseen))

    async def _check(self, jid: str) -> None:
        if await self.session.ping(jid, timeout=self.keep_alive / 2):
            self._missed.pop(jid, None)
            return
        self._missed[jid] = self._missed.get(jid, 0) + 1
        if self._missed[jid] > 1:
            self._missed.pop(jid)
            self._lost(jid, "the peer does not answer")


def _parsed(incoming: Incoming) -> Context:
    try:
        return parse(incoming.payload)
    except Malformed as malformed:
        raise StanzaRefused("bad-request", malformed.message, kind="modify") from None
