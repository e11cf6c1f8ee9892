"""Other implementations through the gateway: their clients on an 8-2 server of ours, our 8-2 client on their servers.

The tests are those with live peers over TCP: what they call our server, or our client, is on XMPP here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.iec61850 import Command, Server
from janusgrid.iec61850.acsi.services import AcsiClass

from tests.iec61850.gateway import between
from tests.iec61850.scsm81 import peers, sides, test_peers, test_peers_control, test_peers_reports
from tests.iec61850.scsm81.sides import BOTH

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sessions() -> AsyncIterator[between.Sessions]:
    async with between.sessions() as made:
        yield made


@pytest.fixture(autouse=True)
def led(sessions: between.Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a gateway between the two sides."""
    for tests in (test_peers_control, test_peers_reports):
        monkeypatch.setattr(tests, "our_server", between.our_server(sessions))
        monkeypatch.setattr(tests, "our_client", between.our_client(sessions))


# --- their clients on TCP, our server on XMPP -------------------------------------------------------------------------


async def test_the_rust_client_browses_reads_writes_and_gets_reports(sessions: between.Sessions) -> None:
    server = Server.from_scl(peers.CID)

    @server.on_operate("PEERLD0/GGIO1.SPCSO1")
    def take(command: Command) -> None:
        assert command.value is True

    beat = asyncio.create_task(test_peers._beat(server))
    async with between.serving(server, sessions) as port:
        found = await peers.run("rust", "rust_client.py", port)
    beat.cancel()
    test_peers._common(found)
    assert "ObjectAccessDenied" in found["write refused"]
    assert "ObjectNonExistent" in found["read refused"]
    assert found["data set"] == [0.0, 0.0, False]
    assert [number for number, _ in found["reports"][:3]] == [0, 1, 2]


async def test_the_client_of_libiec61850_browses_reads_and_writes(sessions: between.Sessions) -> None:
    server = Server.from_scl(peers.CID)
    async with between.serving(server, sessions) as port, sides.their_client("libiec", port) as client:
        assert await client.do("devices") == ["PEERLD0"]
        assert await client.do("nodes", "PEERLD0") == ["GGIO1", "LLN0"]
        objects = ["AnIn1", "AnIn2", "Beh", "SPCSO1", "SPCSO2", "Set1"]
        assert sorted(await client.do("directory", "PEERLD0/GGIO1", "DATA_OBJECT")) == objects
        setting = ("PEERLD0/GGIO1.Set1.setMag.f", "SP")
        await client.do("write", *setting, "float", 2.5)
        assert await client.do("read", *setting) == server.read("PEERLD0/GGIO1.Set1.setMag.f") == 2.5
        with pytest.raises(peers.PeerRefused) as told:
            await client.do("write", test_peers.F, "MX", "float", 2.5)
        assert told.value.args[0] == 21, "access denied, as the server says"
        assert await client.do("data_set", "PEERLD0/LLN0.Meas") == [0.0, 0.0, False]


@BOTH
async def test_their_client_commands_by_every_model(peer: str) -> None:
    await test_peers_control.test_every_model_on_our_server(peer)


@BOTH
async def test_their_client_is_told_why_it_is_refused(peer: str) -> None:
    await test_peers_control.test_what_our_server_refuses(peer)


@BOTH
async def test_their_client_gets_buffered_reports(peer: str) -> None:
    await test_peers_reports.test_buffered_reports_to_their_client(peer)


@BOTH
async def test_their_client_goes_on_after_a_break(peer: str) -> None:
    await test_peers_reports.test_their_client_goes_on_after_a_break(peer)


# --- our client on XMPP, their servers on TCP -------------------------------------------------------------------------


@BOTH
async def test_their_server_is_browsed_read_and_written(peer: str, sessions: between.Sessions, tmp_path: Path) -> None:
    async with test_peers.their_server(peer, tmp_path) as server, between.our_client(sessions)(server) as ied:
        assert await ied.devices() == ("PEERLD0",)
        assert await ied.nodes("PEERLD0") == ("GGIO1", "LLN0")
        assert await ied.instances("PEERLD0/LLN0", AcsiClass.URCB) == ("urcb01", "urcb02")
        await test_peers.give(server, 20.5)
        async with asyncio.timeout(30):
            while await ied.read(test_peers.F) != 20.5:
                pass
        whole = await ied.read("PEERLD0/GGIO1.AnIn1")
        assert isinstance(whole, dict)
        assert list(whole) == ["mag", "q", "t"]
        assert list((await ied.read_data_set("PEERLD0/LLN0.Meas")).values()) == [20.5, 0.0, False]
        if peer == "libiec":  # the other takes no settings, also of its own client
            await ied.write("PEERLD0/GGIO1.Set1.setMag.f", 2.5)
            assert await ied.read("PEERLD0/GGIO1.Set1.setMag.f") == 2.5


@BOTH
async def test_their_server_is_commanded_by_every_model(peer: str, tmp_path: Path) -> None:
    await test_peers_control.test_every_model_on_their_server(peer, tmp_path)


async def test_the_server_of_libiec61850_says_why_it_refuses(tmp_path: Path) -> None:
    await test_peers_control.test_what_libiec61850_refuses_as_a_server(tmp_path)


async def test_the_server_of_libiec61850_sends_buffered_reports(tmp_path: Path) -> None:
    await test_peers_reports.test_what_raises_buffered_reports(tmp_path)


async def test_the_server_of_libiec61850_is_lost_and_found(tmp_path: Path) -> None:
    """The client on XMPP keeps its association, and gets what came meanwhile."""
    await test_peers_reports.test_our_client_comes_back_by_itself(tmp_path)
