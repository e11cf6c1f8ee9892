"""The simulated machine behind each device of a site: the published ones by name, others by their table and figures."""

from __future__ import annotations

from collections.abc import Iterable

from ..common.data.site import Device as SiteDevice
from .sim.battery import Battery, BatteryModel
from .sim.device import Device
from .sim.fleet import BATTERIES, GENERATORS
from .sim.generator import Generator, GeneratorModel

T95_S = 300.0
"""Seconds to 95 % of full power for a machine of which nothing else is known."""


def machines(devices: Iterable[SiteDevice]) -> list[Device]:
    """Return a machine, at rest, for each device that takes set-points.

    A device whose name, rating and energy are those of a published machine is that one. Others are made from their
    table (`generator`, `microturbine`, `battery`) and their figures `rating` and `energy`; what has neither is left
    to keep the values that its CID file gives it.
    """
    found = (_machine(device) for device in devices)
    return [machine for machine in found if machine is not None]


def _machine(device: SiteDevice) -> Device | None:
    rating, energy = device.figures.get("rating", 0.0), device.figures.get("energy", 0.0)
    for generator in GENERATORS:
        if (generator.name, generator.rating_kw) == (device.name, rating):
            return Generator.of(generator)
    for battery in BATTERIES:
        if (battery.name, battery.rating_kw, battery.capacity_kwh) == (device.name, rating, energy):
            return Battery.of(battery)
    if device.kind in ("generator", "microturbine") and rating > 0:
        return Generator.of(GeneratorModel(name=device.name, rating_kw=rating, t95_s=T95_S))
    if device.kind == "battery" and rating > 0 and energy > 0:
        return Battery.of(BatteryModel(name=device.name, rating_kw=rating, capacity_kwh=energy))
    return None
