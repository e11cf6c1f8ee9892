"""The ways from a client to a server that the ACSI suite runs on: in process, over MMS in memory, over XMPP."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ElementTree
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from typing import Protocol

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import NotReachable
from janusgrid.common.security.e2e import Limits, Suite
from janusgrid.common.xmpp.session import Session
from janusgrid.iec61850.acsi.ports import ClientAssociation, EndListener, NotificationListener
from janusgrid.iec61850.acsi.services import GetServerDataSets, GetServerDirectory, Notification, R, Request
from janusgrid.iec61850.gateway import Far, Gateway, opener
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mapping.catalogue import Catalogue
from janusgrid.iec61850.mapping.client import MmsClient
from janusgrid.iec61850.mapping.errors import TooLarge
from janusgrid.iec61850.mapping.files import block_size
from janusgrid.iec61850.mapping.server import MmsServer
from janusgrid.iec61850.mms import DIALECTS, decode_ber, decode_xer, encode_ber, encode_xer, pdu
from janusgrid.iec61850.scsm81.client import TcpAssociation
from janusgrid.iec61850.scsm81.server import TcpServer
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.scsm82.server import XmppServer
from janusgrid.iec61850.scsm82.validation import Validation
from janusgrid.iec61850.server import Server

from tests.common.security.e2e.ends import identity
from tests.iec61850.plant import plant

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@cache
def validation() -> Validation:
    """Return the schemas of both dialects, read once."""
    return Validation()


class TestWire(Protocol):
    """Both directions of an encoding, with what the mapping asks of it.

    Attributes:
        key: its name among the ways.
        pdu_size: octets of the largest PDU that clients take, where a test says nothing else.
    """

    key: str
    pdu_size: int
    name_overhead: int

    def encode(self, message: pdu.MMSpdu) -> str | bytes: ...
    def decode(self, payload: str | bytes) -> pdu.MMSpdu: ...
    def size(self, payload: str | bytes) -> int: ...


class Ber:
    """BER octets, as 8-1 has them."""

    name_overhead = 4

    def __init__(self, pdu_size: int = initiate.Limits().pdu_size) -> None:
        self.pdu_size = pdu_size
        self.key = "ber" if pdu_size == initiate.Limits().pdu_size else f"ber {pdu_size}"

    def encode(self, message: pdu.MMSpdu) -> bytes:
        return encode_ber(message)

    def decode(self, payload: str | bytes) -> pdu.MMSpdu:
        assert isinstance(payload, bytes)
        return decode_ber(payload)

    def size(self, payload: str | bytes) -> int:
        return len(payload)


class Xer:
    """XER text, through an XML parser that is not ours. All that is written is valid against the schema."""

    name_overhead = 25
    pdu_size = initiate.Limits().pdu_size

    def __init__(self, dialect: str) -> None:
        self.dialect = DIALECTS[dialect]
        self.key = f"xer {dialect}"

    def encode(self, message: pdu.MMSpdu) -> str:
        text = encode_xer(message, self.dialect)
        assert not (faults := validation().faults(text)), f"{faults}: {text}"
        return text

    def decode(self, payload: str | bytes) -> pdu.MMSpdu:
        return decode_xer(ElementTree.fromstring(payload), self.dialect)

    def size(self, payload: str | bytes) -> int:
        return len(payload if isinstance(payload, bytes) else payload.encode())


class MemoryAssociation:
    """Client and server side of the mapping, each PDU encoded and decoded on its way between them."""

    def __init__(self, server: Server, wire: TestWire, name: str, limits: initiate.Limits | None = None) -> None:
        limits = limits or initiate.Limits(wire.pdu_size)
        request = wire.decode(wire.encode(initiate.request(limits)))
        assert request[0] == "initiate-RequestPDU"
        self.parameters, answer = initiate.accept(request[1], initiate.Limits(), Catalogue(server.engine).services)
        assert initiate.settled(wire.decode(wire.encode(answer)), limits) == self.parameters
        self.host, self.wire = server.host, wire
        self.peer = "memory"
        self.sizes: list[int] = []
        self.listeners: list[NotificationListener] = []
        self.end_listeners: list[EndListener] = []
        self.association = self.host.associate(name, self._notify, self._ended)
        self.mms: MmsServer[str | bytes] = MmsServer(
            Catalogue(server.engine), self.association, wire, self.parameters, exchange=self.fetch
        )
        self.client = MmsClient(self.exchange, self.peer)

    async def exchange(self, message: pdu.MMSpdu) -> pdu.MMSpdu:
        payload = self.wire.encode(message)
        if self.wire.size(payload) > self.parameters.pdu_size:
            raise TooLarge("too large")
        return self.wire.decode(await self.raw(self.wire.decode(payload)))

    async def fetch(self, message: pdu.MMSpdu) -> pdu.MMSpdu:
        """Give the client what the server asks."""
        await asyncio.sleep(0)
        asked = self.wire.decode(self.wire.encode(message))
        assert asked[0] == "confirmed-RequestPDU"
        payload = self.wire.encode(self.client.files.serve(asked[1], block_size(self.wire, self.parameters.pdu_size)))
        self.sizes.append(self.wire.size(payload))
        assert self.sizes[-1] <= self.parameters.pdu_size
        return self.wire.decode(payload)

    async def raw(self, message: pdu.MMSpdu) -> str | bytes:
        """Give the server any PDU at all, and return what it answers."""
        answer = await self.host.perform(self.mms.receive(message, self.host.clock.now()))
        for payload in answer.before:
            self._arrive(payload)
        self.sizes.append(self.wire.size(answer.answer))
        assert self.sizes[-1] <= self.parameters.pdu_size
        return answer.answer

    async def call(self, request: Request[R]) -> R:
        if self.association.ended:
            raise NotReachable("ended")
        return await self.client.call(request)

    def _notify(self, notification: Notification) -> None:
        for payload in self.mms.notify(notification):
            self.sizes.append(self.wire.size(payload))
            assert self.sizes[-1] <= self.parameters.pdu_size
            self._arrive(payload)

    def _arrive(self, payload: str | bytes) -> None:
        notification = self.client.unasked(self.wire.decode(payload))
        for listener in list(self.listeners) if notification is not None else ():
            listener(notification)  # type: ignore[arg-type]

    def on_notification(self, listener: NotificationListener) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def on_end(self, listener: EndListener) -> Callable[[], None]:
        self.end_listeners.append(listener)
        return lambda: self.end_listeners.remove(listener)

    async def release(self) -> None:
        self._leave("released")

    async def abort(self) -> None:
        self._leave("aborted")

    def _leave(self, why: str) -> None:
        if not self.association.ended:
            self.host.end(self.association, why)
            self._ended(why)

    def _ended(self, why: str) -> None:
        for listener in self.end_listeners:
            listener(why)


class Rig:
    """A plant that is served, a clock that is moved by hand, and a way to associate with it."""

    silent = False
    """Whether an abort of a client sends nothing: then the server sees the presence of the client go."""
    one_client = False
    """Whether the server takes all clients for one, as it sees one that stands for them."""

    def __init__(self) -> None:
        self.clock = LockStepClock(START)
        self.server = Server(plant(), clock=self.clock)

    async def associate(self, client: int = 0, limits: initiate.Limits | None = None) -> ClientAssociation:
        """Return a new association of client 0 or 1."""
        return self.server.connect(f"client {client}")

    async def guest(self) -> tuple[ClientAssociation, Callable[[], Awaitable[None]]]:
        """Return an association of a client that can go without a word, and what lets it go."""
        association = await self.associate()
        return association, association.abort

    async def advance(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def quiet(self, association: ClientAssociation) -> None:
        """Return when all that the server has sent so far is there."""
        await association.call(GetServerDirectory())

    async def drop(self) -> None:
        """End every association, as when the clients are lost."""
        for association in list(self.server.engine.associations):
            self.server.host.abort(association, "lost")

    async def close(self) -> None:
        await self.server.close()


class MemoryRig(Rig):
    def __init__(self, wire: TestWire) -> None:
        super().__init__()
        self.wire = wire

    async def associate(self, client: int = 0, limits: initiate.Limits | None = None) -> MemoryAssociation:
        return MemoryAssociation(self.server, self.wire, f"client {client}", limits)


class TcpRig(Rig):
    """The server listens on a free port of this machine."""

    one_client = True

    def __init__(self) -> None:
        super().__init__()
        self.listening: TcpServer | None = None
        self.open: list[TcpAssociation] = []

    async def associate(self, client: int = 0, limits: initiate.Limits | None = None) -> ClientAssociation:
        if self.listening is None:
            self.listening = await self.server.start_tcp(port=0)
        association = await TcpAssociation.open("127.0.0.1", self.listening.port, limits=limits)
        self.open.append(association)
        return association

    async def close(self) -> None:
        for association in self.open:
            await association.abort()
        await super().close()


class XmppRig(Rig):
    """The sessions outlive the rig: one server session, two of clients. `session` makes another for a client."""

    def __init__(
        self, sessions: list[Session], dialect: str, suite: str = "", *, session: Callable[[], Session]
    ) -> None:
        super().__init__()
        self.sessions = sessions
        self.session = session
        self.dialect = dialect
        self.suite = Suite[suite.upper()] if suite else None
        self.silent = self.suite is None
        self.open: list[XmppAssociation] = []
        self.server.start(sessions[0], security=self.security(sessions[0]))

    def security(self, session: Session) -> Security | None:
        """Return what makes associations of a session safe from end to end, as the way wants."""
        if self.suite is None:
            return None
        return Security(identity(session.jid), suites=(self.suite,), limits=Limits(handshakes=1000, rekey_pdus=1000))

    async def associate(self, client: int = 0, limits: initiate.Limits | None = None) -> ClientAssociation:
        session = self.sessions[1 + client]
        association = await XmppAssociation.open(
            session, self.sessions[0].jid, dialect=self.dialect, limits=limits, security=self.security(session)
        )
        self.open.append(association)
        return association

    async def guest(self) -> tuple[ClientAssociation, Callable[[], Awaitable[None]]]:
        session = self.session()
        await session.open()
        association = await XmppAssociation.open(
            session, self.sessions[0].jid, dialect=self.dialect, security=self.security(session)
        )
        return association, session.close

    async def quiet(self, association: ClientAssociation) -> None:
        for _ in range(3):  # reports go by a task of their own
            await association.call(GetServerDirectory())
        await asyncio.sleep(0.02)

    async def close(self) -> None:
        for association in self.open:
            await association.abort()
        await super().close()


class GatewayRig(Rig):
    """A gateway stands between: `near` is how clients reach it, 8-1 or 8-2; the plant is served on the other."""

    one_client = True

    def __init__(self, sessions: list[Session], near: str, *, session: Callable[[], Session]) -> None:
        super().__init__()
        self.sessions = sessions
        self.session = session
        self.over_tcp = near == "8-1"
        self.silent = not self.over_tcp
        self.gateway: Gateway | None = None
        self.listening: TcpServer | None = None
        self.near: XmppServer | None = None
        self.open: list[TcpAssociation | XmppAssociation] = []

    async def begin(self) -> None:
        """Serve the plant, and what leads to it."""
        if self.gateway is not None:
            return
        if self.over_tcp:
            self.server.start(self.sessions[0])
            far = Far("plant", opener(f"xmpp:{self.sessions[0].jid}", session=self.sessions[1]), text=True)
        else:
            port = (await self.server.start_tcp(port=0)).port
            far = Far("plant", opener(f"tcp://127.0.0.1:{port}"), text=False)
        self.gateway = Gateway("plant", lambda caller: far)
        if self.over_tcp:
            self.listening = TcpServer(self.gateway)
            await self.listening.listen("127.0.0.1", 0)
        else:
            self.near = XmppServer(self.gateway, self.sessions[0])

    async def associate(self, client: int = 0, limits: initiate.Limits | None = None) -> ClientAssociation:
        await self.begin()
        made: TcpAssociation | XmppAssociation
        if self.listening is not None:
            made = await TcpAssociation.open("127.0.0.1", self.listening.port, limits=limits)
        else:
            made = await XmppAssociation.open(self.sessions[1 + client], self.sessions[0].jid, limits=limits)
        self.open.append(made)
        return made

    async def guest(self) -> tuple[ClientAssociation, Callable[[], Awaitable[None]]]:
        if self.over_tcp:
            return await super().guest()
        await self.begin()
        session = self.session()
        await session.open()
        return await XmppAssociation.open(session, self.sessions[0].jid), session.close

    async def quiet(self, association: ClientAssociation) -> None:
        for _ in range(3):  # of what never changes the gateway asks nobody
            await association.call(GetServerDataSets())
        await asyncio.sleep(0.03)

    async def drop(self) -> None:
        assert self.gateway is not None
        for association in list(self.gateway.associations):
            self.gateway.abort(association, "lost")
        await until(lambda: not self.server.engine.associations)

    async def close(self) -> None:
        for association in self.open:
            await association.abort()
        if self.gateway is not None:
            for carrier in (self.listening, self.near):
                if carrier is not None:
                    carrier.stop()
            await self.gateway.close()
        await super().close()


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return when `condition` holds; fail after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - conditions are no events
                await asyncio.sleep(0.002)
    except TimeoutError:
        pytest.fail(f"not within {seconds} s")
