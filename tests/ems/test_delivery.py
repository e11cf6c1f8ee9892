"""Baseline, minute means and rates: the figures that both sides judge a delivery by."""

from __future__ import annotations

import csv
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError
from janusgrid.ems.delivery import Sample, Trace, baseline, delivered, minute_means

from .plants import at

SECOND = timedelta(seconds=1)


def trace(*points: tuple[int, float]) -> Trace:
    return Trace(Sample(at("08:00") + s * SECOND, kw) for s, kw in points)


def test_values_between_samples_are_linear_and_none_across_a_gap() -> None:
    t = trace((0, 100), (20, 200), (120, 300))
    assert t.at(at("08:00") + 5 * SECOND) == 125
    assert t.at(at("08:00")) == 100
    assert t.at(at("08:02")) == 300
    assert t.at(at("08:01")) is None
    assert t.at(at("07:59")) is None
    assert t.at(at("08:03")) is None


def test_a_mean_is_weighted_by_time() -> None:
    t = trace((0, 0), (10, 0), (10 + 1, 100), (60, 100))
    assert t.mean(at("08:00"), at("08:01")) == pytest.approx((0 * 10 + 50 * 1 + 100 * 49) / 60)


def test_a_mean_over_a_gap_or_an_edge_is_unknown() -> None:
    t = trace((0, 1), (50, 1), (130, 1), (200, 1))
    assert t.mean(at("08:00"), at("08:03")) is None
    assert t.mean(at("08:00") - SECOND, at("08:00") + 40 * SECOND) is None
    assert t.mean(at("08:00"), at("08:00")) is None


def test_samples_out_of_order_and_twice_are_passed_over() -> None:
    t = trace((0, 1), (30, 2), (30, 99), (10, 99), (60, 3))
    assert t.mean(at("08:00"), at("08:01")) == pytest.approx(2)


def test_a_long_trace_forgets_its_beginning_only() -> None:
    t = Trace((Sample(at("00:00") + n * timedelta(minutes=1), n) for n in range(600)), span=timedelta(hours=1))
    assert t.at(at("00:05")) is None
    assert t.at(at("09:00")) == 540


points = st.lists(st.tuples(st.integers(1, 20), st.floats(-3000, 3000)), min_size=10, max_size=30)


@given(points)
def test_a_mean_lies_between_the_extremes_and_splits_at_any_sample(steps: list[tuple[int, float]]) -> None:
    seconds, t, times = 0, Trace(), []
    for step, kw in steps:
        seconds += step
        times.append(seconds)
        t.add(Sample(at("08:00") + seconds * SECOND, kw))
    start, middle, end = (at("08:00") + times[i] * SECOND for i in (0, len(times) // 2, -1))
    whole, left, right = t.mean(start, end), t.mean(start, middle), t.mean(middle, end)
    assert whole is not None
    assert left is not None
    assert right is not None
    figures = [kw for _, kw in steps]
    assert min(figures) - 1e-9 <= whole <= max(figures) + 1e-9
    part = (middle - start) / (end - start)
    assert whole == pytest.approx(left * part + right * (1 - part), abs=1e-6)


def test_the_baseline_is_the_mean_of_five_one_minute_samples_before_the_dispatch() -> None:
    t = trace(*((60 * m, 100.0 * m) for m in range(30)))
    assert baseline(t, at("08:20")) == pytest.approx(100 * (15 + 16 + 17 + 18 + 19) / 5)


def test_without_samples_there_is_no_baseline() -> None:
    with pytest.raises(LocalError, match=r"08:15.*not recorded"):
        baseline(trace((60 * 16, 1), (60 * 21, 1)), at("08:20"))


def test_rates_count_negative_minutes_and_cut_above_one() -> None:
    result = delivered([900, 1000, 2100, None], 2000, 1000)
    assert result.minutes == (1100, 1000, -100, None)
    assert result.rates == (1.0, 1.0, -0.1, 0.0)
    assert result.average_rate == pytest.approx(1.9 / 4)
    assert not result.fulfilled()
    assert result.fulfilled(0.475)


def test_nothing_known_is_nothing_delivered() -> None:
    assert delivered([], 2000, 1000).average_rate == 0
    assert not delivered([None] * 60, 2000, 1000).fulfilled()


@pytest.mark.parametrize("contract", [0, -1])
def test_a_contract_of_nothing_is_refused(contract: float) -> None:
    with pytest.raises(LocalError, match="above zero"):
        delivered([1], 1, contract)


@pytest.mark.parametrize(("case", "published"), [("16", 1.00), ("17", 0.80)])
def test_the_published_tables_have_about_the_published_rates(case: str, published: float, shared: Path) -> None:
    """The tables give a point every ten minutes only, so this is a check of signs and scale, to five per cent."""
    with (shared / "reference" / "reserve" / f"table{case}.csv").open() as file:
        rows = list(csv.DictReader(file))
    t = Trace(Sample(at(row["clock"]), float(row["grid_kw"])) for row in rows)
    minutes = [at("08:30") + n * timedelta(minutes=1) for n in range(61)]
    means = [t.mean(a, b, gap=timedelta(minutes=10)) for a, b in pairwise(minutes)]
    assert delivered(means, 1920.699, 1000).average_rate == pytest.approx(published, abs=0.05)
    assert minute_means(t, at("08:30"), 2) == (None, None)
