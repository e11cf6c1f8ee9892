"""Where each point of a site stands in the operator's mirror.

The first of these that has a row for a point says it:

1. the operator's own tables, in which a point is named wholly: `der.{device}.p`, `der.PCC.p`, `site.sum.p`; in their
   references `{ied}` is the IED of the mirror and `{device}` the device;
2. the table of the device's class, `iec61850/<class>.csv`, whatever the device is reached by: a generator on Modbus
   looks to the operator as one on IEC 61850. In its references `{ied}` is IED and device, so that `{ied}DER/MMXU1`
   becomes the logical device `EMSDG750DER`: one for each device, found by its name;
3. `operator/points.csv`, for points of devices whose class has no table;
4. a generic place: `GGIO1`, `GGIO2`, ... of the device's logical device, or of `SITE`, numbered by the names of the
   points, with the name as description: `AnIn`, `IntIn`, `Ind` for what is read, `AnOut`, `ISCSO`, `SPCSO` for what is
   commanded. An enumeration stands there by the place of its literal. Numbers move when points come: who wants a
   name that stays gives the point a row. Settings are only read there; texts and schedules have no generic place.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import attrs

from ...common.config import together
from ...common.data.conversion import WireType, conversion
from ...common.data.point import OPERABLE, Kind, Point, ValueType
from ...common.data.site import DEVICE_POINTS, Device
from ...common.data.tables import Binding, Row, Service, Table, load_table
from ...common.errors import ConfigError
from ...common.resources import mappings_dir

log = logging.getLogger(__name__)

DEVICE = "DER"
"""Instance of a device's logical device, behind the device's name, where its table does not name another."""
SITE = "SITE"
"""The logical device of what belongs to no device."""

PER_NODE = 100
"""Data objects of one kind in one generic node."""

_FOLDER = "iec61850"
_READ = frozenset({Service.READ, Service.REPORT})
_IED = re.compile(r"\W")


@attrs.frozen(slots=True)
class _Generic:
    """A generic place: data object, attribute, constraint, type on the wire."""

    name: str
    attribute: str
    fc: str
    wire: WireType


_SEEN = {
    ValueType.FLOAT: _Generic("AnIn", "mag.f", "MX", WireType.FLOAT32),
    ValueType.INT: _Generic("IntIn", "stVal", "ST", WireType.INT32),
    ValueType.ENUM: _Generic("IntIn", "stVal", "ST", WireType.INT32),
    ValueType.BOOL: _Generic("Ind", "stVal", "ST", WireType.BOOL),
}
_COMMANDED = {
    ValueType.FLOAT: _Generic("AnOut", "mxVal.f", "MX", WireType.FLOAT32),
    ValueType.INT: _Generic("ISCSO", "stVal", "ST", WireType.INT32),
    ValueType.ENUM: _Generic("ISCSO", "stVal", "ST", WireType.INT32),
    ValueType.BOOL: _Generic("SPCSO", "stVal", "ST", WireType.BOOL),
}


class Places:
    """Gives points their places in one IED.

    Args:
        ied: its name.
        devices: of the site.
        tables: the operator's own, or their files; they come first.
        generic: whether what has no row is put into generic nodes.
    """

    def __init__(
        self, ied: str, devices: Iterable[Device] = (), *, tables: Iterable[Table | Path] = (), generic: bool = True
    ) -> None:
        self._ied = ied
        self._devices = {device.name: device for device in devices}
        self._own = [row for table in tables for row in (load_table(table) if isinstance(table, Path) else table)]
        self._default = [row for table in default_tables() for row in table]
        self._generic = generic
        self._classes: dict[str, Mapping[str, Row]] = {}

    def bind(self, points: Iterable[Point]) -> tuple[Binding, ...]:
        """Return a row for each point that has a place, by name; the rest is told in the log.

        Raises `ConfigError` at a row of the operator's that means another kind, type or unit than its point.
        """
        found: list[Binding] = []
        left: list[Point] = []
        faults: list[ConfigError] = []
        own, default = _by_name(self._own), _by_name(self._default)
        for point in sorted(points, key=lambda one: one.name):
            device, suffix = self._device(point.name)
            try:
                binding = self._of_rows(point, device, suffix, own, default)
            except ConfigError as fault:
                faults.append(fault)
                continue
            if binding is not None:
                found.append(binding)
            else:
                left.append(point)
        if faults:
            raise together(faults)
        return (*found, *self._generic_places(left, found))

    def _device(self, name: str) -> tuple[str, str]:
        """Return device and suffix of a point; nothing for a point of the site."""
        first, _, rest = name.partition(".")
        device, _, suffix = rest.partition(".")
        return (device, suffix) if first == DEVICE_POINTS and suffix else ("", "")

    def _of_rows(
        self, point: Point, device: str, suffix: str, own: Mapping[str, Row], default: Mapping[str, Row]
    ) -> Binding | None:
        names = [point.name, *([f"{DEVICE_POINTS}.{{device}}.{suffix}"] if device else [])]
        values = self._values(device)
        for name in names:
            if (row := own.get(name)) is not None:
                if why := _differs(point, row):
                    raise ConfigError(f"{point.name} is {why}", where=row.where)
                return _bind(row, point, {**values, "ied": self._ied}, device)
        if device and (row := self._class(device).get(suffix)) is not None and not _differs(point, row):
            return _bind(row, point, {**values, "ied": f"{self._ied}{_name(device)}"}, device)
        for name in names:
            if (row := default.get(name)) is not None and not _differs(point, row):
                return _bind(row, point, {**values, "ied": self._ied}, device)
        return None

    def _values(self, device: str) -> dict[str, str | float]:
        known = self._devices.get(device)
        values: dict[str, str | float] = {**known.address, **known.figures} if known is not None else {}
        return values | {"device": _name(device)}

    def _class(self, device: str) -> Mapping[str, Row]:
        """Return the rows of the device's class by suffix: its own, if it is reached by IEC 61850."""
        if device not in self._classes:
            known = self._devices.get(device)
            rows: Iterable[Row] = ()
            if known is not None and known.driver == _FOLDER:
                rows = (binding.row for binding in known.bindings)
            elif known is not None:
                path = mappings_dir() / _FOLDER / f"{known.kind}.csv"
                rows = load_table(path) if path.is_file() else ()
            self._classes[device] = {row.point: row for row in rows}
        return self._classes[device]

    def _generic_places(self, points: Iterable[Point], found: Iterable[Binding]) -> Iterator[Binding]:
        taken = {binding.address.get("reference", "").partition(".")[0] for binding in found}
        count: Counter[tuple[str, str]] = Counter()
        for point in points:
            place = (_COMMANDED if point.kind in OPERABLE else _SEEN).get(point.type)
            if not self._generic or place is None or point.kind is Kind.SCHEDULE:
                log.info("%s has no place in the mirror", point.name)
                continue
            device, _ = self._device(point.name)
            inst = f"{_name(device)}{DEVICE}" if device else SITE
            node = f"{self._ied}{inst}/GGIO"
            first = next(number for number in range(1, 1 << 16) if f"{node}{number}" not in taken)
            count[node, place.name] += 1
            number = count[node, place.name]
            reference = f"{node}{first + (number - 1) // PER_NODE}.{place.name}{number}.{place.attribute}"
            yield _made(point, place, reference, device)


