"""The way out of a connection, on real transports."""

from __future__ import annotations

import asyncio
from pathlib import Path

from janusgrid.common.xmpp import tls
from janusgrid.common.xmpp.acks import Acknowledgements
from janusgrid.common.xmpp.outlet import Outlet
from janusgrid.common.xmpp.servers import pki

from .scripted import Peer, scripted


async def test_what_is_written_as_the_connection_closes_is_dropped(tmp_path: Path) -> None:
    authority = pki.make_ca(tmp_path)
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def script(peer: Peer) -> None:
        heard.set_result(await peer.reader.read())

    async with scripted(pki.issue(authority, "grid.test"), script, direct=True) as server:
        context = tls.client_context(authority.certificate)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context, server_hostname="grid.test")
        outlet = Outlet(Acknowledgements(), lambda: writer.transport)
        outlet.say("<a/>")
        outlet.flush()
        outlet.say("<b/>")
        writer.transport.close()
        writer.transport.close()  # as after a stream error: both we and the server end it
        outlet.flush()
        await writer.wait_closed()
        async with asyncio.timeout(30):
            assert await heard == b"<a/>"
