"""The one suite of the data-access port, over the field drivers and their real servers."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.suite import AccessSuite, Rig
from janusgrid.common.data.value import GOOD, Detail, Quality, Scalar, Validity
from janusgrid.ems.drivers import Surroundings, find
from pymodbus.constants import ExcCodes

from . import test_modbus, test_opcua
from .devices import ModbusDevice, OpcUaDevice

START = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)


class FieldRig(Rig):
    """A device on the loopback interface, whose time goes on when it is looked at."""

    number, second, setpoint, setting = "der.D.p", "der.D.q", "der.D.p.set", "der.D.p.max"
    selects = False
    step = 1.0
    volley = 50

    def __init__(self) -> None:
        self.clock: LockStepClock = LockStepClock(START)

    async def turn(self) -> None:
        await asyncio.sleep(0.002)
        await self.clock.advance(0.05)

    async def pass_time(self, seconds: float) -> None:
        await super().pass_time(seconds)
        await asyncio.sleep(0.02)  # of the network


# --- Modbus -----------------------------------------------------------------------------------------------------------

MODBUS = [
    "p,measurement,float,kW,float32,kW,,,,read report,,,,holding:0,,,",
    "q,measurement,float,kvar,float32,kvar,,,,read report,,,,holding:2,,,",
    "p.set,setpoint,float,kW,float32,kW,,,,read operate,0,100,,holding:4,,,",
    "p.max,setting,float,kW,float32,kW,,,,read write,0,100,,holding:6,,,",
    "state,status,enum,,enum,,,,off=0|on=1,read report,,,,holding:8,,,",
]


class ModbusRig(FieldRig):
    """A Modbus device: it tells neither quality nor time."""

    shows_quality = shows_time = False

    def __init__(self) -> None:
        super().__init__()
        self.device = ModbusDevice(holding=dict.fromkeys(range(9), 0))
        self.device.before = self._before

    async def _before(self, function: int, address: int, count: int) -> ExcCodes | None:
        return ExcCodes.DEVICE_FAILURE if self.refusing and function in (6, 16) else None

    async def show(self, name: str, value: float, quality: Quality = GOOD, time: datetime | None = None) -> None:
        await self.device.set("holding", 0 if name == self.number else 2, *test_modbus.words("f", value))

    async def carried_out(self) -> list[Scalar]:
        return [struct.unpack(">f", struct.pack(">2H", *words))[0] for _, words in self.device.written]

    async def lose(self) -> None:
        await self.device.stop()
        await self.until(lambda: not self.access._up.is_set())  # type: ignore[attr-defined]

    async def restore(self) -> None:
        await self.device.start()
        await self.access.ready()  # type: ignore[attr-defined]


@asynccontextmanager
async def modbus(folder: Path) -> AsyncIterator[Rig]:
    rig = ModbusRig()
    async with rig.device:
        found = test_modbus.site(folder, rig.device.port, MODBUS, poll="100ms")
        link = find("modbus").link(found, Surroundings(clock=rig.clock))
        async with link:
            await link.ready()
            rig.access = link
            yield rig


# --- OPC UA -----------------------------------------------------------------------------------------------------------

OPCUA = [
    "p,measurement,float,kW,float64,kW,,,,read report,,,,s=P,,,",
    "q,measurement,float,kvar,float64,kvar,,,,read report,,,,s=Q,,,",
    "p.set,setpoint,float,kW,float32,kW,,,,read operate,0,100,,s=Set,,,",
    "p.max,setting,float,kW,float64,kW,,,,read write,0,100,,s=Max,,,",
    "state,status,enum,,enum,,,,off=0|on=1,read report,,,,s=State,,,",
]
STATUS = {
    Quality(): ua.StatusCodes.Good,
    Quality(Validity.QUESTIONABLE, Detail.INACCURATE): ua.StatusCodes.UncertainSensorNotAccurate,
    Quality(Validity.GOOD, Detail.SUBSTITUTED): ua.StatusCodes.GoodLocalOverride,
}
V = ua.VariantType
pytestmark = pytest.mark.xdist_group("opcua")  # one process makes the nodes of the standard


class OpcUaRig(FieldRig):
    """An OPC UA server."""

    def __init__(self) -> None:
        super().__init__()
        doubles = {name: ua.Variant(0.0, V.Double) for name in ("P", "Q", "Max")}
        self.device = OpcUaDevice(doubles | {"Set": ua.Variant(0.0, V.Float), "State": ua.Variant(0, V.Int32)})
        self.done: list[Scalar] = []

    async def start(self) -> None:
        """Start the server, which records what it shows, and what it is given."""
        await self.device.start()
        for name in self.device.values:  # of this clock, not of the machine's
            await self.device.set(name, self.device.values[name].Value, time=self.clock.now())
        await self.device.server.historize_node_data_change(self.device.nodes["P"], period=None, count=1000)
        for name in ("Set", "Max"):
            self.device.server.iserver.set_attribute_value_setter(self.device.nodes[name].nodeid, self._set)

    def _set(self, node: Any, attribute: ua.AttributeIds, value: ua.DataValue) -> None:
        if self.refusing:
            raise ua.UaStatusCodeError(ua.StatusCodes.BadOutOfService)
        assert value.Value is not None
        self.done.append(value.Value.Value)
        node.attributes[attribute].value = value

    async def show(self, name: str, value: float, quality: Quality = GOOD, time: datetime | None = None) -> None:
        node = "P" if name == self.number else "Q"
        await self.device.set(node, value, int(STATUS[quality]), time or self.clock.now())

    async def carried_out(self) -> list[Scalar]:
        return list(self.done)

    async def lose(self) -> None:
        await self.device.stop()
        await self.until(lambda: not self.access._up.is_set())  # type: ignore[attr-defined]

    async def restore(self) -> None:
        await self.start()
        await self.access.ready()  # type: ignore[attr-defined]


@asynccontextmanager
async def opcua(folder: Path) -> AsyncIterator[Rig]:
    rig = OpcUaRig()
    await rig.start()
    try:
        found = test_opcua.site(folder, rig.device.url, OPCUA, poll="10ms")
        link = find("opcua").link(found, Surroundings(clock=rig.clock))
        async with link:
            await link.ready()
            rig.access = link
            yield rig
    finally:
        await rig.device.stop()


RIGS = {"modbus": modbus, "opcua": opcua}


class TestFieldDrivers(AccessSuite):
    """On both."""

    @pytest.fixture(params=list(RIGS))
    async def rig(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
        opened: AbstractAsyncContextManager[Rig] = RIGS[request.param](tmp_path)
        async with opened as rig:
            yield rig
