"""`janusgrid vtn` and `janusgrid ven` as people run them, and the commands that direct them."""

from __future__ import annotations

import json
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from janusgrid.common.xmpp.login import Login

from tests.brokers import start_broker
from tests.cli.programs import Program, call
from tests.openadr.binding.ways import Certificates

pytestmark = pytest.mark.xdist_group("openadr programs")  # one VTN and one VEN serve them in turn

VTN = """\
vtn: utility
http: {listen: "127.0.0.1:0", plain: true}
parties:
  - {name: site, identity: "*", resources: [pump], groups: [north]}
telemetry: {granularity: 1s, every: 1s}
poll: 1s
store: vtn.db
"""

VEN = """\
ven: site
vtn: ADDRESS
http: {plain: true}
reports:
  - id: meter
    points:
      - {rid: pcc.p, unit: kW, value: 1900}
      - {rid: pcc.e, unit: kWh, value: 12.5}
resources: [pump]
answer: optIn
store: ven.db
"""


def ask(folder: Path, *words: str, at: str = "vtn") -> Any:
    code, out = call("openadr", *words, "--json", "--at", str(folder / f"{at}.yaml"))
    assert code == 0, out
    return json.loads(out)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Program, Program]]:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "vtn.yaml").write_text(VTN)
    with Program("vtn", "vtn.yaml", folder=folder) as vtn:
        up = vtn.wait("up")
        (folder / "ven.yaml").write_text(VEN.replace("ADDRESS", up["addresses"][0]))
        with Program("ven", "ven.yaml", folder=folder) as ven:
            ven.wait("registered")
            vtn.wait("offered", ven="site", offers=["meter"])
            yield folder, vtn, ven


def test_telemetry_arrives_in_its_unit(lab: tuple[Path, Program, Program]) -> None:
    _, vtn, _ = lab
    found = vtn.wait("sample", rid="pcc.p")
    assert (found["ven"], found["value"], found["unit"]) == ("site", 1900.0, "kW")
    assert vtn.wait("sample", rid="pcc.e")["unit"] == "kWh"


def test_only_the_owner_can_direct_a_program(lab: tuple[Path, Program, Program]) -> None:
    for name in ("vtn.sock", "ven.sock"):
        assert stat.S_IMODE((lab[0] / name).stat().st_mode) == 0o600


def test_who_is_there(lab: tuple[Path, Program, Program]) -> None:
    (site,) = ask(lab[0], "ven", "list")
    assert (site["name"], site["reports"], site["address"]) == ("site", ["meter"], None)
    assert ask(lab[0], "state", at="ven")["ven_id"] == site["ven_id"]


def test_the_life_of_an_event(lab: tuple[Path, Program, Program]) -> None:
    folder, vtn, ven = lab
    (made,) = ask(folder, "event", "create", "site", "--value", "1000", "--start", "+1h", "--for", "30min",
                  "--id", "EV1", "--market", "http://a.example/", "--wait", "20")  # fmt: skip
    assert made["signals"] == ["LOAD_DISPATCH setpoint 1000 kW"]
    assert (made["for"], made["status"], made["opt"], made["answered"]) == ("PT30M", "far", {"site": "optIn"}, True)
    assert ven.wait("event", event_id="EV1")["change"] == "new"
    changed = ask(folder, "event", "modify", "EV1", "--value", "10min=900", "--value", "20min=800", "--reason", "less")
    assert (changed["modification"], changed["for"], changed["opt"]) == (1, "PT30M", {"site": None})
    found = ven.wait("event", event_id="EV1", change="modified")
    assert found["event_signals"] == ["LOAD_DISPATCH setpoint 900,800 kW"]
    vtn.wait("opted", event_id="EV1", modification=1, opt="optIn")
    assert ask(folder, "opt", "out", "EV1", at="ven") == {"id": "EV1", "opt": "optOut"}
    vtn.wait("opted", event_id="EV1", opt="optOut")
    (known,) = ask(folder, "event", "list", at="ven")
    assert (known["id"], known["opt"], known["modification"]) == ("EV1", "optOut", 1)
    shown = ask(folder, "event", "show", "EV1")["message"]
    (folder / "event.xml").write_text(shown.replace(">900", ">700"))
    changed = ask(folder, "event", "modify", "EV1", "--file", str(folder / "event.xml"))
    assert changed["signals"] == ["LOAD_DISPATCH setpoint 700,800 kW"]
    cancelled = ask(folder, "event", "cancel", "EV1", "--reason", "rain")
    assert (cancelled["status"], cancelled["modification"]) == ("cancelled", 3)
    ven.wait("event", event_id="EV1", change="cancelled")
    assert ask(folder, "event", "list") == []
    assert [each["id"] for each in ask(folder, "event", "list", "--all")] == ["EV1"]


