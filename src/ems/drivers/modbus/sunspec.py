"""SunSpec: the published information models as data, and where a point of them stands in the chain of a device.

Places are written `103.W`: model and point; `160.module[2].DCA`: point of the second group of a kind; `103#2.W`: the
second model 103 of the device; `103.Evt1.GROUND_FAULT`: one bit of a bit field. The models are those of pysunspec2
(SunSpec Device Information Model Specification 1.x; second-hand where the specification itself was not at hand).
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from typing import Any

import attrs

from ....common.errors import ConfigError, LocalError, Malformed, Refused
from .blocks import LONGEST, Slot, Span
from .codecs import Bits, Codec, Number, Scaled, Text

MARK = [0x5375, 0x6E53]
"""`SunS`, at one of the `BASES`."""
BASES = (40000, 50000, 0)
END = 0xFFFF
MAX_MODELS = 100
"""In one device; the largest known have about twenty."""

_PLACE = re.compile(r"(\d{1,5})(?:#(\d{1,3}))?((?:\.\w+\[\d{1,5}\]|\.\w+)+)")
_STEP = re.compile(r"\.(\w+)(?:\[(\d+)\])?")

_NUMBERS: Mapping[str, tuple[str, int | float | None]] = {
    "int16": ("int16", -0x8000), "int32": ("int32", -0x80000000), "int64": ("int64", -0x8000000000000000),
    "uint16": ("uint16", 0xFFFF), "uint32": ("uint32", 0xFFFFFFFF), "uint64": ("uint64", 0xFFFFFFFFFFFFFFFF),
    "enum16": ("uint16", 0xFFFF), "enum32": ("uint32", 0xFFFFFFFF),
    "bitfield16": ("uint16", 0xFFFF), "bitfield32": ("uint32", 0xFFFFFFFF),
    "acc16": ("uint16", None), "acc32": ("uint32", None), "acc64": ("uint64", None),
    "count": ("uint16", 0xFFFF), "sunssf": ("int16", -0x8000),
    "float32": ("float32", float("nan")), "float64": ("float64", float("nan")),
}  # fmt: skip
"""How each type of number stands in registers, and by which value a device says that it has none. An accumulator is
"not accumulated" at 0, which a new one is too: 0 is taken for what it says."""

_UNITS = {
    "Var": "var", "VAr": "var", "WH": "Wh", "Varh": "varh", "AH": "Ah", "C": "degC", "Pct": "%", "cos()": "cos",
    "PF": "cos", "Secs": "s", "Sec": "s", "mSecs": "ms", "Degrees": "deg", "W/m^2": "W/m2", "mps": "m/s",
    "VNomPct": "%", "WMaxPct": "%", "VarPct": "%",
} | {unit: unit for unit in ("W", "VA", "var", "A", "V", "Hz", "Wh", "VAh", "varh", "kWh", "Ah", "%", "deg", "W/m2",
                             "m/s")}  # fmt: skip
"""Units of the models in our words, for those that we have words for."""


@attrs.frozen(slots=True)
class PointDefinition:
    """A point of a model."""

    name: str
    type: str
    size: int
    scale: str | int | None
    unit: str | None
    writable: bool
    symbols: Mapping[str, int]


@attrs.frozen(slots=True)
class GroupDefinition:
    """A group of points; `count` is how many there are: a number, the name of a point, or 0 for as many as fit."""

    name: str
    count: int | str
    points: tuple[PointDefinition, ...]
    groups: tuple[GroupDefinition, ...]

    def point(self, name: str) -> PointDefinition | None:
        """Return the point of this group called `name`."""
        return next((point for point in self.points if point.name == name), None)

    def group(self, name: str) -> GroupDefinition | None:
        """Return the group in this group called `name`."""
        return next((group for group in self.groups if group.name == name), None)


@attrs.frozen(slots=True)
class Reference:
    """A point of a model, as a row names it.

    Attributes:
        text: as it is written.
        model, instance: the number of the model, and which of the device's models of that number, from 1.
        path: the groups on the way, each with which of its kind, from 1.
        point: at the end of it.
        symbol: of a bit field, where one bit of it is meant.
    """

    text: str
    model: int
    instance: int
    path: tuple[tuple[str, int], ...]
    point: PointDefinition
    symbol: str = ""

    @property
    def unit(self) -> str | None:
        """The unit in our words; None if we have none for it."""
        return _UNITS.get(self.point.unit or "")

    @property
    def wire_types(self) -> tuple[str, ...]:
        """The wire types that a row for it may have; empty for a point that tables have no type for."""
        if self.symbol:
            return ("bool",)
        if self.point.type == "string":
            return ("text",)
        if self.point.type not in _NUMBERS:
            return ()
        if self.point.scale is not None:
            return ("float64", "float32")
        stored = _NUMBERS[self.point.type][0]
        return (stored, "enum") if self.point.type.startswith("enum") else (stored,)

    @property
    def codec(self) -> Codec:
        """What its registers mean."""
        point = self.point
        if point.type == "string":
            return Text(point.size)
        stored, absent = _NUMBERS[point.type]
        number = Number(stored, absent=absent)
        if self.symbol:
            return Bits(number, point.symbols[self.symbol])
        if point.scale is None:
            return number
        return Scaled(number, point.scale if isinstance(point.scale, int) else None)


def reference(text: str) -> Reference:
    """Return the point that a row names; raise `LocalError` if the published models have no such point."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise LocalError(f"{text!r} is no point of a SunSpec model (103.W, 160.module[2].DCA, 103.Evt1.GROUND_FAULT)")
    model, instance = int(match[1]), int(match[2] or 1)
    group, path, found = definition(model), [], None
    steps = [(name, index) for name, index in _STEP.findall(match[3])]
    while steps and (inner := group.group(steps[0][0])) is not None:
        path.append((inner.name, int(steps.pop(0)[1] or 1)))
        group = inner
    if steps:
        found = group.point(steps[0][0])
    if found is None or any(index for _, index in steps):
        known = [point.name for point in group.points] + [inner.name for inner in group.groups]
        near = get_close_matches(steps[0][0], known, 3, 0.4) if steps else known[:6]
        raise LocalError(f"model {model} has no {'.'.join(name for name, _ in steps) or text!r}; near is: "
                         f"{', '.join(near) or ', '.join(known[:6])}")  # fmt: skip
    symbol = steps[1][0] if len(steps) == 2 else ""
    if len(steps) > 2 or (symbol and (symbol not in found.symbols or not found.type.startswith("bitfield"))):
        raise LocalError(f"{text}: {found.name} has no bit of this name (bits: {', '.join(found.symbols) or 'none'})")
    if instance < 1 or any(index < 1 for _, index in path):
        raise LocalError(f"{text}: models and groups are counted from 1")
    return Reference(text, model, instance, tuple(path), found, symbol)


