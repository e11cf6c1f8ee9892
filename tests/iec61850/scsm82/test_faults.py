"""Servers that are started anew, twenty times each, while a client reads, commands and has reports, with end-to-end
security: all is back by itself, no report of a buffered block is lost or comes twice, no request hangs, no command is
carried out twice. And a client that is gone holds nothing."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest
from janusgrid.common.errors import JanusGridError, RemoteError
from janusgrid.common.xmpp.backoff import Backoff
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.broker.limits import Limits as BrokerLimits
from janusgrid.common.xmpp.link import Patience
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Ied, connect
from janusgrid.iec61850.acsi.errors import AddCause, ServiceRefused
from janusgrid.iec61850.acsi.services import GetDataValues, Operate
from janusgrid.iec61850.acsi.types import Timestamp
from janusgrid.iec61850.client import reports as reports_room
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.server import Server

from tests.common.security.e2e.ends import credentials, identity
from tests.iec61850.facade.killing import killed
from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.scsm82 import reporting_device
from tests.iec61850.wires import until

DEVICE, CLIENT = "dg750@plant.test/IEC", "ems@plant.test/IEC"
BLOCK, TOTW, HZ, SETPOINT = f"{LD}/LLN0.brcbMeas", f"{LD}/MMXU1.TotW", f"{LD}/MMXU1.Hz.mag.f", f"{LD}/DWGC1.WSpt"
RESTARTS = 20
PATIENCE = Patience(connect=10.0, backoff=Backoff(base=0.02, cap=0.1))
BACK = 10.0
"""Seconds after which all has to be back. It is so by design: what waits between attempts waits a tenth of a second."""


def session(broker: Broker, jid: str, **options: Any) -> SlixSession:
    return SlixSession(
        jid, password="secret", host=broker.host, port=broker.port, tls=broker.ca, allow=lambda peer: True,
        patience=PATIENCE, **options,
    )  # fmt: skip


@attrs.define
class Client:
    """A client that reads, commands and has reports for as long as it lives."""

    ied: Ied
    insists: bool = False
    """It says a command again on another association, too."""
    got: list[float] = attrs.Factory(list)
    read: int = 0
    commanded: int = 0
    answered: list[int] = attrs.Factory(list)
    failed: Counter[str] = attrs.Factory(Counter)
    longest: float = 0.0
    missed: int = 0
    tasks: list[asyncio.Task[None]] = attrs.Factory(list)

    def start(self) -> None:
        self.tasks = [asyncio.create_task(work()) for work in (self._reports, self._reads, self._commands)]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        for ended in await asyncio.gather(*self.tasks, return_exceptions=True):
            assert ended is None or isinstance(ended, asyncio.CancelledError), ended

    async def _reports(self) -> None:
        async for update in self.ied.report(BLOCK, interrogate=False):
            found: Any = update.values[TOTW]
            self.got.append(float(found["mag"]["f"]))
            assert not update.overflow
            self.missed += update.missed

    async def _asked(self, asking: Any) -> bool:
        """Return whether an answer comes; whatever goes wrong, who asks is told."""
        begun = asyncio.get_running_loop().time()
        try:
            await asking
        except RemoteError as error:
            self.failed[type(error).__name__] += 1
            await asyncio.sleep(0.02)
            return False
        finally:
            self.longest = max(self.longest, asyncio.get_running_loop().time() - begun)
        return True

    async def _reads(self) -> None:
        while True:
            self.read += await self._asked(self.ied.read(HZ))
            await asyncio.sleep(0.01)

    async def _commands(self) -> None:
        """Each command has a number of its own in its time. It is said again until it is answered, or until there is
        another association: a device that was killed has forgotten what it has carried out."""
        while True:
            self.commanded += 1
            number = self.commanded
            time = Timestamp(1_700_000_000, number)
            command = Operate(ref("DWGC1.WSpt"), [float(number % 800)], number=number % 256, time=time)
            first = self.ied.association
            while self.insists or self.ied.association is first:
                if await self._asked(self.ied.association.call(command)):
                    self.answered.append(number)
                    break
            await asyncio.sleep(0.01)

    def progress(self) -> tuple[int, int, int]:
        return len(self.got), self.read, len(self.answered)

    async def goes_on(self) -> float:
        """Return when all three have made progress; the seconds that it took."""
        before, begun = self.progress(), asyncio.get_running_loop().time()
        await until(lambda: all(now > then for now, then in zip(self.progress(), before, strict=True)))
        return asyncio.get_running_loop().time() - begun


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker("plant.test", {"dg750": "secret", "ems": "secret"}) as made:
        yield made


async def begin(client: Client, ours: SlixSession) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                client.ied = await connect(f"xmpp:{DEVICE}", session=ours, security=Security(identity(CLIENT)))
                break
            except JanusGridError:
                await asyncio.sleep(0.05)
    client.start()


def told(what: str, client: Client, back: list[float]) -> None:
    print(
        f"{what}: {len(back)} times, back within {max(back):.2f} s, {client.read} reads, "
        f"{len(client.answered)} commands, {len(client.got)} reports, "
        f"{sum(client.failed.values())} requests failed, longest {client.longest:.2f} s"
    )


async def test_the_xmpp_server_is_started_anew(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports_room, "_BACKOFF", Backoff(base=0.02, cap=0.1))
    chance, back, number, done = random.Random(82), [], 0, Counter[int]()
    async with AsyncExitStack() as stack:
        serving = await stack.enter_async_context(session(broker, DEVICE))
        ours = await stack.enter_async_context(session(broker, CLIENT))
        server = await stack.enter_async_context(Server(plant(), state=tmp_path))
        server.on_operate(SETPOINT)(lambda command: done.update([command.time.fraction]))
        server.start(serving, security=Security(identity(DEVICE)))
        client = Client(None, insists=True)  # type: ignore[arg-type]
        await begin(client, ours)

        async def live() -> None:
            nonlocal number
            while True:
                number += 1
                server.update(TOTW, float(number))
                await asyncio.sleep(0.005)

        living = asyncio.create_task(live())
        await client.goes_on()
        for _ in range(RESTARTS):
            await broker.kill()
            await asyncio.sleep(chance.uniform(0.0, 0.05))
            await broker.start()
            back.append(await client.goes_on())
        living.cancel()
        await until(lambda: client.got[-1] == number)
        await client.stop()
    assert client.got == [float(each) for each in range(int(client.got[0]), number + 1)]
    assert client.missed == 0
    assert set(done.values()) == {1}
    assert set(client.answered) <= set(done)
    assert max(back) < BACK
    assert client.longest < 20, "none hangs: each waits ten seconds at most"
    told("XMPP server", client, back)


async def test_the_device_is_killed(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports_room, "_BACKOFF", Backoff(base=0.02, cap=0.1))
    chance, back = random.Random(83), []
    state, numbers = tmp_path / "state", tmp_path / "told"
    files = credentials(DEVICE)
    who = {
        "jid": DEVICE,
        "ca": str(broker.ca),
        "files": [str(f) for f in (files.certificate, files.key, files.authorities)],
    }
    (tmp_path / "who.json").write_text(json.dumps(who))
    client = Client(None)  # type: ignore[arg-type]
    async with session(broker, CLIENT) as ours:
        for run in range(1, RESTARTS + 2):
            async with killed(reporting_device.main, broker.port, state, numbers, run) as process:
                if run == 1:
                    await begin(client, ours)
                begun = asyncio.get_running_loop().time()
                await until(lambda: bool(client.got) and client.got[-1] > run * 100_000)  # noqa: B023 - awaited here
                await client.goes_on()
                assert process.exitcode is None, "it has ended by itself"
                if run > 1:
                    back.append(asyncio.get_running_loop().time() - begun)
                await asyncio.sleep(chance.uniform(0.0, 0.03))
        await client.stop()
    counted = [float(line) for line in numbers.read_text().splitlines()]
    last, had = client.got[-1], set(client.got)
    assert [number for number in counted if client.got[0] <= number <= last and number not in had] == []
    assert client.got == sorted(had), "nothing comes twice or out of order"
    assert client.missed == 0
    done = Counter(int(line) for line in (tmp_path / "done").read_text().splitlines())
    assert set(done.values()) == {1}
    assert set(client.answered) <= set(done)
    assert max(back) < BACK
    told("device", client, back)


@pytest.mark.parametrize("control", ["SwSbo", "SwSel"])
async def test_a_client_that_vanishes_while_it_has_selected(control: str) -> None:
    """Without a word, its connection cut: the XMPP server keeps its session a while, should it come back."""
    async with AsyncExitStack() as stack:
        users = {"dg750": "secret", "ems": "secret", "utility": "secret"}
        broker = await stack.enter_async_context(Broker("plant.test", users, limits=BrokerLimits(hibernation=0.3)))
        serving = await stack.enter_async_context(session(broker, DEVICE))
        server = await stack.enter_async_context(Server(plant()))
        server.on_operate(f"{LD}/CSWI1.{control}")(lambda command: None)
        server.start(serving, security=Security(identity(DEVICE)))
        ours, other = [
            await stack.enter_async_context(session(broker, jid)) for jid in (CLIENT, "utility@plant.test/IEC")
        ]  # fmt: skip
        first, second = [
            await XmppAssociation.open(each, DEVICE, security=Security(identity(each.jid))) for each in (ours, other)
        ]  # fmt: skip
        switch = Ied(first).control(f"{LD}/CSWI1.{control}"), Ied(second).control(f"{LD}/CSWI1.{control}")
        await switch[0].select(True)
        with pytest.raises(ServiceRefused) as refused:
            await switch[1].select(True)
        assert refused.value.add_cause is AddCause.LOCKED_BY_OTHER_CLIENT
        supervisor = ours._link._supervisor
        assert supervisor is not None
        supervisor.cancel()
        stream: Any = ours._link._stream
        stream.transport.abort()
        await until(lambda: len(server.engine.associations) == 1)
        await switch[1].select(True)
        await switch[1].cancel()
        assert (await second.call(GetDataValues((ref("CSWI1.SwDir.stVal", "ST"),)))) == (False,)
