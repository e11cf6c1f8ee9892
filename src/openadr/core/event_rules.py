"""What an event has to be before it is sent, or believed: the rules of `openadr.rules`, as the roles hold to them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ...common.errors import LocalError
from ..codec import write
from ..model import DistributeEvent, EiEvent, Event
from ..rules import Finding
from ..rules.event_checks import clash, created
from ..rules.rule import findings
from .answers import Rejected


def check(event: EiEvent) -> None:
    """Raise `Rejected` if a VEN cannot understand the event; what does no harm passes."""
    for finding in findings(event, harmful=True):
        raise Rejected.of(finding)


def check_own(event: EiEvent, others: Iterable[EiEvent], now: datetime) -> tuple[Finding, ...]:
    """Return what to be warned of in an event that a VTN is to send; raise `LocalError` for what breaks a rule.

    Status and current values are those of the time at which it is sent: they are not looked at.

    Args:
        others: what its VENs have to do besides.
    """
    found = [*findings(event), *created(event, now)]
    found += [finding for other in others if (finding := clash(event, other)) is not None]
    if errors := [str(finding) for finding in found if finding.is_error]:
        raise LocalError("; ".join(dict.fromkeys(errors)), where=event.event_descriptor.event_id)
    check_sendable(event)
    return tuple(found)


def check_sendable(event: EiEvent) -> None:
    """Raise `LocalError` for an event that no document can carry: it would hold up all others of its VENs."""
    try:
        write(DistributeEvent(request_id="", vtn_id="", events=(Event(ei_event=event),)))
    except LocalError as error:
        raise LocalError(error.message, where=event.event_descriptor.event_id) from None
