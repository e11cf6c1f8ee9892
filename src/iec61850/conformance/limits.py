"""Extra information for testing (PIXIT style): limits, times and defaults, read off the records that hold them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from ...common.statement import descriptions
from ..client.connect import connect
from ..engine.buffer import BufferLimits
from ..engine.controllable import SELECT_TIMEOUT
from ..engine.datasets import DataSetLimits
from ..engine.log import LogLimits
from ..mapping import initiate
from ..mms import shape
from ..registry.book import Limits as RegistryLimits
from ..scsm81.connection import LinkLimits
from ..scsm81.server import ServerLimits as TcpLimits
from ..scsm82.endpoint import Endpoint
from ..scsm82.server import ServerLimits as XmppLimits
from ..server import Folder, Server
from .table import Table

RECORDS: dict[str, tuple[str, type[Any]]] = {
    "associations": ("Association (either side)", initiate.Limits),
    "pdus": ("A PDU that is decoded (either side)", shape.Limits),
    "tcp": ("Server over TCP", TcpLimits),
    "link": ("Connection over TCP (either side)", LinkLimits),
    "xmpp": ("Server over XMPP", XmppLimits),
    "buffers": ("Buffered report control block", BufferLimits),
    "logs": ("Log", LogLimits),
    "sets": ("Data sets of clients", DataSetLimits),
    "registry": ("Registry of devices", RegistryLimits),
}
"""Records of limits: all that such a class says of its attributes is in the statement."""

CALLS: dict[str, tuple[str, Callable[..., Any]]] = {
    "connect": ("Client: `connect`", connect),
    "server": ("Server: `Server`", Server.__init__),
    "folder": ("Server: `Folder` of files", Folder.__init__),
}
"""Functions whose arguments have defaults that are numbers."""


def tables() -> tuple[Table, ...]:
    """Return the tables of the statement."""
    columns = ("limit", "default", "what it is")
    records = (Table(key, title, columns, tuple(_record(class_))) for key, (title, class_) in RECORDS.items())
    calls = (Table(key, title, columns, tuple(_arguments(call))) for key, (title, call) in CALLS.items())
    return (*records, *calls, others())


def others() -> Table:
    """Return what stands in no record: times of control, and of associations over XMPP."""
    rows = (
        ("selection", _shown(SELECT_TIMEOUT.total_seconds()), "seconds that a selection lasts without a sboTimeout"),
        ("keep-alive, XMPP", _shown(Endpoint.keep_alive), "seconds between pings of a peer without presence"),
    )
    return Table("others", "Control, presence", ("limit", "default", "what it is"), rows)


def _record(class_: type[Any]) -> Iterator[tuple[str, str, str]]:
    described = descriptions(class_.__doc__)
    made = class_()
    for field in attrs.fields(class_):
        value = getattr(made, field.name)
        if value is None or isinstance(value, int | float):
            yield field.name, _shown(value), described[field.name]


def _arguments(call: Callable[..., Any]) -> Iterator[tuple[str, str, str]]:
    owner = inspect.getmodule(call).__dict__[call.__qualname__.partition(".")[0]]  # the class of an __init__
    described = descriptions(owner.__doc__)
    for name, parameter in inspect.signature(call).parameters.items():
        if isinstance(parameter.default, int | float):
            yield name, _shown(parameter.default), described[name]


def _shown(value: float | None) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else f"{value:g}"
