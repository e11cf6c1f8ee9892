"""Independent implementations as peers: our client on their servers, their clients on ours, over TCP and TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from janusgrid.common.errors import Malformed, NotReachable, UnknownName
from janusgrid.common.xmpp.servers import pki
from janusgrid.iec61850 import Command, Ied, Server, ServiceError, ServiceRefused, connect
from janusgrid.iec61850.acsi.references import FC
from janusgrid.iec61850.acsi.services import AcsiClass, Reason
from janusgrid.iec61850.scl import read as read_scl
from janusgrid.iec61850.scsm81 import tls
from janusgrid.iec61850.scsm81.address import Address

from tests.iec61850.scsm81 import peers
from tests.iec61850.scsm81.sides import BOTH, libiec_arguments, our_client
from tests.iec61850.wires import until

F = "PEERLD0/GGIO1.AnIn1.mag.f"


@asynccontextmanager
async def their_server(peer: str, directory: Path, *more: object) -> AsyncIterator[peers.PeerServer | peers.Peer]:
    if peer == "rust":
        async with peers.running("rust", "rust_server.py", peers.CID, *more) as server:
            yield server
        return
    arguments = libiec_arguments(read_scl(peers.CID).model, directory, ["LD0/GGIO1.SPCSO1"], *more)
    async with peers.talking("libiec", "libiec_serves.py", *arguments) as made:
        await made.ready()
        yield made


async def give(server: peers.PeerServer | peers.Peer, value: float) -> None:
    """Give AnIn1 a new value."""
    if isinstance(server, peers.Peer):
        await server.do("update", "LD0/GGIO1.AnIn1.mag.f", value)
    else:
        await server.update(value)


@BOTH
async def test_our_client_on_their_server(peer: str, tmp_path: Path) -> None:
    async with their_server(peer, tmp_path) as server, our_client(server) as ied:
        assert await ied.devices() == ("PEERLD0",)
        assert await ied.nodes("PEERLD0") == ("GGIO1", "LLN0")
        objects = ("AnIn1", "AnIn2", "Beh", "SPCSO1", "SPCSO2", "Set1")
        assert await ied.directory("PEERLD0/GGIO1") == objects
        assert await ied.directory("PEERLD0/GGIO1.AnIn1") == ("mag", "q", "t")
        assert await ied.instances("PEERLD0/LLN0", AcsiClass.DATA_SET) == ("Meas",)
        assert await ied.instances("PEERLD0/LLN0", AcsiClass.URCB) == ("urcb01", "urcb02")
        assert set(await ied.definition("PEERLD0/GGIO1.SPCSO1")) == {FC.ST, FC.CO, FC.CF}
        await give(server, 20.5)
        async with asyncio.timeout(30):
            while await ied.read(F) != 20.5:
                pass
        whole = await ied.read("PEERLD0/GGIO1.AnIn1")
        assert isinstance(whole, dict)
        assert list(whole) == ["mag", "q", "t"]
        assert await ied.read_many([F, "PEERLD0/GGIO1.SPCSO1.stVal"]) == {F: 20.5, "PEERLD0/GGIO1.SPCSO1.stVal": False}
        node = await ied.read("PEERLD0/GGIO1")
        assert isinstance(node, dict)
        assert set(node) == set(objects)
        with pytest.raises(UnknownName):
            await ied.read("PEERLD0/GGIO1.Nothing")
        with pytest.raises(ServiceRefused) as refused:
            await ied.write(F, 1.0, fc="MX")
        assert refused.value.error is ServiceError.ACCESS_VIOLATION
        found = await ied.read_data_set("PEERLD0/LLN0.Meas")
        assert list(found.values()) == [20.5, 0.0, False]
        await ied.control("PEERLD0/GGIO1.SPCSO1").operate(True)
        if peer == "rust":  # libiec61850 leaves the status to the application
            assert await ied.read("PEERLD0/GGIO1.SPCSO1.stVal") is True


@BOTH
async def test_settings_on_their_server(peer: str, tmp_path: Path) -> None:
    async with their_server(peer, tmp_path) as server, our_client(server) as ied:
        if peer == "rust":  # it refuses its own client's the same way
            with pytest.raises(ServiceRefused) as refused:
                await ied.write("PEERLD0/GGIO1.Set1.setMag.f", 2.5)
            assert refused.value.error is ServiceError.CLASS_NOT_SUPPORTED
        else:
            await ied.write("PEERLD0/GGIO1.Set1.setMag.f", 2.5)
            assert await ied.read("PEERLD0/GGIO1.Set1.setMag.f") == 2.5


async def test_reports_of_their_server(tmp_path: Path) -> None:
    async with (
        their_server("libiec", tmp_path) as server,
        our_client(server) as ied,
        ied.report("PEERLD0/LLN0.urcb") as reports,
    ):
        values: list[object] = []
        async with asyncio.timeout(20):
            await give(server, 1.5)
            async for update in reports:
                # The general interrogation that begins comes when it likes: with the first value, before it, or after.
                if Reason.DATA_CHANGE in update.reasons.get(F, Reason.NONE):
                    values.append(update.values[F])
                    if len(values) == 5:
                        break
                    await give(server, 1.5 + len(values))
        assert values == [1.5, 2.5, 3.5, 4.5, 5.5]
        assert update.missed == 0


@BOTH
async def test_abort_and_begin_again(peer: str, tmp_path: Path) -> None:
    async with their_server(peer, tmp_path) as server:
        async with our_client(server) as ied:
            for _ in range(5):
                other = await connect(f"tcp://127.0.0.1:{server.port}", timeout=20)
                assert await other.read(F) == 0.0
                await other.association.abort()
            assert await ied.read(F) == 0.0
        again = await connect(f"tcp://127.0.0.1:{server.port}", timeout=20)
        assert await again.devices() == ("PEERLD0",)
        await again.release()


async def test_a_server_that_is_killed_is_lost(tmp_path: Path) -> None:
    async with their_server("rust", tmp_path) as server, our_client(server) as ied:
        ends: list[str] = []
        ied.on_end(ends.append)
        server.process.kill()
        await until(lambda: bool(ends))
        assert ends[0].startswith("lost: ")
        with pytest.raises(NotReachable):
            await ied.read(F)


# --- their clients ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def our_server(**options: object) -> AsyncIterator[tuple[Server, int]]:
    server = Server.from_scl(peers.CID)

    @server.on_operate("PEERLD0/GGIO1.SPCSO1")
    def take(command: Command) -> None:
        assert command.value is True

    listening = await server.start_tcp(port=0, address=Address.from_scl(server.model.addresses), **options)  # type: ignore[arg-type]
    beat = asyncio.create_task(_beat(server))
    yield server, listening.port
    beat.cancel()
    await server.close()


async def _beat(server: Server) -> None:
    """Change a value three times, a little after a report control block was enabled, each time it is."""
    watching = Ied(server.connect())
    names = [f"PEERLD0/LLN0.urcb0{block}.RptEna" for block in (1, 2)]

    async def enabled() -> bool:
        await asyncio.sleep(0.05)
        return any((await watching.read_many(names, fc="RP")).values())

    while True:
        while not await enabled():
            pass
        await asyncio.sleep(0.4)
        for number in (1.0, 2.0, 3.0):
            server.update("PEERLD0/GGIO1.AnIn2", number)
            await asyncio.sleep(0.05)
        while await enabled():
            pass


def _common(found: dict[str, object]) -> None:
    assert found["devices"] == ["PEERLD0"]
    assert found["nodes"] == ["GGIO1", "LLN0"]
    assert sorted(found["data"]) == ["AnIn1", "AnIn2", "Beh", "SPCSO1", "SPCSO2", "Set1"]  # type: ignore[call-overload]
    assert found["data sets"] == ["Meas"]
    assert found["report blocks"] == ["urcb01", "urcb02"]
    assert found["directory"] == found["definition"] == ["mag", "q", "t"]
    assert (found["float"], found["setting"], found["written"]) == (0.0, 1.5, 2.5)
    assert found["report block"] == ["PEER/urcb", "PEERLD0/LLN0$Meas", 1]
    assert found["status"] is True


async def test_the_rust_client_on_our_server() -> None:
    async with our_server() as (server, port):
        found = await peers.run("rust", "rust_client.py", port)
        _common(found)
        assert "ObjectAccessDenied" in found["write refused"]
        assert "ObjectNonExistent" in found["read refused"]
        assert found["several"] == [0.0, False]
        assert found["members"] == [f"{F}[MX]", "PEERLD0/GGIO1.AnIn2.mag.f[MX]", "PEERLD0/GGIO1.SPCSO1.stVal[ST]"]
        assert found["data set"] == [0.0, 0.0, False]
        first, second, third = found["reports"][:3]
        assert [number for number, _ in (first, second, third)] == [0, 1, 2]
        assert len(first[1]) == 3, "the general interrogation has all members"
        assert "success=True" in found["operate SPCSO1"]
        assert "success=False" in found["operate SPCSO2"]
        assert found["abort and again"] == ["PEERLD0"]
        assert found["connected"] is False
        await _nobody_left(server)


async def test_the_client_of_libiec61850_on_our_server() -> None:
    async with our_server() as (server, port), peers.client("libiec") as client:
        await client.do("connect", port)
        assert await client.do("devices") == ["PEERLD0"]
        assert await client.do("nodes", "PEERLD0") == ["GGIO1", "LLN0"]
        objects = ["AnIn1", "AnIn2", "Beh", "SPCSO1", "SPCSO2", "Set1"]
        assert sorted(await client.do("directory", "PEERLD0/GGIO1", "DATA_OBJECT")) == objects
        assert await client.do("parts", "PEERLD0/GGIO1.AnIn1", "MX") == ["mag", "q", "t"]
        setting = ("PEERLD0/GGIO1.Set1.setMag.f", "SP")
        assert await client.do("read", *setting) == 1.5
        await client.do("write", *setting, "float", 2.5)
        assert await client.do("read", *setting) == 2.5
        denied, non_existent = 21, 10  # an IedClientError, and a DataAccessError as the value
        for refused, error in (
            (client.do("write", F, "MX", "float", 2.5), denied),
            (client.do("read", "PEERLD0/GGIO1.Nothing.mag.f", "MX"), non_existent),
        ):
            with pytest.raises(peers.PeerRefused) as told:
                await refused
            assert told.value.args[0] == error
        assert await client.do("data_set", "PEERLD0/LLN0.Meas") == [0.0, 0.0, False]
        block = "PEERLD0/LLN0.RP.urcb02"
        shown = await client.do("block", block)
        assert (shown["RptID"], shown["DatSet"], shown["ConfRev"]) == ("PEER/urcb", "PEERLD0/LLN0$Meas", 1)
        await client.do("reports", block)
        await client.do("set_block", block, {"RptEna": True})
        reports = [await client.event("report") for _ in range(3)]
        assert [(report["sequence"], report["values"]) for report in reports] == [
            (number, {"1": number + 1.0}) for number in range(3)
        ]
        await client.do("set_block", block, {"RptEna": False})
        for name in ("SPCSO1", "SPCSO2"):
            await client.do("control", f"PEERLD0/GGIO1.{name}")
        await client.do("operate", "PEERLD0/GGIO1.SPCSO1", "bool", True)
        with pytest.raises(peers.PeerRefused):
            await client.do("operate", "PEERLD0/GGIO1.SPCSO2", "bool", True)
        assert await client.do("read", "PEERLD0/GGIO1.SPCSO1.stVal", "ST") is True
        async with peers.client("libiec") as other:
            await other.do("connect", port)
            await other.do("abort")
            await other.event("closed")
        await client.do("release")
        await client.event("closed")
        await _nobody_left(server)


async def _nobody_left(server: Server) -> None:
    await until(lambda: len(server.engine.associations) == 1)  # that of `_beat`


async def test_the_password_of_libiec61850() -> None:
    async with our_server(password="secret") as (_, port), peers.client("libiec") as client:
        await client.do("connect", port, "secret")
        assert await client.do("devices") == ["PEERLD0"]
        await client.do("release")
        for wrong in ("wrong", None):
            with pytest.raises(peers.PeerRefused):
                await client.do("connect", port, wrong)


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pki.Identity]:
    authority = pki.make_ca(tmp_path_factory.mktemp("pki"))
    return authority.certificate, pki.issue(authority, "localhost")


async def test_tls_on_their_server(certificates: tuple[Path, pki.Identity]) -> None:
    ca, identity = certificates
    context = tls.client_context(ca, identity.certificate, identity.key)
    async with their_server("rust", ca.parent, identity.certificate, identity.key, ca) as server:
        async with connect(f"tcp://localhost:{server.port}", tls=context) as ied:
            assert await ied.devices() == ("PEERLD0",)
        with pytest.raises(Malformed, match="TLS"):
            await connect(f"tcp://localhost:{server.port}", timeout=3)


async def test_their_tls_on_our_server(certificates: tuple[Path, pki.Identity]) -> None:
    ca, identity = certificates
    context = tls.server_context(ca, identity.certificate, identity.key)
    async with our_server(tls=context) as (_, port):
        found = await peers.run("rust", "rust_client.py", port, ca, identity.certificate, identity.key)
        assert found["devices"] == ["PEERLD0"]
        assert found["written"] == 2.5
