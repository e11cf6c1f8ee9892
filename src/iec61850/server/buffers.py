"""Entries in a journal: a killed server finds them again. Here those of the buffers of reports."""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from ...common.errors import LocalError
from ...common.store import Durability, Journal
from ..acsi.services import Reason
from ..acsi.types import DataValue, EntryTime
from ..engine.buffer import Added, Entry, Purged, Record, Setup
from ..engine.keeping import spelled, unspelled

log = logging.getLogger(__name__)

_FLOOR = 1 << 20
"""Octets below which a journal is not worth replacing."""
_GROWTH = 4
"""How many times as large as what counts it may become."""


T = TypeVar("T")


class EntryJournal(ABC, Generic[T]):
    """An `EntryStore` in one file.

    A disk that fails must not stop the server: that is logged, it goes on, and everything is written anew as soon as
    the disk takes it again.
    """

    def __init__(self, path: Path | str, durability: Durability = Durability.PROCESS) -> None:
        self._journal = Journal(path, durability=durability)
        self._live = self._journal.size
        self._failing = False

    @staticmethod
    @abstractmethod
    def payload(record: T) -> bytes:
        """Return a record as it stands in the file."""

    @staticmethod
    @abstractmethod
    def record(found: dict[str, Any]) -> T:
        """Return the record that a payload is; raise `ValueError`, `TypeError` or `KeyError` if it is none."""

    def read(self) -> Iterator[T]:
        """Return what was kept, in order; what cannot be understood is left out."""
        for payload in self._journal.recovered():
            try:
                yield self.record(json.loads(payload))
            except (ValueError, TypeError, KeyError, LocalError) as error:
                log.warning("%s: a record is passed over: %s", self._journal.path, error)

    def write(self, records: Sequence[T]) -> None:
        """Append records."""
        try:
            self._journal.append(*map(self.payload, records))
        except LocalError as error:
            self._fails(error)

    @property
    def full(self) -> bool:
        """True when most of the file no longer counts, or something could not be written."""
        return self._failing or self._journal.size > max(_FLOOR, _GROWTH * self._live)

    def replace(self, records: Iterable[T]) -> None:
        """Put these records in the place of all."""
        try:
            self._journal.replace(map(self.payload, records))
            self._live = self._journal.size
        except LocalError as error:
            self._fails(error)
        else:
            if self._failing:
                log.warning("%s: the disk takes it again", self._journal.path)
            self._failing = False

    def close(self) -> None:
        """Close the file."""
        self._journal.close()

    def _fails(self, error: LocalError) -> None:
        if not self._failing:
            log.error("%s: the server goes on, but its entries would not survive the end of the process", error)
        self._failing = True


def _payload(record: Record) -> bytes:
    document: dict[str, Any]
    match record:
        case Added(block, entry):
            included = [[index, spelled(value), reason.value] for index, value, reason in entry.included]
            document = {"add": block, "number": entry.number, "time": entry.time.milliseconds, "included": included}
        case Purged(block):
            document = {"purge": block}
        case Setup(block):
            values = {name: spelled(value) for name, value in record.values.items()}
            document = {
                "setup": block, "configuration": record.configuration, "data_set": record.data_set, "values": values,
                "last": record.last, "evicted": record.evicted, "arrived": record.arrived,
            }  # fmt: skip
    return json.dumps(document, separators=(",", ":")).encode()


def _record(found: dict[str, Any]) -> Record:
    match found:
        case {"add": str(block), "number": int(number), "time": int(time), "included": list(included)}:
            members = tuple((int(index), unspelled(value), Reason(reason)) for index, value, reason in included)
            return Added(block, Entry(number, EntryTime(time), members))
        case {"purge": str(block)}:
            return Purged(block)
        case {"setup": str(block), "values": dict(values)}:
            kept: dict[str, DataValue] = {name: unspelled(value) for name, value in values.items()}
            configuration, data_set = int(found["configuration"]), int(found["data_set"])
            last, evicted, arrived = int(found["last"]), int(found["evicted"]), int(found["arrived"])
            return Setup(block, configuration, data_set, kept, last, evicted, arrived)
    raise ValueError("it is of an unknown kind")


class JournalStore(EntryJournal[Record]):
    """A `BufferStore` in one file."""

    payload = staticmethod(_payload)
    record = staticmethod(_record)
