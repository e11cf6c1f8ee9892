"""The messages of a registry as XML; `schemas/iec61850/registry.xsd` says what they may be.

IEC TR 61850-80-3 asks for a registry and gives no messages for it, so all of this is our choice.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from xml.etree.ElementTree import Element

from ...common.errors import Malformed
from ...common.resources import resource
from ...common.xml import Element as Checked
from ...common.xml import Schema, escape, escape_value, from_element
from .entries import Device, Document, Happening, Kind, Nameplate, Proposal

NAMESPACE = "urn:janusgrid:registry:1"
_LIST_SIZE = 100_000


def name(local: str) -> str:
    """Return the name of a message as sessions have it, `{namespace}local`."""
    return f"{{{NAMESPACE}}}{local}"


@cache
def schema() -> Schema:
    """Return the schema of all messages."""
    return Schema(resource("schemas/iec61850/registry.xsd"))


def checked(payload: Element | None, local: str) -> Checked:
    """Return a payload that came in, once it is what the schema allows; raise `Malformed` if it is not."""
    if payload is None or payload.tag != name(local):
        raise Malformed(f"<{local}> was expected, in {NAMESPACE}")
    element = from_element(payload)
    schema().check(element, local)
    return element


# --- messages of a device --------------------------------------------------------------------------------------------


def register(proposal: Proposal) -> str:
    return f'<register xmlns="{NAMESPACE}"{_document(proposal.document)}>{_about(proposal)}</register>'


def read_register(element: Checked) -> Proposal:
    return _proposal(element)


def part(sum_: str, offset: int, octets: bytes) -> str:
    content = base64.b64encode(octets).decode()
    return f'<part xmlns="{NAMESPACE}" sum="{sum_}" offset="{offset}">{content}</part>'


def read_part(element: Checked) -> tuple[str, int, bytes]:
    try:
        octets = base64.b64decode("".join((element.text or "").split()), validate=True)
    except binascii.Error:
        raise Malformed("the content is not in base64", where="part") from None
    return element.get("sum", ""), int(element.get("offset", "")), octets


def registered(wanted: int | None) -> str:
    given = "" if wanted is None else f' wanted="{wanted}"'
    return f'<registered xmlns="{NAMESPACE}"{given}/>'


def read_registered(element: Checked) -> int | None:
    wanted = element.get("wanted")
    return None if wanted is None else int(wanted)


def empty(local: str) -> str:
    """Return `deregister`, `watch` or `unwatch`."""
    return f'<{local} xmlns="{NAMESPACE}"/>'


# --- messages of readers ---------------------------------------------------------------------------------------------


def list_(where: Mapping[str, str], *, after: str = "", jid: str = "") -> str:
    given = "".join(f' {key}="{escape_value(text)}"' for key, text in (("after", after), ("jid", jid)) if text)
    return f'<list xmlns="{NAMESPACE}"{given}>{_values("where", where)}</list>'


def read_list(element: Checked) -> tuple[dict[str, str], str, str]:
    """Return the values that are wanted, after whom, and of whom alone."""
    return _read_values(element, "where"), element.get("after", ""), element.get("jid", "")


def devices(found: Iterable[Device], more: bool) -> str:
    """Return as many devices as fit in a message, and say whether there are more."""
    texts: list[str] = []
    room = _LIST_SIZE
    for device in found:
        text = _device(device)
        room -= len(text)
        if texts and room < 0:
            more = True
            break
        texts.append(text)
    return f'<devices xmlns="{NAMESPACE}" more="{str(more).lower()}">{"".join(texts)}</devices>'


def read_devices(element: Checked) -> tuple[list[Device], bool]:
    return [_read_device(child) for child in element], element.get("more") in ("true", "1")


def fetch(jid: str, sum_: str, offset: int) -> str:
    return f'<fetch xmlns="{NAMESPACE}" jid="{escape_value(jid)}" sum="{sum_}" offset="{offset}"/>'


def read_fetch(element: Checked) -> tuple[str, str, int]:
    return element.get("jid", ""), element.get("sum", ""), int(element.get("offset", ""))


def happened(what: Happening) -> str:
    return f'<happened xmlns="{NAMESPACE}" kind="{what.kind.value}">{_device(what.device)}</happened>'


def read_happened(element: Checked) -> Happening:
    return Happening(Kind(element.get("kind")), _read_device(element[0]))


# --- parts -----------------------------------------------------------------------------------------------------------


def _device(device: Device) -> str:
    return (
        f'<device address="{escape_value(device.address)}" available="{str(device.available).lower()}" '
        f'registered="{_time(device.registered)}" seen="{_time(device.seen)}"{_document(device.document)}>'
        f"{_about(device.about)}</device>"
    )


def _read_device(element: Checked) -> Device:
    available = element.get("available") in ("true", "1")
    registered, seen = (_read_time(element.get(each, "")) for each in ("registered", "seen"))
    return Device(element.get("address", ""), _proposal(element), available, registered, seen)


def _about(proposal: Proposal) -> str:
    dialects = "".join(f"<dialect>{escape(dialect)}</dialect>" for dialect in proposal.dialects)
    return dialects + _values("value", proposal.nameplate.values)


def _proposal(element: Checked) -> Proposal:
    dialects = tuple(child.text or "" for child in element.findall(name("dialect")))
    return Proposal(Nameplate(_read_values(element, "value")), dialects, _read_document(element))


def _values(local: str, values: Mapping[str, str]) -> str:
    return "".join(f'<{local} name="{escape_value(key)}">{escape(text)}</{local}>' for key, text in values.items())


def _read_values(element: Checked, local: str) -> dict[str, str]:
    return {child.get("name", ""): child.text or "" for child in element.findall(name(local))}


def _document(document: Document | None) -> str:
    return f' sum="{document.sum}" size="{document.size}"' if document is not None else ""


def _read_document(element: Checked) -> Document | None:
    sum_, size = element.get("sum"), element.get("size")
    if (sum_ is None) != (size is None):
        raise Malformed("sum and size belong together")
    return Document(sum_, int(size)) if sum_ is not None and size is not None else None


def _time(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"{text[:40]!r} is no time") from None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
