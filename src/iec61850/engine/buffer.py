"""The buffer of a buffered report control block: what was to be reported, in order, whether anybody listens or not.

A buffer is a ring with two bounds. Through a `BufferStore` entries and settings outlive the process.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice

import attrs

from ..acsi.services import Reason
from ..acsi.types import DataValue, EntryTime
from .entry_store import EntryStore

Included = tuple[int, DataValue, Reason]
"""One member in a report: its place in the data set, its value, why it is there."""

_NO_ENTRY = bytes(8)


@attrs.frozen(slots=True)
class Entry:
    """What one report will tell.

    Attributes:
        number: the EntryID as a number; larger than that of every entry before it.
        time: when it was made.
        included: the members that it tells of.
    """

    number: int
    time: EntryTime
    included: tuple[Included, ...]

    @property
    def id(self) -> bytes:
        """The EntryID, eight octets."""
        return self.number.to_bytes(8)


@attrs.frozen(slots=True)
class BufferLimits:
    """What each block may hold, and for whom.

    Attributes:
        entries: at most; with more of them the oldest go, and the next report says so (BufOvfl).
        octets: that the values may take, as estimated by `weight`.
        clients: of the clients that SCL names in RptEnabled (ClientLN iedName) their addresses, as `Association`
            identities: the instances meant for them are theirs alone (ResvTms -1).
    """

    entries: int = 1000
    octets: int = 1 << 20
    clients: Mapping[str, str] = attrs.Factory(dict)


def weight(value: DataValue) -> int:
    """Return about how many octets a value takes."""
    if isinstance(value, list):
        return 4 + sum(map(weight, value))
    return 8 + len(value) if isinstance(value, str | bytes) else 8


@attrs.define(slots=True, eq=False)
class Buffer:
    """The entries of one block, oldest first.

    Attributes:
        last: number of the newest entry that there has ever been.
        evicted: of the newest one that had to make room.
        arrived: of the newest one that a client is known to have got.
        on_the_way: of the newest one that was sent to the client that has the block enabled.
        sent: number up to which the client that has the block enabled was sent its entries, or lost them.
        resume: what a client has set EntryID to, since the block was disabled: where it wants to go on.
    """

    limits: BufferLimits
    last: int = 0
    evicted: int = 0
    arrived: int = 0
    on_the_way: int = 0
    sent: int = 0
    resume: bytes | None = None
    entries: deque[Entry] = attrs.Factory(deque)
    _octets: int = 0

    @classmethod
    def made(cls, limits: BufferLimits, now: datetime) -> Buffer:
        """Return an empty buffer. Its numbers begin with the time, so that no EntryID of an earlier run means another
        entry here; who asks for one has missed what came between."""
        first = EntryTime.of(now).milliseconds << 16
        return cls(limits, first, first, first)

    def add(self, included: Iterable[Included], now: datetime) -> Entry:
        """Return a new entry, for which the oldest had to make room if the buffer was full."""
        time = EntryTime.of(now)
        self.last = max(self.last + 1, time.milliseconds << 16)
        entry = Entry(self.last, time, tuple(included))
        self.restore(entry)
        return entry

    def restore(self, entry: Entry) -> None:
        """Put an entry behind all others, as it was made before."""
        self.last = max(self.last, entry.number)
        self.entries.append(entry)
        self._octets += _weight(entry)
        while len(self.entries) > self.limits.entries or (self._octets > self.limits.octets and len(self.entries) > 1):
            oldest = self.entries.popleft()
            self._octets -= _weight(oldest)
            self.evicted = oldest.number

    def next(self) -> Entry | None:
        """Return the first entry that was not sent yet, None if there is none."""
        if not self.entries or self.entries[-1].number <= self.sent:
            return None
        return self.entries[bisect_right(self.entries, self.sent, key=_number)]

    def settled(self) -> None:
        """Note that a client has disabled the block by itself: with the answer it has all that was sent before.

        Of a client that is lost instead, nobody knows what was still on the way to it.
        """
        self.arrived = max(self.arrived, self.on_the_way)

    def purge(self) -> None:
        """Forget every entry; their numbers do not come again."""
        self.entries.clear()
        self._octets = 0
        self.resume = None
        self.arrived = max(self.arrived, self.evicted)

    def waiting(self) -> tuple[Iterator[Entry], bool]:
        """Return the entries to be sent to a client that enables the block, and whether some before them are lost.

        They are those after the one that it has set EntryID to; all of them if it has set none, or one that is not
        there (what the standard wants for an unknown one is second-hand).
        """
        wanted = int.from_bytes(self.resume or _NO_ENTRY)
        place = next((at for at, entry in enumerate(self.entries, start=1) if entry.number == wanted), 0)
        # Of a number that never was an entry's here, nothing is known: then what counts is what has arrived anywhere.
        known = wanted if 0 < wanted <= self.last else self.arrived
        return islice(list(self.entries), place, None), not place and known < self.evicted


def _number(entry: Entry) -> int:
    return entry.number


def _weight(entry: Entry) -> int:
    return 24 + sum(8 + weight(value) for _, value, _ in entry.included)


# --- what outlives the process ---------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class Setup:
    """How a block is set, and how far it has come.

    Attributes:
        block: `LD/LN.name`.
        configuration: a checksum of its configuration: with another one, all that was kept means nothing.
        data_set: a checksum of the data set's members and their types: with another one, the entries mean nothing.
        values: its attributes that clients may have set.
        last, evicted, arrived: see `Buffer`.
    """

    block: str
    configuration: int
    data_set: int
    values: dict[str, DataValue]
    last: int
    evicted: int
    arrived: int


@attrs.frozen(slots=True)
class Added:
    """A block has a new entry."""

    block: str
    entry: Entry


@attrs.frozen(slots=True)
class Purged:
    """A block has forgotten its entries."""

    block: str


Record = Setup | Added | Purged

BufferStore = EntryStore[Record]
