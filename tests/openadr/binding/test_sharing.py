"""Processes that share one PostgreSQL: what one has taken and not told another tells; the server goes and comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from janusgrid.common.clock import ScaledClock
from janusgrid.common.errors import LocalError
from janusgrid.common.store.records import Records
from janusgrid.common.store.shared import SharedRecords
from janusgrid.openadr.binding import keeper, sharing
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import EventChange, Reading, Ven
from janusgrid.openadr.vtn import Party, Telemetry, TelemetryPlan, Vtn

from tests.openadr.binding.ways import OFFER, eventually
from tests.postgres import Postgres, postgres

__all__ = ["postgres"]

T0 = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)
STEP = timedelta(seconds=30)


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL of one's own, to be ended and begun."""
    pytest.importorskip("psycopg")
    if (reason := Postgres.unavailable()) is not None:
        pytest.skip(reason)
    made = Postgres()
    yield made
    made.stop()


class Crowd:
    """VTNs that are one, and a site that knows the first."""

    def __init__(self, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stack = stack
        self.clock = ScaledClock(60.0, T0)
        self.told: dict[str, list[datetime]] = {}
        self.changes: list[EventChange] = []
        monkeypatch.setattr(sharing, "LOOK", 0.1)
        monkeypatch.setattr(keeper, "RETRY", 0.2)

    async def vtn(self, name: str, store: SharedRecords | Records, hear: Callable[[Telemetry], object]) -> Vtn:
        http = HttpTransport(listen=("127.0.0.1", 0), plain=True)
        vtn = Vtn(
            "VTN1", http, parties=[Party("site", ANYBODY)], clock=self.clock, store=store,
            plan=TelemetryPlan(granularity=STEP, every=STEP), poll_every=timedelta(seconds=2),
        )  # fmt: skip
        told = self.told.setdefault(name, [])

        async def heard(what: Telemetry) -> None:
            waiting = hear(what)
            if asyncio.iscoroutine(waiting):
                await waiting
            told.extend(sample.time for sample in what.samples)

        vtn.listen(Telemetry, heard)
        self._stack.callback(store.close)
        return await self._stack.enter_async_context(vtn)

    async def ven(self, vtn: Vtn, store: Records | None = None) -> Ven:
        (http,) = vtn._transports.values()
        assert http.address is not None

        ven = Ven(
            "site", HttpTransport(plain=True), vtn=http.address, offers=[OFFER], clock=self.clock, store=store,
            read=lambda r_ids: {each: Reading(1.0) for each in r_ids},
        )  # fmt: skip

        @ven.on_event
        def decide(change: EventChange) -> OptType:
            self.changes.append(change)
            return OptType.OPT_IN

        return await self._stack.enter_async_context(ven)


@pytest_asyncio.fixture
async def crowd(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Crowd]:
    async with AsyncExitStack() as stack:
        yield Crowd(stack, monkeypatch)


def untold(vtn: Vtn) -> set[str]:
    return set(vtn.core.cabinet.shelves["untold"])


async def test_what_a_process_has_not_told_when_it_went_another_tells_once(
    crowd: Crowd, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.database()
    never = asyncio.Event()
    monkeypatch.setattr(sharing, "GRACE", 0.5)
    first = await crowd.vtn("first", SharedRecords(url, "vtn"), lambda told: never.wait())
    second = await crowd.vtn("second", SharedRecords(url, "vtn"), lambda told: None)
    ven = await crowd.ven(first)
    await eventually(lambda: len(untold(first)) >= 2)  # acknowledged, and its application does not get round to it
    await ven.close()
    await first.close()
    await eventually(lambda: second._keeper.leads)
    await eventually(lambda: not untold(second))
    assert crowd.told["first"] == []
    told = crowd.told["second"]
    assert len(told) == len(set(told)) >= 2, "each once"
    assert told == sorted(told)
    await asyncio.sleep(1.0)  # twice the time after which what is not told would be told again
    assert crowd.told["second"] == told


async def test_what_a_process_is_slow_to_tell_is_left_to_it(
    crowd: Crowd, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.database()
    go = asyncio.Event()
    second = await crowd.vtn("second", SharedRecords(url, "vtn"), lambda told: None)
    await eventually(lambda: second._keeper.leads)
    first = await crowd.vtn("first", SharedRecords(url, "vtn"), lambda told: go.wait())
    ven = await crowd.ven(first)
    await eventually(lambda: len(untold(second)) >= 2)
    await ven.close()
    await asyncio.sleep(0.5)  # it looks every tenth of a second
    assert crowd.told["second"] == [], "the time of grace is a minute"
    go.set()
    await eventually(lambda: not untold(second))
    assert len(crowd.told["first"]) == len(set(crowd.told["first"])) >= 2
    assert crowd.told["second"] == []


async def test_what_a_process_is_very_slow_to_tell_is_left_to_it_as_long_as_it_lives(
    crowd: Crowd, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, three times in the time of grace; when it says so no more another tells what it has not."""
    url, moment, never = postgres.database(), [0.0], asyncio.Event()
    monkeypatch.setattr(sharing, "monotonic", lambda: moment[0])
    second = await crowd.vtn("second", SharedRecords(url, "vtn"), lambda told: None)
    await eventually(lambda: second._keeper.leads)
    first = await crowd.vtn("first", SharedRecords(url, "vtn"), lambda told: never.wait())
    ven = await crowd.ven(first)
    await eventually(lambda: len(untold(second)) >= 2)
    await ven.close()
    keeper = second._keeper
    assert isinstance(keeper, sharing.SharedKeeper)

    def said() -> set[float]:
        return {since for _, since in keeper._strange.values()}

    for _ in range(5):
        moment[0] += sharing.GRACE / 2 - 1
        await eventually(lambda: said() == {moment[0]})
    assert moment[0] > 2 * sharing.GRACE
    assert crowd.told["second"] == []
    waiting = untold(second)
    await first.close()
    moment[0] += sharing.GRACE + 1
    await eventually(lambda: not untold(second))
    assert len(crowd.told["second"]) == len(set(crowd.told["second"])) >= len(waiting)
    assert crowd.told["first"] == []


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "alone"])
async def test_a_server_that_goes_and_comes_back(crowd: Crowd, server: Postgres, shared: bool) -> None:
    """Both roles keep their books in PostgreSQL. While it is away nothing is acknowledged; then all goes on."""
    books = server.database()
    store = SharedRecords(books, "vtn") if shared else Records(books, "vtn")
    vtn = await crowd.vtn("vtn", store, lambda told: None)
    own = Records(books, "ven")
    ven = await crowd.ven(vtn, own)
    async with asyncio.timeout(30):
        await ven.joined()
        await vtn.wait_registered("site")
    await eventually(lambda: len(crowd.told["vtn"]) >= 1)
    server.stop()
    name = "E1"
    start = T0 + timedelta(hours=12)
    event = load_dispatch(100.0, start=start, duration=timedelta(hours=1), created=crowd.clock.now(), event_id=name)
    with pytest.raises(LocalError):
        await vtn.turn(vtn.create_event, event, ["site"])
    heard = len(crowd.told["vtn"])
    await asyncio.sleep(0.5)
    assert crowd.changes == [], "an event that is not kept does not leave"
    assert len(crowd.told["vtn"]) == heard, "nor is anything told"
    server.start()
    if shared:  # what could not be kept has not happened at all, and was said not to have
        await eventually(lambda: not vtn._keeper.failing)
        assert not list(vtn.core.events)
        await vtn.turn(vtn.create_event, event, ["site"])
    await eventually(lambda: bool(vtn.core.events.get(name).opt(ven.core.ven_id)))
    await eventually(lambda: len(crowd.told["vtn"]) > heard)
    assert [change.known.event_id for change in crowd.changes] == [name]
    assert len(crowd.told["vtn"]) == len(set(crowd.told["vtn"]))
    await ven.close()
    await vtn.close()
    assert ("event", name) in {(kind, key) for kind, key, _ in Records(books, "vtn").load()}
