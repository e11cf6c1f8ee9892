"""Buffered reports, the same on every way: nothing is lost while nobody listens, and a client goes on where it was."""

from __future__ import annotations

import pytest
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import AcsiClass, GetLogicalNodeDirectory, GetRCBValues, Reason, Report
from janusgrid.iec61850.acsi.types import BitString, DataValue, EntryTime, Quality, Timestamp
from janusgrid.iec61850.engine.buffer import BufferLimits
from janusgrid.iec61850.engine.rcb import owner_octets

from tests.iec61850.acsi.test_reporting import LOCKED, STATE, TOTW, Listener, content, listen
from tests.iec61850.plant import ref
from tests.iec61850.wires import START, Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

BLOCK, SECOND = ref("LLN0.brcbMeas01", "BR"), ref("LLN0.brcbMeas02", "BR")
NO_ENTRY = bytes(8)


def limit(rig: Rig, entries: int, block: Reference = BLOCK) -> None:
    buffer = rig.server.engine.reporting._blocks[block].buffer
    assert buffer is not None
    buffer.limits = BufferLimits(entries=entries)


def feed(rig: Rig, *values: float) -> None:
    for value in values:
        rig.server.update(TOTW, value)


def told(reports: list[Report]) -> list[float]:
    return [report.entries[0].value[0][0] for report in reports]  # type: ignore[index, misc]


async def lose(rig: Rig, client: Listener) -> None:
    """Abort the only association there is. Over XMPP an abort has no form of its own: the server sees it end when the
    client becomes unavailable, which is what is done here by hand, since the sessions outlive the test."""
    await client.association.abort()
    await rig.drop()


async def entry(client: Listener) -> bytes:
    found = (await client.get(BLOCK))["EntryID"]
    assert isinstance(found, bytes)
    return found


# --- the control block -----------------------------------------------------------------------------------------------


