"""A folder of this machine as a server's file store, out of which no name leads (`acsi.files.FileStore`).

Each part of a name is opened below the one before it, and never through a symbolic link: there is no moment at which
somebody could exchange a directory for a link. What is no plain file or directory is not there for clients.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import attrs

from ...common.errors import LocalError
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.files import FileEntry

_E = ServiceError
_PART = re.compile(r"""(?![. ])[ !#-)+-.0-9;=@-\[\]-{}~]{1,255}(?<![. ])""")
"""A part of a name: printable ASCII without what some system takes for something else (`" * / : < > ? \\ |`), neither
hidden (a leading dot) nor ending in what some systems leave out."""
_LONGEST, _DEEPEST = 255, 16
_ERRORS = {
    errno.ENOENT: _E.INSTANCE_NOT_AVAILABLE,
    errno.ENOTDIR: _E.INSTANCE_NOT_AVAILABLE,
    errno.ELOOP: _E.INSTANCE_NOT_AVAILABLE,  # a symbolic link: there is nothing for clients
    errno.ENXIO: _E.INSTANCE_NOT_AVAILABLE,  # a socket
    errno.EISDIR: _E.ACCESS_VIOLATION,
    errno.EACCES: _E.ACCESS_VIOLATION,
    errno.EPERM: _E.ACCESS_VIOLATION,
    errno.EROFS: _E.ACCESS_VIOLATION,
    errno.EEXIST: _E.INSTANCE_IN_USE,
    errno.ENAMETOOLONG: _E.PARAMETER_VALUE_INAPPROPRIATE,
}
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """The files below `root`.

    Args:
        root: a directory, which has to exist.
        writable: whether clients may write, rename and delete; else they only read.
        largest: octets of a file that a client writes.
        most: files and directories listed of one directory; with as many a directory is full for clients.

    Raises `LocalError` if there is no such directory.
    """

    def __init__(
        self, root: Path | str, *, writable: bool = False, largest: int = 16 * 1024 * 1024, most: int = 10_000
    ) -> None:
        self.root = Path(root)
        self.writable = writable
        self.largest = largest
        self.most = most
        if not self.root.is_dir():
            raise LocalError("there is no such directory", where=str(root))

    def entries(self, name: str) -> list[FileEntry]:
        """Return the file of that name, or what is in the directory of that name (see the port)."""
        parts = _parts(name, root=True)
        if parts:
            with self._parent(parts, name) as parent:
                found = os.stat(parts[-1], dir_fd=parent, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    return [_entry("/".join(parts), found)]
        with self._directory(parts, name) as directory, os.scandir(directory) as listed:
            prefix = "".join(f"{part}/" for part in parts)
            entries = [entry for entry in (_listed(prefix, one) for one in listed) if entry is not None]
        return sorted(entries, key=lambda entry: entry.name)[: self.most]

    def open(self, name: str) -> _Reading:
        """Open a file for reading (see the port)."""
        parts = _parts(name)
        with self._parent(parts, name) as parent:
            descriptor = os.open(parts[-1], _READ, dir_fd=parent)
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                os.close(descriptor)
                raise ServiceRefused(_E.ACCESS_VIOLATION, "it is no file", where=name)
            return _Reading(descriptor, _entry("/".join(parts), found))

    def create(self, name: str) -> _Writing:
        """Begin to write a file, whose directory has to exist (see the port)."""
        parts = self._changed(name)
        with self._parent(parts, name) as parent:
            self._refuse_full(parent, parts[-1], name)
            temporary = f".{secrets.token_hex(8)}.part"
            descriptor = os.open(temporary, _NEW, 0o640, dir_fd=parent)
            return _Writing(os.dup(parent), descriptor, temporary, parts[-1], self.largest, name)

    def delete(self, name: str) -> None:
        """Delete a file (see the port)."""
        parts = self._changed(name)
        with self._parent(parts, name) as parent:
            _require_file(parent, parts[-1], name)
            os.unlink(parts[-1], dir_fd=parent)

    def rename(self, name: str, new_name: str) -> None:
        """Rename a file to a name that nothing has yet (see the port)."""
        parts, new_parts = self._changed(name), self._changed(new_name)
        with self._parent(parts, name) as source, self._parent(new_parts, new_name) as target:
            _require_file(source, parts[-1], name)
            self._refuse_full(target, new_parts[-1], new_name)
            os.link(parts[-1], new_parts[-1], src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            os.unlink(parts[-1], dir_fd=source)

    # --- below ------------------------------------------------------------------------------------------------------

    def _changed(self, name: str) -> list[str]:
        if not self.writable:
            raise ServiceRefused(_E.ACCESS_VIOLATION, "files are only read here", where=name)
        return _parts(name)

    def _refuse_full(self, directory: int, part: str, name: str) -> None:
        """Raise `ServiceRefused` if a directory has no room for one more name."""
        names = os.listdir(directory)
        if len(names) >= self.most and part not in names:
            raise ServiceRefused(_E.FAILED_DUE_TO_SERVER_CONSTRAINT, "the directory is full", where=name)

    @contextmanager
    def _parent(self, parts: list[str], name: str) -> Iterator[int]:
        with self._directory(parts[:-1], name) as parent:
            yield parent

    @contextmanager
    def _directory(self, parts: list[str], name: str) -> Iterator[int]:
        """Give a descriptor of a directory; what fails there or within is a `ServiceRefused`."""
        try:
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for part in parts:
                    below = os.open(part, _DIRECTORY, dir_fd=descriptor)
                    os.close(descriptor)
                    descriptor = below
                yield descriptor
            finally:
                os.close(descriptor)
        except OSError as error:
            _refuse(error, name)


@attrs.define(slots=True, eq=False)
class _Reading:
    """A file that is being read."""

    _descriptor: int
    entry: FileEntry

    def read(self, position: int, count: int) -> bytes:
        try:
            return os.pread(self._descriptor, count, position)
        except OSError as error:
            _refuse(error, self.entry.name)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


@attrs.define(slots=True, eq=False)
class _Writing:
    """A file that is being written, under a name of its own until it is whole."""

    _parent: int
    _descriptor: int
    _temporary: str
    _part: str
    _room: int
    _name: str

    def write(self, octets: bytes) -> None:
        self._room -= len(octets)
        if self._room < 0:
            raise ServiceRefused(_E.FAILED_DUE_TO_SERVER_CONSTRAINT, "the file is too large", where=self._name)
        try:
            rest = memoryview(octets)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            _refuse(error, self._name)

    def commit(self) -> None:
        try:
            os.fsync(self._descriptor)
            with suppress(FileNotFoundError):
                _require_file(self._parent, self._part, self._name)  # a directory is not replaced
            os.rename(self._temporary, self._part, src_dir_fd=self._parent, dst_dir_fd=self._parent)
            self._temporary = ""
            os.fsync(self._parent)
        except OSError as error:
            _refuse(error, self._name)
        finally:
            self.discard()

    def discard(self) -> None:
        if self._descriptor < 0:
            return
        if self._temporary:
            with suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._parent)
        os.close(self._descriptor)
        os.close(self._parent)
        self._descriptor = self._parent = -1


def _parts(name: str, *, root: bool = False) -> list[str]:
    """Return the parts of a name; `\\` separates like `/`, and one before the first part means the root as well."""
    text = name.replace("\\", "/")
    text = text.removeprefix("/").removesuffix("/") if root else text.removeprefix("/")
    parts = text.split("/") if text else []
    if (not parts and not root) or len(name) > _LONGEST or len(parts) > _DEEPEST:
        _refuse_name(name)
    if not all(_PART.fullmatch(part) for part in parts):
        _refuse_name(name)
    return parts


def _refuse_name(name: str) -> NoReturn:
    raise ServiceRefused(_E.PARAMETER_VALUE_INAPPROPRIATE, "that can be no name of a file here", where=repr(name[:80]))


def _refuse(error: OSError, name: str) -> NoReturn:
    found = _ERRORS.get(error.errno or 0, _E.FAILED_DUE_TO_SERVER_CONSTRAINT)
    raise ServiceRefused(found, (error.strerror or "it failed").lower(), where=name) from None


def _require_file(directory: int, part: str, name: str) -> None:
    found = os.stat(part, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        raise ServiceRefused(_E.INSTANCE_NOT_AVAILABLE, "there is no such file", where=name)
    if not stat.S_ISREG(found.st_mode):
        raise ServiceRefused(_E.ACCESS_VIOLATION, "it is no file", where=name)


def _listed(prefix: str, found: os.DirEntry[str]) -> FileEntry | None:
    """Return the entry of what a directory holds; None for what clients are not to see."""
    if not _PART.fullmatch(found.name):
        return None
    try:
        status = found.stat(follow_symlinks=False)
    except OSError:  # it has just been deleted
        return None
    if stat.S_ISDIR(status.st_mode):
        return attrs.evolve(_entry(f"{prefix}{found.name}/", status), size=0)
    return _entry(prefix + found.name, status) if stat.S_ISREG(status.st_mode) else None


def _entry(name: str, status: os.stat_result) -> FileEntry:
    whole_milliseconds = status.st_mtime_ns // 1_000_000 / 1000
    return FileEntry(name, status.st_size, datetime.fromtimestamp(whole_milliseconds, UTC))
