"""Data sets (IEC 61850-7-2 clause 13): named lists of references, read and written as one, made by clients."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

import attrs

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC, BadReference, Reference
from ..acsi.services import (
    CreateDataSet,
    DeleteDataSet,
    GetDataSetDirectory,
    GetDataSetValues,
    GetServerDataSets,
    SetDataSetValues,
)
from ..acsi.types import DataValue
from ..model.nodes import Attribute, DataSet, Model
from ..rights import ServiceKind
from .association import Association
from .directory import unknown
from .keeping import Keeping
from .rcb import owner_octets
from .steps import Steps
from .tree import Group, Node, Tree
from .values import read

Write = Callable[[Association, Reference, DataValue, datetime], Steps[None]]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LONGEST = 32
_BLOCKS = {FC.RP: "RptEna", FC.BR: "RptEna", FC.LG: "LogEna", FC.GO: "GoEna", FC.MS: "SvEna", FC.US: "SvEna"}
"""The constraints of control blocks that use data sets, each with the attribute that puts one to work."""
_NO_MEMBER = frozenset({*_BLOCKS, FC.CO, FC.SE})
_KEPT = "data sets"


@attrs.frozen(slots=True)
class DataSetLimits:
    """How many data sets clients may make.

    Attributes:
        persistent: in the whole server, of those that stay.
        association: of one association, for itself.
        members: of one data set.
        values: of all members of one data set together.
    """

    persistent: int = 100
    association: int = 10
    members: int = 500
    values: int = 20_000

    @classmethod
    def of(cls, model: Model) -> DataSetLimits:
        """Return the limits that the model declares (SCL Services: DynDataSet, ConfDataSet), or the usual ones."""
        usual, declared = cls(), model.services.get("DynDataSet", {})
        most = _number(declared.get("max"))
        members = _number(declared.get("maxAttributes"))
        return cls(
            usual.persistent if most is None else most,
            usual.association if most is None else min(most, usual.association),
            usual.members if members is None else members,
        )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 6 else None


class DataSets:
    """The data sets of the model and those that clients have made, their members resolved once."""

    def __init__(self, model: Model, tree: Tree, keeping: Keeping, limits: DataSetLimits | None = None) -> None:
        self._model = model
        self._tree = tree
        self._keeping = keeping
        self.limits = limits or DataSetLimits.of(model)
        self._members: dict[DataSet, tuple[Node | None, ...]] = {}
        self._made: dict[Reference, DataSet] = {}
        """Those that clients have made to stay."""
        self.of_server: dict[str, DataSet] = {}
        """Those of them that belong to no logical node, by their names without `/`."""
        self.write: Write | None = None
        """Writes one reference as data."""
        self._restore()

    # --- finding ----------------------------------------------------------------------------------------------------

    def find(self, reference: Reference, client: Association | None = None) -> DataSet:
        """Return the data set `LD/LN.name`, `/name` or `@name` of a client; raise `ServiceRefused` if there is none."""
        found = self._found(reference, client)
        if found is None:
            raise unknown(reference)
        return found

    def asked(self, reference: Reference, client: Association) -> DataSet:
        """Return the same for a client that asks for it: it has to be one that may look at what there is.

        Whoever reads or writes a data set sees how many members it has.
        """
        if client.permit is not None:
            client.permit.need(ServiceKind.GET_DIRECTORY, reference)
        return self.find(reference, client)

    def _found(self, reference: Reference, client: Association | None) -> DataSet | None:
        if reference.of_association:
            return client.data_sets.get(reference.device[1:]) if client else None
        if reference.of_server:
            return self.of_server.get(reference.device[1:])
        device = self._model.devices.get(reference.device)
        node = device.nodes.get(reference.node) if device else None
        return node.data_sets.get(reference.path[0]) if node and len(reference.path) == 1 else None

    def members(self, data_set: DataSet) -> tuple[Node | None, ...]:
        """Return what the members name, None for one that names nothing."""
        found = self._members.get(data_set)
        if found is None:
            found = self._members[data_set] = tuple(self._tree.find(member) for member in data_set.members)
        return found

    def names(self, client: Association, request: GetServerDataSets, now: datetime) -> tuple[str, ...]:
        """Return the names of those that belong to no logical node: of the server, and of a client."""
        return (*(f"/{name}" for name in sorted(self.of_server)), *(f"@{name}" for name in sorted(client.data_sets)))

    # --- reading and writing ----------------------------------------------------------------------------------------

    def directory(self, client: Association, request: GetDataSetDirectory, now: datetime) -> tuple[Reference, ...]:
        """Return the members, each with its functional constraint."""
        return self.asked(request.data_set, client).members

    def values(
        self, client: Association, request: GetDataSetValues, now: datetime
    ) -> tuple[DataValue | ServiceError, ...]:
        """Return the value of each member in order, or why there is none."""
        data_set = self.asked(request.data_set, client)
        return tuple(
            error if error is not None else ServiceError.INSTANCE_NOT_AVAILABLE if node is None else read(node)
            for node, error in self.readable(data_set, client)
        )

    def readable(self, data_set: DataSet, client: Association) -> Iterator[tuple[Node | None, ServiceError | None]]:
        """Yield what the members name, None for nothing, each with why the client may not read it, None if it may."""
        permit, kind = client.permit, ServiceKind.GET_DATA_VALUES
        for member, node in zip(data_set.members, self.members(data_set), strict=True):
            allowed = permit is None or permit.allows(kind, member, member.fc)
            yield node, None if allowed else ServiceError.ACCESS_VIOLATION

    def set(self, client: Association, request: SetDataSetValues, now: datetime) -> Steps[tuple[ServiceError, ...]]:
        """Write each member in order and return how it went, one service error each."""
        assert self.write is not None
        members = self.asked(request.data_set, client).members
        if len(members) != len(request.values):
            why = f"it has {len(members)} members, not {len(request.values)}"
            raise ServiceRefused(ServiceError.TYPE_CONFLICT, why, where=str(request.data_set))
        errors = []
        for member, value in zip(members, request.values, strict=True):
            try:
                yield from self.write(client, member, value, now)
                errors.append(ServiceError.NO_ERROR)
            except ServiceRefused as refused:
                errors.append(refused.error)
        return tuple(errors)

    # --- making and deleting ----------------------------------------------------------------------------------------

    def create(self, client: Association, request: CreateDataSet, now: datetime) -> None:
        """Make a data set; raise `ServiceRefused` if it is there already, or cannot be.

        Its members have to be such as the client may read: reports bring their values.
        """
        name = request.data_set
        where = str(name)
        if client.permit is not None:
            for member in request.members:
                client.permit.need(ServiceKind.GET_DATA_VALUES, member, member.fc)
        sets = self._place(name, client)
        plain = name.device[1:] if name.of_association or name.of_server else name.path[0]
        if not _NAME.fullmatch(plain) or len(plain) > _LONGEST:
            raise ServiceRefused(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, "no name for a data set", where=where)
        if plain in sets:
            raise ServiceRefused(ServiceError.INSTANCE_IN_USE, "there is a data set of that name", where=where)
        made, most = (client.data_sets, self.limits.association) if name.of_association else (
            self._made, self.limits.persistent
        )  # fmt: skip
        if len(made) >= most or len(request.members) > self.limits.members:
            why = f"at most {most} data sets of {self.limits.members} members each can be made"
            raise ServiceRefused(ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT, why, where=where)
        if not request.members:
            raise ServiceRefused(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, "it needs members", where=where)
        room = self.limits.values
        for member in request.members:
            room -= sum(max(leaf.count, 1) for leaf in self._check(member).leaves())
            if room < 0:
                why = f"its members may have {self.limits.values} values together"
                raise ServiceRefused(ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT, why, where=where)
        data_set = DataSet(plain, request.members, deletable=True)
        if not name.of_association:
            self._keep(self._made | {name: data_set})
            self._made[name] = data_set
        sets[plain] = data_set

    def delete(self, client: Association, request: DeleteDataSet, now: datetime) -> None:
        """Delete a data set; raise `ServiceRefused` for one that is configured, or that a control block uses."""
        name = request.data_set
        data_set = self.find(name, client)
        if not data_set.deletable:
            raise ServiceRefused(
                ServiceError.ACCESS_VIOLATION, "it is configured, not made by a client", where=str(name)
            )
        user = next(self._users(name, client), None)
        if user is not None:
            raise ServiceRefused(ServiceError.INSTANCE_IN_USE, f"{user} uses it", where=str(name))
        if not name.of_association:
            self._keep({other: made for other, made in self._made.items() if other != name})
            del self._made[name]
        del self._place(name, client)[data_set.name]
        self._members.pop(data_set, None)

    def release(self, client: Association) -> None:
        """Forget what only an association knew, for it has ended; control blocks no longer name it."""
        for data_set in client.data_sets.values():
            self._members.pop(data_set, None)
        client.data_sets.clear()

    def _place(self, name: Reference, client: Association | None) -> dict[str, DataSet]:
        """Return where a data set of that name is kept; raise `ServiceRefused` if that cannot be anywhere."""
        if name.of_association and client is not None:
            return client.data_sets
        if name.of_server:
            return self.of_server
        device = self._model.devices.get(name.device)
        node = device.nodes.get(name.node) if device else None
        if node is None or len(name.path) != 1:
            raise unknown(name)
        return node.data_sets

    def _check(self, member: Reference) -> Node:
        """Return what a member names; raise `ServiceRefused` if it may not be one."""
        if member.fc is None or member.fc in _NO_MEMBER or not member.path:
            why = "a member is data with a functional constraint, no command and no control block"
            raise ServiceRefused(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, why, where=str(member))
        found = self._tree.find(member)
        if found is None:
            raise unknown(member)
        return found

    def _users(self, name: Reference, client: Association) -> Iterator[Reference]:
        """Yield the control blocks that work with a data set now; buffered ones that name it always do."""
        for device, nodes in self._tree.devices.items():
            for node, whole in nodes.items():
                for fc, enabled in _BLOCKS.items():
                    blocks = whole.children.get(fc.value)
                    for block in blocks.children.values() if isinstance(blocks, Group) else ():
                        named, working = block.children.get("DatSet"), block.children.get(enabled)
                        if not isinstance(named, Attribute) or named.value != str(name):
                            continue
                        owner = block.children.get("Owner")
                        mine = not isinstance(owner, Attribute) or owner.value in (b"", owner_octets(client.peer))
                        if name.of_association and not mine:
                            continue
                        if fc is FC.BR or (isinstance(working, Attribute) and working.value is True):
                            yield Reference(device, node, (block.name,))

    # --- beyond the end of the server -------------------------------------------------------------------------------

    def _keep(self, made: dict[Reference, DataSet]) -> None:
        document = {str(name): [str(member) for member in found.members] for name, found in made.items()}
        self._keeping.save(_KEPT, document)

    def _restore(self) -> None:
        """Make anew what clients had made when the server ran last, as far as the model still has it."""
        found = self._keeping.load(_KEPT)
        for text, members in (found or {}).items():
            try:
                name = Reference.parse(text)
                plain = name.device[1:] if name.of_server else name.path[0]
                data_set = DataSet(plain, tuple(Reference.parse(one) for one in members), deletable=True)
                sets = self._place(name, None)
                for member in data_set.members:
                    self._check(member)
            except (BadReference, KeyError, IndexError, TypeError, ServiceRefused) as error:
                self._keeping.passed_over(f"data set {text}", error)
                continue
            if data_set.name not in sets:
                sets[data_set.name] = self._made[name] = data_set
