"""The OPC UA driver against a real OPC UA server (asyncua), and against peers that are none."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import Node, ua, uamethod
from asyncua.crypto.permission_rules import User, UserRole
from janusgrid.common.clock import RealClock
from janusgrid.common.data.site import Device
from janusgrid.common.data.value import Detail, Quality, Validity
from janusgrid.common.errors import ConfigError, NotReachable, Refused, TypeConflict
from janusgrid.ems.drivers import Link, Surroundings, find

from .devices import NAMESPACE, OpcUaDevice, answering, device, until

COLUMNS = "node,parts,deadband,method"
ROWS = [
    "p,measurement,float,kW,float64,W,,,,read report,,,,s=Meter.kW,,0.5,",
    "u,measurement,float,V,float32,V,,,,read report,,,,/Meter/U,,,",
    "p.set,setpoint,float,kW,float32,kW,,,,read operate,-50,50,,s=Set,,,",
    "limit,setting,int,,int16,,,,,read write,0,100,,s=Limit,,,",
    "mode,status,enum,,enum,,,,off=0|on=1,read report,,,,s=Mode,,,",
    "fault,status,bool,,bool,,,,,read report,,,,s=Fault,,,",
    "name,status,text,,text,,,,,read,,,,s=Name,,,",
    "e,measurement,float,kWh,uint64,kWh,,,,read report,,,,s=E.Hi + s=E.Mid + s=E.Low,1000000 1000 1,,",
]
V = ua.VariantType
pytestmark = pytest.mark.xdist_group("opcua")  # one process makes the nodes of the standard


def server(**more: Any) -> OpcUaDevice:
    return OpcUaDevice(
        {
            "Meter.kW": ua.Variant(-1500.0, V.Double),
            "Meter.U": ua.Variant(230.5, V.Float),
            "Set": ua.Variant(0.0, V.Float),
            "Limit": ua.Variant(40, V.Int16),
            "Mode": ua.Variant(1, V.Int32),
            "Fault": ua.Variant(True, V.Boolean),
            "Name": ua.Variant("MP960", V.String),
            "E.Hi": ua.Variant(123, V.UInt16),
            "E.Mid": ua.Variant(456, V.UInt16),
            "E.Low": ua.Variant(789, V.UInt16),
        },
        **more,
    )


def site(folder: Path, url: str, rows: list[str] = ROWS, **more: object) -> Device:
    given = {"url": url, "security": "none", "namespace": NAMESPACE, "poll": "20ms", "timeout": "5s"} | more
    address = "{" + ", ".join(f"{key}: '{value}'" for key, value in given.items()) + "}"
    return device(folder, "opcua", COLUMNS, rows, address)


def linked(found: Device, renew_s: float = 30.0) -> Link:
    return find("opcua").link(found, Surroundings(clock=RealClock(), renew_s=renew_s))


async def test_every_kind_of_node_is_read_also_by_its_path(tmp_path: Path) -> None:
    async with server() as opc, linked(site(tmp_path, opc.url)) as link:
        await link.ready()
        values = await link.read([point.name for point in await link.directory()])
        shown = {name.removeprefix("der.D."): value.value for name, value in values.items()}
        assert shown == {
            "p": -1.5, "u": 230.5, "p.set": 0.0, "limit": 40, "mode": "on", "fault": True, "name": "MP960",
            "e": 123456789.0,
        }  # fmt: skip
        assert all(value.quality.good for value in values.values())
        at = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
        await opc.set("Meter.U", 231.25, time=at)
        value = (await link.read(["der.D.u"]))["der.D.u"]
        assert (value.value, value.time, value.origin) == (231.25, at, "D")


async def test_changes_come_and_a_server_that_starts_again_is_found_again(tmp_path: Path) -> None:
    async with server() as opc, linked(site(tmp_path, opc.url)) as link:
        await link.ready()
        watch = link.watch(["der.D.p", "der.D.e", "der.D.u"])
        for _ in range(3):
            await anext(watch)
        await opc.set("Meter.kW", 2000.0)
        change = await until(watch, lambda change: change.value.value == 2.0)
        assert (change.name, change.reason) == ("der.D.p", "change")
        await opc.set("E.Low", 790)
        change = await until(watch, lambda change: change.name == "der.D.e")
        assert change.value.value == 123456790.0
        await opc.set("Meter.kW", 2000.2)  # within the dead band of the table
        await opc.set("Meter.U", 230.5, status=ua.StatusCodes.UncertainLastUsableValue)
        change = await anext(watch)
        assert (change.name, change.reason) == ("der.D.u", "quality")
        assert change.value.quality == Quality(Validity.QUESTIONABLE, Detail.OLD_DATA)
        await opc.stop()
        lost = {(await until(watch, lambda change: change.reason == "lost")).name for _ in range(3)}
        assert lost == {"der.D.p", "der.D.e", "der.D.u"}
        assert not await link.available("der.D.p")
        with pytest.raises(NotReachable):
            await link.operate("der.D.p.set", 1.0)
        opc.others = 3  # the numbers of namespaces are others now
        await opc.start()
        change = await until(watch, lambda change: change.value.quality.good and change.name == "der.D.p")
        assert change.value.value == -1.5
        await opc.set("Meter.kW", 3000.0)
        assert (await until(watch, lambda change: change.value.value == 3.0)).name == "der.D.p"


async def test_commands_and_settings_are_written_and_seen(tmp_path: Path) -> None:
    async with server() as opc, linked(site(tmp_path, opc.url)) as link:
        await link.ready()
        await link.operate("der.D.p.set", -12.3)
        assert await opc.get("Set") == pytest.approx(-12.3)
        await link.write({"der.D.limit": 33})
        assert await opc.get("Limit") == 33
        for name, value in (("der.D.p.set", 51.0), ("der.D.p.set", True), ("der.D.p", 1.0)):
            with pytest.raises(TypeConflict):
                await link.operate(name, value)
        with pytest.raises(TypeConflict):
            await link.write({"der.D.limit": 33.5})
        assert await opc.get("Limit") == 33


async def test_a_method_is_called_and_what_is_not_taken_is_seen(tmp_path: Path) -> None:
    called: list[float] = []
    rows = ["p.set,setpoint,float,kW,float32,kW,,,,read operate,-50,50,,s=Set,,,s=Meter > s=Meter.Give"]
    async with server() as opc:

        @uamethod
        async def give(parent: Node, value: float) -> None:
            called.append(value)
            if value < 0:
                raise ua.UaStatusCodeError(ua.StatusCodes.BadOutOfRange)
            await opc.set("Set", min(value, 20.0))

        meter = await opc.server.nodes.objects.get_child(f"{opc.nodes['Set'].nodeid.NamespaceIndex}:Meter")
        index = opc.nodes["Set"].nodeid.NamespaceIndex
        await meter.add_method(ua.NodeId("Meter.Give", index), ua.QualifiedName("Give", index), give, [V.Float], [])
        async with linked(site(tmp_path, opc.url, rows)) as link:
            await link.ready()
            await link.operate("der.D.p.set", 10.0)
            assert called == [10.0]
            with pytest.raises(Refused, match=r"shows 20\.0 after 30\.0"):
                await link.operate("der.D.p.set", 30.0)
            with pytest.raises(Refused) as refused:
                await link.operate("der.D.p.set", -1.0)
            assert refused.value.code in ("BadOutOfRange", "BadInternalError", "BadUnexpectedError")


@pytest.mark.parametrize(
    ("status", "validity", "detail"),
    [
        ("BadSensorFailure", Validity.INVALID, Detail.FAILURE),
        ("BadOutOfService", Validity.INVALID, Detail.OPERATOR_BLOCKED),
        ("BadWaitingForInitialData", Validity.INVALID, Detail.OLD_DATA),
        ("UncertainSensorNotAccurate", Validity.QUESTIONABLE, Detail.INACCURATE),
        ("UncertainEngineeringUnitsExceeded", Validity.QUESTIONABLE, Detail.OUT_OF_RANGE),
        ("GoodLocalOverride", Validity.GOOD, Detail.SUBSTITUTED),
        ("GoodClamped", Validity.GOOD, Detail.NONE),
    ],
)
def test_status_is_quality(status: str, validity: Validity, detail: Detail) -> None:
    from janusgrid.ems.drivers.opcua.values import quality

    code = getattr(ua.StatusCodes, status)
    assert quality(ua.StatusCode(ua.UInt32(code))) == Quality(validity, detail)
    assert quality(ua.StatusCode(ua.UInt32(code | 0x0480))) == Quality(validity, detail | Detail.OVERFLOW)


async def test_what_does_not_fit_the_server_is_told_at_its_row(tmp_path: Path) -> None:
    rows = [
        ROWS[0].replace("s=Meter.kW", "s=Meter.Watt"),
        ROWS[0].replace("p,", "p2,", 1).replace("float64", "float32"),
        ROWS[1].replace("/Meter/U", "/Meter/Volt"),
        ROWS[2],
        "f,status,bool,,bool,,,,,read,,,,nsu=urn:else;s=Fault,,,",
        "l,measurement,float,kW,float64,kW,,,,read,,,,s=List,,,",
    ]
    opc = server(read_only=["Set"])
    opc.values["List"] = ua.Variant([1.0, 2.0], V.Double)
    async with opc, linked(site(tmp_path, opc.url, rows)) as link:
        with pytest.raises(ConfigError) as fault:
            await link.ready()
    told = {each.where: each.message for each in fault.value.faults}
    table = f"{tmp_path}/opcua/d.csv"
    assert "has no /Meter/Volt" in told[f"{table}:4"]
    assert "no namespace 'urn:else' (it has: http://opcfoundation.org/UA/" in told[f"{table}:6"]
    async with opc, linked(site(tmp_path, opc.url, [*rows[:2], rows[3], rows[5]])) as link:
        with pytest.raises(ConfigError) as fault:
            await link.ready()
    told = {each.where: each.message for each in fault.value.faults}
    assert "has no variable ns=2;s=Meter.Watt (BadNodeIdUnknown)" in told[f"{table}:2"]
    assert "ns=2;s=Meter.kW is Double at the server; for the wire_type float32 it is Float" in told[f"{table}:3"]
    assert "ns=2;s=Set cannot be written by us" in told[f"{table}:4"]
    assert "ns=2;s=List is an array" in told[f"{table}:5"]


async def test_a_value_that_is_no_number_or_no_code_is_invalid(tmp_path: Path) -> None:
    async with server() as opc, linked(site(tmp_path, opc.url)) as link:
        await link.ready()
        await opc.set("Mode", 7)
        await opc.set("Meter.kW", float("nan"))
        await opc.set("E.Low", 1000)
        values = await link.read(["der.D.mode", "der.D.p", "der.D.e", "der.D.u"])
        assert [value.quality.validity for value in values.values()] == [Validity.INVALID] * 3 + [Validity.GOOD]
        assert values["der.D.mode"].quality.detail is Detail.INCONSISTENT


async def test_a_counter_in_parts_is_never_read_across_a_carry(tmp_path: Path) -> None:
    counter = 0

    def part(worth: int) -> Callable[..., ua.DataValue]:
        def read(*_: object) -> ua.DataValue:
            nonlocal counter
            counter += 1  # it counts between any two of its parts
            return ua.DataValue(ua.Variant(counter // worth % 1000, V.UInt16))

        return read

    async with server() as opc, linked(site(tmp_path, opc.url, ROWS[7:], poll="1h")) as link:
        await link.ready()
        counter = 999_980
        for name, worth in (("E.Hi", 1_000_000), ("E.Mid", 1000), ("E.Low", 1)):
            opc.server.iserver.aspace.set_attribute_value_callback(
                opc.nodes[name].nodeid, ua.AttributeIds.Value, part(worth)
            )
        for _ in range(5):
            before = counter
            value = (await link.read(["der.D.e"]))["der.D.e"]
            assert not value.quality.good or before < value.number <= counter
        assert value.quality.good


async def test_history_is_that_of_the_server(tmp_path: Path) -> None:
    async with server() as opc:
        await opc.server.historize_node_data_change(opc.nodes["Meter.kW"], period=None, count=1000)
        start = datetime.now(UTC)
        for number in range(5):
            await opc.set("Meter.kW", float(number), time=start + timedelta(seconds=number))
        async with linked(site(tmp_path, opc.url)) as link:
            await link.ready()
            found = await link.history("der.D.p", start, start + timedelta(seconds=3))
            assert [value.value for value in found] == [0.0, 0.001, 0.002]
            assert [value.time for value in found] == [start + timedelta(seconds=n) for n in range(3)]
            with pytest.raises(Refused):
                await link.history("der.D.u", start, start + timedelta(seconds=3))


class Users:
    def get_user(self, iserver: Any, username: str = "", password: str = "", certificate: Any = None) -> User | None:
        return User(role=UserRole.User) if (username, password) == ("ems", "secret") else None


async def certificates(folder: Path) -> None:
    """Write certificates for us and for the server."""
    from asyncua.crypto.cert_gen import setup_self_signed_certificate
    from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

    for name in ("ours", "theirs", "others"):
        await setup_self_signed_certificate(
            folder / f"{name}.key.pem", folder / f"{name}.der", f"urn:test:{name}", "localhost",
            [Usage.CLIENT_AUTH, Usage.SERVER_AUTH], {"organizationName": "Test"},
        )  # fmt: skip


async def test_signed_and_encrypted_with_user_and_password(tmp_path: Path) -> None:
    await certificates(tmp_path)
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "wrong").write_text("guess\n")
    secure = {
        "security": "Basic256Sha256", "certificate": "ours.der", "key": "ours.key.pem", "user": "ems",
        "server_certificate": "theirs.der", "password_file": "password",
    }  # fmt: skip
    opc = server(
        security=[ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt],
        certificate=(tmp_path / "theirs.der", tmp_path / "theirs.key.pem"),
        users=Users(),
    )
    async with opc:
        async with linked(site(tmp_path, opc.url, **secure)) as link:
            await link.ready()
            assert (await link.read(["der.D.p"]))["der.D.p"].value == -1.5
        for wrong in ({"password_file": "wrong"}, {"server_certificate": "others.der"}, {"mode": "sign"}):
            found = site(tmp_path, opc.url, **secure | wrong, timeout="500ms")
            assert await refused(found), wrong
        assert await refused(site(tmp_path, opc.url, timeout="500ms"))


async def refused(found: Device) -> bool:
    """Return whether no session comes about."""
    from janusgrid.common.errors import RemoteError
    from janusgrid.ems.drivers.opcua import _settings
    from janusgrid.ems.drivers.opcua.connection import connected, disconnected

    try:
        client = await connected(_settings(found), "D")
    except RemoteError:
        return True
    await disconnected(client, 1.0)
    return False


HELLO = b"ACKF" + struct.pack("<I5I", 28, 0, 65535, 65535, 0, 0)
HOSTILE: dict[str, Callable[[bytes], bytes | None]] = {
    "web page": lambda request: b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 500,
    "zeros without end": lambda request: bytes(20_000_000),
    "a message that never ends": lambda request: (
        HELLO if request[:3] == b"HEL" else b"OPNF" + struct.pack("<I", 0xFFFFFFF0) + bytes(20_000_000)
    ),
    "an acknowledgement twice": lambda request: HELLO * 2,
    "an error": lambda request: b"ERRF" + struct.pack("<III", 16, 0x80820000, 0xFFFFFFFF),
    "a channel that is none": lambda request: (
        HELLO if request[:3] == b"HEL" else b"OPNF" + struct.pack("<II", 24, 1) + b"\xff" * 12
    ),
    "cut off": lambda request: HELLO[:9],
    "nothing": lambda request: b"",
    "closed": lambda request: None,
}


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_hostile_peer_is_no_server(tmp_path: Path, hostile: str) -> None:
    async with answering(HOSTILE[hostile]) as port:
        assert await refused(site(tmp_path, f"opc.tcp://127.0.0.1:{port}", timeout="100ms"))


@pytest.mark.parametrize("instead", [b"", b"\xff" * 5000, b"MSGF\xff\xff\xff\x7f" + bytes(12)])
async def test_a_server_that_falls_silent_or_mad_is_lost(tmp_path: Path, instead: bytes) -> None:
    """Through a relay that keeps the connection, and carries something else, or nothing more."""
    silent = asyncio.Event()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(65536):
            writer.write(instead if silent.is_set() else octets)
        writer.close()

    async with server() as opc:

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, out = await asyncio.open_connection("127.0.0.1", opc.port)
            with_errors = asyncio.gather(carry(reader, out), carry(there, writer), return_exceptions=True)
            await with_errors

        listening = await asyncio.start_server(relay, "127.0.0.1", 0)
        url = f"opc.tcp://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        async with listening, linked(site(tmp_path, url, timeout="500ms")) as link:
            await link.ready()
            watch = link.watch(["der.D.p"])
            await anext(watch)
            silent.set()
            change = await until(watch, lambda change: change.reason == "lost")
            assert change.value.quality.validity is Validity.INVALID
            silent.clear()
            await until(watch, lambda change: change.value.quality.good)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("p,measurement,float,kW,float64,W,,,,read,,,,ns=2;s=Meter,,,", "by its number, which changes"),
        ("p,measurement,float,kW,float64,W,,,,read,,,,Meter.kW,,,", "is no node"),
        ("p,measurement,float,kW,float64,W,,,,read,,,,/Meter//kW,,,", "step without a name"),
        ("p,measurement,float,kW,float64,W,,,,read,,,,i=ten,,,", "no identifier of kind 'i'"),
        ("p,measurement,float,kW,float64,W,,,,read,,,,g=12,,,", "no identifier of kind 'g'"),
        ("p,measurement,float,kW,float64,W,,,,read,,,,b=*,,,", "no identifier of kind 'b'"),
        ("p,measurement,float,kW,float64,W,,,,read,,,,s=A + s=B,,,", "2 addresses need as many whole numbers"),
        ("p,setpoint,float,kW,float64,W,,,,operate,,,,s=A + s=B,10 1,,", "several parts cannot be written"),
        ("p,measurement,float,kW,float64,W,,,,read,,,,s=A,,much,", "deadband: 'much' is no number"),
        ("p,measurement,float,kW,float64,W,,,,read,,,,s=A,,,s=A > s=B", "neither `write` nor `operate`"),
        ("p,setpoint,float,kW,float64,W,,,,operate,,,,s=A,,,s=B", "method: it is written object > method"),
    ],
)
def test_rows_that_say_nothing(tmp_path: Path, row: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as fault:
        linked(site(tmp_path, "opc.tcp://h:4840", [row]))
    assert fault.value.where == f"{tmp_path}/opcua/d.csv:2"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ({"url": "opc.tcp://host"}, "url is written opc.tcp://host:4840/path"),
        ({"url": "opc.tcp://ems:secret@host:4840"}, "url is written"),
        ({"security": "off"}, "security is 'off', which is none of none, Basic256Sha256"),
        ({"security": "Basic256Sha256"}, "'certificate' is missing"),
        ({"mode": "sign"}, "certificates and `mode` are for a security policy"),
        ({"user": "ems"}, "needs a `password_file`"),
        ({"certificat": "a"}, "did you mean 'certificate'"),
        ({"namespace": ""}, "has no namespace"),
    ],
)
def test_addresses_that_say_nothing(tmp_path: Path, address: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        linked(site(tmp_path, **{"url": "opc.tcp://h:4840"} | address))  # type: ignore[arg-type]


def test_an_array_that_cannot_be_as_long_as_it_says_is_not_made() -> None:
    from asyncua.common.utils import Buffer
    from asyncua.ua import ua_binary
    from janusgrid.ems.drivers.opcua import connection

    assert connection.MAX_MESSAGE
    for kind in (V.Null, V.Boolean, V.String, V.Variant):
        with pytest.raises(ua.UaError, match="an array of 2147483647 elements in 5 octets"):
            ua_binary.variant_from_binary(Buffer(struct.pack("<Bi", 0x80 | kind.value, 0x7FFFFFFF) + b"\0"))
    for value in ([], [True, False], ["a", ""], None):
        sent = ua.Variant(value, V.String if value and "a" in value else V.Boolean, is_array=True)
        assert ua_binary.variant_from_binary(Buffer(ua_binary.variant_to_binary(sent))).Value == value
