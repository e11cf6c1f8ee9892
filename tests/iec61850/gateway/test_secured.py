"""A device on XMPP with end-to-end security, which goes and comes back, behind a gateway to 8-1."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.common.errors import JanusGridError, Refused
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority
from janusgrid.common.security.role import Role
from janusgrid.common.security.roles import Grant
from janusgrid.common.xmpp.session import Session
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Server, connect
from janusgrid.iec61850.gateway import Far, Gateway, opener
from janusgrid.iec61850.mapping.service import Caller
from janusgrid.iec61850.scsm81 import tls
from janusgrid.iec61850.scsm81.server import TcpServer
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.scsm82.server import XmppServer

from tests.brokers import start_broker
from tests.common.security.e2e.ends import identity
from tests.iec61850.gateway.test_lost import BUFFERED, W, changes, told
from tests.iec61850.plant import plant
from tests.iec61850.wires import until


async def test_a_secured_device_goes_and_comes_back(tmp_path: Path) -> None:
    """No buffered report is lost or comes twice, and files go both ways."""
    async with start_broker("embedded", "device", "asking") as broker:

        def session(user: str) -> Session:
            return SlixSession(
                f"{user}@{broker.domain}/IEC", password=f"secret of {user}", host=broker.host, port=broker.port,
                tls=broker.ca, allow=lambda peer: True,
            )  # fmt: skip

        async def serve() -> Session:
            made = session("device")
            await made.open()
            server.start(made, security=Security(identity(made.jid)))
            return made

        server = Server(plant())
        server.serve_files(tmp_path, writable=True)
        device, asking = await serve(), session("asking")
        await asking.open()
        secured = opener(f"xmpp:{device.jid}", session=asking, security=Security(identity(asking.jid)))
        gateway = Gateway("device", lambda caller: Far("device", secured, text=True, retry=(0.01, 0.1)))
        listening = TcpServer(gateway)
        await listening.listen("127.0.0.1", 0)
        try:
            async with connect(f"tcp://127.0.0.1:{listening.port}") as ied, ied.report(BUFFERED) as reports:
                found = []
                for turn in range(3):
                    for number in range(3):
                        server.update(W, float(10 * turn + number))
                    if turn:
                        device = await serve()
                    found += await changes(reports, 3)
                    await device.close()
                    await until(lambda: not server.engine.associations)
                assert told(found) == [float(10 * turn + number) for turn in range(3) for number in range(3)]
                assert len({update.entry for update in found}) == 9
                device = await serve()
                await until(lambda: all(relay.connected for relay in gateway.relays))
                await ied.put_file("there.bin", bytes(range(256)) * 400)
                assert (tmp_path / "there.bin").read_bytes() == bytes(range(256)) * 400
                assert await ied.get_file("there.bin") == bytes(range(256)) * 400
        finally:
            listening.stop()
            await gateway.close()
            await server.close()
            await device.close()
            await asking.close()


async def test_without_its_security_there_is_no_way_to_it() -> None:
    async with start_broker("embedded", "device", "asking") as broker:
        device, asking = (
            SlixSession(
                f"{user}@{broker.domain}/IEC", password=f"secret of {user}", host=broker.host, port=broker.port,
                tls=broker.ca, allow=lambda peer: True,
            )
            for user in ("device", "asking")
        )  # fmt: skip
        async with Server(plant()) as server, device, asking:
            server.start(device, security=Security(identity(device.jid)))
            open_ = opener(f"xmpp:{device.jid}", session=asking)
            gateway = Gateway("device", lambda caller: Far("device", open_, text=True))
            listening = TcpServer(gateway)
            await listening.listen("127.0.0.1", 0)
            with pytest.raises(Refused):
                await connect(f"tcp://127.0.0.1:{listening.port}")
            listening.stop()
            await gateway.close()


async def test_whom_it_asks_for_as_whom_it_knows_what_a_client_has_proved_to_be(tmp_path: Path) -> None:
    """Over TLS and with end-to-end security: those roles count that its certificate gives it where the device is."""
    lab = Authority.make(tmp_path)
    grants = [Grant((int(Role.OPERATOR),)), Grant((int(Role.ENGINEER),), area="south")]
    near = lab.issue("near", addresses=["asking@grid.test"], roles=grants)
    gate = lab.issue("gate", hosts=["localhost"], addresses=["device@grid.test"])
    callers: list[Caller] = []

    def nobody(caller: Caller) -> None:
        callers.append(caller)

    gateway = Gateway("device", nobody)
    context = tls.server_context(lab.certificate, gate.certificate, gate.key)
    listening = TcpServer(gateway, tls=context, area="north")
    await listening.listen("127.0.0.1", 0)
    asking = tls.client_context(lab.certificate, near.certificate, near.key)
    with pytest.raises(JanusGridError):
        await connect(f"tcp://localhost:{listening.port}", tls=asking)
    listening.stop()
    async with start_broker("embedded", "device", "asking") as broker:
        assert broker.domain == "grid.test"
        device, client = (
            SlixSession(
                f"{user}@{broker.domain}/IEC", password=f"secret of {user}", host=broker.host, port=broker.port,
                tls=broker.ca, allow=lambda peer: True,
            )
            for user in ("device", "asking")
        )  # fmt: skip
        async with device, client:
            theirs, ours = (Credentials(one.certificate, one.key, lab.certificate) for one in (gate, near))
            served = XmppServer(gateway, device, security=Security.of(theirs, area="north"))
            with pytest.raises(JanusGridError):
                await connect(f"xmpp:{device.jid}", session=client, security=Security.of(ours))
            served.stop()
    assert [caller.roles for caller in callers] == [frozenset({Role.OPERATOR})] * 2
