"""Messages of openleadr: openleadr_messages.py SETTINGS, as JSON, as for our_messages.py.

It reads the same document. What it writes is an event of the same content, made by its own classes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from openleadr import messaging, objects
from workbench import work

SETTINGS = json.loads(sys.argv[1])
OCTETS = SETTINGS["event"].encode()
START = datetime(2026, 11, 21, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
COUNT = SETTINGS["event"].count("<ei:interval>")
messaging.REPLAY_PROTECT_MAX_TIME_DELTA = timedelta(hours=1)


def read() -> Any:
    """Validate and parse the document, as its server does."""
    messaging.validate_xml_schema(OCTETS)
    return messaging.parse_message(OCTETS)


def event() -> dict[str, Any]:
    """Return the event as its server hands it to the writer."""
    made = objects.Event(
        event_descriptor=objects.EventDescriptor(
            event_id="EVENT-1", modification_number=0, market_context="http://utility.example/dispatch",
            event_status="far", created_date_time=START, priority=1,
        ),
        event_signals=[
            objects.EventSignal(
                intervals=[objects.Interval(START + n * HOUR, HOUR, 1000.0 + n, n) for n in range(COUNT)],
                signal_name="LOAD_DISPATCH", signal_type="setpoint", signal_id="SIGNAL-1", current_value=0.0,
            )
        ],
        active_period=objects.ActivePeriod(START, COUNT * HOUR, notification_period=timedelta(minutes=10)),
        targets=[objects.Target(ven_id="VEN-1")],
    )  # fmt: skip
    return asdict(made)


def opening(document: str) -> Callable[[], object]:
    """Return what reads a signed document, as its server does."""

    def opened() -> object:
        messaging.NONCE_CACHE.clear()
        messaging.validate_xml_signature(messaging.validate_xml_schema(document))
        return messaging.parse_message(document)

    return opened


EVENT = event()
RESPONSE = {"response_code": 200, "response_description": "OK", "request_id": "R"}
operations: dict[str, Callable[[], object]] = {
    "read": read,
    "write": lambda: messaging.create_message(
        "oadrDistributeEvent", vtn_id="VTN-1", request_id="REQUEST-1", response=RESPONSE, events=[EVENT]
    ),
}
for kind, (certificate, key, _) in SETTINGS["keys"].items():
    signed = partial(
        messaging.create_message, "oadrPoll", cert=Path(certificate).read_bytes(), key=Path(key).read_bytes(),
        ven_id="VEN-1",
    )  # fmt: skip
    operations[f"sign {kind}"] = signed
    operations[f"open {kind}"] = opening(signed())
work(operations)
