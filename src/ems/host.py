"""The energy-management host: four roles on one XMPP session, and one application in the middle.

Above, it is a VEN of the utility's VTN and an IEC 61850 server of an operator; below, the VTN of VENs and a client of
devices. Nothing here knows how either protocol writes its messages: payloads find their protocol by their namespace and
their role by their sender, and the application sees points and dispatch events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from ..common.clock import Clock
from ..common.data.access import DataAccess
from ..common.data.joined import join
from ..common.data.site import Device, Operator, Site
from ..common.errors import ConfigError
from ..common.openable import Openable
from ..common.xmpp.session import Session
from ..iec61850.access.mirror import Mirror
from ..iec61850.rights import Rights
from ..openadr.binding.keeper import Store
from ..openadr.binding.porter import Porter
from ..openadr.model import EventStatus, OptType
from ..openadr.signing.entry import signing
from ..openadr.ven import Change, Delivered, EventChange, KnownEvent, Ven
from ..openadr.vtn import Telemetry, TelemetryPlan, Vtn
from .application import Application
from .bridge import NotUnderstood, dispatch_event, offers, reader
from .controller import ControllerConfig, SiteController
from .dispatch import Planned, Resource, Storage
from .drivers.openadr import ROLE, party
from .drivers.port import Link, Surroundings, find
from .events import Answer, DispatchEvent, Opt
from .latest import Latest

if TYPE_CHECKING:
    from .chronicle import Chronicle  # it brings the database along, which most hosts do without

log = logging.getLogger(__name__)

METER = "PCC"
"""The device that is the meter at the point of common coupling."""
VENS = "openadr"
"""The driver of VENs below."""

BASELINE = "baseline"
"""The kind of record under which it is kept."""
TAKE_UP = timedelta(minutes=2)
"""How long a program that was started anew waits for its devices, before it gives up an event that it had accepted."""
_LOOK = 5.0

A = TypeVar("A", bound=Application)
Stores = Callable[[str], Store | None]
"""Gives the store of a part, `ven`, `vtn` or `site`; None where nothing outlives the process."""


def resources(site: Site) -> tuple[Resource, ...]:
    """Return the devices of a site that take set-points; raise `ConfigError` for one without a rating.

    A VEN is asked beforehand and for the whole event: `notice` and `ramp` among its figures are minutes.
    """
    found = []
    for device in site.devices:
        points = {binding.row.point for binding in device.bindings}
        if "p.set" not in points:
            continue
        rating, energy = device.figures.get("rating"), device.figures.get("energy")
        if rating is None:
            reason = f"{device.name} takes set-points and has no rating among its figures"
            raise ConfigError(reason, where=device.where or None)
        found.append(
            Resource(
                name=device.name,
                rating_kw=rating,
                storage=Storage(capacity_kwh=energy) if energy is not None else None,
                state=next((name for name in ("state", "available") if name in points), ""),
                plan=_planned(device) if device.driver == VENS else None,
            )
        )
    return tuple(found)


def _planned(device: Device) -> Planned:
    notice, ramp = (timedelta(minutes=device.figures.get(name, 0.0)) for name in ("notice", "ramp"))
    return Planned(notice=notice, ramp=ramp)


def meter(site: Site) -> str | None:
    """Return the point of the import at the point of common coupling, None if the site has no such meter."""
    name = f"der.{METER}.p"
    return name if name in site.points else None


Reach = Callable[[Device, Surroundings], Link]
"""Makes a link to a device of a site, not open yet."""


class Host(Openable, Generic[A]):
    """A site's roles on one session, around an application.

        async with Host(site, session, clock, make) as host:
            await host.ready()

    Args:
        site: the site file.
        session: open; shared by all roles; the caller closes it.
        clock: of the application.
        make: makes the application from the points of the devices.
        renew_s: seconds after which devices shall tell their values again, changed or not.
        stale_s: a value that was not renewed for so long is not reported as good.
        doubtful: report to the utility also values that are not good, with their quality; else they are left out.
        signed: sign as the site file says; a laboratory plays a utility that does not.
        stores: where what the OpenADR roles have to remember outlives the process.
        reach: makes the link to each device, if that is not for the driver that the site file names: a simulation does.
        chronicle: where values, commands, events and reports are written down; the past is answered from there, to the
            application, the utility (HISTORY_USAGE) and the operator (logs).

    Attributes:
        app, ven, vtn, points, mirror: the application; the VEN; the VTN of the VENs below, None where there are none;
            the points of devices and application together; the operator's server, None if the site file names none.
            They are there from `open` on.
    """

    app: A
    ven: Ven
    points: DataAccess
    mirror: Mirror | None = None

    def __init__(
        self,
        site: Site,
        session: Session,
        clock: Clock,
        make: Callable[[DataAccess, Clock, Iterable[str]], A],
        *,
        renew_s: float = 30.0,
        stale_s: float = 90.0,
        doubtful: bool = False,
        signed: bool = True,
        stores: Stores = lambda role: None,
        reach: Reach | None = None,
        chronicle: Chronicle | None = None,
    ) -> None:
        if not site.ven.vtn:
            raise ConfigError(f"{site.name} has no `openadr` in its site file, and so no utility whose VEN it could be")
        self._reach = reach
        self._site = site
        self._session = session
        self._clock = clock
        self._make = make
        self._renew_s, self._stale_s = renew_s, stale_s
        self._doubtful = doubtful
        self._signing = signing(site.ven.signing) if signed else None
        self._stores = stores
        self._chronicle = chronicle
        self.vtn: Vtn | None = self._below()
        self.devices: dict[str, Link] = {device.name: self._link(device) for device in site.devices}
        """Each device of the site, VENs among them, as points."""
        self.answers: dict[str, Answer] = {}
        """What was answered to each event, by its ID, with the reason."""
        self._answer_listeners: list[Callable[[str, Answer], None]] = []
        self._stack = AsyncExitStack()

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Go to the devices, start the application, register with the utility; `ready` waits for them."""
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> None:
        for link in self.devices.values():
            await self._stack.enter_async_context(link)
        reports = self._site.ven.reports
        reported = tuple(dict.fromkeys(binding.point.name for binding in reports))
        below, noted = await join(self.devices.values()), self._chronicle
        self.app = self._make(noted.noting(below) if noted else below, self._clock, reported)
        accesses: dict[str, DataAccess] = dict(self.devices)
        if (own := self.app.points) is not None:
            accesses["the application"] = own
        self.points = points = await join(accesses.values())
        if noted is not None:
            self.points = await self._stack.enter_async_context(noted.recorded(points))
        latest = Latest(accesses, reported, self._clock, renew=self._renew_s, stale=self._stale_s)
        self._run(latest.run(), "reports go on without new values")
        self._run(self.app.run(), "set-points stay as they are")
        if self._site.operator is not None:
            self.mirror = await self._serve(self._site.operator)
        self.ven = self._ven(latest)
        with Porter.of(self._session).held():
            await self._stack.enter_async_context(self.ven)
            if self.vtn is not None:
                await self._stack.enter_async_context(self.vtn)
        self._run(self._take_up(), "events of before are not gone on with")

    async def ready(self) -> None:
        """Return when every device is reached and the site is registered with the utility.

        Raises `ConfigError` if a device does not have what its table says, `Rejected` if the utility refuses the site.
        """
        await asyncio.gather(self.ven.joined(), *(link.ready() for link in self.devices.values()))

    async def close(self) -> None:
        """Stop everything that `open` has started."""
        with Porter.of(self._session).held():
            await self._stack.aclose()

    # --- events -----------------------------------------------------------------------------------------------------

    def on_answer(self, listener: Callable[[str, Answer], None]) -> None:
        """Call `listener` with the ID of each event that is decided on, and the answer."""
        self._answer_listeners.append(listener)

    def decide(self, change: EventChange) -> OptType:
        """Return the site's answer to an event that is new, changed or gone."""
        event_id = change.known.event_id
        if change.change in (Change.CANCELLED, Change.IMPLICITLY_CANCELLED):
            self.app.withdraw(event_id)
            if self._chronicle is not None:
                self._chronicle.cancelled(event_id)
            return OptType.OPT_IN
        answer = self._judged(change.known)
        self._note(event_id, answer)
        return OptType.OPT_IN if answer.opt is Opt.IN else OptType.OPT_OUT

    def _judged(self, known: KnownEvent) -> Answer:
        """Return what the application says to an event."""
        ven = self._site.ven
        try:
            event = dispatch_event(known.event, ven.signals, ven.resource, contract_kw=ven.figures.get("contract"))
        except NotUnderstood as error:
            return Answer(Opt.OUT, error.message)
        return self._offer(event)

    def _offer(self, event: DispatchEvent) -> Answer:
        return self.app.offer(event)

    def _note(self, event_id: str, answer: Answer) -> None:
        self.answers[event_id] = answer
        for listener in self._answer_listeners:
            listener(event_id, answer)
        if self._chronicle is not None:
            self._chronicle.answered(event_id, answer)
        log.info("event %s: %s %s", event_id, answer.opt.value, answer.reason)

    async def _take_up(self) -> None:
        """Go on with the events that an earlier run of the program had accepted, once the devices are there.

        What cannot be gone on with is opted out of after a while: so the utility knows, and can ask others.
        """
        kept = {known.event_id for known in self.ven.events if known.opt is OptType.OPT_IN}
        patience = self._clock.now() + TAKE_UP
        while kept:
            now = self._clock.now()
            over = (EventStatus.CANCELLED, EventStatus.COMPLETED)
            there = {known.event_id: known for known in self.ven.events if known.status(now) not in over}
            for event_id in [each for each in kept if each not in there or each in self.answers]:
                kept.discard(event_id)  # it is over, or was decided on anew
            for event_id in tuple(kept):
                answer = self._judged(there[event_id])
                if answer.opt is Opt.OUT and now < patience:
                    continue
                kept.discard(event_id)
                self._note(event_id, answer)
                if answer.opt is Opt.OUT:
                    self.ven.opt(event_id, OptType.OPT_OUT)
            await self._clock.sleep(_LOOK)

    # --- roles ------------------------------------------------------------------------------------------------------

    def _ven(self, latest: Latest) -> Ven:
        """Return the VEN of the utility's VTN, which reports what the points say."""
        site = self._site.ven
        ven = Ven(
            site.name,
            self._session,
            vtn=site.vtn,
            offers=offers(site.reports, site.resource),
            read=reader(site.reports, latest.latest if self._doubtful else latest.value),
            history=None if self._chronicle is None else self._chronicle.recall(site.reports, self.points),
            signals={binding.address["signal"] for binding in site.signals},
            clock=self._clock,
            signing=self._signing,
            store=self._stores("ven"),
        )
        ven.on_event(self.decide)
        if self._chronicle is not None:
            ven.listen(Delivered, self._chronicle.delivered)
        return ven

    def _below(self) -> Vtn | None:
        """Return the VTN of the VENs below, which may register one and all; None if there are none."""
        parties = [party(device) for device in self._site.devices if device.driver == VENS]
        if not parties:
            return None
        below = self._site.below
        vtn = Vtn(
            below.vtn_id,
            self._session,
            parties=parties,
            clock=self._clock,
            plan=TelemetryPlan(below.every, below.every),
            poll_every=below.poll,
            store=self._stores("vtn"),
        )
        if self._chronicle is not None:
            vtn.listen(Telemetry, self._chronicle.came)
        return vtn

    async def _serve(self, operator: Operator) -> Mirror:
        """Return the operator's server, on the session and, where the site file says so, on TCP."""
        mirror = Mirror(
            self._site, self.points, self._clock, ied=operator.ied, tables=operator.tables, generic=operator.generic,
            rights=None if operator.rights is None else Rights.load(operator.rights), clients=operator.clients,
            history=self._chronicle is not None,
        )  # fmt: skip
        await self._stack.enter_async_context(mirror)
        mirror.server.start(self._session)
        if operator.listen is not None:
            await mirror.server.start_tcp(*operator.listen)
        return mirror

    def _link(self, device: Device) -> Link:
        renew_s = self._site.below.every.total_seconds() if device.driver == VENS else self._renew_s
        surroundings = Surroundings(
            clock=self._clock,
            session=self._session,
            renew_s=renew_s,
            roles={} if self.vtn is None else {ROLE: self.vtn},
        )
        if self._reach is not None:
            return self._reach(device, surroundings)
        return find(device.driver, device.where or None).link(device, surroundings)

    def _run(self, work: Coroutine[Any, Any, None], else_: str) -> None:
        async def run() -> None:
            try:
                await work
            except Exception:
                log.exception("a part of the site has stopped: %s", else_)

        task = asyncio.create_task(run())

        async def stop() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(stop)


