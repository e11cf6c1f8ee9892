"""What a report tells: figures over time, events, settlements and checks of one reserve service. It draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from enum import Enum

import attrs

Series = Sequence[tuple[datetime, float]]
"""Instants and figures, oldest first."""


class Sort(Enum):
    """What an event of the record is."""

    DISPATCH = "dispatch"
    PERIOD = "period"
    START = "start"
    STOP = "stop"
    FAULT = "fault"
    CONFIRMED = "confirmed"
    EMPTY = "empty"


@attrs.frozen(slots=True)
class Mark:
    """Something that happened at an instant; `device` is empty for the site as a whole."""

    time: datetime
    sort: Sort
    what: str
    device: str = ""


def sentence(marks: Sequence[Mark]) -> str:
    """Return what happened at one instant; those that start or stop together are told of together."""
    told: list[str] = []
    for sort in dict.fromkeys(mark.sort for mark in marks):
        found = [mark for mark in marks if mark.sort is sort]
        if len(found) > 1 and sort in (Sort.START, Sort.STOP):
            verb = "start" if sort is Sort.START else "stop"
            told.append(f"{', '.join(mark.device for mark in found)} {verb}")
        else:
            told += [mark.what for mark in found]
    return "; ".join(told)


@attrs.frozen(slots=True, kw_only=True)
class Track:
    """One device over time: power and set-point in kW, state of charge in per cent (empty for a generator)."""

    name: str
    rating_kw: float
    power: Series
    setpoint: Series = ()
    soc: Series = ()


@attrs.frozen(slots=True)
class TablePoint:
    """The import at an instant, in kW: as published and as it was found; None if it was not."""

    time: datetime
    published_kw: float | None
    found_kw: float | None

    @property
    def difference_kw(self) -> float | None:
        """How far above the published figure it lies; None if one of them is not known."""
        if self.found_kw is None or self.published_kw is None:
            return None
        return self.found_kw - self.published_kw


@attrs.frozen(slots=True, kw_only=True)
class Settled:
    """What was delivered, as one side sees it.

    Attributes:
        who: the side.
        rates: execution rate of each minute, 1 is the contract; None where nothing is known.
        average: of the rates.
        index: the quality index.
        minutes_passed, average_passed: the two parts of the quality test.
    """

    who: str
    rates: tuple[float | None, ...]
    average: float
    index: float
    minutes_passed: bool
    average_passed: bool


@attrs.frozen(slots=True)
class Check:
    """One line of the acceptance."""

    line: str
    good: bool
    detail: str


@attrs.frozen(slots=True)
class Parameter:
    """A figure behind the results: how it is known is `stated`, `deduced`, `fitted` or `chosen`."""

    owner: str
    name: str
    value: str
    unit: str
    known: str
    meaning: str


@attrs.frozen(slots=True, kw_only=True)
class Record:
    """A reserve service from dispatch to end.

    Attributes:
        name, title: of the case, e.g. `t17`, and in a sentence.
        how: on what wire, by what programs it ran.
        zone: of the times in print.
        start, end: what is shown; `dispatch`, `begin` and `over` are the dispatch and the sustained period.
        contract_kw, baseline_kw, target_kw: what was sold, from where it counts, and the import that is aimed at.
        minute_limit, average_limit: of the quality test, 1 is the contract.
        floor_soc: at which storage is empty, in per cent.
        grid, load, pv, generation: power at the site in kW; generation includes storage, not PV.
        devices: generators first, in the order in which they are started.
        table: the import at the instants of a table, beside the published one.
        events: in order of time.
        settled: by each side that judges, the utility first.
        checks, parameters: the acceptance, and what the results stand on.
        notes: sentences for the end of the page.
    """

    name: str
    title: str
    how: str
    zone: tzinfo
    start: datetime
    end: datetime
    dispatch: datetime
    begin: datetime
    over: datetime
    contract_kw: float
    baseline_kw: float
    target_kw: float
    minute_limit: float
    average_limit: float
    floor_soc: float
    grid: Series
    load: Series
    pv: Series
    generation: Series
    devices: tuple[Track, ...]
    table: tuple[TablePoint, ...]
    events: tuple[Mark, ...]
    settled: tuple[Settled, ...]
    checks: tuple[Check, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def generators(self) -> tuple[Track, ...]:
        """The devices without a state of charge."""
        return tuple(device for device in self.devices if not device.soc)

    @property
    def storages(self) -> tuple[Track, ...]:
        """The devices with one."""
        return tuple(device for device in self.devices if device.soc)

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.good for check in self.checks)

    def clock(self, when: datetime) -> str:
        """Return `when` as a clock shows it."""
        local = when.astimezone(self.zone)
        return local.strftime("%H:%M:%S" if local.second else "%H:%M")

    def minute(self, k: int) -> datetime:
        """Return when minute `k` of the sustained period begins."""
        return self.begin + k * timedelta(minutes=1)


def at(series: Series, when: datetime) -> float | None:
    """Return the figure at `when`, the last one that is not later; None if there is none."""
    found = None
    for time, figure in series:
        if time > when:
            break
        found = figure
    return found
