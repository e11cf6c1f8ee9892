"""The commands as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from janusgrid.cli import COMMANDS, cli
from janusgrid.cli.lazy import LazyGroup


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_help_lists_every_command() -> None:
    code, text = run("--help")
    assert code == 0
    assert all(name in text for name in COMMANDS)


@click.command()
def interrupted() -> None:
    raise KeyboardInterrupt


def test_ctrl_c_has_the_exit_status_of_shells_and_says_nothing() -> None:
    group = LazyGroup("all", lazy={"slow": (f"{__name__}:interrupted", "is interrupted")})
    result = CliRunner().invoke(group, ["slow"])
    assert (result.exit_code, result.output) == (130, "")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str) -> None:
    code, text = run(name, "--help")
    assert code == 0
    assert "Usage" in text


def test_no_line_of_help_is_cut_off() -> None:
    for name in sorted(COMMANDS):
        assert "..." not in run(name, "--help")[1].partition("Commands:")[2]


POLL = """<?xml version="1.0"?>
<oadr:oadrPayload xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07"><oadr:oadrSignedObject>
<oadr:oadrPoll xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110" ei:schemaVersion="2.0b">
{}
</oadr:oadrPoll></oadr:oadrSignedObject></oadr:oadrPayload>"""


def test_validate_tells_good_from_bad(tmp_path: Path) -> None:
    good, bad, evil = tmp_path / "good.xml", tmp_path / "bad.xml", tmp_path / "evil.xml"
    good.write_text(POLL.format("<ei:venID>V1</ei:venID>"))
    bad.write_text(POLL.format("<ei:vtnID>V1</ei:vtnID>"))
    evil.write_text('<!DOCTYPE x [<!ENTITY e "e">]>' + POLL.format("&e;").partition("?>")[2])
    assert run("openadr", "validate", str(good)) == (0, f"{good}: Poll\n")
    code, text = run("openadr", "validate", "--json", str(good), str(bad), str(evil))
    assert code == 1
    found = json.loads(text)
    assert [each["valid"] for each in found] == [True, False, False]
    (missing,) = found[1]["faults"]
    assert (missing["kind"], missing["line"]) == ("schema", 4)
    assert "venID" in missing["reason"]
    assert "DOCTYPE" in found[2]["faults"][0]["reason"]


def test_validate_names_the_rules_that_are_broken_and_where(tmp_path: Path) -> None:
    file = tmp_path / "poll.xml"
    file.write_text(POLL.format("<ei:venID>V1</ei:venID>").replace(' ei:schemaVersion="2.0b"', ""))
    code, text = run("openadr", "validate", str(file))
    assert code == 1
    path = "/oadrPayload/oadrSignedObject/oadrPoll"
    assert text == f"{file}:3: error: {path}: schemaVersion is missing (rule 509)\n"
    assert run("openadr", "validate", "--no-rules", str(file)) == (0, f"{file}: Poll\n")


def test_rules_prints_the_table() -> None:
    code, text = run("openadr", "rules")
    assert code == 0
    assert "   2  the intervals of a signal are numbered 0, 1, 2 …" in text
    code, text = run("openadr", "rules", "--json")
    found = json.loads(text)
    assert {rule["rule"] for rule in found["rules"]} >= {2, 58, 304, None}
    refused = {rule["rule"] for rule in found["rules"] if rule["refused"]}
    assert refused >= {2, 8, 9, 25, 100, 314}
    assert not refused & {105, 305, 311, 331, 509}
    assert "302" in found["not public"]


def test_scl_check_and_show(shared: Path) -> None:
    file = str(shared / "reference/iec61850/scl/libiec61850_mhai_array.cid")
    code, text = run("scl", "check", "--no-classes", file)
    assert code == 0
    assert "1 servers, 0 diagnostics" in text
    code, text = run("scl", "show", file)
    assert code == 0
    assert "MHAI1" in text


def test_scl_check_says_what_is_wrong_and_where(tmp_path: Path) -> None:
    file = tmp_path / "broken.cid"
    file.write_text("<SCL xmlns='http://www.iec.ch/61850/2003/SCL'>\n<IED name='A'>")
    code, text = run("scl", "check", "--json", str(file))
    assert code == 1
    (diagnostic,) = json.loads(text)
    assert diagnostic["severity"] == "fatal"
    assert diagnostic["file"] == str(file)
    assert diagnostic["line"] == 2
