"""What a request for a report comes to: when to sample, when to send, until when."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from ..model import Duration, GbPayload, Interval, PayloadResourceStatus, Report, ReportPayload, ReportRequest, changed
from ..rules.decisions import rule_324
from .answers import Code, Rejected
from .report_offers import DataPoint, Offer, Reading, Value, no_value
from .times import after, length, whole

MOST_IN_PART = 300
"""Values in one report: servers commonly allow clients stanzas of 256 KiB."""

NOTHING = Duration("PT0S")
SHORTEST_LOOK = timedelta(seconds=1)
"""How often at most is looked whether a value has changed."""


@attrs.frozen(slots=True)
class Window:
    """A stretch of the past that is asked for, and how densely; no granularity is: as it was kept."""

    start: datetime
    end: datetime
    granularity: timedelta


@attrs.frozen(slots=True)
class Plan:
    """When what is done. Without a `step` there is one sample, at the start.

    Attributes:
        points: what is asked for, in the order in which it is.
        lasts: what the samples say of their length.
        on_change: a sample counts if a value in it has changed.
        window: of a report of the past, which is not sampled at all.
        size: values that may have to be kept until they are sent.
    """

    points: tuple[DataPoint, ...]
    step: timedelta
    lasts: Duration | None
    every: timedelta
    end: datetime | None
    first_sample: datetime | None
    first_report: datetime
    on_change: bool
    window: Window | None
    size: int


def plan(request: ReportRequest, offer: Offer, now: datetime) -> Plan:
    """Return what a request comes to.

    Raises `Rejected` for a point that is not offered (452), and for times that cannot be, that the points cannot keep
    up with, or that are over (454).
    """
    points = _points(request, offer)
    if offer.of_the_past:
        return _past(request, offer, points, now)
    specifier, asked = request.report_specifier, request.report_specifier.report_interval
    granularity, every = length(specifier.granularity), length(specifier.report_back_duration)
    shortest, longest = max(point.minimum for point in points), min(point.maximum for point in points)
    if granularity and not shortest <= granularity <= longest:
        message = f"granularity {specifier.granularity} is not between {shortest} and {longest}"
        raise Rejected(Code.INVALID_DATA, message)
    start = max(after(asked.dtstart, NOTHING) if asked else now, now)
    ends = after(asked.dtstart, asked.duration) if asked else start
    end = ends if asked and ends > asked.dtstart else None
    if end is not None and end <= now:
        raise Rejected(Code.INVALID_DATA, f"the time of {request.report_request_id} is over")
    # Second-hand: no granularity asks for the values as they change, of points that were offered so.
    on_change = not granularity and bool(every or end) and all(point.on_change for point in points)
    # Rule 324: without a report-back time there is one report, of the whole interval or else of one moment.
    step = (granularity or every) if every or end else timedelta()
    if on_change:
        step = max(shortest, SHORTEST_LOOK)
    # Samples stand on whole multiples of their step, so that reports of several requests can be laid together.
    first = start if not step or whole(start, step) == start else whole(start, step) + step
    if end is not None and first >= end:
        first = start
    back = first + every if every else end if step and end else first
    size = len(points) * (1 + ((back - first) // step if step else 0))
    return Plan(
        points=points,
        step=step,
        lasts=specifier.granularity if granularity else None,
        every=every,
        end=end,
        first_sample=first,
        first_report=back,
        on_change=on_change,
        window=None,
        size=min(size, MOST_IN_PART + len(points)) if on_change else size,
    )


def _points(request: ReportRequest, offer: Offer) -> tuple[DataPoint, ...]:
    points = {point.r_id: point for point in offer.points}
    r_ids = tuple(dict.fromkeys(payload.r_id for payload in request.report_specifier.specifier_payloads))
    if unknown := [r_id for r_id in r_ids if r_id not in points]:
        raise Rejected(Code.INVALID_ID, f"no rID {', '.join(unknown)} in {offer.specifier_id}")
    return tuple(points[r_id] for r_id in r_ids)


def _past(request: ReportRequest, offer: Offer, points: tuple[DataPoint, ...], now: datetime) -> Plan:
    """Return the plan of a report of the past: one answer, of what is kept within the interval (rule 324)."""
    specifier, asked = request.report_specifier, request.report_specifier.report_interval
    granularity = length(specifier.granularity)
    if not rule_324(specifier.report_back_duration):
        raise Rejected(Code.INVALID_DATA, f"{offer.name} is sent once: reportBackDuration is 0", rule=324)
    if timedelta() < granularity < (shortest := max(point.minimum for point in points)):
        raise Rejected(Code.INVALID_DATA, f"granularity {specifier.granularity} is below {shortest}")
    oldest = now - offer.kept
    start = after(asked.dtstart, NOTHING) if asked else oldest
    end = after(asked.dtstart, asked.duration) if asked else now
    if asked and end <= asked.dtstart:
        end = now  # an open end
    if start >= now or end <= oldest:
        raise Rejected(Code.INVALID_DATA, f"{start} to {end} is not within what is kept, from {oldest} to {now}")
    return Plan(
        points=points,
        step=timedelta(),
        lasts=None,
        every=timedelta(),
        end=None,
        first_sample=None,
        first_report=now,
        on_change=False,
        window=Window(max(start, oldest), min(end, now), granularity),
        size=0,
    )


def payload(point: DataPoint, value: Value | None) -> ReportPayload:
    """Return a value as a report carries it; one that is missing, or is no value of such a point, says so."""
    reading = value if isinstance(value, Reading | None) else Reading(value)
    fits = PayloadResourceStatus if point.is_status else int | float
    if reading is None or not isinstance(reading.value, fits):
        reading = no_value(point)
    return ReportPayload(
        r_id=point.r_id,
        value=reading.value if isinstance(reading.value, PayloadResourceStatus) else float(reading.value),
        data_quality=reading.quality,
        confidence=reading.confidence,
        accuracy=reading.accuracy,
    )


def parts(intervals: list[Interval]) -> list[list[Interval]]:
    """Return intervals in parts that fit into a message each."""
    found: list[list[Interval]] = []
    size = MOST_IN_PART
    for interval in intervals:
        weight = sum(MOST_IN_PART if isinstance(each, GbPayload) else 1 for each in interval.payloads)
        if size + weight > MOST_IN_PART:
            found.append([])
            size = 0
        found[-1].append(interval)
        size += weight
    return found


def completed(part: list[Interval], points: tuple[DataPoint, ...]) -> list[Interval]:
    """Return a part in which every point that is asked for has a value, or is said to have none."""
    there = {each.r_id for interval in part for each in interval.payloads if isinstance(each, ReportPayload)}
    missing = [payload(point, None) for point in points if point.r_id not in there]
    if not missing or not part:
        return part
    return [changed(part[0], payloads=(*part[0].payloads, *missing)), *part[1:]]


def report(request: ReportRequest, offer: Offer, part: list[Interval], now: datetime) -> Report:
    """Return the report of these intervals."""
    intervals = tuple(changed(interval, uid=str(number)) for number, interval in enumerate(part))
    return Report(
        dtstart=intervals[0].dtstart,
        intervals=intervals,
        report_request_id=request.report_request_id,
        report_specifier_id=offer.specifier_id,
        report_name=offer.name,
        created_date_time=now,
    )
