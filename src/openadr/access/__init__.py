"""OpenADR as points: the adapters to the common data access, over a VTN (`VtnAccess`) and over a VEN (`VenAccess`)."""

from .signals import LEVEL, LOAD_DISPATCH, SignalPoint
from .ven import VenAccess
from .vtn import VtnAccess

__all__ = ["VtnAccess", "VenAccess", "SignalPoint", "LOAD_DISPATCH", "LEVEL"]
