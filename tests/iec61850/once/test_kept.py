"""What is kept of commands: read as it was written, bounded in number and age, and no command without it."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.store import Journal
from janusgrid.iec61850.acsi.errors import AddCause, ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import (
    Cancel,
    CommandTermination,
    Operate,
    Origin,
    OriginCategory,
    TimeActivatedOperateTermination,
)
from janusgrid.iec61850.acsi.types import BitString, EntryTime, Timestamp
from janusgrid.iec61850.engine import Association, Command, Engine, Outcome, settle
from janusgrid.iec61850.engine.repeated import OUTDATED, REMEMBERED, Begun, Ended
from janusgrid.iec61850.server.commands import CommandJournal

from tests.iec61850.plant import plant, ref
from tests.iec61850.wires import START

WHO = Origin(OriginCategory.AUTOMATIC_REMOTE, b"ems")
SETPOINT, ENHANCED, LATER = ref("DWGC1.WSpt"), ref("DWGC1.WEnh"), ref("CSWI1.SwEnh")
FIRST = Operate(SETPOINT, [400.0], WHO, 5, Timestamp.of(START))

numbers = st.integers(0, 2**24 - 1)
times = st.builds(
    Timestamp, st.integers(0, 2**32 - 1), numbers, st.booleans(), st.booleans(), st.booleans(), st.integers(0, 31)
)
values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | times
    | st.builds(lambda bits: BitString(int(bits or "0", 2), len(bits)), st.text("01", max_size=20)),
    lambda inner: st.lists(inner, max_size=3), max_leaves=5,
)  # fmt: skip
requests = st.builds(
    Operate, st.just(SETPOINT), values, st.builds(Origin, st.sampled_from(OriginCategory), st.binary(max_size=64)),
    st.integers(0, 255), times, st.booleans(), st.integers(0, 3).map(lambda bits: BitString(bits, 2)),
    st.none() | times,
)  # fmt: skip
causes = st.none() | st.sampled_from(AddCause)
records = st.builds(Begun, numbers, st.text(), requests, numbers.map(EntryTime)) | st.builds(
    Ended, numbers, st.none() | st.tuples(st.sampled_from(ServiceError), st.text(), causes), st.none() | st.booleans()
)


@given(st.lists(records))
def test_what_is_kept_is_read_as_it_was_written(some: list[Begun | Ended]) -> None:
    assert repr([CommandJournal.record(json.loads(CommandJournal.payload(record))) for record in some]) == repr(some)


@pytest.mark.parametrize(
    "found",
    [
        {}, {"begun": 1}, {"ended": "1"}, {"ended": 1, "refusal": [99, "", None]}, {"ended": 1, "refusal": "no"},
        {"begun": 1, "client": "a", "since": 1, "origin": [99, ""], "control": "LD/LN.DO", "value": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_understood_is_passed_over(found: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        CommandJournal.record(found)


class Life:
    """An engine with a journal, and what it lets the application carry out."""

    def __init__(self, path: Path, now: Any = START, identity: str = "ems") -> None:
        self.journal = CommandJournal(path)
        self.now = now
        self.engine = Engine(plant(), now, command_store=self.journal)
        self.client = self.engine.associate("ems", identity)
        self.done: list[Command] = []

    def __enter__(self) -> Life:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def ask(self, request: Any, client: Association | None = None) -> AddCause | None:
        """Return the refusal of a service, None for consent; what is to be carried out after it is carried out."""
        try:
            self._run(self.engine.call(client or self.client, request, self.now))
        except ServiceRefused as refused:
            return refused.add_cause
        finally:
            self.work()
        return None

    def work(self) -> None:
        for job in self.engine.jobs():
            self._run(job.steps)

    def _run(self, steps: Any) -> None:
        try:
            question = next(steps)
            while True:
                if question.step.name == "OPERATE":
                    self.done.append(question)
                question = steps.send(Outcome(self.now))
        except StopIteration:
            pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "commands.journal"


def test_another_life_answers_as_the_first(path: Path) -> None:
    enhanced = attrs.evolve(FIRST, control=ENHANCED)
    with Life(path) as life:
        assert life.ask(FIRST) is life.ask(enhanced) is None
        assert len(life.done) == 2
    with Life(path) as life:
        assert life.ask(FIRST) is life.ask(enhanced) is None
        assert list(life.client.outbox) == [CommandTermination(enhanced)]
        assert life.ask(attrs.evolve(FIRST, number=6)) is None
        assert [one.number for one in life.done] == [6]


def test_another_client_is_another(path: Path) -> None:
    with Life(path) as life:
        life.ask(FIRST)
    with Life(path, identity="utility") as life:
        assert life.ask(FIRST) is None
        assert len(life.done) == 1


def test_what_was_cut_off_is_not_known(path: Path) -> None:
    """Also a life later, and when the file was written anew meanwhile."""
    with Life(path) as life:
        steps: Any = life.engine.call(life.client, FIRST, START)
        question = next(steps)
        while question.step.name != "OPERATE":
            question = steps.send(Outcome(START))
    for _ in range(3):
        with Life(path) as life:
            assert life.ask(FIRST) is AddCause.UNKNOWN
            assert not life.done


def test_a_value_that_is_no_number_is_known_again(path: Path) -> None:
    with Life(path) as life:
        for _ in range(2):
            life.ask(attrs.evolve(FIRST, control=ENHANCED, value=[math.nan]))
        assert len(life.done) == 1
    with Life(path) as life:
        assert life.ask(attrs.evolve(FIRST, control=ENHANCED, value=[math.nan])) is None
        assert not life.done


def later(seconds: int) -> Operate:
    return Operate(LATER, True, WHO, 7, Timestamp.of(START), at=Timestamp.of(START + timedelta(seconds=seconds)))


def test_a_command_for_later_that_waited_is_taken_anew(path: Path) -> None:
    """It was not carried out: it is a new command, whose time may have passed."""
    with Life(path) as life:
        assert life.ask(later(30)) is None
    with Life(path, START + timedelta(seconds=10)) as life:
        assert life.ask(later(30)) is None
        life.engine.tick(START + timedelta(seconds=30))
        life.work()
        assert len(life.done) == 1
    with Life(path, START + timedelta(seconds=40)) as life:
        assert life.ask(later(30)) is None, "it is known"
        assert list(life.client.outbox) == [CommandTermination(attrs.evolve(later(30), at=None))]
        assert not life.done
    path.unlink()
    with Life(path, START + timedelta(seconds=40)) as life:
        assert life.ask(later(30)) is AddCause.INCONSISTENT_PARAMETERS


def test_a_command_that_was_cancelled_stays_so(path: Path) -> None:
    with Life(path) as life:
        life.ask(later(30))
        assert life.ask(Cancel(later(30))) is None
    with Life(path) as life:
        assert life.ask(later(30)) is AddCause.ABORTION_BY_CANCEL
        assert life.engine.due() is None


def test_a_command_that_failed_its_conditions_stays_so(path: Path) -> None:
    with Life(path) as life:
        life.ask(later(30))
        life.engine.tick(START + timedelta(seconds=30))
        (job,) = life.engine.jobs()
        refused = ServiceRefused(ServiceError.ACCESS_VIOLATION, add_cause=AddCause.BLOCKED_BY_PROCESS)
        settle(job.steps, Outcome(START, refused))
    with Life(path) as life:
        assert life.ask(later(30)) is None
        assert list(life.client.outbox) == [TimeActivatedOperateTermination(later(30), AddCause.BLOCKED_BY_PROCESS)]
        assert not life.done


def test_so_many_are_kept_and_not_for_ever(path: Path) -> None:
    commands = [attrs.evolve(FIRST, time=Timestamp(1, number)) for number in range(REMEMBERED + 1)]
    with Life(path) as life:
        for command in commands:
            life.ask(command)
    with Life(path) as life:
        for command in commands[1:]:
            assert life.ask(command) is None
        assert not life.done
        assert len(list(in_the_file(life))) == 2 * REMEMBERED
    with Life(path, START + OUTDATED + timedelta(seconds=1)) as life:
        assert not list(in_the_file(life))


def in_the_file(life: Life) -> Iterator[object]:
    """Yield what its file holds."""
    life.journal.close()
    with Journal(life.journal._journal.path) as journal:
        yield from journal.recovered()


def test_the_file_does_not_grow_for_ever(path: Path) -> None:
    with mock.patch.multiple("janusgrid.iec61850.server.buffers", _FLOOR=4000, _GROWTH=1, _STEP=1):
        with Life(path) as life:
            for number in range(300):
                life.ask(attrs.evolve(FIRST, time=Timestamp(1, number)))
            assert path.stat().st_size < 30_000
        with Life(path) as life:
            for number in range(300 - REMEMBERED, 300):
                life.ask(attrs.evolve(FIRST, time=Timestamp(1, number)))
            assert not life.done


def test_what_cannot_be_kept_is_not_carried_out(path: Path) -> None:
    """Until the disk takes it again; a command without T, of which nothing is kept, is carried out as ever."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Life(path) as life:
        with mock.patch("os.write", full):
            for _ in range(2):
                assert life.ask(FIRST) is AddCause.BLOCKED_BY_HEALTH
            assert not life.done
            assert life.ask(attrs.evolve(FIRST, time=Timestamp())) is None
            assert len(life.done) == 1
        assert life.ask(FIRST) is None
        assert len(life.done) == 2
    with Life(path) as life:
        assert life.ask(FIRST) is None
        assert not life.done


def test_objects_that_the_model_has_no_more_trouble_nobody(path: Path) -> None:
    journal = CommandJournal(path)
    gone = attrs.evolve(FIRST, control=Reference.parse("GONE/DWGC1.WSpt"))
    journal.write([Begun(1, "ems", gone, EntryTime.of(START))])
    journal.close()
    with Life(path) as life:
        assert life.ask(FIRST) is None
