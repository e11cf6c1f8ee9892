"""A case run in this process, in lock step with the simulated plant: the oracle for every wire, and quick."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import attrs

from ...common.clock import LockStepClock
from ..controller import Control
from ..delivery import Sample, Trace
from ..events import Answer, Opt
from ..local import PlantAccess
from ..sim.plant import Plant, Reading
from .cases import MIDNIGHT, Case, at, plant, published
from .controller import Look, ReserveConfig, ReserveController
from .parameters import Figure, figures
from .seen import Happening
from .settlement import Settlement, judge

TAIL = timedelta(minutes=1)
"""A run goes on for so long after the service."""
STEP_S = 1.0
TABLE_EVERY = timedelta(minutes=10)
FAULT = "fault"


@attrs.frozen(slots=True)
class Frame:
    """The plant at one instant, after the controller has acted; at the end of the service, before it does.

    Attributes:
        reading: load, sun, import.
        power_kw, soc: by device; states of charge are 0..1.
        target_kw: the import aimed at; None without an event.
    """

    reading: Reading
    power_kw: dict[str, float]
    soc: dict[str, float]
    target_kw: float | None

    @property
    def clock(self) -> str:
        """The local clock with seconds."""
        return f"{self.reading.time.astimezone(MIDNIGHT.tzinfo):%H:%M:%S}"

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "clock": self.clock,
            "grid_kw": round(self.reading.import_kw, 3),
            "generation_kw": round(self.reading.generation_kw, 3),
            "pv_kw": round(self.reading.pv_kw, 3),
            "load_kw": round(self.reading.load_kw, 3),
            "devices_kw": {name: round(kw, 3) for name, kw in self.power_kw.items()},
            "soc": {name: round(soc, 5) for name, soc in self.soc.items()},
        }


@attrs.define(slots=True)
class Recorder:
    """Looks at a plant: frames, and the figures by which a simulation is found wrong.

    Attributes:
        plant: that is looked at.
        every: between two frames.
        frames: in order of time.
        imbalance_kw: the largest miss of import = load - pv - generation.
        lowest_soc: of any storage.
    """

    plant: Plant
    every: timedelta = timedelta(minutes=1)
    frames: list[Frame] = attrs.field(factory=list)
    imbalance_kw: float = 0.0
    lowest_soc: float = 1.0

    def look(self, target_kw: float | None = None) -> Reading:
        """Look at the plant as it is now, and return what its meters show; keep a frame if it is time for one."""
        devices = self.plant.devices.values()
        reading = self.plant.reading()
        total = sum([device.power_kw for device in devices])
        self.imbalance_kw = max(self.imbalance_kw, abs(reading.import_kw - (reading.load_kw - reading.pv_kw - total)))
        socs = {device.name: soc for device in devices if (soc := device.soc) is not None}
        self.lowest_soc = min(self.lowest_soc, *socs.values())
        if not self.frames or reading.time - self.frames[-1].reading.time >= self.every:
            powers = {device.name: device.power_kw for device in devices}
            self.frames.append(Frame(reading, powers, socs, target_kw))
        return reading


@attrs.frozen(slots=True, kw_only=True)
class Result:
    """What came of a case.

    Attributes:
        case: that was run.
        answer: of the site to the event.
        frames: the plant, minute by minute.
        happenings: what the controller did, and the faults of the plant, in order of time.
        controls: set-points that were sent.
        settlement: the judgement by the plant's meter.
        own: that of the controller, by what it has seen; None if it did not follow the event.
        imbalance_kw, lowest_soc: see `Recorder`.
    """

    case: Case
    answer: Answer
    frames: tuple[Frame, ...]
    happenings: tuple[Happening, ...]
    controls: tuple[Control, ...]
    settlement: Settlement
    own: Settlement | None
    imbalance_kw: float
    lowest_soc: float

    @property
    def table(self) -> tuple[Frame, ...]:
        """The rows of a table as the study prints it: every ten minutes of the sustained period, both ends included."""
        event = self.case.event
        times = {event.start + k * TABLE_EVERY for k in range(event.duration // TABLE_EVERY + 1)}
        return tuple(frame for frame in self.frames if frame.reading.time in times)

    @property
    def deviations(self) -> dict[str, float]:
        """By how much the import differs from the published table of this case, in kW, by clock; empty without one."""
        shown = {frame.clock[:5]: frame.reading.import_kw for frame in self.table}
        return {row.clock: shown[row.clock] - row.grid_kw for row in published(self.case.name) if row.clock in shown}

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every parameter of the run, with how it is known."""
        return tuple(each for owner, holder in self.case.parts for each in figures(owner, holder))

    def when(self, what: str, device: str = "") -> str | None:
        """Return the clock of the first happening of this kind to this device; None if there was none."""
        for each in self.happenings:
            if each.what == what and each.device == device:
                return f"{each.time.astimezone(MIDNIGHT.tzinfo):%H:%M:%S}"
        return None

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "case": self.case.name,
            "opt": self.answer.opt.value,
            "reason": self.answer.reason,
            "table": [frame.as_json() for frame in self.table],
            "deviations_kw": {clock: round(kw, 3) for clock, kw in self.deviations.items()},
            "events": [
                {"time": each.time.isoformat(), "what": each.what, "device": each.device, "note": each.note}
                for each in self.happenings
            ],
            "settlement": self.settlement.as_json(),
            "parameters": [
                {"of": each.owner, "name": each.name, "value": each.value, "unit": each.unit, "known": each.mark.value}
                for each in self.figures
            ],
        }


