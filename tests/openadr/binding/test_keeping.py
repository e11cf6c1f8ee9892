"""Roles on real transports with a real database: restarts, and a database that takes nothing more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.common.store.records import NotStored, Records
from janusgrid.openadr.binding import keeper
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, Telemetry, Vtn
from sqlalchemy import event

from tests.openadr.binding.test_ways import made
from tests.openadr.binding.ways import OFFER, Certificates, Grid, Http, eventually


class Kept(Grid):
    """A grid whose roles are started and ended by hand, each with a database."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.http = Http(Certificates(folder), push=False)
        super().__init__(self.http, stack)
        self.folder = folder

    def records(self, who: str) -> Records:
        return Records(self.folder / f"{who}.sqlite", who)

    async def start_vtn(self) -> Vtn:
        transport = self.http.listening or await self.http.transport("vtn")
        parties = [Party("site", self.way.identity("ems"))]
        vtn = Vtn("VTN1", transport, parties=parties, clock=self.clock, store=self.records("vtn"))
        await vtn.open()
        port = int(self.http.vtn.rpartition(":")[2])
        self.http.listening._listen = ("127.0.0.1", port)  # type: ignore[union-attr]
        return vtn


@pytest_asyncio.fixture
async def grid(tmp_path: Path) -> AsyncIterator[Kept]:
    async with AsyncExitStack() as stack:
        yield Kept(tmp_path, stack)


async def test_a_vtn_that_is_started_again_knows_everybody_and_everything(grid: Kept) -> None:
    vtn = await grid.start_vtn()
    ven = await grid.ven()
    async with asyncio.timeout(20):
        await ven.joined()
        await vtn.wait_registered("site")
        dispatch = vtn.create_event(made(grid), ["site"])
        await dispatch.opted("site")
    before = vtn.core.ven("site")
    await vtn.close()
    again = await grid.start_vtn()
    after = again.core.ven("site")
    assert (after.ven_id, after.registration_id, after.offers) == (before.ven_id, before.registration_id, before.offers)
    assert again.core.events.get("E1").opt(after.ven_id) is OptType.OPT_IN
    samples = len(grid.samples)
    again.core.cancel_event("E1", grid.clock.now())
    again.nudge()
    await eventually(lambda: len(grid.changes) == 2)
    assert ven.core.registered
    assert samples == len(grid.samples)
    await again.close()


async def test_opts_outlive_both_roles(grid: Kept) -> None:
    def site() -> Ven:
        return Ven("site", transport, vtn=grid.way.vtn, offers=[OFFER], clock=grid.clock, store=grid.records("ven"))

    vtn = await grid.start_vtn()
    transport = await grid.way.transport("ems")
    ven = site()
    await ven.open()
    begins = grid.clock.now().replace(microsecond=0) + timedelta(hours=5)
    async with asyncio.timeout(20):
        await ven.joined()
        dispatch = vtn.create_event(made(grid), ["site"])
        await dispatch.opted("site")
        opt = ven.opt_event("E1", OptType.OPT_IN)
        await opt.accepted()
        await ven.opt_schedule(OptType.OPT_OUT, [(begins, timedelta(hours=1))]).accepted()
    known = vtn.opts("site")
    await vtn.close()
    opt.cancel()
    await ven.close()  # before the VTN could hear it
    vtn, ven = await grid.start_vtn(), site()
    assert vtn.opts("site") == known
    assert vtn.core.opt("E1", "site") is OptType.OPT_IN
    assert vtn.availability("site", begins).opt is OptType.OPT_OUT
    await ven.open()
    await eventually(lambda: vtn.opts("site") == known[1:])
    await eventually(lambda: vtn.core.opt("E1", "site") is OptType.OPT_OUT)  # as nobody has decided on it
    await eventually(lambda: [(sent.id, sent.is_accepted) for sent in ven.opts] == [(known[1].opt_id, True)])
    await ven.close()
    await vtn.close()


def fill(store: Records) -> None:
    """Write until there is no room, not even for little."""
    for size in (4000, 400, 40, 4):
        with contextlib.suppress(NotStored):
            for number in range(1000):
                store.save([("filler", f"{size}/{number}", "x" * size)])


def without_room(role: Vtn | Ven) -> Callable[[], None]:
    """Let the database of a role take nothing more; return what makes room."""
    store = role._keeper._store
    assert isinstance(store, Records)

    def pages(most: int | None) -> None:
        with store._engine.connect() as connection:
            there = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
            connection.exec_driver_sql(f"PRAGMA max_page_count = {most or there}")

    pages(None)
    fill(store)
    return lambda: pages(1_000_000)


