"""DataTypeTemplates: each type is read once into a template, from which instances are built (clause 9.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import attrs

from ...common.xml import Element
from ..acsi.references import FC
from ..acsi.types import BasicType
from ..model.nodes import EnumType, Trigger
from . import codes
from .codes import Code
from .document import Document, quoted
from .given import Given, read_vals

DEEPEST = 20
"""Levels below a logical node; real models have at most eight."""

CONSTRAINTS = {fc.value: fc for fc in FC if fc.value not in {"RP", "BR", "LG", "GO", "MS", "US"}}
"""Those that a data attribute can have; the others belong to control blocks in the MMS mapping."""

CDCS = frozenset(
    re.findall(
        "[A-Z]+",
        "SPS DPS INS ENS ACT ACD SEC BCR HST VSS ORS TCS MV CMV SAV WYE DEL SEQ HMV HWYE HDEL SPC DPC INC ENC BSC ISC "
        "APC BAC SPG ING ENG ORG TSG CUG VSG ASG CURVE CSG DPL LPL CSD VSD CST BTS UTS LTS GTS MTS NTS STS CTS OTS",
    )
)
"""The common data classes of IEC 61850-7-3, with those for service tracking."""


@attrs.frozen(slots=True, eq=False)
class AttributeTemplate:
    """A DA or BDA. `basic` is None for a structure; `fc` and `trigger` are those of a DA, a BDA inherits them."""

    name: str
    basic: BasicType | None
    fc: FC | None
    trigger: Trigger
    settable: bool
    count: int | str
    parts: tuple[AttributeTemplate, ...]
    enum: EnumType | None
    given: Given
    size: int
    """Leaves, those of a whole array counted; an array whose length is not known counts once."""
    depth: int
    longest: int
    """Characters of the longest reference from here on, this name included."""


@attrs.frozen(slots=True, eq=False)
class ObjectTemplate:
    """A DO or SDO."""

    name: str
    cdc: str
    count: int | str
    parts: tuple[ObjectTemplate | AttributeTemplate, ...]
    size: int
    depth: int
    longest: int


@attrs.frozen(slots=True, eq=False)
class NodeTemplate:
    """An LNodeType."""

    ln_class: str
    objects: tuple[ObjectTemplate, ...]
    size: int
    longest: int


_KINDS = ("LNodeType", "DOType", "DAType", "EnumType")
_Built = TypeVar("_Built")
_Parts = tuple[ObjectTemplate | AttributeTemplate, ...]
_Key = tuple[Element, str]
"""A type, and the type of IED for which its parts are looked up."""


class Templates:
    """The types of a document by id. A fault is noted once, however often the type is used."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._log = document.log
        self._elements: dict[str, dict[str, dict[str, Element]]] = {kind: {} for kind in _KINDS}
        """By kind, id and iedType."""
        self._ied_types: set[str] = set()
        """Those for which there are types of their own (edition 1)."""
        self._nodes: dict[_Key, NodeTemplate | None] = {}
        self._objects: dict[_Key, tuple[str, _Parts] | None] = {}
        self._structures: dict[_Key, tuple[AttributeTemplate, ...] | None] = {}
        self._enums: dict[Element, EnumType] = {}
        self._open: list[Element] = []
        self._index()

    def _index(self) -> None:
        for section in self._document.children(self._document.root, "DataTypeTemplates"):
            for element in self._document.children(section, *_KINDS):
                kind, id = self._document.kind(element), self._document.text(element, "id")
                ied_type = element.get("iedType", "")
                self._ied_types.add(ied_type)
                first = self._elements[kind].setdefault(id, {}).setdefault(ied_type, element)
                if first is not element:
                    message = f"{kind} {quoted(id)} is there already, in line {first.sourceline}: left out"
                    self._log.add(codes.DUPLICATE_TYPE, element, message)

    def everything(self) -> None:
        """Read every LNodeType, for the faults in those that no server uses."""
        for same in self._elements["LNodeType"].values():
            for ied_type, element in same.items():
                self._node(element, ied_type)

    def node(self, element: Element, ied_type: str) -> NodeTemplate | None:
        """Return the template of an LN or LN0 of an IED of this type; None, noted, if it has none."""
        ied_type = ied_type if ied_type in self._ied_types else ""
        found = self._find("LNodeType", element, "lnType", ied_type, codes.NO_LNODE_TYPE)
        return self._node(found, ied_type) if found is not None else None

    def _find(self, kind: str, user: Element, attribute: str, ied_type: str, missing: Code) -> Element | None:
        """Return the type that an element names: that of its IED's type (edition 1) before one of any type."""
        id = self._document.text(user, attribute)
        if not id:
            return None
        same = self._elements[kind].get(id)
        if not same:
            part = f"{self._document.kind(user)} {user.get('name') or user.get('lnClass') or ''}".strip()
            done = "kept as a number" if kind == "EnumType" else "left out"
            near = self._log.near(id, self._elements[kind])
            self._log.add(missing, user, f"{part} needs {kind} {quoted(id)}, which does not exist{near}: {done}")
            return None
        return next((same[wanted] for wanted in (ied_type, "", *same) if wanted in same), None)

    def element(self, kind: str, id: str, ied_type: str) -> Element | None:
        """Return the type of this kind and id for an IED of this type; None, and nothing noted, if there is none."""
        same = self._elements[kind].get(id.strip(), {})
        return next((same[wanted] for wanted in (ied_type, "", *same) if wanted in same), None)

    def elements(self, kind: str) -> Iterator[Element]:
        """Yield every type of a kind."""
        for same in self._elements[kind].values():
            yield from same.values()

    # --- LNodeType and DOType ----------------------------------------------------------------------------------------

    def _node(self, element: Element, ied_type: str) -> NodeTemplate | None:
        key = element, ied_type
        if key not in self._nodes:
            objects = [
                built for part in self._distinct(element, "DO") if (built := self._object(part, ied_type)) is not None
            ]
            if not objects:
                self._log.add(
                    codes.EMPTY_TYPE, element, f"LNodeType {element.get('id')!r} has no data object that can be used"
                )
            template = NodeTemplate(
                element.get("lnClass", "").strip(),
                tuple(objects),
                sum(one.size for one in objects),
                max((one.longest for one in objects), default=0),
            )
            self._nodes[key] = template if objects else None
        return self._nodes[key]

    def _object(self, element: Element, ied_type: str) -> ObjectTemplate | None:
        """Return the template of a DO or SDO."""
        name = element.get("name", "").strip()
        found = self._find("DOType", element, "type", ied_type, codes.NO_DO_TYPE)
        if found is None:
            return None
        built = self._nested((found, ied_type), element, self._objects, lambda: self._object_type(found, ied_type))
        if built is None or not self._shallow(built[1], element):
            return None
        cdc, parts = built
        count = self._count(element)
        return ObjectTemplate(
            name,
            cdc,
            count,
            parts,
            sum(part.size for part in parts) * _factor(count),
            1 + max(part.depth for part in parts),
            _length(name, count) + max(part.longest for part in parts),
        )

    def _object_type(self, element: Element, ied_type: str) -> tuple[str, _Parts] | None:
        cdc = element.get("cdc", "").strip()
        if cdc not in CDCS:
            said = f"{cdc!r}, which IEC 61850-7-3 does not define" if cdc else "missing"
            self._log.add(
                codes.UNKNOWN_CDC, element, f"the common data class of DOType {element.get('id')!r} is {said}"
            )
        parts: list[ObjectTemplate | AttributeTemplate] = []
        for part in self._distinct(element, "SDO", "DA"):
            built: ObjectTemplate | AttributeTemplate | None
            if self._document.kind(part) == "SDO":
                built = self._object(part, ied_type)
            else:
                built = self._attribute(part, ied_type)
            if built is not None:
                parts.append(built)
        return self._complete(element, (cdc, tuple(parts)), bool(parts))

    # --- DAType and EnumType -----------------------------------------------------------------------------------------

    def _attribute(self, element: Element, ied_type: str) -> AttributeTemplate | None:
        """Return the template of a DA or BDA."""
        name = element.get("name", "").strip()
        fc: FC | None = None
        trigger = Trigger.NONE
        if self._document.kind(element) == "DA":
            fc = CONSTRAINTS.get(element.get("fc", "").strip())
            if fc is None:
                said = f"{element.get('fc')!r} is no functional constraint" if element.get("fc") else "has no fc"
                self._log.add(codes.BAD_CONSTRAINT, element, f"DA {name}: {said}: left out")
                return None
            trigger = triggers(self._document, element)
        kind = element.get("bType", "").strip()
        basic: BasicType | None = None
        enum: EnumType | None = None
        parts: tuple[AttributeTemplate, ...] = ()
        if kind == "Struct":
            parts = self._structure(element, ied_type) or ()
            if not parts:
                return None
        elif kind in _BASIC:
            basic = _BASIC[kind]
            enum = self._enum(element, ied_type) if basic is BasicType.ENUM else None
        else:
            said = f"{kind!r} is no basic type that a model can hold" if kind else "has no bType"
            self._log.add(codes.BAD_BASIC_TYPE, element, f"{self._document.kind(element)} {name}: {said}: left out")
            return None
        count = self._count(element)
        if fc is None and isinstance(count, str):
            self._log.add(
                codes.BAD_COUNT, element, f"BDA {name}: only in a data object can {count!r} hold a length: left out"
            )
            return None
        return AttributeTemplate(
            name,
            basic,
            fc,
            trigger,
            element.get("valKind", "Set").strip() == "Set",
            count,
            parts,
            enum,
            read_vals(self._document, element, basic, enum),
            (sum(part.size for part in parts) or 1) * _factor(count),
            1 + max((part.depth for part in parts), default=0),
            _length(name, count) + max((part.longest for part in parts), default=0),
        )

    def _structure(self, element: Element, ied_type: str) -> tuple[AttributeTemplate, ...] | None:
        found = self._find("DAType", element, "type", ied_type, codes.NO_DA_TYPE)
        if found is None:
            return None
        parts = self._nested(
            (found, ied_type), element, self._structures, lambda: self._structure_type(found, ied_type)
        )
        return parts if parts is not None and self._shallow(parts, element) else None

    def _structure_type(self, element: Element, ied_type: str) -> tuple[AttributeTemplate, ...] | None:
        built = [self._attribute(part, ied_type) for part in self._distinct(element, "BDA")]
        parts = tuple(part for part in built if part is not None)
        return self._complete(element, parts, bool(parts))

    def _enum(self, element: Element, ied_type: str) -> EnumType | None:
        found = self._find("EnumType", element, "type", ied_type, codes.NO_ENUM_TYPE)
        if found is None:
            return None
        if found not in self._enums:
            self._enums[found] = EnumType(found.get("id", "").strip(), self._ordinals(found))
        return self._enums[found]

    def _ordinals(self, element: Element) -> dict[str, int]:
        ordinals: dict[str, int] = {}
        taken: set[int] = set()
        for value in self._document.children(element, "EnumVal"):
            literal = value.text or ""
            text = value.get("ord", "").strip()
            digits = text.removeprefix("-").removeprefix("+")
            number = int(text) if digits.isdecimal() and digits.isascii() and len(digits) <= 10 else None
            if number is None or not -(1 << 31) <= number < 1 << 31:
                self._log.add(
                    codes.BAD_ENUM_VALUE, value, f"literal {literal!r}: ord {text!r} is no 32-bit number: left out"
                )
            elif literal in ordinals:
                self._log.add(codes.BAD_ENUM_VALUE, value, f"literal {literal!r} is there already: left out")
            elif number in taken:
                self._log.add(codes.BAD_ENUM_VALUE, value, f"literal {literal!r}: ordinal {number} is taken: left out")
            else:
                ordinals[literal] = number
                taken.add(number)
        return ordinals

    # --- common to all -----------------------------------------------------------------------------------------------

    def _distinct(self, element: Element, *kinds: str) -> list[Element]:
        """Return the parts of a type that have a good name which no part before has."""
        found: dict[str, Element] = {}
        for part in self._document.children(element, *kinds):
            name = self._document.name(part)
            if name in found:
                kind = self._document.kind(element)
                message = (
                    f"{kind} {element.get('id')!r} has {name!r} already, in line {found[name].sourceline}: left out"
                )
                self._log.add(codes.DUPLICATE_PART, part, message)
            elif name:
                found[name] = part
        return list(found.values())

    def _nested(
        self, key: _Key, user: Element, cache: dict[_Key, _Built | None], build: Callable[[], _Built | None]
    ) -> _Built | None:
        """Return a type from the cache, or build it, watching for circles and depth."""
        found = key[0]
        if found in self._open:
            circle = [one.get("id", "") for one in self._open[self._open.index(found) :]]
            self._log.add(
                codes.CIRCULAR,
                user,
                f"{user.get('name')!r} closes the circle {' > '.join([*circle[:8], circle[0]])}: left out",
            )
            return None
        if key not in cache:
            if len(self._open) >= DEEPEST:
                self._log.add(
                    codes.TOO_DEEP, user, f"{user.get('name')!r} is more than {DEEPEST} levels deep: left out"
                )
                return None
            self._open.append(found)
            cache[key] = build()
            self._open.pop()
        return cache[key]

    def _shallow(self, parts: tuple[ObjectTemplate | AttributeTemplate, ...], user: Element) -> bool:
        if max(part.depth for part in parts) < DEEPEST:
            return True
        self._log.add(codes.TOO_DEEP, user, f"{user.get('name')!r} has more than {DEEPEST} levels below it: left out")
        return False

    def _complete(self, element: Element, built: _Built, usable: bool) -> _Built | None:
        if usable:
            return built
        kind = self._document.kind(element)
        self._log.add(codes.EMPTY_TYPE, element, f"{kind} {element.get('id')!r} has no part that can be used: left out")
        return None

    def _count(self, element: Element) -> int | str:
        """Return the length of an array, or the name of the attribute that holds it; 0 for no array."""
        text = element.get("count", "0").strip()
        if text.isdecimal() and text.isascii() and len(text) <= 10 and int(text) < 1 << 32:
            return int(text)
        if text.isidentifier() and text.isascii():
            return text
        self._log.add(
            codes.BAD_COUNT, element, f"{element.get('name')}: count {text[:40]!r} is no number: taken as no array"
        )
        return 0


_BASIC = {basic.value: basic for basic in BasicType}


def triggers(document: Document, element: Element) -> Trigger:
    """Return the trigger options that a DA raises, or that the TrgOps of a control block asks for."""
    options = (("dchg", Trigger.DATA_CHANGE), ("qchg", Trigger.QUALITY_CHANGE), ("dupd", Trigger.DATA_UPDATE))
    found = Trigger.NONE
    for name, option in options:
        if document.truth(element, name):
            found |= option
    return found


def _factor(count: int | str) -> int:
    return count if isinstance(count, int) and count else 1


def _length(name: str, count: int | str) -> int:
    """Characters of a name in a reference, with its dot and index."""
    return 1 + len(name) + (2 + len(str(count - 1)) if isinstance(count, int) and count else 0)
