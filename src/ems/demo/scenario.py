"""The scenario `dispatch`: the whole path of one event, every party on its own XMPP account.

The utility's VTN asks the microgrid for 1 000 kW less import over an hour; the site's host opts in, shares it among
two diesels, three microturbines and two batteries, and reports; the VTN judges by what it was reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import AsyncExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

import attrs

from ...common.data.site import Site, load_site
from ...common.errors import ConfigError, TimedOut
from ...common.resources import resource
from ...common.xmpp import jid as jids
from ...common.xmpp.servers import LocalServer, make_server
from ...common.xmpp.servers.accounts import Accounts
from ...common.xmpp.slix import SlixSession
from ...openadr.events import load_dispatch
from ...openadr.model import OptType
from ...openadr.vtn import Dispatch, Party, Telemetry, TelemetryPlan, Vtn
from ..bridge import dispatch_event, points_by_r_id
from ..controller import ControllerConfig
from ..der import Der
from ..events import DispatchEvent
from ..host import METER, EmsHost, meter, resources
from ..ledger import Ledger
from ..local import PlantAccess
from ..machines import machines
from ..sim.plant import Plant
from ..sim.profile import Profile
from .board import Board
from .pace import HeldClock
from .reporter import Reporter, keep_time
from .summary import Summary

log = logging.getLogger(__name__)

ZONE = timezone(timedelta(hours=8), "local")
MIDNIGHT = datetime(2022, 3, 25, tzinfo=ZONE)
"""The recorded day; its year is not published."""
SPEED = 77.0
"""Simulated seconds in a real one: the whole morning takes a minute."""
SETUP = 60.0
"""Real seconds within which everybody has to be there."""


def clock_time(hours: int, minutes: int, seconds: int = 0) -> datetime:
    """Return an instant of the recorded day by its local clock."""
    return MIDNIGHT + timedelta(hours=hours, minutes=minutes, seconds=seconds)


@attrs.frozen(slots=True, kw_only=True)
class Plot:
    """What happens when.

    Attributes:
        start, end: of the demonstration.
        dispatch: when the utility sends its event.
        service, duration: the sustained period.
        contract_kw: the reduction asked.
        cycle_s: seconds between two decisions of the site, and between two looks of a device at its machine.
        meter_s: seconds between two looks of the meter.
        sample_s: seconds between two samples of telemetry; reports go every minute.
    """

    start: datetime = clock_time(8, 14, 30)
    dispatch: datetime = clock_time(8, 20)
    service: datetime = clock_time(8, 30)
    duration: timedelta = timedelta(hours=1)
    end: datetime = clock_time(9, 32)
    contract_kw: float = 1000.0
    cycle_s: float = 15.0
    meter_s: float = 5.0
    sample_s: float = 20.0


class Scenario:
    """One demonstration. Make it, show `board` if you like, then `run` it once.

    Args:
        broker: `embedded`, `prosody` or `ejabberd`.
        speed: simulated seconds in a real one, as far as the machine can.
        plot: what happens when.
        site: a site file; the microgrid's unless given.

    Raises `ConfigError` for a site file, or a table that it names, that cannot be used, and for a site that has no
    meter or nothing to dispatch.
    """

    def __init__(
        self, broker: str = "embedded", speed: float = SPEED, plot: Plot | None = None, site: Path | None = None
    ) -> None:
        self.plot = plot or Plot()
        self.broker = broker
        self.clock = HeldClock(speed, self.plot.start)
        self.site: Site = load_site(site or resource("mappings/sites/microgrid.yaml"))
        _require_actors(self.site, site)
        self.server: LocalServer = make_server(broker, self.site.domain)
        title = f"{self.site.name}, {broker} broker, {speed:g}× real time"
        self.board = Board(title, self.plot.start, self.plot.end, self.plot.start)
        self.ledger = Ledger(f"der.{METER}.p")
        self.plant = _plant(self.site, self.plot.start)
        self._reporter = Reporter(self.board, self.clock, resources(self.site))
        self._points = points_by_r_id(self.site.ven.reports)
        self._opt: OptType | None = None
        self.host: EmsHost | None = None
        """The site's host, while it runs."""
        self.dispatch: Dispatch | None = None
        """The utility's event, once it is sent."""
        self.sessions: dict[str, SlixSession] = {}
        """Every party's session by its JID."""

    async def run(self) -> Summary:
        """Play it and return what happened.

        Raises `NotReachable` if the broker cannot be started here, `TimedOut` if somebody does not come in time.
        """
        async with AsyncExitStack() as stack:
            await self._serve(stack)
            await self._log_in(stack)
            self.host, vtn = await self._assemble(stack, self.sessions)
            ticking = asyncio.create_task(keep_time(self.board, self.clock))
            stack.callback(ticking.cancel)
            self.clock.go()
            stack.callback(self.clock.stop)
            event = await self._play(vtn)
            log.info("the site's own figures: %s", self.host.app.delivery())
        self.board.now = self.clock.now()
        counts = self.board.counts
        return Summary(
            broker=self.broker,
            event_id=event.id,
            opt=self._opt.value if self._opt else None,
            sent=counts.controls_sent,
            accepted=counts.controls_accepted,
            reports=self.ledger.reports,
            points=self.ledger.points,
            latest=self.ledger.latest,
            delivery=self.ledger.delivery(event),
        )

    # --- before -----------------------------------------------------------------------------------------------------

    async def _serve(self, stack: AsyncExitStack) -> None:
        self.board.step = f"starting the {self.broker} broker"
        self._accounts = Accounts(self.server, self.site.jids)
        await self.server.start()
        stack.push_async_callback(self.server.stop)

    async def _log_in(self, stack: AsyncExitStack) -> None:
        self.board.step = "logging in"
        self.sessions = {jids.normal(jid): self._accounts.session(jid) for jid in self.site.jids}
        for session in self.sessions.values():
            stack.push_async_callback(session.close)
        await asyncio.gather(*(session.open() for session in self.sessions.values()))

    async def _assemble(self, stack: AsyncExitStack, sessions: dict[str, SlixSession]) -> tuple[EmsHost, Vtn]:
        """Start every party, from the bottom to the top and back, and wait until all know each other."""
        self.board.step = "associating and registering"
        plant = PlantAccess(self.plant, self.clock)
        for device in self.site.devices:
            refresh = self.plot.meter_s if device.name == METER else self.plot.cycle_s
            der = await stack.enter_async_context(Der(device, plant, self.clock, refresh=refresh))
            der.server.start(sessions[jids.normal(device.jid)])
        vtn = await stack.enter_async_context(self._utility(sessions))
        config = ControllerConfig(resources=resources(self.site), meter=self.ledger.meter, cycle_s=self.plot.cycle_s)
        host = EmsHost(self.site, sessions[jids.normal(self.site.jid)], self.clock, config, signed=False)
        await stack.enter_async_context(host)
        self._reporter.follow_host(host)
        try:
            async with asyncio.timeout(SETUP):
                await host.ready()
                await vtn.wait_registered(self.site.ven.name)
        except TimeoutError:
            absent = [name for name, device in host.devices.items() if not await device.available(f"der.{name}.p")]
            who = ", ".join(absent) if absent else "the registration with the utility"
            raise TimedOut(f"not everybody is there after {SETUP:g} s: {who}") from None
        return host, vtn

    def _utility(self, sessions: dict[str, SlixSession]) -> Vtn:
        vtn = Vtn(
            "utility",
            sessions[jids.normal(self.site.ven.vtn)],
            parties=[Party(self.site.ven.name, jids.bare(self.site.jid))],
            clock=self.clock,
            plan=TelemetryPlan(timedelta(seconds=self.plot.sample_s), timedelta(minutes=1)),
        )
        vtn.listen(Telemetry, self._book)
        self._reporter.follow_utility(vtn)
        return vtn

    # --- the play ---------------------------------------------------------------------------------------------------

    async def _play(self, vtn: Vtn) -> DispatchEvent:
        self.board.step = "before the dispatch"
        await self.clock.sleep_until(self.plot.dispatch)
        made = load_dispatch(
            self.plot.contract_kw,
            start=self.plot.service,
            duration=self.plot.duration,
            created=self.plot.dispatch,
            ramp_up=self.plot.service - self.plot.dispatch,
        )
        self.dispatch = vtn.create_event(made, [self.site.ven.name])
        event = dispatch_event(made, self.site.ven.signals, self.site.ven.resource)
        self._reporter.dispatched(event)
        answer = asyncio.create_task(self._answer(self.dispatch))
        try:
            await self.clock.sleep_until(self.plot.end)
        finally:
            answer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answer
        return event

    async def _answer(self, dispatch: Dispatch) -> None:
        self._opt = await dispatch.opted(self.site.ven.name)

    def _book(self, telemetry: Telemetry) -> None:
        """Take a report that reached the utility into its book, in the units of the site."""
        found = []
        for sample in telemetry.samples:
            binding = self._points.get(sample.r_id)
            if binding is not None and isinstance(sample.value, int | float):
                found.append((binding.point.name, sample.time, float(binding.from_wire(sample.value))))
        self.ledger.book(found)


def _require_actors(site: Site, path: Path | None) -> None:
    """Raise `ConfigError` for a site that cannot take the part of the microgrid."""
    for there, what in (
        (meter(site), f"meter called {METER}, by which it is judged"),
        (resources(site), "device to dispatch"),
    ):
        if not there:
            reason = f"{site.name} has no {what}; `janusgrid lab` runs any site"
            raise ConfigError(reason, where=str(path) if path else None)


def _plant(site: Site, start: datetime) -> Plant:
    path = resource("mappings/profiles/morning.csv")
    profile = Profile.parse(path.read_text(encoding="utf-8"), str(path))
    return Plant(machines(site.devices), profile, midnight=MIDNIGHT, start=start)
