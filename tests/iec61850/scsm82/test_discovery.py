"""Servers are found by roster, presence and what they say of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest_asyncio
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.session import Identity
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Server, Watch, connect, discover
from janusgrid.iec61850.scsm82.discovery import Found

from tests.iec61850.plant import plant
from tests.iec61850.wires import until

Make = Callable[..., SlixSession]
BOTH = ("80-3", "2018")


@pytest_asyncio.fixture
async def make() -> AsyncIterator[Make]:
    """What makes sessions on a broker; they are closed in the end."""
    broker = Broker("plant.test")
    for user in ("ems", "dg750", "pv", "meter"):
        broker.add_user(user, user)
    await broker.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(broker.stop)

        def session(user: str, name: str = "JanusGrid", **options: object) -> SlixSession:
            made = SlixSession(
                f"{user}@plant.test/IEC", password=user, host=broker.host, port=broker.port, tls=broker.ca,
                allow=lambda peer: peer == "ems@plant.test", identity=Identity("client", "bot", name),
            )  # fmt: skip
            stack.push_async_callback(made.close)
            return made

        yield session


async def served(make: Make, user: str, **options: str) -> tuple[SlixSession, Server]:
    session, server = make(user, **options), Server(plant())
    server.start(session)
    await session.open()
    return session, server


async def test_those_that_serve_are_found_also_by_a_later_session(make: Make) -> None:
    dg750, _ = await served(make, "dg750", name="Diesel 750")
    pv, _ = await served(make, "pv")
    await make("meter").open()
    ems = make("ems")
    await ems.open()
    assert await discover(ems) == ()
    users = ("dg750", "pv", "meter")
    for user in users:
        await ems.subscribe(f"{user}@plant.test")
    await until(lambda: len(ems.present()) == 3)
    found = await discover(ems)
    assert found == (
        Found(dg750.jid, BOTH, Identity("client", "bot", "Diesel 750")),
        Found(pv.jid, BOTH, Identity("client", "bot", "JanusGrid")),
    )
    async with connect(found[0].target, session=ems) as ied:
        assert await ied.devices() == ("DG750DER",)
    await until(lambda: all(ems._peers._roster.get(f"{user}@plant.test") == "both" for user in users))
    await ems.close()
    await pv.close()
    again = make("ems")  # it subscribes to nobody: its account does already
    await again.open()
    await until(lambda: len(again._peers._available) == 2)
    assert [one.jid for one in await discover(again)] == [dg750.jid]


async def test_they_are_watched_as_they_come_and_go(make: Make) -> None:
    dg750, _ = await served(make, "dg750")
    ems = make("ems")
    await ems.open()
    for user in ("dg750", "pv", "meter"):
        await ems.subscribe(f"{user}@plant.test")
    await make("meter").open()
    async with Watch(ems) as seen, asyncio.timeout(30):
        first = await anext(seen)
        assert (first.server.jid, first.available) == (dg750.jid, True)
        pv = make("pv")
        await pv.open()
        await until(lambda: ems.available(pv.jid))
        await asyncio.sleep(0.1)
        assert [one.jid for one in seen.servers] == [dg750.jid]
        Server(plant()).start(pv)  # it serves later than it is there
        second = await anext(seen)
        assert (second.server.jid, second.available) == (pv.jid, True)
        assert [one.jid for one in seen.servers] == [dg750.jid, pv.jid]
        await dg750.close()
        third = await anext(seen)
        assert (third.server.jid, third.available) == (dg750.jid, False)
        await ems.close()  # for us, all are gone
        fourth = await anext(seen)
        assert (fourth.server.jid, fourth.available) == (pv.jid, False)
        assert seen.servers == ()
