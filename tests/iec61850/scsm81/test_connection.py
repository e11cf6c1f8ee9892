"""Client and server on real sockets, against peers that break rules, hang, flood, or go away."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
from janusgrid.common.errors import LocalError, Malformed, NotReachable, TimedOut
from janusgrid.iec61850 import Command, Ied, Server, connect
from janusgrid.iec61850.acsi.services import GetDataValues, GetServerDirectory, Notification, SetRCBValues
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mapping.initiate import Limits
from janusgrid.iec61850.mapping.server import MmsServer
from janusgrid.iec61850.mms import decode_ber, encode_ber, pdu
from janusgrid.iec61850.scsm81.client import TcpAssociation
from janusgrid.iec61850.scsm81.connection import LinkLimits
from janusgrid.iec61850.scsm81.errors import AssociationRefused
from janusgrid.iec61850.scsm81.server import ServerLimits
from janusgrid.iec61850.scsm81.stack import Called, Calling, Data, Ended, Event, Requested

from tests.iec61850.plant import plant, ref
from tests.iec61850.scsm81.pairs import INITIATE, events
from tests.iec61850.wires import until

W = ref("MMXU1.TotW.mag.f", "MX")
READ = GetDataValues((W,))


@asynccontextmanager
async def serving(limits: ServerLimits | None = None, **options: object) -> AsyncIterator[tuple[Server, int]]:
    server = Server(plant())
    listening = await server.start_tcp(port=0, limits=limits, **options)  # type: ignore[arg-type]
    try:
        yield server, listening.port
    finally:
        await server.close()


class Raw:
    """A client made of a stack and a socket, that sends what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.stack = reader, writer, Calling()
        self.stack.message_limit = 1 << 20  # as a binding sets it once the PDU size is agreed
        self.seen: list[Event] = []

    @classmethod
    async def open(cls, port: int, *, associate: bool = True) -> Raw:
        raw = cls(*await asyncio.open_connection("127.0.0.1", port))
        if associate:
            raw.stack.connect(INITIATE)
            await raw.turn(1)
        return raw

    async def turn(self, number: int = 1) -> list[Event]:
        """Send what is ready and return the next events, at least so many; fewer if the connection ends."""
        found: list[Event] = []
        while len(found) < number:
            self.writer.write(self.stack.take())
            octets = await asyncio.wait_for(self.reader.read(65536), 30)
            if not octets:
                break
            self.stack.receive(octets)
            found += events(self.stack)
        self.writer.write(self.stack.take())
        return found

    async def closed(self) -> bool:
        """Return whether the server has closed the connection."""
        try:
            while await asyncio.wait_for(self.reader.read(65536), 30):
                pass
        except ConnectionError:
            pass
        return True

    def ask(self, invoke_id: int, *, size: int = 1) -> None:
        name: pdu.ObjectName = ("domain-specific", pdu.DomainSpecific("DG750DER", "MMXU1$MX"))
        definition = pdu.VariableDef(("name", name), None)
        request = pdu.ReadRequest(("listOfVariable", [definition] * size))
        self.stack.send(encode_ber(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(invoke_id, ("read", request)))))


# --- the server -------------------------------------------------------------------------------------------------------


async def test_who_says_nothing_is_shown_out() -> None:
    limits = ServerLimits(handshake=0.1, link=LinkLimits(message=0.1))
    async with serving(limits) as (server, port):
        silent = await Raw.open(port, associate=False)
        slow = await Raw.open(port, associate=False)
        slow.writer.write(b"\x03\x00\x00")
        half = await Raw.open(port, associate=False)
        half.stack.connect(INITIATE)
        half.writer.write(half.stack.take())
        for raw in (silent, slow, half):
            assert await raw.closed()
        assert not server.engine.associations


async def test_a_message_that_never_ends_ends_the_association() -> None:
    async with serving(ServerLimits(link=LinkLimits(message=0.1))) as (server, port):
        raw = await Raw.open(port)
        assert len(server.engine.associations) == 1
        for octet in b"\x03\x00\x00\x40\x02\xf0\x80":  # slowly, each octet before the time is over
            raw.writer.write(bytes([octet]))
            await asyncio.sleep(0.03)
        assert await raw.closed()
        await until(lambda: not server.engine.associations)


async def test_connections_are_counted() -> None:
    async with serving(ServerLimits(connections=5, per_peer=3)) as (server, port):
        target = f"tcp://127.0.0.1:{port}"
        held = [await connect(target) for _ in range(3)]
        with pytest.raises(NotReachable):
            await connect(target)
        await held[0].release()
        await until(lambda: len(server.engine.associations) == 2)
        again = await connect(target)
        assert await again.devices() == ("DG750DER",)
        for ied in (*held[1:], again):
            await ied.release()


