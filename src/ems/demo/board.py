"""What the demonstration shows: a board that its parts write on and a view reads from. It draws nothing itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from enum import Enum

import attrs

TIMELINE = 200


class Tier(Enum):
    """The three tiers, from top to bottom, and beside the utility an operator where there is one."""

    UTILITY = "utility"
    OPERATOR = "operator"
    SITE = "site"
    DEVICE = "device"


@attrs.frozen(slots=True)
class Entry:
    """One message of the timeline.

    Attributes:
        time: when, on the demonstration's clock.
        source, target: between which tiers; the same for a remark.
        what: in the words of its protocol.
        good: False if it tells of something refused or broken.
    """

    time: datetime
    source: Tier
    target: Tier
    what: str
    good: bool = True


@attrs.define(slots=True)
class Row:
    """One device: figures in kW, charge in per cent, None where not known."""

    rating_kw: float
    lowest_kw: float = 0.0
    power_kw: float | None = None
    setpoint_kw: float | None = None
    soc: float | None = None
    state: str = ""


@attrs.define(slots=True)
class Counts:
    """How many messages of each kind there were."""

    controls_sent: int = 0
    controls_accepted: int = 0
    device_reports: int = 0
    telemetry_reports: int = 0
    telemetry_points: int = 0


@attrs.define(slots=True)
class Board:
    """Everything that is shown.

    Attributes:
        title: what runs, and on which broker.
        start, end: of the demonstration, on its clock; `now` in between.
        service: start and end of the sustained period, once known.
        imports: import at the meter, as time and kW, oldest first.
    """

    title: str
    start: datetime
    end: datetime
    now: datetime
    step: str = ""
    rows: dict[str, Row] = attrs.field(factory=dict)
    load_kw: float | None = None
    pv_kw: float | None = None
    import_kw: float | None = None
    baseline_kw: float | None = None
    target_kw: float | None = None
    service: tuple[datetime, datetime] | None = None
    imports: deque[tuple[datetime, float]] = attrs.field(factory=lambda: deque(maxlen=4000))
    timeline: deque[Entry] = attrs.field(factory=lambda: deque(maxlen=TIMELINE))
    counts: Counts = attrs.field(factory=Counts)
    _listeners: list[Callable[[Entry], None]] = attrs.field(factory=list)

    def tell(self, source: Tier, target: Tier, what: str, *, good: bool = True) -> None:
        """Write one message on the timeline."""
        entry = Entry(self.now, source, target, what, good)
        self.timeline.append(entry)
        for listener in self._listeners:
            listener(entry)

    def on_entry(self, listener: Callable[[Entry], None]) -> None:
        """Call `listener` for each new message."""
        self._listeners.append(listener)

    def meter(self, now: datetime, import_kw: float) -> None:
        """Take a figure of the import."""
        self.import_kw = import_kw
        self.imports.append((now, import_kw))

    @property
    def progress(self) -> float:
        """How far the demonstration has come, 0 to 1."""
        return min(1.0, max(0.0, (self.now - self.start) / (self.end - self.start)))
