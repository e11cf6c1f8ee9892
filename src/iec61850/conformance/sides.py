"""What our two sides know, read off themselves: the engine with all that it can serve, and the client over MMS."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from ...common.errors import NotReachable
from ..acsi.references import FC, Reference
from ..acsi.services import Request
from ..acsi.types import BasicType
from ..engine import Engine
from ..mapping.catalogue import Catalogue
from ..mapping.client import MmsClient
from ..mms import pdu
from ..model.nodes import (
    Attribute,
    DataObject,
    DataSet,
    LogicalDevice,
    LogicalNode,
    Model,
    ReportControl,
    Trigger,
)
from .services import CLIENT, announced

BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
INDICATION = Reference("LD", "LLN0", ("Ind",), FC.ST)
TIME = "TimeSynchronization"
"""What `common.sntp.client.TimeClient` is for."""
RCBS = {"brcb": True, "urcb": False}
"""The report control blocks of `engine`, and whether they are buffered."""


def engine(*, files: bool = True, writable: bool = True, logs: bool = True) -> Engine:
    """Return an engine that serves a little of everything: one indication with a report control block of each kind."""
    change = Trigger.DATA_CHANGE | Trigger.DATA_UPDATE
    indication = DataObject(
        "Ind",
        "SPS",
        {
            "stVal": Attribute("stVal", FC.ST, BasicType.BOOLEAN, value=False, trigger=change),
            "q": Attribute("q", FC.ST, BasicType.QUALITY, trigger=Trigger.QUALITY_CHANGE),
        },
    )
    node = LogicalNode("LLN0", "LLN0", {"Ind": indication}, {"All": DataSet("All", (INDICATION,))})
    for name, buffered in RCBS.items():
        node.reports[name] = ReportControl(name, buffered, data_set="All", indexed=False)
    if logs:
        node.logs.append("Log")
    made = Engine(Model("IED", {"LD": LogicalDevice("LD", "LD", {"LLN0": node})}), BEGIN)
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
    """Return the services of table 2 that a role has. Either keeps its time as a client of time servers."""
    return announced(client_requests() if role == CLIENT else server_requests()) | {TIME}


def mms_services(
    *, files: bool = True, writable: bool = True, logs: bool = True
) -> frozenset[pdu.ServiceSupportOptions]:
    """Return the MMS services that a server announces, by whether it has logs, and files that clients may change."""
    return Catalogue(engine(files=files, writable=writable, logs=logs)).services
