"""Two ends of a session, and certificates for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from janusgrid.common.security import Credentials
from janusgrid.common.security.e2e import Accepting, Calling, Channel, Identity, Limits, Suite
from janusgrid.common.xmpp.servers import pki

NOW = datetime.now(UTC)
CLIENT, SERVER = "ems@plant.example/guest", "dg750@plant.example/IEC"
SECOND = timedelta(seconds=1)


@cache
def authority(name: str = "ours") -> pki.Authority:
    return pki.make_ca(Path(mkdtemp(prefix="janusgrid-e2e-")), name)


@cache
def credentials(jid: str, by: str = "ours", believes: str = "ours") -> Credentials:
    issued = pki.issue_client(authority(by), jid.partition("/")[0])
    return Credentials(issued.certificate, issued.key, authority(believes).certificate)


@cache
def identity(jid: str, by: str = "ours", believes: str = "ours") -> Identity:
    return Identity.of(credentials(jid, by, believes))


def channels(
    suite: Suite = Suite.ENCRYPTED, limits: Limits | None = None, accepting: Accepting | None = None
) -> tuple[Channel, Channel]:
    """Return both ends of an open session: the caller's, the called one's."""
    accepting = accepting or Accepting(identity(SERVER), limits=limits)
    calling = Calling(identity(CLIENT), CLIENT, SERVER, NOW, suites=[suite], limits=limits)
    accepted = accepting.answer(calling.request, CLIENT, SERVER, NOW)
    channel, certificate = calling.accepted(accepted.answer, NOW)
    assert "dg750@plant.example" in certificate.names
    assert "ems@plant.example" in accepted.certificate.names
    return channel, accepted.channel
