"""A site: which devices there are, by which tables and at which addresses they are reached, and all their points."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

from ..config import Document, read, together
from ..errors import ConfigError, UnknownName
from ..resources import mappings_dir
from ..security.entry import SigningEntry
from .point import Point
from .tables import Binding, Row, Table, load_table

DEVICE_POINTS = "der"
"""First part of the names of the points of devices: `der.<device>.<point of the table>`."""

_UNIQUE = frozenset({"jid", "ied"})
"""Parts of an address that no two devices share."""

_JID = re.compile(r"[^@/\s]+@[^@/\s]+/\S+")
_NAME = re.compile(r"\w+")
_PLACE = re.compile(r"\{(\w*)\}")


@attrs.frozen(slots=True)
class Device:
    """A device of the site.

    Attributes:
        name: as it stands in the names of its points.
        kind: its class, the name of its table: `generator`, `battery`, ...
        driver: how it is reached: `iec61850`, `openadr`, `opcua`, `modbus`, or another that is installed; the folder
            of its table unless the site file says it.
        address: where it is reached, e.g. `jid` and `ied`.
        figures: its own figures, e.g. `rating` in kW and `energy` in kWh.
        bindings: its points.
        description: one line for people.
        cid: the file that describes its server, where the site file names one.
    """

    name: str
    kind: str
    address: Mapping[str, str]
    figures: Mapping[str, float]
    bindings: tuple[Binding, ...]
    description: str = ""
    cid: Path | None = None
    driver: str = "iec61850"

    @property
    def jid(self) -> str:
        """The full JID of its server; raise `ConfigError` if its address has none."""
        try:
            return self.address["jid"]
        except KeyError:
            raise ConfigError(f"{self.name} has no jid in its address") from None

    def binding(self, suffix: str) -> Binding:
        """Return the binding of `der.<name>.<suffix>`; raise `UnknownName` if there is none."""
        for binding in self.bindings:
            if binding.row.point == suffix:
                return binding
        raise UnknownName(f"{self.name} has no point {suffix!r}", where=self.name)


@attrs.frozen(slots=True)
class Ven:
    """What the site is to the utility.

    Attributes:
        name: the VEN name.
        vtn: full JID of the VTN.
        resource: id of the resource that events aim at and reports speak of.
        signals, reports: the points of OpenADR signals and reports.
        signing: how messages to and from the utility are signed; None if they are not.
    """

    name: str
    vtn: str
    resource: str
    signals: tuple[Binding, ...]
    reports: tuple[Binding, ...]
    signing: SigningEntry | None = None


@attrs.frozen(slots=True)
class Site:
    """A site with its devices and points.

    Attributes:
        name: of the site.
        domain: XMPP domain that `{domain}` stands for.
        jid: full JID of the energy-management host.
        ven: what it is to the utility.
        devices: in the order of the file.
        points: every point by name, in that order.
    """

    name: str
    domain: str
    jid: str
    ven: Ven
    devices: tuple[Device, ...]
    points: Mapping[str, Point]
    _bound: dict[str, tuple[Binding, ...]] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        own = (binding for device in self.devices for binding in device.bindings)
        for binding in (*own, *self.ven.signals, *self.ven.reports):
            name = binding.point.name
            self._bound[name] = (*self._bound.get(name, ()), binding)

    @property
    def jids(self) -> tuple[str, ...]:
        """The full JIDs of the host, of the utility and of every device; raise `ConfigError` if a device has none."""
        return (self.jid, self.ven.vtn, *(device.jid for device in self.devices))

    def device(self, name: str) -> Device:
        """Return the device called `name`; raise `UnknownName` if there is none."""
        for device in self.devices:
            if device.name == name:
                return device
        raise UnknownName(f"no device {name!r} (there are: {', '.join(device.name for device in self.devices)})")

    def bindings(self, point: str) -> tuple[Binding, ...]:
        """Return every row bound to this point, the device's own first; raise `UnknownName` for an unknown point."""
        if point not in self._bound:
            raise UnknownName(f"no point {point!r} at {self.name}")
        return self._bound[point]


@attrs.frozen(slots=True)
class _Host:
    jid: str


@attrs.frozen(slots=True)
class _OpenAdr:
    ven_name: str
    vtn: str
    resource: str
    signals: str = "openadr/signals.csv"
    reports: str = "openadr/reports.csv"
    signing: SigningEntry | None = None


@attrs.frozen(slots=True)
class _Device:
    name: str
    table: str
    address: dict[str, str] = attrs.field(factory=dict)
    figures: dict[str, float] = attrs.field(factory=dict)
    description: str = ""
    cid: str = ""
    driver: str = ""


@attrs.frozen(slots=True)
class _File:
    """The site file as it is written."""

    name: str
    domain: str
    ems: _Host
    openadr: _OpenAdr
    devices: tuple[_Device, ...]


def load_site(path: Path, *, domain: str | None = None) -> Site:
    """Return the site in the file; `domain` takes the place of the file's own.

    Tables are looked up beside the site file, then in the mappings of this package. Raises `ConfigError` with file,
    line and reason: for the site file, and for each table that it names.
    """
    document = read(path)
    return _Loader(path, document, document.structure(_File), domain).site()


