"""What the rooms of a VTN share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from ...model import Message
from ..answers import Deployment
from ..outbox import Letter, Maker, Outbox
from ..ven_book import Ven, VenBook
from .happenings import Happening

Handler = Callable[[str, Any, datetime], Message]
"""Answers a message of the peer with this identity."""


@attrs.define(slots=True, eq=False)
class Office:
    """The books that every service reads and writes.

    Attributes:
        vens: who is registered.
        outbox: letters to VENs, by venID.
        happened: what the application has not been told yet.
        new_id: makes an ID with this prefix.
    """

    deployment: Deployment
    vens: VenBook
    outbox: Outbox
    new_id: Callable[[str], str]
    happened: deque[Happening] = attrs.Factory(deque)

    def send(self, ven: Ven, message: Message | Maker, key: str | None = None) -> Letter:
        """Put a letter to a VEN into the outbox; raise `LocalError` if too much waits for it already."""
        return self.outbox.put(ven.ven_id, message, key=key)

    def registered(self, ven_id: str) -> Ven:
        """Return a VEN that is known to be registered."""
        ven = self.vens.get(ven_id)
        assert ven is not None, f"{ven_id} was registered a moment ago"
        return ven

    # --- what EiReport asks of either role: `report_post.Post` and `Ledgers` ---

    def post(
        self,
        peer: str,
        message: Message | Maker,
        *,
        key: str | None = None,
        weight: int = 1,
        expendable: bool = False,
    ) -> Letter:
        """Put a letter to a VEN into the outbox; raise `LocalError` if too much waits for it already.

        A hundred values weigh as much as a letter.
        """
        return self.outbox.put(peer, message, key=key, weight=1 + weight // 100, expendable=expendable)

    def box(self, peer: str) -> str:
        """Return under which name the letters to a VEN stand in the outbox: its venID."""
        return peer

    def named(self, peer: str) -> str:
        """Return the venID of a VEN."""
        return peer

    def ids(self, prefix: str) -> str:
        """Return a new ID."""
        return self.new_id(prefix)

    def ledger(self, peer: str) -> Ven:
        """Return the ledger of a VEN: its own."""
        return self.registered(peer)

    def keep(self, peer: str) -> None:
        """Note that the ledger of a VEN has changed."""
        self.vens.touch(self.registered(peer))
