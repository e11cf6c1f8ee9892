"""A log that is answered from the history of an access: what clients get by QueryLogByTime and QueryLogAfter."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

import attrs

from ...common.data.access import DataAccess
from ...common.data.tables import Binding
from ...common.data.value import Value
from ...common.errors import NotReachable, Refused, TimedOut, TypeConflict
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.logs import LogData, LogEntry, LogStatus
from ..acsi.references import Reference
from ..acsi.services import Reason
from ..acsi.types import DataValue, EntryTime, Timestamp
from ..engine.log import Range
from ..engine.values import read
from ..server import Server
from .objects import Field, Steps, data_object, field, quality_bits

log = logging.getLogger(__name__)

REACH = timedelta(days=400)
"""How far back is looked where a client asks from the beginning."""


@runtime_checkable
class Dated(Protocol):
    """An access that knows when its history begins: one that keeps much of it, to be asked for bit by bit."""

    async def earliest(self, name: str) -> datetime | None:
        """Return the time of the oldest value of a point; None if there is none."""
        ...


_MILLISECOND = timedelta(milliseconds=1)
_FIRST_LOOK, _LONGEST_LOOK = timedelta(minutes=1), timedelta(days=1)
_EPOCH = datetime(1984, 1, 1, tzinfo=UTC)


@attrs.frozen(slots=True, eq=False)
class _Member:
    """A data object that the log tells of, and its points."""

    reference: Reference
    fields: tuple[Field, ...]


class HistoryLog:
    """One log of a server (`engine.log.LogSource`).

    An entry is what the history has of one millisecond: each data object whole, with value, quality and time of its
    point; what no point of it says is as the model has it now. The EntryID is that millisecond with a number behind
    it, so that it means the same entry as long as the history has it, and in another life of the server too.

    Args:
        server: whose model has the log; it is told what the newest entry is.
        name: of the log, `LD/LN.name`.
        bindings: points that its control blocks tell of.
        access: that has the history.
        reach: how far back is looked where a client asks from the beginning.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        bindings: Iterable[Binding],
        access: DataAccess,
        *,
        reach: timedelta = REACH,
    ) -> None:
        self._server = server
        self._name = name
        self._access = access
        self._reach = reach
        found: dict[Reference, list[Field]] = defaultdict(list)
        for binding in bindings:
            reference = data_object(binding)
            node = server.engine.tree.find(reference)
            if node is not None:
                found[reference].append(field(binding, node.describe()))
        self._members = {reference: _Member(reference, tuple(fields)) for reference, fields in found.items()}
        self._status = LogStatus()

    @property
    def status(self) -> LogStatus:
        """The newest entry, and the oldest that any client has been told of."""
        return self._status

    async def entries(self, asked: Range, most: int) -> Sequence[LogEntry]:
        """Return the first entries of a range, `most` of them, and one more where there are more.

        Raises `ServiceRefused` for an entry that cannot have been in the log, and where the history is not reached.
        """
        members = [m for m in self._members.values() if asked.wanted is None or m.reference in asked.wanted]
        begin, end, edge = self._bounds(asked)
        found: list[LogEntry] = []
        begin, width = await self._from(members, begin, end)
        while begin < end and len(found) <= most:
            upto = min(begin + width, end)
            found += [entry for entry in await self._between(members, begin, upto) if entry.id >= edge]
            begin, width = upto, min(2 * width, _LONGEST_LOOK)
        self._note(found)
        return found[: most + 1]

    def told(self, time: datetime) -> None:
        """Take note that there is something of this time to tell; control blocks show it as the newest entry."""
        when = EntryTime.of(time)
        if when.milliseconds > self._status.newest_time.milliseconds:
            self._status = attrs.evolve(self._status, newest_time=when, newest=_number(when, 0))
            self._server.engine.logs.show(self._name, self._status)

    # --- a range -----------------------------------------------------------------------------------------------------

    def _bounds(self, asked: Range) -> tuple[datetime, datetime, bytes]:
        """Return from when until before when to look, and the least EntryID."""
        now = self._server.clock.now()
        reach = EntryTime.of(now - self._reach).datetime  # entries are whole milliseconds: none is cut
        begin = max(asked.start.datetime if asked.start is not None else _EPOCH, reach)
        end = (asked.stop.datetime if asked.stop is not None else now) + _MILLISECOND
        end = min(end, now + _MILLISECOND)
        edge = asked.after if asked.after is not None else asked.first
        if edge is None:
            return begin, end, bytes(8)
        number = int.from_bytes(edge)
        if len(edge) == 8 and 0 < number >> 16 <= EntryTime.of(now).milliseconds:
            least = number + (asked.after is not None)
            return _EPOCH + (number >> 16) * _MILLISECOND, end, least.to_bytes(8)
        if asked.start is None:
            why = f"the log has never had an entry {edge.hex()}"
            raise ServiceRefused(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, why, where=self._name)
        return begin, end, bytes(8)

    async def _from(self, members: Sequence[_Member], begin: datetime, end: datetime) -> tuple[datetime, timedelta]:
        """Return from when on to look, and how much to ask for at first: all of it, where that cannot be much."""
        if not isinstance(self._access, Dated):
            return (begin, end - begin) if members else (end, _FIRST_LOOK)
        names = [one.binding.point.name for member in members for one in member.fields]
        times = await asyncio.gather(*(self._access.earliest(name) for name in names))
        first = min((time for time in times if time is not None), default=end)
        return max(begin, EntryTime.of(first).datetime), _FIRST_LOOK

    async def _between(self, members: Sequence[_Member], begin: datetime, end: datetime) -> list[LogEntry]:
        """Return the entries from `begin` until before `end`."""
        columns = await asyncio.gather(*(self._member(member, begin, end) for member in members))
        moments: dict[int, list[list[LogData]]] = defaultdict(list)
        for column in columns:
            for milliseconds, several in column.items():
                rows = moments[milliseconds]
                for place, data in enumerate(several):
                    if place == len(rows):
                        rows.append([])
                    rows[place].append(data)
        return [
            LogEntry(_number(EntryTime(milliseconds), place), EntryTime(milliseconds), tuple(row))
            for milliseconds, rows in sorted(moments.items())
            for place, row in enumerate(rows)
        ]

    async def _member(self, member: _Member, begin: datetime, end: datetime) -> dict[int, list[LogData]]:
        """Return what there is of a data object by milliseconds; several values of one of them follow each other."""
        found: list[tuple[datetime, int, Value]] = []
        for place, one in enumerate(member.fields):
            for value in await self._history(one.binding.point.name, begin, end):
                if value.time is not None and value.value is not None and begin <= value.time < end:
                    found.append((value.time, place, value))
        found.sort(key=lambda each: each[:2])
        node = self._server.engine.tree.find(member.reference)
        assert node is not None
        state = read(node)
        told: dict[int, list[LogData]] = defaultdict(list)
        for time, place, value in found:
            try:
                state = _applied(state, member.fields[place], value)
            except TypeConflict as error:
                log.debug("%s: %s", member.reference, error)
                continue
            told[EntryTime.of(time).milliseconds].append(LogData(member.reference, state, Reason.DATA_CHANGE))
        return told

    async def _history(self, name: str, begin: datetime, end: datetime) -> Sequence[Value]:
        try:
            return await self._access.history(name, begin, end)
        except (NotReachable, TimedOut) as error:
            failed = ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT
            raise ServiceRefused(failed, error.message, where=self._name) from None
        except Refused as refused:
            log.debug("%s: %s", name, refused)
            return ()

    def _note(self, found: Sequence[LogEntry]) -> None:
        """Show what a query has seen as the oldest and the newest, if it is."""
        if not found:
            return
        first, last, known = found[0], found[-1], self._status
        if not known.oldest_time.milliseconds or first.time.milliseconds < known.oldest_time.milliseconds:
            known = attrs.evolve(known, oldest_time=first.time, oldest=first.id)
        if last.id > known.newest:
            known = attrs.evolve(known, newest_time=last.time, newest=last.id)
        if known is not self._status:
            self._status = known
            self._server.engine.logs.show(self._name, known)


