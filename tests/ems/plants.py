"""The microgrid of the recorded morning, for the tests of this room."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from janusgrid.ems.dispatch import Resource, Storage
from janusgrid.ems.sim.fleet import BATTERIES, GENERATORS, fleet
from janusgrid.ems.sim.plant import Plant
from janusgrid.ems.sim.profile import Profile

MORNING = Path(__file__).resolve().parents[2] / "mappings" / "profiles" / "morning.csv"
MIDNIGHT = datetime(2022, 3, 25, tzinfo=timezone(timedelta(hours=8)))

RESOURCES = (
    *(Resource(name=m.name, rating_kw=m.rating_kw) for m in GENERATORS),
    *(Resource(name=m.name, rating_kw=m.rating_kw, storage=Storage(capacity_kwh=m.capacity_kwh)) for m in BATTERIES),
)


def at(text: str) -> datetime:
    """Return the instant of a local clock time on the recorded day."""
    hours, minutes = text.split(":")
    return MIDNIGHT + timedelta(hours=int(hours), minutes=int(minutes))


def microgrid(start: str = "08:15") -> Plant:
    """Return the plant, at rest, at `start`."""
    profile = Profile.parse(MORNING.read_text(encoding="utf-8"), MORNING.name)
    return Plant(fleet(), profile, midnight=MIDNIGHT, start=at(start))
