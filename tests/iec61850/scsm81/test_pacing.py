"""A large backlog to a client that reads slowly, over TCP: it waits in the buffer, and all of it arrives."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from janusgrid.iec61850.acsi.services import GetRCBValues, Notification, Report, SetRCBValues
from janusgrid.iec61850.engine.buffer import BufferLimits
from janusgrid.iec61850.scsm81.client import TcpAssociation
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import plant, ref
from tests.iec61850.wires import until

BRCB = ref("LLN0.brcbMeas01", "BR")


async def test_a_backlog_waits_for_a_client_that_does_not_read() -> None:
    server = Server(plant(), buffers=BufferLimits(entries=5000, octets=1 << 24))
    listening = await server.start_tcp(port=0)
    assert listening._listening is not None
    # Small buffers in the system, so that it does not take many reports to fill them.
    system: Any = listening._listening.sockets[0]
    system._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    association = await TcpAssociation.open("127.0.0.1", listening.port)
    told: list[Report] = []

    def notified(notification: Notification) -> None:
        assert isinstance(notification, Report)
        told.append(notification)

    association.on_notification(notified)
    for value in range(4000):
        server.update("DG750DER/MMXU1.Hz", float(value))
    (client,) = server.engine.associations
    transport = association._connection._transport
    assert transport is not None
    ours = transport.get_extra_info("socket")._sock
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        ours.setsockopt(socket.SOL_SOCKET, option, 8192)
    await association.call(GetRCBValues(BRCB))
    transport.pause_reading()
    enabling = asyncio.ensure_future(association.call(SetRCBValues(BRCB, (("RptEna", True),))))
    await until(lambda: client.held)
    for value in range(4000, 4500):
        server.update("DG750DER/MMXU1.Hz", float(value))
    assert len(client.outbox) <= 32, "the rest is in the buffer"
    assert not client.ended
    transport.resume_reading()
    await enabling
    await until(lambda: len(told) == 4500)
    values = [entry.value[0][0] for report in told for entry in report.entries]  # type: ignore[index]
    assert values == [float(n) for n in range(4500)]
    assert not any(report.buffer_overflow for report in told)
    await association.release()
    await server.close()
