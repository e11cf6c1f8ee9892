"""EiReport of the VEN: what it offers, what was asked of it, and the reports that are due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import attrs

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
from .answers import Code, Rejected


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
        """Return the offer as `oadrRegisterReport` carries it (rules 311, 312 and 331)."""
        return Report(
            duration=Duration.of(self.kept),
            descriptions=tuple(point.described() for point in self.points),
            report_request_id="0",
            report_specifier_id=self.specifier_id,
            report_name=f"METADATA_{self.name}",
            created_date_time=now,
        )


@attrs.frozen(slots=True)
class Reading:
    """A sampled value: a number in the unit of its point, with OpenADR's word for its quality."""

    value: float
    quality: DataQuality = DataQuality.GOOD_NON_SPECIFIC


@attrs.define(slots=True, eq=False)
class _Active:
    """A report that was asked for, while it runs."""

    request: ReportRequest
    offer: Offer
    r_ids: tuple[str, ...]
    granularity: timedelta
    every: timedelta
    start: datetime
    end: datetime | None
    next_sample: datetime
    next_report: datetime
    once: bool
    intervals: list[Interval] = attrs.Factory(list)


class ReportDesk:
    """The reports of a VEN: offers, active requests, samples that wait to be sent."""

    def __init__(self, offers: Iterable[Offer]) -> None:
        self._offers = {offer.specifier_id: offer for offer in offers}
        self._active: dict[str, _Active] = {}

    def metadata(self, now: datetime) -> tuple[Report, ...]:
        """Return every offer as metadata."""
        return tuple(offer.metadata(now) for offer in self._offers.values())

    @property
    def pending(self) -> tuple[str, ...]:
        """The reportRequestIDs that are active (rule 329)."""
        return tuple(self._active)

    def accept(self, request: ReportRequest, now: datetime) -> None:
        """Begin a report.

        Raises:
            Rejected: no such offer (461), unknown rID (452), a bad reportRequestID (452), or a granularity below
                the point's shortest period (454).
        """
        identity, specifier = request.report_request_id, request.report_specifier
        if identity in ("", "0"):
            raise Rejected(Code.INVALID_ID, f"reportRequestID {identity!r} is not for a request")
        offer = self._offers.get(specifier.report_specifier_id)
        if offer is None:
            raise Rejected(Code.REPORT_NOT_SUPPORTED, f"no report {specifier.report_specifier_id!r} is offered")
        points = {point.r_id: point for point in offer.points}
        r_ids = tuple(payload.r_id for payload in specifier.specifier_payloads)
        if unknown := [r_id for r_id in r_ids if r_id not in points]:
            raise Rejected(Code.INVALID_ID, f"no rID {', '.join(unknown)} in {offer.specifier_id}")
        granularity = specifier.granularity.timedelta
        shortest = max(points[r_id].minimum for r_id in r_ids)
        if timedelta() < granularity < shortest:
            raise Rejected(Code.INVALID_DATA, f"granularity {specifier.granularity} is below {shortest}")
        every = specifier.report_back_duration.timedelta
        asked = specifier.report_interval
        start = max(asked.dtstart if asked else now, now)
        lasting = bool(asked and asked.duration.seconds + asked.duration.months)
        end = asked.duration.after(asked.dtstart) if asked and lasting else None
        once = not every
        step = granularity or every
        # Samples stand on whole multiples of their step, so that reports of several requests can be laid together.
        first = _aligned(start, step) if step else start
        self._active[identity] = _Active(
            request, offer, r_ids, step, every, start, end, first, first + every if every else first, once
        )

    def cancel(self, request_ids: Iterable[str]) -> None:
        """End reports; raise `Rejected` (452) for one that is not active, after ending the others."""
        unknown = [identity for identity in request_ids if self._active.pop(identity, None) is None]
        if unknown:
            raise Rejected(Code.INVALID_ID, f"no report {', '.join(unknown)} is active")

    def clear(self) -> None:
        """End all reports: the registration has ended."""
        self._active.clear()

    def wanted(self, now: datetime) -> frozenset[str]:
        """Return the rIDs that are to be sampled now."""
        return frozenset(r_id for a in self._active.values() if a.next_sample <= now for r_id in a.r_ids)

    def sample(self, readings: Mapping[str, Reading], now: datetime) -> list[Report]:
        """Take the values of `wanted` and return the reports that are complete.

        Every rID of a request is in each interval: one that has no reading now is left out of `readings` and is
        reported by the others' interval alone.
        """
        complete = []
        for identity, active in list(self._active.items()):
            if active.next_sample <= now:
                self._collect(active, readings, now)
            if active.next_report <= now or active.once:
                if active.intervals:
                    complete.append(_report(active, now))
                    active.intervals = []
                while active.every and active.next_report <= now:
                    active.next_report += active.every
                if active.once or (active.end is not None and now >= active.end):
                    del self._active[identity]
        return complete

    def wake(self) -> datetime | None:
        """Return when `wanted` or `sample` has something to do next."""
        return min((min(a.next_sample, a.next_report) for a in self._active.values()), default=None)

    def _collect(self, active: _Active, readings: Mapping[str, Reading], now: datetime) -> None:
        payloads = tuple(
            ReportPayload(r_id=r_id, value=readings[r_id].value, data_quality=readings[r_id].quality)
            for r_id in active.r_ids
            if r_id in readings
        )
        if payloads:
            lasts = Duration.of(active.granularity) if active.granularity else None
            active.intervals.append(Interval(dtstart=active.next_sample, duration=lasts, payloads=payloads))
        step = active.granularity or active.every
        if not step:
            return
        active.next_sample += step
        if active.next_sample <= now:  # we were held up: the samples that were missed cannot be made up
            active.next_sample = _aligned(now, step) + (step if _aligned(now, step) <= now else timedelta())


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def _aligned(when: datetime, step: timedelta) -> datetime:
    """Return the first whole multiple of `step` at or after `when`."""
    return when + (_EPOCH - when) % step


def _report(active: _Active, now: datetime) -> Report:
    intervals = tuple(changed(interval, uid=str(n)) for n, interval in enumerate(active.intervals))
    return Report(
        dtstart=intervals[0].dtstart,
        intervals=intervals,
        report_request_id=active.request.report_request_id,
        report_specifier_id=active.offer.specifier_id,
        report_name=active.offer.name,
        created_date_time=now,
    )
