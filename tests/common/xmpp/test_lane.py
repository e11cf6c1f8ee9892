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


async def test_a_request_that_comes_twice_is_handled_and_answered_once() -> None:
    """Its answer is the answer to both, for both have the same id."""
    refusals, said, go_on = Refusals("me@grid.test/IEC"), list[str](), asyncio.Event()
    lane = Lane(said.append, Limits(), refusals)
    handled: list[str] = []

    async def take(incoming: Incoming) -> str:
        handled.append(incoming.payload.text or "")
        await go_on.wait()
        return "<done/>"

    def request(id: str, text: str) -> Element:
        return fromstring(f'<iq type="set" id="{id}"><report xmlns="urn:example:meter">{text}</report></iq>')

    lane.handle(NAME, take, ("set",))
    for _ in range(3):
        lane.request(request("7", "on"), "der@grid.test/IEC")
    lane.request(request("7", "off"), "der@grid.test/IEC")
    lane.request(request("7", "on"), "pv@grid.test/IEC")
    lane.request(request("8", "on"), "der@grid.test/IEC")
    for _ in range(2):
        lane.request(request("", "on"), "der@grid.test/IEC")
    await asyncio.sleep(0)
    assert handled == ["on", "off", "on", "on", "on", "on"]
    go_on.set()
    while len(said) < 6:  # noqa: ASYNC110 - a count is no event
        await asyncio.sleep(0)
    assert refusals.counts == {"repeated-request": 2}
    lane.request(request("8", "on"), "der@grid.test/IEC")
    await asyncio.sleep(0)
    assert len(handled) == 7, "what is answered is no business of the session's any more"
    await lane.close()
