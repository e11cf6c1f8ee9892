"""Rules of reports: what is offered, what is asked for, what is delivered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    ReportPayload,
    ReportRequest,
    ReportType,
    UpdateReport,
)
from .codes import Code
from .rule import Faults, Grade, check
from .times import length

BAD = Code.INVALID_DATA
PRACTICE = "cert practice"
METADATA = "METADATA"
"""The reportSpecifierID by which is asked what can be reported (rule 306)."""


def _named(report: Report) -> str:
    return str(report.report_name or "").removeprefix("METADATA_")


def _points(message: RegisterReport, name: str) -> Iterator[tuple[ReportDescription, tuple[str | int, ...]]]:
    """Yield the descriptions of the offers of this name."""
    for n, report in enumerate(message.reports):
        if _named(report) == name:
            for number, description in enumerate(report.descriptions):
                yield description, ("reports", n, "descriptions", number)


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
    """Sites measure more than these, so that others are warned of only."""
    for description, at in _points(message, "TELEMETRY_USAGE"):
        if (description.report_type, description.reading_type) != (ReportType.USAGE, ReadingType.DIRECT_READ):
            yield f"{description.r_id:.80} is {description.report_type}, {description.reading_type}", at
    for description, at in _points(message, "TELEMETRY_STATUS"):
        found = (description.report_type, description.reading_type, description.item_base)
        if found != (ReportType.X_RESOURCE_STATUS, ReadingType.X_NOT_APPLICABLE, None):
            yield f"{description.r_id:.80} is {description.report_type}, {description.reading_type}", at


@check(510, "a VEN offers TELEMETRY_USAGE and TELEMETRY_STATUS", of=RegisterReport, source="VOLTTRON, colibri",
       kept_by="VEN", grade=Grade.WARNING)  # fmt: skip
def rule_510(message: RegisterReport) -> Faults:
    """A VTN that offers reports has no such duty, and the message does not tell who sends it."""
    missing = {"TELEMETRY_USAGE", "TELEMETRY_STATUS"} - {_named(report) for report in message.reports}
    if missing and message.ven_id:
        yield f"{' and '.join(sorted(missing))} is not offered", ()


@check(None, "an offer is named METADATA_…, has IDs of its own, and no values", of=RegisterReport, source=PRACTICE)
def offers(message: RegisterReport) -> Faults:
    """What an offer looks like."""
    seen = set()
    for n, report in enumerate(message.reports):
        at = ("reports", n)
        if not str(report.report_name or "").startswith(("METADATA_", "x-")):
            yield f"an offer is named METADATA_…, not {report.report_name!r:.40}", at
        if report.report_specifier_id in seen:
            yield f"reportSpecifierID {report.report_specifier_id!r:.40} stands more than once", at
        seen.add(report.report_specifier_id)
        if report.intervals is not None or report.dtstart is not None:
            yield "an offer has no intervals and no dtstart", at
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


@check(None, "requests have IDs of their own, neither empty nor 0", of=Message, source=PRACTICE, kept_by="VTN")
def request_ids(message: Message) -> Faults:
    """By the ID the values are known later."""
    seen = {"", "0"}
    for n, request in enumerate(_requests(message)):
        if request.report_request_id in seen:
            yield f"reportRequestID {request.report_request_id!r:.40} cannot be used", ("report_requests", n)
        seen.add(request.report_request_id)


@check(314, "an interval without a start begins with the report, or where the one before ended", of=UpdateReport,
       source="EPRI", kept_by="VEN")  # fmt: skip
def rule_314(message: UpdateReport) -> Faults:
    """So one of them has to have a start."""
    for n, report in enumerate(message.reports):
        intervals = report.intervals or ()
        if intervals and report.dtstart is None and intervals[0].dtstart is None:
            yield f"report {report.report_request_id:.80} says nowhere when it begins", ("reports", n)


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
