"""Conversions between a common value and what stands on a wire: declared once, inverted by the machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Protocol

import attrs

from ..errors import LocalError, Malformed, TypeConflict
from .point import ValueType
from .unit import Unit
from .value import Scalar

_REACH = 1e12
"""Scale and offset stay within this factor of one, so that a float can go there and back."""
_FLOAT32_MAX = 3.4028234663852886e38


class WireType(Enum):
    """The type of a value on the wire. An enumeration is an integer code."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    ENUM = "enum"
    BOOL = "bool"
    TEXT = "text"
    BITS2 = "bits2"
    BITS5 = "bits5"
    BITS6 = "bits6"
    BITS10 = "bits10"
    BITS13 = "bits13"
    """Bit strings as the standards have them, as the integer whose most significant bit is the first."""

    @property
    def size(self) -> int | None:
        """How many bits an integer without sign or a bit string of this type has; None for other types."""
        head = self.value.rstrip("0123456789")
        return int(self.value.removeprefix(head)) if head in {"uint", "bits"} else None

    @property
    def range(self) -> tuple[int, int] | None:
        """The least and greatest integer of this type; None if it is no integer."""
        if self is WireType.ENUM:
            return -(1 << 31), (1 << 31) - 1
        if self.size is not None:
            return 0, (1 << self.size) - 1
        bits = int(self.value.removeprefix("int") or 0) if self.value.startswith("int") else 0
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if bits else None


class Conversion(Protocol):
    """One conversion, usable in both directions, by a client and by a server."""

    @property
    def type(self) -> ValueType:
        """The type of the common value."""
        ...

    @property
    def wire_type(self) -> WireType:
        """The type of the value on the wire."""
        ...

    @property
    def literals(self) -> tuple[str, ...]:
        """The names that the common value may have, in order; empty if it is no enumeration."""
        ...

    def to_wire(self, value: Scalar) -> Scalar:
        """Return the value for the wire; raise `TypeConflict` if `value` does not fit."""
        ...

    def from_wire(self, value: Scalar) -> Scalar:
        """Return the common value; raise `Malformed` if the peer's `value` does not fit."""
        ...


@attrs.frozen(slots=True)
class Linear:
    """A number: `common = wire * numerator / denominator + offset`."""

    type: ValueType
    wire_type: WireType
    numerator: float = 1.0
    denominator: float = 1.0
    offset: float = 0.0
    _whole: bool = attrs.field(init=False, default=False)
    _low: float = attrs.field(init=False, default=-math.inf)
    _high: float = attrs.field(init=False, default=math.inf)

    def __attrs_post_init__(self) -> None:
        whole = self.wire_type.range
        limit = _FLOAT32_MAX if self.wire_type is WireType.FLOAT32 else math.inf
        low, high = whole or (-limit, limit)
        for name, value in (("_whole", whole is not None), ("_low", low), ("_high", high)):
            object.__setattr__(self, name, value)

    @property
    def literals(self) -> tuple[str, ...]:
        """Always empty."""
        return ()

    @property
    def step(self) -> float:
        """The least difference of common values that an integer wire can show; 0 on a float wire."""
        return abs(self.numerator / self.denominator) if self._whole else 0.0

    def to_wire(self, value: Scalar) -> Scalar:
        """Return the value for the wire, rounded to the nearest step; raise `TypeConflict` if it does not fit."""
        number = _finite(value)
        if number is None:
            raise TypeConflict(f"{_shown(value)} is not a finite number")
        if self.type is ValueType.INT and number != int(number):
            raise TypeConflict(f"{_shown(value)} is not a whole number")
        wire = (number - self.offset) * self.denominator / self.numerator
        if not self._low <= wire <= self._high or not math.isfinite(wire):
            raise TypeConflict(f"{_shown(value)} does not fit in {self.wire_type.value}")
        return round(wire) if self._whole else wire

    def from_wire(self, value: Scalar) -> Scalar:
        """Return the common value; raise `Malformed` if `value` is not a finite number."""
        number = _finite(value)
        common = math.nan if number is None else number * self.numerator / self.denominator + self.offset
        if not math.isfinite(common):
            raise Malformed(f"{_shown(value)} is not a finite number")
        return round(common) if self.type is ValueType.INT else common


