"""Asking over UDP: chrony, and servers that answer too much, nothing, or nonsense."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from janusgrid.common.clock import DisciplinedClock
from janusgrid.common.errors import LocalError, NotReachable, Refused, TimedOut
from janusgrid.common.sntp import KissOfDeath, Synchronization, TimeClient, query
from janusgrid.common.sntp.client import address

from .servers import answer, chrony, scripted

QUICK = (0.05, 0.2)


async def lost(time: TimeClient) -> None:
    """Return when a client has told that it is not synchronized any more."""
    told = asyncio.Event()
    stop = time.on_state(lambda state: None if state.synchronized else told.set())
    await told.wait()
    stop()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ntp.example", ("ntp.example", 123)),
        ("192.0.2.7:1123", ("192.0.2.7", 1123)),
        ("2001:db8::7", ("2001:db8::7", 123)),
        ("[2001:db8::7]", ("2001:db8::7", 123)),
        ("[2001:db8::7]:1123", ("2001:db8::7", 1123)),
    ],
)
def test_addresses(text: str, found: tuple[str, int]) -> None:
    assert address(text) == found


@pytest.mark.parametrize("text", ["", ":123", "a:", "a:0", "a:65536", "a:ntp", "a b", "[::1", "[::1]x", "[]:1", "a:²"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(LocalError, match="a time server is"):
        TimeClient([text])


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(LocalError, match="at least one"):
        TimeClient([])
    with pytest.raises(LocalError, match="above zero"):
        TimeClient(["a"], poll=(10.0, 1.0))


async def test_chrony_tells_the_time(tmp_path: Path) -> None:
    async with chrony(tmp_path) as server:
        sample = await query(server)
        assert sample.stratum == 3
        assert abs(sample.offset) <= sample.distance + 0.001
        async with TimeClient([server], poll=QUICK) as time:
            state = await time.synchronized()
            assert state.sources == (server,)
            assert (state.stratum, state.failure, state.known, state.reason) == (3, False, True, "")
            assert state.accuracy is not None
            later = await query(server)  # which itself is known as well as its way there and back was quick
        assert abs(later.offset) <= state.accuracy + later.distance + 0.001


async def test_a_clock_that_is_wrong_is_steered(tmp_path: Path) -> None:
    clock = DisciplinedClock(datetime.now(UTC) - timedelta(days=365))
    async with chrony(tmp_path) as server, TimeClient([server], clock=clock, poll=QUICK) as time:
        state = await time.synchronized()
        assert state.accuracy is not None
        assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < state.accuracy + 0.01


async def test_what_is_no_answer_to_the_request_is_passed_over() -> None:
    def noisy(request: bytes) -> list[bytes]:
        forged = bytearray(answer(request, ahead=5000))
        forged[24:32] = os.urandom(8)
        kiss = bytearray(answer(request, stratum=0, reference=b"DENY"))
        kiss[24:32] = bytes(8)
        return [b"", b"garbage", bytes(forged), bytes(kiss), request, answer(request, ahead=7.0), answer(request)]

    async with scripted(noisy) as server:
        assert (await query(server.address)).offset == pytest.approx(7.0, abs=0.5)
        (sent,) = server.requests
        assert sent[:40] == b"\x23" + bytes(39)


async def test_each_request_has_a_nonce_of_its_own() -> None:
    async with scripted(lambda request: [answer(request)]) as server:
        for _ in range(3):
            await query(server.address)
        assert len({request[40:] for request in server.requests}) == 3


async def test_a_flood_is_bounded() -> None:
    async with scripted(lambda request: [os.urandom(48)] * 300) as server:
        with pytest.raises(TimedOut, match=r"within 0\.3 s"):
            await query(server.address, timeout=0.3)


async def test_errors_say_what_happened() -> None:
    async with scripted(lambda request: []) as server:
        with pytest.raises(TimedOut):
            await query(server.address, timeout=0.1)
        server.script = lambda request: [answer(request, stratum=0, reference=b"RATE")]
        with pytest.raises(KissOfDeath) as caught:
            await query(server.address)
        assert caught.value.code == "RATE"
        server.script = lambda request: [answer(request, stratum=16)]
        with pytest.raises(Refused, match="not synchronized"):
            await query(server.address)
        gone = server.address
    with pytest.raises(NotReachable, match="no time from it"):
        await query(gone, timeout=2.0)
    with pytest.raises(NotReachable):
        await query("nowhere.invalid", timeout=2.0)
    with pytest.raises(NotReachable):
        await query("a" * 80 + ".invalid", timeout=2.0)


async def test_it_tells_how_it_stands_and_why(caplog: pytest.LogCaptureFixture) -> None:
    states: list[Synchronization] = []
    async with scripted(lambda request: [answer(request, ahead=0.02)]) as server:
        time = TimeClient([server.address, "127.0.0.1:9"], poll=QUICK, timeout=0.1)
        assert time.state.reason.startswith(f"{server.address}: it has not answered yet")
        stop = time.on_state(states.append)
        async with time:
            await time.synchronized()
            server.script = lambda request: []
            await lost(time)
            server.script = lambda request: [answer(request, ahead=0.02)]
            await time.synchronized()
            server.script = lambda request: [answer(request, stratum=0, reference=b"DENY")]
            await lost(time)
            count = len(server.requests)
            await asyncio.sleep(0.5)
            assert len(server.requests) == count, "who said DENY is left alone"
            stop()
    assert any(state.synchronized for state in states)
    assert "DENY" in time.state.reason
    assert "it does not" in caplog.text or "does not want to be asked" in caplog.text


async def test_closing_in_the_middle_of_a_request() -> None:
    async with scripted(lambda request: []) as server:
        time = TimeClient([server.address])
        time.start()
        time.start()
        await asyncio.sleep(0.05)
        assert len(server.requests) == 1
        await time.close()
        await time.close()
    assert len(asyncio.all_tasks()) == 1
