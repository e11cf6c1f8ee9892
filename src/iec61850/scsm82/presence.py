"""Waiting for a server to show itself."""

from __future__ import annotations

import asyncio

from ...common.xmpp import jid as jids
from ...common.xmpp.session import Session


async def returned(session: Session, jid: str) -> None:
    """Return when the server at this JID (resource `IEC` where none is given) becomes available from now on.

    Its presence is seen only after an association was asked for once, or after `Session.subscribe`.
    """
    peer = jids.normal(jid if "/" in jid else f"{jid}/IEC")
    there = asyncio.Event()

    def notice(who: str, available: bool) -> None:
        if available and who == peer:
            there.set()

    stop = session.on_presence(notice)
    try:
        await there.wait()
    finally:
        stop()
