"""What both sides of EiReport ask of the role that they work in."""

from __future__ import annotations

from typing import Protocol

from ..model import Message
from .outbox import Letter, Maker, Outbox
from .report_ledger import Ledger


class Post(Protocol):
    """Letters to peers. A peer is a venID, or the VTN of a VEN (`report_desk.VTN`)."""

    outbox: Outbox

    def post(
        self,
        peer: str,
        message: Message | Maker,
        *,
        key: str | None = None,
        weight: int = 1,
        expendable: bool = False,
    ) -> Letter:
        """Put a letter to a peer into the outbox; raise `LocalError` if too much waits for it already."""
        ...

    def box(self, peer: str) -> str:
        """Return under which name the letters to a peer stand in the outbox."""
        ...

    def named(self, peer: str) -> str:
        """Return the venID that messages to and from a peer bear."""
        ...

    def ids(self, prefix: str) -> str:
        """Return a new ID."""
        ...


class Ledgers(Protocol):
    """What is known of the reports of each peer."""

    def ledger(self, peer: str) -> Ledger:
        """Return the ledger of a peer that is registered."""
        ...

    def keep(self, peer: str) -> None:
        """Note that the ledger of a peer has changed."""
        ...