async def test_nothing_is_acknowledged_that_is_not_stored(grid: Kept) -> None:
    """The database is full when the event is answered; when there is room again the answer is given and kept."""
    vtn = await grid.start_vtn()
    ven = await grid.ven()
    async with asyncio.timeout(20):
        await ven.joined()
        await vtn.wait_registered("site")
    make_room = without_room(vtn)
    vtn.create_event(made(grid), ["site"])
    with pytest.raises(NotStored):
        await vtn.kept()
    await asyncio.sleep(0.5)
    assert not grid.changes, "an event that is not kept does not leave"
    make_room()
    await vtn.kept()
    vtn.nudge()
    await eventually(lambda: len(grid.changes) == 1)
    await eventually(lambda: vtn.core.events.get("E1").opt(ven.core.ven_id) is OptType.OPT_IN)
    await vtn.close()
    kept = {(kind, key) for kind, key, _ in grid.records("vtn").load()}
    assert ("event", "E1") in kept


def read_only(role: Vtn | Ven) -> Callable[[], None]:
    """Let the database of a role be written no more; return what lets it be written again."""
    store = role._keeper._store
    assert isinstance(store, Records)
    engine = store._engine

    def protect(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA query_only = ON").close()

    def write() -> None:
        event.remove(engine, "checkout", protect)
        engine.dispose()

    event.listen(engine, "checkout", protect)
    return write


async def test_a_ven_answers_nothing_that_it_has_not_stored(grid: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its database takes nothing when an event comes: nobody is told, nothing is answered, until it does."""
    monkeypatch.setattr(keeper, "RETRY", 0.1)
    vtn = await grid.start_vtn()
    transport = await grid.way.transport("ems")
    told: list[str] = []

    def site() -> Ven:
        made = Ven("site", transport, vtn=grid.way.vtn, offers=[OFFER], clock=grid.clock, store=grid.records("ven"))
        made.on_event(lambda change: told.append(change.known.event_id) or OptType.OPT_IN)  # type: ignore[func-returns-value]
        return made

    ven = site()
    await ven.open()
    async with asyncio.timeout(30):
        await ven.joined()
        await vtn.wait_registered("site")
    make_writable = read_only(ven)
    vtn.create_event(made(grid), ["site"])
    await eventually(lambda: ven._keeper.failing)
    await asyncio.sleep(0.5)
    assert told == []
    assert vtn.core.events.get("E1").opt(ven.core.ven_id) is None
    with pytest.raises(NotStored):
        await ven.kept()
    make_writable()
    await eventually(lambda: vtn.core.events.get("E1").opt(ven.core.ven_id) is OptType.OPT_IN)
    assert told == ["E1"]
    await ven.close()
    again = site()
    await again.open()
    async with asyncio.timeout(30):
        await again.joined()
    assert [known.opt for known in again.events] == [OptType.OPT_IN]
    assert told == ["E1"]
    await again.close()
    await vtn.close()


async def test_what_a_ven_says_is_confirmed_when_it_is_stored(grid: Kept) -> None:
    """The VTN's database takes nothing when an opt and values come: they come again until it does, and count once."""
    vtn = await grid.start_vtn()
    vtn.listen(Telemetry, lambda told: grid.samples.extend(told.samples))
    ven = await grid.ven()
    begins = grid.clock.now().replace(microsecond=0) + timedelta(hours=5)
    async with asyncio.timeout(30):
        await ven.joined()
        await vtn.wait_registered("site")
    await eventually(lambda: len(grid.samples) >= 1)
    make_writable = read_only(vtn)
    sent = ven.opt_schedule(OptType.OPT_OUT, [(begins, timedelta(hours=1))])
    await eventually(lambda: vtn._keeper.failing)
    heard = len(grid.samples)
    await asyncio.sleep(0.5)
    assert not sent.is_accepted
    assert len(grid.samples) <= heard, "values that are not kept are not told"
    make_writable()
    async with asyncio.timeout(30):
        await sent.accepted()
    await eventually(lambda: len(grid.samples) > heard)
    times = [sample.time for sample in grid.samples]
    assert len(times) == len(set(times))
    await vtn.close()
    again = await grid.start_vtn()
    assert [opt.opt_id for opt in again.opts("site")] == [sent.id]
    await again.close()
