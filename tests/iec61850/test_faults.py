"""A fault of ours, wherever it is, costs the one association on which it shows: all that it had is free again, who
waits is told, the others go on, and the log has its traceback once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import attrs
import pytest
from janusgrid.common.errors import NotReachable
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.session import StanzaRefused
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Command, Ied, Server
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.services import (
    GetDataValues,
    GetRCBValues,
    GetServerDirectory,
    Notification,
    Operate,
    SetRCBValues,
)
from janusgrid.iec61850.engine import Association
from janusgrid.iec61850.engine.control import Control
from janusgrid.iec61850.engine.reporting import Reporting
from janusgrid.iec61850.mapping.client import MmsClient
from janusgrid.iec61850.mapping.server import MmsServer
from janusgrid.iec61850.mms import encode_ber, pdu
from janusgrid.iec61850.scsm81.client import TcpAssociation
from janusgrid.iec61850.scsm81.errors import Aborted
from janusgrid.iec61850.scsm81.server import TcpServer
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.endpoint import Endpoint
from janusgrid.iec61850.server import host

from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.scsm81.test_connection import Raw
from tests.iec61850.wires import until

W = ref("MMXU1.TotW.mag.f", "MX")
BLOCK = ref("LLN0.urcbMeas01", "RP")
DIRECT, ENHANCED = ref("DWGC1.WSpt"), ref("DWGC1.WEnh")


class Planted(RuntimeError):
    """The fault."""


@attrs.define
class Field:
    """A server, one client on whose association things go wrong, and a good one beside it."""

    server: Server
    carrier: TcpServer | Endpoint
    open: Callable[[], Awaitable[ClientAssociation]]
    """Opens another association."""
    bad: ClientAssociation
    good: ClientAssociation
    log: pytest.LogCaptureFixture
    ends: list[str] = attrs.Factory(list)

    def __attrs_post_init__(self) -> None:
        self.bad.on_end(self.ends.append)

    @property
    def worse(self) -> Association:
        """The server's side of the bad association: the first that was opened."""
        return next(iter(self.server.engine.associations))

    @property
    def port(self) -> int:
        assert isinstance(self.carrier, TcpServer)
        return self.carrier.port

    @property
    def tells_of_its_end(self) -> bool:
        """True where the wire has an abort; without it, who waits for an answer is told, and nobody else."""
        return isinstance(self.carrier, TcpServer)

    def plant(self, monkeypatch: pytest.MonkeyPatch, place: type, name: str, about: Callable[..., bool]) -> None:
        """Have a method raise where what it is called with is about the bad association."""
        method = getattr(place, name)

        def faulty(*args: Any, **more: Any) -> Any:
            if about(*args):
                raise Planted(name)
            return method(*args, **more)

        monkeypatch.setattr(place, name, faulty)

    async def server_is_well(self, faults: int = 1) -> None:
        """See that the server has freed all of the bad association, serves the other one, and has said so once."""
        await until(lambda: len(self.server.engine.associations) == 1)
        assert len(self.server.host._attached) == 1
        carried = self.carrier._opened if isinstance(self.carrier, TcpServer) else self.carrier._serving
        await until(lambda: len(carried) == 1)
        assert await self.good.call(GetDataValues((W,))) == (300.5,)
        self.told(faults)

    def told(self, faults: int = 1) -> None:
        """See that the log has so many tracebacks, and nothing that asyncio itself complains of."""
        found = [record for record in self.log.records if record.exc_info]
        assert [record.exc_info and record.exc_info[0] for record in found] == [Planted] * faults
        assert not [record for record in self.log.records if record.name == "asyncio"]


