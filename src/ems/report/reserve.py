"""From the reserve application to the report: its happenings, judgements and figures, and whole runs in process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import attrs

from ..reserve import seen
from ..reserve.cases import ZONE, Case, at, published
from ..reserve.local import FAULT, Result
from ..reserve.parameters import figures
from ..reserve.seen import Happening
from ..reserve.settlement import Settlement
from .record import Mark, Parameter, Record, Settled, Sort, TablePoint, Track

_TELLING = {
    seen.DISPATCH: (Sort.DISPATCH, "dispatch"),
    seen.BEGIN: (Sort.PERIOD, "the sustained period begins"),
    seen.END: (Sort.PERIOD, "the sustained period ends"),
    seen.CANCELLED: (Sort.PERIOD, "cancelled"),
    seen.START: (Sort.START, "{} starts"),
    seen.STOP: (Sort.STOP, "{} stops"),
    seen.CONFIRMED: (Sort.CONFIRMED, "failure of {} confirmed"),
    seen.OUT: (Sort.CONFIRMED, "{} is out of order"),
    seen.RETURNED: (Sort.START, "{} is back"),
    seen.EMPTY: (Sort.EMPTY, "{} is empty"),
    seen.REFUSED: (Sort.CONFIRMED, "{} refuses its set-point"),
    FAULT: (Sort.FAULT, "{} fails"),
}


def telling(happening: Happening) -> Mark | None:
    """Return what happened for people; None for what they need not know."""
    if happening.what not in _TELLING:
        return None
    sort, words = _TELLING[happening.what]
    return Mark(happening.time, sort, words.format(happening.device), happening.device)


def marks(happenings: Iterable[Happening], case: Case) -> Iterator[Mark]:
    """Yield what happened in a case, for people."""
    for happening in happenings:
        mark = telling(happening)
        if mark is not None:
            kw = f" of {case.contract_kw:g} kW" if mark.sort is Sort.DISPATCH else ""
            yield attrs.evolve(mark, what=f"{mark.what}{kw}")


def parameters(case: Case) -> tuple[Parameter, ...]:
    """Return every figure that a case stands on, and how it is known."""
    return tuple(
        Parameter(owner, each.name, each.value, each.unit, each.mark.value, each.meaning)
        for owner, holder in case.parts
        for each in figures(owner, holder)
    )


def settled(who: str, found: Settlement) -> Settled:
    """Return a judgement as a report tells it."""
    known = found.delivery.minutes
    return Settled(
        who=who,
        rates=tuple(rate if kw is not None else None for rate, kw in zip(found.rates, known, strict=True)),
        average=found.average_rate,
        index=found.index,
        minutes_passed=found.minutes_passed,
        average_passed=found.average_passed,
    )


def of_result(result: Result, title: str) -> Record:
    """Return what there is to tell of a case that was run in process."""
    case, event, frames = result.case, result.case.event, result.frames
    base = result.settlement.delivery.baseline_kw
    shown = {frame.reading.time: frame.reading.import_kw for frame in frames}
    return Record(
        name=case.name,
        title=title,
        how="in process, in lock step with the simulated plant",
        zone=ZONE,
        start=frames[0].reading.time,
        end=frames[-1].reading.time,
        dispatch=event.issued,
        begin=event.start,
        over=event.end,
        contract_kw=event.reduction_kw,
        baseline_kw=base,
        target_kw=base - event.reduction_kw + case.parameters.bias_kw,
        minute_limit=case.service.minute_limit,
        average_limit=case.service.average_limit,
        floor_soc=100 * case.parameters.floor,
        grid=tuple((frame.reading.time, frame.reading.import_kw) for frame in frames),
        load=tuple((frame.reading.time, frame.reading.load_kw) for frame in frames),
        pv=tuple((frame.reading.time, frame.reading.pv_kw) for frame in frames),
        generation=tuple((frame.reading.time, frame.reading.generation_kw) for frame in frames),
        devices=tuple(_track(name, result) for name in case.fleet.names),
        table=tuple(TablePoint(at(row.clock), row.grid_kw, shown.get(at(row.clock))) for row in published(case.name)),
        events=tuple(marks(result.happenings, case)),
        settled=(settled("site", result.settlement),),
        parameters=parameters(case),
    )


def _track(name: str, result: Result) -> Track:
    frames = result.frames
    orders: list[tuple[datetime, float]] = [(frames[0].reading.time, 0.0)]
    orders += [(control.time, control.kw) for control in result.controls if control.device == name]
    return Track(
        name=name,
        rating_kw=result.case.fleet.rating_kw(name),
        power=tuple((frame.reading.time, frame.power_kw[name]) for frame in frames),
        setpoint=(*orders, (frames[-1].reading.time, orders[-1][1])),
        soc=tuple((frame.reading.time, 100 * frame.soc[name]) for frame in frames if name in frame.soc),
    )
