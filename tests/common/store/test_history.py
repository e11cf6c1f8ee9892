"""The history: what comes out is what went in, in order; nothing waits for the disk, nothing grows without bound."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.value import LOST, STALE, Detail, Quality, Validity, Value
from janusgrid.common.errors import ConfigError, LocalError, TimedOut, UnknownName
from janusgrid.common.store import history as room
from janusgrid.common.store.history import Happening, History, Retention

from tests.postgres import Postgres, postgres

__all__ = ["postgres"]

START = datetime(2026, 3, 25, 7, 30, tzinfo=UTC)
LATER = START + timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "history.sqlite")
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def history(place: str) -> Iterator[History]:
    with History(place, pause=0.05) as made:
        yield made


def at(seconds: float, value: float | str | bool | int | None, quality: Quality | None = None) -> Value:
    return Value(value, quality or Quality(), START + seconds * SECOND)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
QUALITIES = st.builds(Quality, st.sampled_from(Validity), st.integers(0, (1 << len(Detail)) - 1).map(Detail))
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))


@pytest.fixture(scope="module")
def shared_history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with History(tmp_path_factory.mktemp("h") / "h.sqlite", pause=0.05) as made:
        yield made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(values=st.lists(st.builds(Value, SCALARS, QUALITIES, TIMES), max_size=20, unique_by=lambda v: v.time))
def test_every_value_comes_out_as_it_went_in(shared_history: History, values: list[Value]) -> None:
    name = f"p{next(COUNT)}"
    for value in values:
        shared_history.record(name, value)
    shared_history.flush()
    assert (name in shared_history.names()) == bool(values)
    if values:
        found = shared_history.values(name, datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC))
        assert [(type(v.value), v.value, v.quality, v.time) for v in found] == [
            (type(v.value), v.value, v.quality, v.time) for v in sorted(values, key=lambda v: v.time or START)
        ]


COUNT = iter(range(1 << 30))


def test_what_no_database_takes_is_kept_all_the_same(history: History) -> None:
    history.record("p\0\ud800", at(0, "a\0b\ud800"))
    history.record("p", at(0, math.nan))
    history.note(Happening(START, "event" * 20, "E\0" * 400, "\0\ud800"))
    history.flush()
    with pytest.raises(LocalError, match="500 characters"):
        history.record("p" * 501, at(0, 1.0))
    [value] = history.values("p", START, LATER)
    assert isinstance(value.value, float)
    assert math.isnan(value.value)
    [strange] = [name for name in history.names() if name != "p"]
    assert history.values(strange, START, LATER)[0].value == "a\N{REPLACEMENT CHARACTER}b?"
    [note] = history.happenings(START, LATER)
    assert (len(note.kind), len(note.subject)) == (40, 500)


def test_values_of_a_span_come_in_order_of_time(history: History) -> None:
    for seconds in (5, 1, 3, 2, 4, 0):
        history.record("p", at(seconds, float(seconds)))
    found = history.values("p", START + SECOND, START + 4 * SECOND)
    assert [value.value for value in found] == [1.0, 2.0, 3.0]  # the end is not within
    assert {value.origin for value in found} == {"history"}
    assert len(history.values("p", START, LATER, most=2)) == 2


def test_a_later_value_of_the_same_time_takes_the_place_of_the_first(history: History) -> None:
    history.record("p", at(0, 1.0))
    history.record("p", at(0, "two", STALE))
    [value] = history.values("p", START, LATER)
    assert (value.value, value.quality) == ("two", STALE)


def test_the_last_value_before_a_time(history: History) -> None:
    history.record("p", at(1, 1.0))
    history.record("p", at(2, None, LOST))
    assert history.last("p", START + SECOND) is None
    assert history.last("p", START + 2 * SECOND) == Value(1.0, time=START + SECOND, origin="history")
    last = history.last("p", LATER)
    assert last is not None
    assert (last.value, last.quality) == (None, LOST)


def test_more_than_a_page_comes_whole(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PAGE", 7)
    for seconds in range(50):
        history.record("p", at(seconds, float(seconds)))
        history.note(Happening(START + SECOND * (seconds // 20), "event", "E", str(seconds)))
    assert [value.value for value in history.values("p", START, LATER)] == [float(n) for n in range(50)]
    assert [each.text for each in history.happenings(START, LATER)] == [str(n) for n in range(50)]


def test_a_value_without_a_time_gets_the_present_one(tmp_path: Path) -> None:
    with History(tmp_path / "h", clock=LockStepClock(START)) as history:
        history.record("p", Value(1.0))
        assert [value.time for value in history.values("p", START, LATER)] == [START]


def test_a_point_of_which_nothing_is_known_is_no_empty_list(history: History) -> None:
    with pytest.raises(UnknownName, match="nothing was ever recorded"):
        history.values("p", START, LATER)
    history.record("p", at(0, 1.0))
    assert history.values("p", LATER, LATER + SECOND) == []


def test_happenings_are_found_by_kind_and_subject(history: History) -> None:
    for n, (kind, subject) in enumerate([("event", "E1"), ("control", "der.A.p.set"), ("event", "E2")]):
        history.note(Happening(START + n * SECOND, kind, subject, f"{n}"))
    found = list(history.happenings(START, LATER, kinds=["event"]))
    assert found == [Happening(START, "event", "E1", "0"), Happening(START + 2 * SECOND, "event", "E2", "2")]
    assert [each.text for each in history.happenings(START, LATER, subject="der.A.p.set")] == ["1"]
    assert list(history.happenings(START + 3 * SECOND, LATER)) == []


def test_spaces_know_nothing_of_each_other(place: str) -> None:
    with History(place, "a") as one, History(place, "b") as other:
        one.record("p", at(0, 1.0))
        one.note(Happening(START, "event", "E"))
        one.flush()
        assert one.names() == ["p"]
        assert other.names() == []
        assert list(other.happenings(START, LATER)) == []
        assert other.forget(values=LATER, happenings=LATER) == 0
        assert one.forget(values=LATER, happenings=LATER) == 2


def test_two_programs_may_write_one_space(place: str) -> None:
    with History(place) as one, History(place) as other:
        for n in range(10):
            one.record("p", at(n, 1.0))
            other.record("p", at(n + 0.5, 2.0))
        one.flush()
        other.flush()
        assert len(one.values("p", START, LATER)) == len(other.values("p", START, LATER)) == 20


def test_what_was_flushed_is_there_the_next_time(place: str) -> None:
    with History(place) as history:
        history.record("p", at(0, 1.0))
    with History(place) as history:
        history.record("p", at(1, 2.0))
        assert [value.value for value in history.values("p", START, LATER)] == [1.0, 2.0]


def test_what_is_too_old_is_forgotten(tmp_path: Path) -> None:
    clock = LockStepClock(START)
    keep = Retention(values=timedelta(hours=2), happenings=timedelta(hours=4))
    with History(tmp_path / "h", clock=clock, retention=keep) as history:
        for hour in range(6):
            clock._now = START + timedelta(hours=hour)
            history.record("p", Value(float(hour)))
            history.note(Happening(clock.now(), "event", "E", str(hour)))
            history.flush()
        assert [value.value for value in history.values("p", START, LATER)] == [3.0, 4.0, 5.0]
        assert [each.text for each in history.happenings(START, LATER)] == ["1", "2", "3", "4", "5"]


def test_a_value_of_a_far_future_makes_nothing_be_forgotten(tmp_path: Path) -> None:
    keep = Retention(values=timedelta(hours=2))
    with History(tmp_path / "h", clock=LockStepClock(START), retention=keep) as history:
        history.record("p", at(0, 1.0))
        history.record("p", Value(2.0, time=START + timedelta(days=40000)))
        history.flush()
        history._writer._retained = None
        history.record("p", at(1, 3.0))
        assert [value.value for value in history.values("p", START, LATER)] == [1.0, 3.0]


def test_rows_wait_while_the_database_takes_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "h.sqlite"
    with History(path, pause=0.01) as history:
        history.record("p", at(0, 0.0))
        history.flush()
        _rename(path, "janusgrid_sample", "away")
        for n in range(1, 4):
            history.record("p", at(n, float(n)))
        with pytest.raises(TimedOut, match="takes nothing: no such table"):
            history.flush(0.5)
        assert history.waiting == 3
        _rename(path, "away", "janusgrid_sample")
        assert [value.value for value in history.values("p", START, LATER)] == [0.0, 1.0, 2.0, 3.0]
    assert [record.getMessage().partition("history is ")[2].split(":")[0] for record in caplog.records] == [
        "not written",
        *(["written again"] if "written again" in caplog.text else []),
    ]  # told once, however often it was tried


def test_of_too_many_rows_that_wait_the_oldest_are_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "h.sqlite"
    with History(path, pause=0.01, most=10) as history:
        history.flush()
        _rename(path, "janusgrid_sample", "away")
        for n in range(30):
            history.record("p", at(n, float(n)))
        with pytest.raises(TimedOut):
            history.flush(0.5)
        for n in range(30, 35):
            history.record("p", at(n, float(n)))
        assert (history.lost, history.waiting) == (25, 10)
        _rename(path, "away", "janusgrid_sample")
        assert [value.value for value in history.values("p", START, LATER)] == [float(n) for n in range(25, 35)]
    assert caplog.text.count("the oldest are given up") == 1


def test_many_threads_may_record_while_others_read(history: History) -> None:
    def work(name: str) -> None:
        for n in range(200):
            history.record(name, at(n, float(n)))

    threads = [threading.Thread(target=work, args=(f"p{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    history.names()
    for thread in threads:
        thread.join()
    assert [len(history.values(f"p{n}", START, LATER)) for n in range(4)] == [200] * 4


def test_a_closed_history_takes_nothing(tmp_path: Path) -> None:
    history = History(tmp_path / "h")
    history.record("p", at(0, 1.0))
    history.close()
    history.close()
    with pytest.raises(LocalError, match="closed"):
        history.record("p", at(1, 1.0))


def test_a_place_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(ConfigError, match="cannot be used"):
        History(tmp_path / "h")


def test_what_was_flushed_outlives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    program = (
        "import sys, os, signal\n"
        "from datetime import datetime, timedelta, UTC\n"
        "from janusgrid.common.store.history import History\n"
        "from janusgrid.common.data.value import Value\n"
        f"history = History({str(path)!r})\n"
        "start = datetime(2026, 3, 25, tzinfo=UTC)\n"
        "for n in range(1000): history.record('p', Value(n, time=start + n * timedelta(seconds=1)))\n"
        "history.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], env=os.environ, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    with History(path) as history:
        assert len(history.values("p", START - timedelta(days=1), LATER)) == 1000


def _rename(path: Path, old: str, new: str) -> None:
    connection = sqlite3.connect(path, timeout=30)
    connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
    connection.close()
