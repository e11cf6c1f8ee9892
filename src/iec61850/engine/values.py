"""Values of the model: what fits into a leaf, how a structure spreads over its leaves, and reading a subtree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC
from ..acsi.types import BasicType, DataValue, Quality, Timestamp
from ..acsi.values import CHECKS, default
from ..model.nodes import Attribute
from .tree import Elements, Group, Node


def fit(leaf: Attribute, value: DataValue) -> DataValue:
    """Return `value` as this leaf will hold it; raise `ServiceRefused` if it does not fit."""
    assert leaf.type is not None
    check = CHECKS[leaf.type]
    if leaf.count:
        if not isinstance(value, list) or len(value) != leaf.count:
            raise ServiceRefused(ServiceError.TYPE_CONFLICT, f"{leaf.name} is an array of {leaf.count}")
        return [check(one) for one in value]
    held = check(value)
    if leaf.enum is not None and leaf.enum.ordinals and held not in leaf.enum.ordinals.values():
        raise ServiceRefused(
            ServiceError.PARAMETER_VALUE_INAPPROPRIATE, f"{value!r} is no ordinal of the enumeration {leaf.enum.id}"
        )
    return held


def spread(node: Node, value: DataValue) -> Iterator[tuple[Attribute, DataValue]]:
    """Yield each leaf below a node with its part of `value`, fitted; raise `ServiceRefused` if one does not fit."""
    if isinstance(node, Attribute) and node.type is not None:
        yield node, fit(node, value)
        return
    if isinstance(node, Elements):
        yield node.array, fit(node.array, node.put(_values(node.array), _counted(node, value)))
        return
    below = node.elements or list(node.children.values())
    if not isinstance(value, list) or len(value) != len(below):
        raise ServiceRefused(ServiceError.TYPE_CONFLICT, f"{node.name} has {len(below)} components")
    for child, part in zip(below, value, strict=True):
        yield from spread(child, part)


def read(node: Node) -> DataValue:
    """Return the present value of a node: of a leaf as it is held, of anything else a list in order."""
    if isinstance(node, Attribute) and node.type is not None:
        value = node.value
        return list(value) if isinstance(value, list) else value
    if isinstance(node, Elements):
        return node.take(_values(node.array))
    return [read(child) for child in node.elements or node.children.values()]


def _values(array: Attribute) -> list[DataValue]:
    assert isinstance(array.value, list)
    return array.value


def _counted(node: Elements, value: DataValue) -> DataValue:
    """Return a value for elements of an array; raise `ServiceRefused` if it is not for as many."""
    if isinstance(value, list) is not bool(node.count) or (isinstance(value, list) and len(value) != node.count):
        raise ServiceRefused(ServiceError.TYPE_CONFLICT, f"{node.count or 'one'} of {node.name} is wanted")
    return value


def part(node: Node, changes: Mapping[Attribute, DataValue]) -> DataValue:
    """Return the value that a node is to have by changes of all its leaves."""
    if isinstance(node, Attribute) and node.type is not None:
        return changes[node]
    if isinstance(node, Elements):
        whole = changes[node.array]
        return node.take(whole if isinstance(whole, list) else [])
    return [part(child, changes) for child in node.elements or node.children.values()]


def initialise(groups: Iterator[Group], time: Timestamp) -> None:
    """Give every leaf that has no value one, so that reading never meets an absent value.

    Times become `time`. The quality of a data object is good if the configuration gave one of its values, else
    invalid: nothing is known of it yet. That of a substituted value (subQ) is good.
    """
    for group in groups:
        _initialise(group, time)


def _initialise(node: Node, time: Timestamp) -> bool:
    """Fill the absent values below a node; return whether any was given there."""
    if isinstance(node, Attribute) and node.type is not None:
        given = node.value is not None
        if not given:
            one: DataValue = time if node.type is BasicType.TIMESTAMP else default(node.type)
            node.value = [one] * node.count if node.count else one
        return given
    given = False
    absent: list[Attribute] = []
    for child in node.elements or list(node.children.values()):
        if isinstance(child, Attribute) and child.type is BasicType.QUALITY and child.value is None and not child.count:
            absent.append(child)
        given |= _initialise(child, time)
    for quality in absent:
        if given or quality.fc is FC.SV:  # what stands in for the process is good as long as nobody says otherwise
            quality.value = Quality()
    return given
