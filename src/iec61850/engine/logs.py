"""Logging (IEC 61850-7-2 clause 17.3): control blocks that write events into logs, and queries of the logs.

Several blocks may write into one log. What raises an entry is what raises a report (`watch`), without a buffer time:
all events of one moment are one entry of each block.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain, islice, repeat

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.logs import (
    GetLCBValues,
    GetLogStatusValues,
    LogData,
    LogEntry,
    LogPage,
    LogStatus,
    QueryLogAfter,
    QueryLogByTime,
    SetLCBValues,
)
from ..acsi.references import FC, BadReference, Reference
from ..acsi.services import Reason
from ..acsi.types import BitString, DataValue
from ..model.nodes import LogControl, Model
from .association import Association
from .datasets import DataSets
from .directory import unknown
from .entry_store import Nowhere
from .lcb import Block, block_of
from .log import BlockSetup, Log, Logged, LogLimits, LogRecord, LogSource, LogStore, Numbered, Range
from .steps import Steps, Wait, ask
from .tree import Node, Tree
from .values import fit, read
from .watch import Event, Member, Watch

log = logging.getLogger(__name__)

_E = ServiceError
_LOGGED = (1, 2, 3, 4)
"""The bits of TrgOps that mean something here: data change, quality change, data update, integrity."""


class Logs:
    """The logs of the model, and the control blocks that write into them."""

    def __init__(
        self,
        model: Model,
        tree: Tree,
        data_sets: DataSets,
        now: datetime,
        *,
        limits: LogLimits | None = None,
        store: LogStore | None = None,
    ) -> None:
        self._data_sets = data_sets
        self._store = store or Nowhere()
        self._unsaved: list[LogRecord] = []
        self.limits = limits or LogLimits()
        self._logs: dict[str, Log] = {}
        self._sources: dict[str, LogSource] = {}
        self._blocks: dict[Reference, Block] = {}
        self._watch: Watch[Block] = Watch()
        self._due: datetime | None = None
        begin: list[Block] = []
        for device in model.devices.values():
            for node in device.nodes.values():
                for name in node.logs:
                    where = f"{device.name}/{node.name}.{name}"
                    self._logs[where] = Log(where, self.limits)
                for control in node.log_controls.values():
                    block = self._make(model, tree, device.name, node.name, control)
                    if control.enabled:
                        begin.append(block)
        self._setters: dict[str, Callable[[Block, DataValue, datetime], None]] = {
            "LogEna": self._set_enabled,
            "LogRef": self._set_log,
            "DatSet": self._set_data_set,
            "TrgOps": self._set_triggers,
        }
        self._restore(begin, now)

    def _make(self, model: Model, tree: Tree, device: str, node: str, control: LogControl) -> Block:
        block, attribute = block_of(device, node, control, model.services)
        self._blocks[block.reference] = block
        tree.add(device, node, FC.LG, control.name, attribute)
        return block

    # --- services: control blocks -----------------------------------------------------------------------------------

    def get(self, request: GetLCBValues) -> dict[str, DataValue]:
        """Return all attributes of a block by name."""
        return {name: leaf.value for name, leaf in self._find(request.block).leaves.items()}

    def set(self, client: Association, request: SetLCBValues, now: datetime) -> None:
        """Set attributes of a block in order; raise `ServiceRefused` at the first that cannot be set."""
        block = self._find(request.block)
        try:
            for name, value in request.values:
                self._set(block, name, value, now)
        finally:
            self._commit()

    def write(
        self, client: Association, reference: Reference, node: Node, value: DataValue, now: datetime
    ) -> Steps[None]:
        """Write one attribute of a block as data (what MMS clients do)."""
        if len(reference.path) != 2:
            raise ServiceRefused(_E.ACCESS_VIOLATION, "set its attributes one by one", where=str(reference))
        block = self._find(Reference(reference.device, reference.node, reference.path[:1], reference.fc))
        try:
            self._set(block, reference.path[1], value, now)
        finally:
            self._commit()
        yield from ()  # other writers may ask the application; this one never does

    def _find(self, reference: Reference) -> Block:
        block = self._blocks.get(reference.with_fc(FC.LG))
        if block is None:
            raise unknown(reference)
        return block

    def _set(self, block: Block, name: str, value: DataValue, now: datetime) -> None:
        where = f"{block.name}.{name}"
        leaf = block.leaves.get(name)
        if leaf is None:
            raise unknown(where)
        try:
            if not leaf.settable:
                raise ServiceRefused(_E.ACCESS_VIOLATION, "it is read-only")
            held = fit(leaf, value)
            if block.enabled and name != "LogEna":
                raise ServiceRefused(_E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "disable logging first")
            before = leaf.value
            setter = self._setters.get(name)
            if setter is not None:
                setter(block, held, now)
            else:
                leaf.value = held
            if leaf.value != before:
                self._unsaved.append(BlockSetup(block.name, block.configuration, block.settings))
        except ServiceRefused as refused:
            refused.where = where
            raise

    def _set_enabled(self, block: Block, value: DataValue, now: datetime) -> None:
        if value and not block.enabled:
            self._begin(block, now)
        elif not value and block.enabled:
            block.leaves["LogEna"].value = False
            block.unfollow()
            self._watch.remove(block)
            self._plan()

    def _begin(self, block: Block, now: datetime) -> None:
        """Let a block write from now on; raise `ServiceRefused` if something that it needs is missing."""
        if block.text("LogRef") not in self._logs:
            raise ServiceRefused(_E.PARAMETER_VALUE_INCONSISTENT, "it has no log")
        name = block.text("DatSet")
        if not name:
            raise ServiceRefused(_E.PARAMETER_VALUE_INCONSISTENT, "it has no data set")
        try:
            data_set = self._data_sets.find(Reference.parse(name))
        except BadReference:
            raise unknown(name) from None
        block.follow(data_set.members, self._data_sets.members(data_set), now)
        self._watch.add(block)
        block.leaves["LogEna"].value = True
        self._plan()

    def _set_log(self, block: Block, value: DataValue, now: datetime) -> None:
        found = self._logs.get(str(value))
        if found is None:
            raise ServiceRefused(_E.PARAMETER_VALUE_INAPPROPRIATE, f"there is no log {value!r}")
        block.leaves["LogRef"].value = value
        block.show(found.status)

    def _set_data_set(self, block: Block, value: DataValue, now: datetime) -> None:
        assert isinstance(value, str)
        if value:
            try:  # one that only its association knows is not found either: the block outlives the association
                self._data_sets.find(Reference.parse(value))
            except (BadReference, ServiceRefused):
                raise ServiceRefused(_E.PARAMETER_VALUE_INAPPROPRIATE, f"there is no data set {value!r}") from None
        block.leaves["DatSet"].value = value

    def _set_triggers(self, block: Block, value: DataValue, now: datetime) -> None:
        assert isinstance(value, BitString)
        block.leaves["TrgOps"].value = BitString.of(*set(value.bits).intersection(_LOGGED), size=6)

    # --- services: logs ---------------------------------------------------------------------------------------------

    @property
    def served(self) -> bool:
        """True if there is a log."""
        return bool(self._logs)

    def find(self, reference: Reference) -> Log:
        """Return the log `LD/LN.name`; raise `ServiceRefused` if there is none."""
        found = self._logs.get(str(reference.with_fc(None)))
        if found is None:
            raise unknown(reference)
        return found

    def status(self, request: GetLogStatusValues) -> LogStatus:
        """Return what the oldest and the newest entry are."""
        found = self.find(request.log)
        source = self._sources.get(found.name)
        return found.status if source is None else source.status

    def serve(self, log: str, source: LogSource) -> None:
        """Have queries of a log, `LD/LN.name`, answered by `source`; control blocks write nothing into it any more."""
        self._sources[self.find(Reference.parse(log)).name] = source

    def show(self, log: str, status: LogStatus) -> None:
        """Show in the control blocks of a log what its source knows of its oldest and newest entry."""
        for block in self._blocks.values():
            if block.text("LogRef") == log:
                block.show(status)

    def by_time(self, client: Association, request: QueryLogByTime, now: datetime) -> Steps[LogPage]:
        """Return the first entries of a range of time."""
        return self._page((yield from self.select(request.log, Range(request.start, request.stop))))

    def after(self, client: Association, request: QueryLogAfter, now: datetime) -> Steps[LogPage]:
        """Return the first entries after one."""
        return self._page((yield from self.select(request.log, Range(request.time, after=request.entry))))

    def select(self, reference: Reference, asked: Range) -> Steps[Iterator[LogEntry]]:
        """Return entries of a log: all of them, or from a source one more than an answer may have."""
        found = self.find(reference)
        source = self._sources.get(found.name)
        if source is None:
            entries = found.select(asked.start, asked.stop, after=asked.after, first=asked.first)
            return entries if asked.wanted is None else only(entries, asked.wanted)
        most = self.limits.answer
        return iter((yield from ask(Wait(lambda: source.entries(asked, most), reference))))

    def _page(self, found: Iterator[LogEntry]) -> LogPage:
        entries = tuple(islice(found, self.limits.answer))
        return LogPage(entries, next(found, None) is not None)

    # --- events and time --------------------------------------------------------------------------------------------

    def notify(self, events: Iterable[Event], now: datetime) -> None:
        """Take note that leaves were updated, all at once."""
        for block, found in self._watch.raised(events).items():
            by_index = {member.index: member for member in block.members}
            self._write(block, [(by_index[index], Reason(found[index])) for index in sorted(found)], now)
        self._commit()

    def due(self) -> datetime | None:
        """Return when `tick` wants to be called next; None for not at all."""
        return self._due

    def tick(self, now: datetime) -> None:
        """Write the entries of integrity periods that are over."""
        if self._due is None or self._due > now:
            return
        for block in self._watch:
            if block.integrity_due is not None and block.integrity_due <= now:
                self._write(block, [(member, Reason.INTEGRITY) for member in block.members], now)
                block.integrity_done(now)
        self._plan()
        self._commit()

    def _plan(self) -> None:
        times = (block.integrity_due for block in self._watch if block.integrity_due is not None)
        self._due = min(times, default=None)

    def _write(self, block: Block, included: list[tuple[Member, Reason]], now: datetime) -> None:
        if not included:
            return
        found = self._logs[block.text("LogRef")]
        if found.name in self._sources:
            return
        data = tuple(LogData(member.reference, read(member.node), reason) for member, reason in included)
        self._unsaved.append(Logged(found.name, found.add(data, now)))
        self._show(found)

    def _show(self, found: Log) -> None:
        status = found.status
        for block in self._blocks.values():
            if block.text("LogRef") == found.name:
                block.show(status)

    # --- what outlives the process ----------------------------------------------------------------------------------

    def _commit(self) -> None:
        """Keep what is new, before any client can ask for it."""
        if self._unsaved:
            records, self._unsaved = self._unsaved, []
            self._store.write(records)
            if self._store.full:
                self._store.renew(self._all())

    def _all(self) -> Iterator[LogRecord]:
        """Return what there is to keep now, whatever happens until it is taken."""
        kept: list[Iterable[LogRecord]] = [
            [BlockSetup(block.name, block.configuration, block.settings) for block in self._blocks.values()]
        ]
        for found in self._logs.values():
            kept += ((Numbered(found.name, found.last),), map(Logged, repeat(found.name), tuple(found.entries)))
        return chain.from_iterable(kept)

    def _restore(self, begin: list[Block], now: datetime) -> None:
        """Go on where the server was when it ended, and let the blocks write that did, or shall."""
        enabled = dict.fromkeys(begin)
        by_name = {block.name: block for block in self._blocks.values()}
        gone: set[str] = set()
        for record in self._store.read():
            match record:
                case BlockSetup():
                    block = by_name.get(record.block)
                    if block is None or block.configuration != record.configuration:
                        continue  # what is configured anew begins as configured
                    for name, value in record.values.items():
                        block.leaves[name].value = value
                    enabled.pop(block, None)
                    if block.enabled:
                        block.leaves["LogEna"].value = False
                        enabled[block] = None
                case Numbered() if (found := self._logs.get(record.log)) is not None:
                    found.last = max(found.last, record.last)
                case Logged() if (found := self._logs.get(record.log)) is not None:
                    found.restore(record.entry)
                case Numbered() | Logged():
                    gone.add(record.log)
        for name in sorted(gone):
            log.warning("%s: there is no such log any more; its entries are dropped", name)
        for block in enabled:
            self._resume(block, now)
        for found in self._logs.values():
            self._show(found)
        self._store.replace(self._all())

    def _resume(self, block: Block, now: datetime) -> None:
        try:
            self._begin(block, now)
        except ServiceRefused as refused:
            log.warning("%s: it is to write into its log, but %s", block.name, refused.message)


def only(found: Iterator[LogEntry], wanted: frozenset[Reference]) -> Iterator[LogEntry]:
    """Yield the entries that tell of any of these, with just that."""
    for entry in found if wanted else ():
        # A whole log may be looked through for nothing: no text is made of what each entry has.
        data = tuple(one for one in entry.data if one.reference in wanted)
        if data:
            yield LogEntry(entry.id, entry.time, data)
