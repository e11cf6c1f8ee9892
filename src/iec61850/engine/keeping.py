"""What a server keeps beyond its own life: setting groups, and data sets that clients have made.

The engine knows only a port, `Store`, for small documents by name. Without one, what clients set is gone with the
process.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.types import BitString, DataValue, EntryTime, Quality, Timestamp

log = logging.getLogger(__name__)

Document = dict[str, Any]
"""What JSON can hold."""


class Store(Protocol):
    """Keeps documents by name."""

    def load(self, name: str) -> Document | None:
        """Return the document of that name, None if there is none."""
        ...

    def save(self, name: str, document: Document) -> None:
        """Keep a document in place of any before; return once it is safe, raise `OSError` if it cannot be kept."""
        ...


class Keeping:
    """The store of an engine, or none."""

    def __init__(self, store: Store | None) -> None:
        self._store = store

    def load(self, name: str) -> Document | None:
        """Return the document of that name, None if there is none that can be read."""
        try:
            return self._store.load(name) if self._store else None
        except (OSError, ValueError) as error:
            self.passed_over(name, error)
            return None

    def save(self, name: str, document: Document) -> None:
        """Keep a document before the client is told; raise `ServiceRefused` if it cannot be kept."""
        try:
            if self._store is not None:
                self._store.save(name, document)
        except OSError as error:
            log.error("%s cannot be kept: %s", name, error)
            why = "it cannot be kept"
            raise ServiceRefused(ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT, why, where=name) from None

    @staticmethod
    def passed_over(what: str, error: Exception) -> None:
        """Take note that something kept is of no use any more."""
        log.warning("%s was kept, but is passed over: %s", what, error)


def spelled(value: DataValue) -> Any:
    """Return a value as a document holds it."""
    match value:
        case BitString():
            return {"bits": str(value)}
        case Quality(bits):
            return {"quality": bits}
        case Timestamp():
            quality = [value.leap_seconds_known, value.clock_failure, value.clock_not_synchronized, value.accuracy]
            return {"time": [value.seconds, value.fraction, *quality]}
        case EntryTime(milliseconds):
            return {"entry": milliseconds}
        case bytes():
            return {"octets": value.hex()}
        case list():
            return [spelled(one) for one in value]
    return value


def unspelled(found: Any) -> DataValue:
    """Return the value that a document holds; raise `ValueError` or `TypeError` if it holds none."""
    match found:
        case {"bits": str(text)}:
            return BitString(int(text, 2) if text else 0, len(text))
        case {"quality": int(bits)}:
            return Quality(bits)
        case {"time": [*parts]}:
            return Timestamp(*parts)
        case {"entry": int(milliseconds)}:
            return EntryTime(milliseconds)
        case {"octets": str(text)}:
            return bytes.fromhex(text)
        case list():
            return [unspelled(one) for one in found]
        case Mapping():
            raise ValueError(f"{found!r} is no value")
    return found  # type: ignore[no-any-return]
