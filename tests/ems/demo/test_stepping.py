"""The clock in lock-step: a moment ends when all that it brings about is done, over sockets too."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

import pytest
from janusgrid.common.clock import Clock
from janusgrid.ems.demo.stepping import SteppingClock

from ..plants import at

START = at("08:00")
SECOND = timedelta(seconds=1)


def test_it_stands_still_until_it_goes_and_after_it_is_stopped() -> None:
    clock = SteppingClock(START)

    async def play() -> None:
        sleeper = asyncio.create_task(clock.sleep(10))
        await asyncio.sleep(0.02)
        assert clock.now() == START
        assert not sleeper.done()
        clock.go()
        clock.go()
        await sleeper
        assert clock.now() == START + 10 * SECOND
        clock.stop()
        late = asyncio.create_task(clock.sleep(1))
        await asyncio.sleep(0.02)
        assert not late.done()
        late.cancel()

    clock.run(play())


def test_who_waits_for_one_moment_wakes_in_turn_each_when_the_last_is_done() -> None:
    """Every minute a meter tells its figure over TCP, and a reader looks at the same instant: it sees that figure."""
    clock = SteppingClock(START)
    seen: list[tuple[float, int]] = []
    connected = asyncio.Event()
    received = 0

    async def meter(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        connected.set()
        for figure in range(1, 201):
            await clock.ranked(0).sleep(60)
            writer.write(figure.to_bytes(4, "big") + bytes(100_000))  # more than a socket takes at once
            await writer.drain()
        writer.close()

    async def look() -> None:
        for _ in range(200):
            await clock.sleep(60)
            seen.append(((clock.now() - START).total_seconds() / 60, received))

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        while head := await reader.read(4):
            await reader.readexactly(100_000)
            received = int.from_bytes(head, "big")
        writer.close()

    async def play() -> None:
        server = await asyncio.start_server(take, "127.0.0.1", 0)
        async with server:
            metering = asyncio.create_task(meter(server.sockets[0].getsockname()[1]))
            looking = asyncio.create_task(look())
            await connected.wait()
            clock.go()
            await asyncio.gather(metering, looking)

    clock.run(play())
    assert seen == [(minute, minute) for minute in range(1, 201)]


def test_what_ends_soon_in_real_time_belongs_to_the_moment() -> None:
    clock = SteppingClock(START)
    done: list[datetime] = []

    async def brief() -> None:
        await clock.sleep(1)
        await asyncio.sleep(0.001)
        done.append(clock.now())

    async def play() -> None:
        clock.go()
        task = asyncio.create_task(brief())
        await clock.sleep(100)
        await task

    clock.run(play())
    assert done == [START + SECOND]


def test_it_keeps_to_a_pace_and_changes_it() -> None:
    clock = SteppingClock(START, factor=200.0)

    async def play() -> tuple[float, float]:
        began = time.monotonic()
        clock.go()
        await clock.sleep(20)
        paced = time.monotonic() - began
        clock.pace(None)
        await clock.sleep(100_000)
        return paced, time.monotonic() - began - paced

    paced, free = clock.run(play())
    assert paced >= 0.1
    assert free < 100_000 / 200


def test_with_a_grace_it_waits_for_silence_and_wakes_all_of_a_moment() -> None:
    clock = SteppingClock(START, grace=0.01)
    woken: list[datetime] = []

    async def sleeper() -> None:
        for _ in range(5):
            await clock.sleep(10)
            woken.append(clock.now())

    async def play() -> float:
        tasks = [asyncio.create_task(sleeper()) for _ in range(20)]
        await asyncio.sleep(0)
        clock.go()
        began = time.monotonic()
        await asyncio.gather(*tasks)
        return time.monotonic() - began

    assert clock.run(play()) >= 5 * 0.009, "a wait is measured in whole milliseconds"
    assert woken == [START + n * 10 * SECOND for n in range(1, 6) for _ in range(20)]


@pytest.mark.parametrize("grace", [0.0, 0.001])
def test_those_of_a_lower_rank_wake_first_however_long_others_have_waited(grace: float) -> None:
    clock = SteppingClock(START, grace=grace)
    woken: list[str] = []

    async def sleeper(name: str, waits: Clock) -> None:
        for _ in range(3):
            await waits.sleep(10)
            woken.append(name)

    async def play() -> None:
        parties = [("last", clock), ("third", clock.ranked(2)), ("first", clock.ranked(0)), ("second", clock.ranked(1))]
        tasks = [asyncio.create_task(sleeper(name, waits)) for name, waits in parties]
        await asyncio.sleep(0)
        clock.go()
        await asyncio.gather(*tasks)

    clock.run(play())
    assert woken == ["first", "second", "third", "last"] * 3


def test_a_sleeper_that_is_cancelled_holds_nobody_up() -> None:
    clock = SteppingClock(START)

    async def play() -> None:
        task = asyncio.create_task(clock.sleep(5))
        await asyncio.sleep(0)
        task.cancel()
        clock.go()
        await clock.sleep(10)
        await clock.sleep(-1)
        assert clock.now() == START + 10 * SECOND

    clock.run(play())


def test_an_error_and_the_result_of_the_program_come_through() -> None:
    async def fail() -> None:
        raise RuntimeError("as it is")

    async def give() -> int:
        return 7

    with pytest.raises(RuntimeError, match="as it is"):
        SteppingClock(START).run(fail())
    assert SteppingClock(START).run(give()) == 7
