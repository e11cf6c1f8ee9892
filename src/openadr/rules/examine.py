"""Every check, over a whole message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ..model import CreatedEvent, DistributeEvent, EiResponse, Message
from .rule import Finding, findings


def check(message: Message, now: datetime | None = None) -> Iterator[Finding]:
    """Yield what breaks a rule in a message and its parts; what depends on the time is looked at if it is given."""
    yield from findings(message, now)
    if isinstance(message, DistributeEvent):
        for n, sent in enumerate(message.events):
            for finding in findings(sent.ei_event, now):
                yield finding.within("events", n, "ei_event")
    response = getattr(message, "ei_response", None)
    if isinstance(response, EiResponse) and not isinstance(message, CreatedEvent):
        for finding in findings(response):
            yield finding.within("ei_response")
