"""Decodes XER: closures made once from the tree for a dialect, on elements of xml.etree or of lxml.

What can stand at a place is a table from element names to what decodes them. All forms that any dialect or edition
uses are in these tables, so that taking them costs nothing.

An element without children is decoded by its text, by the `Plain` of its entry; all others by its `Decode`. As in BER,
the loops repeat each other for speed, and whatever is rare is left to functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import elements, pdu, text
from .dialect import ALSO_AROUND, ALSO_READ, DIALECTS, Dialect
from .elements import Decode, Element, Plain
from .errors import MmsDecodeError, located
from .names import class_name, field_order, remembered
from .shape import Budget, Limits, blank, first_place, maker, too_deep, too_many
from .text import CONTROLS, SPACE
from .tree import Component, Type

Step = tuple[str, Plain, Decode]
"""The name of the component, for the path of a fault in it; how to decode the element."""
Alternative = tuple[str, str, Plain, Decode]
"""The same for an alternative of a CHOICE, with its identifier in front; that is empty where the value has it."""


def compile_decoder(root: Type, dialect: Dialect) -> Callable[[Element, Limits], Any]:
    """Return the function from an element to a value of the CHOICE `root`."""
    compiler = _Compiler(dialect)
    table = compiler.choice(root)
    decode_choice = _choice(table)
    wrapped = set(compiler.looks(root.label, dialect.root or root.label))

    def decode(element: Element, limits: Limits) -> Any:
        if element.tag not in wrapped:
            element = elements.Around(element)
        return decode_choice(element, Budget(limits.depth, limits.elements))

    return decode


class _Compiler:
    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._nodes: dict[Type, Decode] = {}
        self._choices: dict[Type, dict[str, Alternative]] = {}
        self._unfinished: set[Type] = set()

    def looks(self, *names: str) -> Iterable[str]:
        """Yield the tags of elements with these names: in the dialect's namespace and in none."""
        for name in names:
            yield f"{{{self._dialect.namespace}}}{name}"
            yield name

    def choice(self, type_: Type) -> dict[str, Alternative]:
        """Return the table of a CHOICE; while it is being made, what is in it so far (recursion)."""
        if type_ not in self._choices:
            table = self._choices[type_] = {}
            inner: dict[str, Alternative] = {}
            self._unfinished.add(type_)
            for component in type_.components:
                inner |= {look: (component.name, *step) for look, step in self._table(type_, component).items()}
                inner |= self._level_left_out(type_, component)
            self._unfinished.remove(type_)
            around = (type_.label, *ALSO_AROUND.get(type_.label, ()))
            table |= {look: ("", "", None, _choice(inner)) for look in self.looks(*around)} | inner
        return self._choices[type_]

    def _table(self, type_: Type, component: Component) -> dict[str, Step]:
        """Return what a component can look like."""
        key = f"{type_.name}.{component.name}"
        element = self._dialect.element(type_.name, component.name)
        step = (element, *self._content(component.type))
        return dict.fromkeys(self.looks(component.name, element, *ALSO_READ.get(key, ())), step)

    def _level_left_out(self, type_: Type, component: Component) -> dict[str, Alternative]:
        """Return how the content of an alternative looks where it stands without an element of its own."""
        key = f"{type_.name}.{component.name}"
        if not any(key in dialect.levels_left_out for dialect in (self._dialect, *DIALECTS.values())):
            return {}
        return {
            look: (component.name, component.name, *elements.constant(number))
            for name, number in component.type.names.items()
            for look in self.looks(name)
        }

    def _content(self, type_: Type) -> tuple[Plain, Decode]:
        if not type_.constructed:
            plain = text.reader(type_)
            return plain, self._primitive(type_, plain)
        if type_.kind == "CHOICE":
            return None, _choice(self.choice(type_))
        if type_ not in self._nodes:
            self._nodes[type_] = self._sequence_of(type_) if type_.item else self._sequence(type_)
        return None, self._nodes[type_]

    def _sequence(self, type_: Type) -> Decode:
        tables = [self._table(type_, component) for component in type_.components]
        recursive = any(component.type in self._unfinished for component in type_.components)
        return _sequence(type_, tables, levels=int(recursive))

    def _sequence_of(self, type_: Type) -> Decode:
        assert type_.item is not None
        if type_.item.kind == "CHOICE":
            table = self.choice(type_.item)
            return _list(table, levels=int(type_.item in self._unfinished))
        looks = self.looks(type_.item.label, type_.item.kind.replace(" ", "_"))
        return _list(dict.fromkeys(looks, ("", "", *self._content(type_.item))), levels=0)

    def _primitive(self, type_: Type, plain: Callable[[str | None], Any]) -> Decode:
        """Return the decoder of a primitive element that has children: values, bits and characters with names."""
        named: dict[str, Any] = dict(type_.names)
        if type_.kind == "BOOLEAN":
            named = {"true": True, "false": False}
        elif type_.kind.endswith("String"):
            named = CONTROLS
        by_look = {look: value for name, value in named.items() for look in self.looks(name)}
        if named is CONTROLS:
            return lambda element, budget: plain(elements.characters(element, by_look))
        if type_.kind == "BIT STRING" and named:
            size = max(named.values()) + 1
            return lambda element, budget: elements.bits(elements.named_values(element, by_look, plain), size)
        return lambda element, budget: elements.only(elements.named_values(element, by_look, plain))