@attrs.frozen(slots=True)
class Whole:
    """A whole number on an integer wire, exact at any size: `common = wire * sign + offset`."""

    type: ValueType
    wire_type: WireType
    sign: int = 1
    offset: int = 0

    @property
    def literals(self) -> tuple[str, ...]:
        """Always empty."""
        return ()

    def to_wire(self, value: Scalar) -> Scalar:
        """Return the integer for the wire; raise `TypeConflict` if `value` is not whole or does not fit."""
        if _finite(value) is None or value != int(value):
            raise TypeConflict(f"{_shown(value)} is not a whole number")
        wire = (int(value) - self.offset) * self.sign
        low, high = self.wire_type.range or (0, 0)
        if not low <= wire <= high:
            raise TypeConflict(f"{_shown(value)} does not fit in {self.wire_type.value}")
        return wire

    def from_wire(self, value: Scalar) -> Scalar:
        """Return the common integer; raise `Malformed` if `value` is no integer."""
        if type(value) is not int:
            raise Malformed(f"{_shown(value)} is not an integer")
        return value * self.sign + self.offset


@attrs.frozen(slots=True)
class Coded:
    """An enumeration, or a truth value with its codes: names on this side, integers (or bits) on the wire."""

    type: ValueType
    wire_type: WireType
    codes: Mapping[str, int]
    _names: dict[int, str] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._names.update({code: name for name, code in self.codes.items()})

    @property
    def literals(self) -> tuple[str, ...]:
        """The names, in the order of the table; none for a truth value."""
        return tuple(self.codes) if self.type is ValueType.ENUM else ()

    def to_wire(self, value: Scalar) -> Scalar:
        """Return the code of a name; raise `TypeConflict`, naming a near one, if there is none."""
        name = value if self.type is ValueType.ENUM else str(value).lower() if isinstance(value, bool) else None
        code = self.codes.get(name) if isinstance(name, str) else None
        if code is None:
            near = get_close_matches(_shown(value).strip("'"), self.codes, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(self.codes)}"
            raise TypeConflict(f"{_shown(value)} has no code; {hint}")
        return bool(code) if self.wire_type is WireType.BOOL else code

    def from_wire(self, value: Scalar) -> Scalar:
        """Return the name of a code; raise `Malformed` for a code that the table does not know."""
        known = isinstance(value, int) and isinstance(value, bool) == (self.wire_type is WireType.BOOL)
        name = self._names.get(int(value)) if known else None
        if name is None:
            raise Malformed(f"code {_shown(value)} is not in the enumeration ({', '.join(map(str, self._names))})")
        return name if self.type is ValueType.ENUM else name == "true"


@attrs.frozen(slots=True)
class Stepped:
    """A number that has some values only, each with a code on the wire."""

    type: ValueType
    wire_type: WireType
    codes: Mapping[float, int]
    _values: dict[int, float] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._values.update({code: value for value, code in self.codes.items()})

    @property
    def literals(self) -> tuple[str, ...]:
        """Always empty."""
        return ()

    def to_wire(self, value: Scalar) -> Scalar:
        """Return the code of a value; raise `TypeConflict`, naming the values, if it has none."""
        number = _finite(value)
        code = None if number is None else self.codes.get(number)
        if code is None:
            raise TypeConflict(f"{_shown(value)} has no code; known are: {', '.join(f'{v:g}' for v in self.codes)}")
        return code

    def from_wire(self, value: Scalar) -> Scalar:
        """Return the value of a code; raise `Malformed` for a code that the table does not know."""
        number = self._values.get(value) if type(value) is int else None
        if number is None:
            raise Malformed(f"code {_shown(value)} is not in the enumeration ({', '.join(map(str, self._values))})")
        return int(number) if self.type is ValueType.INT else number


@attrs.frozen(slots=True)
class Same:
    """A truth value or a text that is the same on both sides."""

    type: ValueType
    wire_type: WireType

    @property
    def literals(self) -> tuple[str, ...]:
        """Always empty."""
        return ()

    def to_wire(self, value: Scalar) -> Scalar:
        """Return `value`; raise `TypeConflict` if it is of another type."""
        if not self._fits(value):
            raise TypeConflict(f"{_shown(value)} is not {self.type.value}")
        return value

    def from_wire(self, value: Scalar) -> Scalar:
        """Return `value`; raise `Malformed` if it is of another type."""
        if not self._fits(value):
            raise Malformed(f"{_shown(value)} is not {self.type.value}")
        return value

    def _fits(self, value: Scalar) -> bool:
        return isinstance(value, bool if self.type is ValueType.BOOL else str)