@pytest.fixture(params=["tcp", "xmpp"])
async def field(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Field]:
    caplog.set_level(logging.ERROR)
    server = Server(plant())
    server.on_operate(str(DIRECT))(lambda command: None)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.close)
        if request.param == "tcp":
            carrier: TcpServer | Endpoint = await server.start_tcp(port=0)
            assert isinstance(carrier, TcpServer)
            another: Callable[[], Awaitable[Any]] = partial(TcpAssociation.open, "127.0.0.1", carrier.port)
            clients = [await another() for _ in range(2)]
        else:
            broker = await stack.enter_async_context(Broker("plant.test", {"dg750": "secret", "ems": "secret"}))
            sessions = []
            for jid in ("dg750@plant.test/IEC", "ems@plant.test/1", "ems@plant.test/2"):
                session = SlixSession(
                    jid, password="secret", host=broker.host, port=broker.port, tls=broker.ca, allow=lambda peer: True
                )
                await session.open()
                stack.push_async_callback(session.close)
                sessions.append(session)
            server.start(sessions[0])
            carrier = Endpoint.of(sessions[0])
            clients = [await XmppAssociation.open(session, sessions[0].jid) for session in sessions[1:]]
            another = partial(XmppAssociation.open, sessions[1], sessions[0].jid)
        yield Field(server, carrier, another, clients[0], clients[1], caplog)
        for client in clients:
            await client.abort()


# --- the server -------------------------------------------------------------------------------------------------------


async def fails(field: Field, asking: Any) -> None:
    """See that who waits for an answer is told, and not by the end of its patience."""
    with pytest.raises((Aborted, StanzaRefused)) as told:
        await asking
    assert isinstance(told.value, Aborted) or told.value.code == "internal-server-error"
    if not field.tells_of_its_end:
        with pytest.raises(NotReachable):
            await field.bad.call(GetServerDirectory())
    assert len(field.ends) == 1


