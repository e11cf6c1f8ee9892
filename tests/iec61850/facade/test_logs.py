"""Logs by name: an iterator over their entries that pages by itself; a server that is killed loses none of them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import LocalError, Malformed, NotReachable
from janusgrid.common.xmpp.servers.process import free_port
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.logs import LogData, LogEntry, LogPage, LogStatus, QueryLogAfter
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.references import BadReference
from janusgrid.iec61850.acsi.services import GetLogicalDeviceDirectory, R, Reason, Request
from janusgrid.iec61850.acsi.types import EntryTime, Quality, Timestamp
from janusgrid.iec61850.client import Ied, Log, LogUpdate, connect
from janusgrid.iec61850.client.nodes import Nodes
from janusgrid.iec61850.engine.log import LogLimits
from janusgrid.iec61850.server import Server

from tests.iec61850.facade import logging_server
from tests.iec61850.facade.killing import killed
from tests.iec61850.facade.logging_server import LIMITS, logging_plant
from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START

TOTW, LOG = f"{LD}/MMXU1.TotW", f"{LD}/LLN0.Events"


def value(update: LogUpdate) -> float:
    found: Any = update.values[TOTW]
    return float(found["mag"]["f"])


async def values(log: Log, **query: Any) -> list[float]:
    return [value(update) async for update in log.entries(**query)]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    clock = LockStepClock(START)
    async with Server(logging_plant(), clock=clock, logs=LogLimits(answer=4)) as server:
        for number in range(10):
            server.update(TOTW, float(number))
            await clock.advance(1.0)
        yield server


@pytest.fixture
async def ied(server: Server) -> AsyncIterator[Ied]:
    listener = await server.start_tcp(port=0)
    async with connect(f"tcp://127.0.0.1:{listener.port}") as ied:
        yield ied


async def test_entries_as_people_read_them(server: Server, ied: Ied) -> None:
    assert await ied.logs() == (LOG, f"{LD}/LLN0.GeneralLog")
    updates = [update async for update in ied.log(LOG).entries()]
    assert [value(update) for update in updates] == [float(number) for number in range(10)]
    third = updates[3]
    assert (third.time, third.reasons) == (START + timedelta(seconds=3), {TOTW: Reason.DATA_CHANGE})
    stamp = Timestamp.of(START + timedelta(seconds=3))
    assert third.values == {TOTW: {"mag": {"f": 3.0}, "q": Quality(), "t": stamp}}
    assert third.entry.data[0].reference == ref("MMXU1.TotW", "MX")
    status = await ied.log(LOG).status()
    assert (status.oldest, status.newest) == (updates[0].id, updates[-1].id)
    assert await values(ied.log(f"{LD}/LLN0.GeneralLog")) == []


async def test_a_range_and_what_is_behind(server: Server, ied: Ied) -> None:
    log = ied.log(f"{LD}/LLN0$Events")
    second = timedelta(seconds=1)
    assert await values(log, start=START + 2 * second, stop=START + 8 * second) == [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    updates = [update async for update in log.entries()]
    assert await values(log, after=updates[2]) == [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert await values(log, after=updates[2].id, stop=START + 7 * second) == [3.0, 4.0, 5.0, 6.0, 7.0]
    assert await values(log, after=b"unknown!", start=START + 8 * second) == [8.0, 9.0]
    with pytest.raises(ServiceRefused) as refused:
        await values(log, after=b"unknown!")
    assert refused.value.error is ServiceError.PARAMETER_VALUE_INAPPROPRIATE
    with pytest.raises(LocalError, match="no time zone"):
        await values(log, start=datetime(2026, 11, 21))
    with pytest.raises(ServiceRefused):
        await values(ied.log(f"{LD}/LLN0.Nothing"))
    with pytest.raises(BadReference):
        ied.log(f"{LD}/LLN0")


async def test_the_control_block(server: Server, ied: Ied) -> None:
    control = ied.log_control(f"{LD}/LLN0.lcbMeas")
    await control.disable()
    server.update(TOTW, 99.0)
    before = await ied.log(LOG).status()
    await control.set(LogRef=f"{LD}/LLN0.GeneralLog", IntgPd=60_000)
    assert await ied.log(LOG).status() == before, "another block names it as well"
    await control.enable()
    server.update(TOTW, 100.0)
    assert await values(ied.log(f"{LD}/LLN0.GeneralLog")) == [100.0]
    found = await control.values()
    assert (found["LogEna"], found["LogRef"]) == (True, f"{LD}/LLN0.GeneralLog")
    await ied.log_control(f"{LD}/LLN0.lcbOne").set(LogRef=f"{LD}/LLN0.GeneralLog")
    with pytest.raises(ServiceRefused, match="no log control block"):
        await ied.log(LOG).status()


async def test_what_the_server_has_no_more_is_shown_as_it_came(server: Server) -> None:
    ied = Ied(server.connect())
    log = server.engine.logs.find(ref("LLN0.Events"))
    log.add((LogData(ref("MMXU1.Gone", "MX"), [1.0, 2.0], Reason.INTEGRITY),), server.clock.now())
    *_, last = [update async for update in ied.log(LOG).entries()]
    assert last.values == {f"{LD}/MMXU1.Gone": [1.0, 2.0]}


# --- servers that do it otherwise ------------------------------------------------------------------------------------

Answer = Callable[[Any], LogPage]


class Other(ClientAssociation):
    """An association with a server whose answers to queries are made by hand."""

    peer = "other"

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    async def call(self, request: Request[R]) -> R:
        if isinstance(request, GetLogicalDeviceDirectory):
            return ()  # type: ignore[return-value]
        self.asked.append(request)
        return self.answer(request)  # type: ignore[return-value]


def entry(number: int) -> LogEntry:
    data = LogData(ref("MMXU1.TotW", "MX"), number, Reason.DATA_CHANGE)
    return LogEntry(number.to_bytes(8), EntryTime.of(START + timedelta(seconds=number)), (data,))


async def numbers_of(other: Other, **query: Any) -> list[int]:
    log = Log(other, Nodes(other), ref("LLN0.Events"))
    return [int.from_bytes(update.id) async for update in log.entries(**query)]


async def test_a_server_that_does_not_heed_the_end_of_a_range() -> None:
    other = Other(lambda request: LogPage(tuple(map(entry, _next_three(request))), True))
    assert await numbers_of(other, stop=START + timedelta(seconds=5)) == [1, 2, 3, 4, 5]
    assert len(other.asked) == 3, "it ends when all of a page is beyond"


def _next_three(request: Any) -> range:
    first = int.from_bytes(request.entry) + 1 if isinstance(request, QueryLogAfter) else 1
    return range(first, first + 3)


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: LogPage((entry(1), entry(2)), True),
        lambda request: LogPage((), True),
        lambda request: LogPage(() if isinstance(request, QueryLogAfter) else (entry(1),), True),
    ],
    ids=["the same again", "nothing at all", "nothing more"],
)
async def test_a_server_that_does_not_get_on(answer: Answer) -> None:
    with pytest.raises(Malformed, match="more entries to follow"):
        await asyncio.wait_for(numbers_of(Other(answer)), 10)


async def test_a_page_that_ends_while_more_was_promised() -> None:
    def answer(request: Any) -> LogPage:
        return LogPage(()) if isinstance(request, QueryLogAfter) else LogPage((entry(1),), True)

    assert await numbers_of(Other(answer)) == [1]


# --- beyond the end of the process -----------------------------------------------------------------------------------


async def test_a_restarted_server_remembers(tmp_path: Path) -> None:
    async with Server(logging_plant(), state=tmp_path) as server:
        server.update(TOTW, 1.0)
        (first,) = [update async for update in Ied(server.connect()).log(LOG).entries()]
    async with Server(plant(), state=tmp_path) as server:  # configured otherwise: the block is off, the log is there
        server.update(TOTW, 2.0)
        assert await values(Ied(server.connect()).log(LOG)) == [1.0]
    async with Server(logging_plant(), state=tmp_path) as server:
        server.update(TOTW, 3.0)
        assert await values(Ied(server.connect()).log(LOG), after=first) == [3.0]


async def test_without_a_directory_it_does_not() -> None:
    async with Server(logging_plant()) as server:
        server.update(TOTW, 1.0)
    async with Server(logging_plant()) as server:
        assert await Ied(server.connect()).log(LOG).status() == LogStatus()


async def news(port: int, after: bytes | None) -> list[LogUpdate]:
    """Return what a server that may not be up yet has written since."""
    while True:
        with contextlib.suppress(NotReachable):
            async with connect(f"tcp://127.0.0.1:{port}") as ied:
                found = [update async for update in ied.log(LOG).entries(after=after)]
                if found:
                    return found
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("kills", [20])
async def test_a_killed_server_loses_and_repeats_nothing(tmp_path: Path, kills: int) -> None:
    port = free_port()
    state, told, got = tmp_path / "state", tmp_path / "told", list[LogUpdate]()
    chance = random.Random(20)
    for run in range(1, kills + 1):
        async with killed(logging_server.main, port, state, told, run), asyncio.timeout(20):
            while not got or value(got[-1]) < run * 100_000:
                got += await news(port, got[-1].id if got else None)
            await asyncio.sleep(chance.uniform(0.0, 0.05))
    written = [float(line) for line in told.read_text().splitlines()]
    async with Server(logging_plant(), state=state, logs=LIMITS) as server:
        kept = await values(Ied(server.connect()).log(LOG))
    assert kept == sorted(set(kept)), "nothing is repeated or out of order"
    assert set(written) <= set(kept), "nothing is lost"
    assert [value(update) for update in got] == kept[: len(got)], "nothing is lost that a client has seen"
    for run in range(1, kills + 1):  # at most the one that was journaled but not yet written down by the server
        assert len([number for number in kept if number // 100_000 == run and number not in set(written)]) <= 1
