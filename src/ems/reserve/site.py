"""The fleet of a site file: which of its devices the reserve application may dispatch."""

from __future__ import annotations

from collections.abc import Iterable

from ...common.data.site import Device
from ...common.errors import ConfigError
from .parameters import Fleet, Kind, Store, Unit

KINDS = {"generator": Kind.DIESEL, "microturbine": Kind.MICROTURBINE}
"""By the name of a device's table."""


def fleet_of(devices: Iterable[Device]) -> Fleet:
    """Return the generators and storages among the devices of a site, in the order of the file: so they start.

    Raises `ConfigError` for a device that takes set-points and has no rating, and for storage without an energy.
    """
    units, stores = [], []
    for device in devices:
        if not any(binding.row.point == "p.set" for binding in device.bindings):
            continue
        rating = _figure(device, "rating")
        if any(binding.row.point == "soc" for binding in device.bindings):
            stores.append(Store(name=device.name, rating_kw=rating, capacity_kwh=_figure(device, "energy")))
        else:
            units.append(Unit(name=device.name, rating_kw=rating, kind=KINDS.get(device.kind, Kind.MICROTURBINE)))
    return Fleet(tuple(units), tuple(stores))


def _figure(device: Device, name: str) -> float:
    found = device.figures.get(name, 0.0)
    if found <= 0:
        raise ConfigError(f"{device.name} takes set-points and has no {name} above zero among its figures")
    return found
