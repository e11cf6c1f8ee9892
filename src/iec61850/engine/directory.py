"""Directories and definitions (IEC 61850-7-2 clauses 7 to 11): what there is, by name and by type.

Names come sorted, as they do over MMS, so that an answer is the same whatever the mapping.
"""

from __future__ import annotations

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.services import (
    AcsiClass,
    GetAllDataValues,
    GetDataDefinition,
    GetDataDirectory,
    GetLogicalDeviceDirectory,
    GetLogicalNodeDirectory,
    GetServerDirectory,
)
from ..acsi.types import DataValue, TypeDescription
from ..model.nodes import LogicalDevice, LogicalNode, Model
from .tree import Group, Tree
from .values import read

CLASS_FC = {
    AcsiClass.BRCB: FC.BR,
    AcsiClass.URCB: FC.RP,
    AcsiClass.LCB: FC.LG,
    AcsiClass.GOCB: FC.GO,
    AcsiClass.MSVCB: FC.MS,
    AcsiClass.USVCB: FC.US,
}
"""The constraint under which the control blocks of a class are found."""

CONTROL_FCS = frozenset(fc.value for fc in CLASS_FC.values())


def unknown(reference: Reference | str) -> ServiceRefused:
    """Return the refusal for what does not exist."""
    return ServiceRefused(ServiceError.INSTANCE_NOT_AVAILABLE, "there is nothing of that name", where=str(reference))


class Directory:
    """Answers the directory and definition services from the model and its tree."""

    def __init__(self, model: Model, tree: Tree) -> None:
        self._model = model
        self._tree = tree

    def devices(self, request: GetServerDirectory) -> tuple[str, ...]:
        """Return the names of the logical devices."""
        return tuple(sorted(self._model.devices))

    def nodes(self, request: GetLogicalDeviceDirectory) -> tuple[str, ...]:
        """Return the names of the logical nodes of a device."""
        return tuple(sorted(self._device(request.device).nodes))

    def instances(self, request: GetLogicalNodeDirectory) -> tuple[str, ...]:
        """Return the names of the instances of one ACSI class in a node."""
        node = self._node(request.node)
        if request.acsi_class is AcsiClass.DATA_OBJECT:
            return tuple(sorted(node.objects))
        if request.acsi_class is AcsiClass.DATA_SET:
            return tuple(sorted(node.data_sets))
        if request.acsi_class is AcsiClass.LOG:
            return tuple(sorted(node.logs))
        if request.acsi_class is AcsiClass.SGCB:
            block = Reference(request.node.device, node.name, ("SGCB",), FC.SP)
            return ("SGCB",) if self._tree.find(block) else ()
        fc = CLASS_FC.get(request.acsi_class)
        found = self._tree.find(Reference(request.node.device, node.name, (), fc)) if fc else None
        return tuple(sorted(found.children)) if found else ()

    def all_values(self, request: GetAllDataValues) -> tuple[tuple[Reference, DataValue], ...]:
        """Return each data object of a node with data under the constraint, and its value."""
        self._node(request.node)
        group = self._tree.find(Reference(request.node.device, request.node.node, (), request.fc))
        if not isinstance(group, Group):
            raise unknown(request.node.with_fc(request.fc))
        at = Reference(request.node.device, request.node.node, (), request.fc)
        return tuple((at.child(name), read(child)) for name, child in group.children.items())

    def data_directory(self, request: GetDataDirectory) -> tuple[str, ...]:
        """Return the names of the parts of a data object, under one constraint if the reference has one."""
        reference = request.data
        found = self._model.find(reference) if reference.fc is None else self._tree.find(reference)
        if found is None or isinstance(found, LogicalDevice | LogicalNode) or not reference.path:
            raise unknown(reference)
        return tuple(sorted(found.children or (found.elements[0].children if found.elements else ())))

    def definition(self, request: GetDataDefinition) -> TypeDescription:
        """Return the type of what a reference with its constraint names."""
        found = self._tree.find(request.data)
        if found is None:
            raise unknown(request.data)
        return found.describe()

    def _device(self, name: str) -> LogicalDevice:
        device = self._model.devices.get(name)
        if device is None:
            raise unknown(name)
        return device

    def _node(self, reference: Reference) -> LogicalNode:
        node = self._device(reference.device).nodes.get(reference.node)
        if node is None:
            raise unknown(reference)
        return node
