"""Batteries: energy is accounted for to the last watt-hour, and the charge keeps within floor and ceiling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError
from janusgrid.ems.sim.battery import Battery, BatteryModel
from janusgrid.ems.sim.device import DeviceState

MODEL = BatteryModel(name="B", rating_kw=500, capacity_kwh=600, efficiency=0.97, initial_soc=0.7)


def test_discharge_takes_the_delivered_energy_and_its_loss() -> None:
    battery = Battery.of(MODEL)
    battery.set(300)
    battery.step(1800)
    assert battery.power_kw == 300
    assert battery.soc == pytest.approx(0.7 - 150 / 0.97 / 600)


def test_charge_stores_the_energy_less_its_loss() -> None:
    battery = Battery.of(MODEL)
    battery.set(-100)
    battery.step(1800)
    assert battery.power_kw == -100
    assert battery.soc == pytest.approx(0.7 + 50 * 0.97 / 600)


def test_the_deliverable_energy_is_what_lies_above_the_floor_times_the_efficiency() -> None:
    battery = Battery.of(MODEL)
    battery.set(500)
    delivered = 0.0
    while True:
        battery.step(1.0)
        if battery.power_kw == 0:
            break
        delivered += battery.power_kw / 3600
    assert delivered == pytest.approx((0.7 - 0.2) * 600 * 0.97, abs=500 / 3600)
    assert battery.soc == MODEL.floor
    assert battery.state is DeviceState.AVAILABLE


def test_charging_ends_at_the_ceiling() -> None:
    battery = Battery.of(MODEL)
    battery.set(-500)
    battery.step(3600)
    assert (battery.soc, battery.power_kw) == (MODEL.ceiling, 0.0)
    battery.set(100)
    battery.step(1)
    assert battery.power_kw == 100


def test_an_empty_battery_charges_again() -> None:
    battery = Battery.of(MODEL)
    battery.set(500)
    battery.step(7200)
    battery.set(-60)
    battery.step(600)
    assert battery.power_kw == -60
    assert battery.soc == pytest.approx(0.2 + 10 * 0.97 / 600)


def test_a_failure_stops_at_once_and_keeps_the_charge() -> None:
    battery = Battery.of(MODEL)
    battery.set(500)
    battery.step(60)
    soc = battery.soc
    battery.fail()
    assert (battery.power_kw, battery.state) == (0.0, DeviceState.FAILED)
    battery.step(600)
    assert (battery.power_kw, battery.soc) == (0.0, soc)


def test_limits_hold_in_both_directions() -> None:
    battery = Battery.of(MODEL)
    assert battery.set(600).taken_kw == 500
    assert battery.set(-600).taken_kw == -500
    battery.limit(low_kw=-50, high_kw=80)
    assert (battery.set(600).taken_kw, battery.set(-600).taken_kw) == (80, -50)


def test_a_charge_outside_floor_and_ceiling_is_no_start() -> None:
    with pytest.raises(LocalError, match="state of charge"):
        BatteryModel(name="B", rating_kw=1, capacity_kwh=1, initial_soc=0.1)


course = st.lists(st.tuples(st.floats(-700, 700), st.floats(0, 900)), max_size=20)


@given(course)
def test_the_charge_keeps_within_floor_and_ceiling_and_energy_balances(course: list[tuple[float, float]]) -> None:
    battery = Battery.of(MODEL)
    for setpoint, dt in course:
        before = battery.soc
        battery.set(setpoint)
        battery.step(dt)
        assert MODEL.floor - 1e-9 <= battery.soc <= MODEL.ceiling + 1e-9
        if battery.power_kw > 0:
            assert (before - battery.soc) * 600 == pytest.approx(battery.power_kw * dt / 3600 / 0.97, abs=1e-6)
        elif battery.power_kw < 0:
            assert (before - battery.soc) * 600 == pytest.approx(battery.power_kw * dt / 3600 * 0.97, abs=1e-6)


@given(course, st.integers(2, 7))
def test_any_split_of_time_gives_the_same_charge(course: list[tuple[float, float]], pieces: int) -> None:
    fine, coarse = Battery.of(MODEL), Battery.of(MODEL)
    for setpoint, dt in course:
        fine.set(setpoint)
        coarse.set(setpoint)
        for _ in range(pieces):
            fine.step(dt / pieces)
        coarse.step(dt)
        assert fine.soc == pytest.approx(coarse.soc, abs=1e-9)


def test_a_set_point_acts_at_once_and_losses_bind_at_full_power_only() -> None:
    battery = Battery.of(BatteryModel(name="B", rating_kw=500, capacity_kwh=600, factor=0.9999))
    battery.set(300)
    assert battery.power_kw == 300
    battery.set(500)
    assert battery.power_kw == 500 * 0.9999
    battery.set(-500)
    assert battery.power_kw == -500 * 0.9999
    battery.set(0)
    assert battery.power_kw == 0


def test_what_is_empty_or_broken_does_not_follow() -> None:
    battery = Battery.of(MODEL)
    battery.set(500)
    battery.step(7200)
    battery.set(400)
    assert battery.power_kw == 0
    battery.set(-100)
    assert battery.power_kw == -100
    battery.fail()
    battery.set(-50)
    assert battery.power_kw == 0
