"""`janusgrid cert`, as a person runs it."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
from click.testing import CliRunner
from janusgrid.cli import cli
from janusgrid.common.errors import LocalError
from janusgrid.common.security import Credentials, fingerprint
from janusgrid.common.security.roles import Grant, grants
from janusgrid.common.security.signing import Certificate, signing_key


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["cert", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_made_shown_checked_and_revoked(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    text = run("make", "vtn", "--host", "vtn.example", "--folder", lab)
    assert f"certificate: {lab / 'vtn.pem'}" in text
    made = json.loads(run("make", "site", "--kind", "rsa", "--folder", lab, "--json"))
    der = ssl.PEM_cert_to_DER_cert((lab / "site.pem").read_text())
    assert made["fingerprint"] == fingerprint(der)
    (lab / "site.der").write_bytes(der)

    shown = run("fingerprint", lab / "vtn.pem", lab / "site.der").splitlines()
    assert [line.split()[1] for line in shown] == ["vtn", "site"]
    (row,) = json.loads(run("fingerprint", lab / "site.der", "--json"))
    assert row["fingerprint"] == made["fingerprint"]
    assert bytes.fromhex(row["sha256"])[-10:].hex(":").upper() == made["fingerprint"]

    trusted = ("--authorities", lab / "authority.pem")
    assert "vtn < JanusGrid laboratory" in run("check", lab / "vtn.pem", "--key", lab / "vtn.key", *trusted)
    revoked = Path(run("revoke", "site", "--folder", lab).strip())
    assert "was revoked" in run("check", lab / "site.pem", *trusted, "--revoked", revoked, code=1)
    found = json.loads(run("check", lab / "vtn.pem", *trusted, "--revoked", revoked, "--json"))
    assert found["good"]
    assert found["certificate"]["hosts"] == ["vtn.example"]
    with pytest.raises(LocalError, match="already"):
        run("make", "vtn", "--folder", lab)


def test_made_for_a_role_and_an_account(tmp_path: Path) -> None:
    asked = ("--jid", "ems@plant.test", "--role", "operator", "--role", "-17", "--area", "north", "--folder", tmp_path)
    made = json.loads(run("make", "ems", *asked, "--json"))
    (found, *_) = signing_key(Credentials(made["certificate"], made["key"])).chain
    assert grants(Certificate(found, "", (), ())) == (Grant((1, -17), "north"),)
    shown = json.loads(run("check", made["certificate"], "--authorities", made["authority"], "--json"))
    assert shown["good"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--role", "king", "viewer, operator"), ("--role", "7", "no role"), ("--jid", "a@b/c", "without a resource"),
     ("--jid", f"{'a' * 120}@plant.test", "127 octets")],
)  # fmt: skip
def test_no_role_and_no_account(tmp_path: Path, option: str, value: str, said: str) -> None:
    with pytest.raises(LocalError, match=said):
        run("make", "ems", option, value, "--folder", tmp_path)
    assert not (tmp_path / "ems.pem").exists()


def test_an_area_goes_with_a_role(tmp_path: Path) -> None:
    assert "--area goes with --role" in run("make", "ems", "--area", "north", "--folder", tmp_path, code=2)
