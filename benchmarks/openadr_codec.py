"""OpenADR messages against what lxml alone does with the same octets: ratios, measured side by side in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
from janusgrid.common.xml import read as read_xml
from janusgrid.openadr.codec import decode, read, schema, write
from janusgrid.openadr.model import (
    DistributeEvent,
    Duration,
    EiActivePeriod,
    EiEvent,
    EiEventSignal,
    EiTarget,
    Event,
    EventDescriptor,
    Interval,
    Message,
    PowerAttributes,
    PowerReal,
    Report,
    ReportName,
    ReportPayload,
    SignalName,
    SignalPayload,
    SignalType,
    SiScaleCode,
    UpdateReport,
)
from lxml import etree

BUDGET = 10.0
"""Validate and parse, against lxml.fromstring."""

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


@attrs.frozen(slots=True)
class Ratio:
    """How long an operation takes: in microseconds, and as a multiple of the floor."""

    operation: str
    microseconds: float
    ratio: float


def event(intervals: int = 11) -> DistributeEvent:
    """Return a load dispatch of so many hours; 11 of them make about 5 kB."""
    hour = Duration("PT1H")
    signal = EiEventSignal(
        intervals=[
            Interval(uid=str(uid), duration=hour, payloads=[SignalPayload(1000.0 + uid)]) for uid in range(intervals)
        ],
        signal_name=SignalName.LOAD_DISPATCH,
        signal_type=SignalType.SETPOINT,
        signal_id="SIGNAL-1",
        item_base=PowerReal(
            si_scale_code=SiScaleCode.KILO,
            power_attributes=PowerAttributes(hertz=Decimal(60), voltage=Decimal(480), ac=True),
        ),
        current_value=0.0,
    )
    described = EventDescriptor(
        event_id="EVENT-1", priority=1, market_context="http://utility.example/dispatch", created_date_time=NOW
    )
    period = EiActivePeriod(
        dtstart=NOW, duration=Duration.of(timedelta(hours=intervals)), notification=Duration("PT10M")
    )
    whole = EiEvent(
        event_descriptor=described,
        ei_active_period=period,
        ei_event_signals=[signal],
        ei_target=EiTarget(ven_ids=["VEN-1"]),
    )
    return DistributeEvent(request_id="REQUEST-1", vtn_id="VTN-1", events=[Event(ei_event=whole)])


def report(intervals: int = 60) -> UpdateReport:
    """Return an hour of telemetry, a value each minute."""
    minute = Duration("PT1M")
    values = [
        Interval(
            dtstart=NOW + timedelta(minutes=n), duration=minute, payloads=[ReportPayload(r_id="pcc.p", value=412.5 + n)]
        )
        for n in range(intervals)
    ]
    whole = Report(
        dtstart=NOW,
        intervals=values,
        report_request_id="REPORT-1",
        report_specifier_id="USAGE-1",
        report_name=ReportName.TELEMETRY_USAGE,
        created_date_time=NOW,
    )
    return UpdateReport(request_id="REQUEST-1", reports=[whole], ven_id="VEN-1")


def measure(message: Message, rounds: int = 40, count: int = 50) -> list[Ratio]:
    """Return the ratios for one message. Operations take turns, so that they share whatever else the machine does."""
    text = write(message)
    octets = text.encode()
    root = read_xml(octets)
    assert read(octets) == message
    operations: dict[str, Callable[[], object]] = {
        "lxml.fromstring": lambda: etree.fromstring(octets),
        "hardened door": lambda: read_xml(octets),
        "schema": lambda: schema().faults(root),
        "element to message": lambda: decode(root),
        "read: door, schema, message": lambda: read(octets),
        "lxml.tostring": lambda: etree.tostring(root),
        "write without check": lambda: write(message, check=False),
        "write: text, door, schema": lambda: write(message),
    }
    best = dict.fromkeys(operations, float("inf"))
    for _ in range(rounds):
        for name, operation in operations.items():
            begin = time.perf_counter()
            for _ in range(count):
                operation()
            best[name] = min(best[name], (time.perf_counter() - begin) / count)
    floor = best["lxml.fromstring"]
    return [Ratio(name, seconds * 1e6, seconds / floor) for name, seconds in best.items()]


def main() -> None:
    """Print the ratios for an event and a report."""
    for name, message in (("oadrDistributeEvent", event()), ("oadrUpdateReport", report())):
        print(f"{name}, {len(write(message).encode())} octets")
        for each in measure(message):
            budget = f"  (budget {BUDGET:g})" if each.operation.startswith("read") else ""
            print(f"  {each.operation:30} {each.microseconds:8.1f} us  x {each.ratio:5.2f}{budget}")


if __name__ == "__main__":
    main()
