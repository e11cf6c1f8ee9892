"""The ways on which the one ACSI suite runs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import pytest_asyncio
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.session import Session
from janusgrid.common.xmpp.slix import SlixSession

from tests.brokers import start_broker, start_federation
from tests.iec61850.wires import Ber, GatewayRig, MemoryRig, Rig, TcpRig, Xer, XmppRig

USERS = ("dg750", "ems", "utility")
DOMAINS = {"dg750": "plant.test", "ems": "utility.test", "utility": "utility.test"}
MEMORY = {"ber": Ber(), "ber 1000": Ber(1000), "xer 80-3": Xer("80-3"), "xer 2018": Xer("2018")}
OVER_XMPP = (
    "embedded 80-3", "embedded 2018", "prosody 80-3", "ejabberd 80-3",
    "embedded 80-3 encrypted", "prosody 2018 clear", "ejabberd 2018 encrypted", "federation 80-3",
)  # fmt: skip
"""Broker, dialect, end-to-end security; in a federation the device is in another domain than its clients.
JANUSGRID_WAYS=all runs every combination."""
ALL = os.environ.get("JANUSGRID_WAYS") == "all"
if ALL:
    OVER_XMPP = tuple(
        " ".join(filter(None, (broker, dialect, suite)))
        for broker in ("embedded", "prosody", "ejabberd", "federation") for dialect in ("80-3", "2018")
        for suite in ("", "clear", "encrypted")
    )  # fmt: skip
THROUGH_A_GATEWAY = ("embedded gateway 8-1", "embedded gateway 8-2")
"""By what clients reach the gateway; the device is on the other."""
WAYS = [
    "local",
    *MEMORY,
    "tcp",
    *(pytest.param(way, marks=[pytest.mark.xdist_group(f"acsi {way}")]) for way in OVER_XMPP + THROUGH_A_GATEWAY),
]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run every fourth test only in a federation, and through a gateway: what they change is the way to the services,
    not the services."""
    far = [item for item in items if not ALL and ("[federation " in item.name or " gateway " in item.name)]
    left_out = {item for number, item in enumerate(far) if number % 4}
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=sorted(left_out, key=lambda item: item.name))


class Way(NamedTuple):
    """The name of a way, the XMPP sessions that it needs, and what makes another for a client."""

    name: str
    sessions: list[Session]
    session: Callable[[], Session]


@asynccontextmanager
async def _servers(broker: str) -> AsyncIterator[dict[str, LocalServer]]:
    """Start what the way needs, and give the server of each user."""
    if broker == "federation":
        async with start_federation(DOMAINS) as servers:
            yield servers
        return
    async with start_broker(broker, *USERS) as server:
        yield dict.fromkeys(USERS, server)


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=WAYS)
async def way(request: pytest.FixtureRequest) -> AsyncIterator[Way]:
    broker, _, dialect = request.param.partition(" ")
    if request.param in MEMORY or not dialect:
        yield Way(request.param, [], NotImplemented)
        return
    async with _servers(broker) as servers:

        def session(user: str = USERS[-1], resource: str = "guest") -> Session:
            server = servers[user]
            return SlixSession(
                f"{user}@{server.domain}/{resource}", password=f"secret of {user}", host=server.host, port=server.port,
                tls=server.ca, allow=lambda peer: True,
            )  # fmt: skip

        sessions = [session(user, "IEC") for user in USERS]
        for each in sessions:
            await each.open()
        yield Way(request.param, sessions, session)
        for each in sessions:
            await each.close()


@pytest_asyncio.fixture(loop_scope="session")
async def rig(way: Way) -> AsyncIterator[Rig]:
    """A plant served afresh on one of the ways."""
    name = way.name
    made: Rig
    if "gateway" in name:
        made = GatewayRig(way.sessions, name.rpartition(" ")[2], session=way.session)
    elif way.sessions:
        made = XmppRig(way.sessions, *name.split(" ")[1:], session=way.session)
    elif name in MEMORY:
        made = MemoryRig(MEMORY[name])
    elif name == "tcp":
        made = TcpRig()
    else:
        made = Rig()
    yield made
    await made.close()
