"""The VEN: registers with its VTN, answers events, delivers reports::

    ven = Ven("site", session, vtn="vtn@utility.example/vtn", offers=[…], read=read_points)

    @ven.on_event
    def decide(change):
        return OptType.OPT_IN

    async with ven:
        await ven.joined()

The session is opened and closed by the caller; other protocols may share it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from ..common.clock import Clock
from ..common.errors import UnknownName
from ..common.xmpp.session import Session
from .binding.calls import call
from .binding.role import Role
from .binding.xmpp import bare
from .core.answers import Rejected
from .core.event_inbox import Change, EventChange, KnownEvent
from .core.report_desk import DataPoint, Offer, Reading
from .core.ven import Asked, Joined, Left, VenCore
from .model import OptType

log = logging.getLogger(__name__)

__all__ = [
    "Ven",
    "Offer",
    "DataPoint",
    "Reading",
    "Change",
    "EventChange",
    "KnownEvent",
    "Joined",
    "Left",
    "Asked",
    "Rejected",
]

EventHandler = Callable[[EventChange], "OptType | Awaitable[OptType | None] | None"]
Reader = Callable[[frozenset[str]], "Mapping[str, Reading] | Awaitable[Mapping[str, Reading]]"]


class Ven(Role):
    """A VEN on an XMPP session. `listen` to `Joined`, `Left`, `Asked` and `EventChange`.

    Args:
        ven_name: as agreed with the VTN.
        session: opened by the caller, who also closes it.
        vtn: the VTN's JID, or a domain that lists the VTN's services.
        offers: the reports it can deliver.
        read: given rIDs that are due, returns their readings; plain or a coroutine function.
        signals: names of the signals that the application understands.
        clock: of the application.
    """

    def __init__(
        self,
        ven_name: str,
        session: Session,
        *,
        vtn: str,
        offers: Iterable[Offer] = (),
        read: Reader | None = None,
        signals: Iterable[str] = ("LOAD_DISPATCH", "SIMPLE"),
        clock: Clock | None = None,
    ) -> None:
        self.core = VenCore(
            ven_name, vtn=vtn, vtn_identity=bare(vtn), address=session.jid, offers=offers, signals=signals
        )
        super().__init__(self.core, session, clock, wake=self.core.wake, tick=self._sample)
        self._vtn = vtn
        self._read: Reader = read or (lambda r_ids: {})
        self._on_event: EventHandler | None = None
        self._error: Rejected | None = None

    def on_event(self, handler: EventHandler) -> EventHandler:
        """Let `handler` decide on each event that is new, changed or cancelled; usable as a decorator.

        It returns optIn or optOut, or None to answer later by `opt`. What it returns for a cancellation is ignored.
        Without a handler every event is opted out of.
        """
        self._on_event = handler
        return handler

    async def joined(self) -> str:
        """Return the venID, once registered; raise `Rejected` if the VTN refuses."""
        while not self.core.registered:
            if self._error is not None:
                raise self._error
            await self.changed()
        return self.core.ven_id

    async def leave(self) -> None:
        """End the registration and return when the VTN has confirmed it."""
        self.core.leave(self.clock.now())
        self.nudge()
        while self.core.registration_id:
            await self.changed()

    def opt(self, event_id: str, opt: OptType) -> None:
        """Answer an event, or change the answer; raise `UnknownName` if it is not known."""
        self.core.decide(event_id, opt, self.clock.now())
        self.nudge()

    async def _opening(self) -> None:
        self._binding.serve()
        await self._binding.discover(self._vtn)
        self.core.start(self.clock.now())

    async def _sample(self) -> None:
        now = self.clock.now()
        wanted = self.core.wanted(now)
        readings = await call(self._read, wanted) if wanted else {}
        self.core.sample(readings, now)

    async def _happened(self, happening: Any) -> None:
        if isinstance(happening, Left):
            self._error = happening.error
        elif isinstance(happening, Joined):
            self._error = None
        elif isinstance(happening, EventChange):
            await self._decide(happening)

    async def _decide(self, change: EventChange) -> None:
        opt = OptType.OPT_OUT if self._on_event is None else await call(self._on_event, change)
        if opt is None or change.change in (Change.CANCELLED, Change.IMPLICITLY_CANCELLED):
            return
        try:
            self.opt(change.known.event_id, opt)
        except UnknownName:
            log.info("event %s was gone before it was decided", change.known.event_id)
