"""What certification practice looks at in events, without a number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations

from ..model import DistributeEvent, EiEvent, Event, EventStatus, FeatureCollection, changed
from . import timeline
from .codes import Code
from .event import BAD, number_of
from .rule import Faults, Finding, Grade, check
from .times import after

PRACTICE = "cert practice"

PLAUSIBLE = timedelta(minutes=5)
"""How far createdDateTime may lie from the present."""


class DeviceClass(StrEnum):
    """The device classes, as `end_device_assets` names them (openleadr's list)."""

    THERMOSTAT = "Thermostat"
    STRIP_HEATER = "Strip_Heater"
    BASEBOARD_HEATER = "Baseboard_Heater"
    WATER_HEATER = "Water_Heater"
    POOL_PUMP = "Pool_Pump"
    SAUNA = "Sauna"
    HOT_TUB = "Hot_tub"
    SMART_APPLIANCE = "Smart_Appliance"
    IRRIGATION_PUMP = "Irrigation_Pump"
    MANAGED_COMMERCIAL_AND_INDUSTRIAL_LOADS = "Managed_Commercial_and_Industrial_Loads"
    SIMPLE_RESIDENTIAL_ON_OFF_LOADS = "Simple_Residential_On_Off_Loads"
    EXTERIOR_LIGHTING = "Exterior_Lighting"
    INTERIOR_LIGHTING = "Interior_Lighting"
    ELECTRIC_VEHICLE = "Electric_Vehicle"
    GENERATION_SYSTEMS = "Generation_Systems"
    LOAD_CONTROL_SWITCH = "Load_Control_Switch"
    SMART_INVERTER = "Smart_Inverter"
    EVSE = "EVSE"
    RESU = "RESU"
    ENERGY_MANAGEMENT_SYSTEM = "Energy_Management_System"
    SMART_ENERGY_MODULE = "Smart_Energy_Module"
    STORAGE = "Storage"


@check(None, "the signals of an event have IDs of their own", of=EiEvent, source=PRACTICE, kept_by="VTN", code=BAD)
def signal_ids(event: EiEvent) -> Faults:
    """Two signals of one ID cannot be told apart."""
    seen: set[str] = set()
    for n, signal in enumerate(event.ei_event_signals):
        if signal.signal_id in seen:
            yield f"signalID {signal.signal_id!r:.40} is given more than once", ("ei_event_signals", n)
        seen.add(signal.signal_id)


@check(None, "the intervals of signals and baseline have no start of their own", of=EiEvent, source=PRACTICE,
       kept_by="VTN", code=BAD)  # fmt: skip
def no_starts(event: EiEvent) -> Faults:
    """They begin with the period, one after the other."""
    baseline = event.ei_event_baseline
    found = [(("ei_event_signals", n), signal.intervals) for n, signal in enumerate(event.ei_event_signals)]
    for at, intervals in [*found, (("ei_event_baseline",), baseline.intervals if baseline else ())]:
        for number, interval in enumerate(intervals):
            if interval.dtstart is not None:
                yield f"interval {number} has a dtstart: lengths alone count", (*at, "intervals", number)


@check(None, "the intervals of a baseline are numbered, have one value each and fill its duration", of=EiEvent,
       source=PRACTICE, kept_by="VTN", code=BAD)  # fmt: skip
def baseline(event: EiEvent) -> Faults:
    """As those of signals (rules 2, 8 and 100), but it does no harm: nothing is done by a baseline."""
    base = event.ei_event_baseline
    if base is None:
        return
    begin = base.dtstart
    try:
        for number, interval in enumerate(base.intervals):
            at = ("ei_event_baseline", "intervals", number)
            if interval.uid != str(number):
                yield f"interval {number} of the baseline has uid {interval.uid!r:.40}", at
            if len(interval.payloads) != 1 or number_of(interval) is None:
                yield f"interval {number} of the baseline has not one number", at
            begin = after(begin, interval.duration or base.duration)
        if begin != after(base.dtstart, base.duration):
            yield "the intervals of the baseline do not fill its duration", ("ei_event_baseline",)
    except ValueError as error:
        yield str(error), ("ei_event_baseline",)


@check(None, "createdDateTime is within five minutes of the present", of=EiEvent, source=PRACTICE, kept_by="VTN",
       timed=True, grade=Grade.WARNING)  # fmt: skip
def created(event: EiEvent, now: datetime) -> Faults:
    """Only looked at when an event is made: later it is old, and rightly so."""
    said = event.event_descriptor.created_date_time
    if abs(said - now) > PLAUSIBLE:
        yield f"createdDateTime is {said:%Y-%m-%dT%H:%M:%SZ}, not now", ("event_descriptor",)


@check(None, "a device class is one of the known", of=EiEvent, source="openleadr's enumerations", kept_by="VTN",
       grade=Grade.WARNING)  # fmt: skip
def device_classes(event: EiEvent) -> Faults:
    """Others may be agreed between the parties."""
    for n, signal in enumerate(event.ei_event_signals):
        for name in signal.ei_target.end_device_assets if signal.ei_target else ():
            if name not in _DEVICE_CLASSES:
                yield f"{name!r:.40} is no known device class", ("ei_event_signals", n)


@check(None, "the target of a signal names device classes and nothing else", of=EiEvent, source="memory",
       kept_by="VTN", grade=Grade.WARNING)  # fmt: skip
def signal_targets(event: EiEvent) -> Faults:
    """Who is meant stands in the event's target; which devices there, in the signal's."""
    for n, signal in enumerate(event.ei_event_signals):
        others = [kind for kind in named(signal.ei_target) if kind != "end_device_assets"] if signal.ei_target else []
        if others:
            yield f"the target of {signal.signal_name} names {', '.join(others)}", ("ei_event_signals", n)


@check(None, "an eventID stands once", of=DistributeEvent, source=PRACTICE, kept_by="both", code=Code.INVALID_ID)
def event_ids(message: DistributeEvent) -> Faults:
    """Of two events with one ID nobody knows which is meant."""
    seen: set[str] = set()
    for n, sent in enumerate(message.events):
        name = sent.ei_event.event_descriptor.event_id
        if name in seen:
            yield f"eventID {name!r:.40} stands more than once", ("events", n)
        seen.add(name)


@check(None, "the target of an event names one venID at most", of=DistributeEvent, source=PRACTICE, kept_by="VTN")
def one_ven(message: DistributeEvent) -> Faults:
    """A message goes to one VEN, who the others are is not its business."""
    for n, sent in enumerate(message.events):
        if len(sent.ei_event.ei_target.ven_ids) > 1:
            yield f"the target names {len(sent.ei_event.ei_target.ven_ids)} venIDs", ("events", n)


@check(None, "events of one market context do not overlap", of=DistributeEvent, source=PRACTICE, kept_by="VTN")
def no_overlap(message: DistributeEvent) -> Faults:
    """A VEN would not know which holds."""
    for n, one, other, same in _pairs(message):
        if same:
            yield _overlapping(one, other), ("events", n)


@check(None, "events of several market contexts had better not overlap", of=DistributeEvent, source=PRACTICE,
       kept_by="VTN", grade=Grade.WARNING)  # fmt: skip
def overlap(message: DistributeEvent) -> Faults:
    """Priority decides which holds."""
    for n, one, other, same in _pairs(message):
        if not same:
            yield _overlapping(one, other), ("events", n)


def overlaps(one: EiEvent, other: EiEvent) -> bool:
    """Return whether two events are active at the same time for the same resources; cancelled ones never are."""
    if EventStatus.CANCELLED in (one.event_descriptor.event_status, other.event_descriptor.event_status):
        return False
    first, second = sorted((one, other), key=timeline.start)
    try:
        ends = timeline.end(first)
    except (ValueError, OverflowError):
        return False  # beyond the calendar: another check says so
    if ends is not None and ends <= timeline.start(second):
        return False
    ours, theirs = named(one.ei_target), named(other.ei_target)
    ours.pop("ven_ids", None)  # these have brought it here already
    theirs.pop("ven_ids", None)
    shared = ours.keys() & theirs.keys()
    return not shared or ours.keys() != theirs.keys() or any(ours[kind] & theirs[kind] for kind in shared)


def named(target: object) -> dict[str, set[object]]:
    """Return what a target names, by kind (the name of the field), without the kinds that it does not use.

    A place is named by where it is: its gml:id means nothing beyond the document.
    """
    kinds = {kind: {_nameless(name) for name in getattr(target, kind)} for kind in _KINDS}
    return {kind: names for kind, names in kinds.items() if names}


def _nameless(name: object) -> object:
    if isinstance(name, FeatureCollection):
        return changed(name, id=None, polygon=changed(name.polygon, id=None))
    return name


def clash(one: EiEvent, other: EiEvent) -> Finding | None:
    """Return the finding, an error or a warning, where two events that one VEN is to have overlap."""
    if not overlaps(one, other):
        return None
    message = DistributeEvent(request_id="", vtn_id="", events=[Event(ei_event=other), Event(ei_event=one)])
    return [*no_overlap(message), *overlap(message)][0]


def _pairs(message: DistributeEvent) -> Iterator[tuple[int, EiEvent, EiEvent, bool]]:
    for (_, one), (n, other) in combinations(enumerate(sent.ei_event for sent in message.events), 2):
        if overlaps(one, other):
            contexts = {each.event_descriptor.market_context for each in (one, other)}
            yield n, one, other, len(contexts) == 1


def _overlapping(one: EiEvent, other: EiEvent) -> str:
    names = [each.event_descriptor.event_id for each in (other, one)]
    return f"event {names[0]} overlaps event {names[1]}"


_DEVICE_CLASSES = frozenset(DeviceClass)
_KINDS = (
    "aggregated_pnodes", "end_device_assets", "meter_assets", "pnodes", "service_areas", "service_delivery_points",
    "service_locations", "transport_interfaces", "group_ids", "group_names", "resource_ids", "ven_ids", "party_ids",
)  # fmt: skip
