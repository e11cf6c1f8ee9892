"""The XMPP servers that a port's suite runs on: the embedded broker, Prosody and ejabberd, started by the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.servers.ejabberd import Ejabberd
from janusgrid.common.xmpp.servers.prosody import Prosody

BROKERS = ("embedded", "prosody", "ejabberd")
DOMAIN = "grid.test"


def make_broker(name: str) -> LocalServer:
    """Return a server that is not started; skip the test with a reason if it cannot be had here."""
    if name == "embedded":
        return Broker(DOMAIN)
    launcher = {"prosody": Prosody, "ejabberd": Ejabberd}[name]
    if (reason := launcher.unavailable()) is not None:
        pytest.skip(reason)
    return launcher(DOMAIN)


@asynccontextmanager
async def start_broker(name: str, *users: str) -> AsyncIterator[LocalServer]:
    """Start a server with these users; the password of each is `secret of USER`."""
    server = make_broker(name)
    for user in users:
        server.add_user(user, f"secret of {user}")
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
