"""Real devices of the field protocols for tests, on the loopback interface, and sites that reach them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua import Node, Server, ua
from asyncua.server.internal_server import InternalServer
from janusgrid.common.data.access import Change
from janusgrid.common.data.site import Device, load_site
from janusgrid.common.xmpp.servers.process import free_port
from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

HEADER = "point,kind,type,unit,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description"
"""The common columns."""


def device(folder: Path, driver: str, columns: str, rows: Iterable[str], address: str, **more: str) -> Device:
    """Return the device `D` of a site with one table, whose rows have the driver's `columns` at their end."""
    (folder / driver).mkdir(exist_ok=True)
    (folder / driver / "d.csv").write_text("\n".join([f"{HEADER},{columns}", *rows, ""]))
    (folder / "reports.csv").write_text(f"{HEADER}\n")
    site = folder / "site.yaml"
    site.write_text(
        "name: test\ndomain: test.example\nems: {jid: 'ems@{domain}/IEC'}\n"
        "openadr: {ven_name: t, vtn: 'vtn@{domain}/oadr', resource: t, signals: reports.csv, reports: reports.csv}\n"
        f"devices:\n- name: D\n  table: {driver}/d.csv\n  address: {address}\n"
        + "".join(f"  {key}: {value}\n" for key, value in more.items())
    )
    return load_site(site).device("D")


async def until(changes: AsyncIterator[Change], right: Callable[[Change], bool]) -> Change:
    """Return the first change that is right; those before it are passed over."""
    async with asyncio.timeout(30):
        async for change in changes:
            if right(change):
                return change
    raise AssertionError("the watch has ended")


Action = Callable[[int, int, list[int] | list[bool] | None], Awaitable[ExcCodes | None]]


