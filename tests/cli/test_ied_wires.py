"""`janusgrid ied` over XMPP, through the embedded broker and Prosody, and over TLS."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import trustme
from janusgrid.common.xmpp.login import Login

from tests.brokers import start_broker

from .inside import call
from .relay import write_relay
from .test_ied import start, stop


@attrs.frozen
class Wire:
    """A served relay: its target, the options that reach it, and where the files of the test are."""

    target: str
    options: tuple[str, ...]
    home: Path

    def call(self, command: str, *arguments: str) -> tuple[int, str, str]:
        return call(command, self.target, *arguments, *self.options)


def xmpp(name: str, home: Path) -> Iterator[list[str]]:
    """Run an XMPP server in a thread of its own; write the accounts, give what `serve` needs."""
    ready, end = threading.Event(), asyncio.Event()
    failed: list[BaseException] = []
    loop = asyncio.new_event_loop()

    async def live() -> None:
        async with start_broker(name, "relay", "ems") as broker:
            for user in ("relay", "ems"):
                jid = f"{user}@{broker.domain}/IEC"
                login = Login(jid, f"secret of {user}", broker.host, broker.port, Path(broker.ca))
                login.save(home / f"{user}.yaml")
            ready.set()
            await end.wait()

    def work() -> None:
        try:
            loop.run_until_complete(live())
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(60)
    if failed:
        raise failed[0]
    try:
        yield ["--xmpp", str(home / "relay.yaml")]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(60)
        loop.close()


def tls(home: Path) -> Iterator[list[str]]:
    """Write certificates; give what `serve` needs."""
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(home / "ca.pem"))
    stranger.cert_pem.write_to_path(str(home / "stranger.pem"))
    for name in ("relay", "ems"):
        issued = authority.issue_cert("127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(str(home / f"{name}.pem"))
        issued.private_key_pem.write_to_path(str(home / f"{name}.key"))
    yield ["--tcp", "127.0.0.1:0", *certificate(home, "relay")]


def certificate(home: Path, name: str, ca: str = "ca") -> list[str]:
    return ["--ca", str(home / f"{ca}.pem"), "--cert", str(home / f"{name}.pem"), "--key", str(home / f"{name}.key")]


@pytest.fixture(scope="module", params=["embedded", "prosody", "tls"])
def wire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    home = tmp_path_factory.mktemp(request.param)
    (home / "files").mkdir()
    opened = tls(home) if request.param == "tls" else xmpp(request.param, home)
    options = next(opened)
    common = ("--accept", "--files", str(home / "files"), "--writable", "--json")
    process = start("serve", str(write_relay(home / "relay.cid")), *options, *common)
    assert process.stdout is not None
    places = json.loads(process.stdout.readline())
    secure = request.param == "tls"
    reach = certificate(home, "ems") if secure else ["--account", str(home / "ems.yaml")]
    yield Wire(places["tcp" if secure else "xmpp"], tuple(reach), home)
    assert stop(process) == 0
    assert next(opened, None) is None


def test_browse_and_read(wire: Wire) -> None:
    assert wire.call("browse") == (0, "R1LD0\n", "")
    code, out, _ = wire.call("browse", "-r", "--json", "R1LD0/MMXU1.TotW")
    assert code == 0
    assert {"reference": "R1LD0/MMXU1.TotW.mag.f", "fc": "MX", "type": "FLOAT32"} in json.loads(out)
    assert wire.call("read", "--json", "R1LD0/LLN0.Beh.q") == (0, '{\n  "R1LD0/LLN0.Beh.q": "good"\n}\n', "")
    code, out, err = wire.call("read", "R1LD0/MMXU1.TtoW")
    assert (code, out) == (1, "")
    assert "TotW" in err
    code, _, err = wire.call("read", "R1LD0/MMXU1.TotW.mag.f", "--fc", "CF")
    assert (code, err) == (
        1, "janusgrid: R1LD0/MMXU1.TotW.mag.f[CF]: 'f' has nothing under CF, but under MX\n",
    )  # fmt: skip


def test_find(wire: Wire) -> None:
    if wire.target.startswith("tcp:"):
        assert call("find", *wire.options)[0] == 2
        return
    assert wire.call("browse")[0] == 0  # by this they have come to see each other
    jid = wire.target.removeprefix("xmpp:")
    found = {"jid": jid, "dialects": ["80-3", "2018"], "name": "JanusGrid"}
    code, out, err = call("find", jid, *wire.options, "--json", "--wait", "60", "--count", "1")
    assert (code, json.loads(out)) == (0, [found]), err
    assert call("find", *wire.options, "--wait", "60", "--count", "1") == (
        0,
        f"{wire.target} 80-3,2018 JanusGrid\n",
        "",
    )


def test_write_operate_and_watch(wire: Wire) -> None:
    assert wire.call("write", "R1LD0/DGEN1.WMax.setMag.f", "65.5") == (0, "", "")
    assert wire.call("read", "R1LD0/DGEN1.WMax.setMag.f") == (0, "R1LD0/DGEN1.WMax.setMag.f 65.5\n", "")
    assert wire.call("operate", "R1LD0/CSWI1.Pos", "true", "--json") == (
        0,
        '{\n  "operated": "R1LD0/CSWI1.Pos"\n}\n',
        "",
    )
    code, out, err = wire.call("watch", "R1LD0/LLN0.urcbMeas", "--count", "1", "--json")
    assert code == 0, err
    assert set(json.loads(out)["values"]) == {"R1LD0/MMXU1.TotW", "R1LD0/GGIO1.SPCSO1"}
    code, _, err = wire.call("write", "R1LD0/MMXU1.TotW.mag.f", "1")
    assert code == 1
    assert "access-violation" in err


def test_files(wire: Wire) -> None:
    (wire.home / "new.txt").write_text("new")
    assert wire.call("files", "put", str(wire.home / "new.txt")) == (0, "", "")
    code, out, _ = wire.call("files", "--json")
    assert [each["name"] for each in json.loads(out)] == ["new.txt"]
    assert wire.call("files", "get", "new.txt", "-") == (0, "new", "")
    assert wire.call("files", "delete", "new.txt") == (0, "", "")
    code, _, err = wire.call("files", "get", "new.txt", "-")
    assert (code, "file non existent" in err) == (1, True)


def test_settings(wire: Wire) -> None:
    assert wire.call("settings", "edit", "2", "PTUV1.StrVal.setMag.f=75") == (0, "", "")
    assert wire.call("settings", "activate", "2") == (0, "", "")
    assert wire.call("settings") == (0, "R1LD0 group 2 of 3 is active\n", "")
    assert wire.call("settings", "show")[1].splitlines()[0] == "R1LD0/PTUV1.StrVal.setMag.f 75.0"


def test_who_is_not_let_in_is_told_why_in_one_line(wire: Wire) -> None:
    if wire.target.startswith("tcp"):
        stranger = certificate(wire.home, "ems", "stranger")
        code, out, err = call("browse", wire.target, *stranger)
        said = "the server's certificate is not accepted: "
    else:
        text = (wire.home / "ems.yaml").read_text()
        (wire.home / "wrong.yaml").write_text(text.replace("secret of ems", "guessed"))
        code, out, err = call("browse", wire.target, "--account", str(wire.home / "wrong.yaml"))
        said = "check user and password"
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert said in err


def test_an_scl_file_says_where_the_server_is(wire: Wire) -> None:
    """With an account it is the JID in the file; without one the IP address, which that of the relay lacks."""
    code, out, err = call("browse", f"scl:{wire.home / 'relay.cid'}", *wire.options)
    if wire.target.startswith("tcp"):
        assert (code, out, len(err.splitlines())) == (1, "", 1)
    else:
        assert (code, out, err) == (0, "R1LD0\n", "")


def test_a_server_that_is_not_there(wire: Wire) -> None:
    target = "tcp://127.0.0.1:1" if wire.target.startswith("tcp") else wire.target.replace("relay@", "nobody@")
    code, out, err = call("browse", target, "--timeout", "5", *wire.options)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "refused" in err or "nobody is there" in err or "no answer" in err


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("tcp://127.0.0.1:1", ("--account", __file__), "--account: for XMPP"),
        ("tcp://127.0.0.1:1", ("--jid", "a@b", "--port", "5222"), "--jid and --port: for XMPP"),
        ("tcp://127.0.0.1:1", ("--ca", __file__), "all of --ca, --cert and --key"),
        ("xmpp:a@b", ("--account", __file__, "--ca", __file__), "--ca: not for use with --account"),
        ("scl:none.cid", ("--account", __file__, "--cert", __file__), "--cert: not for use with --account"),
        ("scl:none.cid", ("--port", "5222"), "--port: for XMPP"),
        ("xmpp:a@b", ("--jid", "a@b", "--key", __file__), "--key: for TCP"),
    ],
)
def test_options_that_would_not_be_heeded_are_refused(target: str, options: tuple[str, ...], said: str) -> None:
    code, out, err = call("browse", target, *options)
    assert (code, out) == (2, "")
    assert said in err
