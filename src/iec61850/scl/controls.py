"""Data sets and control blocks of a logical node (clauses 9.3.7 to 9.3.12)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...common.xml import Element
from ..acsi.references import FC, Reference
from ..model.nodes import (
    Attribute,
    DataObject,
    DataSet,
    LogControl,
    LogicalNode,
    Model,
    OtherControl,
    ReportControl,
    Trigger,
)
from . import codes
from .document import Document, quoted
from .templates import CONSTRAINTS, triggers

OPTIONAL = (
    "seqNum",
    "timeStamp",
    "reasonCode",
    "dataSet",
    "dataRef",
    "bufOvfl",
    "entryID",
    "configRef",
    "segmentation",
)
"""The bits of OptFlds from bit 1 on, by their names in SCL."""

_BUFFERED_ONLY = 1 << 9 - 6 | 1 << 9 - 7
"""bufOvfl and entryID, which mean nothing in an unbuffered report."""

_MOST_INSTANCES = 99
"""The index in the name of an instance has two digits."""

GENERAL_LOG = "GeneralLog"
"""The name of a log that is given none (8-1 and 8-2, second-hand)."""

OTHERS = {"GSEControl": "gse", "SampledValueControl": "smv", "SettingControl": "setting"}
_LN0_ONLY = {"GSEControl", "SampledValueControl", "SettingControl"}
_LOG_OWNER = (("prefix", ""), ("lnClass", "LLN0"), ("lnInst", ""))
_INDEXED = re.compile(r"(.+?)(?:\(([0-9]{1,9})\))?")


class Controls:
    """Reads what reports and logs of one server are configured to do. Needs the finished data of the model."""

    def __init__(self, document: Document, model: Model, devices: dict[str, str]) -> None:
        """`devices` gives the name of each logical device by its inst."""
        self._document = document
        self._log = document.log
        self._model = model
        self._devices = devices
        self._log_users: list[tuple[LogicalNode, Element, LogControl]] = []
        self._constraints: dict[int, frozenset[FC]] = {}
        """Of the data objects that were asked for, by identity: walking them anew for each member is slow."""

    def fill(
        self, node: LogicalNode, element: Element, inst: str, addresses: dict[tuple[str, str], dict[str, str]]
    ) -> None:
        """Add the data sets and control blocks of an LN or LN0 to its node.

        `addresses` holds those of GOOSE and sampled-value control blocks, by device inst and block name.
        """
        for one in self._document.children(element, "DataSet"):
            self._data_set(node, one, inst)
        for one in self._document.children(element, "ReportControl"):
            self._report(node, one)
        for one in self._document.children(element, "LogControl"):
            self._log_control(node, one, inst)
        for one in self._document.children(element, "Log"):
            name = one.get("name", "").strip() or GENERAL_LOG
            if name in node.logs:
                self._log.add(codes.DUPLICATE_CONTROL, one, f"Log {name} of {node.name} is there already: left out")
            else:
                node.logs.append(name)
        taken: set[tuple[str, str]] = set()
        for one in self._document.children(element, *OTHERS):
            kind = OTHERS[self._document.kind(one)]
            name = "SGCB" if kind == "setting" else self._document.name(one)
            if self._document.kind(one) in _LN0_ONLY and node.ln_class != "LLN0":
                self._log.add(codes.MISPLACED, one, f"{self._document.kind(one)} {name} in {node.name}: left out")
            elif (kind, name) in taken:
                self._log.add(
                    codes.DUPLICATE_CONTROL, one, f"{self._document.kind(one)} {name} is there already: left out"
                )
            elif name:
                taken.add((kind, name))
                attributes = self._texts(one) | addresses.get((inst, name), {})
                if attributes.get("datSet") and not self._known_data_set(node, one):
                    del attributes["datSet"]
                node.others.append(OtherControl(kind, name, attributes))

    # --- data sets ---------------------------------------------------------------------------------------------------

    def _data_set(self, node: LogicalNode, element: Element, inst: str) -> None:
        name = self._document.name(element)
        if name in node.data_sets:
            self._log.add(
                codes.DUPLICATE_DATA_SET, element, f"data set {name!r} of {node.name} is there already: left out"
            )
        elif name:
            found = [self._member(fcda, inst) for fcda in self._document.children(element, "FCDA")]
            members = tuple(member for member in found if member is not None)
            if members:
                node.data_sets[name] = DataSet(name, members)
            else:
                self._log.add(
                    codes.EMPTY_DATA_SET, element, f"data set {name!r} of {node.name} has no member: left out"
                )

    def _member(self, element: Element, inst: str) -> Reference | None:
        """Return the reference that an FCDA stands for; None, noted, if the model has nothing of that name."""
        get = {
            key: element.get(key, "").strip()
            for key in ("ldInst", "prefix", "lnClass", "lnInst", "doName", "daName", "fc")
        }
        device = self._devices.get(get["ldInst"] or inst)
        node = get["prefix"] + get["lnClass"] + get["lnInst"]
        parts = [part for text in (get["doName"], get["daName"]) if text for part in text.split(".")]
        fc = CONSTRAINTS.get(get["fc"])
        shown = f"{get['ldInst'] or inst}/{'.'.join([node, *parts])} [{get['fc']}]"
        if fc is None or device is None or not get["doName"]:
            if fc is None:
                why = (
                    f"{quoted(get['fc'])} is no functional constraint" if get["fc"] else "has no functional constraint"
                )
            else:
                near = self._log.near(get["ldInst"], self._devices)
                why = f"has no logical device of this server{near}" if device is None else "has no doName"
            self._log.add(codes.BAD_MEMBER, element, f"FCDA {quoted(shown)}: {why}: left out")
            return None
        index = self._document.number(element, "ix") if element.get("ix") is not None else None
        path = self._walk(device, node, parts, fc, index)
        if path is None:
            near = self._near(device, node, parts)
            message = f"FCDA {quoted(shown)} names nothing that the model has{near}: left out"
            self._log.add(codes.BAD_MEMBER, element, message)
            return None
        return Reference(device, node, path, fc)

    def _walk(self, device: str, node: str, parts: list[str], fc: FC, index: int | None) -> tuple[str, ...] | None:
        """Return the path to a member, `index` set at the first array that has none; None if it leads nowhere."""
        logical = self._model.devices[device].nodes.get(node)
        path: list[str] = []
        below: dict[str, DataObject | Attribute] = dict(logical.objects) if logical is not None else {}
        here: DataObject | Attribute | None = None
        for part in parts:
            match = _INDEXED.fullmatch(part)
            name, at = (match[1], match[2]) if match else ("", None)
            here = below.get(name)
            if here is None:
                return None
            number = int(at) if at is not None else None
            if here.count and number is None:
                number, index = index, None
            if number is not None:
                if not here.count or number >= here.count:
                    return None
                here = here.elements[number] if here.elements else here
                name = f"{name}({number})"
            path.append(name)
            below = dict(here.children) if number is not None or not here.count else {}
        return tuple(path) if index is None and self._has(here, fc) else None

    def _near(self, device: str, node: str, parts: list[str]) -> str:
        """Return what may be meant by the first name of a member that leads nowhere."""
        nodes = self._model.devices[device].nodes
        if node not in nodes:
            return self._log.near(node, nodes)
        below: Mapping[str, DataObject | Attribute] = nodes[node].objects
        for name in (part.partition("(")[0] for part in parts):
            if name not in below:
                return self._log.near(name, below)
            here = below[name]
            below = (here.elements[0] if here.elements else here).children
        return ""

    def _has(self, found: DataObject | Attribute | None, fc: FC) -> bool:
        """Tell whether there is data under a functional constraint in what a member names."""
        if not isinstance(found, DataObject):
            return found is not None and found.fc is fc
        if id(found) not in self._constraints:
            self._constraints[id(found)] = found.constraints()
        return fc in self._constraints[id(found)]

    def _known_data_set(self, node: LogicalNode, element: Element) -> str:
        name = element.get("datSet", "").strip()
        if name and name not in node.data_sets:
            kind = self._document.kind(element)
            self._log.add(
                codes.NO_DATA_SET,
                element,
                f"{kind} {element.get('name')}: {node.name} has no usable data set {name!r}"
                f"{self._log.near(name, node.data_sets)}: left open",
            )
            return ""
        return name

    # --- reports -----------------------------------------------------------------------------------------------------

    def _report(self, node: LogicalNode, element: Element) -> None:
        name = self._document.name(element)
        if name in node.reports:
            self._log.add(
                codes.DUPLICATE_CONTROL, element, f"ReportControl {name} of {node.name} is there already: left out"
            )
        if not name or name in node.reports:
            return
        document = self._document
        report = ReportControl(name, document.truth(element, "buffered"))
        report.rpt_id = element.get("rptID", "").strip()
        report.data_set = self._known_data_set(node, element)
        document.text(element, "confRev")
        report.conf_rev = document.number(element, "confRev")
        report.buffer_time = document.number(element, "bufTime")
        report.indexed = document.truth(element, "indexed", True)
        report.integrity_period = document.number(element, "intgPd")
        report.trigger = self._triggers(element)
        if (Trigger.INTEGRITY in report.trigger) is not bool(report.integrity_period):
            has = (
                "period but no intgPd" if Trigger.INTEGRITY in report.trigger else "intgPd but no trigger option period"
            )
            self._log.add(
                codes.NO_PERIOD, element, f"ReportControl {name} has {has}: no integrity reports until a client sets it"
            )
        report.optional_fields = self._optional_fields(element, report.buffered)
        report.max_instances, report.clients = self._instances(element, report)
        node.reports[name] = report

    # --- logs --------------------------------------------------------------------------------------------------------

    def _log_control(self, node: LogicalNode, element: Element, inst: str) -> None:
        document = self._document
        name = document.name(element)
        if name in node.log_controls:
            self._log.add(
                codes.DUPLICATE_CONTROL, element, f"LogControl {name} of {node.name} is there already: left out"
            )
        if not name or name in node.log_controls:
            return
        control = LogControl(name, self._known_data_set(node, element))
        control.enabled = document.truth(element, "logEna", True)
        control.reason_code = document.truth(element, "reasonCode", True)
        control.buffer_time = document.number(element, "bufTime")
        control.integrity_period = document.number(element, "intgPd")
        control.trigger = self._triggers(element) & ~Trigger.GENERAL_INTERROGATION  # there is none of a log
        device = self._devices.get(element.get("ldInst", "").strip() or inst, "")
        owner = "".join(element.get(key, otherwise) for key, otherwise in _LOG_OWNER)
        control.log = f"{device}/{owner}.{element.get('logName', '').strip() or GENERAL_LOG}"
        node.log_controls[name] = control
        self._log_users.append((node, element, control))

    def finish(self) -> None:
        """Give the model the logs that control blocks name although no Log element does; call it after all `fill`."""
        for user, element, control in self._log_users:
            device, _, rest = control.log.partition("/")
            owner, _, name = rest.partition(".")
            logical = self._model.devices.get(device)
            node = logical.nodes.get(owner) if logical is not None else None
            if node is None:
                message = f"LogControl {control.name}: there is no node {owner} to have its log: left out"
                self._log.add(codes.NO_LOG, element, message)
                del user.log_controls[control.name]
            elif name not in node.logs:
                message = f"LogControl {control.name}: {owner} declares no Log {name}; it is taken as if it did"
                self._log.add(codes.NO_LOG, element, message)
                node.logs.append(name)

    # --- of both -----------------------------------------------------------------------------------------------------

    def _triggers(self, element: Element) -> Trigger:
        found = self._document.child(element, "TrgOps")
        if found is None:
            return Trigger.GENERAL_INTERROGATION
        trigger = triggers(self._document, found)
        if self._document.truth(found, "period"):
            trigger |= Trigger.INTEGRITY
        if self._document.truth(found, "gi", True):
            trigger |= Trigger.GENERAL_INTERROGATION
        return trigger

    def _optional_fields(self, element: Element, buffered: bool) -> int:
        found = self._document.child(element, "OptFields")
        if found is None:
            self._log.add(codes.NO_OPTIONAL_FIELDS, element, f"ReportControl {element.get('name')} has no OptFields")
            return 0
        bits = 0
        for bit, name in enumerate(OPTIONAL, start=1):
            if self._document.truth(found, name, name == "bufOvfl" and self._document.edition.version >= 2007):
                bits |= 1 << (9 - bit)
        return bits if buffered else bits & ~_BUFFERED_ONLY

    def _instances(self, element: Element, report: ReportControl) -> tuple[int, tuple[str, ...]]:
        """Return how many instances there are, and the clients for which they are meant."""
        enabled = self._document.child(element, "RptEnabled")
        if enabled is None:
            return 1, ()
        most = self._document.number(enabled, "max", 1)
        if not 1 <= most <= _MOST_INSTANCES:
            least = max(1, min(most, _MOST_INSTANCES))
            self._log.add(codes.BAD_INSTANCES, enabled, f"ReportControl {report.name} has max {most}; read as {least}")
            most = least
        clients = []
        for client in self._document.children(enabled, "ClientLN"):
            node = "".join(client.get(key, "") for key in ("prefix", "lnClass", "lnInst"))
            clients.append(
                "/".join(part for part in (client.get("iedName", ""), client.get("ldInst", ""), node) if part)
            )
        return most, tuple(clients)

    def _texts(self, element: Element) -> dict[str, str]:
        """Return the attributes of an element, and those of its children and their text under dotted names."""
        texts = {str(key): str(value) for key, value in element.attrib.items() if str(key) not in {"name", "desc"}}
        for child in self._document.children(element, "SmvOpts", "Protocol", "IEDName"):
            kind = self._document.kind(child)
            if child.text and child.text.strip():
                name, number = kind, 1
                while name in texts:
                    number += 1
                    name = f"{kind}{number}"
                texts[name] = child.text.strip()
            else:
                texts |= {f"{kind}.{key!s}": str(value) for key, value in child.attrib.items()}
        return texts
