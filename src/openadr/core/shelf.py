"""What a role has to remember when its process ends: things on shelves, each with a key, each as a line of text.

The cores put things on shelves and know nothing of disks. Whoever runs a core asks the cabinet after each step what has
changed, keeps that, and only then lets an answer go; at the start it fills the cabinet with what was kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any, Generic, NamedTuple, TypeVar

from ...common.errors import JanusGridError

T = TypeVar("T")


class Change(NamedTuple):
    """A thing of this kind and key is now `text`; None for one that is gone."""

    kind: str
    key: str
    text: str | None


class Shelf(MutableMapping[str, T], Generic[T]):
    """Things of one kind by key, in the order in which they came.

    Args:
        kind: its name in the cabinet.
        spell, unspell: a thing as text, and back.
    """

    def __init__(self, kind: str, spell: Callable[[T], str], unspell: Callable[[str], T]) -> None:
        self.kind = kind
        self._spell = spell
        self._unspell = unspell
        self._things: dict[str, T] = {}
        self._changed: dict[str, None] = {}
        self.guard: Callable[[], None] | None = None
        """Called before anything changes; may raise, where it is not the time for changes."""

    def __getitem__(self, key: str) -> T:
        return self._things[key]

    def __setitem__(self, key: str, thing: T) -> None:
        if self.guard is not None:
            self.guard()
        self._things[key] = thing
        self._changed[key] = None

    def __delitem__(self, key: str) -> None:
        if self.guard is not None:
            self.guard()
        del self._things[key]
        self._changed[key] = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def touch(self, key: str) -> None:
        """Note that the thing of this key has changed in itself."""
        if key in self._things:
            if self.guard is not None:
                self.guard()
            self._changed[key] = None

    def spelled(self, key: str) -> str:
        """Return the thing of this key as text."""
        return self._spell(self._things[key])

    @property
    def touched(self) -> bool:
        """Whether anything has changed since `changes` was last asked for."""
        return bool(self._changed)

    def pass_over(self) -> None:
        """Take what has changed for known: nobody keeps it."""
        self._changed.clear()

    def changes(self) -> Iterator[Change]:
        """Yield what has changed since the last call."""
        changed, self._changed = self._changed, {}
        for key in changed:
            thing = self._things.get(key)
            yield Change(self.kind, key, None if thing is None else self._spell(thing))

    def fill(self, key: str, text: str | None) -> None:
        """Take a thing as it was kept; raise `ValueError` or `Malformed` for what cannot be understood."""
        if text is None:
            self._things.pop(key, None)
        else:
            self._things[key] = self._unspell(text)

    def put_back(self, key: str, thing: T) -> None:
        """Let a thing that stood here before stand in the place of what was filled in for it: they are the same."""
        self._things[key] = thing


class Cabinet:
    """The shelves of a core."""

    def __init__(self, *shelves: Shelf[Any]) -> None:
        self._shelves = {shelf.kind: shelf for shelf in shelves}

    def add(self, shelf: Shelf[Any]) -> None:
        """Take in a shelf that is not the core's own, before anything is filled."""
        self._shelves[shelf.kind] = shelf

    @property
    def shelves(self) -> dict[str, Shelf[Any]]:
        """The shelves by their kinds."""
        return dict(self._shelves)

    @property
    def touched(self) -> bool:
        """Whether anything has changed since `changes` was last asked for."""
        return any(shelf.touched for shelf in self._shelves.values())

    def changes(self) -> list[Change]:
        """Return what has changed since the last call; it is to be kept all or not at all."""
        return [change for shelf in self._shelves.values() if shelf.touched for change in shelf.changes()]

    def pass_over(self) -> None:
        """Take what has changed for known: nobody keeps it."""
        for shelf in self._shelves.values():
            shelf.pass_over()

    def contents(self) -> dict[tuple[str, str], str]:
        """Return everything as text, by kind and key."""
        return {(s.kind, key): s.spelled(key) for s in self._shelves.values() for key in s}

    def fill(self, records: Iterable[Change]) -> list[str]:
        """Take what was kept; return what could not be understood. Kinds that are not known are passed over."""
        faults = []
        for record in records:
            shelf = self._shelves.get(record.kind)
            try:
                if shelf is not None:
                    shelf.fill(record.key, record.text)
            except (ValueError, TypeError, KeyError, JanusGridError) as error:
                faults.append(f"{record.kind} {record.key}: {error}")
        return faults