@lru_cache(maxsize=200)
def definition(model: int) -> GroupDefinition:
    """Return the published definition of a model; raise `LocalError` if there is none."""
    path = files("sunspec2").joinpath("models", "json", f"model_{model}.json")
    if not path.is_file():
        raise LocalError(f"there is no published SunSpec model {model}")
    return _group(json.loads(path.read_text(encoding="utf-8"))["group"])


def _group(data: Mapping[str, Any]) -> GroupDefinition:
    count = data.get("count", 1)
    return GroupDefinition(
        data["name"],
        count,
        tuple(_point(point) for point in data.get("points", ())),
        tuple(_group(group) for group in data.get("groups", ())),
    )


def _point(data: Mapping[str, Any]) -> PointDefinition:
    return PointDefinition(
        data["name"],
        data["type"],
        data["size"],
        data.get("sf"),
        data.get("units"),
        data.get("access") == "RW",
        {symbol["name"]: symbol["value"] for symbol in data.get("symbols", ())},
    )


@attrs.frozen(slots=True)
class Model:
    """A model that a device has: its number, the address of its first register, and its length with the header."""

    id: int
    address: int
    length: int
    counts: Mapping[str, int] = attrs.field(factory=dict)
    """The values of the points by which groups are counted."""


ReadWords = Callable[[Span], Awaitable[Sequence[int]]]


