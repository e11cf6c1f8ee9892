"""Mutated messages of others, over a socket: no HTTP 500, and no memory for names that are invented."""

from __future__ import annotations

import asyncio
import resource
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
from tests.openadr.mutants import dice, mutated

OVER_A_SOCKET = 1_000


def documents(shared: Path) -> list[bytes]:
    return [sample.path.read_bytes() for sample in samples(shared) if sample.is_message]


async def test_a_good_ven_goes_on_meanwhile(shared: Path, tmp_path: Path) -> None:
    chance, found = dice(), documents(shared)
    async with a_house(tmp_path) as house:
        ven_id = (await house.register("site")).ven_id or ""
        statuses: set[int] = set()

        async def torment() -> None:
            visitor = await house.connect("other")
            for _ in range(OVER_A_SOCKET):
                endpoint = chance.choice((*SERVICES, POLL))
                status, body = await visitor.post(mutated(chance.choice(found), chance), endpoint)
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


async def test_a_ven_that_is_pushed_to_answers_them_too(shared: Path, tmp_path: Path) -> None:
    chance, found = dice(), documents(shared)
    async with a_house(tmp_path, pushed=True) as house:
        visitor = await house.connect()
        for _ in range(OVER_A_SOCKET // 2):
            endpoint = chance.choice(("EiEvent", "EiReport", "EiRegisterParty"))
            status, body = await visitor.post(mutated(chance.choice(found), chance), endpoint)
            assert status == 200, body
            if body:
                read(body)
        await visitor.leave()
        assert await house.is_well()


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
