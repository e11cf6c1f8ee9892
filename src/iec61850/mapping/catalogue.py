"""A server's objects under their MMS names: found by one look-up, their values rendered by functions made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from ...common.errors import JanusGridError, Malformed
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.types import DataValue, TypeDescription
from ..engine import Engine
from ..engine.tree import Elements, Group, Node
from ..engine.values import read
from ..mms import pdu
from ..model.nodes import Attribute
from . import initiate, names
from .types import to_mms
from .values import ENCODERS, decode_as

Render = Callable[[], pdu.Data]

_BLOCK_FCS = frozenset({FC.RP, FC.BR, FC.LG, FC.GO, FC.MS, FC.US})


class NoRoom(JanusGridError):
    """More is to be read than any answer could hold."""


@attrs.define(slots=True)
class Room:
    """How many values one answer can still hold: each takes two octets at least.

    It is asked before anything is rendered: a short request for much could otherwise keep a server busy for long.
    """

    left: int

    @classmethod
    def of(cls, pdu_size: int) -> Room:
        """Return the room in a PDU."""
        return cls(pdu_size // 2)

    def take(self, count: int) -> None:
        """Take room for so many values; raise `NoRoom`."""
        self.left -= count
        if self.left < 0:
            raise NoRoom("more values are asked for than an answer can hold")


@attrs.define(slots=True, eq=False)
class Variable:
    """A named variable of the server: what it refers to, what renders its present value, how many values that has."""

    reference: Reference
    node: Node
    render: Render
    description: TypeDescription
    weight: int

    def value(self, data: pdu.Data) -> DataValue:
        """Return a value that a client sends for it; raise `ServiceRefused` if it is of another type."""
        value = decode_as(data, self.description)
        if isinstance(value, str) and isinstance(self.node, Attribute) and _is_set_name(self.node):
            return names.dotted(value)
        return value


def _is_set_name(leaf: Attribute) -> bool:
    return leaf.name in names.OF_OBJECTS and leaf.fc in _BLOCK_FCS


class Catalogue:
    """What `MmsServer` looks names up in. One for an engine, shared by its associations."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._variables: dict[tuple[str, str], Variable] = {}
        self._named: dict[pdu.VariableDef, Variable] = {}
        self._renders: dict[Node, Render] = {}
        self._weights: dict[Node, int] = {}
        self._types: dict[Node, pdu.TypeDescription] = {}
        self._names: dict[str, list[str]] = {}

    @property
    def services(self) -> frozenset[pdu.ServiceSupportOptions]:
        """What a server of this engine announces: just what `MmsServer` answers."""
        files = self.engine.files
        found = initiate.SERVER_SERVICES
        if self.engine.logs.served:
            found |= initiate.LOG_SERVICES
        if files.served:
            found |= initiate.FILE_SERVICES
        return found | initiate.FILE_CHANGES if files.writable else found

    # --- names ------------------------------------------------------------------------------------------------------

    def domains(self) -> list[str]:
        """Return the names of the domains, sorted."""
        return sorted(self.engine.model.devices)

    def variable_names(self, domain: str) -> list[str] | None:
        """Return the names of every variable of a domain, in ASCII order; None if there is no such domain."""
        if domain not in self.engine.tree.devices:
            return None
        found = self._names.get(domain)
        if found is None:
            groups = self.engine.tree.devices[domain].values()
            found = self._names[domain] = sorted(name for group in groups for name in _below(group, group.name))
        return found

    def list_names(self, domain: str) -> list[str] | None:
        """Return the names of the data sets of a domain, in ASCII order; None if there is no such domain."""
        device = self.engine.model.devices.get(domain)
        if device is None:
            return None
        return sorted(f"{node.name}${name}" for node in device.nodes.values() for name in node.data_sets)

    def log_names(self, domain: str) -> list[str] | None:
        """Return the names of the logs of a domain, in ASCII order; None if there is no such domain."""
        device = self.engine.model.devices.get(domain)
        if device is None:
            return None
        return sorted(f"{node.name}${name}" for node in device.nodes.values() for name in node.logs)

    # --- variables --------------------------------------------------------------------------------------------------

    def variable(self, domain: str, item: str) -> Variable | None:
        """Return the variable of that name, None if there is none."""
        found = self._variables.get((domain, item))
        if found is None:
            reference = names.reference(domain, item)
            node = self.engine.tree.find(reference) if reference else None
            if reference is None or node is None or any("(" in part for part in reference.path):
                return None
            # Only names that exist are kept: a client cannot fill the memory with others.
            found = Variable(reference, node, self.render(node), node.describe(), self.weight(node))
            self._variables[domain, item] = found
        return found

    def named(self, definition: pdu.VariableDef) -> Variable | None:
        """Return the variable that a definition names, whatever part of it is meant; None if there is none."""
        whole = definition.alternate_access is None
        found = self._named.get(definition) if whole else None
        if found is None:
            match definition.variable_specification:
                case ("name", ("domain-specific", name)):
                    found = self.variable(name.domain_id, name.item_id)
            if whole and found is not None:
                self._named[definition] = found
        return found

    def type(self, node: Node) -> pdu.TypeDescription:
        """Return the MMS type of a node."""
        found = self._types.get(node)
        if found is None:
            found = self._types[node] = to_mms(node.describe())
        return found

    def render(self, node: Node) -> Render:
        """Return what renders the present value of a node as Data."""
        found = self._renders.get(node)
        if found is None:
            found = self._make(node)
            if not _passing(node):
                self._renders[node] = found
        return found

    def weight(self, node: Node) -> int:
        """Return how many values a node has."""
        found = self._weights.get(node)
        if found is None:
            if isinstance(node, Elements) or (isinstance(node, Attribute) and node.type is not None):
                return max(node.count, 1)
            found = 1 + sum(map(self.weight, node.elements or node.children.values()))
            if not _passing(node):
                self._weights[node] = found
        return found

    def _make(self, node: Node) -> Render:
        if isinstance(node, Attribute) and node.type is not None:
            return _leaf(node)
        if isinstance(node, Elements):
            return _elements(node)
        if node.elements:
            elements = [self.render(element) for element in node.elements]
            return lambda: ("array", [element() for element in elements])
        parts = [self.render(child) for child in node.children.values()]
        return lambda: ("structure", [part() for part in parts])

    # --- parts of arrays --------------------------------------------------------------------------------------------

    def part_value(self, definition: pdu.VariableDef, data: pdu.Data) -> tuple[Reference, DataValue]:
        """Return which part of an array is to be written, and the value for it; raise `ServiceRefused`."""
        try:
            reference = names.from_variable(definition)
        except Malformed as malformed:
            raise ServiceRefused(ServiceError.CLASS_NOT_SUPPORTED, malformed.message) from None
        node = self.engine.tree.find(reference)
        if node is None:
            raise ServiceRefused(ServiceError.INSTANCE_NOT_AVAILABLE, "there is no such part", where=str(reference))
        return reference, decode_as(data, node.describe())

    def part(self, node: Node, access: list[pdu.AlternateAccessItem], room: Room) -> pdu.Data | None:
        """Return the part of a variable that an alternate access selects, None if there is none; raise `NoRoom`."""
        room.take(len(access))
        found = [self._selected(node, one, room) for one in access]
        if len(found) == 1:
            return found[0]
        parts = [part for part in found if part is not None]
        return ("structure", parts) if parts and len(parts) == len(found) else None

    def _selected(self, node: Node, access: pdu.AlternateAccessItem, room: Room) -> pdu.Data | None:
        match access:
            case ("unnamed", selection):
                pass
            case ("named", named):
                selection = named.access
        below: list[pdu.AlternateAccessItem] | None
        match selection:
            case ("selectAccess", step):
                below = None
            case ("selectAlternateAccess", further):
                step, below = further.access_selection, further.alternate_access
        return self._step(node, step, below, room)

    def _step(
        self, node: Node, step: pdu.AccessSelection, below: list[pdu.AlternateAccessItem] | None, room: Room
    ) -> pdu.Data | None:
        match step:
            case ("component", name):
                child = node.children.get(name)
                return self._take(child, below, room) if child else None
            case ("index", index):
                return self._range(node, index, 1, below, room, single=True)
            case ("indexRange", found):
                return self._range(node, found.low_index, found.number_of_elements, below, room, single=False)
            case _:
                return self._range(node, 0, _length(node), below, room, single=False)

    def _range(
        self, node: Node, low: int, count: int, below: list[pdu.AlternateAccessItem] | None, room: Room, *, single: bool
    ) -> pdu.Data | None:
        if not 0 <= low < low + count <= _length(node):
            return None
        parts: list[pdu.Data | None]
        if isinstance(node, Attribute) and node.type is not None:
            room.take(count)
            values = read(node)
            assert isinstance(values, list)
            encoder = ENCODERS[node.type]
            parts = [encoder(value) if below is None else None for value in values[low : low + count]]
        else:
            parts = [self._take(element, below, room) for element in node.elements[low : low + count]]
        whole = [part for part in parts if part is not None]
        if len(whole) != count:
            return None
        return whole[0] if single else ("array", whole)

    def _take(self, node: Node, below: list[pdu.AlternateAccessItem] | None, room: Room) -> pdu.Data | None:
        if below is not None:
            return self.part(node, below, room)
        room.take(self.weight(node))
        return self.render(node)()


