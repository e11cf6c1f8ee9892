"""The registry as an XMPP entity: takes what devices register, answers readers, tells watchers."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

from ...common.clock import Clock, RealClock
from ...common.errors import JanusGridError, LocalError, Malformed, Refused
from ...common.xmpp import jid as jids
from ...common.xmpp.session import Incoming, IqKind, Session, StanzaRefused
from . import wire
from .book import Book, Entering, Limits
from .entries import PART, Device, Happening, Kind
from .store import MemoryStore, Store

log = logging.getLogger(__name__)

_LISTED = 50
_TIDY = 60.0
"""Seconds between two looks for devices that have expired, or whose time of being seen is to be kept."""

Listener = Callable[[Happening], None]


class RegistryServer:
    """A registry of DERs on an XMPP session, open or to be opened::

        async with session, RegistryServer(session, devices=["plant.example"], readers=["ems@utility.example"]):
            await asyncio.Event().wait()

    A device is an account: it registers, changes and deregisters itself, and nobody else does. It stays registered when
    it leaves, for it may be in maintenance, and expires when it was not seen for `limits.keep`.

    Args:
        session: of the registry; others may use it too.
        devices: who may register: bare JIDs, and domains of which any account may.
        readers: who may look up devices and watch them, in the same way.
        store: keeps devices beyond the process (`DatabaseStore`); without one the registry begins empty.
        limits: what it takes.
        clock: gives the times at which devices were seen.
    """

    def __init__(
        self,
        session: Session,
        *,
        devices: Iterable[str],
        readers: Iterable[str],
        store: Store | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._session = session
        self._may_register = _circle(devices)
        self._may_read = _circle(readers)
        self._store = store or MemoryStore()
        self._clock = clock or RealClock()
        self._book = Book(limits)
        self._lock = asyncio.Lock()
        self._watchers: dict[str, None] = {}
        self._seen: set[str] = set()
        self._listeners: list[Listener] = []
        self._news: dict[str, Happening] = {}
        self._telling: asyncio.Task[None] | None = None
        self._stops: list[Callable[[], None]] = []
        self._tidying: asyncio.Task[None] | None = None

    @property
    def devices(self) -> tuple[Device, ...]:
        """All devices, in order of their accounts."""
        return tuple(self._book)

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each `Happening`; return what removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def __aenter__(self) -> Self:
        if self._stops:
            raise LocalError("the registry runs already")
        for device in self._store.load():
            self._book.enter(device)
        answers: dict[str, Callable[[Incoming], Awaitable[str]]] = {
            "register": self._register,
            "part": self._part,
            "deregister": self._deregister,
            "list": self._list,
            "fetch": self._fetch,
            "watch": self._watch,
            "unwatch": self._unwatch,
        }
        for local, answer in answers.items():
            self._session.handle(wire.name(local), _guarded(answer), kinds=(_kind(local),))
            self._stops.append(lambda local=local: self._session.unhandle(wire.name(local)))  # type: ignore[misc]
        self._stops.append(self._session.on_presence(self._presence))
        self._session.announce(wire.NAMESPACE)
        for device in self._book:
            await self._session.subscribe(device.jid)
        for jid in self._session.present():
            self._presence(jid, True)
        self._tidying = asyncio.get_running_loop().create_task(self._tidy())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stop in self._stops:
            stop()
        self._stops.clear()
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        for device in [device for device in self._book if device.available]:
            self._book.presence(device.address, False, self._clock.now())
            self._seen.add(device.jid)
        async with self._lock:
            await self._keep_seen()
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)

    # --- devices ----------------------------------------------------------------------------------------------------

    async def _register(self, incoming: Incoming) -> str:
        account = _allowed(incoming, self._may_register, "register")
        proposal = wire.read_register(wire.checked(incoming.payload, "register"))
        async with self._lock:
            answer = await self._enter(self._book.register(incoming.sender, proposal, self._clock.now()))
        self._session.expect(account)
        return answer

    async def _part(self, incoming: Incoming) -> str:
        _allowed(incoming, self._may_register, "register")
        sum_, offset, octets = wire.read_part(wire.checked(incoming.payload, "part"))
        async with self._lock:
            return await self._enter(self._book.receive(incoming.sender, sum_, offset, octets, self._clock.now()))

    async def _enter(self, found: Entering | int) -> str:
        """Answer a device when what it registered is kept, not before; then tell others."""
        if isinstance(found, int):
            return wire.registered(found)
        await self._store.enter(found.device, found.file)
        self._book.enter(found.device)
        if found.happening is not None:
            self._tell(found.happening)
        return wire.registered(None)

    async def _deregister(self, incoming: Incoming) -> str:
        account = _allowed(incoming, self._may_register, "register")
        wire.checked(incoming.payload, "deregister")
        async with self._lock:
            await self._remove([account], Kind.DEREGISTERED)
        return ""

    async def _remove(self, accounts: list[str], kind: Kind) -> None:
        await self._store.remove(accounts)
        for account in accounts:
            happening = self._book.remove(account, kind)
            if happening is not None:
                self._tell(happening)

    # --- readers ----------------------------------------------------------------------------------------------------

    async def _list(self, incoming: Incoming) -> str:
        _allowed(incoming, self._may_read, "look up devices")
        where, after, jid = wire.read_list(wire.checked(incoming.payload, "list"))
        if not jid:
            return wire.devices(*self._book.select(after, where, _LISTED))
        device = self._book.get(jid)
        return wire.devices([device] if device is not None and device.nameplate.fits(where) else [], more=False)

    async def _fetch(self, incoming: Incoming) -> str:
        _allowed(incoming, self._may_read, "look up devices")
        jid, sum_, offset = wire.read_fetch(wire.checked(incoming.payload, "fetch"))
        device, file = self._book.get(jid), await self._store.file(jid)
        if device is None or device.document is None or device.document.sum != sum_ or file is None:
            raise StanzaRefused("item-not-found", "there is no such file of it, or it is another by now")
        return wire.part(sum_, offset, file[offset : offset + PART])

    async def _watch(self, incoming: Incoming) -> str:
        account = _allowed(incoming, self._may_read, "look up devices")
        wire.checked(incoming.payload, "watch")
        if incoming.sender not in self._watchers:
            counts = Counter(map(jids.bare, self._watchers))
            if len(self._watchers) >= self._book.limits.watchers or counts[account] >= self._book.limits.per_account:
                raise StanzaRefused("resource-constraint", "too many watch already", kind="wait")
        self._watchers[incoming.sender] = None
        self._session.expect(account)  # its presence ends the watch
        return ""

    async def _unwatch(self, incoming: Incoming) -> str:
        self._watchers.pop(incoming.sender, None)
        return ""

    def _tell(self, happening: Happening) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(happening)
            except Exception:
                log.exception("a listener of the registry failed")
        if self._watchers:
            self._news.pop(happening.device.jid, None)
            self._news[happening.device.jid] = happening  # where it goes slowly, only the last of each is told
            if self._telling is None or self._telling.done():
                self._telling = asyncio.get_running_loop().create_task(self._push())

    async def _push(self) -> None:
        while self._news:
            happening = self._news.pop(next(iter(self._news)))
            message = wire.happened(happening)
            for jid in tuple(self._watchers):
                try:
                    await self._session.push(jid, message)
                except JanusGridError as error:
                    log.debug("%s is not told of a change: %s", jid, error)

    # --- presence and time ------------------------------------------------------------------------------------------

    def _presence(self, jid: str, available: bool) -> None:
        if not available:
            self._watchers.pop(jid, None)
        happening = self._book.presence(jid, available, self._clock.now())
        if happening is not None:
            self._seen.add(happening.device.jid)
            self._tell(happening)

    async def _tidy(self) -> None:
        while True:
            await self._clock.sleep(_TIDY)
            await self._ask_unseen()
            async with self._lock:
                try:
                    await self._keep_seen()
                    gone = self._book.overdue(self._clock.now())
                    if gone:
                        await self._remove(gone, Kind.EXPIRED)
                except JanusGridError as error:
                    log.error("the registry is not kept: %s", error)

    async def _ask_unseen(self) -> None:
        """Ask those who are there as far as we know, though their presence does not show it."""
        for device in [one for one in self._book if one.available and not self._session.available(one.address)]:
            if self._session.connected and not await self._session.ping(device.address):
                self._presence(device.address, False)

    async def _keep_seen(self) -> None:
        while self._seen:
            jid = next(iter(self._seen))
            device = self._book.get(jid)
            if device is not None:
                await self._store.enter(device)
            self._seen.discard(jid)


def _kind(local: str) -> IqKind:
    return "get" if local in ("list", "fetch") else "set"


def _circle(names: Iterable[str]) -> Callable[[str], bool]:
    """Return what says whether a bare JID is one of these, or of one of these domains."""
    if isinstance(names, str):
        raise LocalError(f"a list is wanted, of JIDs and domains: [{names!r}]")
    known = frozenset(jids.bare(jids.normal(each)) for each in names)
    return lambda account: account in known or jids.domain(account) in known


def _allowed(incoming: Incoming, may: Callable[[str], bool], what: str) -> str:
    """Return the account of the sender; raise `StanzaRefused` if it may not."""
    account = jids.bare(incoming.sender)
    if not may(account):
        raise StanzaRefused("forbidden", f"{account} may not {what} here", kind="auth")
    return account


def _guarded(answer: Callable[[Incoming], Awaitable[str]]) -> Callable[[Incoming], Awaitable[str]]:
    """Return a handler whose refusals are stanza errors."""

    async def handler(incoming: Incoming) -> str:
        try:
            return await answer(incoming)
        except StanzaRefused:
            raise
        except Refused as refused:
            kind = "wait" if refused.code == "resource-constraint" else "modify"
            raise StanzaRefused(refused.code or "not-allowed", refused.message, kind=kind) from None
        except Malformed as malformed:
            raise StanzaRefused("bad-request", str(malformed), kind="modify") from None
        except LocalError as error:
            log.error("%s: what it wants is not kept: %s", incoming.sender, error)
            raise StanzaRefused("resource-constraint", "it cannot be kept now", kind="wait") from None

    return handler
