"""Conversion tables: CSV rows that say what a point is, and how it looks on one wire.

The columns are explained in `mappings/README.md`. Those that are not common to all tables belong to the protocol and
are handed on as the row's address; this room does not know what they mean.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import TypeVar

import attrs

from ..config import together
from ..errors import ConfigError, LocalError, TypeConflict, UnknownName
from .conversion import Conversion, Field, WireType, conversion
from .point import OPERABLE, READABLE, WRITABLE, Kind, Point, ValueType
from .unit import Unit, unit
from .value import Scalar

E = TypeVar("E", bound=Enum)

COMMON = (
    "point", "kind", "type", "unit", "wire_type", "wire_unit", "scale", "offset", "enumeration", "services",
    "low", "high", "description",
)  # fmt: skip
"""The columns that every table has."""

OPTIONAL = ("bits",)
"""Columns with a meaning of their own that a table may have."""

_KNOWN = frozenset((*COMMON, *OPTIONAL))

MANY = frozenset({"signal", "rid"})
"""Columns of tables in which a point may stand several times: set by several signals, reported in several ways."""

MAX_SIZE = 8 << 20

_POINT = re.compile(r"[A-Za-z0-9_{}]+(\.[A-Za-z0-9_{}]+)*")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_FIGURE = re.compile(r"(-?)\{(\w+)\}")
_PLACE = re.compile(r"\{(\w+)\}")
_BITS = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")


class Service(Enum):
    """What can be done with a point over this wire."""

    READ = "read"
    REPORT = "report"
    WRITE = "write"
    OPERATE = "operate"
    SCHEDULE = "schedule"


_ALLOWED = {
    Service.READ: READABLE,
    Service.REPORT: READABLE,
    Service.WRITE: WRITABLE,
    Service.OPERATE: OPERABLE,
    Service.SCHEDULE: OPERABLE | WRITABLE,
}


@attrs.frozen(slots=True, kw_only=True, eq=False)
class Row:
    """One row.

    Attributes:
        point: the common name as it stands in the table, perhaps a suffix or with `{device}` in it.
        kind, unit, description: of the point.
        conversion: between the common value and the wire.
        wire_unit: in which numbers stand on the wire.
        services: what the wire offers.
        low, high: limits as written: a number, `{figure}`, `-{figure}` or nothing.
        address: the protocol's own columns, perhaps with `{name}` in them.
        where: `file:line`.
    """

    point: str
    kind: Kind
    unit: Unit
    conversion: Conversion
    wire_unit: Unit
    services: frozenset[Service]
    low: str = ""
    high: str = ""
    description: str = ""
    address: Mapping[str, str] = attrs.field(factory=dict)
    where: str = ""

    def bind(self, name: str, values: Mapping[str, str | float], *, device: str = "") -> Binding:
        """Return this row for the point `name`, its `{...}` filled in from `values`.

        Raises `ConfigError` at the row for a value that is not given or no limit.
        """
        point = Point(
            name,
            self.kind,
            self.conversion.type,
            self.unit,
            self.conversion.literals,
            self._limit("low", self.low, values),
            self._limit("high", self.high, values),
            self.description,
        )
        if point.low is not None and point.high is not None and point.low > point.high:
            raise ConfigError(f"{name}: low {point.low:g} is above high {point.high:g}", where=self.where)
        address = {column: self._filled(text, values, column) for column, text in self.address.items()}
        return Binding(point, self, address, device)

    def _limit(self, column: str, text: str, values: Mapping[str, str | float]) -> float | None:
        if not text:
            return None
        if (figure := _FIGURE.fullmatch(text)) is None:
            return float(text)
        value = self._value(figure[2], values, column)
        if isinstance(value, str):
            raise ConfigError(f"{column}: {{{figure[2]}}} is {value!r}, not a number", where=self.where)
        return -value if figure[1] else value

    def _filled(self, text: str, values: Mapping[str, str | float], column: str) -> str:
        return _PLACE.sub(lambda match: str(self._value(match[1], values, column)), text)

    def _value(self, name: str, values: Mapping[str, str | float], column: str) -> str | float:
        if name not in values:
            near = get_close_matches(name, values, 1, 0.75)
            hint = f"is {near[0]!r} meant for it?" if near else f"given are: {', '.join(values) or 'nothing'}"
            raise ConfigError(f"{column}: {{{name}}} is not given; {hint}", where=self.where)
        return values[name]


@attrs.frozen(slots=True, eq=False)
class Binding:
    """A row bound to one point of one site: what an adapter of a protocol works with.

    Attributes:
        point: with its full name and limits.
        row: the row it comes from.
        address: the protocol's columns, filled in.
        device: name of the device; empty for a point of the site itself.
    """

    point: Point
    row: Row
    address: Mapping[str, str]
    device: str = ""

    def to_wire(self, value: Scalar) -> Scalar:
        """Return the value for the wire; raise `TypeConflict` at the point if it does not fit."""
        try:
            return self.row.conversion.to_wire(value)
        except TypeConflict as error:
            raise TypeConflict(error.message, where=self.point.name) from None

    def from_wire(self, value: Scalar) -> Scalar:
        """Return the common value; raise `Malformed` if the peer's value does not fit."""
        return self.row.conversion.from_wire(value)

    def check(self, value: Scalar) -> None:
        """Raise `TypeConflict` if `value` does not fit the point or lies beyond its limits."""
        self.to_wire(value)
        point = self.point
        if isinstance(value, str):
            return
        if (point.low is not None and value < point.low) or (point.high is not None and value > point.high):
            low, high = (_edge(limit, point.unit) for limit in (point.low, point.high))
            raise TypeConflict(f"{value:g} is not within {low} to {high}", where=point.name)

    def offers(self, service: Service) -> bool:
        """Return whether the wire offers this service for the point."""
        return service in self.row.services


