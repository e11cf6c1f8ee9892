"""Logical nodes and their types against the class tables: presence, types, constraints, triggers and enumerations.

A type is judged once for each context in which it is used; a finding stands at the line of the type.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping

import attrs

from ...common.errors import UnknownName
from ...common.xml import Element
from ..acsi.references import FC
from ..model.classes import CdcClass, ClassTables, Kind, LnClass, ObjectRule, Part, class_tables, first_edition
from ..model.nodes import Attribute, DataObject, LogicalDevice, LogicalNode, Model, Trigger
from ..model.presence import Fault, Presence, judge
from . import codes
from .codes import Code
from .document import Document, quoted
from .enumerations import EnumCheck
from .templates import Templates, triggers

_SAME = ({"ObjRef", "VisString129"}, {"EntryID", "Octet64"})
"""Types that are the same on the wire; before there was the one, the other was written for it."""

_SETTINGS = {"SP", "SG", "SE"}
"""Constraints between which a device chooses, attribute by attribute."""

_NAMESPACES = frozenset({"cdcNs", "cdcName", "dataNs"})
"""Attributes that any data object may have: they tell where an extension is from."""

_OBJECT = {True: codes.MISSING_OBJECT, False: codes.EXCLUDED_OBJECT}
_PART = {True: codes.MISSING_PART, False: codes.EXCLUDED_PART}
_ON_THE_WIRE = frozenset({"SBOw", "Oper", "Cancel"})
"""Structures that a client builds from the mapping, whatever the file says of their order."""

_BASE_NAMESPACE = "IEC 61850-7-4"


@attrs.frozen(slots=True)
class _Scope:
    """What holds where a type is used; a type is judged once for each.

    Attributes:
        context: facts for presence conditions, as (name, truth).
        underlying: type that the data object gives to what its common data class leaves open.
        first: True for the first edition, of which only functional constraints are compared.
    """

    context: tuple[tuple[str, bool], ...] = ()
    underlying: str = ""
    first: bool = False


class ClassCheck:
    """Judges the types of one document, node by node."""

    def __init__(self, document: Document, templates: Templates) -> None:
        self._document = document
        self._log = document.log
        self._templates = templates
        self._tables: ClassTables = class_tables()
        self._old: ClassTables = first_edition()
        self._enums = EnumCheck(document, self._tables)
        self._done: set[tuple[Hashable, ...]] = set()
        self._seen: set[Element] = set()
        self._ied_type = ""

    def server(self, model: Model, nodes: Iterable[tuple[LogicalNode, Element, str]], ied_type: str) -> None:
        """Judge the nodes of one server: each with its LN or LN0 element and the inst of its device."""
        self._ied_type = ied_type
        devices = {device.inst: device for device in model.devices.values()}
        for node, element, inst in nodes:
            found = self._templates.element("LNodeType", element.get("lnType", ""), ied_type)
            if found is not None:
                self._node(node, found, devices[inst])

    def rest(self) -> None:
        """Judge the LNodeTypes that no node used."""
        self._ied_type = ""
        for element in self._templates.elements("LNodeType"):
            if element not in self._seen:
                ln_class = element.get("lnClass", "").strip()
                self._node_type(
                    element, ln_class, _Scope((("ln0", ln_class == "LLN0"),), first=self._dated("")), "", {}
                )

    # --- logical nodes -----------------------------------------------------------------------------------------------

    def _node(self, node: LogicalNode, element: Element, device: LogicalDevice) -> None:
        self._seen.add(element)
        ld_ns = _text(device.nodes.get("LLN0"), "ldNs")
        ln_ns = _text(node, "lnNs")
        first = self._dated(ld_ns)
        ln0 = node.ln_class == "LLN0"
        facts = {"ln0": ln0}
        if node.ln_class in self._tables:
            own = self._tables.ln_class(node.ln_class).namespace
            facts["foreign"] = _family(own) != (_family(ld_ns) or _BASE_NAMESPACE)
            facts["named"] = ln0 or facts["foreign"]
            facts["root"] = ln0 and "GrRef" not in node.objects
        if (
            self._known(ld_ns)
            and not first
            and _edition(ld_ns) != _edition(self._tables.namespaces[_family(ld_ns)[10:]])
        ):
            ours = self._tables.namespaces[_family(ld_ns)[10:]]
            message = f"logical devices are of {quoted(ld_ns)}, and compared with {ours}"
            self._note(codes.OTHER_EDITION, self._document.root, message)
        foreign = next((one for one in (ln_ns, ld_ns) if one and not self._known(one)), "")
        models = {name: value for name, data in node.objects.items() if (value := _control_model(data)) is not None}
        self._node_type(element, node.ln_class, _Scope(tuple(sorted(facts.items())), first=first), foreign, models)

    def _dated(self, namespace: str) -> bool:
        """Tell whether this is of the first edition: by the namespace of the device, else by that of the file."""
        year = namespace.rpartition(":")[2][:4]
        if self._known(namespace) and year.isdecimal():
            return year < "2007"
        return self._document.edition.version == 2003

    def _known(self, namespace: str) -> bool:
        return _family(namespace) in {_family(one) for one in self._tables.namespaces.values()}

    def _node_type(
        self, element: Element, ln_class: str, scope: _Scope, foreign: str, models: Mapping[str, int]
    ) -> None:
        """Judge an LNodeType; `models` are the control models of the node's data objects, where they are known."""
        if not self._new("LNodeType", element, scope, tuple(sorted(models.items()))):
            return
        objects = {self._name(one): one for one in self._document.children(element, "DO")}
        found = self._class(element, ln_class, scope, foreign, objects)
        rules = {name: found.rule(name) if found else None for name in objects}
        if found is not None and not scope.first:
            self._presence_of_objects(element, found, objects, scope)
        for name, one in objects.items():
            rule = rules[name]
            self._object(one, rule, f"{ln_class}.{name}", scope, models.get(name), judged=found is not None)
            if found is not None and rule is None and not scope.first:
                self._unknown_object(one, found, name, foreign)

    def _class(
        self, element: Element, ln_class: str, scope: _Scope, foreign: str, objects: Mapping[str, Element]
    ) -> LnClass | None:
        """Return the class to judge by; None, noted, if there is none."""
        known = self._tables.ln_class(ln_class) if ln_class in self._tables else None
        if ln_class in self._old:
            only_old = {name for name in self._old.ln_class(ln_class).objects if known is None or not known.rule(name)}
            if known is None or only_old & objects.keys():
                self._note(
                    codes.FIRST_EDITION,
                    element,
                    f"{ln_class} is as in the first edition of IEC 61850-7-420: not judged",
                )
                return None
        if known is None and foreign:
            self._note(codes.OTHER_NAMESPACE, element, f"class {quoted(ln_class)} is of {quoted(foreign)}: not judged")
        elif known is None and scope.first:
            self._note(codes.FIRST_EDITION, element, f"class {quoted(ln_class)} is not of edition 2: not judged")
        elif known is None:
            self._note(codes.UNKNOWN_CLASS, element, f"neither 7-4 nor 7-420 has a class {quoted(ln_class)}")
        if scope.first:
            self._note(
                codes.FIRST_EDITION,
                self._document.root,
                "of the first edition: only functional constraints are compared with those of edition 2",
            )
        return known

    def _presence_of_objects(
        self, element: Element, ln_class: LnClass, objects: Mapping[str, Element], scope: _Scope
    ) -> None:
        derived = "ClcSrc" in objects
        rules = {one.name: one.derived if derived else one.presence for one in ln_class.objects.values()}
        present = {rule.name for name in objects if (rule := ln_class.rule(name)) is not None}
        old = {rule.name for rule in ln_class.objects.values() if rule.deprecated}
        for fault in judge(rules, present, dict(scope.context), old):
            code = _OBJECT[fault.missing]
            self._note(code, element, f"LNodeType {quoted(element.get('id', ''))}: {said(fault)} in {ln_class.name}")
        for name in sorted(old & present):
            self._note(codes.DEPRECATED, objects.get(name, element), f"{ln_class.name}.{name} is deprecated")

    def _unknown_object(self, element: Element, ln_class: LnClass, name: str, foreign: str) -> None:
        namespace = self._said_by_type(element, "dataNs") or foreign
        if namespace:
            message = f"{ln_class.name}.{name} is of {quoted(namespace)}: not judged"
            self._note(codes.OTHER_NAMESPACE, element, message)
            return
        bare = name.rstrip("0123456789")
        why = f"has one {bare}, without a number" if bare in ln_class.objects else "has no such data object"
        self._note(
            codes.UNKNOWN_OBJECT, element, f"{ln_class.name}.{name}: {ln_class.name} {why}, and it has no dataNs"
        )

    # --- data objects ------------------------------------------------------------------------------------------------

    def _object(
        self, element: Element, rule: ObjectRule | None, path: str, scope: _Scope, model: int | None, *, judged: bool
    ) -> None:
        """Judge the DOType of a DO or SDO."""
        found = self._templates.element("DOType", element.get("type", ""), self._ied_type)
        if found is None:
            return
        cdc = found.get("cdc", "").strip()
        if rule is not None and cdc != rule.cdc and not scope.first:
            self._note(codes.WRONG_CDC, element, f"{path} should be of {rule.cdc}, not of {quoted(cdc)}")
        context = (*scope.context, *_control_facts(model))
        underlying = rule.underlying if rule is not None and rule.cdc == cdc else ""
        self._object_type(found, cdc, attrs.evolve(scope, context=context, underlying=underlying))

    def _object_type(self, element: Element, cdc: str, scope: _Scope) -> None:
        if not self._new("DOType", element, scope):
            return
        attributes = {self._name(one): one for one in self._document.children(element, "DA", "SDO")}
        try:
            found = self._tables.cdc(cdc, self._setting(attributes))
        except UnknownName:
            return  # SCL214 says so
        parts = {**found.parts, **self._tables.service_parts(cdc)}
        where = f"DOType {quoted(element.get('id', ''))} ({cdc})"
        if not scope.first:
            self._presence_of_parts(element, parts, attributes, dict(scope.context) | self._scaled(attributes), where)
        namespace = self._said(element, "cdcNs") or self._said(element, "dataNs")
        for name, one in attributes.items():
            part = parts.get(name)
            if part is not None:
                self._part(one, part, found, f"{cdc}.{name}", scope)
            elif not scope.first and name not in _NAMESPACES:
                self._unknown_part(one, f"{cdc}.{name}", namespace)

    def _part(self, element: Element, part: Part, cdc: CdcClass, path: str, scope: _Scope) -> None:
        """Judge a DA or SDO."""
        if part.kind is Kind.OBJECT:
            if self._document.kind(element) == "SDO":
                rule = ObjectRule(part.name, part.type, "", part.presence, part.presence, False, False, "", "")
                self._object(element, rule, path, attrs.evolve(scope, underlying=""), None, judged=True)
            return
        fc = element.get("fc", "").strip()
        if part.fc is not None and fc != part.fc.value and not {fc, part.fc.value} <= _SETTINGS:
            self._note(codes.WRONG_CONSTRAINT, element, f"{path} should be under {part.fc.value}, not {quoted(fc)}")
        if scope.first:
            return
        self._triggers(element, part, path)
        self._type(element, part, path, scope, cdc.control)

    def _triggers(self, element: Element, part: Part, path: str) -> None:
        given = triggers(self._document, element)
        needed = part.trigger & (Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE)
        for option, text in ((needed & ~given, "lacks"), (given & ~part.trigger, "should not have")):
            if option:
                names = ", ".join(_TRIGGERS[one] for one in option)
                self._note(codes.WRONG_TRIGGER, element, f"{path} {text} {names}")

    # --- types -------------------------------------------------------------------------------------------------------

    def _type(self, element: Element, part: Part, path: str, scope: _Scope, control: Part | None) -> None:
        """Judge bType, and the EnumType or DAType behind it."""
        if part.type == "?":
            if part.name != "ctlVal" or control is None:
                return  # the mapping or the data object tells, and neither says what
            part = attrs.evolve(control, name="ctlVal")
        if bool(part.size) is not (element.get("count", "0").strip() != "0"):
            said_ = "an array" if part.size else "no array"
            self._note(codes.WRONG_TYPE, element, f"{path} should be {said_}")
        kind = element.get("bType", "").strip()
        wanted = {Kind.ENUMERATED: "Enum", Kind.STRUCTURE: "Struct"}.get(part.kind, part.type)
        if kind != wanted and {kind, wanted} not in _SAME:
            self._note(codes.WRONG_TYPE, element, f"{path} should be {wanted}, not {quoted(kind)}")
            return
        if part.kind is Kind.ENUMERATED:
            self._enums.judge(self._templates.element("EnumType", element.get("type", ""), self._ied_type),
                              part.type or scope.underlying)  # fmt: skip
        elif part.kind is Kind.STRUCTURE:
            self._structure(element, part.type, scope, control)

    def _structure(self, user: Element, name: str, scope: _Scope, control: Part | None) -> None:
        element = self._templates.element("DAType", user.get("type", ""), self._ied_type)
        narrow = _Scope(underlying=scope.underlying)
        if element is None or not self._new("DAType", element, name, control, narrow):
            return
        parts = self._tables.structure(name)
        components = {self._name(one): one for one in self._document.children(element, "BDA")}
        self._presence_of_parts(element, parts, components, {}, f"DAType {quoted(element.get('id', ''))} ({name})")
        known, ordered = [one for one in components if one in parts], [one for one in parts if one in components]
        if name in _ON_THE_WIRE and known != ordered:
            message = f"DAType {quoted(element.get('id', ''))} ({name}): the order is {', '.join(ordered)}"
            self._note(codes.WRONG_ORDER, element, message)
        for component, one in components.items():
            if component in parts:
                self._type(one, parts[component], f"{name}.{component}", narrow, control)
            else:
                self._unknown_part(one, f"{name}.{component}", "")

    def _presence_of_parts(
        self,
        element: Element,
        parts: Mapping[str, Part],
        present: Mapping[str, Element],
        context: Mapping[str, bool],
        where: str,
    ) -> None:
        rules: dict[str, Presence] = {name: part.presence for name, part in parts.items()}
        for fault in judge(rules, present, context):
            self._note(_PART[fault.missing], element, f"{where}: {said(fault)}")

    def _unknown_part(self, element: Element, path: str, namespace: str) -> None:
        if namespace:
            self._note(codes.OTHER_NAMESPACE, element, f"{path} is of {quoted(namespace)}: not judged")
        else:
            self._note(codes.UNKNOWN_PART, element, f"{path}: the class has no such part, and there is no cdcNs")

    # --- help --------------------------------------------------------------------------------------------------------

    def _note(self, code: Code, element: Element, message: str) -> None:
        """Note a finding once, in however many contexts it is made."""
        if self._new(code.id, element, message):
            self._log.add(code, element, message)

    def _new(self, *key: Hashable) -> bool:
        if key in self._done:
            return False
        self._done.add(key)
        return True

    def _name(self, element: Element) -> str:
        return element.get("name", "").strip()

    def _setting(self, attributes: Mapping[str, Element]) -> FC:
        """Return the variant of a class for settings: SG or SE if any attribute is under it."""
        given = {element.get("fc", "").strip() for element in attributes.values()}
        return FC.SG if "SG" in given else FC.SE if "SE" in given else FC.SP

    def _scaled(self, attributes: Mapping[str, Element]) -> dict[str, bool]:
        """Tell whether a value of structure AnalogueValue is an integer, which needs a scale."""
        for name in ("mag", "mxVal", "setMag", "instMag"):
            if name in attributes:
                found = self._templates.element("DAType", attributes[name].get("type", ""), self._ied_type)
                if found is not None:
                    names = {self._name(one) for one in self._document.children(found, "BDA")}
                    return {"scaled": "i" in names}
        return {}

    def _said(self, element: Element, name: str) -> str:
        """Return the text of the value that a DOType gives to an attribute, e.g. `dataNs`."""
        for one in self._document.children(element, "DA"):
            if self._name(one) == name:
                val = self._document.child(one, "Val")
                return ((val.text if val is not None else "") or "").strip() or "a namespace that the instances name"
        return ""

    def _said_by_type(self, user: Element, name: str) -> str:
        found = self._templates.element("DOType", user.get("type", ""), self._ied_type)
        return self._said(found, name) if found is not None else ""