@attrs.frozen(slots=True)
class Field:
    """A few bits of an integer or bit string on the wire; other points have its other bits.

    Attributes:
        inner: between the common value and the number that the bits are, or the truth value that one bit is.
        wire_type: of the whole.
        first, last: the bits, as the table numbers them: those of an integer from the least significant, those of a
            bit string from its first.
    """

    inner: Conversion
    wire_type: WireType
    first: int
    last: int

    @property
    def type(self) -> ValueType:
        """The type of the common value."""
        return self.inner.type

    @property
    def literals(self) -> tuple[str, ...]:
        """The names that the common value may have."""
        return self.inner.literals

    @property
    def shift(self) -> int:
        """How many bits of less weight are beside it."""
        return (self.wire_type.size or 0) - 1 - self.last if self.wire_type.value.startswith("bits") else self.first

    @property
    def mask(self) -> int:
        """The whole with all bits of this field set, and no other."""
        return ((1 << self.last - self.first + 1) - 1) << self.shift

    def to_wire(self, value: Scalar) -> Scalar:
        """Return the whole with all other bits 0; raise `TypeConflict` if `value` does not fit."""
        bits = int(self.inner.to_wire(value)) << self.shift
        if bits & ~self.mask:
            raise TypeConflict(
                f"{_shown(value)} does not fit in {_bits(self.first, self.last)} of {self.wire_type.value}"
            )
        return bits

    def within(self, whole: int, value: Scalar) -> int:
        """Return the whole with this field changed and every other bit as it was."""
        return whole & ~self.mask | int(self.to_wire(value))

    def from_wire(self, value: Scalar) -> Scalar:
        """Return the common value of these bits; raise `Malformed` if the whole or the field is none."""
        low, high = self.wire_type.range or (0, -1)
        if type(value) is not int or not low <= value <= high:
            raise Malformed(f"{_shown(value)} is not {self.wire_type.value}")
        bits = (value & self.mask) >> self.shift
        return self.inner.from_wire(bool(bits) if self.inner.wire_type is WireType.BOOL else bits)


def conversion(
    type: ValueType,
    wire_type: WireType,
    *,
    unit: Unit,
    wire_unit: Unit,
    scale: float = 1.0,
    offset: float = 0.0,
    codes: Mapping[str, int] | None = None,
    bits: tuple[int, int] | None = None,
) -> Conversion:
    """Return the conversion `common = wire, in unit, * scale + offset`, or the one by `codes` (name to code).

    The names of a number's codes are numbers, in `unit`. `bits` are the first and the last bit that are meant of an
    integer or bit string: one bit is a truth value or a name, several are a number or a name.

    Raises `LocalError` with the reason if it cannot be inverted or mixes what does not belong together.
    """
    if bits is not None:
        inner = _inside(type, wire_type, *bits, coded=bool(codes))
        made = conversion(type, inner, unit=unit, wire_unit=wire_unit, scale=scale, offset=offset, codes=codes)
        _check_room(made, *bits)
        return Field(made, wire_type, *bits)
    if type in {ValueType.FLOAT, ValueType.INT}:
        if codes:
            return _stepped(type, wire_type, wire_unit, scale, offset, codes)
        return _linear(type, wire_type, unit, wire_unit, scale, offset)
    if (scale, offset) != (1.0, 0.0) or unit.symbol or wire_unit.symbol:
        raise LocalError(f"{_a(type)} has no unit, scale or offset")
    if type is ValueType.ENUM or codes:
        return _coded(type, wire_type, codes or {})
    if type.value != wire_type.value:
        raise LocalError(f"{_a(type)} does not convert to {wire_type.value}")
    return Same(type, wire_type)


def _inside(type: ValueType, wire_type: WireType, first: int, last: int, *, coded: bool) -> WireType:
    """Return the type of the number that some bits are."""
    if wire_type.size is None:
        raise LocalError(f"{_a(wire_type)} has no bits: uint8 to uint64 have, and bits2 to bits13")
    if not 0 <= first <= last < wire_type.size:
        raise LocalError(f"{wire_type.value} has no {_bits(first, last)}: it has bits 0 to {wire_type.size - 1}")
    if type is ValueType.TEXT:
        raise LocalError("bits are no text")
    if type is ValueType.BOOL and first != last and not coded:
        raise LocalError("a bool is one bit; several need an enumeration: false=code|true=code")
    return WireType.BOOL if type is ValueType.BOOL and first == last else WireType.UINT64


