"""`janusgrid ied` as people and programs run it: a server in a process of its own, over TCP and over XMPP."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from janusgrid.common.security.authority import Authority
from janusgrid.common.xmpp.login import Login
from janusgrid.common.xmpp.servers.process import free_port
from janusgrid.iec61850 import read_scl, write_cid

from tests.brokers import start_broker
from tests.cli.inside import call

HOME = Path(__file__).resolve().parents[2] / "examples" / "tutorial"


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from janusgrid.cli import main; main()", "ied", *arguments],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environment,
    )  # fmt: skip


def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    process = start(*arguments, **environment)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> int:
    process.send_signal(number)
    try:
        return process.wait(timeout=20)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def target(files: Path) -> Iterator[str]:
    """A server of the tutorial's heat pump, on a free port."""
    options = ("--tcp", "127.0.0.1:0", "--accept", "--files", str(files), "--writable", "--json")
    process = start("serve", str(HOME / "HP1.cid"), *options)
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())["tcp"]
    assert stop(process) == 0


def test_browse_and_read(target: str) -> None:
    assert run("browse", target) == (0, "HP1DER\n", "")
    code, out, _ = call("browse", target, "-r", "--json", "HP1DER/LLN0.Beh")
    assert code == 0
    assert {"reference": "HP1DER/LLN0.Beh.stVal", "fc": "ST", "type": "INT8"} in json.loads(out)
    code, out, _ = call("read", target, "HP1DER/LLN0.Beh")
    assert code == 0
    assert any(line.startswith("HP1DER/LLN0.Beh.q good") for line in out.splitlines())
    code, out, _ = call("read", target, "--json", "HP1DER/LLN0.Beh.q", "HP1DER/LLN0.NamPlt.vendor")
    assert code == 0
    assert json.loads(out)["HP1DER/LLN0.Beh.q"] == "good"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("read", "TARGET", "HP1DER/LLN0.Bah"), 1, "Beh"),
        (("read", "tcp://127.0.0.1:1", "A/B"), 1, "no connection"),
        (("read", "xmpp:a@b", "A/B"), 1, "--account FILE"),
        (("read", "ftp://a", "A/B"), 1, "tcp://host"),
        (("files", "TARGET", "get", "../secret"), 1, "parameter-value-inappropriate"),
        (("files", "TARGET", "rename", "a"), 2, "takes 2 names"),
        (("serve", str(HOME / "HP1.cid"), "--tcp", "nowhere"), 1, "HOST:PORT"),
        (("serve", str(HOME / "HP1.cid"), "--writable"), 2, "--files"),
    ],
)
def test_errors_are_one_line(target: str, arguments: tuple[str, ...], code: int, said: str) -> None:
    found, out, err = call(*(target if each == "TARGET" else each for each in arguments))
    assert (found, out) == (code, "")
    assert said in err
    assert code == 2 or len(err.splitlines()) == 1


def test_files(target: str, files: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("new")
    assert call("files", target, "put", str(tmp_path / "new.txt"))[0] == 0
    assert (files / "new.txt").read_text() == "new"
    _, out, _ = call("files", target, "--json")
    assert [(each["name"], each["size"]) for each in json.loads(out)] == [("new.txt", 3)]
    assert call("files", target, "rename", "new.txt", "old.txt") == (0, "", "")
    assert call("files", target, "get", "old.txt", "-") == (0, "new", "")
    assert call("files", target, "get", "old.txt", str(tmp_path / "copy.txt"))[0] == 0
    assert (tmp_path / "copy.txt").read_text() == "new"
    assert call("files", target, "delete", "old.txt")[0] == 0
    assert list(files.iterdir()) == []


async def test_over_xmpp(tmp_path: Path) -> None:
    async with start_broker("embedded", "hp1", "ems") as broker:
        for user in ("hp1", "ems"):
            jid = f"{user}@{broker.domain}/IEC"
            account = Login(jid, f"secret of {user}", broker.host, broker.port, Path(broker.ca))
            account.save(tmp_path / f"{user}.yaml")
        process = await asyncio.to_thread(
            start, "serve", str(HOME / "HP1.cid"), "--xmpp", str(tmp_path / "hp1.yaml"), "--json",
            "--security", "allowed", *protection(tmp_path, "hp1", broker.domain), "--validate",
        )  # fmt: skip
        assert process.stdout is not None
        target = json.loads(await asyncio.to_thread(process.stdout.readline))["xmpp"]
        assert target == f"xmpp:hp1@{broker.domain}/IEC"
        found = await asyncio.to_thread(run, "browse", target, "--account", str(tmp_path / "ems.yaml"))
        assert found == (0, "HP1DER\n", "")
        options = ("--account", str(tmp_path / "ems.yaml"), *protection(tmp_path, "ems", broker.domain), "--validate")
        code, out, err = await asyncio.to_thread(run, "browse", target, *options)
        assert (code, out) == (0, "HP1DER\n")
        assert re.search(r"sent: [1-9]\d* PDUs, 0 of them not valid\nreceived: [1-9]\d* PDUs, 0 of", err)
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.to_thread(process.communicate, timeout=30)
        assert (process.returncode, err.count(", 0 of them not valid")) == (0, 2)


def protection(folder: Path, user: str, domain: str) -> tuple[str, ...]:
    """Return the options of end-to-end security with a new certificate."""
    issued = Authority.of(folder / "certificates").issue(user, addresses=[f"{user}@{domain}"])
    return (
        "--certificate", str(issued.certificate), "--certificate-key", str(issued.key),
        "--authorities", str(issued.authority),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--security", "required"), "--certificate-key and --authorities"),
        (("--certificate", __file__), "--certificate-key and --authorities"),
        (("--security", "off", "--certificate", __file__), "no end-to-end security"),
        (("--suite", "clear"), "no end-to-end security"),
        (("--schema", __file__), "--validate"),
        (("--validate",), "for XMPP"),
    ],
)
def test_protection_that_does_not_go_together(options: tuple[str, ...], said: str) -> None:
    for command in (("browse", "tcp://127.0.0.1:1"), ("serve", str(HOME / "HP1.cid"))):
        code, out, err = call(*command, *options)
        assert (code, out) == (2, "")
        assert said in " ".join(err.split())


