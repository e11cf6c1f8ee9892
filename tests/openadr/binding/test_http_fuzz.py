"""Mutated messages of others, through all that a VTN does with what is posted: no HTTP 500, no memory."""

from __future__ import annotations

import asyncio
import random
import resource
import string
from pathlib import Path

import pytest
from janusgrid.common.xml import reader
from janusgrid.openadr.binding import reception
from janusgrid.openadr.binding.services import POLL, SERVICES
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.model import Poll, QueryRegistration

from tests.openadr.binding.https import House, a_house
from tests.openadr.codec.documents import samples

IN_PROCESS, OVER_A_SOCKET = 10_000, 1_000
PIECES = (
    *(
        b"",
        b"\0",
        b"\xff",
        b"<",
        b">",
        b"&",
        b"&amp;",
        b"&#0;",
        b"&#xD800;",
        b"]]>",
        b"<![CDATA[",
        b"<!--",
        b"<?x?>",
        b'"',
    ),
    *(b"-1", b"1e999", b"NaN", b"P1Y", b"9" * 40, b"9999-12-31T23:59:59Z", b"0000-00-00T00:00:00Z", b"\xed\xa0\x80"),
    *(
        b' xmlns=""',
        b' xsi:type="x"',
        b' xml:id="a"',
        b"<a>" * 300,
        b"<oadr:oadrPoll/>",
        b"\xef\xbb\xbf",
        b"{}",
        b"%n%s",
    ),
)


def mutated(document: bytes, dice: random.Random) -> bytes:
    """Return a document changed in one to four places."""
    octets = bytearray(document)
    for _ in range(dice.randint(1, 4)):
        at, end = sorted((dice.randrange(len(octets) + 1), dice.randrange(len(octets) + 1)))
        end = min(end, at + dice.choice((0, 1, 8, 40, 400)))
        match dice.randrange(5):
            case 0:
                octets[at:end] = b""
            case 1:
                octets[at:end] = dice.choice(PIECES)
            case 2:
                octets[at:at] = octets[at:end] * dice.choice((1, 2, 50))
            case 3 if octets:
                octets[at % len(octets)] = dice.randrange(256)
            case _:
                name = "".join(dice.choices(string.ascii_letters, k=6)).encode()
                octets[at:end] = b"<" + name + b" " + name + b'="">' if dice.random() < 0.5 else name
    return bytes(octets)


def documents(shared: Path) -> list[bytes]:
    return [sample.path.read_bytes() for sample in samples(shared) if sample.is_message]


async def test_documents_that_are_nearly_messages(shared: Path, tmp_path: Path) -> None:
    dice, found = random.Random(4), documents(shared)
    house = House(tmp_path)
    identities = [house.prints["site"], house.prints["other"], "AA:BB:CC:DD:EE:FF:00:11:22:33", ""]
    answered = 0
    async with house.vtn:
        for _ in range(IN_PROCESS):
            answer = await reception.answer(
                house.vtn, dice.choice(identities), mutated(dice.choice(found), dice), sender="fuzz"
            )
            if answer is not None:
                read(answer)
                answered += 1
        assert answered > IN_PROCESS * 0.9
        assert (await house.ask(QueryRegistration(request_id="R"))).ei_response.response_code == "200"  # type: ignore[attr-defined]


async def test_a_good_ven_goes_on_meanwhile(shared: Path, tmp_path: Path) -> None:
    dice, found = random.Random(5), documents(shared)
    async with a_house(tmp_path) as house:
        ven_id = (await house.register("site")).ven_id or ""
        statuses: set[int] = set()

        async def torment() -> None:
            visitor = await house.connect("other")
            for _ in range(OVER_A_SOCKET):
                endpoint = dice.choice((*SERVICES, POLL))
                status, body = await visitor.post(mutated(dice.choice(found), dice), endpoint)
                statuses.add(status)
                if status == 200 and body:
                    read(body)

        task = asyncio.create_task(torment())
        good = await house.connect("site")
        polls = 0
        while not task.done():
            status, body = await good.post(write(Poll(ven_id=ven_id)), POLL)
            assert status == 200
            assert read(body).ei_response.response_code == "200"  # type: ignore[attr-defined]
            polls += 1
            await asyncio.sleep(0)
        await task
        assert statuses == {200}
        assert polls > 50


async def test_invented_names_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """libxml2 keeps every name that it meets, for good: it is not to meet more than so many."""
    monkeypatch.setattr(reader, "_names", set(reader._names))  # those of this test are not to stay
    monkeypatch.setattr(reader, "_tags", set(reader._tags))
    monkeypatch.setattr(reception.log, "disabled", True)
    house = House(tmp_path)

    async def invent(begin: int, count: int) -> None:
        for number in range(begin, begin + count):
            names = "".join(f"<n{number}-{each}{'x' * 60} a{number}-{each}='' />" for each in range(400))
            answer = await reception.answer(house.vtn, house.prints["other"], f"<a>{names}</a>".encode(), sender="fuzz")
            assert answer is not None
            assert read(answer).ei_response.response_code == Code.INVALID_DATA  # type: ignore[attr-defined]

    async with house.vtn:
        await invent(0, 150)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await invent(150, 1_000)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 8_000, f"{grown} KiB for 800 000 names"
        assert (await house.ask(QueryRegistration(request_id="R"))).ei_response.response_code == "200"  # type: ignore[attr-defined]
