"""The files of a server: a store, and what each association has open in it (IEC 61850-7-2 clause 23)."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.files import (
    DeleteFile,
    FileEntry,
    FileStore,
    GetFile,
    GetFileAttributeValues,
    OpenFile,
    RenameFile,
    SetFile,
)
from .association import Association

_BLOCK = 256 * 1024


@attrs.define(slots=True)
class _Reading:
    file: OpenFile
    position: int


class Files:
    """File services. `per_association` and `total` bound how many files are open for reading at the same time."""

    def __init__(self, per_association: int = 10, total: int = 100) -> None:
        self._store: FileStore | None = None
        self._per_association = per_association
        self._total = total
        self._open: dict[Association, dict[int, _Reading]] = {}
        self._last_handle = 0

    @property
    def store(self) -> FileStore:
        """The store; raises `ServiceRefused` if the server has none."""
        if self._store is None:
            raise ServiceRefused(ServiceError.CLASS_NOT_SUPPORTED, "this server has no files")
        return self._store

    @store.setter
    def store(self, store: FileStore) -> None:
        self._store = store

    @property
    def served(self) -> bool:
        """Whether there are files."""
        return self._store is not None

    @property
    def writable(self) -> bool:
        """Whether there are files that clients may change."""
        return self._store is not None and self._store.writable

    # --- whole services ---------------------------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Return what is in the root: GetServerDirectory for files."""
        return tuple(entry.name for entry in self.store.entries(""))

    def attributes(self, request: GetFileAttributeValues) -> tuple[FileEntry, ...]:
        """Return the attributes of a file, or of all that a directory holds."""
        return tuple(self.store.entries(request.name))

    def entries(self, name: str) -> Sequence[FileEntry]:
        """Return the same, for a mapping that takes it page by page."""
        return self.store.entries(name)

    def get(self, request: GetFile) -> bytes:
        """Return a file's content."""
        file = self.store.open(request.name)
        try:
            found = bytearray()
            while block := file.read(len(found), _BLOCK):
                found += block
                request.check(len(found))
            return bytes(found)
        finally:
            file.close()

    def set(self, request: SetFile) -> None:
        """Write a file."""
        new = self.store.create(request.name)
        try:
            for start in range(0, len(request.data), _BLOCK):
                new.write(request.data[start : start + _BLOCK])
            new.commit()
        finally:
            new.discard()

    def delete(self, request: DeleteFile) -> None:
        """Delete a file."""
        self.store.delete(request.name)

    def rename(self, request: RenameFile) -> None:
        """Rename a file."""
        self.store.rename(request.name, request.new_name)

    # --- block by block, as MMS reads -------------------------------------------------------------------------------

    def open(self, association: Association, name: str, position: int = 0) -> tuple[int, FileEntry]:
        """Open a file for reading from a position on; return its handle and its attributes."""
        handles = self._open.get(association, {})
        if len(handles) >= self._per_association or sum(map(len, self._open.values())) >= self._total:
            raise ServiceRefused(
                ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT, f"too many files are open, {len(handles)} of them here"
            )
        file = self.store.open(name)
        if not 0 <= position <= file.entry.size:
            file.close()
            raise ServiceRefused(ServiceError.PARAMETER_VALUE_INCONSISTENT, f"it ends before octet {position}")
        self._last_handle = self._last_handle % 0x7FFF_FFFF + 1
        self._open.setdefault(association, {})[self._last_handle] = _Reading(file, position)
        return self._last_handle, file.entry

    def read(self, association: Association, handle: int, count: int) -> tuple[bytes, bool]:
        """Return the next octets of an open file, at most `count`, and whether there are more."""
        reading = self._find(association, handle)
        left = reading.file.entry.size - reading.position
        octets = reading.file.read(reading.position, min(count, left))
        reading.position += len(octets)
        return octets, 0 < len(octets) < left

    def close(self, association: Association, handle: int) -> None:
        """Close an open file."""
        self._find(association, handle).file.close()
        handles = self._open[association]
        del handles[handle]
        if not handles:
            del self._open[association]

    def release(self, association: Association) -> None:
        """Close all that an association has open."""
        for reading in self._open.pop(association, {}).values():
            reading.file.close()

    def _find(self, association: Association, handle: int) -> _Reading:
        found = self._open.get(association, {}).get(handle)
        if found is None:
            raise ServiceRefused(ServiceError.INSTANCE_NOT_AVAILABLE, f"no file is open as {handle}")
        return found
