"""Data objects made from the class tables: what is mandatory, and what is asked for beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import attrs

from ...common.errors import LocalError, UnknownName
from ..acsi.references import FC
from ..acsi.types import BasicType
from .classes import CdcClass, ClassTables, Kind, Part
from .nodes import Attribute, DataObject, EnumType, Trigger
from .presence import Presence, judge

SETTABLE = frozenset({FC.SP, FC.SV, FC.BL, FC.SE})
"""Constraints under which an attribute is settable unless it is said otherwise; configuration is read-only."""

_ADDRESS = "PhyComAddr"
_WISH = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?:\[([1-9][0-9]{0,5})\])?")
_MAGNITUDE = "f"
"""Of an analogue value the component that is taken unless the other is asked for."""


@attrs.define(slots=True, eq=False)
class Wish:
    """What is asked for of one part: its length, for an array, and parts below it."""

    count: int = 0
    parts: dict[str, Wish] = attrs.Factory(dict)

    def copy(self) -> Wish:
        """Return a wish that can be changed without this one."""
        return Wish(self.count, {name: part.copy() for name, part in self.parts.items()})


def wishes(texts: Iterable[str], before: Mapping[str, Wish] | None = None) -> dict[str, Wish]:
    """Return what `TotW.units.multiplier` or `Har.har[16]` ask for, and what was asked for before, as a tree by names.

    Raises `LocalError` for a text that is no path.
    """
    found = {name: wish.copy() for name, wish in (before or {}).items()}
    for text in texts:
        below = found
        for step in text.split("."):
            match = _WISH.fullmatch(step)
            if match is None:
                raise LocalError(f"{step!r} is no name: write TotW, TotW.db, or Har.har[16] for an array", where=text)
            wish = below.setdefault(match[1], Wish())
            wish.count = int(match[2] or wish.count)
            below = wish.parts
    return found


def choose(
    rules: Mapping[str, Presence], wished: Iterable[str], context: Mapping[str, bool], where: str, *, free: bool = True
) -> list[str]:
    """Return the names of the parts to build, in the order of the class: those wished and those mandatory with them.

    Where the class leaves a choice and nothing is wished, the usual one is taken if the choice is `free`.
    Raises `LocalError` for parts that exclude each other, and for a choice that is left to the caller.
    """
    chosen = set(wished)
    if free:  # its values are mandatory in all but a device that gives no feedback
        chosen |= {name for name, one in rules.items() if one.condition == "MAllOrNonePerGroup"}
    while True:
        faults = judge(rules, chosen, context)
        more: set[str] = set()
        for fault in faults:
            if not fault.missing:
                raise LocalError(f"{', '.join(fault.names)} cannot be there ({fault.presence})", where=where)
            if not fault.any_of:
                more.update(fault.names)
            elif not free:
                raise LocalError(f"name one of {', '.join(fault.names)} ({fault.presence})", where=where)
            elif not more:
                more.update(_usual(fault.names))
        if not more:
            return [name for name in rules if name in chosen]
        chosen |= more


def _usual(names: tuple[str, ...]) -> set[str]:
    if _MAGNITUDE in names:
        return {_MAGNITUDE}
    phases = {name for name in names if name.startswith("phs")}
    return phases or {names[0]}


@attrs.frozen(slots=True)
class Maker:
    """Makes data objects of common data classes.

    Attributes:
        context: facts for presence conditions.
        setting: constraint of settings: SP, or SG for those of setting groups.
        underlying: enumeration that stands where the common data class leaves it open, or name of another type.
        control: what `ctlVal` is.
        length: of a mandatory array of which none is said; 0 refuses it.
    """

    tables: ClassTables
    context: Mapping[str, bool]
    setting: FC = FC.SP
    underlying: EnumType | str = ""
    control: Part | None = None
    length: int = 0

    def data_object(self, name: str, cdc: str, wish: Wish, where: str) -> DataObject:
        """Return a data object; raise `UnknownName` for a wish that the class does not know, or `LocalError`."""
        found = self.tables.cdc(cdc, self.setting)
        maker = attrs.evolve(self, control=found.control)
        parts = dict(found.parts) | dict(self.tables.service_parts(cdc))
        context = {"scaled": _scaled(parts, wish), **self.context}
        data = DataObject(name, cdc)
        for part in _parts(parts, wish, context, where):
            below = wish.parts.get(part.name, Wish())
            count = _count(part, below, self.length, f"{where}.{part.name}")
            if part.kind is Kind.OBJECT:
                data.children[part.name] = maker._sub_object(part, below, count, where)
            else:
                assert part.fc is not None
                data.children[part.name] = maker._attribute(part, below, part.fc, part.trigger, count, where)
        _lengths(data, found)
        return data

    def _sub_object(self, part: Part, wish: Wish, count: int, where: str) -> DataObject:
        where = f"{where}.{part.name}"
        maker = attrs.evolve(self, underlying="")
        if not count:
            return maker.data_object(part.name, part.type, wish, where)
        elements = [maker.data_object(f"{part.name}({index})", part.type, wish, where) for index in range(count)]
        return DataObject(part.name, part.type, count=count, elements=elements)

    def _attribute(self, part: Part, wish: Wish, fc: FC, trigger: Trigger, count: int, where: str) -> Attribute:
        where = f"{where}.{part.name}"
        kind, type = self._resolve(part, where)
        built = Attribute(part.name, fc, trigger=trigger, count=count, settable=fc in SETTABLE)
        if kind is Kind.STRUCTURE:
            self._fill(built, type, wish, where)
            if count:
                built.elements = [Attribute(f"{part.name}({index})", fc, trigger=trigger) for index in range(count)]
                for element in built.elements:
                    element.settable = built.settable
                    self._fill(element, type, wish, where)
            return built
        if wish.parts:
            raise UnknownName(f"{part.name} has no parts", where=where)
        if kind is Kind.ENUMERATED:
            built.type = BasicType.ENUM
            built.enum = type if isinstance(type, EnumType) else self.tables.enumeration(type)
            ordinals = built.enum.ordinals
            if part.default:  # the namespace calls the empty literal of a multiplier `none`
                built.value = ordinals.get(part.default, ordinals.get(""))
        else:
            built.type = BasicType(type)
        return built

    def _fill(self, built: Attribute, type: EnumType | str, wish: Wish, where: str) -> None:
        assert isinstance(type, str)
        for part in _parts(self.tables.structure(type), wish, {}, where):
            below = wish.parts.get(part.name, Wish())
            built.children[part.name] = self._attribute(part, below, built.fc, built.trigger, 0, where)

    def _resolve(self, part: Part, where: str) -> tuple[Kind, EnumType | str]:
        """Return what a part is, where its class leaves it open too."""
        if part.type and part.type != "?":
            return part.kind, part.type
        if part.name == "ctlVal" and self.control is not None and self.control.type:
            return self.control.kind, self.control.type
        if part.name == "dstAddress":
            return Kind.STRUCTURE, _ADDRESS
        if isinstance(self.underlying, EnumType):
            return Kind.ENUMERATED, self.underlying
        if self.underlying in (*self.tables.enumerations(), *self.tables.structures(), *self.tables.basic_types()):
            return self.tables.kind_of(self.underlying), self.underlying
        raise LocalError(
            "the standard leaves the enumeration open: give it as enums={name: EnumType(...)}", where=where
        )


def carry(old: DataObject | Attribute, new: DataObject | Attribute) -> None:
    """Give what is made anew the values that it had, and who may write them."""
    if isinstance(old, Attribute) and isinstance(new, Attribute):
        new.settable = old.settable
        if new.type is not None and (old.type, old.count, old.enum) == (new.type, new.count, new.enum):
            new.value, new.groups = old.value, old.groups
    for name, child in new.children.items():
        if name in old.children:
            carry(old.children[name], child)
    before: list[DataObject | Attribute] = [*old.elements]
    after: list[DataObject | Attribute] = [*new.elements]
    for one, other in zip(before, after, strict=False):
        carry(one, other)


def _parts(parts: Mapping[str, Part], wish: Wish, context: Mapping[str, bool], where: str) -> list[Part]:
    for name in wish.parts:
        if name not in parts:
            raise UnknownName(f"there is no {name}; there are {', '.join(parts)}", where=where)
    rules = {name: part.presence for name, part in parts.items()}
    return [parts[name] for name in choose(rules, wish.parts, context, where)]


def _scaled(parts: Mapping[str, Part], wish: Wish) -> bool:
    """Tell whether an analogue value is asked for as an integer."""
    return any("i" in below.parts for name, below in wish.parts.items() if name in parts)


def _count(part: Part, wish: Wish, length: int, where: str) -> int:
    if part.size and not wish.count:
        if length:
            return length
        raise LocalError(f"it is an array: say how long, as {part.name}[16]", where=where)
    if wish.count and not part.size:
        raise LocalError("it is no array", where=where)
    return wish.count


def _lengths(data: DataObject, cdc: CdcClass) -> None:
    """Give the attributes that hold the greatest length of an array its length."""
    for part in cdc.parts.values():
        holder, array = data.children.get(part.size), data.children.get(part.name)
        if part.size and isinstance(holder, Attribute) and array is not None:
            holder.value = max(array.count, holder.value if isinstance(holder.value, int) else 0)
