"""The estate and everybody around it, each on an XMPP account of its own, on a clock that runs fast."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from janusgrid.common.data.site import Site, load_site
from janusgrid.common.resources import resource
from janusgrid.common.store.records import Records
from janusgrid.common.xmpp import jid as jids
from janusgrid.common.xmpp.servers import LocalServer, make_server
from janusgrid.common.xmpp.servers.accounts import Accounts
from janusgrid.ems.controller import ControllerConfig
from janusgrid.ems.demo.pace import HeldClock
from janusgrid.ems.demo.parties import Home, Operator, good, whole
from janusgrid.ems.demo.scenario import MIDNIGHT, clock_time
from janusgrid.ems.der import Der
from janusgrid.ems.events import DispatchEvent
from janusgrid.ems.host import EmsHost, meter, resources
from janusgrid.ems.ledger import Ledger
from janusgrid.ems.local import PlantAccess
from janusgrid.ems.machines import machines
from janusgrid.ems.sim.generator import Generator, GeneratorModel
from janusgrid.ems.sim.plant import Plant
from janusgrid.ems.sim.profile import Profile
from janusgrid.openadr.model import EiEvent
from janusgrid.openadr.vtn import Dispatch, Party, Sample, Telemetry, TelemetryPlan, Vtn

HOME = Path(__file__).parent
SAMPLE, BELOW = timedelta(seconds=20), timedelta(seconds=10)
HOMES = {"home1": "HOME1", "home2": "HOME2"}
DERS = ("DG750", "DG200", "ESS500")
SETUP = 180.0
SLOW, CRAWL = 15.0, 2.0
"""Seconds of the clock in a real one while programs are away, and while they log in again."""


class PatientClock(HeldClock):
    """A clock on which a second passes at most between two turns of the event loop.

    From the meter to a set-point it takes some turns, and some more over the wire. On a machine that is busy with other
    things each of them takes long: the clock waits for them.
    """

    def _set(self, factor: float) -> None:
        super()._set(factor)
        self._most = min(self._most, 1.0 / factor)


class World:
    """Everybody. Open it, `go`, and let things happen."""

    def __init__(self, folder: Path, *, broker: str = "embedded", speed: float = 77.0, start: datetime) -> None:
        self.folder = folder
        self.clock = PatientClock(SLOW, start)
        self._start, self._speed = start, speed
        self._broker = broker
        self.samples: list[Sample] = []
        self.below: list[tuple[str, Sample]] = []
        self.sampled: list[datetime] = []
        self.ledger = Ledger("PCC.p")
        self.operator = Operator()
        self.homes: dict[str, Home] = {}
        self.stack = AsyncExitStack()
        self.site: Site
        self.server: LocalServer
        self.host: EmsHost
        self.vtn: Vtn

    async def __aenter__(self) -> World:
        try:
            await self._open()
        except BaseException:
            await self.stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.aclose()

    async def _open(self) -> None:
        self._plant()
        await self._meter()
        self.server = make_server(self._broker, self.site.domain)
        users = ["vtn/openadr", "ems/IEC", "operator/IEC", "home1/ven", "home2/ven"]
        users += [f"{name.lower()}/IEC" for name in DERS]
        jid_of = {user.partition("/")[0]: user.replace("/", f"@{self.site.domain}/") for user in users}
        accounts = Accounts(self.server, jid_of.values())
        await self.server.start()
        self.stack.push_async_callback(self.server.stop)
        self.sessions = {user: accounts.session(jid) for user, jid in jid_of.items()}
        for session in self.sessions.values():
            self.stack.push_async_callback(session.close)
        await asyncio.gather(*(session.open() for session in self.sessions.values()))
        for name in DERS:
            der = await self.stack.enter_async_context(Der(self.site.device(name), self.access, self.clock))
            der.server.start(self.sessions[name.lower()])
        self.vtn = await self.utility()
        self.stack.push_async_callback(self._close_utility)
        config = ControllerConfig(resources=resources(self.site), meter=meter(self.site), cycle_s=15.0)
        self.host = EmsHost(
            self.site, self.sessions["ems"], self.clock, config, signed=False, stores=lambda role: self._store(role)
        )
        await self.stack.enter_async_context(self.host)
        self._note_samples()
        assert self.host.vtn is not None
        self.host.vtn.listen(Telemetry, self._came_below)
        for name in HOMES:
            home = self.homes[name] = Home(
                name, HOMES[name], self.sessions[name], jid_of["ems"], self.access, self.clock, every=BELOW
            )
            await self.stack.enter_async_context(home.ven)
            self._run(home.run())
        ready = asyncio.Event()
        self._run(self.operator.run(self.sessions["operator"], jid_of["ems"], ready))
        self.clock.go()
        self.stack.callback(self.clock.stop)
        async with asyncio.timeout(SETUP):
            await self.host.ready()
            await self.vtn.wait_registered("estate")
            await ready.wait()
        self.clock.pace(self._speed)

    def _note_samples(self) -> None:
        """Note for which intervals the estate takes samples."""
        reporting = self.host.ven._reporting
        read = reporting._read

        def noted(r_ids: frozenset[str]) -> Any:
            self.sampled.append(whole(self.clock.now(), SAMPLE))
            return read(r_ids)

        reporting._read = noted

    def _plant(self) -> None:
        path = resource("mappings/profiles/morning.csv")
        profile = Profile.parse(path.read_text(encoding="utf-8"), str(path))
        microgrid = load_site(resource("mappings/sites/microgrid.yaml"))
        ders = machines(microgrid.device(name) for name in DERS)
        homes = [
            Generator.of(GeneratorModel(name=name, rating_kw=rating, t95_s=90.0))
            for name, rating in (("HOME1", 150.0), ("HOME2", 100.0))
        ]
        self.plant = Plant([*ders, *homes], profile, midnight=MIDNIGHT, start=self._start)
        self.access = PlantAccess(self.plant, self.clock, poll=5.0)

    async def _meter(self) -> None:
        """Serve the meter on TCP, and write the site file that says where."""
        meter = load_site(resource("mappings/sites/microgrid.yaml")).device("PCC")
        der = await self.stack.enter_async_context(Der(meter, self.access, self.clock, refresh=5.0))
        served = await der.server.start_tcp(port=0)
        text = (HOME / "site.yaml").read_text().replace("METER", str(served.port))
        (self.folder / "site.yaml").write_text(text)
        self.site = load_site(self.folder / "site.yaml")

    def _store(self, role: str) -> Records:
        records = Records(self.folder / f"{role}.db", role)
        self.stack.callback(records.close)
        return records

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.stack.callback(task.cancel)

    # --- the utility ------------------------------------------------------------------------------------------------

    async def utility(self) -> Vtn:
        """Return the utility's VTN, as it is after each start of its program."""
        self._kept = Records(self.folder / "utility.db", "vtn")
        vtn = Vtn(
            "utility", self.sessions["vtn"], parties=[Party("estate", jids.bare(self.site.jid))], clock=self.clock,
            plan=TelemetryPlan(SAMPLE, timedelta(minutes=1)), store=self._kept,
        )  # fmt: skip
        vtn.listen(Telemetry, self._came)
        await vtn.open()
        return vtn

    async def _close_utility(self) -> None:
        await self.vtn.close()
        self._kept.close()

    async def restart_utility(self, away: float) -> None:
        """End the utility's program, and start it again after some seconds of the clock."""
        await self._close_utility()
        await self.clock.sleep(away)
        self.vtn = await self.utility()

    async def restart_server(self, away: float) -> None:
        """Kill the XMPP server, start it again after some seconds of the clock, and return when all are back.

        To log in and to associate takes real seconds: the clock hardly runs meanwhile.
        """
        self.clock.pace(SLOW)
        await self.server.kill()
        await self.clock.sleep(away)
        self.clock.pace(CRAWL)
        await self.server.start()
        async with asyncio.timeout(SETUP):
            for name in DERS:
                await self.host.devices[name].ready()
            while not all(session.connected for session in self.sessions.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        self.clock.pace(self._speed)

    async def caught_up(self, until: datetime) -> None:
        """Return when the utility knows the import up to a time."""
        async with asyncio.timeout(SETUP):
            while not any(time >= until for time in self.intervals("PCC.p")):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    def _came(self, telemetry: Telemetry) -> None:
        self.samples += telemetry.samples
        self.ledger.book((each.r_id, each.time, float(each.value)) for each in telemetry.samples if good(each))

    def _came_below(self, telemetry: Telemetry) -> None:
        self.below += [(telemetry.ven.ven_name, sample) for sample in telemetry.samples]

    def send(self, event: EiEvent) -> Dispatch:
        return self.vtn.create_event(event, ["estate"])

    def intervals(self, r_id: str) -> Counter[datetime]:
        """Return how often the utility was told of each interval of a point."""
        return Counter(sample.time for sample in self.samples if sample.r_id == r_id)

    def rates(self, event: DispatchEvent) -> dict[datetime, float]:
        """Return what part of the contract was delivered in each minute, by what the utility was told."""
        delivery = self.ledger.delivery(event)
        return {event.start + timedelta(minutes=n): rate for n, rate in enumerate(delivery.rates)}


__all__ = ["Home", "HOMES", "Operator", "SAMPLE", "World", "clock_time", "good"]
