"""A model as a CID file: release 2007B4, of which reading gives the same model."""

from __future__ import annotations

import re
from pathlib import Path

from ...common.errors import LocalError
from ...common.xml import Element, child, document, root
from ..acsi.references import Reference
from ..acsi.types import DataValue
from ..model.nodes import (
    Attribute,
    DataObject,
    DataSet,
    LogControl,
    LogicalDevice,
    LogicalNode,
    Model,
    OtherControl,
    ReportControl,
    Trigger,
)
from .controls import OPTIONAL, OTHERS
from .document import NAMESPACE_URI
from .spelling import spell
from .types import Types

_EDITION = {"version": "2007", "revision": "B", "release": "4"}
_SERIAL = {"gse": 1, "smv": 2, "setting": 3}
_TAGS = {kind: tag for tag, kind in OTHERS.items()}
_TEXT_CHILD = re.compile(r"(IEDName|Protocol)[0-9]*")
_NODE = re.compile(r"(?P<prefix>.*?)(?P<ln_class>LLN0|[A-Z]{4})(?P<inst>[0-9]*)")
_ADDRESS = "Address."
_LATER = frozenset({
    "MultiAPPerSubNet", "SCSM", "Security",
    "ClientServices.GOOSEMcSecurity", "ClientServices.SVMcSecurity", "ClientServices.Security",
})  # fmt: skip
"""Services of which this release does not know."""
_LATER_ATTRIBUTES = frozenset({"acceptServerInitiatedAssociation", "templateUuid", "uuid"})
_TIMES = ("MinTime", "MaxTime")
_OPTIONS = (
    ("dchg", Trigger.DATA_CHANGE),
    ("qchg", Trigger.QUALITY_CHANGE),
    ("dupd", Trigger.DATA_UPDATE),
    ("period", Trigger.INTEGRITY),
    ("gi", Trigger.GENERAL_INTERROGATION),
)


def write_cid(model: Model, path: Path | str | None = None) -> str:
    """Return a model as the text of a CID file, and write it to `path` if one is given.

    Every value that is set is written, types that are equal are written once. Values of time keep the microsecond.

    A CID says what a server is: what no model holds is left out (Private elements, Inputs and their ExtRefs, History,
    Substation, other IEDs), and what release 2007B4 does not know (uuids, security services of 2007C5). Where a file
    says what no release allows, names that begin with a small letter for instance, so does what is written of it.

    Raises:
        LocalError: the model holds what a file cannot say, or the file cannot be written; `where` names it.
    """
    text = document(_Writing(model).document())
    if path is not None:
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise LocalError(f"cannot write: {error.strerror}", where=str(path)) from None
    return text


