"""OpenADR events to dispatch events, points to telemetry, through the tables of the site."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from janusgrid.common.data.conversion import WireType, conversion
from janusgrid.common.data.point import Kind, Point, ValueType
from janusgrid.common.data.site import Site, load_site
from janusgrid.common.data.tables import Binding, load_table
from janusgrid.common.data.unit import unit
from janusgrid.common.data.value import LOST, STALE, Value
from janusgrid.common.errors import ConfigError
from janusgrid.common.resources import resource
from janusgrid.ems.bridge import NotUnderstood, dispatch_event, offers, points_by_r_id, reader
from janusgrid.openadr.events import baseline, event, kilowatts, load_dispatch, price, simple
from janusgrid.openadr.items import item_name
from janusgrid.openadr.model import (
    DataQuality,
    EiEvent,
    EiTarget,
    ItemBase,
    PayloadResourceStatus,
    PowerReal,
    ReportType,
    SignalName,
    SignalType,
    SiScaleCode,
    Voltage,
    changed,
)

from .plants import at

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def signals() -> list[Binding]:
    """The signals of a site that sells reserve."""
    rows = load_table(resource("mappings/openadr/signals-reserve.csv"))
    return [row.bind(row.point, {}) for row in rows]


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(resource("mappings/sites/microgrid.yaml"))


def ordered(kw: float = 1000.0, **options: object) -> EiEvent:
    times = {"start": at("08:30"), "duration": HOUR, "created": at("08:20"), "ramp_up": timedelta(minutes=10)}
    return load_dispatch(kw, event_id="e1", **{**times, **options})  # type: ignore[arg-type]


def test_a_load_dispatch_is_a_reduction(site: Site) -> None:
    found = dispatch_event(ordered(), site.ven.signals, "microgrid")
    assert (found.id, found.modification, found.reduction_kw) == ("e1", 0, 1000)
    assert (found.issued, found.start, found.end) == (at("08:20"), at("08:30"), at("09:30"))
    assert found.begin == at("08:20")


def test_without_a_ramp_the_site_takes_its_own_time(site: Site) -> None:
    found = dispatch_event(ordered(ramp_up=timedelta(), created=at("08:00")), site.ven.signals, "microgrid")
    assert found.begin == at("08:20")


@pytest.mark.parametrize(
    ("scale", "value"),
    [(SiScaleCode.NONE, 1e6), (SiScaleCode.KILO, 1e3), (SiScaleCode.MEGA, 1.0), (SiScaleCode.PICO, 1e18)],
)
def test_the_unit_is_that_of_the_event_whatever_the_table_has(site: Site, scale: SiScaleCode, value: float) -> None:
    item = changed(kilowatts(), si_scale_code=scale)
    found = dispatch_event(ordered(value, item=item), site.ven.signals, "microgrid")
    assert found.reduction_kw == pytest.approx(1000)


def test_an_event_for_others_is_not_for_us(site: Site) -> None:
    other = changed(ordered(), ei_target=EiTarget(resource_ids=("mill",)))
    with pytest.raises(NotUnderstood, match="for mill, not for microgrid"):
        dispatch_event(other, site.ven.signals, "microgrid")
    ours = changed(ordered(), ei_target=EiTarget(resource_ids=("mill", "microgrid")))
    assert dispatch_event(ours, site.ven.signals, "microgrid").id == "e1"


def test_what_the_table_does_not_have_is_not_understood(site: Site) -> None:
    times = {"start": at("08:30"), "created": at("08:20")}
    volts = changed(ordered(1.0).ei_event_signals[0], item_base=Voltage())
    cases: list[tuple[EiEvent, str]] = [
        (event(SignalName.LOAD_DISPATCH, SignalType.MULTIPLIER, [(HOUR, 1.0)], **times), "multiplier is not in"),
        (event(SignalName.LOAD_DISPATCH, SignalType.DELTA, [(HOUR, 1.0)], item=kilowatts(), **times), "-1 is not with"),
        (changed(ordered(1.0), ei_event_signals=[volts]), "not in"),
        (price(1.0, duration=HOUR, **times), "ELECTRICITY_PRICE"),
    ]
    for made, reason in cases:
        with pytest.raises(NotUnderstood, match=reason):
            dispatch_event(made, site.ven.signals, "microgrid")


def test_a_value_that_changes_over_time_is_not_understood(site: Site) -> None:
    steps = [(HOUR, 500.0), (HOUR, 1000.0)]
    made = event(
        SignalName.LOAD_DISPATCH, SignalType.SETPOINT, steps, item=kilowatts(), start=at("08:30"), created=at("08:20")
    )
    with pytest.raises(NotUnderstood, match="changes over time"):
        dispatch_event(made, site.ven.signals, "microgrid")
    same = event(
        SignalName.LOAD_DISPATCH,
        SignalType.SETPOINT,
        [(HOUR, 500.0), (HOUR, 500.0)],
        item=kilowatts(),
        start=at("08:30"),
        created=at("08:20"),
    )
    assert dispatch_event(same, site.ven.signals, "microgrid").duration == 2 * HOUR


def test_an_event_brings_its_times_its_market_and_its_baseline(site: Site) -> None:
    given = baseline([(HOUR, 1.92)], start=at("08:30"), item=changed(kilowatts(), si_scale_code=SiScaleCode.MEGA))
    made = ordered(
        recovery=timedelta(hours=2), ramp_up=timedelta(minutes=30), market="http://u.example/spinning", baseline=given
    )
    found = dispatch_event(made, site.ven.signals, "microgrid")
    assert (found.response, found.recovery) == (timedelta(minutes=30), timedelta(hours=2))
    assert (found.recovered, found.market) == (at("11:30"), "http://u.example/spinning")
    assert found.baseline_kw == pytest.approx(1920)
    plain = dispatch_event(ordered(), site.ven.signals, "microgrid")
    assert (plain.recovery, plain.baseline_kw) == (timedelta(0), None)


def test_a_baseline_that_is_no_figure_for_us(site: Site) -> None:
    mill = baseline([(HOUR, 5.0)], start=at("08:30"), resources=["mill"])
    assert dispatch_event(ordered(baseline=mill), site.ven.signals, "microgrid").baseline_kw is None
    steps = baseline([(HOUR / 2, 5.0), (HOUR / 2, 6.0)], start=at("08:30"))
    volts = baseline([(HOUR, 5.0)], start=at("08:30"), item=Voltage())
    for given, reason in ((steps, "its baseline changes over time"), (volts, "its baseline is in no unit of real pow")):
        with pytest.raises(NotUnderstood, match=reason):
            dispatch_event(ordered(baseline=given), site.ven.signals, "microgrid")


def reserve(kind: SignalType, value: float, item: ItemBase | None, **about: object) -> EiEvent:
    return event(
        *(SignalName.LOAD_DISPATCH, kind, [(HOUR, value)]),
        **{"start": at("08:30"), "created": at("08:20"), "item": item, **about},  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("scale", "value"), [(SiScaleCode.NONE, -1e6), (SiScaleCode.KILO, -1e3), (SiScaleCode.MEGA, -1.0)]
)
def test_a_negative_delta_is_a_reduction(signals: list[Binding], scale: SiScaleCode, value: float) -> None:
    made = reserve(SignalType.DELTA, value, changed(kilowatts(), si_scale_code=scale))
    assert dispatch_event(made, signals, "microgrid").reduction_kw == pytest.approx(1000)
    more = reserve(SignalType.DELTA, -value, changed(kilowatts(), si_scale_code=scale))
    with pytest.raises(NotUnderstood, match="-1000 is not within 0 kW to any"):
        dispatch_event(more, signals, "microgrid")


def test_a_target_of_the_import_is_a_reduction_from_the_baseline(signals: list[Binding]) -> None:
    given = baseline([(HOUR, 1920.0)], start=at("08:30"))
    made = reserve(SignalType.SETPOINT, 920.0, kilowatts(), baseline=given)
    assert dispatch_event(made, signals, "microgrid").reduction_kw == pytest.approx(1000)
    with pytest.raises(NotUnderstood, match="gives no baseline from which"):
        dispatch_event(reserve(SignalType.SETPOINT, 920.0, kilowatts()), signals, "microgrid")


def test_a_level_is_a_part_of_the_contract(signals: list[Binding]) -> None:
    def asked(level: float, **options: object) -> float:
        made = simple(level, start=at("08:30"), duration=HOUR, created=at("08:20"))
        return dispatch_event(made, signals, "microgrid", **options).reduction_kw  # type: ignore[arg-type]

    assert asked(1, contract_kw=1000.0) == 1000
    assert asked(0, contract_kw=1000.0) == 0
    with pytest.raises(NotUnderstood, match="the site file gives no contract"):
        asked(1)
    with pytest.raises(NotUnderstood, match=r"code 2 is not in the enumeration \(0, 1\)"):
        asked(2, contract_kw=1000.0)


def test_every_device_is_offered_once_in_its_unit(site: Site) -> None:
    [offer] = offers(site.ven.reports, site.ven.resource)
    assert (offer.specifier_id, offer.name) == ("telemetry", "TELEMETRY_USAGE")
    assert len(offer.points) == 10
    point = next(p for p in offer.points if p.r_id == "PCC.p")
    assert isinstance(point.item, PowerReal)
    assert point.item.si_scale_code is SiScaleCode.KILO
    assert (point.minimum, point.maximum) == (timedelta(seconds=1), HOUR)
    assert point.resource_id == "microgrid"


def test_readings_are_the_points_on_the_wire_with_their_quality(site: Site) -> None:
    values = {
        "der.PCC.p": Value(922.5),
        "der.DG750.p": Value(450.0, STALE),
        "der.MT1.p": Value(3.0, LOST),
        "der.MT2.p": Value(None, LOST),
    }
    read = reader(site.ven.reports, values.get)
    found = read(frozenset({"PCC.p", "DG750.p", "MT1.p", "MT2.p", "MT3.p"}))
    assert found.keys() == {"PCC.p", "DG750.p", "MT1.p"}
    assert found["PCC.p"].value == 922.5
    assert found["PCC.p"].quality is DataQuality.GOOD_NON_SPECIFIC
    assert found["DG750.p"].quality is DataQuality.UNCERTAIN_LAST_USABLE_VALUE
    assert found["MT1.p"].quality is DataQuality.BAD_NON_SPECIFIC


def row(site: Site, point: Point, **address: str) -> Binding:
    """Return a row of a report table, made from the first of the site's own."""
    first = site.ven.reports[0]
    wire = {ValueType.BOOL: WireType.BOOL}.get(point.type, WireType.FLOAT32)
    converted = conversion(point.type, wire, unit=point.unit, wire_unit=point.unit)
    made = attrs.evolve(first.row, point=point.name, unit=point.unit, conversion=converted, wire_unit=point.unit)
    return Binding(point, made, {**first.address, **address})