class EmsHost(Host[SiteController]):
    """The host of a site that follows dispatch events by its own means: `SiteController` in the middle.

        async with EmsHost(site, session, clock) as ems:
            await ems.ready()

    Args:
        config: constants of the application; resources, meter and points are those of the site file.

    Where it has a store, the baseline of an event outlives the process: the import of before is not known any more.

    The others are those of `Host`.
    """

    def __init__(
        self,
        site: Site,
        session: Session,
        clock: Clock,
        config: ControllerConfig | None = None,
        *,
        doubtful: bool = False,
        signed: bool = True,
        stores: Stores = lambda role: None,
        chronicle: Chronicle | None = None,
    ) -> None:
        config = config or ControllerConfig(resources=resources(site), meter=meter(site))

        def make(points: DataAccess, clock: Clock, asked: Iterable[str]) -> SiteController:
            others = tuple(dict.fromkeys((*config.others, *(name for name in asked if name in own))))
            return SiteController(points, clock, attrs.evolve(config, others=others))

        own = {binding.point.name for device in site.devices for binding in device.bindings}
        super().__init__(
            site, session, clock, make, renew_s=config.renew_s, stale_s=config.stale_s, doubtful=doubtful,
            signed=signed, stores=stores, chronicle=chronicle,
        )  # fmt: skip
        self._kept = stores("site")
        self._baselines = {str(key): float(str(text)) for _, key, text in self._kept.load()} if self._kept else {}

    def _offer(self, event: DispatchEvent) -> Answer:
        known = self._baselines.get(event.id)
        if event.baseline_kw is None and known is not None:
            event = attrs.evolve(event, baseline_kw=known)
        answer = super()._offer(event)
        base = self.app.baseline_kw
        if answer.opt is Opt.IN and base is not None and base != known and self._kept is not None:
            gone = [(BASELINE, name, None) for name in self._baselines]
            self._baselines = {event.id: base}
            self._kept.save([*gone, (BASELINE, event.id, repr(base))])
        return answer
