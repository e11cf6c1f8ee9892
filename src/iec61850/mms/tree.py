"""The types of the ASN.1 module as a tree, read from `schemas/iec61850/mms.json`.

The JSON is what `generate` found in `mms.asn`, so that nothing parses ASN.1 at run time. A reference to a type is the
`Type` itself; recursive types make it a graph. The tree is shared and never changed after loading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from ...common.resources import resource

ROOT = "MMSpdu"
"""The type of every message."""

UNIVERSAL_TAGS = {
    "BOOLEAN": 0x01,
    "INTEGER": 0x02,
    "BIT STRING": 0x03,
    "OCTET STRING": 0x04,
    "NULL": 0x05,
    "OBJECT IDENTIFIER": 0x06,
    "UTF8String": 0x0C,
    "GeneralizedTime": 0x18,
    "GraphicString": 0x19,
    "VisibleString": 0x1A,
    "SEQUENCE": 0x30,
    "SEQUENCE OF": 0x30,
}
"""Built-in types that the module uses, with their identifier octets in BER; CHOICE has none."""


@attrs.define(slots=True, eq=False)
class Type:
    """One type: a built-in type with what the module says about it.

    Attributes:
        kind: the built-in type, in the words of ASN.1 (`SEQUENCE OF`).
        name: the name the module gives it; None for a type without one.
        owner: for an item type without a name, the name of its list.
        components: of a SEQUENCE, or the alternatives of a CHOICE, in order.
        extensible: a SEQUENCE that may have more components than are known here.
        item: of a SEQUENCE OF.
        names: named numbers of an INTEGER, named bits of a BIT STRING.
        range: bounds of an INTEGER.
        sizes: the lengths an OCTET STRING can have; empty for any.
    """

    kind: str
    name: str | None = None
    owner: str | None = None
    components: tuple[Component, ...] = ()
    extensible: bool = False
    item: Type | None = None
    names: Mapping[str, int] = attrs.field(factory=dict)
    range: tuple[int, int] | None = None
    sizes: tuple[int, ...] = ()

    @property
    def constructed(self) -> bool:
        """True if its content is made of other TLVs."""
        return self.kind in ("SEQUENCE", "SEQUENCE OF", "CHOICE")

    @property
    def identifiers(self) -> tuple[int, ...]:
        """The identifier octets it has in BER where it has no other tag, as a number; none for a CHOICE."""
        return (UNIVERSAL_TAGS[self.kind],) if self.kind != "CHOICE" else ()

    @property
    def label(self) -> str:
        """The name of an item of this type in XER: its own, else that of the built-in type."""
        return self.name or self.kind.replace(" ", "_")


@attrs.define(slots=True, eq=False)
class Component:
    """A component of a SEQUENCE or an alternative of a CHOICE.

    Attributes:
        name: its identifier.
        type: its type.
        tag: its context-specific tag; None for an untagged one.
        explicit: the tag stands before that of the type rather than in its place.
        optional: it may be absent; so may one with a default.
        default: its value where it is absent; None for none.
    """

    name: str
    type: Type
    tag: int | None = None
    explicit: bool = False
    optional: bool = False
    default: bool | int | None = None

    @property
    def required(self) -> bool:
        """True if it cannot be absent."""
        return not self.optional and self.default is None

    @property
    def identifiers(self) -> tuple[int, ...]:
        """The identifier octets it has in BER, outermost first, each as a number (`BF 48` is 0xBF48)."""
        if self.tag is None:
            return self.type.identifiers
        explicit = self.explicit or self.type.kind == "CHOICE"  # the tag of a CHOICE is always explicit
        first = 0xA0 if explicit or self.type.constructed else 0x80
        outer = first | self.tag if self.tag < 31 else (first | 31) << 8 | self.tag
        return (outer, *self.type.identifiers) if explicit else (outer,)


def load() -> dict[str, Type]:
    """Return the types of the module by name."""
    return build(json.loads(resource("schemas/iec61850/mms.json").read_text("utf-8")))


def build(module: Mapping[str, Mapping[str, Any]]) -> dict[str, Type]:
    """Return the types that the JSON form of a module declares."""
    types = {name: Type(declared["kind"], name) for name, declared in module.items()}
    for name, declared in module.items():
        _fill(types[name], declared, types)
    return types


def _fill(type_: Type, declared: Mapping[str, Any], types: Mapping[str, Type]) -> None:
    type_.components = tuple(
        Component(
            component["name"],
            _type(component["type"], types, type_),
            component.get("tag"),
            component.get("explicit", False),
            component.get("optional", False),
            component.get("default"),
        )
        for component in declared.get("components", ())
    )
    type_.extensible = declared.get("extensible", False)
    type_.item = _type(declared["item"], types, type_) if "item" in declared else None
    type_.names = declared.get("names", {})
    type_.range = tuple(declared["range"]) if "range" in declared else None
    type_.sizes = tuple(declared.get("sizes", ()))


def _type(declared: str | Mapping[str, Any], types: Mapping[str, Type], owner: Type) -> Type:
    """Return the type that a reference, a built-in name or an anonymous declaration stands for."""
    if isinstance(declared, str):
        return types.get(declared) or Type(declared)
    anonymous = Type(declared["kind"], owner=owner.name)
    _fill(anonymous, declared, types)
    return anonymous
