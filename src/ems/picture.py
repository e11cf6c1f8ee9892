"""What the site knows of its devices now: the latest value of each watched point, with its age."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ..common.data.access import Change
from ..common.data.newest import stale
from ..common.data.value import Value
from .dispatch import Condition, Resource

WORKING = frozenset({"available", "starting", "authorized", "synchronizing", "running", "stopping"})
"""The states (DERStateKind) in which a device can be dispatched."""


def points_of(resource: Resource) -> list[str]:
    """Return the points that tell the condition of a device."""
    parts = ("p", resource.state, "soc" if resource.storage is not None else "")
    return [f"der.{resource.name}.{part}" for part in parts if part]


class Picture:
    """The latest values. One that is not good, or older than `stale_after`, counts as unknown."""

    def __init__(self, *, stale_after: timedelta) -> None:
        self._stale_after = stale_after
        self._values: dict[str, tuple[datetime, Value]] = {}

    def put(self, change: Change, now: datetime) -> None:
        """Take a change that came in at `now`."""
        self._values[change.name] = (now, change.value)

    def latest(self, name: str, now: datetime) -> Value | None:
        """Return the latest value with its quality, marked stale if it is too old; None if there never was one."""
        came, value = self._values.get(name, (now, None))
        if value is None or value.value is None:
            return None
        return stale(value) if now - came > self._stale_after else value

    def value(self, name: str, now: datetime) -> Value | None:
        """Return the latest value if it may be used, else None."""
        came, value = self._values.get(name, (now, None))
        if value is None or value.value is None or not value.quality.good or now - came > self._stale_after:
            return None
        return value

    def number(self, name: str, now: datetime) -> float | None:
        """Return the latest value as a number, None if it may not be used."""
        value = self.value(name, now)
        return None if value is None else value.number

    def condition(self, resource: Resource, now: datetime) -> Condition:
        """Return the condition of a device: available if its power is known, its state is a working one (or true),
        and, for storage, its charge is known."""
        power = self.number(f"der.{resource.name}.p", now)
        working = self._is_working(resource, now)
        soc = self.number(f"der.{resource.name}.soc", now) if resource.storage is not None else None
        known = power is not None and (soc is not None or resource.storage is None)
        return Condition(power_kw=power, available=known and working, soc=None if soc is None else soc / 100)

    def _is_working(self, resource: Resource, now: datetime) -> bool:
        if not resource.state:
            return True
        state = self.value(f"der.{resource.name}.{resource.state}", now)
        return state is not None and (state.value is True or state.value in WORKING)

    def conditions(self, resources: Iterable[Resource], now: datetime) -> dict[str, Condition]:
        """Return the condition of each device."""
        return {resource.name: self.condition(resource, now) for resource in resources}
