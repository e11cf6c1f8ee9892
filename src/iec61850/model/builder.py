"""A model in code: names are given, types come from the class tables, mandatory parts are added by themselves.

::

    model = (
        build("DG750", "Main diesel generator")
        .address(JID="dg750@plant.example/IEC")
        .device("DER")
        .node("MMXU1", "TotW", "PPV")
        .node("DWGC1", "WSpt", control={"WSpt": "direct-with-normal-security"})
        .data_set("Meas", "MMXU1.TotW", "DWGC1.WSpt")
        .report("urcbMeas", "Meas", integrity=60)
        .model()
    )

Every device begins with LLN0 and LPHD1. What is asked for beside the mandatory parts is named by its path: `TotW.db`,
`TotW.units.multiplier`, `PPV.phsAB`, `Har.har[16]` for an array of 16.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Self

import attrs

from ...common.errors import LocalError, TypeConflict, UnknownName
from ..acsi.plain import Plain, shape
from ..acsi.references import FC, Reference
from ..acsi.types import DataValue
from .classes import ClassTables, LnClass, ObjectRule, class_tables
from .instances import Maker, Wish, carry, choose, wishes
from .nodes import (
    Attribute,
    DataObject,
    DataSet,
    EnumType,
    LogControl,
    LogicalDevice,
    LogicalNode,
    Model,
    OtherControl,
    ReportControl,
    Trigger,
)

_NODE = re.compile(r"([A-Za-z][A-Za-z0-9_]*?)?(LLN0|[A-Z]{4})([0-9]*)")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_BASE_NAMESPACE = "7-4"

USUAL_LENGTH = 10
"""Of an array, where the usual is taken: points of a curve."""

SERVICES: Mapping[str, Mapping[str, str]] = {
    "DynAssociation": {"max": "20"},
    "GetDirectory": {},
    "GetDataObjectDefinition": {},
    "DataObjectDirectory": {},
    "GetDataSetValue": {},
    "DataSetDirectory": {},
    "ReadWrite": {},
    "GetCBValues": {},
}
"""What a built server declares unless it is told otherwise: services that every server of this package has."""

FIELDS = ("seqNum", "timeStamp", "reasonCode", "dataSet", "dataRef", "bufOvfl", "entryID", "configRef")
"""Optional fields of a report, as SCL names them, in the order of their bits from bit 1 on."""

_USUAL = {"Mod.stVal": "on", "Beh.stVal": "on", "Health.stVal": "Ok", "PhyHealth.stVal": "Ok"}
"""Values that a node begins with."""

TRIGGERS = Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE | Trigger.GENERAL_INTERROGATION
"""What a report is triggered by unless it is told otherwise."""

LOG_TRIGGERS = Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE
"""What writes into a log unless it is told otherwise."""


@attrs.frozen(slots=True)
class _Asked:
    """What was asked for of one node by all calls so far."""

    wishes: dict[str, Wish] = attrs.Factory(dict)
    controls: dict[str, int] = attrs.Factory(dict)
    grouped: frozenset[str] = frozenset()
    enums: dict[str, EnumType] = attrs.Factory(dict)


def build(
    ied: str,
    description: str = "",
    *,
    access_point: str = "AP1",
    tables: ClassTables | None = None,
    usual: bool = False,
) -> Builder:
    """Return a builder of the model of one server; raise `LocalError` for a name that no IED can have.

    With `usual` a node gets the first of what its class leaves to choose, where none of it is asked for, and arrays of
    which no length is said are of `USUAL_LENGTH`.
    """
    return Builder(ied, description, access_point=access_point, tables=tables, usual=usual)


class Builder:
    """Builds a model step by step; each step returns the builder, and raises `LocalError` at what is wrong with it.

    `device` says where `node` puts nodes from then on, and where names without a device are looked up.
    """

    def __init__(
        self, ied: str, description: str, *, access_point: str, tables: ClassTables | None, usual: bool = False
    ) -> None:
        self._tables = tables or class_tables()
        self._usual = usual
        self._length = USUAL_LENGTH if usual else 0
        services = {name: dict(attributes) for name, attributes in SERVICES.items()}
        self._model = Model(_named(ied), access_point=access_point, services=services, description=description)
        self._device: LogicalDevice | None = None
        self._asked: dict[tuple[str, str], _Asked] = {}
        """By device and node, so that a later call adds to what was asked for before."""

    def model(self) -> Model:
        """Return the model, for `Server(model)` or `write_cid(model)`; raise `LocalError` if it has no device."""
        if not self._model.devices:
            raise LocalError("a model needs a device: call device(...) first", where=self._model.ied)
        return self._model

    # --- devices and nodes -------------------------------------------------------------------------------------------

    def address(self, addresses: Mapping[str, str] | None = None, **more: str) -> Self:
        """Give addresses of the access point: `IP="192.0.2.7"`, `JID=...`, `{"OSI-TSEL": "0001"}`."""
        self._model.addresses |= {**(addresses or {}), **more}
        return self

    def services(self, **services: Mapping[str, str]) -> Self:
        """Declare services as SCL names them, with their attributes: `ConfReportControl={"max": "10"}`."""
        self._model.services |= {name: dict(attributes) for name, attributes in services.items()}
        return self

    def device(self, inst: str, description: str = "", *, name: str = "") -> Self:
        """Add a logical device with LLN0 and LPHD1; its name is that of the IED and `inst`, unless `name` is given."""
        whole = _named(name or f"{self._model.ied}{inst}")
        if whole in self._model.devices or any(inst == one.inst for one in self._model.devices.values()):
            raise LocalError("there is a device of that name already", where=whole)
        self._device = self._model.devices[whole] = LogicalDevice(whole, inst, description=description)
        return self.node("LLN0").node("LPHD1")

    def node(
        self,
        name: str,
        *objects: str,
        control: Mapping[str, str | int] | None = None,
        grouped: Iterable[str] = (),
        enums: Mapping[str, EnumType] | None = None,
        values: Mapping[str, Plain] | None = None,
        description: str = "",
    ) -> Self:
        """Add a logical node `MMXU1`, or with a prefix `genMMXU1`; or add to the one that there is.

        Args:
            objects: data objects beside the mandatory ones, and optional parts of any: `TotW`, `TotW.db`.
            control: control model of controllable data objects, by literal or ordinal; status-only if not given.
            grouped: settings that have a value for each setting group; see `setting_groups`.
            enums: enumerations that the standard leaves to the device, by data object.
            values: by path, `WMax.setMag.f`; see `value`.

        Raises `UnknownName` for a class or part that the standards do not have, `LocalError` where a choice is open
        or what is asked for excludes each other.
        """
        device = self._current()
        match = _NODE.fullmatch(name)
        if match is None or match[2] not in self._tables:
            raise UnknownName("no logical-node class: write MMXU1, or with a prefix genMMXU1", where=name)
        ln_class = self._tables.ln_class(match[2])
        if (match[2] == "LLN0") is not (name == "LLN0") or (name != "LLN0" and not match[3]):
            raise LocalError("a node is named by its class and a number, LLN0 alone by its class", where=name)
        before = self._asked.get((device.name, name), _Asked())
        new = wishes([*objects, *(control or {}), *grouped, *(enums or {})])
        asked = _Asked(
            wishes([*objects, *new], before.wishes),
            before.controls | {one: self._control_model(one, model) for one, model in (control or {}).items()},
            before.grouped | frozenset(grouped),
            {**before.enums, **(enums or {})},
        )
        node = device.nodes.get(name, LogicalNode(name, ln_class.name))
        made = {
            one: node.objects[one] if one in node.objects and one not in new else self._make(ln_class, node, one, asked)
            for one in self._objects(ln_class, asked.wishes, f"{device.name}/{name}")
        }
        node.objects, node.description = made, description or node.description
        device.nodes[name] = node
        self._asked[device.name, name] = asked
        for path, value in (values or {}).items():
            self.value(f"{name}.{path}", value)
        return self

    def _current(self) -> LogicalDevice:
        if self._device is None:
            raise LocalError("there is no device yet: call device(...) first", where=self._model.ied)
        return self._device

    def _control_model(self, name: str, model: str | int) -> int:
        ordinals = self._tables.enumeration("CtlModelKind").ordinals
        found = ordinals.get(model) if isinstance(model, str) else model
        if found is None or found not in ordinals.values():
            raise LocalError(f"{model!r} is no control model; there are {', '.join(ordinals)}", where=name)
        return found

    def _objects(self, ln_class: LnClass, wished: Mapping[str, Wish], where: str) -> list[str]:
        """Return the data objects to make, in the order of the class, those that can be several by their numbers."""
        named: dict[str, list[str]] = {}
        for name in wished:
            rule = ln_class.rule(name)
            if rule is None:
                raise UnknownName(f"{ln_class.name} has no {name}", where=where)
            named.setdefault(rule.name, []).append(name)
        rules = {name: rule.presence for name, rule in ln_class.objects.items() if not rule.deprecated or name in named}
        found = []
        for base in choose(rules, named, self._facts(ln_class), where, free=self._usual):
            several = ln_class.objects[base].multiple
            found += named.get(base, [f"{base}1" if several else base])
        return found

    def _facts(self, ln_class: LnClass) -> dict[str, bool]:
        ln0 = ln_class.name == "LLN0"
        foreign = not ln_class.namespace.startswith(f"IEC 61850-{_BASE_NAMESPACE}:")
        return {"ln0": ln0, "foreign": foreign, "named": ln0 or foreign, "root": ln0}

    def _make(self, ln_class: LnClass, node: LogicalNode, name: str, asked: _Asked) -> DataObject:
        """Return a data object made anew, with the values that it had."""
        rule = ln_class.rule(name)
        assert rule is not None
        model = asked.controls.get(name, 0)
        facts = self._facts(ln_class) | {
            "control": model > 0,
            "select": model in {2, 4},
            "select_normal": model == 2,
            "select_enhanced": model == 4,
            "enhanced": model in {3, 4},
        }
        setting = FC.SG if name in asked.grouped else FC.SP
        maker = Maker(self._tables, facts, setting, asked.enums.get(name, rule.underlying), length=self._length)
        where = f"{self._current().name}/{node.name}.{name}"
        made = maker.data_object(name, rule.cdc, asked.wishes.get(name, Wish()), where)
        if name in asked.controls and "ctlModel" not in made.children:
            raise LocalError(f"{rule.cdc} cannot be controlled", where=where)
        self._begin(made, rule, ln_class)
        if name in node.objects:
            carry(node.objects[name], made)
        if isinstance(chosen := made.children.get("ctlModel"), Attribute):
            chosen.value = model
        return made

    def _begin(self, data: DataObject, rule: ObjectRule, ln_class: LnClass) -> None:
        """Give a new data object the values that follow from where it is."""
        if rule.cdc == "LPL":
            namespaces = {"ldNs": self._tables.namespaces[_BASE_NAMESPACE], "lnNs": ln_class.namespace}
            for name, value in namespaces.items():
                if isinstance(found := data.children.get(name), Attribute):
                    found.value = value
        for path, literal in _USUAL.items():
            name, _, part = path.partition(".")
            state = data.children.get(part)
            if data.name == name and isinstance(state, Attribute) and state.enum is not None:
                state.value = state.enum.ordinals[literal]

    # --- values ------------------------------------------------------------------------------------------------------

    def value(self, reference: str, value: Plain) -> Self:
        """Set a value: `MMXU1.TotW.units.multiplier`, of another device `DER/MMXU1...`.

        An enumeration takes literal or ordinal, a structure a dict. A setting that has a value for each setting group
        takes a dict by their numbers. Raises `UnknownName` or `TypeConflict`.
        """
        found = self._attribute(reference)
        if found.fc in (FC.SG, FC.SE) and isinstance(value, Mapping) and all(isinstance(one, int) for one in value):
            found.groups = {number: _fitted(found, one, reference) for number, one in value.items()}
            found.value = found.groups.get(self._active_group())
            return self
        self._set(found, _fitted(found, value, reference), reference)
        return self

    def _set(self, found: Attribute, value: DataValue, reference: str) -> None:
        if found.type is not None:
            found.value = value
            return
        below = found.elements or list(found.children.values())
        assert isinstance(value, list)
        for child, part in zip(below, value, strict=True):
            self._set(child, part, reference)

    def settable(self, *references: str) -> Self:
        """Let clients write attributes that they could not: configuration, as `MMXU1.TotW.db`."""
        return self._allow(references, True)

    def read_only(self, *references: str) -> Self:
        """Let clients not write attributes that they could: settings, as `DGEN1.WMaxRtg.setMag`."""
        return self._allow(references, False)

    def _allow(self, references: Iterable[str], settable: bool) -> Self:
        for reference in references:
            found = self._attribute(reference)
            if settable and found.fc not in {FC.SP, FC.SV, FC.BL, FC.SE, FC.CF, FC.DC}:
                raise LocalError(f"under {found.fc.value} nothing can be set", where=reference)
            _allow(found, settable)
        return self

    def _attribute(self, reference: str) -> Attribute:
        where = self._reference(reference)
        found = self._model.find(where)
        if not isinstance(found, Attribute):
            raise UnknownName("there is no attribute of that name", where=str(where))
        return found

    def _reference(self, text: str) -> Reference:
        """Return a reference; a device can be named by its inst, and is the current one if it is not named."""
        device, slash, rest = text.rpartition("/")
        if not slash:
            return Reference.parse(f"{self._current().name}/{rest}")
        named = next((one.name for one in self._model.devices.values() if device in (one.inst, one.name)), device)
        return Reference.parse(f"{named}/{rest}")

    # --- data sets and control blocks --------------------------------------------------------------------------------

    def data_set(self, name: str, *members: str, node: str = "LLN0") -> Self:
        """Add a data set of data objects or attributes: `MMXU1.TotW`, `DGEN1.WMax.setMag[SP]`.

        Without a constraint a data object is meant under MX or ST. Raises `UnknownName` for a member that is not there.
        """
        owner = self._node(node)
        if name in owner.data_sets or not members:
            raise LocalError("there is one of that name" if members else "it has no member", where=f"data set {name}")
        owner.data_sets[_named(name)] = DataSet(name, tuple(self._member(one) for one in members))
        return self

    def _member(self, text: str) -> Reference:
        reference = self._reference(text)
        found = self._model.find(reference)
        if isinstance(found, Attribute):
            return reference.with_fc(found.fc)
        there = found.constraints() if isinstance(found, DataObject) else frozenset()
        wanted = reference.fc or next((fc for fc in (FC.MX, FC.ST, FC.SP, FC.SG) if fc in there), None)
        if wanted is None or wanted not in there:
            raise UnknownName("there is no data of that name and constraint", where=str(reference))
        return reference.with_fc(wanted)

    def report(
        self,
        name: str,
        data_set: str = "",
        *,
        buffered: bool = False,
        integrity: float = 0,
        buffer_time: float = 0,
        triggers: Trigger = TRIGGERS,
        fields: Iterable[str] = ("seqNum", "timeStamp", "reasonCode", "dataSet", "configRef"),
        instances: int = 5,
        conf_rev: int = 1,
        rpt_id: str = "",
        node: str = "LLN0",
    ) -> Self:
        """Add a report control block; `integrity` and `buffer_time` are seconds, 0 for none.

        A buffered one reports entryID and bufOvfl as well. Clients reserve one of `instances` (1 to 99) each.
        """
        owner = self._node(node)
        if name in owner.reports or (data_set and data_set not in owner.data_sets):
            wrong = "there is one of that name" if name in owner.reports else f"{node} has no data set {data_set!r}"
            raise LocalError(wrong, where=f"report {name}")
        if not 1 <= instances <= 99:
            raise LocalError(f"from 1 to 99 instances, not {instances}", where=f"report {name}")
        asked = {*fields, *(("entryID", "bufOvfl") if buffered else ())}
        if unknown := asked - set(FIELDS):
            raise LocalError(f"{', '.join(sorted(unknown))}: fields are {', '.join(FIELDS)}", where=f"report {name}")
        if not buffered and asked & {"entryID", "bufOvfl"}:
            raise LocalError("entryID and bufOvfl are of buffered reports", where=f"report {name}")
        owner.reports[_named(name)] = ReportControl(
            name,
            buffered,
            rpt_id=rpt_id,
            data_set=data_set,
            conf_rev=conf_rev,
            optional_fields=sum(1 << (8 - FIELDS.index(field)) for field in asked),
            buffer_time=round(buffer_time * 1000),
            trigger=triggers | Trigger.INTEGRITY if integrity else triggers,
            integrity_period=round(integrity * 1000),
            max_instances=instances,
        )
        return self

    def log(
        self,
        name: str,
        log: str,
        data_set: str = "",
        *,
        integrity: float = 0,
        triggers: Trigger = LOG_TRIGGERS,
        enabled: bool = True,
        node: str = "LLN0",
    ) -> Self:
        """Add a log control block that writes into the log of that name, which is added where it is not there yet.

        `integrity` is seconds, 0 for none; `enabled` tells whether it writes from the start on.
        """
        owner = self._node(node)
        if name in owner.log_controls or (data_set and data_set not in owner.data_sets):
            taken = name in owner.log_controls
            wrong = "there is one of that name" if taken else f"{node} has no data set {data_set!r}"
            raise LocalError(wrong, where=f"log {name}")
        owner.log_controls[_named(name)] = LogControl(
            name,
            data_set,
            f"{self._current().name}/{node}.{_named(log)}",
            enabled,
            triggers | Trigger.INTEGRITY if integrity else triggers,
            round(integrity * 1000),
        )
        if log not in owner.logs:
            owner.logs.append(log)
        return self

    def setting_groups(self, count: int, active: int = 1) -> Self:
        """Give the device `count` setting groups, of which one is active."""
        if not 1 <= active <= count:
            raise LocalError(f"group {active} of {count} cannot be active", where=self._current().name)
        texts = {"numOfSGs": str(count), "actSG": str(active)}
        self._node("LLN0").others.append(OtherControl("setting", "SGCB", texts))
        return self

    def _active_group(self) -> int:
        blocks = self._node("LLN0").others
        return next((int(one.attributes["actSG"]) for one in blocks if one.kind == "setting"), 1)

    def _node(self, name: str) -> LogicalNode:
        found = self._current().nodes.get(name)
        if found is None:
            raise UnknownName("there is no node of that name", where=f"{self._current().name}/{name}")
        return found


def _named(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise LocalError("a name is letters, digits and underscores, beginning with a letter, at most 64", where=name)
    return name


def _allow(attribute: Attribute, settable: bool) -> None:
    attribute.settable = settable
    for child in [*attribute.children.values(), *attribute.elements]:
        _allow(child, settable)


def _fitted(attribute: Attribute, value: Plain, where: str) -> DataValue:
    """Return a value as an attribute holds it; a literal as its ordinal."""
    if isinstance(value, str) and attribute.enum is not None:
        if value not in attribute.enum.ordinals:
            raise TypeConflict(f"{value!r} is none of {', '.join(attribute.enum.ordinals)}", where=where)
        value = attribute.enum.ordinals[value]
    elif isinstance(value, Mapping) and attribute.type is None and not attribute.count:
        unknown = [name for name in value if name not in attribute.children]
        if unknown:
            raise TypeConflict(f"there is no {', '.join(map(str, unknown))}", where=where)
        value = {name: _fitted(attribute.children[name], one, f"{where}.{name}") for name, one in value.items()}
    return shape(value, attribute.describe(), where)
