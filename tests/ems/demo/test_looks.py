"""When devices look at their machines."""

from __future__ import annotations

from datetime import timedelta

from janusgrid.ems.demo.looks import Looks, SiteClock
from janusgrid.ems.demo.stepping import SteppingClock

from ..plants import at

LOOKS = Looks(at("08:00"), (at("08:30"),))
SECOND = timedelta(seconds=1)


def test_they_look_every_ten_seconds_and_after_a_fault_every_second() -> None:
    assert LOOKS.after(at("08:00")) == at("08:00") + 10 * SECOND
    assert LOOKS.seconds(at("08:10") + 3 * SECOND) == 7
    assert LOOKS.after(at("08:30") - SECOND) == at("08:30")
    assert LOOKS.after(at("08:30")) == at("08:30") + SECOND
    assert LOOKS.seconds(at("08:35") - SECOND) == 1
    assert LOOKS.seconds(at("08:35")) == 10


def test_the_site_wakes_with_them_and_not_before() -> None:
    clock = SteppingClock(at("08:29"))
    site = SiteClock(clock, LOOKS)

    async def play() -> list[float]:
        clock.go()
        woken = []
        for seconds in (1, 1, 45, 0, 1, 1):
            await site.sleep(seconds)
            woken.append((site.now() - at("08:29")).total_seconds())
        return woken

    assert clock.run(play()) == [10, 20, 65, 65, 66, 67]
