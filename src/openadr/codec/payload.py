"""Messages in and out: the door, the schema, the reader; the writer, the schema."""

from __future__ import annotations

import re
from functools import cache
from xml.etree.ElementTree import Element as StdElement

import attrs

from ...common.errors import LocalError, Malformed
from ...common.resources import resource
from ...common.xml import FILES, WIRE, Element, Limits, Schema, canonical, escape_value, from_element
from ...common.xml import read as read_xml
from ..model import DECLARATIONS, MESSAGES, Message, Xml
from ..model.names import NAMESPACES, prefixed, qualified
from .reading import Reader, fault, readers
from .tolerance import Deviation, put_right
from .writing import Writer, writers

_PAYLOAD = qualified("oadr:oadrPayload")
_SIGNED = qualified("oadr:oadrSignedObject")
_SIGNATURE = qualified("ds:Signature")
_ID = qualified("oadr:Id")
_USUAL = {**NAMESPACES, "dsp": "http://openadr.org/oadr-2.0b/2012/07/xmldsig-properties"}
_PLACED = re.compile(r'(<gml:(?:FeatureCollection|Polygon)) gml:id="([^"]*)"')


@attrs.frozen
class Payload:
    """A message and what it came in.

    Attributes:
        message: the message.
        wrapped: whether it stood in an `oadrPayload` or `oadrSignedObject`, or by itself.
        id: the Id of the signed object, which a signature refers to.
        signature: the signature, as it is; nothing here has looked into it.
        deviations: what a tolerant reading has put right.
    """

    message: Message
    wrapped: bool = True
    id: str | None = None
    signature: Xml | None = None
    deviations: tuple[Deviation, ...] = ()


@cache
def schema() -> Schema:
    """Return our schema of all messages."""
    return Schema(resource("schemas/openadr/oadr.xsd"))


def prepare() -> None:
    """Make what reads and writes messages, a tenth of a second's work, before the first of them has to wait for it."""
    schema()
    _readers()
    _writers()


def read(
    data: bytes | str | Element | StdElement,
    *,
    limits: Limits = WIRE,
    source: str | None = None,
    against: Schema | None = None,
    tolerant: bool = False,
) -> Message:
    """Return the message in a document or element; wrapped in `oadrPayload` or `oadrSignedObject`, or bare.

    An element of the standard library (a stanza's payload) is copied through the door, under the same limits.
    An element of the door's is taken as it is. `against` is a schema to hold it to instead of our own, such as the
    official one. A `tolerant` reading first puts right what has a name in `DEVIATIONS`; `read_payload` tells what.

    Raises:
        Malformed: not XML as the door accepts it, not a message, against the schema, or a value that Python cannot
            hold (a year before 1); the message has the path, `where` the source and line.
    """
    return read_payload(data, limits=limits, source=source, against=against, tolerant=tolerant).message


def read_payload(
    data: bytes | str | Element | StdElement,
    *,
    limits: Limits = WIRE,
    source: str | None = None,
    against: Schema | None = None,
    tolerant: bool = False,
) -> Payload:
    """Return the message with what it came in; otherwise as `read`."""
    root = element(data, limits=limits, source=source)
    deviations = put_right(root) if tolerant else ()
    check(root, source=source, against=against)
    return attrs.evolve(decode(root), deviations=deviations) if deviations else decode(root)


def element(data: bytes | str | Element | StdElement, *, limits: Limits = WIRE, source: str | None = None) -> Element:
    """Return the root of a document through the door; raise `Malformed`.

    What an XMPP server or session has taken the prefixes from is given the usual ones again: those of its canonical
    form, if its sender used them.
    """
    if isinstance(data, bytes | str):
        return read_xml(data, limits=limits, source=source)
    if isinstance(data, Element):
        return data
    return from_element(data, limits=limits, source=source, prefixes=_USUAL)


def check(root: Element, *, source: str | None = None, against: Schema | None = None) -> None:
    """Hold an element to the schema; raise `Malformed` with the path and reason of the first faults."""
    (against or schema()).check(root, source)


def decode(root: Element) -> Payload:
    """Return the payload in an element that is known to follow the schema.

    Raises:
        Malformed: it does not; the check is of structure, and of texts only as far as Python cannot hold them.
    """
    signature, signed = _opened(root) if root.tag == _PAYLOAD else (None, root)
    wrapped = signed.tag == _SIGNED
    if wrapped and len(signed) != 1:
        raise fault(signed, f"holds {len(signed)} messages, not one")
    holder = signed[0] if wrapped else signed
    reader = _readers().get(holder.tag)
    if reader is None:
        raise fault(holder, f"{prefixed(holder.tag)} is not a message of OpenADR 2.0b")
    return Payload(reader(holder), wrapped, signed.get(_ID), signature)


def _opened(root: Element) -> tuple[Xml | None, Element]:
    """Return the signature and the signed object of a payload, which holds nothing else."""
    *before, signed = root if len(root) else (root,)
    if signed.tag != _SIGNED or [each.tag for each in before] not in ([], [_SIGNATURE]):
        raise fault(root, "holds a signature, or none, and then one oadr:oadrSignedObject")
    return (Xml(canonical(before[0])) if before else None), signed


def write(message: Message, *, id: str | None = None, check: bool = True, against: Schema | None = None) -> str:
    """Return a message as text, wrapped in `oadrPayload` and `oadrSignedObject`, without an XML declaration.

    A gml:id stands once in a document: the same place without it where it stands again.

    `id` becomes the Id of the signed object, for a signature to refer to. The text is held to the schema, unless
    `check` is off for the sake of speed: messages made by the constructors are valid but for rare texts.

    Raises:
        LocalError: a character that XML cannot carry, or a message against the schema.
    """
    try:
        writer = _writers()[message.__class__]
    except KeyError:
        raise LocalError(f"takes a message of OpenADR, not {message!r:.80}") from None
    document = writer(message, "" if id is None else f' oadr:Id="{escape_value(id)}"')
    if " gml:id=" in document:
        document = _once_each(document)
    if check:
        try:
            (against or schema()).check(read_xml(document, limits=FILES))
        except Malformed as error:
            raise LocalError(f"not sent: {error.message}", where=type(message).__name__) from None
    return document


def _once_each(document: str) -> str:
    """Return a document without the IDs of places that stand in it already: many events may be about one place."""
    seen: set[str] = set()

    def again(found: re.Match[str]) -> str:
        start, name = found[1], found[2]
        if name in seen:
            return start
        seen.add(name)
        return found[0]

    return _PLACED.sub(again, document)


@cache
def _readers() -> dict[str, Reader]:
    made = readers()
    return {qualified(DECLARATIONS[message].root or ""): made[message] for message in MESSAGES}


@cache
def _writers() -> dict[type, Writer]:
    return writers()
