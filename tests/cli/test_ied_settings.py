"""`janusgrid ied settings` on a served relay with three setting groups."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .inside import call
from .relay import write_relay
from .test_ied import start, stop


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = write_relay(tmp_path_factory.mktemp("relay") / "relay.cid")
    process = start("serve", str(file), "--tcp", "127.0.0.1:0", "--json")
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())["tcp"]
    assert stop(process) == 0


def test_list_show_edit_and_activate(target: str) -> None:
    assert call("settings", target) == (0, "R1LD0 group 1 of 3 is active\n", "")
    code, out, _ = call("settings", target, "show")
    assert (code, out.splitlines()[0]) == (0, "R1LD0/PTUV1.StrVal.setMag.f 70.0")
    changes = ("PTUV1.StrVal.setMag.f=77.5", "R1LD0/PTUV1.OpDlTmms.setVal=400")
    code, out, _ = call("settings", target, "edit", "2", *changes, "--json")
    assert code == 0
    assert json.loads(out) == {
        "device": "R1LD0", "edited": 2, "written": ["R1LD0/PTUV1.StrVal.setMag.f", "R1LD0/PTUV1.OpDlTmms.setVal"],
    }  # fmt: skip
    code, out, _ = call("settings", target, "show", "2", "--json")
    assert json.loads(out) == {
        "R1LD0/PTUV1.StrVal": {"setMag": {"f": 77.5}}, "R1LD0/PTUV1.OpDlTmms": {"setVal": 400},
    }  # fmt: skip
    assert call("settings", target, "activate", "2", "--device", "R1LD0") == (0, "", "")
    code, out, _ = call("settings", target, "--json")
    status = json.loads(out)["R1LD0"]
    assert (status["NumOfSG"], status["ActSG"], status["EditSG"]) == (3, 2, 0)
    assert call("read", target, "R1LD0/PTUV1.StrVal.setMag.f", "--fc", "SG")[1].endswith(" 77.5\n")


def test_what_fails_changes_nothing(target: str) -> None:
    before = call("settings", target, "show", "3")
    code, out, err = call("settings", target, "edit", "3", "PTUV1.OpDlTmms.setVal=9", "PTUV1.StrVal.setMag.f=high")
    assert (code, out) == (1, "")
    assert "'high' is no FLOAT32" in err
    assert call("settings", target, "show", "3") == before
    assert json.loads(call("settings", target, "--json")[1])["R1LD0"]["EditSG"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("activate", "9"), 1, "its groups are 1 to 3"),
        (("activate",), 2, "the number of a group"),
        (("activate", "two"), 2, "is a number, not 'two'"),
        (("show", "1", "2"), 2, "or nothing"),
        (("edit", "2"), 2, "LN.DO.DA=VALUE"),
        (("edit", "2", "PTUV1.StrVal"), 2, "LN.DO.DA=VALUE"),
        (("edit", "2", "PTUV1.StrVla.setMag.f=1"), 1, "StrVal"),
        (("show", "--device", "NOPE"), 1, "there is R1LD0"),
        (("list", "--device", "NOPE"), 1, "NOPE"),
    ],
)
def test_errors_say_what_to_do(target: str, arguments: tuple[str, ...], code: int, said: str) -> None:
    found, out, err = call("settings", target, *arguments)
    assert (found, out) == (code, "")
    assert said in err
    assert code == 2 or len(err.splitlines()) == 1
