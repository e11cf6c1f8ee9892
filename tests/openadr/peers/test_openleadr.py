"""openleadr 0.5.36 against our roles, over plain HTTP and over mutual TLS: hours of its time and ours in seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from janusgrid.common.clock import ScaledClock
from janusgrid.common.errors import RemoteError
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority
from janusgrid.openadr.binding.courier import MOST_FAULTS
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.codec import read
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.events import kilowatts, load_dispatch
from janusgrid.openadr.model import EiEvent, OptType
from janusgrid.openadr.ven import Change, DataPoint, EventChange, Offer, Reading, Ven
from janusgrid.openadr.vtn import Deregistered, Party, Registered, Telemetry, TelemetryPlan, Vtn

from tests.iec61850.scsm81.peers import Peer, free_port
from tests.openadr.binding.ways import eventually
from tests.openadr.peers.peer import talking

SPEED = 1_800.0
MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.timeout(60)


class Rig:
    """One time for both sides, and certificates where there is TLS."""

    def __init__(self, folder: Path, tls: bool) -> None:
        start = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)
        self.clock = ScaledClock(SPEED, start)
        self.settings: dict[str, Any] = {"speed": SPEED, "start": start.isoformat(), "began": time.time()}
        self.tls = tls
        self._authority = Authority.of(folder)
        self._made = {user: self._authority.issue(user, ["127.0.0.1"]) for user in ("vtn", "ven", "other")}

    def identity(self, user: str) -> str:
        return self._made[user].fingerprint if self.tls else ANYBODY

    def transport(self, user: str, **more: Any) -> HttpTransport:
        if not self.tls:
            return HttpTransport(plain=True, **more)
        made = self._made[user]
        return HttpTransport(Credentials(made.certificate, made.key, made.authority), **more)

    def peer(self, user: str) -> dict[str, Any]:
        if not self.tls:
            return self.settings
        made = self._made[user]
        return {**self.settings, "cert": made.certificate, "key": made.key, "ca": made.authority}

    def after(self, minutes: float) -> datetime:
        return (self.clock.now() + minutes * MINUTE).replace(microsecond=0)


@pytest.fixture(params=["plain", "tls"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    return Rig(tmp_path, request.param == "tls")


# --- its VEN and our VTN ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def our_vtn(rig: Rig) -> AsyncIterator[tuple[Vtn, list[Any]]]:
    transport = rig.transport("vtn", listen=("127.0.0.1", 0))
    plan = TelemetryPlan(MINUTE, 5 * MINUTE)
    parties = [Party("site", rig.identity("ven"))]
    vtn = Vtn("VTN1", transport, parties=parties, clock=rig.clock, plan=plan, poll_every=MINUTE)
    told: list[Any] = []
    for kind in (Registered, Deregistered, Telemetry):
        vtn.listen(kind, told.append)
    async with vtn:
        yield vtn, told


def its_ven(rig: Rig, vtn: Vtn, user: str = "ven") -> AbstractAsyncContextManager[Peer]:
    return talking("ven.py", name="site", url=_address(vtn), **rig.peer(user))


async def registered(vtn: Vtn) -> str:
    async with asyncio.timeout(30):
        return (await vtn.wait_registered("site")).ven_id


async def test_its_ven_lives_through_hours_with_our_vtn(rig: Rig) -> None:
    async with our_vtn(rig) as (vtn, told), its_ven(rig, vtn) as ven:
        ven_id = await registered(vtn)
        assert (await ven.event("registered"))[0] == ven_id

        start = rig.after(10)
        event = load_dispatch(1000.0, start=start, duration=30 * MINUTE, created=rig.clock.now())
        dispatch = vtn.create_event(event, ["site"])
        assert (await ven.event("event"))[:3] == ["new", dispatch.id, 0]
        async with asyncio.timeout(10):
            assert await dispatch.opted("site") is OptType.OPT_IN

        dispatch.modify(with_value(dispatch.event, 700.0))
        kind, event_id, number, _, values = await ven.event("event")
        assert (kind, event_id, number, values) == ("update", dispatch.id, 1, [700.0])
        await eventually(lambda: dispatch.opt("site") is OptType.OPT_IN)

        dispatch.cancel("enough")
        assert (await ven.event("event"))[1:4] == [dispatch.id, 2, "cancelled"]

        until = rig.clock.now() + timedelta(hours=2)
        other = vtn.create_event(
            load_dispatch(500.0, start=rig.after(5), duration=timedelta(hours=1), created=rig.clock.now()), ["site"]
        )
        assert (await ven.event("event"))[:3] == ["new", other.id, 0]
        await eventually(lambda: rig.clock.now() > until, 60)
        samples = [sample for each in told if isinstance(each, Telemetry) for sample in each.samples]
        values = [sample.value for sample in samples]
        assert len(values) > 30
        assert values == sorted(set(values))  # nothing came twice, nothing in another order
        assert {sample.r_id for sample in samples} == {"pcc.p"}
        xml = [text for text in ven.told("xml") if text.strip()]
        assert all(read(text) for text in xml)  # all that we have sent is valid
        assert len(xml) > 30


async def test_its_ven_registers_again_and_leaves(rig: Rig) -> None:
    async with our_vtn(rig) as (vtn, told), its_ven(rig, vtn) as ven:
        ven_id = await registered(vtn)
        _, registration_id = await ven.event("registered")
        assert await ven.do("again") == [ven_id, registration_id]
        vtn.core.request_registration("site")
        before = len(told)
        await eventually(lambda: any(isinstance(each, Registered) for each in told[before:]))
        assert vtn.core.ven("site").registration_id == registration_id
        assert await ven.do("leave") is None
        await eventually(lambda: any(isinstance(each, Deregistered) for each in told))
        assert not vtn.core.vens


async def test_its_ven_is_sent_away_by_our_vtn(rig: Rig) -> None:
    async with our_vtn(rig) as (vtn, told), its_ven(rig, vtn) as ven:
        await registered(vtn)
        await ven.event("registered")
        vtn.core.cancel_registration("site")
        await eventually(lambda: any(isinstance(each, Deregistered) for each in told))


async def test_its_ven_opts_out_of_an_event_by_eiopt(rig: Rig) -> None:
    async with our_vtn(rig) as (vtn, _), its_ven(rig, vtn) as ven:
        await registered(vtn)
        await ven.event("registered")
        event = load_dispatch(1000.0, start=rig.after(60), duration=30 * MINUTE, created=rig.clock.now())
        dispatch = vtn.create_event(event, ["site"])
        async with asyncio.timeout(10):
            assert await dispatch.opted("site") is OptType.OPT_IN
        await ven.do("opt", dispatch.id)
        await eventually(lambda: dispatch.opt("site") is OptType.OPT_OUT)


async def test_its_ven_is_told_that_there_are_no_events_by_a_distribute_event(rig: Rig) -> None:
    """Rule 40: the VTN of the peer answers this with oadrResponse."""
    async with our_vtn(rig) as (vtn, _), its_ven(rig, vtn) as ven:
        await registered(vtn)
        await ven.event("registered")
        assert await ven.do("ask_events") == "oadrDistributeEvent"


async def test_its_ven_with_the_certificate_of_another_is_not_let_in(tmp_path: Path) -> None:
    rig = Rig(tmp_path, tls=True)
    async with our_vtn(rig) as (vtn, _), its_ven(rig, vtn, "other") as ven:
        async with asyncio.timeout(20):
            while "463" not in await ven.event("xml"):
                pass
        assert not vtn.core.vens


def with_value(event: EiEvent, kilowatt: float) -> EiEvent:
    """Return the event with another value."""
    made = load_dispatch(
        kilowatt,
        start=event.ei_active_period.dtstart,
        duration=30 * MINUTE,
        created=event.event_descriptor.created_date_time,
    )
    return attrs.evolve(event, ei_event_signals=made.ei_event_signals)


def _address(vtn: Vtn) -> str:
    (transport,) = vtn._transports.values()
    assert transport.address is not None
    return transport.address


# --- our VEN and its VTN ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def both(
    rig: Rig, ven_user: str = "ven", opt: OptType = OptType.OPT_IN
) -> AsyncIterator[tuple[Peer, Ven, list[EventChange]]]:
    port = free_port()
    settings = {**rig.peer("vtn"), "port": port, "poll": 60, "fingerprint": rig.identity("ven") if rig.tls else None}
    async with talking("vtn.py", **settings) as peer:
        await peer.ready()
        changes: list[EventChange] = []
        transport = rig.transport(ven_user, vtn=rig.identity("vtn") if rig.tls else "")
        readings = iter(range(1, 1_000_000))

        def sample(r_ids: frozenset[str]) -> dict[str, Reading]:
            return {r_id: Reading(float(next(readings))) for r_id in r_ids}

        ven = Ven(
            "site", transport, vtn=f"http{'s' if rig.tls else ''}://127.0.0.1:{port}", clock=rig.clock,
            offers=[Offer("usage", "TELEMETRY_USAGE", (DataPoint("pcc.p", kilowatts()),))], read=sample,
        )  # fmt: skip

        @ven.on_event
        def decide(change: EventChange) -> OptType:
            changes.append(change)
            return opt

        async with ven:
            yield peer, ven, changes


async def test_our_ven_lives_through_hours_with_its_vtn(rig: Rig) -> None:
    async with both(rig) as (vtn, ven, changes):
        async with asyncio.timeout(20):
            assert await ven.joined() == "VEN-1"
        assert (await vtn.event("offered"))[0] == "VEN-1"

        await vtn.do("create", "E1", rig.after(30).isoformat(), 30, [1000.0, 500.0])
        assert await vtn.event("opted") == ["VEN-1", "E1", "optIn"]
        assert [change.change for change in changes] == [Change.NEW]

        await vtn.do("modify", "E1", rig.after(30).isoformat(), 30, [900.0, 400.0])
        assert await vtn.event("opted") == ["VEN-1", "E1", "optIn"]
        assert changes[-1].change is Change.MODIFIED
        assert changes[-1].known.modification == 1

        await vtn.do("cancel", "E1")
        assert await vtn.event("opted") == ["VEN-1", "E1", "optIn"]  # rule 36
        await eventually(lambda: changes[-1].change is Change.CANCELLED)

        await vtn.do("create", "E2", rig.after(5).isoformat(), 30, [250.0])
        assert await vtn.event("opted") == ["VEN-1", "E2", "optIn"]

        until = rig.clock.now() + timedelta(hours=2)
        await eventually(lambda: rig.clock.now() > until, 60)
        batches = vtn.told("values")
        values = [value for batch in batches for _, value in batch]
        assert len(values) > 30
        assert values == sorted(set(values))
        assert {status for _, status in vtn.told("status")} == {200}  # it takes all that we send
        assert all(read(text) for text in vtn.told("xml"))


async def test_our_ven_says_no_and_its_vtn_hears_it(rig: Rig) -> None:
    async with both(rig, opt=OptType.OPT_OUT) as (vtn, ven, _):
        async with asyncio.timeout(20):
            await ven.joined()
        await vtn.do("create", "E1", rig.after(30).isoformat(), 30, [1000.0])
        assert await vtn.event("opted") == ["VEN-1", "E1", "optOut"]


async def test_our_ven_goes_on_after_errors_of_its_vtn(rig: Rig) -> None:
    """Its VTN answers an oadrCreatedEvent for an event of a VEN that has none with HTTP 500."""
    async with both(rig) as (vtn, ven, _):
        async with asyncio.timeout(20):
            await ven.joined()
        await vtn.do("create", "E1", rig.after(60).isoformat(), 30, [1000.0])
        assert await vtn.event("opted") == ["VEN-1", "E1", "optIn"]
        await vtn.do("lose")
        vtn.told("status")
        ven.opt("E1", OptType.OPT_OUT)
        async with asyncio.timeout(20):
            while (await vtn.event("status"))[1] != 500:
                pass
            while (await vtn.event("status"))[0] != "EiReport":  # these go on
                pass
        failed = [service for service, status in vtn.told("status") if status == 500]
        assert set(failed) <= {"EiEvent"}
        assert len(failed) < MOST_FAULTS


async def test_our_ven_registers_again_with_a_vtn_that_has_forgotten_it(rig: Rig) -> None:
    async with both(rig) as (vtn, ven, _):
        async with asyncio.timeout(20):
            await ven.joined()
        vtn.told("registering")
        await vtn.do("forget")
        assert (await vtn.event("registering"))["ven_name"] == "site"
        async with asyncio.timeout(20):
            assert await ven.joined() == "VEN-1"
        await vtn.do("create", "E1", rig.after(30).isoformat(), 30, [1000.0])
        assert await vtn.event("opted", 20) == ["VEN-1", "E1", "optIn"]


async def test_our_ven_leaves_its_vtn(rig: Rig) -> None:
    async with both(rig) as (vtn, ven, _):
        async with asyncio.timeout(20):
            await ven.joined()
            await ven.leave()
        assert (await vtn.event("left"))["registration_id"] == "REG-1"


async def test_our_ven_with_the_certificate_of_another_is_refused_by_its_vtn(tmp_path: Path) -> None:
    async with both(Rig(tmp_path, tls=True), ven_user="other") as (_, ven, _):
        with pytest.raises(RemoteError):
            async with asyncio.timeout(20):
                await ven.joined()
