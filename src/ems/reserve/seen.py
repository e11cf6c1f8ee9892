"""What the decisions are made on, and what they are: figures in, orders out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs


@attrs.frozen(slots=True)
class Look:
    """What is known of one device.

    Attributes:
        power_kw: measured; None if not known.
        soc: state of charge, 0..1; None if not known, or if it has none.
        ready: it says that it works, and that it can be dispatched.
        alarm: it reports an alarm, or that it has failed.
        lost: it is not reached, or its values are too old.
    """

    power_kw: float | None = None
    soc: float | None = None
    ready: bool = False
    alarm: bool = False
    lost: bool = False


NOTHING = Look(lost=True)


@attrs.frozen(slots=True)
class Seen:
    """What is known of the site: the import in kW (None if not known), and each device."""

    import_kw: float | None
    devices: Mapping[str, Look]

    def look(self, name: str) -> Look:
        """Return what is known of a device."""
        return self.devices.get(name, NOTHING)


@attrs.frozen(slots=True)
class Happening:
    """Something that a person would want to know: `what` is one of the words below, `device` may be empty."""

    time: datetime
    what: str
    device: str = ""
    note: str = ""

    def __str__(self) -> str:
        text = f"{self.time:%H:%M:%S} {self.what} {self.device}".rstrip()
        return f"{text} ({self.note})" if self.note else text


DISPATCH, BEGIN, END, CANCELLED, MODIFIED, RECOVERED = "dispatch", "begin", "end", "cancelled", "modified", "recovered"
START, STOP, CONFIRMED, EMPTY, OUT, RETURNED = "start", "stop", "confirmed", "empty", "out", "returned"
REFUSED = "refused"
LOST = "lost"
