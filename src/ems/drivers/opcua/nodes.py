"""The driver's own columns of a table: `node`, `parts`, `deadband` and `method`; nothing here asks a server.

A node is a NodeId with the URI of its namespace, `nsu=urn:maker:device;s=Meter.kW`; without a URI it is of the
`namespace` of the device's address, `s=Meter.kW`; or it is a path of browse names from the Objects folder on,
`/OPCGroup1/Meter/kW`, of that same namespace, where a name of the standard's own has `0:` before it. The number of a
namespace is refused: a server may give another one each time it starts.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid

import attrs

from ....common.data.conversion import WireType
from ....common.data.tables import Binding, Service
from ....common.errors import ConfigError
from ..parts import Parts, parts

STANDARD = "http://opcfoundation.org/UA/"
"""The namespace of the specification itself, always number 0."""

Identifier = int | str | bytes | uuid.UUID

_NODE = re.compile(r"(?:nsu=([^;]+);)?([isgb])=(.+)", re.DOTALL)
_PUTS = (Service.WRITE, Service.OPERATE)


@attrs.frozen(slots=True)
class NodeName:
    """A node: by its identifier in a namespace, or by a path of browse names (namespace, name) from Objects on."""

    text: str
    namespace: str
    identifier: Identifier | None = None
    path: tuple[tuple[str, str], ...] = ()


@attrs.frozen(slots=True)
class NodeRow:
    """What the columns of a row say.

    Attributes:
        nodes: one, or those whose values are the parts.
        parts: what they are worth; None for one node.
        deadband: by which the value on the wire has to change for the server to tell it; 0 for any change.
        method: object and method to be called with a new value, instead of writing it; None where it is written.
    """

    nodes: tuple[NodeName, ...]
    parts: Parts | None
    deadband: float
    method: tuple[NodeName, NodeName] | None


def node_row(binding: Binding, namespace: str) -> NodeRow:
    """Return what a row says; `namespace` is that of the device's address. Raises `ConfigError` at the row."""
    address, where = binding.address, binding.row.where
    texts = [text.strip() for text in address.get("node", "").split(" + ")]
    nodes = tuple(_node(binding, "node", text, namespace) for text in texts)
    joined = parts(address.get("parts", ""), len(nodes), where)
    wire_type = binding.row.conversion.wire_type
    if wire_type.value.startswith("bits"):
        raise _error(binding, f"wire_type: {wire_type.value} is no type of OPC UA; bits of a number are of uint16")
    if joined is not None and wire_type in (WireType.TEXT, WireType.BOOL):
        raise _error(binding, "parts: whole numbers are told in parts")
    method = _method(binding, address.get("method", ""), namespace)
    puts = any(binding.offers(service) for service in _PUTS)
    if method is not None and not puts:
        raise _error(binding, "method: the row has neither `write` nor `operate` among its services")
    if joined is not None and puts and method is None:
        raise _error(binding, "services: a value of several parts cannot be written at once")
    return NodeRow(nodes, joined, _deadband(binding, address.get("deadband", "")), method)


def _node(binding: Binding, column: str, text: str, namespace: str) -> NodeName:
    if text.startswith("/") and len(text) > 1:
        steps = text[1:].split("/")
        if not all(step and step != "0:" for step in steps):
            raise _error(binding, f"{column}: {text!r} has a step without a name")
        path = [(STANDARD, step[2:]) if step.startswith("0:") else (namespace, step) for step in steps]
        if not namespace and any(uri != STANDARD for uri, _ in path):
            raise _error(binding, f"{column}: a path needs the `namespace` of its names in the address of the device")
        return NodeName(text, namespace, path=tuple(path))
    match = _NODE.fullmatch(text)
    if match is None:
        if text.startswith("ns="):
            raise _error(binding, f"{column}: {text!r} names a namespace by its number, which changes when the server "
                                  "does: name it by its URI, nsu=urn:…;s=…")  # fmt: skip
        raise _error(binding, f"{column}: {text!r} is no node (nsu=urn:…;s=Meter.kW, s=Meter.kW, i=2258, /Meter/kW)")
    uri = match[1] or namespace
    if not uri:
        raise _error(binding, f"{column}: {text!r} has no namespace: give it as nsu=urn:…;{text}, or as `namespace` in "
                              "the address of the device")  # fmt: skip
    return NodeName(text, uri, _identifier(binding, column, match[2], match[3]))


def _identifier(binding: Binding, column: str, kind: str, text: str) -> Identifier:
    try:
        if kind == "i":
            number = int(text)
            if not 0 <= number < 1 << 32:
                raise ValueError
            return number
        if kind == "g":
            return uuid.UUID(text)
        return text if kind == "s" else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise _error(binding, f"{column}: {text!r} is no identifier of kind {kind!r}") from None


def _method(binding: Binding, text: str, namespace: str) -> tuple[NodeName, NodeName] | None:
    if not text:
        return None
    owner, _, method = (part.strip() for part in text.partition(" > "))
    if not method:
        raise _error(binding, "method: it is written object > method, e.g. s=Inverter > s=Inverter.SetPower")
    return _node(binding, "method", owner, namespace), _node(binding, "method", method, namespace)


def _deadband(binding: Binding, text: str) -> float:
    if not text:
        return 0.0
    if not re.fullmatch(r"\d+(\.\d+)?", text) or binding.row.conversion.wire_type in (WireType.TEXT, WireType.BOOL):
        raise _error(binding, f"deadband: {text!r} is no number on the wire by which a number may change")
    return float(text)


def _error(binding: Binding, reason: str) -> ConfigError:
    return ConfigError(f"{binding.row.point}: {reason}", where=binding.row.where)
