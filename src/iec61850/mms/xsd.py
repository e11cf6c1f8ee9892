"""Renders the XML schema of a dialect: what `xer_encoder` writes is valid against it.

X.694 goes from XSD to ASN.1; this goes the other way. A type becomes a type of the same name, a CHOICE also a group,
because a list of CHOICEs may have no elements around its items. XSD cannot say that a mixed element has either text or
a child, so a number that may be written by name is a little less strict here than in the decoder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

from . import tree
from .dialect import Defaults, Dialect, Numbers
from .text import CONTROLS
from .tree import Component, Type

_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- Generated from mms.asn: change that file and run python -m janusgrid.iec61850.mms.generate -->
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{namespace}" targetNamespace="{namespace}" \
elementFormDefault="qualified">
  <xs:annotation>
    <xs:documentation>{source}</xs:documentation>
  </xs:annotation>
"""
_MANY = ' minOccurs="0" maxOccurs="unbounded"'
_OPTIONAL = ' minOccurs="0"'

_BUILT_IN = {
    "INTEGER": "xs:integer",
    "OCTET STRING": "xs:hexBinary",
    "GraphicString": "xs:string",
    "VisibleString": "xs:string",
}
_PATTERNS = {
    "BIT STRING": "[01]*",
    "OBJECT IDENTIFIER": r"[0-9]+(\.[0-9]+)+",
    "GeneralizedTime": r"[0-9]{10}([0-9]{2}){0,2}([.,][0-9]{1,9})?(Z|[+\-][0-9]{2}([0-9]{2})?)?",
}


def render(types: Mapping[str, Type], dialect: Dialect) -> str:
    """Return the text of the schema of a dialect."""
    schema = _Schema(dialect)
    lines = [line for type_ in types.values() for line in schema.define(type_)]
    root = types[tree.ROOT]
    roots = [(dialect.root, root)] if dialect.root else [(c.name, c.type) for c in root.components]
    for name, type_ in roots:
        lines += schema.element(name, type_, "")
    head = _HEAD.format(namespace=dialect.namespace, source=escape(dialect.source))
    return head + "".join(f"  {line}\n" for line in schema.built_in() + lines) + "</xs:schema>\n"


