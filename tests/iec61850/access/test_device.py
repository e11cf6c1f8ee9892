"""A server's points through the common data access: the engine and the CID of the demonstration's own devices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.data.access import Change
from janusgrid.common.data.site import Device, load_site
from janusgrid.common.data.value import LOST, Detail, Quality, Validity
from janusgrid.common.errors import ConfigError, NotReachable, Refused, TypeConflict, UnknownName
from janusgrid.common.resources import resource
from janusgrid.common.xmpp.backoff import Backoff
from janusgrid.iec61850 import Command, Ied, Server, read_scl
from janusgrid.iec61850.access import DeviceAccess
from janusgrid.iec61850.access.objects import attribute, quality, quality_bits
from janusgrid.iec61850.acsi.errors import AddCause, ServiceRefused
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.types import DataValue
from janusgrid.iec61850.acsi.types import Quality as Bits
from janusgrid.iec61850.model.nodes import LogControl, Model, Trigger

START = datetime(2022, 3, 25, 0, 15, tzinfo=UTC)
SITE = load_site(resource("mappings/sites/microgrid.yaml"))

GOOD = Bits()


class Field:
    """A device's server in this process, and the wire to it, which can be cut."""

    def __init__(self, name: str) -> None:
        self.clock = LockStepClock(START)
        self.device: Device = SITE.device(name)
        self.server = Server.from_scl(resource(f"mappings/sites/microgrid/{name}.cid"), clock=self.clock)
        self.associations: list[ClientAssociation] = []
        self.reachable = True
        self.commands: list[DataValue] = []
        if any(binding.row.point == "p.set" for binding in self.device.bindings):

            @self.server.on_operate(f"{name}DER/DWGC1.WSpt")
            def command(asked: Command) -> None:
                if asked.value == 1.0:
                    asked.refuse(AddCause.BLOCKED_BY_INTERLOCKING)
                self.commands.append(asked.value)

    async def connect(self) -> Ied:
        if not self.reachable:
            raise NotReachable("nobody is there")
        self.associations.append(self.server.connect(f"client{len(self.associations)}"))
        return Ied(self.associations[-1], clock=self.clock)

    def set(self, suffix: str, value: float | int, bits: Bits = GOOD) -> None:
        reference = attribute(self.device.binding(suffix)).with_fc(None)
        self.server.update(str(reference), value, quality=bits)

    def access(self, **options: float) -> DeviceAccess:
        return DeviceAccess(
            self.device.name,
            self.device.bindings,
            self.connect,
            self.clock,
            retry=0.01,
            **options,  # type: ignore[arg-type]
        )


@pytest.fixture
async def dg() -> AsyncIterator[Field]:
    server = Field("DG750")
    yield server
    await server.server.close()


@pytest.fixture
async def access(dg: Field) -> AsyncIterator[DeviceAccess]:
    async with dg.access() as device:
        await device.ready()
        yield device


class Watch:
    """Changes of a watch, kept as they come."""

    def __init__(self, access: DeviceAccess, *names: str, **options: float) -> None:
        self.changes: list[Change] = []
        self._task = asyncio.create_task(self._run(access, names, options))

    async def _run(self, access: DeviceAccess, names: tuple[str, ...], options: dict[str, float]) -> None:
        async for change in access.watch(names, **options):
            self.changes.append(change)

    async def settled(self) -> list[Change]:
        for _ in range(50):
            await asyncio.sleep(0)
        found, self.changes = self.changes, []
        return found

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.mark.parametrize("name", [device.name for device in SITE.devices])
async def test_every_point_of_every_device_is_in_its_server(name: str) -> None:
    server = Field(name)
    async with server.access() as device:
        await device.ready()
        points = [point.name for point in await device.directory()]
        values = await device.read(points)
        assert all(
            value.quality.validity is not Validity.INVALID or value.value is not None for value in values.values()
        )
        assert values.keys() == set(points)
        assert values[f"der.{name}.p"].origin == name
    await server.server.close()