async def discover(read: ReadWords, bases: Sequence[int], wanted: frozenset[int]) -> tuple[Model, ...]:
    """Return the chain of models of a device, with the counts of those that are `wanted`.

    Raises `ConfigError` if it has none, `Malformed` if the chain makes no sense.
    """
    base = await _base(read, bases)
    found: list[Model] = []
    address = base + len(MARK)
    while True:
        number, length = await read(Span("holding", address, 2))
        if number == END:
            return tuple(found)
        if len(found) == MAX_MODELS or address + 2 + length > 0xFFFF:
            raise Malformed(f"the chain of SunSpec models has no end (at register {address})")
        model = Model(number, address, length + 2)
        counts = await _counts(read, model) if number in wanted else {}
        found.append(attrs.evolve(model, counts=counts))
        address += 2 + length


async def _base(read: ReadWords, bases: Sequence[int]) -> int:
    for base in bases:
        try:
            if list(await read(Span("holding", base, 2))) == MARK:
                return base
        except Refused:
            continue
    raise ConfigError(f"the device has no SunSpec models at register {', '.join(map(str, bases))}; `base` may name one")


async def _counts(read: ReadWords, model: Model) -> dict[str, int]:
    top = definition(model.id)
    names = {group.count for group in _all_groups(top) if isinstance(group.count, str)}
    counts, offset = {}, 0
    for point in top.points:
        if point.name in names and offset + point.size <= model.length:
            counts[point.name] = (await read(Span("holding", model.address + offset, 1)))[0]
        offset += point.size
    return {name: 0 if value == END else value for name, value in counts.items()}


def _all_groups(group: GroupDefinition) -> Iterator[GroupDefinition]:
    for inner in group.groups:
        yield inner
        yield from _all_groups(inner)


def slot(place: Reference, models: Sequence[Model]) -> Slot:
    """Return where a point stands in a device with these models; raise `LocalError` if it does not."""
    same = [model for model in models if model.id == place.model]
    if len(same) < place.instance:
        known = ", ".join(str(model.id) for model in models) or "none"
        raise LocalError(f"{place.text}: the device has no such model; it has: {known}")
    model = same[place.instance - 1]
    spans = [_span(place, model, place.path, place.point.name)]
    if isinstance(place.point.scale, str):
        spans.append(_scale(place, model, place.point.scale))
    return Slot(tuple(spans), place.codec)


def _scale(place: Reference, model: Model, name: str) -> Span:
    """Return where the scale factor of a point stands: in its own group, or in one around it."""
    for length in range(len(place.path), -1, -1):
        group = definition(place.model)
        for step, _ in place.path[:length]:
            inner = group.group(step)
            assert inner is not None  # `reference` has gone this way
            group = inner
        if group.point(name) is not None:
            return _span(place, model, place.path[:length], name)
    raise LocalError(f"{place.text}: the model names a scale factor {name} that it does not have")


def _span(place: Reference, model: Model, path: Sequence[tuple[str, int]], name: str) -> Span:
    group, offset = definition(place.model), 0
    for step, index in path:
        offset += sum(point.size for point in group.points)
        for inner in group.groups:
            size, count = _size(inner, model), _count(inner, model, offset)
            if inner.name == step:
                if index > count:
                    raise LocalError(f"{place.text}: the device has {count} of {step}, not {index}")
                offset, group = offset + (index - 1) * size, inner
                break
            offset += count * size
    for point in group.points:
        if point.name == name:
            break
        offset += point.size
    else:
        raise LocalError(f"{place.text}: there is no {name}")
    if offset + point.size > model.length or point.size > LONGEST["holding"]:
        raise LocalError(f"{place.text}: the device's model {model.id} ends before it, at {model.length} registers")
    return Span("holding", model.address + offset, point.size)


def _size(group: GroupDefinition, model: Model) -> int:
    inner = sum(_size(each, model) * _count(each, model, model.length) for each in group.groups)
    return sum(point.size for point in group.points) + inner


def _count(group: GroupDefinition, model: Model, offset: int) -> int:
    if isinstance(group.count, str):
        return model.counts.get(group.count, 0)
    if group.count:
        return group.count
    return max(0, model.length - offset) // max(1, _size(group, model))
