"""IEC 61850, client and server: one engine, one client API, whatever the mapping on the wire.

async with connect("xmpp:dg750@plant.example/IEC", session=session) as ied:
    print(await ied.read("DG750DER/MMXU1.TotW.mag.f"))

server = Server.from_scl("dg750.cid")
server.update("DG750DER/MMXU1.TotW", 412.0)
await server.serve(session)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .acsi.errors import AddCause, CommandFailed, ServiceError, ServiceRefused
    from .acsi.references import FC, Reference
    from .acsi.services import Origin, OriginCategory, Reason
    from .acsi.types import Quality, Timestamp
    from .client import Control, Ied, Reports, Update, connect
    from .model.builder import build
    from .model.nodes import Model, Trigger
    from .scl import SclError, write_cid
    from .scl import read as read_scl
    from .scsm82.discovery import Watch, discover
    from .server import Change, Command, Server

_HOMES = {
    "AddCause": "acsi.errors",
    "Change": "server",
    "Command": "server",
    "CommandFailed": "acsi.errors",
    "Control": "client",
    "FC": "acsi.references",
    "Ied": "client",
    "Model": "model.nodes",
    "Origin": "acsi.services",
    "OriginCategory": "acsi.services",
    "Quality": "acsi.types",
    "Reason": "acsi.services",
    "Reference": "acsi.references",
    "Reports": "client",
    "SclError": "scl",
    "Server": "server",
    "ServiceError": "acsi.errors",
    "ServiceRefused": "acsi.errors",
    "Timestamp": "acsi.types",
    "Trigger": "model.nodes",
    "Update": "client",
    "Watch": "scsm82.discovery",
    "build": "model.builder",
    "connect": "client",
    "discover": "scsm82.discovery",
    "read_scl": "scl",
    "write_cid": "scl",
}
_NAMES_THERE = {"read_scl": "read"}
__all__ = ["AddCause", "Change", "Command", "CommandFailed", "Control", "FC", "Ied", "Model", "Origin"]
__all__ += ["OriginCategory", "Quality", "Reason", "Reference", "Reports", "SclError", "Server", "ServiceError"]
__all__ += ["ServiceRefused", "Timestamp", "Trigger", "Update", "Watch", "build", "connect", "discover"]
__all__ += ["read_scl", "write_cid"]


def __getattr__(name: str) -> Any:
    """Import a room when something of it is first asked for: reading an SCL file needs no codec and no XMPP."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), _NAMES_THERE.get(name, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
