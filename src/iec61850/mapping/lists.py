"""Data sets at the server as MMS has them: named variable lists, defined, deleted and written (8-1 clause 14)."""

from __future__ import annotations

from datetime import datetime

from ...common.errors import Malformed
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import Reference
from ..acsi.services import CreateDataSet, DeleteDataSet
from ..engine import Association, Steps
from ..mms import pdu
from ..model.nodes import DataSet
from ..rights import ServiceKind
from . import names
from .catalogue import Catalogue, unknown_name
from .errors import data_access_error
from .values import decode_as


class Lists:
    """The named variable lists that one association sees."""

    def __init__(self, catalogue: Catalogue, association: Association) -> None:
        self._catalogue = catalogue
        self._engine = catalogue.engine
        self._association = association

    def find(self, name: pdu.ObjectName) -> DataSet:
        """Return the data set of that name; raise `ServiceRefused` if there is none."""
        return self._engine.data_sets.asked(_reference(name), self._association)

    def own_names(self) -> list[str]:
        """Return the names of the lists that only this association knows, in ASCII order."""
        return sorted(self._association.data_sets)

    def server_names(self) -> list[str]:
        """Return the names of the lists of no domain, in ASCII order."""
        return sorted(self._engine.data_sets.of_server)

    def attributes(self, name: pdu.ObjectName) -> pdu.ConfirmedServiceResponse:
        """Return the members of a list."""
        data_set = self.find(name)
        members = [names.variable(member) for member in data_set.members]
        return (
            "getNamedVariableListAttributes",
            pdu.GetNamedVariableListAttributesResponse(data_set.deletable, members),
        )

    def define(self, request: pdu.DefineNamedVariableListRequest, now: datetime) -> pdu.ConfirmedServiceResponse:
        """Make a list."""
        try:
            members = tuple(names.from_variable(variable) for variable in request.list_of_variable)
        except Malformed as malformed:
            raise ServiceRefused(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, malformed.message) from None
        create = CreateDataSet(_reference(request.variable_list_name), members)
        self._engine.data_sets.create(self._association, create, now)
        return ("defineNamedVariableList", None)

    def delete(self, request: pdu.DeleteNamedVariableListRequest, now: datetime) -> pdu.ConfirmedServiceResponse:
        """Delete the lists named; say how many there were, and how many of them are gone (8-2 notes, second-hand)."""
        if request.scope_of_delete != pdu.ScopeOfDelete.SPECIFIC:
            raise ServiceRefused(ServiceError.ACCESS_VIOLATION, "data sets are deleted by name only")
        matched = deleted = 0
        for name in request.list_of_variable_list_name or []:
            try:
                self._engine.data_sets.delete(self._association, DeleteDataSet(_reference(name)), now)
                deleted += 1
            except ServiceRefused as refused:
                if refused.error is ServiceError.INSTANCE_NOT_AVAILABLE:
                    continue
                if refused.error is not ServiceError.ACCESS_VIOLATION:
                    raise
            matched += 1
        return ("deleteNamedVariableList", pdu.DeleteNamedVariableListResponse(matched, deleted))

    def write(self, name: pdu.ObjectName, data: list[pdu.Data], now: datetime) -> Steps[list[pdu.WriteResult]]:
        """Write the members of a list in order, and return how each went."""
        members = self.find(name).members
        if len(members) != len(data):
            why = f"the list has {len(members)} members, not {len(data)}"
            raise ServiceRefused(ServiceError.TYPE_CONFLICT, why)
        results: list[pdu.WriteResult] = []
        permit, kind = self._association.permit, ServiceKind.SET_DATA_VALUES
        for member, one in zip(members, data, strict=True):
            try:
                if permit is not None:  # before a value of another type is told to be one
                    permit.need(kind, member, member.fc)
                node = self._engine.tree.find(member)
                if node is None:
                    raise unknown_name(name)
                value = decode_as(one, node.describe())
                yield from self._engine.data.write(self._association, member, value, now)
                results.append(("success", None))
            except ServiceRefused as refused:
                results.append(("failure", data_access_error(refused.error)))
        return results


def _reference(name: pdu.ObjectName) -> Reference:
    found = names.of_list(name)
    if found is None:
        raise unknown_name(name)
    return found
