"""Data type templates of a model: every node, data object and structure becomes a type, each type written once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, count

import attrs

from ...common.errors import LocalError, UnknownName
from ..acsi.types import BasicType
from ..model.classes import Part, class_tables
from ..model.nodes import Attribute, DataObject, EnumType, LogicalNode, Trigger
from .instances import SETTABLE

Texts = dict[str, str]

_TRIGGERS = (("dchg", Trigger.DATA_CHANGE), ("qchg", Trigger.QUALITY_CHANGE), ("dupd", Trigger.DATA_UPDATE))


@attrs.frozen(slots=True)
class Row:
    """A part of a type: DO, SDO, DA, BDA or EnumVal, with its attributes and its text."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    text: str | None = None


@attrs.frozen(slots=True)
class Type:
    """A type without its id: two that are equal are written as one."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]


class Types:
    """The templates of one document; ids are the names of the standards, with an addition where there are several."""

    def __init__(self) -> None:
        self._ids: dict[Type, str] = {}
        self._taken: set[tuple[str, str]] = set()
        self._tables = class_tables()

    def of_kind(self, tag: str) -> Iterator[tuple[str, Type]]:
        """Yield ids and types of one kind, in the order in which they were first used."""
        for type, id in self._ids.items():
            if type.tag == tag:
                yield id, type

    def node(self, node: LogicalNode) -> str:
        """Return the id of the LNodeType of a logical node."""
        rows = tuple(
            Row("DO", (("name", data.name), ("type", self._object(data, f"{node.name}.{data.name}"))))
            for data in node.objects.values()
        )
        return self._id(Type("LNodeType", (("lnClass", node.ln_class),), rows), node.ln_class, node.name)

    def _object(self, data: DataObject, where: str) -> str:
        name = data.name.partition("(")[0]
        parts = self._parts(data.cdc)
        rows = tuple(self._part(child, parts, data.cdc, f"{where}.{child.name}") for child in data.children.values())
        return self._id(Type("DOType", (("cdc", data.cdc),), rows), data.cdc or "DO", f"{data.cdc}_{name}")

    def _part(self, child: DataObject | Attribute, parts: Mapping[str, Part], cdc: str, where: str) -> Row:
        if isinstance(child, Attribute):
            texts = {"fc": child.fc.value}
            texts |= {name: "true" for name, trigger in _TRIGGERS if trigger in child.trigger}
            return self._attribute("DA", child, texts, parts.get(child.name), cdc, where, settable=True)
        if not child.count:
            return Row("SDO", (("name", child.name), ("type", self._object(child, where))))
        texts = {"name": child.name, "type": self._object(child.elements[0], where), "count": str(child.count)}
        return Row("SDO", tuple(texts.items()))

    def _attribute(
        self, tag: str, one: Attribute, more: Texts, part: Part | None, cdc: str, where: str, *, settable: bool
    ) -> Row:
        """Return the row of a DA or BDA; `settable` tells whether what it is a part of is."""
        texts = {"name": one.name, **more}
        if one.count:
            texts["count"] = str(one.count)
        if settable and one.fc in SETTABLE and not one.settable:
            texts["valKind"] = "RO"
        if one.type is BasicType.ENUM:
            if one.enum is None or not one.enum.ordinals:
                raise LocalError("an enumeration without literals cannot be written: give it an EnumType", where=where)
            texts |= {"bType": "Enum", "type": self._enum(one.enum)}
        elif one.type is not None:
            texts["bType"] = one.type.value
        else:
            name = part.type if part is not None and part.type else one.name[:1].upper() + one.name[1:]
            texts |= {"bType": "Struct", "type": self._structure(one, name, cdc, where, settable and one.settable)}
        return Row(tag, tuple(texts.items()))

    def _structure(self, one: Attribute, name: str, cdc: str, where: str, settable: bool) -> str:
        try:
            parts = self._tables.structure(name)
        except UnknownName:
            parts = {}
        children = (one.elements[0] if one.elements else one).children.values()
        rows = tuple(
            self._attribute("BDA", child, {}, parts.get(child.name), cdc, f"{where}.{child.name}", settable=settable)
            for child in children
        )
        return self._id(Type("DAType", (), rows), name, f"{name}_{cdc}")

    def _enum(self, enum: EnumType) -> str:
        rows = tuple(Row("EnumVal", (("ord", str(ordinal)),), literal) for literal, ordinal in enum.ordinals.items())
        return self._id(Type("EnumType", (), rows), enum.id, enum.id)

    def _parts(self, cdc: str) -> Mapping[str, Part]:
        try:
            return {**self._tables.cdc(cdc).parts, **self._tables.service_parts(cdc)}
        except UnknownName:
            return {}

    def _id(self, type: Type, *names: str) -> str:
        """Return the id of a type: the first of the names that is free, or the last with a number."""
        if type not in self._ids:
            numbered = (f"{names[-1]}_{number}" for number in count(2))
            id = next(name for name in chain(names, numbered) if (type.tag, name) not in self._taken)
            self._ids[type] = id
            self._taken.add((type.tag, id))
        return self._ids[type]
