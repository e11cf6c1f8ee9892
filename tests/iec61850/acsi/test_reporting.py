"""Unbuffered reports, the same on every way: the clock is moved by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import GetRCBValues, Reason, Report, SetDataValues, SetRCBValues
from janusgrid.iec61850.acsi.types import BitString, DataValue, EntryTime, Quality, Timestamp
from janusgrid.iec61850.engine.rcb import owner_octets

from tests.iec61850.plant import ref
from tests.iec61850.wires import START, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

BLOCK, SECOND, BARE = ref("LLN0.urcbMeas01", "RP"), ref("LLN0.urcbMeas02", "RP"), ref("LLN0.urcbOne", "RP")
TOTW, STATE = "DG750DER/MMXU1.TotW", "DG750DER/DGEN1.DEROpSt"
ALL_OPTIONS = BitString.of(1, 2, 3, 4, 5, 8, size=10)


class Listener:
    """One client: an association and what has been reported to it."""

    def __init__(self, rig: Rig, association: ClientAssociation) -> None:
        self.rig, self.association = rig, association
        self.reports: list[Report] = []
        association.on_notification(self.reports.append)  # type: ignore[arg-type]

    async def set(self, block: Reference = BLOCK, **values: DataValue) -> None:
        await self.association.call(SetRCBValues(block, tuple(values.items())))

    async def refused(self, block: Reference = BLOCK, **values: DataValue) -> ServiceError:
        with pytest.raises(ServiceRefused) as refused:
            await self.set(block, **values)
        return refused.value.error

    async def get(self, block: Reference = BLOCK) -> Mapping[str, DataValue]:
        return await self.association.call(GetRCBValues(block))

    async def took(self, count: int) -> list[Report]:
        """Return all reports, once there are `count`; no more may come."""
        await until(lambda: len(self.reports) >= count)
        await self.rig.quiet(self.association)
        assert len(self.reports) == count
        return self.reports


async def listen(rig: Rig, client: int = 0) -> Listener:
    return Listener(rig, await rig.associate(client))


def content(report: Report) -> dict[int, tuple[DataValue, Reason | None]]:
    return {entry.index: (entry.value, entry.reason) for entry in report.entries}


# --- the control block -----------------------------------------------------------------------------------------------


async def test_attributes_as_configured(rig: Rig) -> None:
    client = await listen(rig)
    assert await client.get() == {
        "RptID": "plant/meas",
        "RptEna": False,
        "Resv": False,
        "DatSet": "DG750DER/LLN0.Meas",
        "ConfRev": 7,
        "OptFlds": BitString.of(1, 2, 3, 4, 5, 8, size=10),
        "BufTm": 0,
        "SqNum": 0,
        "TrgOps": BitString.of(1, 2, 4, 5, size=6),
        "IntgPd": 0,
        "GI": False,
        "Owner": b"",
    }


async def test_settings_are_kept_and_cleaned(rig: Rig) -> None:
    client = await listen(rig)
    every = BitString.of(*range(10), size=10)
    await client.set(BARE, RptID="mine", OptFlds=every, TrgOps=BitString.of(*range(6), size=6), BufTm=5, IntgPd=70)
    found = await client.get(BARE)
    assert found["RptID"] == "mine"
    assert found["OptFlds"] == BitString.of(1, 2, 3, 4, 5, 8, 9, size=10), "an unbuffered block has no entries"
    assert found["TrgOps"] == BitString.of(1, 2, 3, 4, 5, size=6)
    assert (found["BufTm"], found["IntgPd"]) == (5, 70)
    await client.set(BARE, RptID="")
    assert (await client.get(BARE))["RptID"] == "DG750DER/LLN0$RP$urcbOne"


async def test_another_data_set_is_another_revision(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BARE, DatSet="DG750DER/LLN0.Single")
    assert (await client.get(BARE))["ConfRev"] == 1
    await client.set(BARE, DatSet="DG750DER/LLN0.Single")
    assert (await client.get(BARE))["ConfRev"] == 1
    await client.set(BARE, DatSet="")
    found = await client.get(BARE)
    assert (found["DatSet"], found["ConfRev"]) == ("", 2)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("ConfRev", 3, ServiceError.ACCESS_VIOLATION),
        ("SqNum", 3, ServiceError.ACCESS_VIOLATION),
        ("Owner", b"x", ServiceError.ACCESS_VIOLATION),
        ("RptEna", 1, ServiceError.TYPE_CONFLICT),
        ("BufTm", -1, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        ("OptFlds", True, ServiceError.TYPE_CONFLICT),
        ("DatSet", "DG750DER/LLN0.Nothing", ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        ("DatSet", "no reference", ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        ("PurgeBuf", True, ServiceError.INSTANCE_NOT_AVAILABLE),
        ("GI", True, ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE),
    ],
)
async def test_what_cannot_be_set(rig: Rig, name: str, value: DataValue, error: ServiceError) -> None:
    client = await listen(rig)
    before = await client.get()
    assert await client.refused(BLOCK, **{name: value}) is error
    assert await client.get() == before


async def test_enabling_without_a_data_set_is_refused(rig: Rig) -> None:
    client = await listen(rig)
    assert await client.refused(BARE, RptEna=True) is ServiceError.PARAMETER_VALUE_INCONSISTENT


async def test_unknown_block(rig: Rig) -> None:
    client = await listen(rig)
    for name in ("LLN0.urcbMeas04", "LLN0.urcbMeas", "LLN0.brcbMeas01", "NOLN1.urcbMeas01"):
        with pytest.raises(ServiceRefused) as refused:
            await client.get(ref(name, "RP"))
        assert refused.value.error is ServiceError.INSTANCE_NOT_AVAILABLE
        assert await client.refused(ref(name, "RP"), RptEna=True) is ServiceError.INSTANCE_NOT_AVAILABLE


async def test_a_whole_block_is_not_written_as_data(rig: Rig) -> None:
    client = await listen(rig)
    whole = list((await client.get()).values())
    (answer,) = await client.association.call(SetDataValues(((BLOCK, whole),)))
    assert answer is ServiceError.ACCESS_VIOLATION


async def test_while_enabled_only_interrogation_and_disabling_are_allowed(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(RptEna=True)
    state = ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    for name, value in (("RptID", "x"), ("BufTm", 1), ("IntgPd", 1), ("DatSet", ""), ("Resv", False)):
        assert await client.refused(BLOCK, **{name: value}) is state
    assert await client.refused(RptEna=True) is state, "it is enabled already"
    await client.set(RptEna=False)
    await client.set(RptEna=False)
    await client.set(BufTm=1)


# --- reservation -----------------------------------------------------------------------------------------------------

LOCKED = {
    ServiceError.INSTANCE_LOCKED_BY_OTHER_CLIENT,
    ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE,  # what MMS makes of it: temporarily-unavailable
}


async def test_a_reserved_block_is_nobody_elses(rig: Rig) -> None:
    mine, other = await listen(rig, 0), await listen(rig, 1)
    await mine.set(Resv=True)
    for name, value in (("Resv", True), ("Resv", False), ("RptEna", True), ("BufTm", 3), ("GI", True)):
        assert await other.refused(BLOCK, **{name: value}) in LOCKED
    found = await other.get()
    assert found["Resv"] is True
    peers = {owner_octets(association.peer) for association in rig.server.engine.associations}
    assert found["Owner"] in peers
    await mine.set(Resv=False)
    assert (await mine.get())["Owner"] == b""
    await other.set(Resv=True)


async def test_enabling_reserves_until_disabled(rig: Rig) -> None:
    mine, other = await listen(rig, 0), await listen(rig, 1)
    await mine.set(RptEna=True)
    assert await other.refused(RptEna=False) in LOCKED
    assert (await other.get())["Resv"] is True
    await mine.set(RptEna=False)
    assert (await other.get())["Resv"] is False
    await other.set(RptEna=True)


async def test_the_end_of_an_association_frees_its_blocks(rig: Rig) -> None:
    mine, other = await listen(rig, 0), await listen(rig, 1)
    await mine.set(Resv=True)
    await mine.set(RptEna=True)
    await mine.association.release()
    found = await other.get()
    assert (found["RptEna"], found["Resv"], found["Owner"]) == (False, False, b"")
    await other.set(RptEna=True)


# --- what raises reports ---------------------------------------------------------------------------------------------


async def test_data_change_brings_the_member_with_its_reason(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(OptFlds=ALL_OPTIONS)
    await client.set(RptEna=True)
    rig.server.update(TOTW, {"f": 412.0})
    (report,) = await client.took(1)
    now = Timestamp.of(START)
    assert report.rpt_id == "plant/meas"
    assert (report.sequence, report.conf_rev, report.members) == (0, 7, 4)
    assert report.data_set == "DG750DER/LLN0.Meas"
    assert report.time == EntryTime.of(START)
    assert (report.buffer_overflow, report.entry_id, report.sub_sequence) == (None, None, None)
    assert content(report) == {0: ([[412.0], Quality(), now], Reason.DATA_CHANGE)}
    assert report.entries[0].reference == ref("MMXU1.TotW", "MX")


async def test_quality_change_and_both_at_once(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(RptEna=True)
    bad = Quality.of(Quality.INVALID, 6)
    rig.server.update(TOTW, {"f": 300.5}, quality=bad)
    rig.server.update(STATE, 3, quality=bad)
    first, second = await client.took(2)
    assert {i: reason for i, (_, reason) in content(first).items()} == {0: Reason.QUALITY_CHANGE}
    both = Reason.DATA_CHANGE | Reason.QUALITY_CHANGE
    assert {i: reason for i, (_, reason) in content(second).items()} == {2: both, 3: Reason.QUALITY_CHANGE}
    assert content(second)[3][0] == bad


async def test_the_same_value_again_is_no_event(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(RptEna=True)
    rig.server.update(TOTW, {"f": 300.5})
    rig.server.update("DG750DER/MMXU1.TotVAr", {"f": 1.0})  # no member
    await client.took(0)


async def test_only_the_triggers_that_are_asked_for(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(TrgOps=BitString.of(2, size=6))
    await client.set(RptEna=True)
    rig.server.update(TOTW, {"f": 1.0})
    await client.took(0)
    rig.server.update(TOTW, {"f": 2.0}, quality=Quality.of(Quality.INVALID))
    (report,) = await client.took(1)
    assert {i: reason for i, (_, reason) in content(report).items()} == {0: Reason.QUALITY_CHANGE}


async def test_changes_at_once_come_in_one_report(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(RptEna=True)
    rig.server.update_many({TOTW: 1.0, "DG750DER/MMXU1.Hz": 49.5, STATE: 1})
    (report,) = await client.took(1)
    assert {index: value for index, (value, _) in content(report).items()} == {
        0: [[1.0], Quality(), Timestamp.of(START)],
        1: [[49.5], Quality(), Timestamp.of(START)],
        2: [1, Quality(), Timestamp.of(START)],
    }


async def test_general_interrogation_brings_every_member(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(RptEna=True)
    await client.set(GI=True)
    await client.set(GI=True)
    first, second = await client.took(2)
    assert set(content(first)) == {0, 1, 2, 3}
    assert {reason for _, reason in content(first).values()} == {Reason.GENERAL_INTERROGATION}
    assert (first.sequence, second.sequence) == (0, 1)
    assert (await client.get())["GI"] is False


async def test_interrogation_needs_its_trigger(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(TrgOps=BitString.of(1, size=6))
    await client.set(RptEna=True)
    assert await client.refused(GI=True) is ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE


async def test_members_that_name_nothing_are_left_out(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BARE, DatSet="DG750DER/LLN0.Single", TrgOps=BitString.of(1, 5, size=6), OptFlds=ALL_OPTIONS)
    await client.set(BARE, RptEna=True)
    await client.set(BARE, GI=True)
    (report,) = await client.took(1)
    assert report.members == 2
    assert content(report) == {0: (300.5, Reason.GENERAL_INTERROGATION)}


async def test_integrity_reports_come_in_step(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(IntgPd=10_000)
    await client.set(RptEna=True)
    await rig.advance(9.9)
    await client.took(0)
    await rig.advance(0.2)
    await rig.advance(9.8)
    await client.took(1)
    await rig.advance(0.2)
    first, second = await client.took(2)
    assert {reason for _, reason in content(first).values()} == {Reason.INTEGRITY}
    assert first.time is not None
    assert second.time is not None
    assert second.time.milliseconds - first.time.milliseconds == 10_000
    await client.set(RptEna=False)
    await rig.advance(100)
    await client.took(2)


async def test_no_integrity_without_its_trigger(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(IntgPd=10_000, TrgOps=BitString.of(1, size=6))
    await client.set(RptEna=True)
    await rig.advance(60)
    await client.took(0)


async def test_buffer_time_gathers_events(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BufTm=500)
    await client.set(RptEna=True)
    rig.server.update(TOTW, 1.0)
    await rig.advance(0.2)
    rig.server.update(TOTW, 2.0)
    rig.server.update(STATE, 1)
    await rig.advance(0.2)
    await client.took(0)
    await rig.advance(0.2)
    (report,) = await client.took(1)
    assert content(report)[0][0][0] == [2.0], "of a measurand the last value counts"  # type: ignore[index]
    assert content(report)[2][0][0] == 1  # type: ignore[index]
    await rig.advance(10)
    await client.took(1)


async def test_a_second_change_of_a_status_sends_the_first_off(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BufTm=500)
    await client.set(RptEna=True)
    rig.server.update(STATE, 1)
    rig.server.update(STATE, 3)
    (first,) = await client.took(1)
    assert content(first)[2][0][0] == 1  # type: ignore[index]
    await rig.advance(0.6)
    _, second = await client.took(2)
    assert content(second)[2][0][0] == 3  # type: ignore[index]


async def test_an_interrogation_lets_what_is_buffered_go_first(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(BufTm=500)
    await client.set(RptEna=True)
    rig.server.update(TOTW, 1.0)
    await client.set(GI=True)
    first, second = await client.took(2)
    assert set(content(first)) == {0}
    assert set(content(second)) == {0, 1, 2, 3}


async def test_sequence_numbers_wrap_and_begin_anew(rig: Rig) -> None:
    client = await listen(rig)
    await client.set(RptEna=True)
    for number in range(258):
        rig.server.update(TOTW, float(number))
    reports = await client.took(258)
    assert [report.sequence for report in reports] == [*range(256), 0, 1]
    await client.set(RptEna=False)
    await client.set(RptEna=True)
    rig.server.update(TOTW, -1.0)
    assert (await client.took(259))[-1].sequence == 0


@pytest.mark.parametrize("left_out", [1, 2, 3, 4, 5, 8])
async def test_each_optional_field_can_be_left_out(rig: Rig, left_out: int) -> None:
    client = await listen(rig)
    await client.set(OptFlds=BitString.of(*{1, 2, 3, 4, 5, 8} - {left_out}, size=10))
    await client.set(RptEna=True)
    rig.server.update(TOTW, 1.0)
    (report,) = await client.took(1)
    entry = report.entries[0]
    fields = {
        1: report.sequence, 2: report.time, 3: entry.reason, 4: report.data_set, 5: entry.reference, 8: report.conf_rev,
    }  # fmt: skip
    assert [bit for bit, field in fields.items() if field is None] == [left_out]
    assert entry.value == [[1.0], Quality(), Timestamp.of(START)]


async def test_two_clients_each_have_their_own_reports(rig: Rig) -> None:
    mine, other = await listen(rig, 0), await listen(rig, 1)
    await mine.set(RptEna=True)
    await other.set(SECOND, RptEna=True)
    rig.server.update(TOTW, 1.0)
    await mine.took(1)
    await other.took(1)
    await other.set(SECOND, RptEna=False)
    rig.server.update(TOTW, 2.0)
    await mine.took(2)
    await other.took(1)
