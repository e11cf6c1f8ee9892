"""EiReport of who delivers: the reports that it offers, what was asked of it, and what is due.

Both roles have such a desk: a VEN delivers to its VTN, a VTN to each of its VENs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import attrs

from ..model import Duration, GbPayload, Interval, Report, ReportName, ReportRequest, Xml
from . import spelling
from .answers import Code, Rejected
from .report_offers import DataPoint, Offer, Reading, Value, checked
from .report_plan import MOST_IN_PART, Plan, Window, completed, parts, payload, plan, report
from .shelf import Shelf
from .telemetry import Sample
from .times import EPOCH, whole

__all__ = ["ReportDesk", "Recall", "DataPoint", "Offer", "Reading", "MOST_IN_PART"]

MOST_REPORTS = 256
"""Reports that run at once for one peer."""

MOST_VALUES = 40_000
"""Values that all running reports of one peer may have to keep until they are sent."""

VTN = ""
"""The peer of a VEN, which has only the one."""


@attrs.frozen(slots=True)
class Recall:
    """A report of the past that is to be answered by `ReportDesk.recall`.

    Attributes:
        name: HISTORY_USAGE or HISTORY_GREENBUTTON.
        r_ids: the points that are asked for; `granularity` how densely, zero for all that is kept.
    """

    key: str
    name: str
    specifier_id: str
    r_ids: tuple[str, ...]
    start: datetime
    end: datetime
    granularity: timedelta


@attrs.define(slots=True, eq=False)
class _Running:
    """A report that was asked for, while it runs.

    Attributes:
        ending: it was cancelled, and a last report is to follow (rule 345).
        kept: under which names its samples are kept.
    """

    peer: str
    request: ReportRequest
    offer: Offer
    plan: Plan
    next_sample: datetime | None
    next_report: datetime
    ending: bool = False
    intervals: list[Interval] = attrs.Factory(list)
    kept: list[str] = attrs.Factory(list)
    latest: Interval | None = None

    def spelled(self) -> str:
        """Return the report as it is kept; its samples are kept one by one. Looking for changes leaves no trace."""
        return spelling.document(
            peer=self.peer,
            request=spelling.requests((self.request,)),
            next_sample=None if self.plan.on_change else spelling.time(self.next_sample),
            next_report=spelling.time(self.next_report),
            ending=self.ending,
        )

    def is_due(self, now: datetime) -> bool:
        """Whether a sample is to be taken."""
        return self.next_sample is not None and self.next_sample <= now

    def collect(self, readings: Mapping[str, Value], now: datetime) -> Interval | None:
        """Take a sample, and return it if it counts. What was missed because we were held up cannot be made up."""
        plan, due = self.plan, self.next_sample or now
        at = max(whole(now, plan.step), due) if plan.step and not self.ending else now
        following = at + plan.step
        over = not plan.step or self.ending or (plan.end is not None and following >= plan.end)
        self.next_sample = None if over else following
        payloads = tuple(payload(point, readings.get(point.r_id)) for point in plan.points)
        taken = Interval(dtstart=at, duration=plan.lasts, payloads=payloads)
        changed = self.latest is None or self.latest.payloads != payloads
        self.latest = taken
        if plan.on_change and not changed:
            return None
        self.intervals.append(taken)
        return taken

    def report_is_due(self, now: datetime) -> bool:
        """Whether it is time to send what was collected."""
        full = self.plan.on_change and sum(len(each.payloads) for each in self.intervals) >= MOST_IN_PART
        return full or self.next_report <= now or self.finished

    def take(self, now: datetime) -> list[Report]:
        """Return what was collected, and begin again; where nothing has changed, the value that still holds."""
        collected, self.intervals = self.intervals, []
        if not collected and self.plan.on_change and self.latest is not None and self.next_report <= now:
            collected = [self.latest]
        found = (completed(part, self.plan.points) for part in parts(collected))
        return [report(self.request, self.offer, part, now) for part in found]

    @property
    def finished(self) -> bool:
        return self.next_sample is None

    def wake(self) -> datetime:
        return self.next_report if self.next_sample is None else min(self.next_sample, self.next_report)


class ReportDesk:
    """The reports of a source: offers, what runs, samples that wait to be sent.

    A `peer` is who has asked: a venID, or `VTN`.

    Raises `LocalError` for an offer that cannot be made: IDs given twice, a period with a fraction of a second or
    longer than what is kept (rule 312), a name or word that OpenADR does not know, a point that does not belong into
    such a report (rule 331).
    """

    def __init__(self, offers: Iterable[Offer] = ()) -> None:
        self._number = 0
        self._offers = checked(offers)
        self.active = self._active = Shelf("report", _Running.spelled, self._unspelled)
        self.samples = Shelf[Interval]("sample", lambda each: spelling.intervals((each,)), _interval)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What can be reported."""
        return tuple(self._offers.values())

    def restore(self) -> None:
        """Give each report the samples that were kept of it."""
        for key, interval in sorted(self.samples.items(), key=lambda item: int(item[0].partition("/")[0])):
            running = self._active.get(key.partition("/")[2])
            if running is None:
                del self.samples[key]
            else:
                running.intervals.append(interval)
                running.kept.append(key)
                running.latest = interval
                self._number = max(self._number, int(key.partition("/")[0]))

    def _unspelled(self, text: str) -> _Running:
        """Return a report as it was kept; raise `Rejected` if we do not offer it any more."""
        kept = spelling.values(text)
        (request,) = spelling.requests_of(kept["request"])
        offer = self._offers.get(request.report_specifier.report_specifier_id)
        if offer is None:
            raise Rejected(Code.REPORT_NOT_SUPPORTED, "it is not offered any more")
        next_report = spelling.time_of(kept["next_report"])
        assert next_report is not None
        asked = request.report_specifier.report_interval
        began = next_report if offer.of_the_past or asked is None else asked.dtstart
        again = plan(request, offer, began)
        return _Running(
            peer=kept["peer"],
            request=request,
            offer=offer,
            plan=again,
            next_sample=EPOCH if again.on_change else spelling.time_of(kept["next_sample"]),
            next_report=next_report,
            ending=kept["ending"],
        )

    def _taken(self, running: _Running, now: datetime) -> list[Report]:
        """Return what a report has collected; it is kept no more."""
        self._unkeep(running)
        return running.take(now)

    def _unkeep(self, running: _Running) -> None:
        for key in running.kept:
            self.samples.pop(key, None)
        running.kept.clear()

    def metadata(self, created: datetime) -> tuple[Report, ...]:
        """Return every offer as metadata, made at this time."""
        return tuple(offer.metadata(created) for offer in self._offers.values())

    @property
    def pending(self) -> tuple[str, ...]:
        """The reportRequestIDs that are active for a VEN's VTN (rule 329)."""
        return self.pending_for(VTN)

    def pending_for(self, peer: str) -> tuple[str, ...]:
        """The reportRequestIDs that are active for a peer: all of them (rule 329)."""
        return tuple(
            running.request.report_request_id
            for running in self._active.values()
            if running.peer == peer and not running.ending
        )

    def accept(self, request: ReportRequest, now: datetime, peer: str = VTN) -> None:
        """Begin a report; one that runs already just as it is asked for goes on.

        Raises:
            Rejected: no such offer (461), unknown rID (452), times that cannot be or a granularity that the points
                cannot have (454), or more than we have room for (469).
        """
        identity, specifier = request.report_request_id, request.report_specifier
        key = _key(peer, identity)
        before = self._active.get(key)
        if before is not None and before.request == request and not before.ending:
            return
        offer = self._offers.get(specifier.report_specifier_id)
        if offer is None:
            raise Rejected(Code.REPORT_NOT_SUPPORTED, f"no report {specifier.report_specifier_id!r} is offered")
        wanted = plan(request, offer, now)
        others = [other for name, other in self._active.items() if name != key and other.peer == peer]
        if len(others) >= MOST_REPORTS or wanted.size + sum(other.plan.size for other in others) > MOST_VALUES:
            raise Rejected(Code.DEPLOYMENT_ERROR, f"{identity} is more than there is room for: ask for less")
        self._forget(key)
        self._active[key] = _Running(peer, request, offer, wanted, wanted.first_sample, wanted.first_report)

    def cancel(
        self, request_ids: Iterable[str], now: datetime, peer: str = VTN, *, to_follow: bool = False
    ) -> tuple[list[Report], list[str]]:
        """End reports; return what they had collected if that is `to_follow`, and the IDs of which none was active.

        What is to follow and has collected nothing yet is sampled, or recalled, once more (rule 345).
        """
        collected: list[Report] = []
        unknown = []
        for identity in dict.fromkeys(request_ids):
            key = _key(peer, identity)
            running = self._active.get(key)
            if running is None or running.ending:
                unknown.append(identity)
            elif to_follow and not running.intervals:
                running.ending = True
                running.next_sample = None if running.plan.window else now
                self._active.touch(key)
            else:
                collected += self._taken(running, now) if to_follow else []
                self._forget(key)
        return collected, unknown

    def _forget(self, key: str) -> None:
        running = self._active.pop(key, None)
        if running is not None:
            self._unkeep(running)

    def clear(self, peer: str | None = None) -> None:
        """End all reports of a peer, or of all: the registration has ended (rule 406)."""
        for key in [key for key, running in self._active.items() if peer in (None, running.peer)]:
            self._forget(key)

    def wanted(self, now: datetime) -> frozenset[str]:
        """Return the rIDs that are to be sampled now."""
        due = (running for running in self._active.values() if running.is_due(now))
        return frozenset(point.r_id for running in due for point in running.plan.points)

    def sample(self, readings: Mapping[str, Value], now: datetime) -> list[Report]:
        """As `sampled`, for a VEN: what goes to its VTN."""
        return self.sampled(readings, now).get(VTN, [])

    def sampled(self, readings: Mapping[str, Value], now: datetime) -> dict[str, list[Report]]:
        """Take the values of `wanted` and return by peer the reports that are due, in parts that fit into a message.

        A point that has no reading now is delivered all the same, marked as having no value.
        """
        due: dict[str, list[Report]] = defaultdict(list)
        for key, running in list(self._active.items()):
            if running.plan.window is not None:
                continue
            if running.is_due(now):
                self._collect(key, running, readings, now)
            if running.report_is_due(now):
                due[running.peer] += self._taken(running, now)
                self._again(key, running, now)
            if running.finished:
                del self._active[key]
        return due

    def _collect(self, key: str, running: _Running, readings: Mapping[str, Value], now: datetime) -> None:
        taken = running.collect(readings, now)
        if not running.plan.on_change:
            self._active.touch(key)
        if taken is not None:
            self._number += 1
            running.kept.append(f"{self._number}/{key}")
            self.samples[running.kept[-1]] = taken

    def _again(self, key: str, running: _Running, now: datetime) -> None:
        every = running.plan.every
        if every and running.next_report <= now:
            running.next_report = now + every - (now - running.next_report) % every
        self._active.touch(key)

    def recalls(self, now: datetime) -> list[Recall]:
        """Return the reports of the past that are to be answered."""
        return [
            _recall(key, running, running.plan.window)
            for key, running in self._active.items()
            if running.plan.window is not None
        ]

    def recall(self, asked: Recall, found: Iterable[Sample], now: datetime) -> tuple[str, list[Report]]:
        """Answer a report of the past; return its peer and its parts.

        What lies outside the time that was asked for is left out, and so are points that were not; a point of which
        nothing is found is delivered as having no value. Of very many values the latest are delivered.
        """
        running = self._active.get(asked.key)
        if running is None or running.plan.window is None:
            return VTN, []
        inside = sorted((e for e in found if asked.start <= e.time < asked.end), key=lambda each: each.time)
        if running.offer.name == ReportName.HISTORY_GREENBUTTON:
            made = parts([_feed(each) for each in inside if isinstance(each.value, Xml)])
        else:
            points = running.plan.points
            intervals = _rows(points, inside[-MOST_VALUES:]) or _rows(points, [], asked.start)
            made = [completed(part, points) for part in parts(intervals)]
        del self._active[asked.key]
        return running.peer, [report(running.request, running.offer, part, now) for part in made]

    def wake(self) -> datetime | None:
        """Return when `wanted` or `sampled` has something to do next."""
        running = (each for each in self._active.values() if each.plan.window is None)
        return min((each.wake() for each in running), default=None)


