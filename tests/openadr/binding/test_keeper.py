"""What is kept when: written out once for all messages that wait, and not at all where nothing is kept."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from janusgrid.common.errors import LocalError
from janusgrid.openadr import HttpTransport, Party, Vtn, simple
from janusgrid.openadr.binding.keeper import Keeper
from janusgrid.openadr.core.shelf import Cabinet, Shelf

Records = Iterable[Sequence[str | None]]


class Slow:
    """Keeps what it is given, once it is let."""

    def __init__(self) -> None:
        self.saved: list[list[Any]] = []
        self.begun, self.go = threading.Event(), threading.Event()
        self.full = False

    def load(self) -> Records:
        return []

    def save(self, records: Records) -> None:
        self.begun.set()
        assert self.go.wait(10)
        if self.full:
            raise LocalError("full")
        self.saved.append([list(each) for each in records])


class Desk:
    """A shelf that counts how often something on it is written out."""

    def __init__(self, store: Slow | None) -> None:
        self.spelled: list[int] = []
        self.shelf: Shelf[int] = Shelf("number", self._spell, int)
        self.keeper = Keeper(Cabinet(self.shelf), store, deque())

    def _spell(self, number: int) -> str:
        self.spelled.append(number)
        return str(number)

    async def put(self, number: int) -> None:
        await self.keeper.step(lambda: self.shelf.__setitem__("it", number))


async def test_what_changes_while_another_is_kept_is_written_out_once() -> None:
    store = Slow()
    desk = Desk(store)
    first = asyncio.create_task(desk.put(0))
    await asyncio.to_thread(store.begun.wait, 10)
    others = [asyncio.create_task(desk.put(number)) for number in range(1, 10)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in (first, *others))
    store.go.set()
    await asyncio.gather(first, *others)
    assert desk.spelled == [0, 9]
    assert [[text for _, _, text in batch] for batch in store.saved] == [["0"], ["9"]]


async def test_nothing_is_acknowledged_that_is_not_kept_however_it_was_collected() -> None:
    store = Slow()
    desk, store.full = Desk(store), True
    store.go.set()
    for number in (1, 2):
        with pytest.raises(LocalError):
            await desk.put(number)
        with pytest.raises(LocalError):
            await desk.keeper.kept()
    store.full = False
    await desk.keeper.kept()
    assert store.saved == [[["number", "it", "2"]]]
    await desk.keeper.kept()
    assert len(store.saved) == 1


async def test_where_nothing_is_kept_nothing_is_written_out() -> None:
    desk = Desk(None)
    await desk.put(1)
    assert desk.spelled == []
    assert not desk.shelf.touched


async def test_who_does_what_cannot_be_stored_is_told_that_it_is_done_all_the_same() -> None:
    store = Slow()
    store.go.set()
    http = HttpTransport(listen=("127.0.0.1", 0), plain=True)
    start = datetime.now(UTC) + timedelta(hours=1)
    async with Vtn("utility", http, parties=[Party("site", "*")], store=store) as vtn:
        store.full = True
        with pytest.raises(LocalError, match="it is done, and goes out as soon as it can be stored: do not repeat it"):
            await vtn.turn(vtn.create_event, simple(1, start=start, duration=timedelta(hours=1), event_id="E1"))
        assert [event.id for event in vtn.events] == ["E1"]
        with pytest.raises(LocalError, match=r"no event of that ID$"):
            await vtn.turn(vtn.event, "E2")
        store.full = False
