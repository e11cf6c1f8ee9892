"""Subscribing to a server's reports (IEC 61850-7-2 clause 17): finds a free instance, reserves and enables it.

Of a buffered block no report is lost: after a break the subscription opens the association anew, by itself, and goes
on after the last report that it has had.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import attrs

from ...common.errors import JanusGridError, LocalError, NotReachable, RemoteError, UnknownName
from ..acsi.errors import ServiceRefused
from ..acsi.plain import Plain, plain
from ..acsi.ports import ClientAssociation
from ..acsi.references import FC, Reference
from ..acsi.services import GetDataSetDirectory, Notification, Reason, Report, SetRCBValues
from ..acsi.types import DataValue, TypeDescription
from .blocks import Settings, instances, reserve, wanted
from .nodes import Nodes
from .returning import ATTEMPTS, Pauses, Returned

log = logging.getLogger(__name__)

_MOST_WAITING = 10_000
_MOST_KNOWN = 20_000
"""EntryIDs that are remembered: a server that does not know our last one sends its whole buffer again."""
_BACKOFF = ATTEMPTS

Reopen = Callable[[], Awaitable[tuple[ClientAssociation, Nodes]]]
"""Returns the present association, opened anew if it had ended."""


@attrs.frozen(slots=True)
class Update:
    """A report as people read it.

    Attributes:
        values: by reference (`LD/LN.DO`, `LD/LN.DO.DA`) the values that the report brings, structures as dicts.
        reasons: why each of them is there.
        time: when the server made it; None if it does not say.
        missed: how many reports were lost before this one, as far as sequence numbers tell.
        entry: of a buffered report its EntryID: who keeps it can go on after it in another life (`after=`).
        overflow: the server's buffer could not hold what happened before this one: some of it is lost.
        report: the report itself; each entry has its reference.
    """

    values: dict[str, Plain]
    reasons: dict[str, Reason]
    time: datetime | None
    missed: int
    report: Report
    entry: bytes | None = None
    overflow: bool = False


@attrs.frozen(slots=True)
class _Ended:
    """An association has ended."""

    association: ClientAssociation
    why: str


class Reports:
    """The reports of one control block, as an async iterator of `Update`.

        async with ied.report("LD/LLN0.urcbMeas") as reports:
            async for update in reports:
                ...

    Iterating without `async with` starts it too; it then ends with `close`, or with the association. With a buffered
    block it outlasts the association, if that can be opened anew: it comes back by itself, with growing delays, and
    each report is handed out once, in order.
    """

    def __init__(
        self,
        association: ClientAssociation,
        nodes: Nodes,
        block: Reference,
        settings: Settings,
        reopen: Reopen | None = None,
        returned: Returned | None = None,
    ) -> None:
        self.block = block
        """The instance that is used; before the start, what was asked for."""
        self.last_entry: bytes | None = settings.after
        """The EntryID of the last report of a buffered block that has arrived here."""
        self._association = association
        self._nodes = nodes
        self._settings = settings
        self._reopen = reopen
        self._returned = returned
        self._members: list[tuple[Reference, str, TypeDescription | None]] = []
        self._id = ""
        self._data_set = ""
        self._waiting: asyncio.Queue[Report | _Ended | None] = asyncio.Queue()
        self._segments: list[Report] = []
        self._sequence: int | None = None
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._dropped = 0
        self._behind = False
        """True if reports were left to the server's buffer: too many wait here, or one did not come."""
        self._started = False
        self._over = False
        self._stop: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        state = "over" if self._over else "enabled" if self._started else "not started"
        return f"<{type(self).__name__} {self.block} of {self._association.peer}, {state}>"

    @property
    def buffered(self) -> bool:
        """True if the block is a buffered one; known from the start on."""
        return self._started and self.block.fc is FC.BR

    # --- start and end ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Find a free instance, reserve it, set it and enable it.

        Raises:
            UnknownName: there is no such report control block.
            ServiceRefused: every instance is taken (`instance-in-use`), or the server refuses a setting.
        """
        if self._started:
            return
        self._started = True
        try:
            await self._open(await instances(self._nodes, self.block), first=True)
        except BaseException:
            await self.close()
            raise

    async def _open(self, blocks: list[Reference], *, first: bool) -> None:
        """Take one of the blocks and enable it, from where we are."""
        self.block, present = await reserve(self._association, blocks, self._settings.reserve)
        settings, interrogate = wanted(self._settings, present, buffered=self.buffered)
        name = str(dict(settings).get("DatSet", present["DatSet"]))
        if not name:
            raise LocalError("it has no data set; give one by data_set=", where=str(self.block))
        if first or name != self._data_set:
            self._data_set = name
            references = await self._association.call(GetDataSetDirectory(Reference.parse(name)))
            self._members = [(r, str(r.with_fc(None)), await self._type(r)) for r in references]
        self._id = str(present["RptID"])
        self._listen()
        if settings:
            await self._set(*settings)
        await self._enable()
        fresh = not self.buffered or self._settings.interrogate or self._settings.after is None
        if interrogate and first and fresh:
            await self._set(("GI", True))

    def _listen(self) -> None:
        for stop in self._stop:
            stop()
        association = self._association
        self._segments, self._sequence = [], None  # numbers begin anew with each enabling
        self._stop = [
            association.on_notification(self._take),
            association.on_end(lambda why: self._waiting.put_nowait(_Ended(association, why))),
        ]

    async def _enable(self) -> None:
        """Enable reporting, of a buffered block after the last report that we have had."""
        if self.buffered and self.last_entry is not None:
            try:
                await self._set(("EntryID", self.last_entry))
            except ServiceRefused as refused:  # then all that it has comes, and what we know is left out
                log.warning("%s: the server does not know the last entry: %s", self.block, refused)
        self._behind = False
        await self._set(("RptEna", True))

    async def _resume(self) -> None:
        """Come back after a break; return when reports flow again, raise what waiting does not help against."""
        assert self._reopen is not None
        pauses = Pauses(_BACKOFF, self._returned)
        try:
            while not self._over:
                pauses.look_out()
                try:
                    self._association, self._nodes = await self._reopen()
                    await self._open([self.block], first=False)
                except RemoteError as error:
                    log.info("%s: reports do not flow again yet: %s", self.block, error)
                    await pauses.pause()
                else:
                    log.info("%s: reports flow again", self.block)
                    return
        finally:
            pauses.close()

    async def _catch_up(self) -> None:
        """Fetch from the server's buffer what was not taken when too much waited here."""
        await self._set(("RptEna", False))
        self._sequence = None
        await self._enable()

    async def close(self) -> None:
        """Disable reporting and free the instance."""
        if self._over:
            return
        self._over = True
        for stop in self._stop:
            stop()
        if self._started and self.block.fc is not None:
            with contextlib.suppress(JanusGridError):
                await self._set(("RptEna", False))
                await self._set(("ResvTms", 0) if self.buffered else ("Resv", False))
        self._waiting.put_nowait(_Ended(self._association, "closed"))

    async def _set(self, *values: tuple[str, DataValue]) -> None:
        await self._association.call(SetRCBValues(self.block, values))

    async def _type(self, reference: Reference) -> TypeDescription | None:
        try:
            return (await self._nodes.constraints(reference)).get(reference.fc) if reference.fc else None
        except UnknownName:
            return None  # a member that names nothing: it will bring no value either

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- what comes in ----------------------------------------------------------------------------------------------

    def _take(self, notification: Notification) -> None:
        if not isinstance(notification, Report) or notification.rpt_id != self._id:
            return
        if notification.data_set is not None and notification.data_set != self._data_set:
            return
        whole = self._assembled(notification)
        if whole is None or self._behind:
            return
        entry = whole.entry_id
        if entry is not None and self.buffered:
            if entry not in self._known and self._lacks(whole):
                log.warning("%s: a report did not come; it is fetched from the buffer", self.block)
                self._behind = True
                self._waiting.put_nowait(None)  # whoever waits sees to it
                return
            self._count(whole)
            if entry in self._known:
                return
            if self._waiting.qsize() >= _MOST_WAITING:
                self._behind = True
                return
            self.last_entry = entry
            self._known[entry] = None
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        else:
            self._count(whole)
        if self._waiting.qsize() >= _MOST_WAITING:
            self._waiting.get_nowait()
            self._dropped += 1
        self._waiting.put_nowait(whole)

    def _lacks(self, report: Report) -> bool:
        """Return whether others were sent before this one that have not come."""
        if report.sequence is None or self._sequence is None:
            return False
        return 0 < (report.sequence - self._sequence - 1) % (1 << 16) < 1 << 15

    def _count(self, report: Report) -> None:
        """Count the reports that are missing before this one, as far as sequence numbers tell."""
        if report.sequence is not None:
            if self._sequence is not None:
                self._dropped += (report.sequence - self._sequence - 1) % (1 << 16 if self.buffered else 1 << 8)
            self._sequence = report.sequence

    def _assembled(self, report: Report) -> Report | None:
        """Return the whole report, once its last segment is there."""
        if report.sub_sequence is None:
            return report
        if report.sub_sequence == 0:
            self._segments = []
        others = self._segments and self._segments[0].sequence != report.sequence
        endless = len(self._segments) > len(self._members)  # there is at least one member in each
        if others or endless or report.sub_sequence != len(self._segments):
            why = "has more segments than members" if endless else "lacks a segment"
            log.warning("%s: a report %s; it is dropped", self.block, why)
            self._segments = []
            return None
        self._segments.append(report)
        if report.more_follows:
            return None
        segments, self._segments = self._segments, []
        entries = [entry for segment in segments for entry in segment.entries]
        return attrs.evolve(segments[0], entries=entries, sub_sequence=None, more_follows=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Update:
        """Return the next report; raise `NotReachable` when the association has ended and is not opened anew."""
        return self._update(await self.whole())

    async def whole(self) -> Report:
        """Return the next report as it is, each entry with its reference; raise as iterating does.

        For those who need no plain values: to make them takes longer than to decode the report.
        """
        await self.start()
        while True:
            if self._over and self._waiting.empty():
                raise StopAsyncIteration
            found = await self._next()
            if isinstance(found, Report):
                for entry in found.entries:
                    if entry.index < len(self._members):
                        entry.reference = self._members[entry.index][0]
                    else:
                        log.warning("%s: a report tells of member %d, which there is not", self.block, entry.index)
                return found
            if found is None or (found.association is not self._association and not self._over):
                continue  # the end of an association that we have left behind
            if self._over:
                self._waiting.put_nowait(found)
                raise StopAsyncIteration
            if not self.buffered or self._reopen is None:
                self._waiting.put_nowait(found)  # whoever asks again gets the same answer
                why = f"no more reports: the association has ended ({found.why})"
                raise NotReachable(why, where=str(self.block))
            await self._resume()

    async def _next(self) -> Report | _Ended | None:
        if self._behind and self._waiting.empty():
            try:
                await self._catch_up()
            except RemoteError as error:  # the end of the association waits behind it, or the server may answer later
                log.warning("%s: what is missing could not be fetched: %s", self.block, error)
                await asyncio.sleep(_BACKOFF.delay(0))
            return None
        return await self._waiting.get()

    def _update(self, report: Report) -> Update:
        missed, self._dropped = self._dropped, 0
        values: dict[str, Any] = {}
        reasons: dict[str, Reason] = {}
        for entry in report.entries:
            if entry.index >= len(self._members):
                continue
            _, name, description = self._members[entry.index]
            if name in values:  # the same name under two constraints
                name = str(entry.reference)
            values[name] = plain(entry.value, description, as_sent=True) if description else entry.value
            reasons[name] = entry.reason or Reason.NONE
        time = report.time.datetime if report.time else None
        return Update(values, reasons, time, missed, report, report.entry_id, bool(report.buffer_overflow))
