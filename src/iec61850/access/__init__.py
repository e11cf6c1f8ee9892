"""IEC 61850 servers as points, and points as IEC 61850 servers: the two adapters to the common data access."""

from .device import DeviceAccess
from .mirror import Mirror, model_of_site
from .modelling import model_of, model_of_device
from .serve import ServedPoints
from .server import ServerAccess

__all__ = ["DeviceAccess", "Mirror", "ServedPoints", "ServerAccess", "model_of", "model_of_device", "model_of_site"]
