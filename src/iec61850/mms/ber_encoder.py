"""Encodes to BER: closures made once from the tree (X.690; definite lengths, minimal, as in DER)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import octets
from .names import remembered
from .shape import Encoder, encode_choice, encode_choices, encode_list, encode_sequence, remembering
from .tree import Type

_SHORT = [bytes((length,)) for length in range(128)]


def compile_encoder(root: Type) -> Callable[[Any], bytes]:
    """Return the function from a value of the type `root` to its octets."""
    return _Compiler().whole(root, root.identifiers)


class _Compiler:
    def __init__(self) -> None:
        self._contents: dict[Type, Encoder] = {}
        self._alternatives: dict[Type, dict[str, Encoder]] = {}

    def whole(self, type_: Type, identifiers: tuple[int, ...]) -> Encoder:
        """Return the encoder of a type with these identifiers around it."""
        encode = self._content(type_)
        for identifier in reversed(identifiers):
            encode = _tlv(identifier.to_bytes(1 if identifier < 0x100 else 2, "big"), encode)
        return encode

    def _content(self, type_: Type) -> Encoder:
        """Return the encoder of the content octets; of a CHOICE, that of all its octets."""
        if type_.kind == "CHOICE":
            return encode_choice(self._choice(type_))
        if type_ not in self._contents:
            self._contents[type_] = self._compile(type_)
        return self._contents[type_]

    def _compile(self, type_: Type) -> Encoder:
        if type_.kind == "SEQUENCE":
            whole = {c.name: self.whole(c.type, c.identifiers) for c in type_.components}
            return encode_sequence(type_, whole, b"")
        if type_.item is None:
            return octets.writer(type_)
        if type_.item.kind == "CHOICE":
            return encode_choices(self._choice(type_.item), b"")
        encode_item = self.whole(type_.item, type_.item.identifiers)
        return encode_list(remembering(encode_item) if remembered(type_.item) else encode_item, b"")

    def _choice(self, type_: Type) -> Mapping[str, Encoder]:
        """Return the encoders of the alternatives; while they are being made, those made so far (recursion)."""
        if type_ not in self._alternatives:
            alternatives = self._alternatives[type_] = {}
            for component in type_.components:
                alternatives[component.name] = self.whole(component.type, component.identifiers)
        return self._alternatives[type_]


def _tlv(identifier: bytes, content: Encoder) -> Encoder:
    def encode(value: Any) -> bytes:
        octets: bytes = content(value)
        length = len(octets)
        if length < 128:
            return identifier + _SHORT[length] + octets
        size = (length.bit_length() + 7) >> 3
        return identifier + bytes((0x80 | size,)) + length.to_bytes(size, "big") + octets

    return encode
