"""Common data classes (IEC 61850-7-3), logical-node classes (7-4, 7-420), enumerations, and the service parts of 8-1.

::

    tables = class_tables()
    tables.ln_class("MMXU").objects["TotW"].cdc          # 'MV'
    tables.cdc("MV").parts["mag"].fc                     # FC.MX
    tables.enumeration("HealthKind").ordinals["Warning"] # 2

The tables are data (`schemas/iec61850/classes`), derived by `derive`; a class is read when it is first asked for.
Blocks stand between empty lines; the first line says what follows::

    enum NAME                                  then `ORDINAL LITERAL`
    struct NAME                                then `NAME TYPE PRESENCE MARKS...`
    cdc NAME MARKS..., variant NAME FC         then `NAME FC TYPE PRESENCE MARKS...`, FC `-` for a sub data object
    service CDC                                then the parts that the mapping 8-1 adds to a controllable class
    class, abstract, extension NAME : BASE     then `NAME CDC<UNDERLYING> PRESENCE PRESENCE-IN-STATISTICS MARKS...`

A TYPE is `BOOLEAN`, `<EnumerationKind>`, `{Structure}`, with `[size]` for an array; `<>` is an enumeration that the
data object tells, `?` what the mapping tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from pathlib import Path

import attrs

from ...common.errors import UnknownName
from ...common.resources import resource
from ..acsi.references import FC
from .nodes import EnumType, Trigger
from .presence import MULTIPLE, Presence

FILES = ("7-2", "7-3", "7-4", "7-420", "8-1")
"""The tables, the basic namespaces first."""

EDITION_1 = "edition-1"
"""The table of names of the first edition of 7-420: second-hand, from files in use."""

_TYPE = re.compile(r"(?P<open>[<{]?)(?P<name>[A-Za-z0-9_?]*)[>}]?(\((?P<under>\w+)\))?(\[(?P<size>\w+)\])?")
_TRIGGERS = {"dchg": Trigger.DATA_CHANGE, "qchg": Trigger.QUALITY_CHANGE, "dupd": Trigger.DATA_UPDATE}


class Kind(Enum):
    """What a part of a class is."""

    BASIC = "basic"
    ENUMERATED = "enumerated"
    STRUCTURE = "structure"
    OBJECT = "object"
    """A sub data object; `type` is its common data class."""


@attrs.frozen(slots=True)
class Part:
    """A data attribute or sub data object of a common data class, or a component of a structure.

    Attributes:
        type: name of the basic type, enumeration, structure or common data class; empty where the data object tells
            it (`underlying`), `?` where the mapping does.
        fc: None for a component and for a sub data object.
        size: name of the attribute that holds the greatest length, for an array; else empty.
        under: type of `ctlVal` in a structure of the mapping; empty otherwise.
        default: literal of the value that holds where none is given; empty for none.
        limits: least and greatest value as the standard gives them, `0..63`; empty for none.
    """

    name: str
    kind: Kind
    type: str
    fc: FC | None
    presence: Presence
    trigger: Trigger = Trigger.NONE
    size: str = ""
    under: str = ""
    default: str = ""
    limits: str = ""


@attrs.frozen(slots=True)
class CdcClass:
    """A common data class: its parts in order."""

    name: str
    namespace: str
    parts: Mapping[str, Part]
    control: Part | None = None
    """What `ctlVal` is, of a controllable class."""
    statistics: bool = False
    """True if data objects of it can hold derived statistics."""
    deprecated: bool = False


@attrs.frozen(slots=True)
class ObjectRule:
    """A data object of a logical-node class.

    Attributes:
        underlying: the enumeration (or other type) that its common data class leaves open; empty for none.
        presence: in an ordinary node.
        derived: presence in a node that holds derived statistics of another.
        namespace: in which it is defined.
        base: the class that defines it, itself or one that it inherits from.
    """

    name: str
    cdc: str
    underlying: str
    presence: Presence
    derived: Presence
    transient: bool
    deprecated: bool
    namespace: str
    base: str

    @property
    def multiple(self) -> bool:
        """True if a node can have several, told apart by a number after the name."""
        return self.presence.condition in MULTIPLE


@attrs.frozen(slots=True)
class LnClass:
    """A logical-node class with all that it inherits, its own data objects last."""

    name: str
    base: str
    namespace: str
    abstract: bool
    objects: Mapping[str, ObjectRule]

    def rule(self, name: str) -> ObjectRule | None:
        """Return the rule for a data object of a node, `AnIn3` for `AnIn`; None if the class has none."""
        found = self.objects.get(name)
        if found is None:
            found = self.objects.get(name.rstrip("0123456789"))
            if found is not None and not found.multiple:
                return None
        return found


class ClassTables:
    """The tables of one directory. Raises `UnknownName` for a class that is in none of them."""

    def __init__(self, directory: Path, names: tuple[str, ...] = FILES) -> None:
        self._blocks: dict[str, dict[str, tuple[str, str]]] = {}
        """Kind, name: namespace and text."""
        self.namespaces: dict[str, str] = {}
        """Name of each table to its namespace."""
        for name in names:
            self._index(name, (directory / f"{name}.txt").read_text(encoding="utf-8"))
        self._cdcs: dict[tuple[str, FC], CdcClass] = {}
        self._nodes: dict[str, LnClass] = {}
        self._structures: dict[str, Mapping[str, Part]] = {}
        self._enums: dict[str, EnumType] = {}

    def _index(self, table: str, text: str) -> None:
        head, *blocks = text.rstrip("\n").split("\n\n")
        namespace = self.namespaces[table] = head.rpartition("namespace ")[2]
        for block in blocks:
            first = block.partition("\n")[0]
            kind, _, name = first.partition(" ")
            if kind in {"cdc", "class", "abstract", "extension"}:
                name = name.partition(" ")[0]
            self._blocks.setdefault(kind, {}).setdefault(name or table, (namespace, block))

    # --- what there is -----------------------------------------------------------------------------------------------

    def cdcs(self) -> tuple[str, ...]:
        """Return the names of all common data classes."""
        return tuple(self._blocks.get("cdc", ()))

    def ln_classes(self) -> tuple[str, ...]:
        """Return the names of all logical-node classes that a node can be of."""
        return tuple(self._blocks.get("class", ()))

    def enumerations(self) -> tuple[str, ...]:
        """Return the names of all enumerations."""
        return tuple(self._blocks.get("enum", ()))

    def structures(self) -> tuple[str, ...]:
        """Return the names of all structures (constructed attributes)."""
        return tuple(self._blocks.get("struct", ()))

    def basic_types(self) -> tuple[str, ...]:
        """Return the names of the basic types of IEC 61850-7-2."""
        return tuple(line for _, block in self._blocks.get("basic", {}).values() for line in block.splitlines()[1:])

    def constraints(self) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        """Return for each functional constraint its services, and the control blocks whose data sets can hold it."""
        found = {}
        for _, block in self._blocks.get("constraints", {}).values():
            for line in block.splitlines()[1:]:
                name, *words = line.split()
                cut = words.index("/") if "/" in words else len(words)
                found[name] = frozenset(words[:cut]), frozenset(words[cut + 1 :])
        return found

    # --- classes -----------------------------------------------------------------------------------------------------

    def cdc(self, name: str, setting: FC = FC.SP) -> CdcClass:
        """Return a common data class; of one for settings the variant under `setting`: SP, SG or SE."""
        key = name, setting
        if key not in self._cdcs:
            self._cdcs[key] = self._cdc(name, setting)
        return self._cdcs[key]

    def _cdc(self, name: str, setting: FC) -> CdcClass:
        namespace, lines, head = self._block("cdc", name)
        parts = {part.name: part for part in map(_attribute, lines)}
        if setting is not FC.SP and (variant := self._blocks.get("variant", {}).get(f"{name} {setting.value}")):
            parts |= {part.name: part for part in map(_attribute, variant[1].splitlines()[1:])}
        control = next((word.removeprefix("control=") for word in head if word.startswith("control=")), None)
        value = _attribute(f"ctlVal - {control} M") if control is not None else None
        if value is not None and value.kind is Kind.OBJECT:  # the `-` says no more than that there is no constraint
            value = attrs.evolve(value, kind=Kind.BASIC)
        return CdcClass(name, namespace, parts, value, "statistics" in head, "deprecated" in head)

    def service_parts(self, cdc: str) -> Mapping[str, Part]:
        """Return what the mapping 8-1 adds to a controllable class (SBO, SBOw, Oper, Cancel); nothing to others."""
        if cdc not in self._blocks.get("service", {}):
            return {}
        return {part.name: part for part in map(_attribute, self._block("service", cdc)[1])}

    def structure(self, name: str) -> Mapping[str, Part]:
        """Return the components of a structure (constructed attribute)."""
        if name not in self._structures:
            _, lines, _ = self._block("struct", name)
            self._structures[name] = {part.name: part for part in map(_component, lines)}
        return self._structures[name]

    def enumeration(self, name: str) -> EnumType:
        """Return an enumeration with the literals that it inherits."""
        if name not in self._enums:
            _, lines, head = self._block("enum", name)
            ordinals = dict(self.enumeration(head[1]).ordinals) if head[:1] == [":"] else {}
            for line in lines:
                ordinal, _, literal = line.partition(" ")
                ordinals[literal] = int(ordinal)
            self._enums[name] = EnumType(name, ordinals)
        return self._enums[name]

    def ln_class(self, name: str) -> LnClass:
        """Return a logical-node class, abstract ones among them, with what extensions of other namespaces add."""
        if name not in self._nodes:
            self._nodes[name] = self._ln_class(name)
        return self._nodes[name]

    def _ln_class(self, name: str) -> LnClass:
        abstract = name in self._blocks.get("abstract", {})
        namespace, lines, head = self._block("abstract" if abstract else "class", name)
        base = head[1] if head[:1] == [":"] else ""
        objects = dict(self.ln_class(base).objects) if base else {}
        objects |= _rules(lines, namespace, name)
        if name in self._blocks.get("extension", {}):
            other, more, _ = self._block("extension", name)
            objects |= _rules(more, other, name)
        return LnClass(name, base, namespace, abstract, objects)

    def _block(self, kind: str, name: str) -> tuple[str, list[str], list[str]]:
        """Return namespace, lines, and the words after the name in the first line."""
        found = self._blocks.get(kind, {}).get(name)
        if found is None:
            raise UnknownName(f"{name!r} is no {_SAID[kind]} of the tables")
        head, *lines = found[1].splitlines()
        return found[0], lines, head.split()[2:]

    def __contains__(self, ln_class: str) -> bool:
        return ln_class in self._blocks.get("class", {})

    def kind_of(self, type: str) -> Kind:
        """Return what a type named by a data object is: enumeration, structure or basic type."""
        if type in self._blocks.get("enum", {}):
            return Kind.ENUMERATED
        return Kind.STRUCTURE if type in self._blocks.get("struct", {}) else Kind.BASIC


_SAID = {
    "cdc": "common data class",
    "class": "logical-node class",
    "abstract": "logical-node class",
    "extension": "extension",
    "enum": "enumeration",
    "struct": "structure",
    "service": "controllable class",
}


@cache
def class_tables() -> ClassTables:
    """Return the tables of the package: IEC 61850-7-2, 7-3, 7-4 (2007B5), 7-420 (2019A4) and 8-1 (2003A2)."""
    return ClassTables(resource("schemas/iec61850/classes"))


@cache
def first_edition() -> ClassTables:
    """Return the classes that the first edition of 7-420 had under other names; second-hand, from files in use."""
    return ClassTables(resource("schemas/iec61850/classes"), (EDITION_1,))


# --- lines -----------------------------------------------------------------------------------------------------------


def _rules(lines: list[str], namespace: str, base: str) -> dict[str, ObjectRule]:
    return {rule.name: rule for rule in _object_rules(lines, namespace, base)}


def _object_rules(lines: list[str], namespace: str, base: str) -> Iterator[ObjectRule]:
    for line in lines:
        name, type, presence, derived, *marks = line.split()
        cdc, _, underlying = type.removesuffix(">").partition("<")
        yield ObjectRule(
            name,
            cdc,
            underlying,
            Presence.parse(presence, base),
            Presence.parse(derived, base),
            "transient" in marks,
            "deprecated" in marks,
            namespace,
            base,
        )


def _attribute(line: str) -> Part:
    name, fc, rest = line.split(" ", 2)
    return _part(name, None if fc == "-" else FC(fc), rest, Kind.OBJECT if fc == "-" else Kind.BASIC)


def _component(line: str) -> Part:
    name, rest = line.split(" ", 1)
    return _part(name, None, rest, Kind.BASIC)


def _part(name: str, fc: FC | None, text: str, kind: Kind) -> Part:
    type, presence, *marks = text.split()
    match = _TYPE.fullmatch(type)
    assert match is not None, type
    kind = {"<": Kind.ENUMERATED, "{": Kind.STRUCTURE}.get(match["open"], kind)
    trigger, default, limits = Trigger.NONE, "", ""
    for mark in marks:
        if mark in _TRIGGERS:
            trigger |= _TRIGGERS[mark]
        elif mark.startswith("="):
            default = mark[1:]
        elif ".." in mark:
            limits = mark
    return Part(
        name, kind, match["name"], fc, Presence.parse(presence), trigger, match["size"] or "", match["under"] or "",
        default, limits,
    )  # fmt: skip