def _bind(row: Row, point: Point, values: Mapping[str, str | float], device: str) -> Binding:
    """Return the row for a point as the access has it, limits and description among that."""
    bound = attrs.evolve(row, low="", high="").bind(point.name, values, device=device)
    meant = attrs.evolve(point, description=point.description or row.description)
    return Binding(meant, bound.row, bound.address, device)


def _differs(point: Point, row: Row) -> str:
    """Return in what a row means another point than this; nothing if it is the same."""
    if (point.kind, point.type, point.unit) != (row.kind, row.conversion.type, row.unit):
        said, there = (
            f"a {kind.value} of type {type.value} in {unit.symbol or 'no unit'}"
            for kind, type, unit in (
                (point.kind, point.type, point.unit),
                (row.kind, row.conversion.type, row.unit),
            )
        )
        return f"{said}, but {there} here"
    strange = [literal for literal in point.literals if literal not in row.conversion.literals]
    return f"also {', '.join(strange)}, which the enumeration here does not have" if strange else ""


def _made(point: Point, place: _Generic, reference: str, device: str) -> Binding:
    codes = {literal: number for number, literal in enumerate(point.literals)}
    made = conversion(point.type, place.wire, unit=point.unit, wire_unit=point.unit, codes=codes)
    services = {Service.OPERATE} if point.kind in OPERABLE else set()
    row = Row(
        point=point.name,
        kind=point.kind,
        unit=point.unit,
        conversion=made,
        wire_unit=point.unit,
        services=frozenset(services | _READ if point.kind is not Kind.COMMAND else services),
        description=point.description,
        address={"reference": reference, "fc": place.fc},
        where=f"{point.name} (generic place)",
    )
    return Binding(attrs.evolve(point, description=point.name), row, row.address, device)


def _by_name(rows: Iterable[Row]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row.point, row)
    return found


def _name(device: str) -> str:
    return _IED.sub("_", device)


@cache
def default_tables() -> tuple[Table, ...]:
    """Return the tables of the package for points of devices whose class has none."""
    return (load_table(mappings_dir() / "operator" / "points.csv"),)
