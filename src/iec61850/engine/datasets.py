"""Data sets (IEC 61850-7-2 clause 13): named lists of references, read as one."""

from __future__ import annotations

from ..acsi.errors import ServiceError
from ..acsi.references import Reference
from ..acsi.services import GetDataSetDirectory, GetDataSetValues
from ..acsi.types import DataValue
from ..model.nodes import DataSet, Model
from .directory import unknown
from .tree import Node, Tree
from .values import read


class DataSets:
    """The data sets of the model, their members resolved once."""

    def __init__(self, model: Model, tree: Tree) -> None:
        self._model = model
        self._tree = tree
        self._members: dict[DataSet, tuple[Node | None, ...]] = {}

    def find(self, reference: Reference) -> DataSet:
        """Return the data set `LD/LN.name`; raise `ServiceRefused` if there is none."""
        device = self._model.devices.get(reference.device)
        node = device.nodes.get(reference.node) if device else None
        found = node.data_sets.get(reference.path[0]) if node and len(reference.path) == 1 else None
        if found is None:
            raise unknown(reference)
        return found

    def members(self, data_set: DataSet) -> tuple[Node | None, ...]:
        """Return what the members name, None for one that names nothing."""
        found = self._members.get(data_set)
        if found is None:
            found = self._members[data_set] = tuple(self._tree.find(member) for member in data_set.members)
        return found

    def directory(self, request: GetDataSetDirectory) -> tuple[Reference, ...]:
        """Return the members, each with its functional constraint."""
        return self.find(request.data_set).members

    def values(self, request: GetDataSetValues) -> tuple[DataValue | ServiceError, ...]:
        """Return the value of each member in order, or why there is none."""
        return tuple(
            ServiceError.INSTANCE_NOT_AVAILABLE if node is None else read(node)
            for node in self.members(self.find(request.data_set))
        )
