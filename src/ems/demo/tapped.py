"""A session that counts who is spoken with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, cast
from xml.etree.ElementTree import Element

import attrs

from ...common.xmpp import jid as jids
from ...common.xmpp.session import Handler, Incoming, IqKind, MessageKind, Session, StanzaKind


@attrs.define
class Tap:
    """Counts the requests and messages of a session by the account at the other end, as the server stamped it."""

    sent: Counter[str] = attrs.Factory(Counter)
    heard: Counter[str] = attrs.Factory(Counter)

    def on(self, session: Session) -> Session:
        """Return the session, counted from now on: whoever shares it has to be given this one."""
        return cast(Session, _Tapped(session, self))


class _Tapped:
    """A session as it is, but for what is counted."""

    def __init__(self, session: Session, tap: Tap) -> None:
        self._session = session
        self._tap = tap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def request(
        self, to: str, payload: str | Callable[[], str], *, kind: IqKind = "set", timeout: float = 10.0
    ) -> Element | None:
        self._tap.sent[jids.bare(to)] += 1
        return await self._session.request(to, payload, kind=kind, timeout=timeout)

    async def push(self, to: str, payload: str, *, kind: MessageKind = "normal") -> None:
        self._tap.sent[jids.bare(to)] += 1
        await self._session.push(to, payload, kind=kind)

    def handle(self, name: str, handler: Handler, *, kinds: Iterable[StanzaKind] = ("get", "set")) -> None:
        async def counted(incoming: Incoming) -> str | None:
            self._tap.heard[jids.bare(incoming.sender)] += 1
            return await handler(incoming)

        self._session.handle(name, counted, kinds=kinds)
