"""The reserve controller without input, output or clock: what is seen and the time go in, set-points come out.

Each turn does what its stage demands: at the dispatch, generators are committed; in every decision cycle of the service
faults are looked for and generators started or stopped; in every turn storage makes up for what generators do not give;
in the recovery period storage is charged. See `phases` for the stages.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ...common.errors import LocalError
from ..events import DispatchEvent, Phase
from . import commitment, energy, faults, storage
from .parameters import Fleet, Parameters, Response, Service, Store, Surplus, Unit
from .phases import IN_SERVICE, Course, Stage, Turn, course, machine
from .seen import (
    BEGIN,
    CANCELLED,
    CONFIRMED,
    DISPATCH,
    EMPTY,
    END,
    LOST,
    MODIFIED,
    OUT,
    RECOVERED,
    REFUSED,
    RETURNED,
    START,
    STOP,
    Happening,
    Look,
    Seen,
)
from .state import Duty, State


class Reserve:
    """The controller's decisions. `happenings` is what a person would want to know; who has read them
    may forget them."""

    def __init__(self, fleet: Fleet, parameters: Parameters, services: Iterable[Service]) -> None:
        self.fleet = fleet
        self._names = fleet.names
        self.parameters = parameters
        self.services = {service.name: service for service in services}
        self.state = State()
        self.happenings: list[Happening] = []
        self._drawn: tuple[tuple[object, ...], Course] | None = None

    # --- events -----------------------------------------------------------------------------------------------------

    @property
    def stage(self) -> Stage:
        """Where the application stands."""
        return self.state.stage

    @property
    def duty(self) -> Duty | None:
        """The event being followed, or the last one."""
        return self.state.duty

    @property
    def service(self) -> Service | None:
        """The service of that event."""
        return self.services[self.state.duty.service] if self.state.duty else None

    @property
    def course(self) -> Course | None:
        """The course of that event."""
        duty = self.state.duty
        if duty is None:
            return None
        drawn, key = self._drawn, (duty.event, duty.begun, duty.cancelled)
        if drawn is None or drawn[0] != key:
            made = course(duty.event, self.services[duty.service], begun=duty.begun, cancelled=duty.cancelled)
            drawn = self._drawn = (key, made)
        return drawn[1]

    @property
    def target_kw(self) -> float | None:
        """The import that is aimed at in the sustained period; None without an event."""
        duty = self.state.duty
        return duty.baseline_kw - duty.event.reduction_kw + self.parameters.bias_kw if duty else None

    def service_of(self, event: DispatchEvent) -> Service | None:
        """Return the service that the market context of an event asks for: its last part names it."""
        return self.services.get(event.market.rstrip("/").rpartition("/")[2])

    def available_kw(self, seen: Seen) -> float:
        """Return the ratings of what can be dispatched."""
        return sum(self.fleet.rating_kw(name) for name in self._names if self._usable(name, seen))

    def objection(self, event: DispatchEvent, now: datetime, seen: Seen) -> str:
        """Return why this event is not followed; empty if it can be."""
        duty, current = self.state.duty, self.course
        if event.phase(now) in (Phase.RECOVERY, Phase.OVER):
            return "the event is over"
        if duty is not None and current is not None and not self.state.closed:
            if duty.event.id != event.id and now < current.end:
                return f"event {duty.event.id} is running"
            if current.end <= now < current.recovered:
                return f"the site recovers from event {duty.event.id} until {current.recovered.isoformat()}"
        if self.service_of(event) is None:
            return f"no service of this site is called as the market context {event.market!r}"
        able = self.available_kw(seen)
        if able < event.reduction_kw:
            return f"{able:g} kW are available, {event.reduction_kw:g} kW are asked"
        return ""

    def accept(self, event: DispatchEvent, baseline_kw: float, now: datetime) -> None:
        """Follow an event, or its new state; raise `LocalError` if no service is meant by it.

        A new state of the event that runs keeps the course so far: its generators, its faults, its baseline.
        """
        service = self.service_of(event)
        if service is None:
            raise LocalError(f"no service for the market context {event.market!r}")
        duty = self.state.duty
        if duty is not None and duty.event.id == event.id and not self.state.closed:
            duty.event = event
            self._tell(now, MODIFIED, note=event.id)
            return
        soc, net, at = self.state.soc, self.state.net_kw, self.state.net_at
        touched = self.state.setpoints
        self.state = State(
            duty=Duty(event, service.name, baseline_kw), soc=soc, net_kw=net, net_at=at, setpoints=touched
        )

    def cancel(self, event_id: str, now: datetime) -> None:
        """End an event now. One that had not begun is forgotten; unknown ids are passed over."""
        duty, current = self.state.duty, self.course
        if duty is None or current is None or duty.event.id != event_id or now >= current.end:
            return
        if self.state.stage is Stage.IDLE:
            self.state.duty = None
        else:
            duty.cancelled = now
        self._tell(now, CANCELLED, note=event_id)

    def refused(self, name: str, until: datetime, now: datetime, note: str = "") -> None:
        """Take note that a device did not accept its set-point: a generator that was to start does not count as on.

        For one that has been on for longer than a cycle that says nothing: it is judged by what it delivers.
        """
        since = self.state.on.get(name)
        if since is not None and (now - since).total_seconds() <= self.parameters.cycle_s:
            self.state.on.pop(name, None)
            self.state.setpoints[name] = 0.0
            self.state.held[name] = until
            self._tell(now, REFUSED, name, note)

    # --- turns ------------------------------------------------------------------------------------------------------

    def turn(self, now: datetime, seen: Seen) -> dict[str, float]:
        """Return the set-points of every device that this controller has taken in hand, in kW."""
        self._follow(now, seen)
        self._pass_turns(now, seen)
        self._take_back(now, seen)
        if self.state.stage in IN_SERVICE:
            self._serve(now, seen)
        elif self.state.stage is Stage.RECOVERY:
            self._recover(now, seen)
        else:
            self._idle(seen)
        return dict(self.state.setpoints)

    def required_kw(self, now: datetime) -> float | None:
        """Return the generation, generators and storage together, that meets the contract; None if it is not known."""
        state, target = self.state, self.target_kw
        if target is None or state.net_kw is None or state.net_at is None:
            return None
        held = (now - state.net_at).total_seconds() <= self.parameters.meter_hold_s
        return state.net_kw - target if held else None

    def energy_kwh(self, seen: Seen) -> float:
        """Return what the available storages can still deliver."""
        stores = ((s, seen.look(s.name).soc) for s in self.fleet.stores if s.name not in self.state.failed)
        return energy.deliverable_kwh(stores, self.parameters)

    def _follow(self, now: datetime, seen: Seen) -> None:
        """Keep the net load: what the site would import without its devices. One that is not known counts as load."""
        if seen.import_kw is not None:
            powers = (seen.look(name).power_kw for name in self._names)
            net = seen.import_kw + sum(power for power in powers if power is not None)
            last = self.state.net_kw
            self.state.net_kw = net if last is None else last + self.parameters.smoothing * (net - last)
            self.state.net_at = now
        for store in self.fleet.stores:
            soc = seen.look(store.name).soc
            if soc is not None:
                self.state.soc[store.name] = soc

    def _pass_turns(self, now: datetime, seen: Seen) -> None:
        """Go through all that the course has for the time up to now, however late this is."""
        duty, current, service = self.state.duty, self.course, self.service
        if duty is None or current is None or service is None:
            return
        table = machine(service)
        for when, turn in current.turns:
            if when > now:
                return
            if turn in self.state.passed:
                continue
            if turn not in table.events(self.state.stage):
                continue  # the course was changed meanwhile, and this has no place in it any more
            self.state.stage = table.next(self.state.stage, turn)
            self.state.passed.add(turn)
            self._happen(turn, when, now, seen)

    def _happen(self, turn: Turn, when: datetime, now: datetime, seen: Seen) -> None:
        duty, service = self.state.duty, self.service
        assert duty is not None
        assert service is not None
        if turn is Turn.DISPATCHED:
            duty.begun = when
            self._tell(now, DISPATCH, note=f"{duty.event.reduction_kw:g} kW below {duty.baseline_kw:.3f} kW")
            for name in self._names:
                if not self._usable(name, seen):
                    self.state.failed[name] = LOST if seen.look(name).lost else OUT
                    self._tell(now, OUT, name)
            self.state.soc_at_dispatch = dict(self.state.soc)
            self.state.decision = self._decision(now)
            standby = [unit.name for unit in self._standby(now, seen)]
            self._start(commitment.commit(self.fleet, standby, service, duty.event.reduction_kw), now)
        elif turn is Turn.ENDED:
            self._tell(now, END, note="" if duty.cancelled is None else "cancelled")
            for unit in self.fleet.units:
                if unit.name in self.state.on:
                    self._stop(unit, now)
        elif turn is Turn.RECOVERED:
            self.state.failed.clear()  # whether they work again they have to say themselves
            self._tell(now, RECOVERED)
        elif turn is Turn.BEGUN:
            self._tell(now, BEGIN)

    def _serve(self, now: datetime, seen: Seen) -> None:
        self._alarms(now, seen)
        decision = self._decision(now)
        if decision > self.state.decision:
            self.state.decision = decision
            self._find_faults(now, seen)
            self._start_or_stop(now, seen)
        required = self.required_kw(now)
        self._set_units(required)
        self._set_stores(now, required, seen)

    def _decision(self, now: datetime) -> int:
        current = self.course
        return -1 if current is None else int((now - current.dispatch).total_seconds() // self.parameters.cycle_s)

    # --- faults -----------------------------------------------------------------------------------------------------

    def _alarms(self, now: datetime, seen: Seen) -> None:
        """Take out at once what says itself that it has failed, or is lost, where that is wanted."""
        if not self.parameters.at_once:
            return
        for name in self._names:
            look = seen.look(name)
            if name not in self.state.failed and (look.alarm or look.lost) and self._device_is_used(name):
                self._fail(name, LOST if look.lost else "alarm", now, seen)

    def _take_back(self, now: datetime, seen: Seen) -> None:
        """Use again what was only lost, as soon as it is reached and says that it works."""
        for name, reason in tuple(self.state.failed.items()):
            if reason == LOST and seen.look(name).ready:
                del self.state.failed[name]
                self.state.bad[name] = 0
                self._tell(now, RETURNED, name)

    def _device_is_used(self, name: str) -> bool:
        return name in self.state.on or isinstance(self.fleet.device(name), Store)

    def _find_faults(self, now: datetime, seen: Seen) -> None:
        state, parameters = self.state, self.parameters
        verdicts: list[tuple[Unit | Store, bool | None]] = []
        for unit in self.fleet.units:
            if unit.name not in state.failed:
                expected = state.setpoints.get(unit.name, 0.0)
                bad = faults.unit_is_bad(expected, self._on_s(unit, now), seen.look(unit.name), parameters)
                verdicts.append((unit, bad))
        for store in self.fleet.stores:
            if store.name not in state.failed:
                expected = state.setpoints.get(store.name, 0.0)
                verdicts.append((store, faults.store_is_bad(expected, seen.look(store.name), parameters)))
        for name in faults.confirm(state.bad, verdicts, parameters):
            self._fail(name, LOST if seen.look(name).lost else "deviates", now, seen)

    def _fail(self, name: str, reason: str, now: datetime, seen: Seen) -> None:
        """Take a device out, and start what stands by in its place.

        One that is only lost goes on as it was told, and the meter shows what it does: it is left alone and out of
        the reckoning, and nothing is started for it but what the energy asks for.
        """
        self.state.failed[name] = reason
        self._tell(now, CONFIRMED, name, "" if reason == "deviates" else reason)
        if reason == LOST:
            return
        self.state.on.pop(name, None)
        self.state.setpoints[name] = 0.0
        self._start(commitment.reaching(self._standby(now, seen), self.fleet.rating_kw(name)), now)

    # --- generators -------------------------------------------------------------------------------------------------

    def _start_or_stop(self, now: datetime, seen: Seen) -> None:
        service, required, current = self.service, self.required_kw(now), self.course
        if service is None or current is None or required is None:
            return
        running = [(unit, self._on_s(unit, now) or 0.0) for unit in self._running()]
        ratings = sum(unit.rating_kw for unit, _ in running)
        hours = (current.end - now) / timedelta(hours=1)
        balance = energy.Balance(self.energy_kwh(seen), required, ratings, hours)
        standby = self._standby(now, seen)
        if self.state.stage is Stage.FIRST_HOUR:
            starting = energy.next_start_keeping(balance, standby)
        elif service.storage_lead is not None and self.state.stage is not Stage.SUSTAINED:
            return
        else:
            starting = energy.next_start(balance, standby, self.parameters)
            stopping = None if starting else energy.next_stop(balance, running, self.parameters)
            if stopping is not None:
                self._stop(stopping, now)
        if starting is not None:
            self._start([starting], now)

    def _running(self) -> list[Unit]:
        """Return the generators that are on and in order."""
        return [unit for unit in self.fleet.units if unit.name in self.state.on and unit.name not in self.state.failed]

    def _standby(self, now: datetime, seen: Seen) -> list[Unit]:
        """Return the generators that may be started, in order."""
        return [
            unit
            for unit in self.fleet.units
            if unit.name not in self.state.on
            and self._usable(unit.name, seen)
            and not now < self.state.held.get(unit.name, now)
        ]

    def _usable(self, name: str, seen: Seen) -> bool:
        look = seen.look(name)
        return self.state.failed.get(name) is None and look.ready and not look.alarm and not look.lost

    def _start(self, units: Iterable[Unit], now: datetime) -> None:
        for unit in units:
            self.state.on[unit.name] = now
            self.state.setpoints[unit.name] = unit.rating_kw
            self._tell(now, START, unit.name)

    def _stop(self, unit: Unit, now: datetime) -> None:
        self.state.on.pop(unit.name, None)
        self.state.setpoints[unit.name] = 0.0
        self._tell(now, STOP, unit.name)

    def _on_s(self, unit: Unit, now: datetime) -> float | None:
        since = self.state.on.get(unit.name)
        return None if since is None else (now - since).total_seconds()

    def _set_units(self, required: float | None) -> None:
        """Generators run at full power; with part load instead of charging, they are turned down together."""
        if self.parameters.surplus is Surplus.CHARGE or required is None:
            return
        running = self._running()
        ratings = sum(unit.rating_kw for unit in running)
        for unit in running:
            self.state.setpoints[unit.name] = unit.rating_kw * min(1.0, max(0.0, required / ratings))

    # --- storage ----------------------------------------------------------------------------------------------------

    def _set_stores(self, now: datetime, required: float | None, seen: Seen) -> None:
        state, service = self.state, self.service
        available = [store for store in self.fleet.stores if store.name not in state.failed]
        if service is not None and service.storage_lead is not None and state.stage is Stage.RESPONSE:
            state.setpoints.update({store.name: 0.0 for store in available})
            return
        if required is None:
            return  # better the last set-points than new ones from nothing
        others = [name for name in self._names if name not in {store.name for store in available}]
        generated = sum(seen.look(name).power_kw or 0.0 for name in others)  # what has failed may still deliver
        want = self._ramped(now, required) - generated
        if self.parameters.surplus is Surplus.PART_LOAD:
            want = max(0.0, want)
        conditions = [self._condition(store, seen.look(store.name)) for store in available]
        state.setpoints.update(storage.setpoints(want, conditions, self.parameters))
        for each in conditions:
            if each.store.name not in state.empty and storage.is_empty(each.soc, self.parameters):
                state.empty.add(each.store.name)
                self._tell(now, EMPTY, each.store.name)

    def _condition(self, store: Store, look: Look) -> storage.Condition:
        expected = self.state.setpoints.get(store.name, 0.0)
        bad = faults.store_is_bad(expected, look, self.parameters)
        soc = self.state.soc.get(store.name, self.parameters.floor)
        return storage.Condition(store, soc, (look.power_kw or 0.0) if bad else None)

    def _ramps(self) -> bool:
        ramped = self.parameters.response is Response.RAMP and self.state.stage is Stage.RESPONSE
        return ramped and self.service is not None and self.service.storage_lead is None

    def _ramped(self, now: datetime, required: float) -> float:
        """Return what is required of the response period's ramp: nothing at the dispatch, all at the start."""
        duty, current = self.state.duty, self.course
        if not self._ramps() or duty is None or current is None:
            return required
        whole = (current.start - current.dispatch) / timedelta(seconds=1)
        part = (now - current.dispatch).total_seconds() / whole if whole > 0 else 1.0
        return required - (1.0 - min(1.0, part)) * duty.event.reduction_kw

    def _recover(self, now: datetime, seen: Seen) -> None:
        current = self.course
        assert current is not None
        hours = (current.recovered - now) / timedelta(hours=1)
        at_dispatch, fixed = self.state.soc_at_dispatch, self.parameters.recovered_soc
        goals = (
            (store, seen.look(store.name).soc, at_dispatch.get(store.name, 0.0) if fixed is None else fixed)
            for store in self.fleet.stores
            if store.name not in self.state.failed
        )
        self.state.setpoints.update({store.name: 0.0 for store in self.fleet.stores})
        self.state.setpoints.update(storage.charge(goals, hours, self.parameters))

    def _idle(self, seen: Seen) -> None:
        """Charge what is below the recommended state of charge; let go of what was in hand."""
        goal = self.parameters.recommended_soc
        for store in self.fleet.stores:
            soc = seen.look(store.name).soc
            low = goal is not None and soc is not None and soc < goal and self._usable(store.name, seen)
            wanted = -self.parameters.recharge_part * store.rating_kw if low else 0.0
            if wanted or store.name in self.state.setpoints:
                self.state.setpoints[store.name] = wanted

    # --- small things -----------------------------------------------------------------------------------------------

    def _tell(self, now: datetime, what: str, device: str = "", note: str = "") -> None:
        self.happenings.append(Happening(now, what, device, note))
