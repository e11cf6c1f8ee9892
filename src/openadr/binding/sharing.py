"""Keeps the books of a role that many processes share: each message is a turn of all of them.

In its turn a process takes in what the others have changed, does all that waits to be done, keeps what that changes,
and gives the turn on; only then is anything of it told or answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import monotonic
from typing import Any, Protocol, TypeVar, runtime_checkable

from ...common.errors import LocalError
from ..core.outbox import Outbox
from ..core.shelf import Cabinet, Change
from .keeper import Keeper

T = TypeVar("T")

log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds after which it is looked at what others have changed, where no message has been the occasion."""

GRACE = 60.0
"""Seconds after which what a process has taken and not told is told by the one that leads.

A process whose listeners are slow says so three times in that time, as long as it runs.
"""


@runtime_checkable
class SharedStore(Protocol):
    """A store that many processes share, such as `common.store.shared.SharedRecords`."""

    def load(self) -> Iterable[Sequence[str | None]]:
        """Return (kind, key, text) of everything, in order."""
        ...

    def begin(self) -> tuple[bool, Sequence[Sequence[str | None]]]:
        """Wait for our turn; return what others have changed, and whether that is all that there is."""
        ...

    def end(self, changes: Iterable[Sequence[str | None]]) -> None:
        """Keep changes and give the turn on; or keep nothing, and raise `LocalError`."""
        ...

    def forget(self) -> None:
        """Know nothing: the next turn begins with everything."""
        ...

    def leads(self) -> bool:
        """Return whether this process does what only one may."""
        ...

    def resign(self) -> None:
        """Let another process lead."""
        ...


class SharedCore(Protocol):
    """A core whose books can be shared."""

    outbox: Outbox
    cabinet: Cabinet
    happened: deque[Any]

    def share(self, guard: Callable[[], None]) -> None:
        """Let nothing change unless `guard` lets it."""
        ...

    def refresh(self, records: Iterable[Change], complete: bool) -> list[str]:
        """Take in what others have changed."""
        ...

    def strange(self) -> dict[str, int]:
        """Return the keys of what other processes have still to tell, and how often they have said so."""
        ...

    def waits(self) -> bool:
        """Return whether anything is still to be told here."""
        ...

    def insist(self) -> None:
        """Say that it will be."""
        ...

    def adopt(self, keys: Iterable[str]) -> None:
        """Tell it in their place."""
        ...

    def resume(self) -> None:
        """Go on where the last process ended."""
        ...