async def test_values_come_in_the_units_of_the_site_with_quality_and_time(dg: Field, access: DeviceAccess) -> None:
    await dg.clock.advance(5)
    dg.set("p", 450_000.0, Bits.of(Bits.QUESTIONABLE, 7))
    dg.set("state", 6)
    found = await access.read(["der.DG750.p", "der.DG750.state", "der.DG750.p.rating"])
    power = found["der.DG750.p"]
    assert power.value == 450
    assert power.quality == Quality(Validity.QUESTIONABLE, Detail.OLD_DATA)
    assert power.time == START + timedelta(seconds=5)
    assert found["der.DG750.state"].value == "running"
    assert found["der.DG750.p.rating"].value == 750


async def test_a_watch_tells_first_values_and_then_every_report(dg: Field, access: DeviceAccess) -> None:
    dg.set("p", 0.0)
    watch = Watch(access, "der.DG750.p", "der.DG750.state")
    first = await watch.settled()
    assert {(c.name, c.reason) for c in first} == {("der.DG750.p", "initial"), ("der.DG750.state", "initial")}
    dg.set("p", 120_000.0)
    [change] = await watch.settled()
    assert (change.name, change.value.value, change.reason) == ("der.DG750.p", 120, "change")
    await watch.stop()
    assert not access._watchers


async def test_small_changes_stay_untold_where_a_deadband_was_asked_for(dg: Field, access: DeviceAccess) -> None:
    dg.set("p", 100_000.0)
    watch = Watch(access, "der.DG750.p", deadband=5.0)
    await watch.settled()
    for kw in (101, 104, 106, 107):
        dg.set("p", kw * 1000.0)
        await watch.settled()
    dg.set("p", 120_000.0)
    assert [c.value.value for c in await watch.settled()] == [120]
    await watch.stop()


async def test_everything_is_told_again_after_the_period(dg: Field, access: DeviceAccess) -> None:
    watch = Watch(access, "der.DG750.p", period=10.0)
    await watch.settled()
    await dg.clock.advance(10)
    assert [c.name for c in await watch.settled()] == ["der.DG750.p"]
    await dg.clock.advance(30)
    assert len(await watch.settled()) == 3
    await watch.stop()


async def test_who_is_slow_gets_the_newest_value_of_each_point_and_no_queue(dg: Field, access: DeviceAccess) -> None:
    changes = access.watch(["der.DG750.p", "der.DG750.state"])
    for _ in range(2):
        await anext(changes)
    for kw in range(1000):
        dg.set("p", kw * 1000.0)
    dg.set("state", 6)
    assert [(await anext(changes)).value.value for _ in range(2)] == [999, "running"]
    await changes.aclose()  # type: ignore[attr-defined]


async def test_points_that_no_report_brings_are_read(dg: Field, access: DeviceAccess) -> None:
    watch = Watch(access, "der.DG750.p.max", period=10.0)
    assert [c.value.value for c in await watch.settled()] == [750]
    dg.set("p.max", 600_000.0)
    assert await watch.settled() == []
    await dg.clock.advance(10)
    assert [c.value.value for c in await watch.settled()] == [600]
    await watch.stop()


async def test_a_setpoint_reaches_the_process_and_reads_back(dg: Field, access: DeviceAccess) -> None:
    await access.operate("der.DG750.p.set", 413.5)
    assert dg.commands == [413_500.0]
    assert (await access.read(["der.DG750.p.set"]))["der.DG750.p.set"].value == 413.5


async def test_a_refused_setpoint_has_the_servers_reason(dg: Field, access: DeviceAccess) -> None:
    with pytest.raises(ServiceRefused, match="blocked-by-interlocking"):
        await access.operate("der.DG750.p.set", 0.001)
    assert dg.commands == []


@pytest.mark.parametrize("bad", [751.0, -1.0, float("nan"), True, "full"])
async def test_a_setpoint_that_does_not_fit_is_not_sent(dg: Field, access: DeviceAccess, bad: float) -> None:
    with pytest.raises(TypeConflict):
        await access.operate("der.DG750.p.set", bad)
    assert dg.commands == []


async def test_settings_are_written_and_what_is_none_is_refused(dg: Field, access: DeviceAccess) -> None:
    await access.write({"der.DG750.p.max": 500.0})
    assert (await access.read(["der.DG750.p.max"]))["der.DG750.p.max"].value == 500
    with pytest.raises(TypeConflict, match="no write"):
        await access.write({"der.DG750.p": 1.0})
    with pytest.raises(TypeConflict, match="no operate"):
        await access.operate("der.DG750.p.max", 1.0)


