"""Those who come to a VTN over HTTPS without good manners: slow, idle, many, large, and nobody at all."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.openadr.binding.http_door import HttpLimits
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.model import QueryRegistration, Response

from tests.openadr.binding.https import TYPE, House, Visitor, a_house, head
from tests.openadr.binding.ways import eventually

QUERY = write(QueryRegistration(request_id="R1"))
SHORT = HttpLimits(body=100_000, handshake=0.4, request=0.6, idle=0.8, connections=8, per_address=5)


@pytest.fixture(params=[False, True], ids=["VTN", "VEN"])
def pushed(request: pytest.FixtureRequest) -> bool:
    """Whether it is a VEN that is come to."""
    return bool(request.param)


@pytest_asyncio.fixture
async def house(tmp_path: Path, pushed: bool) -> AsyncIterator[House]:
    async with a_house(tmp_path, SHORT, pushed=pushed) as made:
        yield made


async def is_well(house: House) -> bool:
    """Return whether a good peer is served."""
    return await house.is_well()


async def silent(house: House) -> Visitor:
    """Return a connection without TLS that says nothing."""
    return Visitor(*await asyncio.open_connection("127.0.0.1", house.port))


async def test_a_handshake_that_does_not_end_is_ended(house: House) -> None:
    quiet, slow, other = await silent(house), await silent(house), await silent(house)
    slow.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # the beginning of a ClientHello
    other.send("POST / HTTP/1.1\r\n\r\n")
    assert await is_well(house)
    for visitor in (quiet, slow, other):
        assert await visitor.ended()
    await eventually(lambda: house.connections == 0)


async def test_who_asks_nothing_or_drips_a_head_is_sent_away(house: House) -> None:
    nothing, dripping = await house.connect(), await house.connect()

    async def drip() -> None:
        for octet in head("EiEvent") * 10:
            dripping.send(octet)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(drip())
    assert await is_well(house)
    assert await nothing.ended()
    assert await dripping.ended()
    task.cancel()
    await eventually(lambda: house.connections == 0)


async def test_who_stays_without_asking_more_is_sent_away(house: House) -> None:
    visitor = await house.connect()
    assert (await visitor.post(QUERY))[0] == 200
    assert (await visitor.post(QUERY))[0] == 200
    visitor.send("POST ")
    assert await visitor.ended()
    await eventually(lambda: house.connections == 0)


async def test_a_body_that_never_comes_or_never_ends(house: House) -> None:
    waiting = await house.connect()
    waiting.send(head("EiEvent", f"{TYPE}Content-Length: 5000\r\n"))
    assert (await waiting.answer())[0] == 408
    endless = await house.connect()
    endless.send(head("EiEvent", f"{TYPE}Transfer-Encoding: chunked\r\n"))
    for _ in range(200):
        endless.send(b"400\r\n" + b" " * 1024 + b"\r\n")
    assert (await endless.answer())[0] == 413
    assert await endless.ended()
    trickle = await house.connect()
    trickle.send(head("EiEvent", f"{TYPE}Transfer-Encoding: chunked\r\n"))

    async def drip() -> None:
        while True:
            trickle.send(b"1\r\n \r\n")
            await asyncio.sleep(0.05)

    task = asyncio.create_task(drip())
    assert (await trickle.answer())[0] == 408
    task.cancel()
    assert await is_well(house)


async def test_handshakes_give_way_to_those_who_come_after(house: House) -> None:
    object.__setattr__(house.transport._limits, "per_address", 100)  # type: ignore[attr-defined]
    quiet = [await silent(house) for _ in range(30)]
    assert await is_well(house)
    assert house.connections <= SHORT.connections
    for visitor in quiet:
        assert await visitor.ended()
    await eventually(lambda: house.connections == 0)


async def test_an_address_has_so_many_connections_and_no_more(tmp_path: Path, pushed: bool) -> None:
    async with a_house(tmp_path, HttpLimits(per_address=5), pushed=pushed) as house:
        visitors = [await house.connect() for _ in range(5)]
        assert [(await visitor.post(QUERY))[0] for visitor in visitors] == [200] * 5
        with pytest.raises(OSError):  # noqa: PT011  reset, or ended within the handshake
            await house.connect()
        await visitors.pop().leave()
        await eventually(lambda: house.connections == 4)
        assert (await visitors[0].post(QUERY))[0] == 200
        assert await is_well(house)


async def test_a_certificate_has_so_many_connections_and_no_more(tmp_path: Path, pushed: bool) -> None:
    async with a_house(tmp_path, HttpLimits(per_peer=3), pushed=pushed) as house:
        visitors = [await house.connect() for _ in range(3)]
        refused = await house.connect()
        assert (await refused.post(QUERY))[0] == 0
        assert await refused.ended()
        other = await house.connect("other")
        assert [(await visitor.post(QUERY))[0] for visitor in (*visitors, other)] == [200] * 4
        await visitors.pop().leave()
        await eventually(lambda: house.connections == 3)
        assert (await (await house.connect()).post(QUERY))[0] == 200


async def test_two_megabytes(tmp_path: Path, pushed: bool) -> None:
    async with a_house(tmp_path, pushed=pushed) as house:
        visitor = await house.connect()
        status, body = await visitor.post(b" " * (2 << 20))
        assert status == 200
        answer = read(body)
        assert isinstance(answer, Response)
        assert answer.ei_response.response_code == Code.INVALID_DATA
        assert (await visitor.post(b" " * ((2 << 20) + 1)))[0] == 413
        assert await is_well(house)


@cache
def bomb() -> bytes:
    """Fifty megabytes, packed."""
    return gzip.compress(b" " * 50_000_000, 1)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, identity", "?"])
async def test_nothing_is_unpacked(house: House, encoding: str) -> None:
    visitor = await house.connect()
    assert (await visitor.post(bomb(), more=f"{TYPE}Content-Encoding: {encoding}\r\n"))[0] == 415
    assert await is_well(house)


@pytest.mark.parametrize(
    "more",
    [
        "".join(f"X-{number}: y\r\n" for number in range(5_000)),
        f"X: {'y' * 1_000_000}\r\n",
        f"{'X' * 1_000_000}: y\r\n",
        "X y\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: gzip\r\n",
        "X: a\r\n folded\r\n",
        "X: \x00\r\n",
    ],
    ids=lambda more: more[:30].strip(),
)
async def test_heads_that_are_none(house: House, more: str) -> None:
    visitor = await house.connect()
    visitor.send(head("EiEvent", TYPE + more) + "\r\n")
    status, _ = await visitor.answer()
    assert status in (0, 400, 408, 413, 431), status
    assert await visitor.ended()
    assert await is_well(house)


async def test_a_request_line_without_end(house: House) -> None:
    visitor = await house.connect()
    visitor.send(f"POST /{'a' * 1_000_000} HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await visitor.answer())[0] in (0, 400, 414)
    assert await is_well(house)


async def test_a_request_says_its_host(house: House) -> None:
    visitor = await house.connect()
    visitor.send(head("EiRegisterParty", f"{TYPE}Content-Length: 1\r\n").replace("Host: vtn.example\r\n", "") + " ")
    assert (await visitor.answer())[0] == 400


async def test_what_comes_in_one_go_is_answered_in_order(house: House) -> None:
    visitor = await house.connect()
    for number in range(200):
        body = write(QueryRegistration(request_id=f"R{number}"))
        visitor.send(head("EiRegisterParty", f"{TYPE}Content-Length: {len(body)}\r\n") + body)
    for number in range(200):
        status, body = await visitor.answer()
        assert status == 200
        assert read(body).ei_response.request_id == f"R{number}"  # type: ignore[attr-defined]
    await visitor.leave()


@pytest.mark.parametrize("pushed", [False], ids=["VTN"])  # it takes its time, and the server is the same
async def test_who_does_not_read_is_not_waited_for(house: House) -> None:
    """Answers pile up only until the sockets are full; then the connection ends, and nothing was kept for it."""
    visitor = await house.connect()
    visitor.reader._transport.pause_reading()  # type: ignore[attr-defined]
    request = (head("EiRegisterParty", f"{TYPE}Content-Length: {len(QUERY)}\r\n") + QUERY).encode()

    async def ask() -> None:
        while True:
            visitor.send(request * 10)
            await visitor.writer.drain()

    with pytest.raises(OSError):  # noqa: PT011
        async with asyncio.timeout(20):
            await ask()
    await eventually(lambda: house.connections == 0)
    assert await is_well(house)


async def test_nothing_of_a_request_is_in_the_head_of_an_answer(house: House) -> None:
    visitor = await house.connect()
    evil = "%0d%0aSet-Cookie:%20evil=1"
    for path in (f"EiEvent{evil}", f"{evil}/EiEvent", "EiEvent?x=%0d%0aevil:1", "../../../../etc/passwd"):
        visitor.send(head(path, f"{TYPE}Content-Length: {len(QUERY)}\r\nX-Evil: evil\r\n") + QUERY)
        status, _ = await visitor.answer()
        assert status in (200, 404)
        assert b"evil" not in visitor.head
    names = {line.split(b":")[0] for line in visitor.head.split(b"\r\n")[1:] if line}
    assert {b"Content-Type", b"Content-Length"} <= names
