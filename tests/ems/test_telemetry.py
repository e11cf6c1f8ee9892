"""The tables of OpenADR: complete, and each row goes over the profile's own messages and comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.data.tables import Binding, load_table, parse_table
from janusgrid.common.data.unit import unit
from janusgrid.common.data.value import LOST, STALE, Scalar, Value
from janusgrid.common.errors import ConfigError, TypeConflict
from janusgrid.common.resources import mappings_dir
from janusgrid.ems.bridge import NotUnderstood, check_signals, dispatch_event, setpoints, signal_of, strange_signals
from janusgrid.ems.telemetry import PARTS, offers, points_by_r_id, reader, rows_by_r_id, strange_reports, told
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.events import compose
from janusgrid.openadr.items import ITEMS, item_name, kind_name, unit_of
from janusgrid.openadr.model import (
    DataQuality,
    DistributeEvent,
    Event,
    Interval,
    PayloadResourceStatus,
    PulseCount,
    ReadingType,
    RegisterReport,
    Report,
    ReportPayload,
    ReportType,
    SignalType,
    UpdateReport,
    changed,
)
from janusgrid.openadr.rules.signals import SIGNALS

from ..common.data.tables import common_values

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIGNAL_TABLES = sorted((mappings_dir() / "openadr").glob("signals*.csv"))
REPORT_TABLES = sorted((mappings_dir() / "openadr").glob("reports*.csv"))


def bound(*paths: Path) -> list[Binding]:
    values = {"device": "D"}
    return [row.bind(row.point.replace("{device}", "D"), values) for path in paths for row in load_table(path)]


def name_of(path: Path) -> str:
    return path.stem


# --- complete --------------------------------------------------------------------------------------------------------


def test_every_signal_type_and_unit_of_the_profile_is_in_a_table() -> None:
    there = {tuple(row.address[c] for c in ("signal", "signal_type", "item")) for row in bound(*SIGNAL_TABLES)}
    for row in SIGNALS:
        items = {""} if row.any_unit or row.kind.value == "priceMultiplier" else {*map(kind_name, row.units)} or {""}
        assert {(row.name.value, row.kind.value, item) for item in items} <= there


def test_every_kind_of_report_and_every_item_is_in_a_table() -> None:
    rows = bound(*REPORT_TABLES)
    assert {row.address["report_type"] for row in rows} == {kind.value for kind in ReportType}
    assert {row.address["reading_type"] for row in rows} == {kind.value for kind in ReadingType}
    assert {row.address["item"] for row in rows} - {*PARTS, ""} == {*ITEMS} - {"oadrGBDataDescription"}
    aspects = {
        "oadrOnline",
        "oadrManualOverride",
        "oadrCapacity",
        "oadrLevelOffset",
        "oadrPercentOffset",
        "oadrSetPoint",
    }
    assert aspects <= {row.address["item"] for row in rows}


@pytest.mark.parametrize("path", SIGNAL_TABLES, ids=name_of)
def test_a_table_of_signals_says_what_the_profile_does(path: Path) -> None:
    check_signals(bound(path))
    assert list(strange_signals(bound(path))) == []


@pytest.mark.parametrize("path", REPORT_TABLES, ids=name_of)
def test_what_a_table_offers_is_a_message_of_the_profile(path: Path) -> None:
    rows = bound(path)
    assert list(strange_reports(rows)) == []
    message = RegisterReport(request_id="r", reports=[offer.metadata(NOW) for offer in offers(rows, "site")])
    assert read(write(message)) == message
    for report in message.reports:
        for description in report.descriptions:
            row = points_by_r_id(rows)[description.r_id]
            if isinstance(description.item_base, PulseCount):
                assert row.from_wire(10) == pytest.approx(10 * description.item_base.pulse_factor)
            elif description.item_base is not None:
                assert unit_of(description.item_base) is row.row.wire_unit
                assert item_name(description.item_base) == row.address["item"]


# --- there and back --------------------------------------------------------------------------------------------------


def same(found: dict[str, Scalar], given: dict[str, Scalar]) -> None:
    assert found.keys() == given.keys()
    for name, value in given.items():
        assert found[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), name


@pytest.mark.parametrize("path", REPORT_TABLES, ids=name_of)
@settings(max_examples=15)
@given(data=st.data())
def test_what_is_reported_is_told_as_it_was(path: Path, data: st.DataObject) -> None:
    rows = bound(path)
    given = {row.point.name: data.draw(common_values(row.row.conversion)) for row in rows}
    by_r_id = rows_by_r_id(rows)
    readings = reader(rows, {name: Value(value) for name, value in given.items()}.get)(frozenset(by_r_id))
    payloads = [ReportPayload(r_id=r_id, value=reading.value) for r_id, reading in readings.items()]
    report = Report(
        dtstart=NOW,
        intervals=[Interval(dtstart=NOW, payloads=payloads)],
        report_specifier_id="x",
        created_date_time=NOW,
    )
    sent = read(write(UpdateReport(request_id="u", reports=[report])))
    assert isinstance(sent, UpdateReport)
    found: dict[str, Scalar] = {}
    for interval in sent.reports[0].intervals or ():
        for payload in interval.payloads:
            assert isinstance(payload, ReportPayload)
            found |= told(by_r_id[payload.r_id], payload.value)
    same(found, given)


@pytest.mark.parametrize("path", SIGNAL_TABLES, ids=name_of)
@settings(max_examples=15)
@given(data=st.data())
def test_what_is_asked_is_understood_as_it_was_meant(path: Path, data: st.DataObject) -> None:
    for row in bound(path):
        value = data.draw(common_values(row.row.conversion))
        try:
            made = signal_of(row, value, HOUR)
        except TypeConflict:
            continue  # beyond the limits of the point
        event = compose(made, start=NOW, created=NOW)
        sent = read(write(DistributeEvent(request_id="d", vtn_id="v", events=[Event(ei_event=event)])))
        assert isinstance(sent, DistributeEvent)
        same(setpoints(sent.events[0].ei_event, [row]), {row.point.name: value})


# --- states ----------------------------------------------------------------------------------------------------------


def status() -> list[Binding]:
    return bound(mappings_dir() / "openadr" / "reports-status.csv")


def test_a_state_is_made_of_several_points() -> None:
    values = {
        "site.online": Value(True),
        "site.control.level": Value(2, STALE),
        "site.capacity": Value(750.0),
        "site.capacity.high": Value(900.0),
        "site.capacity.low": Value(None, LOST),
    }
    reading = reader(status(), values.get)(frozenset({"site.status"}))["site.status"]
    state = reading.value
    assert isinstance(state, PayloadResourceStatus)
    assert (state.online, state.manual_override) == (True, False)
    control = state.load_control_state
    assert control is not None
    assert control.level_offset is not None
    assert control.capacity is not None
    assert (control.level_offset.current, control.percent_offset, control.set_point) == (2.0, None, None)
    assert (control.capacity.current, control.capacity.max, control.capacity.min) == (750.0, 900.0, None)
    assert reading.quality is DataQuality.UNCERTAIN_LAST_USABLE_VALUE
    assert reader(status(), {"site.capacity": Value(1.0)}.get)(frozenset({"site.status"})) == {}


# --- faults ----------------------------------------------------------------------------------------------------------

HEADER = (
    "point,kind,type,unit,report,report_name,rid,report_type,reading_type,item,min_period,max_period,wire_type,wire_unit,"
    "scale,offset,enumeration,services,low,high,description"
)
P = "p,measurement,float,kW,t,TELEMETRY_USAGE,p,usage,Direct Read,powerReal,PT1S,PT60M,float32,W,,,,read,,,"
ON = "on,status,bool,,s,TELEMETRY_STATUS,s,x-resourceStatus,x-notApplicable,oadrOnline,PT1S,PT60M,bool,,,,,read,,,"
LEVEL = (
    "l,status,int,,s,TELEMETRY_STATUS,s,x-resourceStatus,x-notApplicable,oadrLevelOffset,PT1S,PT60M,int8,,,,,read,,,"
)


def table(*lines: str) -> list[Binding]:
    rows = parse_table("\n".join((HEADER, *lines, "")).encode(), "r.csv")
    return [row.bind(row.point, {}) for row in rows]


def test_the_rows_of_these_tests_are_right() -> None:
    assert [offer.specifier_id for offer in offers(table(P, ON, LEVEL), "x")] == ["t", "s"]


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([P.replace("powerReal", "powerreal")], "r.csv:2: item: 'powerreal' is not known; did you mean 'powerReal'?"),
        ([P.replace("powerReal", "voltage")], "r.csv:2: item 'voltage' is not for values in 'W'; 'powerReal' is"),
        ([P.replace(",kW,", ",,").replace(",W,", ",,")], "r.csv:2: item 'powerReal' needs its unit as wire_unit"),
        ([P.replace("usage", "use")], "r.csv:2: report_type: 'use' is not known; did you mean 'usage'?"),
        ([P.replace("Direct Read", "direct")], "r.csv:2: reading_type: 'direct' is not known; did you mean 'Direc"),
        ([P.replace("TELEMETRY_USAGE", "TELEMETRY")], "r.csv:2: report_name: 'TELEMETRY' is not known; did you mean"),
        ([P.replace("TELEMETRY_USAGE", "HISTORY_GREENBUTTON")], "r.csv:2: report_name: HISTORY_GREENBUTTON is not off"),
        ([P.replace("TELEMETRY_USAGE", "METADATA_TELEMETRY_USAGE")], "is not offered by a table; HISTORY_USAGE, TELEM"),
        ([P.replace(",t,", ",,")], "r.csv:2: report is empty: it is the name by which the utility asks"),
        ([P.replace(",p,", ",,")], "r.csv:2: rid is empty: the utility knows the value by it"),
        ([P.replace("PT1S", "1 second")], "r.csv:2: min_period: '1 second' is not a duration"),
        ([P.replace("PT1S", "PT2H")], "r.csv:2: min_period is above max_period"),
        ([P, P.replace("p,m", "q,m", 1).replace("W,,,,read", "W,-1,,,read").replace("powerReal", "powerReal")],
         "r.csv:3: address 't, TELEMETRY_USAGE, p, usage"),
        ([P, P.replace("p,m", "q,m", 1).replace("usage", "demand")],
         "r.csv:3: rid 'p' is given twice, first for p at r.csv:2"),
        ([P.replace("powerReal", "pulseCount")], "r.csv:2: item 'pulseCount': a pulse is worth an energy: wire_unit"),
        ([P.replace("powerReal", "pulseCount").replace(",W,", ",kWh,").replace(",kW,", ",kWh,")],
         "r.csv:2: item 'pulseCount': pulses are counted upwards, in whole numbers (wire_type uint32)"),
        ([ON.replace("oadrOnline", "oadrOnLine")], "r.csv:2: item: 'oadrOnLine' is no part of a state; did you mean"),
        ([LEVEL], "r.csv:2: 's' has no row with the item oadrOnline"),
        ([ON, LEVEL.replace("int,", "bool,").replace("int8", "bool")], "r.csv:3: oadrLevelOffset.oadrCurrent is a nu"),
        ([ON.replace("status,bool", "status,int").replace("M,bool", "M,int8")], "r.csv:2: oadrOnline is a truth va"),
        ([ON, LEVEL.replace("Offset", "Offset.oadrMax")], "r.csv:3: item 'oadrLevelOffset.oadrMax' needs a row with"),
        ([ON, ON.replace("on,", "off,", 1).replace(",oadrOnline", ",")], "r.csv:3: item 'oadrOnline' of 's' is given"),
        ([ON.replace("TELEMETRY_STATUS", "TELEMETRY_USAGE")], "r.csv:2: a state of a resource is reported in TELE"),
        ([P.replace("TELEMETRY_USAGE", "TELEMETRY_STATUS")], "r.csv:2: TELEMETRY_STATUS has states of resources alone"),
        ([P.replace("float,kW", "text,").replace("float32,W", "text,").replace("powerReal", "")],
         "r.csv:2: a text cannot be reported: a report has numbers"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_report_is_refused_at_its_line(lines: list[str], fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        offers(table(*lines), "site")
    assert fault in str(caught.value)


def test_every_fault_is_told() -> None:
    bad = [P.replace("usage", "use"), ON.replace("oadrOnline", "x"), LEVEL.replace(",s,x", ",s2,x")]
    with pytest.raises(ConfigError) as caught:
        offers(table(*bad), "site")
    assert [(fault.where or "")[-1] for fault in caught.value.faults] == ["2", "3", "4"]


def test_a_value_without_its_unit_is_advised_against() -> None:
    (advice,) = strange_reports(table(P.replace("powerReal", "")))
    assert str(advice) == "r.csv:2: values in 'W' go without their unit: the item 'powerReal' says it"


def test_signals_that_are_none() -> None:
    (row,) = bound(SIGNAL_TABLES[0])[:1]
    for column, text, reason in (
        ("signal", "LOAD_DISPACH", "signal: 'LOAD_DISPACH' is not known; did you mean 'LOAD_DISPATCH'?"),
        ("signal_type", "x-mine", "signal_type: 'x-mine' is not known"),
        ("item", "voltage", "item 'voltage' is not for values in"),
    ):
        bad = attrs.evolve(row, address={**row.address, column: text})
        with pytest.raises(ConfigError) as caught:
            check_signals([bad])
        assert reason in str(caught.value)
    own = attrs.evolve(row, address={**row.address, "signal": "x-mine"})
    check_signals([own])
    assert list(strange_signals([own])) == []


def test_signals_that_do_not_go_together_are_advised_against() -> None:
    rows = {row.address["signal_type"]: row for row in bound(mappings_dir() / "openadr" / "signals.csv")}
    price = attrs.evolve(rows["delta"], address={**rows["delta"].address, "signal_type": "price"})
    bare = attrs.evolve(rows["delta"], address={**rows["delta"].address, "item": ""})
    first, second = map(str, strange_signals([price, bare]))
    assert "LOAD_DISPATCH is usually one of setpoint, delta, multiplier, level, not price" in first
    assert "LOAD_DISPATCH delta is usually in powerApparent or powerReactive or powerReal, not in no item" in second


def test_what_is_no_dispatch_says_so() -> None:
    rows = bound(mappings_dir() / "openadr" / "signals-prices.csv")
    price, factor = (
        next(row for row in rows if row.point.name == f"site.price.electricity{end}") for end in ("", ".factor")
    )
    event = compose(signal_of(price, 0.25, HOUR), start=NOW, created=NOW)
    assert setpoints(event, rows) == {"site.price.electricity": 0.25}
    with pytest.raises(NotUnderstood, match=r"it sets site\.price\.electricity, which is no dispatch"):
        dispatch_event(event, rows, "site")
    (made,) = event.ei_event_signals
    euros = attrs.evolve(price, row=attrs.evolve(price.row, wire_unit=unit("EUR/kWh")))
    with pytest.raises(NotUnderstood, match="does not convert"):
        setpoints(event, [euros])
    named = changed(made, signal_type=SignalType.PRICE_MULTIPLIER)
    times = {"start": NOW, "created": NOW}
    assert setpoints(compose(named, **times), [factor]) == {"site.price.electricity.factor": 0.25}  # type: ignore[arg-type]
    limited = attrs.evolve(price, point=attrs.evolve(price.point, high=0.2))
    with pytest.raises(NotUnderstood, match=r"0\.25 is not within any to 0\.2 USD/kWh"):
        setpoints(event, [limited])
    with pytest.raises(TypeConflict):
        signal_of(limited, 0.25, HOUR)
