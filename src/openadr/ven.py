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
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ..common.clock import Clock
from ..common.errors import JanusGridError, LocalError, Refused, UnknownName
from ..common.xmpp.session import Session
from .binding.calls import call
from .binding.keeper import Store
from .binding.reporting import History, Reader, Reporting, checked_offers
from .binding.role import Role, transports_of
from .binding.transport import Transport
from .core import telemetry
from .core.answers import Code, Rejected
from .core.event_inbox import Change, EventChange, KnownEvent
from .core.outbox import Retry
from .core.report_desk import Recall
from .core.report_offers import DataPoint, Offer, Reading
from .core.telemetry import Sample
from .core.ven import (
    POLL_EVERY,
    REGISTRATION,
    SHORTEST_POLL,
    WHEN_REFUSED,
    Asked,
    Declined,
    Delivered,
    Joined,
    Left,
    Offered,
    OwnOpt,
    Telemetry,
    VenCore,
)
from .model import CreateOpt, EiEventSignal, EiTarget, OptReason, OptType
from .orders import Orders, ReportOrder
from .plans import TelemetryPlan
from .signing import Signing

log = logging.getLogger(__name__)

__all__ = [
    "Ven",
    "SentOpt",
    "Offer",
    "DataPoint",
    "Reading",
    "Recall",
    "Retry",
    "Sample",
    "ReportOrder",
    "TelemetryPlan",
    "Change",
    "EventChange",
    "KnownEvent",
    "Joined",
    "Left",
    "Asked",
    "Offered",
    "Telemetry",
    "Declined",
    "Delivered",
    "Rejected",
    "Signing",
]

