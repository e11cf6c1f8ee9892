"""A server whose time comes from time servers: what its time stamps and its LTMS say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.clock import DisciplinedClock, RealClock
from janusgrid.common.errors import LocalError
from janusgrid.common.sntp import Synchronization, TimeClient
from janusgrid.iec61850 import Ied, Server, build
from janusgrid.iec61850.acsi.types import TimeQuality, Timestamp
from janusgrid.iec61850.model.nodes import Model
from janusgrid.iec61850.server.timekeeping import quality, supervision

from tests.common.sntp.servers import answer, chrony, scripted
from tests.iec61850.plant import plant

QUICK = (0.05, 0.2)
T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)


def model() -> Model:
    return build("TS1").device("LD0").node("LTMS1", "TmSyn", "TmSynLkd", "TmAcc").node("MMXU1", "TotW").model()


def stamp(server: Server) -> Timestamp:
    """Return the time stamp that a new value gets."""
    server.update("TS1LD0/MMXU1.TotW", 1.0)
    found = server.read("TS1LD0/MMXU1.TotW.t")
    assert isinstance(found, Timestamp)
    return found


@pytest.mark.parametrize(
    ("seconds", "bits"),
    [(None, 31), (5.0, 31), (1.0, 31), (0.9, 0), (0.01, 6), (2**-10, 10), (0.001, 9), (4e-6, 17), (0.0, 20)],
)
def test_accuracy_is_never_said_to_be_better_than_it_is(seconds: float | None, bits: int) -> None:
    assert TimeQuality.accuracy_of(seconds) == bits
    assert bits == 31 or seconds is None or seconds <= 2**-bits


@given(
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 31),
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),
)
def test_a_stamp_has_the_time_and_the_quality(a: bool, b: bool, c: bool, accuracy: int, when: datetime) -> None:
    found = TimeQuality(a, b, c, accuracy).stamp(when.replace(tzinfo=UTC))
    assert (found.leap_seconds_known, found.clock_failure, found.clock_not_synchronized) == (a, b, c)
    assert found.accuracy == accuracy
    assert found.datetime == when.replace(tzinfo=UTC)


async def test_time_stamps_follow_the_clock(tmp_path: Path) -> None:
    async with chrony(tmp_path) as address:
        time = TimeClient([address], poll=QUICK, clock=DisciplinedClock(datetime.now(UTC) - timedelta(days=3)))
        async with Server(model(), time_servers=time) as server:
            first = stamp(server)
            assert (first.clock_not_synchronized, first.leap_seconds_known, first.accuracy) == (True, False, 31)
            assert server.read("TS1LD0/LTMS1.TmSynLkd") == 5
            async with time:
                await time.synchronized()
                assert server.read("TS1LD0/LTMS1.TmSyn") == 2
                found = stamp(server)
                assert (found.clock_not_synchronized, found.clock_failure, found.leap_seconds_known) == (
                    False, False, True,
                )  # fmt: skip
                assert 5 <= found.accuracy <= 20
                assert abs((found.datetime - datetime.now(UTC)).total_seconds()) < 0.5
                async with Ied(server.connect()) as ied:
                    assert await ied.read("TS1LD0/LTMS1.TmSrc.stVal") == address
                    assert await ied.read("TS1LD0/LTMS1.TmSrcTyp.stVal") == 2
                    assert await ied.read("TS1LD0/LTMS1.TmSynLkd.stVal") == 1


async def test_a_server_owns_the_time_client_that_it_makes() -> None:
    async with scripted(lambda request: [answer(request)]) as peer:
        async with Server(model(), time_servers=[peer.address]) as server:
            assert server.time is not None
            assert server.clock is server.time.clock
            await server.time.synchronized()
            assert not stamp(server).clock_not_synchronized
        count = len(peer.requests)
        await asyncio.sleep(0.1)
        assert len(peer.requests) == count
        assert len(asyncio.all_tasks()) == 1


async def test_commands_say_what_the_clock_of_their_client_is_worth() -> None:
    """Without a time client the clock is taken for right."""
    async with scripted(lambda request: [answer(request)]) as peer, Server(plant()) as server:
        got: list[Timestamp] = []
        server.on_operate("DG750DER/CSWI1.SwSel")(lambda command: got.append(command.time))
        time = TimeClient([peer.address], poll=QUICK)
        async with Ied(server.connect(), clock=time) as ied, Ied(server.connect()) as other:
            await ied.control("DG750DER/CSWI1.SwSel").operate(True)
            async with time:
                await time.synchronized()
                await ied.control("DG750DER/CSWI1.SwSel").operate(False)
                now = time.clock.now()
            await other.control("DG750DER/CSWI1.SwSel").operate(True)
    assert [(each.clock_not_synchronized, each.leap_seconds_known) for each in got] == [
        (True, False), (False, True), (False, True),
    ]  # fmt: skip
    assert (got[0].accuracy, got[2].accuracy) == (31, 10)
    assert abs((got[1].datetime - now).total_seconds()) < 5


async def test_when_the_time_servers_are_gone_time_stamps_say_so() -> None:
    async with scripted(lambda request: [answer(request)]) as peer:
        time = TimeClient([peer.address], poll=QUICK, timeout=0.1)
        async with time, Server(model(), time_servers=time) as server:
            await time.synchronized()
            assert not stamp(server).clock_not_synchronized
            peer.script = lambda request: []
            told = asyncio.Event()
            time.on_state(lambda state: None if state.synchronized else told.set())
            await told.wait()
            found = stamp(server)
            assert (found.clock_not_synchronized, found.leap_seconds_known) == (True, True)
            assert server.read("TS1LD0/LTMS1.TmSynLkd") == 2
            assert server.read("TS1LD0/LTMS1.TmSrc") == ""


def test_without_time_servers_the_application_says_what_its_clock_is_worth() -> None:
    server = Server(model())
    assert isinstance(server.clock, RealClock)
    assert server.time is None
    assert not stamp(server).clock_not_synchronized
    server.time_quality = TimeQuality(clock_not_synchronized=True, accuracy=4)
    assert stamp(server).clock_not_synchronized
    assert stamp(server).accuracy == 4


def test_a_clock_that_cannot_be_steered() -> None:
    with pytest.raises(LocalError, match="DisciplinedClock"):
        Server(model(), clock=RealClock(), time_servers=["ntp.example"])
    with pytest.raises(LocalError, match="clock of its own"):
        Server(model(), clock=RealClock(), time_servers=TimeClient(["ntp.example"]))
    with pytest.raises(LocalError, match="a time server is"):
        Server(model(), time_servers=["ntp.example:x"])
    clock = DisciplinedClock()
    assert Server(model(), clock=clock, time_servers="ntp.example").clock is clock


@pytest.mark.parametrize(
    ("lost", "locking"), [(None, 5), (0.5, 2), (9.9, 2), (10.0, 3), (100.0, 4), (999.0, 4), (1000.0, 5)]
)
def test_for_how_long_the_lock_has_been_lost(lost: float | None, locking: int) -> None:
    assert supervision(Synchronization(lost=lost))["TmSynLkd"] == locking
    assert supervision(Synchronization(True, 0.001, lost=0.0))["TmSynLkd"] == 1


def test_a_failing_oscillator_is_a_clock_failure() -> None:
    assert quality(Synchronization(failure=True)).clock_failure
