"""Reading, writing, commanding and reports by name: what `Ied` adds to the services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import LocalError, NotReachable, TypeConflict, UnknownName
from janusgrid.iec61850 import AddCause, Command, Ied, Server, ServiceError, ServiceRefused, connect
from janusgrid.iec61850.acsi.references import FC, BadReference
from janusgrid.iec61850.acsi.services import (
    AcsiClass,
    GetRCBValues,
    Origin,
    OriginCategory,
    Reason,
    Report,
    ReportEntry,
    SetRCBValues,
)
from janusgrid.iec61850.acsi.types import BitString, EntryTime, Quality, Timestamp
from janusgrid.iec61850.model.nodes import Trigger

from tests.iec61850.plant import NODES, plant, ref
from tests.iec61850.wires import START, Ber, MemoryAssociation, Xer

DG = "DG750DER"
WAYS = {"local": None, "ber": Ber(), "xer": Xer("80-3")}


class Plant:
    """A server with a clock moved by hand, and clients on one way."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.clock = LockStepClock(START)
        self.server = Server(plant(), clock=self.clock)
        self.calls: list[object] = []

    def ied(self, name: str = "client", **options: Any) -> Ied:
        wire = WAYS[self.way]
        association: Any = MemoryAssociation(self.server, wire, name) if wire else self.server.connect(name)
        call = association.call

        async def counted(request: Any) -> Any:
            self.calls.append(request)
            return await call(request)

        association.call = counted
        return Ied(association, clock=self.clock, **options)


@pytest_asyncio.fixture(params=list(WAYS))
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Plant]:
    made = Plant(request.param)
    yield made
    await made.server.close()


# --- what there is ---------------------------------------------------------------------------------------------------


async def test_it_shows_with_whom_it_is_associated(site: Plant) -> None:
    ied = site.ied()
    assert repr(ied) == f"<Ied {ied.peer}, associated>"
    await ied.release()
    assert repr(ied) == f"<Ied {ied.peer}, ended: released>"


async def test_directory_from_top_to_bottom(site: Plant) -> None:
    ied = site.ied()
    assert await ied.devices() == await ied.directory() == (DG,)
    assert await ied.nodes(DG) == await ied.directory(DG) == NODES
    assert "TotW" in await ied.directory(f"{DG}/MMXU1")
    assert await ied.directory(f"{DG}/MMXU1.TotW.mag") == ("f",)
    assert await ied.instances(f"{DG}/LLN0", AcsiClass.DATA_SET) == ("Meas", "Single")
    assert set(await ied.definition(f"{DG}/MMXU1.TotW")) == {FC.MX, FC.CF, FC.DC}


# --- reading ---------------------------------------------------------------------------------------------------------


async def test_leaves_objects_parts_and_nodes(site: Plant) -> None:
    ied, now = site.ied(), Timestamp.of(START)
    assert await ied.read(f"{DG}/MMXU1.TotW.mag.f") == 300.5
    assert await ied.read(f"{DG}/MMXU1.TotW[MX]") == {"mag": {"f": 300.5}, "q": Quality(), "t": now}
    assert await ied.read(f"{DG}/MMXU1.TotW") == {
        "mag": {"f": 300.5}, "q": Quality(), "t": now, "d": "measured TotW", "db": 0,
    }  # fmt: skip
    assert await ied.read(f"{DG}/MMXU1.PhV.phsA.cVal.mag.f") == 0.0
    assert list(await ied.read(f"{DG}/MMXU1.PhV")) == ["phsA", "phsB", "phsC"]
    assert await ied.read(f"{DG}/MMXU1.HaV.raw(1)") == 2
    assert [list(one) for one in await ied.read(f"{DG}/MMXU1.HaV.Har")] == [["cVal", "q", "t"]] * 4
    whole = await ied.read(f"{DG}/MMXU1")
    assert whole["TotW"]["mag"]["f"] == 300.5
    assert whole["TotW"]["d"] == "measured TotW"
    assert "Oper" not in (await ied.read(f"{DG}/DWGC1.WSpt"))
    assert "ctlVal" in (await ied.read(f"{DG}/DWGC1.WSpt.Oper"))
    assert (await ied.read(f"{DG}/LLN0.urcbMeas01"))["RptID"] == "plant/meas"


