"""Logs, the same on every way: what writes into them, how they are queried, and what is refused."""

from __future__ import annotations

from collections import deque

import pytest
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.logs import (
    GetLCBValues,
    GetLogStatusValues,
    LogData,
    LogEntry,
    LogPage,
    LogStatus,
    QueryLogAfter,
    QueryLogByTime,
    SetLCBValues,
)
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.services import (
    AcsiClass,
    CreateDataSet,
    DeleteDataSet,
    GetAllDataValues,
    GetLogicalNodeDirectory,
    Reason,
    Request,
    SetDataValues,
)
from janusgrid.iec61850.acsi.types import BitString, DataValue, EntryTime, Quality, Timestamp
from janusgrid.iec61850.engine.log import LogLimits
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.model.nodes import Trigger

from tests.iec61850.plant import LD, ref
from tests.iec61850.wires import START, Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

E = ServiceError
BLOCK, BARE, LOG, EMPTY = ref("LLN0.lcbMeas"), ref("LLN0.lcbOne"), ref("LLN0.Events"), ref("LLN0.GeneralLog")
TOTW, STATE = f"{LD}/MMXU1.TotW", f"{LD}/DGEN1.DEROpSt"
BEGIN = EntryTime.of(START)
NO_ENTRY = bytes(8)


class Reader:
    """One client, and what it asks most."""

    def __init__(self, association: ClientAssociation) -> None:
        self.association = association

    async def set(self, block: Reference = BLOCK, **values: DataValue) -> None:
        await self.association.call(SetLCBValues(block, tuple(values.items())))

    async def get(self, block: Reference = BLOCK) -> dict[str, DataValue]:
        return await self.association.call(GetLCBValues(block))

    async def refused(self, request: Request[object] | None = None, **values: DataValue) -> ServiceError:
        with pytest.raises(ServiceRefused) as refused:
            await self.association.call(request or SetLCBValues(BLOCK, tuple(values.items())))
        return refused.value.error

    async def entries(self, start: EntryTime | None = None, stop: EntryTime | None = None) -> tuple[LogEntry, ...]:
        found = await self.pages(QueryLogByTime(LOG, start, stop))
        return tuple(entry for entry in found if stop is None or entry.time.milliseconds <= stop.milliseconds)

    async def pages(self, request: Request[LogPage], most: int | None = None) -> tuple[LogEntry, ...]:
        """Return the entries of all pages: those that follow are asked for without an end."""
        page = await self.association.call(request)
        found = deque(page.entries)
        while page.more_follows:
            assert 1 <= len(page.entries) <= (most or len(page.entries))
            page = await self.association.call(QueryLogAfter(LOG, found[-1].id, found[-1].time))
            found += page.entries
        return tuple(found)


async def read(rig: Rig, client: int = 0, **values: DataValue) -> Reader:
    """Return a client that has set the block in this way."""
    reader = Reader(await rig.associate(client))
    if values:
        await reader.set(**values)
    return reader


def feed(rig: Rig, *values: float) -> None:
    for value in values:
        rig.server.update(TOTW, value)


def told(entries: tuple[LogEntry, ...]) -> list[float]:
    return [entry.data[0].value[0][0] for entry in entries]  # type: ignore[index, misc]


def after(milliseconds: int) -> EntryTime:
    return EntryTime(BEGIN.milliseconds + milliseconds)


# --- the control block -----------------------------------------------------------------------------------------------


