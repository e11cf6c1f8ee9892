"""Waiting for a server to show itself."""

from __future__ import annotations

from ...common.xmpp import jid as jids
from ...common.xmpp.session import Session
from .endpoint import Endpoint


async def returned(session: Session, jid: str) -> None:
    """Return when the server at this JID (resource `IEC` where none is given) becomes available from now on.

    Its presence is seen only after an association was asked for once, or after `Session.subscribe`.
    """
    await Endpoint.of(session).shown(jids.normal(jid if "/" in jid else f"{jid}/IEC"))
