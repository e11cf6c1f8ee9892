"""The VTN: registers VENs, sends them events, takes their answers and reports::

    vtn = Vtn("utility", session, parties=[Party("site", "ems@site.example")])
    async with vtn:
        await vtn.wait_registered("site")
        dispatch = vtn.create_event(load_dispatch(1000, start=…, duration=…, created=…), ["site"])
        print(await dispatch.opted("site"))

The session is opened and closed by the caller; other protocols may share it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..common.clock import Clock
from ..common.errors import LocalError, Refused
from ..common.xmpp.session import Session
from .binding.keeper import Keeper, Store
from .binding.reporting import History, Reader, Reporting, checked_offers
from .binding.role import Role, transports_of
from .binding.sharing import SharedKeeper, SharedStore
from .binding.transport import Transport
from .core import telemetry
from .core.answers import Deployment
from .core.event_book import BookedEvent
from .core.identity import is_one_of
from .core.opt_book import Availability
from .core.opt_scope import Scope
from .core.outbox import Retry
from .core.report_desk import Recall
from .core.report_offers import DataPoint, Offer, Reading
from .core.telemetry import Sample
from .core.ven_book import Party, Ven
from .core.vtn import (
    Asked,
    Declined,
    Deregistered,
    Offered,
    OptCanceled,
    OptCreated,
    Opted,
    Registered,
    Telemetry,
    VtnCore,
    opted,
)
from .model import CreateOpt, EiEvent, EventStatus, OptType, ResponseRequired, TransportName
from .orders import Orders, ReportOrder
from .plans import TelemetryPlan
from .rules import Finding, timeline
from .signing import Signing

log = logging.getLogger(__name__)

__all__ = [
    "Vtn",
    "Dispatch",
    "TelemetryPlan",
    "ReportOrder",
    "Offer",
    "DataPoint",
    "Reading",
    "Recall",
    "Retry",
    "Party",
    "Ven",
    "Signing",
    "Sample",
    "Registered",
    "Deregistered",
    "Offered",
    "Opted",
    "Asked",
    "OptCreated",
    "OptCanceled",
    "Availability",
    "Telemetry",
    "Declined",
    "Finding",
]


class Dispatch:
    """An event that was sent, and the answers to it."""

    def __init__(self, vtn: Vtn, booked: BookedEvent) -> None:
        self._vtn = vtn
        self._last = booked

    @property
    def _booked(self) -> BookedEvent:
        """The event as it stands in the book; as it was last seen there, where it is forgotten."""
        self._last = self._vtn.core.events.shelf.get(self.id, self._last)
        return self._last

    @property
    def event(self) -> EiEvent:
        """The event as it is now."""
        return self._booked.event

    @property
    def id(self) -> str:
        """The eventID."""
        return self._last.event.event_descriptor.event_id

    def opt(self, ven: str, *, resource: str | None = None, device_class: str | None = None) -> OptType | None:
        """Return whether a VEN (venID or name) takes part; None while it has not answered.

        With `resource` or `device_class`, whether that part of it does: what the VEN has said by EiOpt of the part
        goes before what it has said of the whole.
        """
        return self._vtn.core.opt(self.id, ven, Scope(resource=resource, device_class=device_class))

    @property
    def status(self) -> EventStatus:
        """Where it stands now: far, near, active, completed or cancelled."""
        return timeline.status(self.event, self._vtn.clock.now())

    @property
    def vens(self) -> frozenset[str]:
        """The venIDs of those whom it was sent to."""
        return self._booked.ven_ids

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What had better be otherwise in it, as it was made or last modified."""
        return self._booked.warnings

    async def opted(self, ven: str) -> OptType:
        """Return whether a VEN takes part, once it has answered."""
        while (opt := self.opt(ven)) is None:
            await self._vtn.changed()
        return opt

    def modify(self, event: EiEvent) -> None:
        """Replace the event by a changed one; nothing is sent if nothing has changed."""
        self._vtn._warn(self._vtn.core.modify_event(event, self._vtn.clock.now()))
        self._vtn.nudge()

    def cancel(self, reason: str | None = None) -> None:
        """Cancel the event; to do it twice changes nothing."""
        self._vtn.core.cancel_event(self.id, self._vtn.clock.now(), reason)
        self._vtn.nudge()