def test_an_event_of_several_levels_for_a_resource(lab: tuple[Path, Program, Program]) -> None:
    folder, _, ven = lab
    ask(folder, "event", "create", "site", "--signal", "SIMPLE", "--value", "10min=1", "--value", "20min=2",
        "--start", "+2h", "--id", "EV2", "--market", "http://b.example/", "--random", "5min",
        "--test", "--resource", "pump")  # fmt: skip
    found = ven.wait("event", event_id="EV2")
    assert (found["event_signals"], found["event_test"]) == (["SIMPLE level 1,2"], True)
    shown = ask(folder, "event", "show", "EV2")["message"]
    assert "startafter>PT5M" in shown
    assert "resourceID>pump" in shown


def test_an_event_for_whom_it_may_concern(lab: tuple[Path, Program, Program]) -> None:
    folder, _, _ = lab
    (made,) = ask(folder, "event", "create", "--group", "north", "--value", "1", "--start", "+9h", "--wait", "20")
    assert list(made["opt"]) == ["site"]
    code, out = call("openadr", "event", "create", "--group", "south", "--value", "1", "--at", str(folder / "vtn.yaml"))
    assert (code, "no" in out) == (1, True)


def test_reports_are_asked_for(lab: tuple[Path, Program, Program]) -> None:
    folder, _, ven = lab
    (offered,) = ask(folder, "report", "list")
    assert offered["points"] == {"pcc.p": "kW", "pcc.e": "kWh"}
    made = ask(folder, "report", "request", "site", "meter", "--rid", "pcc.e", "--granularity", "2s", "--every", "4s")
    assert ven.wait("asked", request=made["request"])["rids"] == ["pcc.e"]
    (offered,) = ask(folder, "report", "list")
    assert made["request"] in [each["request"] for each in offered["requests"]]
    ask(folder, "report", "cancel", "site", made["request"])
    once = ask(folder, "report", "request", "site", "meter")
    assert ven.wait("asked", request=once["request"])["every"] == "PT0S"
    assert made["request"] not in ask(folder, "state", at="ven")["reports"]


def test_a_ven_says_when_it_is_available(lab: tuple[Path, Program, Program]) -> None:
    folder, vtn, _ = lab
    said = ask(folder, "opt", "schedule", "out", "--from", "2030-01-01T00:00Z", "--for", "8h", "--reason", "economic",
               at="ven")  # fmt: skip
    assert (said["opt"], said["of"]) == ("optOut", "2030-01-01T00:00:00+00:00 for PT8H")
    assert vtn.wait("opt", ven="site")["reason"] == "economic"
    assert [each["id"] for each in ask(folder, "opt", "list")] == [said["id"]]
    assert [each["accepted"] for each in ask(folder, "opt", "list", at="ven")] == [True]
    ask(folder, "opt", "cancel", said["id"], at="ven")
    vtn.wait("opt-canceled", ven="site", id=said["id"])
    assert ask(folder, "opt", "list") == []


QUERY = """\
<oadrPayload xmlns="http://openadr.org/oadr-2.0b/2012/07"><oadrSignedObject>
<oadrQueryRegistration xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110" ei:schemaVersion="2.0b">
<requestID xmlns="http://docs.oasis-open.org/ns/energyinterop/201110/payloads">Q1</requestID>
</oadrQueryRegistration></oadrSignedObject></oadrPayload>"""


