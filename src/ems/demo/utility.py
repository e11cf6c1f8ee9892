"""The utility of a reserve case: it dispatches, hears telemetry, and judges by what it has heard and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

from ...common.data.site import Site
from ...openadr.events import About, baseline, event
from ...openadr.items import item
from ...openadr.model import EiEvent, PayloadResourceStatus, ReportType, SignalName, SignalType
from ...openadr.vtn import Telemetry
from ..bridge import points_by_r_id
from ..delivery import MINUTE, Sample, Trace
from ..events import DispatchEvent
from ..reserve.parameters import Service
from ..reserve.phases import minutes
from ..reserve.settlement import Settlement, judge, settle

GRID, DEVIATION, BASELINE = "grid_import", "deviation", "baseline"
"""The rIDs by which a service is judged."""


def reserve_event(asked: DispatchEvent) -> EiEvent:
    """Return what a VTN sends to ask for reserve: a change of the import in W, negative for a reduction.

    x-eiRampUp ends where the sustained period begins; x-eiRecovery begins where it ends. The market context names the
    service, and a baseline that the market gives stands beside the signal.
    """
    watts = item("W")
    about: About = {
        "ramp_up": asked.start - asked.issued,
        "recovery": asked.recovery,
        "notification": timedelta(),
        "market": asked.market,
    }
    if asked.baseline_kw is not None:
        about["baseline"] = baseline([(asked.duration, 1000 * asked.baseline_kw)], start=asked.start, item=watts)
    steps = [(asked.duration, -1000 * asked.reduction_kw)]
    return event(
        SignalName.LOAD_DISPATCH, SignalType.DELTA, steps, item=watts, start=asked.start, created=asked.issued, **about
    )


class Utility:
    """What the utility knows of a site: telemetry by minute, and which devices were told to be out of order.

    Attributes:
        reports, values: how many of them came.
        minutes: the values of each instant by rID, in the unit of the site's point.
        offline: devices that were told not to be online, and since when.
    """

    def __init__(self, site: Site) -> None:
        self._rows = points_by_r_id(site.ven.reports)
        self._states = {
            r_id: row.point.name.split(".")[1]
            for r_id, row in self._rows.items()
            if row.address["report_type"] == ReportType.X_RESOURCE_STATUS
        }
        self.reports = 0
        self.values = 0
        self.minutes: dict[datetime, dict[str, float]] = {}
        self.offline: dict[str, datetime] = {}

    def hear(self, telemetry: Telemetry) -> None:
        """Take a report."""
        self.reports += 1
        for sample in telemetry.samples:
            row = self._rows.get(sample.r_id)
            if row is None:
                continue
            self.values += 1
            if isinstance(sample.value, PayloadResourceStatus):
                device = self._states.get(sample.r_id, sample.r_id)
                if sample.value.online:
                    self.offline.pop(device, None)
                else:
                    self.offline.setdefault(device, sample.time)
            elif isinstance(sample.value, int | float):
                self.minutes.setdefault(sample.time, {})[sample.r_id] = float(row.from_wire(float(sample.value)))

    def at(self, when: datetime, r_id: str) -> float | None:
        """Return what was reported of one instant; None if nothing was."""
        return self.minutes.get(when, {}).get(r_id)

    def settlement(self, asked: DispatchEvent, service: Service) -> Settlement:
        """Return the judgement by the reported deviations: that of an instant is of the minute that ends there."""
        count = minutes(asked)
        found = [self.at(asked.start + (k + 1) * MINUTE, DEVIATION) for k in range(count)]
        told = [self.at(asked.start + (k + 1) * MINUTE, BASELINE) for k in range(count)]
        base = asked.baseline_kw if asked.baseline_kw is not None else next((kw for kw in told if kw is not None), 0.0)
        return settle(found, service, contract_kw=asked.reduction_kw, baseline_kw=base)

    def by_meter(self, asked: DispatchEvent, service: Service, base: float) -> Settlement:
        """Return the judgement by the import alone, taken as linear between its one-minute samples."""
        samples = (Sample(when, told[GRID]) for when, told in sorted(self.minutes.items()) if GRID in told)
        return judge(Trace(samples), asked, service, baseline=base)
