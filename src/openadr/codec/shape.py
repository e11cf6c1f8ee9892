"""The shape of a part: its fields as the tree of elements that they are on the wire.

Reader, writer and schema are all made from this tree.
"""

from __future__ import annotations

from functools import cache

import attrs

from ..model.declare import DECLARATIONS, Choice, Content, Field
from ..model.simple import BY_PYTHON, Simple


@attrs.define(eq=False)
class Node:
    """An element, or a choice of elements, within a part.

    Attributes:
        name: `prefix:local`; of a choice, its head.
        low, high: how often it may stand here; `high` None is any number.
        field: the field that its content is a value of; None for an element that only holds others.
        content: the type of the value; None for an element that only holds others.
        inner: those others.
        box: the named type of an element that holds a single value in an element of its own.
        opens: the field that is an empty sequence, and not None, once this element is there.
    """

    name: str
    low: int
    high: int | None = 1
    field: Field | None = None
    content: Content | None = None
    inner: list[Node] = attrs.Factory(list)
    box: Simple | None = None
    opens: Field | None = None


@attrs.frozen(eq=False)
class Shape:
    """Attributes and elements of a part, in order."""

    attributes: tuple[Field, ...]
    nodes: tuple[Node, ...]


@cache
def shape(part: type) -> Shape:
    """Return the shape of a part."""
    declared = DECLARATIONS[part].fields
    nodes: list[Node] = []
    for field in declared:
        if not field.path:
            choice = field.content
            assert isinstance(choice, Choice)
            low, high = (field.least, None) if field.repeated is not None else (int(not field.optional), 1)
            nodes.append(Node(choice.head, low, high, field, choice))
        elif not field.path[0].startswith("@"):
            _insert(nodes, field)
    return Shape(tuple(field for field in declared if field.path and field.path[0].startswith("@")), tuple(nodes))


def branches(choice: Choice, field: Field) -> list[Node]:
    """Return the elements of a choice whose value goes to `field`, in the order of the declaration."""
    found: list[Node] = []
    for path, member in choice.members.items():
        content = BY_PYTHON.get(member, member)
        nodes: list[Node] = []
        _insert(nodes, attrs.evolve(field, path=tuple(path.split("/")), content=content, repeated=None, optional=False))
        leaf = nodes[0]
        while leaf.inner:
            leaf = leaf.inner[0]
        leaf.field = field
        found += nodes
    return found


def _insert(nodes: list[Node], field: Field) -> None:
    """Add the elements of a field's path, sharing those that the field before it opened."""
    fresh = True  # until the first element that is the field's own, which bears its optionality
    for position, step in enumerate(field.path):
        last = position == len(field.path) - 1
        if not last and fresh and nodes and nodes[-1].name == step and nodes[-1].content is None:
            if not nodes[-1].low:
                raise TypeError(
                    f"{field.name} shares {step} with a field that may be absent: put one before it that may not"
                )
            nodes = nodes[-1].inner
            continue
        low, high = (field.least, None) if position == field.repeated else (int(not (fresh and field.optional)), 1)
        node = Node(step, low, high)
        if fresh and field.optional and field.repeated is not None:
            node.opens = field
        fresh = False
        nodes.append(node)
        nodes = node.inner
    if isinstance(field.content, Simple) and field.content.content is not None:
        name, inner = field.content.content
        node.box = field.content
        node.inner.append(Node(name, 1, 1, field, inner))
    else:
        node.field, node.content = field, field.content