async def test_a_leaf_is_one_request_once_its_node_is_known(site: Plant) -> None:
    ied = site.ied()
    await ied.read(f"{DG}/MMXU1.TotW.mag.f")
    site.calls.clear()
    await ied.read(f"{DG}/MMXU1.Hz.mag.f")
    assert len(site.calls) == 1
    ied.forget()
    await ied.read(f"{DG}/MMXU1.Hz.mag.f")
    assert len(site.calls) > 2


async def test_many_at_once_in_one_request(site: Plant) -> None:
    ied = site.ied()
    names = [f"{DG}/MMXU1.TotW.mag.f", f"{DG}/MMXU1.Hz", f"{DG}/DGEN1.DEROpSt.stVal", f"{DG}/MMXU1.TotW.mag.f"]
    await ied.read_many(names)
    site.calls.clear()
    found = await ied.read_many(names)
    assert len(site.calls) == 1
    assert list(found) == names[:3]
    assert (found[names[0]], found[names[1]]["mag"], found[names[2]]) == (300.5, {"f": 50.0}, 2)


@pytest.mark.parametrize(
    ("reference", "near"),
    [
        ("DG75DER/MMXU1.TotW", "DG750DER"),
        ("DG750DER/MMXU2.TotW", "MMXU1"),
        ("DG750DER/MMXU1.TotV", "TotVAr"),
        ("DG750DER/MMXU1.TotW.mag.i", "f"),
        ("DG750DER/MMXU1.TotW[ST]", "TotW"),
        ("DG750DER/MMXU1.HaV.raw(3)", "0 to 2"),
        ("DG750DER/MMXU1.HaV.rew(3)", "raw"),
        ("DG750DER/MMXU1.TotW(0)", "no array"),
    ],
)
async def test_an_unknown_name_says_what_is_near(site: Plant, reference: str, near: str) -> None:
    with pytest.raises(UnknownName) as error:
        await site.ied().read(reference)
    assert near in error.value.message


@pytest.mark.parametrize("reference", ["", "DG750DER", "MMXU1.TotW", "DG750DER/", "DG750DER/MMXU1.TotW[XX]"])
async def test_what_is_no_reference_or_has_no_value(site: Plant, reference: str) -> None:
    with pytest.raises((BadReference, LocalError)):
        await site.ied().read(reference)


async def test_data_sets_by_name(site: Plant) -> None:
    ied = site.ied()
    assert await ied.members(f"{DG}/LLN0.Single") == (f"{DG}/MMXU1.TotW.mag.f[MX]", f"{DG}/MMXU1.Missing[MX]")
    assert await ied.read_data_set(f"{DG}/LLN0.Single") == {
        f"{DG}/MMXU1.TotW.mag.f[MX]": 300.5,
        f"{DG}/MMXU1.Missing[MX]": ServiceError.INSTANCE_NOT_AVAILABLE,
    }
    assert (await ied.read_data_set(f"{DG}/LLN0.Meas"))[f"{DG}/MMXU1.Hz[MX]"]["mag"] == {"f": 50.0}