async def test_what_the_server_does_not_do_is_refused(access: DeviceAccess) -> None:
    now = START
    for call in (
        access.abort("der.DG750.p.set"),
        access.schedule("der.DG750.p.set", [], end=now),
        access.history("der.DG750.p", now, now),
    ):
        with pytest.raises(Refused):
            await call


def logged() -> Model:
    """The generator with a log of what it reports, as it is written down every minute too."""
    model = read_scl(resource("mappings/sites/microgrid/DG750.cid")).model
    node = model.devices["DG750DER"].nodes["LLN0"]
    node.logs.append("Events")
    triggers = Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE | Trigger.INTEGRITY
    node.log_controls["off"] = LogControl("off", "Meas", "DG750DER/LLN0.Other", False, triggers)
    node.log_controls["lcb"] = LogControl("lcb", "Meas", "DG750DER/LLN0.Events", True, triggers, 60_000)
    node.log_controls["bare"] = LogControl("bare", "", "DG750DER/LLN0.Events")
    return model


async def test_history_is_what_a_log_has(dg: Field) -> None:
    await dg.server.close()
    dg.server = Server(logged(), clock=dg.clock)
    async with dg.access() as access:
        await access.ready()
        for number in range(100):
            await dg.clock.advance(1)
            dg.set("p", 1000.0 * number)
        first, last = START + timedelta(seconds=10), START + timedelta(seconds=20)
        found = await access.history("der.DG750.p", first, last)
        assert [value.number for value in found] == [float(number) for number in range(9, 19)]
        assert [value.time for value in found] == [START + timedelta(seconds=10 + number) for number in range(10)]
        assert {value.origin for value in found} == {"DG750"}
        whole = await access.history("der.DG750.p", START, START + timedelta(days=1))
        assert len(whole) == 101, "each value that was set, and the one of the full minute"
        (state,) = await access.history("der.DG750.state", START, START + timedelta(days=1))
        assert state.time == START + timedelta(minutes=1), "that of the entry: it has not changed"
        assert await access.history("der.DG750.p", last, first) == []
        with pytest.raises(Refused, match="none of its logs"):
            await access.history("der.DG750.p.max", START, last)


async def test_unknown_names_are_refused_by_every_service(access: DeviceAccess) -> None:
    bad = "der.DG750.q"
    for call in (
        access.read([bad]),
        access.write({bad: 1.0}),
        access.operate(bad, 1.0),
        access.abort(bad),
        access.available(bad),
        access.schedule(bad, [], end=START),
        access.history(bad, START, START),
        anext(access.watch([bad])),
    ):
        with pytest.raises(UnknownName, match=r"der\.DG750\.q"):
            await call


async def test_a_loss_is_told_once_and_it_comes_back_by_itself(dg: Field, access: DeviceAccess) -> None:
    dg.set("p", 100_000.0)
    watch = Watch(access, "der.DG750.p")
    await watch.settled()
    dg.reachable = False
    await dg.associations[0].abort()
    [lost] = await watch.settled()
    assert (lost.reason, lost.value.quality, lost.value.value) == ("lost", LOST, 100)
    assert not await access.available("der.DG750.p")
    assert (await access.read(["der.DG750.p"]))["der.DG750.p"].quality == LOST
    with pytest.raises(NotReachable):
        await access.operate("der.DG750.p.set", 1.0)
    await asyncio.sleep(0.05)
    assert await watch.settled() == []
    dg.reachable = True
    await asyncio.wait_for(access.ready(), 5)
    [back] = await watch.settled()
    assert back.value.quality.good
    await watch.stop()


async def test_several_clients_each_have_their_own_control_block(dg: Field) -> None:
    clients = [dg.access() for _ in range(3)]
    watches = []
    for client in clients:
        await client.open()
        await client.ready()
        watches.append(Watch(client, "der.DG750.p"))
        await watches[-1].settled()
    dg.set("p", 50_000.0)
    for watch in watches:
        assert [c.value.value for c in await watch.settled()] == [50]
        await watch.stop()
    for client in clients:
        await client.close()
    assert all(association._association.ended for association in dg.associations)


