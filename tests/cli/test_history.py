"""`janusgrid history`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from janusgrid.cli.history import command
from janusgrid.common.data.value import STALE, Value
from janusgrid.common.errors import ConfigError, UnknownName
from janusgrid.common.store.history import Happening, History

run = CliRunner().invoke


@pytest.fixture
def place(tmp_path: Path) -> str:
    now = datetime.now(UTC)
    path = str(tmp_path / "plant.sqlite")
    with History(path) as history:
        history.record("der.DG750.p", Value(1.5, time=now - timedelta(days=3)))
        history.record("der.DG750.p", Value(2.5, STALE, now - timedelta(minutes=5)))
        history.record("der.DG750.state", Value("running", time=now - timedelta(minutes=4)))
        history.note(Happening(now - timedelta(minutes=3), "control", "der.DG750.p.set", "750"))
        history.note(Happening(now - timedelta(minutes=2), "event", "E1", "optIn"))
    return path


def test_points_with_their_last_values(place: str) -> None:
    lines = run(command, ["points", place]).output.splitlines()
    assert [line.split(" at ")[0] for line in lines] == ["der.DG750.p  2.5", "der.DG750.state  running"]
    rows = json.loads(run(command, ["points", place, "--json"]).output)
    assert [(row["point"], row["value"]) for row in rows] == [("der.DG750.p", 2.5), ("der.DG750.state", "running")]


def test_export_by_pattern_and_span(place: str, tmp_path: Path) -> None:
    whole = run(command, ["export", place, "--since", "-7d"]).output
    assert [line.split(",")[1] for line in whole.splitlines() if "Z," in line] == [
        "der.DG750.p", "der.DG750.p", "der.DG750.state",
    ]  # fmt: skip
    run(command, ["export", place, "*.p", "-o", str(tmp_path / "out.csv")])
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "time,point,value,validity,detail"
    assert [line.partition(",")[2] for line in lines[1:]] == ["der.DG750.p,2.5,questionable,old_data"]
    with pytest.raises(UnknownName, match="history points"):
        run(command, ["export", place, "der.MT1.*"], catch_exceptions=False)


def test_happenings_of_a_kind(place: str) -> None:
    found = run(command, ["happenings", place, "--kind", "control"]).output.splitlines()
    assert [line[20:] for line in found] == ["control der.DG750.p.set: 750"]
    as_csv = run(command, ["happenings", place, "--csv"]).output.splitlines()
    assert [line.partition(",")[2] for line in as_csv] == [
        "kind,subject,text", "control,der.DG750.p.set,750", "event,E1,optIn",
    ]  # fmt: skip


def test_a_time_that_is_none_is_refused_with_one_that_is(place: str) -> None:
    assert "'-1x' is no time (2026-03-25T14:00, -10min)" in run(command, ["forget", place, "--before", "-1x"]).output


def test_forget_what_is_old(place: str) -> None:
    assert run(command, ["forget", place, "--before", "-1d"]).output == "1 rows deleted\n"
    assert "1.5" not in run(command, ["export", place, "--since", "-7d"]).output


def test_a_place_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        run(command, ["points", str(tmp_path / "nothing")], catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_the_space_of_a_site_is_found_and_several_are_named(tmp_path: Path) -> None:
    path, now = str(tmp_path / "ems.db"), datetime.now(UTC)
    with History(path, "plant") as history:
        history.record("der.DG1.p", Value(3.5, time=now))
    assert run(command, ["points", path]).output.startswith("der.DG1.p  3.5 at ")
    with History(path, "estate") as history:
        history.note(Happening(now, "event", "E2", "optIn"))
    with pytest.raises(UnknownName, match="several programs record there; --space is one of estate, plant"):
        run(command, ["points", path], catch_exceptions=False)
    assert run(command, ["happenings", path, "--space", "estate"]).output.endswith("event E2: optIn\n")
    with pytest.raises(UnknownName, match="nothing was recorded in the space 'plnt'; --space is one of estate, plant"):
        run(command, ["points", path, "--space", "plnt"], catch_exceptions=False)
