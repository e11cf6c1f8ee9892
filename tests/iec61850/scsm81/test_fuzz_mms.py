"""Mutated MMS over a real socket: our server, and our client, whatever the PDUs are."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
from janusgrid.common.errors import JanusGridError, NotReachable
from janusgrid.iec61850 import Ied, Server, connect
from janusgrid.iec61850.acsi.services import AcsiClass
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mapping.initiate import Limits
from janusgrid.iec61850.mms import decode_ber, encode_ber, pdu
from janusgrid.iec61850.scsm81.stack import Called, Data, Requested

from tests.iec61850.fuzzing import octets as mutated
from tests.iec61850.plant import plant
from tests.iec61850.scsm81.test_connection import Raw

REQUESTS, ANSWERS = 10_000, 1_500
LAST = 0x7ABCDEF0


async def conversation() -> tuple[list[bytes], list[bytes]]:
    """Return requests that a client makes of a server, and the answers and reports that it gets."""
    server = Server(plant())
    server.on_operate("DG750DER/DWGC1.WSpt")(lambda command: None)
    listening = await server.start_tcp(port=0)
    asked: list[bytes] = []
    answered: list[bytes] = []
    ied = await connect(f"tcp://127.0.0.1:{listening.port}")
    connection = ied.association._connection  # type: ignore[attr-defined]
    send, take = connection.send, connection._user.take

    def see_sent(octets: bytes) -> None:
        asked.append(octets)
        send(octets)

    def see_taken(event: object) -> None:
        if isinstance(event, Data):
            answered.append(event.octets)
        take(event)

    connection.send, connection._user.take = see_sent, see_taken
    await services(ied)
    server.update("DG750DER/MMXU1.TotW", 1.0)
    await ied.devices()
    await ied.association.abort()
    await server.close()
    return asked, answered


async def services(ied: Ied) -> None:
    await ied.devices()
    await ied.directory("DG750DER/MMXU1")
    await ied.instances("DG750DER/LLN0", AcsiClass.DATA_SET)
    await ied.read("DG750DER/MMXU1")
    await ied.read("DG750DER/MMXU1.HaV.Har(1).cVal.mag.f")
    await ied.write("DG750DER/DGEN1.WMaxRtg.setMag.f", 700.0)
    await ied.read_data_set("DG750DER/LLN0.Meas")
    await ied.control("DG750DER/DWGC1.WSpt").operate(400.0)
    await ied.report("DG750DER/LLN0.urcbMeas").start()


async def test_our_server_takes_anything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    asked, _ = await conversation()
    dice = random.Random("server")
    server = Server(plant())
    listening = await server.start_tcp(port=0)
    raw = await Raw.open(listening.port)
    sent = answers = 0
    for _ in range(REQUESTS // 50):
        for octets in (mutated(dice.choice(asked), dice, asked) for _ in range(50)):
            if octets[:1] != b"\x8b":  # to conclude is a right of the client's
                raw.stack.send(octets)
                sent += 1
        raw.ask(LAST)
        last = False
        while not last:
            for event in await raw.turn():
                assert isinstance(event, Data), event
                answer = decode_ber(event.octets)[1]
                answers += 1
                last = last or (isinstance(answer, pdu.ConfirmedResponsePDU) and answer.invoke_id == LAST)
    assert answers > sent, "each is answered, and reports come beside"
    async with connect(f"tcp://127.0.0.1:{listening.port}") as ied:
        assert await ied.devices() == ("DG750DER",)
    assert len(server.engine.associations) == 1, "the association is still there"
    raw.writer.transport.abort()
    await server.close()
    assert not [record for record in caplog.records if record.exc_info]


async def test_our_client_takes_anything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    _, answered = await conversation()
    dice = random.Random("client")
    pool = [octets for octets in answered if len(octets) < 3000]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stack = Called()
        try:
            while octets := await reader.read(65536):
                stack.receive(octets)
                while (event := stack.next_event()) is not None:
                    if isinstance(event, Requested):
                        asked = decode_ber(event.user_data)[1]
                        assert isinstance(asked, pdu.InitiateRequestPDU)
                        stack.accept(encode_ber(initiate.accept(asked, Limits())[1]))
                    elif isinstance(event, Data):
                        for _ in range(3):
                            stack.send(_answer(event.octets, dice.choice(pool), dice))
                writer.write(stack.take())
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = f"tcp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    ied: Ied | None = None
    ended = 0
    for _ in range(ANSWERS):
        if ied is None or not ied.connected:
            ied = await connect(target, timeout=20)
            ied.association._timeout = 0.05  # type: ignore[attr-defined]
        calls = (ied.devices(), ied.read("DG750DER/MMXU1.TotW"), ied.read_data_set("DG750DER/LLN0.Meas"))
        chosen = dice.randrange(len(calls))
        for number, call in enumerate(calls):
            if number != chosen:
                call.close()
        try:
            async with asyncio.timeout(5):
                await calls[chosen]
        except NotReachable:
            ended += 1
        except JanusGridError:
            pass
    assert ied is not None
    await ied.association.abort()
    listening.close()
    assert not [record for record in caplog.records if record.exc_info]


def _answer(request: bytes, octets: bytes, dice: random.Random) -> bytes:
    """Return a mutated answer, most often under the invoke id of the request."""
    message = decode_ber(octets)
    asked = decode_ber(request)[1]
    if isinstance(message[1], pdu.ConfirmedResponsePDU) and isinstance(asked, pdu.ConfirmedRequestPDU):
        message[1].invoke_id = asked.invoke_id
        octets = encode_ber(message)
    return mutated(octets, dice, (octets,)) if dice.randrange(3) else octets
