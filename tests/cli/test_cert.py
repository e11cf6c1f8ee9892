"""`janusgrid cert`, as a person runs it."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
from click.testing import CliRunner
from janusgrid.cli import cli
from janusgrid.common.errors import LocalError
from janusgrid.common.security import fingerprint


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
