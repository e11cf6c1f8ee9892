"""The site application in closed loop with the simulated plant, on the recorded morning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

import attrs
import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.access import Change
from janusgrid.common.data.value import LOST, Scalar, Value
from janusgrid.common.errors import NotReachable, Refused
from janusgrid.ems.controller import Control, ControllerConfig, Cycle, SiteController
from janusgrid.ems.delivery import Delivery
from janusgrid.ems.events import DispatchEvent, Opt
from janusgrid.ems.local import PlantAccess
from janusgrid.ems.sim.device import DeviceState
from janusgrid.ems.sim.plant import Plant

from .plants import RESOURCES, at, microgrid

EVENT = DispatchEvent(id="e1", issued=at("08:20"), start=at("08:30"), duration=timedelta(hours=1), reduction_kw=1000)
CONFIG = ControllerConfig(resources=RESOURCES)


class Wire(PlantAccess):
    """The plant as it looks through a wire: values come `lag` seconds late, some devices refuse or are out of reach."""

    def __init__(self, plant: Plant, clock: LockStepClock, *, lag: float = 0.0) -> None:
        super().__init__(plant, clock)
        self._lag, self._pace = lag, clock
        self.refusing: set[str] = set()
        self.silent: set[str] = set()

    async def operate(self, name: str, value: Scalar, **options: object) -> None:
        device = name.split(".")[1]
        if device in self.silent:
            raise NotReachable("no answer", where=device)
        if device in self.refusing:
            raise Refused("blocked by a switch at the machine", where=device, code="blocked-by-switching-hierarchy")
        await super().operate(name, value)

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        async for change in super().watch(names, period=period, deadband=deadband):
            if change.name.startswith("der.PCC") and self._lag:
                await self._pace.sleep(self._lag)
            silent = change.name.split(".")[1] in self.silent
            yield attrs.evolve(change, value=Value(None, LOST)) if silent else change


@attrs.define
class Run:
    """A morning: the plant, the application and what it did."""

    plant: Plant
    clock: LockStepClock
    wire: Wire
    site: SiteController
    cycles: list[Cycle] = attrs.field(factory=list)
    controls: list[Control] = attrs.field(factory=list)

    async def until(self, clock: str) -> None:
        await self.clock.advance((at(clock) - self.clock.now()).total_seconds())

    def finished(self) -> Delivery:
        delivery = self.site.delivery()
        assert delivery is not None
        print(f"baseline {delivery.baseline_kw:.1f} kW, average rate {delivery.average_rate:.4f}, kW by minute:")
        print(" ".join("-" if kw is None else f"{kw:.1f}" for kw in delivery.minutes))
        return delivery


async def morning(config: ControllerConfig = CONFIG, *, lag: float = 0.0, start: str = "08:15") -> AsyncIterator[Run]:
    plant, clock = microgrid(start), LockStepClock(at(start), settle=20)
    wire = Wire(plant, clock, lag=lag)
    run = Run(plant, clock, wire, SiteController(wire, clock, config))
    run.site.on_cycle(run.cycles.append)
    run.site.on_control(run.controls.append)
    task = asyncio.create_task(run.site.run())
    yield run
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    async for found in morning():
        yield found


async def test_the_contract_is_delivered_over_the_sustained_hour(run: Run) -> None:
    await run.until("08:20")
    assert run.site.offer(EVENT).opt is Opt.IN
    assert run.site.baseline_kw == pytest.approx(1922.5, abs=0.1)
    await run.until("09:35")
    delivery = run.finished()
    assert delivery.fulfilled(0.99)
    assert None not in delivery.minutes
    assert min(delivery.rates) > 0.95
    assert max(kw for kw in delivery.minutes if kw is not None) < 1030
    assert all(c.error is None for c in run.controls)
    assert len(run.controls) < 7 * 6 * 70


async def test_every_device_takes_part_and_keeps_its_limits(run: Run) -> None:
    await run.until("08:20")
    run.site.offer(EVENT)
    peaks = dict.fromkeys(run.plant.devices, 0.0)
    while run.clock.now() < at("09:30"):
        await run.clock.advance(10)
        for name, device in run.plant.devices.items():
            assert device.low_kw <= device.power_kw <= device.rating_kw * 1.01
            assert device.soc is None or device.soc > 0.2
            peaks[name] = max(peaks[name], device.power_kw)
    assert all(kw > 0.4 * run.plant.device(name).rating_kw for name, kw in peaks.items())


async def test_after_the_event_the_plant_is_at_rest_and_left_alone(run: Run) -> None:
    await run.until("08:20")
    run.site.offer(EVENT)
    await run.until("09:45")
    assert all(d.state is DeviceState.AVAILABLE for d in run.plant.devices.values())
    sent = len(run.controls)
    run.plant.set("MT1", 30)
    await run.until("09:50")
    assert len(run.controls) == sent
    assert run.plant.device("MT1").setpoint_kw == 30


@pytest.mark.parametrize("lag", [2.0, 5.0, 10.0])
async def test_the_loop_stays_calm_when_the_meter_reports_late(lag: float) -> None:
    async for run in morning(lag=lag):
        await run.until("08:20")
        run.site.offer(EVENT)
        await run.until("09:32")
        assert run.finished().fulfilled(0.98)
        steady = [c.import_kw for c in run.cycles if at("08:40") <= c.time < at("09:30")]
        assert max(steady) - min(steady) < 40


@pytest.mark.parametrize("cycle_s", [5.0, 20.0, 30.0])
async def test_other_cycles_deliver_as_well(cycle_s: float) -> None:
    async for run in morning(attrs.evolve(CONFIG, cycle_s=cycle_s)):
        await run.until("08:20")
        run.site.offer(EVENT)
        await run.until("09:32")
        assert run.finished().fulfilled(0.98)


async def test_a_battery_that_fails_is_made_up_for(run: Run) -> None:
    await run.until("08:20")
    run.site.offer(EVENT)
    await run.until("09:00")
    run.plant.device("HESS250").fail()
    await run.until("09:32")
    assert run.finished().fulfilled(0.98)
    after = [c for c in run.controls if c.time > at("09:02")]
    assert after
    assert "HESS250" not in {c.device for c in after}


async def test_a_diesel_that_fails_is_made_up_for_while_there_is_energy(run: Run) -> None:
    """The main diesel lost at 09:00 leaves 395 kW of generators and the batteries. Published: 80 %; here a little less,
    since this plain rule has the batteries share from the start, where the published one saves their energy."""
    await run.until("08:20")
    run.site.offer(EVENT)
    await run.until("09:00")
    run.plant.device("DG750").fail()
    await run.until("09:32")
    delivery = run.finished()
    assert 0.70 < delivery.average_rate < 0.95
    assert min(delivery.rates[:33]) > 0.9


async def test_a_device_that_is_out_from_the_start_is_not_asked(run: Run) -> None:
    run.plant.device("DG200").fail()
    await run.until("08:20")
    assert run.site.offer(EVENT).opt is Opt.IN
    await run.until("09:32")
    assert run.finished().fulfilled(0.97)
    assert "DG200" not in {c.device for c in run.controls}


async def test_a_device_that_refuses_is_left_out_for_a_while_and_tried_again(run: Run) -> None:
    run.wire.refusing.add("MT2")
    await run.until("08:20")
    run.site.offer(EVENT)
    await run.until("08:40")
    refused = [c for c in run.controls if c.device == "MT2"]
    assert 10 <= len(refused) <= 21
    assert all(isinstance(c.error, Refused) for c in refused)
    run.wire.refusing.clear()
    await run.until("09:32")
    assert run.plant.device("MT2").power_kw > 0 or run.clock.now() > at("09:30")
    assert run.finished().fulfilled(0.99)
    assert any(c.device == "MT2" and c.error is None for c in run.controls)


async def test_a_device_out_of_reach_that_still_delivers_counts_and_is_stopped_when_it_is_back(run: Run) -> None:
    await run.until("08:20")
    run.site.offer(EVENT)
    await run.until("08:50")
    run.wire.silent.add("DG750")
    await run.until("09:31")
    delivery = run.finished()
    assert delivery.fulfilled(0.98)
    assert run.plant.device("DG750").power_kw > 300
    run.wire.silent.clear()
    await run.until("09:45")
    assert run.plant.device("DG750").state is DeviceState.AVAILABLE


async def test_without_a_meter_the_setpoints_stay_as_they_are(run: Run) -> None:
    await run.until("08:20")
    run.site.offer(EVENT)
    await run.until("08:40")
    run.wire.silent.add("PCC")
    await run.until("08:42")
    sent, power = len(run.controls), run.plant.device("DG750").power_kw
    await run.until("08:50")
    assert len(run.controls) == sent
    assert run.plant.device("DG750").power_kw == pytest.approx(power, rel=0.01)
    assert run.site.delivery() is not None
    assert None in run.site.delivery().minutes[:20]  # type: ignore[union-attr]


async def test_a_withdrawn_event_stops_what_it_started(run: Run) -> None:
    await run.until("08:20")
    run.site.offer(EVENT)
    await run.until("08:40")
    run.site.withdraw("another")
    assert run.site.event is not None
    run.site.withdraw("e1")
    await run.until("08:50")
    assert run.site.event is None
    assert all(d.power_kw == 0 for d in run.plant.devices.values())


async def test_a_modified_event_is_followed_with_its_first_baseline(run: Run) -> None:
    await run.until("08:20")
    run.site.offer(EVENT)
    base = run.site.baseline_kw
    await run.until("08:45")
    less = attrs.evolve(EVENT, modification=1, reduction_kw=500)
    assert run.site.offer(less).opt is Opt.IN
    assert run.site.baseline_kw == base
    await run.until("08:58")
    assert run.plant.reading().import_kw == pytest.approx(base - 500, abs=15)  # type: ignore[operator]


async def test_what_cannot_be_followed_is_declined_with_the_reason(run: Run) -> None:
    await run.until("08:20")
    for event, reason in [
        (attrs.evolve(EVENT, reduction_kw=2000), "1895 kW are available, 2000 kW are asked"),
        (attrs.evolve(EVENT, issued=at("08:16")), "not recorded"),
        (attrs.evolve(EVENT, issued=at("07:00"), start=at("07:10")), "over"),
    ]:
        answer = run.site.offer(event)
        assert answer.opt is Opt.OUT
        assert reason in answer.reason
    assert run.site.event is None
    assert run.site.delivery() is None
    for name in ("DG750", "ESS500"):
        run.plant.device(name).fail()
    await run.until("08:21")
    assert run.site.offer(EVENT).reason == "645 kW are available, 1000 kW are asked"
    assert run.site.offer(attrs.evolve(EVENT, reduction_kw=600)).opt is Opt.IN
    assert "e1 is running" in run.site.offer(attrs.evolve(EVENT, id="e2")).reason