def history_logs(
    server: Server, bindings: Mapping[str, Binding], access: DataAccess, *, reach: timedelta = REACH
) -> dict[str, HistoryLog]:
    """Have every log of the model that tells of these points answered from the history of the access.

    Returns for each point that is told of its log.
    """
    members: dict[str, set[Reference]] = defaultdict(set)
    for name, data_set in _logged(server):
        members[name].update(data_set)
    by_point: dict[str, HistoryLog] = {}
    for name, references in members.items():
        told = {point: binding for point, binding in bindings.items() if data_object(binding) in references}
        if not told:
            continue
        made = HistoryLog(server, name, told.values(), access, reach=reach)
        server.engine.logs.serve(name, made)
        by_point |= dict.fromkeys(told, made)
    return by_point


def _logged(server: Server) -> Iterator[tuple[str, tuple[Reference, ...]]]:
    """Yield each log with the members of the data set of each control block that writes into it."""
    for device in server.model.devices.values():
        for node in device.nodes.values():
            for control in node.log_controls.values():
                data_set = node.data_sets.get(control.data_set)
                if control.log and data_set is not None:
                    yield control.log, data_set.members


def _applied(state: DataValue, one: Field, value: Value) -> DataValue:
    """Return the value of a data object with that of a point in it; the former is left as it is."""
    assert value.value is not None
    state = _put(state, one.value, one.binding.to_wire(value.value))
    if one.quality is not None:
        state = _put(state, one.quality, quality_bits(value.quality).sound)
    if one.time is not None and value.time is not None:
        state = _put(state, one.time, Timestamp.of(value.time))
    return state


def _put(state: DataValue, way: Steps, leaf: DataValue) -> DataValue:
    if not way:
        return leaf
    assert isinstance(state, list)
    return [_put(part, way[1:], leaf) if place == way[0] else part for place, part in enumerate(state)]


def _number(time: EntryTime, place: int) -> bytes:
    return ((time.milliseconds << 16) + min(place, 0xFFFF)).to_bytes(8)
