"""Points in memory beyond the port (`tests.data` has the suite of it), ageing, and the laws of both as properties."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.access import Change, DataAccess, Entry
from janusgrid.common.data.ageing import aged
from janusgrid.common.data.joined import join
from janusgrid.common.data.memory import UNKNOWN, Asked, MemoryAccess
from janusgrid.common.data.point import Kind, Point, ValueType
from janusgrid.common.data.services import CommonService, NotOffered
from janusgrid.common.data.value import GOOD, LOST, STALE, Quality, Validity, Value
from janusgrid.common.errors import LocalError, NotReachable, TypeConflict, UnknownName

START = datetime(2026, 3, 25, 8, tzinfo=UTC)
P, LIMIT, SET = Point("p", Kind.MEASUREMENT), Point("limit", Kind.SETTING), Point("set", Kind.SETPOINT, low=0, high=9)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
def clock() -> LockStepClock:
    return LockStepClock(START)


@asynccontextmanager
async def told(access: DataAccess, *names: str, **options: float) -> AsyncIterator[list[Change]]:
    found: list[Change] = []

    async def follow() -> None:
        async for change in access.watch(names, **options):
            found.append(change)

    task = asyncio.create_task(follow())
    for _ in range(10):
        await asyncio.sleep(0)
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def shown(changes: list[Change]) -> list[tuple[str, object, str]]:
    return [(change.name, change.value.value, change.reason) for change in changes]


async def test_what_the_owner_puts_has_to_fit(clock: LockStepClock) -> None:
    points = MemoryAccess(
        [P, Point("n", Kind.STATUS, ValueType.INT), Point("b", Kind.STATUS, ValueType.BOOL),
         Point("t", Kind.STATUS, ValueType.TEXT), Point("e", Kind.STATUS, ValueType.ENUM, literals=("off", "on"))],
        clock=clock,
    )  # fmt: skip
    good: dict[str, tuple[object, ...]] = {
        "p": (1, 1.5, -0.0),
        "n": (0, -3),
        "b": (True, False),
        "t": ("",),
        "e": ("on",),
    }
    for name, values in good.items():
        for value in values:
            points.put(name, value)  # type: ignore[arg-type]
            assert (await points.read([name]))[name] == Value(value, GOOD, START, "local")  # type: ignore[arg-type]
    bad: dict[str, tuple[object, ...]] = {
        "p": (True, "1", float("nan"), float("inf")), "n": (1.0, False), "b": (1, "on"), "t": (1,),
        "e": ("On", 1, True),
    }  # fmt: skip
    for name, values in bad.items():
        for value in values:
            with pytest.raises(TypeConflict, match=f"^{name}: "):
                points.put(name, value)  # type: ignore[arg-type]
    with pytest.raises(UnknownName):
        points.put("x", 1.0)
    with pytest.raises(LocalError, match="zone"):
        points.put("p", 1.0, time=datetime(2026, 3, 25))
    with pytest.raises(LocalError, match="already"):
        points.add(P)
    assert isinstance((await points.read(["p"]))["p"].value, float)


async def test_times_are_told_in_utc_and_nothing_known_is_invalid(clock: LockStepClock) -> None:
    points = MemoryAccess([P], clock=clock)
    assert (await points.read(["p"]))["p"] == Value(None, UNKNOWN, origin="local")
    points.put("p", 1.0, time=datetime(2026, 3, 25, 10, tzinfo=timezone(timedelta(hours=2))))
    found = (await points.read(["p"]))["p"].time
    assert found == START
    assert found is not None
    assert found.tzinfo is UTC
    points.put("p", None)
    assert (await points.read(["p"]))["p"].quality.validity is Validity.INVALID


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_the_handler_puts_itself_stands(clock: LockStepClock, asynchronous: bool) -> None:
    def carry_out(asked: Asked) -> None:
        if asked.value != 5.0:
            points.put(asked.point.name, float(asked.value) / 2)

    async def carry_out_later(asked: Asked) -> None:
        await asyncio.sleep(0)
        carry_out(asked)

    points = MemoryAccess([SET, LIMIT], clock=clock, handler=carry_out_later if asynchronous else carry_out)
    await points.operate("set", 8)
    await points.write({"limit": 100})
    assert [value.value for value in (await points.read(["set", "limit"])).values()] == [4.0, 50.0]
    await points.operate("set", 5)
    assert (await points.read(["set"]))["set"].value == 5.0, "else it is what was asked for"


async def test_without_a_handler_a_command_is_the_value(clock: LockStepClock) -> None:
    points = MemoryAccess([SET], clock=clock)
    await points.operate("set", 3)
    assert (await points.read(["set"]))["set"].value == 3.0


async def test_measurements_age_and_the_others_hold(clock: LockStepClock) -> None:
    points = MemoryAccess([P, LIMIT], clock=clock, age=30)
    points.put("p", 1.0)
    points.put("limit", 2.0)
    async with told(points, "p", "limit") as changes:
        await clock.advance(29)
        points.put("p", 1.0)
        await clock.advance(29)
        assert shown(changes) == [("limit", 2.0, "initial"), ("p", 1.0, "initial")]
        await clock.advance(2)
        assert shown(changes[2:]) == [("p", 1.0, "quality")]
        assert changes[2].value.quality == STALE
        points.put("p", 1.0)
        await clock.advance(1)
        assert shown(changes[3:]) == [("p", 1.0, "quality")]
        assert changes[3].value.quality.good
    await clock.advance(60)
    assert (await points.read(["p", "limit"]))["p"].quality == STALE
    assert (await points.read(["limit"]))["limit"].quality.good


async def test_a_loss_may_be_of_some_points(clock: LockStepClock) -> None:
    points = MemoryAccess([P, SET], clock=clock)
    points.put("p", 1.0)
    points.put("set", 2.0)
    points.set_available(False, ["p"])
    assert [await points.available(name) for name in ("p", "set")] == [False, True]
    await points.operate("set", 3.0)
    points.set_available(False)
    with pytest.raises(NotReachable):
        await points.operate("set", 4.0)
    assert (await points.read(["set"]))["set"] == Value(3.0, LOST, START, "local")
    points.set_available(True)
    assert (await points.read(["set"]))["set"].quality == LOST, "until it is put anew"


async def test_what_comes_to_be_carried_out_while_the_source_is_away_is_not(clock: LockStepClock) -> None:
    async with MemoryAccess([SET], clock=clock) as points:
        await points.operate("set", 3, at=after(10))
        await points.schedule("set", [Entry(after(20), 4)], end=after(30))
        points.set_available(False)
        await clock.advance(15)
        points.set_available(True)
        assert (await points.read(["set"]))["set"].value is None
        await clock.advance(10)
        assert (await points.read(["set"]))["set"].value == 4.0


async def test_a_schedule_begins_in_the_midst_and_ends_where_it_was(clock: LockStepClock) -> None:
    async with MemoryAccess([SET], clock=clock) as points:
        await points.operate("set", 1)
        await clock.advance(15)
        entries = [Entry(after(0), 2), Entry(after(10), 3), Entry(after(20), 4)]
        await points.schedule("set", entries, end=after(30))
        seen = []
        for seconds in (1, 5, 6, 6, 6):
            await clock.advance(seconds)
            seen.append((await points.read(["set"]))["set"].value)
        assert seen == [3.0, 4.0, 4.0, 1.0, 1.0]
        with pytest.raises(LocalError, match="future"):
            await points.schedule("set", entries, end=after(30))


async def test_history_is_bounded_and_none_is_refused(clock: LockStepClock) -> None:
    points, none = MemoryAccess([P], clock=clock, keep=3), MemoryAccess([P], clock=clock)
    for number in range(5):
        points.put("p", number, time=after(number))
    assert not points.put("p", 9, time=after(2)), "late"
    found = await points.history("p", START, after(10))
    assert [value.value for value in found] == [9.0, 3.0, 4.0]
    assert CommonService.HISTORY not in none.services
    with pytest.raises(NotOffered):
        await none.history("p", START, after(10))


class Remote(MemoryAccess):
    """Points that only come when they are put: no access tells them again by itself."""

    def watch(self, names, *, period=None, deadband=0.0):  # type: ignore[no-untyped-def]
        self.periods = [*getattr(self, "periods", []), period]
        return super().watch(names, deadband=deadband)


async def test_what_a_source_does_not_tell_again_ages_whatever_it_is_reached_by(clock: LockStepClock) -> None:
    remote = Remote([P, LIMIT], clock=clock)
    remote.put("p", 1.0)
    remote.put("limit", 1.0)
    access = await aged([remote], clock, 60.0)
    async with told(access, "p", "limit") as changes:
        assert remote.periods == [30.0], "asked to tell twice in that time"
        await clock.advance(59)
        assert [change.reason for change in changes] == ["initial", "initial"]
        await clock.advance(2)
        assert [(change.name, change.reason, change.value.quality) for change in changes[2:]] == [
            ("p", "quality", STALE)
        ]
        remote.put("p", 2.0)
        await clock.advance(1)
        assert changes[-1].value.quality.good


@pytest.mark.parametrize("make", ["memory", "joined"])
async def test_a_thousand_points(clock: LockStepClock, make: str) -> None:
    names = [f"n{number}" for number in range(1000)]
    parts = [MemoryAccess([Point(name, Kind.MEASUREMENT) for name in names[n::4]], clock=clock) for n in range(4)]
    access: DataAccess = await join(parts)
    if make == "memory":
        parts = [MemoryAccess([Point(name, Kind.MEASUREMENT) for name in names], clock=clock)]
        access = parts[0]
    async with told(access, *names, period=10.0) as changes:
        for _ in range(20):
            await asyncio.sleep(0)
        assert {change.name for change in changes} == set(names)
        del changes[:]
        for part in parts:
            for point in await part.directory():
                part.put(point.name, 7.0)
        await clock.advance(0)
        assert sorted(change.name for change in changes) == sorted(names)
        del changes[:]
        await clock.advance(10)
        assert sorted(shown(changes)) == sorted((name, 7.0, "periodic") for name in names)
    assert len(await access.read(names)) == 1000


# --- laws -------------------------------------------------------------------------------------------------------------

NAMES = ("a", "b", "c")
qualities = st.sampled_from([GOOD, STALE, Quality(Validity.INVALID)])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(NAMES), st.integers(-4, 4), qualities),
        st.tuples(st.just("late"), st.sampled_from(NAMES), st.integers(-4, 4), qualities),
        st.tuples(st.just("pass"), st.integers(1, 40)),
        st.tuples(st.just("lose")),
        st.tuples(st.just("look")),
    ),
    max_size=40,
)


def _joined(clock: LockStepClock) -> tuple[Callable[[str], MemoryAccess], list[MemoryAccess]]:
    parts = [MemoryAccess([Point(name, Kind.MEASUREMENT)], clock=clock) for name in NAMES]
    by_name = dict(zip(NAMES, parts, strict=True))
    return by_name.__getitem__, parts


@pytest.mark.parametrize("many", [False, True])
@settings(max_examples=60)
@given(steps=steps, deadband=st.sampled_from([0.0, 1.0, 3.0]))
def test_whoever_watches_knows_what_whoever_reads_knows(
    many: bool, steps: list[tuple[object, ...]], deadband: float
) -> None:
    """At every look a watch has told, of each point, what a read brings: but for changes within the dead band.

    It tells each first as `initial`, nothing twice, and no time goes back while the value is good.
    """

    async def run() -> None:
        clock = LockStepClock(START, settle=20)
        if many:
            owner, parts = _joined(clock)
            access: DataAccess = await join(parts)
        else:
            alone = MemoryAccess([Point(name, Kind.MEASUREMENT) for name in NAMES], clock=clock)
            owner, access = lambda name: alone, alone
        async with told(access, *NAMES, deadband=deadband) as changes:
            for what, *about in steps:
                if what in ("put", "late"):
                    name, value, quality = about
                    when = clock.now() - timedelta(seconds=30 if what == "late" else 0)
                    owner(name).put(name, value, quality, when)  # type: ignore[arg-type]
                elif what == "pass":
                    await clock.advance(about[0])  # type: ignore[arg-type]
                elif what == "lose":
                    for name in NAMES:
                        owner(name).set_available(False, [name])
                else:
                    await clock.advance(0)
            await clock.advance(0)
            present = await access.read(NAMES)
            for name in NAMES:
                mine = [change for change in changes if change.name == name]
                assert [change.reason == "initial" for change in mine] == [True] + [False] * (len(mine) - 1)
                last, now = mine[-1].value, present[name]
                assert last.quality == now.quality
                assert last.value == now.value or abs(last.number - now.number) <= deadband
                for before, then in itertools.pairwise(mine):
                    assert (before.value.value, before.value.quality) != (then.value.value, then.value.quality)

    asyncio.run(run())
