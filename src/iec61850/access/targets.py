"""What a row of a table names, by the class tables alone: whether it is there, of which type and constraint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from ...common.data.conversion import Coded, Stepped
from ...common.data.tables import Binding, Service
from ...common.errors import ConfigError
from ..acsi.references import FC, Reference
from ..acsi.types import BasicType
from ..model.classes import ClassTables, Kind, LnClass, Part, first_edition
from ..model.nodes import EnumType
from .check import TYPES, near
from .objects import attribute

NODE = re.compile(r"(?P<prefix>[A-Za-z][A-Za-z0-9_]*?)?(?P<ln_class>LLN0|[A-Z]{4})(?P<inst>[0-9]*)")
_SETTABLE = frozenset({FC.SP, FC.CF, FC.DC, FC.SV, FC.BL})


@attrs.frozen(slots=True, eq=False)
class Target:
    """The attribute of a row.

    Attributes:
        binding: the row, bound.
        reference: of the attribute, with its constraint.
        ln_class: of its node.
        type: of its value.
        enum: what the table says where the standard leaves the enumeration open; None otherwise.
        parts: of the common data class in which it stands: that of the data object, or of the one below.
        depth: how many names of the path lead to that class: 1 for the data object itself.
    """

    binding: Binding
    reference: Reference
    ln_class: LnClass
    type: BasicType
    enum: EnumType | None
    parts: Mapping[str, Part]
    depth: int

    @property
    def where(self) -> str:
        """The row."""
        return self.binding.row.where

    @property
    def data_object(self) -> Reference:
        """The data object, with the constraint of the attribute."""
        return Reference(self.reference.device, self.reference.node, self.reference.path[:1], self.reference.fc)

    @property
    def controllable(self) -> bool:
        """Whether its data object can be commanded."""
        return "ctlModel" in self.parts and self.depth == 1


def target(tables: ClassTables, binding: Binding) -> Target:
    """Return what a row names; raise `ConfigError` at the row with every reason for which it cannot be."""
    reference = attribute(binding)
    where = binding.row.where
    ln_class = _ln_class(tables, reference.node, where)
    found = _walk(tables, ln_class, reference, where)
    part, fc = found.part, found.fc
    name = binding.address["reference"]
    reasons: list[str] = []
    if fc is not reference.fc:
        said = reference.fc.value if reference.fc else "none"
        reasons.append(f"{name} has functional constraint {fc.value if fc else 'none'}, not {said}")
    kind, type_name = part.kind, part.type
    if part.type in ("", "?") and part.name != "ctlVal":
        type_name = found.underlying
        kind = tables.kind_of(type_name)
        open_ = type_name not in (*tables.enumerations(), *tables.structures(), *tables.basic_types())
        kind = Kind.ENUMERATED if open_ else kind
    else:
        open_ = False
    if kind is Kind.STRUCTURE:
        names = ", ".join(f"{name}.{one}" for one in tables.structure(type_name))
        raise ConfigError(f"{name} is a structure; name its part: {names}", where=where)
    if part.size:
        raise ConfigError(f"{name} is an array; a point is one value", where=where)
    basic = BasicType.ENUM if kind is Kind.ENUMERATED else BasicType(type_name)
    wire = binding.row.conversion.wire_type
    if basic not in TYPES.get(wire, set()):
        fitting = ", ".join(one.value for one, types in TYPES.items() if basic in types) or "no wire_type of a table"
        reasons.append(f"{name} is {basic.value}, which is not {wire.value} on the wire but {fitting}")
    elif kind is Kind.ENUMERATED and not open_:
        reasons += _codes(tables.enumeration(type_name), binding, name)
    made = Target(
        binding, reference, ln_class, basic, _own(binding, reference) if open_ else None, found.parts, found.depth
    )
    reasons += _services(made)
    if reasons:
        raise _together(reasons, where)
    return made


@attrs.frozen(slots=True)
class _Found:
    part: Part
    fc: FC | None
    parts: Mapping[str, Part]
    depth: int
    underlying: str


def _ln_class(tables: ClassTables, node: str, where: str) -> LnClass:
    match = NODE.fullmatch(node)
    if match is None:
        raise ConfigError(f"{node!r} is no logical node: write its class and a number, MMXU1", where=where)
    name = match["ln_class"]
    if name not in tables:
        if name in first_edition():
            hint = ", which only the first edition of 7-420 has"
        else:
            hint = near(name, tables.ln_classes(), "did you mean ")
        raise ConfigError(f"there is no logical-node class {name}{hint}", where=where)
    if (name == "LLN0") is bool(match["inst"] or match["prefix"]):
        raise ConfigError(f"{node!r}: a node is named by its class and a number, LLN0 alone by its class", where=where)
    return tables.ln_class(name)


def _walk(tables: ClassTables, ln_class: LnClass, reference: Reference, where: str) -> _Found:
    """Follow the path through the classes, from the data object to the attribute."""
    first, *rest = reference.path
    rule = ln_class.rule(first)
    if rule is None:
        raise ConfigError(f"{ln_class.name} has no data object {first}{near(first, ln_class.objects)}", where=where)
    whole, parts, depth = f"{reference.node}.{first}", _of(tables, rule.cdc), 1
    owner, underlying, cdc = parts, rule.underlying, rule.cdc
    fc: FC | None = None
    part: Part | None = None
    for number, name in enumerate(rest, 2):
        if "(" in name:
            raise ConfigError(f"{whole}.{name}: elements of arrays are no points", where=where)
        part = parts.get(name)
        if part is None:
            what = f"{whole} ({cdc})" if parts is owner else whole
            raise ConfigError(f"{what} has no {name}{near(name, parts)}", where=where)
        whole = f"{whole}.{name}"
        fc = fc or part.fc
        if part.kind is Kind.OBJECT:
            owner = parts = _of(tables, part.type)
            cdc, underlying, depth = part.type, "", number
        elif part.kind is Kind.STRUCTURE:
            parts = tables.structure(part.type)
        elif name is not rest[-1]:
            raise ConfigError(f"{whole} has no parts", where=where)
    assert part is not None
    if part.kind is Kind.OBJECT:
        names = ", ".join(owner)
        raise ConfigError(f"{whole} is a data object ({cdc}); name an attribute of it: {names}", where=where)
    return _Found(part, fc, owner, depth, underlying)


def _of(tables: ClassTables, cdc: str) -> Mapping[str, Part]:
    return tables.cdc(cdc).parts


def _codes(enum: EnumType, binding: Binding, name: str) -> Iterator[str]:
    conversion = binding.row.conversion
    if not isinstance(conversion, Coded | Stepped):
        return
    strange = sorted(set(conversion.codes.values()) - set(enum.ordinals.values()))
    if strange:
        known = ", ".join(f"{literal or 'none'}={code}" for literal, code in enum.ordinals.items())
        yield f"{name} can never be {', '.join(map(str, strange))}, which the enumeration names; {enum.id} has {known}"


def _own(binding: Binding, reference: Reference) -> EnumType:
    """Return the enumeration of the table, for what the standard leaves to the device."""
    match = NODE.fullmatch(reference.node)
    conversion = binding.row.conversion
    coded = conversion.codes.items() if isinstance(conversion, Coded | Stepped) else ()
    codes = {name if isinstance(name, str) else f"{name:g}": code for name, code in coded}
    return EnumType(f"{match['ln_class'] if match else ''}{reference.path[0]}Kind", codes)


def _services(made: Target) -> Iterator[str]:
    name, binding = made.binding.address["reference"], made.binding
    if binding.offers(Service.WRITE) and made.reference.fc not in _SETTABLE:
        fc = made.reference.fc.value if made.reference.fc else ""
        yield f"{name} cannot be written under {fc}: take 'write' out of its services"
    if binding.offers(Service.OPERATE) and not made.controllable:
        yield f"{made.data_object.with_fc(None)} is no control: take 'operate' out of its services"


def _together(reasons: list[str], where: str) -> ConfigError:
    return ConfigError("; ".join(reasons), where=where)
