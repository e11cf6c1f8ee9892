"""`janusgrid gateway`: what is wrong with a configuration is said by line, and a good one serves in both directions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner
from janusgrid.cli import cli
from janusgrid.cli.gateway.config import load, place_of
from janusgrid.common.errors import ConfigError
from janusgrid.common.security.role import Role
from janusgrid.common.xmpp.login import Login
from janusgrid.iec61850 import Command, Server, connect, write_cid
from janusgrid.iec61850.mapping.service import Caller

from tests.brokers import start_broker
from tests.iec61850.plant import plant
from tests.iec61850.scsm81 import station
from tests.iec61850.wires import until

from .programs import Program

W = "DG750DER/MMXU1.TotW.mag.f"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gateway" / "gateway.yaml"


async def test_devices_of_both_mappings_are_served_on_the_other(tmp_path: Path) -> None:
    """The example of the how-to guide, on other ports."""
    async with start_broker("embedded", "north", "gateway", "south", "ems", "stranger") as broker:
        for user in ("north", "gateway", "south", "ems", "stranger"):
            jid, ca = f"{user}@{broker.domain}/IEC", Path(str(broker.ca))
            peers = tuple(f"{name}@{broker.domain}" for name in ("gateway", "ems", "stranger"))
            login = Login(jid, f"secret of {user}", broker.host, broker.port, ca, peers)
            login.save(tmp_path / f"{user}.account")
        north, south = Server(plant()), Server(plant())
        north.update("DG750DER/MMXU1.TotW", 412.0)
        south.update("DG750DER/MMXU1.TotW", 500.0)
        taken: list[Command] = []
        south.on_operate("DG750DER/DWGC1.WSpt")(taken.append)
        port = (await south.start_tcp(port=0)).port
        config = tmp_path / "gateway.yaml"
        config.write_text(EXAMPLE.read_text().replace("127.0.0.1:10201", "127.0.0.1:0").replace("10202", str(port)))
        async with (
            Login.load(tmp_path / "north.account").session() as device,
            Login.load(tmp_path / "ems.account").session() as ems,
            Login.load(tmp_path / "stranger.account").session() as stranger,
        ):
            north.start(device)
            with Program("gateway", str(config), folder=tmp_path) as program:
                up = await asyncio.to_thread(program.wait, "up", 120.0, name="north")
                async with connect(up["tcp"]) as ied:
                    assert await ied.read(W) == 412.0
                up = await asyncio.to_thread(program.wait, "up", name="south")
                async with connect(up["xmpp"], session=ems) as ied:
                    assert await ied.read(W) == 500.0
                    await ied.control("DG750DER/DWGC1.WSpt").operate(300.0)
                    assert [command.value for command in taken] == [300.0]
                    with pytest.raises(Exception, match="not let in"):
                        await connect(up["xmpp"], session=stranger)
                    status, errors = await asyncio.to_thread(program.end)
                assert status == 0, errors
                await until(lambda: not south.engine.associations and not north.engine.associations)
        await north.close()
        await south.close()


def account(folder: Path) -> None:
    (folder / "a.yaml").write_text("jid: a@grid.test\npassword: secret\n")


def test_all_faults_are_named_by_their_lines(tmp_path: Path) -> None:
    account(tmp_path)
    config = tmp_path / "c.yaml"
    config.write_text("""devices:
  - name: one
    device: xmpp:one@grid.test
    listen: nowhere
    dialect: "2020"
    tls: {certificate: x.pem, key: x.pem, authorities: ca.pem}
  - name: two
    device: http://two
    serve: a.yaml
    listen_password: secret
  - name: three
    device: tcp://10.0.0.1
    serve: a.yaml
""")
    with pytest.raises(ConfigError) as error:
        load(config)
    told = str(error.value)
    for line, words in (
        (2, "reached by an account"), (4, "HOST:PORT"), (5, "there is no dialect '2020'"), (6, "this is for TCP"),
        (6, "no file 'x.pem'"), (8, "none of xmpp:"), (10, "goes with listen"), (13, "serves another device"),
    ):  # fmt: skip
        assert any(f"c.yaml:{line}:" in each and words in each for each in told.splitlines()), (line, words, told)
    said = CliRunner().invoke(cli, ["gateway", str(config), "--check"])
    assert (said.exit_code, "c.yaml:2:" in said.output) == (1, True)


def test_what_does_not_go_with_the_mapping_of_a_device(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("""devices:
  - name: four
    device: tcp://10.0.0.2
    clients:
      - {who: "*", account: missing.yaml}
