"""The host with an application of one's own: what it reports, whom it lets in, and how it goes on after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.clock import Clock, LockStepClock
from janusgrid.common.data.access import DataAccess
from janusgrid.common.data.memory import MemoryAccess
from janusgrid.common.data.point import Kind, Point
from janusgrid.common.data.site import Site, load_site
from janusgrid.common.data.unit import unit
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.session import StanzaRefused
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.ems.controller import ControllerConfig
from janusgrid.ems.demo.pace import HeldClock
from janusgrid.ems.events import Answer, DispatchEvent, Opt
from janusgrid.ems.host import EmsHost, Host
from janusgrid.iec61850 import connect
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import OptType
from janusgrid.openadr.vtn import Dispatch, Party, Sample, Telemetry, TelemetryPlan, Vtn

from tests.brokers import start_broker
from tests.openadr.binding.ways import eventually

from .plants import RESOURCES, at
from .test_controller import EVENT, morning

SITE = """\
name: plant
domain: grid.test
ems: {jid: "ems@{domain}/IEC"}
openadr: {ven_name: plant, vtn: "vtn@{domain}/openadr", resource: plant, reports: [openadr/reports.csv, own.csv]}
operator: {clients: ["operator@{domain}"], ied: PLANT}
devices:
- name: PCC
  table: iec61850/meter.csv
  address: {host: 127.0.0.1, port: 1, ied: PCC}
"""
HEADER = "point,kind,type,unit,report,report_name,rid,report_type,reading_type,item,min_period,max_period,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description"  # noqa: E501
OWN = "site.own.p,measurement,float,kW,telemetry,TELEMETRY_USAGE,own,usage,Direct Read,powerReal,PT1S,PT60M,float32,kW,,,,read report,,,"  # noqa: E501
SECOND = timedelta(seconds=1)


class Mine:
    """An application of one's own: it has a point, and says what it is told to say."""

    def __init__(self, access: DataAccess, clock: Clock, names: Iterable[str], answers: Sequence[Opt]) -> None:
        self.access, self.names = access, tuple(names)
        self.answers = list(answers)
        self.offered: list[DispatchEvent] = []
        self.points = MemoryAccess([Point("site.own.p", Kind.MEASUREMENT, unit=unit("kW"))], clock=clock)

    def offer(self, event: DispatchEvent) -> Answer:
        self.offered.append(event)
        return Answer(self.answers[0] if len(self.answers) == 1 else self.answers.pop(0))

    def withdraw(self, event_id: str) -> None: ...

    async def run(self) -> None:
        self.points.put("site.own.p", 7.0)
        await asyncio.Event().wait()


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.records: dict[tuple[Any, Any], str] = {}

    def load(self) -> list[tuple[str, str, str]]:
        return [(*key, text) for key, text in self.records.items()]

    def save(self, records: Iterable[Sequence[str | None]]) -> None:
        for kind, key, text in records:
            self.records.pop((kind, key), None)
            if text is not None:
                self.records[kind, key] = text


@attrs.define
class Plant:
    """A utility and the accounts of everybody."""

    server: LocalServer
    stack: AsyncExitStack
    site: Site
    clock: HeldClock
    vtn: Vtn
    samples: list[Sample] = attrs.Factory(list)
    stores: dict[str, Kept] = attrs.Factory(dict)

    async def session(self, user: str, resource_: str = "IEC") -> SlixSession:
        return await self.stack.enter_async_context(login(self.server, user, resource_))

    def host(self, on: SlixSession, *answers: Opt) -> Host[Mine]:
        def make(access: DataAccess, clock: Clock, names: Iterable[str]) -> Mine:
            return Mine(access, clock, names, answers or [Opt.IN])

        return Host(
            self.site, on, self.clock, make, renew_s=10.0,
            stores=lambda role: self.stores.setdefault(role, Kept()),
        )  # fmt: skip

    async def dispatched(self) -> Dispatch:
        """Return an event of an hour that the plant takes part in."""
        now = self.clock.now().replace(microsecond=0)
        made = load_dispatch(10.0, start=now, duration=timedelta(hours=9), created=now)
        async with asyncio.timeout(30):
            await self.vtn.wait_registered("plant")
            dispatch = self.vtn.create_event(made, ["plant"])
            assert await dispatch.opted("plant") is OptType.OPT_IN
        return dispatch