def test_any_message_is_sent_and_its_answer_printed(lab: tuple[Path, Program, Program]) -> None:
    folder, vtn, _ = lab
    address = next(each for each in vtn.said if each["event"] == "up")["addresses"][0]
    query, poll = folder / "query.xml", folder / "poll.xml"
    query.write_text(QUERY)
    poll.write_text(
        QUERY.replace("QueryRegistration", "Poll")
        .replace("Q1</requestID>", "V9</venID>")
        .replace('<requestID xmlns="http://docs.oasis-open.org/ns/energyinterop/201110/payloads">', "<ei:venID>")
        .replace("V9</venID>", "V9</ei:venID>")
    )
    code, out = call("openadr", "send", str(query), "--to", address)
    assert code == 0, out
    assert "vtnID>utility<" in out
    assert "requestID>Q1<" in out
    code, out = call("openadr", "send", str(poll), "--to", address)
    assert code == 1
    assert "463" in out
    for words, said in (
        (("--to", "https://a.example"), "https needs --cert and --key"),
        (("--to", "vtn@a.example/vtn"), "--account FILE"),
        (("--to", "vtn@a.example/vtn", "--cert", str(poll)), "--cert: not for XMPP"),
        (("--to", "ftp://a.example"), "http://, https:// or a JID"),
        (("--to", "nobody"), "http://, https:// or a JID"),
        (("--to", "http://127.0.0.1:1"), "127.0.0.1:1: Connection refused"),
    ):
        code, out = call("openadr", "send", str(query), *words)
        assert code, words
        assert said in out


def test_a_registration_is_renewed_and_ends(lab: tuple[Path, Program, Program]) -> None:
    folder, vtn, ven = lab
    ask(folder, "ven", "reregister", "site")
    ven.wait("registered")
    ask(folder, "poll", at="ven")
    ask(folder, "leave", at="ven")
    vtn.wait("deregistered", ven="site")
    assert ask(folder, "ven", "list") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("event", "create", "nobody", "--value", "1"), "no such VEN"),
        (("event", "cancel", "EV77"), "EV77"),
        (("event", "create", "site"), "--value"),
        (("event", "create", "site", "--value", "x"), "LENGTH=NUMBER"),
        (("event", "create", "site", "--value", "1", "--signal", "LOAD"), "LOAD_DISPATCH"),
        (("event", "create", "site", "--value", "1", "--start", "soon"), "no time"),
        (("event", "create", "site", "--value", "1", "--for", "1 year"), "no"),
        (("report", "request", "nobody", "meter"), "no such VEN"),
        (("state",), "this is a VTN, which cannot do 'state'"),
    ],
)
def test_what_cannot_be_done_is_said(lab: tuple[Path, Program, Program], words: tuple[str, ...], said: str) -> None:
    code, out = call("openadr", *words, "--at", str(lab[0] / "vtn.yaml"))
    assert code
    assert said in out


