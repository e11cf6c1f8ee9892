"""From elements to messages: one function per part, generated from its declaration.

The functions walk over the elements in the order of the declaration, so they hold a document to its structure by
themselves; that the texts are of their types is for the schema to say, before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...common.errors import JanusGridError, Malformed
from ...common.xml import Element, canonical, place
from ..model.declare import DECLARATIONS, Choice, Declaration, Field, Xml
from ..model.names import prefixed, qualified
from ..model.simple import STRING, Simple
from .generated import Source
from .shape import Node, branches, shape

Reader = Callable[[Element], Any]

_BAD_TEXT = (ValueError, TypeError, KeyError, ArithmeticError, JanusGridError)
_FEW = 3
"""Up to this many elements of a choice are told apart one after the other; more by a table."""


def readers() -> dict[type, Reader]:
    """Return, for every part, the function that makes it from its element."""
    source = Source()
    source.globals.update(BAD_TEXT=_BAD_TEXT, new=object.__new__, wrong=_wrong, unreadable=_unreadable, opaque=_opaque)
    tables: list[tuple[dict[str, Reader], list[Node]]] = []
    for part, declaration in DECLARATIONS.items():
        _Function(source, part, declaration, tables).write()
    made = source.compiled("openadr readers")
    for table, nodes in tables:
        table.update({qualified(node.name): made[_reader(node.content)] for node in nodes})
    return {part: made[_reader(part)] for part in DECLARATIONS}


def path(element: Element) -> str:
    """Return the path of an element from its document's root, local names with positions among siblings."""
    steps = []
    above: Element | None = element
    while above is not None:
        parent = above.getparent()
        same = [] if parent is None else [sibling for sibling in parent if sibling.tag == above.tag]
        position = f"[{same.index(above) + 1}]" if len(same) > 1 else ""
        steps.append(above.tag.rpartition("}")[2] + position)
        above = parent
    return "/" + "/".join(reversed(steps))


def fault(element: Element, reason: str) -> Malformed:
    """Return the error for a fault at an element."""
    return Malformed(f"{path(element)}: {reason}", where=place(element))


def _opaque(element: Element) -> Xml:
    return Xml(canonical(element))


def _wrong(parent: Element, found: Any, wanted: str) -> Malformed:
    if found is None:
        return fault(parent, f"{wanted} is missing")
    return fault(found, f"{prefixed(found.tag)} is not expected here, but {wanted}")


def _unreadable(error: Exception, part: Element, *elements: Any) -> Malformed:
    """Return the error for a text that could not be read: of the innermost element looked at."""
    if isinstance(error, Malformed):
        return error
    at = part
    for element in elements:
        if element is not None and element.getparent() is at:
            at = element
    reason = error.message if isinstance(error, JanusGridError) else f"{(at.text or '')[:40]!r} cannot be held"
    return fault(at, reason)


def _reader(part: Any) -> str:
    return f"read_{part.__name__}"


