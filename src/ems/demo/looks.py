"""When devices look at their machines: every ten seconds, and every second in the minutes after a fault."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from ...common.clock import Clock

LOOK_S, QUICK_S, QUICK_FOR = 10.0, 1.0, timedelta(minutes=5)
"""Seconds between two looks; between two looks while a machine may be fading, and for how long that is."""


@attrs.frozen(slots=True)
class Looks:
    """The instants at which devices look at their machines, counted from `start`; `faults` is when machines fail."""

    start: datetime
    faults: tuple[datetime, ...] = ()

    def after(self, now: datetime) -> datetime:
        """Return the next of them after `now`."""
        quick = any(when <= now < when + QUICK_FOR for when in self.faults)
        step = timedelta(seconds=QUICK_S if quick else LOOK_S)
        return self.start + ((now - self.start) // step + 1) * step

    def seconds(self, now: datetime) -> float:
        """Return the seconds until then."""
        return (self.after(now) - now).total_seconds()


class SiteClock:
    """The clock of the site's application, which wakes when devices have looked: before that there is nothing new."""

    def __init__(self, clock: Clock, looks: Looks) -> None:
        self._clock = clock
        self._looks = looks

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self._clock.now() + timedelta(seconds=seconds))

    async def sleep_until(self, when: datetime) -> None:
        now = self._clock.now()
        await self._clock.sleep_until(when if when <= now else max(when, self._looks.after(now)))
