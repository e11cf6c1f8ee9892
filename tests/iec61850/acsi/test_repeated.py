"""Commands that come again, the same on every way: answered as before, and carried out once."""

from __future__ import annotations

import attrs
import pytest
from janusgrid.iec61850.acsi.errors import AddCause, ServiceRefused
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.services import (
    Cancel,
    CommandTermination,
    Notification,
    Operate,
    Origin,
    OriginCategory,
    Select,
)
from janusgrid.iec61850.acsi.types import Timestamp
from janusgrid.iec61850.engine import Command

from tests.iec61850.plant import ref
from tests.iec61850.wires import START, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHO = Origin(OriginCategory.AUTOMATIC_REMOTE, b"ems")
SETPOINT, ENHANCED, SELECTED, LATER = ref("DWGC1.WSpt"), ref("DWGC1.WEnh"), ref("CSWI1.SwSbo"), ref("CSWI1.SwEnh")
FIRST = Operate(SETPOINT, [400.0], WHO, 5, Timestamp.of(START))


def counted(rig: Rig, *controls: object) -> list[Command]:
    seen: list[Command] = []
    for control in controls:
        rig.server.on_operate(str(control))(seen.append)
    return seen


async def test_a_command_that_comes_again_is_carried_out_once(rig: Rig) -> None:
    seen = counted(rig, SETPOINT)
    association = await rig.associate()
    for _ in range(5):
        await association.call(FIRST)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"number": 6}, {"time": Timestamp.of(START.replace(year=2027))}, {"value": [401.0]},
        {"origin": Origin(OriginCategory.STATION_CONTROL, b"ems")}, {"time": Timestamp(), "number": 0},
    ],
    ids=str,
)  # fmt: skip
async def test_another_command_is_another(rig: Rig, other: dict[str, object]) -> None:
    """One without a time, too, each time it comes: nobody can tell it from the next."""
    seen = counted(rig, SETPOINT)
    association = await rig.associate()
    await association.call(FIRST)
    another = attrs.evolve(FIRST, **other)  # type: ignore[arg-type]
    await association.call(another)
    await association.call(another)
    assert len(seen) == (3 if not another.time.seconds else 2)
    await association.call(FIRST)
    assert len(seen) == (3 if not another.time.seconds else 2), "the first is still known"


async def test_another_client_says_the_same(rig: Rig) -> None:
    seen = counted(rig, SETPOINT)
    for client in range(2):
        await (await rig.associate(client)).call(FIRST)
    assert len(seen) == 2


async def test_a_client_that_comes_back_says_it_again(rig: Rig) -> None:
    seen = counted(rig, SETPOINT)
    first = await rig.associate()
    await first.call(FIRST)
    await first.release()
    await (await rig.associate()).call(FIRST)
    assert len(seen) == 1


async def test_what_failed_fails_again_and_is_not_tried_again(rig: Rig) -> None:
    seen: list[Command] = []

    @rig.server.on_operate(str(SETPOINT))
    def fail(command: Command) -> None:
        seen.append(command)
        command.refuse(AddCause.INVALID_POSITION)

    association = await rig.associate()
    for _ in range(3):
        with pytest.raises(ServiceRefused) as refused:
            await association.call(FIRST)
        assert refused.value.add_cause is AddCause.INVALID_POSITION
    assert len(seen) == 1


async def refusal(association: ClientAssociation, command: Operate) -> AddCause | None:
    with pytest.raises(ServiceRefused) as refused:
        await association.call(command)
    return refused.value.add_cause


async def test_what_was_not_granted_may_be_asked_for_again(rig: Rig) -> None:
    """It was not carried out: a client may select the object and say its command once more, then not again."""
    seen = counted(rig, SELECTED)
    association = await rig.associate()
    command = attrs.evolve(FIRST, control=SELECTED, value=True)
    assert await refusal(association, command) is AddCause.OBJECT_NOT_SELECTED
    await association.call(Select(SELECTED))
    await association.call(command)
    assert await refusal(association, command) is AddCause.OBJECT_NOT_SELECTED
    await association.call(Select(SELECTED))
    await association.call(command)
    assert len(seen) == 1


async def test_the_end_is_told_again(rig: Rig) -> None:
    """With enhanced security a client waits for the end: it hears of the one that there was."""
    seen = counted(rig, ENHANCED)
    association = await rig.associate()
    ends: list[Notification] = []
    association.on_notification(ends.append)
    command = attrs.evolve(FIRST, control=ENHANCED)
    for number in range(1, 4):
        await association.call(command)
        await until(lambda number=number: len(ends) == number)  # type: ignore[misc]
    assert ends == [CommandTermination(command)] * 3
    assert len(seen) == 1


async def test_a_command_for_later_is_taken_once_and_cancelled_for_good(rig: Rig) -> None:
    seen = counted(rig, LATER)
    association = await rig.associate()
    command = Operate(LATER, True, WHO, 7, Timestamp.of(START), at=Timestamp.of(START.replace(second=30)))
    await association.call(command)
    assert await refusal(association, command) is AddCause.COMMAND_ALREADY_IN_EXECUTION
    await association.call(Cancel(command))
    assert await refusal(association, command) is AddCause.ABORTION_BY_CANCEL
    await rig.advance(60)
    assert not seen
