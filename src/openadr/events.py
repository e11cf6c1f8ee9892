"""Making events: the usual kinds in one call each, and any other from its signals::

    simple(2, start=…, duration=timedelta(hours=1))
    price([(HOUR, 0.12), (HOUR, 0.35)], start=…, currency="EUR", target=EiTarget(group_ids=["east"]))

    compose(
        simple_signal([(2 * HOUR, 1)]),
        dispatch_signal([(2 * HOUR, 500.0)]),
        start=…, randomise=timedelta(minutes=5), baseline=baseline([(2 * HOUR, 900.0)], start=…),
    )

What is made keeps the rules of `openadr.rules`; a `LocalError` says all that is wrong at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypedDict, Unpack

from ..common import ids
from ..common.errors import LocalError
from .model import (
    CurrencyPerKw,
    CurrencyPerKwh,
    Duration,
    EiActivePeriod,
    EiEvent,
    EiEventBaseline,
    EiEventSignal,
    EiTarget,
    EnergyReal,
    EventDescriptor,
    Interval,
    ItemBase,
    PowerAttributes,
    PowerReal,
    SignalName,
    SignalPayload,
    SignalType,
    SiScaleCode,
    Tolerance,
)
from .rules.event_checks import DeviceClass as DeviceClass
from .rules.rule import findings

MARKET = "http://janusgrid.example/market"
"""The market context where none is given; a real programme has its own."""

OPEN = timedelta()
"""The length of what has no end yet: of an open-ended event's last value."""

Steps = Sequence[tuple[timedelta, float]]
"""How long each value holds, and the value."""


class About(TypedDict, total=False):
    """What may be said of any event.

    Attributes:
        notification: how long before the start it has to be known; the time from `created` to the start if not given.
        ramp_up: how long before the start things begin to move; `recovery` how long after the end until all is as
            before.
        randomise: how much later than `start` a VEN may begin; it picks the time by itself.
        priority: 1 is the highest; 0 is none.
        market: the market context.
        event_id: its ID; one is made if not given.
        test: whether it is a test only.
        comment: for people.
        target: who or what is meant; nobody in particular if not given.
        baseline: what would have been used without the event.
    """

    notification: timedelta
    ramp_up: timedelta
    recovery: timedelta
    randomise: timedelta
    priority: int
    market: str
    event_id: str | None
    test: bool
    comment: str | None
    target: EiTarget
    baseline: EiEventBaseline


# --- events of one signal --------------------------------------------------------------------------------------------


def simple(
    level: float | Steps, *, start: datetime, created: datetime | None = None, duration: timedelta | None = None,
    **about: Unpack[About],
) -> EiEvent:  # fmt: skip
    """Return an event of a level: 0 normal, 1 moderate, 2 high, 3 special (rule 9)."""
    return compose(simple_signal(_steps(level, duration)), start=start, created=created, **about)


def price(
    value: float | Steps, *, start: datetime, created: datetime | None = None, duration: timedelta | None = None,
    currency: str = "USD", kind: SignalType = SignalType.PRICE, **about: Unpack[About],
) -> EiEvent:  # fmt: skip
    """Return an event of the price of electricity, per kWh: as it is, relative to the usual, or as a multiple of it."""
    return compose(price_signal(_steps(value, duration), currency, kind), start=start, created=created, **about)


def demand_charge(
    value: float | Steps, *, start: datetime, created: datetime | None = None, duration: timedelta | None = None,
    currency: str = "USD", kind: SignalType = SignalType.PRICE, **about: Unpack[About],
) -> EiEvent:  # fmt: skip
    """Return an event of the price of demand, per kW."""
    item = CurrencyPerKw(item_units=currency)
    made = signal(SignalName.DEMAND_CHARGE, kind, _steps(value, duration), item=item)
    return compose(made, start=start, created=created, **about)


def load_dispatch(
    kilowatt: float | Steps, *, start: datetime, created: datetime | None = None, duration: timedelta | None = None,
    item: ItemBase | None = None, **about: Unpack[About],
) -> EiEvent:  # fmt: skip
    """Return a load dispatch: LOAD_DISPATCH, setpoint, real power in kW or what `item` says."""
    return compose(dispatch_signal(_steps(kilowatt, duration), item), start=start, created=created, **about)


