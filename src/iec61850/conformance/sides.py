"""What our two sides know, read off themselves: the engine with all that it can serve, and the client over MMS."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from ...common.errors import NotReachable
from ..acsi.services import Request
from ..engine import Engine
from ..mapping.catalogue import Catalogue
from ..mapping.client import MmsClient
from ..mms import pdu
from ..model.nodes import LogicalDevice, LogicalNode, Model
from .services import CLIENT, announced

_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)


def engine(*, files: bool = True, writable: bool = True) -> Engine:
    """Return an engine that serves an empty device, with a file store or without."""
    made = Engine(Model("IED", {"LD": LogicalDevice("LD", "LD", {"LLN0": LogicalNode("LLN0", "LLN0")})}), _BEGIN)
    if files:
        store: Any = SimpleNamespace(writable=writable)  # all that is asked of a store before a file is
        made.serve_files(store)
    return made


def client() -> MmsClient:
    """Return a client that reaches nobody."""

    async def exchange(message: pdu.MMSpdu) -> pdu.MMSpdu:
        raise NotReachable("there is nobody")

    return MmsClient(exchange, "nobody")


def server_requests() -> frozenset[type[Request[Any]]]:
    """Return the requests that a server answers."""
    return engine().services


def client_requests() -> frozenset[type[Request[Any]]]:
    """Return the requests that a client can make on every wire."""
    return client().services


def services(role: str) -> frozenset[str]:
    """Return the services of table 2 that a role has."""
    return announced(client_requests() if role == CLIENT else server_requests())


def mms_services(*, files: bool = True, writable: bool = True) -> frozenset[pdu.ServiceSupportOptions]:
    """Return the MMS services that a server announces, by whether it has files that clients may change."""
    return Catalogue(engine(files=files, writable=writable)).services
