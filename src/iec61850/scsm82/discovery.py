"""Servers that are there now: whoever of our contacts is available, and says that it takes associations.

A server lists the namespaces of its dialects in its service discovery, next to what kind of entity it is. Our account
sees the presence of those it is subscribed to (`Session.subscribe`), and nobody else's. Public sources say nothing on
how 8-2 devices are found; this is our choice, built of XMPP's own means (RFC 6121, XEP-0030).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self

import attrs

from ...common.errors import JanusGridError
from ...common.xmpp.session import Identity, Session
from .context import PROFILES

log = logging.getLogger(__name__)

_AT_ONCE = 32
"""How many are asked at the same time."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 60.0
"""Seconds after which whoever does not serve, or did not answer, is asked again."""


@attrs.frozen(slots=True)
class Found:
    """A server that takes associations.

    Attributes:
        jid: its full JID.
        dialects: in which it takes them, of `80-3` and `2018`.
        identity: what it says it is.
    """

    jid: str
    dialects: tuple[str, ...]
    identity: Identity = Identity("", "", "")

    @property
    def target(self) -> str:
        """What `connect` takes."""
        return f"xmpp:{self.jid}"


@attrs.frozen(slots=True)
class Seen:
    """That a server has appeared, or has gone."""

    server: Found
    available: bool


async def discover(session: Session, *, timeout: float = 5.0) -> tuple[Found, ...]:
    """Return the servers among our contacts that are available now, in order of their JIDs.

    Who does not say within `timeout` real seconds what it is counts as none. A session that was only just opened may
    not have heard of everybody yet; `watch` goes on listening.
    """
    session.contacts()
    slots = asyncio.Semaphore(_AT_ONCE)

    async def ask(jid: str) -> Found | None:
        async with slots:
            return await _ask(session, jid, timeout)

    return tuple(one for one in await asyncio.gather(*map(ask, session.present())) if one is not None)


async def _ask(session: Session, jid: str, timeout: float) -> Found | None:
    try:
        info = await session.info(jid, timeout=timeout)
    except JanusGridError as error:
        log.debug("%s does not say what it is: %s", jid, error)
        return None
    dialects = tuple(name for name, profile in PROFILES.items() if profile.namespace in info.features)
    return Found(jid, dialects, *info.identities[:1]) if dialects else None


class Watch:
    """Servers as they appear and go, those first that are there already::

        async with Watch(session) as seen:
            async for change in seen:
                print(change.server.jid, "appears" if change.available else "is gone")

    What changed while nobody looked is told as it is now: a server that came and went is not told at all. When our own
    session is lost, all are gone.
    """

    def __init__(self, session: Session, *, timeout: float = 5.0) -> None:
        self._session = session
        self._timeout = timeout
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._there: dict[str, Found] = {}
        self._told: dict[str, Found] = {}
        self._news = asyncio.Event()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._stop: Callable[[], None] | None = None

    @property
    def servers(self) -> tuple[Found, ...]:
        """Those that are there now, in order of their JIDs."""
        return tuple(self._there[jid] for jid in sorted(self._there))

    async def __aenter__(self) -> Self:
        self._stop = self._session.on_presence(self._presence)
        self._session.contacts()
        for jid in self._session.present():
            self._presence(jid, True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stop is not None:
            self._stop()
        asking = tuple(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Seen:
        while True:
            for jid, found in self._told.items():
                if self._there.get(jid) != found:
                    del self._told[jid]
                    return Seen(found, False)
            for jid, found in self._there.items():
                if jid not in self._told:
                    self._told[jid] = found
                    return Seen(found, True)
            self._news.clear()
            await self._news.wait()

    def _presence(self, jid: str, available: bool) -> None:
        if (asking := self._asking.pop(jid, None)) is not None:
            asking.cancel()
        if available:
            self._asking[jid] = asyncio.get_running_loop().create_task(self._look(jid))
        elif self._there.pop(jid, None) is not None:
            self._news.set()

    async def _look(self, jid: str) -> None:
        pause = _FIRST_PAUSE
        while True:
            async with self._slots:
                found = await _ask(self._session, jid, self._timeout)
            if found is not None:
                break
            await asyncio.sleep(pause)  # a device is seen as soon as it has a session, which may be before it serves
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._asking.pop(jid, None)
        self._there[jid] = found
        self._news.set()
