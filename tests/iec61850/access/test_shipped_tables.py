"""The tables of device classes: each is a model, and a server of it is read and commanded through the same table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.memory import MemoryAccess
from janusgrid.common.data.point import READABLE, ValueType
from janusgrid.common.data.tables import Binding, load_table, parse_table
from janusgrid.common.data.value import Scalar
from janusgrid.common.errors import TypeConflict
from janusgrid.common.resources import mappings_dir
from janusgrid.iec61850 import Ied, Server
from janusgrid.iec61850.access import DeviceAccess
from janusgrid.iec61850.access.modelling import model_of
from janusgrid.iec61850.access.serve import ServedPoints
from janusgrid.iec61850.model.classes import class_tables

START = datetime(2026, 6, 1, tzinfo=UTC)
TABLES = sorted((mappings_dir() / "iec61850").glob("*.csv"))


def bound(path: Path) -> list[Binding]:
    values: dict[str, str | float] = {"ied": "X1", "rating": 100.0, "device": "X"}
    return [row.bind(f"der.X.{row.point}", values, device="X") for row in load_table(path)]


def example(binding: Binding) -> Scalar:
    point = binding.point
    if point.type is ValueType.ENUM:
        return point.literals[1]
    if point.type is ValueType.BOOL:
        return True
    return 12 if point.type is ValueType.INT else 0.5


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
async def test_a_device_is_served_and_read_by_its_table(path: Path) -> None:
    bindings = bound(path)
    clock = LockStepClock(START)
    plant = MemoryAccess([binding.point for binding in bindings], clock=clock)
    server = Server(model_of("X1", bindings), clock=clock)
    values = {binding.point.name: example(binding) for binding in bindings if binding.point.kind in READABLE}
    for name, value in values.items():
        plant.put(name, value)
    served = ServedPoints(server, bindings, plant)

    async def connect() -> Ied:
        return Ied(server.connect("client"), clock=clock)

    async with served, DeviceAccess("X", bindings, connect, clock) as access:
        await served.refresh()
        await access.ready()
        found = await access.read(values)
        assert {name: value.value for name, value in found.items()} == pytest.approx(values)
        assert all(value.quality.good for value in found.values())
    await server.close()


BITS = """\
point,kind,type,unit,reference,fc,bits,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description
position.set,setpoint,enum,,{ied}DER/CSWI1.Pos.stVal,ST,,bits2,,,,between=0|open=1|closed=2|bad=3,read report operate,,,
test,status,bool,,{ied}DER/CSWI1.Pos.q,ST,11,bits13,,,,,read,,,
validity,status,enum,,{ied}DER/CSWI1.Pos.q,ST,0-1,bits13,,,,good=0|invalid=1|reserved=2|questionable=3,read,,,
"""


async def seen(access: DeviceAccess) -> tuple[object, object]:
    found = await access.read(["der.X.validity", "der.X.test"])
    return found["der.X.validity"].value, found["der.X.test"].value


async def test_a_double_point_is_commanded_by_what_it_reads_and_a_quality_is_seen_in_its_bits() -> None:
    rows = parse_table(BITS.encode(), "bits.csv")
    bindings = [row.bind(f"der.X.{row.point}", {"ied": "X1"}, device="X") for row in rows]
    clock = LockStepClock(START)
    server = Server(model_of("X1", bindings[:1]), clock=clock)
    commands: list[object] = []

    @server.on_operate("X1DER/CSWI1.Pos")
    def command(asked: object) -> None:
        commands.append(getattr(asked, "value"))  # noqa: B009

    async def connect() -> Ied:
        return Ied(server.connect("client"), clock=clock)

    async with DeviceAccess("X", bindings, connect, clock) as access:
        await access.ready()
        assert await seen(access) == ("invalid", False)
        await access.operate("der.X.position.set", "closed")
        await access.operate("der.X.position.set", "open")
        assert commands == [True, False]
        with pytest.raises(TypeConflict, match="'between' is a position that cannot be commanded"):
            await access.operate("der.X.position.set", "between")
        assert await seen(access) == ("good", False)
        with pytest.raises(TypeConflict, match="the table offers no operate for it"):
            await access.operate("der.X.test", True)
    await server.close()


def test_the_class_tables_know_every_class_that_is_used() -> None:
    used = {binding.address["reference"].split("/")[1][:4] for path in TABLES for binding in bound(path)}
    assert {"DGEN", "DSTO", "DLOD", "DCHC", "XCBR", "CSWI", "MMTR", "MMET"} <= used
    assert all(name in class_tables() for name in used)
