"""Encodes to XER: closures made once from the tree for a dialect (X.693, with what the dialect changes)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from . import text
from .dialect import Defaults, Dialect, Numbers
from .errors import MmsEncodeError, located
from .names import field_name, remembered
from .shape import Encoder, encode_choice, encode_choices, encode_list, encode_sequence, in_alternative, remembering
from .tree import Component, Type

Attributes = Callable[[Any], str]


def compile_encoder(root: Type, dialect: Dialect) -> Callable[[Any], str]:
    """Return the function from a value of the CHOICE `root` to the text of its element."""
    alternatives = _Compiler(dialect).choice(root)
    encode = encode_choice(alternatives)
    namespace = f' xmlns="{dialect.namespace}"'
    if dialect.root:
        before, after = f"<{dialect.root}{namespace}>", f"</{dialect.root}>"
        return lambda value: f"{before}{encode(value)}{after}"

    def encode_bare(value: Any) -> str:
        element: str = encode(value)
        name = len(value[0]) + 1
        return f"{element[:name]}{namespace}{element[name:]}"

    return encode_bare


class _Compiler:
    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._contents: dict[Type, Encoder] = {}
        self._alternatives: dict[Type, dict[str, Encoder]] = {}

    def choice(self, type_: Type) -> Mapping[str, Encoder]:
        """Return the encoders of the alternatives; while they are being made, those made so far (recursion)."""
        if type_ not in self._alternatives:
            alternatives = self._alternatives[type_] = {}
            for component in type_.components:
                if f"{type_.name}.{component.name}" in self._dialect.levels_left_out:
                    alternatives[component.name] = self._content(component.type)
                else:
                    alternatives[component.name] = self._element(component.name, component.type)
        return self._alternatives[type_]

    def _element(self, name: str, type_: Type) -> Encoder:
        """Return the encoder of an element with its content."""
        if type_.kind == "NULL":
            return _empty_element(name)
        if type_.kind == "CHOICE":
            return _choice_element(name, self.choice(type_))
        encode, after = self._content(type_), f"</{name}>"
        attributes = self._attributes(type_)
        if attributes:
            return lambda value: f"<{name}{attributes(value)}>{encode(value)}{after}"
        before = f"<{name}>"
        return lambda value: f"{before}{encode(value)}{after}"

    def _content(self, type_: Type) -> Encoder:
        if type_.kind == "CHOICE":
            return encode_choice(self.choice(type_))
        if type_ not in self._contents:
            self._contents[type_] = self._compile(type_)
        return self._contents[type_]

    def _compile(self, type_: Type) -> Encoder:
        if type_.kind == "SEQUENCE":
            return encode_sequence(type_, {c.name: self._component(type_, c) for c in type_.components}, "")
        if type_.item is None:
            return text.writer(type_, self._dialect)
        if type_.item.kind == "CHOICE" and not self._dialect.item_elements:
            return encode_choices(self.choice(type_.item), "")
        encode_item = self._element(type_.item.label, type_.item)
        return encode_list(remembering(encode_item) if remembered(type_.item) else encode_item, "")

    def _component(self, sequence: Type, component: Component) -> Encoder:
        if component.default is not None and self._dialect.defaults is Defaults.ATTRIBUTE:
            return lambda value: ""
        return self._element(self._dialect.element(sequence.name, component.name), component.type)

    def _attributes(self, type_: Type) -> Attributes | None:
        """Return the encoder of a SEQUENCE's attributes, None if it has none."""
        if type_.kind != "SEQUENCE" or self._dialect.defaults is not Defaults.ATTRIBUTE:
            return None
        written = [self._attribute(component) for component in type_.components if component.default is not None]
        return (lambda value: "".join([write(value) for write in written])) if written else None

    def _attribute(self, component: Component) -> Attributes:
        get, name, default = attrgetter(field_name(component)), component.name, component.default
        shown: Mapping[Any, str] = {True: "true", False: "false"}
        if component.type.kind == "INTEGER":
            shown = {number: word for word, number in component.type.names.items()}
            assert self._dialect.numbers is Numbers.ELEMENT, "a name in an attribute goes with names in elements"

        def write(value: Any) -> str:
            try:
                field = get(value)
                return f' {name}="{shown[default if field is None else field]}"'
            except Exception as error:
                raise located(error, name, MmsEncodeError) from None

        return write


def _choice_element(name: str, alternatives: Mapping[str, Encoder]) -> Encoder:
    """Return the encoder of an element around a CHOICE: `encode_choice` and more, in one step for speed."""
    before, after = f"<{name}>", f"</{name}>"

    def encode(value: Any) -> str:
        try:
            alternative, chosen = value
            return f"{before}{alternatives[alternative](chosen)}{after}"
        except Exception as error:
            raise in_alternative(error, value, alternatives) from None

    return encode


def _empty_element(name: str) -> Encoder:
    def encode(value: None) -> str:
        if value is not None:
            raise MmsEncodeError("not None, which is the value of a NULL")
        return f"<{name}/>"

    return encode
