"""`janusgrid ied logs`: a server that writes into its log by itself, in a process of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from janusgrid.iec61850 import build, write_cid

from tests.cli.inside import call
from tests.cli.test_ied import start, stop

LOG = "LOGLD0/LLN0.EventLog"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("logs") / "log.cid"
    station = build("LOG").device("LD0").node("GGIO1", "Ind1").data_set("Inputs", "GGIO1.Ind1.stVal")
    write_cid(station.log("lcb", "EventLog", "Inputs", integrity=0.05).log("none", "Empty").model(), file)
    process = start("serve", str(file), "--tcp", "127.0.0.1:0", "--json")
    assert process.stdout is not None
    reached = json.loads(process.stdout.readline())["tcp"]
    until = time.monotonic() + 20
    while len(entries(reached)) < 3 and time.monotonic() < until:  # it writes twenty a second
        pass
    yield reached
    assert stop(process) == 0


def entries(target: str, *options: str) -> list[dict[str, object]]:
    code, out, err = call("logs", target, LOG, "--json", *options)
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_which_logs_there_are(target: str) -> None:
    code, out, err = call("logs", target, "--json")
    assert (code, err) == (0, "")
    event, empty = sorted(json.loads(out), key=lambda row: not row["log"].endswith("EventLog"))
    assert empty == {"log": "LOGLD0/LLN0.Empty", "oldest": None, "newest": None}
    assert event["log"] == LOG
    assert event["oldest"] <= event["newest"]
    code, out, _ = call("logs", target)
    assert sorted(line.split()[-1] for line in out.splitlines()) == [empty["log"], LOG]


def test_entries(target: str) -> None:
    first, second, third = entries(target, "--count", "3")
    assert set(first) == {"id", "time", "values", "reasons"}
    assert (first["values"], first["reasons"]) == (
        {"LOGLD0/GGIO1.Ind1.stVal": False},
        {"LOGLD0/GGIO1.Ind1.stVal": ["integrity"]},
    )
    assert entries(target, "--after", str(first["id"]), "--count", "2") == [second, third]
    within = entries(target, "--from", str(second["time"]), "--to", str(third["time"]))
    assert within == [second, third]
    assert entries(target, "--to", "2001-01-01") == []
    code, out, _ = call("logs", target, LOG, "--count", "1")
    assert (code, out) == (0, f"{first['time']} LOGLD0/GGIO1.Ind1.stVal false (integrity)\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("LOGLD0/LLN0.Nothing",), 1, "instance-not-available"),
        (("LOGLD0",), 1, "LD/LN.name"),
        ((LOG, "--after", "00"), 1, "parameter-value-inappropriate"),
        ((LOG, "--after", "xyz"), 2, "is no EntryID"),
        ((LOG, "--from", "yesterday"), 2, "2026-11-21T08:00:00Z"),
    ],
)
def test_what_is_wrong(target: str, arguments: tuple[str, ...], code: int, said: str) -> None:
    found, out, err = call("logs", target, *arguments)
    assert (found, out) == (code, "")
    assert said in err
