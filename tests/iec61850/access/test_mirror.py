"""The operator's mirror: where points stand, what goes up and down, and what an operator's client sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.joined import join
from janusgrid.common.data.memory import Asked, MemoryAccess
from janusgrid.common.data.point import Kind, Point, ValueType
from janusgrid.common.data.site import Device, load_site
from janusgrid.common.data.tables import Table, parse_table
from janusgrid.common.data.unit import unit
from janusgrid.common.errors import ConfigError, NotReachable
from janusgrid.common.resources import resource
from janusgrid.iec61850 import Ied, Server, connect
from janusgrid.iec61850.access import DeviceAccess, Mirror, ServedPoints, model_of_device
from janusgrid.iec61850.access.places import Places
from janusgrid.iec61850.acsi.types import Quality as Bits
from janusgrid.iec61850.client import Control
from janusgrid.iec61850.scl import check

from .rows import HEADER

START = datetime(2026, 3, 1, tzinfo=UTC)
SITE = load_site(resource("mappings/sites/microgrid.yaml"))
OWN = [
    Point("site.sum.p", Kind.MEASUREMENT, unit=unit("kW")),
    Point("site.count", Kind.STATUS, ValueType.INT),
    Point("site.alarm", Kind.STATUS, ValueType.BOOL),
    Point("site.mode", Kind.SETPOINT, ValueType.ENUM, literals=("off", "eco", "full")),
    Point("site.reserve", Kind.SETPOINT, unit=unit("kW"), low=0.0, high=500.0),
    Point("site.go", Kind.COMMAND, ValueType.BOOL),
    Point("site.note", Kind.STATUS, ValueType.TEXT),
    Point("der.PV.fan", Kind.STATUS, ValueType.BOOL),
]


@attrs.define
class Field:
    """Devices in memory behind servers of their own, the mirror above them, and an operator's client."""

    clock: LockStepClock
    below: dict[str, MemoryAccess]
    servers: dict[str, Server]
    own: MemoryAccess
    mirror: Mirror
    operator: Ied
    asked: list[Asked]
    gone: set[str]
    """Devices that nobody reaches."""

    async def read(self, text: str) -> object:
        for _ in range(100):
            await asyncio.sleep(0)
        return await self.operator.read(text)

    def control(self, text: str) -> Control:
        return self.operator.control(text)


@pytest.fixture
async def field() -> AsyncIterator[Field]:
    clock, asked, gone = LockStepClock(START, settle=200), list[Asked](), set[str]()
    below: dict[str, MemoryAccess] = {}
    servers: dict[str, Server] = {}
    devices: list[DeviceAccess] = []
    async with AsyncExitStack() as stack:
        for name in ("DG750", "ESS500", "PCC"):
            device = SITE.device(name)
            points = MemoryAccess([b.point for b in device.bindings], clock=clock, handler=asked.append)
            server = await stack.enter_async_context(Server(model_of_device(device), clock=clock))
            await stack.enter_async_context(ServedPoints(server, device.bindings, points))

            async def associate(name: str = name, server: Server = server) -> Ied:
                if name in gone:
                    raise NotReachable("its wire is pulled", where=name)
                return Ied(server.connect("ems"), clock=clock)

            access = DeviceAccess(name, device.bindings, associate, clock, retry=0.01)
            below[name], servers[name] = points, server
            devices.append(await stack.enter_async_context(access))
        for access in devices:
            await access.ready()
        own = MemoryAccess(OWN, clock=clock, handler=asked.append)
        mirror = await stack.enter_async_context(Mirror(SITE, await join([*devices, own]), clock))
        yield Field(
            clock, below, servers, own, mirror, Ied(mirror.server.connect("operator"), clock=clock), asked, gone
        )


async def test_each_device_is_a_logical_device_found_by_its_name(field: Field) -> None:
    assert await field.operator.devices() == ("EMSDG750DER", "EMSESS500DER", "EMSPCCMET", "EMSPVDER", "EMSSITE")
    assert field.mirror.model.description == "Mirror of microgrid"
    assert await field.read("EMSDG750DER/LLN0.NamPlt.d") == SITE.device("DG750").description
    assert await field.read("EMSDG750DER/LLN0.NamPlt.vendor") == "JanusGrid"
    assert await field.read("EMSDG750DER/LPHD1.Proxy.stVal") is True, "it stands for another"
    assert await field.read("EMSSITE/LPHD1.Proxy.stVal") is False


