"""The energy-management host: a VEN above, an IEC 61850 client below, one XMPP session, one application in between.

Nothing here knows how either protocol writes its messages: payloads find their protocol by their namespace, and the
application sees points and dispatch events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import attrs

from ..common.clock import Clock
from ..common.data.joined import join
from ..common.data.site import Device, Site
from ..common.errors import ConfigError
from ..common.xmpp.session import Session
from ..iec61850 import Ied, connect
from ..iec61850.access import DeviceAccess
from ..iec61850.acsi.services import Origin, OriginCategory
from ..iec61850.scsm82.presence import returned
from ..openadr.model import OptType
from ..openadr.signing.entry import signing
from ..openadr.ven import Change, EventChange, Ven
from .bridge import NotUnderstood, dispatch_event, offers, reader
from .controller import ControllerConfig, SiteController
from .dispatch import Resource, Storage
from .events import Answer, Opt

log = logging.getLogger(__name__)

METER = "PCC"
"""The device that is the meter at the point of common coupling."""


def resources(site: Site) -> tuple[Resource, ...]:
    """Return the devices of a site that take set-points; raise `ConfigError` for one without a rating."""
    found = []
    for device in site.devices:
        if not any(binding.row.point == "p.set" for binding in device.bindings):
            continue
        rating, energy = device.figures.get("rating"), device.figures.get("energy")
        if rating is None:
            raise ConfigError(f"{device.name} takes set-points and has no rating among its figures")
        storage = Storage(capacity_kwh=energy) if energy is not None else None
        found.append(Resource(name=device.name, rating_kw=rating, storage=storage))
    return tuple(found)


def meter(site: Site) -> str | None:
    """Return the point of the import at the point of common coupling, None if the site has no such meter."""
    name = f"der.{METER}.p"
    return name if name in site.points else None


class EmsHost:
    """The site's energy management on one session.

        async with EmsHost(site, session, clock) as ems:
            await ems.ready()

    Args:
        site: the site file.
        session: open; shared by both protocols; the caller closes it.
        clock: of the application.
        config: constants of the application; resources, meter and points are those of the site file.
        doubtful: report to the utility also values that are not good, with their quality; else they are left out.
        signed: sign as the site file says; a laboratory plays a utility that does not.
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
    ) -> None:
        self._site = site
        self._session = session
        self._clock = clock
        self._config = config or ControllerConfig(resources=resources(site), meter=meter(site))
        self._doubtful = doubtful
        self._signing = signing(site.ven.signing) if signed else None
        self.devices = {device.name: self._device(device) for device in site.devices}
        """Each device of the site, as points."""
        self.answers: dict[str, Answer] = {}
        """What was answered to each event, by its ID, with the reason."""
        self._stack = AsyncExitStack()
        self.app: SiteController
        self.ven: Ven

    async def open(self) -> None:
        """Associate with the devices, start the application, register with the utility; `ready` waits for them."""
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _open(self) -> None:
        for access in self.devices.values():
            await self._stack.enter_async_context(access)
        reported = tuple(binding.point.name for binding in self._site.ven.reports)
        self.app = SiteController(await join(self.devices.values()), self._clock, _watching(self._config, reported))
        self._run(self.app.run())
        self.ven = Ven(
            self._site.ven.name,
            self._session,
            vtn=self._site.ven.vtn,
            offers=offers(self._site.ven.reports, self._site.ven.resource),
            read=reader(self._site.ven.reports, self.app.latest if self._doubtful else self.app.value),
            signals={binding.address["signal"] for binding in self._site.ven.signals},
            clock=self._clock,
            signing=self._signing,
        )
        self.ven.on_event(self.decide)
        await self._stack.enter_async_context(self.ven)

    async def ready(self) -> None:
        """Return when every device is associated and the site is registered with the utility.

        Raises `ConfigError` if a device does not have what its table says, `Rejected` if the utility refuses the site.
        """
        await asyncio.gather(self.ven.joined(), *(access.ready() for access in self.devices.values()))

    async def close(self) -> None:
        """Stop everything that `open` has started."""
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def decide(self, change: EventChange) -> OptType:
        """Return the site's answer to an event that is new, changed or gone."""
        event_id = change.known.event_id
        if change.change in (Change.CANCELLED, Change.IMPLICITLY_CANCELLED):
            self.app.withdraw(event_id)
            return OptType.OPT_IN
        try:
            ven = self._site.ven
            contract = ven.figures.get("contract")
            event = dispatch_event(change.known.event, ven.signals, ven.resource, contract_kw=contract)
            answer = self.app.offer(event)
        except NotUnderstood as error:
            answer = Answer(Opt.OUT, error.message)
        self.answers[event_id] = answer
        log.info("event %s: %s %s", event_id, answer.opt.value, answer.reason)
        return OptType.OPT_IN if answer.opt is Opt.IN else OptType.OPT_OUT

    def _device(self, device: Device) -> DeviceAccess:
        jid = device.jid
        origin = Origin(OriginCategory.AUTOMATIC_REMOTE, self._session.jid.encode()[:64])

        async def associate() -> Ied:
            return await connect(f"xmpp:{jid}", session=self._session, clock=self._clock, origin=origin)

        return DeviceAccess(
            device.name,
            device.bindings,
            associate,
            self._clock,
            integrity=self._config.renew_s,
            returned=lambda: returned(self._session, jid),
        )

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                await work
            except Exception:
                log.exception("the site application has stopped: set-points stay as they are")

        task = asyncio.create_task(run())

        async def stop() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(stop)


def _watching(config: ControllerConfig, points: tuple[str, ...]) -> ControllerConfig:
    return attrs.evolve(config, others=tuple(dict.fromkeys((*config.others, *points))))
