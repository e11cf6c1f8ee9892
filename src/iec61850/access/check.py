"""Whether a device's tables and its model agree, before anything is connected: `disagreements`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from ...common.data.conversion import Coded, WireType
from ...common.data.tables import Binding, Service
from ...common.errors import ConfigError
from ..acsi.references import FC, Reference
from ..acsi.types import BasicType
from ..model.nodes import Attribute, DataObject, Model
from .objects import attribute, data_object

TYPES = {
    WireType.FLOAT32: {BasicType.FLOAT32},
    WireType.FLOAT64: {BasicType.FLOAT64},
    WireType.INT8: {BasicType.INT8},
    WireType.INT16: {BasicType.INT16},
    WireType.INT32: {BasicType.INT24, BasicType.INT32},
    WireType.INT64: {BasicType.INT64},
    WireType.UINT8: {BasicType.INT8U},
    WireType.UINT16: {BasicType.INT16U},
    WireType.UINT32: {BasicType.INT24U, BasicType.INT32U},
    WireType.ENUM: {BasicType.ENUM},
    WireType.BOOL: {BasicType.BOOLEAN},
    WireType.TEXT: {kind for kind in BasicType if kind.value.startswith(("VisString", "Unicode"))},
    WireType.BITS2: {BasicType.DBPOS, BasicType.TCMD, BasicType.CHECK},
    WireType.BITS5: {BasicType.SVOPTFLDS},
    WireType.BITS6: {BasicType.TRGOPS},
    WireType.BITS10: {BasicType.OPTFLDS},
    WireType.BITS13: {BasicType.QUALITY},
}
"""What an attribute may be for each type on the wire."""


def disagreements(model: Model, bindings: Iterable[Binding]) -> Iterator[ConfigError]:
    """Yield what the rows ask of a server that this model does not have, each at its row.

    That is: a reference that is not there or has another functional constraint, another type, other codes, and a
    service (report, write, operate) that the model does not offer.
    """
    for binding in bindings:
        try:
            target = attribute(binding)
        except ConfigError as error:
            yield error
            continue
        found = model.find(target)
        reasons = _of(model, binding, found) if isinstance(found, Attribute) else [_absent(model, target)]
        for reason in reasons:
            yield ConfigError(reason, where=binding.row.where)


def _of(model: Model, binding: Binding, found: Attribute) -> Iterator[str]:
    name = binding.address["reference"]
    wire = binding.row.conversion.wire_type
    if found.type is None:
        yield f"{name} is a structure; name its part: {', '.join(f'{name}.{part}' for part in found.children)}"
    elif found.count:
        yield f"{name} is an array of {found.count}; a point is one value"
    elif found.type not in TYPES.get(wire, set()):
        yield f"{name} is {found.type.value}, which is not {wire.value} on the wire"
    else:
        yield from _codes(name, binding, found)
    yield from _services(model, binding, found)


def _codes(name: str, binding: Binding, found: Attribute) -> Iterator[str]:
    conversion = binding.row.conversion
    if found.enum is None or not isinstance(conversion, Coded):
        return
    there, known = set(found.enum.ordinals.values()), set(conversion.codes.values())
    literals = (f"{found.enum.literal(code)}={code}" for code in sorted(there - known))
    if there - known:
        yield f"{name} can be {', '.join(literals)}, which the enumeration does not name"
    if known - there:
        yield f"{name} can never be {', '.join(map(str, sorted(known - there)))}, which the enumeration names"


def _services(model: Model, binding: Binding, found: Attribute) -> Iterator[str]:
    data = data_object(binding)
    if binding.offers(Service.WRITE) and not found.settable:
        yield f"{binding.address['reference']} cannot be written: take 'write' out of its services"
    if binding.offers(Service.OPERATE):
        control = model.find(Reference(data.device, data.node, (*data.path, "Oper"), FC.CO))
        if not isinstance(control, Attribute):
            yield f"{data.with_fc(None)} is no control: take 'operate' out of its services"
    if binding.offers(Service.REPORT) and data not in _reported(model, data.device):
        yield f"no unbuffered report of {data.device}/LLN0 brings {data}: put it into its data set, or read it only"


def _reported(model: Model, device: str) -> set[Reference]:
    node = model.devices[device].nodes.get("LLN0")
    if node is None:
        return set()
    sets = {report.data_set for report in node.reports.values() if not report.buffered}
    return {member for name in sets if name in node.data_sets for member in node.data_sets[name].members}


def _absent(model: Model, target: Reference) -> str:
    """Return what is not there: the first part of the reference that does not lead on, and what is near it."""
    plain = target.with_fc(None)
    found = model.find(plain)
    if isinstance(found, Attribute) and target.fc is not None:
        return f"{plain} has functional constraint {found.fc.value}, not {target.fc.value}"
    device = model.devices.get(target.device)
    if device is None:
        return f"{model.ied} has no logical device {target.device}{near(target.device, model.devices)}"
    node = device.nodes.get(target.node)
    if node is None:
        return f"{target.device} has no logical node {target.node}{near(target.node, device.nodes)}"
    here: DataObject | Attribute | None = None
    names: Iterable[str] = node.objects
    for depth, part in enumerate(target.path):
        step = model.find(Reference(target.device, target.node, target.path[: depth + 1]))
        if not isinstance(step, DataObject | Attribute):
            whole = f"{target.device}/{target.node}{''.join(f'.{name}' for name in target.path[:depth])}"
            return f"{whole} has no {part}{near(part, names)}"
        here, names = step, step.children
    return f"{plain} is a data object ({here.cdc if isinstance(here, DataObject) else ''}); name an attribute of it"


def near(name: str, names: Iterable[str], said: str = "there is ") -> str:
    """Return a hint at what is called nearly so, in brackets; nothing where there is nothing."""
    known = list(names)
    found = get_close_matches(name, known, 3, 0.5) or known[:12]
    return f" ({said}{', '.join(found)})" if found else ""
