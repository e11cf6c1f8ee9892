"""The single decisions: phases, commitment, faults, energy, storage; each by itself, with properties."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError, UnknownName
from janusgrid.common.statemachine import UnexpectedEvent
from janusgrid.ems.events import DispatchEvent
from janusgrid.ems.reserve import commitment, energy, faults, storage
from janusgrid.ems.reserve.cases import FLEETS, at, case
from janusgrid.ems.reserve.core import Reserve
from janusgrid.ems.reserve.parameters import (
    REFERENCE,
    SERVICES,
    SPINNING,
    SUPPLEMENTARY,
    Kind,
    Mark,
    Parameters,
    Service,
    Sharing,
    figures,
    table,
)
from janusgrid.ems.reserve.phases import IN_SERVICE, PLAIN, STAGED, Stage, Turn, course, machine
from janusgrid.ems.reserve.seen import Look, Seen

FLEET = FLEETS["present"]
NAMES = [unit.name for unit in FLEET.units]
DG750, DG200, MT1, MT2, MT3 = FLEET.units
ESS500, HESS250 = FLEET.stores

# --- phases -----------------------------------------------------------------------------------------------------------


def test_the_phases_are_tables_that_can_be_printed() -> None:
    assert "| response  | service begins | sustained  |" in PLAIN.table("markdown")
    assert "| response     | storage is due     | last minutes |" in STAGED.table("markdown")
    assert machine(SPINNING) is PLAIN
    assert machine(SUPPLEMENTARY) is STAGED
    with pytest.raises(UnexpectedEvent):
        PLAIN.next(Stage.IDLE, Turn.ENDED)


def test_the_course_of_supplementary_reserve() -> None:
    found = course(case("t19").event, SUPPLEMENTARY)
    clocks = [(f"{when:%H:%M}", turn) for when, turn in found.turns]
    assert clocks == [
        ("07:30", Turn.DISPATCHED),
        ("07:55", Turn.STORAGE_DUE),
        ("08:00", Turn.BEGUN),
        ("09:00", Turn.HOUR_OVER),
        ("10:00", Turn.ENDED),
        ("14:00", Turn.RECOVERED),
    ]
    assert found.in_service(at("07:30"))
    assert not found.in_service(at("10:00"))


def test_the_recovery_is_that_of_the_service_where_the_event_gives_none() -> None:
    bare = attrs.evolve(case("t17").event, recovery=timedelta(0))
    assert course(bare, SPINNING).recovered == at("11:30")


moments = st.integers(-60, 400).map(lambda minutes: at("08:00") + timedelta(minutes=minutes))


@st.composite
def events(draw: st.DrawFn) -> DispatchEvent:
    start = draw(moments)
    return DispatchEvent(
        id="e",
        issued=start - timedelta(minutes=draw(st.integers(0, 60))),
        start=start,
        duration=timedelta(minutes=draw(st.integers(1, 180))),
        reduction_kw=1000,
        response=timedelta(minutes=draw(st.integers(0, 60))),
        recovery=timedelta(minutes=draw(st.integers(0, 300))),
    )


@given(events(), st.sampled_from(SERVICES), st.none() | moments)
def test_every_course_goes_through_its_table_in_order_of_time(
    event: DispatchEvent, service: Service, cancelled: object
) -> None:
    found = course(event, service, cancelled=cancelled)  # type: ignore[arg-type]
    stage = Stage.IDLE
    times = [when for when, _ in found.turns]
    assert times == sorted(times)
    if found.turns[0][1] is Turn.ENDED:
        return  # cancelled before it began: the application forgets it
    for _, turn in found.turns:
        stage = machine(service).next(stage, turn)
    assert stage is Stage.IDLE
    assert found.dispatch <= found.end <= found.recovered


# --- commitment -------------------------------------------------------------------------------------------------------


def test_spinning_reserve_starts_the_diesels_and_supplementary_what_reaches_the_contract() -> None:
    assert commitment.commit(FLEET, NAMES, SPINNING, 1000) == [DG750, DG200]
    assert commitment.commit(FLEET, NAMES, SUPPLEMENTARY, 1000) == list(FLEET.units)
    assert commitment.commit(FLEET, NAMES, SUPPLEMENTARY, 900) == [DG750, DG200, MT1]
    assert commitment.commit(FLEET, [*NAMES[1:]], SPINNING, 1000) == [DG200]
    assert commitment.commit(FLEET, [], SUPPLEMENTARY, 1000) == []


@given(st.sets(st.sampled_from(NAMES)), st.floats(1, 3000))
def test_commitment_takes_usable_units_in_order_and_not_one_too_many(usable: set[str], contract: float) -> None:
    found = commitment.commit(FLEET, usable, SUPPLEMENTARY, contract)
    ready = [unit for unit in FLEET.units if unit.name in usable]
    assert found == ready[: len(found)]
    total, wanted = sum(unit.rating_kw for unit in found), 1.10 * contract
    assert total >= wanted or len(found) == len(ready)
    if found:
        assert total - found[-1].rating_kw < wanted


# --- faults -----------------------------------------------------------------------------------------------------------


def test_a_device_deviates_beyond_five_kilowatts_and_a_tenth() -> None:
    assert not faults.deviates(680, 750, REFERENCE)
    assert faults.deviates(674, 750, REFERENCE)
    assert not faults.deviates(4.9, 0, REFERENCE)
    assert faults.deviates(-5.1, 0, REFERENCE)
    assert faults.deviates(None, 0, REFERENCE)


def test_a_generator_is_not_judged_while_it_starts_and_storage_not_when_it_is_empty() -> None:
    assert faults.unit_is_bad(750, 480, Look(10.0), REFERENCE) is None
    assert faults.unit_is_bad(750, 481, Look(10.0), REFERENCE) is True
    assert faults.unit_is_bad(750, 481, Look(751.7), REFERENCE) is False
    assert faults.unit_is_bad(750, None, Look(0.0), REFERENCE) is None
    assert faults.store_is_bad(250, Look(0.0, soc=0.6), REFERENCE)
    assert not faults.store_is_bad(250, Look(0.0, soc=0.205), REFERENCE)
    assert faults.store_is_bad(250, Look(None, soc=0.205), REFERENCE)


@given(st.lists(st.sampled_from([True, False, None]), max_size=30), st.sampled_from([ESS500, DG750, MT1]))
def test_only_a_row_of_bad_decisions_makes_a_failure(verdicts: list[bool | None], device: object) -> None:
    bad: dict[str, int] = {}
    row, needed = 0, 3 if device is ESS500 else 5
    for verdict in verdicts:
        row = row + 1 if verdict else 0
        failed = faults.confirm(bad, [(device, verdict)], REFERENCE)  # type: ignore[list-item]
        assert bool(failed) == (row >= needed)


# --- energy -----------------------------------------------------------------------------------------------------------


def test_the_energy_of_the_fleet_is_that_above_the_floor_less_the_loss() -> None:
    full = [(ESS500, 0.8), (HESS250, 0.8)]
    assert energy.deliverable_kwh(full, REFERENCE) == pytest.approx(0.97 * 0.6 * 872)
    assert energy.deliverable_kwh([(ESS500, 0.1), (HESS250, None)], REFERENCE) == 0


def test_a_unit_is_started_when_less_than_the_reserve_would_be_left() -> None:
    balance = energy.Balance(energy_kwh=324, required_kw=1150, running_kw=950, hours=1)
    assert balance.left_kwh() == 124
    assert energy.next_start(balance, [MT1, MT2], REFERENCE) is None
    assert energy.next_start(attrs.evolve(balance, energy_kwh=323.9), [MT1, MT2], REFERENCE) is MT1
    assert energy.next_start(attrs.evolve(balance, energy_kwh=0.0), [], REFERENCE) is None
    assert energy.next_start_keeping(balance, [MT1]) is MT1
    assert energy.next_start_keeping(attrs.evolve(balance, running_kw=1150.0), [MT1]) is None


@given(
    st.floats(0, 900),
    st.floats(0, 2000),
    st.floats(0, 2),
    st.lists(st.tuples(st.sampled_from(FLEET.units), st.floats(0, 4000)), max_size=5),
)
def test_what_is_stopped_is_a_microturbine_and_is_not_started_again_by_the_same_figures(
    kwh: float, required: float, hours: float, running: list[tuple[object, float]]
) -> None:
    units = [(unit, on_s) for unit, on_s in running]
    total = sum(unit.rating_kw for unit, _ in units)  # type: ignore[attr-defined]
    balance = energy.Balance(kwh, required, total, hours)
    stopped = energy.next_stop(balance, units, REFERENCE)  # type: ignore[arg-type]
    if stopped is None:
        return
    assert stopped.kind is Kind.MICROTURBINE
    assert hours > 1 / 6
    after = attrs.evolve(balance, running_kw=total - stopped.rating_kw)
    assert energy.next_start(after, [stopped], REFERENCE) is None


# --- storage ----------------------------------------------------------------------------------------------------------


def conditions(ess: float = 0.6, hess: float = 0.6, deviating: float | None = None) -> list[storage.Condition]:
    return [storage.Condition(ESS500, ess), storage.Condition(HESS250, hess, deviating)]


def test_storages_share_by_rating_and_the_others_give_what_one_does_not() -> None:
    assert storage.setpoints(300, conditions(), REFERENCE) == pytest.approx({"ESS500": 200, "HESS250": 100})
    assert storage.setpoints(900, conditions(), REFERENCE) == pytest.approx({"ESS500": 500, "HESS250": 250})
    assert storage.setpoints(-300, conditions(), REFERENCE) == pytest.approx({"ESS500": -200, "HESS250": -100})
    assert storage.setpoints(300, conditions(hess=0.2), REFERENCE) == pytest.approx({"ESS500": 300, "HESS250": 0})
    assert storage.setpoints(-300, conditions(ess=0.95), REFERENCE) == pytest.approx({"ESS500": 0, "HESS250": -250})
    assert storage.setpoints(300, conditions(deviating=0.0), REFERENCE) == pytest.approx(
        {"ESS500": 300, "HESS250": 100}
    )
    assert storage.setpoints(600, conditions(deviating=50.0), REFERENCE) == pytest.approx(
        {"ESS500": 500, "HESS250": 200}
    )
    by_energy = attrs.evolve(REFERENCE, sharing=Sharing.ENERGY)
    parts = storage.setpoints(300, conditions(), by_energy)
    assert parts["ESS500"] / parts["HESS250"] == pytest.approx(600 / 272)


@given(st.floats(-2000, 2000), st.floats(0.1, 1.0), st.floats(0.1, 1.0), st.sampled_from(Sharing))
def test_parts_keep_to_ratings_and_make_up_what_is_wanted(want: float, ess: float, hess: float, by: Sharing) -> None:
    parts = storage.setpoints(want, conditions(ess, hess), attrs.evolve(REFERENCE, sharing=by))
    for store, soc in ((ESS500, ess), (HESS250, hess)):
        part = parts[store.name]
        assert abs(part) <= store.rating_kw
        assert part * want >= 0
        assert not (part > 0 and soc <= 0.2)
        assert not (part < 0 and soc >= 0.95)
    usable = sum(s.rating_kw for s, soc in ((ESS500, ess), (HESS250, hess)) if (soc > 0.2 if want > 0 else soc < 0.95))
    if min(ess, hess) > 0.201 and max(ess, hess) < 0.949:
        assert sum(parts.values()) == pytest.approx(max(-usable, min(usable, want)), abs=1e-6)


def test_charging_reaches_its_goal_in_time_and_never_above_the_rating() -> None:
    assert storage.charging_kw(ESS500, 0.2, 0.7, 2, REFERENCE) == pytest.approx(154.64, abs=0.01)
    assert storage.charging_kw(HESS250, 0.2, 0.7, 2, REFERENCE) == pytest.approx(70.10, abs=0.01)
    assert storage.charging_kw(ESS500, 0.2, 0.7, 0, REFERENCE) == 500
    assert storage.charging_kw(ESS500, 0.7, 0.7, 2, REFERENCE) == 0
    assert storage.charge([(ESS500, None, 0.7)], 1, REFERENCE) == {"ESS500": 0.0}


# --- parameters -------------------------------------------------------------------------------------------------------


def test_every_figure_of_the_controller_says_how_it_is_known() -> None:
    named = {each.name for each in figures("controller", Parameters())}
    assert named == {field.name for field in attrs.fields(Parameters)}
    fitted = {each.name for each in figures("controller", Parameters()) if each.mark is Mark.FITTED}
    assert fitted == {"cycle_s", "efficiency", "reserve_kwh", "surplus", "response"}
    told = table([*figures("spinning", SPINNING), *figures("supplementary", SUPPLEMENTARY)])
    assert "| supplementary | `commit_margin` | 1.1 |  | fitted |" in told
    assert "| spinning | `tiers` | 0.95: 1, 0.85: 0.7, 0.7: 0, -inf: -24 |  | chosen |" in told


def test_a_figure_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="efficiency"):
        Parameters(efficiency=0.0)
    with pytest.raises(ValueError, match="confirm_store"):
        Parameters(confirm_store=0)


def test_a_fleet_knows_its_devices() -> None:
    assert FLEET.device("MT2") is MT2
    assert FLEET.rating_kw("HESS250") == 250
    with pytest.raises(UnknownName, match="no device 'MT9'"):
        FLEET.device("MT9")


# --- the whole, against all that can come in --------------------------------------------------------------------------

powers = st.none() | st.floats(-600, 900)
looks = st.builds(Look, powers, st.none() | st.floats(0, 1), st.booleans(), st.booleans(), st.booleans())
sights = st.builds(
    Seen, st.none() | st.floats(-1000, 3000), st.dictionaries(st.sampled_from(FLEET.names), looks, max_size=7)
)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 900), sights), max_size=25),
    st.booleans(),
    st.sampled_from(["t17", "t19"]),
    st.integers(0, 25),
)
def test_whatever_is_seen_orders_keep_to_ratings_and_nothing_that_is_out_is_on(
    course_of: list[tuple[float, Seen]], at_once: bool, name: str, cancelled: int
) -> None:
    found = case(name)
    core = Reserve(FLEET, attrs.evolve(REFERENCE, at_once=at_once), SERVICES)
    now = found.event.issued
    core.accept(found.event, 1920.699, now)
    for k, (seconds, seen) in enumerate(course_of):
        if k == cancelled:
            core.cancel(found.event.id, now)
        orders = core.turn(now, seen)
        for device, kw in orders.items():
            rating = FLEET.rating_kw(device)
            assert -rating <= kw <= rating
            assert kw >= 0 or device in ("ESS500", "HESS250")
            if core.state.failed.get(device, "lost") != "lost" and core.stage in IN_SERVICE and device in NAMES:
                assert kw == 0
        assert not set(core.state.on) & {device for device, reason in core.state.failed.items() if reason != "lost"}
        for device in core.state.on:
            assert orders[device] == FLEET.rating_kw(device)
        if core.stage not in IN_SERVICE:
            assert not core.state.on
        now += timedelta(seconds=seconds)


def test_an_event_of_no_service_cannot_be_accepted() -> None:
    core = Reserve(FLEET, REFERENCE, SERVICES)
    with pytest.raises(LocalError, match="market context"):
        core.accept(attrs.evolve(case("t17").event, market=""), 1.0, at("08:20"))
