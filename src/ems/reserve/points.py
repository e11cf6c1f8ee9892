"""Points of the application: those that it reads, and its own, which reports and an operator's server take from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from ...common.data.point import Kind, Point, ValueType
from ...common.data.unit import unit
from ..picture import WORKING, Picture
from .parameters import Fleet, Service
from .phases import Stage
from .seen import Look, Seen

BASELINE, TARGET, DEVIATION, DEVIATION_MEAN = (
    "site.baseline.p",
    "site.target.p",
    "site.deviation.p",
    "site.deviation.mean",
)
GENERATION, LOAD, REQUIRED = "site.generation.p", "site.load.p", "site.required.p"
STORED, AVAILABLE = "site.storage.e", "site.available.p"
EVENT, STAGE, SERVICE = "site.event.id", "site.event.stage", "site.event.service"
RATE, MINUTE_RATE, INDEX = "site.event.rate", "site.event.minute_rate", "site.event.index"


def online(device: str) -> str:
    """Return the name of the point that says whether a device is in order: False once its failure is confirmed."""
    return f"der.{device}.online"


def own(fleet: Fleet, services: Iterable[Service]) -> list[Point]:
    """Return the application's own points. Power in kW, energy in kWh, rates in per cent of the contract."""

    def power(name: str, text: str) -> Point:
        return Point(name, Kind.MEASUREMENT, unit=unit("kW"), description=text)

    def word(name: str, literals: tuple[str, ...], text: str) -> Point:
        return Point(name, Kind.STATUS, ValueType.ENUM, literals=literals, description=text)

    stages = tuple(stage.name.lower() for stage in Stage)
    return [
        power(BASELINE, "Import that the reduction counts from"),
        power(TARGET, "Import aimed at in the sustained period"),
        power(DEVIATION, "Import below the baseline, now"),
        power(DEVIATION_MEAN, "Import below the baseline, mean of the last whole minute of the sustained period"),
        power(GENERATION, "Generators and storage together; charging counts against it"),
        power(LOAD, "Load of the site: import, photovoltaic output and generation"),
        power(REQUIRED, "Generation that meets the contract"),
        power(AVAILABLE, "Ratings of what can be dispatched"),
        Point(STORED, Kind.MEASUREMENT, unit=unit("kWh"), description="Energy that storage can still deliver"),
        Point(EVENT, Kind.STATUS, ValueType.TEXT, description="The event that is followed, or the last one"),
        word(STAGE, stages, "Where its course stands"),
        word(SERVICE, ("none", *(service.name for service in services)), "The service that it asks for"),
        Point(RATE, Kind.MEASUREMENT, unit=unit("%"), description="Average execution rate of the minutes so far"),
        Point(MINUTE_RATE, Kind.MEASUREMENT, unit=unit("%"), description="Execution rate of the last whole minute"),
        Point(INDEX, Kind.MEASUREMENT, unit=unit("1"), description="Quality index by the minutes so far"),
        *(
            Point(online(name), Kind.STATUS, ValueType.BOOL, description=f"Whether {name} is in order")
            for name in fleet.names
        ),
    ]


BROKEN = frozenset({"failed", "emergency_stopping"})
"""The states (DERStateKind) of a device that says itself that it has failed."""


class Eyes:
    """Which points tell of the site, and what they say.

    `there` are the points that there are: a device without a state or a health is taken to be in order as long as its
    power is known.
    """

    def __init__(self, fleet: Fleet, meter: str, pv: str | None, there: Collection[str]) -> None:
        self._names = fleet.names
        self._meter = meter
        self._pv = pv if pv in there else None
        self._stores = {store.name for store in fleet.stores}
        self._there = frozenset(there)
        meters = [meter, *([self._pv] if self._pv else [])]
        self.quick = [*meters, *self._of("p", "soc")]
        """What changes all the time."""
        self.names = [*self.quick, *self._of("state", "health")]
        """All of them."""

    def _of(self, *whats: str) -> list[str]:
        names = (f"der.{name}.{what}" for name in self._names for what in whats)
        return [name for name in names if name in self._there]

    def see(self, picture: Picture, now: datetime) -> Seen:
        """Return what is known now."""
        return Seen(picture.number(self._meter, now), {name: self._look(name, picture, now) for name in self._names})

    def pv_kw(self, picture: Picture, now: datetime) -> float | None:
        """Return the photovoltaic output, if there is a point for it and it is known."""
        return picture.number(self._pv, now) if self._pv else None

    def _look(self, name: str, picture: Picture, now: datetime) -> Look:
        power = picture.number(f"der.{name}.p", now)
        if power is None:
            return Look(lost=True)
        state, health = picture.value(f"der.{name}.state", now), picture.value(f"der.{name}.health", now)
        soc = picture.number(f"der.{name}.soc", now) if name in self._stores else None
        alarm = (health is not None and health.value == "alarm") or (state is not None and state.value in BROKEN)
        works = state.value in WORKING if state is not None else f"der.{name}.state" not in self._there
        ready = works and (soc is not None or name not in self._stores)
        return Look(power, None if soc is None else soc / 100, ready, alarm)
