"""Where the two faces meet: OpenADR events become dispatch events, points become telemetry, both through the tables.

The tables are those of `mappings/openadr`; their columns are explained in `mappings/README.md`. Reports have a room of
their own, `telemetry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from ..common.config import together
from ..common.data.conversion import WireType
from ..common.data.tables import Binding
from ..common.data.unit import Unit, convert, unit
from ..common.data.value import Scalar
from ..common.errors import ConfigError, JanusGridError, Malformed, Refused, TypeConflict
from ..openadr.events import signal
from ..openadr.items import item_name, kind_name, unit_of
from ..openadr.model import (
    EiEvent,
    EiEventSignal,
    Interval,
    ItemBase,
    PowerReal,
    SignalName,
    SignalPayload,
    SignalType,
)
from ..openadr.rules.signals import SIGNALS
from .events import DispatchEvent
from .telemetry import offers as offers
from .telemetry import points_by_r_id as points_by_r_id
from .telemetry import reader as reader
from .words import item_of, word

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


_BARE = frozenset({SignalType.MULTIPLIER, SignalType.PRICE_MULTIPLIER, SignalType.LEVEL})


class NotUnderstood(Refused):
    """An event that means nothing to this site; the message is the reason, for the utility."""


# --- the table -------------------------------------------------------------------------------------------------------


def check_signals(signals: Iterable[Binding]) -> None:
    """Raise one `ConfigError` for all rows whose words OpenADR does not know, or whose unit is not that of the item."""
    faults = [fault for row in signals for fault in _signal_faults(row)]
    if faults:
        raise together(faults)


def _signal_faults(row: Binding) -> Iterator[ConfigError]:
    for words, column, own in ((SignalName, "signal", True), (SignalType, "signal_type", False)):
        try:
            word(words, row, column, own=own)
        except ConfigError as error:
            yield error
    try:
        item_of(row)
    except ConfigError as error:
        yield error
    if row.row.conversion.wire_type.value == "text":
        yield ConfigError(
            "a signal is a number: make the point a float, an int, a bool or an enum", where=row.row.where
        )


def strange_signals(signals: Iterable[Binding]) -> Iterator[ConfigError]:
    """Yield the rows whose signal, type and unit do not go together in OpenADR, each with what does.

    The table of the profile is known second-hand: such a row works between parties who have agreed on it.
    """
    for row in signals:
        name, kind, found = (row.address.get(column, "") for column in ("signal", "signal_type", "item"))
        known = [each for each in SIGNALS if each.name == name]
        of_kind = [each for each in known if each.kind == kind]
        items = {each for one in of_kind for each in (map(kind_name, one.units) if one.units else ("",))}
        if known and not of_kind:
            kinds = ", ".join(dict.fromkeys(each.kind.value for each in known))
            yield ConfigError(f"{name} is usually one of {kinds}, not {kind}", where=row.row.where)
        elif of_kind and not any(each.any_unit for each in of_kind) and found not in items:
            usual = " or ".join(sorted(each or "no item" for each in items))
            yield ConfigError(f"{name} {kind} is usually in {usual}, not in {found or 'no item'}", where=row.row.where)


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
        row, given = _followed(event, signals)
        baseline_kw = _baseline(event, given, resource)
        return DispatchEvent(
            id=descriptor.event_id,
            modification=descriptor.modification_number,
            issued=descriptor.created_date_time,
            start=period.dtstart,
            duration=ends - period.dtstart,
            reduction_kw=_reduction(float(_value(given, row)), row, contract_kw, baseline_kw),
            response=RESPONSE if period.ramp_up is None else period.ramp_up.after(period.dtstart) - period.dtstart,
            recovery=timedelta() if period.recovery is None else period.recovery.after(ends) - ends,
            market=descriptor.market_context,
            baseline_kw=baseline_kw,
        )
    except NotUnderstood as error:
        raise NotUnderstood(error.message, where=descriptor.event_id) from None


def setpoints(event: EiEvent, signals: Iterable[Binding]) -> dict[str, Scalar]:
    """Return what an event sets each point of the table to; raise `NotUnderstood` for a value that does not fit it."""
    return {row.point.name: _value(signal, row) for row, signal in _matching(event, signals)}


def signal_of(row: Binding, value: Scalar, lasts: timedelta) -> EiEventSignal:
    """Return the signal by which a VTN sets the point of a row for this long; raise `TypeConflict` if it cannot be."""
    row.check(value)
    address = row.address
    kind = SignalType(address["signal_type"])
    return signal(address["signal"], kind, [(lasts, float(row.to_wire(value)))], item=item_of(row))


def _followed(event: EiEvent, signals: Iterable[Binding]) -> tuple[Binding, EiEventSignal]:
    found = _matching(event, signals)
    for row, given in found:
        if row.point.name in FOLLOWED:
            return row, given
    if found:
        raise NotUnderstood(f"it sets {found[0][0].point.name}, which is no dispatch")
    names = ", ".join(f"{s.signal_name} {s.signal_type.value}" for s in event.ei_event_signals)
    raise NotUnderstood(f"{names} is not in the table of signals")


def _matching(event: EiEvent, signals: Iterable[Binding]) -> list[tuple[Binding, EiEventSignal]]:
    return [(row, given) for row in signals for given in event.ei_event_signals if _matches(given, row)]


def _matches(given: EiEventSignal, row: Binding) -> bool:
    address, name = row.address, str(given.signal_name)
    named = (SignalName.SIMPLE if name == SignalName.SIMPLE_LOWER_CASE else name) == address["signal"]
    return named and given.signal_type == address["signal_type"] and item_name(_item(given)) == address["item"]


def _item(given: EiEventSignal) -> ItemBase | None:
    """Return in what the values of a signal are: a multiplier may name what it multiplies, and is in nothing."""
    return None if given.signal_type in _BARE else given.item_base


def _value(given: EiEventSignal, row: Binding) -> Scalar:
    """Return what a signal asks, in the unit of its point."""
    wire = _constant(given.intervals, _item(given), row.row.wire_unit, "its value")
    try:
        whole = row.row.conversion.wire_type.range is not None and wire.is_integer()
        value = row.from_wire(
            bool(wire) if row.row.conversion.wire_type is WireType.BOOL else int(wire) if whole else wire
        )
        row.check(value)
    except (Malformed, TypeConflict) as error:
        raise NotUnderstood(error.message) from None
    return value


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


def _baseline(event: EiEvent, asked: EiEventSignal, resource: str) -> float | None:
    """Return the baseline that the event gives for this resource, in kW; without a unit it is in that of the signal."""
    given = event.ei_event_baseline
    if given is None or (given.resource_ids and resource not in given.resource_ids):
        return None
    item = given.item_base or asked.item_base
    if not isinstance(item, PowerReal):
        raise NotUnderstood("its baseline is in no unit of real power")
    return _constant(given.intervals, item, unit("kW"), "its baseline")


def _constant(intervals: Iterable[Interval], item: ItemBase | None, target: Unit, what: str) -> float:
    """Return the one value of all intervals, in the unit `target`; a bare number is in it already."""
    payloads = [payload for interval in intervals for payload in interval.payloads]
    values = {payload.value for payload in payloads if isinstance(payload, SignalPayload)}
    if len(values) != 1 or not isinstance(value := values.pop(), int | float):
        raise NotUnderstood(f"{what} changes over time")
    try:
        return float(value) if item is None else convert(float(value), unit_of(item), target)
    except JanusGridError as error:
        raise NotUnderstood(error.message) from None