# --- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("WMaxRtg.setMag.f", 600, 600.0),
        ("WMaxRtg.setMag", 500, {"f": 500.0}),
        ("WMaxRtg.setMag", {"f": 400}, {"f": 400.0}),
        ("Types.vboolean", True, True),
        ("Types.vdbpos", "on", BitString(0b10, 2)),
        ("Types.vdbpos", False, BitString(0b01, 2)),
        ("Types.vtimestamp", START, Timestamp.of(START)),
        ("Types.ventrytime", START, EntryTime.of(START)),
        ("Types.vquality", Quality.of(Quality.QUESTIONABLE), Quality.of(Quality.QUESTIONABLE)),
        ("Types.voctet64", b"x", b"x"),
        ("WMaxRtg.d", "text", "text"),
    ],
)
async def test_writing_finds_constraint_and_type(site: Plant, name: str, value: object, held: object) -> None:
    ied = site.ied()
    await ied.write(f"{DG}/DGEN1.{name}", value)
    assert await ied.read(f"{DG}/DGEN1.{name}") == held


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WMaxRtg.setMag.f", "600"),
        ("WMaxRtg.setMag.f", True),
        ("WMaxRtg.setMag", {}),
        ("WMaxRtg.setMag", {"f": 1, "i": 2}),
        ("WMaxRtg.setMag", [1, 2]),
        ("Types.vint8", 128),
        ("Types.vint8", 1.0),
        ("Types.vdbpos", "open"),
        ("Types.vtimestamp", datetime(2026, 1, 1)),
        ("Types.vvisstring32", "x" * 33),
        ("Types.vvisstring32", "ü"),
        ("Types", {"vboolean": True}),
    ],
)
async def test_what_does_not_fit_is_not_sent(site: Plant, name: str, value: object) -> None:
    ied = site.ied()
    await ied.read(f"{DG}/DGEN1.{name}")
    site.calls.clear()
    with pytest.raises(TypeConflict):
        await ied.write(f"{DG}/DGEN1.{name}", value)
    assert site.calls == []


async def test_a_refused_write_names_error_and_place(site: Plant) -> None:
    with pytest.raises(ServiceRefused) as refused:
        await site.ied().write(f"{DG}/MMXU1.TotW.mag.f", 1.0)
    assert refused.value.error is ServiceError.ACCESS_VIOLATION
    assert refused.value.where == f"{DG}/MMXU1.TotW.mag.f[MX]"
    assert "access-violation" in str(refused.value)


# --- control ---------------------------------------------------------------------------------------------------------


async def test_a_command_is_made_up_by_itself(site: Plant) -> None:
    seen: list[Command] = []
    site.server.on_operate(f"{DG}/DWGC1.WSpt")(seen.append)
    control = site.ied(origin=Origin(OriginCategory.AUTOMATIC_REMOTE, b"ems")).control(f"{DG}/DWGC1.WSpt")
    await control.operate(400)
    site.calls.clear()
    await control.operate(500.0, interlock_check=True)
    assert len(site.calls) == 1, "type and control model are read once"
    assert [command.value for command in seen] == [400.0, 500.0]
    assert [command.number for command in seen] == [1, 2]
    assert seen[1].origin == Origin(OriginCategory.AUTOMATIC_REMOTE, b"ems")
    assert seen[1].time == Timestamp.of(START)
    assert (seen[1].interlock_check, seen[1].synchrocheck, seen[0].interlock_check) == (True, False, False)


async def test_commands_for_switches(site: Plant) -> None:
    site.server.on_operate(f"{DG}/DWGC1.Brk")(lambda command: None)
    ied = site.ied()
    await ied.control(f"{DG}/DWGC1.Brk").operate(True)
    assert await ied.read(f"{DG}/DWGC1.Brk.stVal") == BitString(0b10, 2)
    assert ied.control(f"{DG}/DWGC1.Brk") is ied.control(f"{DG}/DWGC1.Brk")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Fixed", "status-only"),
        ("NoOper", "no command"),
        ("Nothing", "is no name of data"),
    ],
)
async def test_what_cannot_be_commanded_is_not_sent(site: Plant, name: str, why: str) -> None:
    with pytest.raises(LocalError, match=why):
        await site.ied().control(f"{DG}/DWGC1.{name}").operate(1)
    assert not any(type(request).__name__ == "Operate" for request in site.calls)


async def test_a_refused_command_has_its_cause(site: Plant) -> None:
    control = site.ied().control(f"{DG}/DWGC1.WSpt")
    with pytest.raises(TypeConflict):
        await control.operate("much")
    with pytest.raises(ServiceRefused) as refused:
        await control.operate(400)
    assert refused.value.add_cause is AddCause.NOT_SUPPORTED
    with pytest.raises(LocalError, match="later time"):
        await control.operate(400, at=START)


# --- reports ---------------------------------------------------------------------------------------------------------


