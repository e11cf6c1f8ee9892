"""A two-party application association, seen by the server (IEC 61850-7-2 clause 8)."""

from __future__ import annotations

from collections import deque

import attrs

from ..acsi.services import Notification
from ..model.nodes import DataSet
from ..rights import Doorkeeper, Permit

WINDOW = 32
"""Reports of buffered blocks that are in an outbox at once; the others stay in their buffers until there is room."""


def _proved(association: Association, _: object, roles: frozenset[int] | None) -> frozenset[int] | None:
    """Let what a client may do follow what it has proved: the one can never be set without the other."""
    if association.doorkeeper is not None:
        association.permit = association.doorkeeper.permit(association.peer, roles)
    return roles


@attrs.define(slots=True, eq=False)
class Association:
    """One client's association: who it is, and what is to be sent to it unasked.

    Attributes:
        peer: the client's address, as the mapping knows it for certain.
        outbox: reports and command terminations not yet taken by the mapping, oldest first.
        ended: True once it was released, aborted or lost.
        identity: what is the same when this client comes back; by default its whole address. What is reserved beyond
            the end of an association is reserved for it.
    """

    peer: str
    outbox: deque[Notification] = attrs.Factory(deque)
    ended: bool = False
    identity: str = attrs.field(default=attrs.Factory(lambda self: self.peer, takes_self=True))
    held: bool = False
    """True while nothing is taken from the outbox: the client does not read what is sent to it."""
    behind: dict[object, None] = attrs.Factory(dict)
    """The buffered blocks that have more to send to it than there is room for."""
    data_sets: dict[str, DataSet] = attrs.Factory(dict)
    """The data sets that only it knows, by their names without `@`."""
    asked: set[tuple[object, str]] = attrs.Factory(set)
    """The reports that it has asked for, by control block and kind, and that may still be in the outbox."""

    roles: frozenset[int] | None = attrs.field(default=None, on_setattr=_proved)
    """The roles that its client has proved to have (IEC 62351-8); None where nothing was proved."""
    doorkeeper: Doorkeeper | None = None
    """Who says what its client may do; None where everybody may do everything."""
    permit: Permit | None = attrs.field(init=False)
    """What its client may do; None: everything."""

    def __attrs_post_init__(self) -> None:
        self.permit = self.doorkeeper.permit(self.peer, self.roles) if self.doorkeeper is not None else None

    def ask_once(self, block: object, kind: str) -> bool:
        """Note that it asks for reports, and return whether it may: once, until what it has asked for is taken.

        Without that, one PDU could ask for thousands of reports of everything.
        """
        if not self.outbox:
            self.asked.clear()
        if (block, kind) in self.asked:
            return False
        self.asked.add((block, kind))
        return True
