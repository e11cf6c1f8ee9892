"""Logs whatever happens: held against a simple picture of them, over kills, clocks set back and blocks switched off."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from janusgrid.common.store import Journal
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.logs import (
    GetLCBValues,
    GetLogStatusValues,
    LogEntry,
    LogPage,
    LogStatus,
    QueryLogAfter,
    QueryLogByTime,
    SetLCBValues,
)
from janusgrid.iec61850.acsi.types import BitString, EntryTime
from janusgrid.iec61850.engine import Association, Engine, Outcome, settle
from janusgrid.iec61850.engine.log import LogLimits
from janusgrid.iec61850.server.logs import LogJournal

from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START

BLOCK, LOG = ref("LLN0.lcbMeas"), ref("LLN0.Events")
LEAF = ref("MMXU1.TotW.mag.f", "MX")


class Kept:
    """An engine whose logs are in a file, and a client of it."""

    def __init__(self, path: Path, limits: LogLimits | None = None) -> None:
        self.path = path
        self.limits = limits
        self.now = START
        self.store: LogJournal | None = None
        self.restart()

    def restart(self, model: Any = None) -> None:
        if self.store is not None:
            self.store.close()
        self.store = LogJournal(self.path)
        self.engine = Engine(model or plant(), self.now, logs=self.limits, log_store=self.store)
        self.client: Association = self.engine.associate("client")

    def call(self, request: Any) -> Any:
        return settle(self.engine.call(self.client, request, self.now), Outcome(self.now))

    def set(self, **values: Any) -> None:
        self.call(SetLCBValues(BLOCK, tuple(values.items())))

    def feed(self, *values: float) -> None:
        leaf = self.engine.find(LEAF)
        assert leaf is not None
        for value in values:
            self.engine.update([(leaf, float(value))], self.now)

    def entries(self) -> tuple[LogEntry, ...]:
        page: LogPage = self.call(QueryLogByTime(LOG))
        assert not page.more_follows
        return page.entries


def told(entries: tuple[LogEntry, ...]) -> list[float]:
    return [entry.data[0].value[0][0] for entry in entries]  # type: ignore[index, misc]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "logs.journal")


class Life(RuleBasedStateMachine):
    """A process that counts, a block that is switched on and off, a clock that is set, a server that is killed."""

    def __init__(self) -> None:
        super().__init__()
        self.small = mock.patch.multiple("janusgrid.iec61850.server.buffers", _FLOOR=400, _GROWTH=1, _STEP=1)
        self.small.start()  # so that the file is written anew all the time, and closed in the midst of that
        self.directory = tempfile.TemporaryDirectory()
        self.count = 0
        self.enabled = False
        self.expected: list[tuple[float, EntryTime]] = []
        self.ids: list[bytes] = []

    @initialize(entries=st.sampled_from([1, 3, 10, 1000]))
    def begin(self, entries: int) -> None:
        self.most = entries
        self.kept = Kept(Path(self.directory.name) / "logs.journal", LogLimits(entries=entries))

    @rule(number=st.integers(1, 4))
    def happens(self, number: int) -> None:
        for _ in range(number):
            self.count += 1
            self.kept.feed(self.count)
            if self.enabled:
                self.expected.append((float(self.count), EntryTime.of(self.kept.now)))
                self.ids.append(self.kept.call(GetLogStatusValues(LOG)).newest)

    @rule(on=st.booleans())
    def switch(self, on: bool) -> None:
        self.kept.set(LogEna=on)
        self.enabled = on

    @rule(seconds=st.floats(-100.0, 1000.0))
    def time(self, seconds: float) -> None:
        self.kept.now += timedelta(seconds=seconds)

    @rule()
    def kill(self) -> None:
        self.kept.restart()

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def after(self, data: st.DataObject) -> None:
        """After any entry that there has ever been come those behind it, of which there are still some."""
        place = data.draw(st.integers(0, len(self.ids) - 1))
        page: LogPage = self.kept.call(QueryLogAfter(LOG, self.ids[place]))
        behind = self.expected[max(place + 1, len(self.expected) - self.most) :]
        assert told(page.entries) == [value for value, _ in behind]

    @rule(low=st.floats(-500.0, 5000.0), width=st.floats(0.0, 2000.0))
    def by_time(self, low: float, width: float) -> None:
        start = EntryTime.of(START + timedelta(seconds=low))
        stop = EntryTime(start.milliseconds + int(width * 1000))
        page: LogPage = self.kept.call(QueryLogByTime(LOG, start, stop))
        span = range(start.milliseconds, stop.milliseconds + 1)
        there = self.expected[-self.most :]
        assert told(page.entries) == [value for value, time in there if time.milliseconds in span]

    @invariant()
    def is_as_pictured(self) -> None:
        if not hasattr(self, "kept"):
            return
        entries = self.kept.entries()
        there = self.expected[-self.most :]
        assert [(value, entry.time) for value, entry in zip(told(entries), entries, strict=True)] == there
        assert [entry.id for entry in entries] == self.ids[-self.most :]
        assert self.ids == sorted(set(self.ids))
        status = self.kept.call(GetLogStatusValues(LOG))
        values = self.kept.call(GetLCBValues(BLOCK))
        first, last = (entries[0], entries[-1]) if entries else (None, None)
        if first is not None and last is not None:
            assert status == LogStatus(first.time, last.time, first.id, last.id)
        assert (values["OldEntr"], values["NewEntr"]) == (status.oldest, status.newest)
        assert values["LogEna"] is self.enabled

    def teardown(self) -> None:
        if hasattr(self, "kept") and self.kept.store is not None:
            self.kept.store.close()
        self.small.stop()
        self.directory.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_settings_outlive_the_process(kept: Kept) -> None:
    kept.set(IntgPd=5000, TrgOps=BitString.of(4, size=6), LogRef=f"{LD}/LLN0.GeneralLog", LogEna=True)
    before = kept.call(GetLCBValues(BLOCK))
    kept.restart()
    assert kept.call(GetLCBValues(BLOCK)) == before
    assert kept.engine.due() == kept.now + timedelta(seconds=5)


def test_what_is_configured_anew_begins_as_configured_and_keeps_its_entries(kept: Kept) -> None:
    kept.set(TrgOps=BitString.of(1, size=6), LogEna=True)
    kept.feed(1.0)
    model = plant()
    model.devices[LD].nodes["LLN0"].log_controls["lcbMeas"].integrity_period = 60_000
    kept.restart(model)
    found = kept.call(GetLCBValues(BLOCK))
    assert (found["LogEna"], found["IntgPd"], found["TrgOps"]) == (False, 60_000, BitString.of(1, 2, size=6))
    assert told(kept.entries()) == [1.0]


def test_a_log_that_is_gone(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.set(LogEna=True)
    kept.feed(1.0)
    model = plant()
    model.devices[LD].nodes["LLN0"].logs.remove("Events")
    kept.restart(model)
    assert "there is no such log any more" in caplog.text
    assert kept.call(GetLCBValues(BLOCK))["LogEna"] is False
    with pytest.raises(ServiceRefused) as refused:
        kept.set(LogEna=True)
    assert refused.value.error is ServiceError.PARAMETER_VALUE_INCONSISTENT
    kept.restart()
    assert kept.entries() == (), "entries of a log that was gone are gone"


def test_entry_ids_go_on_when_the_clock_was_set_back_meanwhile(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "logs.journal", LogLimits(entries=1))
    kept.set(LogEna=True)
    kept.feed(1.0, 2.0)
    (last,) = kept.entries()
    kept.now -= timedelta(days=1)
    kept.restart()
    kept.feed(3.0)
    (entry,) = kept.entries()
    assert entry.id > last.id
    assert entry.time.milliseconds < last.time.milliseconds


def test_the_file_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("janusgrid.iec61850.server.buffers._FLOOR", 4096)
    kept = Kept(tmp_path / "logs.journal", LogLimits(entries=10))
    kept.set(LogEna=True)
    largest = 0
    for value in range(500):
        kept.feed(value)
        largest = max(largest, kept.path.stat().st_size)
    assert largest < 16_384
    kept.restart()
    assert told(kept.entries()) == [float(value) for value in range(490, 500)]


@pytest.mark.parametrize(
    "record",
    [
        b"no JSON",
        b"[]",
        b'{"log":"DG750DER/LLN0.Events","id":"00","time":1,"data":[]}',
        b'{"log":"DG750DER/LLN0.Events","id":"zz","time":1,"data":[]}',
        b'{"log":"DG750DER/LLN0.Events","id":"0000000000000001","time":1,"data":[["no reference",1,1]]}',
        b'{"log":"DG750DER/LLN0.Events","id":"0000000000000001","time":1,"data":[[1]]}',
        b'{"setup":"DG750DER/LLN0.lcbMeas","configuration":1,"values":{"LogEna":{"what":1}}}',
        b'{"setup":1}',
    ],
)
def test_records_that_nobody_understands_are_passed_over(tmp_path: Path, record: bytes) -> None:
    path = tmp_path / "logs.journal"
    kept = Kept(path)
    kept.set(LogEna=True)
    kept.feed(1.0)
    assert kept.store is not None
    kept.store.close()
    with Journal(path) as journal:
        journal.append(record)
    kept.store = None
    kept.restart()
    kept.feed(2.0)
    assert told(kept.entries()) == [1.0, 2.0]


def test_a_disk_that_fails_stops_no_logging(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept.set(LogEna=True)

    def fails(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.write", fails)
        kept.feed(1.0, 2.0)
    assert told(kept.entries()) == [1.0, 2.0]
    assert sum("would not survive" in record.message for record in caplog.records) == 1
    kept.feed(3.0)
    kept.restart()
    assert told(kept.entries()) == [1.0, 2.0, 3.0], "it is written anew as soon as the disk takes it"
