"""Buffered reports whatever happens: no entry is lost, repeated or out of order unless the report before it says so."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from janusgrid.common.store import Journal, Renewal
from janusgrid.iec61850.acsi.services import Report, SetRCBValues
from janusgrid.iec61850.engine import Association, Engine, Outcome, settle
from janusgrid.iec61850.engine.buffer import BufferLimits, weight
from janusgrid.iec61850.engine.rcb import owner_octets
from janusgrid.iec61850.server.buffers import JournalStore

from tests.iec61850.plant import plant, ref
from tests.iec61850.wires import START

BLOCK = ref("LLN0.brcbMeas01", "BR")
LEAF = ref("MMXU1.TotW.mag.f", "MX")


class Life(RuleBasedStateMachine):
    """A process that counts, a client that comes and goes, a server that is killed: all at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.small = mock.patch.multiple("janusgrid.iec61850.server.buffers", _FLOOR=400, _GROWTH=1, _STEP=1)
        self.small.start()  # so that the file is written anew all the time, and closed in the midst of that
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "reports.journal"
        self.now = START
        self.count = 0
        self.lowest = 0
        """The newest number that may be lost: a buffer has been full, or was purged."""
        self.got: list[int] = []
        self.last: bytes | None = None
        self.client: Association | None = None
        self.store: JournalStore | None = None

    @initialize(entries=st.sampled_from([1, 3, 10, 1000]))
    def begin(self, entries: int) -> None:
        self.limits = BufferLimits(entries=entries)
        self.restart()

    def restart(self) -> None:
        if self.store is not None:
            self.store.close()
        self.client = None
        self.store = JournalStore(self.path)
        self.engine = Engine(plant(), self.now, buffers=self.limits, report_store=self.store)

    def set(self, *values: tuple[str, Any]) -> None:
        assert self.client is not None
        settle(self.engine.call(self.client, SetRCBValues(BLOCK, values), self.now), Outcome(self.now))

    def take(self) -> None:
        """Let what is on its way arrive."""
        for association, report in self.engine.drain():
            assert association is self.client
            assert isinstance(report, Report)
            assert report.entry_id is not None
            (entry,) = report.entries
            number = int(entry.value[0][0])  # type: ignore[index, arg-type]
            before = self.got[-1] if self.got else 0
            assert number > before, "repeated or out of order"
            if number != before + 1 and number - 1 > self.lowest:
                assert report.buffer_overflow, f"lost between {before} and {number}"
            self.got.append(number)
            self.last = report.entry_id

    @rule(times=st.integers(1, 6))
    def update(self, times: int) -> None:
        for _ in range(times):
            self.count += 1
            leaf = self.engine.find(LEAF)
            assert leaf is not None
            self.engine.update([(leaf, float(self.count))], self.now)

    @rule(milliseconds=st.integers(0, 5000))
    def wait(self, milliseconds: int) -> None:
        self.now += timedelta(milliseconds=milliseconds)
        self.engine.tick(self.now)

    @rule()
    def step_back(self) -> None:
        """The clock is set back; entries go on in order all the same."""
        self.now -= timedelta(seconds=2)

    @precondition(lambda self: self.client is None)
    @rule()
    def come(self) -> None:
        self.client = self.engine.associate("client")
        if self.last is not None:
            self.set(("EntryID", self.last))
        self.set(("RptEna", True))

    @precondition(lambda self: self.client is not None)
    @rule(arrives=st.booleans())
    def go(self, arrives: bool) -> None:
        """The association breaks; what was on its way arrives, or not."""
        if arrives:
            self.take()
        self.engine.drain()
        assert self.client is not None
        self.engine.end(self.client, self.now)
        self.client = None

    @precondition(lambda self: self.client is not None)
    @rule()
    def arrive(self) -> None:
        self.take()

    @rule(torn=st.integers(0, 3))
    def kill(self, torn: int) -> None:
        """The server is killed, and started again; a few octets of a record that was being written are there."""
        with self.path.open("ab") as file:
            file.write(b"\x00\x00\x01"[:torn])
        self.restart()

    @precondition(lambda self: self.client is None)
    @rule()
    def purge(self) -> None:
        self.client = self.engine.associate("client")
        self.set(("PurgeBuf", True))
        self.engine.end(self.client, self.now)
        self.client = None
        self.lowest = self.count

    @invariant()
    def nothing_grows(self) -> None:
        if hasattr(self, "engine"):
            buffer = self.engine.reporting._blocks[BLOCK].buffer
            assert buffer is not None
            assert len(buffer.entries) <= self.limits.entries

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            if self.client is None:
                self.come()
            self.take()
            assert (self.got[-1] if self.got else 0) == self.count or self.lowest == self.count
        if self.store is not None:
            self.store.close()
        self.small.stop()
        self.directory.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def feed(engine: Engine, count: int) -> None:
    leaf = engine.find(LEAF)
    assert leaf is not None
    for number in range(1, count + 1):
        engine.update([(leaf, float(number))], START)


def entries(engine: Engine) -> int:
    buffer = engine.reporting._blocks[BLOCK].buffer
    assert buffer is not None
    return len(buffer.entries)


def test_octets_are_bounded_too() -> None:
    engine = Engine(plant(), START, buffers=BufferLimits(octets=1000))
    feed(engine, 100)
    assert 5 < entries(engine) < 30
    assert weight(["abc", [b"12", 1.0]]) == 4 + 11 + 4 + 10 + 8


