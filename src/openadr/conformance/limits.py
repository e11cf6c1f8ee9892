"""Limits, times and defaults (PIXIT style), read off what holds them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import attrs

from ...common.statement import Table, descriptions
from ..binding import role
from ..binding.http import HttpTransport
from ..binding.http_door import HttpLimits
from ..binding.xmpp import XmppTransport
from ..core import event_book, opt_book, outbox, quotas, report_desk, report_ledger, report_plan, ven_book
from ..core.vtn import core as vtn_core
from ..signing import replay
from ..ven import Ven
from ..vtn import TelemetryPlan, Vtn

RECORDS: dict[str, tuple[str, type[Any]]] = {
    "http": ("HTTP server (`HttpLimits`)", HttpLimits),
    "retry": ("Sending again (`Retry`)", outbox.Retry),
    "plan": ("What is asked of offered reports (`TelemetryPlan`)", TelemetryPlan),
}
CALLS: dict[str, tuple[str, type[Any]]] = {
    "transport": ("HTTP (`HttpTransport`)", HttpTransport),
    "session": ("XMPP (`XmppTransport`)", XmppTransport),
    "vtn": ("`Vtn`", Vtn),
    "ven": ("`Ven`", Ven),
}
CONSTANTS: tuple[tuple[Any, str, str], ...] = (
    (vtn_core.CAPACITY, "messages that wait for one VEN", "VTN"),
    (outbox.MOST_FETCHES, "times that a message is given out to a VEN that never answers it", "VTN"),
    (role.MOST_UNTOLD, "happenings that wait for slow listeners", "both"),
    (ven_book.REMEMBERED, "answers kept of each VEN, for what it sends twice", "VTN"),
    (ven_book.REMEMBERED_TEXT, "characters that these have together, but for the last one", "VTN"),
    (event_book.KEPT, "how long an event is known at least after it is over", "VTN"),
    (opt_book.MOST_OPTS, "opts in force of each VEN", "VTN"),
    (report_ledger.MOST_REQUESTS, "report requests known of each peer", "both"),
    (report_desk.MOST_REPORTS, "reports that run at once", "both"),
    (report_desk.MOST_VALUES, "values that running reports keep until they are sent", "both"),
    (quotas.MOST_OFFERED, "reports that a peer may offer", "both"),
    (quotas.MOST_POINTS, "points that a peer may offer in all, or ask for in one message", "both"),
    (quotas.MOST_TARGETS, "resources, groups, … in one target", "both"),
    (quotas.MOST_EVENTS, "events that a VEN knows", "VEN"),
    (quotas.LONGEST_NAME, "characters of an ID or a name", "both"),
    (quotas.LONGEST_ADDRESS, "characters of an address", "VTN"),
    (replay.MOST_OF_ONE, "nonces of one signer that are remembered at a time", "both"),
    (report_plan.MOST_IN_PART, "values in one report: longer ones come in parts", "both"),
)
"""What stands in no record, and is not to be set."""


def tables() -> tuple[Table, ...]:
    """Return the tables of the statement."""
    columns = ("limit", "default", "what it is")
    records = (Table(key, title, columns, tuple(_record(kind))) for key, (title, kind) in RECORDS.items())
    calls = (Table(key, title, columns, tuple(_arguments(kind))) for key, (title, kind) in CALLS.items())
    rows = tuple((what, _shown(value), whose) for value, what, whose in CONSTANTS)
    return (*records, *calls, Table("constants", "Constants", ("limit", "value", "role"), rows))


def _record(kind: type[Any]) -> Iterator[tuple[str, str, str]]:
    described, made = descriptions(kind.__doc__), kind()
    for field in attrs.fields(kind):
        if _tells(value := getattr(made, field.name)):
            yield field.name, _shown(value), described.get(field.name, "")


def _arguments(kind: type[Any]) -> Iterator[tuple[str, str, str]]:
    described = descriptions(kind.__doc__)
    call: Callable[..., Any] = kind.__init__
    for name, parameter in inspect.signature(call).parameters.items():
        if _tells(parameter.default):
            yield name, _shown(parameter.default), described.get(name, "")


def _tells(value: Any) -> bool:
    return isinstance(value, int | float | timedelta)


def _shown(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else f"{value:g}"
