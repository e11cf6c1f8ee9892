"""The recorded morning, and what is said of a bad profile."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from janusgrid.common.errors import ConfigError, LocalError
from janusgrid.ems.sim.profile import Profile

MORNING = Path(__file__).resolve().parents[3] / "mappings" / "profiles" / "morning.csv"
MIDNIGHT = datetime(2022, 3, 25, tzinfo=timezone(timedelta(hours=8)))


def morning() -> Profile:
    return Profile.parse(MORNING.read_text(encoding="utf-8"), MORNING.name)


def at(text: str) -> datetime:
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return MIDNIGHT + timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


def test_the_morning_has_its_published_figures() -> None:
    profile = morning()
    assert (profile.minutes[0], profile.minutes[-1], len(profile.minutes)) == (420, 690, 271)
    assert profile.at(MIDNIGHT, at("08:20")) == (2014.611, 74.754)
    assert profile.at(MIDNIGHT, at("09:30")) == (2397.871, 103.262)


def test_it_agrees_with_the_published_tables(shared: Path) -> None:
    profile = morning()
    with (shared / "reference" / "reserve" / "table19.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        load, pv = profile.at(MIDNIGHT, at(row["clock"]))
        assert load == pytest.approx(float(row["load_kw"]), abs=0.002)
        assert pv == pytest.approx(float(row["pv_kw"]), abs=0.002)


def test_the_import_before_the_dispatch_gives_the_published_baseline() -> None:
    profile = morning()
    imports = [load - pv for load, pv in (profile.at(MIDNIGHT, at(f"08:{m}")) for m in range(15, 20))]
    assert sum(imports) / 5 == pytest.approx(1920.699, rel=0.002)


def test_between_two_rows_figures_are_linear() -> None:
    profile = Profile.parse("clock,load_kw,pv_kw\n10:00,100,0\n10:10,200,50\n", "p.csv")
    assert profile.at(MIDNIGHT, at("10:02:30")) == (125, 12.5)


def test_the_same_instant_in_another_zone_is_the_same_row() -> None:
    assert morning().at(MIDNIGHT, at("08:20").astimezone(UTC)) == (2014.611, 74.754)


@pytest.mark.parametrize("clock", ["06:59", "11:31"])
def test_outside_its_time_a_profile_says_so(clock: str) -> None:
    with pytest.raises(LocalError, match="07:00 to 11:30"):
        morning().at(MIDNIGHT, at(clock))


HEAD = "# made up\nclock,load_kw,pv_kw\n"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("clock,load\n", "p.csv:1", "no column 'load_kw'"),
        (HEAD + "07:00,1,2\n7h01,1,2\n", "p.csv:4", "HH:MM"),
        (HEAD + "07:00,1,2\n24:00,1,2\n", "p.csv:4", "HH:MM"),
        (HEAD + "07:00,1,2\n07:60,1,2\n", "p.csv:4", "HH:MM"),
        (HEAD + "07:00,1,2\n07:1,1,2\n", "p.csv:4", "HH:MM"),
        (HEAD + "07:00,one,2\n", "p.csv:3", "load_kw is a number, not 'one'"),
        (HEAD + "07:00,1,nan\n", "p.csv:3", "pv_kw is a number"),
        (HEAD + "07:00,1,inf\n", "p.csv:3", "pv_kw is a number"),
        (HEAD + "07:00,1,2\n\n# note\n07:00,1,2\n", "p.csv:6", "follow in time"),
        (HEAD + "07:00,1,2,3\n", "p.csv:3", "4 cells under 3 columns"),
        (HEAD + "07:00,1,2\n", "p.csv", "two rows at least, this one has 1"),
        ("", "p.csv", "two rows"),
    ],
)
def test_a_bad_profile_is_refused_with_its_place(text: str, where: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Profile.parse(text, "p.csv")
    assert caught.value.where == where