def test_the_journal_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("janusgrid.iec61850.server.buffers._FLOOR", 4096)
    path = tmp_path / "reports.journal"
    store = JournalStore(path)
    engine = Engine(plant(), START, buffers=BufferLimits(entries=10), report_store=store)
    largest = 0
    for _ in range(20):
        feed(engine, 50)
        largest = max(largest, path.stat().st_size)
    assert largest < 60_000
    store.close()
    store = JournalStore(path)
    assert entries(Engine(plant(), START, buffers=BufferLimits(entries=10), report_store=store)) == 10


def test_the_journal_is_written_anew_a_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no update has to wait for all that is kept."""
    path, limits = tmp_path / "reports.journal", BufferLimits(entries=2000)
    pieces: list[int] = []
    add = Renewal.add

    def counted(renewal: Renewal, payloads: Iterable[bytes]) -> None:
        found = list(payloads)
        pieces.append(len(found))
        add(renewal, found)

    finished: list[Renewal] = []
    finish = Renewal.finish

    def noted(renewal: Renewal) -> None:
        finished.append(renewal)
        finish(renewal)

    monkeypatch.setattr("janusgrid.iec61850.server.buffers._FLOOR", 4096)
    store = JournalStore(path)
    engine = Engine(plant(), START, buffers=limits, report_store=store)
    monkeypatch.setattr(Renewal, "add", counted)
    monkeypatch.setattr(Renewal, "finish", noted)
    for _ in range(12):
        feed(engine, 1000)
    assert len(finished) > 1
    assert max(pieces) < 150, "of four thousand"
    assert sum(pieces) > 4000
    kept = [entry.number for entry in engine.reporting._blocks[BLOCK].buffer.entries]  # type: ignore[union-attr]
    store.close()
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    again = Engine(plant(), START, buffers=limits, report_store=JournalStore(path))
    assert [entry.number for entry in again.reporting._blocks[BLOCK].buffer.entries] == kept  # type: ignore[union-attr]


def test_a_disk_that_fails_does_not_stop_reporting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = JournalStore(tmp_path / "reports.journal")
    engine = Engine(plant(), START, report_store=store)
    with monkeypatch.context() as patch:
        patch.setattr("os.write", lambda file, octets: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        feed(engine, 3)
    assert entries(engine) == 3
    assert sum("would not survive" in record.message for record in caplog.records) == 1
    feed(engine, 1)
    store.close()
    store = JournalStore(tmp_path / "reports.journal")
    assert entries(Engine(plant(), START, report_store=store)) == 4, "written anew when the disk took it again"


def test_records_of_another_kind_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "reports.journal"
    block = "DG750DER/LLN0.brcbMeas01"
    with Journal(path) as journal:
        journal.append(
            b"", b"[1]", b'{"new":1}', b'{"add":1}', f'{{"setup":"{block}","values":{{}}}}'.encode(), b"\xff"
        )
    store = JournalStore(path)
    assert entries(Engine(plant(), START, report_store=store)) == 0


def test_settings_of_clients_outlive_the_server(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "reports.journal")
    engine = Engine(plant(), START, report_store=store)
    values: tuple[tuple[str, Any], ...] = (("RptID", "mine"), ("BufTm", 70), ("DatSet", "DG750DER/LLN0.Single"))
    settle(engine.call(engine.associate("a"), SetRCBValues(BLOCK, values), START), Outcome(START))
    store.close()
    again = Engine(plant(), START, report_store=JournalStore(tmp_path / "reports.journal"))
    leaves = again.reporting._blocks[BLOCK].leaves
    assert [leaves[name].value for name in ("RptID", "BufTm", "DatSet", "ConfRev")] == [
        "mine", 70, "DG750DER/LLN0.Single", 2,
    ]  # fmt: skip


def test_the_client_that_scl_names_has_its_instance_alone() -> None:
    engine = Engine(plant(), START, buffers=BufferLimits(clients={"SCADA": "192.0.2.7"}))
    first, second = (engine.reporting._blocks[ref(f"LLN0.brcbMeas{n}", "BR")] for n in ("01", "02"))
    assert (first.leaves["ResvTms"].value, first.leaves["Owner"].value) == (-1, bytes([192, 0, 2, 7]))
    assert second.leaves["ResvTms"].value == 0
    client = engine.associate("192.0.2.7:4711", "192.0.2.7")
    settle(engine.call(client, SetRCBValues(BLOCK, (("RptEna", True),)), START), Outcome(START))
    engine.end(client, START)
    assert (first.leaves["ResvTms"].value, first.leaves["Owner"].value) == (-1, bytes([192, 0, 2, 7]))


@pytest.mark.parametrize(
    ("address", "octets"),
    [
        ("192.0.2.7:4711", bytes([192, 0, 2, 7])),
        ("192.0.2.7", bytes([192, 0, 2, 7])),
        ("[2001:db8::7]:4711", bytes.fromhex("20010db8000000000000000000000007")),
        ("2001:db8::7", bytes.fromhex("20010db8000000000000000000000007")),
        ("ems@example.org/IEC", b"ems@example.org/IEC"),
        ("ems@example.org/IEC:1", b"ems@example.org/IEC:1"),
        ("x" * 70, b"x" * 64),
        ("", b""),
    ],
)
def test_how_an_owner_is_named(address: str, octets: bytes) -> None:
    assert owner_octets(address) == octets
