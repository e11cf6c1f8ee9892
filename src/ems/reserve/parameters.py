"""Every figure of the reserve application: its default, where it comes from, and how sure it is.

The published study (seed document 003) states some figures and shows others in its tables; the rest had to be fitted
until its results appeared, or was chosen freely. All of them are configuration, and `table` prints them with their
marks, so that nobody takes a fitted figure for a published one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import Enum
from typing import Any

import attrs
from attrs.validators import and_, ge, gt, le

from ...common.errors import UnknownName


class Mark(Enum):
    """How a figure is known."""

    STATED = "stated"
    """The study states it."""
    DEDUCED = "deduced"
    """It follows from the numbers of the study."""
    FITTED = "fitted"
    """It was fitted so that the results of the study appear."""
    CHOSEN = "chosen"
    """It is a free choice."""


def figure(default: Any, mark: Mark, unit: str, meaning: str, *checks: Any) -> Any:
    """Return an attrs field with its mark, unit and meaning."""
    validator = and_(*checks) if checks else None
    return attrs.field(default=default, validator=validator, metadata={"mark": mark, "unit": unit, "meaning": meaning})


class Surplus(Enum):
    """What is done when the generators that are on would give more than is required."""

    CHARGE = "charge"
    """They stay at full power, and storage takes the surplus."""
    PART_LOAD = "part load"
    """They are turned down together, and storage idles."""


class Response(Enum):
    """How storage behaves in the response period of a service that uses it from the dispatch on."""

    AT_ONCE = "at once"
    RAMP = "ramp"
    """The reduction grows in a straight line from nothing at the dispatch to the contract at the start."""


class Sharing(Enum):
    """How storages share what is asked of them."""

    RATING = "rating"
    ENERGY = "energy"


@attrs.frozen(slots=True)
class Tier:
    """A step of the quality index: `index` for an average execution rate of at least `at_least`."""

    at_least: float
    index: float


TIERS = (Tier(0.95, 1.0), Tier(0.85, 0.7), Tier(0.70, 0.0), Tier(float("-inf"), -24.0))
"""Evidence are four points only: 100 % and 97 % give 1, 80 % gives 0, 50 % gives -24 (one sentence of the study says
240 hours; its table and another sentence say 24). The limits 0.85 and 0.70 and the factor 0.7 are chosen."""


@attrs.frozen(slots=True, kw_only=True)
class Service:
    """A kind of reserve that is sold, with what the market demands of it."""

    name: str
    response: timedelta = figure(timedelta(minutes=10), Mark.STATED, "min", "dispatch to full power, at most")
    duration: timedelta = figure(timedelta(minutes=60), Mark.STATED, "min", "of the sustained period")
    recovery: timedelta = figure(timedelta(minutes=120), Mark.STATED, "min", "until the next dispatch may come")
    minute_limit: float = figure(0.90, Mark.STATED, "", "test: the rate of each minute is above this")
    average_limit: float = figure(0.95, Mark.STATED, "", "test: the average rate is above this")
    contract_kw: float = figure(1000.0, Mark.STATED, "kW", "sold")
    first_hour: timedelta = figure(
        timedelta(0),
        Mark.STATED,
        "min",
        "begin of the sustained period in which generators support first",
        ge(timedelta(0)),
    )
    storage_lead: timedelta | None = figure(
        None, Mark.STATED, "min", "before the start storage idles until this long before; none: it helps at once"
    )
    commit_margin: float | None = figure(
        None, Mark.FITTED, "", "at dispatch units start up to this multiple of the contract; none: the diesels start"
    )
    tiers: tuple[Tier, ...] = figure(TIERS, Mark.CHOSEN, "", "of the quality index")


SPINNING = Service(name="spinning")
SUPPLEMENTARY = Service(
    name="supplementary",
    response=timedelta(minutes=30),
    duration=timedelta(minutes=120),
    recovery=timedelta(minutes=240),
    minute_limit=0.80,
    first_hour=timedelta(minutes=60),
    storage_lead=timedelta(minutes=5),
    commit_margin=1.10,
)
SERVICES = (SPINNING, SUPPLEMENTARY)


class Kind(Enum):
    """A kind of generator."""

    DIESEL = "diesel"
    MICROTURBINE = "microturbine"


@attrs.frozen(slots=True, kw_only=True)
class Unit:
    """A generator: on at its rating, or off."""

    name: str
    rating_kw: float = attrs.field(validator=gt(0.0))
    kind: Kind = Kind.DIESEL


@attrs.frozen(slots=True, kw_only=True)
class Store:
    """A storage: rating in kW, capacity in kWh."""

    name: str
    rating_kw: float = attrs.field(validator=gt(0.0))
    capacity_kwh: float = attrs.field(validator=gt(0.0))


@attrs.frozen(slots=True)
class Fleet:
    """What the site can dispatch. Generators stand in the order in which they are started."""

    units: tuple[Unit, ...]
    stores: tuple[Store, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every device."""
        return (*(unit.name for unit in self.units), *(store.name for store in self.stores))

    def device(self, name: str) -> Unit | Store:
        """Return a device by its name; raise `UnknownName` if the fleet has none of this name."""
        devices: tuple[Unit | Store, ...] = (*self.units, *self.stores)
        for found in devices:
            if found.name == name:
                return found
        raise UnknownName(f"the fleet has no device {name!r}; it has {', '.join(self.names)}")

    def rating_kw(self, name: str) -> float:
        """Return the rating of a device."""
        return self.device(name).rating_kw


