"""Keeps what a core has changed before anything of it is told: durable before acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from ...common.errors import LocalError
from ..core.shelf import Cabinet, Change

T = TypeVar("T")

log = logging.getLogger(__name__)

RETRY = 5.0
"""Seconds after which a store that failed is tried again."""


class Store(Protocol):
    """Where records outlive the process, such as `common.store.records.Records`."""

    def load(self) -> Iterable[Sequence[str | None]]:
        """Return (kind, key, text) of everything, in order."""
        ...

    def save(self, records: Iterable[Sequence[str | None]]) -> None:
        """Keep all of these or none; a text of None is kept no more. Raise `LocalError` if that cannot be done."""
        ...


class Keeper:
    """Brings the changes of a cabinet to a store, those of many messages in one go.

    What could not be kept is kept with what comes next; meanwhile nothing may be acknowledged.

    Args:
        cabinet: what is kept.
        store: where; None to keep nothing.
        happened: what the application is to be told, once it is kept.
    """

    leads = True
    """Whether this process carries letters."""
    undone = False
    """Whether a step that could not be kept has not happened at all, or will be kept later."""

    def __init__(self, cabinet: Cabinet, store: Store | None, happened: deque[Any]) -> None:
        self._cabinet = cabinet
        self._store = store
        self.ready = happened
        """What the application may be told."""
        self._pending: dict[tuple[str, str], Change] = {}
        self._collected = 0
        self._saved = 0
        self._lock = asyncio.Lock()
        self.failing = False

    async def restore(self, restore: Callable[[Iterable[Change]], list[str]]) -> list[str]:
        """Go on from what was kept; return what was not understood, raise `LocalError` if it cannot be read."""
        found = await asyncio.to_thread(lambda store: list(store.load()), self._store) if self._store else []
        return restore([Change(str(kind), str(key), text) for kind, key, text in found])

    async def step(self, act: Callable[[], T]) -> T:
        """Do something that changes the cabinet and return its result, once it is kept.

        Raises what `act` raises, and `LocalError` if it cannot be kept.
        """
        result = act()
        await self.kept()
        return result

    async def kept(self) -> None:
        """Return when all that has changed so far is kept; raise `LocalError` if it is not."""
        if self._store is None:
            self._cabinet.pass_over()
            return
        mine = self._collected + self._cabinet.touched  # what has changed by now goes with the next that is collected
        if self._saved >= mine:
            return
        async with self._lock:
            if self._saved < mine:
                await self._save(self._store)

    async def _save(self, store: Store) -> None:
        """Save all that has changed by now, in whatever messages: it is written out once for all of them."""
        self._collected += self._cabinet.touched
        self._pending.update({(change.kind, change.key): change for change in self._cabinet.changes()})
        batch, self._pending = self._pending, {}
        upto = self._collected
        try:
            await asyncio.to_thread(store.save, list(batch.values()))
        except BaseException as error:
            self._pending = {**batch, **self._pending}
            if isinstance(error, LocalError):
                if not self.failing:
                    log.error("event=openadr.not-stored: %s; nothing is acknowledged until it works again", error)
                self.failing = True
            raise
        if self.failing:
            log.warning("event=openadr.stored-again: what waited is kept")
        self.failing = False
        self._saved = upto

    async def note(self, act: Callable[[], None]) -> None:
        """Do something that may be kept with what comes next."""
        act()

    async def look(self) -> None:
        """Take in what others have changed: there are none."""

    async def close(self) -> None:
        """Keep what is left, if that can be done."""
        with contextlib.suppress(LocalError):  # which was logged
            await self.kept()

    async def run(self) -> None:
        """Try again, as long as something waits to be kept."""
        while True:
            await asyncio.sleep(RETRY)
            if self._saved < self._collected + self._cabinet.touched:
                try:
                    await self.kept()
                except LocalError:
                    continue
