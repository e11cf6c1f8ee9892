"""The simulated plant as points."""

from __future__ import annotations

from datetime import timedelta

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.access import Change, DataAccess, Entry
from janusgrid.common.data.point import Kind
from janusgrid.common.errors import LocalError, TypeConflict, UnknownName
from janusgrid.ems.local import PlantAccess
from janusgrid.ems.sim.plant import Plant

from .plants import at, microgrid


@pytest.fixture
def clock() -> LockStepClock:
    return LockStepClock(at("08:15"))


@pytest.fixture
def plant() -> Plant:
    return microgrid()


@pytest.fixture
def access(plant: Plant, clock: LockStepClock) -> DataAccess:
    return PlantAccess(plant, clock)


async def number(access: DataAccess, name: str) -> float:
    return (await access.read([name]))[name].number


async def test_the_directory_names_every_point_once_and_sorted(access: DataAccess) -> None:
    names = [point.name for point in await access.directory()]
    assert names == sorted(set(names))
    assert len(names) == 6 + 7 * 6 + 2 * 3
    assert {"der.DG750.p.set", "der.ESS500.soc", "der.PCC.p", "der.PV.p"} <= set(names)


async def test_every_point_reads_a_value_of_its_kind(access: DataAccess) -> None:
    points = await access.directory()
    values = await access.read(p.name for p in points)
    for point in points:
        value = values[point.name]
        assert value.quality.good
        assert value.time == at("08:15")
        assert value.value in point.literals if point.literals else isinstance(value.value, int | float)


async def test_a_setpoint_takes_effect_with_time(access: DataAccess, clock: LockStepClock) -> None:
    await access.operate("der.DG750.p.set", 700.0)
    assert await number(access, "der.DG750.p") == 0
    await clock.advance(600)
    assert await number(access, "der.DG750.p") == pytest.approx(700 * 1.0023)
    assert await number(access, "der.DG750.p.set") == 700
    load, sun, power = [await number(access, f"der.{n}") for n in ("PCC.load", "PV.p", "PCC.p")]
    assert power == pytest.approx(load - sun - 700 * 1.0023)


async def test_a_setpoint_beyond_the_rating_is_not_taken(access: DataAccess) -> None:
    with pytest.raises(TypeConflict, match="100 is not within 0 to 65 kW"):
        await access.operate("der.MT1.p.set", 100)
    assert await number(access, "der.MT1.p.set") == 0


async def test_a_limit_written_binds_the_setpoint(access: DataAccess) -> None:
    await access.write({"der.ESS500.p.max": 100, "der.ESS500.p.min": -20})
    await access.operate("der.ESS500.p.set", 400)
    assert await number(access, "der.ESS500.p.set") == 100
    await access.operate("der.ESS500.p.set", -400)
    assert await number(access, "der.ESS500.p.set") == -20


async def test_a_test_command_changes_nothing(access: DataAccess) -> None:
    await access.operate("der.MT1.p.set", 50, test=True)
    assert await number(access, "der.MT1.p.set") == 0


async def test_a_command_for_later_waits_and_can_be_withdrawn(access: DataAccess, clock: LockStepClock) -> None:
    await access.operate("der.ESS500.p.set", 100, at=at("08:16"))
    await access.operate("der.HESS250.p.set", 50, at=at("08:16"))
    await access.abort("der.HESS250.p.set")
    await clock.advance(59)
    assert await number(access, "der.ESS500.p") == 0
    await clock.advance(61)
    assert await number(access, "der.ESS500.p") == pytest.approx(100, rel=1e-3)
    assert await number(access, "der.HESS250.p") == 0
    drained = 70 - 100 * 0.9999 / 60 / 0.97 / 600 * 100
    assert await number(access, "der.ESS500.soc") == pytest.approx(drained)


async def test_a_schedule_is_followed_to_its_end(access: DataAccess, clock: LockStepClock) -> None:
    entries = [Entry(at("08:16"), 100.0), Entry(at("08:18"), -50.0)]
    await access.schedule("der.ESS500.p.set", entries, end=at("08:20"))
    seen = []
    for _ in range(6):
        await clock.advance(60)
        seen.append(await number(access, "der.ESS500.p.set"))
    assert seen == [100, 100, -50, -50, 0, 0]


