"""What holds of directory, read and history, of names, kinds and limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from datetime import UTC, timedelta
from typing import Any

from ...errors import LocalError, Refused, TypeConflict, UnknownName
from ..access import Entry
from ..point import OPERABLE, WRITABLE, Point
from ..services import NotOffered
from ..value import GOOD, Detail, Quality, Validity
from .rig import COMMANDING, NOBODY, Rig, S, calls, raises


class Asking:
    """What holds of directory, read and history, of names, kinds and limits."""

    # --- directory and read -----------------------------------------------------------------------------------------

    async def test_the_directory_has_each_point_once_and_sorted(self, rig: Rig) -> None:
        points = await rig.access.directory()
        names = [point.name for point in points]
        assert names == sorted(set(names))
        assert {rig.number, rig.second} <= set(names)
        assert all(isinstance(point, Point) for point in points)
        if rig.setpoint is not None:
            point = await rig.point(rig.setpoint)
            assert point.kind in OPERABLE
            assert point.low is not None
            assert point.high is not None
        if rig.setting is not None:
            assert (await rig.point(rig.setting)).kind in WRITABLE

    async def test_every_point_has_a_value_or_says_that_it_has_none(self, rig: Rig) -> None:
        points = {point.name: point for point in await rig.access.directory()}
        values = await rig.access.read(points)
        assert list(values) == list(points)
        for name, value in values.items():
            assert value.origin
            assert value.value is not None or value.quality.validity is Validity.INVALID
            assert value.time is None or value.time.utcoffset() == timedelta()
            if points[name].literals and value.value is not None:
                assert value.value in points[name].literals

    async def test_a_read_answers_in_the_order_asked(self, rig: Rig) -> None:
        for names in ([rig.number, rig.second], [rig.second, rig.number], [rig.number, rig.number], []):
            assert list(await rig.access.read(names)) == list(dict.fromkeys(names))
        assert list(await rig.access.read(iter([rig.second, rig.number]))) == [rig.second, rig.number]

    async def test_a_read_brings_what_the_source_has(self, rig: Rig) -> None:
        for value in rig.values[:3]:
            await rig.show(rig.number, value)
            found = await rig.comes(rig.number, value)
            assert isinstance(found.value, float)
            assert found.quality.good

    async def test_quality_comes_along(self, rig: Rig) -> None:
        if not rig.shows_quality:
            await rig.show(rig.number, rig.values[0])
            assert (await rig.comes(rig.number, rig.values[0])).quality == GOOD
            return
        doubtful = Quality(Validity.QUESTIONABLE, Detail.INACCURATE)
        by_hand = Quality(Validity.GOOD, Detail.SUBSTITUTED)
        for value, quality in zip(rig.values, (doubtful, by_hand, GOOD), strict=False):
            await rig.show(rig.number, value, quality)
            assert (await rig.comes(rig.number, value)).quality == quality

    async def test_the_sources_time_comes_along(self, rig: Rig) -> None:
        begin = await rig.now()
        await rig.pass_time(rig.step)
        given = begin + timedelta(seconds=3) if rig.shows_time else None
        await rig.show(rig.number, rig.values[1], time=given)
        found = await rig.comes(rig.number, rig.values[1])
        if given is not None:
            assert found.time == given
        assert found.time is None or found.time.tzinfo is UTC

    # --- names, kinds, types, limits --------------------------------------------------------------------------------

    async def test_a_name_that_there_is_not_is_told_so_by_every_service(self, rig: Rig) -> None:
        for service, call in calls(rig, NOBODY).items():
            with raises(UnknownName, NOBODY):
                await call()
                raise AssertionError(f"{service} knows {NOBODY}")
        with raises(UnknownName, NOBODY):
            await rig.access.read([rig.number, NOBODY])
        with raises(UnknownName, NOBODY):
            await anext(rig.access.watch([rig.number, NOBODY]))
        if rig.setting is not None:
            with raises(UnknownName, NOBODY):
                await rig.access.write({rig.setting: rig.values[0], NOBODY: 1.0})
        assert await rig.carried_out() == []

    async def test_what_is_not_offered_is_refused_as_agreed(self, rig: Rig) -> None:
        services = rig.access.services
        assert {S.DIRECTORY, S.READ, S.WATCH, S.AVAILABLE} <= services.keys()
        assert all(services.values()), "each says what it is done by"
        for service, call in calls(rig, rig.number).items():
            if service in services or (service in (S.OPERATE_LATER, S.OPERATE_TEST) and S.OPERATE in services):
                continue
            with raises(NotOffered, rig.number) as caught:
                await call()
            assert caught[0].code == "not-offered"
        assert await rig.carried_out() == []

    async def test_what_the_set_point_has_not_is_refused_as_agreed(self, rig: Rig) -> None:
        if rig.setpoint is None:
            assert not rig.offers(S.OPERATE)
            return
        has = {
            S.OPERATE_LATER: rig.takes_later,
            S.SCHEDULE: rig.takes_schedules,
            S.SELECT: rig.selects,
        }
        for service, call in calls(rig, rig.setpoint).items():
            if rig.offers(service) and has.get(service, True):
                continue
            expected = NotOffered if service is not S.WRITE or not rig.offers(S.WRITE) else TypeConflict
            with raises(expected, rig.setpoint):
                await call()
        assert await rig.carried_out() == []

    async def test_what_is_only_measured_takes_no_command(self, rig: Rig) -> None:
        points = await rig.access.directory()
        for point in [point for point in points if point.kind not in OPERABLE | WRITABLE][:3]:
            for service in COMMANDING:
                expected = TypeConflict if rig.offers(service) else NotOffered
                with raises(expected, point.name):
                    await calls(rig, point.name)[service]()
        for point in [point for point in points if point.kind not in WRITABLE][:3]:
            with raises(TypeConflict if rig.offers(S.WRITE) else NotOffered, point.name):
                await rig.access.write({point.name: rig.values[0]})
        assert await rig.carried_out() == []

    async def test_what_does_not_fit_is_not_sent(self, rig: Rig) -> None:
        bad: tuple[Any, ...] = (True, "1", math.nan, math.inf, -math.inf, None, [1.0])
        for name, give in self._givers(rig):
            point = await rig.point(name)
            assert point.low is not None
            assert point.high is not None
            for value in (*bad, point.low - 1, point.high + 1):
                with raises(TypeConflict, name):
                    await give(value)
        assert await rig.carried_out() == []

    def _givers(self, rig: Rig) -> list[tuple[str, Callable[[Any], Coroutine[Any, Any, None]]]]:
        found: list[tuple[str, Callable[[Any], Coroutine[Any, Any, None]]]] = []
        if (setpoint := rig.setpoint) is not None:
            found.append((setpoint, lambda value: rig.access.operate(setpoint, value)))
            if rig.offers(S.SCHEDULE) and rig.takes_schedules:
                begin = rig.clock.now() + timedelta(seconds=rig.step)
                end = begin + timedelta(seconds=rig.step)
                found.append((setpoint, lambda value: rig.access.schedule(setpoint, [Entry(begin, value)], end=end)))
        if (setting := rig.setting) is not None:
            found.append((setting, lambda value: rig.access.write({setting: value})))
        return found

    async def test_of_several_settings_none_is_sent_if_one_does_not_fit(self, rig: Rig) -> None:
        if rig.setting is None:
            with raises(TypeConflict if rig.offers(S.WRITE) else NotOffered):
                await rig.access.write({rig.number: 1.0})
            return
        bad = {rig.setting: rig.values[0], rig.number: rig.values[0]}
        with raises(TypeConflict):
            await rig.access.write(bad)
        assert await rig.carried_out() == []

    async def test_a_time_has_a_zone(self, rig: Rig) -> None:
        naive = rig.clock.now().replace(tzinfo=None) + timedelta(seconds=rig.step)
        later = naive + timedelta(seconds=rig.step)
        if rig.setpoint is not None and rig.offers(S.OPERATE_LATER) and rig.takes_later:
            with raises(LocalError, rig.setpoint):
                await rig.access.operate(rig.setpoint, rig.values[0], at=naive)
        if rig.setpoint is not None and rig.offers(S.SCHEDULE) and rig.takes_schedules:
            with raises(LocalError, rig.setpoint):
                await rig.access.schedule(rig.setpoint, [Entry(naive, rig.values[0])], end=later)
        with raises(LocalError if rig.offers(S.HISTORY) else NotOffered, rig.number):
            await rig.access.history(rig.number, naive, later)

    # --- history ----------------------------------------------------------------------------------------------------

    async def test_history_is_what_was(self, rig: Rig) -> None:
        begin = await rig.now()
        if not (rig.offers(S.HISTORY) and rig.keeps_history):
            with raises(Refused, rig.number):
                await rig.access.history(rig.number, begin, begin + timedelta(seconds=1))
            return
        for value in rig.values[:3]:
            await rig.pass_time(6 * rig.step)
            await rig.show(rig.number, value)
        await rig.pass_time(12 * rig.step)
        end = await rig.now()
        found = await rig.access.history(rig.number, begin + timedelta(seconds=1), end)
        shown = [value.value for value in found]
        assert [v for n, v in enumerate(shown) if v in rig.values and v not in shown[:n]] == list(rig.values[:3])
        times = [value.time for value in found if value.time is not None]
        assert len(times) == len(found)
        assert times == sorted(times)
        assert all(begin <= each < end and each.tzinfo is UTC for each in times)
        assert list(await rig.access.history(rig.number, end, begin)) == []
