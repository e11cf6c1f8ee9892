"""Substitution (IEC 61850-7-3, attributes under SV): while subEna is true, subVal and subQ are served for the process.

What the process gives meanwhile is kept, and served again when subEna becomes false.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import attrs

from ..acsi.types import DataValue, Quality
from ..model.nodes import Attribute, DataObject, Model
from .stamps import Stamps
from .tree import Node

Changes = Iterable[tuple[Attribute, DataValue]]

TARGETS = {
    "subVal": ("stVal", "mxVal", "valWTr"),
    "subMag": ("instMag", "mag"),
    "subCVal": ("instCVal", "cVal"),
}
"""For each substituted value the attributes that follow it."""
_SUBSTITUTED = 10
"""The bit of the quality that says so (source substituted)."""


@attrs.define(slots=True, eq=False)
class _Object:
    """A data object that can be substituted: what enables it, and for each leaf that follows, the leaf it follows."""

    enable: Attribute
    follows: list[tuple[Attribute, Attribute]]
    quality: list[tuple[Attribute, Attribute | None]]
    times: list[Attribute]

    def served(self) -> Iterator[Attribute]:
        """Yield every leaf whose value is not the process's while it is substituted."""
        yield from (leaf for leaf, _ in self.follows)
        yield from (leaf for leaf, _ in self.quality)
        yield from self.times

    def substitutes(self, now: datetime, stamp: Stamps) -> Iterator[tuple[Attribute, DataValue]]:
        """Yield each of these leaves with its substituted value."""
        for leaf, source in self.follows:
            yield leaf, source.value
        for leaf, given in self.quality:
            bits = given.value.bits if given is not None and isinstance(given.value, Quality) else 0
            yield leaf, Quality(bits | 1 << 12 - _SUBSTITUTED)
        for leaf in self.times:
            yield leaf, stamp(now)


class Substitution:
    """The data objects of a model that can be substituted."""

    def __init__(self, model: Model, now: datetime, stamp: Stamps) -> None:
        self._stamp = stamp
        self._sources: dict[Attribute, _Object] = {}
        """Every leaf under SV by which substitution is controlled."""
        self._process: dict[Attribute, DataValue] = {}
        """What the process says of the leaves that are substituted now."""
        for device in model.devices.values():
            for node in device.nodes.values():
                for data in node.objects.values():
                    self._add(data)
        for found in set(self._sources.values()):
            if found.enable.value is True:
                self._substitute(found, now)

    def __bool__(self) -> bool:
        return bool(self._sources)

    def follow(self, changes: Changes, now: datetime) -> list[tuple[Attribute, DataValue]]:
        """Return the changes of what is served: those of the process kept back where it is substituted, with those
        that changes of substitution bring."""
        served: dict[Attribute, DataValue] = {}
        touched: dict[_Object, None] = {}
        for leaf, value in changes:
            if leaf in self._process:
                self._process[leaf] = value
                continue
            served[leaf] = value
            found = self._sources.get(leaf)
            if found is not None:
                leaf.value, served[leaf] = value, value
                touched[found] = None
        for found in touched:
            if found.enable.value is True:
                for leaf in found.served():
                    self._process.setdefault(leaf, served.get(leaf, leaf.value))
                served.update(found.substitutes(now, self._stamp))
            else:
                served.update((leaf, self._process.pop(leaf)) for leaf in found.served() if leaf in self._process)
        return list(served.items())

    def _substitute(self, found: _Object, now: datetime) -> None:
        """Begin with what the configuration has enabled."""
        for leaf in found.served():
            self._process[leaf] = leaf.value
        for leaf, value in found.substitutes(now, self._stamp):
            leaf.value = value

    def _add(self, data: DataObject) -> None:
        for child in [*data.children.values(), *data.elements]:
            if isinstance(child, DataObject):
                self._add(child)
        enable = data.children.get("subEna")
        if not isinstance(enable, Attribute):
            return
        follows = [
            pair
            for name, targets in TARGETS.items()
            for target in targets
            for pair in _pairs(data.children.get(target), data.children.get(name))
        ]
        constraints = {leaf.fc for leaf, _ in follows}
        given = data.children.get("subQ")
        beside = {n: leaf for n in ("q", "t") if isinstance(leaf := data.children.get(n), Attribute)}
        beside = {n: leaf for n, leaf in beside.items() if leaf.fc in constraints}
        source = given if isinstance(given, Attribute) else None
        found = _Object(
            enable,
            follows,
            [(beside["q"], source)] if "q" in beside else [],
            [beside["t"]] if "t" in beside else [],
        )
        for leaf in (enable, *(source for _, source in follows), *([source] if source else [])):
            self._sources[leaf] = found


def _pairs(target: Node | DataObject | None, source: Node | DataObject | None) -> Iterator[tuple[Attribute, Attribute]]:
    """Yield each leaf of a value with the leaf of its substitute of the same name."""
    if not isinstance(target, Attribute) or not isinstance(source, Attribute):
        return
    if target.type is not None:
        if source.type is target.type and source.count == target.count:
            yield target, source
        return
    for name, child in target.children.items():
        yield from _pairs(child, source.children.get(name))
