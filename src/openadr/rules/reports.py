"""Rules of reports: what is offered, what is asked for, what is delivered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from ..model import (
    CreateReport,
    EnergyReal,
    Interval,
    Message,
    PayloadResourceStatus,
    PowerReal,
    ReadingType,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportDescription,
    ReportName,
    ReportPayload,
    ReportRequest,
    ReportType,
    UpdateReport,
)
from .codes import Code
from .rule import Faults, Finding, Grade, check
from .times import after, length

BAD = Code.INVALID_DATA
PRACTICE = "cert practice"
METADATA = "METADATA"
"""The reportSpecifierID by which is asked what can be reported (rule 306)."""

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def _named(report: Report) -> str:
    return str(report.report_name or "").removeprefix("METADATA_")


def _points(message: RegisterReport, name: str) -> Iterator[tuple[ReportDescription, tuple[str | int, ...]]]:
    """Yield the descriptions of the offers of this name."""
    yield from ((description, at) for found, description, at in _described(message) if found == name)


def _described(message: RegisterReport) -> Iterator[tuple[str, ReportDescription, tuple[str | int, ...]]]:
    """Yield every description, with the name of its offer."""
    for n, report in enumerate(message.reports):
        for number, description in enumerate(report.descriptions):
            yield _named(report), description, ("reports", n, "descriptions", number)


@check(305, "the usage that is measured is in powerReal", of=RegisterReport, source="VOLTTRON", kept_by="VEN",
       grade=Grade.WARNING)  # fmt: skip
def rule_305(message: RegisterReport) -> Faults:
    """Rule 331 has energyReal too, and sites measure more than either."""
    for description, at in _points(message, "TELEMETRY_USAGE"):
        if not isinstance(description.item_base, PowerReal | EnergyReal):
            yield f"{description.r_id} of TELEMETRY_USAGE is neither powerReal nor energyReal", at


@check(311, "an offered report has reportRequestID 0", of=RegisterReport, source="EPRI, openleadr's issue 44",
       kept_by="both")  # fmt: skip
def rule_311(message: RegisterReport) -> Faults:
    """Nothing was asked for yet."""
    for n, report in enumerate(message.reports):
        if report.report_request_id != "0":
            yield f"reportRequestID of an offer is {report.report_request_id!r:.40}, not 0", ("reports", n)


@check(312, "an offered report says how much it keeps, and is sampled within that", of=RegisterReport,
       source="openadr-service")  # fmt: skip
def rule_312(message: RegisterReport) -> Faults:
    """oadrMaxPeriod is not above the duration of the report."""
    for n, report in enumerate(message.reports):
        if report.duration is None:
            yield f"offer {report.report_specifier_id:.80} has no duration", ("reports", n)
            continue
        for number, description in enumerate(report.descriptions):
            rate, at = description.sampling_rate, ("reports", n, "descriptions", number)
            try:
                if rate is not None and length(rate.max_period) > length(report.duration):
                    yield f"{description.r_id:.80} has oadrMaxPeriod {rate.max_period} above {report.duration}", at
            except ValueError as error:
                yield str(error), at


@check(331, "telemetry comes in few combinations: usage, in power or energy, read directly; status without a unit",
       of=RegisterReport, source="openadr-service, VOLTTRON", kept_by="VEN", grade=Grade.WARNING)  # fmt: skip
def rule_331(message: RegisterReport) -> Faults:
    """Sites measure more than these, so that others are warned of only; a role itself does not mix up the two."""
    usage = (ReportType.USAGE, ReadingType.DIRECT_READ)
    status = (ReportType.X_RESOURCE_STATUS, ReadingType.X_NOT_APPLICABLE)
    for name, description, at in _described(message):
        found = (description.report_type, description.reading_type)
        said = f"{description.r_id:.80} of {name:.80} is {found[0]}, {found[1]}"
        if found[0] == ReportType.X_RESOURCE_STATUS or name == ReportName.TELEMETRY_STATUS:
            if found != status or description.item_base is not None:
                yield f"{said}{', with a unit' if description.item_base else ''}", at
            elif name != ReportName.TELEMETRY_STATUS and name in tuple(ReportName):
                yield f"{said}: states of resources are for TELEMETRY_STATUS", at
        elif name == ReportName.TELEMETRY_USAGE and found != usage:
            yield said, at


def confused(message: RegisterReport) -> Iterator[Finding]:
    """Yield where states of resources and measured values are mixed up (rule 331), which no reader can put right."""
    for finding in rule_331(message):
        report = message.reports[int(finding.at[1])]
        point = report.descriptions[int(finding.at[3])]
        if _named(report) == ReportName.TELEMETRY_STATUS or point.report_type == ReportType.X_RESOURCE_STATUS:
            yield finding


@check(510, "a VEN offers TELEMETRY_USAGE and TELEMETRY_STATUS", of=RegisterReport, source="VOLTTRON, colibri",
       kept_by="VEN", grade=Grade.WARNING)  # fmt: skip
def rule_510(message: RegisterReport) -> Faults:
    """A VTN that offers reports has no such duty, and the message does not tell who sends it."""
    missing = {"TELEMETRY_USAGE", "TELEMETRY_STATUS"} - {_named(report) for report in message.reports}
    if missing and message.ven_id:
        yield f"{' and '.join(sorted(missing))} is not offered", ()


@check(None, "an offer is named METADATA_…, and has no values", of=RegisterReport, source=PRACTICE)
def offers(message: RegisterReport) -> Faults:
    """What an offer looks like."""
    for n, report in enumerate(message.reports):
        at = ("reports", n)
        if not str(report.report_name or "").startswith(("METADATA_", "x-")):
            yield f"an offer is named METADATA_…, not {report.report_name!r:.40}", at
        if report.intervals is not None or report.dtstart is not None:
            yield "an offer has no intervals and no dtstart", at


@check(None, "offers and their points have IDs of their own", of=RegisterReport, source=PRACTICE,
       code=Code.INVALID_ID, harmful=True)  # fmt: skip
def offer_ids(message: RegisterReport) -> Faults:
    """By these they are asked for."""
    seen = set()
    for n, report in enumerate(message.reports):
        at = ("reports", n)
        if report.report_specifier_id in seen:
            yield f"reportSpecifierID {report.report_specifier_id!r:.40} stands more than once", at
        seen.add(report.report_specifier_id)
        names = [description.r_id for description in report.descriptions]
        if len(set(names)) < len(names):
            yield f"an rID of {report.report_specifier_id:.80} stands more than once", at


def _requests(message: Message) -> Sequence[ReportRequest]:
    return message.report_requests if isinstance(message, CreateReport | RegisteredReport) else ()


@check(306, "METADATA as reportSpecifierID asks what can be reported, by rID 0", of=Message, source="EPRI",
       kept_by="VTN")  # fmt: skip
def rule_306(message: Message) -> Faults:
    """A VEN looks at the name alone."""
    for n, request in enumerate(_requests(message)):
        specifier = request.report_specifier
        if specifier.report_specifier_id == METADATA and [p.r_id for p in specifier.specifier_payloads] != ["0"]:
            yield "a request for METADATA has the one rID 0", ("report_requests", n)


@check(321, "a request has no tolerance, notification, ramps and no units", of=Message, source="openleadr 084fc48",
       kept_by="VTN")  # fmt: skip
def rule_321(message: Message) -> Faults:
    """They say nothing that a VEN could follow."""
    for n, request in enumerate(_requests(message)):
        interval, at = request.report_specifier.report_interval, ("report_requests", n)
        surplus = (interval.tolerance, interval.notification, interval.ramp_up, interval.recovery) if interval else ()
        if any(each is not None for each in surplus):
            yield "its reportInterval has more than a start and a duration", at
        if any(payload.item_base is not None for payload in request.report_specifier.specifier_payloads):
            yield "it names units", at


@check(None, "requests have IDs of their own, neither empty nor 0", of=Message, source=PRACTICE, kept_by="VTN",
       code=Code.INVALID_ID, harmful=True)  # fmt: skip
def request_ids(message: Message) -> Faults:
    """By the ID the values are known later."""
    seen = {"", "0"}
    for n, request in enumerate(_requests(message)):
        if request.report_request_id in seen:
            yield f"reportRequestID {request.report_request_id!r:.40} cannot be used", ("report_requests", n)
        seen.add(request.report_request_id)


@check(314, "an interval without a start begins with the report, or where the one before ended", of=UpdateReport,
       source="EPRI", kept_by="VEN", code=BAD, harmful=True)  # fmt: skip
def rule_314(message: UpdateReport) -> Faults:
    """So one of them has to have a start, and all of them lie within the calendar."""
    for n, report in enumerate(message.reports):
        try:
            if any(begin is None for _, begin in placed(report)):
                yield f"report {report.report_request_id:.80} says nowhere when it begins", ("reports", n)
        except ValueError as error:
            yield str(error), ("reports", n)


def placed(report: Report, otherwise: datetime | None = None) -> Iterator[tuple[Interval, datetime | None]]:
    """Yield the intervals of a report and when they begin (rule 314): from `otherwise` on where that cannot be told.

    Raises `ValueError` for a length that is negative or leads out of the calendar.
    """
    begin = report.dtstart or otherwise
    for interval in report.intervals or ():
        begin = interval.dtstart or begin
        ends = after(begin or _ANY_TIME, interval.duration) if interval.duration else begin
        yield interval, begin
        begin = ends if begin is not None else None


@check(342, "the intervals of a report have each a start and a length, or none has", of=UpdateReport, source="EPRI",
       kept_by="VEN", grade=Grade.WARNING)  # fmt: skip
def rule_342(message: UpdateReport) -> Faults:
    """Values can be placed in time even so (rule 314)."""
    for n, report in enumerate(message.reports):
        for name in ("dtstart", "duration"):
            if len({getattr(interval, name) is None for interval in report.intervals or ()}) > 1:
                yield f"some intervals have a {name} and some have none", ("reports", n)


@check(None, "values come under the name of their report, with dtstart, without descriptions", of=UpdateReport,
       source=PRACTICE, kept_by="VEN")  # fmt: skip
def values(message: UpdateReport) -> Faults:
    """What a report of values looks like."""
    for n, report in enumerate(message.reports):
        at, intervals = ("reports", n), report.intervals or ()
        if report.report_name is None or str(report.report_name).startswith("METADATA_"):
            yield f"values are not named {report.report_name!r:.40}", at
        if report.descriptions:
            yield "values have no descriptions", at
        if not intervals:
            yield "there are no values", at
        elif intervals[0].dtstart is not None and report.dtstart != intervals[0].dtstart:
            yield "dtstart is not that of the first interval", at


@check(None, "the state of a load has the same parts in every interval", of=UpdateReport, source=PRACTICE,
       kept_by="VEN", grade=Grade.WARNING, code=BAD)  # fmt: skip
def load_control(message: UpdateReport) -> Faults:
    """oadrCapacity, oadrLevelOffset, oadrPercentOffset and oadrSetPoint."""
    for n, report in enumerate(message.reports):
        shapes: dict[str, set[tuple[bool, ...]]] = {}
        for interval in report.intervals or ():
            for r_id, shape in _states(interval):
                shapes.setdefault(r_id, set()).add(shape)
        for r_id, found in shapes.items():
            if len(found) > 1:
                yield f"oadrLoadControlState of {r_id:.80} has other parts from interval to interval", ("reports", n)


def _states(interval: Interval) -> Iterator[tuple[str, tuple[bool, ...]]]:
    for payload in interval.payloads:
        if isinstance(payload, ReportPayload) and isinstance(payload.value, PayloadResourceStatus):
            state = payload.value.load_control_state
            parts = (state.capacity, state.level_offset, state.percent_offset, state.set_point) if state else ()
            yield payload.r_id, tuple(part is not None for part in parts)
