"""Records in a database: what `save` has returned from is there, all of it or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import ConfigError
from janusgrid.common.store.records import NotStored, Record, Records


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept.sqlite"


def test_what_was_saved_is_there_in_the_order_in_which_it_came(file: Path) -> None:
    first = Records(file, "a")
    first.save([("x", "2", "two"), ("x", "1", "one"), ("y", "1", "other")])
    first.save([("x", "2", "TWO"), ("y", "1", None), ("z", "none", None)])
    first.save([("x", "0", "nought")])
    first.close()
    second = Records(file, "a")
    expected = [Record("x", "2", "TWO"), Record("x", "1", "one"), Record("x", "0", "nought")]
    assert second.load() == expected
    second.save([("x", "3", "three")])
    assert Records(file, "a").load() == [*expected, Record("x", "3", "three")]


def test_spaces_know_nothing_of_each_other(file: Path) -> None:
    first, second = Records(file, "a"), Records(file, "b")
    first.save([("x", "1", "mine")])
    second.save([("x", "1", "yours")])
    second.save([("x", "1", None)])
    assert first.load() == [Record("x", "1", "mine")]
    assert second.load() == []


CHANGE = st.tuples(
    st.sampled_from("ab"), st.sampled_from("123"), st.none() | st.text(max_size=20).filter(lambda t: "\0" not in t)
)


@given(batches=st.lists(st.lists(CHANGE, max_size=8), max_size=8))
def test_it_is_a_dictionary_that_stays(batches: list[list[tuple[str, str, str | None]]]) -> None:
    records = Records("sqlite://", "a")
    model: dict[tuple[str, str], str] = {}
    for batch in batches:
        try:
            records.save(batch)
        except NotStored:
            assert any("\ud800" <= character <= "\udfff" for *_, text in batch for character in text or "")
            continue
        for kind, key, text in batch:
            if text is None:
                model.pop((kind, key), None)
            else:
                model[kind, key] = text
    assert {(kind, key): text for kind, key, text in records.load()} == model
    records.close()


def test_a_full_database_keeps_all_or_nothing_and_goes_on_later(file: Path) -> None:
    records = Records(file, "a")
    records.save([("x", "before", "here")])
    with records._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(NotStored, match="full"):
        records.save([("x", "small", "s"), ("x", "large", "l" * 100_000)])
    assert records.load() == [Record("x", "before", "here")]
    with records._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    records.save([("x", "small", "s"), ("x", "large", "l" * 100_000)])
    assert len(records.load()) == 3


@pytest.mark.parametrize(
    "place",
    ["nothing://here", "/no/such/folder/kept.sqlite", "postgresql+nodriver://u:secret@h/d", "mysql://u:secret@h/d"],
)
def test_a_place_that_is_none_is_named_without_its_password(place: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Records(place, "a")
    assert "secret" not in str(refused.value)
    assert refused.value.where


def test_a_file_that_is_no_database(file: Path) -> None:
    file.write_bytes(b"something else, " * 1000)
    with pytest.raises(ConfigError, match="database"):
        Records(file, "a")


def test_many_threads(file: Path) -> None:
    records = Records(file, "a")
    threads = [
        threading.Thread(target=lambda n=n: [records.save([("x", f"{n}/{i}", str(i))]) for i in range(20)])
        for n in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(records.load()) == 100


WRITER = """
    import sys
    from janusgrid.common.store.records import Records
    records = Records(sys.argv[1], "a")
    for number in range(100_000):
        records.save([("x", "number", str(number)), ("y", str(number % 50), str(number))])
        print(number, flush=True)
"""


def test_what_was_told_survives_a_kill(file: Path) -> None:
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(file)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told = [int(process.stdout.readline()) for _ in range(30)]
            os.kill(process.pid, signal.SIGKILL)
        kept = {(kind, key): text for kind, key, text in Records(file, "a").load()}
        number = int(kept["x", "number"] or -1)
        assert number >= told[-1]
        assert kept["y", str(number % 50)] == str(number), "one without the other"
