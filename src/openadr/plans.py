"""What to ask of every telemetry report that is offered."""

from __future__ import annotations

from datetime import timedelta

import attrs

from ..common.errors import LocalError
from .model import Report


def _whole_seconds(plan: TelemetryPlan, field: attrs.Attribute[timedelta], value: timedelta) -> None:
    if value < timedelta() or value % timedelta(seconds=1):
        raise LocalError(f"{field.name} is a whole number of seconds, not {value}")


@attrs.frozen(slots=True)
class TelemetryPlan:
    """What is asked of every telemetry report that is offered: how densely, and how often to be sent.

    A report that cannot be sampled so densely is asked for as densely as it can. Of points that can be sampled when
    they change, a granularity of zero asks for that.

    Attributes:
        granularity: the time between two values.
        every: the time between two reports.
        names: the reports that are asked for.
    """

    granularity: timedelta = attrs.field(default=timedelta(minutes=1), validator=_whole_seconds)
    every: timedelta = attrs.field(default=timedelta(minutes=1), validator=_whole_seconds)
    names: tuple[str, ...] = ("TELEMETRY_USAGE",)

    def choose(self, peer: object, report: Report) -> tuple[timedelta, timedelta] | None:
        """Return granularity and report-back time for a report that a peer offers, None to leave it."""
        name = str(report.report_name or "").removeprefix("METADATA_")
        return (self.granularity, self.every) if name in self.names else None
