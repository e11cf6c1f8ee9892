"""Control blocks of GOOSE and sampled values: read, set, enabled; the same on every way."""

from __future__ import annotations

import pytest
from janusgrid.iec61850.acsi.blocks import (
    GetGoCBValues,
    GetMSVCBValues,
    GetUSVCBValues,
    SetGoCBValues,
    SetMSVCBValues,
    SetUSVCBValues,
)
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.references import FC
from janusgrid.iec61850.acsi.services import CreateDataSet, DeleteDataSet, GetAllDataValues, Request
from janusgrid.iec61850.acsi.types import BitString
from janusgrid.iec61850.server import Publication

from tests.iec61850.plant import ref
from tests.iec61850.wires import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

E = ServiceError
GOOSE, EMPTY, SAMPLED, UNICAST = (ref(f"LLN0.{name}") for name in ("gcbMeas", "gcbEmpty", "msvcb", "usvcb"))
LOCKED = {E.INSTANCE_LOCKED_BY_OTHER_CLIENT, E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE}


async def refused(association: ClientAssociation, request: Request[object]) -> ServiceError:
    with pytest.raises(ServiceRefused) as error:
        await association.call(request)
    return error.value.error


async def test_as_configured(rig: Rig) -> None:
    association = await rig.associate()
    found = await association.call(GetGoCBValues(GOOSE))
    assert list(found.items()) == [
        ("GoEna", False), ("GoID", "plant/goose"), ("DatSet", "DG750DER/LLN0.Meas"), ("ConfRev", 4), ("NdsCom", False),
        ("DstAddress", [bytes.fromhex("010ccd010007"), 5, 10, 0x3001]), ("MinTime", 4), ("MaxTime", 1000),
        ("FixedOffs", False),
    ]  # fmt: skip
    empty = await association.call(GetGoCBValues(EMPTY))
    assert (empty["GoID"], empty["DatSet"], empty["NdsCom"]) == ("DG750DER/LLN0$GO$gcbEmpty", "", True)
    assert await association.call(GetMSVCBValues(SAMPLED)) == {
        "SvEna": False, "MsvID": "plant/sv", "DatSet": "DG750DER/LLN0.Meas", "ConfRev": 1, "SmpRate": 80,
        "OptFlds": BitString.of(2, size=5), "SmpMod": 1, "DstAddress": [bytes(6), 4, 0, 0x4000], "noASDU": 2,
    }  # fmt: skip
    unicast = await association.call(GetUSVCBValues(UNICAST))
    assert list(unicast)[:3] == ["SvEna", "Resv", "UsvID"]
    whole = dict(await association.call(GetAllDataValues(ref("LLN0"), FC.GO)))
    assert set(whole) == {GOOSE.with_fc(FC.GO), EMPTY.with_fc(FC.GO)}


@pytest.mark.parametrize("get", [GetGoCBValues, GetMSVCBValues, GetUSVCBValues])
async def test_what_is_not_there(rig: Rig, get: type[GetGoCBValues]) -> None:
    association = await rig.associate()
    assert await refused(association, get(ref("LLN0.nothing"))) is E.INSTANCE_NOT_AVAILABLE
    assert await refused(association, get(ref("LLN0.urcbOne"))) is E.INSTANCE_NOT_AVAILABLE


async def test_enabled_and_disabled_with_the_application(rig: Rig) -> None:
    association = await rig.associate()
    seen: list[Publication] = []

    @rig.server.on_publish("DG750DER/LLN0.gcbMeas")
    async def publish(publication: Publication) -> None:
        seen.append(publication)
        if len(seen) == 1:
            publication.refuse(why="no interface")

    enable, disable = SetGoCBValues(GOOSE, (("GoEna", True),)), SetGoCBValues(GOOSE, (("GoEna", False),))
    assert await refused(association, enable) is E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    assert (await association.call(GetGoCBValues(GOOSE)))["GoEna"] is False
    await association.call(enable)
    assert await refused(association, enable) is E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    assert await refused(association, SetGoCBValues(GOOSE, (("DatSet", ""),))) is E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    await association.call(disable)
    assert [one.enable for one in seen] == [True, True, False]
    assert seen[0].values["GoID"] == "plant/goose"


async def test_another_data_set(rig: Rig) -> None:
    association = await rig.associate()
    made = ref("LLN0.Dyn1")
    await association.call(CreateDataSet(made, (ref("MMXU1.Hz", "MX"),)))
    assert await refused(association, SetGoCBValues(EMPTY, (("GoEna", True),))) is E.PARAMETER_VALUE_INCONSISTENT
    unknown = SetGoCBValues(EMPTY, (("DatSet", "DG750DER/LLN0.Nothing"),))
    assert await refused(association, unknown) is E.PARAMETER_VALUE_INAPPROPRIATE
    await association.call(SetGoCBValues(EMPTY, (("DatSet", str(made)), ("GoEna", True))))
    found = await association.call(GetGoCBValues(EMPTY))
    assert (found["DatSet"], found["ConfRev"], found["NdsCom"], found["GoEna"]) == (str(made), 2, False, True)
    assert await refused(association, DeleteDataSet(made)) is E.INSTANCE_IN_USE
    await association.call(SetGoCBValues(EMPTY, (("GoEna", False),)))
    await association.call(DeleteDataSet(made))
    assert await refused(association, SetGoCBValues(EMPTY, (("GoEna", True),))) is E.INSTANCE_NOT_AVAILABLE


@pytest.mark.parametrize("name", ["GoID", "ConfRev", "NdsCom", "DstAddress", "MinTime"])
async def test_what_the_configuration_fixes(rig: Rig, name: str) -> None:
    association = await rig.associate()
    value = (await association.call(GetGoCBValues(GOOSE)))[name]
    assert await refused(association, SetGoCBValues(GOOSE, ((name, value),))) is E.ACCESS_VIOLATION
    assert await refused(association, SetMSVCBValues(SAMPLED, (("SmpRate", 4000),))) is E.ACCESS_VIOLATION


async def test_a_unicast_block_belongs_to_one_client(rig: Rig) -> None:
    first, second = await rig.associate(0), await rig.associate(1)
    await first.call(SetUSVCBValues(UNICAST, (("Resv", True), ("SvEna", True))))
    assert await refused(second, SetUSVCBValues(UNICAST, (("Resv", True),))) in LOCKED
    assert await refused(second, SetUSVCBValues(UNICAST, (("SvEna", False),))) in LOCKED
    await first.release()
    await until(lambda: len(rig.server.engine.associations) == 1)
    found = await second.call(GetUSVCBValues(UNICAST))
    assert (found["SvEna"], found["Resv"]) == (False, False)
    await second.call(SetUSVCBValues(UNICAST, (("SvEna", True),)))
    await second.call(SetMSVCBValues(SAMPLED, (("SvEna", True),)))
    assert (await second.call(GetMSVCBValues(SAMPLED)))["SvEna"] is True
