"""The reference cases: the published study's four, its upgraded fleet, and others for comparison, as data."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from itertools import pairwise

import attrs

from ...common.errors import UnknownName
from ...common.resources import resource
from ..events import DispatchEvent
from ..sim.battery import Battery, BatteryModel
from ..sim.device import Device
from ..sim.generator import Generator, GeneratorModel
from ..sim.plant import Plant
from ..sim.profile import Profile
from .parameters import REFERENCE, SPINNING, SUPPLEMENTARY, Fleet, Kind, Mark, Parameters, Service, Store, Unit, figure
from .settlement import BaselineRule

ZONE = timezone(timedelta(hours=8), "local")
MIDNIGHT = datetime(2022, 3, 25, tzinfo=ZONE)
"""The recorded day; its year is not published."""
MARKET = "http://market.example/reserve/"
"""Before the name of a service: the market context of its events."""


def at(clock: str) -> datetime:
    """Return an instant of the recorded day by its local clock, `HH:MM` or `HH:MM:SS`."""
    hours, minutes, seconds = (int(part) for part in f"{clock}:00".split(":")[:3])
    return MIDNIGHT + timedelta(hours=hours, minutes=minutes, seconds=seconds)


# --- fleets -----------------------------------------------------------------------------------------------------------

_UNITS = (
    Unit(name="DG750", rating_kw=750),
    Unit(name="DG200", rating_kw=200),
    *(Unit(name=f"MT{n}", rating_kw=65, kind=Kind.MICROTURBINE) for n in (1, 2, 3)),
)
_ADDED = tuple(Unit(name=f"MT{n}", rating_kw=200, kind=Kind.MICROTURBINE) for n in (4, 5, 6))
_MAIN = Store(name="ESS500", rating_kw=500, capacity_kwh=600)
_SECOND = Store(name="HESS250", rating_kw=250, capacity_kwh=272)
_LARGER = Store(name="HESS750", rating_kw=750, capacity_kwh=900)

FLEETS: Mapping[str, Fleet] = {
    "present": Fleet(_UNITS, (_MAIN, _SECOND)),
    "upgraded": Fleet(_UNITS + _ADDED, (_MAIN, _LARGER)),
    "more turbines": Fleet(_UNITS + _ADDED, (_MAIN, _SECOND)),
    "more storage": Fleet(_UNITS, (_MAIN, _LARGER)),
}
"""As it is, as the study upgrades it, and each part of the upgrade alone."""


@attrs.frozen(slots=True, kw_only=True)
class Machinery:
    """How the simulated machines behave: linear from the command on, without a dead time."""

    t95_dg750_s: float = figure(368.28, Mark.STATED, "s", "from the start command to 95 % (6.138 min; spinning)")
    t95_dg200_s: float = figure(359.28, Mark.STATED, "s", "likewise (5.988 min)")
    t95_microturbine_s: float = figure(196.92, Mark.STATED, "s", "likewise (3.282 min; in spinning reserve chosen)")
    factor_dg750: float = figure(1.0023, Mark.DEDUCED, "", "output at full power, part of the rating")
    factor_other: float = figure(0.99276, Mark.DEDUCED, "", "likewise, other generators")
    factor_storage: float = figure(0.9999, Mark.DEDUCED, "", "likewise, storage")
    fade_diesel_s: float = figure(240.0, Mark.FITTED, "s", "in which a failed diesel fades")
    fade_microturbine_s: float = figure(60.0, Mark.CHOSEN, "s", "in which a failed microturbine fades")
    initial_soc: float = figure(0.70, Mark.FITTED, "", "state of charge at the dispatch, of every storage")
    efficiency: float = figure(0.97, Mark.FITTED, "", "of storage, one way")
    floor: float = figure(0.20, Mark.STATED, "", "state of charge at which discharging ends")
    ceiling: float = figure(0.95, Mark.CHOSEN, "", "state of charge at which charging ends")


SPINNING_MACHINERY = Machinery()
SUPPLEMENTARY_MACHINERY = Machinery(t95_dg750_s=378.0, t95_dg200_s=380.88, initial_soc=0.80)


# --- cases ------------------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True, kw_only=True)
class Case:
    """One dispatch with its plant.

    Attributes:
        name: of the case.
        service: that is dispatched.
        profile: load and sun: `canonical`, or the published table to follow (`t16`, `t17`, `t19`, `t20`).
        fleet: the devices.
        faults: what breaks down, and when, by the local clock; it works until just after that instant.
        out: what is out of order from the beginning.
        dispatch, start: by the local clock.
        baseline_kw: given; None if it follows from the import before the dispatch by `rule`.
        parameters: of the controller.
        machinery: of the plant.
        lead: simulated time before the dispatch.
    """

    name: str
    service: Service = SPINNING
    profile: str = "canonical"
    fleet: Fleet = FLEETS["present"]
    faults: tuple[tuple[str, str], ...] = ()
    out: tuple[str, ...] = ()
    dispatch: str = "08:20"
    start: str = "08:30"
    contract_kw: float = 1000.0
    baseline_kw: float | None = 1920.699
    rule: BaselineRule = BaselineRule.SAMPLES
    parameters: Parameters = REFERENCE
    machinery: Machinery = SPINNING_MACHINERY
    lead: timedelta = timedelta(minutes=6)

    @property
    def event(self) -> DispatchEvent:
        """The event as the site sees it."""
        return DispatchEvent(
            id=self.name,
            issued=at(self.dispatch),
            start=at(self.start),
            duration=self.service.duration,
            reduction_kw=self.contract_kw,
            response=at(self.start) - at(self.dispatch),
            recovery=self.service.recovery,
            market=MARKET + self.service.name,
            baseline_kw=self.baseline_kw,
        )

    @property
    def opens(self) -> datetime:
        """The first instant of the simulation."""
        return at(self.dispatch) - self.lead

    @property
    def parts(self) -> tuple[tuple[str, object], ...]:
        """What has marked figures, with its name, for `parameters.figures`."""
        return (("service", self.service), ("controller", self.parameters), ("plant", self.machinery))


_SPINNING = Case(name="spinning", profile="t16")
_SUPPLEMENTARY = Case(
    name="supplementary",
    profile="t19",
    service=SUPPLEMENTARY,
    dispatch="07:30",
    start="08:00",
    baseline_kw=1828.793,
    machinery=SUPPLEMENTARY_MACHINERY,
)
_DEVICES = ("DG750", "DG200", "MT1", "ESS500", "HESS250")


def _cases() -> dict[str, Case]:
    make = attrs.evolve
    found = [
        make(_SPINNING, name="t16", profile="t16", faults=(("09:00", "HESS250"),)),
        make(_SPINNING, name="t17", profile="t17", faults=(("09:00", "DG750"),)),
        make(_SUPPLEMENTARY, name="t19", profile="t19", faults=(("08:30", "HESS250"),)),
        make(_SUPPLEMENTARY, name="t20", profile="t20", faults=(("08:30", "DG750"),)),
    ]
    upgraded = make(found[3], name="u20", fleet=FLEETS["upgraded"])
    found.append(upgraded)
    found += [make(upgraded, name=f"u20-{part}", fleet=FLEETS[part]) for part in ("more turbines", "more storage")]
    for soc in (0.7, 0.6, 0.5):
        less = make(upgraded.machinery, initial_soc=soc)
        found.append(make(upgraded, name=f"u20-soc{100 * soc:.0f}", machinery=less))
    found.append(make(found[1], name="t17-upgraded", fleet=FLEETS["upgraded"]))
    found.append(make(_SPINNING, name="nothing-left", out=("DG750", "ESS500")))
    for base, when in ((_SPINNING, "09:00"), (_SUPPLEMENTARY, "08:30")):
        found.append(base)
        found.append(make(base, name=f"{base.name}-both", faults=((when, "ESS500"), (when, "HESS250"))))
        for device in _DEVICES:
            found.append(make(base, name=f"{base.name}-{device}", faults=((when, device),)))
            found.append(make(base, name=f"{base.name}-without-{device}", out=(device,)))
    return {each.name: each for each in found}


CASES: Mapping[str, Case] = _cases()
"""The published ones are `t16`, `t17`, `t19`, `t20` and `u20`. `spinning` and `supplementary` are without a fault; with
`-<device>` that fails in the service, with `-without-<device>` it is out from the beginning, `-both` are both storages.
`u20-...` are the parts of the upgrade alone, and the whole with less charge; `t17-upgraded` is `t17` with all of it;
in `nothing-left` too much is out.
"""
PUBLISHED = ("t16", "t17", "t19", "t20")
REFERENCES = (*PUBLISHED, "u20")


def case(name: str) -> Case:
    """Return a case by its name; raise `UnknownName` if there is none."""
    found = CASES.get(name.lower()) or CASES.get(name)
    if found is None:
        raise UnknownName(f"no case {name!r}; there are {', '.join(CASES)}")
    return found


# --- plants -----------------------------------------------------------------------------------------------------------


def fleet(case: Case) -> list[Device]:
    """Return a new set of simulated machines for a case, at rest, with its initial charge."""
    units = (Generator.of(_generator(unit, case.machinery)) for unit in case.fleet.units)
    stores = (Battery.of(_battery(store, case.machinery)) for store in case.fleet.stores)
    return [*units, *stores]


def plant(case: Case) -> Plant:
    """Return the simulated plant of a case, with its faults to come."""
    made = Plant(fleet(case), profile(case.profile), midnight=MIDNIGHT, start=case.opens)
    for name in case.out:
        made.device(name).fail()
    for when, name in case.faults:
        made.break_at(at(when), name)
    return made


def _generator(unit: Unit, machinery: Machinery) -> GeneratorModel:
    t95 = {"DG750": machinery.t95_dg750_s, "DG200": machinery.t95_dg200_s}.get(unit.name, machinery.t95_microturbine_s)
    factor = machinery.factor_dg750 if unit.name == "DG750" else machinery.factor_other
    fade = machinery.fade_diesel_s if unit.kind is Kind.DIESEL else machinery.fade_microturbine_s
    return GeneratorModel(name=unit.name, rating_kw=unit.rating_kw, t95_s=t95, factor=factor, fade_s=fade)


def _battery(store: Store, machinery: Machinery) -> BatteryModel:
    return BatteryModel(
        name=store.name,
        rating_kw=store.rating_kw,
        capacity_kwh=store.capacity_kwh,
        floor=machinery.floor,
        ceiling=machinery.ceiling,
        efficiency=machinery.efficiency,
        initial_soc=machinery.initial_soc,
        factor=machinery.factor_storage,
    )


# --- profiles ---------------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class Published:
    """One row of a published table, in kW."""

    clock: str
    grid_kw: float
    generation_kw: float
    pv_kw: float
    load_kw: float


@cache
def published(name: str) -> tuple[Published, ...]:
    """Return the rows of a published table: every ten minutes of the sustained period."""
    with resource("mappings/profiles/published.csv").open(encoding="utf-8") as file:
        records = csv.DictReader(line for line in file if not line.startswith("#"))
        return tuple(
            Published(row["clock"], *(float(row[f"{column}_kw"]) for column in ("grid", "generation", "pv", "load")))
            for row in records
            if row["case"] == name
        )


@cache
def profile(name: str) -> Profile:
    """Return load and sun: the recorded morning, moved to a published table where one is named.

    The tables differ a little in load and sun though they are of one day. The difference to the morning's rows is
    added: linear between the rows of the table, and as at its ends outside.
    """
    path = resource("mappings/profiles/morning.csv")
    morning = Profile.parse(path.read_text(encoding="utf-8"), str(path))
    rows = published(name)
    if not rows:
        return morning
    knots = [(at(row.clock), row) for row in rows]
    moved = []
    for when, row in knots:
        load, pv = morning.at(MIDNIGHT, when)
        moved.append(((when - MIDNIGHT) / timedelta(minutes=1), row.load_kw - load, row.pv_kw - pv))
    added = [_linear(moved, minute) for minute in morning.minutes]
    return Profile(
        f"{path}, moved to {name}",
        morning.minutes,
        tuple(load + more for load, (more, _) in zip(morning.load_kw, added, strict=True)),
        tuple(pv + more for pv, (_, more) in zip(morning.pv_kw, added, strict=True)),
    )


def _linear(knots: list[tuple[float, float, float]], minute: float) -> tuple[float, float]:
    for (a, load_a, pv_a), (b, load_b, pv_b) in pairwise(knots):
        if a <= minute <= b:
            part = (minute - a) / (b - a)
            return load_a + (load_b - load_a) * part, pv_a + (pv_b - pv_a) * part
    _, load, pv = knots[0] if minute < knots[0][0] else knots[-1]
    return load, pv
