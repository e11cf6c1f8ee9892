"""A reserve case on a wire: a real VTN dispatches by OpenADR over XMPP, and judges by the telemetry that it hears."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

import attrs

from ...common.data.site import Site, load_site
from ...common.errors import TimedOut
from ...common.resources import resource
from ...common.xmpp import jid as jids
from ...common.xmpp.servers import LocalServer, make_server
from ...common.xmpp.servers.accounts import Accounts
from ...common.xmpp.servers.pki import make_ca
from ...common.xmpp.slix import SlixSession
from ...openadr.model import OptType
from ...openadr.vtn import Dispatch, Party, Telemetry, TelemetryPlan, Vtn
from ..bridge import dispatch_event
from ..delivery import MINUTE
from ..host import Host
from ..reserve.cases import at, case, plant, published
from ..reserve.controller import ReserveConfig, ReserveController
from ..reserve.local import merged
from .acceptance import checks, expected
from .board import Board
from .looks import QUICK_S, Looks, SiteClock
from .outcome import Outcome, Row
from .recorder import Recorder
from .stepping import SteppingClock
from .utility import Utility, reserve_event
from .wires import Field, Local, Served, Wire, Wired

log = logging.getLogger(__name__)

TAIL = timedelta(minutes=3)
"""What is shown of the recovery period."""
RENEW_S, STALE_S = 60.0, 150.0
"""Seconds after which a device tells its values again, changed or not, and after which they are too old."""
GRACE = 0.004
"""Real seconds of silence before the clock goes on where the XMPP server is another program."""
SETUP = 60.0
"""Real seconds within which everybody has to be there."""
DEVICES, SITE, OPENADR = range(3)
"""Who comes first at one moment."""
TABLE_EVERY = timedelta(minutes=10)
SITES = {"present": "reserve.yaml", "upgraded": "reserve-upgraded.yaml"}


class ReserveScenario:
    """One case. Make it, show `board` if you like, then let its clock `run` it once.

        played = ReserveScenario("t17", Wire.XMPP)
        outcome = played.clock.run(played.run())

    Args:
        name: of the case: t16, t17, t19, t20 or u20.
        wire: between the site's application and the devices.
        broker: the XMPP server: `embedded`, `prosody` or `ejabberd`.
        speed: simulated seconds in a real one at most; None for as fast as the program can.
        tls: over TCP, whether connections are safe, by a certificate authority made for this run.

    Raises `UnknownName` for a case of which nothing is published, `LocalError` for a broker that there is not.
    """

    def __init__(
        self, name: str, wire: Wire, broker: str = "embedded", speed: float | None = None, *, tls: bool = True
    ) -> None:
        self.expected = expected(name)
        self.case = case(name)
        self.wire = wire
        self.broker = broker
        self.clock = SteppingClock(self.case.opens, speed, grace=0.0 if broker == "embedded" else GRACE)
        self.site: Site = load_site(resource(f"mappings/sites/{SITES['upgraded' if name == 'u20' else 'present']}"))
        self.server: LocalServer = make_server(broker, self.site.domain)
        self.end = self.case.event.end + TAIL
        pace = "as fast as it goes" if speed is None else f"at most {speed:g}× real time"
        title = f"{name}, wire {wire.value}, {broker} broker, {pace}"
        self.board = Board(title, self.case.opens, self.end, self.case.opens)
        self.plant = plant(self.case)
        self.looks = Looks(self.case.opens, tuple(at(when) for when, _ in self.case.faults))
        self.utility = Utility(self.site)
        faults = ((at(when), device) for when, device in self.case.faults)
        self.recorder = Recorder(self.board, self.plant, self.case.fleet, faults)
        self.sessions: dict[str, SlixSession] = {}
        """Every party's XMPP session by its JID."""
        self.wired: Wired | None = None
        """The devices as they are reached, with their servers."""
        self.host: Host[ReserveController] | None = None
        """The site's host, while it runs."""
        self.dispatch: Dispatch | None = None
        self._tls = tls
        self._opt: OptType | None = None

    async def run(self) -> Outcome:
        """Play it and return what happened.

        Raises `NotReachable` if the broker cannot be started here, `TimedOut` if somebody does not come in time.
        """
        async with AsyncExitStack() as stack:
            self.board.step = f"starting the {self.broker} broker"
            sessions = self.sessions = await self._log_in(stack)
            self.board.step = "associating and registering"
            self.wired = await self._wire(stack, sessions)
            vtn = await stack.enter_async_context(self._vtn(sessions))
            self.host = self._host(self.wired, sessions[jids.normal(self.site.jid)])
            await stack.enter_async_context(self.host)
            self.recorder.follow(self.host)
            await self._all_here(self.host, vtn)
            self.clock.go()
            stack.callback(self.clock.stop)
            began = time.monotonic()
            await self._play(vtn)
            return self._outcome(self.host, time.monotonic() - began)

    # --- before -----------------------------------------------------------------------------------------------------

    async def _log_in(self, stack: AsyncExitStack) -> dict[str, SlixSession]:
        jid_list = self.site.jids if self.wire is Wire.XMPP else (self.site.jid, self.site.ven.vtn)
        accounts = Accounts(self.server, jid_list)
        await self.server.start()
        stack.push_async_callback(self.server.stop)
        sessions = {jids.normal(jid): accounts.session(jid) for jid in jid_list}
        for session in sessions.values():
            stack.push_async_callback(session.close)
        await asyncio.gather(*(session.open() for session in sessions.values()))
        return sessions

    async def _wire(self, stack: AsyncExitStack, sessions: Mapping[str, SlixSession]) -> Wired:
        field = Field(
            site=self.site,
            plant=self.plant,
            devices=self.clock.ranked(DEVICES),
            host=self.clock.ranked(SITE),
            refresh=lambda: self.looks.seconds(self.clock.now()),
        )
        if self.wire is Wire.LOCAL:
            return Local(field)
        served = Served(field)
        if self.wire is Wire.XMPP:
            await served.over_xmpp(stack, sessions)
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="janusgrid-")))
            await served.over_tcp(stack, make_ca(folder) if self._tls else None)
        return served

    def _host(self, wired: Wired, session: SlixSession) -> Host[ReserveController]:
        """Return the site's host: it decides when its devices have shown what they measure, and reports after that."""
        parameters = attrs.evolve(self.case.parameters, loop_s=QUICK_S)
        config = ReserveConfig(fleet=self.case.fleet, parameters=parameters, renew_s=RENEW_S, stale_s=STALE_S)
        deciding = SiteClock(self.clock.ranked(SITE), self.looks)
        return Host(
            wired.site,
            session,
            self.clock.ranked(OPENADR),
            lambda points, clock, asked: ReserveController(points, deciding, config),
            renew_s=RENEW_S,
            stale_s=STALE_S,
            signed=False,
            reach=wired.reach,
        )

    def _vtn(self, sessions: Mapping[str, SlixSession]) -> Vtn:
        vtn = Vtn(
            "utility",
            sessions[jids.normal(self.site.ven.vtn)],
            parties=[Party(self.site.ven.name, jids.bare(self.site.jid))],
            clock=self.clock.ranked(OPENADR),
            plan=TelemetryPlan(MINUTE, MINUTE, ("TELEMETRY_USAGE", "TELEMETRY_STATUS")),
        )
        vtn.listen(Telemetry, self.utility.hear)
        self.recorder.follow_utility(vtn)
        return vtn

    async def _all_here(self, host: Host[ReserveController], vtn: Vtn) -> None:
        try:
            async with asyncio.timeout(SETUP):
                await host.ready()
                await vtn.wait_registered(self.site.ven.name)
        except TimeoutError:
            absent = [name for name, link in host.devices.items() if not await link.available(f"der.{name}.p")]
            who = ", ".join(absent) if absent else "the registration with the utility"
            raise TimedOut(f"not everybody is there after {SETUP:g} s: {who}") from None

    # --- the play ---------------------------------------------------------------------------------------------------

    async def _play(self, vtn: Vtn) -> None:
        self.board.step = "before the dispatch"
        event = self.case.event
        await self.clock.sleep_until(event.issued)
        made = reserve_event(event)
        self.dispatch = vtn.create_event(made, [self.site.ven.name])
        self.recorder.dispatched(dispatch_event(made, self.site.ven.signals, self.site.ven.resource))
        answer = asyncio.create_task(self._answer(self.dispatch))
        try:
            await self.clock.sleep_until(self.end)
        finally:
            answer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answer

    async def _answer(self, dispatch: Dispatch) -> None:
        self._opt = await dispatch.opted(self.site.ven.name)

    # --- after ------------------------------------------------------------------------------------------------------

    def _outcome(self, host: Host[ReserveController], seconds: float) -> Outcome:
        app = host.app
        event, service, utility, recorder = self.case.event, self.case.service, self.utility, self.recorder
        vtn, ems = utility.settlement(event, service), app.settlement()
        base = vtn.delivery.baseline_kw
        happenings = merged(app.happenings, self.case)
        found = Outcome(
            case=self.case,
            wire=self.wire,
            broker=self.broker,
            seconds=seconds,
            event_id="" if self.dispatch is None else self.dispatch.event.event_descriptor.event_id,
            opt=self._opt.value if self._opt else None,
            sent=self.board.counts.controls_sent,
            accepted=self.board.counts.controls_accepted,
            device_reports=self.board.counts.device_reports,
            reports=utility.reports,
            values=utility.values,
            vtn=vtn,
            ems=ems if ems is not None else vtn,
            by_meter=utility.by_meter(event, service, base),
            rows=tuple(self._rows(vtn.rates)),
            happenings=happenings,
            offline=utility.offline,
            wrong_starts=recorder.wrong_starts(happenings),
            imbalance_kw=recorder.imbalance_kw,
            lowest_soc=recorder.lowest_soc,
            grid=tuple(recorder.grid),
            load=self._told("load"),
            pv=self._told("pv"),
            generation=tuple(recorder.generation),
            tracks=recorder.tracks(),
            target_kw=base - event.reduction_kw + self.case.parameters.bias_kw,
            title=self.expected.title,
        )
        return attrs.evolve(found, checks=checks(found))

    def _rows(self, rates: tuple[float, ...]) -> list[Row]:
        event = self.case.event
        printed = {at(row.clock): row.grid_kw for row in published(self.case.name)}
        rows = []
        for k in range(event.duration // TABLE_EVERY + 1):
            when: datetime = event.start + k * TABLE_EVERY
            minute = (when - event.start) // MINUTE - 1
            told = self.utility.minutes.get(when, {})
            rate = rates[minute] if 0 <= minute < len(rates) else None
            rows.append(Row(time=when, published_kw=printed.get(when), told=told, rate=rate))
        return rows

    def _told(self, r_id: str) -> tuple[tuple[datetime, float], ...]:
        minutes = sorted(self.utility.minutes.items())
        return tuple((when, told[r_id]) for when, told in minutes if r_id in told)
