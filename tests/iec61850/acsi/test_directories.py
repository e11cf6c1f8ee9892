"""Directories and definitions, the same on every way."""

from __future__ import annotations

import pytest
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.services import (
    AcsiClass,
    GetAllDataValues,
    GetDataDefinition,
    GetDataDirectory,
    GetLogicalDeviceDirectory,
    GetLogicalNodeDirectory,
    GetServerDirectory,
    Request,
)
from janusgrid.iec61850.mapping.types import to_mms

from tests.iec61850.plant import LD, NODES, ref
from tests.iec61850.wires import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_devices_and_nodes(rig: Rig) -> None:
    association = await rig.associate()
    assert await association.call(GetServerDirectory()) == (LD,)
    assert await association.call(GetLogicalDeviceDirectory(LD)) == NODES


@pytest.mark.parametrize(
    ("node", "acsi_class", "names"),
    [
        ("MMXU1", AcsiClass.DATA_OBJECT, ("Beh", "HaV", "Hz", "PhV", "TotVAr", "TotW")),
        ("LLN0", AcsiClass.DATA_OBJECT, ("Beh", "Mod", "NamPlt")),
        ("LLN0", AcsiClass.DATA_SET, ("Meas", "Single")),
        ("MMXU1", AcsiClass.DATA_SET, ()),
        ("LLN0", AcsiClass.URCB, ("urcbMeas01", "urcbMeas02", "urcbMeas03", "urcbOne")),
        ("LLN0", AcsiClass.BRCB, ("brcbMeas01", "brcbMeas02")),
        ("MMXU1", AcsiClass.LOG, ()),
        ("LLN0", AcsiClass.SGCB, ("SGCB",)),
        ("MMXU1", AcsiClass.SGCB, ()),
        ("LLN0", AcsiClass.GOCB, ("gcbEmpty", "gcbMeas")),
        ("LLN0", AcsiClass.MSVCB, ("msvcb",)),
        ("LLN0", AcsiClass.USVCB, ("usvcb",)),
    ],
)
async def test_instances(rig: Rig, node: str, acsi_class: AcsiClass, names: tuple[str, ...]) -> None:
    association = await rig.associate()
    assert await association.call(GetLogicalNodeDirectory(ref(node), acsi_class)) == names


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (ref("MMXU1.TotW"), ("d", "db", "mag", "q", "t")),
        (ref("MMXU1.TotW", "MX"), ("mag", "q", "t")),
        (ref("MMXU1.TotW.mag"), ("f",)),
        (ref("MMXU1.PhV"), ("phsA", "phsB", "phsC")),
        (ref("MMXU1.PhV.phsB.cVal", "MX"), ("mag",)),
        (ref("MMXU1.HaV.Har"), ("cVal", "q", "t")),
        (ref("DWGC1.Fixed"), ("Oper", "ctlModel", "q", "stVal", "t")),
    ],
)
async def test_parts_of_data(rig: Rig, data: Reference, names: tuple[str, ...]) -> None:
    association = await rig.associate()
    assert await association.call(GetDataDirectory(data)) == names


@pytest.mark.parametrize(
    "data",
    [
        ref("MMXU1.TotW.mag.f", "MX"),
        ref("MMXU1.TotW", "MX"),
        ref("DWGC1.WSpt", "CO"),
        ref("MMXU1.HaV", "MX"),
        ref("MMXU1", "MX"),
        ref("MMXU1"),
        ref("DGEN1.Types", "SP"),
        ref("LLN0.urcbMeas01", "RP"),
    ],
)
async def test_types_are_those_of_the_model(rig: Rig, data: Reference) -> None:
    association = await rig.associate()
    node = rig.server.engine.tree.find(data)
    assert node is not None
    # MMS knows fewer types than the ACSI: what counts is that the same would go on the wire.
    assert to_mms(await association.call(GetDataDefinition(data))) == to_mms(node.describe())


async def test_types_within_an_array(rig: Rig) -> None:
    association = await rig.associate()
    node = rig.server.engine.tree.find(ref("MMXU1.HaV.Har(2).cVal", "MX"))
    assert node is not None
    found = await association.call(GetDataDefinition(ref("MMXU1.HaV.Har(2).cVal", "MX")))
    assert found == node.describe()


async def test_all_values_of_a_constraint(rig: Rig) -> None:
    association = await rig.associate()
    found = dict(await association.call(GetAllDataValues(ref("MMXU1"), FC.DC)))
    assert found == {ref(f"MMXU1.{name}", "DC"): [f"measured {name}"] for name in ("TotW", "TotVAr", "Hz")}


@pytest.mark.parametrize(
    "request_",
    [
        GetLogicalDeviceDirectory("NoSuchLD"),
        GetLogicalNodeDirectory(ref("NOLN1")),
        GetLogicalNodeDirectory(Reference("NoSuchLD", "LLN0")),
        GetLogicalNodeDirectory(ref("NOLN1"), AcsiClass.URCB),
        GetAllDataValues(ref("NOLN1"), FC.MX),
        GetAllDataValues(ref("MMXU1"), FC.SP),
        GetDataDirectory(ref("MMXU1.Nothing")),
        GetDataDirectory(ref("MMXU1.TotW.nothing")),
        GetDataDirectory(ref("MMXU1.TotW", "ST")),
        GetDataDefinition(ref("MMXU1.Nothing", "MX")),
        GetDataDefinition(ref("MMXU1.TotW", "ST")),
        GetDataDefinition(ref("MMXU1.HaV.Har(1).nothing", "MX")),
    ],
    ids=str,
)
async def test_what_does_not_exist_is_refused(rig: Rig, request_: Request[object]) -> None:
    association = await rig.associate()
    with pytest.raises(ServiceRefused) as refused:
        await association.call(request_)
    assert refused.value.error is ServiceError.INSTANCE_NOT_AVAILABLE
