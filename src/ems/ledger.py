"""The utility's book: what telemetry says was delivered, from what was received and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from ..common.errors import LocalError
from .delivery import Delivery, Sample, Trace, baseline, delivered, minute_means
from .events import DispatchEvent


@attrs.define(slots=True)
class Ledger:
    """Received telemetry, and what follows from it.

    Attributes:
        meter: the point that is the import at the point of common coupling.
        reports: reports received.
        points: values received.
        latest: the last value received of each point.
    """

    meter: str = "der.PCC.p"
    reports: int = 0
    points: int = 0
    latest: dict[str, float] = attrs.field(factory=dict)
    _trace: Trace = attrs.field(factory=Trace)

    def book(self, samples: Iterable[tuple[str, datetime, float]]) -> None:
        """Take in one report: point, time and value of each sample, in the unit of the point."""
        self.reports += 1
        for point, when, kw in sorted(samples, key=lambda sample: sample[1]):
            self.points += 1
            self.latest[point] = kw
            if point == self.meter:
                self._trace.add(Sample(when, kw))

    def delivery(self, event: DispatchEvent) -> Delivery:
        """Return what was delivered of `event`, from the baseline that it gives or, if none, from the telemetry's own.

        Minutes without telemetry, and all without a baseline, are unknown.
        """
        minutes = round(event.duration / timedelta(minutes=1))
        try:
            base = baseline(self._trace, event.issued) if event.baseline_kw is None else event.baseline_kw
        except LocalError:
            return Delivery(event.reduction_kw, 0.0, (None,) * minutes)
        return delivered(minute_means(self._trace, event.start, minutes), base, event.reduction_kw)
