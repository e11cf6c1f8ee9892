"""`janusgrid ied conformance`: the statement on a terminal and for programs."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result
from janusgrid.cli import cli
from janusgrid.iec61850.conformance import statement


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["ied", "conformance", *arguments])


def test_the_whole_and_a_part() -> None:
    whole = run()
    assert whole.exit_code == 0
    assert all(part.title in whole.output for part in statement.PARTS)
    limits = run("limits")
    assert limits.output.rstrip("\n") == statement.text("limits").rstrip()
    assert limits.output in whole.output
    assert run("nothing").exit_code == 2


def test_for_programs() -> None:
    found = json.loads(run("--json").output)
    assert found == statement.plain()
    operate = next(row for row in found["acsi"]["services"]["rows"] if row["item"] == "Operate")
    assert (operate["client"], operate["server"]) == ("Y", "Y")
    assert list(json.loads(run("mappings", "--json").output)) == ["mappings"]
