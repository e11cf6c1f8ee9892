"""Values of IEC 61850 as people read them on a line, and as programs read them in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ...iec61850.acsi.errors import ServiceError
from ...iec61850.acsi.plain import Plain
from ...iec61850.acsi.services import Reason
from ...iec61850.acsi.types import Array, Basic, BitString, EntryTime, Quality, Timestamp, TypeDescription

_VALIDITY = ("good", "invalid", "reserved", "questionable")
_FLAGS = (
    "overflow", "outOfRange", "badReference", "oscillatory", "failure", "oldData", "inconsistent", "inaccurate",
    "substituted", "test", "operatorBlocked",
)  # fmt: skip


def simple(value: Plain) -> Any:
    """Return a value as JSON has it: times as ISO 8601, octets as hexadecimal digits, quality as words."""
    if isinstance(value, dict):
        return {name: simple(part) for name, part in value.items()}
    if isinstance(value, list):
        return [simple(part) for part in value]
    if isinstance(value, Timestamp | EntryTime):
        return time(value.datetime)
    if isinstance(value, Quality):
        flags = [name for number, name in enumerate(_FLAGS, 2) if value.bit(number)]
        return " ".join([_VALIDITY[value.validity], *flags])
    if isinstance(value, ServiceError):
        return value.text
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, BitString) else value


def time(when: datetime) -> str:
    """Return a time in UTC to the millisecond."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reasons(reason: Reason) -> list[str]:
    """Return why a value is there, in words: `data-change`."""
    return [(each.name or "").lower().replace("_", "-") for each in reason]


def lines(reference: str, value: Plain) -> Iterator[str]:
    """Yield a line for each leaf of a value: its reference, and what it is."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from lines(f"{reference}.{name}", part)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from lines(f"{reference}({number})", part)
    else:
        shown = simple(value)
        yield f"{reference} {shown if isinstance(shown, str) else json.dumps(shown)}"


def leaves(reference: str, description: TypeDescription) -> Iterator[tuple[str, str]]:
    """Yield the reference and the type of each leaf; of an array its elements as `name(0..3)`."""
    if isinstance(description, Basic):
        yield reference, description.type.name
    elif isinstance(description, Array):
        yield from leaves(f"{reference}(0..{description.count - 1})", description.element)
    else:
        for name, part in description.components:
            yield from leaves(f"{reference}.{name}", part)
