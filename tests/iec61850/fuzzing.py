"""Malformed input, made of good input by rules and a seed; and what watches over whoever has to take it.

`octets` and `elements` mutate encodings, `Shapes` mutates values that stay encodable. `feed` gives the inputs to a
subject and holds it to three things: no exception but those that it catches itself, no input that costs more than
`SLOWEST` of CPU time, no memory that is held when all is over.

The number of inputs is multiplied by `JANUSGRID_FUZZ` and the seeds are moved by `JANUSGRID_FUZZ_SEED`: a long run by
hand is the same test with other numbers.
"""

from __future__ import annotations

import gc
import itertools
import os
import random
import signal
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import thread_time
from types import FrameType
from typing import Any, TypeVar

import attrs
import pytest
from janusgrid.iec61850.mms import pdu, tree
from janusgrid.iec61850.mms.names import class_name, field_name
from janusgrid.iec61850.mms.tree import Type

T = TypeVar("T")

SLOWEST = 0.05
"""CPU seconds that one input may cost: exceeded three times in a row, it is a hang and no busy machine."""
HANGING = 10.0
"""CPU seconds after which an input is broken off."""
HELD = 64 * 1024
"""Octets that may be held after some thousand inputs more than after those before."""
_FACTOR = float(os.environ.get("JANUSGRID_FUZZ", "1"))
_SEED = os.environ.get("JANUSGRID_FUZZ_SEED", "")
_PROBED = 2_000
_WARM = 2_000


def inputs(number: int) -> int:
    """Return how many inputs are to be made where `number` is usual."""
    return max(1, int(number * _FACTOR))


def dice(name: str) -> random.Random:
    """Return the dice of a test: the same ones in each run."""
    return random.Random(f"{name}{_SEED}")


# --- octets ----------------------------------------------------------------------------------------------------------

_TELLING = (0x00, 0x01, 0x02, 0x03, 0x1F, 0x30, 0x61, 0x7F, 0x80, 0x81, 0x82, 0x84, 0x88, 0xA0, 0xBF, 0xC1, 0xFE, 0xFF)


