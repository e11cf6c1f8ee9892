"""A VTN and VENs on one XMPP session: each hears whom it has to hear, and nobody gets anywhere by a wrong door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.common.clock import ScaledClock
from janusgrid.common.errors import LocalError
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.session import StanzaRefused
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.binding.porter import OF_VENS, PAYLOADS, Porter
from janusgrid.openadr.binding.transport import Transport
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import DECLARATIONS, CreatedPartyRegistration, Message, OptType, QueryRegistration, changed
from janusgrid.openadr.model.names import qualified
from janusgrid.openadr.ven import Reading, Ven
from janusgrid.openadr.vtn import Party, Sample, Telemetry, Vtn

from tests.brokers import start_broker
from tests.openadr.binding.test_impersonation import FOR_A_VEN, FOR_A_VTN, claims, code, every_message, kept
from tests.openadr.binding.ways import OFFER, Certificates, eventually

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)


class Grid:
    """Sessions on one server, and roles on them, any number on each."""

    def __init__(self, server: LocalServer, stack: AsyncExitStack) -> None:
        self.server, self.stack = server, stack
        self.clock = ScaledClock(120.0, T0)
        self.sessions: dict[str, SlixSession] = {}
        self.samples: dict[str, list[Sample]] = {}
        self.told: dict[str, list[str]] = {}

    def jid(self, user: str) -> str:
        return f"{user}@{self.server.domain}/IEC"

    def identity(self, user: str) -> str:
        return f"{user}@{self.server.domain}"

    async def session(self, user: str) -> SlixSession:
        if user not in self.sessions:
            server = self.server
            session = SlixSession(
                self.jid(user), password=f"secret of {user}", host=server.host, port=server.port, tls=server.ca
            )
            self.sessions[user] = await self.stack.enter_async_context(session)
        return self.sessions[user]

    async def vtn(self, user: str, **parties: str) -> Vtn:
        """Return the VTN on the session of a user; `parties` are VENs by name, with their users."""
        known = [Party(name, self.identity(of)) for name, of in parties.items()]
        return await self.stack.enter_async_context(self._vtn(user, await self.session(user), known))

    def _vtn(self, user: str, on: SlixSession | Transport, parties: list[Party]) -> Vtn:
        vtn = Vtn(f"VTN of {user}", on, parties=parties, clock=self.clock)
        came = self.samples.setdefault(user, [])
        vtn.listen(Telemetry, lambda telemetry: came.extend(telemetry.samples))
        return vtn

    async def ven(self, name: str, user: str, vtn: str) -> Ven:
        """Return a VEN on the session of a user, whose VTN is on that of another."""
        return await self.stack.enter_async_context(self._ven(name, await self.session(user), self.jid(vtn)))

    def _ven(self, name: str, on: SlixSession | Transport, vtn: str) -> Ven:
        def readings(r_ids: frozenset[str]) -> Mapping[str, Reading]:
            return {r_id: Reading(float(len(name))) for r_id in r_ids}

        ven = Ven(name, on, vtn=vtn, offers=[OFFER], read=readings, clock=self.clock)
        told = self.told.setdefault(name, [])

        @ven.on_event
        def decide(change: Any) -> OptType:
            told.append(change.known.event_id)
            return OptType.OPT_IN

        return ven

    def event(self, event_id: str, hours: int = 0) -> Any:
        now = self.clock.now()
        start = now + timedelta(hours=hours)
        return load_dispatch(1.0, start=start, duration=timedelta(hours=9), created=now, event_id=event_id)

    async def take_part(self, vtn: Vtn, name: str, event_id: str) -> None:
        """An event goes to a VEN, which answers; and its reports come."""
        async with asyncio.timeout(30):
            await vtn.wait_registered(name)
            assert await vtn.create_event(self.event(event_id), [name]).opted(name) is OptType.OPT_IN


@pytest_asyncio.fixture
async def grid() -> AsyncIterator[Grid]:
    async with AsyncExitStack() as stack:
        yield Grid(await stack.enter_async_context(start_broker("embedded", "top", "ems", "home")), stack)


async def between(grid: Grid) -> tuple[Vtn, Ven, Vtn, Ven]:
    """Return the utility's VTN, the site's VEN and VTN on one session, and the VEN of a home below."""
    top = await grid.vtn("top", site="ems")
    ven = await grid.ven("site", "ems", "top")
    vtn = await grid.vtn("ems", home="home")
    home = await grid.ven("home", "home", "ems")
    async with asyncio.timeout(30):
        await ven.joined()
        await home.joined()
        await top.wait_registered("site")
        await vtn.wait_registered("home")
    return top, ven, vtn, home


async def test_a_site_between_utility_and_homes(grid: Grid) -> None:
    """Events come from above and go below, reports come from below and go above, by one account."""
    top, _, vtn, _ = await between(grid)
    await grid.take_part(top, "site", "from above")
    await grid.take_part(vtn, "home", "to below")
    assert grid.told == {"site": ["from above"], "home": ["to below"]}
    await eventually(lambda: len(grid.samples["top"]) > 1 and len(grid.samples["ems"]) > 1)
    assert {sample.value for sample in grid.samples["top"]} == {4.0}
    assert [each.ven_name for each in (*top.vens, *vtn.vens)] == ["site", "home"]


async def send(grid: Grid, user: str, to: str, message: Message) -> Message | None:
    async with asyncio.timeout(20):
        answer = await grid.sessions[user].request(grid.jid(to), write(message), kind="set")
    return None if answer is None else read(answer)


async def own(top: Vtn, vtn: Vtn, home: Ven, grid: Grid) -> None:
    """Let everybody have an event, an opt and a report that runs."""
    await grid.take_part(top, "site", "E1")
    await grid.take_part(vtn, "home", "E1")
    begins = grid.clock.now() + timedelta(hours=5)
    async with asyncio.timeout(30):
        await home.opt_schedule(OptType.OPT_OUT, [(begins, timedelta(hours=2))]).accepted()
    await eventually(lambda: len(vtn.core.ven("home").requests) == len(top.core.ven("site").requests) == 1)


async def test_a_ven_below_is_not_the_vtn_above(grid: Grid) -> None:
    """It says each of the 23 messages as the utility would, of all that is the site's: 463, or 453, and no more."""
    top, ven, vtn, home = await between(grid)
    await own(top, vtn, home, grid)
    async with asyncio.timeout(30):
        begins = grid.clock.now() + timedelta(hours=5)
        await ven.opt_schedule(OptType.OPT_OUT, [(begins, timedelta(hours=2))]).accepted()
    before, below = kept(ven), state_of(vtn, "home")
    said = dict(claims(top))
    assert len(said) == 23
    for name, message in said.items():
        answer = await send(grid, "home", "ems", message)
        if isinstance(message, QueryRegistration):  # which names nobody, and tells the home of itself
            assert code(answer) == "200"
            continue
        if name == "CancelPartyRegistration":  # the site's registration is the utility's: nobody here knows it
            assert code(answer) == Code.INVALID_ID
            continue
        allowed = {Code.NOT_REGISTERED} if name in FOR_A_VTN - {"Poll"} else {Code.NOT_REGISTERED, Code.NOT_RECOGNIZED}
        assert code(answer) in allowed, (name, answer)
    assert kept(ven) == before
    assert state_of(vtn, "home") == below
    assert ven.core.registered


