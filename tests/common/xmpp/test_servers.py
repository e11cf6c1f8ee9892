"""The launchers of real servers, and what only one of them can do."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path

import pytest
from janusgrid.common.errors import LocalError, NotReachable, Refused
from janusgrid.common.xmpp.servers import pki, process
from janusgrid.common.xmpp.servers.base import Launched
from janusgrid.common.xmpp.servers.ejabberd import Ejabberd
from janusgrid.common.xmpp.servers.prosody import Prosody
from janusgrid.common.xmpp.slix import SlixSession

from .conftest import PASSWORD, PATIENCE, make_session

KINDS = [pytest.param(kind, marks=pytest.mark.xdist_group(f"xmpp-{kind.name}")) for kind in (Prosody, Ejabberd)]


def skip_unless_installed(kind: type[Launched]) -> None:
    if (reason := kind.unavailable()) is not None:
        pytest.skip(f"{kind.name}: {reason}")


@pytest.mark.parametrize("kind", KINDS)
async def test_it_keeps_port_users_and_certificates(kind: type[Launched]) -> None:
    skip_unless_installed(kind)
    server = kind("grid.test")
    with pytest.raises(LocalError, match="no port before it was started"):
        _ = server.port
    server.add_user("ems", PASSWORD)
    await server.start()
    try:
        port, ca = server.port, server.ca.read_bytes()
        with pytest.raises(LocalError, match="is running"):
            await server.start()
        with pytest.raises(LocalError, match="before it starts"):
            server.add_user("der", PASSWORD)
        for end in (server.kill, server.stop) if kind is Prosody else (server.stop,):
            async with make_session(server, "ems") as session:
                assert await session.ping("grid.test")
            await end()
            with pytest.raises(NotReachable):
                await make_session(server, "ems").open()
            await server.start()
            assert (server.port, server.ca.read_bytes()) == (port, ca)
        if os.getuid() == 0:
            assert os.stat(f"/proc/{server.pid}").st_uid != 0
    finally:
        await server.stop()
    await server.stop()  # once more does no harm


async def test_a_certificate_of_another_name_is_refused() -> None:
    skip_unless_installed(Prosody)
    server = Prosody("grid.test", certificate_for="other.test")
    server.add_user("ems", PASSWORD)
    await server.start()
    try:
        with pytest.raises(NotReachable, match=r"certificate is not good: .*grid\.test"):
            await make_session(server, "ems").open()
    finally:
        await server.stop()


async def test_one_that_does_not_come_up_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Prosody):
        def _command(self) -> list[str]:
            return ["sh", "-c", "echo out of order; exit 3"]

    skip_unless_installed(Prosody)
    with pytest.raises(NotReachable, match=r"prosody did not come up on 127\.0\.0\.1:\d+; it said: out of order"):
        await Broken().start()
    monkeypatch.setattr(process, "find", lambda _: None)
    assert Prosody.unavailable() == "prosody, setpriv not installed"
    with pytest.raises(NotReachable, match="prosody cannot be started here: prosody, setpriv not installed"):
        await Prosody().start()


@pytest.mark.xdist_group("xmpp-ejabberd")
async def test_logging_in_with_a_certificate_or_bound_to_the_channel() -> None:
    skip_unless_installed(Ejabberd)
    server = Ejabberd("grid.test", certificates=True)
    for user in ("ems", "der"):
        server.add_user(user, PASSWORD)
    await server.start()
    try:
        own = server.client_certificate("ems")
        given = {"host": server.host, "port": server.port, "patience": PATIENCE}
        files = (own.certificate, own.key)
        async with SlixSession("ems@grid.test/IEC", certificate=files, tls=server.ca, **given) as session:  # type: ignore[arg-type]
            stream = session._link._stream
            assert stream is not None
            assert stream._login.mechanism is not None
            assert stream._login.mechanism.name == "EXTERNAL"
            assert await session.ping("grid.test")
        # Somebody else's certificate opens no door, and without a password there is no other.
        with pytest.raises(Refused, match=r"let us in as ems@grid\.test, not as der@grid\.test"):
            await SlixSession("der@grid.test/IEC", certificate=files, tls=server.ca, **given).open()  # type: ignore[arg-type]
        # TLS 1.2 is the last version for which this Python knows a channel binding.
        context = ssl.create_default_context(cafile=server.ca)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        async with make_session(server, "ems", tls=context, minimum="SCRAM-SHA-256-PLUS") as session:
            assert session.connected
    finally:
        await server.stop()


def test_free_ports_are_below_those_of_outgoing_connections() -> None:
    ports = {process.free_port() for _ in range(20)}
    assert max(ports) < 30_000
    assert len(ports) > 10


def test_certificates(tmp_path: Path) -> None:
    authority = pki.make_ca(tmp_path / "pki")
    server, client = pki.issue(authority, "grid.test", "alias.test"), pki.issue_client(authority, "ems@grid.test")
    assert stat.S_IMODE(server.key.stat().st_mode) == 0o600
    assert "PRIVATE" not in repr(authority)
    accepting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    accepting.load_cert_chain(server.certificate, server.key)
    accepting.verify_mode = ssl.CERT_REQUIRED
    connecting = ssl.create_default_context(cafile=authority.certificate)
    connecting.load_cert_chain(client.certificate, client.key)
    for name in ("grid.test", "alias.test"):
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        left = connecting.wrap_bio(back, there, server_hostname=name)
        right = accepting.wrap_bio(there, back, server_side=True)
        for side in (left, right, left, right):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        shown = right.getpeercert()
        assert shown is not None
        assert ("othername", "XmppAddr:ems@grid.test") in shown["subjectAltName"]
