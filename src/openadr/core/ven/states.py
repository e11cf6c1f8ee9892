"""How a VEN comes to be registered."""

from __future__ import annotations

from ....common.statemachine import StateMachine
from ..answers import Code

REGISTRATION: StateMachine[str, str] = StateMachine(
    "VEN registration",
    [
        ("unregistered", "start", "querying"),
        ("querying", "profiles received", "registering"),
        ("registering", "accepted", "offering reports"),
        ("offering reports", "reports accepted", "fetching events"),
        ("registering", "renewed", "fetching events"),
        ("fetching events", "events received", "registered"),
        ("registered", "re-registration asked", "registering"),
        (
            ("querying", "registering", "offering reports", "fetching events", "registered"),
            "ended",
            "unregistered",
        ),
    ],
    initial="unregistered",
    code=Code.OUT_OF_SEQUENCE,
)
"""How a VEN comes to be registered (rules 301, 401, 402, 404 and 405).

`renewed` is a registration that goes on under the same ID: the VTN knows our reports already.
"""
