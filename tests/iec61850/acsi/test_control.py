"""Direct control with normal security, the same on every way."""

from __future__ import annotations

import asyncio

import pytest
from janusgrid.iec61850.acsi.errors import AddCause, ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import GetDataValues, Operate, Origin, OriginCategory, SetDataValues
from janusgrid.iec61850.acsi.types import BitString, DataValue, Quality, Timestamp
from janusgrid.iec61850.engine import Command

from tests.iec61850.plant import ref
from tests.iec61850.wires import START, Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

SETPOINT, SWITCH, BREAKER = ref("DWGC1.WSpt"), ref("DWGC1.Ena"), ref("DWGC1.Brk")


async def refusal(association: ClientAssociation, request: Operate) -> ServiceRefused:
    with pytest.raises(ServiceRefused) as refused:
        await association.call(request)
    return refused.value


async def status(association: ClientAssociation, reference: Reference) -> DataValue:
    (found,) = await association.call(GetDataValues((reference,)))
    assert not isinstance(found, ServiceError)
    return found


async def test_a_command_reaches_the_application_and_the_status_follows(rig: Rig) -> None:
    association = await rig.associate()
    seen: list[Command] = []

    @rig.server.on_operate("DG750DER/DWGC1.WSpt")
    async def take(command: Command) -> None:
        await asyncio.sleep(0)
        seen.append(command)

    who = Origin(OriginCategory.AUTOMATIC_REMOTE, b"ems")
    sent = Timestamp.of(START)
    await association.call(Operate(SETPOINT, [400.0], who, 5, sent, False, BitString.of(1, size=2)))
    (command,) = seen
    assert (command.reference, command.value, command.origin, command.number) == (SETPOINT, 400.0, who, 5)
    assert (command.time, command.test) == (sent, False)
    assert (command.interlock_check, command.synchrocheck) == (True, False)
    assert await status(association, ref("DWGC1.WSpt", "MX")) == [
        [6, b"ems"], 5, [400.0], Quality(), Timestamp.of(START),
    ]  # fmt: skip


async def test_plain_hooks_booleans_and_double_points(rig: Rig) -> None:
    association = await rig.associate()
    rig.server.on_operate("DG750DER/DWGC1.Ena")(lambda command: None)
    rig.server.on_operate("DG750DER/DWGC1.Brk")(lambda command: None)
    await association.call(Operate(SWITCH, True))
    assert await status(association, ref("DWGC1.Ena.stVal", "ST")) is True
    await association.call(Operate(BREAKER, True))
    assert await status(association, ref("DWGC1.Brk.stVal", "ST")) == BitString(0b10, 2)
    await association.call(Operate(BREAKER, False))
    assert await status(association, ref("DWGC1.Brk.stVal", "ST")) == BitString(0b01, 2)


async def test_where_the_process_decides_the_status_does_not_follow(rig: Rig) -> None:
    association = await rig.associate()
    rig.server.on_operate("DG750DER/DWGC1.Ena", follow=False)(lambda command: None)
    await association.call(Operate(SWITCH, True))
    assert await status(association, ref("DWGC1.Ena.stVal", "ST")) is False
    rig.server.update("DG750DER/DWGC1.Ena", True)
    assert await status(association, ref("DWGC1.Ena.stVal", "ST")) is True


async def test_the_application_refuses_with_a_cause(rig: Rig) -> None:
    association = await rig.associate()

    @rig.server.on_operate("DG750DER/DWGC1.WSpt")
    def refuse(command: Command) -> None:
        command.refuse(AddCause.BLOCKED_BY_INTERLOCKING, "the door is open")

    refused = await refusal(association, Operate(SETPOINT, [400.0]))
    assert refused.add_cause is AddCause.BLOCKED_BY_INTERLOCKING
    assert refused.error is ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    assert refused.where == "DG750DER/DWGC1.WSpt"
    assert await status(association, ref("DWGC1.WSpt.mxVal.f", "MX")) == 0.0


