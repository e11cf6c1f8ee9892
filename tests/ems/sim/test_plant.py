"""The plant as a whole: the power balance, and time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError, UnknownName

from ..plants import at, microgrid

NAMES = ["DG750", "DG200", "MT1", "MT2", "MT3", "ESS500", "HESS250"]
commands = st.lists(st.tuples(st.sampled_from(NAMES), st.floats(-800, 800), st.floats(0, 300)), max_size=20)


@given(commands)
def test_import_is_load_less_sun_less_generation(course: list[tuple[str, float, float]]) -> None:
    plant = microgrid()
    for name, kw, dt in course:
        plant.set(name, kw)
        plant.step(dt)
        now = plant.reading()
        total = sum(device.power_kw for device in plant.devices.values())
        assert now.generation_kw == total
        assert now.import_kw == pytest.approx(now.load_kw - now.pv_kw - total, abs=1e-9)


def test_at_rest_the_import_is_net_load() -> None:
    reading = microgrid("08:20").reading()
    assert reading.import_kw == pytest.approx(2014.611 - 74.754)


def test_advance_moves_to_an_instant_and_never_back() -> None:
    plant = microgrid()
    plant.set("ESS500", 100)
    plant.advance(at("08:16"))
    assert plant.time == at("08:16")
    soc = plant.device("ESS500").soc
    plant.advance(at("08:15"))
    assert (plant.time, plant.device("ESS500").soc) == (at("08:16"), soc)
    with pytest.raises(LocalError, match="back in time"):
        plant.step(-1)


def test_steps_of_any_size_lead_to_the_same_morning() -> None:
    fine, coarse = microgrid(), microgrid()
    for plant, dt in ((fine, 1), (coarse, 60)):
        for name in NAMES:
            plant.set(name, 60)
        while plant.time < at("08:45"):
            plant.advance(plant.time + timedelta(seconds=dt))
    assert fine.reading().import_kw == pytest.approx(coarse.reading().import_kw, abs=1e-6)
    assert fine.device("HESS250").soc == pytest.approx(coarse.device("HESS250").soc)


def test_an_unknown_device_is_named() -> None:
    with pytest.raises(UnknownName, match=r"'DG7500'.*DG750"):
        microgrid().set("DG7500", 1)


def test_what_breaks_at_an_instant_works_there_still_and_just_after_no_more() -> None:
    plant = microgrid()
    plant.set("DG750", 750)
    plant.break_at(at("08:30"), "ESS500")
    plant.break_at(at("08:25"), "DG750")
    plant.set("ESS500", 100)
    plant.advance(at("08:25"))
    assert not plant.device("DG750").failed
    plant.advance(at("08:27"))
    assert plant.device("DG750").failed
    assert plant.device("DG750").power_kw == pytest.approx(751.725 / 2)
    assert not plant.device("ESS500").failed
    plant.advance(at("08:45"))
    assert plant.device("ESS500").power_kw == 0
    with pytest.raises(UnknownName):
        plant.break_at(at("08:50"), "DG7500")


def test_a_fault_is_met_exactly_by_steps_of_any_size() -> None:
    fine, coarse = microgrid(), microgrid()
    for plant, dt in ((fine, 1), (coarse, 300)):
        plant.set("ESS500", 100)
        plant.break_at(at("08:31") + timedelta(seconds=30), "ESS500")
        while plant.time < at("08:45"):
            plant.advance(plant.time + timedelta(seconds=dt))
    assert fine.device("ESS500").soc == pytest.approx(coarse.device("ESS500").soc, abs=1e-12)
