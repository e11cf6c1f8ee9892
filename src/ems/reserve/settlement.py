"""What a dispatch is worth: baseline, execution rates, quality index and test verdicts.

The same functions serve the site, by its own meter, and the utility, by the telemetry that it received; on the same
samples they agree to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from math import floor
from typing import Any

import attrs

from ...common.errors import LocalError
from ..delivery import MINUTE, Delivery, Sample, Trace, baseline, delivered, minute_means
from ..events import DispatchEvent
from .parameters import Service, Tier
from .phases import minutes

MEAN_OF = timedelta(minutes=6)


class BaselineRule(Enum):
    """How the baseline follows from the import before the dispatch. The study does not state it."""

    SAMPLES = "five samples"
    """The mean of the five one-minute samples before the dispatch: deduced, 0.01 % off the published figure."""
    MEAN = "six minutes"
    """The mean over the six minutes before the dispatch, to the last sample of them: fits as well."""


def baseline_kw(trace: Trace, dispatch: datetime, rule: BaselineRule = BaselineRule.SAMPLES) -> float:
    """Return the baseline in kW; raise `LocalError` if the import before the dispatch was not recorded."""
    if rule is BaselineRule.SAMPLES:
        return baseline(trace, dispatch)
    newest = trace.newest(dispatch)  # the one at the dispatch itself is not there yet when the event comes
    known = newest is not None and dispatch - newest.time <= MINUTE
    mean = trace.mean(dispatch - MEAN_OF, newest.time) if newest is not None and known else None
    if mean is None:
        raise LocalError(f"no baseline: the import in the six minutes before {dispatch.isoformat()} was not recorded")
    return mean


def quality_index(average_rate: float, tiers: Sequence[Tier]) -> float:
    """Return the index for an average rate, which is rounded to whole per cent before it is compared."""
    rounded = floor(100 * average_rate + 0.5) / 100
    for tier in tiers:
        if rounded >= tier.at_least:
            return tier.index
    raise LocalError(f"the tiers of the quality index end above {average_rate}")


@attrs.frozen(slots=True)
class Settlement:
    """The judgement of one dispatch.

    Attributes:
        service: by which it was judged.
        delivery: contract, baseline, and the mean reduction of each minute.
    """

    service: Service
    delivery: Delivery

    @property
    def rates(self) -> tuple[float, ...]:
        """Execution rate of each minute; see `Delivery.rates`."""
        return self.delivery.rates

    @property
    def average_rate(self) -> float:
        """Mean of the rates."""
        return self.delivery.average_rate

    @property
    def worst_rate(self) -> float:
        """The lowest of the rates; 0 if there is none."""
        return min(self.rates, default=0.0)

    @property
    def index(self) -> float:
        """The quality index: the part of the hour's revenue, below zero a penalty in hours of it."""
        return quality_index(self.average_rate, self.service.tiers)

    @property
    def minutes_passed(self) -> bool:
        """Test: every minute lies above the limit."""
        return bool(self.rates) and self.worst_rate > self.service.minute_limit

    @property
    def average_passed(self) -> bool:
        """Test: the average lies above the limit."""
        return self.average_rate > self.service.average_limit

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "service": self.service.name,
            "contract_kw": self.delivery.contract_kw,
            "baseline_kw": round(self.delivery.baseline_kw, 3),
            "rates": [round(rate, 6) for rate in self.rates],
            "average_rate": round(self.average_rate, 6),
            "worst_rate": round(self.worst_rate, 6),
            "quality_index": self.index,
            "minute_test": self.minutes_passed,
            "average_test": self.average_passed,
        }


def settle(
    reduction_kw: Iterable[float | None], service: Service, *, contract_kw: float, baseline_kw: float
) -> Settlement:
    """Return the judgement from the mean reduction (baseline less import) of each minute, None where it is unknown.

    An unknown minute delivered nothing. Negative minutes count as they are; above the contract a minute counts as 1.
    """
    imports = [None if kw is None else baseline_kw - kw for kw in reduction_kw]
    return Settlement(service, delivered(imports, baseline_kw, contract_kw))


def judge(
    samples: Trace | Iterable[Sample],
    event: DispatchEvent,
    service: Service,
    *,
    baseline: float | None = None,
    rule: BaselineRule = BaselineRule.SAMPLES,
) -> Settlement:
    """Return the judgement from samples of the import.

    The baseline is `baseline`, else that of the event, else it follows from the samples by `rule`; raises `LocalError`
    if it cannot be told.
    """
    trace = samples if isinstance(samples, Trace) else Trace(samples)
    base = event.baseline_kw if baseline is None else baseline
    if base is None:
        base = baseline_kw(trace, event.issued, rule)
    means = minute_means(trace, event.start, minutes(event))
    return Settlement(service, delivered(means, base, event.reduction_kw))