def _sequence(type_: Type, tables: list[dict[str, Step]], levels: int) -> Decode:
    make = maker(getattr(pdu, class_name(type_)), remember=remembered(type_))
    first, fields = first_place(type_, tables), blank(type_)
    attributes = _attributes(type_, tables)
    extensible = type_.extensible

    def decode(element: Element, budget: Budget) -> Any:
        values, place, path = fields.copy(), first, ""
        budget.depth -= levels
        try:
            if budget.depth < 0:
                raise too_deep()
            if (stray := element.text) and stray.strip(SPACE):
                raise elements.stray_text(stray)
            for child in element:
                entry = place.get(child.tag)
                if entry is None:
                    path = ""
                    if not elements.skipped(child, extensible and place.missing is None):
                        raise elements.unexpected(child, place)
                else:
                    index, path, plain, decode_child, place = entry
                    value = plain(child.text) if plain is not None and not len(child) else decode_child(child, budget)
                    values[index] = value
                if (stray := child.tail) and stray.strip(SPACE):
                    path = ""
                    raise elements.stray_text(stray)
            path = ""
            if place.missing is not None:
                raise MmsDecodeError(f"{place.missing} is missing")
            for read in attributes:
                read(element, values)
        except Exception as error:
            raise located(error, path, MmsDecodeError) from None
        budget.depth += levels
        return make(values)

    return decode


def _attributes(type_: Type, tables: list[dict[str, Step]]) -> list[Callable[[Element, list[Any]], None]]:
    """Return what reads the components with a default value where they are attributes."""

    def reader(component: Component, looks: dict[str, Step]) -> Callable[[Element, list[Any]], None]:
        plain, index = text.reader(component.type), field_order(type_).index(component)

        def read(element: Element, values: list[Any]) -> None:
            written = element.get(component.name)
            if written is not None:
                if any(child.tag in looks for child in element):
                    raise MmsDecodeError(f"{component.name} is both an attribute and an element")
                values[index] = plain(written)

        return read

    components = zip(type_.components, tables, strict=True)
    return [reader(component, looks) for component, looks in components if component.default is not None]


def _list(table: Mapping[str, Alternative], levels: int) -> Decode:
    """Return the decoder of a SEQUENCE OF: of CHOICEs, or of one thing (an alternative without an identifier)."""

    def decode(element: Element, budget: Budget) -> Any:
        values: list[Any] = []
        path = ""
        budget.depth -= levels
        try:
            if budget.depth < 0:
                raise too_deep()
            budget.elements -= len(element)
            if budget.elements < 0:
                raise too_many()
            if (stray := element.text) and stray.strip(SPACE):
                raise elements.stray_text(stray)
            for child in element:
                entry = table.get(child.tag)
                if entry is None:
                    path = ""
                    if not elements.skipped(child):
                        raise elements.unexpected(child, table)
                else:
                    name, path, plain, decode_child = entry
                    value = plain(child.text) if plain is not None and not len(child) else decode_child(child, budget)
                    values.append((name, value) if name else value)
                if (stray := child.tail) and stray.strip(SPACE):
                    path = ""
                    raise elements.stray_text(stray)
        except Exception as error:
            error = located(error, path, MmsDecodeError)
            raise located(error, f"[{len(values)}]", MmsDecodeError) from None
        budget.depth += levels
        return values

    return decode


def _choice(table: Mapping[str, Alternative]) -> Decode:
    """Return the decoder of an element around the one alternative of a CHOICE."""

    def decode(element: Element, budget: Budget) -> Any:
        path = ""
        try:
            child = element[0] if len(element) == 1 else elements.only_child(element)
            entry = table.get(child.tag)
            if entry is None:
                raise elements.unexpected(child, table)
            if element.text or child.tail:
                elements.no_text_around(element)
            name, path, plain, decode_child = entry
            value = plain(child.text) if plain is not None and not len(child) else decode_child(child, budget)
        except Exception as error:
            raise located(error, path, MmsDecodeError) from None
        return (name, value) if name else value

    return decode
