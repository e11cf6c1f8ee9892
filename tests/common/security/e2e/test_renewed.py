"""Files that change while a server runs: what is revoked, or renewed, holds from the next handshake on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from janusgrid.common.errors import ConfigError
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority
from janusgrid.common.security.e2e import Accepting, Believed, Calling, HandshakeRefused, Reason, RenewedIdentity

CLIENT, SERVER = "ems@plant.example/guest", "dg750@plant.example/IEC"


def open_session(client: RenewedIdentity, accepting: Accepting) -> str:
    """Open a session and return by which certificate the server knows the client."""
    now = datetime.now(UTC)
    calling = Calling(client, CLIENT, SERVER, now)
    accepted = accepting.answer(calling.request, CLIENT, SERVER, now)
    calling.accepted(accepted.answer, now)
    return accepted.certificate.fingerprint


def test_revoked_and_renewed(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    revoked = authority.revoke()
    ems, dg = (authority.issue(name, addresses=[f"{name}@plant.example"]) for name in ("ems", "dg750"))
    client, server = (
        RenewedIdentity(Credentials(each.certificate, each.key, each.authority, revoked)) for each in (ems, dg)
    )
    accepting = Accepting(server)
    assert open_session(client, accepting) == ems.fingerprint
    authority.revoke(ems.certificate)
    with pytest.raises(HandshakeRefused) as refused:
        open_session(client, accepting)
    assert refused.value.reason is Reason.CERTIFICATE
    renewed = authority.issue("new", addresses=["ems@plant.example"])
    renewed.key.replace(ems.key)
    with pytest.raises(HandshakeRefused):
        open_session(client, accepting)  # half of it is there: what was before goes on
    renewed.certificate.replace(ems.certificate)
    assert open_session(client, accepting) == renewed.fingerprint


def test_who_was_believed_is_doubted_when_that_changes(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    revoked = authority.revoke()
    ems, dg = (authority.issue(name, addresses=[f"{name}@plant.example"]) for name in ("ems", "dg750"))
    client, server = (
        RenewedIdentity(Credentials(each.certificate, each.key, each.authority, revoked)) for each in (ems, dg)
    )
    now = datetime.now(UTC)
    calling = Calling(client, CLIENT, SERVER, now)
    accepted = Accepting(server).answer(calling.request, CLIENT, SERVER, now)
    calling.accepted(accepted.answer, now)
    of_client, of_server = Believed(server, accepted.path), Believed(client, calling.path)
    assert of_client.doubt(now) is of_server.doubt(now) is None
    authority.revoke()  # another list that says the same
    assert of_client.doubt(now) is of_server.doubt(now) is None
    assert "not believed" in (of_client.doubt(now + timedelta(days=100_000)) or ""), "it is out of date"
    authority.revoke(ems.certificate)
    for _ in range(2):
        assert "revoked" in (of_client.doubt(now) or "")
    assert of_server.doubt(now) is None


def test_files_that_are_none(tmp_path: Path) -> None:
    issued = Authority.make(tmp_path).issue("ems", addresses=["ems@plant.example"])
    with pytest.raises(ConfigError, match="name them"):
        RenewedIdentity(Credentials(issued.certificate, issued.key))
