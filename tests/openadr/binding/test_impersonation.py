"""VEN B as VEN A, and as A's VTN: each of the 23 messages, on every way, to either role.

B is registered itself, and well-mannered so far. It names A's venID, registration, events, opts and reports.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.openadr.binding.http import HttpRefused
from janusgrid.openadr.binding.services import POLL, service
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.model import (
    MESSAGES,
    CanceledOpt,
    CanceledPartyRegistration,
    CanceledReport,
    CancelOpt,
    CreatedOpt,
    CreatedPartyRegistration,
    CreateOpt,
    CreatePartyRegistration,
    EiResponse,
    EiTarget,
    Message,
    OptType,
    Poll,
    QueryRegistration,
    TransportName,
    changed,
)
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, Vtn

from tests.openadr.binding.test_ways import made
from tests.openadr.binding.ways import Grid, a_grid, eventually
from tests.openadr.core.test_hostile import GOOD, T0

FOR_A_VTN = {
    "CreatePartyRegistration", "CancelPartyRegistration", "CanceledPartyRegistration", "RegisterReport",
    "RegisteredReport", "CreateReport", "CreatedReport", "UpdateReport", "UpdatedReport", "CancelReport",
    "CanceledReport", "RequestEvent", "CreatedEvent", "CreateOpt", "CancelOpt", "Poll", "Response",
}  # fmt: skip
"""What a VTN takes from who may send it; what is left is none of its business, whoever sends it."""

FOR_A_VEN = {
    "DistributeEvent", "CreateReport", "CancelReport", "RegisterReport", "UpdateReport", "CreatedReport",
    "CanceledReport", "CancelPartyRegistration", "RequestReregistration",
}  # fmt: skip
"""And a VEN."""


def every_message() -> dict[str, Message]:
    """Return a message of every kind that a good peer would send."""
    response = EiResponse(request_id="R1")
    more: tuple[Message, ...] = (
        CreateOpt(
            opt_id="O1", opt_type=OptType.OPT_OUT, opt_reason="economic", ven_id="V", created_date_time=T0,
            request_id="R", ei_target=EiTarget(),
        ),
        CreatedOpt(ei_response=response, opt_id="O1"),
        CancelOpt(request_id="R", opt_id="O1", ven_id="V"),
        CanceledOpt(ei_response=response, opt_id="O1"),
        CanceledReport(ei_response=response, ven_id="V"),
        CanceledPartyRegistration(ei_response=response, registration_id="REG1", ven_id="V"),
        Poll(ven_id="V"),
    )  # fmt: skip
    return {type(message).__name__: message for message in (*GOOD, *more)}


def claims(vtn: Vtn) -> Iterator[tuple[str, Message]]:
    """Yield every message in the name of VEN A, of all that is its own."""
    site = vtn.core.ven("site")
    (opt,), (request,) = vtn.opts("site"), site.requests
    for name, message in sorted(every_message().items()):
        fields: dict[str, Any] = {
            "ven_id": site.ven_id, "registration_id": site.registration_id, "ven_name": "site", "vtn_id": "VTN1",
            "opt_id": opt.opt_id, "pending_reports": (), "report_request_ids": (request,),
        }  # fmt: skip
        message = changed(message, **{key: value for key, value in fields.items() if hasattr(message, key)})
        if hasattr(message, "reports"):
            message = changed(message, reports=[changed(each, report_request_id=request) for each in message.reports])
        if isinstance(message, CreatePartyRegistration):
            over = {"transport_name": site.transport, "transport_address": site.address}
            http = site.transport is TransportName.SIMPLE_HTTP
            message = changed(message, **over, http_pull_model=site.address is None if http else None)
        yield name, message


def test_there_is_one_of_every_kind() -> None:
    assert every_message().keys() == {kind.__name__ for kind in MESSAGES}
    assert len(MESSAGES) == 23


@pytest_asyncio.fixture(params=["embedded", "pull", "push"])
async def grid(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Grid]:
    async with a_grid(request.param, tmp_path) as made:
        yield made


async def three(grid: Grid) -> tuple[Vtn, Ven, Ven]:
    """Return a VTN and its VENs A and B; A has an event that it takes part in, an opt, and a report that runs."""
    vtn = Vtn(
        "VTN1", await grid.way.transport("vtn"), clock=grid.clock,
        parties=[Party("site", grid.way.identity("ems")), Party("other", grid.way.identity("mallory"))],
    )  # fmt: skip
    await grid._stack.enter_async_context(vtn)
    site, other = await grid.ven(), await grid.ven("other", user="mallory")
    async with asyncio.timeout(30):
        await site.joined()
        await other.joined()
        await vtn.wait_registered("site")
        await vtn.wait_registered("other")
        assert await vtn.create_event(made(grid), ["site"]).opted("site") is OptType.OPT_IN
        begins = grid.clock.now() + timedelta(hours=5)
        await site.opt_schedule(OptType.OPT_OUT, [(begins, timedelta(hours=2))]).accepted()
    await eventually(lambda: len(vtn.core.ven("site").requests) == 1)
    return vtn, site, other


def state(vtn: Vtn) -> object:
    """Return all that a VTN knows of A, but how far its reports have come."""
    site = vtn.core.ven("site")
    event = vtn.core.events.get("E1")
    return (
        site.ven_id, site.registration_id, site.address, site.transport, tuple(site.requests), tuple(site.offers),
        vtn.opts("site"), event.event, event.ven_ids, event.unanswered, vtn.core.opt("E1", "site"),
        [each.ven_name for each in vtn.core.vens],
    )  # fmt: skip


def code(answer: Message | None) -> str:
    response = getattr(answer, "ei_response", None)
    return str(response.response_code) if response is not None else f"{answer!r:.200}"


async def test_b_is_not_a_on_any_message(grid: Grid) -> None:
    """463 for each that a VTN takes, and nothing of it has come to pass."""
    vtn, _, other = await three(grid)
    before = state(vtn)
    route = other.core.route("")
    assert route is not None
    assert route.address is not None
    seen = set()
    for name, message in claims(vtn):
        async with asyncio.timeout(20):
            answer = await other._transport.carry(route.address, message, route.identity)
        if isinstance(message, QueryRegistration):  # which names nobody, and tells B of B
            assert isinstance(answer, CreatedPartyRegistration)
            assert (code(answer), answer.ven_id) == ("200", other.core.ven_id)
            assert answer.registration_id == other.core.registration_id
        elif name in FOR_A_VTN and (name != "Poll" or "@" not in route.address):
            assert code(answer) == Code.NOT_REGISTERED, (name, answer)
        else:
            assert code(answer) in (Code.NOT_REGISTERED, Code.NOT_RECOGNIZED), (name, answer)
        seen.add(type(message))
    assert seen == set(MESSAGES)
    assert state(vtn) == before


@pytest.mark.parametrize("grid", ["embedded", "push"], indirect=True)
async def test_b_is_not_as_vtn_on_any_message(grid: Grid) -> None:
    """A VEN that is reached by others listens to its VTN alone: 463 for each."""
    vtn, site, other = await three(grid)
    address = vtn.core.ven("site").address
    assert address is not None
    before = kept(site)
    for name, message in claims(vtn):
        if "@" not in address and service(type(message)) in ("EiOpt", POLL):
            with pytest.raises(HttpRefused, match="404"):  # it has no such service
                await other._transport.carry(address, message, grid.way.identity("ems"))
            continue
        async with asyncio.timeout(20):
            answer = await other._transport.carry(address, message, grid.way.identity("ems"))
        allowed = {Code.NOT_REGISTERED} if name in FOR_A_VEN else {Code.NOT_REGISTERED, Code.NOT_RECOGNIZED}
        assert code(answer) in allowed, (name, answer)
    assert kept(site) == before
    assert site.core.registered


def kept(site: Ven) -> object:
    """Return what A knows of its registration, its events, its opts and its reports."""
    events = [(each.event_id, each.modification) for each in site.core.events.all(site.clock.now())]
    opts = [opt.message for opt in site.opts]
    return site.core.state, site.core.ven_id, site.core.registration_id, site.core.reports.pending, opts, events
