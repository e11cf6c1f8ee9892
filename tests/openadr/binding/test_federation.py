"""A VTN and a VEN in two domains, each on a server of its own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.openadr.binding.transport import Transport
from janusgrid.openadr.binding.xmpp import XmppTransport
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import Change

from tests.brokers import start_federation

from .ways import Grid, eventually


class Federation:
    """Each user is at home on a server (see `ways.Way`)."""

    def __init__(self, servers: dict[str, LocalServer], stack: AsyncExitStack) -> None:
        self.servers, self._stack = servers, stack

    def identity(self, user: str) -> str:
        return f"{user}@{self.servers[user].domain}"

    async def transport(self, user: str) -> Transport:
        server = self.servers[user]
        session = SlixSession(
            f"{self.identity(user)}/{user}", password=f"secret of {user}", host=server.host, port=server.port,
            tls=server.ca,
        )  # fmt: skip
        return XmppTransport(await self._stack.enter_async_context(session))

    @property
    def vtn(self) -> str:
        return f"{self.identity('vtn')}/vtn"


async def test_an_event_and_its_reports_go_across_domains(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        homes = {"vtn": "utility.test", "ems": "site.test"}
        servers = await stack.enter_async_context(start_federation(homes))
        grid = Grid(Federation(servers, stack), stack)
        vtn, _ = await grid.both()
        now = grid.clock.now()
        dispatch = vtn.create_event(
            load_dispatch(400.0, start=now + timedelta(minutes=10), duration=timedelta(hours=1), created=now), ["site"]
        )
        async with asyncio.timeout(30):
            assert await dispatch.opted("site") is OptType.OPT_IN
        await eventually(lambda: bool(grid.samples))
        dispatch.cancel("enough")
        await eventually(lambda: grid.changes == [Change.NEW, Change.CANCELLED])
