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
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..common.clock import Clock
from ..common.errors import LocalError, UnknownName
from ..common.xmpp.session import Session
from .binding.alarm import Alarm
from .binding.calls import call
from .binding.keeper import Store
from .binding.role import Role, transports_of
from .binding.transport import Transport
from .core.answers import Code, Rejected
from .core.event_inbox import Change, EventChange, KnownEvent
from .core.report_desk import DataPoint, Offer, Reading
from .core.ven import REGISTRATION, Asked, Declined, Joined, Left, OwnOpt, VenCore
from .model import CreateOpt, EiTarget, OptReason, OptType
from .signing import Signing

log = logging.getLogger(__name__)

__all__ = [
    "Ven",
    "SentOpt",
    "Offer",
    "DataPoint",
    "Reading",
    "Change",
    "EventChange",
    "KnownEvent",
    "Joined",
    "Left",
    "Asked",
    "Declined",
    "Rejected",
    "Signing",
]

EventHandler = Callable[[EventChange], "OptType | Awaitable[OptType | None] | None"]
Reader = Callable[[frozenset[str]], "Mapping[str, Reading] | Awaitable[Mapping[str, Reading]]"]


class SentOpt:
    """An opt that was sent to the VTN. It belongs to the registration: when that ends, so does the opt."""

    def __init__(self, ven: Ven, own: OwnOpt) -> None:
        self._ven = ven
        self._own = own

    @property
    def id(self) -> str:
        """The optID."""
        return self._own.id

    @property
    def message(self) -> CreateOpt:
        """What was said last under this optID."""
        return self._own.message

    @property
    def is_accepted(self) -> bool:
        """Whether the VTN has confirmed it, and it was not taken back."""
        return self._own.accepted and not self._own.over

    async def accepted(self) -> None:
        """Return when the VTN has confirmed what was said last.

        Raises:
            Rejected: the VTN refuses it.
            LocalError: it was taken back, or the registration has ended.
        """
        while not self._own.accepted or self._own.over or self._own.error:
            if self._own.error is not None:
                raise self._own.error
            if self._own.over:
                raise LocalError("it was taken back", where=self.id)
            await self._ven.changed()

    def cancel(self) -> None:
        """Take it back; to do it twice, or when it is over, changes nothing."""
        if not self._own.over:
            self._ven.core.opts.cancel(self.id)
            self._ven.nudge()

    async def canceled(self) -> None:
        """Return when the VTN has confirmed that it was taken back; raise `Rejected` if it does not."""
        while not self._own.over:
            if self._own.error is not None:
                raise self._own.error
            await self._ven.changed()


