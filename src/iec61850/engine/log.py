"""A log: entries in the order in which they were made, in a ring with two bounds (IEC 61850-7-2 clause 17.3.3)."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Protocol

import attrs

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.logs import LogData, LogEntry, LogStatus
from ..acsi.references import Reference
from ..acsi.types import DataValue, EntryTime
from .buffer import weight
from .entry_store import EntryStore


@attrs.frozen(slots=True)
class LogLimits:
    """What each log may hold.

    Attributes:
        entries: at most; with more of them the oldest go.
        octets: that the values may take, as estimated.
        answer: entries that one answer to a query may have.
    """

    entries: int = 10_000
    octets: int = 8 << 20
    answer: int = 1000


@attrs.frozen(slots=True)
class Range:
    """Which entries of a log are asked for; see `Log.select`.

    Attributes:
        start, stop: from a time to a time, both included; None for no end.
        after: those behind this entry.
        first: those from this entry on.
        wanted: those that tell of any of these, with just that; None for all.
    """

    start: EntryTime | None = None
    stop: EntryTime | None = None
    after: bytes | None = None
    first: bytes | None = None
    wanted: frozenset[Reference] | None = None


class LogSource(Protocol):
    """Answers queries of a log in place of what the engine has written: a history that is kept elsewhere."""

    @property
    def status(self) -> LogStatus:
        """What it knows of its oldest and its newest entry."""
        ...

    async def entries(self, asked: Range, most: int) -> Sequence[LogEntry]:
        """Return the first entries, `most` of them or one more where there are more; raise `ServiceRefused`."""
        ...


@attrs.define(slots=True, eq=False)
class Log:
    """The entries of one log, oldest first.

    Attributes:
        name: `LD/LN.name`.
        last: the EntryID as a number of the newest entry that there has ever been.
    """

    name: str
    limits: LogLimits
    last: int = 0
    entries: deque[LogEntry] = attrs.Factory(deque)
    _octets: int = 0

    def add(self, data: tuple[LogData, ...], now: datetime) -> LogEntry:
        """Return a new entry, for which the oldest had to make room if the log was full.

        EntryIDs grow with every entry, and begin with the time: none of an earlier run means another entry.
        """
        time = EntryTime.of(now)
        number = max(self.last + 1, time.milliseconds << 16)
        entry = LogEntry(number.to_bytes(8), time, data)
        self.restore(entry)
        return entry

    def restore(self, entry: LogEntry) -> None:
        """Put an entry behind all others, as it was made before."""
        self.last = max(self.last, int.from_bytes(entry.id))
        self.entries.append(entry)
        self._octets += _weight(entry)
        most, octets = self.limits.entries, self.limits.octets
        while len(self.entries) > most or (self._octets > octets and len(self.entries) > 1):
            self._octets -= _weight(self.entries.popleft())

    @property
    def status(self) -> LogStatus:
        """Time and EntryID of the oldest and the newest entry."""
        if not self.entries:
            return LogStatus()
        oldest, newest = self.entries[0], self.entries[-1]
        return LogStatus(oldest.time, newest.time, oldest.id, newest.id)

    def select(
        self,
        start: EntryTime | None = None,
        stop: EntryTime | None = None,
        *,
        after: bytes | None = None,
        first: bytes | None = None,
    ) -> Iterator[LogEntry]:
        """Yield the entries from a time to a time, both included, in the order of the log.

        Those behind the entry `after`, or from the entry `first` on. Of an entry that had to make room meanwhile, it is
        known where it was. Of one that the log has never had, it is not: then `start` tells, and without it
        `ServiceRefused` is raised.
        """
        place = 0
        edge = first if after is None else after
        if edge is not None:
            known = len(edge) == 8 and 0 < int.from_bytes(edge) <= self.last
            if not known and start is None:
                why = f"the log has never had an entry {edge.hex()}"
                raise ServiceRefused(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, why, where=self.name)
            if known:
                # A clock that was set back must not hide what comes after it: the place in the log is what counts.
                start = None
                place = bisect_right(self.entries, edge, key=lambda entry: entry.id)
                if after is None and place and self.entries[place - 1].id == edge:
                    place -= 1
        return self._between(place, start, stop)

    def _between(self, place: int, start: EntryTime | None, stop: EntryTime | None) -> Iterator[LogEntry]:
        low = start.milliseconds if start is not None else None
        high = stop.milliseconds if stop is not None else None
        for entry in islice(self.entries, place, None):
            time = entry.time.milliseconds
            if (low is None or time >= low) and (high is None or time <= high):
                yield entry


def _weight(entry: LogEntry) -> int:
    return 24 + sum(48 + weight(one.value) for one in entry.data)


# --- what outlives the process ---------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class BlockSetup:
    """How a log control block is set; with another `configuration` (a checksum) it is set as configured instead."""

    block: str
    configuration: int
    values: dict[str, DataValue]


@attrs.frozen(slots=True)
class Numbered:
    """How far a log has come: its EntryIDs go on after `last`."""

    log: str
    last: int


@attrs.frozen(slots=True)
class Logged:
    """A log has a new entry."""

    log: str
    entry: LogEntry


LogRecord = BlockSetup | Numbered | Logged
LogStore = EntryStore[LogRecord]