async def test_attributes_as_configured(rig: Rig) -> None:
    client = await listen(rig)
    assert await client.get(BLOCK) == {
        "RptID": "plant/b",
        "RptEna": False,
        "DatSet": "DG750DER/LLN0.Meas",
        "ConfRev": 1,
        "OptFlds": BitString.of(1, 2, 3, 4, 5, 6, 7, 8, size=10),
        "BufTm": 0,
        "SqNum": 0,
        "TrgOps": BitString.of(1, 2, 4, 5, size=6),
        "IntgPd": 0,
        "GI": False,
        "PurgeBuf": False,
        "EntryID": NO_ENTRY,
        "TimeofEntry": EntryTime(),
        "ResvTms": 0,
        "Owner": b"",
    }
    found = await client.association.call(GetLogicalNodeDirectory(ref("LLN0"), AcsiClass.BRCB))
    assert found == ("brcbMeas01", "brcbMeas02")


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("ConfRev", 3, ServiceError.ACCESS_VIOLATION),
        ("SqNum", 3, ServiceError.ACCESS_VIOLATION),
        ("Owner", b"x", ServiceError.ACCESS_VIOLATION),
        ("TimeofEntry", EntryTime(5), ServiceError.ACCESS_VIOLATION),
        ("EntryID", True, ServiceError.TYPE_CONFLICT),
        ("PurgeBuf", 1, ServiceError.TYPE_CONFLICT),
        ("ResvTms", -1, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        ("DatSet", "DG750DER/LLN0.Nothing", ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        ("DatSet", "@mine", ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        ("Resv", True, ServiceError.INSTANCE_NOT_AVAILABLE),
        ("GI", True, ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE),
    ],
)
async def test_what_cannot_be_set(rig: Rig, name: str, value: DataValue, error: ServiceError) -> None:
    client = await listen(rig)
    before = await client.get(BLOCK)
    assert await client.refused(BLOCK, **{name: value}) is error
    assert await client.get(BLOCK) == before


async def test_while_enabled_little_is_allowed(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BLOCK, RptEna=True)
    state = ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    for name, value in (("EntryID", NO_ENTRY), ("PurgeBuf", True), ("ResvTms", 5), ("BufTm", 1), ("RptEna", True)):
        assert await client.refused(BLOCK, **{name: value}) is state


async def test_unknown_block(rig: Rig) -> None:
    client = await listen(rig)
    for name in ("LLN0.brcbMeas03", "LLN0.urcbMeas01"):
        with pytest.raises(ServiceRefused) as refused:
            await client.association.call(GetRCBValues(ref(name, "BR")))
        assert refused.value.error is ServiceError.INSTANCE_NOT_AVAILABLE


async def test_without_a_data_set_nothing_is_buffered(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BLOCK, DatSet="")
    feed(rig, 1.0)
    assert await client.refused(BLOCK, RptEna=True) is ServiceError.PARAMETER_VALUE_INCONSISTENT
    await client.set(BLOCK, DatSet="DG750DER/LLN0.Meas")
    await client.set(BLOCK, RptEna=True)
    await client.took(0)


# --- buffering -------------------------------------------------------------------------------------------------------


async def test_what_happened_before_anybody_came_is_told(rig: Rig) -> None:
    feed(rig, 1.0)
    await rig.advance(2.0)
    feed(rig, 2.0)
    client = await listen(rig)
    assert (await client.get(BLOCK))["TimeofEntry"] == EntryTime.of(rig.clock.now())
    await client.set(BLOCK, RptEna=True)
    first, second = await client.took(2)
    assert content(first) == {0: ([[1.0], Quality(), Timestamp.of(START)], Reason.DATA_CHANGE)}
    assert (first.rpt_id, first.sequence, first.conf_rev, first.members) == ("plant/b", 0, 1, 4)
    assert (first.data_set, first.buffer_overflow) == ("DG750DER/LLN0.Meas", False)
    assert (first.time, second.time) == (EntryTime.of(START), EntryTime.of(rig.clock.now()))
    assert first.entries[0].reference == ref("MMXU1.TotW", "MX")
    assert first.entry_id is not None
    assert second.entry_id is not None
    assert NO_ENTRY < first.entry_id < second.entry_id
    found = await client.get(BLOCK)
    assert (found["EntryID"], found["SqNum"]) == (second.entry_id, 2)
    feed(rig, 3.0)
    assert told(await client.took(3)) == [1.0, 2.0, 3.0]


async def test_while_disabled_it_goes_on_buffering(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BLOCK, RptEna=True)
    feed(rig, 1.0)
    (first,) = await client.took(1)
    await client.set(BLOCK, RptEna=False)
    feed(rig, 2.0, 3.0)
    await client.took(1)
    assert first.entry_id is not None
    await client.set(BLOCK, EntryID=first.entry_id)
    await client.set(BLOCK, RptEna=True)
    reports = await client.took(3)
    assert told(reports) == [1.0, 2.0, 3.0]
    assert [report.sequence for report in reports] == [0, 0, 1]
    assert not any(report.buffer_overflow for report in reports)


@pytest.mark.parametrize("ending", ["release", "abort"])
async def test_another_association_goes_on_where_the_first_was(rig: Rig, ending: str) -> None:
    client = await listen(rig)
    await client.set(BLOCK, RptEna=True)
    feed(rig, 1.0, 2.0)
    entries = [report.entry_id for report in await client.took(2)]
    await (lose(rig, client) if ending == "abort" else client.association.release())
    again = await listen(rig, 1)
    assert (await again.get(BLOCK))["RptEna"] is False
    feed(rig, 3.0)
    assert entries[0] is not None
    await again.set(BLOCK, EntryID=entries[0])
    assert await entry(again) == entries[0]
    await again.set(BLOCK, RptEna=True)
    reports = await again.took(2)
    assert told(reports) == [2.0, 3.0]
    assert reports[0].entry_id == entries[1], "an entry has one EntryID"


@pytest.mark.parametrize("wanted", [None, NO_ENTRY, b"\xff" * 8, b"\x00" * 7 + b"\x01"])
async def test_without_a_known_entry_all_comes(rig: Rig, wanted: bytes | None) -> None:
    client = await listen(rig)
    await client.set(BLOCK, RptEna=True)
    feed(rig, 1.0, 2.0)
    await client.took(2)
    await client.set(BLOCK, RptEna=False)
    if wanted is not None:
        await client.set(BLOCK, EntryID=wanted)
    await client.set(BLOCK, RptEna=True)
    reports = await client.took(4)
    assert told(reports) == [1.0, 2.0, 1.0, 2.0]
    # The number 1 is older than this server: what came between cannot be known, and is told as lost.
    assert reports[2].buffer_overflow is (wanted == b"\x00" * 7 + b"\x01")


async def test_where_to_go_on_counts_once(rig: Rig) -> None:
    client = await listen(rig)
    feed(rig, 1.0, 2.0)
    await client.set(BLOCK, EntryID=await entry(client))
    await client.set(BLOCK, RptEna=True)
    await client.took(0)
    await client.set(BLOCK, RptEna=False)
    await client.set(BLOCK, RptEna=True)
    assert told(await client.took(2)) == [1.0, 2.0]


async def test_what_the_buffer_cannot_hold_is_told_as_lost(rig: Rig) -> None:
    limit(rig, 3)
    client = await listen(rig)
    feed(rig, 1.0)
    first = await entry(client)
    feed(rig, 2.0, 3.0, 4.0, 5.0)
    await client.set(BLOCK, EntryID=first)
    await client.set(BLOCK, RptEna=True)
    reports = await client.took(3)
    assert told(reports) == [3.0, 4.0, 5.0]
    assert [report.buffer_overflow for report in reports] == [True, False, False]
    feed(rig, 6.0)
    assert (await client.took(4))[-1].buffer_overflow is False, "what was sent is not lost by making room"


async def test_who_knows_the_last_lost_entry_has_lost_nothing(rig: Rig) -> None:
    limit(rig, 2)
    client = await listen(rig)
    feed(rig, 1.0)
    first = await entry(client)
    feed(rig, 2.0, 3.0)
    await client.set(BLOCK, EntryID=first)
    await client.set(BLOCK, RptEna=True)
    reports = await client.took(2)
    assert [(value, r.buffer_overflow) for value, r in zip(told(reports), reports, strict=True)] == [
        (2.0, False), (3.0, False),
    ]  # fmt: skip


async def test_purging_forgets_everything(rig: Rig) -> None:
    client = await listen(rig)
    feed(rig, 1.0, 2.0)
    await client.set(BLOCK, PurgeBuf=True)
    found = await client.get(BLOCK)
    assert (found["PurgeBuf"], found["EntryID"], found["TimeofEntry"]) == (False, NO_ENTRY, EntryTime())
    feed(rig, 3.0)
    await client.set(BLOCK, RptEna=True)
    assert told(await client.took(1)) == [3.0]


@pytest.mark.parametrize(
    ("name", "value", "purges"),
    [
        ("RptID", "other", True),
        ("DatSet", "DG750DER/LLN0.Single", True),
        ("BufTm", 10, True),
        ("TrgOps", BitString.of(1, size=6), True),
        ("IntgPd", 60_000, True),
        ("OptFlds", BitString.of(1, 7, size=10), False),
        ("RptID", "plant/b", False),
        ("ResvTms", 5, False),
    ],
)
async def test_what_changes_the_reports_purges(rig: Rig, name: str, value: DataValue, purges: bool) -> None:
    client = await listen(rig)
    feed(rig, 1.0)
    await client.set(BLOCK, **{name: value})
    assert (await entry(client) == NO_ENTRY) is purges
    await client.set(BLOCK, RptEna=True)
    await client.took(0 if purges else 1)


async def test_integrity_goes_on_while_disabled(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BLOCK, IntgPd=10_000)
    await rig.advance(25)
    await client.set(BLOCK, RptEna=True)
    reports = await client.took(2)
    assert [{e.reason for e in report.entries} for report in reports] == [{Reason.INTEGRITY}] * 2
    assert [report.time for report in reports] == [EntryTime.of(START).__class__(EntryTime.of(START).milliseconds + ms)
                                                   for ms in (10_000, 20_000)]  # fmt: skip


async def test_general_interrogation_comes_after_what_waits(rig: Rig) -> None:
    client = await listen(rig)
    feed(rig, 1.0)
    await client.set(BLOCK, RptEna=True)
    await client.set(BLOCK, GI=True)
    first, second = await client.took(2)
    assert set(content(first)) == {0}
    assert {reason for _, reason in content(second).values()} == {Reason.GENERAL_INTERROGATION}
    assert set(content(second)) == {0, 1, 2, 3}


async def test_buffer_time_gathers_while_disabled_too(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BLOCK, BufTm=500)
    feed(rig, 1.0, 2.0)
    rig.server.update(STATE, 1)
    await rig.advance(0.6)
    await client.set(BLOCK, RptEna=True)
    (report,) = await client.took(1)
    assert {i: value[0] for i, (value, _) in content(report).items()} == {0: [2.0], 2: 1}  # type: ignore[index]


@pytest.mark.parametrize("left_out", [1, 2, 3, 4, 5, 6, 7, 8])
async def test_each_optional_field_can_be_left_out(rig: Rig, left_out: int) -> None:
    client = await listen(rig)
    feed(rig, 1.0)
    await client.set(BLOCK, OptFlds=BitString.of(*set(range(1, 9)) - {left_out}, size=10))
    await client.set(BLOCK, RptEna=True)
    (report,) = await client.took(1)
    fields = {
        1: report.sequence, 2: report.time, 3: report.entries[0].reason, 4: report.data_set,
        5: report.entries[0].reference, 6: report.buffer_overflow, 7: report.entry_id, 8: report.conf_rev,
    }  # fmt: skip
    assert [bit for bit, field in fields.items() if field is None] == [left_out]


async def test_sequence_numbers_have_sixteen_bits(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BLOCK, RptEna=True)
    rig.server.engine.reporting._blocks[BLOCK].leaves["SqNum"].value = 65_535
    feed(rig, 1.0, 2.0)
    assert [report.sequence for report in await client.took(2)] == [65_535, 0]


async def test_each_instance_has_its_own_buffer(rig: Rig) -> None:
    client = await listen(rig)
    feed(rig, 1.0)
    await client.set(BLOCK, PurgeBuf=True)
    await client.set(SECOND, RptEna=True)
    assert told(await client.took(1)) == [1.0]


# --- reservation -----------------------------------------------------------------------------------------------------


async def test_a_reserved_block_is_nobody_elses(rig: Rig) -> None:
    mine, other = await listen(rig, 0), await listen(rig, 1)
    await mine.set(BLOCK, ResvTms=30)
    for name, value in (("ResvTms", 5), ("ResvTms", 0), ("RptEna", True), ("EntryID", NO_ENTRY), ("PurgeBuf", True)):
        assert await other.refused(BLOCK, **{name: value}) in LOCKED
    found = await other.get(BLOCK)
    assert found["ResvTms"] == 30
    assert found["Owner"] in {owner_octets(association.peer) for association in rig.server.engine.associations}
    await mine.set(BLOCK, ResvTms=0)
    assert (await mine.get(BLOCK))["Owner"] == b""
    await other.set(BLOCK, RptEna=True)
    assert await mine.refused(BLOCK, RptEna=False) in LOCKED


async def test_a_reservation_outlasts_its_association_for_its_time(rig: Rig) -> None:
    mine = await listen(rig, 0)
    await mine.set(BLOCK, ResvTms=30)
    await mine.set(BLOCK, RptEna=True)
    await lose(rig, mine)
    other = await listen(rig, 1)
    assert (await other.get(BLOCK))["RptEna"] is False
    found = await other.get(BLOCK)
    assert (found["ResvTms"], found["Owner"] != b"") == (30, True)
    if not rig.one_client:  # over TCP a client is its machine, and both of these are on this one
        assert await other.refused(BLOCK, RptEna=True) in LOCKED
    await rig.advance(31)
    found = await other.get(BLOCK)
    assert (found["ResvTms"], found["Owner"]) == (0, b"")
    await other.set(BLOCK, RptEna=True)


async def test_who_comes_back_in_time_has_its_block_again(rig: Rig) -> None:
    mine = await listen(rig, 0)
    await mine.set(BLOCK, ResvTms=30)
    await mine.association.release()
    again = await listen(rig, 0)
    await rig.advance(20)
    await again.set(BLOCK, RptEna=True)
    await rig.advance(60)
    assert (await again.get(BLOCK))["ResvTms"] == 30


async def test_an_instance_assigned_to_a_client_is_its_alone(rig: Rig) -> None:
    client = await listen(rig)
    block = rig.server.engine.reporting._blocks[BLOCK]
    block.leaves["ResvTms"].value, block.holder = -1, "SCADA"
    assert await client.refused(BLOCK, RptEna=True) in LOCKED
    assert await client.refused(BLOCK, ResvTms=0) in LOCKED
    (association,) = rig.server.engine.associations
    block.holder = association.identity
    assert await client.refused(BLOCK, ResvTms=0) is ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    await client.set(BLOCK, RptEna=True)
    await client.set(BLOCK, RptEna=False)
    assert (await client.get(BLOCK))["ResvTms"] == -1
