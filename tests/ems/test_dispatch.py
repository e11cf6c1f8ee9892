"""The dispatch rule: what sharing promises, and what the dispatcher does with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError
from janusgrid.ems.dispatch import Bounds, Condition, Dispatcher, Resource, Storage, share
from janusgrid.ems.events import DispatchEvent, Phase

from .plants import RESOURCES, at

EVENT = DispatchEvent(id="e1", issued=at("08:20"), start=at("08:30"), duration=timedelta(hours=1), reduction_kw=1000)


@st.composite
def devices(draw: st.DrawFn) -> list[Bounds]:
    found = []
    for i in range(draw(st.integers(0, 8))):
        rating = draw(st.floats(0.5, 2000))
        low = draw(st.floats(-1, 1)) * rating
        high = low + draw(st.floats(0, 2)) * rating
        found.append(Bounds(f"d{i}", rating, low, high))
    return found


asked = st.floats(-1e5, 1e5)


@given(asked, devices())
def test_every_part_lies_within_its_bounds(kw: float, bounds: list[Bounds]) -> None:
    parts = share(kw, bounds)
    assert list(parts) == [b.name for b in bounds]
    for b in bounds:
        assert b.low_kw <= parts[b.name] <= b.high_kw


@given(asked, devices())
def test_the_parts_sum_to_what_is_asked_where_the_bounds_allow(kw: float, bounds: list[Bounds]) -> None:
    low, high = sum(b.low_kw for b in bounds), sum(b.high_kw for b in bounds)
    assert sum(share(kw, bounds).values()) == pytest.approx(min(max(kw, low), high), abs=1e-6)


@given(asked, asked, devices())
def test_more_asked_is_never_less_from_anyone(one: float, other: float, bounds: list[Bounds]) -> None:
    less, more = share(min(one, other), bounds), share(max(one, other), bounds)
    for name, kw in less.items():
        assert kw <= more[name] + 1e-6


@given(asked, devices())
def test_devices_at_no_bound_give_the_same_part_of_their_rating(kw: float, bounds: list[Bounds]) -> None:
    parts = share(kw, bounds)
    free = [parts[b.name] / b.rating_kw for b in bounds if b.low_kw + 1e-6 < parts[b.name] < b.high_kw - 1e-6]
    assert not free or max(free) - min(free) < 1e-6


@given(asked, devices().flatmap(lambda d: st.tuples(st.just(d), st.permutations(d))))
def test_the_order_of_devices_does_not_matter(kw: float, both: tuple[list[Bounds], list[Bounds]]) -> None:
    assert share(kw, both[0]) == pytest.approx(share(kw, both[1]), abs=1e-6)


def test_a_plain_example_and_one_with_a_bound() -> None:
    free = [Bounds("a", 750, 0, 750), Bounds("b", 250, 0, 250)]
    assert share(500, free) == {"a": 375, "b": 125}
    bound = [Bounds("a", 750, 0, 300), Bounds("b", 250, 0, 250)]
    assert share(500, bound) == pytest.approx({"a": 300, "b": 200})
    assert share(5000, bound) == {"a": 300, "b": 250}
    assert share(-1, bound) == {"a": 0, "b": 0}
    assert share(100, []) == {}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_figures_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(LocalError, match="finite"):
        share(bad, [])
    with pytest.raises(LocalError, match="finite"):
        Bounds("a", 1.0, 0.0, bad)


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(LocalError, match="above the upper"):
        Bounds("a", 1.0, 1.0, 0.5)


def rested(soc: float = 0.7) -> dict[str, Condition]:
    return {r.name: Condition(power_kw=0.0, available=True, soc=soc if r.storage else None) for r in RESOURCES}


def test_nothing_is_sent_before_the_response_and_without_an_event() -> None:
    dispatcher = Dispatcher(RESOURCES)
    assert dispatcher.cycle(at("08:20"), None, 0.0, 1940.0, rested()).setpoints == {}
    later = DispatchEvent(id="e", issued=at("08:00"), start=at("09:00"), duration=timedelta(hours=1), reduction_kw=1000)
    plan = dispatcher.cycle(at("08:49"), later, 1920.0, 2100.0, rested())
    assert (plan.phase, plan.setpoints) == (Phase.FAR, {})
    assert dispatcher.cycle(at("08:50"), later, 1920.0, 2100.0, rested()).setpoints


def test_generators_start_with_the_response_and_batteries_wait() -> None:
    plan = Dispatcher(RESOURCES).cycle(at("08:20"), EVENT, 1920.7, 1940.0, rested())
    assert plan.phase is Phase.RESPONSE
    assert plan.target_kw == pytest.approx(920.9)
    assert plan.required_kw == pytest.approx(1019.1)
    assert plan.setpoints["ESS500"] == plan.setpoints["HESS250"] == 0
    assert plan.setpoints["DG750"] / 750 == pytest.approx(plan.setpoints["MT1"] / 65)
    assert plan.setpoints["DG750"] > 300


def test_batteries_make_up_for_what_generators_do_not_deliver_yet() -> None:
    plan = Dispatcher(RESOURCES).cycle(at("08:29"), EVENT, 1920.7, 1940.0, rested())
    assert plan.setpoints["ESS500"] + plan.setpoints["HESS250"] == pytest.approx(750)
    assert plan.setpoints["ESS500"] == pytest.approx(2 * plan.setpoints["HESS250"])


def test_an_empty_battery_gives_nothing_and_the_others_more() -> None:
    full, empty = Dispatcher(RESOURCES), Dispatcher(RESOURCES)
    conditions = rested()
    spent = conditions | {"ESS500": Condition(power_kw=0.0, available=True, soc=0.2)}
    a = full.cycle(at("08:31"), EVENT, 1920.7, 1940.0, conditions).setpoints
    b = empty.cycle(at("08:31"), EVENT, 1920.7, 1940.0, spent).setpoints
    assert b["ESS500"] == 0
    assert b["DG750"] > a["DG750"]


def test_a_battery_is_not_asked_for_more_than_its_energy_sustains() -> None:
    conditions = {
        "G": Condition(power_kw=700.0, available=True),
        "B": Condition(power_kw=200.0, available=True, soc=0.4),
    }
    resources = [
        Resource(name="G", rating_kw=1000),
        Resource(name="B", rating_kw=1000, storage=Storage(capacity_kwh=500)),
    ]
    plan = Dispatcher(resources).cycle(at("08:30"), EVENT, 2000.0, 1000.0, conditions)
    sustained = 0.2 * 500 * 0.97 / (65 / 60)
    assert plan.setpoints["G"] == pytest.approx(900 - 0.2 - sustained, abs=1)


def test_a_device_that_is_not_available_gets_no_setpoint() -> None:
    conditions = rested() | {"DG200": Condition(power_kw=0.0, available=False)}
    del conditions["MT3"]
    plan = Dispatcher(RESOURCES).cycle(at("08:31"), EVENT, 1920.7, 1940.0, conditions)
    assert not {"DG200", "MT3"} & plan.setpoints.keys()


def test_after_the_end_what_was_started_is_stopped_and_then_left_alone() -> None:
    dispatcher = Dispatcher(RESOURCES)
    dispatcher.cycle(at("09:29"), EVENT, 1920.7, 1940.0, rested())
    running = rested() | {"DG750": Condition(power_kw=600.0, available=True)}
    assert dispatcher.cycle(at("09:30"), EVENT, 1920.7, 900.0, running).setpoints == {"DG750": 0.0}
    assert dispatcher.cycle(at("09:31"), None, 1920.7, 900.0, running).setpoints == {"DG750": 0.0}
    assert dispatcher.cycle(at("09:40"), None, 1920.7, 1900.0, rested()).setpoints == {}


def test_a_device_that_comes_back_after_the_event_is_stopped() -> None:
    dispatcher = Dispatcher(RESOURCES)
    dispatcher.cycle(at("09:29"), EVENT, 1920.7, 1940.0, rested())
    dispatcher.cycle(at("09:30"), EVENT, 1920.7, 1940.0, rested() | {"DG750": Condition()})
    back = rested() | {"DG750": Condition(power_kw=600.0, available=True)}
    assert dispatcher.cycle(at("09:35"), EVENT, 1920.7, 1940.0, back).setpoints == {"DG750": 0.0}