async def test_the_engine_may_be_full() -> None:
    server = Server(plant(), max_associations=1)
    listening = await server.start_tcp(port=0)
    first = await connect(f"tcp://127.0.0.1:{listening.port}")
    with pytest.raises(AssociationRefused) as refused:
        await connect(f"tcp://127.0.0.1:{listening.port}")
    assert refused.value.temporary
    await first.release()
    await server.close()


async def test_a_client_that_does_not_read_is_not_answered_without_end() -> None:
    limits = ServerLimits(link=LinkLimits(send_buffer=200_000))
    async with serving(limits) as (server, port):
        raw = await Raw.open(port)
        raw.writer.transport.set_write_buffer_limits(high=1 << 16)
        ours = _socket(raw.writer.get_extra_info("socket"))
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):  # small ones, so that they are full soon
            ours.setsockopt(socket.SOL_SOCKET, option, 8192)
        number = 0

        async def flood() -> None:
            nonlocal number
            while True:
                for _ in range(20):
                    number += 1
                    raw.ask(number, size=40)
                raw.writer.write(raw.stack.take())
                await raw.writer.drain()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flood(), 1)
        assert len(server.engine.associations) == 1, "it waits, and reads no more"
        other = await connect(f"tcp://127.0.0.1:{port}")
        assert await other.read("DG750DER/MMXU1.TotW.mag.f") == 300.5, "others do not feel it"
        await other.release()
        raw.stack = Calling()
        raw.writer.transport.abort()
        await until(lambda: not server.engine.associations)


async def test_reports_nobody_reads_end_the_association() -> None:
    server = Server(plant())
    listening = await server.start_tcp(port=0, limits=ServerLimits(link=LinkLimits(send_buffer=100_000)))
    assert listening._listening is not None
    # Small buffers in the system, so that it does not take many reports to fill them.
    _socket(listening._listening.sockets[0]).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    ied = await connect(f"tcp://127.0.0.1:{listening.port}")
    assert isinstance(ied.association, TcpAssociation)
    await ied.report("DG750DER/LLN0.urcbMeas").start()
    transport = ied.association._connection._transport
    assert transport is not None
    _socket(transport.get_extra_info("socket")).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    transport.pause_reading()
    async with asyncio.timeout(30):
        value = 0.0
        while server.engine.associations:
            for _ in range(100):
                value += 1.0
                server.update("DG750DER/MMXU1.TotW", value)
            await asyncio.sleep(0)
    await ied.association.abort()
    await server.close()


async def test_reports_that_cost_more_than_their_period_leave_others_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notify, sent = MmsServer.notify, 0

    def slow(mms: MmsServer[bytes], notification: Notification) -> list[bytes]:
        nonlocal sent
        sent += 1
        if sent < 1000:
            time.sleep(0.002)
        return notify(mms, notification)

    async with serving() as (_, port):
        greedy, other = await connect(f"tcp://127.0.0.1:{port}"), await connect(f"tcp://127.0.0.1:{port}")
        monkeypatch.setattr(MmsServer, "notify", slow)
        values = (("IntgPd", 1), ("RptEna", True))
        await greedy.association.call(SetRCBValues(ref("LLN0.urcbMeas01", "RP"), values))
        await until(lambda: sent > 3)
        assert await other.read("DG750DER/MMXU1.TotW.mag.f") == 300.5
        assert sent < 500
        await greedy.release()
        await other.release()


def _socket(found: object) -> socket.socket:
    """Return the socket itself: asyncio shows it in a wrapper."""
    return found._sock  # type: ignore[attr-defined,no-any-return]


async def test_bad_pdus_are_rejected_and_the_association_goes_on() -> None:
    async with serving() as (_, port):
        raw = await Raw.open(port)
        for octets in (b"", b"\x30\x00", b"\xa0\x03\x02\x01", b"\xbf\xff\xff\x00", bytes(300)):
            raw.stack.send(octets)
            (answer,) = await raw.turn()
            assert isinstance(answer, Data)
            assert decode_ber(answer.octets)[0] == "rejectPDU"
        raw.stack.send(b"\xa0\x07\x02\x02\x12\x34\xbf\x7f\x00")  # a service that there is not
        (answer,) = await raw.turn()
        assert isinstance(answer, Data)
        rejected = decode_ber(answer.octets)[1]
        assert isinstance(rejected, pdu.RejectPDU)
        assert rejected.original_invoke_id == 0x1234
        raw.stack.send(encode_ber(("rejectPDU", pdu.RejectPDU(("pdu-error", 1), None))))  # is not answered
        raw.ask(7)
        (answer,) = await raw.turn()
        assert isinstance(answer, Data)
        assert decode_ber(answer.octets)[1].invoke_id == 7  # type: ignore[union-attr]


