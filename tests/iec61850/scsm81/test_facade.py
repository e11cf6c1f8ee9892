"""The ten-line programs over TCP: what the how-to guide shows."""

from __future__ import annotations

import asyncio

import pytest
from janusgrid.common.errors import LocalError
from janusgrid.iec61850 import Command, Ied, Server, connect
from janusgrid.iec61850.client.connect import configured_address, configured_target
from janusgrid.iec61850.scsm81.address import Address
from janusgrid.iec61850.scsm81.errors import AssociationRefused
from janusgrid.iec61850.scsm81.server import TcpServer

from tests.iec61850.plant import plant


async def program(ied: Ied, server: Server) -> None:
    """What an application does, whatever the wire."""
    assert await ied.devices() == ("DG750DER",)
    assert await ied.read("DG750DER/MMXU1.TotW.mag.f") == 300.5
    await ied.write("DG750DER/DGEN1.WMaxRtg.setMag.f", 700.0)
    await ied.control("DG750DER/DWGC1.WSpt").operate(400.0)
    assert await ied.read("DG750DER/DWGC1.WSpt.mxVal.f") == 400.0
    async with ied.report("DG750DER/LLN0.urcbMeas") as reports:
        server.update("DG750DER/MMXU1.TotW", 412.0)
        async with asyncio.timeout(5):
            async for update in reports:
                power = update.values.get("DG750DER/MMXU1.TotW")
                if isinstance(power, dict) and power["mag"] == {"f": 412.0}:
                    break


async def test_one_program_in_process_and_over_tcp() -> None:
    server = Server(plant())
    operated: list[Command] = []
    server.on_operate("DG750DER/DWGC1.WSpt")(operated.append)
    await program(Ied(server.connect()), server)
    server.update("DG750DER/MMXU1.TotW", 300.5)
    listening = await server.start_tcp(port=0)
    async with connect(f"tcp://127.0.0.1:{listening.port}") as ied:
        await program(ied, server)
        assert ied.peer == f"tcp://127.0.0.1:{listening.port}"
    assert [command.value for command in operated] == [400.0, 400.0]
    assert operated[1].peer.startswith("127.0.0.1:")
    await server.close()


async def test_serving_lasts_until_the_server_is_closed() -> None:
    server = Server(plant())
    started: list[TcpServer] = [await server.start_tcp(port=0), await server.start_tcp("::1", 0)]
    serving = asyncio.create_task(server.serve_tcp(port=0))
    for host, listening in zip(("127.0.0.1", "[::1]"), started, strict=True):
        async with connect(f"tcp://{host}:{listening.port}") as ied:
            assert await ied.devices() == ("DG750DER",)
    assert not serving.done()
    await server.close()
    await asyncio.wait_for(serving, 5)


async def test_the_password_and_the_address_of_the_server() -> None:
    server = Server(plant())
    ours = Address(b"\0\2", b"\0\2", b"\0\0\0\2", "1.3.9999.23", 23)
    listening = await server.start_tcp(port=0, address=ours, password="secret")
    target = f"tcp://127.0.0.1:{listening.port}"
    async with connect(target, remote=ours, password="secret") as ied:
        assert await ied.devices() == ("DG750DER",)
    for wrong in ({"password": "secret"}, {"remote": ours}, {"remote": ours, "password": "secrets"}):
        with pytest.raises(AssociationRefused) as refused:
            await connect(target, **wrong)  # type: ignore[arg-type]
        assert refused.value.where == target
    await server.close()


async def test_a_server_is_reached_where_its_file_says() -> None:
    server, file = Server(plant()), plant()
    ours = Address(b"\0\2", b"\0\2", b"\0\0\0\2", "1.3.9999.23", 23)
    listening = await server.start_tcp(port=0, address=ours)
    file.addresses = {
        "IP": "127.0.0.1", "MMS-Port": str(listening.port), "OSI-TSEL": "0002", "OSI-SSEL": "0002",
        "OSI-PSEL": "00000002", "OSI-AP-Title": "1,3,9999,23", "OSI-AE-Qualifier": "23",
    }  # fmt: skip
    async with connect(file) as ied:
        assert await ied.devices() == ("DG750DER",)
    file.addresses["OSI-TSEL"] = "0003"
    with pytest.raises(AssociationRefused, match="transport"):
        await connect(file)
    await server.close()


def test_where_a_file_says_that_a_server_is() -> None:
    file = plant()
    file.addresses = {"IPv6": "2001:db8::20", "JID": "dg750@plant.example/IEC"}
    assert configured_target(file) == "tcp://[2001:db8::20]"
    assert configured_target(file, xmpp=True) == "xmpp:dg750@plant.example/IEC"
    assert configured_address(file) is None
    file.addresses = {}
    for xmpp, what in ((True, "no JID"), (False, "no IP address")):
        with pytest.raises(LocalError, match=what) as refused:
            configured_target(file, xmpp=xmpp)
        assert refused.value.where == "DG750"


async def test_what_is_for_tcp_is_not_passed_over_on_xmpp() -> None:
    with pytest.raises(LocalError, match="session"):
        await connect("xmpp:a@b/IEC")
    with pytest.raises(LocalError, match="password"):
        await connect("xmpp:a@b/IEC", session=object(), password="secret")  # type: ignore[arg-type]
