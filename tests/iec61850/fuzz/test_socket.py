"""The whole stack on real sockets: one client does its worst, and another one beside it is served all the while."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
from collections.abc import AsyncIterator
from pathlib import Path
from time import thread_time

import pytest
from janusgrid.common.errors import JanusGridError
from janusgrid.iec61850 import Ied, Server, connect
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mapping.initiate import Limits
from janusgrid.iec61850.mms import decode_ber, encode_ber, pdu
from janusgrid.iec61850.scsm81 import tpkt
from janusgrid.iec61850.scsm81.connection import LinkLimits
from janusgrid.iec61850.scsm81.server import ServerLimits, TcpServer
from janusgrid.iec61850.scsm81.stack import Called, Data, Requested

from tests.iec61850.fuzz.test_layers import moments
from tests.iec61850.fuzz.world import World, conversation
from tests.iec61850.fuzzing import Shapes, dice, inputs, octets, pieces
from tests.iec61850.plant import plant
from tests.iec61850.scsm81.test_connection import Raw
from tests.iec61850.wires import until

EACH = 1_000
LIMITS = ServerLimits(
    connections=60, per_peer=50, handshake=0.3, release=0.3,
    link=LinkLimits(message=0.3, linger=0.1, send_buffer=1 << 20),
)  # fmt: skip
PATIENT = ServerLimits(connections=60, per_peer=50)
"""For a connection that stays: a busy machine may take its time."""
POINT = "DG750DER/MMXU1.TotW.mag.f"


class Beside:
    """A server under attack, and a good client that reads from it all the time."""

    def __init__(self, server: Server, listening: TcpServer, good: Ied) -> None:
        self.server, self.listening, self.good = server, listening, good
        self.reads = 0

    @property
    def port(self) -> int:
        return self.listening.port

    async def works(self) -> None:
        """See that the good client is served."""
        assert await self.good.read(POINT) == 300.5
        self.reads += 1

    async def alone(self) -> None:
        """Wait until only the good client is left."""
        await until(lambda: len(self.listening._opened) == 1 and len(self.server.engine.associations) == 1)


@pytest.fixture
async def beside(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Beside]:
    caplog.set_level(logging.ERROR)
    server = Server(plant())
    server.on_operate("DG750DER/DWGC1.WSpt")(lambda command: None)
    listening = await server.start_tcp(port=0, limits=getattr(request, "param", LIMITS))
    good = await connect(f"tcp://127.0.0.1:{listening.port}", timeout=20)
    found = Beside(server, listening, good)
    try:
        await found.works()
        yield found
        await found.works()
        await found.alone()
    finally:
        await good.association.abort()
        await server.close()
    assert not [record for record in caplog.records if record.exc_info], caplog.text


async def _sent(port: int, data: bytes, *, wait: bool = False, end: bool = False) -> None:
    """Send octets on a connection of their own, say that no more come, and read until the end; or not at all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        await writer.drain()
        if end:
            writer.write_eof()
        if wait:
            async with asyncio.timeout(30):
                while await reader.read(65536):
                    pass
    writer.transport.abort()


