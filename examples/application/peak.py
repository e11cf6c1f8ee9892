"""Keeps the import of a site below a limit with its battery. It knows points and time, and no protocol."""

import logging

from janusgrid.common.clock import Clock
from janusgrid.common.data.access import DataAccess
from janusgrid.common.data.memory import MemoryAccess
from janusgrid.common.data.point import Kind, Point
from janusgrid.common.data.unit import unit
from janusgrid.common.errors import JanusGridError
from janusgrid.ems.events import Answer, DispatchEvent, Opt

IMPORT, BATTERY, SETPOINT = "der.PCC.p", "der.ESS500.p", "der.ESS500.p.set"
LIMIT, SHAVED = "site.limit.p", "site.shaved.p"
RATING_KW, EVERY_S = 500.0, 10.0


class PeakShaver:
    """The application. An operator sets its limit; it tells what it takes off the peak."""

    def __init__(self, access: DataAccess, clock: Clock, limit_kw: float) -> None:
        self._access, self._clock = access, clock
        self.points = MemoryAccess(
            [
                Point(LIMIT, Kind.SETTING, unit=unit("kW"), low=0.0, description="The import shall stay below this"),
                Point(SHAVED, Kind.MEASUREMENT, unit=unit("kW"), description="What the battery takes off the import"),
            ],
            clock=clock,
        )
        self.points.put(LIMIT, limit_kw)

    def offer(self, event: DispatchEvent) -> Answer:
        """Stay out of the events of the utility."""
        return Answer(Opt.OUT, "this site keeps to a limit of its own")

    def withdraw(self, event_id: str) -> None:
        """Nothing to withdraw."""

    async def run(self) -> None:
        """Look and act every ten seconds, until cancelled."""
        while True:
            try:
                await self._turn()
            except JanusGridError as error:  # the battery refuses or is not there: try again
                logging.warning("%s", error)
            await self._clock.sleep(EVERY_S)

    async def _turn(self) -> None:
        seen = await self._access.read([IMPORT, BATTERY])
        if not all(value.quality.good for value in seen.values()):
            return  # the battery keeps its set-point
        battery_kw = seen[BATTERY].number
        limit = (await self.points.read([LIMIT]))[LIMIT].number
        excess_kw = seen[IMPORT].number + battery_kw - limit
        await self._access.operate(SETPOINT, min(max(excess_kw, 0.0), RATING_KW))
        self.points.put(SHAVED, battery_kw)
