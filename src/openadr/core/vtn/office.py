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
