"""Renders the Python classes of the module: the text of `pdu_generated.py`."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from .names import REMEMBERED, class_name, field_name, field_order, member_name
from .tree import Component, Type

_PLAIN = {
    "BOOLEAN": "bool",
    "INTEGER": "int",
    "BIT STRING": "Bits",
    "OCTET STRING": "bytes",
    "NULL": "None",
    "OBJECT IDENTIFIER": "str",
    "UTF8String": "str",
    "GeneralizedTime": "str",
    "GraphicString": "str",
    "VisibleString": "str",
}

_HEAD = '''\
"""The PDUs as Python classes. Generated from schemas/iec61850/mms.asn: change that file and run

    python -m janusgrid.iec61850.mms.generate

A SEQUENCE is a class; its fields that have to be given come first, and those of names cannot be changed. A CHOICE is a
tuple of the alternative's identifier and the value, made for `match`. A SEQUENCE OF is a list. Octet strings are
`bytes`, strings, object identifiers and times in text are `str`, bit strings are `Bits`. A set of codes is an `IntEnum`
for reading and writing code; the fields hold plain `int`, since numbers outside the set are legal.
"""

# fmt: off
from __future__ import annotations

from enum import IntEnum
from typing import Literal, TypeAlias

import attrs

Bits: TypeAlias = tuple[int, int]
"""A bit string: its bits as a number, bit 0 being the most significant, and how many they are."""
'''


def render(types: Mapping[str, Type], docs: Mapping[str, str]) -> str:
    """Return the text of the module `pdu_generated.py`."""
    blocks = [_HEAD]
    for type_ in types.values():
        if type_.item is not None and type_.item.name is None:
            blocks += _block(type_.item, f"An item of `{type_.name}`.")
        blocks += _block(type_, docs.get(type_.label, ""))
    return "\n\n".join(blocks)


def _block(type_: Type, doc: str) -> list[str]:
    """Return the class of a type, if it has one of its own."""
    if type_.kind == "SEQUENCE":
        return [_sequence(type_, doc)]
    if type_.kind == "CHOICE":
        return [_choice(type_, doc)]
    return [_enumeration(type_, doc)] if type_.names else []


def _sequence(type_: Type, doc: str) -> str:
    fields = [_field(component) for component in field_order(type_)]
    name = class_name(type_)
    decorator = "@attrs.frozen(slots=True, cache_hash=True)" if name in REMEMBERED else "@attrs.define(slots=True)"
    return "\n".join([decorator, f"class {name}:", _docstring(doc), "", *fields, ""])


def _field(component: Component) -> str:
    annotation, value = _annotation(component.type), ""
    if component.optional:
        annotation, value = f"{annotation} | None", " = None"
    elif component.default is not None:
        value = f" = {component.default!r}"
    codes = f"  # {class_name(component.type)}" if component.type.kind == "INTEGER" and component.type.names else ""
    return f"    {field_name(component)}: {annotation}{value}{codes}"


def _choice(type_: Type, doc: str) -> str:
    """Return a type alias; in quotes, since it may refer to itself and to what comes later."""
    alternatives = [f"tuple[Literal['{c.name}'], {_annotation(c.type)}]" for c in type_.components]
    lines = [f'    "{alternatives[0]}"', *(f'    " | {alternative}"' for alternative in alternatives[1:])]
    return "\n".join([f"{class_name(type_)}: TypeAlias = (", *lines, ")", _docstring(doc, ""), ""])


def _enumeration(type_: Type, doc: str) -> str:
    members = [f"    {member_name(name)} = {number}" for name, number in type_.names.items()]
    return "\n".join([f"class {class_name(type_)}(IntEnum):", _docstring(doc), "", *members, ""])


def _annotation(type_: Type) -> str:
    if type_.item is not None:
        return f"list[{_annotation(type_.item)}]"
    return class_name(type_) if type_.components else _PLAIN[type_.kind]


def _docstring(doc: str, indent: str = "    ") -> str:
    lines = textwrap.wrap(f'"""{doc}', 117 - len(indent), initial_indent=indent, subsequent_indent=indent)
    lines[-1] += '"""' if len(lines) == 1 else f'\n{indent}"""'
    return "\n".join(lines)