async def test_mutated_conversations(beside: Beside) -> None:
    """Each layer below MMS, on connections of their own."""
    chance = dice("sockets")
    packets = [data for _, data in moments("called")]
    for _ in range(inputs(EACH) // 40):
        made = [
            b"".join(
                octets(data, chance, packets) if chance.random() < 0.3 else data for data in packets[: size % 5 + 1]
            )
            for size in range(40)
        ]
        working = asyncio.create_task(beside.works())
        await asyncio.gather(*(_sent(beside.port, data, wait=True, end=True) for data in made))
        await working


@pytest.mark.parametrize("beside", [PATIENT], indirect=True, ids=["patient"])
async def test_mutated_services(beside: Beside, tmp_path: Path) -> None:
    """MMS as octets and as values, on one association that has to stand it all."""
    chance = dice("services on sockets")
    world = World(tmp_path, chance)
    asked, _, _ = conversation(world)
    shapes = iter(Shapes(asked, world.words(), chance))
    broken = pieces([encode_ber(message) for message in asked], chance, 1 << 30)
    raw = await Raw.open(beside.port)
    for _ in range(inputs(EACH) // 25):
        for number in range(25):
            sent = next(broken) if number % 2 else encode_ber(next(shapes))
            if sent[:1] not in (b"\x8b", b"\xab"):  # to conclude is a right of the client's
                raw.stack.send(sent)
        raw.ask(0x7ABCDEF0)
        last = False
        while not last:
            came = await raw.turn()
            assert came, "the connection has ended"
            for event in came:
                assert isinstance(event, Data), event
                answer = decode_ber(event.octets)[1]
                last = last or (isinstance(answer, pdu.ConfirmedResponsePDU) and answer.invoke_id == 0x7ABCDEF0)
        await beside.works()
    raw.writer.transport.abort()


async def test_slow_and_half_open(beside: Beside) -> None:
    """Who says nothing, or says it one octet at a time, or stops in the middle, is let go in time."""
    first = moments("called")[0][1]
    opened = [await asyncio.open_connection("127.0.0.1", beside.port) for _ in range(30)]
    loop = asyncio.get_running_loop()
    end, at = loop.time() + 3, 0
    while len(beside.listening._opened) > 1 and loop.time() < end:
        for number, (_, writer) in enumerate(opened):
            with contextlib.suppress(ConnectionError):
                if number % 3 == 0:
                    writer.write(first[at % len(first) : at % len(first) + 1])
                elif number % 3 == 1 and not at:
                    writer.write(first[:10])
        at += 1
        await asyncio.sleep(0.02)
        await beside.works()
    await beside.alone()
    assert at > 5
    for _, writer in opened:
        writer.transport.abort()


async def test_a_flood_of_connections(beside: Beside) -> None:
    """More than may be are turned away at once; nothing of them stays."""
    for _ in range(5):
        together = [_sent(beside.port, b"\x03\x00", wait=True) for _ in range(100)]
        working = asyncio.create_task(beside.works())
        await asyncio.gather(*together, return_exceptions=True)
        await working
        assert len(beside.listening._opened) <= LIMITS.connections


async def test_endless_segments_and_immense_packets(beside: Beside) -> None:
    """A message without end is broken off at its limit, or for its time if nothing is in it."""
    opening = b"".join(data for _, data in moments("called")[:2])
    more = tpkt.wrap(b"\x02\xf0\x00" + bytes(60_000)) * 40
    await _sent(beside.port, opening + more, wait=True)
    await beside.alone()
    empty = tpkt.wrap(b"\x02\xf0\x00") * 30_000
    reader, writer = await asyncio.open_connection("127.0.0.1", beside.port)
    writer.write(opening)
    with contextlib.suppress(ConnectionError):
        while not reader.at_eof() and not writer.transport.is_closing():
            writer.write(empty)
            await writer.drain()
            await beside.works()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    if not await reader.read(65536):
                        break
    writer.transport.abort()
    await beside.alone()


async def test_who_does_not_read(beside: Beside) -> None:
    """Answers wait in a bounded buffer; then nothing more is read of that client."""
    raw = await Raw.open(beside.port)
    name = ("domain-specific", pdu.DomainSpecific("DG750DER", "MMXU1"))
    read: pdu.ConfirmedServiceRequest = ("read", pdu.ReadRequest(("listOfVariable", [pdu.VariableDef(("name", name))])))  # type: ignore[arg-type]
    one = encode_ber(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, read)))
    for _ in range(30):
        for _ in range(200):
            raw.stack.send(one)
        raw.writer.write(raw.stack.take())
        await beside.works()
    waiting = max(opened.connection._transport.get_write_buffer_size() for opened in beside.listening._opened)  # type: ignore[union-attr]
    assert waiting < LIMITS.link.send_buffer + (1 << 17)
    raw.writer.transport.abort()


