"""The port through which entries of reports and logs, and how their blocks are set, outlive the process.

What a store was given is there to stay when it returns, and the engine shows no client anything that it has not given
it before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class EntryStore(Protocol[T]):
    """Where records outlive the process. It deals with its failures by itself: none may stop the server."""

    def read(self) -> Iterable[T]:
        """Return what was kept, in order; called once, at the start."""
        ...

    def write(self, records: Sequence[T]) -> None:
        """Keep records behind the others; they are there to stay when this returns."""
        ...

    @property
    def full(self) -> bool:
        """True when most of what is kept no longer counts: `renew` is wanted."""
        ...

    def renew(self, records: Iterable[T]) -> None:
        """Keep these records, and those that are written from now on, only; it need not be done when this returns.

        `records` may be taken one by one, with every `write` some.
        """
        ...

    def replace(self, records: Iterable[T]) -> None:
        """Keep these records only."""
        ...


class Nowhere(Generic[T]):
    """The store of a server that keeps nothing."""

    full = False

    def read(self) -> Iterable[T]:
        """Return nothing."""
        return ()

    def write(self, records: Sequence[T]) -> None:
        """Keep nothing."""

    def renew(self, records: Iterable[T]) -> None:
        """Keep nothing."""

    def replace(self, records: Iterable[T]) -> None:
        """Keep nothing."""
