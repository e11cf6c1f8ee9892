"""The scenario `roles`: four roles of one energy-management system on one XMPP session.

A utility's VTN dispatches an estate. Its EMS is a VEN of that utility, the VTN of two homes, the IEC 61850 client of
its devices, and the server of an operator, who watches by buffered reports. A home opts out and a generator breaks down
in the middle; the others make up for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import attrs

from ...common.clock import Clock
from ...common.data.site import Site, load_site
from ...common.data.value import Scalar
from ...common.errors import ConfigError, TimedOut
from ...common.resources import resource
from ...common.xmpp import jid as jids
from ...common.xmpp.servers import LocalServer, make_server
from ...common.xmpp.servers.accounts import Accounts
from ...common.xmpp.slix import SlixSession
from ...openadr.events import load_dispatch
from ...openadr.model import OptType
from ...openadr.ven import Change, EventChange
from ...openadr.vtn import Dispatch, Opted, Party, Sample, Telemetry, TelemetryPlan, Vtn
from ..bridge import dispatch_event, points_by_r_id
from ..controller import ControllerConfig
from ..delivery import MINUTE
from ..der import Der
from ..events import DispatchEvent
from ..host import METER, VENS, EmsHost, meter, resources
from ..ledger import Ledger
from ..local import PlantAccess
from ..machines import machines
from ..sim.generator import Generator, GeneratorModel
from ..sim.plant import Plant
from ..sim.profile import Profile
from .board import Board, Tier
from .parties import Home, Operator, good
from .reporter import Reporter
from .reserve import DEVICES, GRACE, OPENADR, SETUP, SITE
from .roles_outcome import RolesOutcome, checks
from .scenario import MIDNIGHT, clock_time
from .stepping import SteppingClock
from .tapped import Tap
from .watched import Watched

T = TypeVar("T")

HOME_T95_S = 90.0
"""Seconds until a home does 95 % of what it is asked."""


@attrs.frozen(slots=True, kw_only=True)
class RolesPlot:
    """What happens when.

    Attributes:
        start, end: of the demonstration.
        dispatch: when the utility sends its event.
        service, duration: the sustained period.
        opted: when a home, `leaves`, opts out.
        failure: when a generator, `fails`, breaks down.
        recovery: for how long after that the contract need not be kept.
        command: when the operator charges the battery, `charged`, by so many kW.
        contract_kw: the reduction asked.
        cycle_s: seconds between two decisions of the site.
        look_s: seconds between two looks of a device at its machine.
        sample, report: how often the utility samples, and gets a report.
    """

    start: datetime = clock_time(8, 14, 30)
    dispatch: datetime = clock_time(8, 20)
    service: datetime = clock_time(8, 30)
    duration: timedelta = 30 * MINUTE
    opted: datetime = clock_time(8, 38)
    leaves: str = "HOME2"
    failure: datetime = clock_time(8, 46)
    fails: str = "DG200"
    recovery: timedelta = 3 * MINUTE
    command: datetime = clock_time(9, 2)
    charged: str = "ESS500"
    charge_kw: float = 100.0
    end: datetime = clock_time(9, 6)
    contract_kw: float = 800.0
    cycle_s: float = 15.0
    look_s: float = 5.0
    sample: timedelta = timedelta(seconds=20)
    report: timedelta = MINUTE


class RolesScenario:
    """One demonstration. Make it, show `board` if you like, then let its clock `run` it once.

        played = RolesScenario()
        outcome = played.clock.run(played.run())

    Args:
        broker: the XMPP server: `embedded`, `prosody` or `ejabberd`.
        speed: simulated seconds in a real one at most; None for as fast as the program can.
        plot: what happens when.
    """

    def __init__(self, broker: str = "embedded", speed: float | None = None, plot: RolesPlot | None = None) -> None:
        self.plot = plot or RolesPlot()
        self.broker = broker
        self.clock = SteppingClock(self.plot.start, speed, grace=0.0 if broker == "embedded" else GRACE)
        self.site: Site = load_site(resource("mappings/sites/estate.yaml"))
        if self.site.operator is None:
            raise ConfigError(f"{self.site.name} has no operator")
        self.server: LocalServer = make_server(broker, self.site.domain)
        self.operator_jid = f"{self.site.operator.clients[0]}/IEC"
        pace = "as fast as it goes" if speed is None else f"at most {speed:g}× real time"
        title = f"{self.site.name}, four roles, {broker} broker, {pace}"
        self.board = Board(title, self.plot.start, self.plot.end, self.plot.start)
        self.plant = _plant(self.site, self.plot.start)
        self.tap = Tap()
        """Who the EMS speaks with on its session."""
        self.samples: list[Sample] = []
        """What the utility was told."""
        self.below: list[tuple[str, Sample]] = []
        """What homes have told the EMS."""
        self.ledger = Ledger(f"der.{METER}.p")
        self.homes: dict[str, Home] = {}
        self.operator = Operator()
        self.watched: Watched
        self.host: EmsHost
        self.sessions: dict[str, SlixSession] = {}
        self._points = points_by_r_id(self.site.ven.reports)
        self._reporter = Reporter(self.board, self.clock, resources(self.site))
        self._dispatch: Dispatch | None = None
        self._beside: list[asyncio.Task[None]] = []
        self._watching = asyncio.Event()

    async def run(self) -> RolesOutcome:
        """Play it and return what happened.

        Raises `NotReachable` if the broker cannot be started here, `TimedOut` if somebody does not come in time.
        """
        async with AsyncExitStack() as stack:
            self.board.step = f"starting the {self.broker} broker"
            await self._log_in(stack)
            self.board.step = "associating and registering"
            vtn = await self._assemble(stack)
            self._run(stack, self._keep_time())
            await self._unless_failed(self._all_here(vtn))
            stack.callback(self.clock.stop)
            began = time.monotonic()
            event = await self._unless_failed(self._play(vtn))
            return self._outcome(vtn, event, time.monotonic() - began)

    # --- before -----------------------------------------------------------------------------------------------------

    async def _log_in(self, stack: AsyncExitStack) -> None:
        everybody = [jids.normal(jid) for jid in (*self.site.jids, self.operator_jid)]
        accounts = Accounts(self.server, everybody)
        await self.server.start()
        stack.push_async_callback(self.server.stop)
        self.sessions = {jid: accounts.session(jid) for jid in everybody}
        for session in self.sessions.values():
            stack.push_async_callback(session.close)
        await asyncio.gather(*(session.open() for session in self.sessions.values()))

    async def _assemble(self, stack: AsyncExitStack) -> Vtn:
        """Start every party, from the bottom to the top and back; return the utility's VTN."""
        devices, site, openadr = (self.clock.ranked(rank) for rank in (DEVICES, SITE, OPENADR))
        plant = PlantAccess(self.plant, devices, poll=self.plot.look_s)
        for device in self.site.devices:
            if device.driver != VENS:
                der = await stack.enter_async_context(Der(device, plant, devices, refresh=self.plot.look_s))
                der.server.start(self._session(device.jid))
        vtn = await stack.enter_async_context(self._utility(openadr))
        config = ControllerConfig(resources=resources(self.site), meter=meter(self.site), cycle_s=self.plot.cycle_s)
        ems = self.tap.on(self._session(self.site.jid))
        self.host = host = await stack.enter_async_context(EmsHost(self.site, ems, site, config, signed=False))
        assert host.vtn is not None, "the estate has VENs below"
        assert host.mirror is not None, "and an operator above"
        self._reporter.follow_host(host)
        host.vtn.listen(Telemetry, self._came_below)
        host.vtn.listen(Opted, self._answered_below)
        for device in self.site.devices:
            if device.driver == VENS:
                home = self.homes[device.name] = Home(
                    device.address["ven"], device.name, self._session(device.jid), self.site.jid, plant, devices,
                    every=self.site.below.every, told=partial(self._asked, device.name),
                )  # fmt: skip
                await stack.enter_async_context(home.ven)
                self._run(stack, home.run())
        self.watched = Watched(host.mirror.bindings, self.clock, self._seen)
        self.operator.told = self.watched.hear
        self._run(stack, self.operator.run(self._session(self.operator_jid), self.site.jid, self._watching))
        return vtn

    async def _all_here(self, vtn: Vtn) -> None:
        """Let the clock go when all know each other, and return when all are ready."""
        host = self.host
        assert host.vtn is not None, "it has been opened"
        try:
            async with asyncio.timeout(SETUP):
                await vtn.wait_registered(self.site.ven.name)
                for home in self.homes.values():
                    await host.vtn.wait_registered(home.name)
                await self._watching.wait()
                await asyncio.gather(*(link.ready() for name, link in host.devices.items() if name not in self.homes))
                self.clock.go()  # homes are ready when they have sent telemetry
                await host.ready()
        except TimeoutError:
            absent = [name for name, link in host.devices.items() if not await link.available(f"der.{name}.p")]
            who = ", ".join(absent) or "the utility or the operator"
            raise TimedOut(f"not everybody is there after {SETUP:g} s: {who}") from None

    def _session(self, jid: str) -> SlixSession:
        return self.sessions[jids.normal(jid)]

    def _run(self, stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
        """Let this go on beside, for ever, until the stack is left."""
        task = asyncio.create_task(work)
        self._beside.append(task)

        async def stop() -> None:
            task.cancel()
            await asyncio.wait([task])

        stack.push_async_callback(stop)

    async def _unless_failed(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what comes of `work`; raise what something beside it has ended by, if that comes first."""
        main = asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait([main, *self._beside], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {main}:
                await task
            return await main
        finally:
            main.cancel()

    def _utility(self, clock: Clock) -> Vtn:
        vtn = Vtn(
            "utility",
            self._session(self.site.ven.vtn),
            parties=[Party(self.site.ven.name, jids.bare(self.site.jid))],
            clock=clock,
            plan=TelemetryPlan(self.plot.sample, self.plot.report),
        )
        vtn.listen(Telemetry, self._came)
        self._reporter.follow_utility(vtn)
        return vtn

    async def _keep_time(self) -> None:
        first = self.clock.ranked(-1)
        while True:
            self.board.now = self.clock.now()
            await first.sleep(self.plot.look_s)

    # --- the play ---------------------------------------------------------------------------------------------------

    async def _play(self, vtn: Vtn) -> DispatchEvent:
        plot, clock = self.plot, self.clock
        self.board.step = "before the dispatch"
        await clock.sleep_until(plot.dispatch)
        made = load_dispatch(
            plot.contract_kw,
            start=plot.service,
            duration=plot.duration,
            created=plot.dispatch,
            ramp_up=plot.service - plot.dispatch,
        )
        self._dispatch = vtn.create_event(made, [self.site.ven.name])
        event = dispatch_event(made, self.site.ven.signals, self.site.ven.resource)
        self._reporter.dispatched(event)
        await clock.sleep_until(plot.opted)
        self._tell(Tier.DEVICE, Tier.SITE, f"{plot.leaves} opts out of its event", good=False)
        self.homes[plot.leaves].opt_out()
        await clock.sleep_until(plot.failure)
        self._tell(Tier.DEVICE, Tier.DEVICE, f"{plot.fails} breaks down", good=False)
        self.plant.device(plot.fails).fail()
        await clock.sleep_until(plot.command)
        await self._command()
        await clock.sleep_until(plot.end)
        return event

    async def _command(self) -> None:
        """Have the operator charge the battery through the mirror."""
        plot, ied = self.plot, self.operator.ied
        assert ied is not None, "the operator is there since the beginning"
        place = self.watched.place(f"der.{plot.charged}.p.set")
        self._tell(Tier.OPERATOR, Tier.SITE, f"Operate {place}: {-plot.charge_kw:.0f} kW")
        await ied.control(place).operate(-1000 * plot.charge_kw)

    def _tell(self, source: Tier, target: Tier, what: str, *, good: bool = True) -> None:
        self.board.now = self.clock.now()
        self.board.tell(source, target, what, good=good)

    def _asked(self, name: str, change: EventChange, opt: OptType) -> None:
        """Tell what a home was asked."""
        if change.change in (Change.CANCELLED, Change.IMPLICITLY_CANCELLED):
            what = "is cancelled"
        else:
            begin = max(self.clock.now(), change.known.event.ei_active_period.dtstart)
            what = f"LOAD_DISPATCH {change.known.value('LOAD_DISPATCH', begin) or 0.0:.0f} kW"
        self._tell(Tier.SITE, Tier.DEVICE, f"oadrDistributeEvent to {name}: {what}")

    def _answered_below(self, happening: Opted) -> None:
        opt = happening.response.opt_type.value
        what = f"oadrCreatedEvent of {happening.ven.ven_name}: {opt}"
        self._tell(Tier.DEVICE, Tier.SITE, what, good=happening.response.opt_type is OptType.OPT_IN)

    def _seen(self, point: str, value: Scalar) -> None:
        """Tell of a state of a device that the operator was told of."""
        _, device, what = point.split(".", 2) if point.startswith("der.") else ("", "", "")
        if what in ("state", "available") and self.watched.reports > len(self.operator.updates):
            state = value if what == "state" else "available" if value else "not available"
            self._tell(Tier.SITE, Tier.OPERATOR, f"report: {device} {state}")

    def _came_below(self, telemetry: Telemetry) -> None:
        self.below += [(telemetry.ven.ven_name, sample) for sample in telemetry.samples]

    def _came(self, telemetry: Telemetry) -> None:
        """Take a report that reached the utility into its book, in the units of the site."""
        self.samples += telemetry.samples
        found = []
        for sample in telemetry.samples:
            binding = self._points.get(sample.r_id)
            if binding is not None and good(sample):
                assert isinstance(sample.value, int | float), "only numbers are good"
                found.append((binding.point.name, sample.time, float(binding.from_wire(sample.value))))
        self.ledger.book(found)

    # --- after ------------------------------------------------------------------------------------------------------

    def _outcome(self, vtn: Vtn, event: DispatchEvent, seconds: float) -> RolesOutcome:
        assert self.host.vtn is not None, "it has run"
        open_events = [(each.id, ven) for role in (vtn, self.host.vtn) for each in role.events for ven in each.vens
                       if each.opt(ven) is None]  # fmt: skip
        opt = None if self._dispatch is None else self._dispatch.opt(self.site.ven.name)
        found = RolesOutcome(
            plot=self.plot,
            site=self.site,
            broker=self.broker,
            seconds=seconds,
            event=event,
            opt=None if opt is None else opt.value,
            events=len(vtn.events) + len(self.host.vtn.events),
            unanswered=len(open_events),
            counts=self.board.counts,
            reports=self.ledger.reports,
            delivery=self.ledger.delivery(event),
            samples=tuple(self.samples),
            below=tuple(self.below),
            updates=self.operator.updates,
            watched=self.watched,
            operator=self.operator_jid,
            sent=self.tap.sent,
            heard=self.tap.heard,
            logins=self._session(self.site.jid).statistics.sessions,
        )
        return attrs.evolve(found, checks=checks(found))


def _plant(site: Site, start: datetime) -> Plant:
    """Return the devices of the estate, and what stands behind its homes."""
    path = resource("mappings/profiles/morning.csv")
    profile = Profile.parse(path.read_text(encoding="utf-8"), str(path))
    homes = [
        Generator.of(GeneratorModel(name=device.name, rating_kw=device.figures["rating"], t95_s=HOME_T95_S))
        for device in site.devices
        if device.driver == VENS
    ]
    return Plant([*machines(site.devices), *homes], profile, midnight=MIDNIGHT, start=start)
