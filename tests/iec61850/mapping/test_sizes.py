"""Small PDUs: nothing larger is ever sent, and everything still arrives, in pages, parts and segments."""

from __future__ import annotations

import pytest
from janusgrid.iec61850.acsi.errors import ServiceError
from janusgrid.iec61850.acsi.references import FC
from janusgrid.iec61850.acsi.services import (
    GetAllDataValues,
    GetDataDefinition,
    GetDataSetValues,
    GetDataValues,
    GetLogicalDeviceDirectory,
    GetRCBValues,
    Report,
    SetDataValues,
    SetRCBValues,
)
from janusgrid.iec61850.acsi.types import Array, BitString, Structure, TypeDescription
from janusgrid.iec61850.client import Ied
from janusgrid.iec61850.mapping.errors import PduSize, TooLarge
from janusgrid.iec61850.mapping.initiate import Limits
from janusgrid.iec61850.mapping.wire import Parameters

from tests.iec61850.plant import LD, NODES, ref
from tests.iec61850.wires import Ber, MemoryAssociation, MemoryRig, Xer

WIRES = [(Ber(), 600), (Xer("80-3"), 2600), (Xer("2018"), 3400)]


def shrink(association: MemoryAssociation, size: int) -> None:
    """From now on, this association has smaller PDUs than it has agreed on: for what depends on little else."""
    association.parameters = association.mms._parameters = Parameters(size, 5, 5, 10)


@pytest.fixture(params=WIRES, ids=["ber 600", "80-3 2600", "2018 3400"])
async def small(request: pytest.FixtureRequest) -> MemoryAssociation:
    wire, size = request.param
    rig = MemoryRig(wire)
    association = await rig.associate(limits=Limits(pdu_size=size))
    association.rig = rig  # type: ignore[attr-defined]
    return association


async def test_names_come_in_pages(small: MemoryAssociation) -> None:
    assert await small.call(GetLogicalDeviceDirectory(LD)) == NODES
    assert len(small.sizes) > 3, "one page would not have been enough"


async def test_many_values_come_in_parts(small: MemoryAssociation) -> None:
    wanted = tuple(ref(f"DGEN1.Types.{name}", "SP") for name in ("vint8", "vfloat64", "vvisstring64")) * 50
    assert await small.call(GetDataValues(wanted)) == (0, 0.0, "") * 50
    assert await small.call(SetDataValues(tuple((name, 0) for name in wanted[::3]))) == (ServiceError.NO_ERROR,) * 50


async def test_all_values_of_a_node_are_put_together(small: MemoryAssociation) -> None:
    generous = await MemoryRig(small.wire).associate()
    found = await small.call(GetAllDataValues(ref("LLN0"), FC.ST))
    assert [reference for reference, _ in found] == [
        reference for reference, _ in await generous.call(GetAllDataValues(ref("LLN0"), FC.ST))
    ]


@pytest.mark.parametrize("node", NODES)
async def test_the_type_of_a_node_is_put_together(small: MemoryAssociation, node: str) -> None:
    """What does not fit comes in the order of the names, and says so; else everything is as if it had been told."""
    generous = await MemoryRig(small.wire).associate()
    whole = await generous.call(GetDataDefinition(ref(node)))
    assert _sorted(await small.call(GetDataDefinition(ref(node)))) == _sorted(whole)


def _sorted(description: TypeDescription) -> object:
    if isinstance(description, Array):
        return description.count, _sorted(description.element)
    if isinstance(description, Structure):
        return sorted((name, _sorted(part)) for name, part in description.components)
    return description


async def test_a_value_that_fits_in_no_answer_is_read_by_its_parts() -> None:
    rig = MemoryRig(Ber())
    association = await rig.associate(limits=Limits(pdu_size=512))
    for name in ("vvisstring255", "vunicode255"):
        rig.server.update(f"DG750DER/DGEN1.Types.{name}", "x" * 255)
    rig.server.update("DG750DER/MMXU1.HaV.Har(3).cVal.mag.f", 3.5)
    wanted = (ref("DGEN1.Types", "SP"), ref("MMXU1.Hz.mag.f", "MX"), ref("MMXU1.HaV", "MX"), ref("DGEN1.NoSuch", "SP"))
    values = await association.call(GetDataValues(wanted))
    generous = await rig.associate(1)
    assert values[1:] == (await generous.call(GetDataValues(wanted)))[1:]
    ied, other = Ied(association), Ied(generous)
    for name in ("DGEN1.Types", "MMXU1.HaV", "MMXU1.HaV.Har(1-3)", "DGEN1", "MMXU1"):
        assert await ied.read(f"DG750DER/{name}") == await other.read(f"DG750DER/{name}")


async def test_arrays_are_read_by_their_elements() -> None:
    rig = MemoryRig(Ber())
    association, generous = await rig.associate(), await rig.associate(1)
    shrink(association, 150)
    wanted = tuple(
        ref(name) for name in ("MMXU1.HaV.Har[MX]", "MMXU1.HaV.Har(0-2).q[MX]", "MMXU1.HaV.Har(0-3).cVal.mag[MX]")
    )
    assert await association.call(GetDataValues(wanted)) == await generous.call(GetDataValues(wanted))


