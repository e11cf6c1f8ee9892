"""Logs as a client reads them: entries by time, or after one that it has, page by page as it goes (7-2 clause 17.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import attrs

from ...common.errors import LocalError, Malformed, UnknownName
from ..acsi.logs import GetLogStatusValues, LogEntry, LogPage, LogStatus, QueryLogAfter, QueryLogByTime
from ..acsi.plain import Plain, plain
from ..acsi.ports import ClientAssociation
from ..acsi.references import BadReference, Reference
from ..acsi.services import Reason
from ..acsi.types import DataValue, EntryTime, TypeDescription
from .nodes import Nodes


@attrs.frozen(slots=True)
class LogUpdate:
    """An entry of a log as people read it.

    Attributes:
        id: its EntryID: who keeps it can go on after it in another life (`after=`).
        time: when the server made it.
        values: by reference (`LD/LN.DO`, `LD/LN.DO.DA`) the values that it tells, structures as dicts; none where the
            entry was too large for the association.
        reasons: why each of them is there.
        entry: the entry itself.
    """

    id: bytes
    time: datetime
    values: dict[str, Plain]
    reasons: dict[str, Reason]
    entry: LogEntry


class Log:
    """One log of a server. Get it by `Ied.log`.

    ::

        async for update in ied.log("LD0/LLN0.EventLog").entries(start=yesterday):
            print(update.time, update.values)
    """

    def __init__(self, association: ClientAssociation, nodes: Nodes, reference: Reference) -> None:
        self.reference = reference
        self._association = association
        self._nodes = nodes
        self._types: dict[Reference, TypeDescription | None] = {}

    async def status(self) -> LogStatus:
        """Return time and EntryID of the oldest and the newest entry; of an empty log all zero.

        Over MMS they are read in a control block that names the log; raises `ServiceRefused` if there is none.
        """
        return await self._association.call(GetLogStatusValues(self.reference))

    async def entries(
        self,
        *,
        start: datetime | None = None,
        stop: datetime | None = None,
        after: bytes | LogUpdate | None = None,
    ) -> AsyncIterator[LogUpdate]:
        """Yield the entries from a time to a time, both included, oldest first; more are asked for as they are wanted.

        With `after` (an EntryID, or an entry) those behind it. Where the server knows it no more, it goes on with the
        oldest that it has; where it has never known it, with `start`, or it refuses. It ends with the first answer that
        is wholly later than `stop`. Raises `LocalError` for a time without a zone.
        """
        begin, end = _entry_time(start), _entry_time(stop)
        if after is None:
            page = await self._association.call(QueryLogByTime(self.reference, begin, end))
        else:
            entry = after.id if isinstance(after, LogUpdate) else after
            begin = after.entry.time if isinstance(after, LogUpdate) else begin
            page = await self._association.call(QueryLogAfter(self.reference, entry, begin))
        while True:
            beyond = 0
            for entry_ in page.entries:
                if end is not None and entry_.time.milliseconds > end.milliseconds:
                    beyond += 1
                else:
                    yield await self._update(entry_)
            if not page.more_follows or (beyond and beyond == len(page.entries)):
                return
            page = await self._next(page)

    async def _next(self, page: LogPage) -> LogPage:
        """Return the page behind one; raise `Malformed` for a server that does not get on."""
        known = {entry.id for entry in page.entries}
        if page.entries:
            last = page.entries[-1]
            page = await self._association.call(QueryLogAfter(self.reference, last.id, last.time))
        if not known or any(entry.id in known for entry in page.entries) or (page.more_follows and not page.entries):
            raise Malformed("the server has more entries to follow, but gives none", where=str(self.reference))
        return page

    async def _update(self, entry: LogEntry) -> LogUpdate:
        values: dict[str, Plain] = {}
        reasons: dict[str, Reason] = {}
        for one in entry.data:
            name = str(one.reference.with_fc(None))
            values[name] = await self._plain(one.reference, one.value)
            reasons[name] = one.reason
        return LogUpdate(entry.id, entry.time.datetime, values, reasons, entry)

    async def _plain(self, reference: Reference, value: DataValue) -> Plain:
        """Return a value as people see it; as it is, where the server has nothing of that name any more."""
        if reference not in self._types:
            try:
                found = await self._nodes.constraints(reference)
            except UnknownName:
                found = {}
            self._types[reference] = next(iter(found.values()), None)
        description = self._types[reference]
        return value if description is None else plain(value, description)


def named(text: str) -> Reference:
    """Return the reference of a log, `LD/LN.name` or as MMS writes it, `LD/LN$name`; raise `BadReference`."""
    found = Reference.parse(text.replace("$", "."))
    if not found.path:
        raise BadReference("a log is called LD/LN.name", where=text)
    return found


def _entry_time(time: datetime | None) -> EntryTime | None:
    if time is not None and time.tzinfo is None:
        raise LocalError(f"{time} has no time zone")
    return None if time is None else EntryTime.of(time)
