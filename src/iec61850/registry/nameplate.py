"""The nameplate and the description of a device, taken from the model that it serves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from ..acsi.references import FC
from ..model.nodes import Attribute, DataObject, LogicalNode, Model
from ..scl import read as read_scl
from ..scl import write_cid
from .entries import MOST_TEXT, MOST_VALUES, Nameplate

_PLATES = {"LLN0": ("NamPlt",), "LPHD": ("PhyNam",)}
_KIND = "DERTyp"
_PASSING = frozenset({FC.ST, FC.MX, FC.SV, FC.BL, FC.OR, FC.SR, FC.CO})
"""Constraints of what changes while a device runs, and is no part of what it is."""


def nameplate(model: Model) -> Nameplate:
    """Return what a model says of its device: the name plates of devices and hardware, kind and ratings of DERs.

    Values that are not set are left out, and what is more than a registry takes.
    """
    found = {}
    room = MOST_TEXT
    for name, text in islice(_values(model), MOST_VALUES):
        room -= len(name) + len(text)
        if room < 0:
            break
        found[name] = text
    return Nameplate(found)


def description(model: Model, address: str) -> str:
    """Return the CID file of a model, with this JID in it, without what is measured: it stays the same as it runs."""
    copy = read_scl(write_cid(model).encode()).model
    for device in copy.devices.values():
        for node in device.nodes.values():
            for attribute in _attributes(node):
                if attribute.fc in _PASSING:
                    for leaf in attribute.leaves():
                        leaf.value = None
    copy.addresses["JID"] = address
    return write_cid(copy)


def _values(model: Model) -> Iterator[tuple[str, str]]:
    for device in model.devices.values():
        for node in device.nodes.values():
            for data in node.objects.values():
                if data.name in _PLATES.get(node.ln_class, ()) or data.name.endswith("Rtg") or data.name == _KIND:
                    for attribute in data.attributes():
                        yield from _leaves(f"{device.name}/{node.name}.{data.name}.{attribute.name}", attribute)


def _leaves(name: str, attribute: Attribute) -> Iterator[tuple[str, str]]:
    if attribute.type is None:
        for child in attribute.children.values():
            yield from _leaves(f"{name}.{child.name}", child)
        return
    value = attribute.value
    if value is None or attribute.count or attribute.name in ("q", "t") or not isinstance(value, str | int | float):
        return
    text = (attribute.enum.literal(value) if attribute.enum is not None and isinstance(value, int) else None) or (
        str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    )
    if text and len(name) <= 255 and len(text) <= 255:
        yield name, text


def _attributes(node: LogicalNode) -> Iterator[Attribute]:
    stack: list[DataObject] = list(node.objects.values())
    while stack:
        data = stack.pop()
        yield from data.attributes()
        stack += [child for child in [*data.children.values(), *data.elements] if isinstance(child, DataObject)]