class SharedKeeper(Keeper):
    """Does steps in turns: all that wait when a turn comes are done in it, and kept together.

    Args:
        core: whose books are shared.
        store: where they are.
        news: called when others have changed something, or it is now this process that leads.
        adopted: tells what has become `ready` because nobody else does.
    """

    undone = True

    def __init__(
        self, core: SharedCore, store: SharedStore, news: Callable[[], None], adopted: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(core.cabinet, None, core.happened)
        self._core = core
        self._shared = store
        self._news = news
        self._adopted = adopted
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._turns: asyncio.Task[None] | None = None
        self._open = False
        self.ready = deque()
        self.leads = False
        self._strange: dict[str, tuple[int, float]] = {}
        self._insisted = monotonic()
        core.share(self._guard)

    async def restore(self, restore: Callable[[Iterable[Change]], list[str]]) -> list[str]:
        """Take in everything, as the first turn does by itself."""
        await self.step(self._core.resume)
        return []

    async def step(self, act: Callable[[], T]) -> T:
        """Do something in the next turn and return its result, once it is kept (see `Keeper`)."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((act, future))
        if self._turns is None or self._turns.done():
            self._turns = asyncio.create_task(self._run_turns())
        return await future

    async def note(self, act: Callable[[], None]) -> None:
        """Do something in the next turn."""
        await self.step(act)

    async def look(self) -> None:
        """Have a turn, and do nothing in it."""
        await self.step(lambda: None)

    async def kept(self) -> None:
        """Return when the turn that is going on has ended; raise `LocalError` if nothing of it is kept."""
        if self._turns is not None and not self._turns.done():
            await self.step(lambda: None)

    async def run(self) -> None:
        """Look at what others have changed, as long as nothing else makes us; lead, if nobody does."""
        while True:
            try:
                await self.step(lambda: None)
                led, self.leads = self.leads, await asyncio.to_thread(self._shared.leads)
            except LocalError:  # which was logged
                led, self.leads = self.leads, False
            if self.leads and not led:
                self._core.outbox.kick()
                self._news()
            await self._insist()
            if self.leads:
                await self._adopt()
            await asyncio.sleep(LOOK)

    async def close(self) -> None:
        """Let another process lead."""
        self.leads = False
        if self._turns is not None:
            await self._turns
        await asyncio.to_thread(self._shared.resign)

    async def _adopt(self) -> None:
        """Tell what other processes have taken and have not told for a long time: they are gone."""
        now = monotonic()
        known = self._strange
        said = self._core.strange().items()
        self._strange = {
            key: known[key] if key in known and known[key][0] == times else (times, now) for key, times in said
        }
        if late := [key for key, (_, since) in self._strange.items() if now - since > GRACE]:
            with contextlib.suppress(LocalError):  # which was logged
                await self.step(lambda: self._core.adopt(late))
                await self._adopted()

    async def _insist(self) -> None:
        """Let the others know that what we have not told yet we will tell."""
        now = monotonic()
        if now - self._insisted > GRACE / 3:
            self._insisted = now
            if self._core.waits():
                with contextlib.suppress(LocalError):  # which was logged
                    await self.step(self._core.insist)

    def _guard(self) -> None:
        if not self._open:
            self._shared.forget()  # what was changed in here before this was noticed, is not true
            raise LocalError(
                "many processes share this store: change something by `await role.turn(role.method, …)`, in turn"
            )

    async def _run_turns(self) -> None:
        while self._waiting:
            try:
                done = await self._turn()
            except Exception as error:
                if not isinstance(error, LocalError):
                    log.exception("a turn failed")
                    self._shared.forget()
                elif not self.failing:
                    log.error("event=openadr.not-stored: %s; nothing is acknowledged until it works again", error)
                self.failing = True
                waiting, self._waiting = self._waiting, []
                for _, future in waiting:
                    _fail(future, error if isinstance(error, LocalError) else LocalError(f"a turn failed: {error!r}"))
                continue
            if self.failing:
                log.warning("event=openadr.stored-again: turns go on")
            self.failing = False
            for future, result, raised in done:
                if raised is not None:
                    _fail(future, raised)
                elif not future.done():
                    future.set_result(result)

    async def _turn(self) -> list[tuple[asyncio.Future[Any], Any, Exception | None]]:
        """Have a turn; return what was done in it, with results. Raises `LocalError` if nothing of it is kept."""
        complete, found = await asyncio.to_thread(self._shared.begin)
        if complete or found:
            self._refresh(complete, found)
        steps, self._waiting = self._waiting, []
        self._open = True
        try:
            done = [(future, *_outcome(act)) for act, future in steps if not future.done()]
        finally:
            self._open = False
        changes = self._cabinet.changes()
        happened = list(self._core.happened)
        self._core.happened.clear()
        try:
            await asyncio.to_thread(self._shared.end, changes)
        except LocalError as error:
            for future, *_ in done:
                _fail(future, error)
            raise
        self.ready.extend(happened)
        return done

    def _refresh(self, complete: bool, found: Sequence[Sequence[str | None]]) -> None:
        records = [Change(str(kind), str(key), text) for kind, key, text in found]
        for fault in self._core.refresh(records, complete):
            log.error("event=openadr.kept-unreadable: %s", fault)
        self._news()


def _outcome(act: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return act(), None
    except Exception as error:
        return None, error


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