async def test_nothing_is_held(beside: Beside) -> None:
    """After many connections that went wrong, there are no more objects than after a few."""
    chance = random.Random(9)
    packets = [data for _, data in moments("called")]

    async def some(number: int) -> int:
        for _ in range(number):
            await _sent(beside.port, octets(b"".join(packets[:3]), chance, packets), wait=False)
        await beside.alone()
        gc.collect()
        return len(gc.get_objects())

    await some(50)
    before = await some(50)
    assert await some(200) < before + 500


async def test_a_hostile_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Our client, with its whole interface, against a server of which nothing can be believed."""
    caplog.set_level(logging.ERROR)
    chance = dice("hostile server")
    world = World(tmp_path, chance)
    asked, answered, unasked = conversation(world)
    shapes = Shapes([*answered, *unasked], world.words(), chance)
    right = {
        repr(ask[1].service): answer
        for ask, answer in zip(asked, answered, strict=False)
        if isinstance(ask[1], pdu.ConfirmedRequestPDU)
    }
    made = iter(shapes)

    def answer(request: bytes) -> bytes:
        message = decode_ber(request)
        if not isinstance(message[1], pdu.ConfirmedRequestPDU):
            return encode_ber(next(made))
        found = right.get(repr(message[1].service)) or chance.choice(answered)
        if chance.random() < 0.5:
            found = shapes.change(found)
        if isinstance(found[1], pdu.ConfirmedResponsePDU | pdu.ConfirmedErrorPDU):
            found = (found[0], type(found[1])(message[1].invoke_id, *_rest(found[1])))  # type: ignore[assignment]
        encoded = encode_ber(found)
        return octets(encoded, chance, (encoded,)) if chance.random() < 0.1 else encoded

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stack = Called()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                stack.receive(data)
                while (event := stack.next_event()) is not None:
                    if isinstance(event, Requested):
                        proposed = decode_ber(event.user_data)[1]
                        assert isinstance(proposed, pdu.InitiateRequestPDU)
                        stack.accept(encode_ber(initiate.accept(proposed, Limits())[1]))
                    elif isinstance(event, Data):
                        if chance.random() < 0.3:
                            stack.send(encode_ber(next(made)))
                        stack.send(answer(event.octets))
                sent = stack.take()
                if chance.random() < 0.01:
                    sent = octets(sent, chance, (sent,)) if sent else b""
                writer.write(sent)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = f"tcp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    ied: Ied | None = None
    worst, taken = 0.0, 0
    for _ in range(inputs(EACH)):
        start = thread_time()
        try:
            if ied is None or not ied.connected:
                ied = await connect(target, timeout=0.2)
            async with asyncio.timeout(20):
                await _something(ied, chance)
            taken += 1
        except JanusGridError:
            pass
        worst = max(worst, thread_time() - start)
    assert taken > EACH // 50
    if ied is not None:
        await ied.association.abort()
    listening.close()
    assert not [record for record in caplog.records if record.exc_info], caplog.text


def _rest(found: pdu.ConfirmedResponsePDU | pdu.ConfirmedErrorPDU) -> tuple[object, ...]:
    return (found.service,) if isinstance(found, pdu.ConfirmedResponsePDU) else (found.service_error,)


async def _something(ied: Ied, chance: random.Random) -> None:
    """Use one part of a client's interface."""
    match int(chance.random() * 12):
        case 0:
            await ied.devices()
        case 1:
            await ied.directory("DG750DER/MMXU1")
        case 2:
            await ied.read("DG750DER/MMXU1")
        case 3:
            await ied.read("DG750DER/MMXU1.HaV.Har(1).cVal.mag.f")
        case 4:
            await ied.write("DG750DER/DGEN1.WMaxRtg.setMag.f", 700.0)
        case 5:
            await ied.read_data_set("DG750DER/LLN0.Meas")
        case 6:
            await ied.control("DG750DER/DWGC1.WSpt").operate(400.0)
        case 7:
            await ied.control("DG750DER/CSWI1.SwSel").operate(True)
        case 8:
            await ied.report("DG750DER/LLN0.urcbMeas").start()
        case 9:
            async for _ in ied.files():
                pass
        case 10:
            await ied.get_file("COMTRADE/fault.cfg")
        case _:
            await ied.read(POINT)
