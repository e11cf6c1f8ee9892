"""What holds of watches, and of a source that goes and comes."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from datetime import UTC, timedelta

from ...errors import LocalError, RemoteError
from ..value import Detail, Quality, Validity
from .rig import Rig, Watching, raises, watching


def _running() -> Counter[str]:
    """Return what runs in the background, and how often."""
    return Counter(task.get_coro().__qualname__ for task in asyncio.all_tasks())  # type: ignore[union-attr]


class Following:
    """What holds of watches, and of a source that goes and comes."""

    # --- watch ------------------------------------------------------------------------------------------------------

    async def test_a_watch_tells_first_what_is_and_then_what_becomes(self, rig: Rig) -> None:
        await rig.show(rig.number, rig.values[0])
        async with watching(rig, rig.number, rig.second) as watch:
            firsts = {change.name: change.reason for change in reversed(watch.changes)}
            assert firsts == {rig.number: "initial", rig.second: "initial"}
            for value in rig.values[1:4]:
                await rig.show(rig.number, value)
                change = await watch.value(rig.number, value)
                assert change.reason == "change"
                assert change.value.time is None or change.value.time.tzinfo is UTC
            assert [change.reason for change in watch.changes].count("initial") == 2

    async def test_a_watch_tells_of_its_points_alone(self, rig: Rig) -> None:
        async with watching(rig, rig.second) as watch, watching(rig, rig.number, rig.second) as both:
            await rig.show(rig.number, rig.values[2])
            await both.value(rig.number, rig.values[2])
            await rig.show(rig.second, rig.others[1])
            await watch.value(rig.second, rig.others[1])
            assert {change.name for change in watch.changes} == {rig.second}

    async def test_changes_come_in_their_order(self, rig: Rig) -> None:
        async with watching(rig, rig.number, rig.second) as watch:
            for value, other in zip(rig.values, rig.others, strict=False):
                await rig.show(rig.number, value)
                await watch.value(rig.number, value)
                await rig.show(rig.second, other)
                await watch.value(rig.second, other)
            numbers = [value for value in watch.told(rig.number)[1:] if value is not None]
            assert numbers[-3:] == list(rig.values[:3])

    async def test_what_stays_is_not_told_again(self, rig: Rig) -> None:
        await rig.show(rig.number, rig.values[0])
        await rig.comes(rig.number, rig.values[0])
        async with watching(rig, rig.number, rig.second) as watch:
            await watch.value(rig.number, rig.values[0])
            before = len(watch.told(rig.number))
            await rig.show(rig.number, rig.values[0])
            await rig.pass_time(2 * rig.step)
            await self._sentinel(rig, watch)
            assert len(watch.told(rig.number)) == before

    async def _sentinel(self, rig: Rig, watch: Watching) -> None:
        """Return when all that was shown before is surely told."""
        present = watch.told(rig.second)[-1]
        value = next(other for other in rig.others if other != present)
        await rig.show(rig.second, value)
        await watch.value(rig.second, value)

    async def test_small_changes_stay_untold_within_a_dead_band(self, rig: Rig) -> None:
        first, _, last, *_ = rig.values
        await rig.show(rig.number, first)
        await rig.comes(rig.number, first)
        async with watching(rig, rig.number, rig.second, deadband=0.5) as watch:
            await watch.value(rig.number, first)
            for value in (first + 0.25, first + 0.5, first):
                await rig.show(rig.number, value)
                await self._sentinel(rig, watch)
            assert rig.lapses or set(watch.told(rig.number)) <= {first, None}
            await rig.show(rig.number, last)
            assert (await watch.value(rig.number, last)).reason == "change"

    async def test_a_change_of_quality_is_told_whatever_the_dead_band(self, rig: Rig) -> None:
        if not rig.shows_quality:
            return
        await rig.show(rig.number, rig.values[0])
        await rig.comes(rig.number, rig.values[0])
        async with watching(rig, rig.number, deadband=1000.0) as watch:
            await watch.value(rig.number, rig.values[0])
            doubtful = Quality(Validity.QUESTIONABLE, Detail.INACCURATE)
            await rig.show(rig.number, rig.values[0], doubtful)
            change = await watch.next(rig.number, lambda change: not change.value.quality.good)
            assert (change.reason, change.value.quality) == ("quality", doubtful)

    async def test_every_period_all_is_told_again(self, rig: Rig) -> None:
        await rig.show(rig.number, rig.values[0])
        await rig.comes(rig.number, rig.values[0])
        async with watching(rig, rig.number, period=rig.step, deadband=1000.0) as watch:
            await watch.value(rig.number, rig.values[0])
            for _ in range(3):
                await rig.pass_time(rig.step)
                change = await watch.next(rig.number)
                assert (change.reason, change.value.value) == ("periodic", rig.values[0]), change

    async def test_an_infinite_dead_band_leaves_the_period_alone(self, rig: Rig) -> None:
        await rig.show(rig.number, rig.values[0])
        await rig.comes(rig.number, rig.values[0])
        async with watching(rig, rig.number, period=rig.step, deadband=math.inf) as watch:
            await watch.value(rig.number, rig.values[0])
            await rig.show(rig.number, rig.values[3])
            await rig.pass_time(2 * rig.step)
            assert (await watch.value(rig.number, rig.values[3])).reason == "periodic"

    async def test_a_period_and_a_dead_band_are_numbers_that_make_sense(self, rig: Rig) -> None:
        for options in ({"period": 0.0}, {"period": -1.0}, {"deadband": -1.0}, {"deadband": math.nan}):
            with raises(LocalError):
                await anext(rig.access.watch([rig.number], **options))

    async def test_who_is_slow_is_told_the_newest(self, rig: Rig) -> None:
        await rig.show(rig.number, rig.values[0])
        await rig.comes(rig.number, rig.values[0])
        changes = rig.access.watch([rig.number])
        found = (await anext(changes)).value.value
        for number in range(rig.volley):
            await rig.show(rig.number, rig.values[number % 3])
        await rig.show(rig.number, rig.values[4])
        await rig.comes(rig.number, rig.values[4])
        await rig.pass_time(rig.step)
        told = 0
        while found != rig.values[4]:
            waiting = asyncio.ensure_future(anext(changes))
            await rig.until(waiting.done)
            found, told = waiting.result().value.value, told + 1
        assert told <= 5, "old values do not pile up"
        await changes.aclose()  # type: ignore[attr-defined]

    async def test_what_comes_late_is_not_told(self, rig: Rig) -> None:
        if not rig.shows_time:
            return
        await rig.pass_time(rig.step)
        now = await rig.now()
        async with watching(rig, rig.number, rig.second) as watch:
            await rig.show(rig.number, rig.values[1], time=now)
            await watch.value(rig.number, rig.values[1])
            await rig.show(rig.number, rig.values[2], time=now - timedelta(seconds=3))
            await self._sentinel(rig, watch)
            assert watch.told(rig.number)[-1] == rig.values[1]
            await rig.show(rig.number, rig.values[3], time=now + timedelta(seconds=1))
            await watch.value(rig.number, rig.values[3])

    async def test_many_at_once_do_not_disturb_one_another(self, rig: Rig) -> None:
        await rig.show(rig.number, rig.values[0])
        await rig.comes(rig.number, rig.values[0])
        watches = [Watching(rig, rig.number) for _ in range(5)]
        reads = await asyncio.gather(*(rig.access.read([rig.number, rig.second]) for _ in range(20)))
        assert {read[rig.number].value for read in reads} == {rig.values[0]}
        for watch in watches:
            await watch.value(rig.number, rig.values[0])
        await watches.pop().stop()
        await rig.show(rig.number, rig.values[1])
        for watch in watches:
            await watch.value(rig.number, rig.values[1])
            await watch.stop()

    async def test_a_watch_that_is_left_leaves_nothing_behind(self, rig: Rig) -> None:
        async with watching(rig, rig.number):
            pass
        await rig.pass_time(rig.step)
        before = _running()
        for _ in range(3):
            async with watching(rig, rig.number, rig.second, period=rig.step):
                pass
        try:
            await rig.until(lambda: not _running() - before)
        except AssertionError:
            raise AssertionError(f"still running: {_running() - before}") from None

    # --- the source goes and comes ----------------------------------------------------------------------------------

    async def test_a_loss_is_told_and_so_is_the_return(self, rig: Rig) -> None:
        assert await rig.access.available(rig.number)
        if not rig.is_lost:
            return
        await rig.show(rig.number, rig.values[0])
        async with watching(rig, rig.number) as watch:
            await watch.value(rig.number, rig.values[0])
            await rig.lose()
            lost = await watch.next(rig.number, lambda change: not change.value.quality.good)
            assert (lost.reason, lost.value.quality.validity) == ("lost", Validity.INVALID)
            assert not await rig.access.available(rig.number)
            assert (await rig.value(rig.number)).quality.validity is Validity.INVALID
            if rig.setpoint is not None:
                for test in (False, True):
                    with raises(RemoteError):
                        await rig.access.operate(rig.setpoint, rig.values[1], test=test)
            await rig.restore()
            await rig.show(rig.number, rig.values[2])
            back = await watch.value(rig.number, rig.values[2])
            assert back.value.quality.good
            assert await rig.access.available(rig.number)
            assert (await rig.comes(rig.number, rig.values[2])).quality.good

    async def test_who_comes_while_the_source_is_away_is_told_when_it_returns(self, rig: Rig) -> None:
        if not rig.is_lost:
            return
        await rig.show(rig.number, rig.values[0])
        await rig.comes(rig.number, rig.values[0])
        await rig.lose()
        watch = Watching(rig, rig.number)
        first = await watch.next(rig.number)
        assert (first.reason, first.value.quality.validity) == ("initial", Validity.INVALID)
        await rig.restore()
        await rig.show(rig.number, rig.values[1])
        assert (await watch.value(rig.number, rig.values[1])).value.quality.good
        await watch.stop()
