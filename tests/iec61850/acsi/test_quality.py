"""Quality and time of what the process gives: every bit arrives, and the behaviour of a node marks it; every way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from janusgrid.common.errors import TypeConflict
from janusgrid.iec61850.acsi.services import GetDataValues
from janusgrid.iec61850.acsi.types import DataValue, Quality, Timestamp

from tests.iec61850.plant import ref
from tests.iec61850.wires import START, Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

HZ, Q, T = "DG750DER/MMXU1.Hz", ref("MMXU1.Hz.q", "MX"), ref("MMXU1.Hz.t", "MX")


async def test_every_quality_with_a_meaning(rig: Rig) -> None:
    association = await rig.associate()
    for quality in (
        *(Quality.of(validity, flag) for validity in (Quality.INVALID, Quality.QUESTIONABLE) for flag in range(2, 13)),
        *(Quality.of(Quality.GOOD, flag) for flag in (10, 11, 12)),
        Quality.of(Quality.INVALID, *range(2, 13)),
        Quality(),
    ):
        rig.server.update(HZ, 50.0, quality=quality)
        assert await association.call(GetDataValues((Q,))) == (quality,)


async def test_a_quality_that_contradicts_itself_is_not_taken(rig: Rig) -> None:
    association = await rig.associate()
    for quality in (*(Quality.of(Quality.GOOD, flag) for flag in range(2, 10)), Quality.of(Quality.RESERVED)):
        with pytest.raises(TypeConflict):
            rig.server.update(HZ, 49.0, quality=quality)
        assert quality.sound == Quality(quality.bits | 0b11 << 11)
        assert quality.sound.sound == quality.sound
    assert await association.call(GetDataValues((Q,))) == (Quality(),)
    assert rig.server.read(HZ) == {"f": 50.0}


@pytest.mark.parametrize(
    ("behaviour", "given", "told"),
    [
        ("on", Quality(), Quality()),
        ("blocked", Quality(), Quality()),
        ("test", Quality(), Quality.of(0, 11)),
        ("test", Quality.of(Quality.QUESTIONABLE, 7), Quality.of(Quality.QUESTIONABLE, 7, 11)),
        ("test/blocked", Quality(), Quality.of(0, 11)),
        ("off", Quality(), Quality.of(Quality.INVALID)),
        ("off", Quality.of(Quality.QUESTIONABLE, 7), Quality.of(Quality.INVALID, 7)),
    ],
)
async def test_the_behaviour_of_the_node_marks_it(rig: Rig, behaviour: str, given: Quality, told: Quality) -> None:
    association = await rig.associate()
    rig.server.update("DG750DER/MMXU1.Beh", behaviour)
    rig.server.update(HZ, 50.0, quality=given)
    wanted = (Q, ref("MMXU1.Beh.q", "ST"), ref("MMXU1.TotW.q", "MX"))
    assert (await association.call(GetDataValues(wanted)))[:2] == (told, Quality()), "Beh itself is to be trusted"


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("failure", [True, False])
@pytest.mark.parametrize("drifting", [True, False])
async def test_every_bit_of_a_time(rig: Rig, known: bool, failure: bool, drifting: bool) -> None:
    association = await rig.associate()
    for accuracy in (0, 7, 24, 31):
        when = Timestamp.of(
            START + timedelta(microseconds=123_456), leap_seconds_known=known, clock_failure=failure,
            clock_not_synchronized=drifting, accuracy=accuracy,
        )  # fmt: skip
        rig.server.update(HZ, 50.0, time=when)
        found: tuple[DataValue, ...] = await association.call(GetDataValues((T,)))  # type: ignore[assignment]
        assert found == (when,)
