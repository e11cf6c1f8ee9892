"""Decodes BER: closures made once from the tree (X.690; definite lengths only).

What can stand at a place is a table from identifier octets to a `Step`. A CHOICE without a tag puts all its
alternatives into the table of the place where it stands.

The loops of `_sequence` and `_list` take the short form of tag and length in place and leave the rest to `_header`.
They repeat each other on purpose: this is the hot path, and a call per TLV would cost a third of the speed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import octets as primitive
from . import pdu_generated as pdu
from .errors import MmsDecodeError, located
from .names import class_name, remembered
from .shape import LONGEST_REMEMBERED, REMEMBERED, Budget, Limits, blank, first_place, too_deep, too_many
from .tree import Component, Type

Decode = Callable[..., Any]
"""Takes the content octets of a primitive value; for constructed content the octets of the whole PDU, where the content
begins and ends, and the budget."""
Step = tuple[str, bool, Decode]
"""Where a TLV belongs, for the path of a fault in it; whether its content is made of TLVs; how to decode it."""
Alternative = tuple[str, str, bool, Decode]
"""The same for an alternative of a CHOICE, with its identifier in front."""


def compile_decoder(root: Type) -> Callable[[bytes, Limits], Any]:
    """Return the function from octets to a value of the CHOICE `root`."""
    decode_root = _choice(_Compiler().choice(root))

    def decode(octets: bytes, limits: Limits) -> Any:
        if len(octets) > limits.size:
            raise MmsDecodeError(f"{len(octets)} octets; the limit is {limits.size}")
        return decode_root(octets, 0, len(octets), Budget(limits.depth, limits.elements))

    return decode


class _Compiler:
    def __init__(self) -> None:
        self._nodes: dict[Type, Decode] = {}
        self._choices: dict[Type, dict[int, Alternative]] = {}
        self._unfinished: set[Type] = set()

    def choice(self, type_: Type) -> Mapping[int, Alternative]:
        """Return the table of a CHOICE; while it is being made, what is in it so far (recursion)."""
        if type_ not in self._choices:
            table = self._choices[type_] = {}
            self._unfinished.add(type_)
            for component in type_.components:
                for tag, step in self._table(component).items():
                    table[tag] = (component.name, *step)
            self._unfinished.remove(type_)
        return self._choices[type_]

    def _table(self, component: Component) -> dict[int, Step]:
        """Return what a component can look like."""
        name, identifiers = component.name, component.identifiers
        if not identifiers:
            alternatives = self.choice(component.type)
            assert component.type not in self._unfinished, "a CHOICE has itself as an alternative"
            return {tag: _whole(name, alternative) for tag, alternative in alternatives.items()}
        constructed, decode = component.type.constructed, self._content(component.type)
        if component.explicit and component.type.kind != "CHOICE":
            constructed, decode = True, _explicit(identifiers[1], constructed, decode)
        table: dict[int, Step] = {identifiers[0]: (name, constructed, decode)}
        if component.type.kind == "NULL":  # with the bit for constructed too: a server in use answers so, AB 00
            table[identifiers[0] | (0x20 if identifiers[0] < 0x100 else 0x2000)] = (name, False, decode)
        return table

    def _content(self, type_: Type) -> Decode:
        """Return the decoder of a type's content; of a CHOICE, of its one TLV."""
        if not type_.constructed:
            return primitive.reader(type_)
        if type_.kind == "CHOICE":
            return _choice(self.choice(type_))
        if type_ not in self._nodes:
            self._nodes[type_] = self._sequence_of(type_) if type_.item else self._sequence(type_)
        return self._nodes[type_]

    def _sequence(self, type_: Type) -> Decode:
        tables = [self._table(component) for component in type_.components]
        recursive = any(component.type in self._unfinished for component in type_.components)
        return _sequence(type_, tables, levels=int(recursive))

    def _sequence_of(self, type_: Type) -> Decode:
        assert type_.item is not None
        if type_.item.kind == "CHOICE":
            table = self.choice(type_.item)
            return _list(table, levels=int(type_.item in self._unfinished))
        decode_item = self._content(type_.item)
        item = ("", "", type_.item.constructed, _remembering(decode_item) if remembered(type_.item) else decode_item)
        return _list({type_.item.identifiers[0]: item}, levels=0)


def _sequence(type_: Type, tables: list[dict[int, Step]], levels: int) -> Decode:
    cls = getattr(pdu, class_name(type_))
    first, fields, extensible = first_place(type_, tables), blank(type_), type_.extensible

    def decode(octets: bytes, at: int, end: int, budget: Budget) -> Any:
        values, place, path, last = fields.copy(), first, "", end - 1
        budget.depth -= levels
        try:
            if budget.depth < 0:
                raise too_deep()
            while at < last:
                entry = place.get(octets[at])
                length = octets[at + 1]
                if entry is None or length > 127:
                    path = ""
                    tag, start, stop = _header(octets, at, end)
                    entry = place.get(tag)
                    if entry is None:
                        if extensible and place.missing is None:
                            at = stop
                            continue
                        raise _unexpected(tag, place)
                else:
                    start = at + 2
                    stop = start + length
                    if stop > end:
                        path = ""
                        raise _overrun()
                index, path, constructed, decode_content, place = entry
                if constructed:
                    values[index] = decode_content(octets, start, stop, budget)
                else:
                    values[index] = decode_content(octets[start:stop])
                at = stop
            path = ""
            if at != end:
                raise _overrun()
            if place.missing is not None:
                raise MmsDecodeError(f"{place.missing} is missing")
        except Exception as error:
            raise located(error, path, MmsDecodeError) from None
        budget.depth += levels
        return cls(*values)

    return decode


