"""The past for the utility: means and values in force, as a careful person would compute them by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.data.value import GOOD, LOST, STALE, Quality, Value
from janusgrid.ems.past import firsts, means

START = datetime(2026, 3, 25, 7, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = START + timedelta(hours=1)


def at(seconds: float, value: float | None, quality: Quality = GOOD) -> Value:
    return Value(value, quality, START + timedelta(seconds=seconds))


def numbers(found: Sequence[tuple[Value, timedelta | None]]) -> list[tuple[float, float]]:
    return [((value.time - START).total_seconds(), value.number) for value, _ in found if value.time]


def test_a_mean_counts_each_value_for_as_long_as_it_stood() -> None:
    values = [at(0, 60.0), at(15, 0.0), at(60, 10.0), at(90, 20.0)]
    assert numbers(means(values, START, START + 3 * MINUTE, MINUTE)) == [(0, 15.0), (60, 15.0), (120, 20.0)]


def test_a_step_of_which_a_part_is_not_known_has_no_mean() -> None:
    values = [at(30, 1.0), at(150, None, LOST), at(200, 2.0)]
    assert numbers(means(values, START, START + 5 * MINUTE, MINUTE)) == [(60, 1.0), (240, 2.0)]


def test_the_last_step_is_whole_or_not_there() -> None:
    assert numbers(means([at(0, 1.0)], START, START + timedelta(seconds=119), MINUTE)) == [(0, 1.0)]
    assert means([at(0, 1.0)], START, START + timedelta(seconds=59), MINUTE) == []


def test_a_mean_is_as_bad_as_the_worst_of_it() -> None:
    values = [at(0, 1.0), at(30, 1.0, STALE), at(60, 1.0)]
    assert [value.quality for value, _ in means(values, START, START + 2 * MINUTE, MINUTE)] == [STALE, GOOD]


def test_the_value_in_force_at_the_beginning_of_each_step() -> None:
    values = [at(30, 1.0), at(60, 2.0), at(61, 3.0), at(170, 4.0)]
    assert numbers(firsts(values, START, START + 4 * MINUTE, MINUTE)) == [(60, 2.0), (120, 3.0), (180, 4.0)]


COURSES = st.lists(st.tuples(st.integers(0, 3599), st.floats(-1e3, 1e3)), min_size=1, unique_by=lambda one: one[0])


@given(COURSES, st.sampled_from([1, 7, 60, 900]))
def test_means_sum_to_the_whole(course: list[tuple[int, float]], step_s: int) -> None:
    """Against a plain sum over seconds."""
    values = [at(seconds, value) for seconds, value in sorted(course)]
    seconds = dict(course)
    last: float | None = None
    by_second = [last := seconds.get(second, last) for second in range(3600)]
    step = timedelta(seconds=step_s)
    expected = []
    for first in range(0, 3600 - step_s + 1, step_s):
        part = by_second[first : first + step_s]
        if None not in part:
            expected.append((first, sum(value for value in part if value is not None) / step_s))
    found = numbers(means(values, START, HOUR, step))
    assert [time for time, _ in found] == [time for time, _ in expected]
    assert all(abs(a - b) < 1e-6 for (_, a), (_, b) in zip(found, expected, strict=True))
