"""The VTN's behaviour: one room for each service, and a core that leads each message to its room."""

from .core import VtnCore
from .happenings import (
    Asked,
    Declined,
    Deregistered,
    Happening,
    Offered,
    OptCanceled,
    OptCreated,
    Opted,
    Registered,
    Telemetry,
    opted,
)
from .reports import ReportChooser

__all__ = [
    "VtnCore",
    "Happening",
    "Registered",
    "Deregistered",
    "Offered",
    "Opted",
    "Asked",
    "OptCreated",
    "OptCanceled",
    "Telemetry",
    "Declined",
    "ReportChooser",
    "opted",
]
