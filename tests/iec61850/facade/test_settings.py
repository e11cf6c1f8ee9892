"""Setting groups, data sets and publishers by name."""

from __future__ import annotations

import pytest
from janusgrid.common.errors import LocalError, TypeConflict, UnknownName
from janusgrid.iec61850 import Ied, Server, ServiceError, ServiceRefused

from tests.iec61850.plant import LD, plant


@pytest.fixture
async def ied() -> Ied:
    return Ied(Server(plant()).connect())


async def test_a_group_is_edited_and_activated(ied: Ied) -> None:
    async with ied.edit_settings(LD, group=3) as edit:
        assert await edit.read(f"{LD}/PTUV1.StrVal") == {"setMag": {"f": 90.0}}
        await edit.write(f"{LD}/PTUV1.StrVal.setMag", 95)
    settings = ied.settings(LD)
    await settings.activate(3)
    assert await settings.read(f"{LD}/PTUV1.StrVal.setMag.f") == 95.0
    assert (await settings.status())["EditSG"] == 0


async def test_an_error_within_gives_the_editing_up(ied: Ied) -> None:
    with pytest.raises(TypeConflict):  # noqa: PT012 - what is inside is what is tested
        async with ied.edit_settings(LD, group=2) as edit:
            await edit.write(f"{LD}/PTUV1.StrVal.setMag.f", 1.0)
            await edit.write(f"{LD}/PTUV1.OpDlTmms.setVal", "soon")
    assert (await ied.settings(LD).status())["EditSG"] == 0
    assert await ied.settings(LD).read(f"{LD}/PTUV1.StrVal.setMag.f") == 80.0
    with pytest.raises(UnknownName):
        await ied.settings(LD).read(f"{LD}/PTUV1.StrVla")


async def test_data_sets_by_name(ied: Ied) -> None:
    await ied.create_data_set("@mine", [f"{LD}/MMXU1.TotW", f"{LD}/DGEN1.WMaxRtg.setMag.f"])
    texts = await ied.members("@mine")
    assert texts == (f"{LD}/MMXU1.TotW[MX]", f"{LD}/DGEN1.WMaxRtg.setMag.f[SP]")
    await ied.create_data_set(f"{LD}/LLN0.Dyn", texts[1:])
    await ied.write_data_set(f"{LD}/LLN0.Dyn", [600])
    await ied.write_data_set(f"{LD}/LLN0.Dyn", {texts[1]: 610})
    assert await ied.read_data_set(f"{LD}/LLN0.Dyn") == {texts[1]: 610.0}
    for values in ([], {"other": 1}):
        with pytest.raises(LocalError):
            await ied.write_data_set(f"{LD}/LLN0.Dyn", values)
    await ied.delete_data_set(f"{LD}/LLN0.Dyn")
    with pytest.raises(ServiceRefused) as refused:
        await ied.delete_data_set(f"{LD}/LLN0.Meas")
    assert refused.value.error is ServiceError.ACCESS_VIOLATION
    with pytest.raises(LocalError, match="constraint"):
        await ied.create_data_set("@other", [f"{LD}/DGEN1.WMaxRtg"])


async def test_publishers_by_name(ied: Ied) -> None:
    goose = ied.goose_control(f"{LD}/LLN0.gcbMeas")
    await goose.enable()
    assert (await goose.values())["GoEna"] is True
    await goose.disable()
    sampled = ied.sampled_values_control(f"{LD}/LLN0.usvcb", unicast=True)
    await sampled.set(Resv=True)
    assert (await sampled.values())["Resv"] is True


async def test_data_sets_that_belong_to_no_node(ied: Ied) -> None:
    await ied.create_data_set("/all", ["DG750DER/MMXU1.TotW"])
    await ied.create_data_set("@mine", ["DG750DER/MMXU1.HaV.Har(1-2).cVal.mag.f"])
    assert await ied.data_sets() == ("/all", "@mine")
    assert await ied.data_sets("DG750DER/LLN0") == ("Meas", "Single")
    assert await ied.members("/all") == ("DG750DER/MMXU1.TotW[MX]",)
    (found,) = (await ied.read_data_set("@mine")).values()
    assert found == [0.0, 0.0]
    await ied.delete_data_set("/all")
    assert await ied.data_sets() == ("@mine",)
