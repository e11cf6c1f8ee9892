"""The past for the utility: reports of HISTORY_USAGE answered from the history of points, through the tables."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import attrs

from ..common.data.access import DataAccess
from ..common.data.tables import Binding
from ..common.data.value import Validity, Value
from ..common.errors import JanusGridError
from ..openadr.access.quality import word
from ..openadr.model import ReadingType
from ..openadr.ven import Recall, Sample

log = logging.getLogger(__name__)

Steps = list[tuple[Value, timedelta | None]]
"""Values with their times, and for how long each stands."""

_SECOND = timedelta(seconds=1)
_LEAST = timedelta(microseconds=1)
_WORSE = (Validity.GOOD, Validity.QUESTIONABLE, Validity.INVALID)


def recaller(reports: Iterable[Binding], access: DataAccess) -> Callable[[Recall], Awaitable[list[Sample]]]:
    """Return what a VEN calls for the past: the history of the points of this table, as it stands on the wire.

    A value stands for the time until the next one. Where a granularity is asked for, a row whose reading type is
    `Mean` gives the time-weighted mean of each step, and any other the value in force at its beginning. A point whose
    history cannot be had is left out, and the log says why.
    """
    bound = {binding.address["rid"]: binding for binding in reports}

    async def recall(asked: Recall) -> list[Sample]:
        found = await asyncio.gather(*(_of(access, bound[r_id], asked) for r_id in asked.r_ids if r_id in bound))
        return [sample for part in found for sample in part]

    return recall


async def _of(access: DataAccess, binding: Binding, asked: Recall) -> list[Sample]:
    try:
        values = await access.history(binding.point.name, asked.start, asked.end)
    except JanusGridError as error:
        log.warning("the history of %s is not to be had: %s", binding.point.name, error)
        return []
    mean = binding.address["reading_type"] == ReadingType.MEAN.value
    steps = means if mean else firsts
    chosen = steps(values, asked.start, asked.end, asked.granularity) if asked.granularity else _plain(values)
    return [_sample(binding, value, lasts) for value, lasts in chosen if isinstance(value.value, int | float)]


def _sample(binding: Binding, value: Value, lasts: timedelta | None) -> Sample:
    assert value.value is not None
    assert value.time is not None
    whole = None if lasts is None or lasts < _SECOND else lasts // _SECOND * _SECOND  # OpenADR has no parts of seconds
    return Sample(binding.address["rid"], value.time, float(binding.to_wire(value.value)), whole, word(value.quality))


def _plain(values: Sequence[Value]) -> Steps:
    ends = [value.time for value in values[1:]]
    lasting = [(value, end - value.time) for value, end in zip(values, ends, strict=False) if value.time and end]
    return [*lasting, *((value, None) for value in values[-1:])]


def firsts(values: Sequence[Value], start: datetime, end: datetime, step: timedelta) -> Steps:
    """Return the value in force at the beginning of each step of `[start, end)`; none before the first is known."""
    times = _times(start, end, step)
    return [(attrs.evolve(value, time=at), step) for at, value in _in_force(values, times) if value is not None]


def means(values: Sequence[Value], start: datetime, end: datetime, step: timedelta) -> Steps:
    """Return the time-weighted mean of each whole step of `[start, end)`, a value being in force until the next one.

    A step of which a part is not known has none; its quality is the worst of what it is made of.
    """
    begins = _times(start, end - step + _LEAST, step)
    knots = sorted({*begins, *(at + step for at in begins[-1:]), *_within(values, start, end)})
    parts: dict[datetime, list[tuple[float, Value | None]]] = {at: [] for at in begins}
    for (here, value), there in zip(_in_force(values, knots), knots[1:], strict=False):
        if (number := (here - start) // step) < len(begins):
            parts[begins[number]].append(((there - here) / step, value))
    return [(mean, step) for at, found in parts.items() if (mean := _mean(at, found)) is not None]


def _mean(at: datetime, parts: Sequence[tuple[float, Value | None]]) -> Value | None:
    known = [(part, value) for part, value in parts if value is not None and isinstance(value.value, int | float)]
    if not known or len(known) < len(parts):
        return None
    worst = max((value.quality for _, value in known), key=lambda quality: _WORSE.index(quality.validity))
    return Value(math.fsum(part * value.number for part, value in known), worst, at, "history")


def _times(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    return [start + number * step for number in range(max(0, -((start - end) // step)))]


def _within(values: Iterable[Value], start: datetime, end: datetime) -> Iterator[datetime]:
    return (value.time for value in values if value.time is not None and start <= value.time < end)


def _in_force(values: Sequence[Value], times: Iterable[datetime]) -> Iterator[tuple[datetime, Value | None]]:
    """Yield the value in force at each of these times, which rise."""
    following, last = 0, None
    for at in times:
        while following < len(values) and (values[following].time or at) <= at:
            last, following = values[following], following + 1
        yield at, last
