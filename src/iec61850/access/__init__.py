"""IEC 61850 servers as points: the adapter to the common data access, on any ACSI association."""

from .device import DeviceAccess
from .serve import ServedPoints

__all__ = ["DeviceAccess", "ServedPoints"]
