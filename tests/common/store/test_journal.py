"""The journal: what was appended is there again, whatever happened to the end of the file."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError
from janusgrid.common.store import Durability, Journal, Renewal, frame, scan
from janusgrid.common.store.journal import HEAD, MOST

RECORDS = [b"first", b"", b"\x00" * 9, b"a longer one, with octets \xff\x00 of every kind", b"last"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "down" / "a.journal"


def written(path: Path, records: list[bytes]) -> bytes:
    with Journal(path) as journal:
        journal.append(*records)
    return path.read_bytes()


@pytest.mark.parametrize("durability", Durability)
def test_what_was_appended_is_there_again(path: Path, durability: Durability) -> None:
    with Journal(path, durability=durability) as journal:
        assert journal.recovered() == []
        journal.append(*RECORDS[:2])
        for record in RECORDS[2:]:
            journal.append(record)
        journal.sync()
        assert journal.size == path.stat().st_size
    with Journal(path) as journal:
        assert (journal.recovered(), journal.cut) == (RECORDS, 0)
        assert journal.recovered() == [], "the memory is free"
        journal.append(b"more")
    with Journal(path) as journal:
        assert journal.recovered() == [*RECORDS, b"more"]
    assert path.stat().st_mode & 0o077 == 0, "nobody else reads it"


def test_a_write_torn_at_any_octet_loses_nothing_before_it(tmp_path: Path) -> None:
    octets = written(tmp_path / "whole", RECORDS)
    ends = [len(HEAD)]
    for record in RECORDS:
        ends.append(ends[-1] + len(frame(record)))
    torn = tmp_path / "torn"
    for length in range(len(octets) + 1):
        torn.write_bytes(octets[:length])
        whole = [record for record, end in zip(RECORDS, ends[1:], strict=True) if end <= length]
        with Journal(torn) as journal:
            assert journal.recovered() == whole
            assert journal.cut == (length - max(end for end in ends if end <= length) if length >= len(HEAD) else 0)
            journal.append(b"after")
        with Journal(torn) as journal:
            assert journal.recovered() == [*whole, b"after"]
            assert journal.cut == 0


def test_a_changed_octet_anywhere_never_gives_a_wrong_record(tmp_path: Path) -> None:
    octets = written(tmp_path / "whole", RECORDS)
    for at in range(len(HEAD), len(octets)):
        changed = bytearray(octets)
        changed[at] ^= 0x41
        found = scan(bytes(changed))
        assert found.payloads == RECORDS[: len(found.payloads)]
        assert len(found.payloads) < len(RECORDS)
        assert found.whole <= at


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_can_be_scanned(octets: bytes) -> None:
    found = scan(HEAD + octets)
    assert b"".join(map(frame, found.payloads)) == octets[: found.whole - len(HEAD)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=50)), st.binary(max_size=20))
def test_scanning_finds_what_was_framed(records: list[bytes], behind: bytes) -> None:
    found = scan(HEAD + b"".join(map(frame, records)) + behind)
    assert found.payloads[: len(records)] == records


def test_replacing_keeps_only_what_counts(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(*RECORDS)
        journal.replace(RECORDS[3:])
        assert journal.size == path.stat().st_size
        journal.append(b"more")
        with pytest.raises(LocalError, match="another process"):
            Journal(path)
    assert os.listdir(path.parent) == [path.name]
    with Journal(path) as journal:
        assert journal.recovered() == [*RECORDS[3:], b"more"]


def test_a_renewal_is_nothing_until_it_is_finished(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(*RECORDS)
        renewal = Renewal(journal)
        renewal.add([b"one"])
        journal.append(b"two")
        assert written_in(path) == [*RECORDS, b"two"]
        renewal.abandon()
        assert os.listdir(path.parent) == [path.name]
        renewal = Renewal(journal)
        renewal.add([b"one"])
        renewal.add([b"two"])
        renewal.finish()
        renewal.abandon()
        assert journal.size == path.stat().st_size
        journal.append(b"three")
    with Journal(path) as journal:
        assert journal.recovered() == [b"one", b"two", b"three"]


def written_in(path: Path) -> list[bytes]:
    return scan(path.read_bytes()).payloads


def test_an_unfinished_replacement_leaves_the_old_records(path: Path) -> None:
    written(path, RECORDS)
    path.with_name(path.name + ".new").write_bytes(HEAD + b"half")
    with Journal(path) as journal:
        assert journal.recovered() == RECORDS
        journal.replace([b"one"])
    with Journal(path) as journal:
        assert journal.recovered() == [b"one"]


def test_a_journal_is_for_one_process(path: Path) -> None:
    code = "import sys; from janusgrid.common.store import Journal; Journal(sys.argv[1])"
    with Journal(path):
        other = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
        assert other.returncode != 0
        assert "another process has this journal open" in other.stderr
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0


def test_another_file_is_left_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"my diary")
    with pytest.raises(LocalError, match="no journal"):
        Journal(path)
    assert path.read_bytes() == b"my diary"


def test_a_full_disk_leaves_no_half_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(path) as journal:
        journal.append(b"before")
        real = os.write

        def full(file: int, octets: bytes) -> int:
            if len(octets) > 20:
                return real(file, octets[:20])
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(LocalError, match="No space left"):
                journal.append(b"x" * 30)
            with pytest.raises(LocalError, match="No space left"):
                journal.replace([b"y" * 30])
        journal.append(b"after")
    with Journal(path) as journal:
        assert (journal.recovered(), journal.cut) == ([b"before", b"after"], 0)


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LocalError, match="cannot be opened"):
        Journal(tmp_path / "file" / "a.journal")
    with pytest.raises(LocalError, match="at most"):
        frame(bytes(MOST + 1))
