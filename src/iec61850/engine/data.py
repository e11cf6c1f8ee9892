"""Data: GetDataValues and SetDataValues (IEC 61850-7-2 clause 11), and who may write what."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.services import GetDataValues, SetDataValues
from ..acsi.types import DataValue
from ..model.nodes import Attribute
from ..rights import Permit, ServiceKind
from .association import Association
from .directory import unknown
from .steps import Change, Steps
from .tree import Elements, Node, Tree
from .values import part, read, spread

Store = Callable[[Iterable[tuple[Attribute, DataValue]], datetime], None]
Writer = Callable[[Association, Reference, Node, DataValue, datetime], Steps[None]]

READ_ONLY = frozenset({FC.ST, FC.MX, FC.OR, FC.EX, FC.SR, FC.CO, FC.SG})
"""Constraints under which a client never writes as data, whatever the model says (8-1 clause on access, second-hand).

CO is written by the control services only, SG through SE."""


def _allow(reference: Reference) -> None:
    return None


class Data:
    """Reads and writes data. Other rooms take over the writing under their own constraints by `claim`."""

    def __init__(self, tree: Tree, store: Store) -> None:
        self._tree = tree
        self._store = store
        self._writers: dict[tuple[FC, str], Writer] = {}
        self.guard: Callable[[Reference], None] = _allow
        """Raises `ServiceRefused` for what cannot be read in the present state, though it is there."""
        self.asked: Collection[Reference] = ()
        """What the application wants to see each write of, before it is stored."""
        self._asked_leaves: dict[Attribute, Reference] = {}
        self._asked_count = 0

    def claim(self, fc: FC, writer: Writer, name: str = "") -> None:
        """Let `writer` do every write under this constraint, or those to the object of that name."""
        self._writers[fc, name] = writer

    def value(self, reference: Reference) -> DataValue:
        """Return the value of a reference with its constraint; raise `ServiceRefused` if there is nothing there."""
        node = self._tree.find(reference)
        if node is None:
            raise unknown(reference)
        if reference.fc is FC.SE:
            self.guard(reference)
        return read(node)

    def get(self, client: Association, request: GetDataValues, now: datetime) -> tuple[DataValue | ServiceError, ...]:
        """Return the value of each reference, or why there is none."""
        return tuple(self._value_or_error(client.permit, reference) for reference in request.data)

    def _value_or_error(self, permit: Permit | None, reference: Reference) -> DataValue | ServiceError:
        if permit is not None and not permit.allows(ServiceKind.GET_DATA_VALUES, reference, reference.fc):
            return ServiceError.ACCESS_VIOLATION
        try:
            return self.value(reference)
        except ServiceRefused as refused:
            if permit is not None and refused.error is ServiceError.INSTANCE_NOT_AVAILABLE:
                return permit.absent(reference)
            return refused.error

    def set(self, client: Association, request: SetDataValues, now: datetime) -> Steps[tuple[ServiceError, ...]]:
        """Write each reference and return how it went, one service error each."""
        errors = []
        for reference, value in request.data:
            try:
                yield from self.write(client, reference, value, now)
                errors.append(ServiceError.NO_ERROR)
            except ServiceRefused as refused:
                errors.append(refused.error)
        return tuple(errors)

    def write(self, client: Association, reference: Reference, value: DataValue, now: datetime) -> Steps[None]:
        """Write one reference; raise `ServiceRefused` if it cannot be."""
        if client.permit is not None:
            client.permit.need(ServiceKind.SET_DATA_VALUES, reference, reference.fc)
        node = self._tree.find(reference)
        if node is None or reference.fc is None or not reference.path:
            raise unknown(reference)
        writer = self._writers.get((reference.fc, "")) or self._writers.get((reference.fc, reference.path[0]))
        if writer is not None:
            yield from writer(client, reference, node, value, now)
            return
        if reference.fc in READ_ONLY or not all(leaf.settable for leaf in node.leaves()):
            raise ServiceRefused(ServiceError.ACCESS_VIOLATION, "it is read-only", where=str(reference))
        changes = dict(spread(node, value))
        for asked in self._asked_of(changes) if self.asked else ():
            whole = self._tree.find(asked)
            inside = whole is not None and all(leaf in changes for leaf in whole.leaves())
            outcome = yield Change(
                asked if inside and whole is not None else reference,
                part(whole, changes) if inside and whole is not None else value,
                client.peer,
                asked,
            )
            if outcome.refusal is not None:
                raise outcome.refusal
            now = outcome.now
        # Of an array of which a part is written, the rest may have changed while the application was asked.
        self._store(spread(node, value) if isinstance(node, Elements) else changes.items(), now)

    def _asked_of(self, changes: Iterable[Attribute]) -> list[Reference]:
        """Return what the application asked to see of the leaves that are to be changed."""
        if len(self.asked) != self._asked_count:
            self._asked_count = len(self.asked)
            found = [(reference, self._tree.find(reference)) for reference in self.asked]
            self._asked_leaves = {leaf: reference for reference, node in found if node for leaf in node.leaves()}
        return list(dict.fromkeys(self._asked_leaves[leaf] for leaf in changes if leaf in self._asked_leaves))
