"""What else fits: other figures, the same printed results. So the fitted ones are nobody's measurements."""

from __future__ import annotations

import pytest
from janusgrid.ems.reserve.alternatives import ALTERNATIVES, table
from janusgrid.ems.reserve.cases import PUBLISHED, case
from janusgrid.ems.reserve.parameters import Mark, Parameters, figures

from .runs import minutes_apart, roughly
from .test_cases import AVERAGES, INDEX

RULES = [name for name, each in ALTERNATIVES.items() if each.rule is not None]
PAIRS = [(case, name) for name in ALTERNATIVES for case in PUBLISHED if name not in RULES or case in ("t17", "t19")]


@pytest.mark.parametrize(("name", "alternative"), PAIRS)
def test_an_alternative_gives_the_published_results(name: str, alternative: str) -> None:
    result = roughly(name, alternative)
    settled = result.settlement
    assert round(settled.average_rate, 2) == AVERAGES[name]
    assert settled.index == INDEX[name]
    for clock, kw in result.deviations.items():
        assert abs(kw) < (10 if (name, clock) == ("t17", "09:20") else 5), clock
    if name in ("t16", "t17"):
        for device, clock in (("MT1", "08:42"), ("MT2", "08:55"), ("MT3", "09:03")):
            off = minutes_apart(result.when("start", device), clock)
            assert off <= (1 if ALTERNATIVES[alternative].starts else 3), device


def test_an_alternative_changes_what_it_says_and_nothing_else() -> None:
    found = ALTERNATIVES["lossless"].of(case("t20"))
    assert (found.parameters.efficiency, found.machinery.efficiency, found.machinery.initial_soc) == (1.0, 1.0, 0.785)
    assert (found.parameters.reserve_kwh, found.machinery.fade_diesel_s) == (137.0, 165.0)
    assert found.parameters.cycle_s == case("t20").parameters.cycle_s
    assert found.baseline_kw == case("t20").baseline_kw


def test_what_alternatives_change_is_marked_as_fitted() -> None:
    marks = {each.name: each.mark for each in figures("", Parameters())} | {
        each.name: each.mark for each in figures("", case("t16").machinery)
    }
    for name in ("efficiency", "initial_soc", "fade_diesel_s", "reserve_kwh", "surplus", "response"):
        assert marks[name] is Mark.FITTED


def test_the_table_has_a_row_for_each() -> None:
    lines = table().splitlines()
    assert len(lines) == 2 + len(ALTERNATIVES)
    assert "| lossless | storage without losses | 1 | 0.7 / 0.785 | 165 | 137 | yes |" in lines


@pytest.mark.parametrize(("name", "baseline"), [("t17", 1920.699), ("t19", 1828.793)])
@pytest.mark.parametrize("alternative", RULES)
def test_the_rules_of_the_baseline_come_near_the_published_one(name: str, baseline: float, alternative: str) -> None:
    assert roughly(name, alternative).settlement.delivery.baseline_kw == pytest.approx(baseline, abs=0.5)