def octets(sample: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Return a sample with one to four changes of the kinds that tags, lengths and ends suffer from."""
    found = bytearray(sample)
    below = chance.random
    for _ in range((1, 1, 1, 2, 2, 4)[int(below() * 6)]):
        size = len(found)
        at = int(below() * size)
        kind = int(below() * 10)
        if not size:
            found += chance.choice(pool)[:64]
        elif kind == 0:
            found[at] = int(below() * 256)
        elif kind == 1:
            found[at] ^= 1 << int(below() * 8)
        elif kind == 2:
            found[at] = _TELLING[int(below() * len(_TELLING))]
        elif kind == 3:
            found[at] = (found[at] + (1, -1, 2, -2)[int(below() * 4)]) & 0xFF  # what a wrong length is like
        elif kind == 4:
            del found[at : at + 1 + int(below() * 8)]
        elif kind == 5:
            found[at:at] = chance.randbytes(1 + int(below() * 8))
        elif kind == 6:
            found[at:at] = found[at : at + 1 + int(below() * 64)]
        elif kind == 7:
            del found[at:]
        elif kind == 8:
            other = chance.choice(pool)
            start = int(below() * len(other))
            found[at : at + int(below() * 32)] = other[start : start + int(below() * 64)]
        else:
            found[at : at + 2] = found[at : at + 2][::-1]
    return bytes(found)


# --- elements of BER, whose lengths stay right -----------------------------------------------------------------------

Element = tuple[bytes, "bytes | list[Element]"]
"""A tag, and either the content or the elements that it is made of."""


def parsed(data: bytes) -> list[Element] | None:
    """Return the elements that octets are made of, None if they are none."""
    found: list[Element] = []
    at = 0
    while at < len(data):
        start = at
        at += 2 if data[at] & 0x1F == 0x1F else 1
        if at >= len(data):
            return None
        tag, length = data[start:at], data[at]
        at += 1
        if length > 0x7F:
            size = length & 0x7F
            if not 0 < size <= 4:
                return None
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            return None
        content = data[at : at + length]
        inner = parsed(content) if tag[0] & 0x20 else None
        found.append((tag, content if inner is None else inner))
        at += length
    return found


def joined(found: Iterable[Element]) -> bytes:
    """Return the octets of elements."""
    pieces = []
    for tag, inner in found:
        content = inner if isinstance(inner, bytes) else joined(inner)
        size = len(content)
        if size < 0x80:
            length = bytes((size,))
        elif size < 0x10000:
            length = b"\x82" + size.to_bytes(2, "big")
        else:
            length = b"\x84" + size.to_bytes(4, "big")
        pieces.append(tag + length + content)
    return b"".join(pieces)


def elements(sample: list[Element], chance: random.Random, pool: Sequence[list[Element]]) -> list[Element]:
    """Return elements with one change somewhere: to a tag, a content, their number or their order."""
    below = chance.random
    if sample and below() < 0.75:
        place = int(below() * len(sample))
        tag, inner = sample[place]
        if isinstance(inner, list):
            return [*sample[:place], (tag, elements(inner, chance, pool)), *sample[place + 1 :]]
    found = list(sample)
    place = int(below() * (len(found) + 1))
    kind = int(below() * 9)
    if place == len(found) or kind == 0:
        other: Any = chance.choice(pool)
        while other and isinstance(other[0][1], list) and below() < 0.6:
            other = chance.choice(other)[1] if isinstance(chance.choice(other)[1], list) else other[:1]
            if not isinstance(other, list):
                break
        found[place:place] = other if isinstance(other, list) else []
    elif kind == 1:
        del found[place]
    elif kind == 2:
        found[place:place] = found[place : place + 1] * (1, 2, 7, 40)[int(below() * 4)]
    elif kind == 3:
        found[place] = (bytes((chance.choice(_TELLING),)), found[place][1])
    elif kind == 4:
        other_place = int(below() * len(found))
        found[place], found[other_place] = found[other_place], found[place]
    elif kind == 5:
        inner = found[place][1]
        content = inner if isinstance(inner, bytes) else joined(inner)
        found[place] = (found[place][0], octets(content, chance, (content or b"\0",)))
    elif kind == 6:
        for _ in range((1, 3, 40)[int(below() * 3)]):
            found[place] = (found[place][0], [found[place]])
    elif kind == 7:
        found[place] = (bytes((found[place][0][0] ^ 0x20, *found[place][0][1:])), found[place][1])
    else:
        found[place] = (found[place][0], b"" if below() < 0.5 else chance.randbytes((1, 5, 17, 300)[int(below() * 4)]))
    return found


def pieces(samples: Sequence[bytes], chance: random.Random, number: int) -> Iterator[bytes]:
    """Yield samples changed by their octets, by their elements, or by both."""
    trees = [found for found in map(parsed, samples) if found]
    for _ in range(number):
        if trees and chance.random() < 0.6:
            made = joined(elements(chance.choice(trees), chance, trees))
            yield made if chance.random() < 0.8 else octets(made, chance, samples)
        else:
            yield octets(chance.choice(samples), chance, samples)


# --- values ----------------------------------------------------------------------------------------------------------

NUMBERS = (0, 1, -1, 2, 3, 7, 8, 10, 127, 128, 255, 256, 32767, 65535, 65536, 1 << 31, (1 << 31) - 1, (1 << 32) - 1)
TEXTS = ("", "x", "$", "a$", "$MX", "LLN0$", "(", "Har(0)", "Har(x)", "../x", "\0", "ü", "@", "x" * 65, "A" * 300)
OCTETS = (b"", b"\0", b"\xff" * 8, bytes(8), bytes(300))
BITS = ((0, 0), (1, 1), (0, 13), (0x1FFF, 13), (1, 10), (0x3FF, 10), (0x3F, 6), (3, 2), (0, 600))
FLOATS = (b"\x08\x7f\xc0\x00\x00", b"\x08\x7f\x80\x00\x00", bytes(5), b"\x0b" + b"\xff" * 8, b"\x08BH\0\0")


class Shapes:
    """Changes PDUs as values: what comes of it has the right types, and the wrong everything else.

    `words` are names that the subject knows: without them, no changed name would ever be one.
    """

    def __init__(self, samples: Sequence[Any], words: Sequence[str], chance: random.Random) -> None:
        self._root = tree.load()[tree.ROOT]
        self._samples = samples
        self._texts = (*words, *words, *TEXTS)
        self._chance = chance
        self._pool: dict[Type, list[Any]] = {}
        self._fields: dict[Type, list[tuple[str, Any]]] = {}
        for sample in samples:
            self._gather(self._root, sample)

    def _gather(self, type_: Type, value: Any) -> None:
        known = self._pool.setdefault(type_, [])
        if len(known) < 200:
            known.append(value)
        if type_.kind == "CHOICE":
            self._gather(_alternative(type_, value[0]), value[1])
        elif type_.item is not None:
            for one in value:
                self._gather(type_.item, one)
        elif type_.kind == "SEQUENCE":
            for name, component in self._of(type_):
                if getattr(value, name) is not None:
                    self._gather(component.type, getattr(value, name))

    def _of(self, type_: Type) -> list[tuple[str, Any]]:
        found = self._fields.get(type_)
        if found is None:
            found = self._fields[type_] = [(field_name(c), c) for c in type_.components]
        return found

    def change(self, value: Any, type_: Type | None = None, depth: int = 0) -> Any:
        """Return the value, of the root's type if nothing else is said, with one change somewhere in it."""
        type_ = type_ or self._root
        below = self._chance.random
        if depth > 3 and below() < 0.12:
            return self._other(type_)
        if type_.kind == "CHOICE":
            if depth > 1 and below() < 0.1:
                return self._other(type_)
            return value[0], self.change(value[1], _alternative(type_, value[0]), depth + 1)
        if type_.item is not None:
            return self._list(type_, value, depth)
        if type_.kind == "SEQUENCE":
            fields = self._of(type_)
            name, component = fields[int(below() * len(fields))]
            before = getattr(value, name)
            if before is None or (component.optional and below() < 0.15):
                after = self._other(component.type) if before is None else None
            else:
                after = self.change(before, component.type, depth + 1)
            return getattr(pdu, class_name(type_))(
                **{other: after if other == name else getattr(value, other) for other, _ in fields}
            )
        return self._primitive(type_, value)

    def _list(self, type_: Type, value: list[Any], depth: int) -> list[Any]:
        below = self._chance.random
        if value and below() < 0.6:
            place = int(below() * len(value))
            return [*value[:place], self.change(value[place], type_.item, depth + 1), *value[place + 1 :]]
        assert type_.item is not None
        kind = int(below() * 5)
        if kind == 0 or not value:
            place = int(below() * (len(value) + 1))
            return [*value[:place], self._other(type_.item), *value[place:]]
        if kind == 1:
            place = int(below() * len(value))
            return value[:place] + value[place + 1 :]
        if kind == 2:
            return value * (2, 3, 12)[int(below() * 3)]
        if kind == 3:
            return value[::-1]
        return []

    def _other(self, type_: Type) -> Any:
        known = self._pool.get(type_)
        if known and self._chance.random() < 0.8:
            return self._chance.choice(known)
        return self._made(type_, 4)

    def _made(self, type_: Type, depth: int) -> Any:
        """Return a value made from nothing but the type."""
        known = self._pool.get(type_)
        if depth <= 0 and known:
            return self._chance.choice(known)
        if type_.kind == "CHOICE":
            flat = [c for c in type_.components if not c.type.constructed]
            among = flat if depth <= 0 and flat else type_.components
            chosen = self._chance.choice(among)
            return chosen.name, self._made(chosen.type, depth - 1)
        if type_.item is not None:
            return [
                self._made(type_.item, depth - 1) for _ in range(int(self._chance.random() * 3) if depth > 0 else 0)
            ]
        if type_.kind == "SEQUENCE":
            fields = {
                name: None
                if c.optional and (depth <= 0 or self._chance.random() < 0.5)
                else self._made(c.type, depth - 1)
                for name, c in self._of(type_)
            }
            return getattr(pdu, class_name(type_))(**fields)
        return self._primitive(type_, None)

    def _primitive(self, type_: Type, value: Any) -> Any:
        chance = self._chance
        match type_.kind:
            case "INTEGER":
                low, high = type_.range or (-(1 << 128), 1 << 128)
                among = [n for n in (*NUMBERS, low, high, *type_.names.values()) if low <= n <= high]
                if isinstance(value, int) and low < value < high and chance.random() < 0.4:
                    return value + chance.choice((1, -1))
                return chance.choice(among)
            case "BOOLEAN":
                return chance.random() < 0.5
            case "BIT STRING":
                return chance.choice(BITS)
            case "OCTET STRING":
                if type_.name == "FloatingPoint":
                    return chance.choice(FLOATS)
                if type_.sizes:
                    return chance.randbytes(chance.choice(type_.sizes))
                return chance.choice((*OCTETS, *FLOATS))
            case "NULL":
                return None
            case "OBJECT IDENTIFIER":
                return chance.choice(("1.0.9506.2.3", "2.999.3", "0.0"))
            case "GeneralizedTime":
                return chance.choice(
                    ("20261121074357Z", "19700101000000.5Z", "99991231235959Z", "2026112107", "0" * 14)
                )
            case "UTF8String":
                return chance.choice((*self._texts, "中文"))
        return chance.choice(self._texts)

    def __iter__(self) -> Iterator[Any]:
        """Yield samples with one to three changes, for ever."""
        while True:
            value = self._chance.choice(self._samples)
            for _ in range((1, 1, 2, 3)[int(self._chance.random() * 4)]):
                value = self.change(value)
            yield value


def _alternative(type_: Type, name: str) -> Type:
    return next(c.type for c in type_.components if c.name == name)


# --- watching --------------------------------------------------------------------------------------------------------


@attrs.define(slots=True)
class Figures:
    """What came of it: how many inputs, how many of them were taken for good, CPU seconds in all and at worst."""

    name: str
    number: int = 0
    taken: int = 0
    seconds: float = 0.0
    worst: float = 0.0
    held: int = 0

    def __str__(self) -> str:
        each = self.seconds / max(self.number, 1) * 1e6
        return (
            f"{self.name}: {self.number} inputs, {self.taken} taken, {each:.0f} us each, "
            f"worst {self.worst * 1e3:.1f} ms, {self.held} octets held"
        )


class _Hanging(BaseException):
    """An input takes CPU time without end."""


@contextmanager
def _alarmed() -> Iterator[Callable[[], None]]:
    """Break off whatever takes `HANGING` seconds of CPU time; the function given restarts the count."""

    def alarm(number: int, frame: FrameType | None) -> None:
        raise _Hanging

    before = signal.signal(signal.SIGVTALRM, alarm)
    try:
        yield lambda: signal.setitimer(signal.ITIMER_VIRTUAL, HANGING) and None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def feed(
    name: str,
    cases: Iterable[T],
    take: Callable[[T], Any],
    *,
    grows: bool = False,
    settle: Callable[[], None] = lambda: None,
    ready: Callable[[T], T] = lambda case: case,
) -> Figures:
    """Give each case to `take`, which returns whether it was taken for good, and return what came of it.

    Args:
        name: of the layer, for messages.
        cases: the inputs.
        take: whatever it raises is a failure.
        grows: the subject keeps what it is told, so that memory is no measure.
        settle: called before memory is measured: whatever is rightly kept for a while is dropped.
        ready: makes what `take` gets, where that is used up by it; not measured.
    """
    figures, left = Figures(name), iter(cases)
    gc.collect()
    with _alarmed() as restart:
        _run(figures, left, take, ready, restart, limit=None if grows else _WARM)
        if not grows:
            _probe(figures, left, take, ready, restart, settle)
            _run(figures, left, take, ready, restart, limit=None)
            settle()
    print(figures, file=sys.stderr)
    return figures


def _run(
    figures: Figures,
    cases: Iterator[T],
    take: Callable[[T], Any],
    ready: Callable[[T], T],
    restart: Callable[[], None],
    *,
    limit: int | None,
) -> None:
    for number, case in enumerate(cases):
        if not number & 0x3FF:
            restart()
        given = ready(case)
        start = thread_time()
        try:
            taken = take(given)
        except _Hanging:
            pytest.fail(f"{figures.name}, input {figures.number} hangs: {told(case)}")
        except Exception as error:
            raise AssertionError(f"{figures.name}, input {figures.number}: {told(case)}") from error
        spent = thread_time() - start
        figures.number += 1
        figures.taken += bool(taken)
        figures.seconds += spent
        if spent > SLOWEST:
            spent = min(spent, *(_again(take, ready(case)) for _ in range(2)))
            assert spent <= SLOWEST, f"{figures.name}, {spent:.3f} s for input {figures.number}: {told(case)}"
        figures.worst = max(figures.worst, spent)
        if limit is not None and number + 1 >= limit:
            return


def _again(take: Callable[[T], Any], case: T) -> float:
    start = thread_time()
    take(case)
    return thread_time() - start


def _probe(
    figures: Figures,
    cases: Iterator[T],
    take: Callable[[T], Any],
    ready: Callable[[T], T],
    restart: Callable[[], None],
    settle: Callable[[], None],
) -> None:
    """See that after some thousand inputs no more memory is held than after those before."""
    sizes = []
    tracemalloc.start()
    try:
        spare = Figures(figures.name)  # with tracemalloc, times mean nothing
        for _ in range(3):
            _traced(spare, cases, take, ready, restart)
            settle()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    figures.number += spare.number
    figures.taken += spare.taken
    figures.held = max(0, min(later - earlier for earlier, later in itertools.pairwise(sizes)))
    assert figures.held <= HELD, f"{figures.name}: memory grows, {sizes} octets after each {_PROBED // 4} inputs"


def _traced(
    figures: Figures,
    cases: Iterator[T],
    take: Callable[[T], Any],
    ready: Callable[[T], T],
    restart: Callable[[], None],
) -> None:
    for number, case in enumerate(cases):
        if not number & 0xFF:
            restart()
        try:
            figures.taken += bool(take(ready(case)))
        except Exception as error:
            raise AssertionError(f"{figures.name}, an input: {told(case)}") from error
        figures.number += 1
        if number + 1 >= _PROBED // 4:
            return


def told(case: Any) -> str:
    """Return a case so that it can be repeated."""
    return case.hex() if isinstance(case, bytes) else repr(case)[:20_000]


def measured(take: Callable[[], Any]) -> float:
    """Return the CPU seconds that something takes: the least of three times."""
    return min(_again(lambda _: take(), None) for _ in range(3))


def grouped(cases: Mapping[str, Sequence[T]], chance: random.Random, number: int) -> Iterator[tuple[str, T]]:
    """Yield so many cases, each group as often as the others."""
    names = list(cases)
    for _ in range(number):
        name = chance.choice(names)
        yield name, chance.choice(cases[name])
