"""Logs answered from the history of an access: by our client on every wire's terms, and by the clients of others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.memory import MemoryAccess
from janusgrid.common.data.value import STALE, Detail, Value
from janusgrid.common.errors import NotReachable
from janusgrid.common.store.history import History
from janusgrid.common.store.recorded import Recorded
from janusgrid.iec61850 import Ied, Server, ServiceError, ServiceRefused, connect
from janusgrid.iec61850.access import DeviceAccess, ServedPoints, model_of
from janusgrid.iec61850.acsi.types import Quality as Bits
from janusgrid.iec61850.client import LogUpdate
from janusgrid.iec61850.engine.log import LogLimits

from tests.iec61850.scsm81 import peers

from .rows import HEALTH, POWER, bound

START = datetime(2026, 3, 1, tzinfo=UTC)
LOG = "XDER/LLN0.Points"
TOTAL = "XDER/MMXU1.TotW"


@attrs.define
class Field:
    clock: LockStepClock
    points: MemoryAccess
    server: Server
    ied: Ied

    async def run(self, seconds: int) -> None:
        for second in range(1, seconds + 1):
            await self.clock.advance(1)
            self.points.put("der.X.p", float(second))

    async def entries(self, **asked: object) -> list[LogUpdate]:
        return [update async for update in self.ied.log(LOG).entries(**asked)]  # type: ignore[arg-type]


@pytest.fixture
async def field() -> AsyncIterator[Field]:
    clock = LockStepClock(START, settle=5)
    bindings = bound(POWER, HEALTH)
    points = MemoryAccess([binding.point for binding in bindings], clock=clock, keep=10_000)
    server = Server(model_of("X", bindings, logged=True), clock=clock, logs=LogLimits(answer=7))
    async with server, ServedPoints(server, bindings, points, history=True):
        yield Field(clock, points, server, Ied(server.connect("client"), clock=clock))


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def shown(updates: Sequence[LogUpdate]) -> list[object]:
    return [update.values[TOTAL]["mag"]["f"] for update in updates]


async def test_a_range_of_time_is_answered_page_by_page_with_both_ends(field: Field) -> None:
    await field.run(60)
    found = await field.entries(start=at(10), stop=at(40))
    assert [update.time for update in found] == [at(second) for second in range(10, 41)]
    assert shown(found) == [1000.0 * second for second in range(10, 41)]
    assert found[0].values[TOTAL]["t"].datetime == at(10)
    assert await field.entries(start=at(100), stop=at(200)) == []
    assert len(await field.entries()) == 60


async def test_it_goes_on_after_an_entry_also_in_another_life(field: Field) -> None:
    await field.run(20)
    found = await field.entries(stop=at(12))
    again = Server(model_of("X", bound(POWER, HEALTH)), clock=field.clock)
    async with again, ServedPoints(again, bound(POWER, HEALTH), field.points, history=True):
        ied = Ied(again.connect("client"), clock=field.clock)
        rest = [update async for update in ied.log(LOG).entries(after=found[-1].id)]
    assert shown([*found, *rest]) == [1000.0 * second for second in range(1, 21)]
    with pytest.raises(ServiceRefused) as caught:
        await field.entries(after=b"\xff" * 8)
    assert caught.value.error is ServiceError.PARAMETER_VALUE_INAPPROPRIATE
    assert len(await field.entries(after=b"\xff" * 8, start=at(15))) == 6, "the time tells"


async def test_values_of_one_moment_are_one_entry_and_two_of_one_object_follow_each_other(field: Field) -> None:
    await field.clock.advance(10)
    for name, value in (("p", 1.0), ("health", "ok"), ("p", 2.0)):
        field.points.put(f"der.X.{name}", value, time=at(5))
    first, second = await field.entries()
    assert set(first.values) == {TOTAL, "XDER/LPHD1.PhyHealth"}
    assert set(second.values) == {TOTAL}
    assert shown([first, second]) == [1000.0, 2000.0]
    assert first.id < second.id
    (left,) = await field.entries(after=first.id)
    assert left.id == second.id


async def test_quality_of_then_is_told(field: Field) -> None:
    await field.clock.advance(10)
    field.points.put("der.X.p", 1.0, quality=STALE)
    (update,) = await field.entries()
    assert update.values[TOTAL]["q"] == Bits.of(Bits.QUESTIONABLE, 7)


async def test_nothing_is_written_twice(field: Field) -> None:
    await field.run(5)
    await field.clock.advance(1)
    assert field.server.read(f"{TOTAL}.mag.f") == 5000.0
    assert len(field.server.engine.logs.find(field.ied.log(LOG).reference).entries) == 0
    status = await field.ied.log(LOG).status()
    assert status.newest_time.datetime == at(5)
    await field.entries()
    assert (await field.ied.log(LOG).status()).oldest_time.datetime == at(1)


async def test_a_history_that_is_not_reached_is_no_empty_log(field: Field) -> None:
    async def gone(name: str, start: datetime, end: datetime) -> Sequence[Value]:
        raise NotReachable("the store is away")

    await field.run(3)
    field.points.history = gone  # type: ignore[method-assign]
    with pytest.raises(ServiceRefused, match="the store is away") as caught:
        await field.entries()
    assert caught.value.error is ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT


async def test_the_history_of_the_access_is_that_of_a_client_of_the_server(field: Field) -> None:
    await field.run(30)
    port = (await field.server.start_tcp(port=0)).port

    async def associate() -> Ied:
        return await connect(f"tcp://127.0.0.1:{port}", clock=field.clock)

    async with DeviceAccess("X", bound(POWER, HEALTH), associate, field.clock) as device:
        await device.ready()
        found = await device.history("der.X.p", at(4), at(9))
    assert [(value.value, value.time) for value in found] == [(float(n), at(n)) for n in range(4, 9)]
    assert all(value.quality.good and value.quality.detail is Detail.NONE for value in found)


async def test_libiec61850_reads_the_history_as_a_log(field: Field) -> None:
    await field.run(20)
    port = (await field.server.start_tcp(port=0)).port
    journal = LOG.replace(".", "$")
    since = int(START.timestamp() * 1000)
    async with peers.talking("libiec", "libiec_logs.py") as client:
        await client.do("connect", port)
        assert await client.do("journals", "XDER") == ["LLN0$Points"]
        page = await client.do("by_time", journal, since + 3000, since + 18_000)
        found = page["entries"]
        while page["more"]:
            assert len(page["entries"]) == 7
            page = await client.do("after", journal, found[-1][0], found[-1][1])
            found += page["entries"]
    times = [time for _, time, _ in found]
    assert times == [since + 1000 * second for second in range(3, 21)]
    assert all(variables[0][0] == TOTAL.replace("TotW", "MX$TotW").replace(".", "$") for _, _, variables in found)


async def test_what_was_recorded_in_the_store_is_the_log(field: Field, tmp_path: Path) -> None:
    bindings = bound(POWER, HEALTH)
    server = Server(model_of("X", bindings), clock=field.clock, logs=LogLimits(answer=7))
    with History(tmp_path / "h.sqlite", pause=0.01) as history:
        written = Recorded(field.points, history, field.clock)
        for minute in range(90 * 24 * 60, 0, -24 * 60):  # a value a day of the last three months
            history.record("der.X.p", Value(float(minute), time=START - timedelta(minutes=minute)))
        history.flush()
        async with server, ServedPoints(server, bindings, written, history=True):
            ied = Ied(server.connect("client"), clock=field.clock)
            found = [update async for update in ied.log(LOG).entries()]
            assert shown(found) == [1000.0 * minute for minute in range(90 * 24 * 60, 0, -24 * 60)]
            assert (await ied.log(LOG).status()).oldest_time.datetime == START - timedelta(days=90)
            assert [update async for update in ied.log(LOG).entries(after=found[-3])] == found[-2:]
