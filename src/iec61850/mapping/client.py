"""The client side of the mapping: ACSI requests as MMS PDUs, their answers back (8-1 clauses 7 to 23).

It asks through an `Exchange`, which a binding provides, and knows neither the wire nor an event loop. An answer that
would not fit into the PDU size is asked for again in parts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from itertools import groupby
from sys import intern
from typing import Any

from ...common.errors import Malformed
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.files import GetServerFiles
from ..acsi.references import FC, Reference, subscript
from ..acsi.services import (
    AcsiClass,
    CreateDataSet,
    DeleteDataSet,
    GetAllDataValues,
    GetDataDefinition,
    GetDataDirectory,
    GetDataSetDirectory,
    GetDataSetValues,
    GetDataValues,
    GetLogicalDeviceDirectory,
    GetLogicalNodeDirectory,
    GetRCBValues,
    GetServerDataSets,
    GetServerDirectory,
    Notification,
    R,
    Request,
    SetDataSetValues,
    SetDataValues,
    SetRCBValues,
)
from ..acsi.types import Array, DataValue, Structure, TypeDescription, descend
from ..mms import pdu
from . import names
from .answer import Exchange, result
from .blocks import BlockClient, Means
from .commands import CommandClient
from .errors import PduSize, TooLarge, service_error
from .files import FileClient
from .logs import LogClient
from .reports import RPT, decode_report
from .types import from_mms
from .values import decode, encode

_CLASS = pdu.BasicObjectClass
_BLOCKS = {
    AcsiClass.URCB: FC.RP,
    AcsiClass.BRCB: FC.BR,
    AcsiClass.LCB: FC.LG,
    AcsiClass.GOCB: FC.GO,
    AcsiClass.MSVCB: FC.MS,
    AcsiClass.USVCB: FC.US,
}
_BLOCK_FCS = frozenset(fc.value for fc in _BLOCKS.values())
_FCS = {fc.value: fc for fc in FC}
_MOST_NAMES = 1_000_000
Parts = tuple[str, ...]
"""Below a node: a functional constraint, and names."""

_LONGEST_NAME = 255
"""Characters of a name that a server gives; the standard has 129."""
_MOST_VARIABLES = 100_000


async def _nothing() -> None:
    return None


class MmsClient:
    """One association at the client, after it was opened.

    `settle` is awaited once when a control was refused and its reason has not come yet: it lets in what the server sent
    before its answer.
    """

    def __init__(self, exchange: Exchange, peer: str, settle: Callable[[], Awaitable[None]] = _nothing) -> None:
        self._exchange = exchange
        self._peer = peer
        self._invoke_id = 0
        self._names: dict[str, dict[str, list[Parts]]] = {}
        self._types: dict[Reference, TypeDescription] = {}
        self._divided: set[Reference] = set()
        """What has a type that no PDU can hold, and is read by its parts."""
        self._variables: dict[Reference, pdu.VariableDef] = {}
        self._services: dict[type[Request[Any]], Callable[[Any], Awaitable[Any]]] = {
            GetServerDirectory: self._devices,
            GetLogicalDeviceDirectory: self._nodes,
            GetLogicalNodeDirectory: self._instances,
            GetDataDirectory: self._data_directory,
            GetDataDefinition: self._definition,
            GetAllDataValues: self._all_values,
            GetDataValues: self._values,
            SetDataValues: self._set_values,
            GetServerDataSets: self._sets_apart,
            GetDataSetDirectory: self._members,
            GetDataSetValues: self._set_of_values,
            SetDataSetValues: self._set_values_of_set,
            CreateDataSet: self._create_set,
            DeleteDataSet: self._delete_set,
            GetRCBValues: self._get_block,
            SetRCBValues: self._set_block,
        }
        self._commands = CommandClient(self._type, self._read, self._write, settle)
        self._services |= self._commands.services
        self.files = FileClient(self._ask, peer)
        """The file services, and what the server may fetch."""
        self._services |= self.files.services
        self._services[GetServerFiles] = self._file_names
        means = Means(self._type, self._read, self._write, self._values, self._set_values)
        self._services |= BlockClient(means).services
        self._services |= LogClient(self._ask, self._read, self._log_controls, peer).services

    @property
    def services(self) -> frozenset[type[Request[Any]]]:
        """The services that `call` knows."""
        return frozenset(self._services)

    async def call(self, request: Request[R]) -> R:
        """Ask for a service and return its positive response; see `ClientAssociation.call`."""
        service = self._services.get(type(request))
        if service is None:
            raise ServiceRefused(ServiceError.CLASS_NOT_SUPPORTED, f"{type(request).__name__} is not mapped")
        return await service(request)  # type: ignore[no-any-return]

    def unasked(self, message: pdu.MMSpdu) -> Notification | None:
        """Return the notification that a PDU brings, None if it is for the mapping itself; raise `Malformed`."""
        match message:
            case ("unconfirmed-PDU", unconfirmed):
                _, report = unconfirmed.service
            case (other, _):
                raise Malformed(f"{other} came unasked", where=self._peer)
        if not isinstance(report, pdu.InformationReport):
            return None
        if report.variable_access_specification == ("variableListName", RPT):
            return decode_report(report.list_of_access_result)
        return self._commands.unasked(report)

    # --- asking -----------------------------------------------------------------------------------------------------

    async def _ask(self, service: pdu.ConfirmedServiceRequest, where: object) -> Any:
        """Return what a confirmed service answers; raise what it refuses."""
        self._invoke_id = self._invoke_id % 0x7FFFFFFF + 1
        invoke_id, (kind, _) = self._invoke_id, service
        answer = await self._exchange(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(invoke_id, service)))
        return result(answer, kind, invoke_id, str(where), self._peer)

    async def _name_list(
        self, class_: pdu.BasicObjectClass, domain: str | None, scope: pdu.ObjectScope = ("vmdSpecific", None)
    ) -> list[str]:
        """Return all names of a class of objects in a domain or another scope, asked for page by page."""
        scope = scope if domain is None else ("domainSpecific", domain)
        found: list[str] = []
        last: str | None = None
        while True:
            request = pdu.GetNameListRequest(("basicObjectClass", int(class_)), scope, last)
            page: pdu.GetNameListResponse = await self._ask(("getNameList", request), domain or self._peer)
            found += page.list_of_identifier
            if max(map(len, page.list_of_identifier), default=0) > _LONGEST_NAME:
                raise Malformed("the server has names that are none: they are too long", where=self._peer)
            if not page.more_follows:
                return found
            if not page.list_of_identifier or page.list_of_identifier[-1] == last or len(found) > _MOST_NAMES:
                raise Malformed("the server has more names to follow, but gives none", where=self._peer)
            last = page.list_of_identifier[-1]

    async def _variable_names(self, domain: str) -> dict[str, list[Parts]]:
        """Return what a device has: the names below each of its nodes, in parts of which the first is a constraint."""
        found = self._names.get(domain)
        if found is None:
            listed = await self._name_list(_CLASS.NAMED_VARIABLE, domain)
            found = {name: [] for name in listed if "$" not in name}
            for node, parts in map(_split, listed):
                if node in found and parts and parts[0] in _FCS:
                    found[node].append(parts)
            self._names[domain] = found
        return found

    # --- directories ------------------------------------------------------------------------------------------------

    async def _devices(self, request: GetServerDirectory) -> tuple[str, ...]:
        return tuple(sorted(await self._name_list(_CLASS.DOMAIN, None)))

    async def _nodes(self, request: GetLogicalDeviceDirectory) -> tuple[str, ...]:
        self._names.pop(request.device, None)  # who asks for the nodes wants to know them anew
        return tuple(sorted(await self._variable_names(request.device)))

    async def _instances(self, request: GetLogicalNodeDirectory) -> tuple[str, ...]:
        node = request.node
        known = await self._variable_names(node.device)
        if node.node not in known:
            raise _unknown(node)
        if request.acsi_class is AcsiClass.DATA_SET:
            lists = await self._name_list(_CLASS.NAMED_VARIABLE_LIST, node.device)
            return tuple(sorted(n.partition("$")[2] for n in lists if n.partition("$")[0] == node.node))
        if request.acsi_class is AcsiClass.LOG:
            logs = await self._name_list(_CLASS.JOURNAL, node.device)
            return tuple(sorted(names.dotted(n.partition("$")[2]) for n in logs if n.partition("$")[0] == node.node))
        parts = known[node.node]
        if request.acsi_class is AcsiClass.DATA_OBJECT:
            return tuple(sorted({p[1] for p in parts if len(p) > 1 and p[0] not in _BLOCK_FCS and p[1] != "SGCB"}))
        if request.acsi_class is AcsiClass.SGCB:
            return ("SGCB",) if ("SP", "SGCB") in parts else ()
        fc = _BLOCKS.get(request.acsi_class)
        return tuple(sorted({p[1] for p in parts if fc is not None and len(p) == 2 and p[0] == fc.value}))

    async def _data_directory(self, request: GetDataDirectory) -> tuple[str, ...]:
        data = request.data
        if data.fc is not None:
            return tuple(sorted(_component_names(await self._type(data))))
        known = await self._variable_names(data.device)
        path, depth = data.path, len(data.path) + 1
        below: set[str] = set()
        constraints: list[FC] = []
        for parts in known.get(data.node, ()) if path else ():
            if parts[1:depth] == path:
                below.update(parts[depth : depth + 1])
                if len(parts) == depth:
                    constraints.append(_FCS[parts[0]])
        if not constraints:
            raise _unknown(data)
        for fc in constraints if not below else ():  # an array: its parts have no names of their own
            below.update(_component_names(await self._type(data.with_fc(fc))))
        return tuple(sorted(below))

    async def _definition(self, request: GetDataDefinition) -> TypeDescription:
        return await self._type(request.data)

    async def _type(self, reference: Reference) -> TypeDescription:
        """Return the type of a reference with its constraint, asked for once."""
        found = self._types.get(reference)
        if found is None:
            array = next((place for place, part in enumerate(reference.path) if "(" in part), None)
            if array is None:
                question: pdu.ConfirmedServiceRequest = (
                    "getVariableAccessAttributes",
                    ("name", names.object_name(reference)),
                )
                try:
                    answer: pdu.GetVariableAccessAttributesResponse = await self._ask(question, reference)
                    found = from_mms(answer.type_description, reference.path[-1] if reference.path else "")
                except PduSize:
                    found = await self._type_in_parts(reference)
            else:
                name = reference.path[array].partition("(")[0]
                whole = Reference(reference.device, reference.node, (*reference.path[:array], name), reference.fc)
                found = _element(await self._type(whole), reference.path[array:], reference)
            self._types[reference] = found
        return found

    async def _type_in_parts(self, reference: Reference) -> Structure:
        """Return a type that no PDU can hold, put together from the types of its parts; raise `PduSize` if it has no
        parts with names."""
        known = (await self._variable_names(reference.device)).get(reference.node, [])
        path = (reference.fc.value, *reference.path) if reference.fc else ()
        depth = len(path)
        below = dict.fromkeys(parts[depth] for parts in known if len(parts) > depth and parts[:depth] == path)
        if not below:
            raise _indivisible(reference)
        parts = []
        for name in below:
            part = reference.child(name) if reference.fc else reference.with_fc(_FCS[name])
            parts.append((name, await self._type(part)))
        self._divided.add(reference)
        return Structure(tuple(parts), in_order=False)

    # --- data -------------------------------------------------------------------------------------------------------

    async def _all_values(self, request: GetAllDataValues) -> tuple[tuple[Reference, DataValue], ...]:
        whole = Reference(request.node.device, request.node.node, (), request.fc)
        parts = [whole.child(name) for name in _component_names(await self._type(whole))]
        parts = [part for part in parts if part.path]
        (value,) = await self._read([whole])
        if isinstance(value, list) and len(value) == len(parts):
            return tuple(zip(parts, value, strict=True))
        if isinstance(value, ServiceError):
            raise ServiceRefused(value, where=str(whole))
        raise Malformed(f"{whole} has not the parts that its type says", where=self._peer)

    async def _values(self, request: GetDataValues) -> tuple[DataValue | ServiceError, ...]:
        return tuple(await self._read(request.data))

    async def _read(self, references: Sequence[Reference]) -> list[DataValue | ServiceError]:
        """Read variables in as many requests as the PDU size makes necessary; what fits into no PDU, by its parts."""
        if not references:
            return []
        if self._divided and not self._divided.isdisjoint(references):
            values: list[DataValue | ServiceError] = []
            for divided, run in groupby(references, self._divided.__contains__):
                some = list(run)
                values += [await self._in_parts(one) for one in some] if divided else await self._read(some)
            return values
        variables = [self._variable(reference) for reference in references]
        request = pdu.ReadRequest(("listOfVariable", variables))
        try:
            answer: pdu.ReadResponse = await self._ask(("read", request), references[0])
        except (PduSize, TooLarge) as error:
            if len(references) == 1:
                if isinstance(error, TooLarge):
                    raise
                return [await self._in_parts(references[0])]
            half = len(references) // 2
            return [*await self._read(references[:half]), *await self._read(references[half:])]
        return self._results(answer, len(references))

    async def _in_parts(self, reference: Reference) -> DataValue | ServiceError:
        """Read a variable that no PDU can hold, by its parts; raise `PduSize` if it has none."""
        parts = _parts(reference, await self._type(reference))
        if not parts:
            raise _indivisible(reference)
        values = await self._read(parts)
        refused = next((value for value in values if isinstance(value, ServiceError)), None)
        return [value for value in values if not isinstance(value, ServiceError)] if refused is None else refused

    def _variable(self, reference: Reference) -> pdu.VariableDef:
        found = self._variables.get(reference)
        if found is None:
            if len(self._variables) >= _MOST_VARIABLES:
                self._variables.clear()
            found = self._variables[reference] = names.variable(reference)
        return found

    def _results(self, answer: pdu.ReadResponse, expected: int | None) -> list[DataValue | ServiceError]:
        if expected is not None and len(answer.list_of_access_result) != expected:
            raise Malformed(f"{len(answer.list_of_access_result)} values for {expected}", where=self._peer)
        return [_result(result) for result in answer.list_of_access_result]

    async def _set_values(self, request: SetDataValues) -> tuple[ServiceError, ...]:
        data = [encode(value, await self._type_if_known(reference)) for reference, value in request.data]
        return tuple(await self._write([reference for reference, _ in request.data], data))

    async def _type_if_known(self, reference: Reference) -> TypeDescription | None:
        try:
            return await self._type(reference)
        except ServiceRefused:
            return None  # the write itself will be refused, and say why

    async def _write(self, references: Sequence[Reference], data: Sequence[pdu.Data]) -> list[ServiceError]:
        """Write variables in order, in as many requests as the PDU size makes necessary."""
        if not references:
            return []
        variables = [self._variable(reference) for reference in references]
        request = pdu.WriteRequest(("listOfVariable", variables), list(data))
        try:
            answer: list[pdu.WriteResult] = await self._ask(("write", request), references[0])
        except TooLarge:
            if len(references) == 1:
                raise
            half = len(references) // 2
            return [
                *await self._write(references[:half], data[:half]),
                *await self._write(references[half:], data[half:]),
            ]
        if len(answer) != len(references):
            raise Malformed(f"{len(answer)} results for {len(references)} writes", where=self._peer)
        return [_write_result(result) for result in answer]

    # --- data sets --------------------------------------------------------------------------------------------------

    async def _sets_apart(self, request: GetServerDataSets) -> tuple[str, ...]:
        lists = _CLASS.NAMED_VARIABLE_LIST
        found = [f"/{name}" for name in await self._name_list(lists, None)]
        own = await self._name_list(lists, None, ("aaSpecific", None))
        return (*sorted(found), *sorted(f"@{name}" for name in own))

    async def _members(self, request: GetDataSetDirectory) -> tuple[Reference, ...]:
        question: pdu.ConfirmedServiceRequest = (
            "getNamedVariableListAttributes",
            names.object_name(request.data_set.with_fc(None)),
        )
        answer: pdu.GetNamedVariableListAttributesResponse = await self._ask(question, request.data_set)
        return tuple(names.from_variable(variable) for variable in answer.list_of_variable)

    async def _set_of_values(self, request: GetDataSetValues) -> tuple[DataValue | ServiceError, ...]:
        name = names.object_name(request.data_set.with_fc(None))
        try:
            answer = await self._ask(("read", pdu.ReadRequest(("variableListName", name))), request.data_set)
            return tuple(self._results(answer, None))
        except PduSize:
            return tuple(await self._read(await self._members(GetDataSetDirectory(request.data_set))))

    async def _set_values_of_set(self, request: SetDataSetValues) -> tuple[ServiceError, ...]:
        members = await self._members(GetDataSetDirectory(request.data_set))
        if len(members) != len(request.values):
            why = f"it has {len(members)} members, not {len(request.values)}"
            raise ServiceRefused(ServiceError.TYPE_CONFLICT, why, where=str(request.data_set))
        pairs = zip(members, request.values, strict=True)
        data = [encode(value, await self._type_if_known(member)) for member, value in pairs]
        name = names.object_name(request.data_set.with_fc(None))
        try:
            answer: list[pdu.WriteResult] = await self._ask(
                ("write", pdu.WriteRequest(("variableListName", name), data)), request.data_set
            )
        except TooLarge:
            return tuple(await self._write(members, data))
        if len(answer) != len(members):
            raise Malformed(f"{len(answer)} results for {len(members)} members", where=self._peer)
        return tuple(_write_result(result) for result in answer)

    async def _create_set(self, request: CreateDataSet) -> None:
        members = [names.variable(member) for member in request.members]
        define = pdu.DefineNamedVariableListRequest(names.object_name(request.data_set.with_fc(None)), members)
        await self._ask(("defineNamedVariableList", define), request.data_set)

    async def _delete_set(self, request: DeleteDataSet) -> None:
        name = names.object_name(request.data_set.with_fc(None))
        delete = pdu.DeleteNamedVariableListRequest(list_of_variable_list_name=[name])
        answer: pdu.DeleteNamedVariableListResponse = await self._ask(("deleteNamedVariableList", delete), name[1])
        if not answer.number_matched:
            raise _unknown(request.data_set)
        if not answer.number_deleted:
            why = "the server does not let it be deleted"
            raise ServiceRefused(ServiceError.ACCESS_VIOLATION, why, where=str(request.data_set))

    # --- files ------------------------------------------------------------------------------------------------------

    async def _file_names(self, request: GetServerFiles) -> tuple[str, ...]:
        return tuple(entry.name for entry in await self.files.entries(""))

    # --- logs -------------------------------------------------------------------------------------------------------

    async def _log_controls(self, device: str) -> list[Reference]:
        """Return the log control blocks of a device; with "", of all of them."""
        devices = [device] if device else await self._name_list(_CLASS.DOMAIN, None)
        return [
            Reference(each, node, (parts[1],), FC.LG)
            for each in devices
            for node, below in (await self._variable_names(each)).items()
            for parts in below
            if len(parts) == 2 and parts[0] == FC.LG.value
        ]

    # --- report control blocks --------------------------------------------------------------------------------------

    async def _get_block(self, request: GetRCBValues) -> dict[str, DataValue]:
        block = request.rcb if request.rcb.fc else request.rcb.with_fc(FC.RP)
        parts = _component_names(await self._type(block))
        (value,) = await self._read([block])
        if isinstance(value, ServiceError):
            raise ServiceRefused(value, where=str(block))
        if not isinstance(value, list) or len(value) != len(parts):
            raise Malformed(f"{block} has not the parts that its type says", where=self._peer)
        found = dict(zip(parts, value, strict=True))
        name = found.get("DatSet")
        return found | {"DatSet": names.dotted(name)} if isinstance(name, str) else found

    async def _set_block(self, request: SetRCBValues) -> None:
        block = request.rcb if request.rcb.fc else request.rcb.with_fc(FC.RP)
        description = await self._type(block)
        components = dict(description.components) if isinstance(description, Structure) else {}
        data = []
        for name, value in request.values:
            wire = names.dollared(value) if name == "DatSet" and isinstance(value, str) else value
            data.append(encode(wire, components.get(name)))
        targets = [block.child(name) for name, _ in request.values]
        for target, error in zip(targets, await self._write(targets, data), strict=True):
            if error is not ServiceError.NO_ERROR:
                raise ServiceRefused(error, where=str(target.with_fc(None)))


def _indivisible(reference: Reference) -> PduSize:
    return PduSize(
        ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT,
        "the answer would be larger than the PDU size agreed on, and it has no parts to be asked for one by one",
        where=str(reference),
    )


def _parts(reference: Reference, description: TypeDescription) -> list[Reference]:
    """Return the references of the parts of what a reference names, in the order of its type; none of a leaf."""
    if isinstance(description, Structure):
        return [reference.child(name) for name, _ in description.components]
    if not isinstance(description, Array):
        return []
    path = list(reference.path)
    place = next((place for place, part in enumerate(path) if "-" in part), len(path) - 1)
    name, chosen = subscript(path[place])
    low = chosen[0] if chosen is not None else 0
    return [
        Reference(reference.device, reference.node, (*path[:place], f"{name}({n})", *path[place + 1 :]), reference.fc)
        for n in range(low, low + description.count)
    ]


def _unknown(reference: Reference) -> ServiceRefused:
    return ServiceRefused(
        ServiceError.INSTANCE_NOT_AVAILABLE, "the server has nothing of that name", where=str(reference)
    )


def _result(result: pdu.AccessResult) -> DataValue | ServiceError:
    match result:
        case ("success", data):
            return decode(data)
        case (_, code):
            return service_error(code)


def _write_result(result: pdu.WriteResult) -> ServiceError:
    match result:
        case ("failure", code):
            return service_error(code)
        case _:
            return ServiceError.NO_ERROR


@lru_cache(maxsize=1 << 14)  # devices of one kind have the same names: each is held once, however many there are
def _split(name: str) -> tuple[str, Parts]:
    node, *parts = name.split("$")
    return intern(node), tuple(map(intern, parts))


def _component_names(description: TypeDescription) -> tuple[str, ...]:
    if isinstance(description, Array):
        description = description.element
    return tuple(name for name, _ in description.components) if isinstance(description, Structure) else ()


def _element(array: TypeDescription, path: tuple[str, ...], where: Reference) -> TypeDescription:
    """Return the type of what `path` names, which begins with elements of an array."""
    found = descend(Structure(((subscript(path[0])[0], array),)), path)
    if found is None:
        raise _unknown(where)
    return found