_TRIGGERS = {Trigger.DATA_CHANGE: "dchg", Trigger.QUALITY_CHANGE: "qchg", Trigger.DATA_UPDATE: "dupd"}


def said(fault: Fault) -> str:
    """Return what a broken presence condition says, in words."""
    names = ", ".join(fault.names[:12]) + (" …" if len(fault.names) > 12 else "")
    if fault.any_of:
        return f"one of {names} should be there ({fault.presence})"
    verb = "is missing" if fault.missing else "should not be there"
    if len(fault.names) > 1:
        verb = "are missing" if fault.missing else verb
    return f"{names} {verb} ({fault.presence})"


def _family(namespace: str) -> str:
    """Return a namespace without its edition."""
    return namespace.partition(":")[0].strip()


def _edition(namespace: str) -> str:
    """Return year and revision of a namespace; the release makes no difference here."""
    return namespace.rpartition(":")[2][:5]


def _text(node: LogicalNode | None, name: str) -> str:
    """Return a text of a node's name plate."""
    plate = node.objects.get("NamPlt") if node is not None else None
    found = plate.children.get(name) if plate is not None else None
    return found.value.strip() if isinstance(found, Attribute) and isinstance(found.value, str) else ""


def _control_model(data: DataObject) -> int | None:
    found = data.children.get("ctlModel")
    value = found.value if isinstance(found, Attribute) else None
    return value if isinstance(value, int) else None


def _control_facts(model: int | None) -> Iterator[tuple[str, bool]]:
    """Yield what a control model makes of the context; nothing if it is not known."""
    if model is not None:
        yield "control", model > 0
        yield "select", model in {2, 4}
        yield "select_normal", model == 2
        yield "select_enhanced", model == 4
        yield "enhanced", model in {3, 4}
