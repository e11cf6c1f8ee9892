"""A server and a client on one session, also with the very same peer the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import NotReachable
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.session import StanzaRefused
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Ied, connect
from janusgrid.iec61850.scsm82 import endpoint as endpoints
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.endpoint import Endpoint
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START, until

from .test_associations import HZ, PATIENCE

HERTZ = "DG750DER/MMXU1.Hz.mag.f"


class Side:
    """One account: a server, and what is a client on the same session."""

    def __init__(self, broker: Broker, user: str) -> None:
        self.session = SlixSession(
            f"{user}@plant.test/IEC", password=user, host=broker.host, port=broker.port, tls=broker.ca,
            patience=PATIENCE, allow=lambda peer: True,
        )  # fmt: skip
        self.server = Server(plant(), clock=LockStepClock(START))


@pytest_asyncio.fixture
async def sides() -> AsyncIterator[tuple[Side, Side]]:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Broker("plant.test", {"a": "a", "b": "b"}))
        made = Side(broker, "a"), Side(broker, "b")
        for hertz, side in zip((50.0, 60.0), made, strict=True):
            await stack.enter_async_context(side.session)
            await stack.enter_async_context(side.server)
            side.server.start(side.session)
            side.server.update(HERTZ, hertz)
        yield made


async def clients(stack: AsyncExitStack, a: Side, b: Side, dialect: str = "80-3") -> tuple[Ied, Ied]:
    """Associate each with the other."""
    there = connect(f"xmpp:{b.session.jid}", session=a.session, dialect=dialect)
    back = connect(f"xmpp:{a.session.jid}", session=b.session, dialect=dialect)
    return await stack.enter_async_context(there), await stack.enter_async_context(back)


@pytest.mark.parametrize("dialect", ["80-3", "2018"])
async def test_both_ways_between_the_same_two(sides: tuple[Side, Side], dialect: str) -> None:
    """Reads, reports, controls and the end of one association leave the other way alone."""
    a, b = sides
    async with AsyncExitStack() as stack:
        to_b, to_a = await clients(stack, a, b, dialect)
        assert [await to_b.read(HERTZ), await to_a.read(HERTZ)] == [60.0, 50.0]
        reports = [await stack.enter_async_context(ied.report(f"{LD}/LLN0.urcbMeas")) for ied in (to_b, to_a)]
        a.server.update(HERTZ, 50.5)
        b.server.update(HERTZ, 60.5)
        async with asyncio.timeout(20):
            found = [await anext(one) for one in reports]
        assert [bool(report.values) for report in found] == [True, True]
        await to_b.release()
        assert await to_a.read(HERTZ) == 50.5
        again = await stack.enter_async_context(connect(f"xmpp:{b.session.jid}", session=a.session, dialect=dialect))
        assert await again.read(HERTZ) == 60.5


async def test_no_identifier_is_of_both_ways(sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch) -> None:
    """There are 999: two of the same would be asked for the other's values. Each side chooses another one."""
    a, b = sides
    numbers = iter(["7", "7", "8"])
    monkeypatch.setattr(endpoints, "new_number", lambda: next(numbers))
    async with AsyncExitStack() as stack:
        to_b, to_a = await clients(stack, a, b)
        assert [await to_b.read(HERTZ), await to_a.read(HERTZ)] == [60.0, 50.0]
    assert list(numbers) == []


async def test_the_same_identifier_at_the_same_time_is_refused_and_another_taken(
    sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = sides
    numbers = iter(["7", "7", "8", "9"])
    monkeypatch.setattr(endpoints, "new_number", lambda: next(numbers))
    async with asyncio.timeout(20):
        to_b, to_a = await asyncio.gather(
            XmppAssociation.open(a.session, b.session.jid), XmppAssociation.open(b.session, a.session.jid)
        )
    from janusgrid.iec61850.acsi.services import GetDataValues

    (there,), (back,) = await asyncio.gather(to_b.call(GetDataValues((HZ,))), to_a.call(GetDataValues((HZ,))))
    assert [there, back] == [60.0, 50.0]
    assert list(numbers) == []
    await to_b.release()
    await to_a.release()


async def test_a_server_that_stops_leaves_the_client_of_the_session(sides: tuple[Side, Side]) -> None:
    a, b = sides
    async with AsyncExitStack() as stack:
        to_b, to_a = await clients(stack, a, b)
        await a.server.close()
        assert await to_b.read(HERTZ) == 60.0
        with pytest.raises(NotReachable):
            await to_a.read(HERTZ)
        await until(lambda: not Endpoint.of(b.session).count(a.session.jid) - 1)
        assert ref("MMXU1.Hz.mag.f", "MX") == HZ


async def test_only_clients_that_are_named_are_let_in(sides: tuple[Side, Side]) -> None:
    """On a session that others know too, for they are its peers in other roles."""
    a, b = sides
    await a.server.close()
    async with Server(plant(), clock=LockStepClock(START), clients=["b@plant.test"]) as picky:
        picky.start(a.session)
        async with connect(f"xmpp:{a.session.jid}", session=b.session) as ied:
            assert await ied.devices() == (LD,)
    async with Server(plant(), clock=LockStepClock(START), clients=["operator@plant.test", "o*@plant.test"]) as picky:
        picky.start(a.session)
        with pytest.raises(StanzaRefused, match="not let in") as caught:
            await connect(f"xmpp:{a.session.jid}", session=b.session)
        assert (caught.value.code, caught.value.kind) == ("forbidden", "auth")
