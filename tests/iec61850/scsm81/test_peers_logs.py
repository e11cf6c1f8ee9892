"""Logs with live peers, both ways: their clients read ours, ours reads theirs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from janusgrid.common.errors import JanusGridError
from janusgrid.iec61850 import Server, ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.services import AcsiClass, Reason
from janusgrid.iec61850.client import Log, LogUpdate
from janusgrid.iec61850.engine.log import LogLimits
from janusgrid.iec61850.model.nodes import LogControl, Trigger

from tests.iec61850.scsm81 import peers, sides, station

F = f"{station.LD}/GGIO1.AnIn1.mag.f"
LOG, BLOCK = f"{station.LD}/LLN0$EventLog", f"{station.LD}/LLN0.lcb"
END_OF_TIME = 1 << 42
"""Milliseconds since 1970: the year 2109."""


@asynccontextmanager
async def our_server(entries: int, limits: LogLimits | None = None) -> AsyncIterator[tuple[Server, int]]:
    """Serve the station with a log of so many entries: AnIn1 becomes 1, 2, ..."""
    model = station.station()
    lln0 = model.devices[station.LD].nodes["LLN0"]
    lln0.logs.append("EventLog")
    lln0.log_controls["lcb"] = LogControl("lcb", "Meas", LOG.replace("$", "."), True, Trigger.DATA_CHANGE)
    async with Server(model, logs=limits) as server:
        for number in range(1, entries + 1):
            server.update(F, float(number))
        yield server, (await server.start_tcp(port=0)).port


async def everything(log: Log) -> list[LogUpdate]:
    return [update async for update in log.entries()]


def told(updates: list[LogUpdate]) -> list[object]:
    return [update.values[F] for update in updates]


# --- their clients on our server -------------------------------------------------------------------------------------


async def test_libiec61850_reads_our_log() -> None:
    async with (
        our_server(30, LogLimits(answer=12)) as (server, port),
        peers.talking("libiec", "libiec_logs.py") as client,
    ):
        await client.do("connect", port)
        assert await client.do("instances", f"{station.LD}/LLN0", "LOG") == ["EventLog"]
        assert await client.do("instances", f"{station.LD}/LLN0", "LCB") == ["lcb"]
        assert await client.do("journals", station.LD) == ["LLN0$EventLog"]
        page = await client.do("by_time", LOG, 0, END_OF_TIME)
        found = page["entries"]
        while page["more"]:
            assert len(page["entries"]) == 12
            page = await client.do("after", LOG, found[-1][0], found[-1][1])
            found += page["entries"]
        reason = ["ReasonCode", "010000"]
        assert [variables for _, _, variables in found] == [
            [[f"{station.LD}/GGIO1$MX$AnIn1$mag$f", float(number)], reason] for number in range(1, 31)
        ]
        (first, begin, _), (last, end, _) = found[0], found[-1]
        values = await client.do("read", BLOCK)
        assert values == [True, LOG, f"{station.LD}/LLN0$Meas", begin, end, first, last, "010000", 0]
        only = await client.do("by_time", LOG, begin, begin)
        assert [entry for entry, _, _ in only["entries"]] == [entry for entry, time, _ in found if time == begin][:12]
        with pytest.raises(peers.PeerRefused):
            await client.do("by_time", f"{station.LD}/LLN0$Nothing", 0, END_OF_TIME)
        with pytest.raises(peers.PeerRefused):
            await client.do("write", f"{BLOCK}.IntgPd", "unsigned", 5)
        await client.do("write", f"{BLOCK}.LogEna", "bool", False)
        await client.do("write", f"{BLOCK}.IntgPd", "unsigned", 5)
        server.update(F, 99.0)
        values = await client.do("read", BLOCK)
        assert (values[0], values[6], values[8]) == (False, last, 5)


async def test_iec61850_reads_our_log() -> None:
    async with our_server(10) as (_, port):
        found = await peers.run("rust", "rust_logs.py", port, LOG, 0, END_OF_TIME)
    assert (found["logs"], found["more"]) == (["EventLog"], False)
    # It tells the reason as the octet that it came in: bit 1 of a bit string is 64.
    assert [variables for _, _, variables in found["all"]] == [
        [[f"{station.LD}/GGIO1$MX$AnIn1$mag$f", str(float(number)), 64]] for number in range(1, 11)
    ]
    assert found["after"] == found["all"][3:]
    assert "unknown" in found


# --- our client on their servers -------------------------------------------------------------------------------------


async def test_our_client_reads_a_log_of_libiec61850(tmp_path: Path) -> None:
    path = tmp_path / "station.cfg"
    path.write_text(station.configuration(station.station()))
    async with peers.talking("libiec", "libiec_log_server.py", path, peers.free_port()) as server:
        await server.ready()
        async with sides.our_client(server) as ied:
            assert await ied.logs() == (LOG.replace("$", "."),)
            assert await ied.instances(f"{station.LD}/LLN0", AcsiClass.LCB) == ("lcb",)
            control, log = ied.log_control(BLOCK), ied.log(LOG)
            before = await control.values()
            assert (before["LogEna"], before["LogRef"]) == (False, LOG.replace("$", "."))
            await control.enable()
            for number in range(1, 8):
                await server.do("update", "LD0/GGIO1.AnIn1.mag.f", float(number))
                await asyncio.sleep(0.002)  # it knows times only to the millisecond
            updates = await everything(log)
            assert told(updates) == [float(number) for number in range(1, 8)]
            assert {reason for update in updates for reason in update.reasons.values()} == {Reason.DATA_CHANGE}
            assert all(abs(update.time - datetime.now(UTC)) < timedelta(minutes=1) for update in updates)
            assert told([update async for update in log.entries(after=updates[3])]) == [5.0, 6.0, 7.0]
            within = log.entries(start=updates[2].time, stop=updates[4].time)
            assert told([update async for update in within]) == [3.0, 4.0, 5.0]
            status = await log.status()
            assert (status.oldest, status.newest) == (updates[0].id, updates[-1].id)
            assert (status.oldest_time, status.newest_time) == (updates[0].entry.time, updates[-1].entry.time)
            with pytest.raises(ServiceRefused) as refused:
                await control.set(TrgOps=before["TrgOps"])
            assert refused.value.error is ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
            await control.disable()
            await control.set(IntgPd=2000)
            assert (await control.values())["IntgPd"] == 2000
            with pytest.raises(ServiceRefused):
                await everything(ied.log(f"{station.LD}/LLN0.Nothing"))


async def test_our_client_reads_a_log_of_iec61850() -> None:
    async with peers.running("rust", "rust_log_server.py", peers.CID) as server, sides.our_client(server) as ied:
        log = ied.log("PEERLD0/LLN0$LG$evlog")  # it has the log under the name of its control block
        for number in range(1, 6):
            await server.update(float(number))
        updates: list[LogUpdate] = []
        async with asyncio.timeout(10):
            while len(updates) < 5:
                with contextlib.suppress(JanusGridError):
                    updates = await everything(log)
        assert told(updates) == [1.0, 2.0, 3.0, 4.0, 5.0]
        # It writes the reason as an octet whose lowest bit is bit 0, where a bit string's first bit is the highest.
        assert {reason for update in updates for reason in update.reasons.values()} == {Reason.APPLICATION_TRIGGER}
        assert told([update async for update in log.entries(after=updates[1])]) == [3.0, 4.0, 5.0]
        assert await ied.logs() == (), "it lists none"
