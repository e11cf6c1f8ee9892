"""A model as plain tuples, so that two can be compared."""

from __future__ import annotations

from typing import Any

from janusgrid.iec61850.acsi.types import BasicType, DataValue
from janusgrid.iec61850.model.nodes import Attribute, DataObject, LogicalNode, Model


def dump(model: Model) -> dict[str, Any]:
    """Return all that a model holds; segmentation, which a file cannot say, is left out."""
    return {
        "head": (model.ied, model.access_point, model.services, model.addresses, model.description),
        **{
            device.name: (device.inst, device.description, {n: _node(node) for n, node in device.nodes.items()})
            for device in model.devices.values()
        },
    }


def _node(node: LogicalNode) -> Any:
    return (
        node.name,
        node.ln_class,
        node.description,
        {name: _object(data) for name, data in node.objects.items()},
        {name: (one.name, one.members) for name, one in node.data_sets.items()},
        {
            name: (
                *(one.name, one.buffered, one.rpt_id, one.data_set, one.conf_rev, one.optional_fields & ~1),
                *(one.buffer_time, one.trigger, one.integrity_period, one.indexed, one.max_instances, one.clients),
            )
            for name, one in node.reports.items()
        },
        {
            name: (
                *(one.name, one.data_set, one.log, one.enabled, one.trigger, one.integrity_period),
                *(one.reason_code, one.buffer_time),
            )
            for name, one in node.log_controls.items()
        },
        node.logs,
        sorted((one.kind, one.name, sorted(one.attributes.items())) for one in node.others),
    )


def _object(data: DataObject) -> Any:
    below = [_object(one) if isinstance(one, DataObject) else _attribute(one) for one in data.children.values()]
    return data.name, data.cdc, data.count, below, [_object(one) for one in data.elements]


def _attribute(one: Attribute) -> Any:
    return (
        *(one.name, one.fc, one.type, one.count, one.trigger, one.settable),
        one.enum.ordinals if one.enum is not None else None,
        _value(one.value, one.type),
        {group: _value(value, one.type) for group, value in (one.groups or {}).items()},
        [_attribute(child) for child in one.children.values()] if not one.elements else [],
        [_attribute(element) for element in one.elements],
    )


def _value(value: DataValue, type: BasicType | None) -> str:
    """Return a value as text: NaN equals itself, and True is not 1."""
    return repr(value)
