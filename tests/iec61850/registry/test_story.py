"""Plug and play: a device joins, is told of and looked up, connected to and followed; it leaves, and is taken out."""

from __future__ import annotations

import asyncio
import random
import string
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import Refused
from janusgrid.common.xmpp.backoff import Backoff
from janusgrid.common.xmpp.link import Patience
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Ied, Server, read_scl, write_cid
from janusgrid.iec61850.registry import (
    DatabaseStore,
    Device,
    Happening,
    Kind,
    Limits,
    Nameplate,
    PlugAndPlay,
    RegistryClient,
    RegistryServer,
    client,
    plug,
    wire,
)
from janusgrid.iec61850.registry.entries import Proposal

from tests.brokers import start_broker, start_federation
from tests.iec61850.wires import until

CID = Path(__file__).resolve().parents[3] / "mappings" / "sites" / "microgrid" / "DG750.cid"
HOMES = {"dg750": "plant.test", "pv": "plant.test", "registry": "utility.test", "ems": "utility.test"}
POWER = "DG750DER/MMXU1.TotW"

Make = Callable[[str], SlixSession]


async def sessions(stack: AsyncExitStack, servers: dict[str, LocalServer]) -> Make:
    def make(user: str) -> SlixSession:
        server = servers[user]
        made = SlixSession(
            f"{user}@{server.domain}/IEC", password=f"secret of {user}", host=server.host, port=server.port,
            tls=server.ca, patience=Patience(connect=10.0, backoff=Backoff(base=0.05, cap=0.2)),
        )  # fmt: skip
        stack.push_async_callback(made.close)
        return made

    return make


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (client, plug):
        monkeypatch.setattr(room, "_RETRY", Backoff(base=0.05, cap=0.2))