async def test_layers_abort_what_they_cannot_read() -> None:
    async with serving() as (server, port):
        raw = await Raw.open(port)
        raw.writer.write(b"\x03\x00\x00\x0c\x02\xf0\x80\x63\x03ABC")
        (ended,) = await raw.turn()
        assert isinstance(ended, Ended)
        assert await raw.closed()
        await until(lambda: not server.engine.associations)


async def test_more_than_agreed_is_an_abort() -> None:
    async with serving(ServerLimits(mms=Limits(pdu_size=1000))) as (server, port):
        raw = await Raw.open(port)
        raw.writer.write(b"\x03\x00\x1f\xff\x02\xf0\x00" + bytes(0x1FFF - 7))
        raw.writer.write(b"\x03\x00\x1f\xff\x02\xf0\x00" + bytes(0x1FFF - 7))
        await until(lambda: not server.engine.associations)


async def test_who_concludes_but_stays_is_shown_out() -> None:
    async with serving(ServerLimits(release=0.1)) as (server, port):
        raw = await Raw.open(port)
        raw.stack.send(encode_ber(("conclude-RequestPDU", None)))
        (answer,) = await raw.turn()
        assert isinstance(answer, Data)
        assert decode_ber(answer.octets)[0] == "conclude-ResponsePDU"
        assert not server.engine.associations
        raw.ask(1)
        raw.writer.write(raw.stack.take())
        assert await raw.closed()


async def test_an_idle_client_may_be_aborted() -> None:
    async with serving(ServerLimits(idle=0.1)) as (server, port):
        ied = await connect(f"tcp://127.0.0.1:{port}", keep_alive=0.03)
        silent = await connect(f"tcp://127.0.0.1:{port}", keep_alive=0)
        ends: list[str] = []
        silent.on_end(ends.append)
        await until(lambda: bool(ends))
        assert len(server.engine.associations) == 1
        assert await ied.devices() == ("DG750DER",)
        await ied.release()


async def test_a_slow_command_holds_nothing_up_and_may_be_left() -> None:
    async with serving() as (server, port):
        started, go_on = asyncio.Event(), asyncio.Event()
        done: list[bool] = []

        @server.on_operate("DG750DER/DWGC1.WSpt")
        async def slow(command: Command) -> None:
            started.set()
            await go_on.wait()
            done.append(True)

        ied = await connect(f"tcp://127.0.0.1:{port}")
        running = asyncio.create_task(ied.control("DG750DER/DWGC1.WSpt").operate(100.0))
        await started.wait()
        assert await ied.devices() == ("DG750DER",)
        await ied.association.abort()
        with pytest.raises(NotReachable):
            await running
        go_on.set()
        await until(lambda: bool(done))


async def test_close_ends_connections_without_an_association_too() -> None:
    async with serving() as (server, port):
        raw = await Raw.open(port, associate=False)
        await asyncio.sleep(0.05)
        await server.close()
        assert await raw.closed()
        with pytest.raises(OSError):  # noqa: PT011 - any way of not being there
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_port_that_is_taken() -> None:
    async with serving() as (_, port):
        with pytest.raises(NotReachable):
            await Server(plant()).start_tcp(port=port)


# --- the client -------------------------------------------------------------------------------------------------------

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def hostile(act: Act) -> AsyncIterator[str]:
    """A server that does as it likes."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await act(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


def answering(answer: Callable[[pdu.MMSpdu], list[bytes]]) -> Act:
    """A server that opens associations as it should, and then answers requests by these octets."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stack = Called()
        while octets := await reader.read(65536):
            stack.receive(octets)
            while (event := stack.next_event()) is not None:
                if isinstance(event, Requested):
                    asked = decode_ber(event.user_data)[1]
                    assert isinstance(asked, pdu.InitiateRequestPDU)
                    stack.accept(encode_ber(initiate.accept(asked, Limits())[1]))
                elif isinstance(event, Data):
                    for found in answer(decode_ber(event.octets)):
                        stack.send(found)
            writer.write(stack.take())

    return act


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def _closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await asyncio.sleep(30)


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"\x03\x00\xff\xff\x02\xf0\x00" + bytes(0xFFFF - 7))
        await writer.drain()


@pytest.mark.parametrize(
    ("act", "error"),
    [(_silent, TimedOut), (_closing, NotReachable), (_http, Malformed), (_endless, Malformed)],
    ids=["silent", "closing", "http", "endless"],
)
async def test_a_server_that_is_none(act: Act, error: type[Exception]) -> None:
    async with hostile(act) as target:
        with pytest.raises(error):
            await connect(target, timeout=0.3)


async def test_nobody_there() -> None:
    with pytest.raises(NotReachable):
        await connect("tcp://127.0.0.1:1")
    with pytest.raises(NotReachable):
        await connect("tcp://nobody.invalid")
    for target in (
        "tcp://",
        "tcp:host",
        "tcp://host:x",
        "tcp://user@host",
        "tcp://host/path",
        "tcp://host:99999",
        "ftp:x",
    ):
        with pytest.raises(LocalError):
            await connect(target)