@attrs.frozen(slots=True, kw_only=True)
class Parameters:
    """The constants of the controller. The defaults are the reference set, but for `at_once`."""

    bias_kw: float = figure(
        0.2, Mark.DEDUCED, "kW", "the import aimed at lies this much above what the contract allows"
    )
    cycle_s: float = figure(
        60.0, Mark.FITTED, "s", "between two decisions on generators, counted from the dispatch", gt(0)
    )
    loop_s: float = figure(
        1.0, Mark.CHOSEN, "s", "between two looks and set-points of storage; up to 10 does as well", gt(0)
    )
    efficiency: float = figure(0.97, Mark.FITTED, "", "of storage, one way", gt(0.0), le(1.0))
    floor: float = figure(0.20, Mark.STATED, "", "state of charge at which storage is empty", ge(0.0), le(1.0))
    ceiling: float = figure(0.95, Mark.CHOSEN, "", "state of charge at which storage is full", ge(0.0), le(1.0))
    reserve_kwh: float = figure(124.0, Mark.FITTED, "kWh", "a unit is started if less would be left at the end")
    hysteresis_kwh: float = figure(
        90.0, Mark.CHOSEN, "kWh", "a microturbine is stopped if more than that above it is left"
    )
    min_up_s: float = figure(600.0, Mark.CHOSEN, "s", "a microturbine that was started runs this long at least")
    no_stop_s: float = figure(600.0, Mark.CHOSEN, "s", "in the last part of the service nothing is stopped any more")
    bad_kw: float = figure(5.0, Mark.CHOSEN, "kW", "a device deviates if it is off by more than this")
    bad_part: float = figure(0.10, Mark.CHOSEN, "", "and by more than this part of what is expected of it")
    settle_s: float = figure(480.0, Mark.CHOSEN, "s", "a generator that was started is not judged before")
    empty_margin: float = figure(0.005, Mark.CHOSEN, "", "storage this near to its floor is not judged")
    confirm_store: int = figure(3, Mark.STATED, "cycles", "of deviation until a storage counts as failed", ge(1))
    confirm_diesel: int = figure(5, Mark.STATED, "cycles", "of deviation until a diesel counts as failed", ge(1))
    confirm_microturbine: int = figure(
        5, Mark.CHOSEN, "cycles", "of deviation until a microturbine counts as failed", ge(1)
    )
    at_once: bool = figure(True, Mark.CHOSEN, "", "what reports an alarm or is not reached counts as failed at once")
    recovered_soc: float | None = figure(
        None, Mark.CHOSEN, "", "state of charge at the end of the recovery; none: that at the dispatch"
    )
    recommended_soc: float | None = figure(
        None, Mark.CHOSEN, "", "without an event, storage below it is charged; none: it is left alone"
    )
    recharge_part: float = figure(0.10, Mark.CHOSEN, "", "of its rating, by which it is charged then", gt(0.0), le(1.0))
    surplus: Surplus = figure(Surplus.CHARGE, Mark.FITTED, "", "what becomes of more generation than is required")
    response: Response = figure(
        Response.AT_ONCE, Mark.FITTED, "", "of storage in the response period of spinning reserve"
    )
    sharing: Sharing = figure(Sharing.RATING, Mark.CHOSEN, "", "between storages")
    smoothing: float = figure(
        1.0, Mark.CHOSEN, "", "weight of the newest figure of the net load; 1 takes it as it is", gt(0.0), le(1.0)
    )
    meter_hold_s: float = figure(300.0, Mark.CHOSEN, "s", "without a figure of the import the last net load holds for")

    def confirm(self, device: Unit | Store) -> int:
        """Return how many cycles of deviation make a failure."""
        if isinstance(device, Store):
            return self.confirm_store
        return self.confirm_diesel if device.kind is Kind.DIESEL else self.confirm_microturbine


REFERENCE = Parameters(at_once=False)
"""The set by which the reference cases are computed."""


@attrs.frozen(slots=True)
class Figure:
    """One figure for people: where it stands, its value, unit, mark and meaning."""

    owner: str
    name: str
    value: str
    unit: str
    mark: Mark
    meaning: str


def figures(owner: str, holder: Any) -> Iterator[Figure]:
    """Yield the marked figures of `holder`, an attrs instance."""
    for field in attrs.fields(type(holder)):
        if "mark" in field.metadata:
            told = field.metadata
            text = _text(getattr(holder, field.name))
            yield Figure(owner, field.name, text, told["unit"], told["mark"], told["meaning"])


def table(found: Iterable[Figure]) -> str:
    """Return figures as a Markdown table."""
    rows = ["| of | figure | value | unit | known as | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    rows += [f"| {f.owner} | `{f.name}` | {f.value} | {f.unit} | {f.mark.value} | {f.meaning} |" for f in found]
    return "\n".join(rows)


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, timedelta):
        return f"{value / timedelta(minutes=1):g}"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(f"{tier.at_least:g}: {tier.index:g}" for tier in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
