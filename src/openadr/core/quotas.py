"""How much a peer may name: what it makes up is remembered, in memory and on disk, so that there is an end to it.

Other ends stand where things are kept: how many opts (`opt_book`) and times of each (`stretches`), requests
(`report_ledger`), running reports (`report_desk`) and letters (`outbox`) there may be. A VEN has one registration for
each party that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import attrs

from ..model import (
    CreateOpt,
    CreatePartyRegistration,
    CreateReport,
    EiTarget,
    Message,
    RegisteredReport,
    RegisterReport,
    ReportRequest,
)
from .answers import Code, Rejected

LONGEST_NAME = 200
"""Characters of an ID or a name."""

LONGEST_ADDRESS = 1_000
"""Characters of an address."""

MOST_OFFERED = 100
"""Reports that a peer may offer."""

MOST_POINTS = 5_000
"""Points of all reports that a peer offers, or asks for in one message."""

MOST_TARGETS = 200
"""Resources, groups, device classes … in one target."""

MOST_EVENTS = 1_000
"""Events that a VEN knows."""

_KINDS = tuple(field.name for field in attrs.fields(EiTarget))  # type: ignore[arg-type]  # `part` makes it one of attrs
_NAMES = ("request_id", "ven_id", "vtn_id", "ven_name", "registration_id", "report_request_id", "opt_id")


def check(message: Message | None) -> None:
    """Raise `Rejected` (451) for a message that names too much, or by too long names."""
    for name in _NAMES:
        _name(getattr(message, name, None))
    if (look := _LOOKS.get(type(message))) is not None:
        look(message)


def check_event(event_id: str, known: int) -> None:
    """Raise `Rejected` (451) for one more event where so many are known."""
    _name(event_id)
    if known >= MOST_EVENTS:
        raise Rejected(Code.NOT_ALLOWED, f"{known} events are known: that is the most")


def _registration(message: CreatePartyRegistration) -> None:
    _bounded(len(message.transport_address or ""), LONGEST_ADDRESS, "characters of an address")


def _offers(message: RegisterReport) -> None:
    _bounded(len(message.reports), MOST_OFFERED, "reports")
    _bounded(sum(len(report.descriptions) for report in message.reports), MOST_POINTS, "points")
    for report in message.reports:
        _name(report.report_specifier_id)
        _name(report.report_request_id)
        for point in report.descriptions:
            _name(point.r_id)
            _target(point.report_subject)
            _target(point.report_data_source)


def _requests(requests: Iterable[ReportRequest]) -> None:
    points = 0
    for request in requests:
        _name(request.report_request_id)
        _name(request.report_specifier.report_specifier_id)
        points += len(request.report_specifier.specifier_payloads)
        _bounded(points, MOST_POINTS, "points")
        for payload in request.report_specifier.specifier_payloads:
            _name(payload.r_id)


def _opt(message: CreateOpt) -> None:
    _name(message.market_context)
    _name(str(message.opt_reason))
    _target(message.ei_target)
    _target(message.device_class)


def _target(target: EiTarget | None) -> None:
    if target is None:
        return
    kinds = [getattr(target, name) for name in _KINDS]
    _bounded(sum(map(len, kinds)), MOST_TARGETS, "targets")
    for each in chain.from_iterable(kinds):
        _name(each if isinstance(each, str) else None)


def _name(name: str | None) -> None:
    if name and len(name) > LONGEST_NAME:
        raise Rejected(Code.NOT_ALLOWED, f"{name:.40}… is a name of {len(name)} characters: {LONGEST_NAME} at the most")


def _bounded(count: int, most: int, what: str) -> None:
    if count > most:
        raise Rejected(Code.NOT_ALLOWED, f"{count} {what} are too many: {most} at the most")


_LOOKS: dict[type[Any], Callable[[Any], None]] = {
    CreatePartyRegistration: _registration,
    RegisterReport: _offers,
    CreateReport: lambda message: _requests(message.report_requests),
    RegisteredReport: lambda message: _requests(message.report_requests),
    CreateOpt: _opt,
}