@pytest_asyncio.fixture
async def make() -> AsyncIterator[Make]:
    """What makes sessions on the embedded broker."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(start_broker("embedded", *HOMES))
        yield await sessions(stack, dict.fromkeys(HOMES, server))


def registry_on(session: SlixSession, **options: object) -> RegistryServer:
    domain = session.jid.partition("@")[2].partition("/")[0]
    devices = ["plant.test", f"dg750@{domain}", f"pv@{domain}"]
    return RegistryServer(session, devices=devices, readers=[f"ems@{domain}"], **options)  # type: ignore[arg-type]


async def open_(session: SlixSession) -> SlixSession:
    await session.open()
    return session


async def test_the_whole_story_in_two_domains(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(90):
        make = await sessions(stack, await stack.enter_async_context(start_federation(HOMES)))
        keeper, ems = await open_(make("registry")), await open_(make("ems"))
        await stack.enter_async_context(registry_on(keeper, store=DatabaseStore(tmp_path / "registry.db")))
        registry = await stack.enter_async_context(RegistryClient(ems, "registry@utility.test"))
        happenings = registry.changes()
        reported: asyncio.Queue[tuple[str, object]] = asyncio.Queue()
        left: list[str] = []

        async def joined(device: Device, ied: Ied) -> None:
            model = await registry.model(device)
            block = next(f"{ld.name}/LLN0.{name}" for ld in model.devices.values() for name in ld.nodes["LLN0"].reports)
            try:
                async with ied.report(block, integrity=0) as reports:
                    async for update in reports:
                        for item in update.values.items():
                            reported.put_nowait(item)
            finally:
                left.append(device.jid)

        await stack.enter_async_context(PlugAndPlay(registry, ems, joined))

        device = await open_(make("dg750"))
        server = Server.from_scl(CID)
        server.update(POWER, 412e3)
        server.start(device)
        registration = await server.register(device, "registry@utility.test")
        assert registration.complete

        told = await anext(happenings)
        assert (told.kind, told.device.jid, told.device.available) == (Kind.REGISTERED, "dg750@plant.test", True)
        plate = told.device.nameplate
        assert (plate.vendor, plate.model) == ("JanusGrid", "Diesel generator, 750 kW")
        assert plate.ratings == {"WMaxRtg": 750e3, "VMaxRtg": 418.0}
        assert plate["DGEN1.DERTyp.setVal"] == "Diesel / gas engine"
        assert await registry.devices(vendor="JanusGrid") == (told.device,)
        assert await registry.devices(vendor="Others") == ()
        assert await registry.device("dg750@plant.test") == told.device
        model = await registry.model(told.device)
        assert model.addresses["JID"] == "dg750@plant.test/IEC"
        assert set(model.devices["DG750DER"].nodes) == set(server.model.devices["DG750DER"].nodes)

        found = dict([await reported.get()])
        while POWER not in found:
            found |= [await reported.get()]
        assert found[POWER]["mag"]["f"] == 412e3  # type: ignore[index]

        await device.close()  # it is not there; it is registered
        told = await anext(happenings)
        assert (told.kind, told.device.available) == (Kind.UNAVAILABLE, False)
        await until(lambda: left == ["dg750@plant.test"])
        while not reported.empty():
            reported.get_nowait()

        await registration.close()
        again = await open_(make("dg750"))
        restarted = Server.from_scl(CID)
        restarted.update(POWER, 300e3)
        restarted.start(again)
        registration = await restarted.register(again, "registry@utility.test")
        told = await anext(happenings)
        assert (told.kind, told.device.available) == (Kind.AVAILABLE, True)
        while (found := dict([await reported.get()])).keys() != {POWER} or found[POWER]["mag"]["f"] != 300e3:  # type: ignore[index]
            pass

        await registration.deregister()
        told = await anext(happenings)
        assert (told.kind, told.device.jid) == (Kind.DEREGISTERED, "dg750@plant.test")
        assert await registry.devices() == ()
        await until(lambda: len(left) == 2)


async def test_a_registry_that_comes_later_and_forgets(make: Make, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        device, ems = await open_(make("dg750")), await open_(make("ems"))
        server = Server.from_scl(CID)
        server.start(device)
        registration = await server.register(device, "registry@grid.test")
        assert not registration.complete
        registry = await stack.enter_async_context(RegistryClient(ems, "registry@grid.test"))
        happenings = registry.changes()
        store = tmp_path / "registry.db"
        first = await open_(make("registry"))
        async with registry_on(first, store=DatabaseStore(store)):
            await registration.wait_complete()
            assert (await anext(happenings)).kind is Kind.REGISTERED
            before = await registry.device("dg750@grid.test")
            assert before is not None
        await first.close()
        # One that remembers: nothing has happened. Another that does not is told all again, with the file.
        second = await open_(make("registry"))
        async with registry_on(second, store=DatabaseStore(store)) as remembering:
            await until(lambda: bool(remembering.devices) and remembering.devices[0].available)
            assert abs(remembering.devices[0].registered - before.registered) < timedelta(milliseconds=1)
            assert (await registry.model(before)).ied == "DG750"
        await second.close()
        third = await open_(make("registry"))
        async with registry_on(third) as forgetful:
            await until(lambda: len(forgetful.devices) == 1)
            now = await registry.device("dg750@grid.test")
            assert now is not None
            assert now.registered > before.registered
            assert (await registry.model(now)).ied == "DG750"
            told = await anext(happenings)
            while told.device.registered != now.registered:
                told = await anext(happenings)


async def test_who_may_do_what(make: Make) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        keeper, device, ems = [await open_(make(user)) for user in ("registry", "dg750", "ems")]
        server = Server.from_scl(CID)
        served = await stack.enter_async_context(registry_on(keeper))
        registration = await server.register(device, keeper.jid, with_model=False)
        assert (served.devices[0].jid, served.devices[0].document) == ("dg750@grid.test", None)
        with pytest.raises(Refused, match="may not register") as refused:
            await server.register(ems, keeper.jid)
        assert refused.value.code == "forbidden"
        mine = await stack.enter_async_context(RegistryClient(device, keeper.jid))
        with pytest.raises(Refused, match="may not look up"):
            await mine.devices()
        for payload in (wire.empty("watch"), wire.fetch("dg750@grid.test", "0" * 64, 0)):
            with pytest.raises(Refused) as refused:
                await device.request(keeper.jid, payload, kind="get" if "fetch" in payload else "set")
            assert refused.value.code == "forbidden"
        # What a payload says of who registers is of no account: there is no place for it, and the sender is stamped.
        for wrong in (
            '<register xmlns="urn:janusgrid:registry:1" jid="pv@grid.test"/>',
            '<register xmlns="urn:janusgrid:registry:1"><value>x</value></register>',
            f'<register xmlns="urn:janusgrid:registry:1" sum="{"0" * 64}"/>',
            f'<part xmlns="urn:janusgrid:registry:1" sum="{"0" * 64}" offset="0">!</part>',
        ):
            with pytest.raises(Refused) as refused:
                await device.request(keeper.jid, wrong)
            assert refused.value.code == "bad-request"
        assert [one.jid for one in served.devices] == ["dg750@grid.test"]
        pv = await open_(make("pv"))
        await pv.request(keeper.jid, wire.empty("deregister"))  # itself, which is not registered
        assert [one.jid for one in served.devices] == ["dg750@grid.test"]
        reader = await stack.enter_async_context(RegistryClient(ems, keeper.jid))
        (only,) = await reader.devices()
        with pytest.raises(Exception, match="registered no file"):
            await reader.document(only)
        await registration.deregister()
        assert served.devices == ()


async def test_news_of_somebody_else_are_no_news(make: Make) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        keeper, device, ems, pv = [await open_(make(user)) for user in ("registry", "dg750", "ems", "pv")]
        served = await stack.enter_async_context(registry_on(keeper))
        server = Server.from_scl(CID)
        await server.register(device, keeper.jid, with_model=False)
        reader = await stack.enter_async_context(RegistryClient(ems, keeper.jid))
        happenings = reader.changes()
        assert (await anext(happenings)).kind is Kind.REGISTERED
        await pv.push(ems.jid, wire.happened(Happening(Kind.DEREGISTERED, served.devices[0])))
        await server.register(pv, keeper.jid, with_model=False)
        told = await anext(happenings)
        assert (told.kind, told.device.jid) == (Kind.REGISTERED, "pv@grid.test")


async def test_a_model_of_many_parts(make: Make) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        keeper, device, ems = [await open_(make(user)) for user in ("registry", "dg750", "ems")]
        await stack.enter_async_context(registry_on(keeper))
        model = read_scl(CID).model
        chance = random.Random(61850)
        for node in model.devices["DG750DER"].nodes.values():
            node.description = "".join(chance.choices(string.ascii_letters, k=30_000))
        server = Server(model)
        await server.register(device, keeper.jid)
        reader = await stack.enter_async_context(RegistryClient(ems, keeper.jid))
        (found,) = await reader.devices()
        assert found.document is not None
        assert found.document.size > 100_000
        text = await reader.document(found)
        assert write_cid(await reader.model(found)) == text


async def test_one_that_shows_no_presence_is_asked_and_one_that_stays_away_expires(make: Make) -> None:
    clock = LockStepClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        keeper, device = await open_(make("registry")), await open_(make("dg750"))
        limits = Limits(keep=timedelta(hours=2))
        served = await stack.enter_async_context(registry_on(keeper, clock=clock, limits=limits))
        told: list[Kind] = []
        served.on_change(lambda happening: told.append(happening.kind))
        await device.request(keeper.jid, wire.register(Proposal()))  # and no subscription: it shows no presence
        await clock.advance(61)
        assert not keeper.available(device.jid)
        assert (told, served.devices[0].available) == ([Kind.REGISTERED], True)
        await device.close()
        await clock.advance(61)
        await until(lambda: told == [Kind.REGISTERED, Kind.UNAVAILABLE])
        await clock.advance(7000)
        assert len(served.devices) == 1
        await clock.advance(400)
        await until(lambda: told[2:] == [Kind.EXPIRED] and not served.devices)


async def test_watchers_are_bounded_and_end_with_their_session(make: Make) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        keeper, ems = await open_(make("registry")), await open_(make("ems"))
        served = await stack.enter_async_context(registry_on(keeper, limits=Limits(per_account=0)))
        with pytest.raises(Refused) as refused:
            await ems.request(keeper.jid, wire.empty("watch"))
        assert refused.value.code == "resource-constraint"
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        served = await stack.enter_async_context(registry_on(keeper))
        async with RegistryClient(ems, keeper.jid) as reader:
            changes = reader.changes()
            await until(lambda: list(served._watchers) == [ems.jid])
            changes.close()
        await until(lambda: not served._watchers)
        await ems.request(keeper.jid, wire.empty("watch"))
        await ems.subscribe("registry@grid.test")
        await until(lambda: keeper.available(ems.jid))
        await ems.close()
        await until(lambda: not served._watchers)


async def test_what_is_done_with_a_device_may_fail(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        keeper, device, ems = [await open_(make(user)) for user in ("registry", "dg750", "ems")]
        await stack.enter_async_context(registry_on(keeper))
        server = Server.from_scl(CID)
        server.start(device)
        tries: list[str] = []

        async def joined(device: Device, ied: Ied) -> None:
            tries.append(device.jid)
            if len(tries) < 3:
                raise ZeroDivisionError("a fault of the application")

        registry = await stack.enter_async_context(RegistryClient(ems, keeper.jid))
        wanted = asyncio.Event()
        async with PlugAndPlay(registry, ems, joined, wanted=lambda device: wanted.is_set()) as playing:
            registration = await server.register(device, keeper.jid, with_model=False)
            changes = registry.changes()
            assert (await anext(changes)).kind is Kind.REGISTERED
            assert playing.devices == ()
            wanted.set()
            await registration.update(Nameplate({"LD/LPHD1.PhyNam.vendor": "another"}))
            told = await anext(changes)
            assert (told.kind, told.device.nameplate.vendor) == (Kind.CHANGED, "another")
            await until(lambda: len(tries) == 3)
            assert [one.jid for one in playing.devices] == ["dg750@grid.test"]
            await until(lambda: len(server.engine.associations) == 1)
        await until(lambda: not server.engine.associations)
        assert "what was to be done with it failed" in caplog.text
