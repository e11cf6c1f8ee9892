"""The VEN's behaviour: one room for each service, and a core that leads each message to its room."""

from .core import VenCore
from .happenings import Asked, Declined, Delivered, Happening, Joined, Left, Offered, Telemetry
from .opts import OwnOpt
from .polling import POLL_EVERY, SHORTEST_POLL
from .registration import WHEN_REFUSED, Standing
from .reports import METADATA, ReportChooser
from .states import REGISTRATION

__all__ = [
    "VenCore",
    "Delivered",
    "Happening",
    "Joined",
    "Left",
    "Asked",
    "Offered",
    "Telemetry",
    "ReportChooser",
    "Declined",
    "Standing",
    "OwnOpt",
    "REGISTRATION",
    "POLL_EVERY",
    "SHORTEST_POLL",
    "WHEN_REFUSED",
    "METADATA",
]
