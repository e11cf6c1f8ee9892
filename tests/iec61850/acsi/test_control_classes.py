"""Every controllable class, every behaviour of a node, and commands as edition 1 has them; the same on every way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from janusgrid.iec61850.acsi.errors import AddCause, ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.services import (
    GetDataValues,
    Notification,
    Operate,
    SetDataValues,
    TimeActivatedOperateTermination,
)
from janusgrid.iec61850.acsi.types import BitString, DataValue, EntryTime, Timestamp
from janusgrid.iec61850.client import Ied
from janusgrid.iec61850.engine import Command

from tests.iec61850.plant import BEHAVIOUR, ref
from tests.iec61850.wires import START, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

HIGHER, LOWER = BitString(0b10, 2), BitString(0b01, 2)


@pytest.mark.parametrize(
    ("name", "value", "seen", "shown"),
    [
        ("Spc.stVal[ST]", True, True, True),
        ("Dpc.stVal[ST]", True, True, BitString(0b10, 2)),
        ("Dpc.stVal[ST]", False, False, BitString(0b01, 2)),
        ("Inc.stVal[ST]", -7, -7, -7),
        ("Enc.stVal[ST]", 2, 2, 2),
        ("Bsc.valWTr[ST]", HIGHER, HIGHER, [0, False]),
        ("Isc.valWTr[ST]", 5, 5, [5, False]),
        ("Apc.mxVal[MX]", [2.5], 2.5, [2.5]),
        ("Bac.mxVal[MX]", LOWER, LOWER, [0.0]),
    ],
)
async def test_a_command_of_every_class(
    rig: Rig, name: str, value: DataValue, seen: DataValue, shown: DataValue
) -> None:
    """The status takes the value that was commanded; of a step up or down, only the process knows what comes of it."""
    association = await rig.associate()
    status = ref(f"GGIO2.{name}")
    control = ref(f"GGIO2.{status.path[0]}")
    got: list[Command] = []
    rig.server.on_operate(str(control))(got.append)
    await association.call(Operate(control, value, number=9))
    assert [command.value for command in got] == [seen]
    number = control.with_fc(status.fc).child("ctlNum")
    assert await association.call(GetDataValues((status, number))) == (shown, 9)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("Inc", 11, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        ("Isc", 0, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        ("Apc", [5.5], ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        ("Enc", 3, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        ("Bsc", True, ServiceError.TYPE_CONFLICT),
        ("Dpc", HIGHER, ServiceError.TYPE_CONFLICT),
        ("Apc", 1.0, ServiceError.TYPE_CONFLICT),
    ],
)
async def test_values_that_a_class_does_not_take(rig: Rig, name: str, value: DataValue, error: ServiceError) -> None:
    association = await rig.associate()
    rig.server.on_operate(f"DG750DER/GGIO2.{name}")(lambda command: pytest.fail("it was carried out"))
    with pytest.raises(ServiceRefused) as refused:
        await association.call(Operate(ref(f"GGIO2.{name}"), value))
    assert (refused.value.error, refused.value.add_cause) == (error, AddCause.INCONSISTENT_PARAMETERS)


async def test_every_class_by_name(rig: Rig) -> None:
    ied, got = Ied(await rig.associate()), []
    commands = {
        "Spc": True, "Dpc": True, "Inc": 3, "Enc": 2, "Bsc": "lower", "Isc": 4, "Apc": 1, "Bac": "higher",
    }  # fmt: skip
    for name, value in commands.items():
        rig.server.on_operate(f"DG750DER/GGIO2.{name}")(got.append)
        await ied.control(f"DG750DER/GGIO2.{name}").operate(value)
    assert [command.value for command in got] == [True, True, 3, 2, LOWER, 4, 1.0, HIGHER]
    status = await ied.control("DG750DER/GGIO2.Isc").status()
    assert status.value == {"posVal": 4, "transInd": False}


# --- behaviour --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("test", [False, True], ids=["real", "test"])
@pytest.mark.parametrize("behaviour", BEHAVIOUR.ordinals)
async def test_what_a_behaviour_lets_through(rig: Rig, behaviour: str, test: bool) -> None:
    """Commands where the node works, tests where it is under test; the mode itself is commanded whatever it is."""
    association = await rig.associate()
    got: list[Command] = []
    for name in ("Spc", "Mod"):
        rig.server.on_operate(f"DG750DER/GGIO2.{name}")(got.append)
    rig.server.update("DG750DER/GGIO2.Beh", behaviour)
    allowed = behaviour in ("test", "test/blocked") if test else behaviour == "on"
    for name, value, goes in (("Spc", True, allowed), ("Mod", 1, allowed or not test)):
        request = Operate(ref(f"GGIO2.{name}"), value, test=test)
        if goes:
            await association.call(request)
            assert (got[-1].reference, got[-1].test) == (request.control, test)
            assert got[-1].blocked is (behaviour == "test/blocked")
        else:
            with pytest.raises(ServiceRefused) as refused:
                await association.call(request)
            assert refused.value.add_cause is AddCause.BLOCKED_BY_MODE
    assert len(got) == allowed + (allowed or not test)


# --- edition 1 --------------------------------------------------------------------------------------------------------


async def test_times_as_edition_1_has_them(rig: Rig) -> None:
    """T and operTm are EntryTime there; the application gets a time as ever."""
    association = await rig.associate()
    got: list[Command] = []
    ended: list[Notification] = []
    association.on_notification(ended.append)
    rig.server.on_operate("DG750DER/GGIO2.Old")(got.append)
    sent, later = Timestamp.of(START), Timestamp.of(START + timedelta(seconds=30))
    await association.call(Operate(ref("GGIO2.Old"), True, time=sent))
    assert (got[0].time, got[0].at) == (sent, None)
    request = Operate(ref("GGIO2.Old"), False, number=2, time=sent, at=later)
    await association.call(request)
    await rig.advance(30)
    await until(lambda: bool(ended))
    assert (got[1].time, got[1].at, got[1].value) == (sent, later, False)
    assert ended == [TimeActivatedOperateTermination(request)]


async def test_a_command_of_edition_1_as_data(rig: Rig) -> None:
    association = await rig.associate()
    got: list[Command] = []
    rig.server.on_operate("DG750DER/GGIO2.Old")(got.append)
    target = ref("GGIO2.Old.Oper", "CO")
    stamp = EntryTime.of(START)
    whole: list[DataValue] = [True, EntryTime(), [3, b"old"], 4, stamp, False, BitString(0, 2)]
    assert await association.call(SetDataValues(((target, whole),))) == (ServiceError.NO_ERROR,)
    assert (got[0].time.datetime, got[0].at, got[0].number) == (START, None, 4)
    await association.call(Operate(ref("GGIO2.Old"), False))
    assert (got[1].time, got[1].at) == (Timestamp(), None), "no time stays none"