async def test_reports_with_names_reasons_and_times(site: Plant) -> None:
    ied = site.ied()
    async with ied.report(f"{DG}/LLN0.urcbMeas") as reports:
        first = await anext(reports)
        assert set(first.values) == {
            f"{DG}/MMXU1.TotW", f"{DG}/MMXU1.Hz", f"{DG}/DGEN1.DEROpSt", f"{DG}/DGEN1.DEROpSt.q",
        }  # fmt: skip
        assert set(first.reasons.values()) == {Reason.GENERAL_INTERROGATION}
        site.server.update(f"{DG}/MMXU1.TotW", 1)
        update = await anext(reports)
        assert update.values == {f"{DG}/MMXU1.TotW": {"mag": {"f": 1.0}, "q": Quality(), "t": Timestamp.of(START)}}
        assert update.reasons == {f"{DG}/MMXU1.TotW": Reason.DATA_CHANGE}
        assert (update.time, update.missed) == (START, 0)
        assert str(reports.block) == f"{DG}/LLN0.urcbMeas01[RP]"
        assert update.report.entries[0].reference == ref("MMXU1.TotW", "MX")
    found = await ied.association.call(GetRCBValues(ref("LLN0.urcbMeas01", "RP")))
    assert (found["RptEna"], found["Resv"]) == (False, False)


async def test_each_takes_an_instance_of_its_own_until_none_is_left(site: Plant) -> None:
    subscriptions = [site.ied(f"client {n}").report(f"{DG}/LLN0.urcbMeas") for n in range(3)]
    for subscription in subscriptions:
        await subscription.start()
    assert [subscription.block.path[0][-2:] for subscription in subscriptions] == ["01", "02", "03"]
    with pytest.raises(ServiceRefused) as refused:
        await site.ied("late").report(f"{DG}/LLN0.urcbMeas").start()
    assert refused.value.error is ServiceError.INSTANCE_IN_USE
    await subscriptions[1].close()
    late = site.ied("late").report(f"{DG}/LLN0.urcbMeas")
    await late.start()
    assert late.block.path == ("urcbMeas02",)


async def test_settings_reach_the_block(site: Plant) -> None:
    ied = site.ied()
    reports = ied.report(
        f"{DG}/LLN0.urcbOne", triggers=Trigger.DATA_CHANGE, integrity=2.5, buffer_time=0.25,
        data_set=f"{DG}/LLN0.Single", interrogate=False,
    )  # fmt: skip
    await reports.start()
    found = await ied.association.call(GetRCBValues(reports.block))
    assert found["TrgOps"] == BitString.of(1, 4, size=6)
    assert (found["IntgPd"], found["BufTm"], found["DatSet"]) == (2500, 250, f"{DG}/LLN0.Single")
    await site.clock.advance(2.6)
    update = await anext(reports)
    assert update.values == {f"{DG}/MMXU1.TotW.mag.f": 300.5}
    assert set(update.reasons.values()) == {Reason.INTEGRITY}
    await reports.close()


async def test_reports_of_what_there_is_not(site: Plant) -> None:
    ied = site.ied()
    for name in ("LLN0.urcbMea", "LLN0.brcbMeas03", "MMXU1.urcbMeas", "LLN0"):
        with pytest.raises(UnknownName):
            await ied.report(f"{DG}/{name}").start()
    with pytest.raises(LocalError, match="no data set"):
        await ied.report(f"{DG}/LLN0.urcbOne").start()
    found = await ied.association.call(GetRCBValues(ref("LLN0.urcbOne", "RP")))
    assert found["Resv"] is False, "what could not be started is given back"


async def test_lost_reports_are_counted(site: Plant) -> None:
    ied = site.ied()
    async with ied.report(f"{DG}/LLN0.urcbMeas", interrogate=False) as reports:
        site.server.update(f"{DG}/MMXU1.TotW", 1)
        assert (await anext(reports)).missed == 0
        block = site.server.engine.reporting._blocks[ref("LLN0.urcbMeas01", "RP")]
        block.leaves["SqNum"].value = 254
        site.server.update(f"{DG}/MMXU1.TotW", 2)
        assert (await anext(reports)).missed == 253
        block.leaves["SqNum"].value = 1
        site.server.update(f"{DG}/MMXU1.TotW", 3)
        assert (await anext(reports)).missed == 2