async def test_what_a_device_says_arrives_at_the_operator(field: Field) -> None:
    then = START - timedelta(seconds=3)
    field.below["ESS500"].put("der.ESS500.soc", 61.0, time=then)
    field.below["DG750"].put("der.DG750.state", "running")
    field.own.put("site.sum.p", 12.0)
    found = await field.read("EMSESS500DER/DSTO1.SocEffWhPct")
    assert isinstance(found, dict)
    assert (found["mag"], found["q"], found["t"].datetime) == ({"f": 61.0}, Bits(), then)
    assert await field.read("EMSDG750DER/DGEN1.DEROpSt.stVal") == 6
    assert await field.read("EMSSITE/GGIO1.AnIn1.mag.f") == 12.0


async def test_a_command_of_the_operator_reaches_the_device_and_reads_back(field: Field) -> None:
    await field.control("EMSDG750DER/DWGC1.WSpt").operate(300_000.0)
    assert [(one.point.name, one.value) for one in field.asked] == [("der.DG750.p.set", 300.0)]
    assert await field.read("EMSDG750DER/DWGC1.WSpt.mxVal") == {"f": 300_000.0}
    await field.operator.write("EMSDG750DER/DGEN1.WMax.setMag.f", 600_000.0)
    assert field.asked[-1].value == 600.0


async def test_a_device_that_is_gone_is_invalid_and_comes_back(field: Field) -> None:
    field.below["DG750"].put("der.DG750.p", 40.0)
    await field.read("EMSDG750DER/MMXU1.TotW")
    field.gone.add("DG750")
    field.servers["DG750"].host.abort(next(iter(field.servers["DG750"].engine.associations)), "pulled")
    found = await field.read("EMSDG750DER/MMXU1.TotW")
    assert isinstance(found, dict)
    assert (found["mag"], found["q"]) == ({"f": 40_000.0}, Bits.of(Bits.INVALID, 6))
    field.gone.clear()
    for _ in range(3000):
        await asyncio.sleep(0.01)
        if await field.read("EMSDG750DER/MMXU1.TotW.q") == Bits():
            break
    else:
        pytest.fail("it did not come back")


async def test_a_point_without_a_row_has_a_generic_place_with_its_name(field: Field) -> None:
    places = {b.point.name: (b.address["reference"], b.address["fc"]) for b in field.mirror.bindings}
    assert {name: place for name, place in places.items() if "GGIO" in place[0]} == {
        "der.PV.fan": ("EMSPVDER/GGIO1.Ind1.stVal", "ST"),
        "site.alarm": ("EMSSITE/GGIO1.Ind1.stVal", "ST"),
        "site.count": ("EMSSITE/GGIO1.IntIn1.stVal", "ST"),
        "site.go": ("EMSSITE/GGIO1.SPCSO1.stVal", "ST"),
        "site.mode": ("EMSSITE/GGIO1.ISCSO1.stVal", "ST"),
        "site.reserve": ("EMSSITE/GGIO1.AnOut1.mxVal.f", "MX"),
        "site.sum.p": ("EMSSITE/GGIO1.AnIn1.mag.f", "MX"),
    }
    assert "site.note" not in places, "a text has none"
    assert await field.read("EMSSITE/GGIO1.AnIn1.d") == "site.sum.p"
    await field.control("EMSSITE/GGIO1.ISCSO1").operate(2)
    await field.control("EMSSITE/GGIO1.SPCSO1").operate(True)
    assert [(one.point.name, one.value) for one in field.asked] == [("site.mode", "full"), ("site.go", True)]
    with pytest.raises(Exception, match="501000"):
        await field.control("EMSSITE/GGIO1.AnOut1").operate(501_000.0)