EventHandler = Callable[[EventChange], "OptType | Awaitable[OptType | None] | None"]
E = TypeVar("E", bound=EventHandler)


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
    """A VEN. `listen` to `Joined`, `Left`, `Asked`, `EventChange`, `Offered`, `Telemetry`,
    `Delivered` and `Declined`.

    Args:
        ven_name: as agreed with the VTN.
        transport: how it reaches its VTN: an XMPP session, opened and closed by the caller, or a transport.
        vtn: over XMPP the VTN's JID, or a domain that lists its services; over HTTP the URL of its server.
        offers: the reports it can deliver.
        read: given rIDs that are due, returns their readings; plain or a coroutine function. A point that it leaves out
            is reported as having no value.
        history: given what is asked of the past, returns what is known of it; plain or a coroutine function. Reports of
            the past (HISTORY_USAGE, HISTORY_GREENBUTTON) are offered with it only.
        plan: what to ask of the reports that the VTN offers; nothing, if not given.
        report_only: register for reports only: no events come.
        signals: names of the signals that the application understands.
        targets: by what else than its venID events may mean it: resources, groups, parties, device classes … An event
            that names others of a kind that is given here is refused (462).
        reply_limit: how many events it asks for at once when it has registered; None for all.
        poll_every: how often it comes for its messages, if it does, where the VTN does not say (rule 54).
        poll_shortest: the shortest time between two polls, however often the VTN wants to be asked (rule 55); what
            waits behind a message is fetched at once all the same (rule 500).
        retry: when what does not go through is sent again.
        refused: when it tries again to register where the VTN refuses it: after a time that is picked from 15 s to
            `first`, then to twice that, and so on up to `longest`. None: not by itself, only by `join`.
        clock: of the application.
        store: where the registration, events, reports and letters outlive the process.
        signing: how messages are signed: then the VEN registers to sign, and wants the VTN's signed.
        tolerant: whether to read what is against the schema in ways that are known and have a name; each is counted in
            `deviations`, and logged once. Strict is the rule.
    """

    tells = (Joined, Left, Asked, EventChange, Offered, Telemetry, Delivered, Declined)

    def __init__(
        self,
        ven_name: str,
        transport: Session | Transport,
        *,
        vtn: str,
        offers: Iterable[Offer] = (),
        read: Reader | None = None,
        history: History | None = None,
        plan: TelemetryPlan | None = None,
        report_only: bool = False,
        signals: Iterable[str] = ("LOAD_DISPATCH", "SIMPLE"),
        targets: EiTarget | None = None,
        reply_limit: int | None = None,
        poll_every: timedelta = POLL_EVERY,
        poll_shortest: timedelta = SHORTEST_POLL,
        retry: Retry | None = None,
        refused: Retry | None = WHEN_REFUSED,
        clock: Clock | None = None,
        store: Store | None = None,
        signing: Signing | None = None,
        tolerant: bool = False,
    ) -> None:
        (self._transport,) = transports_of(transport)
        self.core = VenCore(
            ven_name,
            vtn=vtn,
            vtn_identity=self._transport.vtn_identity(vtn),
            address=self._transport.address,
            transport=self._transport.name,
            report_only=report_only,
            offers=checked_offers(offers, history),
            choose=lambda report: plan.choose(None, report) if plan is not None else None,
            signals=signals,
            targets=targets,
            reply_limit=reply_limit,
            poll_every=poll_every,
            poll_shortest=poll_shortest,
            retry=retry,
            refused=refused,
            signs=signing is not None,
            signers=signing.signers if signing else (),
        )
        super().__init__(self.core, (self._transport,), clock, vtn=vtn, store=store, signing=signing, tolerant=tolerant)
        self._reporting = Reporting(self.core, self.clock, read, history, sent=super().nudge, tick=self.core.tick)
        self._orders: Orders[Telemetry] = Orders()
        self._on_event: EventHandler | None = None
        self._left: Left | None = None

    def on_event(self, handler: E) -> E:
        """Let `handler` decide on each event that is new, changed or cancelled; usable as a decorator.

        It returns optIn or optOut, or None to answer later by `opt`. What it returns for a cancellation is ignored.
        Without a handler, or if it fails, an event is opted out of.
        """
        self._on_event = handler
        return handler

    @property
    def registered(self) -> bool:
        """Whether it is registered, so that events and reports flow."""
        return self.core.registered

    @property
    def ven_id(self) -> str:
        """Its venID; empty while it is not registered."""
        return self.core.ven_id

    async def joined(self) -> str:
        """Return the venID, once registered.

        Raises:
            Rejected: the VTN refuses, or has ended the registration. A VEN that is refused goes on trying by itself
                (see `refused`): who wants to wait for that listens to `Joined`.
            JanusGridError: it cannot be asked, or its answer makes no sense.
        """
        while not self.core.registered:
            if self._left is not None and self.core.state == REGISTRATION.initial:
                raise self._left.error or Rejected(Code.NOT_REGISTERED, "the registration has ended")
            await self.changed()
        return self.core.ven_id

    def join(self) -> None:
        """Begin to register, as opening does: for a VEN that has left, was sent away, or was refused and waits.

        Raises `LocalError` while it is leaving: `await ven.leave()` first.
        """
        if self.core.leaving:
            raise LocalError("it is leaving, and the VTN has not confirmed it yet: await leave() first",
                             where=self.core.office.ven_name)  # fmt: skip
        self._left = None
        self.core.start(self.clock.now())
        self.nudge()

    def register_again(self) -> None:
        """Register anew under the same IDs, and ask for the events anew; `Joined` tells.

        Nothing has to be done for it as a rule: the VTN asks for it, and a VEN that it has forgotten does by itself.
        Raises `LocalError` if it is not registered.
        """
        self.core.renew()
        self.nudge()

    async def leave(self) -> None:
        """End the registration and return when the VTN has confirmed it."""
        self.core.leave(self.clock.now())
        self.nudge()
        while self.core.registration_id:
            await self.changed()

    @property
    def events(self) -> tuple[KnownEvent, ...]:
        """The events that the VTN has told us of, most important first (rule 15)."""
        return tuple(self.core.events.all(self.clock.now()))

    def active(self, when: datetime | None = None) -> tuple[KnownEvent, ...]:
        """Return the events that are to be followed at a time, by default now, most important first.

        An event whose start was left open is active from the time that was picked for it; one that was cancelled while
        it ran, until the time that was picked for its end. What each asks for: `KnownEvent.value`.
        """
        return tuple(self.core.events.active(when or self.clock.now()))

    def is_for_us(self, signal: EiEventSignal) -> bool:
        """Return whether a signal of an event is for us: it may be for device classes that we have not."""
        return self.core.events.is_for_us(signal)

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
        self._reporting.nudge()

    def request_report(
        self,
        specifier_id: str,
        r_ids: Iterable[str] | None = None,
        *,
        granularity: timedelta = timedelta(),
        every: timedelta = timedelta(),
        start: datetime | None = None,
        duration: timedelta | None = None,
    ) -> ReportOrder[Telemetry]:
        """Ask the VTN for a report that it offers, and return what to wait for it with: as `Vtn.request_report`.

        Raises:
            UnknownName: the VTN does not offer such a report or point.
            LocalError: times that it does not offer, or too much waits for it already.
        """
        specifier = telemetry.asked(
            self.core.offer(specifier_id), r_ids,
            granularity=granularity, every=every, start=start, duration=duration, now=self.clock.now(),
        )  # fmt: skip
        request = self.core.request_report(specifier)
        self.nudge()
        return self._orders.add(ReportOrder(request, lambda request_id, to_follow, with_next: self.cancel_report(
            request_id, to_follow=to_follow, with_next=with_next
        )))  # fmt: skip

    def request_metadata(self) -> None:
        """Ask the VTN to say what it can report (rule 306); `Offered` tells."""
        self.core.request_report(telemetry.metadata())
        self.nudge()

    def cancel_report(self, *request_ids: str, to_follow: bool = False, with_next: bool = False) -> None:
        """End reports of the VTN, with a last one of each if that is `to_follow` (rule 345).

        `with_next` says so in the answer to the next values of each, else in a message of its own.

        Raises `UnknownName` for a report that does not run.
        """
        self.core.cancel_reports(request_ids, to_follow=to_follow, with_next=with_next)
        self.nudge()

    async def _opening(self) -> None:
        self._left = None
        self.core.move(self._transport.address)
        self.core.start(self.clock.now())

    def _loops(self) -> list[Callable[[], Awaitable[None]]]:
        return [*super()._loops(), self._reporting.sampling, self._reporting.recalling]

    def back(self, address: str | None) -> None:
        """The VTN is there again, or we are, maybe under another address (see `Station`)."""
        if address is None:
            self.core.move(self._transport.address)
        super().back(address)

    def trust(self, identity: str) -> None:
        """Take this identity for our VTN's too (see `Station`)."""
        self.core.trust(identity)

    async def _happened(self, happening: Any) -> None:
        if isinstance(happening, Left):
            self._left = happening
            self._orders.over_all(happening.error or Refused("the registration has ended"))
            if happening.error is not None and (happening.again is not None or self.core.state == REGISTRATION.initial):
                self._say_refused(happening.error, happening.again)
        elif isinstance(happening, Joined):
            self._left = None
        elif isinstance(happening, Telemetry):
            self._orders.came(happening.report.report_request_id, happening)
        elif isinstance(happening, EventChange):
            await self._decide(happening)
        elif isinstance(happening, Declined):
            self._orders.refused(happening.message, happening.error)
            level = logging.WARNING if happening.again is None else logging.INFO  # that was told when it began
            log.log(level, "the VTN declines %s: %s", type(happening.message).__name__, happening.error)

    def _say_refused(self, error: JanusGridError, again: datetime | None) -> None:
        """Log why there is no registration: once, until the reason is another."""
        event = "registration-refused" if isinstance(error, Rejected) else "registration-failed"
        then = "it is not tried again" if again is None else "it is tried again, less and less often, until it goes"
        log.warning("event=openadr.%s to=%s: %s; %s", event, self.core.office.vtn, error, then)

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