class Ven(Role):
    """A VEN. `listen` to `Joined`, `Left`, `Asked`, `EventChange` and `Declined`.

    Args:
        ven_name: as agreed with the VTN.
        transport: how it reaches its VTN: an XMPP session, opened and closed by the caller, or a transport.
        vtn: over XMPP the VTN's JID, or a domain that lists its services; over HTTP the URL of its server.
        offers: the reports it can deliver.
        read: given rIDs that are due, returns their readings; plain or a coroutine function.
        signals: names of the signals that the application understands.
        targets: by what else than its venID events may mean it: resources, groups, parties, device classes … An event
            that names others of a kind that is given here is refused (462).
        reply_limit: how many events it asks for at once when it has registered; None for all.
        clock: of the application.
        store: where the registration, events, reports and letters outlive the process.
        signing: how messages are signed: then the VEN registers to sign, and wants the VTN's signed.
    """

    def __init__(
        self,
        ven_name: str,
        transport: Session | Transport,
        *,
        vtn: str,
        offers: Iterable[Offer] = (),
        read: Reader | None = None,
        signals: Iterable[str] = ("LOAD_DISPATCH", "SIMPLE"),
        targets: EiTarget | None = None,
        reply_limit: int | None = None,
        clock: Clock | None = None,
        store: Store | None = None,
        signing: Signing | None = None,
    ) -> None:
        (self._transport,) = transports_of(transport)
        self.core = VenCore(
            ven_name,
            vtn=vtn,
            vtn_identity=self._transport.vtn_identity(vtn),
            address=self._transport.address,
            transport=self._transport.name,
            offers=offers,
            signals=signals,
            targets=targets,
            reply_limit=reply_limit,
            signs=signing is not None,
            signers=signing.signers if signing else (),
        )
        super().__init__(self.core, (self._transport,), clock, vtn=vtn, store=store, signing=signing)
        self._samples = Alarm(self.clock)
        self._read: Reader = read or (lambda r_ids: {})
        self._on_event: EventHandler | None = None
        self._left: Left | None = None

    def on_event(self, handler: EventHandler) -> EventHandler:
        """Let `handler` decide on each event that is new, changed or cancelled; usable as a decorator.

        It returns optIn or optOut, or None to answer later by `opt`. What it returns for a cancellation is ignored.
        Without a handler, or if it fails, an event is opted out of.
        """
        self._on_event = handler
        return handler

    async def joined(self) -> str:
        """Return the venID, once registered.

        Raises:
            Rejected: the VTN refuses, or has ended the registration.
            JanusGridError: it cannot be asked, or its answer makes no sense.
        """
        while not self.core.registered:
            if self._left is not None and self.core.state == REGISTRATION.initial:
                raise self._left.error or Rejected(Code.NOT_REGISTERED, "the registration has ended")
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

    def opt_schedule(
        self,
        opt: OptType,
        stretches: Iterable[tuple[datetime, timedelta]],
        *,
        reason: OptReason | str = OptReason.X_SCHEDULE,
        market: str | None = None,
        target: EiTarget | None = None,
        device_classes: Sequence[str] = (),
        opt_id: str | None = None,
    ) -> SentOpt:
        """Tell the VTN that we are, or are not, available at these times.

        Args:
            opt: optIn for available.
            stretches: starts and lengths, in whole seconds; a length of zero is open-ended.
            reason: why; beyond OpenADR's own reasons text that begins with `x-`.
            market: the market context (programme) that this is about; None for every one.
            target: what of us this is about, e.g. some resources; None for all of us.
            device_classes: the kinds of devices that this is about, e.g. `Exterior_Lighting`; none for every kind.
            opt_id: of an opt that this takes the place of.

        Raises:
            LocalError: we are not registered, the times make no sense, or very many opts are in force.
        """
        own = self.core.opts.schedule(
            opt, stretches, self.clock.now(), reason=reason, market=market, target=target,
            device_classes=device_classes, opt_id=opt_id,
        )  # fmt: skip
        self.nudge()
        return SentOpt(self, own)

    def opt_event(
        self,
        event_id: str,
        opt: OptType,
        *,
        reason: OptReason | str | None = None,
        target: EiTarget | None = None,
        device_classes: Sequence[str] = (),
        opt_id: str | None = None,
    ) -> SentOpt:
        """Opt in to or out of an event by a message of its own, for a reason, as a whole or with some devices only.

        If it is about all of us, it goes before every answer to the event, earlier or later, until it is cancelled
        (rule 206). A modification of the event is asked about anew. The arguments are those of `opt_schedule`.

        Raises:
            UnknownName: no such event.
            LocalError: we are not registered, or the event is cancelled.
        """
        own = self.core.opts.event(
            event_id, opt, self.clock.now(), reason=reason, target=target, device_classes=device_classes,
            opt_id=opt_id,
        )  # fmt: skip
        self.nudge()
        return SentOpt(self, own)

    @property
    def opts(self) -> tuple[SentOpt, ...]:
        """The opts in force, also those of an earlier run of the program."""
        return tuple(SentOpt(self, own) for own in self.core.opts.shelf.values())

    def nudge(self) -> None:
        """Send what waits, sample what is due."""
        super().nudge()
        self._samples.ring()

    async def _opening(self) -> None:
        self._left = None
        self.core.move(self._transport.address)
        self.core.start(self.clock.now())

    def _loops(self) -> list[Callable[[], Awaitable[None]]]:
        return [*super()._loops(), self._sampling]

    def back(self, address: str | None) -> None:
        """The VTN is there again, or we are, maybe under another address (see `Station`)."""
        if address is None:
            self.core.move(self._transport.address)
        super().back(address)

    def trust(self, identity: str) -> None:
        """Take this identity for our VTN's too (see `Station`)."""
        self.core.trust(identity)

    async def _sampling(self) -> None:
        """Sample when the reports want it. A slow or failing `read` delays nothing else."""
        while True:
            now = self.clock.now()
            if wanted := self.core.wanted(now):
                try:
                    self.core.sample(await call(self._read, wanted), now)
                except Exception:
                    log.exception("reading %s failed", ", ".join(sorted(wanted)))
            self.core.sample({}, now)
            self.core.tick(now)
            super().nudge()
            await self._samples.wait(self.core.wake())

    async def _happened(self, happening: Any) -> None:
        if isinstance(happening, Left):
            self._left = happening
        elif isinstance(happening, Joined):
            self._left = None
        elif isinstance(happening, EventChange):
            await self._decide(happening)
        elif isinstance(happening, Declined):
            log.warning("the VTN declines %s: %s", type(happening.message).__name__, happening.error)

    async def _decide(self, change: EventChange) -> None:
        """Ask the application about an event. What it decides is on this modification, if another comes meanwhile."""
        known, modification = change.known, change.known.modification
        opt: OptType | None = OptType.OPT_OUT
        try:
            if self._on_event is not None:
                opt = await call(self._on_event, change)
            opt = None if opt is None else OptType(opt)
        except Exception:
            log.exception("deciding on event %s failed: it is opted out of", known.event_id)
            opt = OptType.OPT_OUT
        if opt is None or change.change in (Change.CANCELLED, Change.IMPLICITLY_CANCELLED):
            return
        try:
            self.core.decide(known.event_id, opt, self.clock.now(), modification)
        except UnknownName:
            log.info("event %s was gone before it was decided", known.event_id)
        self.nudge()
