"""Keeps what a core has changed before anything of it is told: durable before acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

from ...common.errors import LocalError
from ..core.shelf import Cabinet, Change

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
    """

    def __init__(self, cabinet: Cabinet, store: Store | None) -> None:
        self._cabinet = cabinet
        self._store = store
        self._pending: dict[tuple[str, str], Change] = {}
        self._collected = 0
        self._saved = 0
        self._lock = asyncio.Lock()
        self.failing = False

    async def load(self) -> list[Change]:
        """Return what was kept; raise `LocalError` if it cannot be read."""
        if self._store is None:
            return []
        found = await asyncio.to_thread(lambda store: list(store.load()), self._store)
        return [Change(str(kind), str(key), text) for kind, key, text in found]

    async def kept(self) -> None:
        """Return when all that has changed so far is kept; raise `LocalError` if it is not."""
        changes = self._cabinet.changes()
        if self._store is None:
            return
        if changes:
            self._collected += 1
            self._pending.update({(change.kind, change.key): change for change in changes})
        mine = self._collected
        if self._saved >= mine:
            return
        async with self._lock:
            if self._saved < mine:
                await self._save(self._store)

    async def _save(self, store: Store) -> None:
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

    async def run(self) -> None:
        """Try again, as long as something waits to be kept."""
        while True:
            await asyncio.sleep(RETRY)
            if self._saved < self._collected:
                try:
                    await self.kept()
                except LocalError:
                    continue
