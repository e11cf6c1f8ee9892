"""One XMPP session as an endpoint of associations: what comes in finds its association, or is refused.

An association is identified by the peer's full JID, as the XMPP server stamps it, together with the identifier in the
association context: an identifier is worth nothing to anybody else, nor to another resource of the same account.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol
from weakref import WeakKeyDictionary
from xml.etree.ElementTree import Element

from ...common.errors import JanusGridError, LocalError, Malformed
from ...common.security.audit import Trail
from ...common.xmpp import jid as jids
from ...common.xmpp.session import Incoming, Session, StanzaRefused
from ...common.xmpp.stanza import fingerprint
from .context import PROFILES, Context, begins_secured, content_of, new_number, parse
from .security import ELEMENT as SECURITY
from .security import Off
from .table import Key, Peer, Table

log = logging.getLogger(__name__)

_TRIES = 100
"""Identifiers that are tried: there are 999 with a peer."""
_ANSWERED = 16
"""Answers of each association that are kept, should a request come twice."""
_LARGEST_KEPT = 4096
"""Characters of an answer that is kept; those to what changes something are small."""


class Acceptor(Protocol):
    """What takes new associations."""

    async def open(self, sender: str, context: Context) -> str:
        """Open an association, or refuse it; return the payload of the answer."""
        ...

    async def handshake(self, sender: str, context: Context) -> str:
        """Begin an association with end-to-end security, or refuse it; return the payload of the answer."""
        ...


class Endpoint:
    """The associations on one session, of both roles. Get it by `Endpoint.of`.

    It watches over its peers: presence where there is some, else a ping every `keep_alive` seconds, two of which
    without an answer mean that the peer is gone. Those that have proved who they are have to be believed still.
    """

    keep_alive = 30.0
    doubting = 10.0
    """Seconds after which it is looked again whether peers are still believed: lists of what is revoked change."""
    pings = 32
    """How many peers are asked at once whether they are there: the session has room for so many requests, and others
    have some to make."""
    remembered = 256
    """How many associations that have ended are kept in mind: what was still on the way to them is no surprise."""

    _all: ClassVar[WeakKeyDictionary[Session, Endpoint]] = WeakKeyDictionary()

    def __init__(self, session: Session) -> None:
        self.session = session
        self.acceptor: Acceptor | None = None
        self._serving = Table()
        self._asking = Table()
        self._numbers: set[Key] = set()
        self._left: deque[Key] = deque(maxlen=self.remembered)
        self._answered: WeakKeyDictionary[Peer, OrderedDict[str, tuple[int, str | None]]] = WeakKeyDictionary()
        self._trail = Trail(session.jid)
        self._watch: asyncio.Task[None] | None = None
        self._doubt: asyncio.Task[None] | None = None
        self._missed: dict[str, int] = {}
        self._awaited: dict[str, set[asyncio.Future[None]]] = {}
        self._afterwards: set[asyncio.Task[None]] = set()
        names = {name for profile in PROFILES.values() for name in profile.names}
        for name in sorted(names):
            session.handle(name, self._request, kinds=("get", "set"))
            session.handle(name, self._message, kinds=("normal", "chat"))
        self._stop: list[Callable[[], None]] = [session.on_presence(self._presence), session.on_link(self._link)]

    @classmethod
    def of(cls, session: Session) -> Endpoint:
        """Return the endpoint of a session, made at the first call."""
        found = cls._all.get(session)
        if found is None:
            found = cls._all[session] = cls(session)
        return found

    @property
    def refused(self) -> Counter[str]:
        """How many messages were dropped, by event code."""
        return self._trail.counts

    # --- associations -----------------------------------------------------------------------------------------------

    def serves(self, key: Key) -> bool:
        """Return whether we serve an association with this peer and identifier."""
        return key in self._serving

    def asks(self, key: Key) -> bool:
        """Return whether we are the client of an association with this peer and identifier, or are opening one."""
        return key in self._asking or key in self._numbers

    @contextmanager
    def number(self, peer: str) -> Iterator[str]:
        """Yield an identifier for an association that we open, which no other one with this peer has meanwhile.

        Neither has one that the peer has opened with us: what comes in under it is then of one association alone.
        Raises `LocalError` if so many are taken that none is found.
        """
        for _ in range(_TRIES):
            key = peer, new_number()
            if not self.asks(key) and not self.serves(key):
                break
        else:
            raise LocalError(f"there are too many associations with {peer}")
        self._numbers.add(key)
        try:
            yield key[1]
        finally:
            self._numbers.discard(key)

    def count(self, sender: str) -> int:
        """Return how many associations we serve to this account, over all its resources."""
        return self._serving.count(jids.bare(sender))

    def serving(self, key: Key) -> Peer | None:
        """Return the server's side of this association, None if there is none."""
        return self._serving.get(key)

    def serve(self, key: Key, peer: Peer) -> None:
        """Route requests of this association to `peer`, the server's side of it."""
        self._enter(self._serving, key, peer)

    def replace(self, key: Key, peer: Peer) -> None:
        """Route requests of this association to `peer`, which goes on with whatever was there before."""
        self._serving.pop(key, None)
        self._enter(self._serving, key, peer)

    def ask(self, key: Key, peer: Peer) -> None:
        """Route messages of this association to `peer`, the client's side of it."""
        self._enter(self._asking, key, peer)

    def _enter(self, table: Table, key: Key, peer: Peer) -> None:
        before = table.pop(key, None)
        if before is not None:
            _tell_lost(before, "the peer began anew")
        table[key] = peer
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._keep_watch())
        if self._doubt is None or self._doubt.done():
            self._doubt = asyncio.get_running_loop().create_task(self._keep_doubting())

    def drop(self, key: Key, why: str) -> None:
        """End the association of this key that we serve, if there is one."""
        peer = self._serving.pop(key, None)
        if peer is not None:
            _tell_lost(peer, why)

    def leave(self, key: Key, peer: Peer) -> None:
        """Route no more to `peer`."""
        self._left.append(key)
        for table in (self._serving, self._asking):
            if table.get(key) is peer:
                del table[key]

    def afterwards(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what is left to be done when nobody waits for it any more."""
        task = asyncio.get_running_loop().create_task(work)
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)

    # --- stanzas ----------------------------------------------------------------------------------------------------

    async def _request(self, incoming: Incoming) -> str | None:
        peer = self._serving.get((incoming.sender, incoming.payload.get("id", "")))
        try:
            content = content_of(incoming.payload)
            if peer is not None and not begins_secured(content):
                return await self._once(peer, incoming, content)
            return await self._open(incoming, parse(incoming.payload))
        except Malformed as malformed:
            if malformed.code is not None:  # its peer does not learn why it is not believed
                self.note(malformed.code, incoming.sender, malformed.message)
                raise StanzaRefused("not-acceptable", "the PDU is not believed", kind="modify") from None
            raise StanzaRefused("bad-request", malformed.message, kind="modify") from None

    async def _once(self, peer: Peer, incoming: Incoming, content: Element) -> str | None:
        """Give a request to its association, and return the answer: the same again to one that has come twice.

        It is the same if it has the same id and says the same. Where there is end-to-end security, that tells.
        """
        if incoming.kind != "set" or content.tag == SECURITY or not incoming.id:
            return await self._give(peer, incoming, content)
        answered = self._answered.setdefault(peer, OrderedDict())
        said = fingerprint(content)
        before = answered.get(incoming.id)
        if before is not None and before[0] == said:
            self.note("repeated-request", incoming.sender, "it is not acted on again")
            return before[1]
        answer = await self._give(peer, incoming, content)
        answered.pop(incoming.id, None)
        if answer is None or len(answer) <= _LARGEST_KEPT:
            answered[incoming.id] = said, answer
            if len(answered) > _ANSWERED:
                answered.popitem(last=False)
        return answer

    async def _open(self, incoming: Incoming, context: Context) -> str | None:
        secured = begins_secured(context.content)
        if not secured and context.content.tag != SECURITY:
            context.content = Off().unprotect(context.content)
        if not secured and context.pdu_name != "initiate-RequestPDU":
            asked = self._asking.get((incoming.sender, context.id))
            if asked is not None:
                return await self._give(asked, incoming, context.content)
            self.note("association-unknown", incoming.sender, f"a request for association {context.id}")
            raise StanzaRefused("item-not-found", f"there is no association {context.id} with {incoming.sender}")
        if self.acceptor is None:
            raise StanzaRefused("service-unavailable", "there is no server here")
        if incoming.kind != "set":
            self.note("stanza-kind", incoming.sender, "an association that is opened by a get")
            raise StanzaRefused("bad-request", "an association is opened by an iq of type set", kind="modify")
        if secured:
            return await self.acceptor.handshake(incoming.sender, context)
        return await self.acceptor.open(incoming.sender, context)

    async def _message(self, incoming: Incoming) -> str | None:
        key = (incoming.sender, incoming.payload.get("id", ""))
        peer = self._asking.get(key) or self._serving.get(key)
        if peer is None:
            if key in self._left:
                log.debug("%s: a message for association %.40s came after its end; dropped", *key)
            else:
                self.note("association-unknown", key[0], f"a message for association {key[1]:.40}")
            return None
        try:
            await self._give(peer, incoming, content_of(incoming.payload))
        except Malformed as malformed:
            if malformed.code is None:
                raise
            self.note(malformed.code, incoming.sender, malformed.message)
        return None

    def note(self, code: str, peer: str, why: str) -> None:
        """Count that something of a peer was refused, and write it into the audit log."""
        self._trail.note(code, peer, why)

    async def _give(self, peer: Peer, incoming: Incoming, content: Element) -> str | None:
        """Give a PDU to its association, and return the answer; a fault of ours ends this association alone."""
        try:
            return await peer.take(content, incoming.kind)
        except JanusGridError:
            raise
        except Exception:
            key = (incoming.sender, incoming.payload.get("id", ""))
            log.exception("%s: a fault of ours; association %.40s ends", *key)
            self.leave(key, peer)
            _tell_lost(peer, "a fault of ours")
            raise StanzaRefused("internal-server-error") from None

    # --- whether peers are still there ------------------------------------------------------------------------------

    async def shown(self, jid: str) -> None:
        """Return when this full JID becomes available from now on."""
        waiting = asyncio.get_running_loop().create_future()
        awaited = self._awaited.setdefault(jid, set())
        awaited.add(waiting)
        try:
            await waiting
        finally:
            awaited.discard(waiting)
            if not awaited:
                self._awaited.pop(jid, None)

    def _presence(self, jid: str, available: bool) -> None:
        if not available:
            self._lost(jid, "the peer is gone")
        for waiting in self._awaited.get(jid, ()) if available else ():
            if not waiting.done():
                waiting.set_result(None)

    def _link(self, change: str) -> None:
        if change == "lost":  # at once: a moment before the next session is up, peers may have begun anew on it
            for jid in self._peers():
                self._lost(jid, "the XMPP session was lost")

    def _peers(self) -> set[str]:
        return self._serving.peers | self._asking.peers

    def _lost(self, jid: str, why: str) -> None:
        for table in (self._serving, self._asking):
            for key in table.of(jid):
                peer = table.pop(key, None)
                if peer is not None:  # the end of one may have ended another
                    _tell_lost(peer, why)

    async def _keep_watch(self) -> None:
        while there := self._peers():
            await asyncio.sleep(self.keep_alive)
            unseen = {jid for jid in there & self._peers() if not self.session.available(jid)}
            self._missed = {jid: missed for jid, missed in self._missed.items() if jid in unseen}
            if self.session.connected:
                turns = asyncio.Semaphore(self.pings)
                await asyncio.gather(*(self._check(jid, turns) for jid in unseen))

    async def _keep_doubting(self) -> None:
        while self._peers():
            await asyncio.sleep(self.doubting)
            for peer in [*self._serving.values(), *self._asking.values()]:
                try:
                    peer.doubted()
                except Exception:
                    log.exception("a fault of ours; whether a peer is still believed is not known")

    async def _check(self, jid: str, turns: asyncio.Semaphore) -> None:
        async with turns:
            answered = await self.session.ping(jid, timeout=self.keep_alive / 2)
        if answered:
            self._missed.pop(jid, None)
            return
        self._missed[jid] = self._missed.get(jid, 0) + 1
        if self._missed[jid] > 1:
            self._missed.pop(jid)
            self._lost(jid, "the peer does not answer")


def _tell_lost(peer: Peer, why: str) -> None:
    try:
        peer.lost(why)
    except Exception:
        log.exception("a fault of ours at the end of an association")
