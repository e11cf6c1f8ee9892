"""The client facade: `connect` gives an `Ied`, whose data are read, written, commanded and reported by name."""

from .connect import Connecting, connect
from .control import Control
from .ied import Ied
from .logs import Log, LogUpdate
from .reports import Reports, Update

__all__ = ["Connecting", "Control", "Ied", "Log", "LogUpdate", "Reports", "Update", "connect"]