async def test_its_file_is_without_a_fault_and_reports_reach_the_operator(field: Field) -> None:
    assert check(field.mirror.cid().encode())[1] == ()
    reports = field.operator.report("EMSDG750DER/LLN0.urcbMetering01")
    await reports.start()
    await reports.whole()
    field.below["DG750"].put("der.DG750.p", 77.0)
    (entry,) = (await reports.whole()).entries
    assert str(entry.reference) == "EMSDG750DER/MMXU1.TotW[MX]"


async def test_it_is_reached_by_tcp_at_the_same_time(field: Field) -> None:
    port = (await field.mirror.server.start_tcp(port=0)).port
    async with connect(f"tcp://127.0.0.1:{port}") as ied:
        assert await ied.read("EMSSITE/GGIO1.AnIn1.units.multiplier") == 3


# --- places -----------------------------------------------------------------------------------------------------------


def table(*lines: str) -> Table:
    return Table(resource("mappings/README.md"), parse_table((HEADER + "\n".join(lines)).encode(), "own.csv"))


def reached_by(driver: str, name: str, kind: str) -> Device:
    return attrs.evolve(SITE.device(name), driver=driver, kind=kind, bindings=())


POWER = Point("der.DG750.p", Kind.MEASUREMENT, unit=unit("kW"))


def place(point: Point, *devices: Device, own: Table | None = None, generic: bool = True) -> str:
    found = Places("EMS", devices, tables=[own] if own else [], generic=generic).bind([point])
    return found[0].address["reference"] if found else ""


def test_a_device_stands_where_its_class_stands_whatever_it_is_reached_by() -> None:
    assert place(POWER, reached_by("modbus", "DG750", "generator")) == "EMSDG750DER/MMXU1.TotW.mag.f"
    assert place(POWER, reached_by("modbus", "DG750", "flywheel")) == "EMSDG750DER/MMXU1.TotW.mag.f"
    assert place(POWER) == "EMSDG750DER/MMXU1.TotW.mag.f"
    other = attrs.evolve(POWER, unit=unit("W"))
    assert place(other, reached_by("modbus", "DG750", "generator")) == "EMSDG750DER/GGIO1.AnIn1.mag.f"
    assert place(other, generic=False) == ""


def test_the_operators_own_table_comes_first() -> None:
    line = "{},measurement,float,kW,{{ied}}{}/MMXU{}.TotW.mag.f,MX,float32,W,,,,read report,,,Power,,"
    devices = (SITE.device("DG750"), SITE.device("PCC"))
    own = table(line.format("der.{device}.p", "{device}", 7), line.format("der.PCC.p", "Grid", 9))
    assert place(POWER, *devices, own=own) == "EMSDG750/MMXU7.TotW.mag.f"
    assert place(attrs.evolve(POWER, name="der.PCC.p"), *devices, own=own) == "EMSGrid/MMXU9.TotW.mag.f"
    with pytest.raises(ConfigError, match="in no unit, but a measurement of type float in kW here") as caught:
        place(attrs.evolve(POWER, unit=unit("")), *devices, own=own)
    assert caught.value.where == "own.csv:2"


def test_limits_are_those_of_the_point() -> None:
    point = Point("der.DG750.p.set", Kind.SETPOINT, unit=unit("kW"), low=-1.0, high=2.0)
    (binding,) = Places("EMS", [reached_by("modbus", "DG750", "generator")]).bind([point])
    assert (binding.point.low, binding.point.high) == (-1.0, 2.0)
    with pytest.raises(Exception, match="-1 kW to 2 kW"):
        binding.check(3.0)


def test_an_enumeration_that_the_table_does_not_know_is_generic() -> None:
    point = Point("der.DG750.health", Kind.STATUS, ValueType.ENUM, literals=("ok", "burning"))
    assert place(point, SITE.device("DG750")) == "EMSDG750DER/GGIO1.IntIn1.stVal"


def test_a_thousand_points_are_several_generic_nodes() -> None:
    points = [Point(f"site.x{n:04}", Kind.MEASUREMENT) for n in range(1000)]
    found = Places("EMS").bind(points)
    assert found[0].address["reference"] == "EMSSITE/GGIO1.AnIn1.mag.f"
    assert found[-1].address["reference"] == "EMSSITE/GGIO10.AnIn1000.mag.f"
