"""A VTN whose books many processes share: each takes in what the others have changed, and changes them in its turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from ..outbox import Outbox
from ..shelf import Cabinet, Change
from ..ven_book import Answered

LASTING = "ven id"
"""The kind of what is never taken away: some of it may stand here that was not kept yet."""

VEN = "ven"
"""The kind of registrations: they say whether a VEN is carried its letters."""

UNTOLD = "untold"
"""The kind of what the application of one of the processes is still to be told."""


class Sharing:
    """Keeps what is derived from the shelves right when their contents come from elsewhere.

    Args:
        cabinet: what is shared.
        rebuild: by the kind of a shelf, what makes anew all that is derived from it.
    """

    def __init__(
        self,
        cabinet: Cabinet,
        answered: Answered,
        outbox: Outbox,
        rebuild: dict[str, Callable[[], None]],
    ) -> None:
        self._cabinet = cabinet
        self._answered = answered
        self._outbox = outbox
        self._rebuild = rebuild
        self._strange: dict[str, int] = {}
        self._own: set[str] = set()

    def begin(self, guard: Callable[[], None]) -> None:
        """From now on nothing changes unless `guard` lets it."""
        self._outbox.shared = True
        for shelf in self._cabinet.shelves.values():
            shelf.guard = guard

    def missing(self, records: Iterable[Change]) -> list[Change]:
        """Return what stands here and is not among these, which are all that there is, as gone."""
        there = {(record.kind, record.key) for record in records}
        return [
            Change(kind, key, None)
            for kind, shelf in self._cabinet.shelves.items()
            for key in shelf
            if (kind, key) not in there and kind != LASTING
        ]

    def strange(self) -> dict[str, int]:
        """Return the keys of what other processes have acknowledged, and have to tell their applications.

        Each with how often it was said that they will.
        """
        self._strange = {key: times for key, times in self._strange.items() if key in self._cabinet.shelves[UNTOLD]}
        return dict(self._strange)

    def adopted(self, keys: Iterable[str]) -> None:
        """It is now this process that has to tell these."""
        for key in keys:
            self._strange.pop(key, None)

    def waits(self) -> bool:
        """Return whether there is anything that this process has still to tell."""
        self._own = self._cabinet.shelves[UNTOLD].keys() - self._strange.keys()
        return bool(self._own)

    def insist(self) -> None:
        """Say that this process will tell what it has to: it is slow, and not gone."""
        if self.waits():
            for key in self._own:
                self._cabinet.shelves[UNTOLD].touch(key)

    def renewed(self, records: Iterable[Change]) -> None:
        """What is derived from these follows: they were filled in."""
        keys = defaultdict(list)
        for record in records:
            keys[record.kind].append(record.key)
        for key in keys[UNTOLD]:
            if key not in self._own:
                self._strange[key] = self._strange.get(key, 0) + 1
        self._answered.renewed(keys[self._answered.shelf.kind])
        self._outbox.renewed(keys[self._outbox.shelf.kind])
        for ven_id in keys[VEN]:
            self._outbox.moved(ven_id)
        for kind, rebuild in self._rebuild.items():
            if keys[kind]:
                rebuild()
