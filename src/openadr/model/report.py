"""EiReport: what can be reported, what is asked for, and the values."""

from collections.abc import Sequence
from datetime import datetime

from .common import EiResponse, EiTarget, Interval, Message, WsCalendarInterval
from .declare import child, choice, part
from .duration import Duration
from .enumerations import ReadingType, ReportName, ReportType
from .simple import ANY_URI, DURATION_VALUE
from .units import ITEM_BASE, ItemBase


@part("oadr:oadrSamplingRateType")
class SamplingRate:
    """How often a data point can be sampled."""

    min_period: Duration = child("oadr:oadrMinPeriod", DURATION_VALUE)
    max_period: Duration = child("oadr:oadrMaxPeriod", DURATION_VALUE)
    on_change: bool = child("oadr:oadrOnChange", default=False)


@part("oadr:oadrReportDescriptionType")
class ReportDescription:
    """One data point that can be reported, known by its `r_id`."""

    r_id: str = child("ei:rID")
    report_subject: EiTarget | None = child("ei:reportSubject", default=None)
    report_data_source: EiTarget | None = child("ei:reportDataSource", default=None)
    report_type: ReportType | str = child("ei:reportType")
    item_base: ItemBase | None = choice(ITEM_BASE, default=None)
    reading_type: ReadingType | str = child("ei:readingType")
    market_context: str | None = child("emix:marketContext", ANY_URI, default=None)
    sampling_rate: SamplingRate | None = child("oadr:oadrSamplingRate", default=None)


@part("oadr:oadrReportType")
class Report:
    """A report: its description, when it is offered (`METADATA_…`), or its values, in intervals.

    When offered, `duration` is how much is kept and `report_request_id` is "0" (rule 311).
    """

    dtstart: datetime | None = child("xcal:dtstart/xcal:date-time", default=None)
    duration: Duration | None = child("xcal:duration", default=None)
    intervals: Sequence[Interval] | None = child("strm:intervals/ei:interval+", default=None)
    ei_report_id: str | None = child("ei:eiReportID", default=None)
    descriptions: Sequence[ReportDescription] = child("oadr:oadrReportDescription*", default=())
    report_request_id: str = child("ei:reportRequestID", default="0")
    report_specifier_id: str = child("ei:reportSpecifierID")
    report_name: ReportName | str | None = child("ei:reportName", default=None)
    created_date_time: datetime = child("ei:createdDateTime")


@part("ei:SpecifierPayloadType")
class SpecifierPayload:
    """One data point that is asked for."""

    r_id: str = child("ei:rID")
    item_base: ItemBase | None = choice(ITEM_BASE, default=None)
    reading_type: ReadingType | str = child("ei:readingType", default=ReadingType.X_NOT_APPLICABLE)


@part("ei:ReportSpecifierType")
class ReportSpecifier:
    """What is asked for: the data points, how densely, how often (`report_back_duration` 0 is once), and when."""

    report_specifier_id: str = child("ei:reportSpecifierID")
    granularity: Duration = child("xcal:granularity")
    report_back_duration: Duration = child("ei:reportBackDuration")
    report_interval: WsCalendarInterval | None = child("ei:reportInterval", default=None)
    specifier_payloads: Sequence[SpecifierPayload] = child("ei:specifierPayload+")


@part("oadr:oadrReportRequestType")
class ReportRequest:
    """A request for a report, known from then on by its `report_request_id`."""

    report_request_id: str = child("ei:reportRequestID")
    report_specifier: ReportSpecifier = child("ei:reportSpecifier")


@part("oadr:oadrRegisterReportType", root="oadr:oadrRegisterReport")
class RegisterReport(Message):
    """The reports that the sender can deliver."""

    request_id: str = child("pyld:requestID")
    reports: Sequence[Report] = child("oadr:oadrReport*", default=())
    ven_id: str | None = child("ei:venID", default=None)
    report_request_id: str | None = child("ei:reportRequestID", default=None)


@part("oadr:oadrRegisteredReportType", root="oadr:oadrRegisteredReport")
class RegisteredReport(Message):
    """The answer to `RegisterReport`; may ask for reports at once."""

    ei_response: EiResponse = child("ei:eiResponse")
    report_requests: Sequence[ReportRequest] = child("oadr:oadrReportRequest*", default=())
    ven_id: str | None = child("ei:venID", default=None)


@part("oadr:oadrCreateReportType", root="oadr:oadrCreateReport")
class CreateReport(Message):
    """Asks for reports."""

    request_id: str = child("pyld:requestID")
    report_requests: Sequence[ReportRequest] = child("oadr:oadrReportRequest+")
    ven_id: str | None = child("ei:venID", default=None)


@part("oadr:oadrCreatedReportType", root="oadr:oadrCreatedReport")
class CreatedReport(Message):
    """The answer to `CreateReport`, with all report requests that are still pending (rule 329)."""

    ei_response: EiResponse = child("ei:eiResponse")
    pending_reports: Sequence[str] = child("oadr:oadrPendingReports/ei:reportRequestID*", default=())
    ven_id: str | None = child("ei:venID", default=None)


@part("oadr:oadrUpdateReportType", root="oadr:oadrUpdateReport")
class UpdateReport(Message):
    """Values of reports that were asked for."""

    request_id: str = child("pyld:requestID")
    reports: Sequence[Report] = child("oadr:oadrReport*", default=())
    ven_id: str | None = child("ei:venID", default=None)


@part("oadr:oadrCancelReportType", root="oadr:oadrCancelReport")
class CancelReport(Message):
    """Ends reports; with `report_to_follow` one last update is wanted first (rule 345)."""

    request_id: str = child("pyld:requestID")
    report_request_ids: Sequence[str] = child("ei:reportRequestID+")
    report_to_follow: bool = child("pyld:reportToFollow", default=False)
    ven_id: str | None = child("ei:venID", default=None)


@part("oadr:oadrUpdatedReportType", root="oadr:oadrUpdatedReport")
class UpdatedReport(Message):
    """The answer to `UpdateReport`; may cancel reports that were in it."""

    ei_response: EiResponse = child("ei:eiResponse")
    cancel_report: CancelReport | None = child("oadr:oadrCancelReport", default=None)
    ven_id: str | None = child("ei:venID", default=None)


@part("oadr:oadrCanceledReportType", root="oadr:oadrCanceledReport")
class CanceledReport(Message):
    """The answer to `CancelReport`, with all report requests that are still pending."""

    ei_response: EiResponse = child("ei:eiResponse")
    pending_reports: Sequence[str] = child("oadr:oadrPendingReports/ei:reportRequestID*", default=())
    ven_id: str | None = child("ei:venID", default=None)