class _Schema:
    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def define(self, type_: Type) -> list[str]:
        """Return the definition of a type with a name."""
        if type_.kind == "CHOICE" and type_.name not in self._choices_left_out():
            group = _in(f'xs:group name="{type_.name}"', _in("xs:choice", self._alternatives(type_)))
            return group + self._type(type_, type_.name)
        return self._type(type_, type_.name)

    def element(self, name: str, type_: Type, occurs: str) -> list[str]:
        """Return the declaration of an element."""
        named = self._reference(type_)
        if named:
            return [f'<xs:element name="{name}" type="{named}"{occurs}/>']
        return [f'<xs:element name="{name}"{occurs}>', *_indent(self._type(type_, None)), "</xs:element>"]

    def built_in(self) -> list[str]:
        """Return the definitions of built-in types that XSD does not have."""
        times = self._dialect.schema_times
        simple = {kind: pattern for kind, pattern in _PATTERNS.items() if not (times and kind == "GeneralizedTime")}
        definitions = [
            _complex("NULL", []),
            _complex("BOOLEAN", _in("xs:choice", _empty_elements(["true", "false"]))),
            _complex("UTF8String", _in(f"xs:choice{_MANY}", _empty_elements(CONTROLS)), mixed=True),
            *(_simple(_label(kind), "xs:token", [f'pattern value="{pattern}"']) for kind, pattern in simple.items()),
        ]
        return [line for definition in definitions for line in definition]

    def _reference(self, type_: Type) -> str | None:
        """Return the name to refer to a type by; None if it has none."""
        if type_.name is not None:
            return type_.name
        if type_.kind == "GeneralizedTime" and self._dialect.schema_times:
            return "xs:dateTime"
        return None if type_.constructed else _BUILT_IN.get(type_.kind, _label(type_.kind))

    def _type(self, type_: Type, name: str | None) -> list[str]:
        """Return the definition of a type, with a name or in place."""
        if type_.constructed:
            return _complex(name, self._content(type_))
        if type_.kind == "INTEGER" and type_.names and self._dialect.numbers is Numbers.ELEMENT:
            return _complex(name, _in(f"xs:choice{_OPTIONAL}", _empty_elements(type_.names)), mixed=True)
        if type_.range:
            lower, upper = type_.range
            return _simple(name, "xs:integer", [f'minInclusive value="{lower}"', f'maxInclusive value="{upper}"'])
        if type_.sizes:
            shorter = 1 if type_.name == "FloatingPoint" and self._dialect.ieee_floats else 0
            pattern = "|".join(f"[0-9A-Fa-f]{{{2 * (size - shorter)}}}" for size in type_.sizes)
            return _simple(name, "xs:hexBinary", [f'pattern value="{pattern}"'])
        base = _BUILT_IN.get(type_.kind, _label(type_.kind))
        if type_.kind in ("UTF8String", "BOOLEAN", "NULL"):
            extension = _in(f'xs:extension base="{base}"', [])
            mixed = type_.kind == "UTF8String"
            return _complex(name, _in("xs:complexContent", extension), mixed=mixed)
        return _simple(name, base, [])

    def _content(self, type_: Type) -> list[str]:
        if type_.item is not None:
            return _in("xs:sequence", self._items(type_.item))
        if type_.kind == "CHOICE":
            if type_.name in self._choices_left_out():
                return _in("xs:choice", _empty_elements(type_.components[0].type.names))
            if type_.name is not None:
                return _in("xs:sequence", [f'<xs:group ref="{type_.name}"/>'])
            return _in("xs:choice", self._alternatives(type_))
        return self._sequence(type_)

    def _sequence(self, type_: Type) -> list[str]:
        elements, attributes = [], []
        for component in type_.components:
            if component.default is not None and self._dialect.defaults is Defaults.ATTRIBUTE:
                attributes += self._attribute(component)
            else:
                name = self._dialect.element(type_.name, component.name)
                elements += self.element(name, component.type, "" if component.required else _OPTIONAL)
        if type_.extensible:
            elements.append(f'<xs:any namespace="##any" processContents="lax"{_MANY}/>')
        return _in("xs:sequence", elements) + attributes

    def _attribute(self, component: Component) -> list[str]:
        if component.type.kind == "BOOLEAN":
            default = str(component.default).lower()
            return [f'<xs:attribute name="{component.name}" type="xs:boolean" default="{default}"/>']
        names = {number: name for name, number in component.type.names.items()}
        values = [f'enumeration value="{name}"' for name in names.values()]
        return [
            f'<xs:attribute name="{component.name}" default="{names[int(component.default or 0)]}">',
            *_indent(_simple(None, "xs:token", values)),
            "</xs:attribute>",
        ]

    def _items(self, item: Type) -> list[str]:
        if item.kind != "CHOICE" or self._dialect.item_elements:
            return self.element(item.label, item, _MANY)
        if item.name is not None:
            return [f'<xs:group ref="{item.name}"{_MANY}/>']
        return _in(f"xs:choice{_MANY}", self._alternatives(item))

    def _alternatives(self, type_: Type) -> list[str]:
        return [line for c in type_.components for line in self.element(c.name, c.type, "")]

    def _choices_left_out(self) -> set[str]:
        return {key.partition(".")[0] for key in self._dialect.levels_left_out}


def _complex(name: str | None, content: list[str], *, mixed: bool = False) -> list[str]:
    attributes = (f' name="{name}"' if name else "") + (' mixed="true"' if mixed else "")
    return _in(f"xs:complexType{attributes}", content)


def _simple(name: str | None, base: str, facets: list[str]) -> list[str]:
    restriction = _in(f'xs:restriction base="{base}"', [f"<xs:{facet}/>" for facet in facets])
    return _in("xs:simpleType" + (f' name="{name}"' if name else ""), restriction)


def _empty_elements(names: Iterable[str]) -> list[str]:
    return [f'<xs:element name="{name}" type="NULL"/>' for name in names]


def _in(tag: str, content: list[str]) -> list[str]:
    """Return `content` within an element; `tag` may have attributes."""
    return [f"<{tag}>", *_indent(content), f"</{tag.split()[0]}>"] if content else [f"<{tag}/>"]


def _indent(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _label(kind: str) -> str:
    return kind.replace(" ", "_")
