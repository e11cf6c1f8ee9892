"""What the rooms of a VEN share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from ...model import Message, TransportName
from ..outbox import Letter, Maker, Outbox
from ..report_ledger import Ledger
from ..shelf import Shelf
from .happenings import Happening
from .states import REGISTRATION

Handler = Callable[[Any, datetime], Message]
"""Answers a message of the VTN."""

Reply = Callable[[Any, Any, datetime], None]
"""Takes the message of a letter and the VTN's answer to it; raises `Rejected` for one that makes no sense."""

_VTN = "vtn"


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
        shelf: what the VTN offers and was asked for.
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
    shelf: Shelf[Ledger] = attrs.Factory(lambda: Shelf("reports of the vtn", Ledger.spelled, Ledger.unspelled))

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

    # --- what EiReport asks of either role: `report_post.Post` and `Ledgers`; the VTN is the one peer ---

    @property
    def vtn_reports(self) -> Ledger:
        """What the VTN offers, and what of it we have asked for."""
        return self.shelf.setdefault(_VTN, Ledger())

    def post(
        self,
        peer: str,
        message: Message | Maker,
        *,
        key: str | None = None,
        weight: int = 1,
        expendable: bool = False,
    ) -> Letter:
        """Put a letter to the VTN into the outbox."""
        return self.outbox.put(self.vtn, message, key=key, weight=weight, expendable=expendable)

    def box(self, peer: str) -> str:
        """Return under which name the letters to the VTN stand in the outbox: its address."""
        return self.vtn

    def named(self, peer: str) -> str:
        """Return our venID."""
        return self.ven_id

    def ids(self, prefix: str) -> str:
        """Return a new ID."""
        return self.new_id(prefix)

    def ledger(self, peer: str) -> Ledger:
        """Return the ledger of the VTN."""
        return self.vtn_reports

    def keep(self, peer: str) -> None:
        """Note that the ledger of the VTN has changed."""
        self.shelf.touch(_VTN)

    def request_id(self) -> str:
        """Return a new requestID."""
        return self.new_id("R")

    def send(self, message: Message, *, key: str | None = None) -> Letter:
        """Send a message. Without a key it may be dropped: nothing is kept for a VTN that asks and takes no answer."""
        return self.outbox.put(self.vtn, message, key=key, expendable=key is None)
