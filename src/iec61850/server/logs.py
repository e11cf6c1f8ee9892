"""Logs in a journal: a killed server finds their entries again."""

from __future__ import annotations

import json
from typing import Any

from ..acsi.logs import LogData, LogEntry
from ..acsi.references import Reference
from ..acsi.services import Reason
from ..acsi.types import DataValue, EntryTime
from ..engine.keeping import spelled, unspelled
from ..engine.log import BlockSetup, Logged, LogRecord, Numbered
from .buffers import EntryJournal


def _payload(record: LogRecord) -> bytes:
    document: dict[str, Any]
    match record:
        case Logged(log, entry):
            data = [[str(one.reference), spelled(one.value), one.reason.value] for one in entry.data]
            document = {"log": log, "id": entry.id.hex(), "time": entry.time.milliseconds, "data": data}
        case Numbered(log, last):
            document = {"numbered": log, "last": last}
        case BlockSetup(block, configuration):
            values = {name: spelled(value) for name, value in record.values.items()}
            document = {"setup": block, "configuration": configuration, "values": values}
    return json.dumps(document, separators=(",", ":")).encode()


def _record(found: dict[str, Any]) -> LogRecord:
    match found:
        case {"log": str(log), "id": str(id), "time": int(time), "data": list(data)}:
            told = tuple(LogData(Reference.parse(name), unspelled(value), Reason(bits)) for name, value, bits in data)
            number = bytes.fromhex(id)
            if len(number) != 8:
                raise ValueError("an EntryID has eight octets")
            return Logged(log, LogEntry(number, EntryTime(time), told))
        case {"numbered": str(log), "last": int(last)}:
            return Numbered(log, last)
        case {"setup": str(block), "configuration": int(configuration), "values": dict(values)}:
            kept: dict[str, DataValue] = {name: unspelled(value) for name, value in values.items()}
            return BlockSetup(block, configuration, kept)
    raise ValueError("it is of an unknown kind")


class LogJournal(EntryJournal[LogRecord]):
    """A `LogStore` in one file."""

    payload = staticmethod(_payload)
    record = staticmethod(_record)
