"""XMPP servers that run for the tests of this directory, one at a time for each kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from janusgrid.common.xmpp.backoff import Backoff
from janusgrid.common.xmpp.link import Patience
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.servers.base import Launched
from janusgrid.common.xmpp.servers.ejabberd import Ejabberd
from janusgrid.common.xmpp.servers.prosody import Prosody
from janusgrid.common.xmpp.slix import SlixSession

PASSWORD = "correct horse, battery & <staple>"
USERS = ("utility", "ems", "der", "mallory", "sleeper")
# Attempts come quickly, so that tests are quick; the jitter is bounded well below the time any test waits.
PATIENCE = Patience(connect=10.0, backoff=Backoff(base=0.05, cap=0.3))

SERVERS = [
    pytest.param(name, marks=[pytest.mark.xdist_group(f"xmpp-{name}")]) for name in ("embedded", "prosody", "ejabberd")
]


def make_server(name: str, **options: object) -> LocalServer:
    """Return a server that is not started yet, with our users; skip the test where it cannot run."""
    server: LocalServer
    if name == "embedded":
        broker = pytest.importorskip("janusgrid.common.xmpp.broker", reason="the embedded broker is not there")
        server = broker.Broker(
            "grid.test", limits=broker.Limits(depth=5000, elements=50_000, stanza_bytes=1_048_576, tag_bytes=524_288)
        )
    else:
        kind: type[Launched] = Prosody if name == "prosody" else Ejabberd
        if (reason := kind.unavailable()) is not None:
            pytest.skip(f"{name}: {reason}")
        server = kind("grid.test", **options)  # type: ignore[arg-type]
    for user in USERS:
        server.add_user(user, PASSWORD)
    return server


@pytest_asyncio.fixture(params=SERVERS, scope="module", loop_scope="module")
async def server(request: pytest.FixtureRequest) -> AsyncIterator[LocalServer]:
    """A running server of each kind."""
    running = make_server(request.param)
    await running.start()
    yield running
    await running.stop()


def make_session(server: LocalServer, user: str, **options: object) -> SlixSession:
    """Return a session, not open yet, of one of our users on this server."""
    defaults: dict[str, object] = {
        "password": PASSWORD,
        "host": server.host,
        "port": server.port,
        "tls": server.ca,
        "patience": PATIENCE,
        "allow": lambda peer: not peer.startswith("mallory"),
    }
    return SlixSession(f"{user}@{server.domain}/IEC", **{**defaults, **options})  # type: ignore[arg-type]


async def until(condition: Callable[[], bool], what: str = "", seconds: float = 30.0) -> None:
    """Return when `condition` holds; fail after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for are states of real servers, not events
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"not within {seconds} s: {what or condition}")
