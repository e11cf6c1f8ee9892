"""TLS with certificates on both sides: who is let in, and who is not."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.common.errors import ConfigError, Malformed, NotReachable
from janusgrid.common.security.authority import Authority
from janusgrid.common.xmpp.servers import pki
from janusgrid.iec61850 import Server, connect
from janusgrid.iec61850.scsm81 import server as server_room
from janusgrid.iec61850.scsm81 import tls

from tests.iec61850.plant import plant
from tests.iec61850.wires import until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> pki.Authority:
    return pki.make_ca(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def identity(authority: pki.Authority) -> pki.Identity:
    return pki.issue(authority, "localhost")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> tuple[pki.Authority, pki.Identity]:
    other = pki.make_ca(tmp_path_factory.mktemp("other"))
    return other, pki.issue(other, "localhost")


@pytest_asyncio.fixture
async def port(authority: pki.Authority, identity: pki.Identity) -> AsyncIterator[int]:
    server = Server(plant())
    context = tls.server_context(authority.certificate, identity.certificate, identity.key)
    yield (await server.start_tcp(port=0, tls=context)).port
    await server.close()


async def test_both_show_a_certificate(authority: pki.Authority, identity: pki.Identity, port: int) -> None:
    context = tls.client_context(authority.certificate, identity.certificate, identity.key)
    async with connect(f"tcp://localhost:{port}", tls=context) as ied:
        assert await ied.read("DG750DER/MMXU1.TotW.mag.f") == 300.5
        names = await ied.read("DG750DER/MMXU1")
        assert isinstance(names, dict)


async def test_the_server_must_name_the_host(authority: pki.Authority, identity: pki.Identity, port: int) -> None:
    context = tls.client_context(authority.certificate, identity.certificate, identity.key)
    with pytest.raises(NotReachable, match="TLS"):
        await connect(f"tcp://127.0.0.1:{port}", tls=context)


async def test_the_server_must_be_of_our_authority(stranger: tuple[pki.Authority, pki.Identity], port: int) -> None:
    other, theirs = stranger
    context = tls.client_context(other.certificate, theirs.certificate, theirs.key)
    with pytest.raises(NotReachable, match="TLS"):
        await connect(f"tcp://localhost:{port}", tls=context)


async def test_the_client_must_be_of_the_servers(
    authority: pki.Authority, stranger: tuple[pki.Authority, pki.Identity], port: int
) -> None:
    _, theirs = stranger
    with pytest.raises(NotReachable):
        await connect(
            f"tcp://localhost:{port}", tls=tls.client_context(authority.certificate, theirs.certificate, theirs.key)
        )


async def test_a_client_without_a_certificate(authority: pki.Authority, port: int) -> None:
    with pytest.raises(NotReachable):
        await connect(f"tcp://localhost:{port}", tls=ssl.create_default_context(cafile=str(authority.certificate)))


async def test_tls_on_one_side_only(authority: pki.Authority, identity: pki.Identity, port: int) -> None:
    with pytest.raises((Malformed, NotReachable)):
        await connect(f"tcp://localhost:{port}", timeout=2)
    plain = Server(plant())
    context = tls.client_context(authority.certificate, identity.certificate, identity.key)
    with pytest.raises(NotReachable):
        await connect(f"tcp://localhost:{(await plain.start_tcp(port=0)).port}", tls=context, timeout=2)
    await plain.close()


async def test_who_is_revoked_is_not_let_in_and_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists are read again when they have changed: for the next handshake, and for connections that are open."""
    monkeypatch.setattr(server_room, "DOUBTING", 0.02)
    lab = Authority.make(tmp_path)
    site, desk, other = lab.issue("site", hosts=["localhost"]), lab.issue("desk"), lab.issue("other")
    revoked = lab.revoke()
    ours = [tls.client_context(lab.certificate, one.certificate, one.key, revoked=revoked) for one in (desk, other)]
    async with Server(plant()) as server:
        context = tls.server_context(lab.certificate, site.certificate, site.key, revoked=revoked)
        listening = await server.start_tcp(port=0, tls=context)
        target = f"tcp://localhost:{listening.port}"
        stays, goes = [await connect(target, tls=one) for one in ours]
        ended: list[str] = []
        goes.on_end(ended.append)
        lab.revoke(other.certificate)
        await until(lambda: bool(ended))
        assert len(server.engine.associations) == 1
        assert listening.trail.counts["tls-certificate"] == 1
        with pytest.raises(NotReachable):
            await connect(target, tls=ours[1])
        assert await stays.read("DG750DER/MMXU1.TotW.mag.f") == 300.5
        lab.revoke(site.certificate)
        with pytest.raises(NotReachable, match="revoked"):
            await connect(target, tls=ours[0])
        await stays.release()


def test_nothing_old(authority: pki.Authority, identity: pki.Identity) -> None:
    for made in (tls.client_context, tls.server_context):
        context = made(authority.certificate, identity.certificate, identity.key)
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_REQUIRED
        for suite in context.get_ciphers():
            assert suite["protocol"] == "TLSv1.3" or "DHE" in suite["name"], suite["name"]


def test_files_that_are_none(authority: pki.Authority, identity: pki.Identity, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with pytest.raises(ConfigError, match="authority"):
        tls.client_context(empty, identity.certificate, identity.key)
    with pytest.raises(ConfigError, match="certificate and key"):
        tls.server_context(authority.certificate, identity.certificate, tmp_path / "missing")
    with pytest.raises(ConfigError, match="revocation list"):
        tls.server_context(authority.certificate, identity.certificate, identity.key, revoked=empty)