""")
    with pytest.raises(ConfigError) as error:
        load(config)
    told = str(error.value).splitlines()
    assert ["listen" in line or "XMPP" in line or "missing.yaml" in line for line in told] == [True] * 3


def test_a_device_is_where_its_scl_file_says(tmp_path: Path) -> None:
    account(tmp_path)
    model = station.station()
    model.addresses = {"IP": "10.0.0.9", "MMS-Port": "10102", "OSI-TSEL": "0002", "JID": "peer@grid.test/IEC"}
    write_cid(model, tmp_path / "peer.cid")
    config = tmp_path / "c.yaml"
    config.write_text("""devices:
  - name: on TCP
    device: scl:peer.cid#PEER
    serve: a.yaml
  - name: on XMPP
    device: scl:peer.cid
    account: a.yaml
    listen: 127.0.0.1:10200
""")
    on_tcp, on_xmpp = load(config).file.devices
    target, remote = place_of(on_tcp, tmp_path)
    assert (target, remote and remote.tsel, on_tcp.over_xmpp) == ("tcp://10.0.0.9:10102", b"\x00\x02", False)
    assert (place_of(on_xmpp, tmp_path), on_xmpp.over_xmpp) == (("xmpp:peer@grid.test/IEC", None), True)
    config.write_text(config.read_text().replace("#PEER", "#NOBODY"))
    with pytest.raises(ConfigError, match="NOBODY"):
        load(config)


def test_each_role_is_led_by_an_identity_of_its_own(tmp_path: Path) -> None:
    account(tmp_path)
    for name in ("b.yaml", "g.pem", "g.key", "ca.pem"):
        (tmp_path / name).write_text("jid: b@grid.test\npassword: secret\n")
    config = tmp_path / "c.yaml"
    config.write_text("""devices:
  - name: one
    device: xmpp:one@grid.test
    account: a.yaml
    listen: "[::1]:10200"
    listen_tls: {certificate: g.pem, key: g.key, authorities: ca.pem}
    area: north
    clients:
      - {roles: [operator, engineer]}
      - {who: "*CN=screen*", roles: [viewer], account: b.yaml}
""")
    (device,) = load(config).file.devices
    operator, viewer = device.clients
    for who, roles, expected in (
        ("CN=desk", {Role.OPERATOR, Role.VIEWER}, operator), ("CN=screen", {Role.OPERATOR}, operator),
        ("CN=screen", {Role.VIEWER}, viewer), ("CN=desk", {Role.VIEWER}, None), ("CN=screen", set(), None),
        ("CN=screen", None, None), ("CN=screen", {Role.SECADM}, None),
    ):  # fmt: skip
        proved = None if roles is None else frozenset(int(role) for role in roles)
        assert device.entry(Caller("10.0.0.9:4711", who, False, 65_000, proved)) is expected
    config.write_text(config.read_text().replace("viewer", "looker").replace("    listen_tls", "    # listen_tls"))
    with pytest.raises(ConfigError) as error:
        load(config)
    told = str(error.value)
    assert "'looker' is no role" in told
    assert told.count("nobody can prove a role here") == 2


def test_whom_it_lets_in_and_as_whom(tmp_path: Path) -> None:
    account(tmp_path)
    (tmp_path / "b.yaml").write_text("jid: b@grid.test\npassword: secret\n")
    config = tmp_path / "c.yaml"
    config.write_text("""devices:
  - name: one
    device: xmpp:one@grid.test
    account: a.yaml
    listen: "[::1]:10200"
    clients:
      - {who: "*CN=control room*", account: b.yaml}
      - {who: 10.0.0.*}
""")
    (device,) = load(config).file.devices
    for identity, account_of in (("O=Grid, CN=control room 2", "b.yaml"), ("10.0.0.9", None)):
        entry = device.entry(Caller("10.0.0.9:4711", identity, False, 65_000))
        assert entry is not None
        assert entry.account == account_of
    assert device.entry(Caller("10.0.1.9:4711", "10.0.1.9", False, 65_000)) is None
    said = CliRunner().invoke(cli, ["gateway", str(config), "--check"])
    assert (said.exit_code, said.output) == (0, f"{config}: one, no fault\n")
