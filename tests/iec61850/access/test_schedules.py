"""Schedules in FSCH nodes: given by our client, carried out by the access behind our server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.access import Entry
from janusgrid.common.data.memory import Asked, MemoryAccess
from janusgrid.common.errors import ConfigError, LocalError, Refused, TypeConflict
from janusgrid.iec61850 import Ied, Server, ServiceRefused
from janusgrid.iec61850.access import DeviceAccess, ServedPoints, model_of
from janusgrid.iec61850.access.schedules import State, Wrong, equidistant, schedule_of
from janusgrid.iec61850.acsi.errors import AddCause, ServiceError
from janusgrid.iec61850.acsi.types import Timestamp

from .rows import POWER, TARGET, bound

START = datetime(2026, 3, 1, tzinfo=UTC)
NAME, NODE = "der.X.p.set", "XDER/FSCH1"
MODE = (
    "mode,setpoint,enum,,{ied}DER/GGIO1.ISCSO1.stVal,ST,int32,,,,off=0|eco=1|full=2,read report operate schedule,,,"
    "Mode,,{ied}DER/FSCH2[4]"
)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def course(*steps: tuple[float, float | str]) -> list[Entry]:
    return [Entry(after(seconds), value) for seconds, value in steps]


@attrs.define
class Field:
    clock: LockStepClock
    device: DeviceAccess
    ied: Ied
    done: list[tuple[float, object]]

    async def shown(self, path: str) -> object:
        return await self.ied.read(f"{NODE}.{path}")


@pytest.fixture
async def field() -> AsyncIterator[Field]:
    clock = LockStepClock(START, settle=100)
    bindings = bound(POWER, TARGET, MODE)
    done: list[tuple[float, object]] = []

    def handle(asked: Asked) -> None:
        done.append(((clock.now() - START).total_seconds(), asked.value))

    points = MemoryAccess([binding.point for binding in bindings], clock=clock, handler=handle)
    server = Server(model_of("X", bindings), clock=clock)

    async def associate() -> Ied:
        return Ied(server.connect("ems"), clock=clock)

    device = DeviceAccess("X", bindings, associate, clock)
    async with points, server, ServedPoints(server, bindings, points), device:
        await device.ready()
        yield Field(clock, device, await associate(), done)


async def test_a_course_is_written_enabled_carried_out_and_over(field: Field) -> None:
    await field.device.schedule(NAME, course((60, 10.0), (180, 20.0), (240, 5.0)), end=after(300))
    assert await field.shown("SchdSt.stVal") == State.READY
    assert await field.shown("NumEntr.setVal") == 4
    assert await field.shown("SchdIntv.setVal") == 60
    assert await field.shown("NxtStrTm.stVal") == Timestamp.of(after(60))
    assert await field.shown("ValASG3.setMag.f") == 20_000.0
    await field.clock.advance(130)
    assert await field.shown("SchdSt.stVal") == State.RUNNING
    assert await field.shown("SchdEntr.stVal") == 2
    assert await field.shown("ValMV.mag.f") == 10_000.0
    assert await field.ied.read("XDER/FSCC1.ActSchdRef.stVal") == NODE
    assert await field.ied.read("XDER/FSCC1.CtlEnt.setSrcRef") == "XDER/DWGC1.WSpt"
    await field.clock.advance(200)
    assert field.done == [(60, 10.0), (180, 20.0), (240, 5.0)]
    assert await field.ied.read("XDER/FSCC1.ActSchdRef.stVal") == ""
    assert await field.shown("SchdSt.stVal") == State.NOT_READY


async def test_one_that_can_be_used_again_waits_for_its_start(field: Field) -> None:
    await field.ied.write(f"{NODE}.SchdReuse.setVal", True)
    await field.device.schedule(NAME, course((60, 10.0)), end=after(90))
    await field.clock.advance(100)
    assert await field.shown("SchdSt.stVal") == State.START_TIME_REQUIRED


async def test_another_course_takes_the_place_of_the_first(field: Field) -> None:
    await field.device.schedule(NAME, course((60, 10.0)), end=after(120))
    await field.device.schedule(NAME, course((30, 7.0)), end=after(40))
    await field.clock.advance(200)
    assert field.done == [(30, 7.0)]


async def test_a_course_is_withdrawn(field: Field) -> None:
    await field.device.schedule(NAME, course((60, 10.0)), end=after(120))
    await field.device.abort(NAME)
    assert await field.shown("SchdSt.stVal") == State.NOT_READY
    await field.clock.advance(200)
    assert field.done == []
    with pytest.raises(Refused):
        await field.device.abort(NAME)


async def test_an_enumeration_is_scheduled_by_its_codes(field: Field) -> None:
    await field.device.schedule("der.X.mode", course((10, "eco"), (20, "full")), end=after(40))
    assert await field.ied.read("XDER/FSCH2.ValING3.setVal") == 2
    await field.clock.advance(40)
    assert field.done == [(10, "eco"), (20, "full")]


async def test_what_no_schedule_can_say_is_not_sent(field: Field) -> None:
    bad: tuple[tuple[list[Entry], float, type[Exception]], ...] = (
        ([], 10, LocalError),
        (course((20, 1.0), (10, 2.0)), 30, LocalError),
        (course((10, 1.0)), 10, LocalError),
        (course((10.5, 1.0)), 20, LocalError),
        (course((10, 101.0)), 20, TypeConflict),
        ([Entry(START.replace(tzinfo=None), 1.0)], 20, LocalError),
        (course((10, 1.0), (11, 2.0)), 20, Refused),
        (course((10, 1.0), (11, 2.0)), 200_000, LocalError),
    )
    for entries, end, error in bad:
        with pytest.raises(error):
            await field.device.schedule(NAME, entries, end=after(end))
    with pytest.raises(Refused, match="takes 8 values; this course needs 10 of 1 s each"):
        await field.device.schedule(NAME, course((10, 1.0), (11, 2.0)), end=after(20))
    with pytest.raises(TypeConflict, match="it is a measurement"):
        await field.device.schedule("der.X.p", course((10, 1.0)), end=after(20))
    assert await field.shown("NumEntr.setVal") == 0
    assert await field.shown("SchdSt.stVal") == State.NOT_READY


async def test_a_node_that_cannot_be_enabled_says_why(field: Field) -> None:
    async def enabled(**settings: object) -> int:
        complete: dict[str, object] = {
            "NumEntr": 2,
            "SchdIntv": 60,
            "StrTm1": after(60),
            "ValASG1": 1.0,
            "ValASG2": 2.0,
        }
        for name, value in (complete | settings).items():
            path = {"StrTm1": "setTm", "ValASG1": "setMag.f", "ValASG2": "setMag.f"}.get(name, "setVal")
            await field.ied.write(f"{NODE}.{name}.{path}", value)
        with pytest.raises(ServiceRefused) as caught:
            await field.ied.control(f"{NODE}.EnaReq").operate(True)
        assert caught.value.add_cause is AddCause.INCONSISTENT_PARAMETERS
        found = await field.shown("SchdEnaErr.stVal")
        assert isinstance(found, int)
        return found

    assert await enabled(NumEntr=0) == Wrong.NUMBER
    assert await enabled(NumEntr=9) == Wrong.NUMBER
    assert await enabled(SchdIntv=0) == Wrong.INTERVAL
    assert await enabled(StrTm1=after(-600)) == Wrong.START
    assert await enabled(ValASG2=100_001.0) == Wrong.VALUES
    await field.ied.write(f"{NODE}.ValASG2.setMag.f", 2.0)
    await field.ied.control(f"{NODE}.EnaReq").operate(True)
    assert await field.shown("SchdEnaErr.stVal") == Wrong.NONE


async def test_what_is_enabled_cannot_be_written(field: Field) -> None:
    await field.device.schedule(NAME, course((60, 10.0)), end=after(120))
    for path, value in (("NumEntr.setVal", 2), ("ValASG1.setMag.f", 3.0), ("StrTm1.setTm", after(5))):
        with pytest.raises(ServiceRefused) as caught:
            await field.ied.write(f"{NODE}.{path}", value)
        assert caught.value.error is ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE


async def test_a_course_that_the_access_refuses_is_refused_with_its_cause(field: Field) -> None:
    async def gone(name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        raise Refused("an interlock", code="blocked-by-interlocking")

    points = MemoryAccess([binding.point for binding in bound(TARGET)], clock=field.clock)
    points.schedule = gone  # type: ignore[method-assign]
    server = Server(model_of("X", bound(TARGET)), clock=field.clock)

    async def associate() -> Ied:
        return Ied(server.connect("ems"), clock=field.clock)

    device = DeviceAccess("X", bound(TARGET), associate, field.clock)
    async with server, ServedPoints(server, bound(TARGET), points), device:
        await device.ready()
        with pytest.raises(ServiceRefused, match="SchdEnaErr is other") as caught:
            await device.schedule(NAME, course((10, 1.0)), end=after(20))
    assert caught.value.add_cause is AddCause.BLOCKED_BY_INTERLOCKING


def test_rows_that_name_no_node_are_refused_where_they_stand() -> None:
    for line, said in (
        (TARGET.replace("FSCH1[8]", "FSCH1[0]"), "is no node of class FSCH"),
        (TARGET.replace("{ied}DER/FSCH1[8]", "FSCH1"), "is no node"),
        (TARGET.replace("float32", "float64"), "no FSCH node holds float64"),
    ):
        with pytest.raises(ConfigError, match=r"t\.csv:2") as caught:
            schedule_of(bound(line)[0])
        assert said in str(caught.value)


@given(
    gaps=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    values=st.lists(st.floats(-1e3, 1e3), min_size=12, max_size=12),
    zone=st.integers(-12, 12),
)
def test_an_equidistant_course_has_at_every_moment_the_value_of_the_given_one(
    gaps: list[int], values: list[float], zone: int
) -> None:
    times = [START.astimezone(timezone(timedelta(hours=zone)))]
    for gap in gaps:
        times.append(times[-1] + timedelta(seconds=gap))
    entries = [Entry(time, value) for time, value in zip(times[:-1], values, strict=False)]
    start, interval, found = equidistant(entries, times[-1])
    assert start == times[0]
    assert len(found) * interval == sum(gaps)
    for place, one in enumerate(found):
        assert one.start == START + timedelta(seconds=place * interval)
        meant = max((entry for entry in entries if entry.start <= one.start), key=lambda entry: entry.start)
        assert one.value == meant.value