class _Function:
    """Writes the function of one part.

    `e0` is its element; `c1`, `t1` are the present child and its tag, `c2`, `t2` the present child of that, and so on.
    Siblings are stepped over: in lxml that takes half the time of an iterator.
    """

    def __init__(self, source: Source, part: type, declaration: Declaration, tables: list[Any]) -> None:
        self.source = source
        self.part = part
        self.fields = declaration.fields
        self.tables = tables

    def write(self) -> None:
        source = self.source
        attributes, nodes = shape(self.part).attributes, shape(self.part).nodes
        present = [f"c{level}" for level in range(1, _depth(nodes) + 1)]
        with source.block(f"def {_reader(self.part)}(e0):"):
            source(" = ".join([*present, "None"]))
            self.defaults()
            with source.block("try:"):
                for field in attributes:
                    self.attribute(field)
                self.sequence(nodes, "e0", 1)
            with source.block("except BAD_TEXT as error:"):
                source(f"raise unreadable({', '.join(['error', 'e0', *present])}) from None")
            self.result()

    def defaults(self) -> None:
        for field in self.fields:
            if field.repeated is not None:
                self.source(f"v_{field.name} = {'None' if field.optional else '[]'}")
            elif field.optional or field.filler:
                self.source(f"v_{field.name} = None")
            elif field.fixed is not None:
                self.source(f"v_{field.name} = {field.fixed!r}")

    def result(self) -> None:
        part = self.source.name(self.part, "part")
        self.source(f"made = new({part})")
        for field in self.fields:
            put = self.source.name(getattr(self.part, field.name).__set__, "put")
            value = f"v_{field.name}"
            if field.repeated is not None:
                value = f"tuple({value})" if not field.optional else f"None if {value} is None else tuple({value})"
            self.source(f"{put}(made, {value})")
        self.source("return made")

    def attribute(self, field: Field) -> None:
        assert isinstance(field.content, Simple)
        self.source(f"text = e0.get({qualified(field.path[0][1:])!r})")
        with self.source.block("if text is not None:"):
            self.source(f"v_{field.name} = {self.parsed(field.content, 'text')}")

    def sequence(self, nodes: Sequence[Node], parent: str, level: int) -> None:
        """Write the reading of the children of `parent`."""
        self.source(f"c{level} = {parent}[0] if len({parent}) else None")
        self.tag(level)
        for node in nodes:
            if isinstance(node.content, Choice):
                self.choice(node, node.content, parent, level)
            else:
                self.element(node, parent, level)
        with self.source.block(f"if t{level} is not None:"):
            self.source(f"raise wrong({parent}, c{level}, 'the end')")

    def advance(self, level: int) -> None:
        self.source(f"c{level} = c{level}.getnext()")
        self.tag(level)

    def tag(self, level: int) -> None:
        self.source(f"t{level} = None if c{level} is None else c{level}.tag")

    def element(self, node: Node, parent: str, level: int) -> None:
        """Write the reading of an element that may, must or may often stand here."""
        name = repr(qualified(node.name))
        if node.low:
            with self.source.block(f"if t{level} != {name}:"):
                self.source(f"raise wrong({parent}, c{level}, {node.name!r})")
        if node.low and node.high:
            self.value(node, level)
            self.advance(level)
        else:
            with self.source.block(f"{'if' if node.high else 'while'} t{level} == {name}:"):
                self.value(node, level)
                self.advance(level)

    def choice(self, node: Node, choice: Choice, parent: str, level: int) -> None:
        """Write the reading of one of several elements."""
        assert node.field is not None
        members = branches(choice, node.field)
        table: dict[str, Any] = dict.fromkeys(qualified(member.name) for member in members)
        name = self.source.name(table, "table")
        if node.low:
            with self.source.block(f"if t{level} not in {name}:"):
                self.source(f"raise wrong({parent}, c{level}, {' or '.join(member.name for member in members)!r})")
        with self.source.block(f"{'if' if node.high else 'while'} t{level} in {name}:"):
            if len(members) > _FEW:
                self.tables.append((table, members))
                self.keep(node.field, f"{name}[t{level}](c{level})")
            else:
                for member in members:
                    with self.source.block(
                        f"{'el' if member is not members[0] else ''}if t{level} == {qualified(member.name)!r}:"
                    ):
                        self.value(member, level)
            self.advance(level)

    def value(self, node: Node, level: int) -> None:
        """Write the reading of the element in `c{level}`."""
        element, field, content = f"c{level}", node.field, node.content
        if node.opens is not None:
            self.source(f"v_{node.opens.name} = []")
        if node.inner:
            self.sequence(node.inner, element, level + 1)
        elif field is None or field.fixed is not None:
            self.source("pass")
        elif isinstance(content, Simple):
            self.keep(field, self.parsed(content, f"{element}.text"))
        elif field.filler:
            self.source(
                f"v_{field.name} = opaque({element}) if len({element}) or {element}.text or {element}.attrib else None"
            )
        elif content is Xml:
            self.keep(field, f"opaque({element})")
        else:
            self.keep(field, f"{_reader(content)}({element})")

    def keep(self, field: Field, expression: str) -> None:
        name = f"v_{field.name}"
        self.source(f"{name} = {expression}" if field.repeated is None else f"{name}.append({expression})")

    def parsed(self, simple: Simple, text: str) -> str:
        """Return the expression for the value of a text, by the shortest way for the frequent types."""
        if simple is STRING:
            return f'{text} or ""'
        if simple.parse in (int, float):
            return f"{simple.parse.__name__}({text})"
        parse = f"{self.source.name(simple.parse, 'parse')}({text} or '')"
        if simple.choices is not None:
            members = self.source.name({member.value: member for member in simple.choices}, "members")
            return f"{members}.get({text}) or {parse}"
        return parse


def _depth(nodes: Sequence[Node]) -> int:
    """Return how many levels of elements a function walks over."""
    inner = [list(node.inner) for node in nodes]
    inner += [
        [member]
        for node in nodes
        if isinstance(node.content, Choice) and node.field
        for member in branches(node.content, node.field)
    ]
    deepest = max((_depth(each) for each in inner), default=0)
    return deepest + 1 if nodes else 0
