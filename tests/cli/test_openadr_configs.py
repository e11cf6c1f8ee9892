"""Configurations of `janusgrid vtn` and `ven`: every fault with its line and column, before anything is started."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from janusgrid.cli.openadr.ven_config import PointEntry, ReadingsEntry, ReportEntry, VenFile
from janusgrid.cli.openadr.vtn_config import PartyEntry, PlanEntry, VtnFile
from janusgrid.cli.openadr.way import Http
from janusgrid.common.security.entry import SigningEntry

from tests.cli.programs import call
from tests.openadr.binding.ways import Certificates

VTN = """\
vtn: utility
http:
  listen: 127.0.0.1:8080
  plain: true
parties:
  - name: site
    identity: "*"
"""

VEN = """\
ven: site
vtn: http://127.0.0.1:8080
http: {plain: true}
reports:
  - id: meter
    points:
      - rid: pcc.p
        unit: kW
        value: 1
"""


def check(role: str, text: str, folder: Path) -> tuple[int, str]:
    file = folder / f"{role}.yaml"
    file.write_text(text)
    code, out = call(role, str(file), "--check")
    return code, out.replace(f"{folder}/", "")


def test_good_ones(tmp_path: Path) -> None:
    assert check("vtn", VTN, tmp_path) == (0, "vtn.yaml: VTN utility, 1 party, no fault\n")
    assert check("ven", VEN, tmp_path) == (0, "ven.yaml: VEN site, 1 report, no fault\n")


@pytest.mark.parametrize(
    ("good", "bad", "where", "said"),
    [
        ("  plain: true\n", "", "3:3", "certificate and key"),
        ("127.0.0.1:8080", "nowhere", "3:11", "HOST:PORT"),
        ("127.0.0.1:8080", "a:99999", "3:11", "HOST:PORT"),
        ("  listen: 127.0.0.1:8080\n", "", "3:3", "a VTN listens"),
        ('"*"', "site", "7:15", "no bare JID and no fingerprint"),
        ('"*"', '""', "7:15", "nobody is named"),
        ("listen", "lisen", "3:3", "did you mean 'listen'"),
        ("parties", "telemetry: {names: [USAGE]}\nparties", "5:21", "'USAGE' is no report"),
        ("parties", "telemetry: {every: 0.5s}\nparties", "5:12", "whole number of seconds"),
        ("parties", "poll: 100ms\nparties", "5:7", "one at least"),
        ("parties", "log: loud\nparties", "5:6", "'warning'"),
        ("parties", "xmpp: account.yaml\nparties", "5:7", "account.yaml: cannot read"),
        ("  plain: true\n", "  plain: true\n  key: a.key\n", "5:8", "plain is without TLS"),
        ("  plain: true\n", "  certificate: a.pem\n  key: b.key\n", "4:16", "no file 'a.pem'"),
        ('  - name: site\n    identity: "*"\n', "  []\n", "6:3", "no VEN may register"),
    ],
)
def test_faults_of_a_vtn(good: str, bad: str, where: str, said: str, tmp_path: Path) -> None:
    assert good in VTN
    code, out = check("vtn", VTN.replace(good, bad), tmp_path)
    assert code == 1
    assert f"vtn.yaml:{where}: " in out
    assert said in out


@pytest.mark.parametrize(
    ("good", "bad", "where", "said"),
    [
        ("kW", "kw", "8:15", "unknown unit 'kw' (kW)"),
        ("http://127", "https://127", "2:6", "https is spoken with certificates"),
        ("http: {plain: true}\n", "", "2:6", "a JID by xmpp"),
        ("http://127.0.0.1:8080", "vtn@a.example/vtn", "2:6", "a JID by xmpp"),
        ("        value: 1\n", "", "1:1", "nothing says what pcc.p is"),
        ("id: meter", "id: meter\n    name: USAGE", "6:11", "'USAGE' is no report"),
        ("value: 1", "value: 1\n        min: 2h", "5:5", "cannot be sampled from 2:00:00"),
        ("value: 1", "value: 1\n        type: power", "10:15", "'setPoint'"),
        ("reports", "answer: yes\nreports", "4:9", "'optIn'"),
        ("reports", "signals: [LOAD]\nreports", "4:11", "'LOAD' is no signal"),
        ("reports", "fingerprint: abc\nreports", "4:14", "no fingerprint"),
        ("reports", "readings: {csv: a.csv}\nreports", "a.csv", "cannot read"),
    ],
)
def test_faults_of_a_ven(good: str, bad: str, where: str, said: str, tmp_path: Path) -> None:
    assert good in VEN
    code, out = check("ven", VEN.replace(good, bad), tmp_path)
    assert code == 1
    assert where in out
    assert said in out


def test_several_faults_are_told_at_once(tmp_path: Path) -> None:
    code, out = check("vtn", VTN.replace("127.0.0.1:8080", "x").replace('"*"', "y"), tmp_path)
    assert code == 1
    assert [line.split(": ")[0] for line in out.splitlines()] == ["vtn.yaml:3:11", "vtn.yaml:7:15"]


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    certificates.of("a")
    certificates.of("b")
    secure = "  certificate: a.pem\n  key: {}.key\n  authorities: authority.pem\n"
    assert check("vtn", VTN.replace("  plain: true\n", secure.format("a")), tmp_path)[0] == 0
    code, out = check("vtn", VTN.replace("  plain: true\n", secure.format("b")), tmp_path)
    assert code == 1
    assert "the certificate and its key cannot be used" in out


def test_without_check_the_first_fault_ends_it(tmp_path: Path) -> None:
    (tmp_path / "vtn.yaml").write_text("vtn: 1")
    code, out = call("vtn", str(tmp_path / "vtn.yaml"))
    assert code == 1
    assert "vtn.yaml:1:6: $.vtn: expected text" in out


@pytest.mark.parametrize(
    "kind",
    [VtnFile, PartyEntry, PlanEntry, VenFile, ReportEntry, PointEntry, ReadingsEntry, Http, SigningEntry],
    ids=lambda kind: kind.__name__,
)
def test_every_key_is_in_the_reference(kind: type) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "openadr-programs.md").read_text()
    for name in attrs.fields_dict(kind):
        assert f"`{name}`" in page, name