def _list(table: Mapping[int, Alternative], levels: int) -> Decode:
    """Return the decoder of a SEQUENCE OF: of CHOICEs, or of one thing (an alternative without an identifier)."""

    def decode(octets: bytes, at: int, end: int, budget: Budget) -> Any:
        values: list[Any] = []
        path, last = "", end - 1
        budget.depth -= levels
        try:
            if budget.depth < 0:
                raise too_deep()
            while at < last:
                entry = table.get(octets[at])
                length = octets[at + 1]
                if entry is None or length > 127:
                    path = ""
                    tag, start, stop = _header(octets, at, end)
                    entry = table.get(tag)
                    if entry is None:
                        raise _unexpected(tag, table)
                else:
                    start = at + 2
                    stop = start + length
                    if stop > end:
                        path = ""
                        raise _overrun()
                name, path, constructed, decode_item = entry
                value = decode_item(octets, start, stop, budget) if constructed else decode_item(octets[start:stop])
                values.append((name, value) if name else value)
                at = stop
            path = ""
            if at != end:
                raise _overrun()
            budget.elements -= len(values)
            if budget.elements < 0:
                raise too_many()
        except Exception as error:
            error = located(error, path, MmsDecodeError)
            raise located(error, f"[{len(values)}]", MmsDecodeError) from None
        budget.depth += levels
        return values

    return decode


def _remembering(decode: Decode) -> Decode:
    """Return the decoder of values that cannot be changed: it remembers what octets stood for, of as many as it may."""
    values: dict[bytes, Any] = {}

    def decode_known(octets: bytes, at: int, end: int, budget: Budget) -> Any:
        content = octets[at:end]
        value = values.get(content)
        if value is None:
            left = budget.elements
            value = decode(octets, at, end, budget)
            # What has lists in it counts towards the limit each time.
            if left == budget.elements and end - at <= LONGEST_REMEMBERED and len(values) < REMEMBERED:
                values[content] = value
        return value

    return decode_known


def _choice(table: Mapping[int, Alternative]) -> Decode:
    """Return the decoder of the one TLV of a CHOICE."""

    def decode(octets: bytes, at: int, end: int, budget: Budget) -> Any:
        path = ""
        try:
            tag, start, stop = _header(octets, at, end)
            if stop != end:
                raise MmsDecodeError(f"{end - stop} octets after the end")
            entry = table.get(tag)
            if entry is None:
                raise _unexpected(tag, table)
            name, path, constructed, decode_content = entry
            if constructed:
                return name, decode_content(octets, start, stop, budget)
            return name, decode_content(octets[start:stop])
        except Exception as error:
            raise located(error, path, MmsDecodeError) from None

    return decode


def _explicit(identifier: int, constructed: bool, decode: Decode) -> Decode:
    """Return the decoder of the one TLV within an explicit tag."""
    decode_choice = _choice({identifier: ("explicit", "", constructed, decode)})
    return lambda octets, at, end, budget: decode_choice(octets, at, end, budget)[1]


def _whole(component: str, alternative: Alternative) -> Step:
    """Return how to decode an alternative of an untagged CHOICE so that its identifier is in the value."""
    name, path, constructed, decode = alternative
    path = f"{component}.{path}"
    if constructed:
        return path, True, lambda octets, at, end, budget: (name, decode(octets, at, end, budget))
    return path, False, lambda octets: (name, decode(octets))


def _header(octets: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Return the identifier of the TLV at `at` (as in `Component.identifiers`), and where its content is."""
    try:
        tag, length = octets[at], octets[at + 1]
        at += 2
        if tag & 0x1F == 0x1F:
            if not 31 <= length < 128:
                raise MmsDecodeError(f"a tag that is not used here, or not in its shortest form, at octet {at - 2}")
            tag, length = tag << 8 | length, octets[at]
            at += 1
        if length > 127:
            size = length & 0x7F
            if not 0 < size <= 4:
                raise MmsDecodeError("an indefinite length" if not size else f"a length of {size} octets")
            length, at = int.from_bytes(octets[at : at + size], "big"), at + size
    except IndexError:
        raise _overrun() from None
    if at + length > end:
        raise _overrun()
    return tag, at, at + length


def _overrun() -> MmsDecodeError:
    return MmsDecodeError("an element goes beyond the end of what contains it")


def _unexpected(tag: int, table: Mapping[int, tuple[Any, ...]]) -> MmsDecodeError:
    expected = ", ".join(f"{known:X} {entry[1]}".rstrip() for known, entry in list(table.items())[:20])
    return MmsDecodeError(f"unexpected tag {tag:X} (expected here: {expected or 'nothing more'})")
