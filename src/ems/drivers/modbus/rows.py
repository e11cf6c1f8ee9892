"""The driver's own columns of a table: `register`, `words` and `parts`, or `sunspec`."""

from __future__ import annotations

import re

from ....common.data.conversion import Coded, WireType
from ....common.data.tables import Binding, Service
from ....common.errors import ConfigError, LocalError
from ..parts import parts
from .blocks import LONGEST, Slot, Span
from .codecs import FORMATS, ORDERS, Bits, Codec, Coil, Joined, Number, Text
from .sunspec import Reference, reference

_REGISTER = re.compile(r"(holding|input|coil|discrete):(\d{1,5})(?:\.(\d{1,2})(?:-(\d{1,2}))?)?")
_PUTS = (Service.WRITE, Service.OPERATE)


def row(binding: Binding) -> Slot | Reference:
    """Return where the point of a row stands: in registers, or in a SunSpec model, whose place the device tells.

    Raises `ConfigError` at the row.
    """
    address = binding.address
    register, place = address.get("register", ""), address.get("sunspec", "")
    if bool(register) == bool(place):
        raise _error(binding, "either `register` or `sunspec` says where it is")
    if place:
        if address.get("words") or address.get("parts"):
            raise _error(binding, "a SunSpec model says what `words` and `parts` are: leave them empty")
        return _sunspec(binding, place)
    return _registers(binding, register)


def _sunspec(binding: Binding, text: str) -> Reference:
    try:
        place = reference(text)
    except LocalError as error:
        raise _error(binding, f"sunspec: {error.message}") from None
    wire_type, conversion = binding.row.conversion.wire_type.value, binding.row.conversion
    if wire_type not in place.wire_types:
        kind = place.point.type + (" with a scale factor" if place.point.scale is not None else "")
        can = f"has wire_type {' or '.join(place.wire_types)}" if place.wire_types else "has no place in a table"
        raise _error(binding, f"sunspec: {text} is {kind} and {can}, not {wire_type}")
    unit = binding.row.wire_unit.symbol
    if place.unit is not None and place.unit != unit:
        raise _error(binding, f"wire_unit: {text} is in {place.unit!r}, not {unit!r}")
    if isinstance(conversion, Coded) and place.point.symbols and not place.symbol:
        known = set(place.point.symbols.values())
        if strange := [code for code in conversion.codes.values() if code not in known]:
            raise _error(binding, f"enumeration: {text} has no code {strange[0]}")
    puts = any(binding.offers(service) for service in _PUTS)
    if puts and (not place.point.writable or not place.codec.writable):
        raise _error(binding, f"services: {text} cannot be written")
    return place


def _registers(binding: Binding, text: str) -> Slot:
    wire_type = binding.row.conversion.wire_type
    order, size, stored = _words(binding)
    found = [_place(binding, part.strip()) for part in text.split("+")]
    joined = parts(binding.address.get("parts", ""), len(found), binding.row.where)
    table, _, low, high = found[0]
    codec: Codec
    if table in ("coil", "discrete"):
        codec, size = _coil(binding, found), 1
    elif joined is not None:
        number = Number(stored or "uint16", order)
        if number.type.startswith("float") or wire_type in (WireType.TEXT, WireType.BOOL):
            raise _error(binding, "parts: whole numbers are told in parts")
        codec, size = Joined(joined, number), number.size
    elif wire_type is WireType.TEXT:
        if not size:
            raise _error(binding, "words: a text needs the number of its registers, e.g. 16")
        codec = Text(size, swapped=order in ("BADC", "DCBA"))
    else:
        codec = _number(binding, order, stored, low, high)
        size = (codec.number if isinstance(codec, Bits) else codec).size
    spans = tuple(Span(table, address, size) for table, address, _, _ in found)
    for span in spans:
        if span.end > 0x10000 or span.count > LONGEST[span.table]:
            raise _error(binding, f"register: {span} is beyond the last address, or longer than a request")
    puts = any(binding.offers(service) for service in _PUTS)
    if puts and (table in ("input", "discrete") or not codec.writable):
        what = "some bits of a register" if isinstance(codec, Bits) else text
        raise _error(binding, f"services: {what} cannot be written")
    return Slot(spans, codec)


def _place(binding: Binding, text: str) -> tuple[str, int, int | None, int | None]:
    match = _REGISTER.fullmatch(text)
    if match is None:
        raise _error(binding, f"register: {text!r} is none (holding:100, input:7, coil:3, discrete:0, holding:100.4, "
                              "holding:100.4-7; counted from 0)")  # fmt: skip
    table, address, low, high = match[1], int(match[2]), match[3], match[4]
    if address > 0xFFFF:
        raise _error(binding, f"register: {address} is beyond the last address, 65535")
    return table, address, None if low is None else int(low), None if high is None else int(high)


def _words(binding: Binding) -> tuple[str, int, str]:
    """Return order, number of registers and type, as far as the column `words` says them."""
    order, size, stored = "ABCD", 0, ""
    for word in binding.address.get("words", "").split():
        if word in ORDERS:
            order = word
        elif re.fullmatch(r"[1-9]\d{0,2}", word):
            size = int(word)
        elif word in FORMATS:
            stored = word
        else:
            known = ", ".join((*ORDERS, *FORMATS))
            raise _error(binding, f"words: {word!r} is neither a number of registers nor one of {known}")
    return order, size, stored


def _coil(binding: Binding, found: list[tuple[str, int, int | None, int | None]]) -> Coil:
    if binding.row.conversion.wire_type is not WireType.BOOL or len(found) > 1 or found[0][2] is not None:
        raise _error(binding, "register: a coil or discrete input is one bool, without bits and parts")
    if binding.address.get("words"):
        raise _error(binding, "words: a coil or discrete input has none")
    return Coil()


def _number(binding: Binding, order: str, stored: str, low: int | None, high: int | None) -> Number | Bits:
    wire_type = binding.row.conversion.wire_type
    if low is not None:
        number, width = Number(stored or "uint16", order), (low if high is None else high) - low + 1
        if not number.type.startswith("uint") or width < 1 or low + width > 16 * number.size:
            raise _error(binding, f"register: there are no bits {low} to {low + width - 1} in {number.type}")
        if (wire_type is WireType.BOOL) != (high is None):
            raise _error(binding, "register: one bit is a bool, several are a whole number or an enum")
        return Bits(number, low, width, truth=high is None)
    kind = wire_type.value
    if wire_type is WireType.ENUM:
        kind = stored or "uint16"
    elif stored and stored != kind:
        raise _error(binding, f"words: {stored} is not the wire_type, {kind}")
    if kind not in FORMATS or (wire_type is WireType.ENUM and kind.startswith("float")):
        raise _error(binding, f"wire_type: {kind} has no place in registers; a bool is one bit of one (holding:7.0)")
    return Number(kind, order)


def _error(binding: Binding, reason: str) -> ConfigError:
    return ConfigError(f"{binding.row.point}: {reason}", where=binding.row.where)
