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
from ..common.data.point import ValueType
from ..common.data.tables import Binding
from ..common.data.unit import Unit, convert, unit
from ..common.data.value import Validity, Value
from ..common.errors import ConfigError, JanusGridError, Malformed, Refused, TypeConflict
from ..openadr.items import item, item_name, unit_of
from ..openadr.model import (
    DataQuality,
    EiEvent,
    EiEventSignal,
    Interval,
    ItemBase,
    PowerReal,
    ReadingType,
    ReportType,
    SignalName,
    SignalPayload,
)
from ..openadr.ven import DataPoint, Offer, Reading
from .events import DispatchEvent

W = TypeVar("W", bound=Enum)

DISPATCH_POINT = "site.dispatch.p"
"""The point that an event sets: the power by which the site lowers its import."""
PART_POINT = "site.dispatch.part"
"""The same as a part of what the site has sold: `contract` among the figures of `openadr` in the site file, in kW."""
IMPORT_POINT = "site.dispatch.import"
"""The import that the site is to keep to; the reduction is what that lies below the event's baseline."""
FOLLOWED = frozenset({DISPATCH_POINT, PART_POINT, IMPORT_POINT})
"""What dispatch events are made of; other points that signals set are for other applications."""

RESPONSE = timedelta(minutes=10)
"""The time to get there where the event does not say (x-eiRampUp)."""

_QUALITY = {
    Validity.GOOD: DataQuality.GOOD_NON_SPECIFIC,
    Validity.QUESTIONABLE: DataQuality.UNCERTAIN_NON_SPECIFIC,
    Validity.INVALID: DataQuality.BAD_NON_SPECIFIC,
}


class NotUnderstood(Refused):
    """An event that means nothing to this site; the message is the reason, for the utility."""


# --- events ----------------------------------------------------------------------------------------------------------


def dispatch_event(
    event: EiEvent, signals: Iterable[Binding], resource: str, *, contract_kw: float | None = None
) -> DispatchEvent:
    """Return what an OpenADR event asks of the site `resource`; x-eiRampUp ends where the event starts.

    Args:
        event: as it came.
        signals: the table; the first row whose signal the event has counts.
        resource: the ID that targets name.
        contract_kw: what a part of the contract is a part of; None where the site has none.

    Raises `NotUnderstood` if it is for another resource, if no signal of it stands in the table, if its value or its
    baseline changes over time, or if what it asks is not within the limits of the table.
    """
    descriptor, period = event.event_descriptor, event.ei_active_period
    targets = event.ei_target.resource_ids
    try:
        if targets and resource not in targets:
            raise NotUnderstood(f"it is for {', '.join(targets)}, not for {resource}")
        ends = period.duration.after(period.dtstart)
        if ends <= period.dtstart:
            raise NotUnderstood("its end is open")
        row, signal = _followed(event, signals)
        baseline_kw = _baseline(event, signal, resource)
        return DispatchEvent(
            id=descriptor.event_id,
            modification=descriptor.modification_number,
            issued=descriptor.created_date_time,
            start=period.dtstart,
            duration=ends - period.dtstart,
            reduction_kw=_reduction(_asked(signal, row), row, contract_kw, baseline_kw),
            response=RESPONSE if period.ramp_up is None else period.ramp_up.after(period.dtstart) - period.dtstart,
            recovery=timedelta() if period.recovery is None else period.recovery.after(ends) - ends,
            market=descriptor.market_context,
            baseline_kw=baseline_kw,
        )
    except NotUnderstood as error:
        raise NotUnderstood(error.message, where=descriptor.event_id) from None


def _followed(event: EiEvent, signals: Iterable[Binding]) -> tuple[Binding, EiEventSignal]:
    for binding in signals:
        if binding.point.name in FOLLOWED:
            for signal in event.ei_event_signals:
                if _matches(signal, binding):
                    return binding, signal
    names = ", ".join(f"{s.signal_name} {s.signal_type.value}" for s in event.ei_event_signals)
    raise NotUnderstood(f"{names} is not in the table of signals")


def _matches(signal: EiEventSignal, binding: Binding) -> bool:
    address, name = binding.address, str(signal.signal_name)
    named = (SignalName.SIMPLE if name == SignalName.SIMPLE_LOWER_CASE else name) == address["signal"]
    return named and signal.signal_type == address["signal_type"] and item_name(signal.item_base) == address["item"]