def _key(peer: str, identity: str) -> str:
    return f"{peer}\t{identity}"


def _interval(text: str) -> Interval:
    (one,) = spelling.intervals_of(text)
    return one


def _recall(key: str, running: _Running, window: Window) -> Recall:
    return Recall(
        key=key,
        name=running.offer.name,
        specifier_id=running.offer.specifier_id,
        r_ids=tuple(point.r_id for point in running.plan.points),
        start=window.start,
        end=window.end,
        granularity=window.granularity,
    )


def _feed(sample: Sample) -> Interval:
    return Interval(dtstart=sample.time, payloads=(GbPayload(sample.value),))


def _rows(points: Iterable[DataPoint], found: Iterable[Sample], nothing: datetime | None = None) -> list[Interval]:
    """Return values by their times; at `nothing` there is none."""
    known = {point.r_id: point for point in points}
    rows: dict[tuple[datetime, timedelta], dict[str, Reading]] = {}
    for each in found:
        if each.r_id in known:
            rows.setdefault((each.time, each.duration or timedelta()), {})[each.r_id] = each.reading()
    if nothing is not None:
        payloads = tuple(payload(point, None) for point in known.values())
        return [Interval(dtstart=nothing, payloads=payloads)]
    return [
        Interval(
            dtstart=time,
            duration=Duration.of(lasts) if lasts else None,
            payloads=tuple(payload(known[r_id], row[r_id]) for r_id in known if r_id in row),
        )
        for (time, lasts), row in sorted(rows.items(), key=lambda item: item[0])
    ]
