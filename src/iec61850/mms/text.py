"""Primitive values in XER: the text between the tags, both ways (X.693 clause 8 on top of X.680)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .dialect import Dialect
from .errors import MmsDecodeError, MmsEncodeError
from .shape import Memo
from .tree import Type
from .values import TIME, check_object_identifier, integer_bounds

Reader = Callable[[str | None], Any]
"""Takes the text of an element, None if it has none."""
Writer = Callable[[Any], str]

SPACE = " \t\r\n"
_FLOAT = "FloatingPoint"
_DIGITS = re.compile(r"-?[0-9]{1,60}")
_UNPRINTED = re.compile(r"[&<>\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_SCHEMA_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_BASIC_TIME = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})(?:[.,]([0-9]{1,9}))?(Z|[+-][0-9]{2}(?:[0-9]{2})?)?"
)

# X.680, table 3: characters that XML 1.0 does not have are written as empty elements. Tab, LF and CR are as they are.
_CONTROLS = """nul soh stx etx eot enq ack bel bs  -   -  vt  ff  -  so  si
               dle dc1 dc2 dc3 dc4 nak syn etb can em sub esc is4 is3 is2 is1"""
CONTROLS = {name: chr(code) for code, name in enumerate(_CONTROLS.split()) if name != "-"}
"""Characters by the names of the elements that stand for them."""

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"} | {
    character: f"<{name}/>" for name, character in CONTROLS.items()
}


def reader(type_: Type) -> Reader:
    """Return the function from text to the value of a primitive type."""
    if type_.kind == "INTEGER":
        return _integer_reader(*integer_bounds(type_), type_.names)
    if type_.name == _FLOAT:
        return _read_float
    if type_.kind == "OCTET STRING":
        return _octets_reader(type_.sizes)
    return _READERS[type_.kind]


def writer(type_: Type, dialect: Dialect) -> Writer:
    """Return the function from the value of a primitive type to text; a NULL has none."""
    if type_.kind == "INTEGER":
        named = {number: f"<{name}/>" for name, number in type_.names.items()}
        return _integer_writer(*integer_bounds(type_), named if dialect.numbers is dialect.numbers.ELEMENT else {})
    if type_.name == _FLOAT and dialect.ieee_floats:
        return _float_writer(type_.sizes)
    if type_.kind == "OCTET STRING":
        return _octets_writer(type_.sizes)
    if type_.kind == "GeneralizedTime" and dialect.schema_times:
        return _write_schema_time
    return _WRITERS[type_.kind]


def _integer_reader(lower: int, upper: int, names: Any) -> Reader:
    def read(text: str | None) -> int:
        # Python reads more than XER allows (`1_0`, `+1`, other digits): what it would not write itself is looked at.
        try:
            value = int(text)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            value = None
        if value is None or str(value) != text:
            value = _look_closer(text, names)
        if lower <= value <= upper:
            return value
        raise MmsDecodeError(f"an integer beyond {lower}..{upper}")

    return read


def _look_closer(text: str | None, names: Any) -> int:
    """Return the value of an integer with space or leading zeros around it, or of a named number."""
    stripped = (text or "").strip(SPACE)
    if _DIGITS.fullmatch(stripped):
        return int(stripped)
    if stripped in names:
        return int(names[stripped])
    raise MmsDecodeError(f"{stripped[:40]!r} is not an integer")


def _integer_writer(lower: int, upper: int, named: dict[int, str]) -> Writer:
    digits = int.__repr__  # not str(): an IntEnum or a bool is written as the number it is

    def write(value: int) -> str:
        if lower <= value <= upper:
            return digits(value)
        raise MmsEncodeError(f"{value} is beyond {lower}..{upper}")

    return (lambda value: named.get(value) or write(value)) if named else write


def _octets_reader(sizes: tuple[int, ...]) -> Reader:
    from_hex = bytes.fromhex

    def read(text: str | None) -> bytes:
        octets = from_hex(text) if text else b""
        if sizes and len(octets) not in sizes:
            raise _wrong_size(octets, sizes, MmsDecodeError)
        return octets

    return read


def _octets_writer(sizes: tuple[int, ...]) -> Writer:
    to_hex = bytes.hex

    def write(value: bytes) -> str:
        if sizes and len(value) not in sizes:
            raise _wrong_size(value, sizes, MmsEncodeError)
        return to_hex(value).upper()

    return write


def _wrong_size(octets: bytes, sizes: tuple[int, ...], error: Any) -> Exception:
    result: Exception = error(f"{len(octets)} octets, not {' or '.join(map(str, sizes))}")
    return result


# --- floating-point numbers: with the width of the exponent in front as in BER, or IEEE 754 alone --------------------

_EXPONENT = {4: b"\x08", 8: b"\x0b", 5: b"", 9: b""}


def _read_float(text: str | None) -> bytes:
    octets = bytes.fromhex(text or "")
    if len(octets) not in _EXPONENT:
        raise _wrong_size(octets, tuple(_EXPONENT), MmsDecodeError)
    return _EXPONENT[len(octets)] + octets


def _float_writer(sizes: tuple[int, ...]) -> Writer:
    def write(value: bytes) -> str:
        if len(value) not in sizes or value[:1] != _EXPONENT[len(value) - 1]:
            raise MmsEncodeError("not an IEEE 754 number of 32 or 64 bits with the width of its exponent in front")
        return bytes.hex(value)[2:].upper()

    return write


# --- the others ------------------------------------------------------------------------------------------------------


def _read_boolean(text: str | None) -> bool:
    value = {"true": True, "1": True, "false": False, "0": False}.get((text or "").strip(SPACE))
    if value is None:
        raise MmsDecodeError(f"{(text or '')[:40]!r} is not a BOOLEAN")
    return value


def _read_bits(text: str | None) -> tuple[int, int]:
    bits = text or ""
    if bits.strip("01"):
        bits = bits.translate(_NO_SPACE)
        if bits.strip("01"):
            raise MmsDecodeError(f"{bits[:40]!r} is not a BIT STRING")
    return int(bits or "0", 2), len(bits)


_NO_SPACE = dict.fromkeys(map(ord, SPACE))


def _write_bits(value: tuple[int, int]) -> str:
    bits, size = value
    if bits < 0 or bits >> size:
        raise MmsEncodeError(f"{bits:#x} does not fit in {size} bits")
    return format(bits, f"0{size}b") if size else ""


def _read_null(text: str | None) -> None:
    if text and text.strip(SPACE):
        raise MmsDecodeError("a NULL with content")


def _read_object_identifier(text: str | None) -> str:
    stripped = (text or "").strip(SPACE)
    check_object_identifier(stripped, MmsDecodeError)
    return stripped


def _write_object_identifier(value: str) -> str:
    check_object_identifier(value, MmsEncodeError)
    return value


def _read_utf8(text: str | None) -> str:
    return text or ""


def _read_string(text: str | None) -> str:
    if not text:
        return ""
    if not text.isascii():
        text.encode("latin-1")
    return text


def _write_utf8(value: str) -> str:
    if value.isprintable() and not ("&" in value or "<" in value or ">" in value):
        return value
    return _UNPRINTED.sub(_escape, value)


def _write_string(value: str) -> str:
    if not value.isascii():
        value.encode("latin-1")
    return _write_utf8(value)


def _escape(match: re.Match[str]) -> str:
    escape = _ESCAPES.get(match[0])
    if escape is None:
        raise MmsEncodeError(f"character U+{ord(match[0]):04X} cannot be carried by XML")
    return escape


def _read_time(text: str | None) -> str:
    stripped = (text or "").strip(SPACE)
    if TIME.fullmatch(stripped):
        return stripped
    if parts := _SCHEMA_TIME.fullmatch(stripped):
        *digits, fraction, zone = parts.groups("")
        return "".join(digits) + fraction + zone.replace(":", "")
    raise MmsDecodeError(f"{stripped[:40]!r} is not a GeneralizedTime")


def _write_time(value: str) -> str:
    if not TIME.fullmatch(value):
        raise MmsEncodeError(f"{value[:40]!r} is not a GeneralizedTime")
    return value


def _write_schema_time(value: str) -> str:
    parts = _BASIC_TIME.fullmatch(value)
    if not parts:
        raise MmsEncodeError(f"{value[:40]!r} is not a GeneralizedTime with seconds")
    year, month, day, hour, minute, second, fraction, zone = parts.groups("")
    if len(zone) > 1:
        zone = f"{zone[:3]}:{zone[3:] or '00'}"
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}{'.' if fraction else ''}{fraction}{zone}"


_READERS: dict[str, Reader] = {
    "BOOLEAN": _read_boolean,
    "BIT STRING": Memo(_read_bits, lambda text: text is not None and len(text) <= 16).__getitem__,
    "NULL": _read_null,
    "OBJECT IDENTIFIER": _read_object_identifier,
    "UTF8String": _read_utf8,
    "GeneralizedTime": _read_time,
    "GraphicString": _read_string,
    "VisibleString": _read_string,
}
_WRITERS: dict[str, Writer] = {
    "BOOLEAN": {True: "<true/>", False: "<false/>"}.__getitem__,
    "BIT STRING": Memo(_write_bits, lambda value: value[1] <= 16).__getitem__,
    "OBJECT IDENTIFIER": _write_object_identifier,
    "UTF8String": _write_utf8,
    "GeneralizedTime": _write_time,
    "GraphicString": _write_string,
    "VisibleString": _write_string,
}