def _check_room(made: Conversion, first: int, last: int) -> None:
    """Refuse codes beyond the bits."""
    for name, code in (made.codes if isinstance(made, Coded | Stepped) else {}).items():
        if not 0 <= code < 1 << last - first + 1:
            raise LocalError(f"code {name}={code} does not fit in {_bits(first, last)}")


def _bits(first: int, last: int) -> str:
    return f"bit {first}" if first == last else f"bits {first}-{last}"


def _linear(
    type: ValueType, wire_type: WireType, unit: Unit, wire_unit: Unit, scale: float, offset: float
) -> Conversion:
    if wire_type in {WireType.BOOL, WireType.TEXT, WireType.ENUM}:
        raise LocalError(f"{_a(type)} does not convert to {wire_type.value}")
    if unit.dimension != wire_unit.dimension:
        raise LocalError(f"{_named(wire_unit)} on the wire does not convert to {_named(unit)}")
    if scale == 0:
        raise LocalError("scale 0 cannot be inverted")
    numerator, denominator = wire_unit.factor * scale, unit.factor
    shift = (wire_unit.offset - unit.offset) / unit.factor * scale + offset
    slope = abs(numerator / denominator)
    if not 1 / _REACH <= slope <= _REACH or not abs(shift) <= _REACH * slope or not abs(shift) <= _REACH:
        raise LocalError(f"scale {scale:g} with offset {offset:g} cannot be inverted within the accuracy of a float")
    if type is ValueType.INT and wire_type.range and (slope != 1 or shift != int(shift)):
        raise LocalError("an int on an integer wire needs scale 1 or -1 and a whole offset, or values are lost")
    if type is ValueType.INT and wire_type.range:
        return Whole(type, wire_type, 1 if scale > 0 else -1, int(shift))
    return Linear(type, wire_type, numerator, denominator, shift)


def _stepped(
    type: ValueType, wire_type: WireType, wire_unit: Unit, scale: float, offset: float, codes: Mapping[str, int]
) -> Conversion:
    if (scale, offset) != (1.0, 0.0) or wire_unit.symbol:
        raise LocalError("codes have no wire_unit, scale or offset: give the numbers in the enumeration as they are")
    values: dict[float, int] = {}
    for name, code in codes.items():
        try:
            value = float(name)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or (type is ValueType.INT and value != int(value)):
            kind = "a number" if type is ValueType.FLOAT else "a whole number"
            raise LocalError(f"{name!r} is not {kind}: the enumeration of {_a(type)} is number=code|number=code")
        if value in values:
            raise LocalError(f"{name!r} is given twice in the enumeration")
        values[value] = code
    if wire_type is WireType.BOOL:
        raise LocalError(f"{_a(type)} with codes does not convert to bool: make it an enum")
    _check_codes(type, wire_type, codes)
    return Stepped(type, wire_type, values)


def _coded(type: ValueType, wire_type: WireType, codes: Mapping[str, int]) -> Conversion:
    if not codes:
        raise LocalError("an enum needs an enumeration: name=code|name=code")
    if type is ValueType.TEXT:
        raise LocalError("a text has no enumeration: make it an enum")
    if type is ValueType.BOOL and set(codes) != {"true", "false"}:
        raise LocalError("the enumeration of a bool is false=code|true=code")
    _check_codes(type, wire_type, codes)
    return Coded(type, wire_type, dict(codes))


def _check_codes(type: ValueType, wire_type: WireType, codes: Mapping[str, int]) -> None:
    if len(set(codes.values())) != len(codes):
        twice = next(code for code in codes.values() if list(codes.values()).count(code) > 1)
        raise LocalError(f"code {twice} stands for two names and cannot be inverted")
    limits = (0, 1) if wire_type is WireType.BOOL else wire_type.range
    if limits is None:
        raise LocalError(f"{_a(type)} with codes does not convert to {wire_type.value}")
    for name, code in codes.items():
        if not limits[0] <= code <= limits[1]:
            raise LocalError(f"code {name}={code} does not fit in {wire_type.value}")


def _finite(value: Scalar) -> float | None:
    """Return a number as a float; None if it is none, or not finite."""
    if type(value) is not float and type(value) is not int:
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _shown(value: Scalar) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 1 << 70 else "a huge integer"
    return text if len(text) <= 60 else f"{text[:60]}…"


def _a(type: ValueType | WireType) -> str:
    return f"{'an' if type.value[0] in 'aeiou' else 'a'} {type.value}"


def _named(unit: Unit) -> str:
    return f"{unit.symbol!r} ({unit.dimension})" if unit.symbol else "no unit"
