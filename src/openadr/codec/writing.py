"""From messages to text: one function per part, generated from its declaration, that returns what its element holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ...common.xml import escape, escape_value
from ..model.declare import DECLARATIONS, Choice, Field, Xml
from ..model.names import NAMESPACES
from ..model.simple import DURATION_VALUE, UNSIGNED_INT, Simple
from .generated import Source
from .shape import Node, branches, shape

Writer = Callable[[Any, str], str]


def writers() -> dict[type, Writer]:
    """Return, for every message, the function that writes it with its payload around it.

    Its second argument is put into the start tag of the signed object. The prefixes declared are all those that the
    message could use: looking which it does use takes longer than writing it.
    """
    source = Source()
    source.globals.update(escape=escape, escape_value=escape_value, opaque=_opaque)
    tables = {}
    for field in (field for declaration in DECLARATIONS.values() for field in declaration.fields):
        if isinstance(field.content, Choice) and field.content.head not in tables:
            tables[field.content.head] = _choice(source, field.content, field)
    for part in DECLARATIONS:
        _Function(source, part).write()
    messages = {part: f"message_{part.__name__}" for part, declaration in DECLARATIONS.items() if declaration.root}
    for part, name in messages.items():
        with source.block(f"def {name}(m, signed):"):
            message = _element(DECLARATIONS[part].root or "", part, "m")
            spaces = "".join(f' xmlns:{prefix}="{NAMESPACES[prefix]}"' for prefix in sorted({"oadr", *_prefixes(part)}))
            signed = f"<oadr:oadrSignedObject{{signed}}>{message}</oadr:oadrSignedObject>"
            source(f"return f'<oadr:oadrPayload{spaces}>{signed}</oadr:oadrPayload>'")
    made = source.compiled("openadr writers")
    for head, functions in tables.items():
        made[_table(head)] = {member: made[name] for member, name in functions.items()}
    return {part: made[name] for part, name in messages.items()}


@cache
def _prefixes(part: type) -> frozenset[str]:
    """Return the prefixes of all that a part can hold."""
    names = [field.path[0][1:] for field in shape(part).attributes]
    todo = list(shape(part).nodes)
    found: set[str] = set()
    while todo:
        node = todo.pop()
        todo += node.inner
        if isinstance(node.content, Choice) and node.field is not None:
            todo += branches(node.content, node.field)
        else:
            names.append(node.name)
        if node.content in DECLARATIONS:
            found |= _prefixes(node.content)
    return frozenset(found | {name.partition(":")[0] for name in names})


def _opaque(name: str, xml: Xml | None) -> str:
    return f"<{name}/>" if xml is None else xml.text


def _element(name: str, part: type, value: str) -> str:
    """Return the template of an element that holds a part."""
    start = f"{{start_{part.__name__}({value})}}" if shape(part).attributes else ""
    return f"<{name}{start}>{{write_{part.__name__}({value})}}</{name}>"


def _table(head: str) -> str:
    return f"choice_{head.replace(':', '_')}"


def _choice(source: Source, choice: Choice, field: Field) -> dict[type, str]:
    """Write a function for every element of a choice; return their names by the class of the value."""
    names = {}
    for branch, member in zip(branches(choice, field), choice.members.values(), strict=True):
        names[member] = f"{_table(choice.head)}_{branch.name.partition(':')[2]}"
        with source.block(f"def {names[member]}(x):"):
            source(f"return f'{_Function(source, member).element(branch, 'x')}'")
    return names


class _Function:
    """Writes the functions of one part: `write_…` for what is inside its element, `start_…` for its attributes.

    Templates are bodies of f-strings in single quotes; what is optional or repeated is made in statements before.
    """

    def __init__(self, source: Source, part: type) -> None:
        self.source = source
        self.part = part
        self.pieces = 0

    def write(self) -> None:
        source = self.source
        attributes = shape(self.part).attributes
        if attributes:
            with source.block(f"def start_{self.part.__name__}(m):"):
                parts = [self.attribute(field) for field in attributes]
                source(f"return f'{''.join(parts)}'")
        with source.block(f"def write_{self.part.__name__}(m):"):
            source(f"return f'{self.sequence(shape(self.part).nodes)}'")

    def attribute(self, field: Field) -> str:
        assert isinstance(field.content, Simple)
        name = self.piece()
        value = f"m.{field.name}"
        self.source(f"{name} = '' if {value} is None else f' {field.path[0][1:]}=\"{{escape_value({value})}}\"'")
        return f"{{{name}}}"

    def sequence(self, nodes: Sequence[Node]) -> str:
        return "".join([self.node(node) for node in nodes])

    def node(self, node: Node) -> str:
        """Return the template of an element that may, must or may often stand here."""
        leaf = _leaf(node)
        value = f"m.{leaf.field.name}" if leaf.field else ""
        if node.high is None:
            piece = self.piece()
            self.source(f"{piece} = ''.join([f'{self.element(node, 'x')}' for x in {value}])")
        elif node.low or (leaf.field is not None and leaf.field.filler):
            return self.element(node, value)
        else:
            piece = self.piece()
            self.source(f"{piece} = ''")
            with self.source.block(f"if {value} is not None:"):
                self.source(f"{piece} = f'{self.element(node, value)}'")
        return f"{{{piece}}}"

    def element(self, node: Node, value: str) -> str:
        """Return the template of the element, holding `value`."""
        name, content, field = node.name, node.content, node.field
        if isinstance(content, Choice):
            return f"{{{_table(content.head)}[{value}.__class__]({value})}}"
        if node.inner:
            inner = [self.node(each) if value.startswith("m.") else self.element(each, value) for each in node.inner]
            return f"<{name}>{''.join(inner)}</{name}>"
        if field is not None and field.filler:
            return f'{{opaque("{name}", {value})}}'
        if content is Xml:
            return f"{{{value}.text}}"
        if isinstance(content, Simple):
            text = field.fixed if field is not None and field.fixed is not None else self.text(content, value)
            return f"<{name}>{text}</{name}>"
        assert isinstance(content, type)
        return _element(name, content, value)

    def text(self, simple: Simple, value: str) -> str:
        """Return the template of a text."""
        if simple.escaped:
            return f"{{escape({value})}}"
        if simple.choices is not None or simple is UNSIGNED_INT:
            return f"{{{value}}}"
        if simple is DURATION_VALUE:
            return f"{{{value}.text}}"
        return f"{{{self.source.name(simple.render, 'render')}({value})}}"

    def piece(self) -> str:
        self.pieces += 1
        return f"s{self.pieces}"


def _leaf(node: Node) -> Node:
    """Return the element that holds the value for which the first of the elements in `node` is there."""
    while node.inner:
        node = node.inner[0]
    return node
