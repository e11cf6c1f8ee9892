"""The site over IEC 61850 without a wire: nine servers from their CID files, their clients, and the same morning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import attrs
import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.joined import Joined, join
from janusgrid.common.data.site import load_site
from janusgrid.common.errors import ConfigError, Refused
from janusgrid.common.resources import resource
from janusgrid.ems.controller import Control, ControllerConfig, SiteController
from janusgrid.ems.der import Der
from janusgrid.ems.local import PlantAccess
from janusgrid.ems.sim.plant import Plant
from janusgrid.iec61850 import Ied
from janusgrid.iec61850.access import DeviceAccess
from janusgrid.iec61850.acsi.errors import AddCause, ServiceRefused

from .plants import RESOURCES, at, microgrid
from .test_controller import EVENT

SITE = load_site(resource("mappings/sites/microgrid.yaml"))


@attrs.define
class Field:
    """The plant behind nine servers, and the one access over all of them."""

    clock: LockStepClock
    plant: Plant
    ders: dict[str, Der]
    access: Joined


@pytest.fixture
async def field() -> AsyncIterator[Field]:
    clock, plant = LockStepClock(at("08:15"), settle=40), microgrid()
    local = PlantAccess(plant, clock)
    async with AsyncExitStack() as stack:
        ders, devices = {}, []
        for device in SITE.devices:
            der = await stack.enter_async_context(Der(device, local, clock))
            ders[device.name] = der

            async def connect(der: Der = der) -> Ied:
                return Ied(der.server.connect("ems"), clock=clock)

            devices.append(await stack.enter_async_context(DeviceAccess(device.name, device.bindings, connect, clock)))
        for access in devices:
            await access.ready()
        yield Field(clock, plant, ders, await join(devices))


async def test_every_point_of_the_site_reads_through_its_server_as_it_is_in_the_plant(field: Field) -> None:
    await field.access.operate("der.ESS500.p.set", 123.0)
    await field.clock.advance(20)
    local = PlantAccess(field.plant, field.clock)
    names = [point.name for point in await field.access.directory()]
    assert set(names) >= {point.name for point in await local.directory()}
    here = await local.read(point.name for point in await local.directory())
    there = await field.access.read(here)
    for name, value in here.items():
        if isinstance(value.value, float):
            assert there[name].number == pytest.approx(value.value, rel=1e-6, abs=1e-3), name
        else:
            assert there[name].value == value.value, name
        assert there[name].quality == value.quality


async def test_the_contract_is_delivered_through_the_servers(field: Field) -> None:
    controls: list[Control] = []
    site = SiteController(field.access, field.clock, ControllerConfig(resources=RESOURCES))
    site.on_control(controls.append)
    task = asyncio.create_task(site.run())
    await field.clock.advance(300)
    assert site.offer(EVENT).reason == ""
    await field.clock.advance(70 * 60)
    delivery = site.delivery()
    assert delivery is not None
    print(delivery.average_rate, delivery.minutes)
    assert delivery.fulfilled(0.99)
    assert min(delivery.rates) > 0.95
    assert all(control.error is None for control in controls)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_clipped_setpoint_reads_back_as_the_device_took_it(field: Field) -> None:
    await field.access.write({"der.DG750.p.max": 100.0})
    await field.access.operate("der.DG750.p.set", 400.0)
    assert (await field.access.read(["der.DG750.p.set"]))["der.DG750.p.set"].value == 100


async def test_a_broken_device_refuses_for_reasons_of_health(field: Field) -> None:
    field.plant.device("MT1").fail()
    with pytest.raises(ServiceRefused) as caught:
        await field.access.operate("der.MT1.p.set", 30.0)
    assert isinstance(caught.value, Refused)
    assert caught.value.add_cause is AddCause.BLOCKED_BY_HEALTH


async def test_a_file_that_does_not_fit_the_table_is_refused_at_the_row(field: Field) -> None:
    local = PlantAccess(field.plant, field.clock)
    device = attrs.evolve(SITE.device("DG750"), address={"ied": "PCC"}, cid=SITE.device("PCC").cid)
    with pytest.raises(ConfigError) as caught:
        Der(device, local, field.clock)
    assert "generator.csv:2" in (caught.value.where or "")


async def test_a_device_without_a_file_is_served_by_its_table(field: Field) -> None:
    device, local = attrs.evolve(SITE.device("DG750"), cid=None), PlantAccess(field.plant, field.clock)
    await local.operate("der.DG750.p.set", 300.0)
    async with Der(device, local, field.clock) as der:
        ied = Ied(der.server.connect("ems"), clock=field.clock)
        assert await ied.read("DG750DER/DWGC1.WSpt.mxVal") == {"f": 300_000.0}
        assert await ied.read("DG750DER/LPHD1.PhyHealth.stVal") == 1
