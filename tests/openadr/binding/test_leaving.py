"""A VEN that leaves while its VTN is away, and a peer over XMPP that takes a message and never answers it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.common.errors import LocalError, TimedOut
from janusgrid.common.xmpp.session import Incoming, Session
from janusgrid.openadr.binding.xmpp import XmppTransport
from janusgrid.openadr.codec import write
from janusgrid.openadr.model import CancelPartyRegistration, EiResponse, Response
from janusgrid.openadr.ven import Ven

from tests.openadr.binding.ways import Grid, a_grid, eventually

NAMESPACE = "http://openadr.org/oadr-2.0b/2012/07"


@pytest_asyncio.fixture
async def grid(tmp_path: Path) -> AsyncIterator[Grid]:
    async with a_grid("embedded", tmp_path) as made:
        yield made


async def test_a_ven_that_is_leaving_does_not_join(grid: Grid) -> None:
    """It says so, instead of doing nothing; and the VTN is told once, however often it is asked to leave."""
    vtn, ven = await grid.both()
    await vtn.close()
    leaving = [asyncio.create_task(ven.leave()) for _ in range(2)]
    await eventually(lambda: ven.core.leaving)
    with pytest.raises(LocalError, match="await leave"):
        ven.join()
    waiting = ven.core.outbox.waiting(ven.core.office.vtn)
    assert [type(letter.message) for letter in waiting].count(CancelPartyRegistration) == 1
    await vtn.open()
    ven.core.outbox.kick()
    ven.nudge()
    async with asyncio.timeout(30):
        await asyncio.gather(*leaving)
        assert not vtn.vens
        ven.join()
        assert await ven.joined()
        await ven.leave()


async def session(grid: Grid, user: str) -> Session:
    transport = await grid.way.transport(user)
    assert isinstance(transport, XmppTransport)
    return transport._session


async def test_a_peer_over_xmpp_that_never_answers_is_asked_again(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    """`timeout` ends the waiting for one answer, not the letter."""
    asked: list[str] = []

    async def hang(stanza: Incoming) -> str | None:
        asked.append(stanza.sender)
        if len(asked) < 3:
            await asyncio.Event().wait()
        return write(Response(ei_response=EiResponse(response_code="452", request_id="")))

    silent = await session(grid, "mallory")
    silent.handle(f"{{{NAMESPACE}}}oadrPayload", hang, kinds=("set",))
    transport = XmppTransport(await session(grid, "ems"), timeout=0.3)
    ends: list[BaseException] = []
    carry = transport.carry

    async def noted(to: str, message: object, identity: str = "") -> object:
        try:
            return await carry(to, message, identity)  # type: ignore[arg-type]
        except TimedOut as error:
            ends.append(error)
            raise

    monkeypatch.setattr(transport, "carry", noted)
    ven = Ven("site", transport, vtn=silent.jid, clock=grid.clock)
    async with ven:
        await eventually(lambda: len(asked) == 3)
    assert len(ends) >= 2
    assert transport.passing(ends[0])
