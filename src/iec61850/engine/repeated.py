"""Commands that come again: recognised by what their client says of each, answered as before, carried out once.

A client that has lost the answer may send its command again, and what is between may deliver it twice. T is the time
at which the client has made its request and ctlNum counts its commands (IEC 61850-7-2 clause 20), so two that are
alike in these, in their originator and in all else are one. A command without T cannot be told from the next one that
says the same, and is carried out each time. The standard leaves open what is to be done; this is our choice. Where
the state of the object refuses a command in any case (not selected any more, being carried out) that is the answer.
"""

from __future__ import annotations

from collections import deque

import attrs

from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.services import Operate, Termination
from .association import Association

REMEMBERED = 16
"""Commands of each object that are kept in mind."""


@attrs.define(slots=True, eq=False)
class Carried:
    """A command that was granted, and what its client was told.

    Attributes:
        client: who has commanded.
        request: the command.
        answered: False while the answer is still to come.
        refusal: the refusal that was the answer, as the arguments of `ServiceRefused`; None for consent.
        end: what the client was told of the end later, where it was.
    """

    client: Association
    request: Operate
    answered: bool = False
    refusal: tuple[ServiceError, str, AddCause | None] | None = None
    end: Termination | None = None

    def refuse(self, refused: ServiceRefused) -> None:
        """Note the refusal that is the answer."""
        self.refusal = refused.error, refused.message, refused.add_cause

    def answer_again(self, client: Association) -> None:
        """Answer as before, and tell of the end where that was told; raise `ServiceRefused` if that was the answer."""
        if self.refusal is not None:
            error, message, cause = self.refusal
            raise ServiceRefused(error, message, add_cause=cause)
        if self.end is not None:
            client.outbox.append(self.end)


class Past:
    """The last commands of one object."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: deque[Carried] = deque(maxlen=REMEMBERED)

    def note(self, client: Association, request: Operate) -> Carried:
        """Keep a command in mind that is about to be carried out."""
        carried = Carried(client, request)
        if request.time.seconds or request.time.fraction:
            self._last.append(carried)
        return carried

    def find(self, client: Association, request: Operate) -> Carried | None:
        """Return the command that this one repeats, of the same client or of what it was before it came back."""
        for carried in self._last:
            if carried.request == request and _same(carried.client, client):
                return carried
        return None


def _same(before: Association, now: Association) -> bool:
    return before is now or (before.ended and before.identity == now.identity)
