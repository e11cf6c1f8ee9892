"""Selection, enhanced security, cancellation and commands for a later time, the same on every way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest
from janusgrid.iec61850.acsi.errors import AddCause, CommandFailed, ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import (
    Cancel,
    CommandTermination,
    CreateDataSet,
    GetDataValues,
    Notification,
    Operate,
    Origin,
    OriginCategory,
    Report,
    Request,
    Select,
    SelectWithValue,
    SetDataValues,
    SetRCBValues,
    Termination,
    TimeActivatedOperateTermination,
)
from janusgrid.iec61850.acsi.types import BitString, DataValue, Timestamp
from janusgrid.iec61850.client import Ied
from janusgrid.iec61850.engine import Command, Step

from tests.iec61850.plant import ref
from tests.iec61850.wires import START, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = ("SwDir", "SwSbo", "SwEnh", "SwSel", "SwMany")
DIRECT, SBO, ENHANCED, SELECTED, MANY = (ref(f"CSWI1.{name}") for name in NAMES)
WHO = Origin(OriginCategory.STATION_CONTROL, b"ems")
ON = {
    control: Operate(control, True, WHO, 7, Timestamp.of(START), False, BitString(0, 2))
    for control in (DIRECT, SBO, ENHANCED, SELECTED, MANY)
}


def select(control: Reference) -> Request[None]:
    return Select(control) if control is SBO else SelectWithValue(ON[control])


class Switch:
    """The application behind a switch: it is told, and does what it is told to do."""

    def __init__(self, rig: Rig, control: Reference) -> None:
        self.rig = rig
        self.asked: list[Step] = []
        self.commands: list[Command] = []
        self.refuse: dict[Step, AddCause] = {}
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.cancelled = False
        rig.server.on_select(str(control))(self.ask)
        rig.server.on_check(str(control))(self.ask)
        rig.server.on_cancel(str(control))(self.ask)
        rig.server.on_operate(str(control))(self.operate)

    def ask(self, command: Command) -> None:
        self.asked.append(command.step)
        self.commands.append(command)
        if command.step in self.refuse:
            command.refuse(self.refuse[command.step])

    async def operate(self, command: Command) -> None:
        self.ask(command)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def ends(association: ClientAssociation) -> list[Termination]:
    found: list[Termination] = []

    def notified(notification: Notification) -> None:
        assert isinstance(notification, Termination)
        found.append(notification)

    association.on_notification(notified)
    return found


async def refusal(association: ClientAssociation, request: Request[None]) -> AddCause | None:
    with pytest.raises(ServiceRefused) as refused:
        await association.call(request)
    assert refused.value.where == str(getattr(request, "control", None) or request.command.control)  # type: ignore[attr-defined]
    return refused.value.add_cause


async def shown(association: ClientAssociation, control: Reference, name: str, fc: str = "ST") -> DataValue:
    (found,) = await association.call(GetDataValues((control.child(name).with_fc(ref("A", fc).fc),)))
    assert not isinstance(found, ServiceError)
    return found


# --- select before operate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("control", [SBO, SELECTED], ids=["normal", "enhanced"])
async def test_an_object_is_selected_operated_and_free_again(rig: Rig, control: Reference) -> None:
    switch, association = Switch(rig, control), await rig.associate()
    assert await refusal(association, ON[control]) is AddCause.OBJECT_NOT_SELECTED
    await association.call(select(control))
    assert await shown(association, control, "stSeld") is True
    assert await refusal(association, select(control)) is AddCause.OBJECT_ALREADY_SELECTED
    ended = ends(association)
    await association.call(ON[control])
    if control is SELECTED:
        await until(lambda: bool(ended))
        assert ended == [CommandTermination(ON[control])]
    assert await shown(association, control, "stVal") is True
    assert await shown(association, control, "stSeld") is False
    assert await shown(association, control, "origin") == [2, b"ems"]
    assert await shown(association, control, "ctlNum") == 7
    assert await refusal(association, ON[control]) is AddCause.OBJECT_NOT_SELECTED
    assert switch.asked == [Step.SELECT, Step.CHECK, Step.OPERATE]


@pytest.mark.parametrize("control", [SBO, SELECTED], ids=["normal", "enhanced"])
async def test_a_selection_ends_with_its_time(rig: Rig, control: Reference) -> None:
    Switch(rig, control)
    association = await rig.associate()
    await association.call(select(control))
    await rig.advance(4.9)
    assert await shown(association, control, "stSeld") is True
    await rig.advance(0.2)
    assert await shown(association, control, "stSeld") is False
    assert await refusal(association, ON[control]) is AddCause.OBJECT_NOT_SELECTED


@pytest.mark.parametrize("control", [SBO, SELECTED], ids=["normal", "enhanced"])
async def test_what_one_client_has_selected_is_locked_for_others(rig: Rig, control: Reference) -> None:
    Switch(rig, control)
    first, second = await rig.associate(0), await rig.associate(1)
    await first.call(select(control))
    for request in (select(control), ON[control], Cancel(ON[control])):
        with pytest.raises(ServiceRefused) as refused:
            await second.call(request)
        assert refused.value.add_cause is AddCause.LOCKED_BY_OTHER_CLIENT
        assert refused.value.error is ServiceError.INSTANCE_LOCKED_BY_OTHER_CLIENT
    await first.call(Cancel(ON[control]))
    await second.call(select(control))
    await second.call(ON[control])


@pytest.mark.parametrize("leave", ["release", "abort"])
async def test_a_client_that_goes_leaves_nothing_selected(rig: Rig, leave: str) -> None:
    if leave == "abort" and rig.silent:
        pytest.skip("without end-to-end security an abort over XMPP sends nothing: the server sees our presence")
    Switch(rig, SBO)
    first, second = await rig.associate(0), await rig.associate(1)
    await first.call(Select(SBO))
    await getattr(first, leave)()
    await until(lambda: rig.server.read(f"{SBO}.stSeld") is False)
    await second.call(Select(SBO))


async def test_the_application_refuses_a_selection(rig: Rig) -> None:
    switch, association = Switch(rig, SBO), await rig.associate()
    switch.refuse = {Step.SELECT: AddCause.BLOCKED_BY_SWITCHING_HIERARCHY}
    assert await refusal(association, Select(SBO)) is AddCause.BLOCKED_BY_SWITCHING_HIERARCHY
    assert await shown(association, SBO, "stSeld") is False
    switch.refuse = {}
    await association.call(Select(SBO))


async def test_operate_says_what_select_with_value_said(rig: Rig) -> None:
    Switch(rig, SELECTED)
    association = await rig.associate()
    for other in ({"value": False}, {"number": 8}, {"origin": Origin()}, {"test": False, "number": 9}):
        await association.call(SelectWithValue(ON[SELECTED]))
        changed = attrs.evolve(ON[SELECTED], **other)
        assert await refusal(association, changed) is AddCause.INCONSISTENT_PARAMETERS
        assert await shown(association, SELECTED, "stSeld") is False, "it was selected for one command"
    assert await shown(association, SELECTED, "stVal") is False


async def test_operate_many_keeps_its_selection(rig: Rig) -> None:
    Switch(rig, MANY)
    association, ended = await rig.associate(), []
    ended = ends(association)
    await association.call(SelectWithValue(ON[MANY]))
    for number, value in ((7, True), (8, False), (9, True)):
        await association.call(attrs.evolve(ON[MANY], number=number, value=value))
        await until(lambda: len(ended) == number - 6)  # noqa: B023 - awaited here
        assert await shown(association, MANY, "stVal") is value
        assert await shown(association, MANY, "stSeld") is True
        await rig.advance(4.0)
    await association.call(Cancel(ON[MANY]))
    assert await shown(association, MANY, "stSeld") is False
    assert await refusal(association, ON[MANY]) is AddCause.OBJECT_NOT_SELECTED


async def test_a_selection_of_another_kind_is_not_supported(rig: Rig) -> None:
    association = await rig.associate()
    for request in (
        Select(DIRECT), Select(SELECTED), Select(ref("DWGC1.Fixed")), Select(ref("DWGC1.WSbo")),
        SelectWithValue(ON[SBO]), SelectWithValue(ON[ENHANCED]), Cancel(Operate(ref("DWGC1.Ena"), True)),
    ):  # fmt: skip
        assert await refusal(association, request) is AddCause.NOT_SUPPORTED
    for unknown in (Select(ref("DWGC1.Nothing")), Select(ref("NOLN1.Pos"))):
        with pytest.raises(ServiceRefused) as refused:
            await association.call(unknown)
        assert refused.value.error is ServiceError.INSTANCE_NOT_AVAILABLE


@pytest.mark.parametrize("control", [SBO, SELECTED], ids=["normal", "enhanced"])
async def test_a_selection_needs_a_node_that_works(rig: Rig, control: Reference) -> None:
    Switch(rig, control)
    association = await rig.associate()
    for mode in ("off", "blocked"):
        rig.server.update("DG750DER/CSWI1.Beh", mode)
        assert await refusal(association, select(control)) is AddCause.BLOCKED_BY_MODE
    rig.server.update("DG750DER/CSWI1.Beh", "on")
    await association.call(select(control))


async def test_select_with_value_can_be_written_as_data(rig: Rig) -> None:
    Switch(rig, SELECTED)
    association = await rig.associate()
    stamp, zero = Timestamp.of(START), Timestamp()
    whole: list[DataValue] = [True, zero, [2, b"ems"], 7, stamp, False, BitString(0, 2)]
    (error,) = await association.call(SetDataValues(((SELECTED.with_fc(ref("A", "CO").fc).child("SBOw"), whole),)))
    assert error is ServiceError.NO_ERROR
    assert await shown(association, SELECTED, "stSeld") is True
    target = SELECTED.with_fc(ref("A", "CO").fc).child("Cancel")
    assert await association.call(SetDataValues(((target, whole[:-1]),))) == (ServiceError.NO_ERROR,)
    assert await shown(association, SELECTED, "stSeld") is False


# --- enhanced security ----------------------------------------------------------------------------------------------


async def test_the_end_of_an_execution_is_told(rig: Rig) -> None:
    switch, association = Switch(rig, ENHANCED), await rig.associate()
    ended = ends(association)
    switch.go_on.clear()
    await association.call(ON[ENHANCED])
    await until(lambda: Step.OPERATE in switch.asked)
    assert not ended
    assert await shown(association, ENHANCED, "stVal") is False, "it is still being carried out"
    assert await shown(association, ENHANCED, "opRcvd", "OR") is True
    assert await shown(association, ENHANCED, "opOk", "OR") is True
    assert await shown(association, ENHANCED, "tOpOk", "OR") == Timestamp.of(START)
    assert await refusal(association, ON[ENHANCED]) is AddCause.COMMAND_ALREADY_IN_EXECUTION
    switch.go_on.set()
    await until(lambda: bool(ended))
    assert ended == [CommandTermination(ON[ENHANCED])]
    assert await shown(association, ENHANCED, "stVal") is True
    assert await shown(association, ENHANCED, "opRcvd", "OR") is False
    assert await shown(association, ENHANCED, "opOk", "OR") is False


async def test_an_execution_that_fails_is_told_with_its_cause(rig: Rig) -> None:
    switch, association = Switch(rig, ENHANCED), await rig.associate()
    ended = ends(association)
    switch.refuse = {Step.OPERATE: AddCause.INVALID_POSITION}
    await association.call(ON[ENHANCED])
    await until(lambda: bool(ended))
    assert ended == [CommandTermination(ON[ENHANCED], AddCause.INVALID_POSITION)]
    assert await shown(association, ENHANCED, "stVal") is False


@pytest.mark.parametrize("control", [DIRECT, SBO, ENHANCED, SELECTED], ids=str)
@pytest.mark.parametrize("bits", [(), (0,), (1,), (0, 1)], ids=str)
async def test_interlocking_and_synchronism_are_asked_for_only_where_the_client_wants_it(
    rig: Rig, control: Reference, bits: tuple[int, ...]
) -> None:
    switch, association = Switch(rig, control), await rig.associate()
    rig.server.synchrocheck(str(control))(switch.ask)
    rig.server.interlock(str(control))(switch.ask)
    request = attrs.evolve(ON[control], check=BitString.of(*bits, size=2))
    interlock, synchrocheck = [Step.INTERLOCK] * (1 in bits), [Step.SYNCHROCHECK] * (0 in bits)
    selecting: list[Step] = []
    if control is SBO:
        await association.call(Select(SBO))
        selecting = [Step.SELECT]
    elif control is SELECTED:
        await association.call(SelectWithValue(request))
        selecting = [*interlock, Step.SELECT]
    await association.call(request)
    await until(lambda: rig.server.read(f"{control}.stVal") is True)
    assert switch.asked == [*selecting, *interlock, *synchrocheck, Step.CHECK, Step.OPERATE]


@pytest.mark.parametrize("later_", [False, True], ids=["now", "later"])
@pytest.mark.parametrize("hook", ["interlock", "synchrocheck"])
@pytest.mark.parametrize("how", ["False", "refuse", "fails", "async"])
async def test_what_interlocking_and_synchronism_forbid(rig: Rig, hook: str, how: str, later_: bool) -> None:
    switch, association = Switch(rig, ENHANCED), await rig.associate()
    ended = ends(association)
    bit, cause = {
        "interlock": (1, AddCause.BLOCKED_BY_INTERLOCKING), "synchrocheck": (0, AddCause.BLOCKED_BY_SYNCHROCHECK),
    }[hook]  # fmt: skip
    met = True

    def condition(command: Command) -> bool:
        if how == "refuse" and not met:
            command.refuse(AddCause.BLOCKED_BY_PROCESS, "no voltage")
        if how == "fails" and not met:
            raise ZeroDivisionError
        return met

    async def slowly(command: Command) -> bool:
        await asyncio.sleep(0)
        return condition(command)

    getattr(rig.server, hook)(str(ENHANCED))(slowly if how == "async" else condition)
    expected = {"refuse": AddCause.BLOCKED_BY_PROCESS, "fails": AddCause.UNKNOWN}.get(how, cause)
    request = attrs.evolve(ON[ENHANCED], check=BitString.of(bit, size=2))
    if later_:
        request = attrs.evolve(request, at=Timestamp.of(START + timedelta(seconds=60)))
        await association.call(request)
        met = False
        await rig.advance(60)
        await until(lambda: bool(ended))
        assert ended == [TimeActivatedOperateTermination(request, expected)]
    else:
        met = False
        assert await refusal(association, request) is expected
        assert not ended
    assert Step.OPERATE not in switch.asked
    assert await shown(association, ENHANCED, "stVal") is False
    met = True
    await association.call(attrs.evolve(request, at=None))
    await until(lambda: rig.server.read(f"{ENHANCED}.stVal") is True)


async def test_a_selection_kept_for_many_with_normal_security(rig: Rig) -> None:
    Switch(rig, SBO)
    rig.server.update(f"{SBO}.sboClass", 1)
    first, second = await rig.associate(0), await rig.associate(1)
    await first.call(Select(SBO))
    for number, value in ((7, True), (7, False), (8, True)):
        await first.call(attrs.evolve(ON[SBO], number=number, value=value))
        assert await shown(first, SBO, "stVal") is value
        assert await refusal(second, ON[SBO]) is AddCause.LOCKED_BY_OTHER_CLIENT
        await rig.advance(4)
    await rig.advance(1.1)
    assert await refusal(first, ON[SBO]) is AddCause.OBJECT_NOT_SELECTED


async def test_the_times_are_those_of_the_model(rig: Rig) -> None:
    switch, association = Switch(rig, SBO), await rig.associate()
    slow = Switch(rig, ENHANCED)
    rig.server.update(f"{SBO}.sboTimeout", 60_000)
    rig.server.update(f"{ENHANCED}.operTimeout", 2000)
    await association.call(Select(SBO))
    await rig.advance(59)
    await association.call(ON[SBO])
    assert switch.asked[-1] is Step.OPERATE
    ended = ends(association)
    slow.go_on.clear()
    await association.call(ON[ENHANCED])
    await until(lambda: Step.OPERATE in slow.asked)
    await rig.advance(2)
    await until(lambda: bool(ended))
    assert ended == [CommandTermination(ON[ENHANCED], AddCause.TIME_LIMIT_OVER)]


async def test_a_number_that_comes_again_is_a_command_again(rig: Rig) -> None:
    switch, association = Switch(rig, DIRECT), await rig.associate()
    for value in (True, False):
        await association.call(attrs.evolve(ON[DIRECT], value=value))
        assert await shown(association, DIRECT, "stVal") is value
        assert await shown(association, DIRECT, "ctlNum") == 7
    assert [command.number for command in switch.commands] == [7] * 4


async def test_what_the_server_owns_is_reported(rig: Rig) -> None:
    """stSeld, opRcvd and opOk by their changes, tOpOk with them; in order, and nothing of a test but stSeld."""
    switch, association = Switch(rig, SELECTED), await rig.associate()
    told: list[Report] = []
    association.on_notification(lambda one: told.append(one) if isinstance(one, Report) else None)
    shows = tuple(
        SELECTED.with_fc(ref("A", fc).fc).child(name)
        for name, fc in (("stSeld", "ST"), ("opRcvd", "OR"), ("opOk", "OR"), ("tOpOk", "OR"))
    )
    await association.call(CreateDataSet(Reference("@own"), shows))
    block = ref("LLN0.urcbOne", "RP")
    values = (("DatSet", "@own"), ("TrgOps", BitString.of(1, size=6)), ("RptEna", True))
    await association.call(SetRCBValues(block, values))
    switch.go_on.clear()
    await association.call(SelectWithValue(ON[SELECTED]))
    await rig.advance(1)
    await association.call(ON[SELECTED])
    await until(lambda: Step.OPERATE in switch.asked)
    assert await shown(association, SELECTED, "tOpOk", "OR") == Timestamp.of(rig.clock.now())
    switch.go_on.set()
    await until(lambda: rig.server.read(f"{SELECTED}.stVal") is True)
    await rig.quiet(association)
    assert [{entry.index: entry.value for entry in report.entries} for report in told] == [
        {0: True}, {1: True}, {2: True}, {0: False, 1: False, 2: False},
    ]  # fmt: skip
    told.clear()
    rig.server.update("DG750DER/CSWI1.Beh", "test")
    request = attrs.evolve(ON[SELECTED], test=True)
    await association.call(SelectWithValue(request))
    await association.call(request)
    await until(lambda: rig.server.read(f"{SELECTED}.stSeld") is False)
    await rig.quiet(association)
    assert [{entry.index: entry.value for entry in report.entries} for report in told] == [{0: True}, {0: False}]


@pytest.mark.parametrize("control", [DIRECT, ENHANCED], ids=["normal", "enhanced"])
@pytest.mark.parametrize(
    ("bits", "cause"),
    [((1,), AddCause.BLOCKED_BY_INTERLOCKING), ((0,), AddCause.BLOCKED_BY_SYNCHROCHECK), ((), None)],
    ids=["interlock", "synchrocheck", "neither"],
)
async def test_conditions_are_checked_before_the_answer(
    rig: Rig, control: Reference, bits: tuple[int, ...], cause: AddCause | None
) -> None:
    association, done = await rig.associate(), []

    @rig.server.on_check(str(control))
    async def conditions(command: Command) -> None:
        await asyncio.sleep(0)
        if command.interlock_check:
            command.refuse(AddCause.BLOCKED_BY_INTERLOCKING, "the earthing switch is closed")
        if command.synchrocheck:
            command.refuse(AddCause.BLOCKED_BY_SYNCHROCHECK)

    rig.server.on_operate(str(control))(done.append)
    request = attrs.evolve(ON[control], check=BitString.of(*bits, size=2))
    if cause is None:
        await association.call(request)
        await until(lambda: bool(done))
    else:
        assert await refusal(association, request) is cause
        assert not done
        assert await shown(association, control, "opRcvd", "OR") is False


async def test_an_execution_that_takes_too_long_is_broken_off(rig: Rig) -> None:
    switch, association = Switch(rig, ENHANCED), await rig.associate()
    ended = ends(association)
    switch.go_on.clear()
    await association.call(ON[ENHANCED])
    await until(lambda: Step.OPERATE in switch.asked)
    await rig.advance(60.0)
    await until(lambda: bool(ended))
    assert ended == [CommandTermination(ON[ENHANCED], AddCause.TIME_LIMIT_OVER)]
    await until(lambda: switch.cancelled)
    assert await shown(association, ENHANCED, "opOk", "OR") is False
    switch.go_on.set()
    another = attrs.evolve(ON[ENHANCED], number=8)
    await association.call(another)
    await until(lambda: len(ended) == 2)
    assert ended[1] == CommandTermination(another)


async def test_an_execution_is_broken_off_where_the_application_agrees(rig: Rig) -> None:
    switch, first, second = Switch(rig, ENHANCED), await rig.associate(0), await rig.associate(1)
    ended = ends(first)
    switch.go_on.clear()
    await first.call(ON[ENHANCED])
    await until(lambda: Step.OPERATE in switch.asked)
    assert await refusal(second, Cancel(ON[ENHANCED])) is AddCause.LOCKED_BY_OTHER_CLIENT
    switch.refuse = {Step.CANCEL: AddCause.BLOCKED_BY_PROCESS}
    assert await refusal(first, Cancel(ON[ENHANCED])) is AddCause.BLOCKED_BY_PROCESS
    assert not ended
    switch.refuse = {}
    await first.call(Cancel(ON[ENHANCED]))
    await until(lambda: bool(ended))
    assert ended == [CommandTermination(ON[ENHANCED], AddCause.ABORTION_BY_CANCEL)]
    await until(lambda: switch.cancelled)
    assert await shown(first, ENHANCED, "stVal") is False


async def test_there_is_nothing_to_cancel(rig: Rig) -> None:
    Switch(rig, DIRECT)
    association = await rig.associate()
    for control in (DIRECT, SBO, ENHANCED, SELECTED):
        assert await refusal(association, Cancel(ON[control])) is AddCause.OBJECT_NOT_SELECTED


async def test_a_test_is_carried_out_and_changes_nothing(rig: Rig) -> None:
    switch, association = Switch(rig, SELECTED), await rig.associate()
    ended = ends(association)
    rig.server.update("DG750DER/CSWI1.Beh", "test")
    request = attrs.evolve(ON[SELECTED], test=True)
    await association.call(SelectWithValue(request))
    await association.call(request)
    await until(lambda: bool(ended))
    assert ended == [CommandTermination(request)]
    assert [command.test for command in switch.commands] == [True, True, True]
    assert await shown(association, SELECTED, "stVal") is False


async def test_an_execution_goes_on_without_its_client(rig: Rig) -> None:
    switch, first, second = Switch(rig, ENHANCED), await rig.associate(0), await rig.associate(1)
    switch.go_on.clear()
    await first.call(ON[ENHANCED])
    await until(lambda: Step.OPERATE in switch.asked)
    await first.abort()
    switch.go_on.set()
    await until(lambda: rig.server.read(f"{ENHANCED}.stVal") is True)
    await second.call(ON[ENHANCED])


# --- for a later time -----------------------------------------------------------------------------------------------


def later(control: Reference, seconds: float) -> Operate:
    return attrs.evolve(ON[control], at=Timestamp.of(START + timedelta(seconds=seconds)))


@pytest.mark.parametrize("control", [DIRECT, ENHANCED, SELECTED], ids=["direct", "enhanced", "selected"])
async def test_a_command_for_a_later_time_is_carried_out_then(rig: Rig, control: Reference) -> None:
    switch, association = Switch(rig, control), await rig.associate()
    ended = ends(association)
    request = later(control, 3600)
    if control is SELECTED:
        await association.call(SelectWithValue(request))
    await association.call(request)
    assert switch.asked[-1] is Step.CHECK
    assert await refusal(association, ON[control]) is AddCause.COMMAND_ALREADY_IN_EXECUTION
    await rig.advance(3599)
    assert Step.OPERATE not in switch.asked
    await rig.advance(1)
    expected: list[Termination] = [TimeActivatedOperateTermination(request)]
    if control is not DIRECT:
        expected.append(CommandTermination(attrs.evolve(request, at=None)))
    await until(lambda: len(ended) == len(expected))
    assert switch.asked[-3:] == [Step.CHECK, Step.CHECK, Step.OPERATE], "its conditions are checked again"
    assert ended == expected
    assert await shown(association, control, "stVal") is True


async def test_a_command_for_a_later_time_fails_with_its_cause(rig: Rig) -> None:
    switch, association = Switch(rig, DIRECT), await rig.associate()
    ended = ends(association)
    for step, cause in ((Step.CHECK, AddCause.BLOCKED_BY_PROCESS), (Step.OPERATE, AddCause.ENDED_WITH_OVERSHOOT)):
        request = attrs.evolve(
            ON[DIRECT], at=Timestamp.of(rig.clock.now() + timedelta(seconds=10)), number=20 + len(ended)
        )
        switch.refuse = {}
        await association.call(request)
        switch.refuse = {step: cause}
        before = len(ended)
        await rig.advance(10)
        await until(lambda: len(ended) == before + 1)  # noqa: B023 - awaited here
        assert ended[-1] == TimeActivatedOperateTermination(request, cause)
    assert await shown(association, DIRECT, "stVal") is False


FAILING = {Step.CHECK: AddCause.BLOCKED_BY_PROCESS, Step.OPERATE: AddCause.ENDED_WITH_OVERSHOOT}


async def test_the_client_is_told_when_it_begins_and_how_it_ends(rig: Rig) -> None:
    """With enhanced security; and one that does not begin has no end."""
    switch, association = Switch(rig, ENHANCED), await rig.associate()
    ended = ends(association)
    switch.go_on.clear()
    request = later(ENHANCED, 60)
    await association.call(request)
    await rig.advance(60)
    await until(lambda: bool(ended))
    assert ended == [TimeActivatedOperateTermination(request)], "it goes on"
    switch.go_on.set()
    await until(lambda: len(ended) == 2)
    assert ended[1] == CommandTermination(attrs.evolve(request, at=None))
    for number, (step, cause) in enumerate(FAILING.items()):
        ended.clear()
        switch.refuse = {}
        request = attrs.evolve(later(ENHANCED, 120 + 60 * number), number=77 + number)
        await association.call(request)
        switch.refuse = {step: cause}
        await rig.advance(60)
        expected: list[Termination] = [TimeActivatedOperateTermination(request, cause)]
        if step is Step.OPERATE:
            failed = CommandTermination(attrs.evolve(request, at=None), cause)
            expected = [TimeActivatedOperateTermination(request), failed]
        await until(lambda: len(ended) == len(expected))  # noqa: B023 - awaited here
        await rig.quiet(association)
        assert ended == expected


@pytest.mark.parametrize("control", [DIRECT, ENHANCED, SELECTED], ids=["direct", "enhanced", "selected"])
async def test_waiting_for_a_command_for_a_later_time(rig: Rig, control: Reference) -> None:
    """`operate` returns when it has been carried out, and says why it was not."""
    switch, ied = Switch(rig, control), Ied(await rig.associate(), clock=rig.clock)

    async def wait() -> asyncio.Task[None]:
        """Return what waits for a command in a minute that was accepted."""
        at, before = rig.clock.now() + timedelta(seconds=60), len(switch.asked)
        switch.refuse = {}
        waiting = asyncio.create_task(ied.control(str(control)).operate(True, at=at, wait=True))
        await until(lambda: Step.CHECK in switch.asked[before:])
        return waiting

    switch.go_on.clear()
    waiting = await wait()
    await rig.advance(60)
    await until(lambda: switch.asked[-1] is Step.OPERATE)
    await rig.quiet(ied.association)
    assert not waiting.done(), "it has only begun"
    switch.go_on.set()
    await waiting
    for step, cause in FAILING.items():
        waiting = await wait()
        switch.refuse = {step: cause}
        await rig.advance(60)
        with pytest.raises(CommandFailed) as failed:
            await waiting
        assert failed.value.add_cause is cause


async def test_a_command_for_a_later_time_can_be_cancelled(rig: Rig) -> None:
    switch, first, second = Switch(rig, DIRECT), await rig.associate(0), await rig.associate(1)
    await first.call(later(DIRECT, 60))
    assert await refusal(second, Cancel(later(DIRECT, 60))) is AddCause.LOCKED_BY_OTHER_CLIENT
    await first.call(Cancel(later(DIRECT, 60)))
    await rig.advance(120)
    assert switch.asked == [Step.CHECK]
    await second.call(ON[DIRECT])


async def test_a_selection_that_names_no_time_is_one_for_any(rig: Rig) -> None:
    """So does libiec61850's client: it selects with no time at all, and says in Operate when it shall be."""
    switch, association = Switch(rig, SELECTED), await rig.associate()
    await association.call(SelectWithValue(ON[SELECTED]))
    await association.call(later(SELECTED, 60))
    assert switch.asked == [Step.SELECT, Step.CHECK]
    await association.call(Cancel(later(SELECTED, 60)))
    await association.call(SelectWithValue(later(SELECTED, 60)))
    assert await refusal(association, later(SELECTED, 90)) is AddCause.INCONSISTENT_PARAMETERS


async def test_a_command_for_a_later_time_outlives_its_association(rig: Rig) -> None:
    switch, first, second = Switch(rig, DIRECT), await rig.associate(0), await rig.associate(1)
    await first.call(later(DIRECT, 60))
    await first.release()
    await rig.advance(60)
    await until(lambda: rig.server.read(f"{DIRECT}.stVal") is True)
    await second.call(later(DIRECT, 120))
    await second.call(Cancel(later(DIRECT, 120)))
    assert switch.asked == [Step.CHECK, Step.CHECK, Step.OPERATE, Step.CHECK]


async def test_times_that_have_passed_or_have_no_place_are_refused(rig: Rig) -> None:
    Switch(rig, DIRECT)
    Switch(rig, SBO)
    association = await rig.associate()
    assert await refusal(association, later(DIRECT, 0)) is AddCause.INCONSISTENT_PARAMETERS
    await association.call(Select(SBO))
    assert await refusal(association, later(SBO, 60)) is AddCause.NOT_SUPPORTED
    never: Callable[[], bool] = lambda: rig.server.read(f"{DIRECT}.stVal") is False  # noqa: E731
    assert never()
    await association.call(attrs.evolve(ON[DIRECT], at=Timestamp()))
    assert not never(), "no time at all is at once"
