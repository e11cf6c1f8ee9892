"""Data sets written, made and deleted by clients, the same on every way."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import (
    AcsiClass,
    CreateDataSet,
    DeleteDataSet,
    GetDataSetDirectory,
    GetDataSetValues,
    GetDataValues,
    GetLogicalNodeDirectory,
    GetRCBValues,
    GetServerDataSets,
    Report,
    Request,
    SetDataSetValues,
    SetRCBValues,
)
from janusgrid.iec61850.acsi.types import DataValue
from janusgrid.iec61850.engine.datasets import DataSetLimits
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import plant, ref
from tests.iec61850.wires import START, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

OWN = Reference("@mine")
STAYS = ref("LLN0.Dyn1")
WHOLE = Reference("/Dyn1")
MEMBERS = (ref("DGEN1.WMaxRtg.setMag.f", "SP"), ref("DGEN1.Strategy", "SP"), ref("MMXU1.HaV.Har(2).cVal", "MX"))
WRITABLE = MEMBERS[:2]
E = ServiceError


async def error(rig: Rig, request: Request[object], client: int = 0) -> ServiceError:
    association = await rig.associate(client)
    with pytest.raises(ServiceRefused) as refused:
        await association.call(request)
    return refused.value.error


@pytest.mark.parametrize("name", [OWN, STAYS, WHOLE], ids=str)
async def test_made_read_written_deleted(rig: Rig, name: Reference) -> None:
    association = await rig.associate()
    await association.call(CreateDataSet(name, MEMBERS))
    assert await association.call(GetDataSetDirectory(name)) == MEMBERS
    assert await association.call(GetDataSetValues(name)) == await association.call(GetDataValues(MEMBERS))
    answers = await association.call(SetDataSetValues(name, (640.0, [2], [[1.0]])))
    assert answers == (E.NO_ERROR, E.NO_ERROR, E.ACCESS_VIOLATION)
    assert await association.call(GetDataValues(WRITABLE)) == (640.0, [2])
    listed = await association.call(GetLogicalNodeDirectory(ref("LLN0"), AcsiClass.DATA_SET))
    assert ("Dyn1" in listed) is (name is STAYS)
    assert await association.call(GetServerDataSets()) == (() if name is STAYS else (str(name),))
    await association.call(DeleteDataSet(name))
    with pytest.raises(ServiceRefused) as refused:
        await association.call(GetDataSetDirectory(name))
    assert refused.value.error is E.INSTANCE_NOT_AVAILABLE


async def test_each_member_is_written_or_says_why_not(rig: Rig) -> None:
    association = await rig.associate()
    await association.call(CreateDataSet(OWN, WRITABLE))
    assert await association.call(SetDataSetValues(OWN, (True, [2]))) == (E.TYPE_CONFLICT, E.NO_ERROR)
    assert await association.call(SetDataSetValues(OWN, (1.0, [9]))) == (E.NO_ERROR, E.PARAMETER_VALUE_INAPPROPRIATE)
    assert await association.call(GetDataSetValues(OWN)) == (1.0, [2])
    for values in ((), (1.0,), (1.0, [2], 3)):
        with pytest.raises(ServiceRefused) as refused:
            await association.call(SetDataSetValues(OWN, values))
        assert refused.value.error is E.TYPE_CONFLICT


async def test_those_of_no_node_are_listed(rig: Rig) -> None:
    first, second = await rig.associate(0), await rig.associate(1)
    for name in ("/b", "@own", "/a", "@a"):
        await first.call(CreateDataSet(Reference.parse(name), MEMBERS))
    await second.call(CreateDataSet(Reference.parse("@b"), WRITABLE))
    assert await first.call(GetServerDataSets()) == ("/a", "/b", "@a", "@own")
    assert await second.call(GetServerDataSets()) == ("/a", "/b", "@b")
    with pytest.raises(ServiceRefused) as refused:
        await second.call(CreateDataSet(Reference("/a"), MEMBERS))
    assert refused.value.error is E.INSTANCE_IN_USE
    await second.call(DeleteDataSet(Reference("/a")))
    assert await first.call(GetServerDataSets()) == ("/b", "@a", "@own")


async def test_what_stays_is_seen_by_others_and_what_is_ones_own_is_not(rig: Rig) -> None:
    first, second = await rig.associate(0), await rig.associate(1)
    await first.call(CreateDataSet(STAYS, MEMBERS))
    await first.call(CreateDataSet(OWN, MEMBERS))
    assert await second.call(GetDataSetDirectory(STAYS)) == MEMBERS
    with pytest.raises(ServiceRefused) as refused:
        await second.call(GetDataSetDirectory(OWN))
    assert refused.value.error is E.INSTANCE_NOT_AVAILABLE
    await second.call(CreateDataSet(OWN, WRITABLE))
    assert await first.call(GetDataSetDirectory(OWN)) == MEMBERS
    await first.release()
    assert await second.call(GetDataSetDirectory(STAYS)) == MEMBERS
    again = await rig.associate(0)
    with pytest.raises(ServiceRefused):
        await again.call(GetDataSetDirectory(OWN))
    assert sum(bool(association.data_sets) for association in rig.server.engine.associations) == 1


@pytest.mark.parametrize(
    ("name", "members", "expected"),
    [
        (ref("LLN0.Meas"), MEMBERS, E.INSTANCE_IN_USE),
        (ref("NOLN1.Dyn1"), MEMBERS, E.INSTANCE_NOT_AVAILABLE),
        (Reference("NoSuchLD", "LLN0", ("Dyn1",)), MEMBERS, E.INSTANCE_NOT_AVAILABLE),
        (ref(f"LLN0.{'x' * 33}"), MEMBERS, E.PARAMETER_VALUE_INAPPROPRIATE),
        (STAYS, (), E.PARAMETER_VALUE_INAPPROPRIATE),
        (STAYS, (ref("MMXU1.Missing", "MX"),), E.INSTANCE_NOT_AVAILABLE),
        (STAYS, (ref("MMXU1.TotW", "ST"),), E.INSTANCE_NOT_AVAILABLE),
        (STAYS, (ref("DWGC1.WSpt", "CO"),), E.PARAMETER_VALUE_INAPPROPRIATE),
        (STAYS, (ref("LLN0.urcbOne", "RP"),), E.PARAMETER_VALUE_INAPPROPRIATE),
        (OWN, (ref("MMXU1", "MX"),), E.PARAMETER_VALUE_INAPPROPRIATE),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_cannot_be_made(
    rig: Rig, name: Reference, members: tuple[Reference, ...], expected: ServiceError
) -> None:
    assert await error(rig, CreateDataSet(name, members)) is expected
    listed = await (await rig.associate(1)).call(GetLogicalNodeDirectory(ref("LLN0"), AcsiClass.DATA_SET))
    assert listed == ("Meas", "Single")


async def test_limits(rig: Rig) -> None:
    rig.server.engine.data_sets.limits = DataSetLimits(persistent=2, association=1, members=2)
    association = await rig.associate()
    with pytest.raises(ServiceRefused) as refused:
        await association.call(CreateDataSet(OWN, MEMBERS))
    assert refused.value.error is E.FAILED_DUE_TO_SERVER_CONSTRAINT
    await association.call(CreateDataSet(OWN, WRITABLE))
    await association.call(CreateDataSet(STAYS, WRITABLE))
    await association.call(CreateDataSet(ref("MMXU1.Dyn2"), WRITABLE))
    for name in (Reference("@other"), ref("LLN0.Dyn3"), Reference("/Dyn3")):
        with pytest.raises(ServiceRefused) as refused:
            await association.call(CreateDataSet(name, WRITABLE))
        assert refused.value.error is E.FAILED_DUE_TO_SERVER_CONSTRAINT
    await association.call(DeleteDataSet(STAYS))
    await association.call(CreateDataSet(ref("LLN0.Dyn3"), WRITABLE))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (ref("LLN0.Meas"), E.ACCESS_VIOLATION),
        (ref("LLN0.Nothing"), E.INSTANCE_NOT_AVAILABLE),
        (OWN, E.INSTANCE_NOT_AVAILABLE),
        (WHOLE, E.INSTANCE_NOT_AVAILABLE),
    ],
    ids=str,
)
async def test_what_cannot_be_deleted(rig: Rig, name: Reference, expected: ServiceError) -> None:
    assert await error(rig, DeleteDataSet(name)) is expected


async def test_the_limits_are_those_of_the_file() -> None:
    model = plant()
    assert DataSetLimits.of(model) == DataSetLimits()
    model.services["DynDataSet"] = {"max": "3", "maxAttributes": "2"}
    assert DataSetLimits.of(model) == DataSetLimits(persistent=3, association=3, members=2)
    assert Server(model).engine.data_sets.limits == DataSetLimits(3, 3, 2)


@pytest.mark.parametrize("name", [STAYS, WHOLE], ids=str)
async def test_a_buffered_block_goes_on_after_a_kill(tmp_path: Path, name: Reference) -> None:
    """Its data set was made by a client; what happened before and after the kill is told once each, in order."""
    clock = LockStepClock(START)
    block = ref("LLN0.brcbMeas01", "BR")
    values: list[DataValue] = []
    last: bytes | None = None
    for life in range(3):
        state = tmp_path / str(life)
        if life:
            copytree(tmp_path / str(life - 1), state)  # what was on the disk when it was killed
        server = Server(plant(), clock=clock, state=state)
        association = server.connect("client")
        association.on_notification(lambda one: told.append(one) if isinstance(one, Report) else None)  # noqa: B023
        told: list[Report] = []
        if life == 0:
            await association.call(CreateDataSet(name, (ref("MMXU1.Hz.mag.f", "MX"), ref("DGEN1.DEROpSt", "ST"))))
            await association.call(SetRCBValues(block, (("DatSet", str(name)),)))
        assert (await association.call(GetRCBValues(block)))["DatSet"] == str(name)
        assert await association.call(GetDataSetDirectory(name))
        with pytest.raises(ServiceRefused) as refused:
            await association.call(DeleteDataSet(name))
        assert refused.value.error is E.INSTANCE_IN_USE
        server.update("DG750DER/MMXU1.Hz.mag.f", 60.0 + life)
        await association.call(SetRCBValues(block, ((("EntryID", last),) if last else ()) + (("RptEna", True),)))
        server.update("DG750DER/MMXU1.Hz.mag.f", 70.0 + life)
        values += [entry.value for report in told for entry in report.entries]
        last = told[-1].entry_id
        await association.call(SetRCBValues(block, (("RptEna", False),)))
        server.update("DG750DER/MMXU1.Hz.mag.f", 80.0 + life)
        await clock.advance(1)
    assert values == [60.0, 70.0, 80.0, 61.0, 71.0, 81.0, 62.0, 72.0]


@pytest.mark.parametrize("name", [OWN, STAYS, WHOLE], ids=str)
async def test_reports_on_a_data_set_that_a_client_has_made(rig: Rig, name: Reference) -> None:
    association = await rig.associate()
    reports: list[Report] = []
    association.on_notification(reports.append)  # type: ignore[arg-type]
    await association.call(CreateDataSet(name, (ref("MMXU1.TotW", "MX"),)))
    block = ref("LLN0.urcbMeas01", "RP")
    await association.call(SetRCBValues(block, (("Resv", True), ("DatSet", str(name)), ("RptEna", True))))
    rig.server.update("DG750DER/MMXU1.TotW", 412.0)
    await until(lambda: bool(reports))
    assert reports[0].data_set == str(name)
    with pytest.raises(ServiceRefused) as refused:
        await association.call(DeleteDataSet(name))
    assert refused.value.error is E.INSTANCE_IN_USE
    other = await rig.associate(1)
    with pytest.raises(ServiceRefused):
        await other.call(SetRCBValues(ref("LLN0.urcbMeas02", "RP"), (("DatSet", "@nobodys"),)))
    await association.release()
    await until(lambda: len(rig.server.engine.associations) == 1)
    assert (await other.call(GetRCBValues(block)))["DatSet"] == ("" if name is OWN else str(name))
    if name is not OWN:
        await other.call(DeleteDataSet(name))