def _asked(signal: EiEventSignal, row: Binding) -> float:
    """Return what a signal asks, in the unit of its point."""
    wire = _constant(signal.intervals, signal.item_base, row.row.wire_unit, "its value")
    try:
        whole = row.row.conversion.wire_type.range is not None and wire.is_integer()
        value = row.from_wire(int(wire) if whole else wire)
        row.check(value)
    except (Malformed, TypeConflict) as error:
        raise NotUnderstood(error.message) from None
    return float(value)


def _reduction(asked: float, row: Binding, contract_kw: float | None, baseline_kw: float | None) -> float:
    if row.point.name == PART_POINT:
        if contract_kw is None:
            raise NotUnderstood("it asks for a part of a contract, and the site file gives no contract")
        return convert(asked, row.point.unit, unit("1")) * contract_kw
    asked_kw = convert(asked, row.point.unit, unit("kW"))
    if row.point.name == IMPORT_POINT:
        if baseline_kw is None:
            raise NotUnderstood("it sets an import and gives no baseline from which the reduction could be told")
        return baseline_kw - asked_kw
    return asked_kw


def _baseline(event: EiEvent, signal: EiEventSignal, resource: str) -> float | None:
    """Return the baseline that the event gives for this resource, in kW; without a unit it is in that of the signal."""
    given = event.ei_event_baseline
    if given is None or (given.resource_ids and resource not in given.resource_ids):
        return None
    item = given.item_base or signal.item_base
    if not isinstance(item, PowerReal):
        raise NotUnderstood("its baseline is in no unit of real power")
    return _constant(given.intervals, item, unit("kW"), "its baseline")


def _constant(intervals: Iterable[Interval], item: ItemBase | None, target: Unit, what: str) -> float:
    """Return the one value of all intervals, in the unit `target`."""
    payloads = [payload for interval in intervals for payload in interval.payloads]
    values = {payload.value for payload in payloads if isinstance(payload, SignalPayload)}
    if len(values) != 1 or not isinstance(value := values.pop(), int | float):
        raise NotUnderstood(f"{what} changes over time")
    try:
        return convert(float(value), unit_of(item), target)
    except JanusGridError as error:
        raise NotUnderstood(error.message) from None


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
        kind, minimum, maximum = _word(ReportType, binding, "report_type"), *map(duration, _periods(address))
        if kind is ReportType.X_RESOURCE_STATUS:
            if binding.point.type is not ValueType.BOOL:
                raise ConfigError("the state of a resource is whether it is online: type and wire_type bool")
            return DataPoint.status(address["rid"], minimum=minimum, maximum=maximum, resource_id=resource)
        return DataPoint(
            r_id=address["rid"],
            item=_item(binding),
            report_type=kind,
            reading_type=_word(ReadingType, binding, "reading_type"),
            minimum=minimum,
            maximum=maximum,
            resource_id=resource,
        )
    except (ValueError, JanusGridError) as error:
        raise ConfigError(str(error), where=binding.row.where) from None


def _periods(address: Mapping[str, str]) -> tuple[str, str]:
    return address["min_period"], address["max_period"]


def _word(words: type[W], binding: Binding, column: str) -> W:
    text = binding.address[column]
    try:
        return words(text)
    except ValueError:
        near = get_close_matches(text, [word.value for word in words], 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(word.value for word in words)}"
        raise ConfigError(f"{column}: {text!r} is not known; {hint}") from None


def _item(binding: Binding) -> ItemBase | None:
    """Return what OpenADR calls the unit on the wire; a row without an item gives bare numbers."""
    name, symbol = binding.address["item"], binding.row.wire_unit.symbol
    if not name:
        return None
    made = item(symbol)
    if item_name(made) != name:
        raise ConfigError(f"item {name!r} is not for values in {symbol!r}; {item_name(made) or 'no item'!r} is")
    return made


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
            if value is None or value.value is None:
                continue
            wire, quality = binding.to_wire(value.value), _QUALITY[value.quality.validity]
            if binding.address["report_type"] == ReportType.X_RESOURCE_STATUS:
                found[r_id] = Reading.status(online=bool(wire), quality=quality)
            else:
                found[r_id] = Reading(float(wire), quality)
        return found

    return read


def points_by_r_id(reports: Iterable[Binding]) -> dict[str, Binding]:
    """Return the table the other way round, for a VTN: which point an rID reports."""
    return {binding.address["rid"]: binding for binding in reports}
