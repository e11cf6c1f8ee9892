"""Who may connect, and how many at once: certificates, passwords and ten clients together."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from janusgrid.common.errors import NotReachable
from janusgrid.common.xmpp.servers import pki
from janusgrid.iec61850 import connect
from janusgrid.iec61850.scsm81 import tls

from tests.iec61850.scsm81 import peers
from tests.iec61850.scsm81.sides import at, our_client, our_server, their_client, their_server
from tests.iec61850.scsm81.station import LD
from tests.iec61850.wires import until

Pems = tuple[str, str, str]
"""Paths of the authority's certificate, a certificate and its key."""
F = f"{LD}/GGIO1.AnIn1.mag.f"
IND = f"{LD}/GGIO1.Ind1"


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pems, Pems]:
    """Return what our site has, and what another authority gave to somebody."""
    found = []
    for _ in range(2):
        authority = pki.make_ca(tmp_path_factory.mktemp("pki"))
        identity = pki.issue(authority, "localhost")
        found.append((str(authority.certificate), str(identity.certificate), str(identity.key)))
    return found[0], found[1]


async def test_certificates_with_libiec61850(pems: tuple[Pems, Pems], tmp_path: Path) -> None:
    site, stranger = pems
    async with our_server(tls=tls.server_context(*site)) as ours:
        async with their_client("libiec", ours.port, None, site) as client:
            assert await client.do("devices") == [LD]
            (association,) = ours.server.engine.associations
            assert association.identity == "commonName=localhost"
        async with peers.client("libiec") as client:
            for wrong in (stranger, None):
                with pytest.raises(peers.PeerRefused):
                    await client.do("connect", ours.port, None, wrong)
    options = [f"{name}={path}" for name, path in zip(("ca", "certificate", "key"), site, strict=True)]
    async with their_server("libiec", tmp_path, *options) as server:
        async with our_client(server, host="localhost", tls=tls.client_context(*site)) as ied:
            assert await ied.devices() == (LD,)
        with pytest.raises(NotReachable):
            await connect(f"tcp://localhost:{server.port}", tls=tls.client_context(*stranger), timeout=3)


async def test_our_password_on_the_server_of_libiec61850(tmp_path: Path) -> None:
    async with their_server("libiec", tmp_path, "password=secret") as server:
        async with our_client(server, password="secret") as ied:
            assert await ied.devices() == (LD,)
        for wrong in ({"password": "wrong"}, {}):
            with pytest.raises(NotReachable):
                await connect(f"tcp://127.0.0.1:{server.port}", timeout=3, **wrong)


async def test_ten_clients_at_once() -> None:
    """Five of each peer, each in a process of its own: they read, write, command and take reports all at once."""
    async with our_server() as ours, contextlib.AsyncExitStack() as stack:
        kinds = ["rust", "libiec"] * 5
        clients = await asyncio.gather(*(stack.enter_async_context(their_client(kind, ours.port)) for kind in kinds))
        assert len(ours.server.engine.associations) == 10

        async def command(client: peers.Peer, value: bool) -> None:
            for _ in range(100):  # one command at a time: whoever comes meanwhile is refused
                with contextlib.suppress(peers.PeerRefused):
                    return await client.do("operate", at("SwDir"), "bool", value)
            pytest.fail("never taken")

        async def work(number: int, kind: str, client: peers.Peer) -> None:
            block = f"{LD}/LLN0.{'BR.brcb' if number < 2 else 'RP.urcb'}{1 + number % 2:02}"
            if number < 4:
                await client.do("reports", block)
                await client.do("set_block", block, {"RptEna": True})
            await client.do("control", at("SwDir"), *(["direct-normal"] if kind == "rust" else []))
            for turn in range(10):
                assert await client.do("read", f"{LD}/CSWI1.SwDir.ctlModel", "CF") == 1
                await client.do("write", f"{IND}.subID", "SV", "text", f"{number}/{turn}")
                await command(client, turn % 2 == 0)

        working = asyncio.gather(*(work(*each) for each in zip(range(10), kinds, clients, strict=True)))
        number = 0
        while not working.done():
            number += 1
            ours.server.update(F, float(number))
            await asyncio.sleep(0.005)
        await working
        assert len(ours.commands) == 100
        ours.server.update(F, -1.0)
        for client in clients[:4]:
            async with asyncio.timeout(10):
                while -1.0 not in (await client.event("report"))["values"].values():
                    pass
        for client in clients:
            await client.do("release")
        await until(lambda: not ours.server.engine.associations)