class _Writing:
    def __init__(self, model: Model) -> None:
        self._model = model
        self._point = model.access_point or "AP1"
        self._types = Types()

    def document(self) -> Element:
        model = self._model
        scl = root(f"{{{NAMESPACE_URI}}}SCL", {None: NAMESPACE_URI})
        for name, text in _EDITION.items():
            scl.set(name, text)
        _add(scl, "Header", id=model.ied, version="1", revision="")
        self._communication(scl)
        ied = _add(scl, "IED", name=model.ied, desc=model.description or None)
        for name, text in _EDITION.items():
            ied.set(f"originalScl{name.capitalize()}", text)
        self._services(ied)
        server = _add(_add(ied, "AccessPoint", name=self._point), "Server")
        _add(server, "Authentication")
        for device in model.devices.values():
            self._device(server, device)
        self._templates(_add(scl, "DataTypeTemplates"))
        return scl

    # --- server ------------------------------------------------------------------------------------------------------

    def _communication(self, scl: Element) -> None:
        blocks = [
            (device, block)
            for device in self._model.devices.values()
            for node in device.nodes.values()
            for block in node.others
            if any(name.startswith(_ADDRESS) or name in _TIMES for name in block.attributes)
        ]
        if not self._model.addresses and not blocks:
            return
        kind = "8-XMPP" if "JID" in self._model.addresses else "8-MMS"
        network = _add(_add(scl, "Communication"), "SubNetwork", name="site", type=kind)
        point = _add(network, "ConnectedAP", iedName=self._model.ied, apName=self._point)
        _address(point, self._model.addresses)
        for device, block in sorted(blocks, key=lambda pair: _SERIAL[pair[1].kind]):
            tag = "GSE" if block.kind == "gse" else "SMV"
            element = _add(point, tag, ldInst=device.inst, cbName=block.name)
            texts = {n.removeprefix(_ADDRESS): t for n, t in block.attributes.items() if n.startswith(_ADDRESS)}
            _address(element, texts)
            for name in _TIMES:
                if name in block.attributes:
                    _add(element, name, block.attributes[name], unit="s", multiplier="m")

    def _services(self, ied: Element) -> None:
        services = self._model.services
        if not services:
            return
        known = {name: _known(texts) for name, texts in services.items() if name not in _LATER}
        element = _add(ied, "Services", **known.pop("Services", {}))
        found = {name: _add(element, name, **texts) for name, texts in known.items() if "." not in name}
        for name, texts in known.items():
            owner, dot, part = name.partition(".")
            if dot and owner in found:
                each = texts.pop("text", "").split()
                for text in each or (None,):
                    _add(found[owner], part, text, **texts)

    def _device(self, server: Element, device: LogicalDevice) -> None:
        name = device.name if device.name != f"{self._model.ied}{device.inst}" else None
        element = _add(server, "LDevice", inst=device.inst, ldName=name, desc=device.description or None)
        for node in sorted(device.nodes.values(), key=lambda one: one.ln_class != "LLN0"):
            self._node(element, device, node)

    def _node(self, parent: Element, device: LogicalDevice, node: LogicalNode) -> None:
        tag = "LN0" if node.ln_class == "LLN0" else "LN"
        match = re.fullmatch(rf"(.*){re.escape(node.ln_class)}([0-9]*)", node.name)
        if match is None:
            where = f"{device.name}/{node.name}"
            raise LocalError(f"a node is named by a prefix, its class ({node.ln_class}) and a number", where=where)
        element = _add(parent, tag, prefix=match[1] or None, lnClass=node.ln_class, inst=match[2])
        element.set("lnType", self._types.node(node))
        if node.description:
            element.set("desc", node.description)
        for data_set in node.data_sets.values():
            self._data_set(element, data_set)
        for report in node.reports.values():
            _report(element, report)
        for control in node.log_controls.values():
            self._log_control(element, control)
        for data in node.objects.values():
            self._data(element, "DOI", data, f"{device.name}/{node.name}.{data.name}")
        for log in node.logs:
            _add(element, "Log", name=log)
        for block in sorted(node.others, key=lambda one: _SERIAL[one.kind]):
            _other(element, block)

    def _log_control(self, parent: Element, control: LogControl) -> None:
        if not control.log:
            raise LocalError("a log control block needs a log", where=f"log control {control.name}")
        device_name, _, rest = control.log.partition("/")
        owner, _, name = rest.partition(".")
        device = self._model.devices.get(device_name)
        match = _NODE.fullmatch(owner)
        if device is None or match is None:
            raise LocalError(f"log control {control.name} names what the model does not have", where=control.log)
        element = _add(
            parent,
            "LogControl",
            name=control.name,
            datSet=control.data_set or None,
            ldInst=device.inst,
            prefix=match["prefix"] or None,
            lnClass=match["ln_class"],
            lnInst=match["inst"] or None,
            logName=name,
            logEna=_truth(control.enabled),
            reasonCode=_truth(control.reason_code),
            bufTime=str(control.buffer_time),
            intgPd=str(control.integrity_period),
        )
        _add(element, "TrgOps", **{name: _truth(option in control.trigger) for name, option in _OPTIONS})

    def _data_set(self, parent: Element, data_set: DataSet) -> None:
        element = _add(parent, "DataSet", name=data_set.name)
        for member in data_set.members:
            device = self._model.devices.get(member.device)
            node = device.nodes.get(member.node) if device is not None else None
            match = re.fullmatch(rf"(.*){re.escape(node.ln_class)}([0-9]*)", node.name) if node is not None else None
            if device is None or node is None or match is None or member.fc is None:
                raise LocalError(f"data set {data_set.name} names what the model does not have", where=str(member))
            objects, attributes = self._split(member)
            _add(
                element,
                "FCDA",
                ldInst=device.inst,
                prefix=match[1] or None,
                lnClass=node.ln_class,
                lnInst=match[2] or None,
                doName=".".join(objects),
                daName=".".join(attributes) or None,
                fc=member.fc.value,
            )

    def _split(self, member: Reference) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of data objects and those of attributes in a member's path."""
        for length in range(1, len(member.path) + 1):
            if isinstance(self._model.find(Reference(member.device, member.node, member.path[:length])), Attribute):
                return member.path[: length - 1], member.path[length - 1 :]
        return member.path, ()

    # --- values ------------------------------------------------------------------------------------------------------

    def _data(self, parent: Element, tag: str, data: DataObject, where: str, index: int | None = None) -> None:
        """Write a DOI or SDI with the values below it, if there are any."""
        if data.count:
            for number, one in enumerate(data.elements):
                self._data(parent, tag, one, where, number)
        elif _has_values(data):
            element = _instance(parent, tag, data.name, index)
            for below in data.children.values():
                if isinstance(below, DataObject):
                    self._data(element, "SDI", below, f"{where}.{below.name}")
                else:
                    self._attribute(element, below, f"{where}.{below.name}")

    def _attribute(self, parent: Element, one: Attribute, where: str, index: int | None = None) -> None:
        if not _has_values(one):
            return
        if one.type is None:
            if one.elements:
                for number, each in enumerate(one.elements):
                    self._attribute(parent, each, where, number)
                return
            below = _instance(parent, "SDI", one.name, index)
            for component in one.children.values():
                self._attribute(below, component, f"{where}.{component.name}")
        elif one.count:
            for number, value in enumerate(one.value if isinstance(one.value, list) else ()):
                if value is not None:
                    _add(_instance(parent, "DAI", one.name, number), "Val", _spelled(one, value, where))
        else:
            element = _instance(parent, "DAI", one.name, index)
            for group, value in (one.groups or {}).items():
                _add(element, "Val", _spelled(one, value, where), sGroup=str(group))
            if one.value is not None and one.value not in (one.groups or {}).values():
                _add(element, "Val", _spelled(one, one.value, where))

    # --- types -------------------------------------------------------------------------------------------------------

    def _templates(self, section: Element) -> None:
        for tag in ("LNodeType", "DOType", "DAType", "EnumType"):
            for id, type in self._types.of_kind(tag):
                element = _add(section, tag, id=id, **dict(type.attributes))
                for row in type.rows:
                    _add(element, row.tag, row.text, **dict(row.attributes))


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str | None) -> Element:
    given = {name: value for name, value in attributes.items() if value is not None}
    return child(parent, f"{{{NAMESPACE_URI}}}{tag}", text, **given)