async def test_directories_and_attributes_as_configured(rig: Rig) -> None:
    reader = await read(rig)
    node = ref("LLN0")
    assert await reader.association.call(GetLogicalNodeDirectory(node, AcsiClass.LCB)) == ("lcbMeas", "lcbOne")
    assert await reader.association.call(GetLogicalNodeDirectory(node, AcsiClass.LOG)) == ("Events", "GeneralLog")
    assert await reader.association.call(GetLogicalNodeDirectory(ref("MMXU1"), AcsiClass.LOG)) == ()
    assert list((await reader.get()).items()) == [
        ("LogEna", False), ("LogRef", f"{LD}/LLN0.Events"), ("DatSet", f"{LD}/LLN0.Meas"), ("OldEntrTm", EntryTime()),
        ("NewEntrTm", EntryTime()), ("OldEntr", NO_ENTRY), ("NewEntr", NO_ENTRY),
        ("TrgOps", BitString.of(1, 2, size=6)), ("IntgPd", 0),
    ]  # fmt: skip
    whole = dict(await reader.association.call(GetAllDataValues(node, FC.LG)))
    assert set(whole) == {BLOCK.with_fc(FC.LG), BARE.with_fc(FC.LG)}
    assert await reader.refused(GetLCBValues(ref("LLN0.nothing"))) is E.INSTANCE_NOT_AVAILABLE
    assert await reader.refused(GetLCBValues(ref("LLN0.urcbOne"))) is E.INSTANCE_NOT_AVAILABLE


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("OldEntrTm", EntryTime(5), E.ACCESS_VIOLATION),
        ("NewEntrTm", EntryTime(5), E.ACCESS_VIOLATION),
        ("OldEntr", bytes(8), E.ACCESS_VIOLATION),
        ("NewEntr", bytes(8), E.ACCESS_VIOLATION),
        ("LogEna", 1, E.TYPE_CONFLICT),
        ("IntgPd", True, E.TYPE_CONFLICT),
        ("DatSet", f"{LD}/LLN0.Nothing", E.PARAMETER_VALUE_INAPPROPRIATE),
        ("DatSet", "@mine", E.PARAMETER_VALUE_INAPPROPRIATE),
        ("LogRef", f"{LD}/LLN0.Nothing", E.PARAMETER_VALUE_INAPPROPRIATE),
        ("LogRef", "", E.PARAMETER_VALUE_INAPPROPRIATE),
        ("BufTm", 5, E.INSTANCE_NOT_AVAILABLE),
    ],
)
async def test_what_cannot_be_set(rig: Rig, name: str, value: DataValue, error: ServiceError) -> None:
    reader = await read(rig)
    before = await reader.get()
    assert await reader.refused(**{name: value}) is error
    assert await reader.get() == before


async def test_set_one_after_the_other_until_one_is_refused(rig: Rig) -> None:
    reader = await read(rig)
    wrong = SetLCBValues(BLOCK, (("IntgPd", 7), ("LogRef", "no"), ("DatSet", "")))
    assert await reader.refused(wrong) is E.PARAMETER_VALUE_INAPPROPRIATE
    found = await reader.get()
    assert (found["IntgPd"], found["DatSet"]) == (7, f"{LD}/LLN0.Meas")
    await reader.set(LogRef=f"{LD}/LLN0.GeneralLog", DatSet=f"{LD}/LLN0.Single", TrgOps=BitString(0b111111, 6))
    found = await reader.get()
    assert (found["LogRef"], found["DatSet"]) == (f"{LD}/LLN0.GeneralLog", f"{LD}/LLN0.Single")
    assert found["TrgOps"] == BitString.of(1, 2, 3, 4, size=6), "no interrogation, and nothing reserved"


async def test_while_enabled_nothing_else_is_set(rig: Rig) -> None:
    reader = await read(rig, LogEna=True)
    for name, value in (await reader.get()).items():
        if name in ("LogRef", "DatSet", "TrgOps", "IntgPd"):
            assert await reader.refused(**{name: value}) is E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    await reader.set(LogEna=True)  # it is already: nothing happens
    other = await read(rig, 1, LogEna=False, IntgPd=5)
    assert (await other.get())["LogEna"] is False, "a log control block belongs to nobody"


async def test_not_enabled_without_a_data_set(rig: Rig) -> None:
    reader = await read(rig)
    request = SetLCBValues(BARE, (("LogEna", True),))
    assert await reader.refused(request) is E.PARAMETER_VALUE_INCONSISTENT
    assert (await reader.get(BARE))["LogEna"] is False
    await reader.association.call(CreateDataSet(ref("LLN0.own"), (ref("MMXU1.Hz", "MX"),)))
    await reader.set(BARE, DatSet=f"{LD}/LLN0.own", LogEna=True)
    assert await reader.refused(DeleteDataSet(ref("LLN0.own"))) is E.INSTANCE_IN_USE
    await reader.set(BARE, LogEna=False)
    await reader.association.call(DeleteDataSet(ref("LLN0.own")))
    assert await reader.refused(request) is E.INSTANCE_NOT_AVAILABLE


