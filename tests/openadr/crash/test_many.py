"""Several processes on one PostgreSQL are one VTN: nothing is given to nobody, nothing applied twice."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from janusgrid.common.xmpp.servers.process import free_port
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.events import kilowatts
from janusgrid.openadr.model import Message, OptType
from janusgrid.openadr.ven import DataPoint, EventChange, Offer, Reading, Ven

from tests.forks import FORKS
from tests.openadr.crash.many import SITES, Plan, live
from tests.postgres import Postgres, postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.timeout(300)

OFFER = Offer("usage", "TELEMETRY_USAGE", (DataPoint("pcc.p", kilowatts()),))


class Balanced(HttpTransport):
    """Sends each message to the next of several servers, as a load balancer does."""

    servers: Any = ()

    async def carry(self, to: str, message: Message, identity: str = "") -> Message | None:
        return await super().carry(next(self.servers), message, identity)


class Crowd:
    """Processes that are one VTN, and VENs that do not know that they are many."""

    def __init__(self, url: str, folder: Path, stack: AsyncExitStack, push: bool) -> None:
        self._stack, self._push = stack, push
        origin = time.monotonic()
        self.folder = folder
        self.plans = [Plan(f"vtn{n}", url, free_port(), folder, origin, 4) for n in range(3)]
        self.processes: dict[str, Any] = {}
        self.told: Counter[tuple[str, str, int]] = Counter()
        self.changes: list[tuple[str, EventChange]] = []
        self.taken: set[tuple[str, str]] = set()

    def start(self, plan: Plan) -> None:
        process = self.processes[plan.name] = FORKS.Process(target=live, args=(plan,), daemon=True)
        process.start()
        self._stack.callback(process.join)
        self._stack.callback(process.kill)

    async def ven(self, site: str) -> Ven:
        clock = self.plans[0].clock()

        def read(r_ids: frozenset[str]) -> Mapping[str, Reading]:
            return {r_id: Reading(1.0) for r_id in r_ids}

        transport = Balanced(plain=True, listen=("127.0.0.1", free_port()) if self._push else None)
        transport.servers = itertools.cycle([f"http://127.0.0.1:{plan.port}" for plan in self.plans])
        ven = Ven(site, transport, vtn="http://127.0.0.1:1", offers=[OFFER], read=read, clock=clock)

        @ven.on_event
        def decide(change: EventChange) -> OptType:
            self.told[site, change.known.event_id, change.known.modification] += 1
            self.changes.append((site, change))
            return OptType.OPT_IN

        return await self._stack.enter_async_context(ven)

    def diary(self) -> list[tuple[str, ...]]:
        """Return what all processes have been told."""
        files = (self.folder / f"{plan.name}.diary" for plan in self.plans)
        return [tuple(line.split(" ")) for file in files for line in file.read_text().splitlines()]

    async def settled(self, events: int) -> None:
        """Return when every process has made its events, and knows of all, which are this many or more, the answers."""

        def look() -> bool:
            files = [self.folder / f"{plan.name}.settled" for plan in self.plans]
            found = {file.read_text() if file.exists() else "" for file in files}
            answered, _, all_ = found.pop().partition(" of ") if len(found) == 1 else ("", "", "")
            return bool(all_) and answered == all_ and int(all_) >= events

        await until(look)

    async def end(self) -> set[str]:
        """End all processes; return the states in which they were: one, if all know the same."""
        (self.folder / "end").touch()
        files = [self.folder / f"{plan.name}.state" for plan in self.plans]
        await until(lambda: all(file.exists() and file.read_text() for file in files))
        return {file.read_text() for file in files}


async def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("push", [False, True], ids=["pull", "push"])
async def test_three_processes_are_one_vtn(postgres: Postgres, tmp_path: Path, push: bool) -> None:
    async with AsyncExitStack() as stack:
        crowd = Crowd(postgres.database(), tmp_path, stack, push)
        for plan in crowd.plans:
            crowd.start(plan)
        await until(lambda: all((tmp_path / f"{plan.name}.diary").exists() for plan in crowd.plans))
        vens = [await crowd.ven(site) for site in SITES]
        await crowd.settled(12)
        await until(lambda: {w[1] for w in crowd.diary() if w[0] == "sample"} == set(SITES))
        states = await crowd.end()
        assert len(states) == 1
        diary = crowd.diary()
        made = Counter(words for words in diary if words[0] == "made")
        assert made == {("made", f"E{n}"): 1 for n in range(12)}
        opted = Counter(words for words in diary if words[0] == "opted")
        assert opted == {("opted", site, f"E{n}", "0"): 1 for n in range(12) for site in SITES}
        assert crowd.told == {(site, f"E{n}", 0): 1 for n in range(12) for site in SITES}
        samples = Counter(words for words in diary if words[0] == "sample")
        assert samples
        assert set(samples.values()) == {1}
        assert len({ven.core.ven_id for ven in vens}) == 3
        by = {plan.name: (tmp_path / f"{plan.name}.diary").read_text().count("opted") for plan in crowd.plans}
        assert all(by.values()), f"each took its part: {by}"


@pytest.mark.parametrize("push", [False, True], ids=["pull", "push"])
async def test_processes_die_and_others_go_on(postgres: Postgres, tmp_path: Path, push: bool) -> None:
    """One after the other is killed while events are made and answered, also the one that carries letters."""
    async with AsyncExitStack() as stack:
        crowd = Crowd(postgres.database(), tmp_path, stack, push)
        for plan in crowd.plans:
            crowd.start(plan)
        await until(lambda: all((tmp_path / f"{plan.name}.diary").exists() for plan in crowd.plans))
        for site in SITES:
            await crowd.ven(site)
        for number in range(6):
            plan = crowd.plans[number % 3]
            made = len([words for words in crowd.diary() if words[0] == "made"])
            await until(lambda made=made: sum(words[0] == "made" for words in crowd.diary()) > made)
            crowd.processes[plan.name].kill()
            crowd.processes[plan.name].join()
            (tmp_path / f"{plan.name}.settled").unlink(missing_ok=True)
            crowd.start(plan)
        await crowd.settled(len([words for words in crowd.diary() if words[0] == "made"]))
        assert len(await crowd.end()) == 1
        made_all = Counter(words[1] for words in crowd.diary() if words[0] == "made")
        assert set(made_all.values()) == {1}
        for name in made_all:
            for site in SITES:
                assert crowd.told[site, name, 0] == 1, [change for who, change in crowd.changes if who == site]
        opted = Counter(words for words in crowd.diary() if words[0] == "opted")
        assert set(opted.values()) == {1}