class ModbusDevice:
    """A Modbus server of pymodbus with these registers; addresses between them are refused."""

    def __init__(
        self,
        holding: Mapping[int, int] = {},
        input: Mapping[int, int] = {},
        coil: Mapping[int, bool] = {},
        discrete: Mapping[int, bool] = {},
        *,
        unit: int = 1,
        tls: Any = None,
    ) -> None:
        self.tables = {"coil": coil, "discrete": discrete, "holding": holding, "input": input}
        self.unit = unit
        self.tls = tls
        self.port = 0
        self.asked: list[tuple[int, int, int]] = []
        """Function, address and number of each request."""
        self.written: list[tuple[int, list[int]]] = []
        """Address and words of each request that writes and was not refused."""
        self.before: Callable[[int, int, int], Awaitable[ExcCodes | None]] | None = None
        """Called before each request; what it returns is the exception."""
        self._own = False
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """Listen, at the same port each time."""
        bits = [_bits(self.tables[name]) for name in ("coil", "discrete")]
        words = [_words(self.tables[name]) for name in ("holding", "input")]
        simulated = SimDevice(self.unit, simdata=(bits[0], bits[1], words[0], words[1]), action=self._action)
        if self.tls is None:
            self._server = ModbusTcpServer(simulated, address=("127.0.0.1", self.port))
        else:
            self._server = _tls_server(simulated, self.port, self.tls)
        await self._server.serve_forever(background=True)
        self.port = self._server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]

    async def stop(self) -> None:
        """Close every connection, and listen no more."""
        assert self._server is not None
        await self._server.shutdown()

    async def set(self, table: str, address: int, *values: int | bool) -> None:
        """Set registers, as the device does it itself."""
        assert self._server is not None
        function = {"coil": 15, "discrete": 2, "holding": 16, "input": 4}[table]
        before, self.before, self._own = self.before, None, True
        await self._server.async_setValues(self.unit, function, address, list(values))
        self.before, self._own = before, False

    async def get(self, address: int, count: int = 1) -> list[int]:
        """Return holding registers."""
        assert self._server is not None
        before, self.before = self.before, None
        found = await self._server.async_getValues(self.unit, 3, address, count)
        self.before = before
        return [int(word) for word in found]

    async def _action(
        self, function: int, start: int, address: int, count: int, present: list[int], new: Any
    ) -> ExcCodes | None:
        self.asked.append((function, address, count))
        refused = await self.before(function, address, count) if self.before is not None else None
        if new is not None and refused is None and not self._own:
            self.written.append((address, [int(word) for word in new]))
        return refused

    async def __aenter__(self) -> ModbusDevice:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def _runs(addresses: Iterable[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for address in sorted(addresses):
        if runs and runs[-1][-1] == address - 1:
            runs[-1].append(address)
        else:
            runs.append([address])
    return runs


def _words(words: Mapping[int, int]) -> list[SimData]:
    found = [SimData(run[0], values=[words[a] for a in run], datatype=DataType.REGISTERS) for run in _runs(words)]
    return found or [SimData(65000, values=[0], datatype=DataType.REGISTERS)]


def _bits(bits: Mapping[int, bool]) -> list[SimData]:
    if not bits:
        return [SimData(65000, values=[False] * 16, datatype=DataType.BITS)]
    size = (max(bits) // 16 + 1) * 16
    return [SimData(0, values=[bits.get(address, False) for address in range(size)], datatype=DataType.BITS)]


def _tls_server(simulated: SimDevice, port: int, context: Any) -> ModbusTcpServer:
    from pymodbus.transport import CommParams, CommType

    class Server(ModbusTcpServer):
        tls_setup = CommParams(comm_type=CommType.TLS, comm_name="tls", sslctx=context)

    return Server(simulated, framer=FramerType.SOCKET, address=("127.0.0.1", port))


@asynccontextmanager
async def answering(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[int]:
    """Listen at a port where each request (an ADU) is answered by these octets; None closes. Yields the port."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while (request := await reader.read(300)) and (octets := answer(request)) is not None:
                writer.write(octets)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


NAMESPACE = "urn:test:opc"


class _Nodes(dict[Any, Any]):
    """The 6000 nodes of the standard, each copied when it is needed: to make them anew takes seconds."""

    made: dict[Any, Any] | None = None

    def __missing__(self, key: Any) -> Any:
        assert _Nodes.made is not None
        self[key] = copy.deepcopy(_Nodes.made[key])
        return self[key]

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in (_Nodes.made or {})

    def get(self, key: Any, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default


class _Server(InternalServer):
    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:
        if _Nodes.made is None:
            await super().load_standard_address_space()
            _Nodes.made = self.aspace._nodes
        self.aspace._nodes = _Nodes()


class OpcUaDevice:
    """An OPC UA server of asyncua with these variables, by their string identifier; folders as their dots say."""

    def __init__(
        self,
        values: Mapping[str, ua.Variant],
        *,
        read_only: Iterable[str] = (),
        security: Sequence[ua.SecurityPolicyType] = (ua.SecurityPolicyType.NoSecurity,),
        certificate: tuple[Path, Path] | None = None,
        users: Any = None,
        others: int = 0,
        namespace: str = NAMESPACE,
    ) -> None:
        self.values = dict(values)
        self.namespace = namespace
        self.read_only = frozenset(read_only)
        self.security = list(security)
        self.certificate = certificate
        self.users = users
        self.others = others
        """How many namespaces are there before ours."""
        self.port = 0
        self.server: Server
        self.nodes: dict[str, Node] = {}

    @property
    def url(self) -> str:
        """Where it is."""
        return f"opc.tcp://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Listen, at the same port each time."""
        self.port = self.port or free_port()
        self.server = Server(_Server(user_manager=self.users))
        self.server.disable_clock(True)  # which keeps a server that stops for a second
        await self.server.init()
        self.server.set_endpoint(self.url)
        self.server.set_security_policy(self.security)
        if self.certificate is not None:
            await self.server.load_certificate(self.certificate[0])
            await self.server.load_private_key(self.certificate[1])
        if self.users is not None:
            self.server.set_identity_tokens([ua.UserNameIdentityToken])
        for number in range(self.others):
            await self.server.register_namespace(f"urn:other:{number}")
        index = await self.server.register_namespace(self.namespace)
        folders: dict[str, Node] = {"": self.server.nodes.objects}
        for name, value in self.values.items():
            above = ""
            *steps, last = name.split(".")
            for step in steps:
                path = f"{above}.{step}".lstrip(".")
                if path not in folders:
                    folders[path] = await folders[above].add_folder(
                        ua.NodeId(path, index), ua.QualifiedName(step, index)
                    )
                above = path
            node = await folders[above].add_variable(ua.NodeId(name, index), ua.QualifiedName(last, index), value)
            if name not in self.read_only:
                await node.set_writable()
            self.nodes[name] = node
        await self.server.start()

    async def stop(self) -> None:
        """Close every connection, and listen no more."""
        await self.server.stop()

    async def set(self, name: str, value: object, status: int = 0, time: datetime | None = None) -> None:
        """Set a variable, with status and source time."""
        kind = self.values[name].VariantType
        since = time or datetime.now(UTC)
        held = ua.DataValue(ua.Variant(value, kind), ua.StatusCode(ua.UInt32(status)), SourceTimestamp=since)
        await self.nodes[name].write_value(held)

    async def get(self, name: str) -> object:
        """Return the value of a variable."""
        return await self.nodes[name].read_value()

    async def __aenter__(self) -> OpcUaDevice:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
