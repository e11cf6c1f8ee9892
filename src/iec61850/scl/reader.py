"""From an SCL file to a model."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import attrs

from ...common.xml import Element, Schema
from ..model.nodes import LogicalDevice, LogicalNode, Model
from . import codes
from .classes import ClassCheck
from .communication import Communication, services, unknown_ieds
from .controls import Controls
from .diagnostics import Diagnostic, SclError
from .document import Document, Edition, Server, quoted
from .instances import Instances
from .templates import NodeTemplate, Templates

Source = Path | str | bytes
"""A path, or the octets of a document."""

_DEVICE_NAME = re.compile(r"[A-Za-z0-9_]+")
_NODE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LONGEST_DEVICE = 64
_LONGEST_REFERENCE = 129


@attrs.frozen(slots=True, eq=False)
class Loaded:
    """A model read from a file, the edition in which the file is written, and what was found wrong with it."""

    model: Model
    edition: Edition
    diagnostics: tuple[Diagnostic, ...]


def read(
    source: Source,
    *,
    ied: str | None = None,
    access_point: str | None = None,
    strict: bool = False,
    name: str | None = None,
    schema: Path | None = None,
) -> Loaded:
    """Return the model of one server of an SCL file: ICD, IID, CID or SCD of any edition from 2003 to 2007C5.

    Args:
        source: a path, or the octets of the document.
        ied: name of the IED; needed where several have a server.
        access_point: name of its access point; needed where several have a server.
        strict: refuse the file for any finding of severity ERROR; otherwise what cannot be used is left out.
        name: of the document in messages; the path unless given.
        schema: the official XSD (SCL.xsd) or its directory, to validate against; faults are findings `SCL801`.

    Raises:
        SclError: there is no model in the file, or not just one, or reading is strict and there are errors. It
            names file and line and holds all diagnostics.
        ConfigError: the schema itself cannot be loaded.
    """
    document = _open(source, name)
    if schema is not None:
        validate(document, schema)
    server = document.server(ied, access_point)
    model = Building(document, Templates(document), server).build()
    if strict and document.log.errors:
        raise document.log.refuse()
    return Loaded(model, document.edition, tuple(document.log.found))


def check(
    source: Source, *, name: str | None = None, schema: Path | None = None, classes: bool = True
) -> tuple[tuple[Model, ...], tuple[Diagnostic, ...]]:
    """Return the model of every server of an SCL file that gives one, and all that is wrong with the whole file.

    With `classes`, logical nodes and their types are judged by the class tables of 7-3, 7-4, 7-420 and 8-1 as well.
    Raises no error for what is in the file: one without a server gives no models, and a diagnostic that says so.
    """
    try:
        document = _open(source, name)
    except SclError as error:
        return (), error.diagnostics
    if schema is not None:
        validate(document, schema)
    templates = Templates(document)
    unknown_ieds(document)
    models = []
    every = document.servers()
    judge = ClassCheck(document, templates) if classes else None
    for server in every:
        building = Building(document, templates, server)
        with suppress(SclError):  # it is in the log as well
            models.append(building.build())
            if judge is not None:
                judge.server(models[-1], building.nodes, building.ied_type)
    templates.everything()
    if judge is not None:
        judge.rest()
    if not every:
        document.log.stop(
            codes.NO_SERVER, document.root, "no access point of this file has a server: there is no model in it"
        )
    return tuple(models), tuple(document.log.found)


def servers(source: Source, *, name: str | None = None) -> tuple[tuple[str, str], ...]:
    """Return IED and access point of every server in the file; raise `SclError` if it is no SCL file."""
    return tuple((server.ied, server.access_point) for server in _open(source, name).servers())


def validate(document: Document, schema: Path) -> None:
    """Note how a document breaks the official schema."""
    for fault in Schema(_entry(schema)).faults(document.root):
        document.log.add(codes.SCHEMA, fault.line, f"{fault.path}: {fault.reason}")


def _entry(schema: Path) -> Path:
    return schema / "SCL.xsd" if (schema / "SCL.xsd").is_file() else schema


def _open(source: Source, name: str | None) -> Document:
    return Document(source, name or ("document" if isinstance(source, bytes) else str(source)))


class Building:
    """Builds the model of one server."""

    def __init__(self, document: Document, templates: Templates, server: Server) -> None:
        self._document = document
        self._log = document.log
        self._templates = templates
        self._server = server
        self.ied_type = server.ied_element.get("type", "").strip()
        self._instances = Instances(document)
        self.nodes: list[tuple[LogicalNode, Element, str]] = []
        """Each node built, with its element and the inst of its device."""

    def build(self) -> Model:
        """Return the model; raise `SclError` if no logical node can be built."""
        server, document = self._server, self._document
        communication = Communication(document, server)
        model = Model(
            server.ied,
            access_point=server.access_point,
            services=services(document, server),
            addresses=communication.addresses(),
            description=server.ied_element.get("desc", ""),
        )
        instances: dict[str, str] = {}
        for element in document.children(server.element, "LDevice"):
            device = self._device(model, element)
            if device is not None:
                model.devices[device.name] = device
                instances.setdefault(device.inst, device.name)
        if not self.nodes:
            raise self._log.stop(
                codes.NOTHING_LEFT, server.element, f"no logical node of {server} can be built: see the errors"
            )
        controls = Controls(document, model, instances)
        blocks = communication.blocks()
        for node, element, inst in self.nodes:
            controls.fill(node, element, inst, blocks)
        controls.finish()
        return model

    def _device(self, model: Model, element: Element) -> LogicalDevice | None:
        inst = self._document.text(element, "inst")
        name = element.get("ldName", "").strip() or f"{model.ied}{inst}"
        if not inst or not self._named(element, name, _DEVICE_NAME):
            return None
        if name in model.devices:
            self._log.add(codes.DUPLICATE_DEVICE, element, f"logical device {name!r} is there already: left out")
            return None
        if len(name) > _LONGEST_DEVICE:
            self._log.add(
                codes.LONG_NAME, element, f"logical device {name!r} has more than {_LONGEST_DEVICE} characters"
            )
        device = LogicalDevice(name, inst, description=element.get("desc", ""))
        self._setting_groups(element)
        if self._document.child(element, "LN0") is None:
            self._log.add(codes.NO_LN0, element, f"logical device {name!r} has no LN0")
        for part in self._document.children(element, "LN0", "LN"):
            self._node(device, part)
        return device

    def _setting_groups(self, device: Element) -> None:
        """Tell the instances how many setting groups the device has and which one is active."""
        ln0 = self._document.child(device, "LN0")
        control = self._document.child(ln0, "SettingControl") if ln0 is not None else None
        self._instances.groups = self._document.number(control, "numOfSGs") if control is not None else 0
        self._instances.active = self._document.number(control, "actSG", 1) if control is not None else 1

    def _node(self, device: LogicalDevice, element: Element) -> None:
        ln_class = "LLN0" if self._document.kind(element) == "LN0" else self._document.text(element, "lnClass")
        inst = "" if ln_class == "LLN0" else self._document.text(element, "inst")
        name = ln_class if ln_class == "LLN0" else element.get("prefix", "").strip() + ln_class + inst
        if not ln_class or not self._named(element, name, _NODE_NAME):
            return
        if name in device.nodes:
            self._log.add(
                codes.DUPLICATE_NODE, element, f"logical node {name!r} is there already in {device.name}: left out"
            )
            return
        template = self._templates.node(element, self.ied_type)
        if template is None:
            return
        self._compare(template, element, ln_class, f"{device.name}/{name}")
        node = LogicalNode(name, ln_class, description=element.get("desc", ""))
        node.objects = self._instances.node(template, element)
        device.nodes[name] = node
        self.nodes.append((node, element, device.inst))

    def _named(self, element: Element, name: str, pattern: re.Pattern[str]) -> bool:
        if pattern.fullmatch(name):
            return True
        kind = self._document.kind(element)
        self._log.add(codes.BAD_NAME, element, f"{quoted(name)} cannot be the name of an {kind}: left out")
        return False

    def _compare(self, template: NodeTemplate, element: Element, ln_class: str, reference: str) -> None:
        if template.ln_class != ln_class:
            self._log.add(
                codes.OTHER_CLASS,
                element,
                f"{reference} is of class {ln_class}, its LNodeType {element.get('lnType')!r} of {template.ln_class!r}",
            )
        if (longest := len(reference) + template.longest) > _LONGEST_REFERENCE:
            self._log.add(
                codes.LONG_NAME,
                element,
                f"a reference below {reference} has {longest} characters, more than {_LONGEST_REFERENCE}",
            )