async def test_the_vtn_above_is_not_a_ven_below(grid: Grid) -> None:
    """It says each of them as the home would, by the home's own IDs: the site's VEN or VTN refuses."""
    top, ven, vtn, home = await between(grid)
    await own(top, vtn, home, grid)
    before, above = state_of(vtn, "home"), kept(ven)
    for name, message in claims_of(vtn, "home"):
        answer = await send(grid, "top", "ems", message)
        if isinstance(message, QueryRegistration):
            assert isinstance(answer, CreatedPartyRegistration)  # which anybody may ask, and learns nothing of the home
            assert not answer.ven_id
            assert not answer.registration_id
            continue
        if name in FOR_A_VEN - FOR_A_VTN:  # these the utility may say, to the site, under the site's venID
            assert code(answer) in ("200", Code.INVALID_ID, Code.NOT_REGISTERED, Code.INVALID_DATA), (name, answer)
        else:
            refused = {Code.NOT_REGISTERED, Code.NOT_RECOGNIZED, Code.INVALID_ID}
            assert code(answer) in refused, (name, answer)
    assert state_of(vtn, "home") == before
    assert ven.core.registered
    assert kept(ven)[:3] == above[:3]  # type: ignore[index]


def state_of(vtn: Vtn, name: str) -> object:
    """Return all that a VTN knows of a VEN, but how far its reports have come."""
    ven = vtn.core.ven(name)
    event = vtn.core.events.get("E1")
    return (
        ven.ven_id, ven.registration_id, ven.address, tuple(ven.requests), tuple(ven.offers), vtn.opts(name),
        event.event, event.ven_ids, event.unanswered, vtn.core.opt("E1", name), [each.ven_name for each in vtn.vens],
    )  # fmt: skip


def claims_of(vtn: Vtn, name: str) -> list[tuple[str, Message]]:
    """Return every message in the name of a VEN, of all that is its own."""
    found = []
    renamed = _Renamed(vtn, name)
    for kind, message in claims(renamed):  # type: ignore[arg-type]
        found.append((kind, changed(message, ven_name=name) if hasattr(message, "ven_name") else message))
    return found


class _Renamed:
    """A VTN whose VEN is called `site`, as the attacks of the other suite call it."""

    def __init__(self, vtn: Vtn, name: str) -> None:
        self._vtn, self._name = vtn, name
        self.core = self

    def ven(self, _: str) -> Any:
        return self._vtn.core.ven(self._name)

    def opts(self, _: str) -> Any:
        return self._vtn.opts(self._name)