def merged(happenings: list[Happening], case: Case) -> tuple[Happening, ...]:
    """Return what happened with the faults of the case among it, in order of time."""
    faults = [Happening(at(when), FAULT, name) for when, name in case.faults]
    return tuple(sorted([*faults, *happenings], key=lambda each: each.time))


def config(case: Case, **changes: Any) -> ReserveConfig:
    """Return the application's configuration for a case, as it is run in process unless `changes` say otherwise."""
    parameters = case.parameters
    base = ReserveConfig(
        fleet=case.fleet,
        parameters=parameters,
        rule=case.rule,
        look=Look.READ,
        status_s=parameters.loop_s if parameters.at_once else parameters.cycle_s,
        publish_s=60.0,
    )
    return attrs.evolve(base, **changes)


async def play(
    case: Case, *, until: datetime | None = None, every: timedelta = timedelta(minutes=1), step_s: float = STEP_S
) -> Result:
    """Run a case to a minute after its service, or `until`, and return what came of it.

    The event comes at the dispatch instant. The plant moves on and its meter is read every `step_s`; every `loop_s` of
    the case's parameters the controller looks, decides and commands. Two runs give the same, to the last digit.
    """
    event = case.event
    clock = LockStepClock(case.opens, settle=0)
    made = plant(case)
    site = ReserveController(PlantAccess(made, clock), clock, config(case))
    recorder = Recorder(made, every)
    meter = Trace()
    controls: list[Control] = []
    site.on_control(controls.append)
    answer: Answer | None = None
    due = case.opens
    end = until or event.end + TAIL
    while (now := clock.now()) <= end:
        made.advance(now)
        acting = now >= due
        if not acting or now == event.end:  # what is shown at the end was delivered up to there
            recorder.look(site.core.target_kw)
        meter.add(Sample(now, made.reading().import_kw))
        if answer is None and now >= event.issued:
            answer = site.offer(event)
        if acting:
            await site.step()
            due += timedelta(seconds=case.parameters.loop_s)
            recorder.look(site.core.target_kw)
        await clock.advance(step_s)
    return Result(
        case=case,
        answer=answer or Answer(Opt.OUT, "it was not offered"),
        frames=tuple(recorder.frames),
        happenings=merged(site.happenings, case),
        controls=tuple(controls),
        settlement=judge(meter, event, case.service, baseline=site.baseline_kw),
        own=site.settlement(),
        imbalance_kw=recorder.imbalance_kw,
        lowest_soc=recorder.lowest_soc,
    )


def run_local(
    case: Case, *, until: datetime | None = None, every: timedelta = timedelta(minutes=1), step_s: float = STEP_S
) -> Result:
    """Do as `play` does, from outside an event loop."""
    return asyncio.run(play(case, until=until, every=every, step_s=step_s))
