"""The Modbus driver against a real Modbus server (pymodbus), and against peers that are none."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from janusgrid.common.clock import RealClock
from janusgrid.common.data.site import Device
from janusgrid.common.data.value import Detail, Validity
from janusgrid.common.errors import ConfigError, NotReachable, Refused, RemoteError, TypeConflict
from janusgrid.ems.drivers import Link, Surroundings, find
from pymodbus.constants import ExcCodes

from .devices import ModbusDevice, answering, device, until

COLUMNS = "register,words,parts,sunspec"
ROWS = [
    "p,measurement,float,kW,int32,W,,,,read report,,,,holding:10,,,",
    "u,measurement,float,V,float32,V,,,,read report,,,,input:0,CDAB,,",
    "p.set,setpoint,float,kW,int16,W,100,,,read operate,-50,50,,holding:20,,,",
    "limit,setting,float,kW,float32,kW,,,,read write,0,100,,holding:22,,,",
    "trip,command,bool,,bool,,,,,operate,,,,coil:3,,,",
    "fault,status,bool,,bool,,,,,read report,,,,discrete:5,,,",
    "hot,status,bool,,bool,,,,,read report,,,,holding:30.4,,,",
    "mode,status,enum,,enum,,,,off=0|on=1|eco=2,read report,,,,holding:30.8-9,,,",
    "name,status,text,,text,,,,,read,,,,holding:40,4,,",
    "e,measurement,float,kWh,uint64,kWh,,,,read report,,,,holding:52 + holding:51 + holding:50,,1000000 1000 1,",
]


def words(format: str, *values: object) -> list[int]:
    octets = struct.pack(f">{format}", *values)
    return list(struct.unpack(f">{len(octets) // 2}H", octets))


def registers(start: int, *values: int) -> dict[int, int]:
    return dict(enumerate(values, start))


def meter() -> ModbusDevice:
    return ModbusDevice(
        holding=registers(10, *words("i", -1500))
        | registers(20, 0)
        | registers(22, *words("f", 40.0))
        | registers(30, 0b10_0001_0000)
        | registers(40, *words("8s", b"MP960"))
        | registers(50, 789, 456, 123),
        input=registers(0, *words("f", 230.5)[::-1]),
        coil={3: False},
        discrete={5: True},
    )


def site(folder: Path, port: int, rows: list[str] = ROWS, **more: object) -> Device:
    given = {"host": "127.0.0.1", "port": port, "security": "none", "poll": "20ms", "timeout": "2s"} | more
    address = "{" + ", ".join(f"{key}: {value}" for key, value in given.items()) + "}"
    return device(folder, "modbus", COLUMNS, rows, address)


def linked(found: Device, renew_s: float = 30.0) -> Link:
    return find("modbus").link(found, Surroundings(clock=RealClock(), renew_s=renew_s))


async def test_every_kind_of_register_is_read(tmp_path: Path) -> None:
    async with meter() as server, linked(site(tmp_path, server.port)) as link:
        await link.ready()
        values = await link.read([point.name for point in await link.directory()])
        shown = {name.removeprefix("der.D."): value.value for name, value in values.items()}
        assert shown == {
            "p": -1.5, "u": 230.5, "p.set": 0.0, "limit": 40.0, "trip": None, "fault": True, "hot": True, "mode": "eco",
            "name": "MP960", "e": 123456789.0,
        }  # fmt: skip
        assert values["der.D.trip"].quality.validity is Validity.INVALID  # it can only be commanded
        assert all(value.quality.good for name, value in values.items() if name != "der.D.trip")
        assert values["der.D.p"].origin == "D"


async def test_what_is_near_is_read_together(tmp_path: Path) -> None:
    rows = [f"v{n},measurement,float,V,uint16,V,,,,read,,,,holding:{n * 2},,," for n in range(150)]
    async with (
        ModbusDevice(holding=registers(0, *range(300))) as server,
        linked(site(tmp_path, server.port, rows)) as link,
    ):
        await link.ready()
        server.asked.clear()
        names = [f"der.D.v{n}" for n in range(150)]
        values = await link.read(names)
        assert [values[name].value for name in names] == [2.0 * n for n in range(150)]
        once = list(dict.fromkeys(server.asked))
        assert once == [(3, 0, 125), (3, 126, 125), (3, 252, 47)]


async def test_a_device_that_refuses_the_addresses_between_is_read_in_parts(tmp_path: Path) -> None:
    rows = [f"v{n},measurement,float,V,uint16,V,,,,read,,,,holding:{n},,," for n in (0, 1, 5, 6)]
    few = ModbusDevice(holding={0: 10, 1: 11, 5: 15, 6: 16})
    async with few as server, linked(site(tmp_path, server.port, rows, poll="1h")) as link:
        await link.ready()
        names = [f"der.D.v{n}" for n in (0, 1, 5, 6)]
        server.asked.clear()
        values = await link.read(names)
        assert [values[name].value for name in names] == [10, 11, 15, 16]
        assert len(server.asked) == 2  # it is not asked again for what it has refused


async def test_changes_are_told_and_a_restart_in_between_is_survived(tmp_path: Path) -> None:
    async with meter() as server, linked(site(tmp_path, server.port)) as link:
        await link.ready()
        watch = link.watch(["der.D.p", "der.D.fault"], deadband=0.1)
        first = {(await anext(watch)).name for _ in range(2)}
        assert first == {"der.D.p", "der.D.fault"}
        await server.set("holding", 10, *words("i", 2000))
        change = await until(watch, lambda change: change.value.value == 2.0)
        assert (change.name, change.reason, change.value.quality.good) == ("der.D.p", "change", True)
        await server.stop()
        change = await until(watch, lambda change: change.name == "der.D.p")
        assert (change.reason, change.value.value, change.value.quality.validity) == ("lost", 2.0, Validity.INVALID)
        assert not await link.available("der.D.p")
        assert (await link.read(["der.D.p"]))["der.D.p"].quality.validity is Validity.INVALID
        with pytest.raises(NotReachable):
            await link.operate("der.D.p.set", 1.0)
        await server.start()
        change = await until(watch, lambda change: change.name == "der.D.p")
        assert change.value.quality.good
        assert await link.available("der.D.p")


async def test_commands_and_settings_are_written_and_seen(tmp_path: Path) -> None:
    async with meter() as server, linked(site(tmp_path, server.port)) as link:
        await link.ready()
        await link.operate("der.D.p.set", -12.5)
        assert await server.get(20) == words("h", -125)
        assert (await link.read(["der.D.p.set"]))["der.D.p.set"].value == -12.5
        await link.write({"der.D.limit": 33.25})
        assert await server.get(22, 2) == words("f", 33.25)
        await link.operate("der.D.trip", True)
        assert (5, 3, 1) in server.asked
        asked = len(server.asked)
        for name, value in (("der.D.p.set", 51.0), ("der.D.p.set", "much"), ("der.D.trip", 1), ("der.D.p", 1.0)):
            with pytest.raises(TypeConflict):
                await link.operate(name, value)
        await link.operate("der.D.p.set", 7.0, test=True)
        assert all(function < 5 for function, _, _ in server.asked[asked:])


async def test_a_device_that_knows_only_one_function_for_writing(tmp_path: Path) -> None:
    async def before(function: int, address: int, count: int) -> ExcCodes | None:
        return ExcCodes.ILLEGAL_FUNCTION if function == 6 else None

    async with meter() as server, linked(site(tmp_path, server.port)) as link:
        await link.ready()
        server.before = before
        await link.operate("der.D.p.set", 1.0)
        assert (16, 20, 1) in server.asked


async def test_a_refusal_has_the_code_and_what_is_not_taken_is_seen(tmp_path: Path) -> None:
    refuse = True

    async def before(function: int, address: int, count: int) -> ExcCodes | None:
        return ExcCodes.ILLEGAL_VALUE if refuse and function == 6 else None

    async with meter() as server, linked(site(tmp_path, server.port)) as link:
        await link.ready()
        server.before = before
        with pytest.raises(Refused, match="illegal data value") as refused:
            await link.operate("der.D.p.set", 1.0)
        assert refused.value.code == "3"
        refuse = False

        async def clip(function: int, address: int, count: int) -> ExcCodes | None:
            if (function, address) == (3, 20):
                await server.set("holding", 20, 3)
            return None

        server.before = clip
        with pytest.raises(Refused, match=r"shows \[3\] in holding:20 after \[10\]"):
            await link.operate("der.D.p.set", 1.0)
        assert await link.available("der.D.p.set")


async def test_busy_is_not_wrong_but_what_is_wrong_is_told_at_its_row(tmp_path: Path) -> None:
    busy: dict[int, ExcCodes] = {10: ExcCodes.DEVICE_BUSY}

    async def before(function: int, address: int, count: int) -> ExcCodes | None:
        return next((code for at, code in busy.items() if address <= at < address + count and function == 3), None)

    rows = [ROWS[0], ROWS[3].replace("holding:22", "holding:222")]
    async with meter() as server:
        server.before = before
        async with linked(site(tmp_path, server.port, rows[:1])) as link:
            await link.ready()
            value = (await link.read(["der.D.p"]))["der.D.p"]
            assert (value.value, value.quality.validity) == (None, Validity.INVALID)
            busy.clear()
            assert (await link.read(["der.D.p"]))["der.D.p"].value == -1.5
        async with linked(site(tmp_path, server.port, rows)) as link:
            with pytest.raises(ConfigError, match="refuses holding:222 to 223: illegal data address") as fault:
                await link.ready()
            assert fault.value.where == f"{tmp_path}/modbus/d.csv:3"


async def test_a_code_that_the_table_does_not_know_is_invalid(tmp_path: Path) -> None:
    async with meter() as server, linked(site(tmp_path, server.port, ROWS[7:8])) as link:
        await link.ready()
        await server.set("holding", 30, 0b11_0000_0000)
        change = await until(link.watch(["der.D.mode"]), lambda change: not change.value.quality.good)
        assert (change.value.value, change.value.quality.detail) == (None, Detail.INCONSISTENT)


async def test_parts_that_no_request_can_hold_are_of_one_instant(tmp_path: Path) -> None:
    rows = [
        "e,measurement,float,kWh,uint64,kWh,,,,read report,,,,holding:1000 + holding:500 + holding:0,,1000000 1000 1,"
    ]
    counter = 999_998
    async with ModbusDevice(holding={0: 998, 500: 999, 1000: 0}) as server:

        async def before(function: int, address: int, count: int) -> ExcCodes | None:
            nonlocal counter
            counter += 1  # it counts between any two requests
            for place, part in ((1000, counter // 1_000_000), (500, counter // 1000 % 1000), (0, counter % 1000)):
                await server.set("holding", place, part)
            return None

        server.before = before
        async with linked(site(tmp_path, server.port, rows, poll="1h")) as link:
            await link.ready()
            for _ in range(5):
                start = counter
                value = (await link.read(["der.D.e"]))["der.D.e"]
                assert value.quality.good
                assert start < value.number <= counter


async def test_a_slow_device_is_lost_and_its_late_answer_is_not_taken_for_another(tmp_path: Path) -> None:
    slow = asyncio.Event()

    async def before(function: int, address: int, count: int) -> ExcCodes | None:
        if slow.is_set():
            slow.clear()
            await asyncio.sleep(0.6)
        return None

    async with meter() as server, linked(site(tmp_path, server.port, timeout="300ms")) as link:
        await link.ready()
        server.before = before
        watch = link.watch(["der.D.p", "der.D.u"])
        for _ in range(2):
            await anext(watch)
        slow.set()
        await until(watch, lambda change: change.reason == "lost" and change.name == "der.D.p")
        back = await until(watch, lambda change: change.value.quality.good and change.name == "der.D.p")
        assert back.value.value == -1.5
        assert (await link.read(["der.D.u"]))["der.D.u"].value == 230.5


def answer(request: bytes, pdu: bytes, *, transaction: int = 0, unit: int | None = None, protocol: int = 0) -> bytes:
    number = int.from_bytes(request[:2], "big") + transaction
    return struct.pack(">HHHB", number, protocol, len(pdu) + 1, request[6] if unit is None else unit) + pdu


def right(request: bytes) -> bytes:
    count = int.from_bytes(request[10:12], "big")
    return answer(request, bytes((request[7], 2 * count)) + bytes(2 * count))


HOSTILE: dict[str, Callable[[bytes], bytes | None]] = {
    "another function": lambda request: answer(request, bytes((4 if request[7] == 3 else 3, 4)) + bytes(4)),
    "too few registers": lambda request: answer(request, bytes((request[7], 2, 0, 1))),
    "too many registers": lambda request: answer(request, bytes((request[7], 250)) + bytes(250)),
    "a count that lies": lambda request: answer(request, bytes((request[7], 250, 0, 1))),
    "nothing in it": lambda request: answer(request, bytes((request[7],))),
    "another transaction": lambda request: answer(request, bytes((request[7], 4)) + bytes(4), transaction=1),
    "no transaction": lambda request: b"\0\0" + answer(request, bytes((request[7], 4)) + bytes(4))[2:],
    "another unit": lambda request: answer(request, bytes((request[7], 4)) + bytes(4), unit=9),
    "another protocol": lambda request: answer(request, bytes((request[7], 4)) + bytes(4), protocol=7),
    "a function that does not exist": lambda request: answer(request, b"\x63\x01\x02"),
    "an exception to another function": lambda request: answer(request, bytes((0x90, 2))),
    "an exception that does not exist": lambda request: answer(request, bytes((request[7] | 0x80, 99))),
    "cut off": lambda request: answer(request, bytes((request[7], 4)) + bytes(4))[:9],
    "web page": lambda request: b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 5000,
    "without end": lambda request: b"\0" * 1_000_000,
    "closed": lambda request: None,
}


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_what_a_hostile_peer_answers_is_never_a_value(tmp_path: Path, hostile: str) -> None:
    rows = [
        "p,measurement,float,kW,int32,W,,,,read,,,,holding:10,,,",
        "q,setting,float,kW,int32,W,,,,read write,,,,holding:14,,,",
    ]
    turned = False

    def answered(request: bytes) -> bytes | None:
        return HOSTILE[hostile](request) if turned else right(request)

    async with answering(answered) as port, linked(site(tmp_path, port, rows, poll="50ms", timeout="100ms")) as link:
        await link.ready()
        turned = True
        with pytest.raises(RemoteError):
            await link.write({"der.D.q": 1.0})
        value = (await link.read(["der.D.p"]))["der.D.p"]
        assert value.quality.validity is Validity.INVALID
        turned = False  # and it is read again when the device is itself again
        await until(link.watch(["der.D.p"]), lambda change: change.value.quality.good)


async def test_nobody_there(tmp_path: Path) -> None:
    async with answering(right) as port:
        pass
    async with linked(site(tmp_path, port, ROWS[2:3])) as link:
        value = (await anext(link.watch(["der.D.p.set"]))).value
        assert (value.value, value.quality.validity) == (None, Validity.INVALID)
        with pytest.raises(NotReachable, match="not connected"):
            await link.operate("der.D.p.set", 1.0)