async def test_two_sites_that_are_each_others_vtn(grid: Grid) -> None:
    """One account says both; the venID tells which it is."""
    vtn_a, vtn_b = await grid.vtn("ems", of_b="home"), await grid.vtn("home", of_a="ems")
    ven_a, ven_b = await grid.ven("of_a", "ems", "home"), await grid.ven("of_b", "home", "ems")
    async with asyncio.timeout(30):
        await ven_a.joined()
        await ven_b.joined()
    await grid.take_part(vtn_a, "of_b", "EA")
    await grid.take_part(vtn_b, "of_a", "EB")
    assert grid.told == {"of_a": ["EB"], "of_b": ["EA"]}
    await eventually(lambda: len(grid.samples["ems"]) > 1 and len(grid.samples["home"]) > 1)
    begins = grid.clock.now() + timedelta(hours=5)
    async with asyncio.timeout(30):
        await ven_a.opt_schedule(OptType.OPT_OUT, [(begins, timedelta(hours=2))]).accepted()
        await ven_b.leave()
    assert [len(vtn_a.vens), len(vtn_b.vens), len(vtn_b.opts("of_a"))] == [0, 1, 1]


async def test_vens_of_two_utilities(grid: Grid) -> None:
    tops = {"top": await grid.vtn("top", one="ems"), "home": await grid.vtn("home", two="ems")}
    for name, user in (("one", "top"), ("two", "home")):
        ven = await grid.ven(name, "ems", user)
        async with asyncio.timeout(30):
            await ven.joined()
        await grid.take_part(tops[user], name, f"E {name}")
    assert grid.told == {"one": ["E one"], "two": ["E two"]}
    with pytest.raises(LocalError, match=r"serves a VEN of top@grid\.test already"):
        await grid.ven("third", "ems", "top")


async def test_who_is_not_here_at_the_moment_is_not_answered_for_by_the_other(grid: Grid) -> None:
    """A role that is closed while the other goes on: its peers come again later, and lose nothing."""
    top, ven, vtn, home = await between(grid)
    await grid.take_part(top, "site", "E0")
    await ven.close()
    top.create_event(grid.event("E1", hours=10), ["site"])
    await vtn.close()
    await vtn.open()
    with pytest.raises(StanzaRefused, match="not here at the moment"):
        await send(grid, "top", "ems", every_message()["RequestReregistration"])
    await ven.open()
    await eventually(lambda: grid.told["site"] == ["E0", "E1"])
    await vtn.close()
    with pytest.raises(StanzaRefused, match="not here at the moment"):
        await send(grid, "home", "ems", QueryRegistration(request_id="R"))
    registered, before = home.ven_id, len(grid.samples["ems"])
    await vtn.open()
    await eventually(lambda: len(grid.samples["ems"]) > before + 1)
    assert home.ven_id == registered
    await vtn.close()
    await ven.close()
    with pytest.raises(StanzaRefused, match="service-unavailable"):
        await send(grid, "home", "ems", QueryRegistration(request_id="R"))


async def test_everybody_waits_while_roles_open(grid: Grid) -> None:
    session = await grid.session("ems")
    await grid.session("home")
    with Porter.of(session).held():
        await grid.ven("site", "ems", "top")
        with pytest.raises(StanzaRefused, match="not here at the moment"):
            await send(grid, "home", "ems", QueryRegistration(request_id="R"))
    answer = await send(grid, "home", "ems", QueryRegistration(request_id="R"))
    assert code(answer) == Code.NOT_REGISTERED  # a VEN is alone here


async def test_one_session_is_one_vtn(grid: Grid) -> None:
    await grid.vtn("ems")
    with pytest.raises(LocalError, match="one session is one VTN"):
        await grid.vtn("ems")


async def test_two_roles_in_one_process_over_http(tmp_path: Path) -> None:
    """Each has a port of its own, or none: over HTTP there is nothing to share."""
    certificates = Certificates(tmp_path)
    async with AsyncExitStack() as stack:
        grid = Grid(None, stack)  # type: ignore[arg-type]

        async def vtn(user: str, name: str, of: str) -> tuple[Vtn, HttpTransport]:
            transport = HttpTransport(certificates.of(user), listen=("127.0.0.1", 0))
            made = grid._vtn(user, transport, [Party(name, certificates.fingerprint(of))])
            return await stack.enter_async_context(made), transport

        def ven(user: str, name: str, of: str, address: str | None) -> Ven:
            transport = HttpTransport(certificates.of(user), listen=("127.0.0.1", 0), vtn=certificates.fingerprint(of))
            assert address is not None
            return grid._ven(name, transport, address)

        top, above = await vtn("top", "site", "ems")
        below, listening = await vtn("ems", "home", "home")
        site = await stack.enter_async_context(ven("ems", "site", "top", above.address))
        home = await stack.enter_async_context(ven("home", "home", "ems", listening.address))
        async with asyncio.timeout(30):
            await site.joined()
            await home.joined()
        await grid.take_part(top, "site", "from above")
        await grid.take_part(below, "home", "to below")
        assert grid.told == {"site": ["from above"], "home": ["to below"]}


def test_every_message_is_known_by_its_name() -> None:
    roots = {qualified(each.root) for each in DECLARATIONS.values() if each.root and each.root.startswith("oadr:")}
    assert roots >= OF_VENS
    assert set(PAYLOADS) - {PAYLOADS[0]} <= roots
    assert len(PAYLOADS) == 24
