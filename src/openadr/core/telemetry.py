"""EiReport of the VTN: what to ask of a report that is offered, and the values of one that has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import attrs

from ..model import (
    DataQuality,
    Duration,
    Interval,
    Report,
    ReportPayload,
    ReportSpecifier,
    SpecifierPayload,
)
from .answers import Code, Rejected
from .times import after, length


@attrs.frozen(slots=True)
class Sample:
    """One reported value. `time` is when its interval begins; `duration` its length, None for a moment."""

    r_id: str
    time: datetime
    value: Any
    duration: timedelta | None = None
    quality: DataQuality | str | None = None


def wanted(report: Report, granularity: timedelta, every: timedelta) -> ReportSpecifier:
    """Return what to ask of an offered report: all its points, as densely as wished if they can be sampled so often.

    Raises:
        Rejected: the offer has no points, or times that cannot be.
        LocalError: a period with a fraction of a second.
    """
    payloads = tuple(SpecifierPayload(r_id=description.r_id) for description in report.descriptions)
    if not payloads:
        raise Rejected(Code.INVALID_DATA, f"report {report.report_specifier_id:.80} has no points")
    rates = [description.sampling_rate for description in report.descriptions if description.sampling_rate]
    shortest = max((length(rate.min_period) for rate in rates), default=granularity)
    return ReportSpecifier(
        report_specifier_id=report.report_specifier_id,
        granularity=Duration.of(max(granularity, shortest) if granularity else granularity),
        report_back_duration=Duration.of(max(every, shortest) if every else every),
        specifier_payloads=payloads,
    )


def samples(report: Report) -> Iterator[Sample]:
    """Yield the values of a report; an interval without a start begins where the one before ended (rules 314, 342).

    Raises `Rejected` (454) for times that cannot be.
    """
    begin = report.dtstart
    for interval in report.intervals or ():
        begin = interval.dtstart or begin or report.created_date_time
        yield from _of_interval(interval, begin)
        if interval.duration:
            begin = after(begin, interval.duration)


def _of_interval(interval: Interval, begin: datetime) -> Iterable[Sample]:
    lasts = after(begin, interval.duration) - begin if interval.duration else None
    for payload in interval.payloads:
        if isinstance(payload, ReportPayload):
            yield Sample(payload.r_id, begin, payload.value, lasts, payload.data_quality)
