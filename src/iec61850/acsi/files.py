"""The file services as request classes, and the port of a server's file store (IEC 61850-7-2 clause 23).

A name is a path with `/` between its parts and none before the first: `COMTRADE/fault1.cfg`. A directory's name ends
with `/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import attrs

from ...common.errors import LocalError
from .services import Request

MOST_OCTETS = 64 * 1024 * 1024
"""What a client takes of one file if it says nothing else."""


@attrs.frozen(slots=True)
class FileEntry:
    """A file or directory of a server.

    Attributes:
        name: the whole path; of a directory with `/` at the end.
        size: octets; an estimate for some servers, 0 where it is unknown.
        modified: of the last change; None where the server does not say.
    """

    name: str
    size: int
    modified: datetime | None = None

    @property
    def is_directory(self) -> bool:
        """True for a directory."""
        return self.name.endswith("/")


@attrs.frozen(slots=True)
class GetServerFiles(Request[tuple[str, ...]]):
    """Names of the files and directories in the root: GetServerDirectory for the class FILE (clause 7.2.2)."""


@attrs.frozen(slots=True)
class GetFile(Request[bytes]):
    """The content of a file (clause 23.2.1). Raises `LocalError` if it has more than `limit` octets."""

    name: str
    limit: int = MOST_OCTETS

    def check(self, size: int) -> None:
        """Raise `LocalError` for a file of more octets than are wanted."""
        if size > self.limit:
            raise LocalError(f"it has more than {self.limit} octets; ask with a higher limit", where=self.name)


@attrs.frozen(slots=True)
class SetFile(Request[None]):
    """Write a file, whether there is one of that name or not (clause 23.2.2)."""

    name: str
    data: bytes = attrs.field(repr=False)


@attrs.frozen(slots=True)
class DeleteFile(Request[None]):
    """Delete a file (clause 23.2.3)."""

    name: str


@attrs.frozen(slots=True)
class RenameFile(Request[None]):
    """Give a file another name, which no file may have yet. MMS has it, the ACSI has not."""

    name: str
    new_name: str


@attrs.frozen(slots=True)
class GetFileAttributeValues(Request[tuple[FileEntry, ...]]):
    """Of a file itself, of a directory all that is in it, in ASCII order (clause 23.2.4); "" is the root."""

    name: str = ""


class OpenFile(Protocol):
    """A file that is being read: what it holds when it was opened, whatever becomes of its name."""

    @property
    def entry(self) -> FileEntry:
        """Name, size and time at its opening."""
        ...

    def read(self, position: int, count: int) -> bytes:
        """Return up to `count` octets from a position on; none at the end. Raises `ServiceRefused`."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class NewFile(Protocol):
    """A file that is being written: nobody sees it before `commit`."""

    def write(self, octets: bytes) -> None:
        """Append; raise `ServiceRefused` if it becomes too large."""
        ...

    def commit(self) -> None:
        """Put it in its place, at once and for good; raise `ServiceRefused`."""
        ...

    def discard(self) -> None:
        """Forget it; after `commit` this does nothing."""
        ...


class FileStore(Protocol):
    """Where a server has its files. Names come from clients: the store alone judges them.

    Every method raises `ServiceRefused`: instance-not-available for what there is not, parameter-value-inappropriate
    for a name that cannot be, access-violation for what is not allowed, instance-in-use for what is there already,
    failed-due-to-server-constraint where there is no room.
    """

    @property
    def writable(self) -> bool:
        """Whether clients may write, rename and delete."""
        ...

    def entries(self, name: str) -> Sequence[FileEntry]:
        """Return the file of that name, or what is in the directory of that name, in ASCII order."""
        ...

    def open(self, name: str) -> OpenFile:
        """Open a file for reading."""
        ...

    def create(self, name: str) -> NewFile:
        """Begin to write a file, which may replace one."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file."""
        ...

    def rename(self, name: str, new_name: str) -> None:
        """Rename a file."""
        ...
