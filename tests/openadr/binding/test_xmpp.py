"""VTN and VEN on real sessions, over real servers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from janusgrid.common.clock import ScaledClock
from janusgrid.common.errors import LocalError, Malformed
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.session import StanzaRefused
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.openadr.binding.xmpp import FEATURE, SERVICES_NODE, owns, service
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.events import kilowatts, load_dispatch
from janusgrid.openadr.model import (
    CancelPartyRegistration,
    CreateOpt,
    DistributeEvent,
    EiResponse,
    Message,
    OptType,
    Poll,
    QueryRegistration,
    RequestReregistration,
    Response,
    UpdateReport,
)
from janusgrid.openadr.ven import Change, DataPoint, EventChange, Offer, Reading, Ven
from janusgrid.openadr.vtn import Party, Sample, Telemetry, Vtn

from tests.brokers import BROKERS, start_broker

OFFER = Offer("usage", "TELEMETRY_USAGE", (DataPoint("pcc.p", kilowatts()),))


class Grid:
    """A server, a utility's session and a site's session."""

    def __init__(self, server: LocalServer, stack: AsyncExitStack) -> None:
        self.server = server
        self._stack = stack
        self.clock = ScaledClock(120.0, datetime(2026, 3, 25, 8, 20, tzinfo=UTC))
        self.samples: list[Sample] = []
        self.changes: list[Change] = []
        self.sessions: dict[str, SlixSession] = {}

    async def session(self, user: str, resource: str) -> SlixSession:
        session = SlixSession(
            f"{user}@{self.server.domain}/{resource}",
            password=f"secret of {user}",
            host=self.server.host,
            port=self.server.port,
            tls=self.server.ca,
        )
        self.sessions[user] = session
        return await self._stack.enter_async_context(session)

    async def vtn(self) -> Vtn:
        session = await self.session("vtn", "vtn")
        vtn = Vtn("VTN1", session, parties=[Party("site", f"ems@{self.server.domain}")], clock=self.clock)
        vtn.listen(Telemetry, lambda telemetry: self.samples.extend(telemetry.samples))
        return await self._stack.enter_async_context(vtn)

    async def ven(self, name: str = "site", user: str = "ems") -> Ven:
        session = await self.session(user, "ems")

        async def readings(r_ids: frozenset[str]) -> Mapping[str, Reading]:
            return {r_id: Reading(float(self.clock.now().minute)) for r_id in r_ids}

        ven = Ven(name, session, vtn=f"vtn@{self.server.domain}/vtn", offers=[OFFER], read=readings, clock=self.clock)

        @ven.on_event
        def decide(change: EventChange) -> OptType:
            self.changes.append(change.change)
            return OptType.OPT_IN

        return await self._stack.enter_async_context(ven)


@pytest_asyncio.fixture(params=BROKERS)
async def grid(request: pytest.FixtureRequest) -> AsyncIterator[Grid]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(start_broker(request.param, "vtn", "ems", "mallory"))
        yield Grid(server, stack)


async def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_the_vtn_lists_its_services(grid: Grid) -> None:
    vtn = await grid.vtn()
    session = await grid.session("ems", "ems")
    vtn_jid = f"vtn@{grid.server.domain}/vtn"
    assert FEATURE in await session.features(vtn_jid)
    items = await session.items(vtn_jid, SERVICES_NODE)
    assert {item.node.rpartition("/")[2] for item in items} == {"EiEvent", "EiReport", "EiRegisterParty", "EiOpt"}
    assert {item.jid for item in items} == {vtn_jid}
    assert vtn.core.vens == ()


async def test_wrong_messages_get_openadrs_own_answer(grid: Grid) -> None:
    await grid.vtn()
    session = await grid.session("mallory", "x")
    vtn_jid = f"vtn@{grid.server.domain}/vtn"
    good = write(QueryRegistration(request_id="R1"))
    for text, code in (
        (good.replace("pyld:requestID", "pyld:requestId"), Code.INVALID_DATA),
        (write(Poll(ven_id="V1")), Code.NOT_REGISTERED),
        (write(Response(ei_response=EiResponse(), ven_id="V")), Code.NOT_REGISTERED),
        (write(RequestReregistration(ven_id="V1")), Code.NOT_RECOGNIZED),
    ):
        element = await session.request(vtn_jid, text, kind="set")
        assert element is not None
        answer = read(element)
        assert isinstance(answer, Response)
        assert answer.ei_response.response_code == code
    with pytest.raises(StanzaRefused):
        await session.request(vtn_jid, '<other xmlns="urn:example:none"/>', kind="set")
    bare = good[good.index("<oadr:oadrQueryRegistration") : good.index("</oadr:oadrSignedObject>")]
    namespaces = good[good.index(" xmlns:") : good.index(">")] if "xmlns" not in bare else ""
    element = await session.request(vtn_jid, bare.replace(">", f"{namespaces}>", 1), kind="set")
    assert element is not None
    assert type(read(element)).__name__ == "CreatedPartyRegistration"


async def test_telemetry_of_an_outage_arrives_afterwards(grid: Grid) -> None:
    vtn = await grid.vtn()
    ven = await grid.ven()
    async with asyncio.timeout(20):
        await ven.joined()
        await vtn.wait_registered("site")
    await eventually(lambda: len(grid.samples) >= 2)
    await grid.server.kill()
    await asyncio.sleep(1.5)
    before = len(grid.samples)
    await grid.server.start()
    await eventually(lambda: len(grid.samples) >= before + 6)
    times = [sample.time for sample in grid.samples]
    assert sorted(set(times)) == times
    steps = {late - early for early, late in itertools.pairwise(times)}
    assert steps == {timedelta(minutes=1)}, steps


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (DistributeEvent, "EiEvent"),
        (UpdateReport, "EiReport"),
        (CancelPartyRegistration, "EiRegisterParty"),
        (CreateOpt, "EiOpt"),
    ],
)
def test_every_message_belongs_to_a_service(kind: type[Message], name: str) -> None:
    assert service(kind) == name


@pytest.mark.parametrize(
    ("identity", "address", "mine"),
    [
        ("a@x", "a@x/r", True),
        ("A@X", "a@x/r", True),
        ("a@x", "a@x", False),
        ("a@x", "b@x/r", False),
        ("a@x", "a@x.evil/r", False),
    ],
)
def test_an_address_belongs_to_its_account(identity: str, address: str, mine: bool) -> None:
    assert owns(identity, address) is mine


def test_errors_are_of_the_house() -> None:
    with pytest.raises(Malformed):
        read("<a/>")
    with pytest.raises(LocalError):
        load_dispatch(1.0, start=datetime.now(UTC), duration=-timedelta(hours=1), created=datetime.now(UTC))
