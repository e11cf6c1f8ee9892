"""A server's model made from conversion tables alone: `model_of`.

A row says a reference, its constraint and type; the class tables say the rest: data classes, mandatory parts, quality
and time. What a table may say beside:

* column `control`: the control model of a row with the service `operate`, a literal of CtlModelKind
  (`sbo-with-enhanced-security`), with `timed` behind it for commands at a later time; empty is
  `direct-with-normal-security`;
* column `schedule`: the FSCH node of a row with the service `schedule`, see `schedules`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from ...common.config import together
from ...common.data.conversion import Coded, Field, Linear, WireType
from ...common.data.site import Device
from ...common.data.tables import Binding, Service
from ...common.data.unit import convert, unit
from ...common.errors import ConfigError, LocalError, TypeConflict
from ..acsi.references import FC
from ..mapping.server import Identity
from ..model.builder import Builder, build
from ..model.classes import ClassTables, Kind, class_tables
from ..model.nodes import Attribute, DataObject, EnumType, Model
from .schedules import SCHEDULED, controller_of, node_of, schedule_of
from .targets import NODE, Target, target
from .units import SiUnit, si_unit

GROUPS = {
    "A": "Automatic", "C": "Control", "D": "Der", "F": "Functions", "G": "Generic", "I": "Interfaces",
    "K": "Mechanical", "L": "System", "M": "Metering", "P": "Protection", "Q": "PowerQuality", "R": "ProtectionRelated",
    "S": "Supervision", "T": "Transformers", "X": "Switchgear", "Y": "PowerTransformers", "Z": "Equipment",
}  # fmt: skip
"""Groups of logical-node classes by their first letter (7-4), each with a data set of its own."""

MOST_MEMBERS = 100
"""Members of one data set: a group that has more gets several."""

DIRECT = "direct-with-normal-security"
TIMED = "timed"
LOG = "Points"
"""The log of each logical device."""

INTEGRITY = 60.0
"""Seconds after which reports tell everything again, unless a client sets another time."""

UNBUFFERED, BUFFERED = 5, 2
"""Clients that each report control block has an instance for."""


def model_of(
    ied: str,
    bindings: Iterable[Binding],
    *,
    description: str = "",
    addresses: Mapping[str, str] | None = None,
    descriptions: Mapping[str, str] | None = None,
    logged: bool = False,
    tables: ClassTables | None = None,
) -> Model:
    """Return a complete model with a place for every row, for `Server(model)` and `write_cid(model)`.

    Logical devices are those of the references, called by the name of the IED and an instance, or wholly otherwise.
    Each has LLN0, LPHD1, the nodes with all that their classes make mandatory, for each group of classes a data set
    of the rows with the service `report`, with an unbuffered and a buffered report control block and one for the log.

    Args:
        ied: name of the IED.
        bindings: rows, of one or several tables and devices.
        addresses: of its access point: `{"JID": ...}`, `{"IP": ...}`.
        descriptions: of logical devices, by name.
        logged: whether the log control blocks write from the start on.
        tables: the class tables, by default those of the package.

    Raises `ConfigError` with file and line of each row that no class has room for: class, data object or attribute
    not in the namespaces, wrong constraint or type, codes that the enumeration does not have, two rows for one
    attribute; and `LocalError` for a name that no IED can have.
    """
    return _Modelling(ied, description, tables or class_tables(), logged).model(
        list(bindings), addresses or {}, descriptions or {}
    )


def model_of_device(device: Device, *, logged: bool = False) -> Model:
    """Return the model of one device of a site from its table: see `model_of`.

    The IED is called as its address says, or as the device; its JID is in the model. `write_cid(model, path)` writes
    the file for clients of others.
    """
    addresses = {"JID": device.address["jid"]} if "jid" in device.address else {}
    ied = device.address.get("ied", device.name)
    return model_of(ied, device.bindings, description=device.description, addresses=addresses, logged=logged)


@attrs.define(slots=True, eq=False)
class _Node:
    """What one logical node is to have."""

    wishes: list[str] = attrs.Factory(list)
    controls: dict[str, str] = attrs.Factory(dict)
    enums: dict[str, EnumType] = attrs.Factory(dict)
    values: dict[str, object] = attrs.Factory(dict)
    reported: list[str] = attrs.Factory(list)
    first: list[str] = attrs.Factory(list)
    """The row that asks for it first."""


class _Modelling:
    def __init__(self, ied: str, description: str, tables: ClassTables, logged: bool) -> None:
        self._ied = ied
        self._description = description
        self._tables = tables
        self._logged = logged
        self._builder = build(ied, description, tables=tables, usual=True)
        self._nodes: dict[str, dict[str, _Node]] = defaultdict(lambda: defaultdict(_Node))
        self._units: dict[str, tuple[SiUnit, str]] = {}
        self._writable: set[str] = set()

    def model(
        self, bindings: Sequence[Binding], addresses: Mapping[str, str], descriptions: Mapping[str, str]
    ) -> Model:
        faults: list[ConfigError] = []
        seen: dict[str, Target] = {}
        for binding in bindings:
            try:
                found = target(self._tables, binding)
                _once(found, seen)
                self._place(found)
                if binding.offers(Service.SCHEDULE):
                    self._schedule(binding)
            except ConfigError as fault:
                faults.append(fault)
        if faults:
            raise together(faults)
        builder = self._builder.address(addresses)
        for device, nodes in self._nodes.items():
            inst = device.removeprefix(self._ied) if device.startswith(self._ied) else device
            name = "" if inst and inst != device else device
            text = descriptions.get(device, "")
            builder.device(inst or device, text, name=name)
            _name_plate(builder, text or self._description)
            for node, asked in nodes.items():
                self._build(builder, node, asked)
            self._control_blocks(builder, nodes)
        self._declare(builder)
        model = builder.model()
        for attribute, text in _settings(model):
            attribute.settable = text in self._writable
        return model

    # --- rows --------------------------------------------------------------------------------------------------------

    def _place(self, found: Target) -> None:
        reference = found.reference
        node = self._nodes[reference.device][reference.node]
        node.first.append(found.where)
        path = ".".join(reference.path)
        name, owner = reference.path[0], ".".join(reference.path[: found.depth])
        node.wishes.append(path)
        if found.enum is not None and node.enums.setdefault(name, found.enum).ordinals != found.enum.ordinals:
            raise ConfigError(f"{owner} has two enumerations in this table", where=found.where)
        if (code := _first(found.binding)) is not None:
            node.values.setdefault(path, code)
        self._describe(found, node, owner)
        if found.binding.offers(Service.REPORT):
            member = f"{name}[{reference.fc.value if reference.fc else ''}]"
            if member not in node.reported:
                node.reported.append(member)
        if found.binding.offers(Service.WRITE):
            self._writable.add(str(reference.with_fc(None)))
        if found.binding.offers(Service.OPERATE):
            self._control(found, node, name, reference.path[-1])

    def _describe(self, found: Target, node: _Node, owner: str) -> None:
        """Say unit, scale, limits and meaning of the row, as far as its data class has room for them."""
        binding, parts = found.binding, found.parts
        text = binding.point.description
        if text and text.isascii() and "d" in parts:
            node.wishes.append(f"{owner}.d")
            node.values.setdefault(f"{owner}.d", text[:255])
        stands = si_unit(binding.row.wire_unit)
        if stands is not None and "units" in parts:
            self._unit(found, node, owner, stands)
        self._scale(found, node, owner)
        low, high = binding.point.low, binding.point.high
        if low is not None and high is not None and {"minVal", "maxVal"} <= parts.keys():
            try:
                edges = sorted(float(binding.to_wire(limit)) for limit in (low, high))
            except TypeConflict:
                return  # a limit beyond the type limits nothing
            structured = parts["minVal"].kind is Kind.STRUCTURE
            component = f".{found.reference.path[-1]}" if structured else ""
            for limit, edge in zip(("minVal", "maxVal"), edges, strict=True):
                path = f"{owner}.{limit}{component}"
                node.wishes.append(path)
                node.values[path] = edge if component == ".f" else round(edge)

    def _unit(self, found: Target, node: _Node, owner: str, stands: SiUnit) -> None:
        key = f"{found.reference.device}/{found.reference.node}.{owner}"
        known, where = self._units.setdefault(key, (stands, found.where))
        if known != stands:
            raise ConfigError(f"{owner} has one unit, and another is said at {where}", where=found.where)
        node.wishes.append(f"{owner}.units.multiplier")
        node.values |= {f"{owner}.units.SIUnit": stands.unit, f"{owner}.units.multiplier": stands.multiplier}

    @staticmethod
    def _scale(found: Target, node: _Node, owner: str) -> None:
        """Say what one step of an integer is, in the unit that stands beside it."""
        conversion, row = found.binding.row.conversion, found.binding.row
        if not isinstance(conversion, Linear) or conversion.step == 0:
            return
        zero = unit(row.unit.symbol)
        steps = [convert(conversion.from_wire(wire), zero, row.wire_unit) for wire in (0, 1)]  # type: ignore[arg-type]
        scale, offset = steps[1] - steps[0], steps[0]
        if found.reference.path[-1] == "i" and "sVC" in found.parts:
            node.wishes += [f"{owner}.sVC"]
            node.values |= {f"{owner}.sVC.scaleFactor": scale, f"{owner}.sVC.offset": offset}
        elif "pulsQty" in found.parts and offset == 0:
            node.values[f"{owner}.pulsQty"] = scale

    def _control(self, found: Target, node: _Node, name: str, last: str) -> None:
        model, _, more = found.binding.address.get("control", "").partition(" ")
        known = self._tables.enumeration("CtlModelKind").ordinals
        if (model and not known.get(model)) or more.strip() not in ("", TIMED):
            texts = ", ".join(text for text in known if known[text])
            text = found.binding.address["control"]
            raise ConfigError(
                f"control: {text!r} is none of {texts}, perhaps with {TIMED!r} behind it", where=found.where
            )
        model = model or DIRECT
        if node.controls.setdefault(name, model) != model:
            raise ConfigError(f"{name} has two control models in this table", where=found.where)
        services = ["Oper"]
        if model.startswith("sbo"):
            services += ["Cancel", *(["SBOw"] if "enhanced" in model else [])]
        elif more:
            services.append("Cancel")
        for service in services:
            if last == "i":
                node.wishes.append(f"{name}.{service}.ctlVal.i")
            node.wishes.append(f"{name}.{service}.operTm" if more else f"{name}.{service}")

    def _schedule(self, binding: Binding) -> None:
        node = schedule_of(binding)
        asked = self._nodes[node.reference.device][node.reference.node]
        asked.first.append(binding.row.where)
        wishes, values, written = node_of(node)
        asked.wishes += wishes
        asked.values |= values
        asked.controls |= dict.fromkeys(("EnaReq", "DsaReq"), DIRECT)
        asked.reported += [f"{name}[ST]" for name in SCHEDULED]
        device = node.reference.device
        self._writable |= {f"{device}/{node.reference.node}.{path}" for path in written}
        name, wishes, values = controller_of(node)
        controller = self._nodes[device][name]
        controller.first.append(binding.row.where)
        controller.wishes += wishes
        controller.values |= values

    # --- what is built -----------------------------------------------------------------------------------------------

    @staticmethod
    def _build(builder: Builder, node: str, asked: _Node) -> None:
        try:
            builder.node(node, *asked.wishes, control=asked.controls, enums=asked.enums, values=asked.values)
        except ConfigError:
            raise
        except LocalError as error:
            reason = f"{error.where}: {error.message}" if error.where else error.message
            raise ConfigError(reason, where=asked.first[0]) from None

    def _control_blocks(self, builder: Builder, nodes: Mapping[str, _Node]) -> None:
        members: dict[str, list[str]] = defaultdict(list)
        for node, asked in nodes.items():
            match = NODE.fullmatch(node)
            assert match is not None
            group = GROUPS.get(match["ln_class"][0], "Others")
            members[group] += [f"{node}.{member}" for member in asked.reported]
        for group, found in sorted(members.items()):
            parts = [found[place : place + MOST_MEMBERS] for place in range(0, len(found), MOST_MEMBERS)]
            for number, part in enumerate(parts, 1):
                name = group if len(parts) == 1 else f"{group}{number}"
                builder.data_set(name, *part)
                builder.report(f"urcb{name}", name, integrity=INTEGRITY, instances=UNBUFFERED)
                builder.report(f"brcb{name}", name, buffered=True, instances=BUFFERED)
                builder.log(f"lcb{name}", LOG, name, enabled=self._logged)

    def _declare(self, builder: Builder) -> None:
        model = builder.model()
        nodes = [node for device in model.devices.values() for node in device.nodes.values()]
        sets = sum(len(node.data_sets) for node in nodes)
        blocks = sum(one.max_instances for node in nodes for one in node.reports.values())
        free = dict.fromkeys(("datSet", "rptID", "optFields", "bufTime", "trgOps", "intgPd"), "Dyn")
        log = dict.fromkeys(("datSet", "logEna", "trgOps", "intgPd"), "Dyn")
        builder.services(
            ConfDataSet={"max": str(sets), "modify": "false"},
            ConfReportControl={"max": str(blocks), "bufMode": "both", "bufConf": "false"},
            ReportSettings={"cbName": "Fix", **free, "resvTms": "true"},
            ConfLogControl={"max": str(sum(len(node.log_controls) for node in nodes))},
            LogSettings={"cbName": "Fix", **log},
        )
        if any(
            wish.endswith(".operTm") for each in self._nodes.values() for one in each.values() for wish in one.wishes
        ):
            builder.services(TimerActivatedControl={})


def _first(binding: Binding) -> int | None:
    """Return the code that an enumeration has until it is known, where it has no 0: what it calls unknown, or its first
    one."""
    conversion = binding.row.conversion
    if not isinstance(conversion, Coded) or conversion.wire_type is not WireType.ENUM or 0 in conversion.codes.values():
        return None
    return conversion.codes.get("unknown", next(iter(conversion.codes.values())))


def _name_plate(builder: Builder, text: str) -> None:
    """Say whose node it is, and of what: clients that browse have no other place for it."""
    builder.value("LLN0.NamPlt.vendor", Identity().vendor)
    if text.isascii() and text:
        builder.node("LLN0", "NamPlt.d", values={"NamPlt.d": text[:255]})


def _once(found: Target, seen: dict[str, Target]) -> None:
    """See that no attribute belongs to two points; that it is of one type has been seen."""
    key = str(found.reference.with_fc(None))
    before = seen.setdefault(key, found)
    if before is found:
        return
    if isinstance(found.binding.row.conversion, Field):
        return  # other points have its other bits
    if before.binding.point.name != found.binding.point.name:
        raise ConfigError(
            f"{key} is given to {found.binding.point.name} here, but to {before.binding.point.name} at {before.where}",
            where=found.where,
        )


def _settings(model: Model) -> Iterator[tuple[Attribute, str]]:
    """Yield what clients could set, with its name."""
    for device in model.devices.values():
        for node in device.nodes.values():
            for data in node.objects.values():
                yield from _below(data, f"{device.name}/{node.name}.{data.name}")


def _below(item: DataObject | Attribute, text: str) -> Iterator[tuple[Attribute, str]]:
    if isinstance(item, Attribute) and item.fc in (FC.SP, FC.CF, FC.DC):
        yield item, text
    for child in [*item.children.values(), *item.elements]:
        yield from _below(child, f"{text}.{child.name}")