def unknown_name(name: pdu.ObjectName) -> ServiceRefused:
    """Return the refusal for an object that does not exist."""
    return ServiceRefused(ServiceError.INSTANCE_NOT_AVAILABLE, f"there is nothing called {name[1]}")


def _passing(node: Node) -> bool:
    """Return whether a node was made for one reference only, and is not one of the tree."""
    return (isinstance(node, Group) and node.picked) or (isinstance(node, Elements) and node.count > 0)


def _elements(node: Elements) -> Render:
    assert node.array.type is not None
    encoder = ENCODERS[node.array.type]

    def render() -> pdu.Data:
        value = read(node)
        return ("array", [encoder(one) for one in value]) if isinstance(value, list) else encoder(value)

    return render


def _length(node: Node) -> int:
    return node.count if isinstance(node, Attribute) else len(node.elements)


def _leaf(leaf: Attribute) -> Render:
    assert leaf.type is not None
    encoder = ENCODERS[leaf.type]
    if leaf.count:

        def array() -> pdu.Data:
            assert isinstance(leaf.value, list)
            return ("array", [encoder(value) for value in leaf.value])

        return array
    if _is_set_name(leaf):
        return lambda: encoder(names.dollared(str(leaf.value)))
    return lambda: encoder(leaf.value)


def _below(node: Node, name: str) -> Iterator[str]:
    """Yield the names of a node and of all below; nothing below an array has one."""
    yield name
    if isinstance(node, Group) or not node.count:
        for child in node.children.values():
            yield from _below(child, f"{name}${child.name}")
