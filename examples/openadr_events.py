"""Events of every kind, each in a few lines, written to files: `janusgrid openadr validate FOLDER/*.xml` judges them.

python openadr_events.py FOLDER
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from janusgrid.common.errors import LocalError
from janusgrid.openadr.codec import write
from janusgrid.openadr.events import (
    OPEN,
    DeviceClass,
    baseline,
    charge_state,
    compose,
    dispatch_signal,
    load_control,
    load_dispatch,
    price,
    simple,
    simple_signal,
)
from janusgrid.openadr.model import DistributeEvent, EiTarget, Event, SignalType

MARKET = "http://utility.example/programs/peak"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
now = datetime.now(UTC).replace(microsecond=0)
start = now + 2 * HOUR

events = {
    # A level, from 0 to 3, for an hour; whoever is in the group east may begin up to five minutes late.
    "simple": simple(
        2, start=start, duration=HOUR, created=now, market=MARKET,
        target=EiTarget(group_ids=["east"]), randomise=5 * MINUTE,
    ),
    # Prices that change over time: lengths and values.
    "price": price([(HOUR, 0.12), (2 * HOUR, 0.35)], start=start, created=now, currency="EUR", market=MARKET),
    # 500 kW until further notice, as a test.
    "dispatch": load_dispatch(500.0, start=start, duration=OPEN, created=now, market=MARKET, test=True),
    # Thermostats at half of their capacity.
    "control": load_control(
        0.5, SignalType.X_LOAD_CONTROL_CAPACITY, start=start, duration=HOUR, created=now, market=MARKET,
        devices=[DeviceClass.THERMOSTAT],
    ),
    # Storage is to hold 200 kWh.
    "charge": charge_state(200.0, start=start, duration=HOUR, created=now, market=MARKET),
    # Several signals, with what would have been used without the event.
    "several": compose(
        simple_signal([(HOUR, 1), (HOUR, 2)]), dispatch_signal([(2 * HOUR, 300.0)]),
        start=start, created=now, market=MARKET, ramp_up=10 * MINUTE, recovery=5 * MINUTE, priority=1,
        baseline=baseline([(2 * HOUR, 900.0)], start=start), target=EiTarget(resource_ids=["DG750"]),
    ),
}  # fmt: skip

folder = Path(sys.argv[1] if sys.argv[1:] else ".")
for name, event in events.items():
    message = DistributeEvent(request_id="D1", vtn_id="utility", events=[Event(ei_event=event)])
    (folder / f"{name}.xml").write_text(write(message))
    print(f"{name}: {', '.join(str(signal.signal_name) for signal in event.ei_event_signals)}")

try:
    simple(4, start=start, duration=HOUR, created=now, event_id="E1")
except LocalError as error:
    print(error)
