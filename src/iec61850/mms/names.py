"""The standard's words in Python case."""

from __future__ import annotations

import re

from .tree import Component, Type

ITEMS = {
    "AlternateAccess": "AlternateAccessItem",
    "ListOfVariable": "VariableDef",
    "StructureComponents": "StructureComponent",
    "Write-Response": "WriteResult",
}
"""Names for the items of the lists whose items have no name in the standard."""

REMEMBERED = frozenset({"DomainSpecific", "VariableDef"})
"""Classes of what comes again and again in the same form: the names of variables. Their values cannot be changed, and
the codec remembers how they look in a list."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def class_name(type_: Type) -> str:
    """Return the Python name of a type: `Read-Request` is `ReadRequest`."""
    if type_.name is None:
        return ITEMS[type_.owner or ""]
    return "".join(part[:1].upper() + part[1:] for part in type_.name.split("-"))


def field_name(component: Component) -> str:
    """Return the attribute a component is in: `invokeID` is `invoke_id`."""
    return snake(component.name)


def member_name(identifier: str) -> str:
    """Return the name of an enumeration's member: `object-non-existent` is `OBJECT_NON_EXISTENT`."""
    return snake(identifier).upper()


def snake(identifier: str) -> str:
    """Return an identifier in snake case."""
    return _HUMP.sub("_", identifier).lower().replace("-", "_")


def field_order(sequence: Type) -> list[Component]:
    """Return the components in the order of the class's fields: those that have to be given come first."""
    return sorted(sequence.components, key=lambda component: not component.required)


def remembered(type_: Type) -> bool:
    """Return whether the codec remembers the values of a type (see `REMEMBERED`)."""
    return type_.kind == "SEQUENCE" and class_name(type_) in REMEMBERED
