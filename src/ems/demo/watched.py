"""What an operator sees of a site through its mirror, point by point, by nothing but the reports that it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ...common.clock import Clock
from ...common.data.point import Kind
from ...common.data.tables import Binding
from ...common.data.value import Scalar
from ...iec61850.access.objects import attribute, data_object, quality
from ...iec61850.acsi.types import Quality
from ...iec61850.client import Update
from ..delivery import Sample

HOUR = timedelta(hours=1)


class Watched:
    """The operator's book.

    Args:
        bindings: the points of the mirror, with their places.
        clock: of the demonstration.
        told: called with a state that is another than before, and the point that it is of.

    Attributes:
        reports: how many came.
        states: the course of each state, with when the operator was told.
        power: the course of that of each device, in kW.
    """

    def __init__(
        self, bindings: Iterable[Binding], clock: Clock, told: Callable[[str, Scalar], None] = lambda name, value: None
    ) -> None:
        self._clock, self._told = clock, told
        self._places: dict[str, list[Binding]] = {}
        self._commands: dict[str, str] = {}
        for binding in bindings:
            place = str(data_object(binding).with_fc(None))
            self._places.setdefault(place, []).append(binding)
            if binding.point.kind is Kind.SETPOINT:
                self._commands[binding.point.name] = place
        self.reports = 0
        self.states: dict[str, list[tuple[datetime, Scalar]]] = {}
        self.power: dict[str, list[Sample]] = {}

    def place(self, point: str) -> str:
        """Return the data object by which a set-point is commanded."""
        return self._commands[point]

    def hear(self, update: Update) -> None:
        """Take a report."""
        self.reports += 1
        for place, value in update.values.items():
            if isinstance(value, Mapping) and isinstance(bits := value.get("q"), Quality) and quality(bits).good:
                for binding in self._places.get(place, ()):
                    self._take(binding, _part(value, attribute(binding).path[1:]))

    def _take(self, binding: Binding, wire: Any) -> None:
        name = binding.point.name
        if wire is None:
            return
        now = self._clock.now()
        value = binding.from_wire(wire)
        if binding.point.kind is Kind.STATUS:
            course = self.states.setdefault(name, [])
            if not course or course[-1][1] != value:
                course.append((now, value))
                self._told(name, value)
        elif name.endswith(".p"):
            self.power.setdefault(name, []).append(Sample(now, float(value)))

    def energy_kwh(self, point: str, begin: datetime, end: datetime) -> float | None:
        """Return the energy of a time by the reports of a power; None if it was not known at the beginning.

        A power is what it was last reported to be: what has not changed is not reported.
        """
        course = self.power.get(point, [])
        if not course or course[0].time > begin:
            return None
        ends = [*(sample.time for sample in course[1:]), end]
        held = (
            (sample.kw, max(sample.time, begin), min(until, end)) for sample, until in zip(course, ends, strict=True)
        )
        return sum(kw * ((until - since) / HOUR) for kw, since, until in held if since < until)


def _part(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value