def test_energy_charge_and_states_are_reported_as_what_they_are(site: Site) -> None:
    energy = Point("site.e", Kind.MEASUREMENT, unit=unit("Wh"))
    charge = Point("der.ESS500.soc", Kind.MEASUREMENT, unit=unit("%"))
    online = Point("der.ESS500.online", Kind.STATUS, ValueType.BOOL)
    rows = [
        row(site, energy, rid="e", item="energyReal", report_type="availableEnergyStorage"),
        row(site, charge, rid="soc", item="customUnit", report_type="storedEnergy"),
        row(site, online, rid="s", item="", report_type="x-resourceStatus", report="s", report_name="TELEMETRY_STATUS"),
    ]
    usage, status = offers(rows, "microgrid")
    assert [(p.r_id, item_name(p.item), p.report_type) for p in usage.points] == [
        ("e", "energyReal", ReportType.AVAILABLE_ENERGY_STORAGE),
        ("soc", "customUnit", ReportType.STORED_ENERGY),
    ]
    assert (status.name, [p.is_status for p in status.points]) == ("TELEMETRY_STATUS", [True])
    values = {"site.e": Value(2.5e5), "der.ESS500.soc": Value(70.0), "der.ESS500.online": Value(False, STALE)}
    found = reader(rows, values.get)(frozenset({"e", "soc", "s"}))
    assert (found["e"].value, found["soc"].value) == (2.5e5, 70.0)
    state = found["s"].value
    assert isinstance(state, PayloadResourceStatus)
    assert (state.online, state.manual_override) == (False, False)
    assert found["s"].quality is DataQuality.UNCERTAIN_LAST_USABLE_VALUE


