"""The judgement: evidence of the study, edges of the tests, and that both sides judge alike."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError
from janusgrid.ems.delivery import MINUTE, Sample, Trace
from janusgrid.ems.ledger import Ledger
from janusgrid.ems.reserve.cases import PUBLISHED, at, case, published
from janusgrid.ems.reserve.parameters import SPINNING, SUPPLEMENTARY, TIERS, Tier
from janusgrid.ems.reserve.settlement import BaselineRule, baseline_kw, judge, quality_index, settle

from .runs import ran

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(("average", "index"), [(1.00, 1), (0.97, 1), (0.80, 0), (0.50, -24)])
def test_the_four_published_points_of_the_index(average: float, index: float) -> None:
    assert quality_index(average, TIERS) == index


@pytest.mark.parametrize(
    ("average", "index"), [(0.9450, 1), (0.9449, 0.7), (0.8449, 0), (0.695, 0), (0.6949, -24), (-1, -24)]
)
def test_the_average_is_rounded_to_whole_per_cent_before_it_is_compared(average: float, index: float) -> None:
    assert quality_index(average, TIERS) == index


def test_tiers_are_configuration_and_have_to_reach_the_ground() -> None:
    assert quality_index(0.1, (Tier(0.0, 5.0),)) == 5.0
    with pytest.raises(LocalError, match="tiers"):
        quality_index(-0.5, (Tier(0.0, 5.0),))


@given(st.lists(st.none() | st.floats(-2000, 2000), min_size=1, max_size=130))
def test_more_delivered_is_never_worth_less(minutes: list[float | None]) -> None:
    now = settle(minutes, SPINNING, contract_kw=1000, baseline_kw=1900)
    more = settle([None if kw is None else kw + 50 for kw in minutes], SPINNING, contract_kw=1000, baseline_kw=1900)
    assert more.average_rate >= now.average_rate
    assert more.index >= now.index
    assert more.minutes_passed >= now.minutes_passed
    assert now.worst_rate <= now.average_rate + 1e-12 <= 1 + 1e-9


def test_the_limits_themselves_do_not_pass() -> None:
    exact = settle([900.0] * 60, SPINNING, contract_kw=1000, baseline_kw=1900)
    assert not exact.minutes_passed
    assert settle([900.1] * 60, SPINNING, contract_kw=1000, baseline_kw=1900).minutes_passed
    assert not settle([950.0] * 4, SUPPLEMENTARY, contract_kw=1000, baseline_kw=1900).average_passed
    assert settle([801.0] * 4, SUPPLEMENTARY, contract_kw=1000, baseline_kw=1900).minutes_passed
    none = settle([], SPINNING, contract_kw=1000, baseline_kw=1900)
    assert (none.minutes_passed, none.average_passed, none.average_rate, none.worst_rate) == (False, False, 0, 0)


def test_negative_minutes_are_not_cut() -> None:
    """The proof of the study: in table 20 the minutes to 09:10 alone give 52.2 %, and 50 % are printed for all."""
    rows = published("t20")
    means = [1828.793 - row.grid_kw for row in rows]
    whole = sum((a + b) / 2 for a, b in pairwise(means)) / (len(means) - 1) / 1000
    first = sum((a + b) / 2 for a, b in pairwise(means[:8])) / (len(means) - 1) / 1000
    assert first == pytest.approx(0.52, abs=0.01)
    assert whole == pytest.approx(0.505, abs=0.001)
    assert min(ran("t20").settlement.rates) < -0.2


@pytest.mark.parametrize("name", PUBLISHED)
def test_site_and_utility_judge_alike(name: str) -> None:
    """The utility has only samples of the import, a minute apart, as they came in telemetry."""
    event, service = case(name).event, case(name).service
    every = samples_of(name)
    book = Ledger()
    book.book(("der.PCC.p", sample.time, sample.kw) for sample in every)
    theirs = judge(every, event, service)
    assert theirs.average_rate == pytest.approx(ran(name).settlement.average_rate, abs=0.005)
    assert theirs.index == ran(name).settlement.index
    assert book.delivery(event).rates == theirs.rates
    again = settle(theirs.delivery.minutes, service, contract_kw=1000, baseline_kw=theirs.delivery.baseline_kw)
    assert again == theirs


def samples_of(name: str) -> list[Sample]:
    return [Sample(frame.reading.time, frame.reading.import_kw) for frame in ran(name).frames]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_controller_judges_itself_as_the_meter_does(name: str) -> None:
    own = ran(name).own
    assert own is not None
    assert own.average_rate == pytest.approx(ran(name).settlement.average_rate, abs=1e-6)


def test_the_rules_of_the_baseline() -> None:
    trace = Trace(Sample(at("08:00") + k * SECOND, float(k)) for k in range(0, 1201, 10))
    assert baseline_kw(trace, at("08:20")) == sum(60 * m for m in range(15, 20)) / 5
    assert baseline_kw(trace, at("08:20"), BaselineRule.MEAN) == pytest.approx((840 + 1190) / 2)
    with pytest.raises(LocalError, match="six minutes before"):
        baseline_kw(trace, at("08:22"), BaselineRule.MEAN)
    with pytest.raises(LocalError, match="not recorded"):
        baseline_kw(trace, at("08:30"))


def test_without_a_given_baseline_the_judge_takes_it_from_the_samples() -> None:
    event = attrs.evolve(case("t17").event, baseline_kw=None, duration=timedelta(minutes=2))
    samples = [Sample(at("08:14") + k * MINUTE, 2000.0 if k < 10 else 1000.0) for k in range(30)]
    found = judge(samples, event, SPINNING)
    assert found.delivery.baseline_kw == 2000
    assert found.rates == (1.0, 1.0)
    assert judge(samples, event, SPINNING, baseline=1500.0).rates == (0.5, 0.5)


def test_it_is_told_to_programs() -> None:
    told = settle([1000.0, 500.0], SPINNING, contract_kw=1000, baseline_kw=1900.1234).as_json()
    assert told == {
        "service": "spinning",
        "contract_kw": 1000,
        "baseline_kw": 1900.123,
        "rates": [1.0, 0.5],
        "average_rate": 0.75,
        "worst_rate": 0.5,
        "quality_index": 0.0,
        "minute_test": False,
        "average_test": False,
    }
