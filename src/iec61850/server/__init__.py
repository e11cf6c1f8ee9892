"""The server facade: `Server` serves a model, asks the application's hooks, and reports what changes."""

from ..engine import Change, Command
from ..engine.decisions import Activation, Confirmation, Publication
from .folder import Folder
from .server import Server

__all__ = ["Activation", "Change", "Command", "Confirmation", "Folder", "Publication", "Server"]