def _known(texts: dict[str, str]) -> dict[str, str]:
    """Return the attributes of which this release knows."""
    return {name: text for name, text in texts.items() if name not in _LATER_ATTRIBUTES}


def _address(parent: Element, texts: dict[str, str]) -> None:
    if texts:
        element = _add(parent, "Address")
        for kind, text in texts.items():
            _add(element, "P", text, type=kind)


def _instance(parent: Element, tag: str, name: str, index: int | None) -> Element:
    return _add(parent, tag, name=name.partition("(")[0], ix=None if index is None else str(index))


def _has_values(node: DataObject | Attribute) -> bool:
    if isinstance(node, Attribute) and node.type is not None:
        return node.value is not None or bool(node.groups)
    return any(_has_values(one) for one in node.elements or node.children.values())


def _spelled(one: Attribute, value: DataValue, where: str) -> str:
    assert one.type is not None
    try:
        return spell(value, one.type, one.enum)
    except LocalError as error:
        raise LocalError(error.message, where=where) from None


def _report(parent: Element, report: ReportControl) -> None:
    element = _add(
        parent,
        "ReportControl",
        name=report.name,
        rptID=report.rpt_id or None,
        datSet=report.data_set or None,
        confRev=str(report.conf_rev),
        buffered=_truth(report.buffered),
        bufTime=str(report.buffer_time),
        intgPd=str(report.integrity_period),
        indexed=_truth(report.indexed),
    )
    _add(element, "TrgOps", **{name: _truth(option in report.trigger) for name, option in _OPTIONS})
    fields = {name: _truth(bool(report.optional_fields >> (9 - bit) & 1)) for bit, name in enumerate(OPTIONAL, start=1)}
    fields.pop("segmentation")  # the server decides it, and this release has no place for it
    _add(element, "OptFields", **fields)
    enabled = _add(element, "RptEnabled", max=str(report.max_instances))
    for client in report.clients:
        _client(enabled, client)


def _client(parent: Element, client: str) -> None:
    """Write a client as the reader puts it together: IED, device if there is one, and logical node."""
    ied, *rest = client.split("/")
    match = _NODE.fullmatch(rest[-1]) if rest else None
    if match is None:
        raise LocalError("a client is named IED/LDinst/LN, as C/L/IHMI1", where=client)
    device = rest[0] if len(rest) > 1 else None
    _add(
        parent,
        "ClientLN",
        iedName=ied,
        ldInst=device,
        prefix=match["prefix"] or None,
        lnClass=match["ln_class"],
        lnInst=match["inst"],
    )


def _other(parent: Element, block: OtherControl) -> None:
    own = {n: t for n, t in _known(block.attributes).items() if not n.startswith(_ADDRESS) and n not in _TIMES}
    plain = {n: t for n, t in own.items() if "." not in n and not _TEXT_CHILD.fullmatch(n)}
    name = None if block.kind == "setting" else block.name
    element = _add(parent, _TAGS[block.kind], name=name, **plain)
    for text in (t for n, t in own.items() if n.startswith("IEDName")):
        _add(element, "IEDName", text)
    if block.kind == "smv":
        _dotted(element, "SmvOpts", own, always=True)
    if "Protocol" in own:
        _add(element, "Protocol", own["Protocol"], mustUnderstand="true")


def _dotted(parent: Element, tag: str, texts: dict[str, str], *, always: bool = False) -> None:
    found = {name.removeprefix(f"{tag}."): text for name, text in texts.items() if name.startswith(f"{tag}.")}
    if found or always:
        _add(parent, tag, **found)


def _truth(value: bool) -> str:
    return "true" if value else "false"
