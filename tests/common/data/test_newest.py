"""The marks of the access layer itself: what ages, what comes late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from janusgrid.common.data.newest import PATIENCE, Newest, stale
from janusgrid.common.data.value import GOOD, LOST, STALE, Detail, Quality, Validity, Value

NOW = datetime(2026, 3, 25, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOUBTFUL = Validity.QUESTIONABLE


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_what_does_not_come_again_is_stale_and_told_so_once() -> None:
    newest = Newest(MINUTE)
    assert newest.due() is None
    newest.put("a", Value(1.0), at(0))
    newest.put("b", Value(2.0), at(30))
    assert newest.due() == at(60)
    assert newest.get("a", at(59.9)) == Value(1.0)
    assert newest.expire(at(59.9)) == []
    assert newest.get("a", at(60)) == Value(1.0, STALE), "a read sees it before anyone has swept"
    assert newest.expire(at(60)) == [("a", Value(1.0, STALE))]
    assert newest.expire(at(61)) == []
    assert newest.due() == at(90)
    newest.put("b", Value(2.0), at(89))
    assert newest.due() == at(149), "the same value again is young again"
    newest.put("a", Value(1.0), at(100))
    assert newest.get("a", at(100)) == Value(1.0)


def test_the_oldest_is_found_among_those_that_came_again() -> None:
    newest = Newest(MINUTE)
    for seconds, name in ((0, "a"), (10, "b"), (20, "a")):
        newest.put(name, Value(1.0), at(seconds))
    assert newest.due() == at(70)
    assert [name for name, _ in newest.expire(at(79))] == ["b"]


def test_what_holds_until_it_changes_never_ages() -> None:
    newest = Newest(MINUTE)
    newest.put("limit", Value(1.0), at(0), holds=True)
    assert newest.due() is None
    assert newest.get("limit", at(1e6)) == Value(1.0)
    assert Newest().due() is None


@pytest.mark.parametrize(
    ("quality", "expected"),
    [
        (GOOD, STALE),
        (Quality(DOUBTFUL, Detail.INACCURATE), Quality(DOUBTFUL, Detail.INACCURATE | Detail.OLD_DATA)),
        (Quality(Validity.GOOD, Detail.SUBSTITUTED), Quality(DOUBTFUL, Detail.SUBSTITUTED | Detail.OLD_DATA)),
        (LOST, LOST),
        (STALE, STALE),
    ],
)  # fmt: skip
def test_to_be_stale_makes_nothing_better(quality: Quality, expected: Quality) -> None:
    assert stale(Value(1.0, quality)).quality == expected


def test_what_is_of_an_earlier_time_than_the_newest_is_passed_over() -> None:
    newest = Newest()
    assert newest.put("a", Value(1.0, time=at(10)), at(11))
    assert not newest.put("a", Value(2.0, time=at(9)), at(12))
    assert newest.put("a", Value(3.0, time=at(10)), at(13)), "the same time is not before"
    assert newest.put("a", Value(4.0), at(14)), "without a time nothing is known of it"
    assert newest.put("a", Value(5.0, time=at(1)), at(15))
    assert newest.last("a") == Value(5.0, time=at(1))


def test_a_source_whose_clock_is_put_back_is_believed_again() -> None:
    newest = Newest()
    newest.put("a", Value(1.0, time=at(3600)), at(3600))
    late = Value(2.0, time=at(0))
    assert not newest.put("a", late, at(3600) + PATIENCE - timedelta(seconds=1))
    assert newest.put("a", late, at(3600) + PATIENCE)
    young = Newest(timedelta(seconds=5))
    young.put("a", Value(1.0, time=at(3600)), at(0))
    assert not young.put("a", late, at(4.9))
    assert young.put("a", late, at(5)), "the newest one has become stale"


def test_a_source_that_begins_anew_is_believed_at_once() -> None:
    newest = Newest()
    value = Value(1.0, time=at(3600))
    newest.put("a", value, at(0))
    newest.put("a", attrs.evolve(value, quality=LOST), at(1))
    assert newest.put("a", Value(2.0, time=at(0)), at(2))
