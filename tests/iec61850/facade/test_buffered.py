"""A subscription to a buffered block: it goes on by itself, whatever breaks, and hands out each report once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from janusgrid.common.errors import LocalError, NotReachable, TimedOut
from janusgrid.common.xmpp.backoff import Backoff
from janusgrid.common.xmpp.servers.process import free_port
from janusgrid.iec61850.client import Ied, connect
from janusgrid.iec61850.client import reports as reports_room
from janusgrid.iec61850.client.reports import Reports, Update
from janusgrid.iec61850.engine.buffer import BufferLimits
from janusgrid.iec61850.server import Server

from tests.iec61850.facade import buffering_server
from tests.iec61850.facade.killing import killed
from tests.iec61850.plant import LD, plant, ref

BLOCK, TOTW = f"{LD}/LLN0.brcbMeas", f"{LD}/MMXU1.TotW"


def value(update: Update) -> float:
    found: Any = update.values[TOTW]
    return float(found["mag"]["f"])


async def take(reports: Reports, count: int) -> list[float]:
    async with asyncio.timeout(10):
        return [value(await anext(reports)) for _ in range(count)]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(plant(), state=tmp_path) as server:
        yield server


@pytest.fixture
async def port(server: Server) -> int:
    return (await server.start_tcp(port=0)).port


async def drop(server: Server) -> None:
    """Break every connection off, as a network does."""
    for association, attached in list(server.host._attached.items()):
        server.host.end(association, "broken by the test")
        attached.on_end("broken by the test")
    await asyncio.sleep(0)


async def test_it_finds_the_block_and_tells_what_waited(server: Server, port: int) -> None:
    server.update(TOTW, 1.0)
    async with connect(f"tcp://127.0.0.1:{port}") as ied, ied.report(BLOCK) as reports:
        assert (str(reports.block), reports.buffered) == (f"{BLOCK}01[BR]", True)
        update = await anext(reports)
        assert value(update) == 1.0
        assert (update.missed, update.overflow, update.entry) == (0, False, update.report.entry_id)
        whole = await anext(reports)
        assert len(whole.values) == 4, "the interrogation at the start"
        server.update(TOTW, 2.0)
        assert await take(reports, 1) == [2.0]
        assert reports.last_entry is not None


async def test_two_subscribers_have_an_instance_each(server: Server, port: int) -> None:
    async with connect(f"tcp://127.0.0.1:{port}") as ied:
        async with ied.report(BLOCK) as first, ied.report(BLOCK) as second:
            assert {str(first.block), str(second.block)} == {f"{BLOCK}01[BR]", f"{BLOCK}02[BR]"}
        found = await ied.read(f"{BLOCK}01", "BR")
        assert isinstance(found, dict)
        assert (found["RptEna"], found["ResvTms"]) == (False, 0)


async def test_after_a_break_it_goes_on_by_itself(server: Server, port: int) -> None:
    async with connect(f"tcp://127.0.0.1:{port}") as ied, ied.report(BLOCK, interrogate=False) as reports:
        got: list[float] = []
        for number in range(1, 31):
            server.update(TOTW, float(number))
            if number % 10 == 5:
                await drop(server)
            if number % 10 == 8:
                got += await take(reports, number - len(got))
        got += await take(reports, 30 - len(got))
        assert got == [float(number) for number in range(1, 31)]
        assert await ied.read(TOTW + ".mag.f") == 30.0, "the client came back with it"


async def test_another_life_goes_on_after_what_was_kept(server: Server, port: int) -> None:
    for number in (1.0, 2.0, 3.0):
        server.update(TOTW, number)
    async with connect(f"tcp://127.0.0.1:{port}") as ied, ied.report(BLOCK) as reports:
        kept = [await anext(reports) for _ in range(2)][-1].entry
    server.update(TOTW, 4.0)
    async with connect(f"tcp://127.0.0.1:{port}") as ied, ied.report(BLOCK, after=kept) as reports:
        got: list[float] = []
        while not got or got[-1] != 4.0:
            update = await anext(reports)
            if len(update.values) == 1:
                got.append(value(update))
    assert got == [3.0, 4.0]


async def test_what_is_lost_is_marked(server: Server, port: int) -> None:
    async with connect(f"tcp://127.0.0.1:{port}") as ied, ied.report(BLOCK, interrogate=False) as reports:
        server.update(TOTW, 1.0)
        await take(reports, 1)
        buffer = server.engine.reporting._blocks[ref("LLN0.brcbMeas01", "BR")].buffer
        assert buffer is not None
        buffer.limits = BufferLimits(entries=2)
        await drop(server)
        for number in (2.0, 3.0, 4.0):
            server.update(TOTW, number)
        updates = [await anext(reports) for _ in range(2)]
        assert [(value(update), update.overflow) for update in updates] == [(3.0, True), (4.0, False)]


async def test_a_slow_reader_leaves_the_rest_to_the_server(
    server: Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports_room, "_MOST_WAITING", 5)
    async with connect(f"tcp://127.0.0.1:{port}") as ied, ied.report(BLOCK, interrogate=False) as reports:
        for number in range(1, 21):
            server.update(TOTW, float(number))
        await ied.devices()
        assert await take(reports, 20) == [float(number) for number in range(1, 21)]


async def test_a_report_that_does_not_come_is_fetched(
    server: Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sequence numbers tell; where the server does not answer to that at once, it is asked again."""
    monkeypatch.setattr(reports_room, "_BACKOFF", Backoff(base=0.01, cap=0.01))
    async with connect(f"tcp://127.0.0.1:{port}") as ied, ied.report(BLOCK, interrogate=False) as reports:
        take_one, count, catch_up, tries = reports._take, 0, reports._catch_up, 0

        def taken(notification: Any) -> None:
            nonlocal count
            count += 1
            if count % 4:
                take_one(notification)

        async def caught_up() -> None:
            nonlocal tries
            tries += 1
            if tries % 2:
                raise TimedOut("no answer")
            await catch_up()

        monkeypatch.setattr(reports, "_take", taken)
        monkeypatch.setattr(reports, "_catch_up", caught_up)
        reports._listen()
        got: list[float] = []
        missed = 0
        async with asyncio.timeout(30):
            for number in range(1, 201):  # what is dropped shows with the next one
                server.update(TOTW, float(number))
                if number % 5 == 0 and number > 10:
                    update = await anext(reports)
                    got.append(value(update))
                    missed += update.missed
        assert got == [float(number) for number in range(1, len(got) + 1)]
        assert (missed, tries > 10) == (0, True)