async def test_what_has_no_parts_is_refused_with_its_reason() -> None:
    rig = MemoryRig(Ber())
    association = await rig.associate(limits=Limits(pdu_size=512))
    rig.server.update("DG750DER/DGEN1.Types.vvisstring255", "x" * 255)
    shrink(association, 250)
    for name in (ref("DGEN1.Types.vvisstring255", "SP"), ref("DGEN1.Types", "SP")):
        with pytest.raises(PduSize) as refused:
            await association.call(GetDataValues((ref("MMXU1.Hz.mag.f", "MX"), name)))
        assert refused.value.where == "DG750DER/DGEN1.Types.vvisstring255[SP]"
        assert refused.value.error is ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT


async def test_a_structure_whose_order_is_not_known_is_not_written_as_a_whole() -> None:
    rig = MemoryRig(Ber())
    association = await rig.associate(limits=Limits(pdu_size=512))
    await association.call(GetDataDefinition(ref("DGEN1", "SP")))
    (value,) = await association.call(GetDataValues((ref("DGEN1.Types", "SP"),)))
    with pytest.raises(TooLarge):
        await association.call(SetDataValues(((ref("DGEN1.Types", "SP"), value),)))
    assert await association.call(SetDataValues(((ref("DGEN1.Types.vint8", "SP"), 3),))) == (ServiceError.NO_ERROR,)


async def test_a_request_that_is_too_large_is_not_sent() -> None:
    association = await MemoryRig(Ber()).associate(limits=Limits(pdu_size=512))
    text = "x" * 255
    name = ref("DGEN1.Types.vvisstring255", "SP")
    answers = await association.call(SetDataValues(((name, text),) * 4))
    assert answers == (ServiceError.NO_ERROR,) * 4, "two at a time would not fit"
    shrink(association, 200)
    with pytest.raises(TooLarge):
        await association.call(SetDataValues(((name, text),)))


async def test_the_facade_finds_its_way_in_parts(small: MemoryAssociation) -> None:
    ied = Ied(small)
    assert await ied.read("DG750DER/LLN0.Beh.stVal") == 1
    assert await ied.read("DG750DER/DWGC1.Ena.stVal") is False


async def test_a_large_report_comes_in_segments() -> None:
    rig = MemoryRig(Xer("80-3"))
    association = await rig.associate()
    reports: list[Report] = []
    association.on_notification(reports.append)  # type: ignore[arg-type]
    block = ref("LLN0.urcbMeas01", "RP")
    await association.call(SetRCBValues(block, (("RptEna", True),)))
    shrink(association, 1600)
    await association.call(SetRCBValues(block, (("GI", True),)))
    assert len(reports) > 1
    assert [(r.sequence, r.sub_sequence, r.more_follows) for r in reports] == [
        (0, n, n < len(reports) - 1) for n in range(len(reports))
    ]
    assert [entry.index for report in reports for entry in report.entries] == [0, 1, 2, 3]
    rig.server.update("DG750DER/MMXU1.Hz", 49.0)
    assert (reports[-1].sequence, reports[-1].sub_sequence) == (1, None), "this one fits"
    assert (await association.call(GetRCBValues(block)))["SqNum"] == 2


async def test_the_facade_puts_segments_together() -> None:
    rig = MemoryRig(Xer("80-3"))
    association = await rig.associate(limits=Limits(pdu_size=6000))
    ied = Ied(association)
    reports = ied.report("DG750DER/LLN0.urcbMeas", interrogate=False)
    segments: list[Report] = []
    association.on_notification(segments.append)  # type: ignore[arg-type]
    async with reports:
        shrink(association, 1000)
        await association.call(SetRCBValues(reports.block, (("GI", True),)))
        update = await anext(reports)
    assert len(update.values) == 4
    assert update.missed == 0
    assert len(segments) > 1
    assert update.report.sub_sequence is None


async def test_a_value_that_no_segment_can_hold_is_told_as_missing() -> None:
    rig = MemoryRig(Ber())
    association = await rig.associate(limits=Limits(pdu_size=512))
    reports: list[Report] = []
    association.on_notification(reports.append)  # type: ignore[arg-type]
    data_set = rig.server.model.devices[LD].nodes["LLN0"].data_sets["Single"]
    data_set.members = (ref("MMXU1.TotW.mag.f", "MX"), ref("DGEN1.Types", "SP"))
    for name in ("vvisstring255", "vunicode255"):
        rig.server.update(f"DG750DER/DGEN1.Types.{name}", "x" * 255)
    block = ref("LLN0.urcbOne", "RP")
    await association.call(SetRCBValues(block, (("DatSet", "DG750DER/LLN0.Single"),)))
    await association.call(SetRCBValues(block, (("TrgOps", BitString.of(1, 5, size=6)), ("RptEna", True))))
    await association.call(SetRCBValues(block, (("GI", True),)))
    assert [entry.value for report in reports for entry in report.entries] == [300.5, None]


async def test_the_values_of_a_large_data_set_are_read_one_by_one() -> None:
    rig = MemoryRig(Ber())
    association = await rig.associate(limits=Limits(pdu_size=512))
    data_set = rig.server.model.devices[LD].nodes["LLN0"].data_sets["Single"]
    texts = [f"vvisstring{size}" for size in (129, 255)]
    data_set.members = tuple(ref(f"DGEN1.Types.{name}", "SP") for name in texts)
    for name, size in zip(texts, (129, 255), strict=True):
        rig.server.update(f"DG750DER/DGEN1.Types.{name}", "x" * size)
    shrink(association, 400)
    found = await association.call(GetDataSetValues(ref("LLN0.Single")))
    assert found == ("x" * 129, "x" * 255)
