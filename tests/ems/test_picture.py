"""The latest values, with what they are worth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from janusgrid.common.data.access import Change
from janusgrid.common.data.value import LOST, STALE, Value
from janusgrid.ems.picture import Picture

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_value_is_used_while_it_is_good_and_fresh_and_kept_with_its_quality_after_that() -> None:
    picture = Picture(stale_after=10 * SECOND)
    assert picture.latest("p", NOW) is None
    picture.put(Change("p", Value(3.2)), NOW)
    assert picture.value("p", NOW + 10 * SECOND) == picture.latest("p", NOW + 10 * SECOND) == Value(3.2)
    assert picture.value("p", NOW + 11 * SECOND) is None
    assert picture.latest("p", NOW + 11 * SECOND) == Value(3.2, STALE)
    picture.put(Change("p", Value(3.2, LOST)), NOW)
    assert picture.value("p", NOW) is None
    assert picture.latest("p", NOW) == picture.latest("p", NOW + 11 * SECOND) == Value(3.2, LOST)
    picture.put(Change("p", Value(None, LOST)), NOW)
    assert picture.latest("p", NOW) is None
