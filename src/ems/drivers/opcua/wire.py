"""One session with an OPC UA server as a `Wire`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import attrs
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif
from asyncua.common.ua_utils import data_type_to_variant_type
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from ....common.clock import Clock
from ....common.config import together
from ....common.data.tables import Binding, Service
from ....common.data.value import Detail, Quality, Scalar, Validity, Value
from ....common.errors import ConfigError, Malformed, NotReachable, Refused
from ..kept import UNFIT, Tell, Values, common, is_shown
from ..parts import TRIES, fit_together
from .connection import OpcUaSettings, connected, disconnected, told
from .nodes import STANDARD, NodeName, NodeRow
from .values import NUMBERS, TYPES, WHOLE, quality, same, scalar, time, variant

MOST = 200
"""Nodes in one request, unless the server says that it takes fewer."""
PAGE, MOST_RECORDED = 1000, 100_000
"""Values of one answer about history, and of all of them together."""
_VERIFY = (0.0, 0.1, 0.3, 0.6)
"""Seconds between the looks at what was written, until the server shows it."""

_ABSTRACT = frozenset({24, 26, 27, 28})
"""BaseDataType, Number, Integer, UInteger: the type is that of the value, another each time if the server likes."""


@attrs.define(slots=True, eq=False)
class _Item:
    """A row at this server: its nodes here, and what they hold."""

    binding: Binding
    row: NodeRow
    nodes: tuple[ua.NodeId, ...] = ()
    types: frozenset[ua.VariantType] = frozenset()
    recorded: bool = False
    method: tuple[ua.NodeId, ua.NodeId] | None = None


class OpcUaWire:
    """A `Wire` over one session."""

    def __init__(
        self, name: str, rows: Mapping[str, tuple[Binding, NodeRow]], settings: OpcUaSettings, clock: Clock
    ) -> None:
        self._name = name
        self._items = {point: _Item(binding, row) for point, (binding, row) in rows.items()}
        self._settings = settings
        self._clock = clock
        self._most = MOST
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client: Client

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open a session, find the nodes, and see that they are what the rows say; raises as `KeptLink`'s `connect`."""
        self._client = await connected(self._settings, self._name)
        self._client.connection_lost_callback = self._lost
        try:
            with told(self._name):
                async with asyncio.timeout(10 * self._settings.timeout):
                    await self._find()
                    await self._check()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the session."""
        self._end(NotReachable("the session is closed", where=self._name))
        await disconnected(self._client, self._settings.timeout)

    async def _lost(self, error: Exception) -> None:
        self._end(NotReachable(f"the server is lost ({error or type(error).__name__})", where=self._name))

    def _end(self, error: NotReachable) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)
            self._ended.exception()  # seen, also where nobody waits

    async def _find(self) -> None:
        """Turn the names of nodes into those that they have at this server, as long as this session lasts."""
        self._most = await self._limit(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead)
        spaces = {str(uri): index for index, uri in enumerate(await self._client.get_namespace_array())}
        spaces[STANDARD] = 0
        faults: list[ConfigError] = []
        for item in self._items.values():
            try:
                item.nodes = tuple([await self._node(name, spaces) for name in item.row.nodes])
                if item.row.method is not None:
                    owner, method = item.row.method
                    item.method = (await self._node(owner, spaces), await self._node(method, spaces))
            except Refused as error:
                faults.append(ConfigError(f"{item.binding.row.point}: {error.message}", where=item.binding.row.where))
        if faults:
            raise together(faults)

    async def _node(self, name: NodeName, spaces: Mapping[str, int]) -> ua.NodeId:
        for uri in {name.namespace, *(uri for uri, _ in name.path)}:
            if uri and uri not in spaces:
                raise Refused(f"the server has no namespace {uri!r} (it has: {', '.join(spaces)})")
        if name.identifier is not None:
            identifier: Any = name.identifier
            return ua.NodeId(identifier, ua.Int16(spaces[name.namespace]))
        try:
            path = [ua.QualifiedName(step, ua.UInt16(spaces[uri])) for uri, step in name.path]
            return (await self._client.nodes.objects.get_child(path)).nodeid
        except UaStatusCodeError:
            raise Refused(f"the server has no {name.text}") from None

    async def _limit(self, number: int) -> int:
        node = ua.NodeId(ua.Int32(number))
        (found,) = await self._client.uaclient.session.read_attributes([node], AttributeIds.Value)
        value = found.Value.Value if found.Value is not None else None
        return min(value, MOST) if isinstance(value, int) and value > 0 else MOST

    async def _check(self) -> None:
        """See that every node is there, of the type and with the access that its row needs."""
        wanted = list(dict.fromkeys(node for item in self._items.values() for node in item.nodes))
        attributes = (AttributeIds.DataType, AttributeIds.ValueRank, AttributeIds.UserAccessLevel)
        found = await self._attributes([(node, attribute) for node in wanted for attribute in attributes])
        told_of = {node: found[3 * place : 3 * place + 3] for place, node in enumerate(wanted)}
        kinds: dict[ua.NodeId, ua.VariantType | None] = {}
        faults: list[ConfigError] = []
        for item in self._items.values():
            try:
                types = [await self._checked(item, node, told_of[node], kinds) for node in item.nodes]
            except Refused as error:
                faults.append(ConfigError(f"{item.binding.row.point}: {error.message}", where=item.binding.row.where))
            else:
                item.types = frozenset().union(*types)
        if faults:
            raise together(faults)

    async def _checked(
        self, item: _Item, node: ua.NodeId, found: Sequence[ua.DataValue], kinds: dict[ua.NodeId, ua.VariantType | None]
    ) -> frozenset[ua.VariantType]:
        """Return the types that the value of a node may be of; raise `Refused` with what is wrong about it."""
        data_type, rank, access = (_held(value) for value in found)
        text = node.to_string()
        if not isinstance(data_type, ua.NodeId):
            status = found[0].StatusCode
            raise Refused(f"the server has no variable {text} ({status.name if status else 'no type'})")
        if isinstance(rank, int) and rank >= 0:
            raise Refused(f"{text} is an array; a point has one value")
        if data_type not in kinds:
            kinds[data_type] = await self._kind(data_type)
        kind, wire_type = kinds[data_type], item.binding.row.conversion.wire_type
        may = WHOLE if item.row.parts is not None else TYPES[wire_type]
        if kind is None:
            return may if item.row.parts is not None or not may & NUMBERS else NUMBERS
        if kind not in may:
            wanted = " or ".join(sorted(each.name for each in may))
            raise Refused(f"{text} is {kind.name} at the server; for the wire_type {wire_type.value} it is {wanted}")
        if isinstance(access, int):
            self._access(item, text, access)
            item.recorded = bool(access & 1 << ua.AccessLevel.HistoryRead)
        return frozenset({kind})

    def _access(self, item: _Item, text: str, access: int) -> None:
        binding = item.binding
        if is_shown(binding) and not access & 1 << ua.AccessLevel.CurrentRead:
            raise Refused(f"{text} cannot be read by us at this server")
        puts = item.method is None and (binding.offers(Service.WRITE) or binding.offers(Service.OPERATE))
        if puts and not access & 1 << ua.AccessLevel.CurrentWrite:
            raise Refused(f"{text} cannot be written by us at this server")

    async def _kind(self, data_type: ua.NodeId) -> ua.VariantType | None:
        """Return the built-in type of a data type; None for an abstract one."""
        if data_type.NamespaceIndex == 0 and isinstance(data_type.Identifier, int):
            if data_type.Identifier in _ABSTRACT:
                return None
            if 1 <= data_type.Identifier <= 25:
                return ua.VariantType(data_type.Identifier)
        kind = await data_type_to_variant_type(self._client.get_node(data_type))
        return None if kind is ua.VariantType.Variant else kind

    # --- Wire -------------------------------------------------------------------------------------------------------

    async def read(self, names: Sequence[str]) -> Values:
        """Read the nodes of these points, in as few requests as the server takes."""
        items = {name: self._items[name] for name in names}
        wanted = list(dict.fromkeys(node for item in items.values() for node in item.nodes))
        with told(self._name):
            found = await self._values(wanted)
            values = {}
            for name, item in items.items():
                values[name] = await self._joined(item, found) if item.row.parts else self._value(item, found)
        return values

    async def write(self, name: str, value: Scalar) -> None:
        """Write a node, or call the method of the row, and see that the server shows the value if it can be read."""
        item = self._items[name]
        raw = item.binding.to_wire(value)
        with told(self._name):
            kind = await self._kind_of(item)
            sent = variant(raw, kind)
            if item.method is not None:
                await self._call(item.method, sent)
            else:
                await self._put(item.nodes[0], sent)
            if not is_shown(item.binding) or item.row.parts is not None:
                return
            shown: Scalar | None = None
            for pause in _VERIFY:  # of the network, so in real time
                await asyncio.sleep(pause)
                (found,) = (await self._values(item.nodes[:1])).values()
                shown = scalar(found.Value, item.types)
                if same(shown, raw, kind):
                    return
        raise Refused(f"the server shows {shown!r} after {raw!r} was written", where=name)

    async def follow(self, tell: Tell) -> None:
        """Subscribe to what may change, and read again and again what cannot be subscribed to, or is in parts."""
        following = asyncio.create_task(self._subscribed(tell))
        try:
            await asyncio.wait((following, self._ended), return_when=asyncio.FIRST_COMPLETED)
            (self._ended if self._ended.done() else following).result()
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await following

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Return what the server has recorded; raise `Refused` where it has nothing, or too much for one answer."""
        item = self._items[name]
        if item.row.parts is not None or not item.recorded:
            raise Refused("the server keeps no history of it", where=name)
        details = ua.ReadRawModifiedDetails()
        details.IsReadModified = False
        details.StartTime, details.EndTime = start, end
        details.NumValuesPerNode = ua.UInt32(PAGE)
        details.ReturnBounds = False
        found: list[ua.DataValue] = []
        more: bytes | None = None
        with told(self._name):
            while True:
                node, before = self._client.get_node(item.nodes[0]), more
                page: Any = await node.history_read(details, more)
                page.StatusCode.check()
                found += page.HistoryData.DataValues
                more = page.ContinuationPoint
                if not more or more == before:
                    break
                if len(found) > MOST_RECORDED:
                    reason = f"more than {MOST_RECORDED} values: ask for less time"
                    raise Refused(reason, where=name)
        values = [self._made(item, each) for each in found]
        return [value for value in values if value.time is not None and start <= value.time < end]

    # --- underneath -------------------------------------------------------------------------------------------------

    async def _attributes(self, wanted: Iterable[tuple[ua.NodeId, AttributeIds]]) -> list[ua.DataValue]:
        asked = list(wanted)
        found: list[ua.DataValue] = []
        for place in range(0, len(asked), self._most):
            parameters = ua.ReadParameters()
            parameters.TimestampsToReturn = ua.TimestampsToReturn.Source
            parameters.NodesToRead = [
                ua.ReadValueId(node, attribute) for node, attribute in asked[place : place + self._most]
            ]
            answers = await self._client.uaclient.session.read(parameters)
            if len(answers) != len(parameters.NodesToRead):
                raise Malformed(f"{len(answers)} values for {len(parameters.NodesToRead)} nodes", where=self._name)
            found += answers
        return found

    async def _values(self, nodes: Sequence[ua.NodeId]) -> dict[ua.NodeId, ua.DataValue]:
        return dict(zip(nodes, await self._attributes((node, AttributeIds.Value) for node in nodes), strict=True))

    def _value(self, item: _Item, found: Mapping[ua.NodeId, ua.DataValue]) -> Value:
        return self._made(item, found[item.nodes[0]])

    def _made(self, item: _Item, found: ua.DataValue) -> Value:
        good, when = quality(found.StatusCode), time(found)
        if good.validity is Validity.INVALID:
            return Value(None, good, when, self._name)
        raw = scalar(found.Value, item.types)
        if raw is None:
            return Value(None, UNFIT, when, self._name)
        return common(item.binding, raw, origin=self._name, quality=good, time=when)

    async def _joined(self, item: _Item, found: Mapping[ua.NodeId, ua.DataValue]) -> Value:
        """Return the value of parts that are of one instant; they are read until they are."""
        assert item.row.parts is not None
        first = _parts(item, found)
        for _ in range(TRIES):
            found = await self._values(item.nodes)
            second = _parts(item, found)
            if first is not None and second is not None and fit_together(first, second):
                try:
                    total = item.row.parts.joined(second)
                except Malformed:
                    return Value(None, UNFIT, origin=self._name)
                return common(item.binding, total, origin=self._name, quality=_worst(item, found), time=_last(found))
            first = second
        worst = _worst(item, found)
        return Value(None, worst if worst.validity is Validity.INVALID else UNFIT, origin=self._name)

    async def _kind_of(self, item: _Item) -> ua.VariantType:
        if len(item.types) == 1:
            return next(iter(item.types))
        (found,) = (await self._values(item.nodes[:1])).values()  # an abstract type: as the present value is
        kind = found.Value.VariantType if found.Value is not None else ua.VariantType.Null
        if kind not in item.types:
            raise Refused(f"the server shows no value whose type a new one could have ({kind.name})", where=self._name)
        return kind

    async def _put(self, node: ua.NodeId, sent: ua.Variant) -> None:
        parameters = ua.WriteParameters()
        # Without a status and times, which many servers refuse to take.
        value = ua.DataValue(sent, StatusCode=None)
        parameters.NodesToWrite = [ua.WriteValue(node, AttributeIds.Value, Value=value)]
        (status,) = await self._client.uaclient.session.write(parameters)
        status.check()

    async def _call(self, method: tuple[ua.NodeId, ua.NodeId], sent: ua.Variant) -> None:
        request = ua.CallMethodRequest()
        request.ObjectId, request.MethodId = method
        request.InputArguments = [sent]
        (result,) = await self._client.uaclient.session.call([request])
        result.StatusCode.check()

    async def _subscribed(self, tell: Tell) -> None:
        polled = [name for name, item in self._items.items() if is_shown(item.binding) and item.row.parts is not None]
        with told(self._name):
            polled += await self._subscribe(tell)
        while polled:
            await self._clock.sleep(self._settings.poll)
            tell(await self.read(polled))
        await self._ended

    async def _subscribe(self, tell: Tell) -> list[str]:
        """Subscribe to every single node that is to be reported; return the points whose nodes the server refuses."""
        names: dict[ua.NodeId, list[str]] = {}
        bands: dict[float, list[ua.NodeId]] = {}
        for name, item in self._items.items():
            if item.binding.offers(Service.REPORT) and item.row.parts is None:
                if item.nodes[0] not in names:
                    bands.setdefault(item.row.deadband, []).append(item.nodes[0])
                names.setdefault(item.nodes[0], []).append(name)
        if not names:
            return []
        handler = _Handler(self, names, tell)
        subscription = await self._client.create_subscription(1000 * self._settings.poll, handler)
        refused: list[str] = []
        for band, nodes in bands.items():
            for place in range(0, len(nodes), self._most):
                part: Iterable[Node] = [self._client.get_node(node) for node in nodes[place : place + self._most]]
                if band:
                    answers = await subscription.deadband_monitor(part, ua.Double(band), queuesize=1)
                else:
                    answers = await subscription.subscribe_data_change(
                        part, queuesize=1, sampling_interval=ua.Duration(1000 * self._settings.poll)
                    )
                for node, answer in zip(part, answers, strict=True):
                    if isinstance(answer, ua.StatusCode):
                        refused += names[node.nodeid]
        return refused

    def _notified(self, names: Iterable[str], found: ua.DataValue) -> dict[str, Value]:
        return {name: self._made(self._items[name], found) for name in names}


