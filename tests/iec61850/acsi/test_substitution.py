"""Substitution: what is served follows subVal and subQ while subEna is true; the same on every way."""

from __future__ import annotations

import pytest
from janusgrid.iec61850.acsi.errors import ServiceError
from janusgrid.iec61850.acsi.services import GetDataValues, SetDataValues
from janusgrid.iec61850.acsi.types import BitString, DataValue, Quality, Timestamp

from tests.iec61850.plant import ref
from tests.iec61850.wires import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVED = tuple(ref(f"GGIO1.Ind1.{name}", "ST") for name in ("stVal", "q", "t"))
MEASURED = tuple(ref(f"GGIO1.AnIn1.{name}", "MX") for name in ("instMag.f", "mag.f", "q"))


async def write(rig: Rig, name: str, value: DataValue) -> None:
    association = await rig.associate()
    answers = await association.call(SetDataValues(((ref(f"GGIO1.{name}", "SV"), value),)))
    assert answers == (ServiceError.NO_ERROR,)


async def test_a_status_is_substituted_and_the_process_comes_back(rig: Rig) -> None:
    association = await rig.associate()
    rig.server.update("DG750DER/GGIO1.Ind1", False)
    await write(rig, "Ind1.subVal", True)
    await write(rig, "Ind1.subQ", Quality.of(Quality.QUESTIONABLE, 7))
    assert (await association.call(GetDataValues(SERVED)))[0] is False
    await rig.advance(3)
    await write(rig, "Ind1.subEna", True)
    substituted = Quality.of(Quality.QUESTIONABLE, 7, 10)
    assert await association.call(GetDataValues(SERVED)) == (True, substituted, Timestamp.of(rig.clock.now()))
    await rig.advance(2)
    rig.server.update("DG750DER/GGIO1.Ind1", False)
    assert (await association.call(GetDataValues(SERVED)))[:2] == (True, substituted)
    await write(rig, "Ind1.subVal", False)
    await write(rig, "Ind1.subQ", Quality())
    assert (await association.call(GetDataValues(SERVED)))[:2] == (False, Quality.of(0, 10))
    rig.server.update("DG750DER/GGIO1.Ind1", True)
    came = Timestamp.of(rig.clock.now())
    await rig.advance(2)
    await write(rig, "Ind1.subEna", False)
    assert await association.call(GetDataValues(SERVED)) == (True, Quality(), came)
    rig.server.update("DG750DER/GGIO1.Ind1", False)
    assert (await association.call(GetDataValues(SERVED)))[0] is False


async def test_a_measurand_is_substituted_without_a_quality_of_its_own(rig: Rig) -> None:
    association = await rig.associate()
    await write(rig, "AnIn1.subMag.f", 7.5)
    await write(rig, "AnIn1.subEna", True)
    assert await association.call(GetDataValues(MEASURED)) == (7.5, 7.5, Quality.of(0, 10))
    rig.server.update_many({"DG750DER/GGIO1.AnIn1.instMag.f": 2.0, "DG750DER/GGIO1.AnIn1.mag.f": 3.0})
    assert await association.call(GetDataValues(MEASURED)) == (7.5, 7.5, Quality.of(0, 10))
    await write(rig, "AnIn1.subEna", False)
    assert await association.call(GetDataValues(MEASURED)) == (2.0, 3.0, Quality())


@pytest.mark.parametrize(
    ("name", "fc", "shown", "substitute", "process"),
    [
        ("Spc", "ST", "stVal", True, False),
        ("Dpc", "ST", "stVal", BitString(0b10, 2), BitString(0b01, 2)),
        ("Inc", "ST", "stVal", 7, -3),
        ("Enc", "ST", "stVal", 2, 1),
        ("Bsc", "ST", "valWTr", [5, True], [6, False]),
        ("Isc", "ST", "valWTr", [5, True], [6, False]),
        ("Apc", "MX", "mxVal", [7.5], [2.5]),
        ("Bac", "MX", "mxVal", [7.5], [2.5]),
    ],
)
async def test_every_class_that_is_commanded(
    rig: Rig, name: str, fc: str, shown: str, substitute: DataValue, process: DataValue
) -> None:
    association = await rig.associate()
    served = (ref(f"GGIO2.{name}.{shown}", fc), ref(f"GGIO2.{name}.q", fc))
    given = f"DG750DER/GGIO2.{name}.{shown}"
    rig.server.update(given, process)
    for part, value in (("subVal", substitute), ("subQ", Quality()), ("subID", "operator"), ("subEna", True)):
        target = ref(f"GGIO2.{name}.{part}", "SV")
        assert await association.call(SetDataValues(((target, value),))) == (ServiceError.NO_ERROR,)
    assert await association.call(GetDataValues(served)) == (substitute, Quality.of(0, 10))
    rig.server.update(given, process, quality=Quality.of(Quality.INVALID, 6))
    assert await association.call(GetDataValues(served)) == (substitute, Quality.of(0, 10))
    off = ((ref(f"GGIO2.{name}.subEna", "SV"), False),)
    assert await association.call(SetDataValues(off)) == (ServiceError.NO_ERROR,)
    assert await association.call(GetDataValues(served)) == (process, Quality.of(Quality.INVALID, 6))


async def test_a_substitute_has_any_quality_and_is_marked(rig: Rig) -> None:
    association = await rig.associate()
    await write(rig, "Ind1.subEna", True)
    for bits in (*(1 << n for n in range(13)), 0, (1 << 13) - 1):
        target = ref("GGIO1.Ind1.subQ", "SV")
        assert await association.call(SetDataValues(((target, Quality(bits)),))) == (ServiceError.NO_ERROR,)
        assert (await association.call(GetDataValues(SERVED)))[1] == Quality(bits | 1 << 2)