@attrs.frozen(slots=True)
class Table:
    """The rows of one file, in its order."""

    path: Path
    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def row(self, point: str) -> Row:
        """Return the row of this point; raise `UnknownName` if there is none."""
        for row in self.rows:
            if row.point == point:
                return row
        raise UnknownName(f"no row for {point!r} (there are: {', '.join(row.point for row in self.rows)})")


def load_table(path: Path) -> Table:
    """Return the table in the file.

    Raises `ConfigError`, `where` being `file:line`, for what cannot be read, is unknown, given twice or cannot be
    inverted; further faults follow on lines of their own.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", where=str(path)) from None
    return Table(path, parse_table(data, str(path)))


def parse_table(data: bytes, source: str) -> tuple[Row, ...]:
    """Return the rows of a table given as the octets of its file; raise `ConfigError` as `load_table`."""
    if len(data) > MAX_SIZE:
        raise ConfigError(f"larger than {MAX_SIZE} octets", where=source)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8: save the table as CSV UTF-8", where=f"{source}:{line}") from None
    lines = _lines(text, source)
    where, header = next(lines, (f"{source}:1", []))
    _check_header(header, where)
    rows: list[Row] = []
    faults: list[ConfigError] = []
    seen: dict[object, str] = {}
    repeated = not MANY.isdisjoint(header)
    for where, cells in lines:
        try:
            row = _row(header, cells, where)
            _check_twice(row, seen, repeated)
            rows.append(row)
        except ConfigError as fault:
            faults.append(fault)
    if faults:
        raise together(faults)
    return tuple(rows)


def _lines(text: str, source: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the cells of each line that is neither empty nor a comment."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not cells[0].startswith("#"):
                yield f"{source}:{start}", [cell.strip() for cell in cells]
            start = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(f"not CSV: {error}", where=f"{source}:{start}") from None


def _check_header(header: list[str], where: str) -> None:
    if len(header) == 1 and ";" in header[0]:
        raise ConfigError("the columns are separated by ';': save the table with commas", where=where)
    missing = [column for column in COMMON if column not in header]
    if missing:
        near = get_close_matches(missing[0], [column for column in header if column not in COMMON], 1, 0.6)
        hint = f"; is {near[0]!r} meant for it?" if near else ""
        raise ConfigError(f"column {missing[0]!r} is missing{hint}", where=where)
    for column in header:
        if not column:
            raise ConfigError("a column has no name", where=where)
        if header.count(column) > 1:
            raise ConfigError(f"column {column!r} is there twice", where=where)


def _check_twice(row: Row, seen: dict[object, str], repeated: bool) -> None:
    """See that point, address and bits of the row are not there yet, and note them in `seen`."""
    given = row.address.get("value")  # in the table itself, at no address: many things may be 1
    address, field = () if given else tuple(row.address.values()), row.conversion
    shown = repr(", ".join(filter(None, address)))
    own: dict[object, str] = {} if repeated else {row.point: f"point {row.point!r}"}
    whole, parts = (address, "whole"), (address, "parts")
    if isinstance(field, Field):
        own |= {(address, bit): f"bit {bit} of {shown}" for bit in range(field.first, field.last + 1)}
        others, note = {whole: f"address {shown}"}, parts
    elif address:
        own[whole] = f"address {shown}"
        others, note = {parts: f"address {shown}"}, whole
    else:
        others, note = {}, whole
    for key, name in (own | others).items():
        if key in seen:
            raise ConfigError(f"{name} is given twice, first at {seen[key]}", where=row.where)
    for key in (*own, note):
        seen.setdefault(key, row.where)


def _row(header: list[str], cells: list[str], where: str) -> Row:
    if len(cells) != len(header):
        hint = "; a text with a comma in it stands in quotes" if len(cells) > len(header) else ""
        raise ConfigError(f"{len(cells)} cells under {len(header)} columns{hint}", where=where)
    cell = dict(zip(header, cells, strict=True))
    if not _POINT.fullmatch(cell["point"]):
        raise ConfigError(f"point: {cell['point']!r} is not a name of letters, digits, '_' and '.'", where=where)
    kind = _member(Kind, cell, "kind", where)
    services = frozenset(_services(cell["services"], kind, where))
    for column in ("low", "high"):
        if not _FIGURE.fullmatch(cell[column]):
            _number(cell, column, where)
    common_unit, wire_unit = _unit(cell, "unit", where), _unit(cell, "wire_unit", where)
    try:
        converted = conversion(
            _member(ValueType, cell, "type", where),
            _member(WireType, cell, "wire_type", where),
            unit=common_unit,
            wire_unit=wire_unit,
            scale=_number(cell, "scale", where, 1.0),
            offset=_number(cell, "offset", where, 0.0),
            codes=_codes(cell["enumeration"], where),
            bits=_bits(cell.get("bits", ""), services, where),
        )
    except ConfigError:
        raise
    except LocalError as error:
        raise ConfigError(f"{cell['point']}: {error.message}", where=where) from None
    return Row(
        point=cell["point"],
        kind=kind,
        unit=common_unit,
        conversion=converted,
        wire_unit=wire_unit,
        services=services,
        low=cell["low"],
        high=cell["high"],
        description=cell["description"],
        address={column: text for column, text in cell.items() if column not in _KNOWN},
        where=where,
    )


def _services(text: str, kind: Kind, where: str) -> Iterator[Service]:
    if not text:
        raise ConfigError("services: at least one is needed", where=where)
    for word in text.split():
        service = _member(Service, {"services": word}, "services", where)
        if kind not in _ALLOWED[service]:
            raise ConfigError(f"services: a {kind.value} cannot be served by {word!r}", where=where)
        yield service


def _bits(text: str, services: frozenset[Service], where: str) -> tuple[int, int] | None:
    if not text:
        return None
    match = _BITS.fullmatch(text)
    if match is None:
        raise ConfigError(f"bits: {text!r} is no bit (5) and no range of bits (4-6)", where=where)
    if beyond := sorted(service.value for service in services - {Service.READ, Service.REPORT}):
        reason = f"services: some bits of a value cannot be served by {beyond[0]!r}: other points have its other bits"
        raise ConfigError(reason, where=where)
    first, last = int(match[1]), int(match[2] or match[1])
    return min(first, last), max(first, last)


def _member(enum: type[E], cell: Mapping[str, str], column: str, where: str) -> E:
    try:
        return enum(cell[column])
    except ValueError:
        known = [str(member.value) for member in enum]
        near = get_close_matches(cell[column].lower(), known, 1, 0.6)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"{column}: {cell[column]!r} is none of {', '.join(known)}{hint}", where=where) from None


def _unit(cell: Mapping[str, str], column: str, where: str) -> Unit:
    try:
        return unit(cell[column])
    except LocalError as error:
        raise ConfigError(f"{column}: {error.message}", where=where) from None


def _number(cell: Mapping[str, str], column: str, where: str, default: float = math.nan) -> float:
    text = cell[column]
    if not text:
        return default
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        hint = f": write {text.replace(',', '.')}" if _NUMBER.fullmatch(text.replace(",", ".")) else ""
        raise ConfigError(f"{column}: {text!r} is not a number{hint}", where=where)
    return float(text)


def _codes(text: str, where: str) -> dict[str, int]:
    codes: dict[str, int] = {}
    for part in text.split("|") if text else ():
        name, sign, code = (piece.strip() for piece in part.partition("="))
        if not name or not sign or not re.fullmatch(r"-?\d{1,10}", code):
            raise ConfigError(f"enumeration: {part.strip()!r} is not name=code, as in on=1|off=2", where=where)
        if name in codes:
            raise ConfigError(f"enumeration: {name!r} is given twice", where=where)
        codes[name] = int(code)
    return codes


def _edge(limit: float | None, unit: Unit) -> str:
    return "any" if limit is None else f"{limit:g} {unit.symbol}".strip()