async def test_without_a_free_control_block_values_are_read(dg: Field) -> None:
    others = [dg.access() for _ in range(5)]
    for other in others:
        await other.open()
        await other.ready()
    async with dg.access() as late:
        await late.ready()
        watch = Watch(late, "der.DG750.p", period=10.0)
        await watch.settled()
        dg.set("p", 70_000.0)
        assert await watch.settled() == []
        await dg.clock.advance(10)
        assert [c.value.value for c in await watch.settled()] == [70]
        await watch.stop()
    for other in others:
        await other.close()


async def test_a_table_that_does_not_fit_the_server_is_named_at_its_line(dg: Field) -> None:
    binding = dg.device.binding("p")
    wrong = attrs.evolve(binding, address={**binding.address, "reference": "DG750DER/MMXU1.TotW.mag.i"})
    access = DeviceAccess("DG750", [wrong], dg.connect, dg.clock)
    await access.open()
    with pytest.raises(ConfigError, match=r"no DG750DER/MMXU1\.TotW\.mag\.i") as caught:
        await access.ready()
    assert "generator.csv:2" in (caught.value.where or "")
    await access.close()


@pytest.mark.parametrize("reference", ["DG750DER/MMXU1.TotW", "DG750DER/MMXU1", "no reference", ""])
async def test_a_table_must_name_attributes(dg: Field, reference: str) -> None:
    binding = dg.device.binding("p")
    wrong = attrs.evolve(binding, address={**binding.address, "reference": reference})
    with pytest.raises(ConfigError) as caught:
        DeviceAccess("DG750", [wrong], dg.connect, dg.clock)
    assert "generator.csv:2" in (caught.value.where or "")


def test_qualities_go_there_and_back() -> None:
    for validity in Validity:
        for detail in (Detail.NONE, Detail.OVERFLOW, Detail.TEST | Detail.OPERATOR_BLOCKED, Detail.OLD_DATA):
            common = Quality(validity, detail)
            assert quality(quality_bits(common)) == common
    assert quality(Bits.of(Bits.RESERVED)).validity is Validity.INVALID


async def test_who_shows_itself_is_asked_at_once(dg: Field) -> None:
    shown = asyncio.Event()

    async def returned() -> None:
        await shown.wait()

    dg.reachable = False
    access = DeviceAccess(
        dg.device.name, dg.device.bindings, dg.connect, dg.clock,
        retry=Backoff(60, 60, uniform=lambda low, high: high), returned=returned,
    )  # fmt: skip
    async with access:
        await asyncio.sleep(0.02)
        assert not await access.available("der.DG750.p")
        dg.reachable = True
        shown.set()
        await asyncio.wait_for(access.ready(), 5)


async def test_who_shows_itself_while_an_attempt_is_failing_is_asked_at_once(dg: Field) -> None:
    asked, shown, failing = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def returned() -> None:
        shown.clear()  # it counts from now on, as presence does
        await shown.wait()

    async def connect() -> Ied:
        if not asked.is_set():
            asked.set()
            await failing.wait()
            raise NotReachable("nobody was there when we asked")
        return await dg.connect()

    never = Backoff(3600, 3600, uniform=lambda low, high: high)
    async with DeviceAccess(
        dg.device.name, dg.device.bindings, connect, dg.clock, retry=never, returned=returned
    ) as access:
        await asked.wait()
        await asyncio.sleep(0)
        shown.set()
        await asyncio.sleep(0)
        failing.set()
        await asyncio.wait_for(access.ready(), 30)


async def test_attempts_come_ever_more_rarely(dg: Field) -> None:
    dg.reachable = False
    bounds: list[float] = []

    def uniform(low: float, high: float) -> float:
        bounds.append(high)
        return 0.0

    async with DeviceAccess(
        dg.device.name, dg.device.bindings, dg.connect, dg.clock, retry=Backoff(1.0, 5.0, uniform=uniform)
    ) as access:
        while len(bounds) < 5:  # noqa: ASYNC110 - a count is no event
            await asyncio.sleep(0)
        assert bounds[:5] == [1.0, 2.0, 4.0, 5.0, 5.0]
        dg.reachable = True
        await asyncio.wait_for(access.ready(), 5)
        bounds.clear()
        await dg.associations[-1].abort()
        await asyncio.sleep(0.01)
        assert bounds[:1] == [1.0], "it had been there: begin anew"
