"""How messages of one sender wait for one another."""

from __future__ import annotations

import asyncio
from xml.etree.ElementTree import Element, fromstring

from janusgrid.common.xmpp.guard import Limits, Refusals
from janusgrid.common.xmpp.lane import Lane
from janusgrid.common.xmpp.session import Incoming

NAME = "{urn:example:meter}report"


def message(number: int) -> Element:
    return fromstring(f'<message type="normal"><report xmlns="urn:example:meter">{number}</report></message>')


async def test_a_burst_of_messages_is_handled_whole_and_in_order() -> None:
    refusals = Refusals("me@grid.test/IEC")
    lane = Lane(lambda text: None, Limits(), refusals, each=4, backlog=600)
    handled: list[int] = []

    async def take(incoming: Incoming) -> None:
        await asyncio.sleep(0)
        handled.append(int(incoming.payload.text or ""))

    lane.handle(NAME, take, ("normal",))
    for number in range(500):
        lane.message(message(number), "der@grid.test/IEC")
    lane.message(message(-1), "pv@grid.test/IEC")
    while len(handled) < 501:  # noqa: ASYNC110 - a count is no event
        await asyncio.sleep(0.01)
    assert handled.index(-1) < 10, "another sender does not wait for it"
    assert [number for number in handled if number >= 0] == list(range(500))
    assert not refusals.counts
    await lane.close()


async def test_a_message_that_fails_does_not_stop_those_behind_it() -> None:
    refusals = Refusals("me@grid.test/IEC")
    lane = Lane(lambda text: None, Limits(), refusals)
    handled: list[str] = []

    async def take(incoming: Incoming) -> None:
        handled.append(incoming.payload.text or "")
        if incoming.payload.text == "1":
            raise ZeroDivisionError

    lane.handle(NAME, take, ("normal",))
    for number in range(3):
        lane.message(message(number), "der@grid.test/IEC")
    while len(handled) < 3:  # noqa: ASYNC110 - a count is no event
        await asyncio.sleep(0)
    assert handled == ["0", "1", "2"]
    assert refusals.counts == {"handler-failed": 1}
    await lane.close()


async def test_more_than_may_wait_is_a_flood() -> None:
    refusals = Refusals("me@grid.test/IEC")
    lane = Lane(lambda text: None, Limits(), refusals, backlog=10)
    never = asyncio.Event()

    async def take(incoming: Incoming) -> None:
        await never.wait()

    lane.handle(NAME, take, ("normal",))
    for number in range(20):
        lane.message(message(number), "der@grid.test/IEC")
    assert refusals.counts == {"flood": 10}
    await lane.close()
