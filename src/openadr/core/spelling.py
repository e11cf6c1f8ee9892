"""The things on the shelves as text: OpenADR's own messages, and JSON around them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from ...common.errors import Malformed
from ..codec import read, write
from ..model import (
    CreatedEvent,
    CreateReport,
    DistributeEvent,
    EiEvent,
    Event,
    EventResponse,
    Interval,
    Message,
    RegisterReport,
    Report,
    ReportRequest,
    ResponseRequired,
    UpdateReport,
)

M = TypeVar("M", bound=Message)
KNOWN_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def document(**values: Any) -> str:
    """Return values of JSON as one line."""
    return json.dumps(values, separators=(",", ":"))


def values(text: str) -> dict[str, Any]:
    """Return what `document` was given; raise `ValueError` for anything else."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no record")
    return found


def message(value: Message) -> str:
    """Return a message as text."""
    return write(value, check=False)


def message_of(kind: type[M], text: str) -> M:
    """Return a message that was kept; raise `Malformed` if it is of another kind."""
    found = read(text)
    if not isinstance(found, kind):
        raise Malformed(f"{type(found).__name__} was kept where {kind.__name__} belongs")
    return found


def event(value: EiEvent, required: ResponseRequired) -> str:
    """Return an event as text."""
    one = Event(ei_event=value, response_required=required)
    return message(DistributeEvent(request_id="", vtn_id="", events=(one,)))


def event_of(text: str) -> tuple[EiEvent, ResponseRequired]:
    """Return what `event` was given."""
    (one,) = message_of(DistributeEvent, text).events
    return one.ei_event, one.response_required


def responses(given: Iterable[EventResponse]) -> str:
    """Return answers to events as text."""
    return message(CreatedEvent(event_responses=tuple(given), ven_id=""))


def responses_of(text: str) -> Sequence[EventResponse]:
    """Return what `responses` was given."""
    return message_of(CreatedEvent, text).event_responses or ()


def offers(given: Iterable[Report]) -> str:
    """Return offered reports as text."""
    return message(RegisterReport(request_id="", reports=tuple(given)))


def offers_of(text: str) -> Sequence[Report]:
    """Return what `offers` was given."""
    return message_of(RegisterReport, text).reports


def requests(given: Iterable[ReportRequest]) -> str:
    """Return report requests as text; empty for none."""
    wanted = tuple(given)
    return message(CreateReport(request_id="", report_requests=wanted)) if wanted else ""


def requests_of(text: str) -> Sequence[ReportRequest]:
    """Return what `requests` was given."""
    return message_of(CreateReport, text).report_requests if text else ()


def reports(given: Iterable[Report]) -> str:
    """Return reports with values as text."""
    return message(UpdateReport(request_id="", reports=tuple(given)))


def reports_of(text: str) -> Sequence[Report]:
    """Return what `reports` was given."""
    return message_of(UpdateReport, text).reports


def intervals(given: Iterable[Interval]) -> str:
    """Return intervals with values as text."""
    holder = Report(intervals=tuple(given), report_request_id="", report_specifier_id="", created_date_time=KNOWN_TIME)
    return message(UpdateReport(request_id="", reports=(holder,)))


def intervals_of(text: str) -> list[Interval]:
    """Return what `intervals` was given."""
    (holder,) = message_of(UpdateReport, text).reports
    return list(holder.intervals or ())


def time(when: datetime | None) -> str | None:
    """Return a time as text."""
    return None if when is None else when.isoformat()


def time_of(text: str | None) -> datetime | None:
    """Return what `time` was given."""
    return None if text is None else datetime.fromisoformat(text)


def length(span: timedelta) -> float:
    """Return a length in seconds."""
    return span.total_seconds()


def length_of(seconds: float) -> timedelta:
    """Return what `length` was given."""
    return timedelta(seconds=seconds)
