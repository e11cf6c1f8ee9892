"""An XMPP server that is away for some seconds, and all that hangs on it as it is without any setting: devices, clients
and their reports are back within ten seconds of its return.

JANUSGRID_RESTARTS says how often it is started anew; by default once.
"""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import AsyncExitStack
from pathlib import Path

from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Ied, connect
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import LD, plant
from tests.iec61850.wires import until

RESTARTS = int(os.environ.get("JANUSGRID_RESTARTS", "0")) or 1
DEVICES = 8
BACK = 10.0
TOTW = f"{LD}/MMXU1.TotW"


async def test_all_are_back_as_they_are_without_any_setting(tmp_path: Path) -> None:
    chance, latest, back = random.Random(5), [0.0] * DEVICES, list[float]()
    loop = asyncio.get_running_loop()
    names = [f"der{number}" for number in range(DEVICES)]
    async with AsyncExitStack() as stack:
        users = dict.fromkeys([*names, "ems"], "secret")
        broker = await stack.enter_async_context(Broker("plant.test", users))

        async def session(user: str) -> SlixSession:
            made = SlixSession(
                f"{user}@plant.test/IEC", password="secret", host=broker.host, port=broker.port, tls=broker.ca,
                allow=lambda peer: True,
            )  # fmt: skip
            return await stack.enter_async_context(made)

        servers = []
        for name in names:
            server = await stack.enter_async_context(Server(plant(), state=tmp_path / name))
            server.start(await session(name))
            servers.append(server)
        ems = await session("ems")

        async def follow(number: int, ied: Ied) -> None:
            async for update in ied.report(f"{LD}/LLN0.brcbMeas", interrogate=False):
                found = update.values[TOTW]
                assert isinstance(found, dict)
                latest[number] = found["mag"]["f"]

        followers = []
        for number, name in enumerate(names):
            ied = await connect(f"xmpp:{name}@plant.test/IEC", session=ems)
            followers.append(asyncio.create_task(follow(number, ied)))

        def tell(value: float) -> None:
            for server in servers:
                server.update(TOTW, value)

        tell(0.5)
        await until(lambda: min(latest) == 0.5)
        for restart in range(1, RESTARTS + 1):
            await broker.kill()
            await asyncio.sleep(chance.uniform(1.0, 3.0) if RESTARTS > 1 else 1.0)
            await broker.start()
            begun = loop.time()
            tell(float(restart))
            await until(lambda: min(latest) == restart)  # noqa: B023 - awaited here
            back.append(loop.time() - begun)
            assert not any(follower.done() for follower in followers)
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
    print(f"{RESTARTS} restarts: all {DEVICES} back within {max(back):.1f} s, on average {sum(back) / len(back):.1f} s")
    assert max(back) < BACK
