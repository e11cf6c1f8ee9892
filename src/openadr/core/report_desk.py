"""EiReport of the VEN: what it offers, what was asked of it, and the reports that are due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import attrs

from ...common.errors import LocalError
from ..model import (
    DataQuality,
    Duration,
    EiTarget,
    Interval,
    ItemBase,
    ReadingType,
    Report,
    ReportDescription,
    ReportPayload,
    ReportRequest,
    ReportType,
    SamplingRate,
    changed,
)
from . import spelling
from .answers import Code, Rejected
from .shelf import Shelf
from .times import EPOCH, after, length, whole

MOST_REPORTS = 256
"""Reports that run at once."""

MOST_VALUES = 40_000
"""Values that all running reports may have to keep until they are sent."""

MOST_IN_PART = 300
"""Values in one report: servers commonly allow clients stanzas of 256 KiB."""

NOTHING = Duration("PT0S")


@attrs.frozen(slots=True)
class DataPoint:
    """One thing that can be reported.

    Attributes:
        r_id: its ID within the report.
        item: unit of the value; None for none.
        minimum, maximum: periods between which it may be sampled.
    """

    r_id: str
    item: ItemBase | None = None
    report_type: ReportType = ReportType.USAGE
    reading_type: ReadingType = ReadingType.DIRECT_READ
    minimum: timedelta = timedelta(seconds=1)
    maximum: timedelta = timedelta(hours=1)
    resource_id: str | None = None

    def described(self) -> ReportDescription:
        """Return its description as it is offered."""
        rate = SamplingRate(min_period=Duration.of(self.minimum), max_period=Duration.of(self.maximum), on_change=False)
        source = EiTarget(resource_ids=(self.resource_id,)) if self.resource_id else None
        return ReportDescription(
            r_id=self.r_id,
            report_data_source=source,
            report_type=self.report_type,
            item_base=self.item,
            reading_type=self.reading_type,
            sampling_rate=rate,
        )


@attrs.frozen(slots=True)
class Offer:
    """A report that this VEN can deliver: `name` without `METADATA_`, its points, and how much it keeps."""

    specifier_id: str
    name: str
    points: tuple[DataPoint, ...]
    kept: timedelta = timedelta(hours=1)

    def metadata(self, now: datetime) -> Report:
        """Return the offer as `oadrRegisterReport` carries it (rules 311 and 312)."""
        return Report(
            duration=Duration.of(self.kept),
            descriptions=tuple(point.described() for point in self.points),
            report_request_id="0",
            report_specifier_id=self.specifier_id,
            report_name=f"METADATA_{self.name}",
            created_date_time=now,
        )

    def check(self) -> None:
        """Raise `LocalError` if this cannot be offered."""
        self.metadata(EPOCH)
        if not self.points or len({point.r_id for point in self.points}) < len(self.points):
            raise LocalError("a report has points, each with an rID of its own", where=self.specifier_id)
        for point in self.points:
            if not timedelta() <= point.minimum <= point.maximum <= self.kept:
                periods = f"from {point.minimum} to {point.maximum}"
                message = f"{point.r_id} is sampled {periods}, but {self.kept} is what is kept (rule 312)"
                raise LocalError(message, where=self.specifier_id)


@attrs.frozen(slots=True)
class Reading:
    """A sampled value: a number in the unit of its point, with OpenADR's word for its quality."""

    value: float
    quality: DataQuality = DataQuality.GOOD_NON_SPECIFIC


@attrs.define(slots=True, eq=False)
class _Active:
    """A report that was asked for, while it runs. Without a `step` it is one sample, at its start."""

    request: ReportRequest
    offer: Offer
    r_ids: tuple[str, ...]
    step: timedelta
    lasts: Duration | None
    every: timedelta
    end: datetime | None
    size: int
    next_sample: datetime | None
    next_report: datetime
    intervals: list[Interval] = attrs.Factory(list)

    def spelled(self) -> str:
        """Return the report as it is kept; its samples are kept one by one."""
        return spelling.document(
            request=spelling.requests((self.request,)),
            next_sample=spelling.time(self.next_sample),
            next_report=spelling.time(self.next_report),
        )

    def is_due(self, now: datetime) -> bool:
        """Whether a sample is to be taken."""
        return self.next_sample is not None and self.next_sample <= now

    def collect(self, readings: Mapping[str, Reading], now: datetime) -> None:
        """Take a sample. What was missed because we were held up cannot be made up."""
        at = whole(now, self.step) if self.step else now
        following = at + self.step
        self.next_sample = following if self.step and not (self.end and following >= self.end) else None
        payloads = tuple(
            ReportPayload(r_id=r_id, value=readings[r_id].value, data_quality=readings[r_id].quality)
            for r_id in self.r_ids
            if r_id in readings
        )
        if payloads:
            self.intervals.append(Interval(dtstart=at, duration=self.lasts, payloads=payloads))

    def take(self, now: datetime) -> list[Report]:
        """Return what was collected, and begin again."""
        collected, self.intervals = self.intervals, []
        return [_report(self, part, now) for part in _parts(collected)]

    @property
    def finished(self) -> bool:
        return self.next_sample is None

    def wake(self) -> datetime:
        return self.next_report if self.next_sample is None else min(self.next_sample, self.next_report)


