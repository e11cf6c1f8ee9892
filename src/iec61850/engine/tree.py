"""The model as its clients see it: under each logical node its functional constraints, under each its data objects.

Model nodes carry their constraint at the attribute; a client names the constraint first (`LN$FC$DO$DA` in MMS, FCD and
FCDA in the ACSI). This tree turns the one into the other, once. Below the first attribute the constraint no longer
changes, so the model's own `Attribute` objects are the leaves and inner nodes of this tree from there on.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ..acsi.references import FC, Reference, subscript
from ..acsi.types import Array, Basic, DataValue, Structure, TypeDescription
from ..model.nodes import Attribute, DataObject, LogicalNode, Model

FC_ORDER = (
    FC.MX, FC.ST, FC.CO, FC.CF, FC.DC, FC.SP, FC.SG, FC.SE, FC.SV, FC.SR, FC.OR, FC.BL, FC.EX, FC.RP, FC.LG, FC.BR,
    FC.GO, FC.MS, FC.US,
)  # fmt: skip
"""Order of the constraints in the structure of a whole logical node (as peers send it, second-hand)."""


@attrs.define(slots=True, eq=False)
class Group:
    """A logical node, one constraint of it, or a data object under that constraint: a structure of what is below.

    An array of sub data objects has its views in `elements`, and no children; `picked` is True for a few elements of
    an array that a reference names together, or the same part of each.
    """

    name: str
    children: dict[str, Node] = attrs.Factory(dict)
    elements: list[Node] = attrs.Factory(list)
    picked: bool = False

    def describe(self) -> TypeDescription:
        """Return the type, an array as one."""
        if self.elements:
            return Array(len(self.elements), self.elements[0].describe())
        return Structure(tuple((name, child.describe()) for name, child in self.children.items()))

    def leaves(self) -> Iterator[Attribute]:
        """Yield every leaf below, in order."""
        for child in self.elements or self.children.values():
            yield from child.leaves()


@attrs.define(slots=True, eq=False)
class Elements:
    """Elements of an array of leaves, which are no leaves themselves: the one at `low`, or with a count that many."""

    name: str
    array: Attribute
    low: int
    count: int = 0
    children: dict[str, Node] = attrs.field(factory=dict, init=False)
    elements: list[Node] = attrs.field(factory=list, init=False)

    def describe(self) -> TypeDescription:
        """Return the type, of several as an array."""
        assert self.array.type is not None
        one = Basic(self.array.type)
        return Array(self.count, one) if self.count else one

    def leaves(self) -> Iterator[Attribute]:
        """Yield the array: it is what holds the values."""
        yield self.array

    def take(self, values: list[DataValue]) -> DataValue:
        """Return these elements of the values of the array."""
        return values[self.low : self.low + self.count] if self.count else values[self.low]

    def put(self, values: list[DataValue], new: DataValue) -> list[DataValue]:
        """Return the values of the array with these elements replaced."""
        return [
            *values[: self.low],
            *(new if isinstance(new, list) else [new]),
            *values[self.low + (self.count or 1) :],
        ]


Node = Group | Attribute | Elements


def view(data: DataObject, fc: FC) -> Group:
    """Return a data object as it is under one constraint; without children if it has nothing there."""
    if data.count:
        return Group(data.name, elements=[view(element, fc) for element in data.elements])
    group = Group(data.name)
    for name, child in data.children.items():
        if isinstance(child, Attribute):
            if child.fc is fc:
                group.children[name] = child
        else:
            below = view(child, fc)
            if below.children or any(isinstance(e, Attribute) or e.children for e in below.elements):
                group.children[name] = below
    return group


def node_view(node: LogicalNode) -> Group:
    """Return a logical node as constraints over data objects, in `FC_ORDER`."""
    constraints = {name: data.constraints() for name, data in node.objects.items()}
    group = Group(node.name)
    for fc in FC_ORDER:
        objects = {name: view(node.objects[name], fc) for name, found in constraints.items() if fc in found}
        if objects:
            group.children[fc.value] = Group(fc.value, dict(objects))
    return group


def step(node: Node, part: str) -> Node | None:
    """Return what `part` names below a node: a child, an element of it (`Har(3)`) or several; None if there is nothing.

    Below several elements it names that part of each.
    """
    if isinstance(node, Group) and node.picked:
        below = [found for one in node.elements if (found := step(one, part)) is not None]
        return Group(part, elements=below, picked=True) if len(below) == len(node.elements) else None
    name, chosen = subscript(part)
    found = node.children.get(name)
    return pick(found, *chosen) if chosen is not None and found is not None else found


def pick(node: Node, low: int, count: int) -> Node | None:
    """Return the element of an array at `low`, or with a count that many; None if it has not as many."""
    if isinstance(node, Attribute) and node.type is not None:
        inside = 0 <= low < low + (count or 1) <= node.count
        return Elements(node.name, node, low, count) if inside else None
    if not 0 <= low < low + (count or 1) <= len(node.elements) or (isinstance(node, Group) and node.picked):
        return None
    return (
        Group(node.name, elements=list(node.elements[low : low + count]), picked=True) if count else node.elements[low]
    )


class Tree:
    """The views of every logical node of a model, by reference."""

    def __init__(self, model: Model) -> None:
        self.devices: dict[str, dict[str, Group]] = {
            device.name: {node.name: node_view(node) for node in device.nodes.values()}
            for device in model.devices.values()
        }
        self._found: dict[Reference, Node] = {}

    def add(self, device: str, node: str, fc: FC, name: str, block: Attribute) -> None:
        """Put a control block, or another object that a service makes, beside the data of a logical node."""
        below = self.devices[device][node].children.get(fc.value)
        if below is None:
            self.put(device, node, fc, below := Group(fc.value))
        below.children[name] = block

    def put(self, device: str, node: str, fc: FC, below: Group) -> None:
        """Put a whole constraint into a logical node, at its place in the order."""
        group = self.devices[device][node]
        group.children[fc.value] = below
        order = {fc.value: place for place, fc in enumerate(FC_ORDER)}
        group.children = dict(sorted(group.children.items(), key=lambda item: order[item[0]]))

    def find(self, reference: Reference) -> Node | None:
        """Return what a reference with its constraint names; the whole logical node if it has neither path nor
        constraint; None if there is nothing. What was found once is found again by one look-up, but for ranges of
        arrays: there are too many of them."""
        found = self._found.get(reference)
        if found is None:
            found = self._walk(reference)
            if found is not None and not reference.ranges:
                self._found[reference] = found
        return found

    def _walk(self, reference: Reference) -> Node | None:
        here: Node | None = self.devices.get(reference.device, {}).get(reference.node)
        if reference.fc is None:
            return None if reference.path else here
        here = here and here.children.get(reference.fc.value)
        for part in reference.path:
            if here is None:
                return None
            here = step(here, part)
        return here
