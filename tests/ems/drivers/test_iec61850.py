"""Devices with an IEC 61850 server, as the site file says where they are: on XMPP or TCP, safe or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.common.clock import RealClock
from janusgrid.common.data.site import Device, load_site
from janusgrid.common.errors import ConfigError
from janusgrid.common.resources import resource
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.ems.drivers.iec61850 import Iec61850Driver
from janusgrid.ems.drivers.port import Surroundings, find
from janusgrid.iec61850 import Server
from janusgrid.iec61850.scsm81 import tls
from janusgrid.iec61850.scsm82.protection import Security

from tests.brokers import start_broker

SITE = """\
name: plant
domain: grid.test
ems: {jid: "ems@{domain}/IEC"}
openadr: {ven_name: plant, vtn: "vtn@{domain}/vtn", resource: plant}
devices:
- name: DG750
  table: iec61850/generator.csv
  address: {ADDRESS, ied: DG750}
  figures: {rating: 750}
"""
JID = 'jid: "dg750@{domain}/IEC"'
FILES = "certificate: ems.pem, key: ems.key, authorities: authority.pem"
P, SET = "der.DG750.p", "der.DG750.p.set"


def device(folder: Path, address: str) -> Device:
    (folder / "site.yaml").write_text(SITE.replace("ADDRESS", address))
    return load_site(folder / "site.yaml").devices[0]


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    cid = resource("mappings/sites/microgrid/DG750.cid")
    async with Server.from_scl(cid) as made:
        made.update("DG750DER/MMXU1.TotW", 412_000.0)
        made.on_operate("DG750DER/DWGC1.WSpt")(lambda command: None)
        yield made


@pytest_asyncio.fixture
async def broker() -> AsyncIterator[LocalServer]:
    async with start_broker("embedded", "ems", "dg750") as made:
        yield made


def session(broker: LocalServer, user: str) -> SlixSession:
    return SlixSession(
        f"{user}@{broker.domain}/IEC", password=f"secret of {user}", host=broker.host, port=broker.port, tls=broker.ca
    )


def certified(folder: Path, *names: str) -> dict[str, Credentials]:
    """Return credentials of one authority; their files are in the folder."""
    authority = Authority.make(folder)
    for name in names:
        authority.issue(name, ["localhost"], addresses=[f"{name}@grid.test"])
    return {
        name: Credentials(folder / f"{name}.pem", folder / f"{name}.key", folder / "authority.pem") for name in names
    }


async def works(made: Device, on: SlixSession | None = None) -> None:
    """The device is reached, read and commanded."""
    link = Iec61850Driver().link(made, Surroundings(clock=RealClock(), session=on))
    async with link, asyncio.timeout(30):
        await link.ready()
        assert (await link.read([P]))[P].value == 412.0
        await link.operate(SET, 300.0)
        assert (await link.read([SET]))[SET].value == 300.0


async def test_over_xmpp_and_safe_from_the_servers_between(server: Server, broker: LocalServer, tmp_path: Path) -> None:
    credentials = certified(tmp_path, "ems", "dg750")
    async with session(broker, "ems") as ems, session(broker, "dg750") as below:
        server.start(below, security=Security.of(credentials["dg750"], policy="allowed"))
        await works(device(tmp_path, JID), ems)
        await works(device(tmp_path, f"{JID}, dialect: '2018'"), ems)
        await works(device(tmp_path, f"{JID}, {FILES}"), ems)


async def test_over_tcp_and_by_tls(server: Server, tmp_path: Path) -> None:
    own = certified(tmp_path, "ems", "dg750")["dg750"]
    assert own.authorities is not None
    plain = await server.start_tcp(port=0, password="guess")
    secure = await server.start_tcp(port=0, tls=tls.server_context(own.authorities, own.certificate, own.key))
    await works(device(tmp_path, f"host: 127.0.0.1, port: {plain.port}, password: guess"))
    await works(device(tmp_path, f"host: localhost, port: {secure.port}, {FILES}"))


async def test_a_device_that_is_not_there_is_lost_and_comes(server: Server, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first = await server.start_tcp(port=0)
        made = device(tmp_path, f"host: 127.0.0.1, port: {first.port}, timeout: 2s")
        link = await stack.enter_async_context(Iec61850Driver().link(made, Surroundings(clock=RealClock())))
        async with asyncio.timeout(30):
            await link.ready()
            assert await link.available(P)
            await server.close()
            async for change in link.watch([P]):
                if change.reason == "lost" or not change.value.quality.good:
                    break


def test_it_is_found_by_its_name() -> None:
    assert isinstance(find("iec61850"), Iec61850Driver)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("rack: 1", "'rack' is not known to the driver 'iec61850'"),
        ("timeout: 2s", "give jid for a device on XMPP (8-2), or host for one on TCP (8-1)"),
        (f"{JID}, host: a", "give jid for a device on XMPP (8-2), or host for one on TCP (8-1)"),
        (f"{JID}, port: 102", "port is for TCP, the device is not there"),
        ("host: a, dialect: '2018'", "dialect is for XMPP, the device is not there"),
        ("host: a, port: 0", "port is a whole number from 1 to 65535"),
        ("host: a, timeout: soon", "timeout is a time from"),
        ("host: a, certificate: x.pem", "there is no file 'x.pem' beside the site file"),
        ("host: a, key: site.yaml", "certificate, key and authorities belong together; certificate is missing"),
        (JID, "it is on XMPP, and this program has no session there"),
    ],
)
def test_what_is_wrong_with_an_address_is_told_at_its_place(tmp_path: Path, address: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"site\.yaml:8:") as caught:
        Iec61850Driver().link(device(tmp_path, address), Surroundings(clock=RealClock()))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"{JID}, dialect: old", "dialect is 'old', which is none of 80-3, 2018"),
        (f"{JID}, policy: allowed", "policy and revoked go with certificate, key and authorities"),
    ],
)
async def test_what_is_wrong_on_xmpp(broker: LocalServer, tmp_path: Path, address: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"site\.yaml:8:") as caught:
        Iec61850Driver().link(
            device(tmp_path, address), Surroundings(clock=RealClock(), session=session(broker, "ems"))
        )
    assert said in str(caught.value)
