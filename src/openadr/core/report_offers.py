"""What can be reported: data points, the reports that offer them, and the values that are read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from ...common.errors import LocalError
from .. import items
from ..model import (
    DataQuality,
    Duration,
    EiTarget,
    ItemBase,
    LoadControlState,
    LoadControlValue,
    PayloadResourceStatus,
    ReadingType,
    RegisterReport,
    Report,
    ReportDescription,
    ReportName,
    ReportType,
    SamplingRate,
)
from ..rules.reports import confused
from ..rules.rule import findings
from .message_rules import refuse
from .times import EPOCH

HISTORY = (ReportName.HISTORY_USAGE, ReportName.HISTORY_GREENBUTTON)
"""Reports of what is past: asked for once, and given by the application's history."""


def _item(given: ItemBase | str | None) -> ItemBase | None:
    return items.item(given) if isinstance(given, str) else given


@attrs.frozen(slots=True)
class DataPoint:
    """One thing that can be reported.

    Attributes:
        r_id: its ID within the report.
        item: unit of the value: its symbol, such as `kW`, or the item that OpenADR has for it; None for none.
        minimum, maximum: periods between which it may be sampled.
        resource_id: the resource that it is measured at.
        on_change: it can be sampled when it changes, looked at once in `minimum`.
        subject, source: what the value is about and where it comes from, where the resource does not say it all.
    """

    r_id: str
    item: ItemBase | None = attrs.field(default=None, converter=_item)
    report_type: ReportType | str = ReportType.USAGE
    reading_type: ReadingType | str = ReadingType.DIRECT_READ
    minimum: timedelta = timedelta(seconds=1)
    maximum: timedelta = timedelta(hours=1)
    resource_id: str | None = None
    on_change: bool = False
    subject: EiTarget | None = None
    source: EiTarget | None = None
    market: str | None = None

    @classmethod
    def status(
        cls,
        r_id: str,
        *,
        minimum: timedelta = timedelta(seconds=1),
        maximum: timedelta = timedelta(hours=1),
        resource_id: str | None = None,
        on_change: bool = False,
    ) -> DataPoint:
        """Return the state of a resource, for TELEMETRY_STATUS (rule 331)."""
        return cls(
            r_id,
            None,
            ReportType.X_RESOURCE_STATUS,
            ReadingType.X_NOT_APPLICABLE,
            minimum,
            maximum,
            resource_id,
            on_change,
        )

    @property
    def is_status(self) -> bool:
        """Whether its value is the state of a resource, not a number."""
        return self.report_type == ReportType.X_RESOURCE_STATUS

    def described(self) -> ReportDescription:
        """Return its description as it is offered."""
        rate = SamplingRate(
            min_period=Duration.of(self.minimum), max_period=Duration.of(self.maximum), on_change=self.on_change
        )
        resource = EiTarget(resource_ids=(self.resource_id,)) if self.resource_id else None
        return ReportDescription(
            r_id=self.r_id,
            report_subject=self.subject,
            report_data_source=self.source or resource,
            report_type=self.report_type,
            item_base=self.item,
            reading_type=self.reading_type,
            market_context=self.market,
            sampling_rate=rate,
        )


def _points(given: Iterable[DataPoint]) -> tuple[DataPoint, ...]:
    return tuple(given)


@attrs.frozen(slots=True)
class Offer:
    """A report that can be delivered: `name` without `METADATA_`, its points, and how much it keeps."""

    specifier_id: str
    name: str
    points: tuple[DataPoint, ...] = attrs.field(converter=_points)
    kept: timedelta = timedelta(hours=1)

    @property
    def of_the_past(self) -> bool:
        """Whether it is asked for once and answered from what is kept: HISTORY_USAGE, HISTORY_GREENBUTTON."""
        return self.name in HISTORY

    def metadata(self, created: datetime) -> Report:
        """Return the offer as `oadrRegisterReport` carries it (rules 311 and 312)."""
        return Report(
            duration=Duration.of(self.kept),
            descriptions=tuple(point.described() for point in self.points),
            report_request_id="0",
            report_specifier_id=self.specifier_id,
            report_name=self.name if self.name.startswith("x-") else f"METADATA_{self.name}",
            created_date_time=created,
        )

    def check(self) -> None:
        """Raise `LocalError` if this cannot be offered."""
        offer = RegisterReport(request_id="", reports=(self.metadata(EPOCH),))
        if not self.points:
            raise LocalError("a report has points", where=self.specifier_id)
        for point in self.points:
            if not timedelta() <= point.minimum <= point.maximum:
                message = f"{point.r_id} cannot be sampled from {point.minimum} to {point.maximum}"
                raise LocalError(message, where=self.specifier_id)
        refuse(findings(offer), where=self.specifier_id)
        if mixed := [str(finding) for finding in confused(offer)]:
            raise LocalError(f"{'; '.join(mixed)}: DataPoint.status makes states", where=self.specifier_id)


def checked(offers: Iterable[Offer]) -> dict[str, Offer]:
    """Return offers by their specifierID; raise `LocalError` for one that cannot be made."""
    found: dict[str, Offer] = {}
    for offer in offers:
        if offer.specifier_id in found:
            raise LocalError("two reports of that ID are offered", where=offer.specifier_id)
        offer.check()
        found[offer.specifier_id] = offer
    return found


@attrs.frozen(slots=True)
class Reading:
    """A value that was read: a number in the unit of its point or the state of a resource.

    Attributes:
        quality: OpenADR's word for how far it can be trusted.
        confidence: in percent; `accuracy` in the unit of the value.
    """

    value: float | PayloadResourceStatus
    quality: DataQuality | str = DataQuality.GOOD_NON_SPECIFIC
    confidence: int | None = None
    accuracy: float | None = None

    @classmethod
    def status(
        cls,
        *,
        online: bool,
        manual_override: bool = False,
        capacity: LoadControlValue | None = None,
        level_offset: LoadControlValue | None = None,
        percent_offset: LoadControlValue | None = None,
        set_point: LoadControlValue | None = None,
        quality: DataQuality | str = DataQuality.GOOD_NON_SPECIFIC,
    ) -> Reading:
        """Return the state of a resource, with how far its load can be controlled where any of that is given."""
        control = (capacity, level_offset, percent_offset, set_point)
        state = LoadControlState(
            capacity=capacity, level_offset=level_offset, percent_offset=percent_offset, set_point=set_point
        )
        given = state if any(part is not None for part in control) else None
        status = PayloadResourceStatus(online=online, manual_override=manual_override, load_control_state=given)
        return cls(status, quality)


Value = Reading | float | PayloadResourceStatus
"""What an application may give for a reading; a bare value is a good one."""


def no_value(point: DataPoint) -> Reading:
    """Return what stands for a value that was asked for and is not to be had: the schema wants one in its place."""
    if point.is_status:
        return Reading.status(online=False, quality=DataQuality.NO_VALUE)
    return Reading(0.0, DataQuality.NO_VALUE)
