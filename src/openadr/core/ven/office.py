"""What the rooms of a VEN share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from ...model import Message, TransportName
from ..outbox import Letter, Outbox
from .happenings import Happening
from .states import REGISTRATION

Handler = Callable[[Any, datetime], Message]
"""Answers a message of the VTN."""

Reply = Callable[[Any, Any, datetime], None]
"""Takes the message of a letter and the VTN's answer to it; raises `Rejected` for one that makes no sense."""


@attrs.define(slots=True, eq=False)
class Office:
    """Who we are, to whom we write, and where our registration stands.

    Attributes:
        vtn: the VTN's address.
        vtn_identities: what the transport may prove the sender of the VTN's messages to be.
        address: our own transport address; None if we cannot be reached.
        outbox: letters to the VTN.
        new_id: makes an ID with this prefix.
        happened: what the application has not been told yet.
        ven_id, registration_id, vtn_id: as registered; empty before.
    """

    ven_name: str
    vtn: str
    vtn_identities: set[str]
    address: str | None
    transport: TransportName
    report_only: bool
    signs: bool
    outbox: Outbox
    new_id: Callable[[str], str]
    happened: deque[Happening] = attrs.Factory(deque)
    state: str = REGISTRATION.initial
    ven_id: str = ""
    registration_id: str = ""
    vtn_id: str = ""

    @property
    def registered(self) -> bool:
        """Whether events and reports flow."""
        return self.state == "registered"

    @property
    def polls(self) -> bool:
        """Whether the VTN cannot reach us: we ask for what waits."""
        return self.transport is TransportName.SIMPLE_HTTP and self.address is None

    def step(self, event: str) -> None:
        """Go on with the registration; raise `Refused` where the event does not fit."""
        self.state = REGISTRATION.next(self.state, event)

    def request_id(self) -> str:
        """Return a new requestID."""
        return self.new_id("R")

    def send(self, message: Message, *, key: str | None = None) -> Letter:
        """Send a message. Without a key it may be dropped: nothing is kept for a VTN that asks and takes no answer."""
        return self.outbox.put(self.vtn, message, key=key, expendable=key is None)