class Vtn(Role):
    """A VTN. `listen` to what happens.

    Of registrations `Registered` and `Deregistered` tell, of events `Opted`, of opts `OptCreated` and `OptCanceled`, of
    reports `Offered`, `Telemetry` and `Asked`, of what a VEN has refused `Declined`.

    Args:
        vtn_id: its ID.
        transports: how VENs reach it: an XMPP session, opened and closed by the caller, or a transport, or several.
        parties: the VENs that may register.
        clock: of the application.
        plan: what to ask of offered reports.
        offers: the reports that VENs may ask of us; `read` and `history` give their values (see `Ven`).
        poll_every: how often a VEN that cannot be reached is asked to come for its messages.
        retry: when what does not go through is sent again.
        store: where registrations, events, answers and letters outlive the process: `Records`, or `SharedRecords`
            where many processes are one VTN; then all that changes something is done by `turn`.
        signing: how messages are signed, for VENs that register to sign; without it none may.
        tolerant: whether to read what is against the schema in ways that are known and have a name; each is counted in
            `deviations`, and logged once. Strict is the rule.
    """

    tells = (Registered, Deregistered, Opted, OptCreated, OptCanceled, Offered, Telemetry, Asked, Declined)

    def __init__(
        self,
        vtn_id: str,
        transports: Session | Transport | Iterable[Transport],
        *,
        parties: Iterable[Party] = (),
        clock: Clock | None = None,
        plan: TelemetryPlan | None = None,
        offers: Iterable[Offer] = (),
        read: Reader | None = None,
        history: History | None = None,
        poll_every: timedelta = timedelta(seconds=10),
        retry: Retry | None = None,
        store: Store | SharedStore | None = None,
        signing: Signing | None = None,
        tolerant: bool = False,
    ) -> None:
        if isinstance(store, SharedStore) and (promised := tuple(offers)):
            raise LocalError("a VTN of many processes offers no reports of its own", where=promised[0].specifier_id)
        carriers = transports_of(transports)
        names = tuple(transport.name for transport in carriers)
        deployment = Deployment(vtn_id, names, poll_every, signatures=signing is not None)
        self.core = VtnCore(
            deployment,
            parties,
            choose=(plan or TelemetryPlan()).choose,
            offers=checked_offers(offers, history),
            owns=self._owns,
            retry=retry,
        )
        super().__init__(self.core, carriers, clock, store=store, signing=signing, tolerant=tolerant)

        self._reporting = Reporting(self.core, self.clock, read, history, sent=super().nudge)
        self._orders: Orders[Telemetry] = Orders()

    def nudge(self) -> None:
        """Send what waits, sample what is due."""
        super().nudge()
        self._reporting.nudge()

    def _loops(self) -> list[Callable[[], Awaitable[None]]]:
        return [*super()._loops(), self._reporting.sampling, self._reporting.recalling]

    @property
    def parties(self) -> tuple[Party, ...]:
        """The VENs that may register."""
        return self.core.parties

    def add_party(self, party: Party) -> None:
        """Let a VEN register from now on, in the place of a party of that name if there is one.

        With another identity it is heard by that alone; with another venID or account its registration ends. Events by
        target go to whom they mean now. Parties are not kept: after a restart they are those that are given then, and
        each of many processes has its own.
        """
        self.core.add_party(party)
        self.nudge()

    def remove_party(self, ven_name: str) -> None:
        """Let a VEN register no more; its registration ends at once, and it is answered 463.

        Raises `UnknownName`. To let it know first: `cancel_registration`.
        """
        self.core.remove_party(ven_name)
        self.nudge()

    @property
    def vens(self) -> tuple[Ven, ...]:
        """The VENs that are registered."""
        return self.core.vens

    def ven(self, ven: str) -> Ven:
        """Return a registered VEN by its venID or name; raise `UnknownName`."""
        return self.core.ven(ven)

    async def wait_registered(self, ven: str) -> Ven:
        """Return a VEN (venID or name), once it has registered and said what it can report."""
        while True:
            found = next((v for v in self.core.vens if v.is_called(ven) and v.ready), None)
            if found is not None:
                return found
            await self.changed()

    def request_registration(self, ven: str) -> None:
        """Ask a VEN (venID or name) to register again, which it does under the same IDs; `Registered` tells.

        Raises `UnknownName`, and `LocalError` if too much waits for it already.
        """
        self.core.request_registration(ven)
        self.nudge()

    def cancel_registration(self, ven: str) -> None:
        """End the registration of a VEN (venID or name): it is over when the VEN has confirmed it, as `Deregistered`
        tells. Nothing else is sent to it meanwhile.

        Raises `UnknownName`.
        """
        self.core.cancel_registration(ven)
        self.nudge()

    @property
    def events(self) -> tuple[Dispatch, ...]:
        """The events that are known, also those of an earlier run of the program: until a day after they are over."""
        return tuple(Dispatch(self, booked) for booked in self.core.events)

    def event(self, event_id: str) -> Dispatch:
        """Return an event by its ID; raise `UnknownName`."""
        return Dispatch(self, self.core.events.get(event_id))

    def create_event(
        self,
        event: EiEvent,
        vens: Sequence[str] | None = None,
        response_required: ResponseRequired = ResponseRequired.ALWAYS,
    ) -> Dispatch:
        """Send an event to these VENs (venID or name); without them, to whomever its target means.

        That are the parties that take part in its market context and have one of the resources, groups, parties … that
        its target names (see `Party`), also those that register later. What had better be otherwise in the event
        stands in `Dispatch.warnings`, and in the log.

        Raises:
            UnknownName: one of them is not registered.
            LocalError: the event breaks a rule, or overlaps another of its market context, or is for nobody.
        """
        booked = self.core.create_event(event, vens, self.clock.now(), response_required)
        self._warn(booked)
        self.nudge()
        return Dispatch(self, booked)

    def request_report(
        self,
        ven: str,
        specifier_id: str,
        r_ids: Iterable[str] | None = None,
        *,
        granularity: timedelta = timedelta(),
        every: timedelta = timedelta(),
        start: datetime | None = None,
        duration: timedelta | None = None,
    ) -> ReportOrder[Telemetry]:
        """Ask a VEN (venID or name) for a report that it offers, and return what to wait for it with.

        Args:
            r_ids: the points that are wanted; all if not given.
            granularity: the time between two values; zero for one value in `every`, or for the values as they change
                where the points were offered so.
            every: the time between two reports; zero for one report (rule 324).
            start: when it begins: now, if not given. Of a report of the past, from when on: all, if not given.
            duration: how long it goes on: until it is cancelled, if not given.

        Raises:
            UnknownName: no such VEN, or it does not offer such a report or point.
            LocalError: times that it does not offer, or too much waits for it already.
        """
        specifier = telemetry.asked(
            self.core.offer(ven, specifier_id), r_ids,
            granularity=granularity, every=every, start=start, duration=duration, now=self.clock.now(),
        )  # fmt: skip
        request = self.core.request_report(ven, specifier)
        self.nudge()
        return self._orders.add(ReportOrder(request, lambda request_id, to_follow, with_next: self.cancel_report(
            ven, request_id, to_follow=to_follow, with_next=with_next
        )))  # fmt: skip

    def request_metadata(self, ven: str) -> None:
        """Ask a VEN (venID or name) to say once more what it can report (rule 306); `Offered` tells."""
        self.core.request_report(ven, telemetry.metadata())
        self.nudge()

    def cancel_report(self, ven: str, *request_ids: str, to_follow: bool = False, with_next: bool = False) -> None:
        """End reports of a VEN (venID or name), with a last one of each if that is `to_follow` (rule 345).

        `with_next` says so in the answer to the next values of each, else in a message of its own.

        Raises `UnknownName` for a report that does not run, `LocalError` if too much waits for the VEN already.
        """
        self.core.cancel_reports(ven, request_ids, to_follow=to_follow, with_next=with_next)
        self.nudge()

    def opts(self, ven: str) -> tuple[CreateOpt, ...]:
        """Return what a VEN (venID or name) has said by EiOpt, of events and of times, in the order in which it came.

        Raises `UnknownName`.
        """
        return self.core.opts(ven)

    def availability(
        self,
        ven: str,
        when: datetime | None = None,
        *,
        market: str | None = None,
        resource: str | None = None,
        device_class: str | None = None,
    ) -> Availability:
        """Return whether a VEN (venID or name) has said that it is available at a time, by default now.

        Asked of the VEN as a whole, only opts count that name no part of it and no market; what names a resource, a
        class of devices or a market counts where this is asked for. Of several that cover the time the last one that
        came counts. Raises `UnknownName`.
        """
        return self.core.availability(ven, when or self.clock.now(), Scope(market, resource, device_class))

    def _warn(self, booked: BookedEvent) -> None:
        for finding in booked.warnings:
            log.warning("event %s: %s", booked.event.event_descriptor.event_id, finding)

    def _keeping(self, store: Store | SharedStore | None) -> Keeper:
        if isinstance(store, SharedStore):
            return SharedKeeper(self.core, store, self._news, self._drain)
        return super()._keeping(store)

    def _news(self) -> None:
        self.nudge()
        self._fire()

    def knows(self, identity: str, ven_id: str) -> bool:
        """Return whether we have given this venID to this identity (see `Station`)."""
        return any(ven.ven_id == ven_id and is_one_of(identity, (ven.identity,)) for ven in self.core.vens)

    def _owns(self, transport: TransportName, identity: str, address: str) -> bool:
        spoken = self._transports.get(transport)
        return spoken is not None and spoken.owns(identity, address)

    async def _happened(self, happening: Any) -> None:
        if isinstance(happening, Registered):
            await self._transports[happening.ven.transport].watch(happening.ven.identity)
        elif isinstance(happening, Telemetry):
            self._orders.came(happening.report.report_request_id, happening)
        elif isinstance(happening, Deregistered):
            for request_id in happening.ven.requests:
                self._orders.over(request_id, Refused(f"{happening.ven.ven_name} is not registered any more"))
        elif isinstance(happening, Opted) and opted(happening.response) is None:
            response = happening.response
            log.warning(
                "%s rejects event %s: %s %s",
                happening.ven.ven_name,
                response.qualified_event_id.event_id,
                response.response_code,
                response.response_description or "",
            )
        elif isinstance(happening, Declined):
            self._orders.refused(happening.message, happening.error)
            log.warning("%s declines %s: %s", happening.ven_id, type(happening.message).__name__, happening.error)
