"""`janusgrid lab` and `janusgrid site`, as a person and as a program run them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from janusgrid.cli import cli
from janusgrid.common.errors import JanusGridError, LocalError
from janusgrid.common.resources import resource

HOME = Path(__file__).resolve().parents[2] / "examples" / "tutorial"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    shutil.copytree(HOME, folder)
    return folder


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from janusgrid.cli import main; main()", *arguments],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_program_reads_json_lines(home: Path) -> None:
    code, out, err = run(home, "lab", "home.yaml", "--simulate", "--until", "4", "--for", "60", "--json", "-")
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert {"HP1.p", "HP1.temperature"} == {line["rid"] for line in lines if "rid" in line}
    value = next(line for line in lines if line.get("rid") == "HP1.p")
    assert value | {"time": ""} == {
        "time": "", "rid": "HP1.p", "point": "der.HP1.p", "value": 0.0, "unit": "kW", "quality": "good",
    }  # fmt: skip
    assert any(line.get("state") == "here" for line in lines)
    assert "HP1.p 0 kW good" in err


def test_a_site_without_servers_has_none_to_simulate(home: Path) -> None:
    site = home / "home.yaml"
    site.write_text(re.sub(r"devices:.*", "devices: []\n", site.read_text(), flags=re.DOTALL))
    (home / "reports.csv").write_text((home / "reports.csv").read_text().splitlines()[0] + "\n")
    found = CliRunner().invoke(cli, ["lab", str(site), "--simulate"])
    assert found.exit_code == 2
    assert "the site has none" in found.output.replace("\n", " ")


def test_time_that_is_over_before_the_values_came_is_a_failure(home: Path) -> None:
    code, out, _ = run(home, "lab", "home.yaml", "--until", "1", "--for", "1.5", "--json", "told.json")
    assert code == 1
    assert "HP1 is not here yet" in out
    assert json.loads((home / "told.json").read_text())["state"] == "absent"
    assert not (home / "lab").exists()


def test_time_alone_is_no_failure(home: Path) -> None:
    assert run(home, "lab", "home.yaml", "--for", "0.5")[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_leaves_when_told_to(home: Path, number: signal.Signals) -> None:
    process = start(home, "lab", "home.yaml")
    assert process.stdout is not None
    for line in process.stdout:
        if "HP1 is not here yet" in line:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    assert not (home / "lab").exists()


def test_a_port_that_is_taken(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = run(home, "lab", "home.yaml", "--port", str(port))
    assert code == 1
    assert err.startswith(f"janusgrid: 127.0.0.1:{port}: the broker cannot listen")
    assert "Traceback" not in err


def invoke(*arguments: str) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(cli, arguments)
    error = None if isinstance(result.exception, SystemExit) else result.exception
    return result.exit_code, result.output, error


def test_options_that_do_not_go_together(home: Path) -> None:
    site = str(home / "home.yaml")
    assert invoke("lab", site, "--port", "5222", "--broker", "prosody")[0] == 2
    code, text, _ = invoke("lab", site, "--simulate", "--except", "HP9")
    assert code == 2
    assert "there is no device HP9" in text


def test_a_site_with_faults_is_not_started(home: Path) -> None:
    table = home / "heatpump.csv"
    table.write_text(table.read_text().replace("TotW", "TotX"))
    _, _, error = invoke("lab", str(home / "home.yaml"))
    assert isinstance(error, JanusGridError)
    assert str(error).startswith(f"{table}:2: HP1: HP1DER/MMXU1 has no TotX")


def test_a_program_checks_a_site(home: Path) -> None:
    site = str(home / "home.yaml")
    code, text, _ = invoke("site", "check", "--json", site)
    assert (code, json.loads(text)) == (0, {"valid": True, "faults": []})
    table = home / "heatpump.csv"
    table.write_text(table.read_text().replace("float,kW", "float,kw"))
    code, text, _ = invoke("site", "check", "--json", site)
    assert code == 1
    (fault,) = json.loads(text)["faults"]
    assert fault == {"where": f"{table}:2", "message": "unit: unknown unit 'kw': did you mean kW?"}


def test_a_new_site_is_whole_and_stands_alone(tmp_path: Path) -> None:
    folder = tmp_path / "plant"
    assert invoke("site", "new", str(folder))[0] == 0
    table = folder / "iec61850" / "generator.csv"
    table.write_text(table.read_text().replace("TotW", "TotX"))  # it is this table that is used
    code, text, _ = invoke("site", "check", str(folder / "site.yaml"))
    assert code == 1
    assert text.count(f"{table}:2: DG") == 2
    _, _, error = invoke("site", "new", str(folder))
    assert isinstance(error, LocalError)
    assert "it is not empty" in str(error)


def test_a_reader_that_has_seen_enough_ends_it(tmp_path: Path) -> None:
    """As in `janusgrid lab … --json - | head`."""
    site = str(resource("mappings/sites/microgrid.yaml"))
    with start(tmp_path, "lab", site, "--simulate", "--json", "-") as lab:
        assert lab.stdout is not None
        assert lab.stderr is not None
        assert json.loads(lab.stdout.readline())["state"] in {"here", "absent"}
        lab.stdout.close()
        said = lab.stderr.read()
        assert lab.wait(60) == 0, said
    assert "Traceback" not in said
    assert not (tmp_path / "lab").exists()