async def test_a_report_whose_segment_is_missing_is_dropped_and_counted(site: Plant) -> None:
    ied = site.ied()
    listeners: list[Any] = []
    association: Any = ied.association
    listen = association.on_notification
    association.on_notification = lambda listener: (listeners.append(listener), listen(listener))[1]
    async with ied.report(f"{DG}/LLN0.urcbMeas", interrogate=False) as reports:

        def segment(sequence: int, number: int, more: bool, index: int = 0) -> None:
            entry = ReportEntry(index, [[float(number)], Quality(), Timestamp()])
            listeners[0](Report("plant/meas", [entry], sequence, sub_sequence=number, more_follows=more, members=4))

        segment(0, 0, True)
        segment(0, 1, False, 1)
        assert list((await anext(reports)).values) == [f"{DG}/MMXU1.TotW", f"{DG}/MMXU1.Hz"]
        segment(1, 0, True)
        segment(1, 2, False)  # 1 is missing
        segment(2, 1, False)  # 0 is missing
        segment(3, 0, False)
        update = await anext(reports)
        assert (update.report.sequence, update.missed) == (3, 2)
        listeners[0](Report("plant/meas", [ReportEntry(9, True)], 4, members=10))
        assert (await anext(reports)).values == {}, "there is no tenth member"
        listeners[0](Report("other", [], 5))
        listeners[0](Report("plant/meas", [], 5, data_set=f"{DG}/LLN0.Single"))
        site.server.update(f"{DG}/MMXU1.Hz", 1)
        assert set((await anext(reports)).values) == {f"{DG}/MMXU1.Hz"}


async def test_iterating_ends_with_close_or_with_the_association(site: Plant) -> None:
    ied = site.ied()
    reports = ied.report(f"{DG}/LLN0.urcbMeas", interrogate=False)
    waiting = asyncio.ensure_future(anext(reports))
    await asyncio.sleep(0.01)
    await reports.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert [update async for update in reports] == []
    other = ied.report(f"{DG}/LLN0.urcbMeas", interrogate=False)
    waiting = asyncio.ensure_future(anext(other))
    await asyncio.sleep(0.01)
    await ied.abort()
    for _ in range(2):
        with pytest.raises(NotReachable):
            await waiting
        waiting = asyncio.ensure_future(anext(other))
    waiting.cancel()
    await other.close()
    assert not ied.connected


async def test_two_subscriptions_of_one_client_do_not_mix(site: Plant) -> None:
    ied = site.ied()
    await ied.association.call(SetRCBValues(ref("LLN0.urcbOne", "RP"), (("RptID", "other"),)))
    async with (
        ied.report(f"{DG}/LLN0.urcbMeas", interrogate=False) as first,
        ied.report(f"{DG}/LLN0.urcbOne", data_set=f"{DG}/LLN0.Single") as second,
    ):
        assert set((await anext(second)).values) == {f"{DG}/MMXU1.TotW.mag.f"}
        site.server.update(f"{DG}/MMXU1.Hz", 49)
        assert set((await anext(first)).values) == {f"{DG}/MMXU1.Hz"}


# --- connecting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["", "xmpp:", "http://x", "tcp", "dg750@plant.test"])
async def test_targets_that_cannot_be(target: str) -> None:
    with pytest.raises(LocalError):
        await connect(target)


async def test_a_session_is_needed() -> None:
    with pytest.raises(LocalError, match="session"):
        await connect("xmpp:dg750@plant.test/IEC")


async def test_leaving_the_block_releases(site: Plant) -> None:
    ended: list[str] = []
    async with site.ied() as ied:
        ied.on_end(ended.append)
        assert ied.connected
    assert ended == ["released"]
    assert not ied.connected
    with pytest.raises(NotReachable):
        await ied.read(f"{DG}/MMXU1.Hz.mag.f")
    assert START.tzinfo is UTC
