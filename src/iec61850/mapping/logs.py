"""Logs as journals of MMS: a query is readJournal, answered with what fits (8-1 clause 17, second-hand).

An entry has, for each value, a variable with its reference as tag, and behind it the reason as the variable ReasonCode.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Generic

from ...common.errors import Malformed
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.logs import GetLogStatusValues, LogData, LogEntry, LogPage, LogStatus, QueryLogAfter, QueryLogByTime
from ..acsi.references import Reference
from ..acsi.services import Reason, Request
from ..acsi.types import BitString, DataValue, EntryTime, TypeDescription
from ..engine import Engine, Steps
from ..engine.log import Range
from ..mms import pdu
from ..mms.data import entry_time_from_octets, entry_time_to_octets
from .catalogue import unknown_name
from .names import dotted, from_full_text, full_text, object_name, of_list
from .reports import REASONS, decode_reason
from .values import decode, encode
from .wire import P, Parameters, Wire

REASON_CODE = "ReasonCode"
"""The tag of the variable that tells why the one before it is there."""

_NO_TIME = bytes(6)
_LAST_TIME = entry_time_to_octets(EntryTime((1 << 16) * 86_400_000 - 1))
_NO_ONE = pdu.ApplicationReference()
_INVOKE_ID = 0x7FFF_FFFF  # as long in BER as any
_LENGTHS = 12  # octets by which the lengths in front of the list grow with it (BER)
_STATUS = ("OldEntrTm", "NewEntrTm", "OldEntr", "NewEntr")

Ask = Callable[[pdu.ConfirmedServiceRequest, object], Awaitable[Any]]
Read = Callable[[Sequence[Reference]], Awaitable[list[DataValue | ServiceError]]]
Controls = Callable[[str], Awaitable[list[Reference]]]
"""Returns the log control blocks of a device; of all devices for ""."""


class LogServer(Generic[P]):
    """Queries of one association at the server."""

    def __init__(self, engine: Engine, wire: Wire[P], parameters: Parameters) -> None:
        self._logs = engine.logs
        self._tree = engine.tree
        self._types: dict[Reference, TypeDescription | None] = {}
        self._wire = wire
        self._parameters = parameters

    def read(self, request: pdu.ReadJournalRequest) -> Steps[pdu.ConfirmedServiceResponse]:
        """Return the entries that are asked for, as many as fit, and whether there are more of them."""
        most = self._logs.limits.answer
        found = yield from self._select(request)
        match request.range_stop_specification:
            case ("numberOfEntries", number):
                if number < 1:
                    why = "entries are counted onwards: a number above zero is wanted"
                    raise ServiceRefused(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, why)
                found = islice(found, number)
        page: list[pdu.JournalEntry] = []
        empty = self._size([])
        room = self._parameters.pdu_size - empty - _LENGTHS
        for entry in found:
            journaled = self._encode(entry)
            size = self._size([journaled]) - empty
            if size > room and not page:
                # Alone it is too large for the client: it learns that there is one, and goes on behind it.
                journaled = self._encode(LogEntry(entry.id, entry.time, ()))
            elif size > room or len(page) >= most:
                return ("readJournal", pdu.ReadJournalResponse(page, True))
            page.append(journaled)
            room -= size
        return ("readJournal", pdu.ReadJournalResponse(page, False))

    def _select(self, request: pdu.ReadJournalRequest) -> Steps[Iterator[LogEntry]]:
        name = of_list(request.journal_name)
        if name is None:
            raise unknown_name(request.journal_name)
        start: EntryTime | None = None
        stop: EntryTime | None = None
        first: bytes | None = None
        after: bytes | None = None
        match request.range_start_specification:
            case ("startingTime", octets):
                start = _time(octets)
            case ("startingEntry", octets):
                first = octets
        match request.range_stop_specification:
            case ("endingTime", octets):
                stop = _time(octets)
        if (behind := request.entry_to_start_after) is not None:
            after = behind.entry_specification
            if behind.time_specification != _NO_TIME:
                start = _time(behind.time_specification)
        wanted = None if request.list_of_variables is None else _references(request.list_of_variables)
        return (yield from self._logs.select(name, Range(start, stop, after, first, wanted)))

    def _encode(self, entry: LogEntry) -> pdu.JournalEntry:
        variables = []
        for one in entry.data:
            _, reason = REASONS[one.reason.value]
            value = encode(one.value, self._type(one.reference))
            variables.append(pdu.JournalVariable(full_text(one.reference), value))
            variables.append(pdu.JournalVariable(REASON_CODE, reason))  # type: ignore[arg-type]
        content = pdu.EntryContent(entry_time_to_octets(entry.time), ("data", pdu.EntryData(None, variables)))
        return pdu.JournalEntry(entry.id, _NO_ONE, content)

    def _type(self, reference: Reference) -> TypeDescription | None:
        """Return the type of a value, as which it goes into MMS; None where the model has nothing of the name now."""
        if reference not in self._types:
            node = self._tree.find(reference)
            self._types[reference] = None if node is None else node.describe()
        return self._types[reference]

    def _size(self, page: list[pdu.JournalEntry]) -> int:
        listing = pdu.ConfirmedResponsePDU(_INVOKE_ID, ("readJournal", pdu.ReadJournalResponse(page, True)))
        return self._wire.size(self._wire.encode(("confirmed-ResponsePDU", listing)))


def _time(octets: bytes) -> EntryTime:
    try:
        return entry_time_from_octets(octets)
    except Malformed as malformed:
        raise ServiceRefused(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, malformed.message) from None


def _references(tags: list[str]) -> frozenset[Reference]:
    """Return what tags of variables refer to; those that are none are in no entry either."""
    found = set()
    for tag in tags:
        with suppress(Malformed):
            found.add(from_full_text(tag))
    return frozenset(found)


def _decode(entry: pdu.JournalEntry) -> LogEntry:
    content = entry.entry_content
    time = entry_time_from_octets(content.occurrence_time)
    match content.entry_form:
        case ("data", found):
            return LogEntry(entry.entry_identifier, time, _data(found.list_of_variables or []))
        case _:  # a remark, which the ACSI does not know
            return LogEntry(entry.entry_identifier, time, ())


def _data(variables: list[pdu.JournalVariable]) -> tuple[LogData, ...]:
    """Return the values of an entry. Each reason belongs to the first value that has none yet; one alone, to all."""
    values: list[tuple[Reference, DataValue]] = []
    reasons: list[Reason] = []
    for variable in variables:
        if variable.variable_tag != REASON_CODE:
            values.append((from_full_text(variable.variable_tag), decode(variable.value_specification)))
            continue
        match variable.value_specification:
            case ("bit-string", (bits, size)):
                reasons.append(decode_reason(BitString(bits, size)))
            case (kind, _):
                raise Malformed(f"the reason of a log entry is {kind}, no bit string")
    if len(reasons) == 1:
        reasons *= len(values)
    reasons += [Reason.NONE] * (len(values) - len(reasons))
    return tuple(LogData(*value, reason) for value, reason in zip(values, reasons, strict=False))


class LogClient:
    """The services on logs at the client."""

    def __init__(self, ask: Ask, read: Read, controls: Controls, peer: str) -> None:
        self._ask = ask
        self._read = read
        self._controls = controls
        self._peer = peer
        self._found: dict[Reference, Reference] = {}
        """For each log a control block that shows its status."""
        self.services: dict[type[Request[Any]], Callable[[Any], Awaitable[Any]]] = {
            QueryLogByTime: self._by_time,
            QueryLogAfter: self._after,
            GetLogStatusValues: self._status,
        }

    async def _by_time(self, request: QueryLogByTime) -> LogPage:
        # Both ends are always given: servers reject a question that leaves one open (docs, interoperability).
        start = entry_time_to_octets(request.start) if request.start is not None else _NO_TIME
        stop = entry_time_to_octets(request.stop) if request.stop is not None else _LAST_TIME
        journal = object_name(request.log.with_fc(None))
        question = pdu.ReadJournalRequest(journal, ("startingTime", start), ("endingTime", stop))
        return await self._query(question, request.log)

    async def _after(self, request: QueryLogAfter) -> LogPage:
        question = pdu.ReadJournalRequest(object_name(request.log.with_fc(None)))
        time = entry_time_to_octets(request.time) if request.time is not None else _NO_TIME
        question.entry_to_start_after = pdu.EntryToStartAfter(time, request.entry)
        return await self._query(question, request.log)

    async def _query(self, question: pdu.ReadJournalRequest, log: Reference) -> LogPage:
        page: pdu.ReadJournalResponse = await self._ask(("readJournal", question), log)
        return LogPage(tuple(map(_decode, page.list_of_journal_entry)), page.more_follows)

    async def _status(self, request: GetLogStatusValues) -> LogStatus:
        """Read the status in a control block of the log, as the mapping has it: logs have no attributes in MMS."""
        log = request.log.with_fc(None)
        block = self._found.get(log)
        status = await self._shown(block, log) if block is not None else None
        if status is None:
            block = self._found[log] = await self._block_of(log)
            status = await self._shown(block, log)
        if status is None:
            raise Malformed(f"{block} does not show its log's status", where=self._peer)
        return status

    async def _shown(self, block: Reference, log: Reference) -> LogStatus | None:
        """Return what a control block shows of a log; None if it names another one by now."""
        name, *values = await self._read([block.child(part) for part in ("LogRef", *_STATUS)])
        for value in values:
            if isinstance(value, ServiceError):
                raise ServiceRefused(value, where=str(log))
        match values:
            case [EntryTime() as oldest_time, EntryTime() as newest_time, bytes(oldest), bytes(newest)]:
                return LogStatus(oldest_time, newest_time, oldest, newest) if _names(name, log) else None
        return None

    async def _block_of(self, log: Reference) -> Reference:
        """Return a control block that names a log; those of its device are asked first."""
        for device in (log.device, ""):
            blocks = await self._controls(device)
            names = await self._read([block.child("LogRef") for block in blocks])
            if ServiceError.ACCESS_VIOLATION in names:
                raise ServiceRefused(
                    ServiceError.ACCESS_VIOLATION, "log control blocks may not be read", where=str(log)
                )
            for block, name in zip(blocks, names, strict=True):
                if _names(name, log):
                    return block
        why = "no log control block of the server names this log, and only there its status would be seen"
        raise ServiceRefused(ServiceError.INSTANCE_NOT_AVAILABLE, why, where=str(log))


def _names(value: DataValue | ServiceError, log: Reference) -> bool:
    return isinstance(value, str) and dotted(value) == str(log)
