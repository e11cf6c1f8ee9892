"""Primitive values in BER: the content octets of each built-in type, both ways (X.690 clause 8)."""

from __future__ import annotations

from collections.abc import Callable
from operator import methodcaller
from typing import Any

from .errors import MmsDecodeError, MmsEncodeError
from .shape import Memo
from .tree import Type
from .values import TIME, check_object_identifier, integer_bounds

Reader = Callable[[bytes], Any]
Writer = Callable[[Any], bytes]

_LONGEST_IDENTIFIER = 1900  # octets: 99 numbers of 128 bits in groups of 7


def reader(type_: Type) -> Reader:
    """Return the function from content octets to the value of a primitive type."""
    if type_.kind == "INTEGER":
        return _integer_reader(*integer_bounds(type_))
    if type_.kind == "OCTET STRING":
        return _octets_reader(type_.sizes) if type_.sizes else bytes
    return _READERS[type_.kind]


def writer(type_: Type) -> Writer:
    """Return the function from the value of a primitive type to content octets."""
    if type_.kind == "INTEGER":
        return _integer_writer(*integer_bounds(type_))
    if type_.kind == "OCTET STRING":
        return _octets_writer(type_.sizes)
    return _WRITERS[type_.kind]


def _integer_reader(lower: int, upper: int) -> Reader:
    from_bytes = int.from_bytes

    def read(octets: bytes) -> int:
        value = from_bytes(octets, "big", signed=True)
        if lower <= value <= upper and octets:
            return value
        raise MmsDecodeError(f"an integer beyond {lower}..{upper}" if octets else "an integer without octets")

    return read


def _integer_writer(lower: int, upper: int) -> Writer:
    def write(value: int) -> bytes:
        if lower <= value <= upper:
            magnitude = ~value if value < 0 else value  # one bit more than these is needed for the sign
            return value.to_bytes((magnitude.bit_length() >> 3) + 1, "big", signed=True)
        raise MmsEncodeError(f"{value} is beyond {lower}..{upper}")

    return write


def _octets_reader(sizes: tuple[int, ...]) -> Reader:
    def read(octets: bytes) -> bytes:
        if len(octets) in sizes:
            return octets
        raise MmsDecodeError(f"{len(octets)} octets, not {' or '.join(map(str, sizes))}")

    return read


def _octets_writer(sizes: tuple[int, ...]) -> Writer:
    def write(value: bytes) -> bytes:
        if sizes and len(value) not in sizes:
            raise MmsEncodeError(f"{len(value)} octets, not {' or '.join(map(str, sizes))}")
        return bytes.__add__(value, b"")

    return write


def _read_boolean(octets: bytes) -> bool:
    if len(octets) != 1:
        raise MmsDecodeError(f"a BOOLEAN of {len(octets)} octets")
    return octets != b"\0"


def _read_bits(octets: bytes) -> tuple[int, int]:
    if not octets:
        raise MmsDecodeError("a BIT STRING without octets")
    unused, size = octets[0], len(octets) * 8 - 8 - octets[0]
    if unused > 7 or size < 0:
        raise MmsDecodeError(f"a BIT STRING of {len(octets)} octets with {unused} unused bits")
    return int.from_bytes(octets[1:], "big") >> unused, size


def _write_bits(value: tuple[int, int]) -> bytes:
    bits, size = value
    if bits < 0 or bits >> size:
        raise MmsEncodeError(f"{bits:#x} does not fit in {size} bits")
    unused = -size % 8
    return bytes((unused,)) + (bits << unused).to_bytes((size + unused) >> 3, "big")


def _read_null(octets: bytes) -> None:
    if octets:
        raise MmsDecodeError("a NULL with content")


def _write_null(value: None) -> bytes:
    if value is not None:
        raise MmsEncodeError("not None, which is the value of a NULL")
    return b""


def _read_object_identifier(octets: bytes) -> str:
    if not octets or octets[-1] & 0x80:
        raise MmsDecodeError("an OBJECT IDENTIFIER without an end")
    if len(octets) > _LONGEST_IDENTIFIER:
        raise MmsDecodeError(f"an OBJECT IDENTIFIER of {len(octets)} octets")
    arcs, arc = [], 0
    for octet in octets:
        if octet == 0x80 and not arc:
            raise MmsDecodeError("an OBJECT IDENTIFIER with a padded number")
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    text = ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
    check_object_identifier(text, MmsDecodeError)
    return text


def _write_object_identifier(value: str) -> bytes:
    first, second, *rest = check_object_identifier(value, MmsEncodeError)
    out = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc >> shift & 0x7F for shift in range(0, max(arc.bit_length(), 1), 7)]
        out += bytes([group | 0x80 for group in groups[:0:-1]] + groups[:1])
    return bytes(out)


def _read_time(octets: bytes) -> str:
    text = octets.decode("latin-1")
    if not TIME.fullmatch(text):
        raise MmsDecodeError(f"{text[:40]!r} is not a GeneralizedTime")
    return text


def _write_time(value: str) -> bytes:
    if not TIME.fullmatch(value):
        raise MmsEncodeError(f"{value[:40]!r} is not a GeneralizedTime")
    return value.encode("latin-1")


# Strings are ISO 8859-1 although the standard allows but ASCII: devices put umlauts into descriptions, and what is
# read has to be writable again.
_read_string = methodcaller("decode", "latin-1")


def _write_string(value: str) -> bytes:
    return value.encode("latin-1")


def _write_utf8(value: str) -> bytes:
    return value.encode()


_READERS: dict[str, Reader] = {
    "BOOLEAN": Memo(_read_boolean, lambda octets: len(octets) == 1).__getitem__,
    "BIT STRING": Memo(_read_bits, lambda octets: len(octets) <= 3).__getitem__,
    "NULL": _read_null,
    "OBJECT IDENTIFIER": _read_object_identifier,
    "UTF8String": methodcaller("decode"),
    "GeneralizedTime": _read_time,
    "GraphicString": _read_string,
    "VisibleString": _read_string,
}
_WRITERS: dict[str, Writer] = {
    "BOOLEAN": {True: b"\xff", False: b"\0"}.__getitem__,
    "BIT STRING": Memo(_write_bits, lambda value: value[1] <= 16).__getitem__,
    "NULL": _write_null,
    "OBJECT IDENTIFIER": _write_object_identifier,
    "UTF8String": _write_utf8,
    "GeneralizedTime": _write_time,
    "GraphicString": _write_string,
    "VisibleString": _write_string,
}
