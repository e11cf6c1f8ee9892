"""Points behind a server: values as their access tells them, and what clients command, select, set and break off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.memory import Asked, MemoryAccess
from janusgrid.common.data.tables import Binding
from janusgrid.common.data.value import LOST, STALE, Detail, Quality, Validity
from janusgrid.common.errors import ConfigError, JanusGridError, LocalError, NotReachable, Refused, TimedOut
from janusgrid.iec61850 import Ied, Server, ServiceError, ServiceRefused
from janusgrid.iec61850.access import DeviceAccess, ServedPoints, model_of
from janusgrid.iec61850.acsi.errors import AddCause, CommandFailed
from janusgrid.iec61850.acsi.types import BitString
from janusgrid.iec61850.acsi.types import Quality as Bits

from .rows import BREAKER, HEALTH, LIMIT, POWER, TARGET, bound

START = datetime(2026, 3, 1, tzinfo=UTC)
DIRECT = TARGET.replace("sbo-with-enhanced-security timed", "").replace("p.set", "p.now").replace(
    "DWGC1.WSpt", "DGEN1.WSpt"
).replace(" schedule", "").replace("{ied}DER/FSCH1[8]", "")  # fmt: skip
LINES = (POWER, TARGET, LIMIT, HEALTH, BREAKER, DIRECT)


@attrs.define
class Field:
    """A server over points in memory, and a client of it."""

    clock: LockStepClock
    points: MemoryAccess
    server: Server
    ied: Ied
    asked: list[Asked]
    refusal: JanusGridError | None = None
    pending: asyncio.Future[None] | None = None

    async def handle(self, asked: Asked) -> None:
        if self.refusal is not None:
            raise self.refusal
        if self.pending is not None:
            await self.pending
        self.asked.append(asked)

    def put(self, suffix: str, value: float | str | None, **more: object) -> None:
        self.points.put(f"der.X.{suffix}", value, **more)  # type: ignore[arg-type]

    async def read(self, text: str) -> object:
        for _ in range(20):
            await asyncio.sleep(0)
        return await self.ied.read(f"XDER/{text}")


@pytest.fixture
async def field() -> AsyncIterator[Field]:
    clock = LockStepClock(START, settle=60)
    bindings = bound(*LINES)
    points = MemoryAccess([binding.point for binding in bindings], clock=clock)
    async with Server(model_of("X", bindings), clock=clock) as server, ServedPoints(server, bindings, points):
        made = Field(clock, points, server, Ied(server.connect("client"), clock=clock), [])
        points.handler = made.handle
        yield made


# --- values -----------------------------------------------------------------------------------------------------------


async def test_a_change_is_served_when_it_is_told_with_its_quality_and_source_time(field: Field) -> None:
    then = START - timedelta(seconds=7)
    field.put("p", 45.0, time=then, quality=STALE)
    found = await field.read("MMXU1.TotW")
    assert isinstance(found, dict)
    assert (found["mag"], found["q"], found["t"].datetime) == ({"f": 45_000.0}, Bits.of(Bits.QUESTIONABLE, 7), then)


async def test_what_is_told_in_one_go_is_one_report(field: Field) -> None:
    reports = field.ied.report("XDER/LLN0.urcbDer01")
    await reports.start()
    told = [len((await reports.whole()).entries)]  # the general interrogation
    for kw in (1.0, 2.0):
        field.put("p.set", kw)
        field.put("p.now", kw)
        told.append(len((await reports.whole()).entries))
    assert told == [2, 2, 2]


async def test_an_unknown_point_is_invalid_and_keeps_the_value_of_the_configuration(field: Field) -> None:
    found = await field.read("LPHD1.PhyHealth")
    assert isinstance(found, dict)
    assert (found["stVal"], found["q"].validity) == (1, Bits.INVALID)
    field.put("health", "alarm")
    assert await field.read("LPHD1.PhyHealth.stVal") == 3


async def test_a_lost_source_leaves_the_value_and_says_since_when(field: Field) -> None:
    field.put("p", 45.0)
    await field.clock.advance(30)
    field.points.set_available(False)
    found = await field.read("MMXU1.TotW")
    assert isinstance(found, dict)
    assert (found["mag"], found["q"]) == ({"f": 45_000.0}, Bits.of(Bits.INVALID, 6))
    assert found["t"].datetime == START + timedelta(seconds=30)
    field.points.set_available(True)
    field.put("p", 45.0)
    assert await field.read("MMXU1.TotW.q") == Bits()


async def test_a_value_that_the_table_cannot_show_is_invalid_and_the_others_go_on(
    field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    field.put("p", 1e39)  # beyond FLOAT32 in watts
    field.put("health", "ok")
    assert await field.read("MMXU1.TotW.q") == Bits.of(Bits.INVALID, 8)
    assert await field.read("LPHD1.PhyHealth.stVal") == 1
    field.put("p", 2e39)
    await field.read("MMXU1.TotW.q")
    assert caplog.text.count("is shown as invalid") == 1
    field.put("p", 2.0)
    assert await field.read("MMXU1.TotW.q") == Bits()


async def test_a_code_that_the_model_does_not_have_hides_no_other_value(caplog: pytest.LogCaptureFixture) -> None:
    strange = HEALTH.replace("alarm=3", "alarm=7")
    points = MemoryAccess([binding.point for binding in bound(POWER, strange)])
    points.put("der.X.p", 4.0)
    points.put("der.X.health", "alarm")
    async with Server(model_of("X", bound(POWER, HEALTH))) as server:
        await ServedPoints(server, bound(POWER, strange), points).refresh()
        assert server.read("XDER/MMXU1.TotW.mag.f") == 4000.0
    assert "LPHD1.PhyHealth.stVal: it cannot be shown" in caplog.text


async def test_a_double_point_is_shown_and_commanded(field: Field) -> None:
    field.put("breaker", "open")
    assert await field.read("XCBR1.Pos.stVal") == BitString(0b01, 2)
    await field.ied.control("XDER/XCBR1.Pos").operate(True)
    assert [asked.value for asked in field.asked] == ["closed"]
    assert await field.read("XCBR1.Pos.stVal") == BitString(0b10, 2)


async def test_bits_of_a_whole_are_several_points() -> None:
    line = "{n},status,bool,,{{ied}}DER/XCBR1.Pos.stVal,ST,bits2,,,,,read report,,,,,,{n}"
    bindings = bound(*(line.format(n=n) for n in (0, 1)), bits=True)
    points = MemoryAccess([binding.point for binding in bindings])
    async with Server(model_of("X", bindings)) as server, ServedPoints(server, bindings, points) as served:
        for values, position in (((True, False), 0b10), ((True, True), 0b11), ((False, True), 0b01)):
            for n, value in enumerate(values):
                points.put(f"der.X.{n}", value)
            await served.refresh()
            assert server.read("XDER/XCBR1.Pos.stVal") == BitString(position, 2)


# --- commands ---------------------------------------------------------------------------------------------------------


async def test_a_command_goes_down_and_what_was_taken_reads_back(field: Field) -> None:
    await field.ied.control("XDER/DGEN1.WSpt").operate(42_000.0)
    assert [(asked.point.name, asked.value) for asked in field.asked] == [("der.X.p.now", 42.0)]
    assert await field.read("DGEN1.WSpt.mxVal") == {"f": 42_000.0}


async def test_a_selection_is_one_of_the_access_too(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    selected: list[object] = []

    async def select(name: str, value: object = None) -> None:
        selected.append((name, value))

    monkeypatch.setattr(field.points, "select", select)
    control = field.ied.control("XDER/DWGC1.WSpt")
    await control.select(10_000.0)
    assert selected == [("der.X.p.set", 10.0)]
    assert await field.read("DWGC1.WSpt.stSeld") is True
    await control.cancel()
    assert await field.read("DWGC1.WSpt.stSeld") is False

    async def taken(name: str, value: object = None) -> None:
        raise Refused("the utility holds it", code="locked-by-other-client")

    monkeypatch.setattr(field.points, "select", taken)
    with pytest.raises(ServiceRefused) as caught:
        await control.select(10_000.0)
    assert caught.value.add_cause is AddCause.LOCKED_BY_OTHER_CLIENT


@pytest.mark.parametrize(
    "model",
    [
        *("direct-with-normal-security", "direct-with-enhanced-security"),
        *("sbo-with-normal-security", "sbo-with-enhanced-security"),
    ],
)
async def test_every_control_model_of_a_table_is_commanded(model: str) -> None:
    bindings = bound(TARGET.replace("sbo-with-enhanced-security timed", model))
    asked: list[Asked] = []
    points = MemoryAccess([binding.point for binding in bindings], handler=asked.append)
    async with Server(model_of("X", bindings)) as server, ServedPoints(server, bindings, points):
        ied = Ied(server.connect("client"))
        await ied.control("XDER/DWGC1.WSpt").operate(9000.0)
        assert [one.value for one in asked] == [9.0]
        assert await ied.read("XDER/DWGC1.WSpt.mxVal") == {"f": 9000.0}
        with pytest.raises(LocalError):
            await ied.control("XDER/DWGC1.WSpt").operate(9000.0, at=datetime.now(UTC) + timedelta(hours=1))


async def test_an_access_without_selections_leaves_them_to_the_server(field: Field) -> None:
    control = field.ied.control("XDER/DWGC1.WSpt")
    await control.select(10_000.0)
    assert await field.read("DWGC1.WSpt.stSeld") is True
    await control.operate(10_000.0)
    assert [asked.value for asked in field.asked] == [10.0]


async def test_a_command_for_a_later_time_is_carried_out_then(field: Field) -> None:
    control = field.ied.control("XDER/DWGC1.WSpt")
    await control.operate(10_000.0, at=START + timedelta(seconds=60))
    await field.clock.advance(59)
    assert field.asked == []
    await field.clock.advance(1)
    assert [asked.value for asked in field.asked] == [10.0]
    await control.operate(20_000.0, at=START + timedelta(seconds=120))
    await control.cancel()
    await field.clock.advance(120)
    assert len(field.asked) == 1


async def test_a_test_and_what_is_to_be_checked_are_told_to_the_access(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    async def operate(name: str, value: object, **more: object) -> None:
        told.append((value, more))

    monkeypatch.setattr(field.points, "operate", operate)
    field.server.update("XDER/DGEN1.Beh.stVal", "test")
    control = field.ied.control("XDER/DGEN1.WSpt")
    await control.operate(1000.0, test=True, interlock_check=True)
    field.server.update("XDER/DGEN1.Beh.stVal", "on")
    await control.operate(2000.0, interlock_check=False)
    assert told == [(1.0, {"test": True, "check": True}), (2.0, {"test": False, "check": False})]


async def test_what_is_being_carried_out_is_broken_off(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    aborted: list[str] = []

    async def abort(name: str) -> None:
        aborted.append(name)

    monkeypatch.setattr(field.points, "abort", abort)
    field.pending = asyncio.get_running_loop().create_future()
    control = field.ied.control("XDER/DWGC1.WSpt")
    doing = asyncio.create_task(control.operate(10_000.0))
    for _ in range(50):
        await asyncio.sleep(0)
    await control.cancel()
    with pytest.raises(CommandFailed) as caught:
        await doing
    assert caught.value.add_cause is AddCause.ABORTION_BY_CANCEL
    assert (aborted, field.asked) == (["der.X.p.set"], [])


@pytest.mark.parametrize(
    ("refusal", "cause"),
    [
        (Refused("an interlock", code="blocked-by-interlocking"), AddCause.BLOCKED_BY_INTERLOCKING),
        (ServiceRefused(ServiceError.ACCESS_VIOLATION, add_cause=AddCause.BLOCKED_BY_MODE), AddCause.BLOCKED_BY_MODE),
        (NotReachable("gone"), AddCause.BLOCKED_BY_HEALTH),
        (TimedOut("silent"), AddCause.TIME_LIMIT_OVER),
        (Refused("no", code="not-offered"), AddCause.NOT_SUPPORTED),
        (Refused("no"), AddCause.BLOCKED_BY_PROCESS),
    ],
    ids=lambda one: getattr(one, "name", type(one).__name__),
)
async def test_a_refusal_below_is_told_above_with_its_cause(
    field: Field, refusal: JanusGridError, cause: AddCause
) -> None:
    field.refusal = refusal
    with pytest.raises(ServiceRefused) as caught:
        await field.ied.control("XDER/DGEN1.WSpt").operate(1000.0)
    assert caught.value.add_cause is cause


async def test_a_command_beyond_the_limits_or_to_what_is_gone_does_not_go_down(field: Field) -> None:
    control = field.ied.control("XDER/DGEN1.WSpt")
    with pytest.raises(ServiceRefused) as caught:
        await control.operate(100_001.0)
    assert caught.value.add_cause is AddCause.INCONSISTENT_PARAMETERS
    field.points.set_available(False)
    with pytest.raises(ServiceRefused) as caught:
        await control.operate(1000.0)
    assert caught.value.add_cause is AddCause.BLOCKED_BY_HEALTH
    assert field.asked == []


# --- settings ---------------------------------------------------------------------------------------------------------


async def test_a_setting_goes_down(field: Field) -> None:
    await field.ied.write("XDER/DGEN1.WMax.setMag.f", 50_000.0)
    assert [(asked.point.name, asked.value) for asked in field.asked] == [("der.X.p.max", 50.0)]


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (None, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        (ServiceRefused(ServiceError.ACCESS_VIOLATION), ServiceError.ACCESS_VIOLATION),
        (NotReachable("gone"), ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT),
        (Refused("no"), ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE),
    ],
)
async def test_a_refused_setting_stays_as_it_was(
    field: Field, refusal: JanusGridError | None, error: ServiceError
) -> None:
    field.put("p.max", 80.0)
    field.refusal = refusal
    with pytest.raises(ServiceRefused) as caught:
        await field.ied.write("XDER/DGEN1.WMax.setMag.f", 50_000.0 if refusal else 100_001.0)
    assert caught.value.error is error
    assert await field.read("DGEN1.WMax.setMag.f") == 80_000.0
    assert field.asked == []


# --- around it --------------------------------------------------------------------------------------------------------


async def test_a_watch_that_breaks_is_begun_anew(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    bindings, watched = bound(POWER), 0
    watch = field.points.watch

    async def breaking(names: object, **more: object) -> AsyncIterator[object]:
        nonlocal watched
        watched += 1
        if watched == 1:
            raise NotReachable("for now")
        async for change in watch(names, **more):  # type: ignore[arg-type]
            yield change

    monkeypatch.setattr(field.points, "watch", breaking)
    server = Server(model_of("X", bindings), clock=field.clock)
    async with server, ServedPoints(server, bindings, field.points):
        await field.clock.advance(5)
        field.put("p", 3.0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert server.read("XDER/MMXU1.TotW.mag.f") == 3000.0
    assert watched == 2


async def test_what_the_model_lacks_is_said_at_its_row() -> None:
    def other(line: str) -> list[Binding]:
        return bound(POWER, line)

    async with Server(model_of("X", bound(POWER))) as server:
        for line in (BREAKER, DIRECT, LIMIT):
            with pytest.raises(ConfigError) as caught:
                ServedPoints(server, other(line), MemoryAccess())
            assert caught.value.where == "t.csv:3"
    unscheduled = TARGET.replace("FSCH1", "FSCH2")
    async with Server(model_of("X", bound(TARGET))) as server:
        with pytest.raises(ConfigError, match=r"t\.csv:2: schedule"):
            ServedPoints(server, bound(unscheduled), MemoryAccess())


async def test_a_client_of_ours_sees_the_points_of_the_access_through_the_server(field: Field) -> None:
    async def associate() -> Ied:
        return Ied(field.server.connect("ems"), clock=field.clock)

    bindings = bound(*LINES)
    async with DeviceAccess("X", bindings, associate, field.clock) as device:
        await device.ready()
        field.put("p", 45.0, quality=Quality(Validity.GOOD, Detail.TEST))
        field.put("breaker", "closed")
        for _ in range(20):
            await asyncio.sleep(0)
        found = await device.read(["der.X.p", "der.X.breaker"])
        assert (found["der.X.p"].value, found["der.X.p"].quality.detail) == (45.0, Detail.TEST)
        assert found["der.X.breaker"].value == "closed"
        await device.operate("der.X.p.set", 12.0)
        assert (await device.read(["der.X.p.set"]))["der.X.p.set"].value == 12.0
        field.points.set_available(False, ["der.X.p"])
        for _ in range(20):
            await asyncio.sleep(0)
        assert (await device.read(["der.X.p"]))["der.X.p"].quality == LOST
