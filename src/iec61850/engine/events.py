"""What raises reports, and when they go (IEC 61850-7-2 clause 17.2): triggers, buffer time, integrity, buffers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, repeat

from ..acsi.errors import ServiceRefused
from ..acsi.references import BadReference, Reference
from ..acsi.services import Reason, Report, ReportEntry
from ..acsi.types import DataValue, EntryTime
from .association import WINDOW, Association
from .buffer import Added, BufferStore, Entry, Included, Purged, Record, Setup
from .datasets import DataSets
from .rcb import (
    BUFFER_OVERFLOW,
    CONF_REV,
    DATA_REFERENCE,
    DATA_SET,
    ENTRY_ID,
    KEPT,
    REASON,
    SEQUENCE_NUMBER,
    TIME,
    Block,
    checksum,
)
from .values import read
from .watch import Event, Watch

log = logging.getLogger(__name__)

_REASONS = [Reason(number) for number in range(64)]
_UNBUFFERED_NUMBERS, _BUFFERED_NUMBERS = 1 << 8, 1 << 16


class Events:
    """The blocks that want to know of events, and what comes of it.

    An unbuffered block wants to while it is enabled; a buffered one always, once it has a data set.
    """

    def __init__(self, data_sets: DataSets, store: BufferStore) -> None:
        self._data_sets = data_sets
        self._store = store
        self._unsaved: list[Record] = []
        self._watch: Watch[Block] = Watch()
        self._buffered: list[Block] = []
        self._due: datetime | None = None
        self._stale = False
        """True if `_due` has to be worked out anew."""

    # --- who wants to know ------------------------------------------------------------------------------------------

    def activate(self, block: Block, now: datetime) -> None:
        """Let a block know of events from now on; raise `ServiceRefused` if its data set is gone."""
        data_set = self._data_sets.find(Reference.parse(block.text("DatSet")), block.owner)
        block.follow(data_set.members, self._data_sets.members(data_set), now)
        self._watch.add(block)
        self._stale = True

    def deactivate(self, block: Block) -> None:
        """Let a block know of nothing any more."""
        block.pending.clear()
        block.buffer_due = None
        block.unfollow()
        if block in self._watch:
            self._watch.remove(block)
            self._stale = True

    # --- events and time --------------------------------------------------------------------------------------------

    def notify(self, events: Iterable[Event], now: datetime) -> None:
        """Take note that leaves were updated, all at once; report what has no buffer time."""
        for block, found in self._watch.raised(events).items():
            self._raise(block, found, now)
        self.commit()

    def _raise(self, block: Block, found: dict[int, int], now: datetime) -> None:
        by_index = {member.index: member for member in block.members}
        if any(index in block.pending and not by_index[index].substitute for index in found):
            self.flush(block, now)
        for index, reason in found.items():
            before = block.pending[index][1].value if index in block.pending else 0
            block.pending[index] = (read(by_index[index].node), _REASONS[before | reason])
        if not block.number("BufTm"):
            self.flush(block, now)
        elif block.buffer_due is None:
            block.buffer_due = now + block.period("BufTm")
            self._stale = True

    def due(self) -> datetime | None:
        """Return when `tick` wants to be called next; None for not at all."""
        if self._stale:
            times = (t for b in self._watch for t in (b.buffer_due, b.integrity_due) if t is not None)
            self._due, self._stale = min(times, default=None), False
        return self._due

    def tick(self, now: datetime) -> None:
        """Report what has become due: events whose buffer time is over, integrity reports."""
        for block in self._watch:
            if block.buffer_due is not None and block.buffer_due <= now:
                self.flush(block, now)
            if block.integrity_due is not None and block.integrity_due <= now:
                self.report_all(block, Reason.INTEGRITY, now)
                block.integrity_done(now)
                self._stale = True
        self.commit()

    # --- reports ----------------------------------------------------------------------------------------------------

    def flush(self, block: Block, now: datetime) -> None:
        """Report the events that a block has gathered so far."""
        if block.pending:
            included = [(index, *block.pending[index]) for index in sorted(block.pending)]
            block.pending.clear()
            self._report(block, included, now)
        if block.buffer_due is not None:
            block.buffer_due = None
            self._stale = True

    def report_all(self, block: Block, reason: Reason, now: datetime) -> None:
        """Report every member, after the events gathered so far."""
        self.flush(block, now)
        self._report(block, [(member.index, read(member.node), reason) for member in block.members], now)

    def _report(self, block: Block, included: list[Included], now: datetime) -> None:
        if block.buffer is None:
            self._send(block, Entry(0, EntryTime.of(now), tuple(included)))
            return
        entry = block.buffer.add(included, now)
        self._unsaved.append(Added(block.name, entry))
        if block.enabled:
            self._send_entries(block)
        else:
            _show(block, entry)

    def send_waiting(self, block: Block) -> None:
        """Send a client that has just enabled a buffered block what it has not had (clause 17.2.2.3, second-hand)."""
        assert block.buffer is not None
        entries, block.overflow = block.buffer.waiting()
        block.buffer.resume = None
        first = next(entries, None)
        block.buffer.sent = block.buffer.last if first is None else first.number - 1
        self._send_entries(block)

    def _send_entries(self, block: Block) -> None:
        """Send what an enabled buffered block has not sent yet, as far as there is room; the rest stays in the buffer.

        What has to leave the buffer meanwhile is lost to a client that is too slow, as to one that is away: it is told.
        """
        client, buffer = block.owner, block.buffer
        assert client is not None
        assert buffer is not None
        while (entry := buffer.next()) is not None:
            if client.held or len(client.outbox) >= WINDOW:
                client.behind[block] = None
                return
            block.overflow |= buffer.sent < buffer.evicted
            buffer.sent = entry.number
            self._send(block, entry)

    def refill(self, client: Association) -> bool:
        """Give an association that has room more of what its buffered blocks have; return whether there was any."""
        for block in list(client.behind):
            del client.behind[block]
            if isinstance(block, Block) and block.enabled and block.owner is client:
                self._send_entries(block)
        return bool(client.outbox)

    def _send(self, block: Block, entry: Entry) -> None:
        assert block.owner is not None
        number = block.number("SqNum")
        references = {m.index: m.reference for m in block.members} if block.option(DATA_REFERENCE) else {}
        types = {m.index: m.type for m in block.members}
        report = Report(
            rpt_id=block.text("RptID"),
            entries=[
                ReportEntry(
                    index, value, references.get(index), reason if block.option(REASON) else None, types.get(index)
                )
                for index, value, reason in entry.included
            ],
            sequence=number if block.option(SEQUENCE_NUMBER) else None,
            time=entry.time if block.option(TIME) else None,
            data_set=block.text("DatSet") if block.option(DATA_SET) else None,
            conf_rev=block.number("ConfRev") if block.option(CONF_REV) else None,
            members=block.size,
        )
        if block.buffer is not None:
            report.buffer_overflow = block.overflow if block.option(BUFFER_OVERFLOW) else None
            report.entry_id = entry.id if block.option(ENTRY_ID) else None
            block.overflow = False
            block.buffer.on_the_way = entry.number
            _show(block, entry)
        numbers = _UNBUFFERED_NUMBERS if block.buffer is None else _BUFFERED_NUMBERS
        block.leaves["SqNum"].value = (number + 1) % numbers
        block.owner.outbox.append(report)

    # --- buffers ----------------------------------------------------------------------------------------------------

    def restart(self, block: Block, now: datetime) -> None:
        """Begin anew after a setting was changed that the entries of a buffered block depend on: they are gone."""
        self.deactivate(block)
        self.purge(block)
        if block.text("DatSet"):
            self.activate(block, now)
        self.save(block)

    def purge(self, block: Block) -> None:
        """Empty the buffer of a block; events that wait for their buffer time are forgotten too."""
        assert block.buffer is not None
        block.buffer.purge()
        block.pending.clear()
        if block.buffer_due is not None:
            block.buffer_due, self._stale = None, True
        block.leaves["EntryID"].value, block.leaves["TimeofEntry"].value = bytes(8), EntryTime()
        self._unsaved.append(Purged(block.name))

    def save(self, block: Block) -> None:
        """Keep how a buffered block is set, and how far it has come."""
        self._unsaved.append(self._setup(block))

    def commit(self) -> None:
        """Keep what is new, before anything of it is sent."""
        if self._unsaved:
            records, self._unsaved = self._unsaved, []
            self._store.write(records)
            if self._store.full:
                self._store.renew(self._all())

    def restore(self, blocks: Iterable[Block], now: datetime) -> None:
        """Let buffered blocks begin, with what was kept of them."""
        self._buffered = list(blocks)
        kept: dict[str, list[Record]] = {block.name: [] for block in self._buffered}
        for record in self._store.read():
            if record.block in kept:
                kept[record.block].append(record)
        for block in self._buffered:
            self._restore(block, kept[block.name], now)
        self._store.replace(self._all())

    def _restore(self, block: Block, records: list[Record], now: datetime) -> None:
        buffer, data_set = block.buffer, 0
        assert buffer is not None
        for record in records:
            match record:
                case Setup() if record.configuration != block.configuration:
                    log.warning("%s: it is configured anew; the entries kept before are dropped", block.name)
                    break
                case Setup():
                    for name, value in record.values.items():
                        block.leaves[name].value = value
                    buffer.last = max(buffer.last, record.last)
                    buffer.evicted, buffer.arrived, data_set = record.evicted, record.arrived, record.data_set
                case Added():
                    buffer.restore(record.entry)
                case Purged():
                    buffer.purge()
        try:
            if block.text("DatSet"):
                self.activate(block, now)
        except (BadReference, ServiceRefused):
            log.warning("%s: its data set %s is gone", block.name, block.text("DatSet"))
            block.leaves["DatSet"].value = ""
        if buffer.entries and _checksum(block) != data_set:
            log.warning("%s: its data set is another one; %d entries are dropped", block.name, len(buffer.entries))
            buffer.purge()
        if buffer.entries:
            _show(block, buffer.entries[-1])

    def _setup(self, block: Block) -> Setup:
        buffer = block.buffer
        assert buffer is not None
        values: dict[str, DataValue] = {name: block.leaves[name].value for name in KEPT}
        return Setup(
            block.name, block.configuration, _checksum(block), values, buffer.last, buffer.evicted, buffer.arrived
        )

    def _all(self) -> Iterator[Record]:
        """Return what there is to keep now, whatever happens until it is taken."""
        found: list[Iterable[Record]] = []
        for block in self._buffered:
            assert block.buffer is not None
            found += ((self._setup(block),), map(Added, repeat(block.name), tuple(block.buffer.entries)))
        return chain.from_iterable(found)


def _show(block: Block, entry: Entry) -> None:
    block.leaves["EntryID"].value, block.leaves["TimeofEntry"].value = entry.id, entry.time


def _checksum(block: Block) -> int:
    return checksum([(member.index, str(member.reference), member.node.describe()) for member in block.members])
