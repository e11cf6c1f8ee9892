"""`janusgrid openadr certify`: scenarios against a VTN and a VEN that run, operated by nobody, a program, a person."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner
from janusgrid.cli import cli

from tests.cli.programs import Program, call
from tests.iec61850.scsm81.peers import free_port

OPERATOR = """
import json, pathlib, sys
asked = json.load(sys.stdin)
with open(pathlib.Path(__file__).parent / "asked.jsonl", "a") as log:
    print(json.dumps(asked), file=log)
if asked.get("act") == "create_event":
    sys.exit("the programme is closed")
if asked.get("observe") == "registered":
    print(json.dumps(asked["expected"]))
elif "observe" in asked:
    sys.exit(3)
"""


@contextmanager
def a_vtn(folder: Path) -> Iterator[Path]:
    """Run a VTN; yield the configuration of its VEN."""
    port = free_port()
    (folder / "vtn.yaml").write_text(
        f"vtn: utility\nhttp: {{listen: 127.0.0.1:{port}, plain: true}}\n"
        "telemetry: {names: []}\nparties: [{name: site, identity: '*'}]\n"
    )
    ven = folder / "ven.yaml"
    ven.write_text(f"ven: site\nvtn: http://127.0.0.1:{port}\nhttp: {{plain: true}}\n")
    with Program("vtn", "vtn.yaml", folder=folder) as program:
        program.wait("up")
        yield ven


def certify(ven: Path, *more: str) -> tuple[int, str, dict[str, str]]:
    out = ven.parent / "out"
    code, said = call("openadr", "certify", str(ven), "--role", "vtn", "--report", str(out), "--quiet", "0.1", *more)
    (run,) = json.loads((out / "report.json").read_text())["runs"]
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")
    return code, said, {each["id"]: each["verdict"] for each in run["scenarios"]}


def test_a_vtn_is_tested(tmp_path: Path) -> None:
    (tmp_path / "hands.py").write_text(OPERATOR)
    with a_vtn(tmp_path) as ven:
        code, said, found = certify(ven, "--operator", "none", "--only", "VTN-N-03", "--only", "VTN-G-04")
        assert (code, found) == (0, {"VTN-N-03": "pass", "VTN-G-04": "pass"})
        assert "2 pass, 0 fail, 0 inconclusive" in said

        program = f"{sys.executable} {tmp_path}/hands.py"
        only = ("--only", "VTN-N-02", "--only", "VTN-E-01", "--only", "VTN-P-03")
        code, said, found = certify(ven, "--operator", program, *only)
        assert (code, found) == (3, {"VTN-N-02": "pass", "VTN-E-01": "inconclusive", "VTN-P-03": "inconclusive"})
        assert "it refuses" in said
        asked = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text().splitlines()]
        assert {"act": "create_event", "text": "Make an event: SIMPLE level 1, in 72 hours, for 2 hours",
                "arguments": {"name": "event"}} in asked  # fmt: skip
        assert {"observe": "registered", "text": "Is the VEN registered?", "arguments": {}, "expected": True} in asked

        at_terminal = ["openadr", "certify", str(ven), "--role", "vtn", "--report", str(tmp_path / "out")]
        done = CliRunner().invoke(cli, [*at_terminal, "--only", "VTN-N-02"], input="n\n")
        assert done.exit_code == 1
        assert "it is something else" in done.output
        done = CliRunner().invoke(cli, [*at_terminal, "--only", "VTN-N-02"], input="\n")
        assert done.exit_code == 0
        done = CliRunner().invoke(cli, [*at_terminal, "--only", "VTN-N-02"], input="s\n")
        assert done.exit_code == 3


def test_a_ven_is_tested(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "vtn.yaml").write_text(
        f"vtn: utility\nhttp: {{listen: 127.0.0.1:{port}, plain: true}}\nparties: [{{name: site, identity: '*'}}]\n"
    )
    (tmp_path / "ven.yaml").write_text(
        f"ven: site\nvtn: http://127.0.0.1:{port}\nhttp: {{plain: true}}\nanswer: optIn\n"
    )
    arguments = ["openadr", "certify", str(tmp_path / "vtn.yaml"), "--role", "ven", "--operator", "none",
                 "--report", str(tmp_path / "out"), "--only", "VEN-N-03", "--patience", "60"]  # fmt: skip
    with Program("ven", "ven.yaml", folder=tmp_path) as program:
        code, said = call(*arguments)
        program.wait("registered")
        program.wait("deregistered")
    assert code == 3, said  # nobody says what it shows
    steps = json.loads((tmp_path / "out" / "report.json").read_text())["runs"][0]["scenarios"][0]["steps"]
    assert [step["verdict"] for step in steps] == ["pass", "pass", "inconclusive"]


def test_a_vtn_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    """At once, in one sentence, with a status of its own: no scenario is played, and no report written."""
    ven, out = tmp_path / "ven.yaml", tmp_path / "out"
    ven.write_text(f"ven: site\nvtn: http://127.0.0.1:{free_port()}\nhttp: {{plain: true}}\n")
    code, said = call("openadr", "certify", str(ven), "--role", "vtn", "--operator", "none", "--report", str(out))
    assert code == 4
    assert said.startswith("janusgrid: there is no VTN to be tested: http://127.0.0.1:")
    assert said.endswith("Connection refused\n")
    assert len(said.splitlines()) == 1
    assert not out.exists()


def test_what_cannot_be(tmp_path: Path) -> None:
    ven = tmp_path / "ven.yaml"
    ven.write_text("ven: site\nvtn: http://127.0.0.1:9\nhttp: {plain: true}\n")
    assert "CONFIG says whose place" in call("openadr", "certify", "--role", "vtn")[1]
    assert "speaks pull, not push" in call("openadr", "certify", str(ven), "--role", "vtn", "--way", "push")[1]
    assert "groups are registration" in call("openadr", "certify", str(ven), "--role", "vtn", "--only", "VEN-N-01")[1]
    code, listed = call("openadr", "certify", "--role", "ven", "--list")
    assert code == 0
    assert "VEN-N-01  The order of registration" in listed
    assert "VTN-" not in listed