async def test_a_request_that_is_not_answered_times_out_and_the_next_goes_on() -> None:
    late: list[bytes] = []

    def answer(message: pdu.MMSpdu) -> list[bytes]:
        assert message[0] == "confirmed-RequestPDU"
        found = encode_ber(
            ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(message[1].invoke_id, ("getNameList", _names("LD1"))))
        )
        late.append(found)
        return [] if len(late) == 1 else [late[0], late[0], found]

    async with hostile(answering(answer)) as target:
        ied = await connect(target, timeout=20)
        assert isinstance(ied.association, TcpAssociation)
        ied.association._timeout = 0.1
        with pytest.raises(TimedOut):
            await ied.devices()
        ied.association._timeout = 20
        assert await ied.devices() == ("LD1",)
        await ied.association.abort()


def _names(*names: str) -> pdu.GetNameListResponse:
    return pdu.GetNameListResponse(list(names), False)


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x30\x00", b"\xa1\x84\xff\xff\xff\xff", b"\xa1\x05\x02\x03\x01\x01\x01", bytes(2000)],
    ids=["empty", "kind", "length", "service", "zeros"],
)
async def test_answers_that_are_no_pdu_end_the_association(octets: bytes) -> None:
    async with hostile(answering(lambda message: [octets])) as target:
        ied = await connect(target, timeout=20)
        ends: list[str] = []
        ied.on_end(ends.append)
        with pytest.raises(Malformed):
            await ied.devices()
        assert len(ends) == 1
        with pytest.raises(NotReachable):
            await ied.devices()


async def test_floods_of_answers_and_requests_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    wrong: pdu.MMSpdu = ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(4711, ("write", [])))
    request: pdu.MMSpdu = ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, ("identify", None)))
    odd = pdu.InformationReport(("variableListName", ("vmd-specific", "RPT")), [("failure", 1)])
    report: pdu.MMSpdu = ("unconfirmed-PDU", pdu.UnconfirmedPDU(("informationReport", odd)))

    def answer(message: pdu.MMSpdu) -> list[bytes]:
        if message[0] != "confirmed-RequestPDU" or message[1].service[0] != "getNameList":
            return []
        right = pdu.ConfirmedResponsePDU(message[1].invoke_id, ("getNameList", _names("LD1")))
        noise = [encode_ber(found) for found in (wrong, request, report)] * 300
        return [*noise, encode_ber(("confirmed-ResponsePDU", right))]

    async with hostile(answering(answer)) as target:
        ied = await connect(target, timeout=20)
        assert await ied.devices() == ("LD1",)
        assert isinstance(ied.association, TcpAssociation)
        assert not ied.association._waiting
        await ied.association.abort()


async def test_a_server_that_has_gone_quiet_is_found_out() -> None:
    async with hostile(answering(lambda message: [])) as target:
        ied = await connect(target, timeout=20, keep_alive=0.1)
        assert isinstance(ied.association, TcpAssociation)
        ied.association._timeout = 0.1
        ends: list[str] = []
        ied.on_end(ends.append)
        await until(lambda: bool(ends))
        assert "does not answer" in ends[0]


async def test_many_requests_share_what_is_agreed_on() -> None:
    async with serving(ServerLimits(mms=Limits(outstanding=3))) as (_server, port):
        association = await TcpAssociation.open("127.0.0.1", port)
        assert association.parameters.calling == 3
        values = await asyncio.gather(*(association.call(READ) for _ in range(200)))
        assert values == [(300.5,)] * 200
        await asyncio.gather(association.release(), association.release())


async def test_a_caller_that_gives_up_frees_its_place() -> None:
    seen: list[pdu.MMSpdu] = []

    def answer(message: pdu.MMSpdu) -> list[bytes]:
        seen.append(message)
        return []

    async with hostile(answering(answer)) as target:
        association = await connect(target, limits=attrs.evolve(Limits(), outstanding=1))
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(association.association.call(GetServerDirectory()), 0.02)
        assert len(seen) == 5
        await association.association.abort()


async def test_a_small_pdu_size_splits_reads_and_segments() -> None:
    async with serving() as (_, port):
        names = [f"DG750DER/MMXU1.{name}" for name in ("TotW", "TotVAr", "Hz", "PhV")] + ["DG750DER/LLN0"]
        ied = Ied(await TcpAssociation.open("127.0.0.1", port, limits=Limits(pdu_size=600)))
        found = await ied.read_many(names)
        async with connect(f"tcp://127.0.0.1:{port}") as large:
            assert await large.read_many(names) == found
        await ied.release()
