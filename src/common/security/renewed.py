"""What is made of files, made anew when the files have changed: renewed certificates, new revocation lists."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import ConfigError

log = logging.getLogger(__name__)

T = TypeVar("T")


class Renewed(Generic[T]):
    """Something made of files. While they cannot be used (half of them written, say) what was made before goes on.

    Args:
        files: what it is made of; None for one that is not there.
        make: makes it; its `ConfigError` is raised the first time, and logged afterwards.
    """

    def __init__(self, files: Iterable[Path | None], make: Callable[[], T]) -> None:
        self._files = tuple(file for file in files if file is not None)
        self._make = make
        self._seen = self._stamp()
        self._made = make()

    @property
    def current(self) -> T:
        """What the files make now; the same thing as long as they do not change."""
        if (stamp := self._stamp()) != self._seen:
            self._seen = stamp
            try:
                self._made = self._make()
            except ConfigError as error:
                log.error("event=security.not-renewed: %s; what was there before goes on", error)
            else:
                log.info("event=security.renewed: %s", ", ".join(file.name for file in self._files))
        return self._made

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(file) for file in self._files)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
