"""The far side of a relay: where the server is, and what is known of it for all who are led to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import attrs

from ...common.errors import JanusGridError
from ..acsi.ports import EndListener
from ..mapping.answer import Taker
from ..mapping.initiate import Limits
from ..mapping.wire import Parameters
from ..mms import pdu

log = logging.getLogger(__name__)

MOST_REMEMBERED = 20_000
"""Answers that are kept of one server."""

_SMALLEST = 1024
_RATIOS = {(False, False): 1.0, (False, True): 2.0, (True, False): 0.25, (True, True): 0.5}
"""Of PDU sizes: there to here, by whether PDUs are text here and there."""
_AROUND = 500
"""Octets around a block of a file, in either encoding at most."""
_FIXED = frozenset({"getNameList", "getVariableAccessAttributes", "identify"})
_LISTS = ("basicObjectClass", int(pdu.BasicObjectClass.NAMED_VARIABLE_LIST))


class FarAssociation(Protocol):
    """An association with the far server, PDU by PDU: `TcpAssociation` and `XmppAssociation`."""

    parameters: Parameters
    taker: Taker | None

    @property
    def ended(self) -> str | None:
        """Why it has ended; None as long as it is open."""
        ...

    async def exchange(self, message: pdu.MMSpdu) -> pdu.MMSpdu:
        """Send a PDU and return the one that answers it."""
        ...

    def on_end(self, listener: EndListener) -> Callable[[], None]:
        """Call `listener` when it ends."""
        ...

    async def release(self) -> None:
        """Release in good order."""
        ...

    async def abort(self) -> None:
        """Abort at once."""
        ...


Open = Callable[[Limits], Awaitable[FarAssociation]]
"""Opens another association; raises what `connect` does."""


@attrs.define(slots=True, eq=False)
class Far:
    """A far server as one identity of ours sees it.

    Attributes:
        name: what it is called in logs.
        open: opens an association with it.
        text: whether PDUs are written as text there (XER).
        most: what to propose at most.
        keep: whether near associations outlive those there; else they end with them.
        retry: real seconds between two attempts to reach it again: the first, and the most it grows to.
    """

    name: str
    open: Open
    text: bool
    most: Limits = Limits()
    keep: bool = True
    retry: tuple[float, float] = (0.5, 5.0)
    _known: dict[str, pdu.ConfirmedServiceResponse] = attrs.field(factory=dict, init=False, repr=False)
    _there: set[FarAssociation] = attrs.field(factory=set, init=False, repr=False)

    def limits(self, size: int, *, text: bool) -> Limits:
        """Return what to propose, so that most of what fits into a PDU there fits into one of `size` octets here.

        Text is 2 to 25 times as long as BER. With a quarter the far server itself pages its lists and says of most of
        what it is asked that it is too much, and still has room for its reports where it cannot divide them; what is
        too large all the same is divided here. One dialect is up to twice as long as another.
        """
        fitting = int(size * _RATIOS[text, self.text])
        return attrs.evolve(self.most, pdu_size=max(_SMALLEST, min(self.most.pdu_size, fitting)))

    def block(self, size: int) -> int:
        """Return how many octets of a file fit into a PDU there."""
        return max(1, (size - _AROUND) // (2 if self.text else 1))

    async def associate(self, limits: Limits) -> FarAssociation:
        """Open an association; raise what `connect` does."""
        found = await self.open(limits)
        if not self._there:
            self._known.clear()  # nobody has seen that it is the same server as before
        if found.ended is None:
            self._there.add(found)
            found.on_end(lambda why: self._there.discard(found))
        return found

    async def again(self, limits: Limits) -> FarAssociation:
        """Open an association with a server that was lost, however long it takes until it is there again."""
        pause, longest = self.retry
        while True:
            try:
                return await self.associate(limits)
            except JanusGridError as error:
                log.info("%s: not yet: %s", self.name, error)
                await asyncio.sleep(pause)
                pause = min(longest, 2 * pause)

    # --- what never changes -----------------------------------------------------------------------------------------

    def known(self, service: pdu.ConfirmedServiceRequest) -> pdu.ConfirmedServiceResponse | None:
        """Return what it has answered to that before, if this never changes."""
        return self._known.get(repr(service)) if _is_fixed(service) else None

    def learn(self, service: pdu.ConfirmedServiceRequest, answer: Any) -> None:
        """Keep what it answers, if this never changes."""
        if _is_fixed(service) and len(self._known) < MOST_REMEMBERED:
            self._known[repr(service)] = answer


def _is_fixed(service: pdu.ConfirmedServiceRequest) -> bool:
    match service:
        case ("getNameList", request):
            return request.object_class != _LISTS
        case (kind, _):
            return kind in _FIXED


def opener(target: str, **options: Any) -> Open:
    """Return what opens associations with a server; `target` and `options` are those of `connect`."""

    async def open_(limits: Limits) -> FarAssociation:
        from ..client.connect import associate

        given = {"session": None, "dialect": "80-3", "security": None, "timeout": 5.0, **options}
        return await associate(target, limits=limits, **given)  # type: ignore[return-value]

    return open_
