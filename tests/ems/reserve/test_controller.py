"""The application at a site that does not behave: opts, cancelled events, restarts, cut wires, refusals, late loops."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import timedelta

import attrs
import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.joined import join
from janusgrid.common.errors import LocalError
from janusgrid.ems.application import Application
from janusgrid.ems.events import Answer, Opt
from janusgrid.ems.reserve import controller
from janusgrid.ems.reserve.cases import at, case, plant
from janusgrid.ems.reserve.controller import Look, ReserveController, Turned
from janusgrid.ems.reserve.local import FAULT, Result, config, run_local
from janusgrid.ems.reserve.phases import Stage

from .rig import Rig, Wire
from .runs import ran

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def reference() -> Result:
    """The case `t17` as it is run in process."""
    return ran("t17")


async def dispatched(name: str = "t17", until: str = "08:41", *, quiet: bool = True, **parameters: object) -> Rig:
    """Return a site that was dispatched at 08:20 and has run on."""
    rig = Rig.of(name, quiet=quiet, **parameters)
    await rig.until(rig.case.dispatch)
    answer = rig.app.offer(rig.event)
    assert answer == Answer(Opt.IN)
    await rig.until(until)
    return rig


# --- reports instead of reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop_s", [5.0, 10.0])
async def test_the_same_application_does_as_well_by_reports(loop_s: float, reference: Result) -> None:
    """Run as a host runs it: it watches, wakes by itself, and is told of the event in between."""
    found = case("t17")
    found = attrs.evolve(found, parameters=attrs.evolve(found.parameters, loop_s=loop_s))
    clock = LockStepClock(found.opens, settle=12)
    wire = Wire(plant(found), clock)
    app: Application = ReserveController(wire, clock, config(found, look=Look.WATCH, renew_s=loop_s))
    assert isinstance(app, ReserveController)
    running = asyncio.create_task(app.run())
    await clock.advance(60)
    await app.ready()
    await clock.advance((at("08:20") - clock.now()).total_seconds())
    assert app.offer(found.event) == Answer(Opt.IN)
    await clock.advance((at("09:31") - clock.now()).total_seconds())
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    settled = app.settlement()
    assert settled is not None
    print(loop_s, settled.average_rate, [str(each) for each in app.happenings])
    assert settled.average_rate == pytest.approx(reference.settlement.average_rate, abs=0.005)
    theirs = {(each.what, each.device): each.time for each in app.happenings}
    for each in reference.happenings:
        if each.what in ("start", "confirmed"):
            assert abs(theirs[each.what, each.device] - each.time) <= MINUTE


async def test_a_point_that_is_missing_is_told_before_anything_is_done() -> None:
    rig = Rig.of("t17")
    lacking = attrs.evolve(config(rig.case), meter="der.GRID.p")
    with pytest.raises(LocalError, match=r"needs the points der\.GRID\.p"):
        await ReserveController(rig.wire, rig.clock, lacking).step()


# --- opts -------------------------------------------------------------------------------------------------------------


async def test_it_stays_out_of_a_second_event_while_one_runs_and_until_it_has_recovered() -> None:
    rig = await dispatched()
    other = attrs.evolve(rig.event, id="other", issued=at("08:41"), start=at("08:51"))
    assert rig.app.offer(other) == Answer(Opt.OUT, "event t17 is running")
    rig.app.withdraw("t17")
    await rig.until("08:45")
    answer = rig.app.offer(attrs.evolve(other, issued=at("08:45"), start=at("08:55")))
    assert answer.opt is Opt.OUT
    assert "recovers from event t17 until 2022-03-25T10:41:00" in answer.reason
    await rig.until("10:42", loop_s=60.0)
    assert rig.app.core.stage is Stage.IDLE
    assert rig.told("recovered") == [("10:41", "")]
    late = attrs.evolve(other, issued=at("10:42"), start=at("10:52"))
    assert rig.app.offer(late).opt is Opt.IN
    assert rig.app.event == late


async def test_it_stays_out_where_the_available_ratings_do_not_reach_the_contract() -> None:
    rig = Rig.of("nothing-left")
    await rig.until("08:20")
    answer = rig.app.offer(rig.event)
    assert answer == Answer(Opt.OUT, "645 kW are available, 1000 kW are asked")
    assert rig.app.offer(attrs.evolve(rig.event, reduction_kw=600.0)).opt is Opt.IN


async def test_a_market_context_that_names_no_service_and_an_event_that_is_over_are_not_for_it() -> None:
    rig = Rig.of("t17")
    await rig.until("08:20")
    strange = attrs.evolve(rig.event, market="http://market.example/reserve/frequency")
    assert "market context 'http://market.example/reserve/frequency'" in rig.app.offer(strange).reason
    past = attrs.evolve(rig.event, start=at("07:00"), issued=at("06:50"))
    assert rig.app.offer(past) == Answer(Opt.OUT, "the event is over")
    assert rig.app.event is None
    slash = attrs.evolve(rig.event, market="http://market.example/reserve/spinning/")
    assert rig.app.offer(slash).opt is Opt.IN


async def test_without_a_recorded_import_there_is_no_baseline_and_so_no_opt_in() -> None:
    rig = Rig.of("t17", start="08:18")
    await rig.until("08:20")
    bare = attrs.evolve(rig.event, baseline_kw=None)
    answer = rig.app.offer(bare)
    assert answer.opt is Opt.OUT
    assert "no baseline: the import at" in answer.reason
    assert rig.app.offer(rig.event).opt is Opt.IN, "a baseline that the utility gives will do"


async def test_the_baseline_follows_from_the_import_before_the_dispatch() -> None:
    rig = Rig.of("t16", quiet=True)
    await rig.until("08:20")
    assert rig.app.offer(attrs.evolve(rig.event, baseline_kw=None)).opt is Opt.IN
    assert rig.app.baseline_kw == pytest.approx(1920.871, abs=0.01)  # the published figure is 1920.699


async def test_before_anything_was_seen_nothing_is_available() -> None:
    rig = Rig.of("t17")
    assert rig.app.offer(rig.event).reason == "0 kW are available, 1000 kW are asked"


# --- events that change -----------------------------------------------------------------------------------------------


async def test_a_cancelled_event_ends_now_and_the_site_recovers() -> None:
    rig = await dispatched(until="08:50")
    low = {name: rig.plant.device(name).soc or 0.0 for name in ("ESS500", "HESS250")}
    rig.app.withdraw("t17")
    await rig.until("09:00")
    assert rig.told("cancelled") == [("08:50", "")]
    assert rig.told("end") == [("08:50", "")]
    assert [rig.power(name) for name in ("DG750", "DG200", "MT1")] == [0.0, 0.0, 0.0]
    assert rig.power("ESS500") < 0
    assert rig.power("HESS250") < 0
    settled = rig.app.settlement()
    assert settled is not None
    assert len(settled.rates) == 20, "the minutes after the cancellation are nobody's"
    await rig.until("10:49", loop_s=30.0)
    for name, soc in low.items():
        now = rig.plant.device(name).soc
        assert now is not None
        assert soc < now == pytest.approx(0.70, abs=0.01)


async def test_an_event_cancelled_before_it_begins_is_forgotten() -> None:
    rig = Rig.of("t17")
    await rig.until("08:20")
    later = attrs.evolve(rig.event, issued=at("08:20"), start=at("09:30"))
    assert rig.app.offer(later).opt is Opt.IN
    await rig.until("08:30")
    rig.app.withdraw("t17")
    rig.app.withdraw("never heard of")
    await rig.until("09:35")
    assert rig.wire.commands == []
    assert rig.app.event is None


async def test_an_event_that_is_dispatched_early_begins_by_its_response_time() -> None:
    rig = Rig.of("t17", quiet=True)
    await rig.until("08:20")
    later = attrs.evolve(rig.event, start=at("08:45"))
    assert rig.app.offer(later).opt is Opt.IN
    await rig.until("08:36")
    assert [when for when, _ in rig.told("start")] == ["08:35", "08:35"]


async def test_a_shortened_event_ends_when_it_says_now() -> None:
    rig = await dispatched()
    base = rig.app.baseline_kw
    shorter = attrs.evolve(rig.event, modification=1, issued=at("08:41"), duration=timedelta(minutes=20))
    assert rig.app.offer(shorter).opt is Opt.IN
    await rig.until("08:55")
    assert rig.told("end") == [("08:50", "")]
    assert rig.app.baseline_kw == base
    assert rig.told("dispatch") == [("08:20", "")]


async def test_a_modified_event_goes_on_from_where_it_is() -> None:
    rig = await dispatched()
    more = attrs.evolve(rig.event, modification=1, issued=at("08:41"), reduction_kw=1200.0, baseline_kw=None)
    assert rig.app.offer(more).opt is Opt.IN
    await rig.until("08:45")
    assert rig.told("dispatch") == [("08:20", "")]
    assert [device for _, device in rig.told("start")] == ["DG750", "DG200", "MT1", "MT2", "MT3"]
    assert rig.app.core.target_kw == pytest.approx(1920.699 - 1200 + 0.2)
    assert rig.plant.reading().import_kw == pytest.approx(rig.app.core.target_kw, abs=5)


# --- restart ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uninterrupted() -> Rig:
    """A run of `t17` in which nothing is restarted."""
    return asyncio.run(dispatched("t17", "09:55", quiet=False, at_once=False))


@pytest.mark.parametrize("when", ["08:25", "08:43", "09:02", "09:20", "09:45"])
async def test_a_restart_in_mid_event_changes_nothing(when: str, uninterrupted: Rig) -> None:
    whole = uninterrupted
    rig = await dispatched("t17", when, quiet=False, at_once=False)
    record = json.loads(json.dumps(rig.app.snapshot()))
    before = list(rig.app.happenings)
    rig.another().restore(record)
    await rig.until("09:55")
    assert before + rig.app.happenings == whole.app.happenings
    ours, theirs = rig.app.settlement(), whole.app.settlement()
    assert ours is not None
    assert theirs is not None
    assert ours.average_rate == pytest.approx(theirs.average_rate, abs=1e-6)
    assert rig.power("ESS500") == pytest.approx(whole.power("ESS500"))


async def test_a_snapshot_is_small() -> None:
    rig = await dispatched(until="09:20")
    assert len(json.dumps(rig.app.snapshot())) < 6000


async def test_after_a_restart_every_set_point_is_sent_again() -> None:
    rig = await dispatched()
    record = rig.app.snapshot()
    rig.wire.commands.clear()
    rig.another().restore(record)
    await rig.app.step()
    assert {device: kw for _, device, kw in rig.wire.commands}.items() >= {"DG750": 750.0, "DG200": 200.0}.items()
    assert {device for _, device, _ in rig.wire.commands} == {"DG750", "DG200", "ESS500", "HESS250"}


async def test_a_damaged_record_is_refused_and_changes_nothing() -> None:
    rig = await dispatched()
    good = rig.app.snapshot()
    fresh = rig.another()
    for bad in (
        {},
        good | {"core": good["core"] | {"version": 99}},
        good | {"core": {key: value for key, value in good["core"].items() if key != "on"}},
        good | {"core": good["core"] | {"stage": "dreaming"}},
        good | {"minutes": {"three": 1.0}},
        good | {"core": good["core"] | {"duty": good["core"]["duty"] | {"service": "frequency"}}},
        good | {"import": [["yesterday", 1.0]]},
        good | {"core": good["core"] | {"on": {"DG9000": "2022-03-25T08:20:00+08:00"}}},
    ):
        with pytest.raises(LocalError, match="record"):
            fresh.restore(bad)
    assert fresh.event is None


# --- devices and wires that fail --------------------------------------------------------------------------------------


async def test_a_device_that_reports_an_alarm_is_replaced_at_once() -> None:
    rig = await dispatched("t17", "09:01", quiet=False)
    assert rig.told("confirmed") == [("09:00", "DG750")]
    assert ("09:00", "MT3") in rig.told("start")
    assert rig.power("MT3") > 0


async def test_an_alarm_at_once_is_worth_having(reference: Result) -> None:
    rig = await dispatched("t17", "09:31", quiet=False)
    settled = rig.app.settlement()
    assert settled is not None
    print(settled.average_rate, reference.settlement.average_rate)
    assert settled.average_rate > reference.settlement.average_rate


async def test_a_battery_that_is_lost_is_left_alone_and_used_again_when_it_is_back() -> None:
    rig = await dispatched()
    left = rig.power("ESS500")
    rig.wire.silent.add("ESS500")
    await rig.until("08:43")
    assert rig.told("confirmed") == [("08:41", "ESS500")]
    assert rig.told("start")[2:] == [("08:41", "MT1"), ("08:42", "MT2")], "its energy does not count"
    assert rig.power("ESS500") == left
    assert not (await rig.app.points.read(["der.ESS500.online"]))["der.ESS500.online"].value
    rig.wire.silent.clear()
    await rig.until("08:44")
    assert rig.told("returned") == [("08:43", "ESS500")]
    assert rig.power("ESS500") not in (0, left)
    assert rig.plant.reading().import_kw == pytest.approx(rig.app.core.target_kw or 0.0, abs=12)  # turbines ramp
    assert (await rig.app.points.read(["der.ESS500.online"]))["der.ESS500.online"].value


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("seconds", [20, 600])
async def test_a_cut_of_the_wire_to_every_device_stops_nothing(at_once: bool, seconds: int) -> None:
    """An XMPP server that is restarted: the machines go on as they were told, and so does the service after it."""
    rig = await dispatched(at_once=at_once)
    rig.wire.silent.update(rig.case.fleet.names)
    await rig.until(f"{rig.clock.now() + timedelta(seconds=seconds):%H:%M:%S}")
    assert rig.power("DG750") == pytest.approx(751.725, abs=0.01)
    rig.wire.silent.clear()
    await rig.until(f"{rig.clock.now() + timedelta(seconds=60):%H:%M:%S}")
    assert [rig.power(name) for name in ("DG750", "DG200")] == pytest.approx([751.725, 198.552], abs=0.01)
    assert rig.app.core.state.failed == {}
    assert all(kw > 0 for _, device, kw in rig.wire.commands if device.startswith("DG"))
    assert rig.plant.reading().import_kw == pytest.approx(rig.app.core.target_kw or 0.0, abs=12)


async def test_a_device_that_comes_back_is_told_again_what_it_may_have_forgotten() -> None:
    rig = await dispatched()
    rig.wire.silent.add("DG200")
    await rig.until("08:42")
    rig.plant.set("DG200", 0)  # its controller was switched off and on
    rig.wire.silent.clear()
    await rig.until("08:55")
    assert rig.power("DG200") == pytest.approx(198.552, abs=0.01)


async def test_what_is_lost_at_the_end_is_stopped_when_it_is_back() -> None:
    rig = await dispatched(until="09:29")
    rig.wire.silent.update(("DG200", "ESS500"))
    await rig.until("09:40")
    assert rig.power("DG200") > 0
    assert rig.power("ESS500") > 0
    rig.wire.silent.clear()
    await rig.until("09:50")
    assert rig.power("DG200") == 0
    assert rig.power("ESS500") < 0


async def test_a_lost_device_that_goes_on_delivering_upsets_nothing() -> None:
    """What is not seen counts as load: the meter shows it anyway."""
    rig = await dispatched(at_once=False)
    rig.wire.silent.add("DG200")
    worst = 0.0
    for _ in range(24):
        await rig.until(f"{rig.clock.now() + timedelta(seconds=10):%H:%M:%S}")
        worst = max(worst, abs(rig.plant.reading().import_kw - (rig.app.core.target_kw or 0.0)))
    assert worst < 5
    assert rig.told("confirmed") == [], "five decisions have not passed yet"
    await rig.until("08:47")
    assert rig.told("confirmed") == [("08:45", "DG200")]


async def test_a_generator_that_refuses_to_start_makes_room_for_the_next() -> None:
    rig = Rig.of("t17", quiet=True)
    rig.wire.refusing.add("MT1")
    await rig.until("08:20")
    rig.app.offer(rig.event)
    await rig.until("08:44")
    assert rig.told("start")[2:4] == [("08:42", "MT1"), ("08:43", "MT2")]
    assert rig.told("refused")[0] == ("08:42", "MT1")
    assert rig.power("MT1") == 0
    assert rig.power("MT2") > 0
    rig.wire.refusing.clear()
    await rig.until("09:00")
    assert rig.power("MT1") > 0, "it is tried again when another one is needed"


async def test_a_battery_that_refuses_is_found_out_and_the_other_takes_its_part() -> None:
    rig = await dispatched(at_once=False)
    rig.wire.refusing.add("HESS250")
    frozen = rig.power("HESS250")
    await rig.until("08:50")
    assert rig.power("HESS250") == frozen
    assert rig.plant.reading().import_kw == pytest.approx(rig.app.core.target_kw or 0.0, abs=12)  # a turbine ramps


async def test_what_was_refused_is_sent_again_but_not_without_end() -> None:
    rig = await dispatched("t16", "09:30", quiet=False, at_once=False)
    tries: list[str] = []
    rig.app.on_control(lambda control: tries.append(control.device) if control.error else None)
    await rig.until("09:40")
    assert 5 <= tries.count("HESS250") <= 12, "the stop of a device that has failed is tried once a minute"


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("back", ["08:42", "08:55"])
async def test_a_cut_of_all_wires_leaves_the_site_as_it_is_and_it_goes_on_after(back: str, at_once: bool) -> None:
    """For a minute, in which what was seen last will do; and until all of it is too old, the meter too."""
    rig = await dispatched(at_once=at_once)
    kept = {name: rig.power(name) for name in rig.case.fleet.names}
    rig.wire.down = True
    await rig.until(back)
    assert {name: rig.power(name) for name in kept} == pytest.approx(kept)
    rig.wire.down = False
    await rig.until("09:00")
    assert rig.app.core.state.failed == {}
    assert rig.power("DG750") == pytest.approx(751.725, abs=0.01)
    assert rig.plant.reading().import_kw == pytest.approx(rig.app.core.target_kw or 0.0, abs=5)


async def test_loops_that_come_late_are_no_error() -> None:
    rig = await dispatched("t17", "08:45", quiet=False, at_once=False)
    await rig.clock.advance(185)
    await rig.until("08:59")
    await rig.clock.advance(47)
    await rig.until("09:31")
    assert [device for _, device in rig.told("start")] == ["DG750", "DG200", "MT1", "MT2", "MT3"]
    settled = rig.app.settlement()
    assert settled is not None
    known = [rate for rate, kw in zip(settled.rates, settled.delivery.minutes, strict=True) if kw is not None]
    assert 54 <= len(known) < 60, "what was not seen counts as not delivered"
    assert sum(known) / len(known) == pytest.approx(0.7967, abs=0.03)


async def test_a_host_that_slept_through_the_end_stops_its_devices_when_it_wakes() -> None:
    rig = await dispatched("t17", "09:20")
    await rig.clock.advance(30 * 60)
    await rig.until("10:00")
    assert [rig.power(name) for name in ("DG750", "DG200", "MT1", "MT2", "MT3")] == [0.0] * 5
    assert rig.app.core.stage is Stage.RECOVERY
    assert rig.told("end") == [("09:50", "")]


async def test_an_event_that_comes_late_is_begun_at_once() -> None:
    rig = Rig.of("t17", quiet=True)
    await rig.until("08:23:30")
    assert rig.app.offer(rig.event).opt is Opt.IN
    await rig.until("08:24")
    assert rig.told("start") == [("08:23", "DG750"), ("08:23", "DG200")]


# --- other stages -----------------------------------------------------------------------------------------------------


async def test_supplementary_reserve_leaves_storage_alone_until_the_last_five_minutes() -> None:
    rig = await dispatched("t19", "07:54:50")
    assert rig.app.core.stage is Stage.RESPONSE
    assert (rig.power("ESS500"), rig.power("HESS250")) == (0.0, 0.0)
    await rig.until("07:55:30")
    assert rig.app.core.stage is Stage.LAST_MINUTES
    assert rig.power("ESS500") != 0
    await rig.until("08:30")
    assert rig.app.core.stage is Stage.FIRST_HOUR
    await rig.until("09:00:30")
    assert rig.app.core.stage is Stage.SUSTAINED


async def test_after_the_service_storage_is_back_at_its_charge_when_the_next_dispatch_may_come() -> None:
    rig = await dispatched("t17", "09:35", quiet=False, at_once=False)
    charging = [-rig.power(name) for name in ("ESS500", "HESS250")]
    assert charging == pytest.approx([154.6, 70.1], abs=1.0)  # from 20 % to 70 % within two hours
    await rig.until("11:29", loop_s=60.0)
    for name in ("ESS500", "HESS250"):
        assert rig.plant.device(name).soc == pytest.approx(0.70, abs=0.01)
    assert rig.power("DG750") == 0


async def test_a_battery_that_has_failed_is_not_charged() -> None:
    rig = await dispatched("t16", "09:40", quiet=False)
    assert rig.power("ESS500") < 0
    assert ("HESS250", -1) not in {(device, -1) for _, device, kw in rig.wire.commands if kw < 0}


async def test_without_an_event_storage_is_charged_only_where_that_is_wanted() -> None:
    idle = Rig.of("t17")
    await idle.until("08:20")
    assert idle.wire.commands == []
    rig = Rig.of("t17", recommended_soc=0.75)
    await rig.until("08:20")
    assert rig.power("ESS500") == -50.0
    await rig.until("09:00")
    assert rig.plant.device("ESS500").soc == pytest.approx(0.75, abs=0.001)
    assert rig.power("ESS500") == 0


async def test_microturbines_stop_where_energy_would_be_left_over() -> None:
    rig = await dispatched("t17", "09:06")
    assert [device for _, device in rig.told("start")][2:] == ["MT1", "MT2"]
    less = attrs.evolve(rig.event, modification=1, reduction_kw=500.0)
    rig.app.offer(less)
    await rig.until("09:15")
    assert [device for _, device in rig.told("stop")] == ["MT2", "MT1"], "the last one first, diesels never"


# --- what it tells ----------------------------------------------------------------------------------------------------


async def test_its_own_points_tell_of_the_event() -> None:
    rig = await dispatched("t17", "08:45:20")
    joined = await join([rig.wire, rig.app.points])
    names = [point.name for point in await rig.app.points.directory()]
    assert {"site.baseline.p", "site.deviation.p", "site.deviation.mean", "site.generation.p"} <= set(names)
    values = {name: value.value for name, value in (await joined.read(names)).items()}
    assert values["site.baseline.p"] == 1920.699
    assert values["site.target.p"] == pytest.approx(920.899)
    assert values["site.deviation.mean"] == pytest.approx(999.8, abs=5)
    assert values["site.event.id"] == "t17"
    assert values["site.event.stage"] == "sustained"
    assert values["site.event.service"] == "spinning"
    assert values["site.event.rate"] == pytest.approx(99.9, abs=0.2)
    assert values["site.event.index"] == 1.0
    assert values["der.DG750.online"] is True
    load, pv = rig.plant.reading().load_kw, rig.plant.reading().pv_kw
    assert values["site.load.p"] == pytest.approx(load, abs=5)
    assert values["site.generation.p"] == pytest.approx(load - pv - 920.899, abs=5)
    assert values["site.storage.e"] == pytest.approx(rig.app.core.energy_kwh(rig.app._see(rig.clock.now())), abs=5)


async def test_the_mean_of_a_minute_is_told_as_of_its_end() -> None:
    rig = await dispatched("t17", "08:45:20")
    value = (await rig.app.points.read(["site.deviation.mean"]))["site.deviation.mean"]
    assert value.time == at("08:45")


async def test_without_an_event_there_is_nothing_to_settle() -> None:
    rig = Rig.of("t17")
    await rig.until("08:20")
    assert rig.app.settlement() is None
    assert rig.app.baseline_kw is None
    rig.app.offer(rig.event)
    await rig.until("08:29")
    assert rig.app.settlement() is None


async def test_listeners_hear_of_turns_controls_and_happenings() -> None:
    rig = Rig.of("t17", quiet=True)
    turns: list[object] = []
    controls: list[str] = []
    heard: list[str] = []
    rig.app.on_turn(turns.append)
    rig.app.on_control(lambda control: controls.append(control.device))
    rig.app.on_happening(lambda happening: heard.append(str(happening)))
    await rig.until("08:20")
    rig.app.offer(rig.event)
    await rig.until("08:21")
    assert len(turns) == 6 * 6 + 6
    assert {"DG750", "DG200", "ESS500", "HESS250"} == set(controls)
    assert heard[0] == "08:20:00 dispatch (1000 kW below 1920.699 kW)"
    assert heard[1] == "08:20:00 start DG750"


def test_happenings_do_not_pile_up_and_all_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [each.what for each in run_local(case("t17"), step_s=10.0).happenings]
    told: list[str] = []
    tell = ReserveController._tell

    def noted(self: ReserveController, turned: Turned) -> None:
        told.extend(each.what for each in self.happenings[self._told :])
        tell(self, turned)
        assert len(self.happenings) <= 3

    monkeypatch.setattr(controller, "KEPT", 3)
    monkeypatch.setattr(ReserveController, "_tell", noted)
    run_local(case("t17"), step_s=10.0)
    assert told == [what for what in whole if what != FAULT]
    assert len(told) > 10
