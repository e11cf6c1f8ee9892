"""A model as a compact text tree, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ..acsi.types import BitString, DataValue, EntryTime, Quality, Timestamp
from ..model.nodes import Attribute, DataObject, DataSet, LogicalNode, Model, ReportControl, Trigger

_OPTIONS = (
    (Trigger.DATA_CHANGE, "dchg"),
    (Trigger.QUALITY_CHANGE, "qchg"),
    (Trigger.DATA_UPDATE, "dupd"),
    (Trigger.INTEGRITY, "integrity"),
    (Trigger.GENERAL_INTERROGATION, "gi"),
)


def describe(model: Model, *, attributes: bool = False) -> str:
    """Return the tree of a model: devices, nodes, objects, data sets and control blocks; on wish every attribute."""
    return "\n".join(_model(model, attributes))


def _model(model: Model, attributes: bool) -> Iterator[str]:
    reached = "".join(f"  {kind}={text}" for kind, text in model.addresses.items() if kind in {"IP", "JID", "DNSName"})
    yield f"{model.ied}/{model.access_point}{reached}{_said(model.description)}"
    for device in model.devices.values():
        yield f"  {device.name}{_said(device.description)}"
        for node in device.nodes.values():
            yield from _node(node, attributes)


def _node(node: LogicalNode, attributes: bool) -> Iterator[str]:
    if attributes:
        yield f"    {node.name}{_said(node.description)}"
        for data in node.objects.values():
            yield from _object(data, "      ")
    else:
        yield f"    {node.name}: {' '.join(f'{data.name}:{data.cdc}' for data in node.objects.values())}"
    for data_set in node.data_sets.values():
        yield from _data_set(data_set, attributes)
    for report in node.reports.values():
        yield f"      {_report(report)}"
    for control in node.log_controls.values():
        yield f"      log control {control.name} into {control.log or 'none'}  {control.data_set}"
    for other in node.others:
        texts = " ".join(f"{key}={text}" for key, text in other.attributes.items())
        yield f"      {other.kind} control {other.name}  {texts}"


def _object(data: DataObject, indent: str) -> Iterator[str]:
    yield f"{indent}{data.name}{f'[{data.count}]' if data.count else ''}: {data.cdc}"
    for child in data.children.values():
        if isinstance(child, DataObject):
            yield from _object(child, indent + "  ")
        else:
            yield from _attribute(child, indent + "  ", True)
    for element in data.elements:
        yield from _object(element, indent + "  ")


def _attribute(attribute: Attribute, indent: str, top: bool) -> Iterator[str]:
    fc = f" [{attribute.fc.value}]" if top else ""
    of = f"[{attribute.count}]" if attribute.count else ""
    if attribute.type is None:
        yield f"{indent}{attribute.name}{of}{fc}"
        for child in attribute.elements or attribute.children.values():
            yield from _attribute(child, indent + "  ", False)
        return
    value = "" if attribute.value is None else f" = {show(attribute.value, attribute)}"
    yield f"{indent}{attribute.name}{of}{fc} {attribute.type.value}{value}"


def _data_set(data_set: DataSet, members: bool) -> Iterator[str]:
    yield f"      data set {data_set.name}: {len(data_set.members)} members"
    if members:
        for member in data_set.members:
            yield f"        {member}"


def _report(report: ReportControl) -> str:
    kind = "buffered" if report.buffered else "unbuffered"
    options = " ".join(name for option, name in _OPTIONS if option in report.trigger) or "no trigger"
    period = f", every {report.integrity_period / 1000:g} s" if report.integrity_period else ""
    many = f"[{report.max_instances}]" if report.indexed else ""
    return f"{kind} report {report.name}{many} of {report.data_set or 'no data set'}: {options}{period}"


def show(value: DataValue, attribute: Attribute | None = None) -> str:
    """Return a value as people read it: a literal with its ordinal, a time as ISO 8601, octets as hexadecimal."""
    if isinstance(value, list):
        return (
            "["
            + ", ".join("-" if one is None else show(one, attribute) for one in value[:8])
            + (f", … {len(value)}]" if len(value) > 8 else "]")
        )
    if isinstance(value, int) and attribute is not None and attribute.enum is not None:
        return f"{attribute.enum.literal(value)} ({value})"
    if isinstance(value, Timestamp | EntryTime):
        return _iso(value.datetime)
    if isinstance(value, Quality):
        return BitString(value.bits, 13).__str__()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _iso(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


def _said(description: str) -> str:
    return f"  {description}" if description else ""
