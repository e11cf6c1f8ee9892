"""Generating sets against the published times, and the exactness of stepping."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError, TypeConflict
from janusgrid.ems.sim.device import DeviceState
from janusgrid.ems.sim.fleet import GENERATORS
from janusgrid.ems.sim.generator import Generator, GeneratorModel

PUBLISHED_MINUTES = {"DG750": 6.138, "DG200": 5.988, "MT1": 3.282, "MT2": 3.282, "MT3": 3.282}
DG = GeneratorModel(name="G", rating_kw=100, t95_s=200, delay_s=10, factor=0.99, fade_s=50)


@pytest.mark.parametrize("model", GENERATORS, ids=lambda m: m.name)
def test_reaches_95_per_cent_after_the_published_time(model: GeneratorModel) -> None:
    machine = Generator.of(model)
    machine.set(model.rating_kw)
    seconds = 0.0
    while machine.power_kw < 0.95 * model.rating_kw:
        machine.step(0.1)
        seconds += 0.1
    assert seconds / 60 == pytest.approx(PUBLISHED_MINUTES[model.name], abs=0.1 / 60 + 1e-6)


@pytest.mark.parametrize("model", GENERATORS, ids=lambda m: m.name)
def test_settles_at_the_published_part_of_its_setpoint(model: GeneratorModel) -> None:
    machine = Generator.of(model)
    machine.set(model.rating_kw)
    machine.step(3600)
    assert machine.power_kw == pytest.approx(model.rating_kw * model.factor)


def test_saturated_output_is_that_of_the_published_tables() -> None:
    output = {}
    for model in GENERATORS:
        machine = Generator.of(model)
        machine.set(model.rating_kw)
        machine.step(3600)
        output[model.name] = machine.power_kw
    assert sum(output.values()) == pytest.approx(1143.867, abs=0.01)
    assert sum(output.values()) - output["DG750"] == pytest.approx(392.142, abs=0.01)


def test_states_follow_start_run_and_stop() -> None:
    machine = Generator.of(DG)
    assert machine.state is DeviceState.AVAILABLE
    machine.set(50)
    machine.step(9.9)
    assert (machine.state, machine.power_kw) == (DeviceState.STARTING, 0.0)
    machine.step(1)
    assert machine.state is DeviceState.RUNNING
    machine.step(100)
    machine.set(0)
    machine.step(1)
    assert machine.state is DeviceState.STOPPING
    machine.step(100)
    assert (machine.state, machine.power_kw) == (DeviceState.AVAILABLE, 0.0)


def test_each_start_from_rest_has_its_delay_but_a_running_set_follows_at_once() -> None:
    machine = Generator.of(DG)
    for _ in range(2):
        machine.set(50)
        machine.step(10)
        assert machine.power_kw == 0
        machine.step(30)
        machine.set(0)
        machine.step(1)
        still_up = machine.power_kw
        machine.set(50)
        machine.step(1)
        assert machine.power_kw > still_up > 0
        machine.set(0)
        machine.step(100)


def test_a_broken_set_fades_and_ignores_setpoints_until_repaired() -> None:
    machine = Generator.of(DG)
    machine.set(100)
    machine.step(1000)
    machine.fail()
    machine.set(100)
    machine.step(25)
    assert machine.power_kw == pytest.approx(99 / 2)
    machine.step(25)
    assert (machine.power_kw, machine.state) == (0.0, DeviceState.FAILED)
    machine.repair()
    machine.set(100)
    machine.step(10)
    assert (machine.power_kw, machine.state) == (0.0, DeviceState.STARTING)


def test_setpoints_are_clipped_and_reported() -> None:
    machine = Generator.of(DG)
    over, under, right = machine.set(150), machine.set(-5), machine.set(70)
    assert (over.taken_kw, over.clipped, over.asked_kw) == (100, True, 150)
    assert (under.taken_kw, under.clipped) == (0, True)
    assert (right.taken_kw, right.clipped) == (70, False)
    machine.limit(high_kw=60)
    assert machine.setpoint_kw == 60
    machine.limit(high_kw=1e6)
    assert machine.set(150).taken_kw == 100


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_setpoint_that_is_no_number_is_refused(bad: float) -> None:
    machine = Generator.of(DG)
    machine.set(10)
    with pytest.raises(TypeConflict, match="finite"):
        machine.set(bad)
    assert machine.setpoint_kw == 10


def test_a_delay_longer_than_t95_is_no_machine() -> None:
    with pytest.raises(LocalError, match="delay"):
        GeneratorModel(name="G", rating_kw=1, t95_s=10, delay_s=10)


actions = st.lists(st.tuples(st.floats(-20, 120), st.lists(st.floats(0, 60), min_size=1, max_size=5)), max_size=8)


@given(actions)
def test_any_split_of_time_gives_the_same_power(course: list[tuple[float, list[float]]]) -> None:
    fine, coarse = Generator.of(DG), Generator.of(DG)
    for setpoint, pieces in course:
        fine.set(setpoint)
        coarse.set(setpoint)
        for piece in pieces:
            fine.step(piece)
        coarse.step(sum(pieces))
        assert fine.power_kw == pytest.approx(coarse.power_kw, abs=1e-6)
        assert 0 <= fine.power_kw <= 100 * DG.factor


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0.1, 30))
def test_the_slope_is_never_steeper_than_the_ramp(first: float, second: float, dt: float) -> None:
    machine = Generator.of(DG)
    machine.set(first)
    machine.step(1000)
    before = machine.power_kw
    machine.set(second)
    machine.step(dt)
    assert abs(machine.power_kw - before) <= DG.ramp_kw_s * dt + 1e-9


def test_a_set_that_fails_at_part_load_fades_in_the_same_time() -> None:
    machine = Generator.of(DG)
    machine.set(40)
    machine.step(1000)
    machine.fail()
    machine.step(25)
    machine.fail()  # once more is not again
    assert machine.power_kw == pytest.approx(0.99 * 40 / 2)
    machine.step(24.9)
    assert machine.power_kw > 0
    machine.step(0.2)
    assert machine.power_kw == 0
