"""Setting groups: switched, edited by one client at a time, kept; the same on every way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from janusgrid.iec61850.acsi.blocks import (
    ConfirmEditSGValues,
    GetEditSGValue,
    GetSGCBValues,
    SelectActiveSG,
    SelectEditSG,
    SetEditSGValue,
)
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.references import FC, BadReference
from janusgrid.iec61850.acsi.services import GetAllDataValues, GetDataValues, Request, SetDataValues
from janusgrid.iec61850.acsi.types import Timestamp
from janusgrid.iec61850.engine.keeping import Keeping
from janusgrid.iec61850.server import Activation, Confirmation, Server

from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

E = ServiceError
LOCKED = {E.INSTANCE_LOCKED_BY_OTHER_CLIENT, E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE}
"""The first is what the engine says; MMS has one error for both."""
START_VALUE, DELAY, RESET = ("PTUV1.StrVal.setMag.f", "PTUV1.OpDlTmms.setVal", "PTUV1.RsDlTmms.setVal")
ACTIVE = tuple(ref(name, "SG") for name in (START_VALUE, DELAY, RESET))
EDIT = tuple(ref(name, "SE") for name in (START_VALUE, DELAY, RESET))


async def refused(association: ClientAssociation, request: Request[object]) -> ServiceError:
    with pytest.raises(ServiceRefused) as error:
        await association.call(request)
    return error.value.error


async def test_the_block_tells_the_groups(rig: Rig) -> None:
    association = await rig.associate()
    assert await association.call(GetSGCBValues(LD)) == {
        "NumOfSG": 3, "ActSG": 2, "EditSG": 0, "CnfEdit": False, "LActTm": Timestamp.of(START), "ResvTms": 20,
    }  # fmt: skip
    assert await association.call(GetEditSGValue(ACTIVE)) == (80.0, 20, 5)
    assert await refused(association, GetSGCBValues("NoSuchLD")) is E.INSTANCE_NOT_AVAILABLE


async def test_another_group_becomes_active(rig: Rig) -> None:
    association = await rig.associate()
    await rig.advance(5)
    await association.call(SelectActiveSG(LD, 3))
    assert await association.call(GetDataValues(ACTIVE)) == (90.0, 20, 5)
    found = await association.call(GetSGCBValues(LD))
    assert (found["ActSG"], found["LActTm"]) == (3, Timestamp.of(rig.clock.now()))
    await association.call(SelectActiveSG(LD, 1))
    assert await association.call(GetDataValues(ACTIVE)) == (70.0, 10, 5)
    for group in (0, 4, 255):
        assert await refused(association, SelectActiveSG(LD, group)) is E.PARAMETER_VALUE_INAPPROPRIATE
    assert await association.call(GetDataValues(ACTIVE)) == (70.0, 10, 5)


@pytest.mark.parametrize("group", [1, 2])
async def test_a_group_is_edited_and_confirmed(rig: Rig, group: int) -> None:
    association = await rig.associate()
    before = await association.call(GetDataValues(ACTIVE))
    await association.call(SelectEditSG(LD, group))
    assert (await association.call(GetSGCBValues(LD)))["EditSG"] == group
    assert await association.call(GetEditSGValue(EDIT)) == ((70.0, 10, 5) if group == 1 else (80.0, 20, 5))
    answers = await association.call(SetEditSGValue(((EDIT[0], 75.0), (EDIT[1], 11), (EDIT[2], 6))))
    assert answers == (E.NO_ERROR, E.NO_ERROR, E.ACCESS_VIOLATION)
    assert await association.call(GetEditSGValue(EDIT)) == (75.0, 11, 5)
    assert await association.call(GetDataValues(ACTIVE)) == before
    await association.call(ConfirmEditSGValues(LD))
    found = await association.call(GetSGCBValues(LD))
    assert (found["EditSG"], found["CnfEdit"], found["ActSG"]) == (0, False, 2)
    assert await association.call(GetDataValues(ACTIVE)) == ((75.0, 11, 5) if group == 2 else before)
    await association.call(SelectActiveSG(LD, group))
    assert await association.call(GetDataValues(ACTIVE)) == (75.0, 11, 5)


async def test_structures_and_arrays_are_edited_too(rig: Rig) -> None:
    association = await rig.associate()
    await association.call(SelectEditSG(LD, 3))
    writes = ((ref("PTUV1.StrVal", "SE"), [[1.5]]), (ref("PTUV1.TmVCrv.pts", "SE"), [3.0, 4.0]))
    assert await association.call(SetEditSGValue(writes)) == (E.NO_ERROR, E.NO_ERROR)
    await association.call(ConfirmEditSGValues(LD))
    await association.call(SelectActiveSG(LD, 3))
    found = await association.call(GetDataValues((ref("PTUV1.StrVal", "SG"), ref("PTUV1.TmVCrv.pts", "SG"))))
    assert found == ([[1.5]], [3.0, 4.0])


async def test_without_a_selection_there_is_no_edit_buffer(rig: Rig) -> None:
    association = await rig.associate()
    state = E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    assert await association.call(GetEditSGValue(EDIT)) == (state, state, state)
    assert await association.call(SetEditSGValue(((EDIT[0], 1.0),))) == (state,)
    assert await refused(association, ConfirmEditSGValues(LD)) is state
    assert await refused(association, GetAllDataValues(ref("PTUV1"), FC.SE)) is state
    assert await refused(association, SelectEditSG(LD, 4)) is E.PARAMETER_VALUE_INAPPROPRIATE
    assert await association.call(SetDataValues(((ACTIVE[0], 1.0),))) == (E.ACCESS_VIOLATION,)
    for name in ("NumOfSG", "LActTm", "ResvTms"):
        target = ref(f"LLN0.SGCB.{name}", "SP")
        (value,) = await association.call(GetDataValues((target,)))
        assert not isinstance(value, ServiceError)
        assert await association.call(SetDataValues(((target, value),))) == (E.ACCESS_VIOLATION,)


async def test_values_that_do_not_fit(rig: Rig) -> None:
    association = await rig.associate()
    await association.call(SelectEditSG(LD, 1))
    writes = ((EDIT[0], True), (EDIT[1], 1 << 40), (ref("PTUV1.Missing.setVal", "SE"), 1))
    answers = await association.call(SetEditSGValue(writes))
    assert answers[0] is E.TYPE_CONFLICT
    assert answers[1] in (E.PARAMETER_VALUE_INAPPROPRIATE, E.TYPE_CONFLICT)
    assert answers[2] is E.INSTANCE_NOT_AVAILABLE
    with pytest.raises(BadReference):
        SetEditSGValue(((ACTIVE[0], 1.0),))
    with pytest.raises(BadReference):
        GetEditSGValue((ref("MMXU1.TotW", "MX"),))


async def test_one_client_edits_at_a_time(rig: Rig) -> None:
    first, second = await rig.associate(0), await rig.associate(1)
    await first.call(SelectEditSG(LD, 1))
    for request in (SelectEditSG(LD, 1), SelectEditSG(LD, 0), ConfirmEditSGValues(LD)):
        assert await refused(second, request) in LOCKED
    (answer,) = await second.call(SetEditSGValue(((EDIT[0], 1.0),)))
    assert answer in LOCKED
    await second.call(SelectActiveSG(LD, 3))  # switching is another matter
    await first.call(SelectEditSG(LD, 0))
    await second.call(SelectEditSG(LD, 1))
    assert await second.call(GetEditSGValue(EDIT)) == (70.0, 10, 5)


async def test_who_edits_and_goes_leaves_nothing(rig: Rig) -> None:
    first, second = await rig.associate(0), await rig.associate(1)
    await first.call(SelectEditSG(LD, 1))
    await first.call(SetEditSGValue(((EDIT[0], 1.0),)))
    await first.release()
    await until(lambda: len(rig.server.engine.associations) == 1)
    assert (await second.call(GetSGCBValues(LD)))["EditSG"] == 0
    await second.call(SelectEditSG(LD, 1))
    assert await second.call(GetEditSGValue(EDIT)) == (70.0, 10, 5)


async def test_who_does_nothing_loses_the_reservation(rig: Rig) -> None:
    first, second = await rig.associate(0), await rig.associate(1)
    await first.call(SelectEditSG(LD, 1))
    await rig.advance(15)
    await first.call(SetEditSGValue(((EDIT[0], 1.0),)))
    await rig.advance(15)
    assert (await first.call(GetSGCBValues(LD)))["EditSG"] == 1
    await rig.advance(6)
    assert (await first.call(GetSGCBValues(LD)))["EditSG"] == 0
    assert await refused(first, ConfirmEditSGValues(LD)) is E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    await second.call(SelectEditSG(LD, 1))


async def test_the_application_sees_and_may_refuse(rig: Rig) -> None:
    association = await rig.associate()
    seen: list[Activation | Confirmation] = []

    @rig.server.on_activate_group(LD)
    async def activate(activation: Activation) -> None:
        seen.append(activation)
        if activation.group == 3:
            activation.refuse()

    @rig.server.on_confirm_group(LD)
    def confirm(confirmation: Confirmation) -> None:
        seen.append(confirmation)
        if confirmation.values[START_VALUE] == 13.0:
            confirmation.refuse(why="out of the question")

    assert await refused(association, SelectActiveSG(LD, 3)) is E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    await association.call(SelectActiveSG(LD, 1))
    await association.call(SelectEditSG(LD, 2))
    await association.call(SetEditSGValue(((EDIT[0], 13.0),)))
    assert await refused(association, ConfirmEditSGValues(LD)) is E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    assert (await association.call(GetSGCBValues(LD)))["EditSG"] == 2
    await association.call(SetEditSGValue(((EDIT[0], 14.0),)))
    await association.call(ConfirmEditSGValues(LD))
    groups = [(one.group, one.former if isinstance(one, Activation) else one.active) for one in seen]
    assert groups == [(3, 2), (1, 2), (2, False), (2, False)]
    assert seen[1].values[START_VALUE] == 70.0


async def test_the_process_is_told_of_settings_by_events(rig: Rig) -> None:
    association = await rig.associate()
    await association.call(SelectActiveSG(LD, 2))
    rig.server.update("DG750DER/PTUV1.OpDlTmms.setVal", 99)  # the process itself may change what is active
    await association.call(SelectActiveSG(LD, 1))
    await association.call(SelectActiveSG(LD, 2))
    assert await association.call(GetDataValues(ACTIVE)) == (80.0, 99, 5)


async def test_groups_and_data_sets_outlive_the_server(tmp_path: Path) -> None:
    from janusgrid.iec61850.acsi.services import CreateDataSet, DeleteDataSet, GetDataSetDirectory

    made, gone = ref("LLN0.Dyn1"), ref("LLN0.Dyn2")
    server = Server(plant(), state=tmp_path)
    first = server.connect()
    await first.call(SelectEditSG(LD, 1))
    await first.call(SetEditSGValue(((EDIT[0], 71.5), (ref("PTUV1.TmVCrv.pts", "SE"), [3.0, 4.0]))))
    await first.call(ConfirmEditSGValues(LD))
    await first.call(SelectActiveSG(LD, 3))
    for name in (made, gone):
        await first.call(CreateDataSet(name, (ref("MMXU1.TotW", "MX"),)))
    await first.call(DeleteDataSet(gone))
    await server.close()
    server = Server(plant(), state=tmp_path)
    again = server.connect()
    assert (await again.call(GetSGCBValues(LD)))["ActSG"] == 3
    assert await again.call(GetDataValues(ACTIVE)) == (90.0, 20, 5)
    await again.call(SelectActiveSG(LD, 1))
    found = await again.call(GetDataValues((*ACTIVE, ref("PTUV1.TmVCrv.pts", "SG"))))
    assert found == (71.5, 10, 5, [3.0, 4.0])
    assert await again.call(GetDataSetDirectory(made)) == (ref("MMXU1.TotW", "MX"),)
    assert await refused(again, GetDataSetDirectory(gone)) is E.INSTANCE_NOT_AVAILABLE
    await again.call(DeleteDataSet(made))
    await server.close()


BROKEN = [
    "",
    "{",
    "[]",
    '{"values": 3}',
    '{"active": 99, "values": {"PTUV1.StrVal": {"x": 1}}}',
    '{"values": {"PTUV1.StrVal.setMag.f": {"1": {"bits": 3}, "2": "x"}}}',
    '{"values": {"PTUV1.StrVal.setMag.f": 7}}',
]


@pytest.mark.parametrize("text", BROKEN)
async def test_what_was_kept_and_is_broken_is_passed_over(tmp_path: Path, text: str) -> None:
    for name in (f"setting groups of {LD}", "data sets"):
        (tmp_path / f"{name}.json").write_text(text)
    server = Server(plant(), state=tmp_path)
    association = server.connect()
    assert await association.call(GetDataValues(ACTIVE)) == (80.0, 20, 5)
    await server.close()


class Full:
    """A store whose disk is full."""

    def load(self, name: str) -> None:
        return None

    def save(self, name: str, document: object) -> None:
        raise OSError("no space left")


async def test_what_cannot_be_kept_is_not_done() -> None:
    server = Server(plant())
    server.engine.settings._keeping = Keeping(Full())
    association = server.connect()
    assert await refused(association, SelectActiveSG(LD, 1)) is E.FAILED_DUE_TO_SERVER_CONSTRAINT
    assert await association.call(GetDataValues(ACTIVE)) == (80.0, 20, 5)
    await association.call(SelectEditSG(LD, 2))
    await association.call(SetEditSGValue(((EDIT[0], 1.0),)))
    assert await refused(association, ConfirmEditSGValues(LD)) is E.FAILED_DUE_TO_SERVER_CONSTRAINT
    assert await association.call(GetDataValues(ACTIVE)) == (80.0, 20, 5)


async def test_an_editor_that_goes_while_the_application_thinks(rig: Rig) -> None:
    first, second = await rig.associate(0), await rig.associate(1)
    asked, go_on = asyncio.Event(), asyncio.Event()

    @rig.server.on_confirm_group(LD)
    async def confirm(confirmation: Confirmation) -> None:
        asked.set()
        await go_on.wait()

    await first.call(SelectEditSG(LD, 2))
    await first.call(SetEditSGValue(((EDIT[0], 1.0),)))
    confirming = asyncio.ensure_future(first.call(ConfirmEditSGValues(LD)))
    await asked.wait()
    await first.release()
    await until(lambda: len(rig.server.engine.associations) == 1)
    go_on.set()
    await asyncio.gather(confirming, return_exceptions=True)
    assert await second.call(GetDataValues(ACTIVE)) == (80.0, 20, 5)
