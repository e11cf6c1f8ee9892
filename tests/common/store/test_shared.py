"""A space that many processes share, in a real PostgreSQL."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import ConfigError
from janusgrid.common.store import shared
from janusgrid.common.store.records import NotStored, Record, Records
from janusgrid.common.store.shared import SharedRecords

from tests.postgres import Postgres, postgres

__all__ = ["postgres"]

CHANGE = st.tuples(st.sampled_from("ab"), st.sampled_from("123"), st.none() | st.text("xyz", max_size=3))


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., SharedRecords]]:
    made: list[SharedRecords] = []

    def make(space: str = "a", patience: float = 10.0) -> SharedRecords:
        made.append(SharedRecords(url, space, patience=patience))
        return made[-1]

    yield make
    for each in made:
        each.close()


def turn(of: SharedRecords, *changes: tuple[str, str, str | None]) -> tuple[bool, list[Record]]:
    found = of.begin()
    of.end(changes)
    return found


def test_each_sees_what_the_others_have_changed(opened: Callable[..., SharedRecords]) -> None:
    first, second, other = opened(), opened(), opened("b")
    assert turn(first, ("x", "1", "one"), ("x", "2", "two")) == (True, [])
    assert turn(second) == (True, [Record("x", "1", "one"), Record("x", "2", "two")])
    assert turn(second, ("x", "1", None), ("x", "3", "three"), ("x", "2", "TWO")) == (False, [])
    assert turn(first) == (False, [Record("x", "1", None), Record("x", "2", "TWO"), Record("x", "3", "three")])
    assert turn(first, ("x", "1", "again")) == (False, [])
    assert turn(second) == (False, [Record("x", "1", "again")])
    assert turn(other) == (True, [])
    assert first.load() == [Record("x", "2", "TWO"), Record("x", "3", "three"), Record("x", "1", "again")]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(turns=st.lists(st.tuples(st.integers(0, 2), st.lists(CHANGE, max_size=4)), max_size=15), number=st.uuids())
def test_they_all_come_to_know_the_same(
    opened: Callable[..., SharedRecords], turns: list[tuple[int, list[tuple[str, str, str | None]]]], number: object
) -> None:
    three = [opened(str(number)) for _ in range(3)]
    known: list[dict[tuple[str, str], str]] = [{}, {}, {}]

    def learn(who: int, changes: list[Record] | list[tuple[str, str, str | None]]) -> None:
        for kind, key, text in changes:
            if text is None:
                known[who].pop((kind, key), None)
            else:
                known[who][kind, key] = text

    for who, changes in turns:
        complete, found = three[who].begin()
        if complete:
            known[who].clear()
        learn(who, found)
        three[who].end(changes)
        learn(who, changes)
    for who in range(3):
        learn(who, turn(three[who])[1])
    assert known[0] == known[1] == known[2]
    for each in three:
        each.close()


def test_who_was_away_for_long_reads_everything(
    opened: Callable[..., SharedRecords], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "REMEMBERED", 5)
    first, second = opened(), opened()
    turn(second)
    turn(first, ("x", "gone", "here"))
    turn(second)
    turn(first, ("x", "gone", None))
    for number in range(12):
        turn(first, ("x", "number", str(number)))
    assert turn(second) == (True, [Record("x", "number", "11")])


def test_turns_wait_for_each_other(opened: Callable[..., SharedRecords]) -> None:
    """Many add to one number, each to what it has found: no addition is lost."""

    def count(mine: SharedRecords) -> None:
        value = 0
        for _ in range(20):
            _, news = mine.begin()
            value = max([value, *(int(text or 0) for _, _, text in news)]) + 1
            mine.end([("x", "number", str(value))])

    threads = [threading.Thread(target=count, args=(opened(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened().load() == [Record("x", "number", "60")]


def dying(url: str, told: Path) -> None:
    mine = SharedRecords(url, "a")
    mine.leads()
    mine.begin()
    told.touch()
    time.sleep(60)


def test_who_dies_in_its_turn_has_changed_nothing_and_leads_no_more(
    url: str, opened: Callable[..., SharedRecords], tmp_path: Path
) -> None:
    process = multiprocessing.get_context("forkserver").Process(
        target=dying, args=(url, tmp_path / "told"), daemon=True
    )
    process.start()
    while not (tmp_path / "told").exists():
        time.sleep(0.01)
    mine = opened()
    assert not mine.leads()
    assert process.pid is not None
    threading.Timer(0.2, os.kill, (process.pid, signal.SIGKILL)).start()
    assert turn(mine, ("x", "1", "mine")) == (True, [])
    while not mine.leads():
        time.sleep(0.01)
    assert mine.leads()
    assert not opened().leads()


def test_who_stops_in_its_turn_loses_it(opened: Callable[..., SharedRecords]) -> None:
    slow, quick = opened(patience=0.5), opened()
    slow.begin()
    assert turn(quick, ("x", "1", "quick")) == (True, [])
    with pytest.raises(NotStored):
        slow.end([("x", "1", "slow")])
    assert turn(slow) == (True, [Record("x", "1", "quick")])


def test_a_turn_that_is_not_to_be_had_is_said(opened: Callable[..., SharedRecords]) -> None:
    first, second = opened(), opened(patience=0.3)
    first.begin()
    with pytest.raises(NotStored, match="lock timeout"):
        second.begin()
    first.end([("x", "1", "one")])
    assert turn(second) == (True, [Record("x", "1", "one")])


def test_a_record_that_cannot_be_kept_keeps_the_others_out(opened: Callable[..., SharedRecords]) -> None:
    mine = opened()
    mine.begin()
    with pytest.raises(NotStored):
        mine.end([("x", "1", "good"), ("x", "2", "bad \0")])
    assert turn(mine) == (True, [])


def test_only_postgresql_is_shared(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PostgreSQL"):
        SharedRecords(str(tmp_path / "kept.sqlite"), "a")


def test_one_process_may_use_postgresql_by_itself(url: str) -> None:
    records = Records(url, "a")
    records.save([("x", "1", "one"), ("x", "2", "two")])
    records.save([("x", "1", None)])
    records.close()
    assert Records(url, "a").load() == [Record("x", "2", "two")]
    shared_now = SharedRecords(url, "a")
    assert shared_now.begin() == (True, [Record("x", "2", "two")])
    shared_now.close()
