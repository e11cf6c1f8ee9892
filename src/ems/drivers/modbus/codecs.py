"""What 16-bit registers mean: numbers in all orders of words and octets, bits, texts, values of several parts."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Protocol

import attrs

from ....common.data.value import Scalar
from ....common.errors import Malformed, TypeConflict
from ..parts import Parts

Words = Sequence[int]

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
"""Octets of a long number as they stand on the wire: the most significant word and octet first; words swapped; octets
of each word swapped; both."""

FORMATS = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip
"""Types of numbers in registers, with their letters for `struct`."""


class Codec(Protocol):
    """The meaning of the words of a point, which come in as many runs as it has addresses."""

    @property
    def writable(self) -> bool:
        """Whether a value can be put into the first run."""
        ...

    def decode(self, runs: Sequence[Words]) -> Scalar | None:
        """Return the value; None where the device says that it has none. Raises `Malformed` for what is no value."""
        ...

    def encode(self, value: Scalar, runs: Sequence[Words]) -> list[int]:
        """Return the words of the first run; `runs` are the present words. Raises `TypeConflict` if it does not fit."""
        ...


@attrs.frozen(slots=True)
class Number:
    """A number; `absent` is the value by which the device says that it has none."""

    type: str
    order: str = "ABCD"
    absent: int | float | None = None

    @property
    def size(self) -> int:
        """How many registers it takes."""
        return struct.calcsize(FORMATS[self.type]) // 2

    @property
    def writable(self) -> bool:
        """Always true."""
        return True

    def decode(self, runs: Sequence[Words]) -> int | float | None:
        """Return the number."""
        octets = _ordered(struct.pack(f">{len(runs[0])}H", *runs[0]), self.order)
        value: int | float = struct.unpack(f">{FORMATS[self.type]}", octets)[0]
        if value == self.absent or (self.absent is not None and value != value):
            return None
        return value

    def encode(self, value: Scalar, runs: Sequence[Words]) -> list[int]:
        """Return its words."""
        try:
            octets = struct.pack(f">{FORMATS[self.type]}", value)
        except (struct.error, OverflowError):
            raise TypeConflict(f"{value!r} does not fit in {self.type}") from None
        return list(struct.unpack(f">{self.size}H", _ordered(octets, self.order)))


def _ordered(octets: bytes, order: str) -> bytes:
    """Return octets in another order; done twice it is undone."""
    pairs = [octets[index : index + 2] for index in range(0, len(octets), 2)]
    if order in ("CDAB", "DCBA"):
        pairs.reverse()
    return b"".join(pair[::-1] if order in ("BADC", "DCBA") else pair for pair in pairs)


@attrs.frozen(slots=True)
class Bits:
    """Some bits of a number; one bit is a truth value if `truth`, more are a number."""

    number: Number
    low: int
    width: int = 1
    truth: bool = True

    @property
    def writable(self) -> bool:
        """Always false: the other bits of the register may change at any time."""
        return False

    def decode(self, runs: Sequence[Words]) -> Scalar | None:
        """Return the bits."""
        value = self.number.decode(runs)
        if value is None:
            return None
        found = int(value) >> self.low & (1 << self.width) - 1
        return bool(found) if self.truth else found

    def encode(self, value: Scalar, runs: Sequence[Words]) -> list[int]:
        """Raise `TypeConflict`."""
        raise TypeConflict("some bits of a register cannot be written alone")


@attrs.frozen(slots=True)
class Coil:
    """A truth value that has an address of its own."""

    @property
    def writable(self) -> bool:
        """Always true."""
        return True

    def decode(self, runs: Sequence[Words]) -> Scalar | None:
        """Return the truth value."""
        return bool(runs[0][0])

    def encode(self, value: Scalar, runs: Sequence[Words]) -> list[int]:
        """Return it as a word."""
        return [int(bool(value))]


@attrs.frozen(slots=True)
class Text:
    """UTF-8 text, filled up with zeros."""

    size: int
    swapped: bool = False

    @property
    def writable(self) -> bool:
        """Always true."""
        return True

    def decode(self, runs: Sequence[Words]) -> Scalar | None:
        """Return the text; None if there is nothing but zeros."""
        octets = struct.pack(f"{'<' if self.swapped else '>'}{len(runs[0])}H", *runs[0])
        text, _, _ = octets.partition(b"\0")
        if not text:
            return None
        try:
            return text.decode().rstrip()
        except UnicodeDecodeError:
            raise Malformed(f"{text[:20]!r} is not UTF-8") from None

    def encode(self, value: Scalar, runs: Sequence[Words]) -> list[int]:
        """Return its words."""
        octets = str(value).encode()
        if len(octets) > 2 * self.size:
            raise TypeConflict(f"{len(octets)} octets of text do not fit in {self.size} registers")
        filled = octets.ljust(2 * self.size, b"\0")
        return list(struct.unpack(f"{'<' if self.swapped else '>'}{self.size}H", filled))


@attrs.frozen(slots=True)
class Joined:
    """A number of several parts, each with an address of its own."""

    parts: Parts
    number: Number

    @property
    def writable(self) -> bool:
        """Always false: others could see a part of it."""
        return False

    def values(self, runs: Sequence[Words]) -> list[int]:
        """Return the parts."""
        return [int(self.number.decode([run]) or 0) for run in runs]

    def decode(self, runs: Sequence[Words]) -> Scalar | None:
        """Return the whole."""
        return self.parts.joined(self.values(runs))

    def encode(self, value: Scalar, runs: Sequence[Words]) -> list[int]:
        """Raise `TypeConflict`."""
        raise TypeConflict("a value of several parts cannot be written at once")


@attrs.frozen(slots=True)
class Scaled:
    """A whole number times a power of ten, which is fixed or stands in a second run (SunSpec's scale factor)."""

    number: Number
    power: int | None = None

    @property
    def writable(self) -> bool:
        """Always true."""
        return True

    def decode(self, runs: Sequence[Words]) -> Scalar | None:
        """Return the scaled number; None if the device has no value, or no scale factor."""
        raw, power = self.number.decode(runs[:1]), self._power(runs)
        if raw is None or power is None:
            return None
        return float(raw) * 10.0**power if power >= 0 else float(raw) / 10.0**-power

    def encode(self, value: Scalar, runs: Sequence[Words]) -> list[int]:
        """Return the words of the nearest number that can be told."""
        power = self._power(runs)
        if power is None:
            raise TypeConflict("the device tells no scale factor for it")
        scaled = float(value) / 10.0**power if power >= 0 else float(value) * 10.0**-power
        if not math.isfinite(scaled) or round(scaled) == self.number.absent:
            raise TypeConflict(f"{value!r} does not fit in {self.number.type}")
        return self.number.encode(round(scaled), runs)

    def _power(self, runs: Sequence[Words]) -> int | None:
        if self.power is not None:
            return self.power
        found = Number("int16", absent=-0x8000).decode(runs[1:2])
        if found is not None and not -10 <= found <= 10:  # SunSpec: a scale factor is within these
            raise Malformed(f"{found} is no scale factor: it is from -10 to 10")
        return None if found is None else int(found)