def test_watch_and_write(target: str) -> None:
    code, out, err = call("watch", target, "HP1DER/LLN0.urcbMeas", "--count", "1", "--json")
    assert code == 0, err
    update = json.loads(out)
    assert set(update["values"]) == {"HP1DER/MMXU1.TotW", "HP1DER/STMP1.Tmp"}
    assert update["reasons"]["HP1DER/STMP1.Tmp"] == ["general-interrogation"]
    assert call("write", target, "HP1DER/STMP1.AlmSet.setMag.f", "65.5") == (0, "", "")
    assert call("read", target, "HP1DER/STMP1.AlmSet.setMag.f") == (
        0,
        "HP1DER/STMP1.AlmSet.setMag.f 65.5\n",
        "",
    )
    code, _, err = call("write", target, "HP1DER/STMP1.AlmSet.setMag.f", "warm")
    assert code == 1
    assert "warm" in err


def test_ctrl_c_ends_a_watch(target: str) -> None:
    process = start("watch", target, "HP1DER/LLN0.urcbMeas")
    assert process.stdout is not None
    assert "general-interrogation" in process.stdout.readline()
    assert stop(process) == 0


@pytest.mark.parametrize("arguments", [("watch", "HP1DER/LLN0.urcbMeas"), ("browse", "-r", "HP1DER")])
def test_nobody_reads_any_more(target: str, arguments: tuple[str, ...]) -> None:
    """As in `janusgrid ied … | head`: that is no error."""
    process = start(arguments[0], target, *arguments[1:])
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    assert (process.wait(20), said) == (0, "")


def test_the_file_says_where_a_server_is_and_who(tmp_path: Path) -> None:
    """Address, port, selectors and AP title are those of the file, at both ends; the password is in the environment."""
    port = free_port()
    model = read_scl(HOME / "HP1.cid").model
    model.addresses = {
        "IP": "127.0.0.1", "MMS-Port": str(port), "OSI-TSEL": "0007", "OSI-SSEL": "0001", "OSI-PSEL": "00000001",
        "OSI-AP-Title": "1,3,9999,7", "OSI-AE-Qualifier": "12",
    }  # fmt: skip
    file = tmp_path / "HP1.cid"
    write_cid(model, file)
    secret = {"JANUSGRID_ACSE_PASSWORD": "secret"}
    process = start("serve", str(file), "--configured", "--json", **secret)
    assert process.stdout is not None
    target = json.loads(process.stdout.readline())["tcp"]
    assert target == f"tcp://127.0.0.1:{port}"
    assert call("browse", f"scl:{file}", "--keep-alive", "0", **secret) == (0, "HP1DER\n", "")
    assert call("browse", f"scl:{file}#HP1", **secret) == (0, "HP1DER\n", "")
    for arguments, environment, said in (
        ((target,), secret, "transport-address-unknown"),
        ((f"scl:{file}",), {}, "authentication"),
        ((f"scl:{file}#HP2",), secret, "HP2"),
        ((f"scl:{tmp_path / 'none.cid'}",), secret, "none.cid"),
    ):
        code, out, err = call("browse", *arguments, **environment)
        assert (code, out) == (1, "")
        assert said in err
    assert stop(process) == 0


def test_operate(shared: Path) -> None:
    file = shared / "reference/iec61850/scl/libiec61850_simpleIO_direct_control.cid"
    process = start("serve", str(file), "--tcp", "127.0.0.1:0", "--accept", "--json")
    assert process.stdout is not None
    target = json.loads(process.stdout.readline())["tcp"]
    control = "simpleIOGenericIO/GGIO1.SPCSO1"
    assert call("operate", target, control, "true") == (0, "", "")
    assert call("read", target, f"{control}.stVal") == (0, f"{control}.stVal true\n", "")
    code, _, err = call("operate", target, control, "7")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert stop(process) == 0
