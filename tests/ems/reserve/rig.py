"""A site under the reserve application whose wires can be cut, for the tests of this room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

import attrs
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.access import Change
from janusgrid.common.data.value import LOST, Scalar, Value
from janusgrid.common.errors import NotReachable, Refused
from janusgrid.ems.events import DispatchEvent
from janusgrid.ems.local import PlantAccess
from janusgrid.ems.reserve.cases import MIDNIGHT, Case, at, case, plant
from janusgrid.ems.reserve.controller import ReserveController
from janusgrid.ems.reserve.local import config
from janusgrid.ems.reserve.parameters import Parameters
from janusgrid.ems.sim.plant import Plant


class Wire(PlantAccess):
    """The plant as it looks through wires: some devices refuse, some are out of reach, the whole may be."""

    def __init__(self, plant: Plant, clock: LockStepClock) -> None:
        super().__init__(plant, clock)
        self.refusing: set[str] = set()
        self.silent: set[str] = set()
        self.down = False
        self.commands: list[tuple[datetime, str, float]] = []

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        if self.down:
            raise NotReachable("nothing is reached")
        found = await super().read(names)
        return {name: Value(None, LOST) if _device(name) in self.silent else value for name, value in found.items()}

    async def operate(self, name: str, value: Scalar, **options: Any) -> None:
        device = _device(name)
        if device in self.silent or self.down:
            raise NotReachable("no answer", where=device)
        if device in self.refusing:
            raise Refused("blocked by a switch at the machine", where=device, code="blocked-by-switching-hierarchy")
        await super().operate(name, value)
        self.commands.append((self._clock.now(), device, float(value)))

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        async for change in super().watch(names, period=period, deadband=deadband):
            silent = _device(change.name) in self.silent
            yield attrs.evolve(change, value=Value(None, LOST)) if silent else change


def _device(name: str) -> str:
    return name.split(".")[1]


@attrs.define
class Rig:
    """A case with its plant, its wires and its application, that moves on by loops of ten seconds."""

    case: Case
    clock: LockStepClock
    plant: Plant
    wire: Wire
    app: ReserveController

    @classmethod
    def of(cls, name: str, *, start: str | None = None, quiet: bool = False, **parameters: Any) -> Rig:
        """Make one of a case; with `quiet`, without its faults. Parameters are the product's, not the reference's."""
        found = case(name)
        changed = attrs.evolve(Parameters(loop_s=10.0), **parameters)
        found = attrs.evolve(found, parameters=changed, faults=() if quiet else found.faults)
        clock = LockStepClock(found.opens if start is None else at(start), settle=0)
        made = plant(found)
        wire = Wire(made, clock)
        return cls(found, clock, made, wire, ReserveController(wire, clock, config(found)))

    @property
    def event(self) -> DispatchEvent:
        return self.case.event

    async def until(self, clock: str, *, loop_s: float = 10.0) -> None:
        """Step on to a clock time, which is the first instant that is not stepped."""
        while self.clock.now() < at(clock):
            await self.app.step()
            await self.clock.advance(loop_s)

    def another(self) -> ReserveController:
        """Return a new application on the same site, as after a restart."""
        self.app = ReserveController(self.wire, self.clock, config(self.case))
        return self.app

    def power(self, device: str) -> float:
        self.plant.advance(self.clock.now())
        return self.plant.device(device).power_kw

    def told(self, what: str) -> list[tuple[str, str]]:
        """Return clock and device of each happening of a kind."""
        return [
            (f"{each.time.astimezone(MIDNIGHT.tzinfo):%H:%M}", each.device)
            for each in self.app.happenings
            if each.what == what
        ]
