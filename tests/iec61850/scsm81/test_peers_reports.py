"""Buffered reports with live peers: nothing is lost when a connection breaks, in both directions."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.iec61850 import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.services import GetRCBValues, Reason, SetRCBValues
from janusgrid.iec61850.client.reports import Reports, Update
from janusgrid.iec61850.engine.buffer import BufferLimits

from tests.iec61850.scsm81 import peers
from tests.iec61850.scsm81.sides import BOTH, Station, cable, our_client, our_server, their_client, their_server
from tests.iec61850.scsm81.station import LD
from tests.iec61850.wires import START, until

BLOCK = f"{LD}/LLN0.brcb"
FIRST = Reference(LD, "LLN0", ("brcb01",), FC.BR)
F = f"{LD}/GGIO1.AnIn1.mag.f"
THEIR_F = "LD0/GGIO1.AnIn1.mag.f"


async def next_of(reports: Reports) -> Update:
    async with asyncio.timeout(10):
        return await anext(reports)


async def changes(reports: Reports, count: int) -> list[Update]:
    """Return so many reports of changes, leaving out all others."""
    found: list[Update] = []
    while len(found) < count:
        update = await next_of(reports)
        if Reason.DATA_CHANGE in update.reasons.get(F, Reason.NONE):
            found.append(update)
    return found


# --- our client, server of libiec61850 --------------------------------------------------------------------------------


async def test_what_raises_buffered_reports(tmp_path: Path) -> None:
    async with their_server("libiec", tmp_path) as server, our_client(server) as ied:
        async with ied.report(BLOCK, integrity=0.2, interrogate=True) as reports:
            assert str(reports.block) == f"{LD}/LLN0.brcb01[BR]"
            await server.do("update", THEIR_F, 2.5)
            (changed,) = await changes(reports, 1)
            assert changed.values == {F: 2.5}
            found = [await next_of(reports) for _ in range(2)]
            assert all(update.reasons == dict.fromkeys(update.values, Reason.INTEGRITY) for update in found)
            assert all(len(update.values) == 3 for update in found)
            assert len({update.entry for update in (changed, *found)}) == 3
            assert all(update.missed == 0 for update in (changed, *found))
        values = await ied.association.call(GetRCBValues(FIRST))
        assert (values["RptEna"], values["ResvTms"]) == (False, 0)


async def test_general_interrogation_of_a_buffered_block(tmp_path: Path) -> None:
    async with (
        their_server("libiec", tmp_path) as server,
        our_client(server) as ied,
        ied.report(BLOCK, interrogate=True) as reports,
    ):
        update = await next_of(reports)
        assert update.reasons == dict.fromkeys(update.values, Reason.GENERAL_INTERROGATION)
        assert len(update.values) == 3


async def test_instances_for_two_clients_and_none_for_a_third(tmp_path: Path) -> None:
    async with (
        their_server("libiec", tmp_path) as server,
        our_client(server) as first,
        our_client(server) as second,
        our_client(server) as third,
        first.report(BLOCK) as one,
        second.report(BLOCK) as two,
    ):
        assert [reports.block.path for reports in (one, two)] == [("brcb01",), ("brcb02",)]
        with pytest.raises(ServiceRefused) as refused:
            await third.report(BLOCK).start()
        assert refused.value.error is ServiceError.INSTANCE_IN_USE
        await server.do("update", THEIR_F, 3.5)
        for reports in (one, two):
            assert [update.values for update in await changes(reports, 1)] == [{F: 3.5}]


async def test_our_client_comes_back_by_itself(tmp_path: Path) -> None:
    async with (
        their_server("libiec", tmp_path) as server,
        cable(server.port) as line,
        our_client(line) as ied,
        ied.report(BLOCK) as reports,
    ):
        await server.do("update", THEIR_F, 1.0)
        found = await changes(reports, 1)
        for turn in (2, 12):
            line.cut()
            for number in range(turn, turn + 10):
                await server.do("update", THEIR_F, float(number))
            line.mend()
            found += await changes(reports, 10)
        assert [update.values[F] for update in found] == [float(number) for number in range(1, 22)]
        assert len({update.entry for update in found}) == 21, "each once"
        assert not any(update.overflow for update in found[1:])


async def test_our_client_finds_their_server_again_that_was_started_anew(tmp_path: Path) -> None:
    """Its buffer is empty then, and it does not know the last entry."""
    async with contextlib.AsyncExitStack() as stack:
        async with their_server("libiec", tmp_path) as server:
            line = await stack.enter_async_context(cable(server.port))
            ied = await stack.enter_async_context(our_client(line))
            reports = await stack.enter_async_context(ied.report(BLOCK))
            await server.do("update", THEIR_F, 1.0)
            assert [update.values for update in await changes(reports, 1)] == [{F: 1.0}]
            server.process.kill()
            line.cut()
        async with their_server("libiec", tmp_path) as server:
            line.far = server.port
            line.mend()
            await server.do("update", THEIR_F, 2.0)
            assert [update.values for update in await changes(reports, 1)] == [{F: 2.0}]
            await server.do("update", THEIR_F, 3.0)
            assert [update.values for update in await changes(reports, 1)] == [{F: 3.0}]
            await stack.aclose()


async def test_our_client_goes_on_in_another_life(tmp_path: Path) -> None:
    async with their_server("libiec", tmp_path) as server:
        async with our_client(server) as ied, ied.report(BLOCK) as reports:
            for number in (1.0, 2.0, 3.0):
                await server.do("update", THEIR_F, number)
            second = (await changes(reports, 2))[-1]
            assert second.values == {F: 2.0}
        await server.do("update", THEIR_F, 4.0)
        async with our_client(server) as ied, ied.report(BLOCK, after=second.entry) as reports:
            assert [update.values[F] for update in await changes(reports, 2)] == [3.0, 4.0]


async def test_what_their_buffer_cannot_hold(tmp_path: Path) -> None:
    async with (
        their_server("libiec", tmp_path, "buffer=600") as server,
        cable(server.port) as line,
        our_client(line) as ied,
        ied.report(BLOCK) as reports,
    ):
        await server.do("update", THEIR_F, 1.0)
        await changes(reports, 1)
        line.cut()
        for number in range(2, 40):
            await server.do("update", THEIR_F, float(number))
        line.mend()
        first = (await changes(reports, 1))[0]
        assert first.overflow
        last = first
        while last.values[F] != 39.0:
            (last,) = await changes(reports, 1)
            assert not last.overflow


async def test_purging_their_buffer(tmp_path: Path) -> None:
    async with their_server("libiec", tmp_path) as server, our_client(server) as ied:
        async with ied.report(BLOCK) as reports:
            await server.do("update", THEIR_F, 1.0)
            await changes(reports, 1)
        await server.do("update", THEIR_F, 2.0)
        await ied.association.call(SetRCBValues(FIRST, (("ResvTms", 5), ("PurgeBuf", True))))
        await server.do("update", THEIR_F, 3.0)
        await ied.association.call(SetRCBValues(FIRST, (("ResvTms", 0),)))
        async with ied.report(BLOCK) as reports:
            assert [update.values for update in await changes(reports, 1)] == [{F: 3.0}]


async def test_blocks_of_the_rust_server_cannot_be_used(tmp_path: Path) -> None:
    """It names them, and says neither what they are nor does it let anybody, its own client included, enable them."""
    async with their_server("rust", tmp_path) as server, our_client(server) as ied:
        with pytest.raises(ServiceRefused):
            await ied.association.call(GetRCBValues(FIRST))
        async with their_client("rust", server.port) as client:
            with pytest.raises(peers.PeerRefused, match=r"ObjectAccess(Denied|Unsupported)"):
                await client.do("set_block", f"{LD}/LLN0.BR.brcb01", {"RptEna": True})


# --- their clients, our server ----------------------------------------------------------------------------------------

THEIR_BLOCK = f"{LD}/LLN0.BR.brcb01"
THEIR_SECOND = f"{LD}/LLN0.BR.brcb02"
LIBIEC_INTEGRITY = 8
"""How the client of libiec61850 says why a member is in a report."""


def floats(reports: list[dict[str, Any]]) -> list[float]:
    """Return the values of the first member that reports tell of: one client names it, the other numbers it."""
    named = ("0", f"{LD}/GGIO1$MX$AnIn1$mag$f")
    return [value for report in reports for member, value in report["values"].items() if member in named]


async def arrived(client: peers.Peer, count: int) -> list[dict[str, Any]]:
    return [await client.event("report") for _ in range(count)]


def change(ours: Station, *values: float) -> None:
    for value in values:
        ours.server.update(F, value)


@BOTH
async def test_buffered_reports_to_their_client(peer: str) -> None:
    async with our_server() as ours, their_client(peer, ours.port) as client:
        change(ours, 1.0, 2.0)
        shown = await client.do("block", THEIR_BLOCK)
        assert (shown["RptID"], shown["DatSet"], shown["RptEna"]) == ("PEER/brcb", f"{LD}/LLN0$Meas", False)
        await client.do("reports", THEIR_BLOCK)
        await client.do("set_block", THEIR_BLOCK, {"RptEna": True})
        found = await arrived(client, 2)
        change(ours, 3.0)
        found += await arrived(client, 1)
        assert floats(found) == [1.0, 2.0, 3.0], "from before it was enabled, too"
        assert [report["sequence"] for report in found] == [0, 1, 2]
        assert len({report["entry"] for report in found}) == 3
        await client.do("interrogate", THEIR_BLOCK)
        (whole,) = await arrived(client, 1)
        assert len(whole["values"]) == 3
        assert (await client.do("block", THEIR_BLOCK))["SqNum"] == 4
        await client.do("set_block", THEIR_BLOCK, {"RptEna": False})
        await client.do("set_block", THEIR_BLOCK, {"IntgPd": 100})
        await client.do("set_block", THEIR_BLOCK, {"RptEna": True})
        for report in await arrived(client, 2):
            assert len(report["values"]) == 3
            if peer == "libiec":
                assert set(report["reasons"].values()) == {LIBIEC_INTEGRITY}


@BOTH
async def test_their_client_goes_on_after_a_break(peer: str) -> None:
    async with our_server() as ours, their_client(peer, ours.port) as client:
        await client.do("reports", THEIR_BLOCK)
        await client.do("set_block", THEIR_BLOCK, {"RptEna": True})
        change(ours, 1.0, 2.0, 3.0)
        found = await arrived(client, 3)
        client.process.kill()
        await until(lambda: not ours.server.engine.associations)
        change(ours, 4.0, 5.0)
        async with their_client(peer, ours.port) as again:
            await again.do("reports", THEIR_BLOCK)
            await name_entry(peer, again, found[1]["entry"])
            await again.do("set_block", THEIR_BLOCK, {"RptEna": True})
            assert floats(await arrived(again, 3)) == [3.0, 4.0, 5.0]
            change(ours, 6.0)
            assert floats(await arrived(again, 1)) == [6.0]
            await again.do("set_block", THEIR_BLOCK, {"RptEna": False})
            await again.do("write", f"{LD}/LLN0.brcb01.EntryID", "BR", "octets", "00000000000000ff")
            await again.do("set_block", THEIR_BLOCK, {"RptEna": True})
            assert floats(await arrived(again, 6)) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "all, for it is not known"


async def name_entry(peer: str, client: peers.Peer, entry: str) -> None:
    """Have a client say where it was. That of `iec61850` writes EntryId, which is not there, but can write anything."""
    if peer == "rust":
        with pytest.raises(peers.PeerRefused, match="ObjectNonExistent"):
            await client.do("set_block", THEIR_BLOCK, {"EntryID": entry})
        await client.do("write", f"{LD}/LLN0.brcb01.EntryID", "BR", "octets", entry)
    else:
        await client.do("set_block", THEIR_BLOCK, {"EntryID": entry})


@BOTH
async def test_overflow_and_purge_of_our_buffer(peer: str) -> None:
    limits = BufferLimits(entries=5)
    async with our_server(options={"buffers": limits}) as ours, their_client(peer, ours.port) as client:
        await client.do("reports", THEIR_BLOCK)
        change(ours, *map(float, range(1, 11)))
        await client.do("set_block", THEIR_BLOCK, {"RptEna": True})
        found = await arrived(client, 5)
        assert floats(found) == [6.0, 7.0, 8.0, 9.0, 10.0]
        assert [report["overflow"] for report in found] == [True, False, False, False, False]
        await client.do("set_block", THEIR_BLOCK, {"RptEna": False})
        change(ours, 11.0, 12.0)
        await client.do("set_block", THEIR_BLOCK, {"PurgeBuf": True})
        change(ours, 13.0)
        await client.do("set_block", THEIR_BLOCK, {"RptEna": True})
        assert floats(await arrived(client, 1)) == [13.0]


@BOTH
async def test_a_block_is_reserved_for_who_asked(peer: str) -> None:
    async with our_server() as ours, their_client(peer, ours.port) as client, their_client(peer, ours.port) as other:
        await client.do("set_block", THEIR_BLOCK, {"ResvTms": 5})
        for values in ({"RptEna": True}, {"IntgPd": 500}, {"ResvTms": 5}):
            with pytest.raises(peers.PeerRefused) as refused:
                await other.do("set_block", THEIR_BLOCK, values)
            assert peer == "rust" or refused.value.args[0] == 26, "IED_ERROR_TEMPORARILY_UNAVAILABLE"
        assert (await other.do("block", THEIR_BLOCK))["Owner"] == "7f000001"
        await other.do("set_block", THEIR_SECOND, {"ResvTms": 5})
        assert (await other.do("block", THEIR_SECOND))["ResvTms"] == 5
        await client.do("set_block", THEIR_BLOCK, {"ResvTms": 0})
        await other.do("set_block", THEIR_BLOCK, {"ResvTms": 5})


async def test_a_reservation_outlasts_a_broken_connection() -> None:
    clock = LockStepClock(START)
    async with our_server(options={"clock": clock}) as ours, their_client("libiec", ours.port) as client:
        await client.do("set_block", THEIR_BLOCK, {"ResvTms": 30})
        await client.do("abort")
        await until(lambda: not ours.server.engine.associations)
        async with their_client("libiec", ours.port, None, None, "127.0.0.2") as other:
            for passes in (0.0, 29.0):
                await clock.advance(passes)
                with pytest.raises(peers.PeerRefused):
                    await other.do("set_block", THEIR_BLOCK, {"RptEna": True})
            await clock.advance(2.0)
            await other.do("set_block", THEIR_BLOCK, {"RptEna": True})


@BOTH
async def test_unbuffered_reports_with_integrity(peer: str) -> None:
    block = f"{LD}/LLN0.RP.urcb01"
    async with our_server() as ours, their_client(peer, ours.port) as client, their_client(peer, ours.port) as other:
        await client.do("reports", block)
        await client.do("set_block", block, {"Resv": True})
        with pytest.raises(peers.PeerRefused):
            await other.do("set_block", block, {"RptEna": True})
        await client.do("set_block", block, {"IntgPd": 100})
        await client.do("set_block", block, {"RptEna": True})
        change(ours, 5.5)
        assert floats(await arrived(client, 1)) == [5.5]
        found = await arrived(client, 2)
        assert all(len(report["values"]) == 3 for report in found)
        await client.do("interrogate", block)
        await client.do("set_block", block, {"RptEna": False})
