"""Configurations of `janusgrid vtn` and `ven`: every fault with its line and column, before anything is started."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from janusgrid.cli.openadr.limits import LimitsEntry
from janusgrid.cli.openadr.reports import HistoryEntry, PlanEntry, PointEntry, ReadingsEntry, ReportEntry
from janusgrid.cli.openadr.ven_config import VenFile
from janusgrid.cli.openadr.vtn_config import PartyEntry, VtnFile
from janusgrid.cli.openadr.way import Http, RetryEntry
from janusgrid.common.security.entry import SigningEntry
from janusgrid.openadr.binding.http_door import HttpLimits

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


@pytest.mark.parametrize("role", ["vtn", "ven"])
def test_the_store_is_looked_at_and_nothing_is_made(role: str, tmp_path: Path) -> None:
    text = {"vtn": VTN, "ven": VEN}[role] + "store: kept.db\n"
    assert check(role, text, tmp_path)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{role}.yaml"]
    (tmp_path / "kept.db").write_text("something else, and long enough to be looked at as a database; " * 20)
    code, said = check(role, text, tmp_path)
    assert (code, "the database cannot be used: file is not a database" in said) == (1, True)
    code, said = check(role, text.replace("kept.db", "none/kept.db"), tmp_path)
    assert (code, "nothing can be made in" in said) == (1, True)


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
        ("parties", "reading: loose\nparties", "5:10", "'tolerant'"),
        ("parties", "retry: {first: 5min}\nparties", "5:8", "pauses are above zero and grow"),
        ("parties", "reports: [{id: a, points: [{rid: a}]}]\nparties", "1:1", "nothing says what a is"),
        ("parties", "xmpp: account.yaml\nparties", "5:7", "account.yaml: cannot read"),
        ("  plain: true\n", "  plain: true\n  key: a.key\n", "5:8", "plain is without TLS"),
        ("  plain: true\n", "  plain: true\n  limits: {body: 0}\n", "5:18", "one at least"),
        ("  plain: true\n", "  plain: true\n  limits: {idle: 0s}\n", "5:18", "more than no time"),
        ("  plain: true\n", "  plain: true\n  limits: {idl: 5s}\n", "5:12", "did you mean 'idle'"),
        ("parties", "shared: true\nparties", "5:9", "share a PostgreSQL"),
        ("parties", "shared: true\nstore: a.sqlite\nparties", "6:8", "share a PostgreSQL"),
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
        ("kW", "kw", "8:15", "unknown unit 'kw': did you mean kW?"),
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
        ("plain: true", "plain: true, limits: {body: 1000}", "3:29", "it needs listen"),
        ("reports", "poll: 1500ms\nreports", "4:7", "one at least"),
        ("reports", "reply_limit: 0\nreports", "4:14", "one at least"),
        ("reports", "retry: {longest: 0s}\nreports", "4:8", "pauses are above zero and grow"),
        ("reports", "telemetry: {names: [METADATA_X]}\nreports", "4:21", "'METADATA_X' is no report"),
        ("reports", "telemetry: {granularity: 0.5s}\nreports", "4:12", "whole number of seconds"),
        ("reports", "history: {csv: past.csv}\nreports", "4:16", "no report HISTORY_USAGE is offered"),
        ("reports", "history: {greenbutton: {a: b}}\nreports", "4:28", "'a' is no rID of a report HISTORY_GREENBUTTON"),
        ("id: meter", "id: meter\n    name: HISTORY_USAGE", "5:3", "nothing says what was"),
        ("id: meter", "id: meter\n    name: HISTORY_GREENBUTTON", "8:14", "no feed of pcc.p is named"),
        ("unit: kW", "unit: kW\n        status: true", "8:15", "the state of a resource has no unit"),
        ("value: 1", "value: 1\n        on_change: 5", "10:20", "expected true or false"),
        ("value: 1", "value: 1\n        min: 1s\n        on_chang: true", "11:9", "did you mean 'on_change'"),
    ],
)
def test_faults_of_a_ven(good: str, bad: str, where: str, said: str, tmp_path: Path) -> None:
    assert good in VEN
    code, out = check("ven", VEN.replace(good, bad), tmp_path)
    assert code == 1
    assert where in out
    assert said in out


PAST = VEN.replace("id: meter", "id: meter\n    name: HISTORY_USAGE").replace(
    "reports", "history: {csv: a.csv}\nreports"
)


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("", "a.csv:1", "the first line is `time`"),
        ("time,x\n", "a.csv:1", "'x' is no rID"),
        ("time,pcc.p\nyesterday,1\n", "a.csv:2", "'yesterday' is no time"),
        ("time,pcc.p\n2026-03-25T12:00Z,inf\n", "a.csv:2", "'inf' is no number"),
        ("time,pcc.p\n2026-03-25T12:00Z\n", "a.csv:2", "1 cells under 2"),
        ("time,pcc.p\n2026-03-25T12:00Z,1\n\n2026-03-25T12:00Z,1\n", "a.csv:4", "do not rise"),
        ("time,pcc.p\n2026-03-25T12:00Z,1\n2026-03-25T12:15+00:00,\n", "", "no fault"),
    ],
)
def test_a_past_that_is_none(text: str, where: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    code, out = check("ven", PAST, tmp_path)
    assert code == (0 if said == "no fault" else 1)
    assert where in out
    assert said in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no Green Button feed"),
        ("<feed/>", "it has no espi:interval"),
        ("<!DOCTYPE a><feed/>", "no Green Button feed"),
        ("<e:interval xmlns:e='http://naesb.org/espi'><e:start>x</e:start></e:interval>", "no Green Button feed"),
    ],
)
def test_feeds_that_are_none(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    green = PAST.replace("HISTORY_USAGE", "HISTORY_GREENBUTTON").replace("csv: a.csv", "greenbutton: {pcc.p: a.csv}")
    code, out = check("ven", green, tmp_path)
    assert (code, "a.csv" in out) == (1, True)
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
    [
        VtnFile, PartyEntry, PlanEntry, VenFile, ReportEntry, PointEntry, ReadingsEntry, HistoryEntry, RetryEntry, Http,
        SigningEntry, LimitsEntry,
    ],
    ids=lambda kind: kind.__name__,
)  # fmt: skip
def test_every_key_is_in_the_reference(kind: type) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "openadr-programs.md").read_text()
    for name in attrs.fields_dict(kind):
        assert f"`{name}`" in page, name


def test_limits_that_are_not_given_are_those_of_the_server() -> None:
    assert LimitsEntry().limits() == HttpLimits()


def test_a_vtn_of_many_processes_has_no_reports_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "vtn.yaml").write_text(
        VTN + "store: postgresql://a/b\nshared: true\nreports: [{id: a, points: [{rid: a, value: 1}]}]\n"
    )
    code, out = call("vtn", str(tmp_path / "vtn.yaml"), "--check")
    assert code == 1
    assert "vtn.yaml:10:10: " in out
    assert "offers no reports of its own" in out


def test_the_example_of_the_reference_has_no_fault() -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "reports" / "reports.yaml"
    code, out = call("ven", str(example), "--check")
    assert (code, "3 reports, no fault" in out) == (0, True), out
