"""A gateway between both sides of the tests with live peers: what they call our server, or our client, is behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from janusgrid.common.xmpp.session import Session
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Ied, Server, connect
from janusgrid.iec61850.gateway import Far, Gateway, opener
from janusgrid.iec61850.scsm81.server import TcpServer
from janusgrid.iec61850.scsm82.server import XmppServer

from tests.brokers import start_broker
from tests.iec61850.scsm81 import station
from tests.iec61850.scsm81.sides import Listening, Station


class Sessions(NamedTuple):
    """The accounts of a device, or of the gateway in its place, and of whoever asks."""

    device: Session
    asking: Session


@asynccontextmanager
async def sessions() -> AsyncIterator[Sessions]:
    """Run a broker with two accounts, both logged in."""
    async with start_broker("embedded", "device", "asking") as broker:
        made = [
            SlixSession(
                f"{user}@{broker.domain}/IEC", password=f"secret of {user}", host=broker.host, port=broker.port,
                tls=broker.ca, allow=lambda peer: True,
            )
            for user in Sessions._fields
        ]  # fmt: skip
        for session in made:
            await session.open()
        try:
            yield Sessions(*made)
        finally:
            for session in made:
                await session.close()


@asynccontextmanager
async def to_8_2(sessions: Sessions) -> AsyncIterator[int]:
    """Lead to the device on XMPP; give the port on which it is reached."""
    far = Far("device", opener(f"xmpp:{sessions.device.jid}", session=sessions.asking), text=True)
    gateway = Gateway("device", lambda caller: far)
    listening = TcpServer(gateway)
    await listening.listen("127.0.0.1", 0)
    yield listening.port
    listening.stop()
    await gateway.close()


@asynccontextmanager
async def to_8_1(port: int, sessions: Sessions) -> AsyncIterator[str]:
    """Lead to a server on a TCP port; give the JID at which it is reached."""
    far = Far("device", opener(f"tcp://127.0.0.1:{port}"), text=False)
    gateway = Gateway("device", lambda caller: far)
    serving = XmppServer(gateway, sessions.device)
    yield sessions.device.jid
    serving.stop()
    await gateway.close()


@asynccontextmanager
async def serving(server: Server, sessions: Sessions) -> AsyncIterator[int]:
    """Serve on XMPP, and give the port on which the gateway makes it look like one on TCP."""
    server.start(sessions.device)
    async with to_8_2(sessions) as port:
        yield port
    await server.close()


def our_server(sessions: Sessions) -> Any:
    """Return what takes the place of `sides.our_server`: the same on XMPP, with the port of a gateway."""

    @asynccontextmanager
    async def our_server(
        *, select_timeout: int = 5000, options: dict[str, Any] | None = None
    ) -> AsyncIterator[Station]:
        made = Station(Server(station.station(select_timeout), **(options or {})))
        async with serving(made.server, sessions) as made.port:
            yield made

    return our_server


def our_client(sessions: Sessions) -> Any:
    """Return what takes the place of `sides.our_client`: a client on XMPP, led to the server by a gateway."""

    @asynccontextmanager
    async def our_client(server: Listening) -> AsyncIterator[Ied]:
        async with (
            to_8_1(server.port, sessions) as jid,
            connect(f"xmpp:{jid}", session=sessions.asking, timeout=20) as ied,
        ):
            yield ied

    return our_client