async def test_a_schedule_that_ends_before_it_begins_is_refused(access: DataAccess) -> None:
    with pytest.raises(LocalError, match="ends after"):
        await access.schedule("der.ESS500.p.set", [Entry(at("08:21"), 1.0)], end=at("08:20"))


async def test_history_has_a_value_a_minute(access: DataAccess, clock: LockStepClock) -> None:
    await clock.advance(300)
    values = await access.history("der.PCC.p", at("08:15"), at("08:20"))
    assert [v.time for v in values] == [at("08:15") + timedelta(minutes=n) for n in range(5)]
    assert values[0].number == pytest.approx(1984.793 - 72.804)


async def test_a_watch_shows_initial_values_then_changes(access: DataAccess, clock: LockStepClock) -> None:
    stream = access.watch(["der.ESS500.p", "der.MT1.state"], deadband=1.0)
    first = [await anext(stream), await anext(stream)]
    assert [(c.name, c.value.value, c.reason) for c in first] == [
        ("der.ESS500.p", 0.0, "initial"),
        ("der.MT1.state", "available", "initial"),
    ]
    await access.operate("der.ESS500.p.set", 0.5)
    await access.operate("der.MT1.p.set", 30)
    change = await after(stream, clock)
    assert (change.name, change.value.value, change.reason) == ("der.MT1.state", "starting", "change")


async def test_a_periodic_watch_repeats_what_did_not_change(access: DataAccess, clock: LockStepClock) -> None:
    stream = access.watch(["der.ESS500.p"], period=5)
    await anext(stream)
    change = await after(stream, clock)
    assert (change.reason, change.value.time) == ("periodic", at("08:15") + timedelta(seconds=5))


async def after(stream: object, clock: LockStepClock) -> Change:
    import asyncio

    waiting = asyncio.ensure_future(anext(stream))  # type: ignore[call-overload]
    for _ in range(100):
        await clock.advance(1)
        if waiting.done():
            return waiting.result()  # type: ignore[no-any-return]
    raise AssertionError("nothing came")


async def test_a_failed_device_is_not_available(access: DataAccess, plant: Plant) -> None:
    assert await access.available("der.DG200.p.set")
    plant.device("DG200").fail()
    assert not await access.available("der.DG200.p.set")
    assert await access.available("der.PCC.p")
    assert (await access.read(["der.DG200.health"]))["der.DG200.health"].value == "alarm"


@pytest.mark.parametrize("value", ["full", True, float("nan")])
async def test_a_setpoint_is_a_number(access: DataAccess, value: object) -> None:
    with pytest.raises(TypeConflict, match="number"):
        await access.operate("der.DG750.p.set", value)  # type: ignore[arg-type]


async def test_what_is_no_setpoint_cannot_be_operated_and_what_is_no_setting_not_written(access: DataAccess) -> None:
    with pytest.raises(TypeConflict, match="a measurement, not a set-point"):
        await access.operate("der.DG750.p", 1.0)
    with pytest.raises(TypeConflict, match="a setting, not a set-point"):
        await access.operate("der.DG750.p.max", 1.0)
    with pytest.raises(TypeConflict, match="a setpoint, not a setting"):
        await access.write({"der.DG750.p.max": 1.0, "der.DG750.p.set": 1.0})
    assert await number(access, "der.DG750.p.max") == 750


async def test_names_that_are_none_are_refused_by_every_service(access: DataAccess) -> None:
    bad = "der.DG75.p.set"
    for call in (
        access.read([bad]),
        access.write({bad: 1.0}),
        access.operate(bad, 1.0),
        access.abort(bad),
        access.schedule(bad, [], end=at("09:00")),
        access.history(bad, at("08:00"), at("09:00")),
        access.available(bad),
        anext(access.watch([bad])),
    ):
        with pytest.raises(UnknownName, match="DG75"):
            await call


async def test_kinds_follow_the_device_tables(access: DataAccess) -> None:
    kinds = {p.name: p.kind for p in await access.directory()}
    assert kinds["der.DG750.p.set"] is Kind.SETPOINT
    assert kinds["der.DG750.p.max"] is Kind.SETTING
    assert kinds["der.DG750.p.rating"] is Kind.STATUS