def login(server: LocalServer, user: str, resource_: str) -> SlixSession:
    return SlixSession(
        f"{user}@{server.domain}/{resource_}", password=f"secret of {user}", host=server.host, port=server.port,
        tls=server.ca,
    )  # fmt: skip


@pytest_asyncio.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    (tmp_path / "own.csv").write_text(f"{HEADER}\n{OWN}\n")
    (tmp_path / "site.yaml").write_text(SITE)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(start_broker("embedded", "vtn", "ems", "operator", "mallory"))
        clock = HeldClock(30.0, datetime(2026, 3, 25, 8, 0, tzinfo=UTC))
        clock.go()
        stack.callback(clock.stop)
        session = await stack.enter_async_context(login(server, "vtn", "openadr"))
        plan = TelemetryPlan(10 * SECOND, 10 * SECOND)
        vtn = Vtn("utility", session, parties=[Party("plant", "ems@grid.test")], clock=clock, plan=plan)
        made = Plant(server, stack, load_site(tmp_path / "site.yaml"), clock, vtn)
        vtn.listen(Telemetry, lambda telemetry: made.samples.extend(telemetry.samples))
        await stack.enter_async_context(vtn)
        yield made


async def test_one_device_that_is_not_reached_holds_up_nothing(plant: Plant) -> None:
    """The meter is away from the beginning; what the application says of itself is reported all the same."""
    async with plant.host(await plant.session("ems")) as host:
        assert host.app.names == ("der.PCC.p", "der.PCC.load", "site.own.p")
        assert {point.name for point in await host.points.directory()} >= {"der.PCC.p", "site.own.p"}
        await eventually(lambda: len(plant.samples) > 3)
        assert {(sample.r_id, sample.value) for sample in plant.samples} == {("own", 7.0)}
        assert (await plant.dispatched()).opt("plant") is OptType.OPT_IN
        assert [event.reduction_kw for event in host.app.offered] == [10.0]


async def test_the_operator_is_let_in_and_nobody_else(plant: Plant) -> None:
    """Whoever may speak to a role of the session has not thereby an association with the mirror."""
    async with plant.host(await plant.session("ems")) as host:
        assert host.mirror is not None
        mallory = await plant.session("mallory")
        with pytest.raises(StanzaRefused, match="not let in"):
            await connect(f"xmpp:{plant.site.jid}", session=mallory)
        async with connect(f"xmpp:{plant.site.jid}", session=await plant.session("operator")) as ied:
            assert await ied.devices() == ("PLANTPCCMET", "PLANTSITE")
            found = await ied.read("PLANTSITE/GGIO1.AnIn1.mag.f")
        assert found == 7.0


async def test_an_accepted_event_is_gone_on_with_after_a_restart(plant: Plant) -> None:
    on = await plant.session("ems")
    async with plant.host(on):
        dispatch = await plant.dispatched()
    async with plant.host(on, Opt.OUT, Opt.OUT, Opt.IN) as host:  # the devices are there a little later
        await eventually(lambda: dispatch.id in host.answers)
        assert host.answers[dispatch.id].opt is Opt.IN
        assert {event.id for event in host.app.offered} == {dispatch.id}
        assert len(host.app.offered) == 3
    assert dispatch.opt("plant") is OptType.OPT_IN


async def test_what_cannot_be_gone_on_with_is_opted_out_of(plant: Plant) -> None:
    on = await plant.session("ems")
    async with plant.host(on):
        dispatch = await plant.dispatched()
    async with plant.host(on, Opt.OUT) as host:
        await eventually(lambda: dispatch.opt("plant") is OptType.OPT_OUT)
        assert host.answers[dispatch.id].opt is Opt.OUT


async def test_the_baseline_of_an_event_outlives_the_process(plant: Plant) -> None:
    """The import before the dispatch is not known any more then."""
    on, kept = await plant.session("ems"), Kept()

    def ems() -> EmsHost:
        config = ControllerConfig(resources=RESOURCES)
        return EmsHost(plant.site, on, LockStepClock(at("08:15")), config, stores=lambda role: kept)

    async for run in morning():
        await run.until("08:20")
        first = ems()
        first.app = run.site
        assert first._offer(EVENT).opt is Opt.IN
        base = run.site.baseline_kw
    assert len(kept.records) == 1
    async for run in morning(start="08:40"):
        await run.until("08:41")
        assert "no baseline" in run.site.offer(EVENT).reason
        second = ems()
        second.app = run.site
        assert second._offer(EVENT).opt is Opt.IN
        assert run.site.baseline_kw == base
