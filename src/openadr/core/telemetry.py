"""EiReport of who takes: what to ask of a report that is offered, and the values of one that has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import attrs

from ...common.errors import LocalError, UnknownName
from ..model import (
    DataQuality,
    Duration,
    GbPayload,
    Interval,
    Report,
    ReportDescription,
    ReportPayload,
    ReportSpecifier,
    SpecifierPayload,
    WsCalendarInterval,
    changed,
)
from ..rules.decisions import rule_324
from ..rules.reports import METADATA as METADATA
from ..rules.reports import placed
from .answers import Code, Rejected
from .report_offers import HISTORY, Reading
from .times import after, length

OPEN_ENDED = Duration("PT0S")


@attrs.frozen(slots=True)
class Sample:
    """One reported value. `time` is when its interval begins; `duration` its length, None for a moment.

    `value` is a number, a `PayloadResourceStatus`, or an `Xml` with Green Button data. `confidence` is in percent,
    `accuracy` in the unit of the value.
    """

    r_id: str
    time: datetime
    value: Any
    duration: timedelta | None = None
    quality: DataQuality | str | None = None
    confidence: int | None = None
    accuracy: float | None = None

    def reading(self) -> Reading:
        """Return its value as a reading; good, where nothing is said of its quality."""
        quality = DataQuality.GOOD_NON_SPECIFIC if self.quality is None else self.quality
        return Reading(self.value, quality, self.confidence, self.accuracy)


def wanted(report: Report, granularity: timedelta, every: timedelta, start: datetime | None = None) -> ReportSpecifier:
    """Return what to ask of an offered report: all its points, as densely as wished if they can be sampled so often.

    A periodic report is asked for from `start` on, without an end. No unit is repeated (rule 321).

    Raises:
        Rejected: the offer has no points, or times that cannot be.
        LocalError: a period with a fraction of a second.
    """
    if not report.descriptions:
        raise Rejected(Code.INVALID_DATA, f"report {report.report_specifier_id:.80} has no points")
    shortest, longest = _rates(report.descriptions, granularity)
    if _of_the_past(report):
        granularity = every = timedelta()
    if granularity:
        granularity = max(min(granularity, longest), shortest)
    return ReportSpecifier(
        report_specifier_id=report.report_specifier_id,
        granularity=Duration.of(granularity),
        report_back_duration=Duration.of(max(every, shortest) if every else every),
        report_interval=_from(start) if start and every else None,
        specifier_payloads=tuple(SpecifierPayload(r_id=each.r_id) for each in report.descriptions),
    )


def asked(
    report: Report,
    r_ids: Iterable[str] | None = None,
    *,
    granularity: timedelta = timedelta(),
    every: timedelta = timedelta(),
    start: datetime | None = None,
    duration: timedelta | None = None,
    now: datetime,
) -> ReportSpecifier:
    """Return what to ask of an offered report, just as it is wished.

    Raises:
        UnknownName: a point that is not offered.
        LocalError: no points, or times that were not offered: a granularity that the points cannot have, a report of
            the past that is to be sent more than once.
    """
    points = {each.r_id: each for each in report.descriptions}
    chosen = list(dict.fromkeys(points if r_ids is None else r_ids))
    where = report.report_specifier_id
    if unknown := [r_id for r_id in chosen if r_id not in points]:
        raise UnknownName(f"{', '.join(unknown)} is not offered: there is {', '.join(points)}", where=where)
    if not chosen:
        raise LocalError("a report is asked for with at least one point", where=where)
    shortest, longest = _rates([points[r_id] for r_id in chosen], granularity)
    if _of_the_past(report):
        if granularity or not rule_324(Duration.of(every)):
            message = (
                "a report of the past is sent once, as it was kept: it has no granularity and no period (rule 324)"
            )
            raise LocalError(message, where=where)
    elif granularity and not shortest <= granularity <= longest:
        raise LocalError(f"{granularity} is not between {shortest} and {longest}, which is offered", where=where)
    if duration is not None and duration < max(granularity, timedelta()):
        raise LocalError(f"{duration} is shorter than {granularity}, the time between two values", where=where)
    begins = start if start is not None else (now if every or duration is not None else None)
    return ReportSpecifier(
        report_specifier_id=report.report_specifier_id,
        granularity=Duration.of(granularity),
        report_back_duration=Duration.of(every),
        report_interval=None if begins is None else _from(begins, duration),
        specifier_payloads=tuple(SpecifierPayload(r_id=r_id) for r_id in chosen),
    )


def metadata() -> ReportSpecifier:
    """Return what asks for all that can be reported (rule 306)."""
    return ReportSpecifier(
        report_specifier_id=METADATA,
        granularity=OPEN_ENDED,
        report_back_duration=OPEN_ENDED,
        specifier_payloads=(SpecifierPayload(r_id="0"),),
    )


def same(one: ReportSpecifier, other: ReportSpecifier) -> bool:
    """Whether two requests ask for the same from whatever time on."""
    return changed(one, report_interval=None) == changed(other, report_interval=None)


def _from(start: datetime, duration: timedelta | None = None) -> WsCalendarInterval:
    window = OPEN_ENDED if duration is None else Duration.of(duration)
    return WsCalendarInterval(dtstart=start.replace(microsecond=0), duration=window)


def _of_the_past(report: Report) -> bool:
    return str(report.report_name or "").removeprefix("METADATA_") in HISTORY


def _rates(points: Iterable[ReportDescription], default: timedelta) -> tuple[timedelta, timedelta]:
    """Return the shortest and the longest period that all points can be sampled at."""
    rates = [each.sampling_rate for each in points if each.sampling_rate]
    shortest = max((length(rate.min_period) for rate in rates), default=default)
    longest = min((length(rate.max_period) for rate in rates), default=default)
    return shortest, max(longest, shortest)


def missing(report: Report, r_ids: Iterable[str]) -> frozenset[str]:
    """Return the points that were asked for, and of which a report has no value."""
    there = {each.r_id for each in samples(report)}
    return frozenset(r_ids) - there


def samples(report: Report, feed: str = "") -> Iterator[Sample]:
    """Yield the values of a report; an interval without a start begins where the one before ended (rules 314, 342).

    What is only said to have no value is left out. Green Button data, which names no point, is that of `feed`.

    Raises `Rejected` (454) for times that cannot be.
    """
    try:
        for interval, begin in placed(report, report.created_date_time):
            yield from _of_interval(interval, begin, feed)
    except ValueError as error:
        raise Rejected(Code.INVALID_DATA, str(error), rule=314) from None


def _of_interval(interval: Interval, begin: datetime | None, feed: str) -> Iterable[Sample]:
    assert begin is not None
    lasts = after(begin, interval.duration) - begin if interval.duration else None
    for each in interval.payloads:
        if isinstance(each, GbPayload):
            yield Sample(feed, begin, each.feed, lasts)
        elif isinstance(each, ReportPayload) and each.data_quality != DataQuality.NO_VALUE:
            yield Sample(each.r_id, begin, each.value, lasts, each.data_quality, each.confidence, each.accuracy)