async def test_who_leaves_does_not_come_back(server: Server, port: int) -> None:
    async with connect(f"tcp://127.0.0.1:{port}") as ied:
        reports = ied.report(BLOCK, interrogate=False)
        await reports.start()
        await ied.release()
        with pytest.raises(LocalError, match="connect again"):
            await anext(reports)


async def test_an_association_that_cannot_be_opened_anew(server: Server) -> None:
    ied = Ied(server.connect())
    reports = ied.report(BLOCK, interrogate=False)
    await reports.start()
    await drop(server)
    for _ in range(2):
        with pytest.raises(NotReachable, match="the association has ended"):
            await anext(reports)


async def test_a_restarted_server_remembers(tmp_path: Path) -> None:
    async with Server(plant(), state=tmp_path) as server:
        ied = Ied(server.connect())
        async with ied.report(BLOCK, interrogate=False, buffer_time=0.0) as reports:
            server.update(TOTW, 1.0)
            first = await anext(reports)
        server.update(TOTW, 2.0)
    async with Server(plant(), state=tmp_path) as server:
        server.update(TOTW, 3.0)
        ied = Ied(server.connect())
        async with ied.report(BLOCK, interrogate=False, after=first.entry) as reports:
            updates = [await anext(reports) for _ in range(2)]
    assert [(value(update), update.overflow) for update in updates] == [(2.0, False), (3.0, False)]


async def test_a_server_configured_anew_forgets(tmp_path: Path) -> None:
    async with Server(plant(), state=tmp_path) as server:
        server.update(TOTW, 1.0)
    model = plant()
    sets = model.devices[LD].nodes["LLN0"].data_sets
    sets["Meas"].members = sets["Meas"].members[:2]
    async with Server(model, state=tmp_path) as server:
        server.update(TOTW, 2.0)
        async with Ied(server.connect()).report(BLOCK, interrogate=False) as reports:
            assert await take(reports, 1) == [2.0]


# --- a server that is killed -----------------------------------------------------------------------------------------


def numbers(told: Path) -> list[float]:
    return [float(line) for line in told.read_text().splitlines()] if told.exists() else []


@pytest.mark.parametrize("kills", [20])
async def test_a_killed_server_loses_and_repeats_nothing(
    tmp_path: Path, kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports_room, "_BACKOFF", Backoff(base=0.05, cap=0.1))
    port = free_port()
    state, told, got = tmp_path / "state", tmp_path / "told", list[float]()
    chance = random.Random(20)
    overflows = 0

    async def listen() -> None:
        nonlocal overflows
        while True:
            with contextlib.suppress(NotReachable, TimedOut):
                ied = await connect(f"tcp://127.0.0.1:{port}")
                break
            await asyncio.sleep(0.05)
        async for update in ied.report(BLOCK, interrogate=False):
            got.append(value(update))
            overflows += update.overflow

    listener = asyncio.create_task(listen())
    try:
        for run in range(1, kills + 2):
            async with killed(buffering_server.main, port, state, told, run) as process, asyncio.timeout(20):
                while not got or got[-1] < run * 100_000:
                    assert (process.exitcode, listener.done()) == (None, False), "one of them ended by itself"
                    await asyncio.sleep(0.005)
                await asyncio.sleep(chance.uniform(0.0, 0.1))
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
    last = got[-1]
    lost = [number for number in numbers(told) if number <= last and number not in set(got)]
    assert (lost, overflows) == ([], 0)
    assert got == sorted(set(got)), "nothing is repeated or out of order"
    for run in range(1, kills + 2):  # at most the one that was journaled but not yet written down by the server
        beyond = [number for number in got if number // 100_000 == run and number not in set(numbers(told))]
        assert len(beyond) <= 1
