"""Values of the whole module, made from its tree: all of them as a strategy, a small complete set as a list.

Also the same values in the form of asn1tools, which is the oracle.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import attrs
from hypothesis import strategies as st
from janusgrid.iec61850.mms import pdu, tree
from janusgrid.iec61850.mms.names import class_name, field_name
from janusgrid.iec61850.mms.tree import Type

TYPES = tree.load()
ROOT = TYPES[tree.ROOT]

ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
LATIN = st.text(st.characters(max_codepoint=0xFF), max_size=20)
XML = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=20)
TIMES = st.datetimes(min_value=datetime(1000, 1, 1)).map(
    lambda when: f"{when.year:04}{when:%m%d%H%M}{when.second or 1:02}Z"
)
ARCS = st.lists(st.integers(0, (1 << 128) - 1), max_size=6)


def identifiers(largest: int) -> st.SearchStrategy[str]:
    """Return the strategy for object identifiers whose second number goes up to `largest`."""
    return st.builds(
        lambda first, second, rest: ".".join(map(str, (first, second if first == 2 else second % 40, *rest))),
        st.integers(0, 2),
        st.integers(0, largest),
        ARCS,
    )


BITS = st.integers(0, 100).flatmap(lambda size: st.tuples(st.integers(0, (1 << size) - 1), st.just(size)))


@attrs.define(eq=False)
class Values:
    """Strategies for values; strings are what the encoding under test has to carry."""

    strings: st.SearchStrategy[str] = ASCII
    utf8: st.SearchStrategy[str] = ASCII
    oids: st.SearchStrategy[str] = attrs.field(factory=lambda: identifiers((1 << 128) - 1))
    made: dict[tuple[Type, int], st.SearchStrategy[Any]] = attrs.field(factory=dict)

    def of(self, type_: Type, depth: int = 3) -> st.SearchStrategy[Any]:
        """Return the strategy for a type; `depth` is how often a type may occur within itself."""
        key = (type_, depth)
        if key not in self.made:
            self.made[key] = st.deferred(lambda: self._of(type_, depth))
        return self.made[key]

    def _of(self, type_: Type, depth: int) -> st.SearchStrategy[Any]:
        if type_.kind == "CHOICE":
            depth -= _recursive(type_)
            possible = [c for c in type_.components if depth > 0 or not _recursive(c.type)] or type_.components
            return st.one_of([st.tuples(st.just(c.name), self.of(c.type, depth)) for c in possible])
        if type_.item is not None:
            return st.lists(self.of(type_.item, depth), max_size=4 if depth > 0 or not _recursive(type_) else 0)
        if type_.kind == "SEQUENCE":
            fields = {}
            for c in type_.components:
                absent = [st.just(None)] if c.optional else []
                fields[field_name(c)] = st.one_of(*absent, self.of(c.type, depth))
            return st.builds(getattr(pdu, class_name(type_)), **fields)
        return self._primitive(type_)

    def _primitive(self, type_: Type) -> st.SearchStrategy[Any]:
        if type_.kind == "INTEGER":
            return st.integers(*(type_.range or (-(1 << 135), (1 << 135) - 1)))
        if type_.name == "FloatingPoint":
            return st.one_of(
                st.binary(min_size=4, max_size=4).map(lambda number: b"\x08" + number),
                st.binary(min_size=8, max_size=8).map(lambda number: b"\x0b" + number),
            )
        if type_.kind == "OCTET STRING":
            exact = [st.binary(min_size=size, max_size=size) for size in type_.sizes]
            return st.one_of(exact) if exact else st.binary(max_size=200)
        return {
            "BOOLEAN": st.booleans(),
            "BIT STRING": BITS,
            "NULL": st.none(),
            "OBJECT IDENTIFIER": self.oids,
            "UTF8String": self.utf8,
            "GeneralizedTime": TIMES,
            "GraphicString": self.strings,
            "VisibleString": self.strings,
        }[type_.kind]

    def pdus(self) -> st.SearchStrategy[Any]:
        """Return the strategy for PDUs."""
        return self.of(ROOT)


def _recursive(type_: Type) -> bool:
    """Return whether a type contains itself."""
    seen: set[Type] = set()
    rest = [c.type for c in type_.components] + [t for t in [type_.item] if t]
    while rest:
        reached = rest.pop()
        if reached is type_:
            return True
        if reached not in seen:
            seen.add(reached)
            rest += [c.type for c in reached.components] + [t for t in [reached.item] if t]
    return False


def samples(type_: Type = ROOT, depth: int = 2) -> list[Any]:
    """Return values in which every alternative, every component and every absence occurs at least once."""
    return list(_samples(type_, depth))


def _samples(type_: Type, depth: int) -> Iterator[Any]:
    if type_.kind == "CHOICE":
        depth -= _recursive(type_)
        for c in type_.components:
            if depth > 0 or not _recursive(c.type):
                yield from ((c.name, value) for value in _samples(c.type, depth))
    elif type_.item is not None:
        yield list(_samples(type_.item, depth))
        yield []
    elif type_.kind == "SEQUENCE":
        cls = getattr(pdu, class_name(type_))
        full = {field_name(c): samples(c.type, depth) for c in type_.components}
        first = {name: values[0] for name, values in full.items()}
        for name, values in full.items():
            yield from (cls(**(first | {name: value})) for value in values)
        yield cls(**{name: value for name, value in first.items() if name not in _absentable(type_)})
    else:
        yield from _PRIMITIVES.get(type_.name or "") or _primitive_samples(type_)


def _absentable(sequence: Type) -> set[str]:
    return {field_name(c) for c in sequence.components if not c.required}


def _primitive_samples(type_: Type) -> list[Any]:
    if type_.kind == "INTEGER":
        low, high = type_.range or (-(1 << 64), 1 << 64)
        return sorted({low, high, 0, 1, *type_.names.values()})
    if type_.kind == "OCTET STRING":
        return [bytes(range(1, size + 1)) for size in type_.sizes] or [b"", b"\0\xff", bytes(300)]
    return {
        "BOOLEAN": [True, False],
        "BIT STRING": [(0, 0), (0b1011, 4), (0, 13), (1 << 84 | 1, 85)],
        "NULL": [None],
        "OBJECT IDENTIFIER": ["1.0.9506.2.1", "2.999.3", "0.0"],
        "UTF8String": ["", "Wärme & <Strom>", "中文 €"],
        "GeneralizedTime": ["20261121074357Z", "20261121074357.250Z"],
        "GraphicString": ["", "COMTRADE/1.cfg"],
        "VisibleString": ["", "LLN0$ST$Beh$stVal", "a&b<c>]]>"],
    }[type_.kind]


_PRIMITIVES: dict[str, list[Any]] = {
    "FloatingPoint": [bytes.fromhex("0842F60000"), bytes.fromhex("0B405EC00000000000")],
}


def to_oracle(type_: Type, value: Any) -> Any:
    """Return a value in the form of asn1tools."""
    if type_.kind == "CHOICE":
        name, chosen = value
        return name, to_oracle(next(c.type for c in type_.components if c.name == name), chosen)
    if type_.item is not None:
        return [to_oracle(item, element) for item, element in zip(itertools.repeat(type_.item), value, strict=False)]
    if type_.kind == "SEQUENCE":
        fields = {c.name: (c.type, getattr(value, field_name(c))) for c in type_.components}
        return {name: to_oracle(t, field) for name, (t, field) in fields.items() if field is not None}
    if type_.kind == "BIT STRING":
        bits, size = value
        return (bits << -size % 8).to_bytes((size + 7) // 8, "big"), size
    return value
