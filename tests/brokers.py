"""The XMPP servers that a port's suite runs on: the embedded broker, Prosody and ejabberd, started by the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.servers.ejabberd import Ejabberd
from janusgrid.common.xmpp.servers.prosody import Prosody, federate

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


@asynccontextmanager
async def start_federation(homes: Mapping[str, str]) -> AsyncIterator[dict[str, LocalServer]]:
    """Start a Prosody for each domain of `homes` (user: domain), and give each user's; passwords as above."""
    if (reason := Prosody.unavailable()) is not None:
        pytest.skip(reason)
    servers = {domain: Prosody(domain) for domain in homes.values()}
    federate(*servers.values())
    for user, domain in homes.items():
        servers[domain].add_user(user, f"secret of {user}")
    async with AsyncExitStack() as stack:
        for server in servers.values():
            await server.start()
            stack.push_async_callback(server.stop)
        yield {user: servers[domain] for user, domain in homes.items()}
