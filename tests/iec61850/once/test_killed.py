"""A command is carried out at most once, also when the device is killed over it and its client says it again.

JANUSGRID_KILLS says how many devices are killed on each wire; by default two at each moment.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from janusgrid.common.errors import JanusGridError, RemoteError
from janusgrid.common.xmpp.backoff import Backoff
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.broker.limits import Limits as BrokerLimits
from janusgrid.common.xmpp.link import Patience
from janusgrid.common.xmpp.servers.process import free_port
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Ied, connect
from janusgrid.iec61850.acsi.errors import AddCause, ServiceRefused
from janusgrid.iec61850.acsi.services import (
    CommandTermination,
    Notification,
    Operate,
    Select,
    SelectWithValue,
    Termination,
)
from janusgrid.iec61850.acsi.types import Timestamp

from tests.iec61850.facade.killing import killed
from tests.iec61850.once import device
from tests.iec61850.once.device import OBJECTS, Moment
from tests.iec61850.plant import ref
from tests.iec61850.wires import until

KILLS = int(os.environ.get("JANUSGRID_KILLS", "0")) or 12
DEVICE, CLIENT = "dg750@plant.test/IEC", "ems@plant.test/IEC"

Open = Callable[[], Awaitable[Ied]]


@attrs.define
class World:
    """A device that lives again and again, and how to reach it."""

    port: int
    directory: Path
    open: Open
    who: dict[str, Any]

    def lives(self, run: int, moment: Moment | None) -> Any:
        told = self.directory / "who.json"
        told.write_text(json.dumps({**self.who, "moment": moment.value if moment else None}))
        return killed(device.main, self.port, self.directory / "state", told, run)

    def done(self) -> Counter[int]:
        found = self.directory / "done"
        return Counter(int(line) for line in found.read_text().splitlines()) if found.exists() else Counter()


@asynccontextmanager
async def tcp(directory: Path) -> AsyncIterator[World]:
    port = free_port()
    yield World(port, directory, lambda: connect(f"tcp://127.0.0.1:{port}"), {})


@asynccontextmanager
async def xmpp(directory: Path) -> AsyncIterator[World]:
    async with (
        Broker("plant.test", {"dg750": "secret", "ems": "secret"}, limits=BrokerLimits(hibernation=0.1)) as broker,
        SlixSession(
            CLIENT, password="secret", host=broker.host, port=broker.port, tls=broker.ca, allow=lambda peer: True,
            patience=Patience(connect=10.0, backoff=Backoff(base=0.02, cap=0.1)),
        ) as session,
    ):  # fmt: skip
        opening: Open = lambda: connect(f"xmpp:{DEVICE}", session=session)  # noqa: E731
        yield World(broker.port, directory, opening, {"jid": DEVICE, "ca": str(broker.ca)})


async def opened(world: World) -> Ied:
    """Return an association with a device that may not be up yet."""
    async with asyncio.timeout(30):
        while True:
            with suppress(JanusGridError):
                return await world.open()
            await asyncio.sleep(0.02)


async def say(world: World, command: Operate) -> str:
    """Say a command on a new association, selected where it has to be; return what is answered, and told in the end."""
    ied = await opened(world)
    try:
        ends: asyncio.Queue[Notification | None] = asyncio.Queue()
        ied.association.on_notification(ends.put_nowait)
        ied.on_end(lambda _: ends.put_nowait(None))
        if "SwSbo" in str(command.control):
            await ied.association.call(Select(command.control))
        if "SwSel" in str(command.control):
            await ied.association.call(SelectWithValue(command))
        await ied.association.call(command)
        if "SwEnh" not in str(command.control) and "SwSel" not in str(command.control):
            return "done"
        async with asyncio.timeout(30):
            while not isinstance(end := await ends.get(), CommandTermination):
                if end is None:
                    return "lost"
                if isinstance(end, Termination) and end.add_cause is not None:
                    break
        cause = end.add_cause
        return "done" if cause is None else cause.name
    except ServiceRefused as refused:
        return refused.add_cause.name if refused.add_cause is not None else refused.code
    except RemoteError:
        return "lost"
    finally:
        with suppress(JanusGridError):
            await ied.release()


async def insist(world: World, command: Operate) -> str:
    """Say a command until there is an answer: what a device said before it was killed may end its next association."""
    while (answer := await say(world, command)) == "lost":
        pass
    return answer


def command(number: int, delay: float) -> Operate:
    """Return a command that is like no other, each time for another object; of the fourth, every other one is for a
    later time."""
    name = OBJECTS[number % len(OBJECTS)]
    at = datetime.now(UTC) + timedelta(seconds=delay) if name == "CSWI1.SwEnh" and number % 2 else None
    value: Any = [float(number)] if "WSpt" in name else bool(number % 2)
    time = Timestamp(1_700_000_000, number)
    return Operate(ref(name), value, number=number % 256, time=time, at=None if at is None else Timestamp.of(at))


async def provoke(world: World, number: int, said: list[Operate]) -> None:
    """Say a command for the first time; where it comes when its time has passed, another one."""
    await (await opened(world)).release()
    delay, answer = 0.04, TOO_LATE
    while answer == TOO_LATE:
        said.append(command(number, delay))
        answer = await insist(world, said[-1])
        delay *= 2


TOO_LATE = AddCause.INCONSISTENT_PARAMETERS.name
EXPECTED = {
    # where it dies: how often it was carried out, and what the client is told then
    Moment.RECEIVED: {(1, "done")},
    Moment.GRANTED: {(1, "done")},
    Moment.KEPT: {(0, AddCause.UNKNOWN.name)},
    Moment.DONE: {(1, AddCause.UNKNOWN.name)},
    Moment.ENDED: {(1, "done")},
    Moment.ANY: {(1, "done"), (1, AddCause.UNKNOWN.name), (0, AddCause.UNKNOWN.name)},
}
LOST = (0, TOO_LATE)
"""One for a later time that was lost before it began: it is a new command, and comes too late."""


@pytest.mark.parametrize("way", [tcp, xmpp])
async def test_a_device_is_killed_over_its_commands(way: Any, tmp_path: Path) -> None:
    chance, seen = random.Random(850), Counter[tuple[str, int, str]]()
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(way(tmp_path))
        for number in range(KILLS):
            moment = list(Moment)[number % len(Moment)]
            said: list[Operate] = []
            async with world.lives(number, moment) as process:
                saying = asyncio.create_task(provoke(world, number, said))
                if moment is Moment.ANY:
                    await until(lambda: bool(said))  # noqa: B023 - awaited here
                    await asyncio.wait((saying,), timeout=chance.uniform(0.0, 0.05))
                else:
                    await asyncio.to_thread(process.join, 30)
                    assert process.exitcode == -9, f"{moment}: it lives"
                process.kill()
                await asyncio.to_thread(process.join)
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
            async with world.lives(number + 10_000, None):
                wanted = said[-1]
                if wanted.at is not None:
                    await asyncio.sleep((wanted.at.datetime - datetime.now(UTC)).total_seconds())
                answer = await insist(world, wanted)
                times = world.done()[number]
                assert (times, answer) in EXPECTED[moment] or (wanted.at is not None and (times, answer) == LOST), (
                    moment
                )
                assert await insist(world, wanted) == answer, "asked again, it is the same"
                assert world.done()[number] == times
                seen[moment.value, times, answer] += 1
    assert set(world.done().values()) <= {1}
    for (moment_, times, answer), count in sorted(seen.items()):
        print(f"{way.__name__}: {moment_}: {count} times: carried out {times} times, then told {answer}")
