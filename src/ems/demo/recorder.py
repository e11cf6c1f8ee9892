"""Keeps what a reserve case shows: figures for plots and the acceptance, and lines on the board for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ...iec61850.access import DeviceAccess
from ...openadr.vtn import Telemetry, Vtn
from ..controller import Control
from ..delivery import MINUTE
from ..events import DispatchEvent
from ..host import Host
from ..report.record import Track
from ..report.reserve import telling
from ..reserve import seen as words
from ..reserve.controller import ReserveController, Turned
from ..reserve.parameters import Fleet
from ..reserve.seen import Happening
from ..sim.plant import Plant
from .board import Board, Row, Tier
from .reporter import UtilityReporter

EVERY = timedelta(seconds=10)
"""Between two figures of a plot."""
_STEPS = {
    words.DISPATCH: "response period",
    words.BEGIN: "sustained period",
    words.END: "recovery period",
    words.RECOVERED: "recovered",
}
_BAD = frozenset({words.CONFIRMED, words.OUT, words.EMPTY, words.REFUSED})


class Recorder:
    """Listens to the application and to the utility.

    Args:
        board: that is written on.
        plant, fleet: the machines.
        faults: what will break down, and when.

    Attributes:
        grid, generation: in kW over time.
        imbalance_kw: the largest miss of import = load - PV - generation in the plant.
        lowest_soc: of any storage of the plant.
    """

    def __init__(self, board: Board, plant: Plant, fleet: Fleet, faults: Iterable[tuple[datetime, str]] = ()) -> None:
        self._board = board
        self._plant = plant
        self._fleet = fleet
        self._faults = sorted(faults)
        self.grid: list[tuple[datetime, float]] = []
        self.generation: list[tuple[datetime, float]] = []
        self.imbalance_kw = 0.0
        self.lowest_soc = 1.0
        self._power: dict[str, list[tuple[datetime, float]]] = {name: [] for name in fleet.names}
        self._soc: dict[str, list[tuple[datetime, float]]] = {store.name: [] for store in fleet.stores}
        self._orders: dict[str, list[tuple[datetime, float]]] = {name: [] for name in fleet.names}
        self._sent: list[Control] = []
        self._refusing: set[str] = set()
        self._fresh: dict[str, float] = {}
        self._due: datetime | None = None
        self._links: list[DeviceAccess] = []
        self._minute = board.start
        self._utility = UtilityReporter(board, {}, self._last_import)
        stores = {store.name for store in fleet.stores}
        for name in fleet.names:
            rating = fleet.rating_kw(name)
            board.rows[name] = Row(rating, -rating if name in stores else 0.0)

    def follow(self, host: Host[ReserveController]) -> None:
        """Listen to the application."""
        self._links = [link for link in host.devices.values() if isinstance(link, DeviceAccess)]
        self._utility.reasons = host.answers
        app = host.app
        app.on_turn(self._turned)
        app.on_control(self._control)
        app.on_happening(self._happened)

    def follow_utility(self, vtn: Vtn) -> None:
        """Tell of what reaches the utility."""
        self._utility.follow(vtn)

    def dispatched(self, event: DispatchEvent) -> None:
        """Tell that the utility has sent an event."""
        self._utility.dispatched(event)
        self._board.baseline_kw = event.baseline_kw

    def tracks(self) -> tuple[Track, ...]:
        """Return the course of each device."""
        return tuple(
            Track(
                name=name,
                rating_kw=self._fleet.rating_kw(name),
                power=tuple(self._power[name]),
                setpoint=tuple(self._orders[name]),
                soc=tuple(self._soc.get(name, ())),
            )
            for name in self._fleet.names
        )

    def wrong_starts(self, happenings: Iterable[Happening]) -> tuple[str, ...]:
        """Return which devices were ordered to start, and when, although they were known to be out."""
        out = {each.device: each.time for each in happenings if each.what in (words.CONFIRMED, words.OUT)}
        units = {unit.name for unit in self._fleet.units}
        return tuple(
            f"{control.device} {control.time:%H:%M:%S}"
            for control in self._sent
            if control.device in units and control.kw > 0 and control.time > out.get(control.device, control.time)
        )

    # --- the site ---------------------------------------------------------------------------------------------------

    def _turned(self, turned: Turned) -> None:
        self._look_at_plant()
        board, now = self._board, turned.time
        self._tell_faults(now)
        board.now = now
        if turned.target_kw is not None:
            board.target_kw = turned.target_kw
        if self._due is not None and now < self._due:
            return
        self._due = now + EVERY
        total = 0.0
        for name in self._fleet.names:
            look, row = turned.seen.look(name), board.rows[name]
            row.power_kw = look.power_kw
            row.soc = None if look.soc is None else 100 * look.soc
            row.state = "lost" if look.lost else "alarm" if look.alarm else "ready" if look.ready else "not ready"
            if look.power_kw is not None:
                total += look.power_kw
                self._power[name].append((now, look.power_kw))
            if look.soc is not None:
                self._soc[name].append((now, 100 * look.soc))
            self._orders[name].append((now, turned.orders.get(name, 0.0)))
        self.generation.append((now, total))
        if turned.seen.import_kw is not None:
            self.grid.append((now, turned.seen.import_kw))
            board.meter(now, turned.seen.import_kw)
        board.counts.device_reports = sum(link.reports for link in self._links)
        if now - self._minute >= MINUTE:
            self._tell_minute(now)

    def _look_at_plant(self) -> None:
        devices = self._plant.devices.values()
        reading = self._plant.reading()
        total = sum(device.power_kw for device in devices)
        off = abs(reading.import_kw - (reading.load_kw - reading.pv_kw - total))
        self.imbalance_kw = max(self.imbalance_kw, off)
        self.lowest_soc = min([self.lowest_soc, *(device.soc for device in devices if device.soc is not None)])
        self._board.load_kw, self._board.pv_kw = reading.load_kw, reading.pv_kw

    def _tell_minute(self, now: datetime) -> None:
        self._minute += (now - self._minute) // MINUTE * MINUTE
        if self._fresh:
            what = ", ".join(f"{name} {self._fresh[name]:.0f}" for name in self._board.rows if name in self._fresh)
            self._board.tell(Tier.SITE, Tier.DEVICE, f"set-points: {what} kW")
            self._fresh = {}

    def _control(self, control: Control) -> None:
        counts = self._board.counts
        counts.controls_sent += 1
        self._sent.append(control)
        if control.error is None:
            counts.controls_accepted += 1
            self._refusing.discard(control.device)
            self._board.rows[control.device].setpoint_kw = control.kw
            self._fresh[control.device] = control.kw
        elif control.device not in self._refusing:  # it is asked again and again; once is enough to tell
            self._refusing.add(control.device)
            what = f"{control.device} does not take {control.kw:.0f} kW: {control.error.message}"
            self._board.tell(Tier.DEVICE, Tier.SITE, what, good=False)

    def _happened(self, happening: Happening) -> None:
        self._board.now = happening.time
        self._board.step = _STEPS.get(happening.what, self._board.step)
        mark = telling(happening)
        if mark is not None:
            note = f" ({happening.note})" if happening.note else ""
            self._board.tell(Tier.SITE, Tier.SITE, f"{mark.what}{note}", good=happening.what not in _BAD)

    def _tell_faults(self, now: datetime) -> None:
        """Tell of what has broken down: the site does not know it yet."""
        while self._faults and self._faults[0][0] < now:
            when, device = self._faults.pop(0)
            self._board.now = when
            self._board.tell(Tier.DEVICE, Tier.DEVICE, f"{device} fails", good=False)
            self._board.now = now

    def _last_import(self, telemetry: Telemetry) -> float | None:
        """Return the last import in a report, in kW."""
        told = [sample.value for sample in telemetry.samples if sample.r_id == "grid_import"]
        return told[-1] / 1000 if told and isinstance(told[-1], float) else None