async def test_a_block_is_not_written_as_a_whole(rig: Rig) -> None:
    reader = await read(rig)
    whole = list((await reader.get()).values())
    answer = await reader.association.call(SetDataValues(((BLOCK.with_fc(FC.LG), whole),)))
    assert answer == (E.ACCESS_VIOLATION,)


# --- what writes an entry --------------------------------------------------------------------------------------------


async def test_an_entry_tells_what_when_and_why(rig: Rig) -> None:
    reader = await read(rig, LogEna=True)
    await rig.advance(1.5)
    feed(rig, 5.5)
    (entry,) = await reader.entries()
    stamp = Timestamp.of(rig.clock.now())
    value = [[5.5], Quality(), stamp]
    assert (entry.time, entry.data) == (after(1500), (LogData(ref("MMXU1.TotW", "MX"), value, Reason.DATA_CHANGE),))
    found = await reader.get()
    assert (found["OldEntr"], found["NewEntr"]) == (entry.id, entry.id)
    assert (found["OldEntrTm"], found["NewEntrTm"]) == (entry.time, entry.time)


async def test_what_happens_at_once_is_one_entry(rig: Rig) -> None:
    reader = await read(rig, LogEna=True)
    rig.server.update_many({TOTW: 9.0, STATE: 3}, quality=Quality.of(1))
    (entry,) = await reader.entries()
    references = [str(one.reference) for one in entry.data]
    assert references == [f"{TOTW}[MX]", f"{STATE}[ST]", f"{STATE}.q[ST]"]
    both = Reason.DATA_CHANGE | Reason.QUALITY_CHANGE
    assert [one.reason for one in entry.data] == [both, both, Reason.QUALITY_CHANGE]


async def test_only_what_the_triggers_say(rig: Rig) -> None:
    reader = await read(rig, TrgOps=BitString.of(2, size=6), LogEna=True)
    feed(rig, 1.0, 1.0)
    assert await reader.entries() == ()
    rig.server.update(TOTW, 1.0, quality=Quality.of(3))
    (entry,) = await reader.entries()
    assert [one.reason for one in entry.data] == [Reason.QUALITY_CHANGE]


async def test_an_update_without_a_change(rig: Rig) -> None:
    leaf = rig.server.engine.find(ref("MMXU1.TotW.mag.f", "MX"))
    assert leaf is not None
    leaf.trigger |= Trigger.DATA_UPDATE
    reader = await read(rig, TrgOps=BitString.of(3, size=6), LogEna=True)
    feed(rig, 2.0, 2.0)
    entries = await reader.entries()
    assert [one.reason for entry in entries for one in entry.data] == [Reason.DATA_UPDATE] * 2


async def test_all_values_every_period(rig: Rig) -> None:
    reader = await read(rig, IntgPd=2000, TrgOps=BitString.of(4, size=6), LogEna=True)
    await rig.advance(1.0)
    feed(rig, 4.0)
    await rig.advance(4.5)
    entries = await reader.entries()
    assert [entry.time for entry in entries] == [after(2000), after(4000)]
    assert [len(entry.data) for entry in entries] == [4, 4]
    assert {one.reason for entry in entries for one in entry.data} == {Reason.INTEGRITY}
    await reader.set(LogEna=False)
    await rig.advance(10.0)
    assert len(await reader.entries()) == 2


async def test_a_disabled_block_writes_nothing_and_keeps_what_there_is(rig: Rig) -> None:
    reader = await read(rig)
    feed(rig, 1.0)
    assert await reader.entries() == ()
    await reader.set(LogEna=True)
    feed(rig, 2.0)
    await reader.set(LogEna=False)
    feed(rig, 3.0)
    await reader.set(LogEna=True)
    feed(rig, 4.0)
    assert told(await reader.entries()) == [2.0, 4.0]


