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
    from .client import Ied, Update, connect
    from .model.builder import build
    from .scl import write_cid
    from .server import Change, Command, Server

_HOMES = {
    "AddCause": "acsi.errors",
    "Change": "server",
    "Command": "server",
    "CommandFailed": "acsi.errors",
    "Ied": "client",
    "Server": "server",
    "ServiceError": "acsi.errors",
    "ServiceRefused": "acsi.errors",
    "Update": "client",
    "build": "model.builder",
    "connect": "client",
    "write_cid": "scl",
}
__all__ = ["AddCause", "Change", "Command", "CommandFailed", "Ied", "Server", "ServiceError", "ServiceRefused"]
__all__ += ["Update", "build", "connect", "write_cid"]


def __getattr__(name: str) -> Any:
    """Import a room when something of it is first asked for: reading an SCL file needs no codec and no XMPP."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
