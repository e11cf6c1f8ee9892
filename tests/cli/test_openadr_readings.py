"""Where a VEN program has its readings from."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from janusgrid.cli.openadr.readings import Command, Constants, Readings, course
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import ConfigError, LocalError
from janusgrid.openadr.ven import Reading

IDS = frozenset({"a", "b"})


async def test_a_course_holds_from_step_to_step(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("seconds,a,b\n0,1,10\n5,2,20\n\n")
    clock = LockStepClock(datetime(2026, 3, 25, tzinfo=UTC))
    found = course(file, clock, IDS)
    assert await found(IDS) == {"a": 1.0, "b": 10.0}
    await clock.advance(5)
    assert await found(frozenset({"b", "c"})) == {"b": 20.0}
    await clock.advance(500)
    assert await found(IDS) == {"a": 2.0, "b": 20.0}


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("a,b\n1,2\n", ":1", "first line"),
        ("seconds,a\n", ":1", "first line"),
        ("seconds,z\n0,1\n", ":1", "'z' is no rID"),
        ("seconds,a\n0,x\n", ":2", "'x' is no number"),
        ("seconds,a\n0,nan\n", ":2", "'nan' is no number"),
        ("seconds,a\n0\n", ":2", "1 cells under 2"),
        ("seconds,a\n5,1\n5,2\n", ":3", "do not rise"),
    ],
)
def test_a_course_that_is_none(text: str, where: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said) as found:
        course(file, LockStepClock(datetime(2026, 3, 25, tzinfo=UTC)), IDS)
    assert str(found.value.where).endswith(f"c.csv{where}")


def _command(code: str, folder: Path) -> Command:
    return Command((sys.executable, "-c", code), folder)


async def test_a_command_is_asked_for_what_is_due(tmp_path: Path) -> None:
    code = "import sys, json; print(json.dumps({rid: len(rid) + 0.5 for rid in sys.argv[1:]} | {'z': 1}))"
    assert await _command(code, tmp_path)(frozenset({"a", "bb"})) == {"a": 1.5, "bb": 2.5}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('x')", "JSON object"),
        ("print([1])", "JSON object"),
        ("print('{\"a\": true}')", "True for a"),
        ("print('{\"a\": NaN}')", "nan for a"),
        ("raise SystemExit(3)", "exit status 3"),
    ],
)
async def test_a_command_that_fails_says_why(code: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=said):
        await _command(code, tmp_path)(IDS)


async def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="cannot be run"):
        await Command(("./nothing",), tmp_path)(IDS)


async def test_a_command_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("janusgrid.cli.openadr.readings.COMMAND_TIMEOUT", 0.2)
    with pytest.raises(LocalError, match=r"within 0\.2 s"):
        await _command("import time; time.sleep(60)", tmp_path)(IDS)


async def test_later_sources_come_first() -> None:
    readings = Readings([Constants({"a": 1.0, "b": 2.0}), Constants({"b": 3.0})])
    assert await readings(IDS) == {"a": Reading(1.0), "b": Reading(3.0)}