def load_control(
    value: float | Steps, kind: SignalType, *, start: datetime, created: datetime | None = None,
    duration: timedelta | None = None, devices: Iterable[DeviceClass | str] = (), item: ItemBase | None = None,
    **about: Unpack[About],
) -> EiEvent:  # fmt: skip
    """Return an event that controls devices of these classes: LOAD_CONTROL, of a kind `SignalType.X_LOAD_CONTROL_…`."""
    made = signal(SignalName.LOAD_CONTROL, kind, _steps(value, duration), item=item, devices=devices)
    return compose(made, start=start, created=created, **about)


def charge_state(
    kilowatt_hour: float | Steps, *, start: datetime, created: datetime | None = None,
    duration: timedelta | None = None, kind: SignalType = SignalType.SETPOINT,
    devices: Iterable[DeviceClass | str] = (), **about: Unpack[About],
) -> EiEvent:  # fmt: skip
    """Return an event of the energy that storage is to hold (setpoint), or take in or give (delta), in kWh."""
    made = signal(
        SignalName.CHARGE_STATE, kind, _steps(kilowatt_hour, duration), item=kilowatt_hours(), devices=devices
    )
    return compose(made, start=start, created=created, **about)


def event(
    signal_name: SignalName | str, signal_type: SignalType, values: Steps, *, start: datetime,
    created: datetime | None = None, item: ItemBase | None = None, **about: Unpack[About],
) -> EiEvent:  # fmt: skip
    """Return an event of one signal of any name, also `x-…`; the values are in the unit of `item`.

    Raises:
        LocalError: it breaks a rule.
        TypeConflict: a text that OpenADR does not know, a length that is not a whole number of seconds.
    """
    return compose(signal(signal_name, signal_type, values, item=item), start=start, created=created, **about)


def compose(
    *signals: EiEventSignal, start: datetime, created: datetime | None = None, **about: Unpack[About]
) -> EiEvent:
    """Return an event of these signals, which last equally long.

    Args:
        signals: see `signal`, `simple_signal` …
        start: when it becomes active.
        created: when it was made; None for now, by the clock of this machine.

    Raises:
        LocalError: it breaks a rule; all of them are named. A time is in no time zone.
        TypeConflict: a text that OpenADR does not know, a length that is not a whole number of seconds.
    """
    if not signals:
        raise LocalError("an event has at least one signal")
    for name, when in (("start", start), ("created", created)):
        if when is not None and when.tzinfo is None:
            raise LocalError(f"{name} {when} is in no time zone: datetime.now(UTC), or with tzinfo=")
    created = created or datetime.now(UTC).replace(microsecond=0)
    notice = max(start - created, timedelta()) // timedelta(seconds=1) * timedelta(seconds=1)
    ramp_up, recovery, randomise = (about.get(name) for name in ("ramp_up", "recovery", "randomise"))
    made = EiEvent(
        event_descriptor=EventDescriptor(
            event_id=about.get("event_id") or ids.new("EV"),
            market_context=about.get("market", MARKET),
            created_date_time=created,
            priority=about.get("priority", 1),
            test_event="true" if about.get("test") else "false",
            vtn_comment=about.get("comment"),
        ),
        ei_active_period=EiActivePeriod(
            dtstart=start,
            duration=_length(signals[0].intervals),
            tolerance=Tolerance(startafter=randomise) if randomise else None,  # type: ignore[arg-type]
            notification=Duration.of(about.get("notification", notice)),
            ramp_up=ramp_up or None,  # type: ignore[arg-type]
            recovery=recovery or None,  # type: ignore[arg-type]
        ),
        ei_event_signals=signals,
        ei_event_baseline=about.get("baseline"),
        ei_target=about.get("target", EiTarget()),
    )
    if errors := [str(finding) for finding in findings(made) if finding.is_error]:
        raise LocalError("; ".join(dict.fromkeys(errors)), where=made.event_descriptor.event_id)
    return made


