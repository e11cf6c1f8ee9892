"""The tree of a server's data (IEC 61850-7-2 clauses 7 to 11): SCL or a builder makes it, the engine serves it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Flag

import attrs

from ..acsi.references import FC, Reference
from ..acsi.types import Array, Basic, BasicType, DataValue, Structure, TypeDescription


class Trigger(Flag):
    """Trigger options, of an attribute (what it raises) and of a control block (what it reports)."""

    NONE = 0
    DATA_CHANGE = 1
    QUALITY_CHANGE = 2
    DATA_UPDATE = 4
    INTEGRITY = 8
    GENERAL_INTERROGATION = 16


@attrs.frozen(slots=True)
class EnumType:
    """Literals of an enumeration and their ordinals."""

    id: str
    ordinals: dict[str, int]

    def literal(self, ordinal: int) -> str | None:
        """Return the literal of an ordinal, None if it has none."""
        return next((name for name, number in self.ordinals.items() if number == ordinal), None)


@attrs.define(slots=True, eq=False)
class Attribute:
    """A data attribute or a component of one: a leaf with a value, or a structure.

    `value` is a leaf's present value; None until it is set. `count` is above zero for an array: the value of a leaf
    is then a list of as many; an array of structures keeps its elements in `elements`.
    """

    name: str
    fc: FC
    type: BasicType | None = None
    children: dict[str, Attribute] = attrs.Factory(dict)
    count: int = 0
    elements: list[Attribute] = attrs.Factory(list)
    trigger: Trigger = Trigger.NONE
    enum: EnumType | None = None
    value: DataValue = None
    settable: bool = False
    """True if a client may write it (functional constraints SP, CF, DC, SV and the like, and not read-only by rule)."""
    groups: dict[int, DataValue] | None = None
    """Values of the setting groups by number, where each has its own; None where there is but `value`."""

    def describe(self) -> TypeDescription:
        """Return the type, an array as one."""
        one: TypeDescription
        if self.type is not None:
            one = Basic(self.type)
        else:
            one = Structure(tuple((child.name, child.describe()) for child in self.children.values()))
        return Array(self.count, one) if self.count else one

    def leaves(self) -> Iterator[Attribute]:
        """Yield the leaves below (or this one), in order."""
        if self.type is not None:
            yield self
        else:
            for child in self.elements or self.children.values():
                yield from child.leaves()


@attrs.define(slots=True, eq=False)
class DataObject:
    """A data object or sub data object: an instance of a common data class."""

    name: str
    cdc: str
    children: dict[str, DataObject | Attribute] = attrs.Factory(dict)
    count: int = 0
    elements: list[DataObject] = attrs.Factory(list)
    """For an array of sub data objects (`count` above zero), its elements; `children` is then empty."""

    def attributes(self, fc: FC | None = None) -> Iterator[Attribute]:
        """Yield the attributes directly below, those of `fc` where given."""
        for child in self.children.values():
            if isinstance(child, Attribute) and fc in (None, child.fc):
                yield child

    def constraints(self) -> frozenset[FC]:
        """Return the functional constraints under which there is data anywhere below."""
        found = {child.fc for child in self.attributes()}
        for child in [*self.children.values(), *self.elements[:1]]:
            if isinstance(child, DataObject):
                found |= child.constraints()
        return frozenset(found)


@attrs.define(slots=True, eq=False)
class DataSet:
    """An ordered list of references, each with its functional constraint (clause 13)."""

    name: str
    members: tuple[Reference, ...]
    deletable: bool = False


@attrs.define(slots=True, eq=False)
class ReportControl:
    """A report control block as configured (clause 17); the engine makes its instances from it."""

    name: str
    buffered: bool
    rpt_id: str = ""
    data_set: str = ""
    """Name of a data set of the same logical node; empty for none."""
    conf_rev: int = 0
    optional_fields: int = 0
    """The ten bits of OptFlds, bit 0 most significant."""
    buffer_time: int = 0
    """Milliseconds."""
    trigger: Trigger = Trigger.NONE
    integrity_period: int = 0
    """Milliseconds."""
    indexed: bool = True
    max_instances: int = 1
    clients: tuple[str, ...] = ()


@attrs.define(slots=True, eq=False)
class LogControl:
    """A log control block as configured (clause 17.3): what it writes into which log."""

    name: str
    data_set: str = ""
    """Name of a data set of the same logical node; empty for none."""
    log: str = ""
    """`LD/LN.name` of the log; empty for none."""
    enabled: bool = True
    """Whether it writes from the start of the server on."""
    trigger: Trigger = Trigger.NONE
    integrity_period: int = 0
    """Milliseconds."""
    reason_code: bool = True
    buffer_time: int = 0
    """Milliseconds; the mappings have no place for it and always store reasons (second-hand), so both only stay in
    the file."""


@attrs.define(slots=True, eq=False)
class OtherControl:
    """A control block that is kept as configured: GOOSE, sampled-value or setting-group control."""

    kind: str
    """`gse`, `smv` or `setting`."""
    name: str
    attributes: dict[str, str] = attrs.Factory(dict)
    """The SCL attributes, as text."""


@attrs.define(slots=True, eq=False)
class LogicalNode:
    """A logical node (clause 10): data objects, data sets and control blocks."""

    name: str
    ln_class: str
    objects: dict[str, DataObject] = attrs.Factory(dict)
    data_sets: dict[str, DataSet] = attrs.Factory(dict)
    reports: dict[str, ReportControl] = attrs.Factory(dict)
    others: list[OtherControl] = attrs.Factory(list)
    description: str = ""
    log_controls: dict[str, LogControl] = attrs.Factory(dict)
    logs: list[str] = attrs.Factory(list)
    """Names of its logs."""


@attrs.define(slots=True, eq=False)
class LogicalDevice:
    """A logical device (clause 9): `name` is the whole name, as it stands in references."""

    name: str
    inst: str
    nodes: dict[str, LogicalNode] = attrs.Factory(dict)
    description: str = ""


@attrs.define(slots=True, eq=False)
class Model:
    """The data model of one server (clause 7): one access point of one IED."""

    ied: str
    devices: dict[str, LogicalDevice] = attrs.Factory(dict)
    access_point: str = ""
    services: dict[str, dict[str, str]] = attrs.Factory(dict)
    """The SCL Services element: child name to its attributes, as text."""
    addresses: dict[str, str] = attrs.Factory(dict)
    """Of the connected access point: P type to text (`IP`, `JID`, `OSI-TSEL`, ...)."""
    description: str = ""

    def find(self, reference: Reference) -> LogicalDevice | LogicalNode | DataObject | Attribute | None:
        """Return what `reference` names; None if there is nothing. An attribute must be of the constraint asked for."""
        device = self.devices.get(reference.device)
        if device is None or not reference.node:
            return device
        node = device.nodes.get(reference.node)
        if node is None or not reference.path:
            return node
        here: LogicalNode | DataObject | Attribute = node
        for part in reference.path:
            name, _, index = part.partition("(")
            below = here.objects if isinstance(here, LogicalNode) else here.children
            found = below.get(name)
            if found is None:
                return None
            if index:
                number = int(index[:-1])
                if number >= len(found.elements):
                    return None
                found = found.elements[number]
            here = found
        if isinstance(here, Attribute) and reference.fc not in (None, here.fc):
            return None
        return here
