"""BER as the layers below MMS need it: elements with definite lengths and strict bounds (X.690 clause 8).

These layers know a handful of elements at fixed depths, so that nothing here recurses. Tags are their octet:
`0xA2` is the constructed context-specific tag 2. Longer tags stand as the number that their octets make.
"""

from __future__ import annotations

from ...common.errors import Malformed
from ..mms.octets import reader, writer
from ..mms.tree import Type
from .errors import Layer, LayerFault

_OID = Type(kind="OBJECT IDENTIFIER")
_read_oid, write_oid = reader(_OID), writer(_OID)
_MAX_TAG = 3


def length(size: int) -> bytes:
    """Return the length octets of a content of `size` octets."""
    if size < 0x80:
        return bytes((size,))
    if size < 0x100:
        return bytes((0x81, size))
    if size < 0x10000:
        return bytes((0x82, size >> 8, size & 0xFF))
    return b"\x84" + size.to_bytes(4, "big")


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return an element with a one-octet tag around these parts."""
    content = b"".join(parts)
    return bytes((tag,)) + length(len(content)) + content


def number(tag: int, value: int) -> bytes:
    """Return an INTEGER under a tag."""
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def header(octets: bytes, at: int, layer: Layer) -> tuple[int, int, int]:
    """Return the tag of the element at `at`, where its content begins, and where it ends; raise `LayerFault`."""
    end = len(octets)
    if at >= end:
        raise LayerFault(layer, "an element is cut off")
    tag = octets[at]
    at += 1
    if tag & 0x1F == 0x1F:
        for _ in range(_MAX_TAG):
            if at >= end:
                raise LayerFault(layer, "a tag is cut off")
            tag = tag << 8 | octets[at]
            at += 1
            if not tag & 0x80:
                break
        else:
            raise LayerFault(layer, "a tag of too many octets")
    if at >= end:
        raise LayerFault(layer, "an element has no length")
    size = octets[at]
    at += 1
    if size > 0x7F:
        count = size & 0x7F
        if not 0 < count <= 4:
            raise LayerFault(layer, "an indefinite or immense length")
        if at + count > end:
            raise LayerFault(layer, "a length is cut off")
        size = int.from_bytes(octets[at : at + count], "big")
        at += count
    if at + size > end:
        raise LayerFault(layer, f"an element of {size} octets in {end - at}")
    return tag, at, at + size


def elements(octets: bytes, layer: Layer) -> list[tuple[int, bytes]]:
    """Return tag and content of each element; together they are all of `octets`."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(octets):
        tag, start, at = header(octets, at, layer)
        found.append((tag, octets[start:at]))
    return found


def fields(octets: bytes, layer: Layer) -> dict[int, bytes]:
    """Return content by tag of a SEQUENCE or SET whose components all have different tags."""
    found: dict[int, bytes] = {}
    for tag, content in elements(octets, layer):
        if tag in found:
            raise LayerFault(layer, f"element {tag:#x} stands twice")
        found[tag] = content
    return found


def only(octets: bytes, tag: int, layer: Layer) -> bytes:
    """Return the content of the one element, of this tag, that `octets` is."""
    found, start, end = header(octets, 0, layer)
    if found != tag or end != len(octets):
        raise LayerFault(layer, f"element {tag:#x} alone is expected, not {found:#x}")
    return octets[start:end]


def integer(content: bytes, layer: Layer) -> int:
    """Return the value of a small INTEGER."""
    if not 0 < len(content) <= 5:
        raise LayerFault(layer, f"an integer of {len(content)} octets")
    return int.from_bytes(content, "big", signed=True)


def read_oid(content: bytes, layer: Layer) -> str:
    """Return the dotted text of an OBJECT IDENTIFIER."""
    try:
        return str(_read_oid(content))
    except Malformed as error:
        raise LayerFault(layer, error.message) from None
