"""The server facade: `Server` serves a model, asks the application's hooks, and reports what changes."""

from ..engine import Change, Command
from .folder import Folder
from .server import Server

__all__ = ["Change", "Command", "Folder", "Server"]
