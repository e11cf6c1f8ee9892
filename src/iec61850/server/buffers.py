"""Entries in a journal: a killed server finds them again. Here those of the buffers of reports."""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from ...common.errors import LocalError
from ...common.store import Durability, Journal, Renewal
from ..acsi.services import Reason
from ..acsi.types import DataValue, EntryTime
from ..engine.buffer import Added, Entry, Purged, Record, Setup
from ..engine.keeping import spelled, unspelled

log = logging.getLogger(__name__)

_FLOOR = 1 << 20
"""Octets below which a journal is not worth replacing."""
_GROWTH = 4
"""How many times as large as what counts it may become."""
_STEP = 64
"""Records of a renewal that are written at a time: that takes less than a millisecond."""


T = TypeVar("T")


class EntryJournal(ABC, Generic[T]):
    """An `EntryStore` in one file.

    A disk that fails must not stop the server: that is logged, it goes on, and everything is written anew as soon as
    the disk takes it again.
    """

    consequence = "the server goes on, but its entries would not survive the end of the process"
    """What it means that the disk fails, for the log."""

    def __init__(self, path: Path | str, durability: Durability = Durability.PROCESS) -> None:
        self._journal = Journal(path, durability=durability)
        self._live = self._journal.size
        self._failing = False
        self._renewal: Renewal | None = None
        self._pending: Iterator[T] = iter(())
        self._come: list[bytes] = []
        """What was written since the renewal began."""

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
        """Append records; go on with a renewal."""
        payloads = list(map(self.payload, records))
        try:
            self._journal.append(*payloads)
            self._go_on(payloads)
        except LocalError as error:
            self._fails(error)

    def _go_on(self, payloads: list[bytes]) -> None:
        """Write some more of what counts beside the file, and what has just come; put it in its place at the end.

        What has come stands behind all that was there before it: it waits until that is written.
        """
        if self._renewal is None:
            return
        self._come += payloads
        some = [self.payload(record) for record in islice(self._pending, _STEP + _GROWTH * len(payloads))]
        if some:
            self._renewal.add(some)
            return
        self._renewal.add(self._come)
        self._renewal.finish()
        self._end_renewal()
        self._live = self._journal.size

    @property
    def full(self) -> bool:
        """True when most of the file no longer counts, or something could not be written."""
        grown = self._renewal is None and self._journal.size > max(_FLOOR, _GROWTH * self._live)
        return self._failing or grown

    def renew(self, records: Iterable[T]) -> None:
        """Put these records and what is written from now on in the place of all, a little with every `write`.

        After a failure all at once: what could not be written must not be lost longer than the disk needs.
        """
        if self._failing:
            self.replace(records)
            return
        try:
            self._renewal, self._pending = Renewal(self._journal), iter(records)
        except LocalError as error:
            self._fails(error)

    def replace(self, records: Iterable[T]) -> None:
        """Put these records in the place of all, at once."""
        self._end_renewal()
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
        """Close the file; what was not yet renewed stays as it is."""
        self._end_renewal()
        self._journal.close()

    def _end_renewal(self) -> None:
        if self._renewal is not None:
            self._renewal.abandon()
        self._renewal, self._pending, self._come = None, iter(()), []

    def _fails(self, error: LocalError) -> None:
        if not self._failing:
            log.error("%s: %s", error, self.consequence)
        self._failing = True
        self._end_renewal()


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
