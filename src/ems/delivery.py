"""What was delivered: baseline, minute means and execution rates, the same functions for site and utility.

Figures are import at the point of common coupling, in kW, positive from the grid to the site. The delivered power is
what the import lies below the baseline.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import attrs

from ..common.errors import LocalError

MINUTE = timedelta(minutes=1)
BASELINE_SAMPLES = 5


@attrs.frozen(slots=True, order=True)
class Sample:
    """The import at one instant."""

    time: datetime
    kw: float


@attrs.frozen(slots=True)
class Delivery:
    """A contract and what came of it.

    Attributes:
        contract_kw: the reduction asked.
        baseline_kw: the import that the reduction counts from.
        minutes: mean reduction in each minute of the sustained period, in kW; None where nothing is known of it.
    """

    contract_kw: float
    baseline_kw: float
    minutes: tuple[float | None, ...]

    @property
    def rates(self) -> tuple[float, ...]:
        """Execution rate of each minute, not above 1: reduction / contract. An unknown minute delivered nothing.

        A negative rate (more import than the baseline) stays negative.
        """
        return tuple(0.0 if kw is None else min(1.0, kw / self.contract_kw) for kw in self.minutes)

    @property
    def average_rate(self) -> float:
        """Mean of `rates`; 0 if there is no minute."""
        return sum(self.rates) / len(self.minutes) if self.minutes else 0.0

    def fulfilled(self, limit: float = 0.95) -> bool:
        """Return whether the average rate reaches `limit`."""
        return self.average_rate >= limit


class Trace:
    """Samples of the import in order of time, for means and values in between. Keeps the last `span`."""

    def __init__(self, samples: Iterable[Sample] = (), *, span: timedelta = timedelta(hours=6)) -> None:
        self._span = span
        self._samples: list[Sample] = []
        for sample in samples:
            self.add(sample)

    def add(self, sample: Sample) -> None:
        """Add a sample; one that is not later than the last is passed over (a report can come twice)."""
        kept = self._samples
        if kept and sample.time <= kept[-1].time:
            return
        kept.append(sample)
        if kept[0].time < sample.time - 2 * self._span:
            del kept[: bisect_left(kept, sample.time - self._span, key=lambda s: s.time)]

    def newest(self, before: datetime) -> Sample | None:
        """Return the last sample before an instant; None if there is none."""
        i = self._before(before)
        return self._samples[i - 1] if i else None

    def since(self, when: datetime, step: timedelta) -> list[Sample]:
        """Return the samples from `when` on, those left out that come less than `step` after the one before."""
        found: list[Sample] = []
        for sample in self._samples[self._before(when) :]:
            if not found or sample.time - found[-1].time >= step:
                found.append(sample)
        return found

    def at(self, when: datetime, *, gap: timedelta = MINUTE) -> float | None:
        """Return the import at `when`, linear between samples; None if they lie more than `gap` apart there."""
        i = bisect_left(self._samples, when, key=lambda s: s.time)
        if i < len(self._samples) and self._samples[i].time == when:
            return self._samples[i].kw
        if i in (0, len(self._samples)) or self._samples[i].time - self._samples[i - 1].time > gap:
            return None
        return _between(self._samples[i - 1], self._samples[i], when)

    def mean(self, start: datetime, end: datetime, *, gap: timedelta = MINUTE) -> float | None:
        """Return the time-weighted mean over `[start, end]`, linear between samples; None if any part is unknown."""
        first, last = self.at(start, gap=gap), self.at(end, gap=gap)
        if first is None or last is None or end <= start:
            return None
        inner = self._samples[self._after(start) : self._before(end)]
        knots = [Sample(start, first), *inner, Sample(end, last)]
        area = 0.0
        for a, b in pairwise(knots):
            if b.time - a.time > gap:
                return None
            area += (a.kw + b.kw) / 2 * (b.time - a.time).total_seconds()
        return area / (end - start).total_seconds()

    def _after(self, when: datetime) -> int:
        i = bisect_left(self._samples, when, key=lambda s: s.time)
        return i + 1 if i < len(self._samples) and self._samples[i].time == when else i

    def _before(self, when: datetime) -> int:
        return bisect_left(self._samples, when, key=lambda s: s.time)


def baseline(trace: Trace, dispatch: datetime, count: int = BASELINE_SAMPLES) -> float:
    """Return the baseline in kW: the mean of the `count` one-minute samples of import before `dispatch`.

    The rule was deduced from the published cases (seed document 003: 1920.7 kW); the document itself does not state
    it. Raises `LocalError` if the import at one of these instants is not known.
    """
    times = [dispatch - n * MINUTE for n in range(count, 0, -1)]
    figures = [trace.at(when) for when in times]
    known = [kw for kw in figures if kw is not None]
    if not known or len(known) < len(figures):
        gap = times[figures.index(None)] if figures else dispatch
        raise LocalError(f"no baseline: the import at {gap.isoformat()} was not recorded")
    return sum(known) / len(known)


def minute_means(trace: Trace, start: datetime, minutes: int) -> tuple[float | None, ...]:
    """Return the mean import of each of `minutes` minutes from `start` on; None for one that is not wholly known."""
    return tuple(trace.mean(start + n * MINUTE, start + (n + 1) * MINUTE) for n in range(minutes))


def delivered(import_kw: Sequence[float | None], baseline_kw: float, contract_kw: float) -> Delivery:
    """Return what was delivered, from the mean import of each minute; raise `LocalError` for a contract of nothing."""
    if contract_kw <= 0:
        raise LocalError(f"a contract is above zero, not {contract_kw} kW")
    return Delivery(contract_kw, baseline_kw, tuple(None if kw is None else baseline_kw - kw for kw in import_kw))


def _between(a: Sample, b: Sample, when: datetime) -> float:
    return a.kw + (b.kw - a.kw) * ((when - a.time) / (b.time - a.time))
