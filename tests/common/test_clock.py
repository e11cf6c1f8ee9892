"""Clocks: scaled, and moved by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.clock import DisciplinedClock, LockStepClock, RealClock, ScaledClock

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)


async def test_the_real_clock_is_utc() -> None:
    clock = RealClock()
    before = clock.now()
    await clock.sleep(0.01)
    await clock.sleep_until(before)
    assert clock.now() - before >= timedelta(seconds=0.01)
    assert before.tzinfo is UTC


async def test_a_scaled_clock_runs_faster() -> None:
    clock = ScaledClock(3600.0, T0)
    await clock.sleep(60.0)
    assert clock.now() - T0 >= timedelta(seconds=60)
    await clock.sleep_until(T0 + timedelta(minutes=2))
    assert clock.now() >= T0 + timedelta(minutes=2)


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_clock_does_not_run_backwards(factor: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        ScaledClock(factor)


async def test_a_stepped_clock_stands_still() -> None:
    clock = LockStepClock(T0)
    sleeper = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0.01)
    assert not sleeper.done()
    await clock.advance(9)
    assert not sleeper.done()
    await clock.advance(1)
    assert sleeper.done()
    assert clock.now() == T0 + timedelta(seconds=10)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = LockStepClock(T0)
    sleeper = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    sleeper.cancel()
    await clock.advance(20)
    assert sleeper.cancelled()


@given(st.lists(st.integers(0, 1000), max_size=20))
def test_sleepers_wake_in_order_at_their_times(delays: list[int]) -> None:
    async def run() -> list[tuple[int, datetime]]:
        clock = LockStepClock(T0)
        woken: list[tuple[int, datetime]] = []

        async def sleep(delay: int) -> None:
            await clock.sleep(delay)
            woken.append((delay, clock.now()))

        async with asyncio.TaskGroup() as group:
            for delay in delays:
                group.create_task(sleep(delay))
            await clock.advance(1000)
        return woken

    woken = asyncio.run(run())
    assert woken == [(delay, T0 + timedelta(seconds=delay)) for delay in sorted(delays)]


async def test_what_a_sleeper_does_is_done_before_the_next_wakes() -> None:
    clock = LockStepClock(T0)
    seen: list[str] = []

    async def worker(name: str, every: float) -> None:
        for _ in range(3):
            await clock.sleep(every)
            seen.append(f"{name} begins")
            await asyncio.sleep(0)
            seen.append(f"{name} ends")

    tasks = [asyncio.create_task(worker("a", 1)), asyncio.create_task(worker("b", 1.5))]
    await clock.advance(10)
    await asyncio.gather(*tasks)
    assert seen == [f"{name} {what}" for name in "ababab" for what in ("begins", "ends")]


class Oscillator:
    """What a disciplined clock runs by, moved by hand."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def shown(clock: DisciplinedClock) -> float:
    return (clock.now() - T0).total_seconds()


def test_a_disciplined_clock_makes_up_at_once_what_it_is_far_behind() -> None:
    oscillator = Oscillator()
    clock = DisciplinedClock(T0, oscillator)
    oscillator.seconds += 10
    assert shown(clock) == 10
    clock.steer(60.0)
    assert (shown(clock), clock.lag()) == (70, 0)


@pytest.mark.parametrize(("offset", "slew"), [(0.1, 0.01), (-0.1, -0.01), (-60.0, -0.5)])
def test_a_disciplined_clock_makes_up_the_rest_step_by_step(offset: float, slew: float) -> None:
    oscillator = Oscillator()
    clock = DisciplinedClock(T0, oscillator)
    clock.steer(offset, 100e-6)
    assert shown(clock) == 0
    assert clock.lag() == pytest.approx(offset)
    oscillator.seconds += 5
    assert shown(clock) == pytest.approx(5 + 5 * slew + 5 * 100e-6, abs=2e-6)
    oscillator.seconds += 200
    assert shown(clock) == pytest.approx(205 + offset + 205 * 100e-6, abs=2e-6)
    assert clock.lag() == 0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-1000, 1000), st.floats(-0.0005, 0.0005)), max_size=20))
def test_a_disciplined_clock_never_goes_back(steps: list[tuple[float, float, float]]) -> None:
    oscillator = Oscillator()
    clock = DisciplinedClock(T0, oscillator)
    before = clock.now()
    for seconds, offset, drift in steps:
        oscillator.seconds += seconds
        assert clock.now() >= before
        before = clock.now()
        clock.steer(offset, drift)
        assert clock.now() >= before - timedelta(microseconds=1)  # of rounding


def test_no_oscillator_drifts_like_that() -> None:
    with pytest.raises(ValueError, match="does not drift"):
        DisciplinedClock().steer(0.0, 0.3)


async def test_a_sleeper_wakes_when_a_disciplined_clock_is_set_forward() -> None:
    clock = DisciplinedClock()
    sleeper = asyncio.ensure_future(clock.sleep_until(clock.now() + timedelta(hours=1)))
    await asyncio.sleep(0.01)
    assert not sleeper.done()
    clock.steer(3601.0)
    await asyncio.wait_for(sleeper, 5)
    await clock.sleep(0.0)