async def test_a_request(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = field.worse
    field.plant(monkeypatch, MmsServer, "_serve", lambda mms, *_: mms._association is bad)
    await fails(field, field.bad.call(GetServerDirectory()))
    await field.server_is_well()


async def test_a_request_that_has_waited_for_the_application(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, asked, bad = asyncio.Event(), asyncio.Event(), field.worse

    @field.server.on_operate(str(DIRECT))
    async def slow(command: Command) -> None:
        asked.set()
        await go_on.wait()

    asking = asyncio.create_task(field.bad.call(Operate(DIRECT, [100.0])))
    await asked.wait()
    field.plant(monkeypatch, Control, "_leave", lambda control, target, running, *_: running.client is bad)
    go_on.set()
    await fails(field, asking)
    await field.server_is_well()


async def test_a_report(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """The update that raises it is no business of the application's, nor of the other client that gets it, too."""
    heard: list[Notification] = []
    field.good.on_notification(heard.append)
    await field.bad.call(SetRCBValues(BLOCK, (("RptEna", True),)))
    bad = field.worse
    await field.good.call(SetRCBValues(ref("LLN0.urcbMeas02", "RP"), (("RptEna", True),)))
    field.plant(monkeypatch, MmsServer, "notify", lambda mms, *_: mms._association is bad)
    field.server.update(f"{LD}/MMXU1.TotW", 300.5 + 1)
    field.server.update(f"{LD}/MMXU1.TotW", 300.5)
    await until(lambda: len(heard) == 2)
    await field.server_is_well()
    assert (await field.good.call(GetRCBValues(BLOCK)))["RptEna"] is False
    if field.tells_of_its_end:
        await until(lambda: bool(field.ends))


async def test_a_command_that_was_answered_before(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = field.worse
    field.server.on_operate(str(ENHANCED))(lambda command: None)
    field.plant(monkeypatch, Control, "_terminate", lambda control, running, *_: running.client is bad)
    await field.bad.call(Operate(ENHANCED, [100.0]))
    await field.server_is_well()
    done: list[Notification] = []
    field.good.on_notification(done.append)
    await field.good.call(Operate(ENHANCED, [200.0]))
    await until(lambda: bool(done))


async def test_the_end_itself(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one room of the engine cannot free keeps no other from freeing what it has."""
    bad = field.worse
    await field.bad.call(SetRCBValues(BLOCK, (("RptEna", True),)))
    field.plant(monkeypatch, Control, "release", lambda control, client, *_: client is bad)
    await field.bad.release()
    await field.server_is_well()
    assert (await field.good.call(GetRCBValues(BLOCK)))["RptEna"] is False


async def test_the_beginning(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """An association that cannot be opened is none at the server either."""
    field.plant(monkeypatch, MmsServer, "__init__", lambda *_: True)
    with pytest.raises((Aborted, StanzaRefused)):
        await field.open()
    assert len(field.server.engine.associations) == 2
    await field.bad.release()
    await field.server_is_well()


async def test_the_close_of_the_server(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = field.worse
    field.plant(monkeypatch, Reporting, "release", lambda reporting, client, *_: client is bad)
    await field.server.close()
    assert not field.server.engine.associations
    field.told()


@pytest.mark.parametrize("field", ["tcp"], indirect=True)
async def test_one_of_many_requests_at_once(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are taken in batches, the later ones while nothing is read: a connection must not stay like that."""
    raw = await Raw.open(field.port)
    seen = 0

    def about(mms: MmsServer[bytes], service: Any, *_: object) -> bool:
        nonlocal seen
        ours = mms._association is raw_side
        seen += ours
        return ours and seen == 50

    raw_side = list(field.server.engine.associations)[-1]
    field.plant(monkeypatch, MmsServer, "_serve", about)
    for number in range(100):
        raw.ask(number)
    raw.writer.write(raw.stack.take())
    assert await raw.closed()
    assert seen == 50
    await until(lambda: len(field.server.engine.associations) == 2)
    await field.bad.release()
    await field.server_is_well()


# --- the client -------------------------------------------------------------------------------------------------------


async def test_what_comes_unasked_to_a_client(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for an answer meanwhile is told at once."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    @field.server.on_operate(str(DIRECT))
    async def slow(command: Command) -> None:
        asked.set()
        await go_on.wait()

    await field.bad.call(SetRCBValues(BLOCK, (("RptEna", True),)))
    waiting = asyncio.create_task(field.bad.call(Operate(DIRECT, [100.0])))
    await asked.wait()
    bad = field.bad._mms  # type: ignore[attr-defined]
    field.plant(monkeypatch, MmsClient, "unasked", lambda mms, *_: mms is bad)
    field.server.update(f"{LD}/MMXU1.TotW", 301.5)
    field.server.update(f"{LD}/MMXU1.TotW", 300.5)
    with pytest.raises(NotReachable, match="a fault of ours"):
        await waiting
    assert field.ends == ["lost: a fault of ours"]
    with pytest.raises(NotReachable, match="has ended"):
        await field.bad.call(GetServerDirectory())
    go_on.set()
    if field.tells_of_its_end:
        await field.server_is_well()
    else:  # the server goes by the presence of the client
        field.told()


@pytest.mark.parametrize("field", ["tcp"], indirect=True)
async def test_whether_the_server_is_still_there(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for what a client asks by itself."""
    quiet = await TcpAssociation.open("127.0.0.1", field.port, keep_alive=0.01)
    quiet.on_end(field.ends.append)
    monkeypatch.setattr(quiet, "exchange", _planted)
    await until(lambda: field.ends == ["lost: a fault of ours"])
    await field.bad.release()
    await field.server_is_well()


async def _planted(message: pdu.MMSpdu) -> pdu.MMSpdu:
    raise Planted(encode_ber(message).hex())


# --- as time passes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["reporting", "logs", "control", "settings"])
async def test_time_goes_on_after_a_fault_in_it(
    part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a word a server would send nothing any more that is due, and end no selection."""
    monkeypatch.setattr(host, "_AFTER_FAULT", 0.01)
    async with Server(plant()) as server:
        room = getattr(server.engine, part)
        tick, faults = room.tick, 0

        def fails_at_first(now: Any) -> None:
            nonlocal faults
            faults += 1
            if faults <= 2:
                raise Planted
            tick(now)

        monkeypatch.setattr(room, "tick", fails_at_first)
        async with Ied(server.connect()) as ied, ied.report(f"{LD}/LLN0.urcbMeas", integrity=0.02) as reports:
            for _ in range(3):
                await anext(reports)
    told = [record for record in caplog.records if record.levelno >= logging.CRITICAL]
    assert len(told) == 2
    assert all(record.exc_info is not None and record.exc_info[0] is Planted for record in told)
