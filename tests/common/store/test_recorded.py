"""A data access that is written down: what its history says is what was there, losses and commands too."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.access import Change
from janusgrid.common.data.memory import Asked, MemoryAccess
from janusgrid.common.data.point import Kind, Point, ValueType
from janusgrid.common.data.unit import unit
from janusgrid.common.data.value import LOST, STALE
from janusgrid.common.errors import Refused, UnknownName
from janusgrid.common.store.export import happenings_csv, values_csv
from janusgrid.common.store.history import History
from janusgrid.common.store.recorded import Recorded

START = datetime(2026, 3, 25, 7, 30, tzinfo=UTC)
LATER = START + timedelta(days=1)
POINTS = (
    Point("p", Kind.MEASUREMENT, unit=unit("kW")),
    Point("on", Kind.STATUS, ValueType.BOOL),
    Point("p.set", Kind.SETPOINT, unit=unit("kW"), low=0, high=100),
    Point("p.max", Kind.SETTING, unit=unit("kW")),
)


class Plant:
    """Points in memory, recorded."""

    def __init__(self, path: Path) -> None:
        self.clock = LockStepClock(START)
        self.source = MemoryAccess(POINTS, clock=self.clock, handler=self.carry_out)
        self.history = History(path / "history.sqlite", clock=self.clock, pause=0.01)
        self.access = Recorded(self.source, self.history, self.clock)

    def carry_out(self, asked: Asked) -> None:
        if asked.value == 13.0:
            raise Refused("thirteen is not taken", code="blocked-by-process")

    async def at(self, seconds: float) -> None:
        await self.clock.advance((START + timedelta(seconds=seconds) - self.clock.now()).total_seconds())

    async def recorded(self, name: str) -> list[tuple[float, object, str]]:
        await self.clock.advance(0)
        found = await self.access.history(name, START, LATER)
        return [((v.time - START).total_seconds(), v.value, v.quality.validity.value) for v in found if v.time]


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    made = Plant(tmp_path)
    with made.history:
        async with made.access:
            await made.clock.advance(0)
            yield made


async def test_what_changes_is_recorded_with_quality_and_time(plant: Plant) -> None:
    plant.source.put("p", 1.0)
    await plant.at(1)
    plant.source.put("p", 2.0, STALE, START + timedelta(seconds=0.5))
    plant.source.put("on", True)
    await plant.at(2)
    assert [one for one in await plant.recorded("p") if one[1] is not None] == [
        (0.0, 1.0, "good"),
        (0.5, 2.0, "questionable"),
    ]
    assert (1.0, True, "good") in await plant.recorded("on")


async def test_a_loss_does_not_take_the_place_of_the_last_good_value(plant: Plant) -> None:
    plant.source.put("p", 1.0)
    await plant.at(5)
    plant.source.set_available(False)
    await plant.at(8)
    plant.source.set_available(True)
    plant.source.put("p", 1.0)
    await plant.at(9)
    assert await plant.recorded("p") == [(0.0, 1.0, "good"), (5.0, 1.0, "invalid"), (8.0, 1.0, "good")]
    assert plant.history.values("p", START + timedelta(seconds=5), LATER)[0].quality == LOST


async def test_commands_are_noted_with_what_became_of_them(plant: Plant) -> None:
    await plant.access.operate("p.set", 12.0)
    await plant.at(1)
    with pytest.raises(Refused):
        await plant.access.operate("p.set", 13.0)
    await plant.access.write({"p.max": 80.0})
    await plant.access.operate("p.set", 14.0, at=START + timedelta(hours=1))
    await plant.access.abort("p.set")
    found = [(each.kind, each.subject, each.text) for each in plant.history.happenings(START, LATER)]
    assert found == [
        ("control", "p.set", "12.0"),
        ("control", "p.set", "13.0: thirteen is not taken [blocked-by-process]"),
        ("write", "p.max", "p.max = 80.0"),
        ("control", "p.set", "14.0 at 2026-03-25T08:30:00+00:00"),
        ("control", "p.set", "withdrawn"),
    ]


async def test_a_command_that_was_given_up_is_noted_as_such(plant: Plant) -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait(asked: Asked) -> None:
        await never

    plant.source.handler = wait
    command = asyncio.create_task(plant.access.operate("p.set", 1.0))
    await plant.clock.advance(0)
    command.cancel()
    await asyncio.gather(command, return_exceptions=True)
    [noted] = plant.history.happenings(START, LATER)
    assert noted.text == "1.0: given up before it was answered"


async def test_the_history_of_an_unknown_point_is_an_error_that_of_a_silent_one_empty(plant: Plant) -> None:
    assert await plant.access.history("p.max", START, LATER) == []
    with pytest.raises(UnknownName):
        await plant.access.history("nothing", START, LATER)


async def test_the_history_of_the_source_counts_where_nothing_was_recorded(tmp_path: Path) -> None:
    clock = LockStepClock(START)
    source = MemoryAccess(POINTS, clock=clock, keep=10)
    source.put("p", 1.0)
    with History(tmp_path / "h", clock=clock) as history:
        access = Recorded(source, history, clock)  # not open: nothing is recorded
        assert [value.value for value in await access.history("p", START, LATER)] == [1.0]


class Failing(MemoryAccess):
    """Its first watch ends with an error after one change."""

    watches = 0

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        self.watches += 1
        async for change in super().watch(names, period=period, deadband=deadband):
            yield change
            if self.watches == 1:
                raise Refused("no more of it")


async def test_a_watch_that_fails_is_begun_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = LockStepClock(START)
    source = Failing(POINTS, clock=clock)
    with History(tmp_path / "h", clock=clock) as history:
        async with Recorded(source, history, clock, names=["p"]):
            for second in range(10):
                source.put("p", float(second))
                await clock.advance(1)
            found = [value.value for value in await asyncio.to_thread(history.values, "p", START, LATER)]
    assert (source.watches, found) == (2, [0.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    assert "is not recorded for 5 s: no more of it" in caplog.text


async def test_csv_says_the_same(plant: Plant) -> None:
    plant.source.put("p", 1.5)
    plant.source.put("on", False)
    await plant.at(1)
    plant.source.put("p", 2.5, STALE)
    await plant.access.operate("p.set", 12.0)
    await plant.at(2)
    out = io.StringIO()
    assert values_csv(plant.history, out, ["p", "on"], START, LATER) == 3
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [
        ["time", "point", "value", "validity", "detail"],
        ["2026-03-25T07:30:00Z", "p", "1.5", "good", ""],
        ["2026-03-25T07:30:01Z", "p", "2.5", "questionable", "old_data"],
        ["2026-03-25T07:30:00Z", "on", "false", "good", ""],
    ]
    out = io.StringIO()
    happenings_csv(plant.history, out, START, LATER, ["control"])
    assert out.getvalue() == "time,kind,subject,text\n2026-03-25T07:30:01Z,control,p.set,12.0\n"
