"""The far server is gone, and comes back: what near clients keep, what they are told, and what they get in the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.errors import NotReachable, Refused
from janusgrid.iec61850 import FC, Ied, Quality, Server, ServiceError, ServiceRefused, connect
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import CreateDataSet, GetRCBValues, Reason, SetRCBValues
from janusgrid.iec61850.client.reports import Reports, Update
from janusgrid.iec61850.gateway import Far, Gateway, opener
from janusgrid.iec61850.mapping.initiate import Limits
from janusgrid.iec61850.scsm81.server import TcpServer

from tests.iec61850.plant import plant
from tests.iec61850.scsm81 import sides
from tests.iec61850.wires import until

W = "DG750DER/MMXU1.TotW"
F = f"{W}.mag.f"
BUFFERED, UNBUFFERED = "DG750DER/LLN0.brcbMeas", "DG750DER/LLN0.urcbMeas"


@attrs.define
class World:
    """A server on TCP, a cable to it, and a gateway at the other end of that."""

    server: Server
    line: sides.Cable
    gateway: Gateway
    far: Far
    port: int

    def connect(self, **options: object) -> object:
        return connect(f"tcp://127.0.0.1:{self.port}", **options)  # type: ignore[arg-type]

    def cut(self) -> None:
        self.line.cut()

    async def gone(self) -> None:
        """Cut the cable, and wait until both ends have seen it."""
        self.line.cut()
        await until(lambda: not self.server.engine.associations and all(map(self._is_lost, self.gateway.relays)))

    @staticmethod
    def _is_lost(relay: object) -> bool:
        return not relay.connected  # type: ignore[attr-defined,no-any-return]

    async def back(self) -> None:
        """Mend it, and wait until every client is led to the server again."""
        self.line.mend()
        await until(lambda: all(relay.connected for relay in self.gateway.relays))


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    server = Server(plant())
    listening = await server.start_tcp(port=0)
    async with sides.cable(listening.port) as line:
        far = Far("plant", opener(f"tcp://127.0.0.1:{line.port}"), text=False, retry=(0.01, 0.05))
        gateway = Gateway("plant", lambda caller: far)
        near = TcpServer(gateway)
        await near.listen("127.0.0.1", 0)
        yield World(server, line, gateway, far, near.port)
        near.stop()
        await gateway.close()
    await server.close()


async def refused(awaitable: object) -> ServiceError:
    with pytest.raises(ServiceRefused) as refusal:
        await awaitable  # type: ignore[misc]
    return refusal.value.error


async def test_a_client_keeps_its_association_and_learns_what_is_old(world: World) -> None:
    world.server.update(W, 412.0)
    async with connect(f"tcp://127.0.0.1:{world.port}") as ied:
        ends: list[str] = []
        ied.on_end(ends.append)
        before = await ied.read(W, fc="MX")
        assert isinstance(before, dict)
        assert await ied.read(F) == 412.0
        assert await ied.devices() == ("DG750DER",)
        await world.gone()
        old = await ied.read(W, fc="MX")
        assert isinstance(old, dict)
        assert (old["mag"], old["t"]) == (before["mag"], before["t"])
        assert isinstance(old["q"], Quality)
        assert str(old["q"]) == "questionable, oldData"
        unavailable = ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
        assert await refused(ied.read(F)) is unavailable, "it cannot say of itself that it is old"
        assert await refused(ied.read("DG750DER/MMXU1.TotVAr")) is unavailable, "nobody has read it before"
        assert await refused(ied.write("DG750DER/DWGC1.WSpt.db", 1, fc="CF")) is unavailable
        assert await ied.devices() == ("DG750DER",), "this never changes"
        world.server.update(W, 500.0)
        await world.back()
        assert await ied.read(F) == 500.0
        now = await ied.read(W, fc="MX")
        assert isinstance(now, dict)
        assert now["q"] == before["q"] == Quality()
        assert ends == []


async def test_whoever_comes_meanwhile_is_refused(world: World) -> None:
    world.cut()
    with pytest.raises(Refused):
        await connect(f"tcp://127.0.0.1:{world.port}")
    await world.back()
    async with connect(f"tcp://127.0.0.1:{world.port}") as ied:
        assert await ied.devices() == ("DG750DER",)


async def changes(reports: Reports, count: int) -> list[Update]:
    """Return so many reports of changes, leaving out what was asked for and not changed."""
    found: list[Update] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            update = await anext(reports)
            if Reason.DATA_CHANGE in update.reasons.get(W, Reason.NONE):
                found.append(update)
    return found


def told(updates: list[Update]) -> list[object]:
    return [update.values[W]["mag"]["f"] for update in updates]  # type: ignore[index,call-overload]


async def test_no_buffered_report_is_lost_or_comes_twice(world: World) -> None:
    async with (
        connect(f"tcp://127.0.0.1:{world.port}") as ied,
        connect(f"tcp://127.0.0.1:{world.port}") as other,
        ied.report(BUFFERED) as reports,
        other.report(BUFFERED) as beside,
    ):
        assert reports.block != beside.block, "each client has its own"
        found: list[Update] = []
        for turn in range(4):
            for number in range(5):
                world.server.update(W, float(10 * turn + number))
            if turn:
                await world.back()
            found += await changes(reports, 5)
            assert told(await changes(beside, 5)) == told(found[-5:])
            await world.gone()
        assert told(found) == [float(10 * turn + number) for turn in range(4) for number in range(5)]
        assert len({update.entry for update in found}) == 20
        await world.back()


@pytest.mark.parametrize("block", [BUFFERED, UNBUFFERED])
async def test_who_only_listens_is_told_what_is_old(world: World, block: str) -> None:
    async with connect(f"tcp://127.0.0.1:{world.port}") as ied, ied.report(block, interrogate=True) as reports:
        world.server.update(W, 412.0)
        await changes(reports, 1)
        await world.gone()
        async with asyncio.timeout(30):
            while "oldData" not in str(quality(update := await anext(reports))):
                pass
        assert told([update]) == [412.0]
        assert update.entry is None
        assert set(update.reasons.values()) == {Reason.QUALITY_CHANGE}
        assert {str(member) for member in update.values} == {W, "DG750DER/MMXU1.Hz", *OTHERS}
        await world.back()
        async with asyncio.timeout(30):
            while not quality(update := await anext(reports)).good:
                pass
        assert update.reasons[W] is Reason.GENERAL_INTERROGATION
        assert told([update]) == [412.0]


OTHERS = ("DG750DER/DGEN1.DEROpSt", "DG750DER/DGEN1.DEROpSt.q")


def quality(update: Update) -> Quality:
    return update.values[W]["q"]  # type: ignore[index,call-overload,return-value]


async def test_a_client_that_does_better_by_itself_is_let_go(world: World) -> None:
    world.far.keep = False
    async with connect(f"tcp://127.0.0.1:{world.port}") as ied:
        ends: list[str] = []
        ied.on_end(ends.append)
        world.cut()
        await until(lambda: bool(ends))
        assert not world.gateway.associations


async def test_unbuffered_blocks_and_data_sets_are_made_again(world: World) -> None:
    async with connect(f"tcp://127.0.0.1:{world.port}") as ied:
        await ied.association.call(CreateDataSet(Reference.parse("@mine"), (Reference.parse(f"{F}[MX]"),)))
        block = Reference.parse(f"{UNBUFFERED}01[RP]")
        await ied.association.call(SetRCBValues(block, (("Resv", True), ("IntgPd", 60_000), ("RptEna", True))))
        await world.gone()
        await world.back()
        assert await ied.read_data_set("@mine") == {f"{F}[MX]": await ied.read(F)}
        values = await ied.association.call(GetRCBValues(block))
        assert (values["Resv"], values["IntgPd"], values["RptEna"]) == (True, 60_000, True)


async def test_who_leaves_while_the_server_is_gone_is_forgotten(world: World) -> None:
    ied = await connect(f"tcp://127.0.0.1:{world.port}")
    await world.gone()
    await ied.release()
    await until(lambda: not world.gateway.associations)
    world.line.mend()
    async with connect(f"tcp://127.0.0.1:{world.port}") as again:
        await again.devices()
        assert len(world.server.engine.associations) == 1


# --- whom it lets in, and what is too large ---------------------------------------------------------------------------


@asynccontextmanager
async def led(server: Server, gateway: Gateway) -> AsyncIterator[int]:
    near = TcpServer(gateway)
    await near.listen("127.0.0.1", 0)
    yield near.port
    near.stop()
    await gateway.close()
    await server.close()


async def test_who_is_nobody_is_not_let_in(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(plant())
    async with led(server, Gateway("plant", lambda caller: None)) as port:
        with caplog.at_level(logging.WARNING), pytest.raises(Refused):
            await connect(f"tcp://127.0.0.1:{port}")
    assert "127.0.0.1" in caplog.text


async def test_what_is_too_large_there_is_read_in_parts(world: World) -> None:
    """A client that divides nothing gets whole nodes and data sets, which are more than a PDU of the far side holds."""
    world.far.most = Limits(pdu_size=1024)
    async with connect(f"tcp://127.0.0.1:{world.port}") as ied, connect(f"tcp://127.0.0.1:{world.line.far}") as direct:
        for fc in (FC.MX, FC.ST, FC.CF):
            assert await raw(ied, f"GGIO1${fc.value}") == await raw(direct, f"GGIO1${fc.value}")


async def raw(ied: Ied, item: str) -> object:
    """Read a variable of MMS by one request, as clients do that leave it to the server."""
    from janusgrid.iec61850.mms import pdu

    name = pdu.DomainSpecific("DG750DER", item)
    access = ("listOfVariable", [pdu.VariableDef(("name", ("domain-specific", name)))])
    request = pdu.ConfirmedRequestPDU(1, ("read", pdu.ReadRequest(access)))  # type: ignore[arg-type]
    return await ied.association.exchange(("confirmed-RequestPDU", request))  # type: ignore[attr-defined]


async def test_a_server_that_was_never_there() -> None:
    gateway = Gateway("plant", lambda caller: Far("plant", opener("tcp://127.0.0.1:1"), text=False))
    async with led(Server(plant()), gateway) as port:
        with pytest.raises((Refused, NotReachable)):
            await connect(f"tcp://127.0.0.1:{port}")
