"""`janusgrid ied rights`, and a server that is told who may do what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.inside import call
from tests.cli.test_ied import HOME, start, stop

FILE = str(HOME / "HP1.cid")


def test_who_may_do_what() -> None:
    code, out, _ = call("rights")
    assert code == 0
    assert "SetDataValues SV BL CO\n    CONTROL: operator\n" in out
    rows = json.loads(call("rights", "default", "--json")[1])
    (row,) = (row for row in rows if row["constraints"] == ["RP", "BR"])
    assert {name for name, may in row["roles"].items() if may} == {"VIEWER", "OPERATOR", "ENGINEER"}


def test_a_table_is_checked(tmp_path: Path) -> None:
    how_to = (Path(__file__).parents[2] / "docs/how-to/who-may-do-what.md").read_text()
    mine = tmp_path / "mine.yaml"
    mine.write_text(how_to.partition("```yaml\n")[2].partition("```")[0])
    code, out, _ = call("rights", str(mine))
    assert (code, "SetDataValues CO\n    CONTROL: grid-operator\n" in out) == (0, True)
    mine.write_text(mine.read_text().replace("number: -1", "number: 7"))
    code, _, err = call("rights", str(mine))
    said = how_to.partition("janusgrid: mine.yaml")[2].partition("\n")[0]
    assert (code, err) == (1, f"janusgrid: {mine}{said}\n")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--anonymous", "viewer"), 2, "--anonymous goes with --rights"),
        (("--rights", "none.yaml"), 1, "'default' is the table that comes along"),
        (("--rights", "default", "--anonymous", "king"), 1, "'king' is no role"),
        (("--rights", "default", "--anonymous", "-3", "--tcp", "127.0.0.1:0"), 1, "has no role -3"),
    ],
)
def test_what_is_wrong(options: tuple[str, ...], code: int, said: str) -> None:
    found, _, err = call("serve", FILE, *options)
    assert (found, said in err) == (code, True), err


def test_a_server_with_rights() -> None:
    process = start(
        "serve", FILE, "--tcp", "127.0.0.1:0", "--accept", "--rights", "default", "--anonymous", "viewer", "--json"
    )
    assert process.stdout is not None
    target = json.loads(process.stdout.readline())["tcp"]
    assert call("read", target, "HP1DER/LLN0.NamPlt.vendor")[0] == 0
    code, _, err = call("write", target, "HP1DER/LLN0.NamPlt.vendor", "mine")
    assert (code, "access-violation" in err) == (1, True), err
    assert stop(process) == 0
