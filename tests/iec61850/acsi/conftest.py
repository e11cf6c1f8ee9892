"""The ways on which the one ACSI suite runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from janusgrid.common.xmpp.session import Session
from janusgrid.common.xmpp.slix import SlixSession

from tests.brokers import start_broker
from tests.iec61850.wires import Ber, MemoryRig, Rig, TcpRig, Xer, XmppRig

USERS = ("dg750", "ems", "utility")
MEMORY = {"ber": Ber(), "xer 80-3": Xer("80-3"), "xer 2018": Xer("2018")}
OVER_XMPP = ("embedded 80-3", "embedded 2018", "prosody 80-3", "ejabberd 80-3")
WAYS = [
    "local",
    *MEMORY,
    "tcp",
    *(pytest.param(way, marks=[pytest.mark.xdist_group(f"acsi {way}")]) for way in OVER_XMPP),
]


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=WAYS)
async def way(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, list[Session]]]:
    """The name of a way, and the XMPP sessions that it needs."""
    broker, _, dialect = request.param.partition(" ")
    if request.param in MEMORY or not dialect:
        yield request.param, []
        return
    async with start_broker(broker, *USERS) as server:
        sessions = [
            SlixSession(
                f"{user}@{server.domain}/IEC", password=f"secret of {user}", host=server.host, port=server.port,
                tls=server.ca,
            )
            for user in USERS
        ]  # fmt: skip
        for session in sessions:
            await session.open()
        yield request.param, list(sessions)
        for session in sessions:
            await session.close()


@pytest_asyncio.fixture(loop_scope="session")
async def rig(way: tuple[str, list[Session]]) -> AsyncIterator[Rig]:
    """A plant served afresh on one of the ways."""
    name, sessions = way
    made: Rig
    if sessions:
        made = XmppRig(sessions, name.partition(" ")[2])
    elif name in MEMORY:
        made = MemoryRig(MEMORY[name])
    elif name == "tcp":
        made = TcpRig()
    else:
        made = Rig()
    yield made
    await made.close()