async def test_a_hook_that_fails_refuses(rig: Rig) -> None:
    association = await rig.associate()

    @rig.server.on_operate("DG750DER/DWGC1.WSpt")
    def fail(command: Command) -> None:
        raise ZeroDivisionError

    refused = await refusal(association, Operate(SETPOINT, [400.0]))
    assert (refused.error, refused.add_cause) == (
        ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT, AddCause.UNKNOWN,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "error", "cause"),
    [
        (Operate(SETPOINT, [400.0]), ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, AddCause.NOT_SUPPORTED),
        (Operate(SETPOINT, [800.5]), ServiceError.PARAMETER_VALUE_INAPPROPRIATE, AddCause.INCONSISTENT_PARAMETERS),
        (Operate(SETPOINT, [True]), ServiceError.TYPE_CONFLICT, AddCause.INCONSISTENT_PARAMETERS),
        (Operate(SETPOINT, 400.0), ServiceError.TYPE_CONFLICT, AddCause.INCONSISTENT_PARAMETERS),
        (Operate(SWITCH, "on"), ServiceError.TYPE_CONFLICT, AddCause.INCONSISTENT_PARAMETERS),
        (Operate(SETPOINT, [400.0], test=True), ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE,
         AddCause.BLOCKED_BY_MODE),
        (Operate(ref("DWGC1.Fixed"), True), ServiceError.ACCESS_VIOLATION, AddCause.NOT_SUPPORTED),
        (Operate(ref("DWGC1.WSbo"), [1.0]), ServiceError.CONTROL_MUST_BE_SELECTED, AddCause.OBJECT_NOT_SELECTED),
        (Operate(ref("DWGC1.WEnh"), [1.0]), ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, AddCause.NOT_SUPPORTED),
    ],
    ids=lambda value: f"{value.control} {value.value}" if isinstance(value, Operate) else value.text,
)  # fmt: skip
async def test_what_is_not_carried_out(rig: Rig, request_: Operate, error: ServiceError, cause: AddCause) -> None:
    association = await rig.associate()
    refused = await refusal(association, request_)
    assert (refused.error, refused.add_cause) == (error, cause)


@pytest.mark.parametrize("name", ["DWGC1.NoOper", "DWGC1.Nothing", "NOLN1.WSpt", "MMXU1.TotW"])
async def test_what_cannot_be_commanded(rig: Rig, name: str) -> None:
    association = await rig.associate()
    refused = await refusal(association, Operate(ref(name), True))
    assert refused.error is ServiceError.INSTANCE_NOT_AVAILABLE


async def test_test_commands_need_a_node_under_test(rig: Rig) -> None:
    association = await rig.associate()
    seen: list[bool] = []
    rig.server.on_operate("DG750DER/DWGC1.Ena")(lambda command: seen.append(command.test))
    rig.server.update("DG750DER/DWGC1.Beh", "test")
    await association.call(Operate(SWITCH, True, test=True))
    refused = await refusal(association, Operate(SWITCH, True))
    assert refused.add_cause is AddCause.BLOCKED_BY_MODE
    rig.server.update("DG750DER/DWGC1.Beh", "off")
    assert (await refusal(association, Operate(SWITCH, True))).add_cause is AddCause.BLOCKED_BY_MODE
    assert seen == [True]
    assert await status(association, ref("DWGC1.Ena.stVal", "ST")) is False, "a test changes nothing"


async def test_one_command_at_a_time(rig: Rig) -> None:
    first, second = await rig.associate(0), await rig.associate(1)
    started, go_on = asyncio.Event(), asyncio.Event()

    @rig.server.on_operate("DG750DER/DWGC1.WSpt")
    async def slow(command: Command) -> None:
        started.set()
        await go_on.wait()

    running = asyncio.create_task(first.call(Operate(SETPOINT, [100.0])))
    await started.wait()
    refused = await refusal(second, Operate(SETPOINT, [200.0]))
    assert refused.add_cause is AddCause.COMMAND_ALREADY_IN_EXECUTION
    assert await status(second, ref("MMXU1.Hz.mag.f", "MX")) == 50.0, "other services go on"
    go_on.set()
    await running
    assert await status(second, ref("DWGC1.WSpt.mxVal.f", "MX")) == 100.0
    await second.call(Operate(SETPOINT, [200.0]))


async def test_oper_can_be_written_as_data_too(rig: Rig) -> None:
    association = await rig.associate()
    rig.server.on_operate("DG750DER/DWGC1.Ena")(lambda command: None)
    oper = [True, [3, b""], 1, Timestamp.of(START), False, BitString(0, 2)]
    written = await association.call(SetDataValues(((ref("DWGC1.Ena.Oper", "CO"), oper),)))
    assert written == (ServiceError.NO_ERROR,)
    assert await status(association, ref("DWGC1.Ena.stVal", "ST")) is True


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("DWGC1.Ena.Oper.ctlVal", True, ServiceError.ACCESS_VIOLATION),
        ("DWGC1.Ena", [[True]], ServiceError.ACCESS_VIOLATION),
        ("DWGC1.Ena.Oper", [True], ServiceError.TYPE_CONFLICT),
        ("DWGC1.Ena.Oper", [True, [99, b""], 1, Timestamp(), False, BitString(0, 2)], ServiceError.TYPE_CONFLICT),
        ("DWGC1.Ena.Oper", [True, [3, b""], 1, Timestamp(), 0, BitString(0, 2)], ServiceError.TYPE_CONFLICT),
    ],
    ids=str,
)
async def test_parts_of_commands_are_not_written(rig: Rig, name: str, value: DataValue, error: ServiceError) -> None:
    association = await rig.associate()
    rig.server.on_operate("DG750DER/DWGC1.Ena")(lambda command: None)
    answer = await association.call(SetDataValues(((ref(name, "CO"), value),)))
    assert answer in {(error,), (ServiceError.TYPE_CONFLICT,)}
    assert await status(association, ref("DWGC1.Ena.stVal", "ST")) is False