class _Handler:
    """What asyncua tells of a subscription."""

    def __init__(self, wire: OpcUaWire, names: Mapping[ua.NodeId, list[str]], tell: Tell) -> None:
        self._wire = wire
        self._names = names
        self._tell = tell

    def datachange_notification(self, node: Node, val: Any, data: DataChangeNotif) -> None:
        """Take a value."""
        found = data.monitored_item.Value
        if found is not None:
            self._tell(self._wire._notified(self._names.get(node.nodeid, ()), found))

    def status_change_notification(self, status: ua.StatusChangeNotification) -> None:
        """The server has given the subscription up: begin anew."""
        self._wire._end(NotReachable("the server has ended the subscription", where=self._wire._name))


def _held(value: ua.DataValue) -> Any:
    if value.Value is None or (value.StatusCode is not None and value.StatusCode.is_bad()):
        return None
    return value.Value.Value


def _parts(item: _Item, found: Mapping[ua.NodeId, ua.DataValue]) -> list[int] | None:
    values = [scalar(found[node].Value, item.types) for node in item.nodes]
    if any(quality(found[node].StatusCode).validity is Validity.INVALID for node in item.nodes):
        return None
    return None if any(type(value) is not int for value in values) else [int(value or 0) for value in values]


def _worst(item: _Item, found: Mapping[ua.NodeId, ua.DataValue]) -> Quality:
    order = (Validity.GOOD, Validity.QUESTIONABLE, Validity.INVALID)
    all_ = [quality(found[node].StatusCode) for node in item.nodes]
    detail = Detail.NONE
    for each in all_:
        detail |= each.detail
    return Quality(max((each.validity for each in all_), key=order.index), detail)


def _last(found: Mapping[ua.NodeId, ua.DataValue]) -> datetime | None:
    """Return the time of the part that changed last; None if one does not say when it did."""
    times = [time(value) for value in found.values()]
    said = [when for when in times if when is not None]
    return max(said) if len(said) == len(times) else None