def test_a_program_is_found_in_its_directory(
    lab: tuple[Path, Program, Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lab[0])
    status, told = call("openadr", "ven", "list")
    assert status == 0
    assert told == "nobody is registered\n" or told.startswith("site ")  # as the tests before have left it
    assert call("openadr", "state")[0] == 0
    monkeypatch.chdir(tmp_path)
    assert "no VTN runs in this directory" in call("openadr", "ven", "list")[1]
    assert "no VTN or VEN runs in this directory" in call("openadr", "event", "list")[1]
    assert "there (No such file or directory): is it running?" in call("openadr", "ven", "list", "--at", "vtn.sock")[1]


def test_one_program_for_one_configuration(lab: tuple[Path, Program, Program]) -> None:
    folder = lab[0]
    (folder / "second.yaml").write_text(VTN.replace("store: vtn.db", "control: vtn.sock"))
    with (
        Program("vtn", "second.yaml", folder=folder) as second,
        pytest.raises(AssertionError, match="runs already"),
    ):
        second.wait("up")
    before = _files(folder)
    for role in ("vtn", "ven"):
        code, said = call(role, str(folder / f"{role}.yaml"))
        assert (code, "runs already" in said, "Address already in use" in said) == (1, True, False)
        code, said = call(role, str(folder / f"{role}.yaml"), "--check")
        assert (code, said.endswith("no fault; a program with it runs already\n")) == (0, True)
    assert _files(folder) == before


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_both_end_in_good_order_and_go_on(lab: tuple[Path, Program, Program]) -> None:
    folder, vtn, ven = lab
    before = [each["id"] for each in ask(folder, "event", "list", "--all")]
    assert ven.end(signal.SIGINT) == (0, "")
    code, err = vtn.end()
    assert (code, err) == (0, "")
    assert not list(folder.glob("*.sock"))
    (folder / "vtn.sock").touch()
    assert "cannot be made" in _fails("vtn", "vtn.yaml", folder)
    (folder / "vtn.sock").unlink()
    with Program("vtn", "vtn.yaml", folder=folder) as again:
        again.wait("up")
        assert [each["id"] for each in ask(folder, "event", "list", "--all")] == before


def _fails(*arguments: str) -> str:
    *words, folder = arguments
    with Program(*words, folder=Path(folder)) as program, pytest.raises(AssertionError) as found:
        program.wait("up")
    return str(found.value)


def test_over_https_with_fingerprints_and_push(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    for user in ("vtn", "ems"):
        certificates.of(user)
    https = "http: {{certificate: {0}.pem, key: {0}.key, authorities: authority.pem, listen: '127.0.0.1:0'}}"
    mark = certificates.fingerprint("ems")
    (tmp_path / "vtn.yaml").write_text(
        f"vtn: utility\n{https.format('vtn')}\nparties: [{{name: site, identity: '{mark}'}}]\n"
    )
    with Program("vtn", "vtn.yaml", folder=tmp_path) as vtn:
        (address,) = vtn.wait("up")["addresses"]
        assert address.startswith("https://")
        (tmp_path / "ven.yaml").write_text(
            f"ven: site\nvtn: {address}\nfingerprint: '{certificates.fingerprint('vtn')}'\n{https.format('ems')}\n"
        )
        with Program("ven", "ven.yaml", folder=tmp_path) as ven:
            found = vtn.wait("registered", ven="site")
            assert found["address"].startswith("https://127.0.0.1")
            assert found["identity"] == mark
            ven.wait("registered")
            (made,) = ask(tmp_path, "event", "create", "site", "--value", "1", "--wait", "20")
            assert made["opt"] == {"site": "optOut"}  # who says nothing in the configuration takes no part
            code, out = call("openadr", "poll", "--at", str(tmp_path / "ven.yaml"))
            assert (code, "does not poll" in out) == (1, True)


def test_signed_messages(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    for user in ("vtn", "ems"):
        certificates.of(user)
    signing = "signing: {{certificate: {0}.pem, key: {0}.key, authorities: authority.pem, mode: required}}"
    https = "http: {{certificate: {0}.pem, key: {0}.key, authorities: authority.pem{1}}}"
    mark = certificates.fingerprint("ems")
    (tmp_path / "vtn.yaml").write_text(
        f"vtn: utility\n{https.format('vtn', LISTEN)}\n"
        f"poll: 1s\nparties: [{{name: site, identity: '{mark}'}}]\n{signing.format('vtn')}\n"
    )
    with Program("vtn", "vtn.yaml", folder=tmp_path) as vtn:
        (address,) = vtn.wait("up")["addresses"]
        (tmp_path / "ven.yaml").write_text(
            f"ven: site\nvtn: {address}\nfingerprint: '{certificates.fingerprint('vtn')}'\n"
            f"{https.format('ems', '')}\n{signing.format('ems')}\nanswer: optIn\n"
        )
        with Program("ven", "ven.yaml", folder=tmp_path) as ven:
            ven.wait("registered")
            (made,) = ask(tmp_path, "event", "create", "site", "--value", "1", "--wait", "20")
            assert made["opt"] == {"site": "optIn"}
            (site,) = ask(tmp_path, "ven", "list")
            assert site["signs"] is True


LISTEN = ", listen: '127.0.0.1:0'"


async def test_over_xmpp(tmp_path: Path) -> None:
    async with start_broker("embedded", "vtn", "ems") as broker:
        for user in ("vtn", "ems"):
            login = Login(f"{user}@{broker.domain}/{user}", f"secret of {user}", broker.host, broker.port, broker.ca)
            login.save(tmp_path / f"{user}-account.yaml")
        (tmp_path / "vtn.yaml").write_text(
            f"vtn: utility\nxmpp: vtn-account.yaml\nparties: [{{name: site, identity: ems@{broker.domain}}}]\n"
        )
        (tmp_path / "ven.yaml").write_text(
            f"ven: site\nvtn: vtn@{broker.domain}/vtn\nxmpp: ems-account.yaml\nanswer: ask\n"
        )
        await _over_xmpp(tmp_path)


async def _over_xmpp(folder: Path) -> None:
    import asyncio

    def work() -> None:
        with Program("vtn", "vtn.yaml", folder=folder) as vtn:
            vtn.wait("up")
            with Program("ven", "ven.yaml", folder=folder) as ven:
                ven.wait("registered")
                (made,) = ask(folder, "event", "create", "site", "--value", "1")
                assert ven.wait("event")["opt"] is None
                ask(folder, "opt", "in", made["id"], at="ven")
                assert vtn.wait("opted")["opt"] == "optIn"

    await asyncio.to_thread(work)
