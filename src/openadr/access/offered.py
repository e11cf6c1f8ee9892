"""What a VEN offers to report, as points."""

from __future__ import annotations

from datetime import timedelta

import attrs

from ...common.data.point import Kind, Point
from ...common.data.unit import unit
from ...common.errors import Malformed
from ..items import unit_of
from ..model import ReportDescription
from ..vtn import Ven

HISTORY = "HISTORY_USAGE"
TELEMETRY = "TELEMETRY_USAGE"

LONGEST = timedelta(days=365)


@attrs.frozen(slots=True)
class Reported:
    """A point of a VEN.

    Attributes:
        telemetry, history: reportSpecifierIDs of the reports that offer it; None where none does.
        shortest, longest: the times between two values that the VEN can do.
    """

    point: Point
    r_id: str
    telemetry: str | None = None
    history: str | None = None
    shortest: timedelta = timedelta()
    longest: timedelta = LONGEST


Offers = dict[str, Reported]
"""By name of the point."""


def offers(ven: Ven) -> Offers:
    """Return what a VEN offers: numbers alone, since what a TELEMETRY_STATUS says is no single value."""
    found: Offers = {}
    for specifier, report in ven.offers.items():
        kind = str(report.report_name or "").removeprefix("METADATA_")
        if kind not in (TELEMETRY, HISTORY):
            continue
        for description in report.descriptions:
            name = f"{ven.ven_name}.{description.r_id}"
            known = found.get(name) or Reported(_point(name, description), description.r_id)
            if kind == HISTORY:
                found[name] = attrs.evolve(known, history=known.history or specifier)
            elif known.telemetry is None:
                found[name] = _timed(attrs.evolve(known, telemetry=specifier), description)
    return found


def _point(name: str, description: ReportDescription) -> Point:
    text = f"{description.report_type}, {description.reading_type}"
    try:
        return Point(name, Kind.MEASUREMENT, unit=unit_of(description.item_base), description=text)
    except Malformed as error:  # the value is still a number, of which no more is known
        return Point(name, Kind.MEASUREMENT, unit=unit(""), description=f"{text}; {error.message}")


def _timed(point: Reported, description: ReportDescription) -> Reported:
    rate = description.sampling_rate
    if rate is None:
        return point
    shortest, longest = rate.min_period, rate.max_period
    return attrs.evolve(
        point,
        shortest=timedelta() if shortest.months else timedelta(seconds=shortest.seconds),
        longest=LONGEST if longest.months or not longest.seconds else timedelta(seconds=longest.seconds),
    )