class ReportDesk:
    """The reports of a VEN: offers, active requests, samples that wait to be sent.

    Raises `LocalError` for an offer that cannot be made: IDs given twice, a period with a fraction of a second or
    longer than what is kept (rule 312), a name or word that OpenADR does not know.
    """

    def __init__(self, offers: Iterable[Offer]) -> None:
        self._number = 0
        self._offers: dict[str, Offer] = {}
        for offer in offers:
            if offer.specifier_id in self._offers:
                raise LocalError("two reports of that ID are offered", where=offer.specifier_id)
            offer.check()
            self._offers[offer.specifier_id] = offer
        self.active = self._active = Shelf("report", _Active.spelled, self._unspelled)
        self.samples = Shelf[Interval]("sample", lambda each: spelling.intervals((each,)), _interval)

    def restore(self) -> None:
        """Give each report the samples that were kept of it."""
        for key, interval in sorted(self.samples.items(), key=lambda item: int(item[0].partition("/")[0])):
            active = self._active.get(key.partition("/")[2])
            if active is None:
                del self.samples[key]
            else:
                active.intervals.append(interval)
                self._number = max(self._number, int(key.partition("/")[0]))

    def _unspelled(self, text: str) -> _Active:
        """Return a report as it was kept; raise `Rejected` if we do not offer it any more."""
        kept = spelling.values(text)
        (request,) = spelling.requests_of(kept["request"])
        offer = self._offers.get(request.report_specifier.report_specifier_id)
        if offer is None:
            raise Rejected(Code.REPORT_NOT_SUPPORTED, "it is not offered any more")
        next_report = spelling.time_of(kept["next_report"])
        assert next_report is not None
        asked = request.report_specifier.report_interval
        active = _begin(request, offer, asked.dtstart if asked else next_report)
        active.next_sample, active.next_report = spelling.time_of(kept["next_sample"]), next_report
        return active

    def _take(self, active: _Active, now: datetime) -> list[Report]:
        """Return what a report has collected; it is kept no more."""
        identity = active.request.report_request_id
        for key in [key for key in self.samples if key.partition("/")[2] == identity]:
            del self.samples[key]
        return active.take(now)

    def metadata(self, now: datetime) -> tuple[Report, ...]:
        """Return every offer as metadata."""
        return tuple(offer.metadata(now) for offer in self._offers.values())

    @property
    def pending(self) -> tuple[str, ...]:
        """The reportRequestIDs that are active (rule 329)."""
        return tuple(self._active)

    def accept(self, request: ReportRequest, now: datetime) -> None:
        """Begin a report; one that runs already just as it is asked for goes on.

        Raises:
            Rejected: no such offer (461), unknown rID (452), a bad reportRequestID (452), times that cannot be or a
                granularity below the point's shortest period (454), or more than we have room for (469).
        """
        identity, specifier = request.report_request_id, request.report_specifier
        if identity in ("", "0"):
            raise Rejected(Code.INVALID_ID, f"reportRequestID {identity!r} is not for a request")
        before = self._active.get(identity)
        if before is not None and before.request == request:
            return
        offer = self._offers.get(specifier.report_specifier_id)
        if offer is None:
            raise Rejected(Code.REPORT_NOT_SUPPORTED, f"no report {specifier.report_specifier_id!r} is offered")
        active = _begin(request, offer, now)
        others = [other for name, other in self._active.items() if name != identity]
        if len(others) >= MOST_REPORTS or active.size + sum(other.size for other in others) > MOST_VALUES:
            raise Rejected(Code.DEPLOYMENT_ERROR, f"{identity} is more than there is room for: ask for less")
        self._active[identity] = active

    def cancel(self, request_ids: Iterable[str], now: datetime) -> tuple[list[Report], list[str]]:
        """End reports; return what they had collected, and the IDs of which none was active."""
        collected, unknown = [], []
        for identity in request_ids:
            active = self._active.pop(identity, None)
            if active is None:
                unknown.append(identity)
            else:
                collected += self._take(active, now)
        return collected, unknown

    def clear(self) -> None:
        """End all reports: the registration has ended."""
        self._active.clear()
        self.samples.clear()

    def wanted(self, now: datetime) -> frozenset[str]:
        """Return the rIDs that are to be sampled now."""
        return frozenset(r_id for active in self._active.values() if active.is_due(now) for r_id in active.r_ids)

    def sample(self, readings: Mapping[str, Reading], now: datetime) -> list[Report]:
        """Take the values of `wanted` and return the reports that are complete, in parts of at most `MOST_IN_PART`.

        A point that has no reading now is left out of the interval; an interval without any is left out itself.
        """
        complete = []
        for identity, active in list(self._active.items()):
            if active.is_due(now):
                self._collect(identity, active, readings, now)
            if active.next_report <= now or active.finished:
                complete += self._take(active, now)
                self._active.touch(identity)
                if active.every:
                    active.next_report = now + active.every - (now - active.next_report) % active.every
            if active.finished:
                del self._active[identity]
        return complete

    def _collect(self, identity: str, active: _Active, readings: Mapping[str, Reading], now: datetime) -> None:
        before = len(active.intervals)
        active.collect(readings, now)
        self._active.touch(identity)
        for interval in active.intervals[before:]:
            self._number += 1
            self.samples[f"{self._number}/{identity}"] = interval

    def wake(self) -> datetime | None:
        """Return when `wanted` or `sample` has something to do next."""
        return min((active.wake() for active in self._active.values()), default=None)


