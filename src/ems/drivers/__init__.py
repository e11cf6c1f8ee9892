"""Drivers: what turns a device of the site file into points, whatever it speaks.

A driver is a class that an installed package names under the entry point group `janusgrid.drivers`; the site file
names the driver of a device, or its table does by the folder that it stands in (`modbus/meter.csv`).
"""

from .kept import KEPT, KeptLink, Wire, common, fixed
from .port import GROUP, Driver, Link, Surroundings, find, installed
from .settings import Settings

__all__ = [
    "Driver", "Link", "Surroundings", "GROUP", "find", "installed",
    "KeptLink", "Wire", "KEPT", "Settings", "common", "fixed",
]  # fmt: skip
