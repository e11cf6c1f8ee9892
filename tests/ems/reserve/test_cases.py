"""The published cases, run in this process: averages, table points, events, verdicts (acceptance list, items 1 to 6)."""

from __future__ import annotations

from functools import cache

import pytest
from janusgrid.ems.reserve.cases import PUBLISHED, REFERENCES, case
from janusgrid.ems.reserve.local import Result, run_local

AVERAGES = {"t16": 1.00, "t17": 0.80, "t19": 0.97, "t20": 0.50}


@cache
def ran(name: str) -> Result:
    return run_local(case(name))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_average_rounded_to_whole_per_cent_is_the_published_one(name: str) -> None:
    assert round(ran(name).settlement.average_rate, 2) == AVERAGES[name]


@pytest.mark.parametrize("name", REFERENCES)
def test_power_balances_and_no_storage_goes_below_its_floor(name: str) -> None:
    assert ran(name).imbalance_kw < 1e-6
    assert ran(name).lowest_soc >= 0.20 - 1e-6