# --- signals ---------------------------------------------------------------------------------------------------------


def signal(
    name: SignalName | str, kind: SignalType, values: Steps, *, item: ItemBase | None = None,
    devices: Iterable[DeviceClass | str] = (), signal_id: str | None = None,
) -> EiEventSignal:  # fmt: skip
    """Return a signal whose value changes over time; `devices` are the device classes that it is for, none for all."""
    classes = tuple(str(device) for device in devices)
    return EiEventSignal(
        intervals=_intervals(values),
        ei_target=EiTarget(end_device_assets=classes) if classes else None,
        signal_name=name,
        signal_type=kind,
        signal_id=signal_id or ids.new("S"),
        item_base=item,
        current_value=0.0,
    )


def simple_signal(levels: Steps) -> EiEventSignal:
    """Return a signal of levels, from 0 to 3."""
    return signal(SignalName.SIMPLE, SignalType.LEVEL, levels)


def price_signal(values: Steps, currency: str = "USD", kind: SignalType = SignalType.PRICE) -> EiEventSignal:
    """Return a signal of the price of electricity per kWh, in this currency (ISO 4217)."""
    return signal(SignalName.ELECTRICITY_PRICE, kind, values, item=CurrencyPerKwh(item_units=currency))


def dispatch_signal(kilowatts_: Steps, item: ItemBase | None = None) -> EiEventSignal:
    """Return a signal of setpoints of real power, in kW or what `item` says."""
    return signal(SignalName.LOAD_DISPATCH, SignalType.SETPOINT, kilowatts_, item=item or kilowatts())


def baseline(
    values: Steps, *, start: datetime, item: ItemBase | None = None, resources: Sequence[str] = (),
    name: str = "baseline", baseline_id: str | None = None,
) -> EiEventBaseline:  # fmt: skip
    """Return what would have been used without the event, from `start` on: in kW, or what `item` says."""
    intervals = _intervals(values)
    return EiEventBaseline(
        dtstart=start,
        duration=_length(intervals),
        intervals=intervals,
        baseline_id=baseline_id or ids.new("B"),
        resource_ids=tuple(resources),
        baseline_name=name,
        item_base=item or kilowatts(),
    )


# --- units -----------------------------------------------------------------------------------------------------------


def kilowatts(hertz: float = 60.0, volts: float = 11_400.0) -> PowerReal:
    """Return the item of real power in kW, at a grid of this frequency and voltage (power attributes are required)."""
    grid = PowerAttributes(hertz=Decimal(str(hertz)), voltage=Decimal(str(volts)), ac=True)
    return PowerReal(si_scale_code=SiScaleCode.KILO, power_attributes=grid)


def kilowatt_hours() -> EnergyReal:
    """Return the item of real energy in kWh."""
    return EnergyReal(si_scale_code=SiScaleCode.KILO)


def _steps(value: float | Steps, duration: timedelta | None) -> Steps:
    """Return the steps of a value that holds for `duration`, or those that were given."""
    if isinstance(value, int | float):
        if duration is None:
            raise LocalError("one value needs a duration: OPEN for an event that has no end yet")
        return [(duration, value)]
    if duration is not None:
        raise LocalError("values that have lengths of their own take no duration besides")
    return value


def _intervals(values: Steps) -> tuple[Interval, ...]:
    if not values or any(lasts <= timedelta() for lasts, _ in values[:-1]) or values[-1][0] < OPEN:
        raise LocalError("values have lengths above zero; that of the last may be OPEN")
    return tuple(
        Interval(uid=str(number), duration=Duration.of(lasts), payloads=(SignalPayload(float(value)),))
        for number, (lasts, value) in enumerate(values)
    )


def _length(intervals: Sequence[Interval]) -> Duration:
    """Return how long intervals last together; nothing where the last of them is open."""
    lengths = [interval.duration.timedelta if interval.duration else OPEN for interval in intervals]
    return Duration.of(sum(lengths, timedelta()) if lengths[-1] else OPEN)