def test_an_item_that_is_not_for_its_unit_and_a_state_that_is_a_number_are_refused(site: Site) -> None:
    energy = Point("site.e", Kind.MEASUREMENT, unit=unit("kWh"))
    with pytest.raises(ConfigError, match="item 'powerReal' is not for values in 'kWh'; 'energyReal' is"):
        offers([row(site, energy, item="powerReal")], "microgrid")
    with pytest.raises(ConfigError, match="type and wire_type bool"):
        offers([row(site, energy, item="", report_type="x-resourceStatus")], "microgrid")


def test_the_utility_finds_the_point_of_each_r_id(site: Site) -> None:
    found = points_by_r_id(site.ven.reports)
    assert found["PCC.p"].point.name == "der.PCC.p"
    assert found["PCC.p"].from_wire(922.5) == 922.5


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [("report_type", "wattage", "wattage"), ("min_period", "often", "often"), ("item", "voltage", "voltage")],
)
def test_a_table_with_words_that_openadr_does_not_know_is_refused_at_its_line(
    site: Site, column: str, text: str, reason: str
) -> None:
    first = site.ven.reports[0]
    bad = attrs.evolve(first, address={**first.address, column: text})
    with pytest.raises(ConfigError, match=reason) as caught:
        offers([bad], "microgrid")
    assert "reports.csv:2" in (caught.value.where or "")
