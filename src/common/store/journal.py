"""A journal: records appended to one plain file, each with its checksum, so that a killed process loses none.

The framing is a core without input or output: `frame` makes the octets of a record, `scan` finds the records in octets
again and where they stop being whole. `Journal` binds it to a file. A record is

    length of the payload (4 octets, big-endian) | CRC-32 of length and payload (4 octets) | payload

behind a head of eight octets that names the format. What was cut off while it was written (a torn end) fails its
checksum or its length and is removed at the next opening; everything before it is kept.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self
from zlib import crc32

import attrs

from ..errors import LocalError

_LOCKS = True
try:
    import fcntl
except ImportError:  # not on every system: there, two processes must not share a journal
    _LOCKS = False

log = logging.getLogger(__name__)

HEAD = b"JGjrnl\x00\x01"
"""The first octets of a journal: name and version of the format."""
MOST = 16 << 20
"""Octets that a payload may have: a length above it is damage, and never asks for memory."""

_SYNC = 1 << 20
"""Octets of a renewal that may wait for the disk at most."""

_FRAME = struct.Struct(">II")
_LENGTH = struct.Struct(">I")


class Durability(Enum):
    """What a record survives once `append` has returned.

    `PROCESS`: the death of the process (the system has it). `POWER`: the loss of power too (it is on the disk); that
    costs a wait for the disk at each append.
    """

    PROCESS = "process"
    POWER = "power"


def frame(payload: bytes) -> bytes:
    """Return a record as it stands in the file; raise `LocalError` for more than `MOST` octets."""
    if len(payload) > MOST:
        raise LocalError(f"a record of a journal has at most {MOST} octets, not {len(payload)}")
    length = _LENGTH.pack(len(payload))
    return length + _LENGTH.pack(crc32(payload, crc32(length))) + payload


@attrs.frozen(slots=True)
class Scanned:
    """What `scan` found.

    Attributes:
        payloads: the records that are whole, in order.
        whole: octets that are good, from the start; what follows is torn or damaged.
    """

    payloads: list[bytes]
    whole: int


def scan(octets: bytes) -> Scanned:
    """Return the records in the octets of a journal file, up to the first that is not whole; never raises."""
    if octets[: len(HEAD)] != HEAD:
        return Scanned([], 0)
    payloads: list[bytes] = []
    at, end = len(HEAD), len(octets)
    while at + _FRAME.size <= end:
        length, check = _FRAME.unpack_from(octets, at)
        start = at + _FRAME.size
        if length > MOST or start + length > end:
            break
        payload = octets[start : start + length]
        if crc32(payload, crc32(octets[at : at + _LENGTH.size])) != check:
            break
        payloads.append(payload)
        at = start + length
    return Scanned(payloads, at)


class Journal:
    """A journal in a file, for one process at a time::

        journal = Journal(path)
        for payload in journal.recovered(): ...     # once, at the start
        journal.append(b"...", b"...")              # there to stay when this returns
        if journal.size > limit:
            journal.replace(live_payloads)          # rotation: the same file, only what still counts

    Opening makes the file where there is none, takes it for this process alone, and cuts off a torn end. Calls block
    for as long as the disk takes (with `Durability.PROCESS` some microseconds), and raise `LocalError` when it fails;
    a record that could not be written whole leaves no trace.

    Args:
        path: of the file; its directory is made where there is none.
        durability: what an appended record survives.
    """

    def __init__(self, path: Path | str, *, durability: Durability = Durability.PROCESS) -> None:
        self.path = Path(path)
        self.durability = durability
        self.cut = 0
        """Octets that were cut off at the opening because they were torn or damaged."""
        self.size = 0
        """Octets of the file."""
        self._recovered: list[bytes] = []
        self._file = self._open()
        try:
            self._recover()
        except BaseException:
            self.close()
            raise

    # --- opening ----------------------------------------------------------------------------------------------------

    def _open(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            while True:
                file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    self._lock(file)
                    if os.fstat(file).st_ino == os.stat(self.path).st_ino:
                        return file
                except FileNotFoundError:
                    pass  # replaced between opening and locking: the name means another file now
                except BaseException:
                    os.close(file)
                    raise
                os.close(file)
        except OSError as error:
            raise self._failed("opened", error) from None

    def _lock(self, file: int) -> None:
        if not _LOCKS:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(
                "another process has this journal open; give each server its own", where=str(self.path)
            ) from None

    def _recover(self) -> None:
        try:
            octets = self._read()
            found = scan(octets)
            if not found.whole and octets and not HEAD.startswith(octets):
                raise LocalError("this is no journal; it is left alone", where=str(self.path))
            self.cut = len(octets) - found.whole if found.whole else 0
            if self.cut:
                log.warning("%s: %d octets at the end are torn and cut off", self.path, self.cut)
            self._recovered, self.size = found.payloads, found.whole
            os.ftruncate(self._file, found.whole)
            os.lseek(self._file, found.whole, os.SEEK_SET)
            if not found.whole:
                self._write(HEAD)
            if not found.whole or self.cut:
                os.fsync(self._file)
                self._sync_directory()
        except OSError as error:
            raise self._failed("read", error) from None

    def _read(self) -> bytes:
        parts = []
        while part := os.read(self._file, 1 << 20):
            parts.append(part)
        return b"".join(parts)

    def recovered(self) -> list[bytes]:
        """Return the payloads that were there at the opening, oldest first; the second time none (memory is freed)."""
        found, self._recovered = self._recovered, []
        return found

    # --- writing ----------------------------------------------------------------------------------------------------

    def append(self, *payloads: bytes) -> None:
        """Append records, all at once, and return when they survive what `durability` says."""
        octets = b"".join(map(frame, payloads))
        before = self.size
        try:
            self._write(octets)
            if self.durability is Durability.POWER:
                os.fsync(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):  # no half record may stand before the next
                os.ftruncate(self._file, before)
                os.lseek(self._file, before, os.SEEK_SET)
                self.size = before
            raise self._failed("written", error) from None

    def sync(self) -> None:
        """Return when all records survive the loss of power."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._failed("written", error) from None

    def replace(self, payloads: Iterable[bytes]) -> None:
        """Put these records in the place of all; whatever happens meanwhile, the file holds the old ones or the new."""
        renewal = Renewal(self)
        try:
            renewal.add(payloads)
            renewal.finish()
        except BaseException:
            renewal.abandon()
            raise

    def close(self) -> None:
        """Close the file; it may be opened again from then on. Closing twice does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, octets: bytes) -> None:
        _write_all(self._file, octets)
        self.size += len(octets)

    def _take(self, file: int, size: int) -> None:
        """Go on in another file, which has our name by now."""
        os.close(self._file)
        self._file, self.size = file, size
        self._sync_directory()

    def _sync_directory(self) -> None:
        with contextlib.suppress(OSError):  # not every system lets a directory be opened
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def _failed(self, what: str, error: OSError) -> LocalError:
        return LocalError(f"the journal cannot be {what}: {error.strerror or error}", where=str(self.path))


class Renewal:
    """What a journal is to hold instead of all it has, written beside it a little at a time::

        renewal = Renewal(journal)
        renewal.add(live_payloads)  # as often as it takes; what is appended to the journal meanwhile comes behind
        renewal.finish()            # from here on it is the journal

    Until then the file holds the old records. A journal has one at a time. Raises `LocalError` when the disk fails;
    then `abandon` it.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._aside = journal.path.with_name(journal.path.name + ".new")
        self._size = self._synced = 0
        try:
            self._file = os.open(self._aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise journal._failed("replaced", error) from None
        try:
            journal._lock(self._file)
            self._write(HEAD)
        except BaseException:
            self.abandon()
            raise

    def add(self, payloads: Iterable[bytes]) -> None:
        """Write records behind those that were added before."""
        self._write(b"".join(map(frame, payloads)))

    def _write(self, octets: bytes) -> None:
        try:
            _write_all(self._file, octets)
            self._size += len(octets)
            if self._size - self._synced > _SYNC:  # so that there is never much to wait for
                os.fsync(self._file)
                self._synced = self._size
        except OSError as error:
            raise self._journal._failed("replaced", error) from None

    def finish(self) -> None:
        """Put the records that were added in the place of those that the journal has."""
        try:
            os.fsync(self._file)
            os.replace(self._aside, self._journal.path)
        except OSError as error:
            raise self._journal._failed("replaced", error) from None
        self._journal._take(self._file, self._size)
        self._file = -1

    def abandon(self) -> None:
        """Leave the journal as it is. It does nothing to one that is finished or abandoned."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            with contextlib.suppress(OSError):
                os.unlink(self._aside)


def _write_all(file: int, octets: bytes) -> None:
    left = memoryview(octets)
    while left:
        left = left[os.write(file, left) :]