class _Loader:
    def __init__(self, path: Path, document: Document, file: _File, domain: str | None) -> None:
        self.path = path
        self.document = document
        self.file = file
        self.domain = domain or file.domain
        self.tables: dict[str, Table] = {}
        self.seen: dict[tuple[str, str], str] = {}

    def site(self) -> Site:
        file = self.file
        jid = self._jid(file.ems.jid, "ems", "jid")
        devices = tuple(self._device(index, entry) for index, entry in enumerate(file.devices))
        points = {binding.point.name: binding for device in devices for binding in device.bindings}
        signals = [row.bind(row.point, {}) for row in self._table(file.openadr.signals, "openadr", "signals")]
        reports = self._table(file.openadr.reports, "openadr", "reports")
        reported = [binding for row in reports for binding in self._report(row, devices, points)]
        _join(points, signals)
        _join(points, reported)
        vtn = self._jid(file.openadr.vtn, "openadr", "vtn")
        signing = self._signing(file.openadr.signing)
        ven = Ven(file.openadr.ven_name, vtn, file.openadr.resource, tuple(signals), tuple(reported), signing)
        named = {name: binding.point for name, binding in points.items()}
        return Site(file.name, self.domain, jid, ven, devices, named)

    def _device(self, index: int, entry: _Device) -> Device:
        trail = ("devices", index)
        if not _NAME.fullmatch(entry.name):
            raise self.document.error(f"{entry.name!r} is not a name of letters, digits and '_'", *trail, "name")
        self._once("device", entry.name, *trail, "name")
        table = self._table(entry.table, *trail, "table")
        address = {key: self._filled(text, *trail, "address", key) for key, text in entry.address.items()}
        for key, text in address.items():
            if key == "jid":
                self._jid(text, *trail, "address", key)
            if key in _UNIQUE:
                self._once(key, text, *trail, "address", key)
        values: dict[str, str | float] = {**address, **entry.figures, "device": entry.name}
        try:
            bindings = tuple(
                row.bind(f"{DEVICE_POINTS}.{entry.name}.{row.point}", values, device=entry.name) for row in table
            )
        except ConfigError as error:
            raise self.document.error(f"{error.message}, needed by {error.where}", *trail) from None
        figures, cid = dict(entry.figures), self._cid(entry.cid, *trail, "cid")
        driver = entry.driver or (table.path.parent.name if "/" in entry.table else "iec61850")
        return Device(entry.name, table.path.stem, address, figures, bindings, entry.description, cid, driver)

    def _cid(self, name: str, *trail: str | int) -> Path | None:
        if not name:
            return None
        path = self.path.parent / name
        if not path.is_file():
            raise self.document.error(f"there is no file {name!r} beside the site file", *trail)
        return path

    def _signing(self, entry: SigningEntry | None) -> SigningEntry | None:
        if entry is None:
            return None
        faults: list[ConfigError] = []
        folder = self.path.parent
        entry.check(
            folder, lambda reason, *trail: faults.append(self.document.error(reason, *trail)), "openadr", "signing"
        )
        if faults:
            raise together(faults)
        return entry.beside(folder)

    def _table(self, name: str, *trail: str | int) -> Table:
        if name not in self.tables:
            places = (self.path.parent / name, mappings_dir() / name)
            found = next((place for place in places if place.is_file()), None)
            if found is None:
                raise self.document.error(f"there is no table {name!r}", *trail)
            self.tables[name] = load_table(found)
        return self.tables[name]

    def _report(self, row: Row, devices: Iterable[Device], points: Mapping[str, Binding]) -> list[Binding]:
        """Return the row for each device that has its point, or for the one point that it names."""
        if "{device}" not in row.point:
            return [row.bind(row.point, {}, device=points[row.point].device if row.point in points else "")]
        names = {device.name: row.point.replace("{device}", device.name) for device in devices}
        found = [row.bind(name, {"device": key}, device=key) for key, name in names.items() if name in points]
        if not found:
            raise ConfigError(f"no device of {self.path.name} has a point {row.point!r}", where=row.where)
        return found

    def _jid(self, text: str, *trail: str | int) -> str:
        jid = self._filled(text, *trail)
        if not _JID.fullmatch(jid):
            raise self.document.error(f"{jid!r} is not a full JID (name@domain/resource)", *trail)
        return jid

    def _filled(self, text: str, *trail: str | int) -> str:
        for place in _PLACE.findall(text):
            if place != "domain":
                raise self.document.error(f"{{{place}}} is not known here; only {{domain}} is", *trail)
        return text.replace("{domain}", self.domain)

    def _once(self, what: str, text: str, *trail: str | int) -> None:
        where = self.document.where(*trail)
        if (what, text) in self.seen:
            raise self.document.error(f"{what} {text!r} is given twice, first at {self.seen[what, text]}", *trail)
        self.seen[what, text] = where


def _join(points: dict[str, Binding], bindings: Iterable[Binding]) -> None:
    """Add what is new, and see that what is known means the same."""
    for binding in bindings:
        point = binding.point
        known = points.setdefault(point.name, binding)
        if (known.point.kind, known.point.type, known.point.unit) != (point.kind, point.type, point.unit):
            raise ConfigError(
                f"{point.name} is {_meaning(point)} here, but {_meaning(known.point)} at {known.row.where}",
                where=binding.row.where,
            )


def _meaning(point: Point) -> str:
    return f"a {point.type.value} {point.kind.value} in {point.unit.symbol or 'no unit'}"
