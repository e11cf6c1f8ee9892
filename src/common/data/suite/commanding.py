"""What holds of commands, settings and schedules."""

from __future__ import annotations

from datetime import timedelta

from ...errors import LocalError, Refused
from ..access import Entry
from ..services import NotOffered
from .rig import Rig, S, raises


class Commanding:
    """What holds of commands, settings and schedules."""

    # --- commands ---------------------------------------------------------------------------------------------------

    async def test_a_command_reaches_the_source_and_reads_back(self, rig: Rig) -> None:
        if rig.setpoint is None:
            return
        for value in rig.values[:2]:
            await rig.access.operate(rig.setpoint, value)
            await rig.comes(rig.setpoint, value)
        await rig.access.operate(rig.setpoint, int(rig.values[2]))
        await rig.comes(rig.setpoint, rig.values[2])
        assert await rig.carried_out() == list(rig.values[:3])

    async def test_the_limits_themselves_are_allowed(self, rig: Rig) -> None:
        if rig.setpoint is None:
            return
        point = await rig.point(rig.setpoint)
        assert point.high is not None
        await rig.access.operate(rig.setpoint, point.high)
        await rig.comes(rig.setpoint, point.high)

    async def test_a_setting_reaches_the_source_and_reads_back(self, rig: Rig) -> None:
        if rig.setting is None:
            return
        for value in rig.values[:2]:
            await rig.access.write({rig.setting: value})
            await rig.comes(rig.setting, value)
        assert await rig.carried_out() == list(rig.values[:2])

    async def test_a_refusal_of_the_source_is_told_with_its_reason(self, rig: Rig) -> None:
        if rig.setpoint is None or not rig.refuses:
            return
        await rig.access.operate(rig.setpoint, rig.values[0])
        await rig.comes(rig.setpoint, rig.values[0])
        rig.refusing = True
        with raises(Refused) as caught:
            await rig.access.operate(rig.setpoint, rig.values[1])
        assert not isinstance(caught[0], NotOffered)
        rig.refusing = False
        await rig.access.operate(rig.setpoint, rig.values[2])
        await rig.comes(rig.setpoint, rig.values[2])
        assert await rig.carried_out() == [rig.values[0], rig.values[2]]

    async def test_a_command_for_test_is_not_carried_out(self, rig: Rig) -> None:
        if rig.setpoint is None:
            return
        await self._test(rig, rig.setpoint, rig.values[3])
        await rig.access.operate(rig.setpoint, rig.values[0])
        await rig.comes(rig.setpoint, rig.values[0])
        await self._test(rig, rig.setpoint, rig.values[1])
        assert (await rig.value(rig.setpoint)).value == rig.values[0], "it takes the place of nothing"
        await rig.access.operate(rig.setpoint, rig.values[2])
        await rig.comes(rig.setpoint, rig.values[2])
        assert await rig.carried_out() == [rig.values[0], rig.values[2]]

    async def _test(self, rig: Rig, setpoint: str, value: float) -> None:
        if rig.takes_tests:
            await rig.access.operate(setpoint, value, test=True)
        else:
            with raises(Refused):
                await rig.access.operate(setpoint, value, test=True)

    async def test_a_command_for_later_waits_for_its_time(self, rig: Rig) -> None:
        if rig.setpoint is None or not (rig.offers(S.OPERATE_LATER) and rig.takes_later):
            return
        await rig.access.operate(rig.setpoint, rig.values[0], at=await rig.now() + timedelta(seconds=2 * rig.step))
        assert await rig.carried_out() == []
        await rig.pass_time(2 * rig.step)
        await rig.comes(rig.setpoint, rig.values[0])
        assert await rig.carried_out() == [rig.values[0]]

    async def test_what_is_aborted_is_not_carried_out(self, rig: Rig) -> None:
        if rig.setpoint is None:
            return
        with raises(Refused):
            await rig.access.abort(rig.setpoint)
        if not (rig.offers(S.OPERATE_LATER) and rig.takes_later):
            return
        await rig.access.operate(rig.setpoint, rig.values[0], at=await rig.now() + timedelta(seconds=2 * rig.step))
        await rig.access.abort(rig.setpoint)
        await rig.pass_time(3 * rig.step)
        assert await rig.carried_out() == []
        await rig.access.operate(rig.setpoint, rig.values[1])
        await rig.comes(rig.setpoint, rig.values[1])

    async def test_a_selected_point_is_commanded_next(self, rig: Rig) -> None:
        if rig.setpoint is None or not (rig.offers(S.SELECT) and rig.selects):
            return
        await rig.access.select(rig.setpoint, rig.values[0])
        assert await rig.carried_out() == []
        await rig.access.operate(rig.setpoint, rig.values[0])
        await rig.comes(rig.setpoint, rig.values[0])

    async def test_a_schedule_runs_its_course(self, rig: Rig) -> None:
        if rig.setpoint is None or not (rig.offers(S.SCHEDULE) and rig.takes_schedules):
            return
        begin = await rig.now() + timedelta(seconds=2 * rig.step)
        times = [begin + timedelta(seconds=2 * rig.step * number) for number in range(4)]
        course = [Entry(at, value) for at, value in zip(times, rig.values[:3], strict=False)]
        await rig.access.schedule(rig.setpoint, [Entry(times[0], rig.values[3])], end=times[1])
        await rig.access.schedule(rig.setpoint, course, end=times[3])
        for entry in course:
            await rig.pass_time(max(0.0, (entry.start - rig.clock.now()).total_seconds()))
            await rig.comes(rig.setpoint, float(entry.value))
        await rig.pass_time(3 * rig.step)
        found = await rig.carried_out()
        assert found[:3] == list(rig.values[:3]), "the first schedule was replaced by the second"
        assert (await rig.value(rig.setpoint)).value != rig.values[2], "at its end it binds no more"

    async def test_a_schedule_has_entries_in_order_of_time(self, rig: Rig) -> None:
        if rig.setpoint is None or not (rig.offers(S.SCHEDULE) and rig.takes_schedules):
            return
        begin, value = await rig.now() + timedelta(seconds=rig.step), rig.values[0]
        later, end = begin + timedelta(seconds=rig.step), begin + timedelta(seconds=2 * rig.step)
        for entries, until in (
            ([], end),
            ([Entry(later, value), Entry(begin, value)], end),
            ([Entry(begin, value), Entry(begin, value)], end),
            ([Entry(begin, value)], begin),
        ):
            with raises(LocalError, rig.setpoint):
                await rig.access.schedule(rig.setpoint, entries, end=until)
