"""Roles that a client proves by its certificate: of TLS (8-1), and of the end-to-end session (8-2)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority
from janusgrid.common.security.role import Role
from janusgrid.common.security.roles import OID, Grant
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import connect
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.client import Ied
from janusgrid.iec61850.rights import Rights
from janusgrid.iec61850.scsm81 import tls
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import LD, plant

RIGHTS = Rights.load()
VIEWED, SET = f"{LD}/MMXU1.Hz.mag.f", f"{LD}/DGEN1.WMaxRtg.setMag.f"
HOLDERS = {
    "viewer": [Grant((Role.VIEWER,))],
    "engineer": [Grant((Role.ENGINEER,))],
    "engineer-north": [Grant((Role.ENGINEER,), "north"), Grant((Role.VIEWER,))],
    "engineer-south": [Grant((Role.ENGINEER,), "south"), Grant((Role.VIEWER,))],
    "private": [Grant((-17,))],
    "nothing": [],
}
MAY = {
    "viewer": (True, False), "engineer": (True, True), "engineer-north": (True, True), "engineer-south": (True, False),
    "private": (False, False), "nothing": (False, False),
}  # fmt: skip
"""Whether each may read and write at a server in the north."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority.make(tmp_path_factory.mktemp("authority"))
    made.issue("server", ["localhost"], addresses=["dg750@plant.test"])
    for name, grants in HOLDERS.items():
        made.issue(name, addresses=["ems@plant.test"], roles=grants)
    return made


def files(authority: Authority, name: str) -> tuple[Path, Path, Path]:
    folder = authority.certificate.parent
    return authority.certificate, folder / f"{name}.pem", folder / f"{name}.key"


async def may(ied: Ied) -> tuple[bool, bool]:
    """Return whether a client may read, and write."""

    async def works(what: object) -> bool:
        try:
            await what  # type: ignore[misc]
        except ServiceRefused as refused:
            if refused.error is not ServiceError.ACCESS_VIOLATION:
                raise
            return False
        return True

    return await works(ied.read(VIEWED)), await works(ied.write(SET, 700.0))


# --- TLS ------------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def port(authority: Authority) -> AsyncIterator[int]:
    server = Server(plant(), rights=RIGHTS)
    listener = await server.start_tcp(port=0, tls=tls.server_context(*files(authority, "server")), area="north")
    yield listener.port
    await server.close()


@pytest.mark.parametrize("holder", HOLDERS)
async def test_over_tls(authority: Authority, port: int, holder: str) -> None:
    async with connect(f"tcp://localhost:{port}", tls=tls.client_context(*files(authority, holder))) as ied:
        assert await may(ied) == MAY[holder]


async def test_roles_that_cannot_be_read_are_none(
    authority: Authority, port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They might have limited what they give."""
    broken = x509.UnrecognizedExtension(OID, b"\x30\x03\x02\x01\x01")
    monkeypatch.setattr("janusgrid.common.security.authority.extension", lambda grants: broken)
    if not files(authority, "broken")[1].exists():
        authority.issue("broken", roles=HOLDERS["engineer"])
    caplog.set_level(logging.WARNING, "janusgrid.audit")
    async with connect(f"tcp://localhost:{port}", tls=tls.client_context(*files(authority, "broken"))) as ied:
        assert await may(ied) == (False, False)
    assert caplog.records[0].event == "roles-unreadable"  # type: ignore[attr-defined]


async def test_a_password_proves_no_role() -> None:
    async with Server(plant(), rights=RIGHTS) as server:
        listener = await server.start_tcp(port=0, password="secret")
        async with connect(f"tcp://127.0.0.1:{listener.port}", password="secret") as ied:
            assert await may(ied) == (False, False)


# --- end-to-end security --------------------------------------------------------------------------------------------


def security(authority: Authority, name: str, area: str = "") -> Security:
    trusted, certificate, key = files(authority, name)
    return Security.of(Credentials(certificate, key, trusted), policy="allowed", area=area)


async def test_over_xmpp(authority: Authority) -> None:
    """Who holds what; and a client of the same account without end-to-end security has proved nothing."""
    async with Broker("plant.test", {user: user for user in ("dg750", "ems")}) as broker:
        sessions = [
            SlixSession(f"{user}@plant.test/IEC", password=user, host=broker.host, port=broker.port, tls=broker.ca,
                        allow=lambda peer: True)
            for user in ("dg750", "ems")
        ]  # fmt: skip
        for session in sessions:
            await session.open()
        server = Server(plant(), rights=RIGHTS)
        server.start(sessions[0], security=security(authority, "server", "north"))
        try:
            for holder, expected in MAY.items():
                ours = security(authority, holder)
                async with connect(f"xmpp:{sessions[0].jid}", session=sessions[1], security=ours) as ied:
                    assert await may(ied) == expected, holder
            async with connect(f"xmpp:{sessions[0].jid}", session=sessions[1]) as ied:
                assert await may(ied) == (False, False)
        finally:
            await server.close()
            for session in sessions:
                await session.close()
