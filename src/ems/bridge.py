"""Where the two faces meet: OpenADR events become dispatch events, points become telemetry, both through the tables.

The tables are `mappings/openadr/signals.csv` and `reports.csv`; their columns are explained in `mappings/README.md`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from enum import Enum
from typing import TypeVar

from ..common.config import duration
from ..common.data.tables import Binding
from ..common.data.unit import convert, unit
from ..common.data.value import Validity, Value
from ..common.errors import ConfigError, JanusGridError, Refused
from ..openadr.events import kilowatts
from ..openadr.model import (
    DataQuality,
    EiEvent,
    EiEventSignal,
    PowerReal,
    ReadingType,
    ReportType,
    SignalPayload,
    SiScaleCode,
    changed,
)
from ..openadr.ven import DataPoint, Offer, Reading
from .events import DispatchEvent

W = TypeVar("W", bound=Enum)

DISPATCH_POINT = "site.dispatch.p"
"""The point that an event sets: the power by which the site lowers its import."""

RESPONSE = timedelta(minutes=10)
"""The time to get there where the event does not say (x-eiRampUp)."""

_QUALITY = {
    Validity.GOOD: DataQuality.GOOD_NON_SPECIFIC,
    Validity.QUESTIONABLE: DataQuality.UNCERTAIN_NON_SPECIFIC,
    Validity.INVALID: DataQuality.BAD_NON_SPECIFIC,
}
_PREFIX = {SiScaleCode.NONE: "", SiScaleCode.KILO: "k", SiScaleCode.MEGA: "M", SiScaleCode.GIGA: "G"}


class NotUnderstood(Refused):
    """An event that means nothing to this site; the message is the reason, for the utility."""


# --- events ----------------------------------------------------------------------------------------------------------


def dispatch_event(event: EiEvent, signals: Iterable[Binding], resource: str) -> DispatchEvent:
    """Return what an OpenADR event asks of the site `resource`.

    Raises `NotUnderstood` if it is for another resource, if no signal of it stands in the table, or if its value
    changes over time.
    """
    descriptor, period = event.event_descriptor, event.ei_active_period
    targets = event.ei_target.resource_ids
    if targets and resource not in targets:
        raise NotUnderstood(f"it is for {', '.join(targets)}, not for {resource}", where=descriptor.event_id)
    ends = period.duration.after(period.dtstart)
    if ends <= period.dtstart:
        raise NotUnderstood("its end is open", where=descriptor.event_id)
    return DispatchEvent(
        id=descriptor.event_id,
        modification=descriptor.modification_number,
        issued=descriptor.created_date_time,
        start=period.dtstart,
        duration=ends - period.dtstart,
        reduction_kw=_asked(event, [binding for binding in signals if binding.point.name == DISPATCH_POINT]),
        response=period.ramp_up.timedelta if period.ramp_up else RESPONSE,
    )


def _asked(event: EiEvent, bindings: Iterable[Binding]) -> float:
    for binding in bindings:
        for signal in event.ei_event_signals:
            if _matches(signal, binding):
                value = binding.from_wire(_constant(event, signal, binding))
                return float(value)
    names = ", ".join(f"{s.signal_name} {s.signal_type.value}" for s in event.ei_event_signals)
    raise NotUnderstood(f"{names} is not in the table of signals", where=event.event_descriptor.event_id)


def _matches(signal: EiEventSignal, binding: Binding) -> bool:
    address = binding.address
    named = (str(signal.signal_name), signal.signal_type.value) == (address["signal"], address["signal_type"])
    return named and (address["item"] == "powerReal") == isinstance(signal.item_base, PowerReal)


def _constant(event: EiEvent, signal: EiEventSignal, binding: Binding) -> float:
    """Return the one value of a signal, in the table's unit on the wire."""
    payloads = [payload for interval in signal.intervals for payload in interval.payloads]
    values = {payload.value for payload in payloads if isinstance(payload, SignalPayload)}
    if len(values) != 1 or not isinstance(value := values.pop(), int | float):
        raise NotUnderstood("its value changes over time", where=event.event_descriptor.event_id)
    item = signal.item_base
    if not isinstance(item, PowerReal):
        return float(value)
    prefix = _PREFIX.get(item.si_scale_code)
    if prefix is None:
        raise NotUnderstood(f"power in {item.si_scale_code}W", where=event.event_descriptor.event_id)
    return convert(float(value), unit(f"{prefix}W"), binding.row.wire_unit)


# --- reports ---------------------------------------------------------------------------------------------------------


def offers(reports: Iterable[Binding], resource: str) -> list[Offer]:
    """Return the reports that the table offers; raise `ConfigError` at a row whose words OpenADR does not know."""
    points: dict[tuple[str, str], list[DataPoint]] = defaultdict(list)
    for binding in reports:
        points[binding.address["report"], binding.address["report_name"]].append(_data_point(binding, resource))
    return [Offer(specifier, name, tuple(found)) for (specifier, name), found in points.items()]


def _data_point(binding: Binding, resource: str) -> DataPoint:
    address = binding.address
    try:
        return DataPoint(
            r_id=address["rid"],
            item=_item(binding),
            report_type=_word(ReportType, binding, "report_type"),
            reading_type=_word(ReadingType, binding, "reading_type"),
            minimum=duration(address["min_period"]),
            maximum=duration(address["max_period"]),
            resource_id=resource,
        )
    except (ValueError, JanusGridError) as error:
        raise ConfigError(str(error), where=binding.row.where) from None


def _word(words: type[W], binding: Binding, column: str) -> W:
    text = binding.address[column]
    try:
        return words(text)
    except ValueError:
        near = get_close_matches(text, [word.value for word in words], 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(word.value for word in words)}"
        raise ConfigError(f"{column}: {text!r} is not known; {hint}") from None


def _item(binding: Binding) -> PowerReal | None:
    if not binding.address["item"]:
        return None
    prefixes = {f"{prefix}W": code for code, prefix in _PREFIX.items()}
    symbol = binding.row.wire_unit.symbol
    if binding.address["item"] != "powerReal" or symbol not in prefixes:
        raise ConfigError(f"item {binding.address['item']!r} in {symbol!r} is not reported; powerReal in W or kW is")
    return changed(kilowatts(), si_scale_code=prefixes[symbol])


def reader(
    reports: Iterable[Binding], value_of: Callable[[str], Value | None]
) -> Callable[[frozenset[str]], Mapping[str, Reading]]:
    """Return what a VEN calls for readings: rIDs to values on the wire. A point without a value is left out."""
    bound = {binding.address["rid"]: binding for binding in reports}

    def read(r_ids: frozenset[str]) -> Mapping[str, Reading]:
        found = {}
        for r_id in r_ids:
            binding = bound[r_id]
            value = value_of(binding.point.name)
            if value is not None and value.value is not None:
                wire = binding.to_wire(value.value)
                found[r_id] = Reading(float(wire), _QUALITY[value.quality.validity])
        return found

    return read


def points_by_r_id(reports: Iterable[Binding]) -> dict[str, Binding]:
    """Return the table the other way round, for a VTN: which point an rID reports."""
    return {binding.address["rid"]: binding for binding in reports}