async def test_several_blocks_write_into_one_log(rig: Rig) -> None:
    reader = await read(rig, LogEna=True)
    await reader.set(BARE, DatSet=f"{LD}/LLN0.Single", TrgOps=BitString.of(1, size=6), LogEna=True)
    feed(rig, 7.0)
    first, second = await reader.entries()
    assert [first.data[0].reference.path, second.data[0].reference.path] == [("TotW",), ("TotW", "mag", "f")]
    assert second.data[0].value == 7.0
    for block in (BLOCK, BARE):
        found = await reader.get(block)
        assert (found["OldEntr"], found["NewEntr"]) == (first.id, second.id)
    await reader.set(BARE, LogEna=False, LogRef=f"{LD}/LLN0.GeneralLog")
    assert (await reader.get(BARE))["NewEntr"] == NO_ENTRY, "what it shows is of its log"


async def test_it_goes_on_when_its_client_has_gone(rig: Rig) -> None:
    first, second = await read(rig, LogEna=True), await read(rig, 1)
    await first.association.release()
    feed(rig, 6.0)
    assert told(await second.entries()) == [6.0]


async def test_values_keep_their_types(rig: Rig) -> None:
    reader = await read(rig, IntgPd=1000, TrgOps=BitString.of(4, size=6))
    types = [ref(f"DGEN1.Types.v{name}", "SP") for name in ("int64", "float64", "unicode255", "int32u", "octet64")]
    values: list[DataValue] = [-(1 << 40), 1.1, "Générateur", 1 << 31, b"\x00\xff"]
    for reference, value in zip(types, values, strict=True):
        leaf = rig.server.engine.find(reference)
        assert leaf is not None
        leaf.value = value
    await reader.association.call(CreateDataSet(ref("LLN0.types"), tuple(types)))
    await reader.set(DatSet=f"{LD}/LLN0.types", LogEna=True)
    await rig.advance(1.0)
    (entry,) = await reader.entries()
    assert [one.value for one in entry.data] == values


# --- queries ---------------------------------------------------------------------------------------------------------


async def filled(rig: Rig) -> tuple[Reader, tuple[LogEntry, ...]]:
    """Return a reader, and the entries 0 to 9, one each second."""
    reader = await read(rig, LogEna=True)
    for value in range(10):
        feed(rig, float(value))
        await rig.advance(1.0)
    return reader, await reader.entries()


async def test_by_time(rig: Rig) -> None:
    reader, entries = await filled(rig)
    assert told(entries) == [float(value) for value in range(10)]
    assert [entry.id for entry in entries] == sorted({entry.id for entry in entries})
    assert NO_ENTRY not in {entry.id for entry in entries}
    assert told(await reader.entries(after(3000), after(5000))) == [3.0, 4.0, 5.0]
    assert told(await reader.entries(after(3001), after(4999))) == [4.0]
    assert told(await reader.entries(start=after(8000))) == [8.0, 9.0]
    assert told(await reader.entries(stop=after(0))) == [0.0]
    assert await reader.entries(after(5000), after(3000)) == ()
    assert await reader.entries(after(100_000)) == ()


async def test_after_an_entry(rig: Rig) -> None:
    reader, entries = await filled(rig)
    assert told(await reader.pages(QueryLogAfter(LOG, entries[6].id))) == [7.0, 8.0, 9.0]
    assert told(await reader.pages(QueryLogAfter(LOG, entries[6].id, entries[6].time))) == [7.0, 8.0, 9.0]
    assert await reader.association.call(QueryLogAfter(LOG, entries[9].id)) == LogPage(())


@pytest.mark.parametrize("entry", [NO_ENTRY, b"\xff" * 8, b"", b"\x01"], ids=["none", "to come", "empty", "short"])
async def test_after_an_entry_that_never_was(rig: Rig, entry: bytes) -> None:
    reader, _ = await filled(rig)
    assert await reader.refused(QueryLogAfter(LOG, entry)) is E.PARAMETER_VALUE_INAPPROPRIATE
    found = await reader.pages(QueryLogAfter(LOG, entry, after(8000)))
    assert told(found) == [8.0, 9.0], "where the time is given, it goes on from there"


