"""Making events: the usual kinds in one call each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from ..common import ids
from ..common.errors import LocalError
from .model import (
    Duration,
    EiActivePeriod,
    EiEvent,
    EiEventSignal,
    EventDescriptor,
    Interval,
    ItemBase,
    PowerAttributes,
    PowerReal,
    SignalName,
    SignalPayload,
    SignalType,
    SiScaleCode,
)

MARKET = "http://janusgrid.example/market"
"""The market context where none is given; a real programme has its own."""


def kilowatts(hertz: float = 60.0, volts: float = 11_400.0) -> PowerReal:
    """Return the item of real power in kW, at a grid of this frequency and voltage (power attributes are required)."""
    grid = PowerAttributes(hertz=Decimal(str(hertz)), voltage=Decimal(str(volts)), ac=True)
    return PowerReal(si_scale_code=SiScaleCode.KILO, power_attributes=grid)


def event(
    signal_name: SignalName | str,
    signal_type: SignalType,
    values: Sequence[tuple[timedelta, float]],
    *,
    start: datetime,
    created: datetime,
    item: ItemBase | None = None,
    notification: timedelta = timedelta(),
    ramp_up: timedelta = timedelta(),
    recovery: timedelta = timedelta(),
    priority: int = 1,
    market: str = MARKET,
    event_id: str | None = None,
    test: bool = False,
    comment: str | None = None,
) -> EiEvent:
    """Return an event of one signal whose value changes over time.

    Args:
        values: how long each value holds, and the value, in the unit of `item`.
        start: when it becomes active.
        created: now.
        notification: how long before the start it has to be known; `ramp_up` how long before it things begin to
            move; `recovery` how long after the end they take to come back.

    Raises:
        LocalError: no values, or a value that does not last a whole number of seconds.
    """
    if not values or any(lasts <= timedelta() for lasts, _ in values):
        raise LocalError("an event needs values, each with a length above zero")
    intervals = tuple(
        Interval(uid=str(number), duration=Duration.of(lasts), payloads=(SignalPayload(float(value)),))
        for number, (lasts, value) in enumerate(values)
    )
    return EiEvent(
        event_descriptor=EventDescriptor(
            event_id=event_id or ids.new("EV"),
            market_context=market,
            created_date_time=created,
            priority=priority,
            test_event="true" if test else "false",
            vtn_comment=comment,
        ),
        ei_active_period=EiActivePeriod(
            dtstart=start,
            duration=Duration.of(sum((lasts for lasts, _ in values), timedelta())),
            notification=Duration.of(notification),
            ramp_up=Duration.of(ramp_up) if ramp_up else None,
            recovery=Duration.of(recovery) if recovery else None,
        ),
        ei_event_signals=(
            EiEventSignal(
                intervals=intervals,
                signal_name=signal_name,
                signal_type=signal_type,
                signal_id=ids.new("S"),
                item_base=item,
                current_value=0.0,
            ),
        ),
    )


def load_dispatch(
    kilowatt: float,
    *,
    start: datetime,
    duration: timedelta,
    created: datetime,
    ramp_up: timedelta = timedelta(),
    recovery: timedelta = timedelta(),
    item: ItemBase | None = None,
    event_id: str | None = None,
) -> EiEvent:
    """Return a load dispatch of one value: LOAD_DISPATCH, setpoint, real power in kW."""
    return event(
        SignalName.LOAD_DISPATCH,
        SignalType.SETPOINT,
        [(duration, kilowatt)],
        start=start,
        created=created,
        item=item or kilowatts(),
        notification=max(start - created, timedelta()) // timedelta(seconds=1) * timedelta(seconds=1),
        ramp_up=ramp_up,
        recovery=recovery,
        event_id=event_id,
    )