def _interval(text: str) -> Interval:
    (one,) = spelling.intervals_of(text)
    return one


def _begin(request: ReportRequest, offer: Offer, now: datetime) -> _Active:
    """Return a report as it is asked for; raise `Rejected`."""
    specifier, asked = request.report_specifier, request.report_specifier.report_interval
    points = {point.r_id: point for point in offer.points}
    r_ids = tuple(dict.fromkeys(payload.r_id for payload in specifier.specifier_payloads))
    if unknown := [r_id for r_id in r_ids if r_id not in points]:
        raise Rejected(Code.INVALID_ID, f"no rID {', '.join(unknown)} in {offer.specifier_id}")
    granularity, every = length(specifier.granularity), length(specifier.report_back_duration)
    shortest = max(points[r_id].minimum for r_id in r_ids)
    if timedelta() < granularity < shortest:
        raise Rejected(Code.INVALID_DATA, f"granularity {specifier.granularity} is below {shortest}")
    start = max(after(asked.dtstart, NOTHING) if asked else now, now)
    ends = after(asked.dtstart, asked.duration) if asked else start
    end = ends if asked and ends > asked.dtstart else None
    if end is not None and end <= now:
        raise Rejected(Code.INVALID_DATA, f"the time of {request.report_request_id} is over")
    # Rule 324: without a report-back time there is one report, of the whole interval or else of one moment.
    step = (granularity or every) if every or end else timedelta()
    # Samples stand on whole multiples of their step, so that reports of several requests can be laid together.
    first = start if not step or whole(start, step) == start else whole(start, step) + step
    if end is not None and first >= end:
        first = start
    back = first + every if every else end if step and end else first
    return _Active(
        request=request,
        offer=offer,
        r_ids=r_ids,
        step=step,
        lasts=specifier.granularity if granularity else None,
        every=every,
        end=end,
        size=len(r_ids) * (1 + ((back - first) // step if step else 0)),
        next_sample=first,
        next_report=back,
    )


def _parts(intervals: list[Interval]) -> Iterator[list[Interval]]:
    """Yield the intervals in parts that fit into a message."""
    part: list[Interval] = []
    size = 0
    for interval in intervals:
        if part and size + len(interval.payloads) > MOST_IN_PART:
            yield part
            part, size = [], 0
        part.append(interval)
        size += len(interval.payloads)
    if part:
        yield part


def _report(active: _Active, collected: list[Interval], now: datetime) -> Report:
    intervals = tuple(changed(interval, uid=str(n)) for n, interval in enumerate(collected))
    return Report(
        dtstart=intervals[0].dtstart,
        intervals=intervals,
        report_request_id=active.request.report_request_id,
        report_specifier_id=active.offer.specifier_id,
        report_name=active.offer.name,
        created_date_time=now,
    )