async def test_logs_that_are_not_there(rig: Rig) -> None:
    reader = await read(rig)
    for log in (ref("LLN0.nothing"), ref("MMXU1.Events"), ref("LLN0.lcbMeas"), Reference("NoLD", "LLN0", ("Events",))):
        assert await reader.refused(QueryLogByTime(log)) is E.INSTANCE_NOT_AVAILABLE
        assert await reader.refused(QueryLogAfter(log, NO_ENTRY)) is E.INSTANCE_NOT_AVAILABLE
        assert await reader.refused(GetLogStatusValues(log)) is E.INSTANCE_NOT_AVAILABLE


async def test_status(rig: Rig) -> None:
    reader = await read(rig)
    assert await reader.association.call(GetLogStatusValues(LOG)) == LogStatus()
    reader, entries = await filled(rig)
    status = await reader.association.call(GetLogStatusValues(LOG))
    assert status == LogStatus(after(0), after(9000), entries[0].id, entries[9].id)


async def test_a_full_log_forgets_the_oldest(rig: Rig) -> None:
    reader = await read(rig, LogEna=True)
    log = rig.server.engine.logs.find(LOG)
    log.limits = LogLimits(entries=3)
    feed(rig, 1.0)
    (gone,) = await reader.entries()
    feed(rig, 2.0, 3.0, 4.0, 5.0)
    entries = await reader.entries()
    assert told(entries) == [3.0, 4.0, 5.0]
    found = await reader.get()
    assert (found["OldEntr"], found["NewEntr"]) == (entries[0].id, entries[2].id)
    found_after = await reader.pages(QueryLogAfter(LOG, gone.id))
    assert told(found_after) == [3.0, 4.0, 5.0], "of an entry that is gone, it is known where it was"
    log.limits = LogLimits(octets=1)
    feed(rig, 6.0)
    assert told(await reader.entries()) == [6.0], "the newest stays, whatever its size"


async def test_a_clock_that_is_set_back_hides_nothing(rig: Rig) -> None:
    reader = await read(rig, LogEna=True)
    await rig.advance(60.0)
    feed(rig, 1.0)
    (first,) = await reader.entries()
    engine = rig.server.engine
    leaf = engine.find(ref("MMXU1.TotW.mag.f", "MX"))
    assert leaf is not None
    engine.update([(leaf, 2.0)], START)
    page = await reader.association.call(QueryLogAfter(LOG, first.id, first.time))
    assert told(page.entries) == [2.0]
    assert page.entries[0].time == BEGIN
    assert page.entries[0].id > first.id


# --- answers that fit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2000, 5000])
async def test_page_by_page(rig: Rig, size: int) -> None:
    writer = await read(rig, LogEna=True)
    feed(rig, *(float(value) for value in range(40)))
    reader = Reader(await rig.associate(1, initiate.Limits(pdu_size=size)))
    rig.server.engine.logs.limits = LogLimits(answer=11)
    assert told(await reader.pages(QueryLogByTime(LOG), most=11)) == [float(value) for value in range(40)]
    await writer.set(LogEna=False)


async def test_an_entry_that_fits_into_no_answer(rig: Rig) -> None:
    reader = Reader(await rig.associate(0, initiate.Limits()))
    await reader.association.call(CreateDataSet(ref("LLN0.many"), (ref("MMXU1.TotW", "MX"),) * 60))
    await reader.set(DatSet=f"{LD}/LLN0.many", LogEna=True)
    feed(rig, 1.0)
    small = Reader(await rig.associate(1, initiate.Limits(pdu_size=1000)))
    (entry,) = await small.entries()
    (whole,) = await reader.entries()
    assert (entry.id, entry.time) == (whole.id, whole.time)
    assert len(whole.data) == 60
    assert entry.data in ((), whole.data), "it is there, though its values do not fit; within a process all fits"
