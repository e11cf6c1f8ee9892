"""Writes on the board what the parties do: a few lines for people out of many messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from ...common.clock import Clock
from ...iec61850.access import DeviceAccess
from ...openadr.model import EventResponse, PayloadResourceStatus
from ...openadr.vtn import OptCanceled, OptCreated, Opted, Registered, Sample, Telemetry, Vtn
from ..controller import Control, Cycle
from ..delivery import MINUTE
from ..dispatch import Resource
from ..events import Answer, DispatchEvent, Phase
from ..host import METER, EmsHost
from .board import Board, Row, Tier

_PHASES = {
    Phase.FAR: "dispatch accepted",
    Phase.RESPONSE: "response: generators ramp up",
    Phase.SUSTAINED: "sustained period",
    Phase.RECOVERY: "recovery: the site gets ready again",
    Phase.OVER: "event over: devices ramp down",
}


class Reporter:
    """Listens to the host and to the utility. Set-points are told in one line a minute, and so are device reports."""

    def __init__(self, board: Board, clock: Clock, resources: tuple[Resource, ...]) -> None:
        self._board = board
        self._clock = clock
        self._minute = clock.now()
        self._fresh: dict[str, float] = {}
        self._by_event = {resource.name for resource in resources if resource.plan is not None}
        self._reports = 0
        self._utility = UtilityReporter(board, {}, _last_import)
        for resource in resources:
            board.rows[resource.name] = Row(resource.rating_kw, -resource.rating_kw if resource.storage else 0.0)

    # --- the site ---------------------------------------------------------------------------------------------------

    def follow_host(self, host: EmsHost) -> None:
        """Tell of what the host does."""
        self._host = host
        self._utility.reasons = host.answers
        host.app.on_cycle(self._cycle)
        host.app.on_control(self._control)

    def _cycle(self, cycle: Cycle) -> None:
        board, app = self._board, self._host.app
        board.now = cycle.time
        board.meter(cycle.time, cycle.import_kw)
        board.baseline_kw, board.target_kw = app.baseline_kw, cycle.plan.target_kw
        if cycle.plan.phase is not None:
            self._phase(_PHASES[cycle.plan.phase])
        for name, condition in cycle.conditions.items():
            row, state = board.rows[name], app.value(f"der.{name}.state")
            row.power_kw = condition.power_kw
            row.soc = None if condition.soc is None else 100 * condition.soc
            row.state = "no answer" if state is None else str(state.value)
        board.pv_kw, board.load_kw = self._number("der.PV.p"), self._number("der.PCC.load")
        links = self._host.devices.values()
        board.counts.device_reports = sum(link.reports for link in links if isinstance(link, DeviceAccess))
        if cycle.time - self._minute >= MINUTE:
            self._tell_minute(cycle)

    def _tell_minute(self, cycle: Cycle) -> None:
        board = self._board
        self._minute += (cycle.time - self._minute) // MINUTE * MINUTE
        if self._fresh:
            what = ", ".join(f"{name} {self._fresh[name]:.0f}" for name in board.rows if name in self._fresh)
            board.tell(Tier.SITE, Tier.DEVICE, f"Operate WSpt: {what} kW")
            self._fresh = {}
        came, self._reports = board.counts.device_reports - self._reports, board.counts.device_reports
        if came:
            board.tell(Tier.DEVICE, Tier.SITE, f"{came} reports; the meter shows {cycle.import_kw:.1f} kW")

    def _control(self, control: Control) -> None:
        counts = self._board.counts
        counts.controls_sent += 1
        if control.error is None:
            counts.controls_accepted += 1
            self._board.rows[control.device].setpoint_kw = control.kw
            if control.device not in self._by_event:
                self._fresh[control.device] = control.kw
        else:
            what = f"{control.device} refuses {control.kw:.0f} kW: {control.error.message}"
            self._board.tell(Tier.DEVICE, Tier.SITE, what, good=False)

    def _phase(self, step: str) -> None:
        if step != self._board.step:
            self._board.step = step
            self._board.tell(Tier.SITE, Tier.SITE, step)

    def _number(self, point: str) -> float | None:
        value = self._host.app.value(point)
        return None if value is None else value.number

    # --- the utility ------------------------------------------------------------------------------------------------

    def follow_utility(self, vtn: Vtn) -> None:
        """Tell of what reaches the utility."""
        self._utility.follow(vtn)

    def dispatched(self, event: DispatchEvent) -> None:
        """Tell that the utility has sent an event."""
        self._utility.dispatched(event)


def _last_import(telemetry: Telemetry) -> float | None:
    meter = [sample.value for sample in telemetry.samples if sample.r_id == f"{METER}.p"]
    return meter[-1] if meter and isinstance(meter[-1], float) else None


class UtilityReporter:
    """Tells of what passes between the utility and the site.

    Args:
        board: that is written on.
        reasons: the site's answers to events, by their IDs.
        last_import: gives the last import in a report, in kW; None if it has none.
    """

    def __init__(
        self, board: Board, reasons: Mapping[str, Answer], last_import: Callable[[Telemetry], float | None]
    ) -> None:
        self._board = board
        self.reasons = reasons
        self._last_import = last_import
        self._answered: dict[str, EventResponse] = {}
        self._away: list[str] | None = None

    def follow(self, vtn: Vtn) -> None:
        """Tell of what reaches the utility."""
        vtn.listen(Registered, self._registered)
        vtn.listen(Opted, self._opted)
        vtn.listen(OptCreated, self._opt_created)
        vtn.listen(OptCanceled, self._opt_canceled)
        vtn.listen(Telemetry, self._telemetry)

    def dispatched(self, event: DispatchEvent) -> None:
        """Tell that the utility has sent an event."""
        self._board.service = (event.start, event.end)
        hours = event.duration / timedelta(hours=1)
        what = f"oadrDistributeEvent: LOAD_DISPATCH {event.reduction_kw:.0f} kW for {hours:g} h"
        self._board.tell(Tier.UTILITY, Tier.SITE, what)

    def _registered(self, happening: Registered) -> None:
        self._board.tell(Tier.SITE, Tier.UTILITY, f"oadrCreatePartyRegistration: {happening.ven.ven_name}")

    def _opted(self, happening: Opted) -> None:
        """Tell of an answer by oadrCreatedEvent: one by EiOpt is told of as an opt, and so is what it gives way to."""
        response = happening.response
        event_id = response.qualified_event_id.event_id
        if happening.by is not None or self._answered.get(event_id) == response:
            return
        self._answered[event_id] = response
        opt, answer = response.opt_type.value, self.reasons.get(event_id)
        reason = f" ({answer.reason})" if answer and answer.reason else ""
        self._board.tell(Tier.SITE, Tier.UTILITY, f"oadrCreatedEvent: {opt}{reason}", good=opt == "optIn")

    def _opt_created(self, happening: OptCreated) -> None:
        opt = happening.opt.opt_type.value
        what = f"oadrCreateOpt: {opt} ({happening.opt.opt_reason})"
        self._board.tell(Tier.SITE, Tier.UTILITY, what, good=opt == "optIn")

    def _opt_canceled(self, happening: OptCanceled) -> None:
        self._board.tell(Tier.SITE, Tier.UTILITY, f"oadrCancelOpt: {happening.opt.opt_type.value} is taken back")

    def _telemetry(self, happening: Telemetry) -> None:
        counts = self._board.counts
        counts.telemetry_reports += 1
        counts.telemetry_points += len(happening.samples)
        states = [sample for sample in happening.samples if isinstance(sample.value, PayloadResourceStatus)]
        if states:
            self._states(states)
        if len(states) < len(happening.samples):
            kw = self._last_import(happening)
            last = "" if kw is None else f", the last import {kw:.1f} kW"
            self._board.tell(Tier.SITE, Tier.UTILITY, f"oadrUpdateReport: {len(happening.samples)} values{last}")

    def _states(self, samples: Sequence[Sample]) -> None:
        """Tell which resources are not online, when that has changed."""
        latest = {sample.r_id: sample.value for sample in sorted(samples, key=lambda sample: sample.time)}
        away = sorted(r_id.removesuffix(".status") for r_id, state in latest.items() if not state.online)
        if away != self._away:
            self._away = away
            what = f"{', '.join(away)} not online" if away else "all online"
            self._board.tell(Tier.SITE, Tier.UTILITY, f"oadrUpdateReport: {what}", good=not away)


async def keep_time(board: Board, clock: Clock) -> None:
    """Keep the board's clock right, for ever."""
    while True:
        board.now = clock.now()
        await asyncio.sleep(0.1)
