"""`janusgrid openadr`: check messages, send them, and direct a VTN or a VEN that runs."""

from __future__ import annotations

import click

from ..lazy import LazyGroup

COMMANDS = {
    "validate": ("validate", "check messages against limits, schema and rules"),
    "rules": ("validate", "the conformance rules that are kept, and where"),
    "conformance": ("conformance", "what is conformed to: messages, transports, words, rules, limits"),
    "certify": ("certify", "play scenarios against a VTN or VEN, and write a report"),
    "send": ("send", "send a message and print the answer"),
    "event": ("event", "make, change, cancel and list events of a running VTN"),
    "report": ("direct", "ask VENs of a running VTN for reports; what they offer"),
    "ven": ("direct", "the VENs of a running VTN: list, cancel, register anew"),
    "opt": ("direct", "answer events of a running VEN, say when it is available"),
    "poll": ("direct", "let a running VEN ask for its messages now"),
    "leave": ("direct", "end the registration of a running VEN"),
    "state": ("direct", "where the registration of a running VEN stands"),
}
"""Command name to its module in this room, and its one line of help."""


@click.group(
    cls=LazyGroup, lazy={name: (f"{__name__}.{module}:{name}", text) for name, (module, text) in COMMANDS.items()}
)
def command() -> None:
    """Check OpenADR messages, send them, and direct a VTN or a VEN that runs.

    Programs that run are found by --at CONFIG, or in this directory.
    """
