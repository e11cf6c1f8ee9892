"""A site: which devices there are, by which tables and at which addresses they are reached, and all their points."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import chain
from pathlib import Path

import attrs

from ..config import Document, Step, host_port, together
from ..errors import ConfigError, UnknownName
from ..resources import mappings_dir
from ..security.entry import SigningEntry
from .point import Point
from .sitefile import DeviceEntry, SiteFile, Tables, assembled, near, places
from .tables import Binding, Row, Table, load_table

DEVICE_POINTS = "der"
"""First part of the names of the points of devices: `der.<device>.<point of the table>`."""

_UNIQUE = frozenset({"jid", "ied"})
"""Parts of an address that no two devices share."""

_SECOND = timedelta(seconds=1)
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
        where: `file:line:column` of its address in the site file, to be named with what is wrong with it.
        folder: that of the site file: files that its address names are beside it.
    """

    name: str
    kind: str
    address: Mapping[str, str]
    figures: Mapping[str, float]
    bindings: tuple[Binding, ...]
    description: str = ""
    cid: Path | None = None
    driver: str = "iec61850"
    where: str = ""
    folder: Path = attrs.field(factory=Path)

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
        name: the VEN name; empty where the site file has no `openadr`: then the site is nothing to any utility.
        vtn: full JID of the VTN.
        resource: id of the resource that events aim at and reports speak of.
        signals, reports: the points of OpenADR signals and reports.
        signing: how messages to and from the utility are signed; None if they are not.
        figures: the site's own figures, e.g. `contract` in kW.
    """

    name: str
    vtn: str
    resource: str
    signals: tuple[Binding, ...]
    reports: tuple[Binding, ...]
    signing: SigningEntry | None = None
    figures: Mapping[str, float] = attrs.field(factory=dict)


@attrs.frozen(slots=True)
class Below:
    """The VTN of the VENs below.

    Attributes:
        vtn_id: its vtnID.
        every: how often VENs report, in whole seconds.
        poll: how often those come for their messages that cannot be reached.
    """

    vtn_id: str
    every: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(seconds=10)


@attrs.frozen(slots=True)
class Operator:
    """The IEC 61850 server of an operator above.

    Attributes:
        clients: who is let in.
        ied: name of its IED.
        tables: that say where points are, first those that go before others.
        listen: host and port to be served on TCP too; None for XMPP alone.
        rights: the file of who may do what.
        generic: whether points that no table places are served in generic nodes.
    """

    clients: tuple[str, ...]
    ied: str = "EMS"
    tables: tuple[Path, ...] = ()
    listen: tuple[str, int] | None = None
    rights: Path | None = None
    generic: bool = True


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
        below: the VTN of the VENs among the devices.
        operator: the server of an operator above; None if there is none.
    """

    name: str
    domain: str
    jid: str
    ven: Ven
    devices: tuple[Device, ...]
    points: Mapping[str, Point]
    below: Below = attrs.field(factory=lambda: Below("vtn"))
    operator: Operator | None = None
    _bound: dict[str, tuple[Binding, ...]] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        own = (binding for device in self.devices for binding in device.bindings)
        for binding in (*own, *self.ven.signals, *self.ven.reports):
            name = binding.point.name
            self._bound[name] = (*self._bound.get(name, ()), binding)

    @property
    def jids(self) -> tuple[str, ...]:
        """The full JIDs of the host, of the utility and of every device; raise `ConfigError` if a device has none."""
        utility = (self.ven.vtn,) if self.ven.vtn else ()
        return (self.jid, *utility, *(device.jid for device in self.devices))

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


def load_site(path: Path, *, domain: str | None = None) -> Site:
    """Return the site in the file, with what it inherits; `domain` takes the place of the file's own.

    Tables are looked up beside the file that names them, then in the mappings of this package; a table of this package
    is a menu: a report of it that no device has is passed over. Raises `ConfigError` with file, line and reason, for
    the site file and each table that it names; its `faults` are all that was found.
    """
    document = assembled(path)
    loader = _Loader(path, document, document.structure(SiteFile), domain)
    site = loader.site()
    if loader.faults:
        raise together(loader.faults)
    return site


class _Loader:
    """Puts a site together. What is wrong is noted in `faults`, and something harmless stands in its place.

    While devices lack points for a fault that is told already, their absence is no further one.
    """

    def __init__(self, path: Path, document: Document, file: SiteFile, domain: str | None) -> None:
        self.path = path
        self.document = document
        self.file = file
        self.domain = domain or file.domain
        self.faults: list[ConfigError] = []
        self.incomplete = False
        self.tables: dict[Path, Table | None] = {}
        self.seen: dict[tuple[str, str], str] = {}

    def site(self) -> Site:
        file = self.file
        jid = self._jid(file.ems.jid, "ems", "jid")
        made = (self._device(index, entry) for index, entry in enumerate(file.devices))
        devices = tuple(device for device in made if device is not None)
        points = {binding.point.name: binding for device in devices for binding in device.bindings}
        ven = self._ven(devices, points)
        named = {name: bound.point for name, bound in points.items()}
        return Site(file.name, self.domain, jid, ven, devices, named, self._below(), self._operator())

    def _below(self) -> Below:
        entry = self.file.below
        for name in ("every", "poll"):
            span: timedelta = getattr(entry, name)
            if span < _SECOND or span % _SECOND:
                self._fault("is a whole number of seconds, one at least", "below", name)
        return Below(entry.vtn or self.file.name, entry.every, entry.poll)

    def _ven(self, devices: tuple[Device, ...], points: dict[str, Binding]) -> Ven:
        entry = self.file.openadr
        if entry is None:
            return Ven("", "", "", (), ())
        rows = self._rows(entry.signals, "signals")
        signals = [bound for row in rows for bound in self._bound(row, row.point, dict(entry.figures))]
        reports = [
            bound for row in self._rows(entry.reports, "reports") for bound in self._report(row, devices, points)
        ]
        self._join(points, signals)
        self._join(points, reports)
        vtn, signing = self._jid(entry.vtn, "openadr", "vtn"), self._signing(entry.signing)
        return Ven(entry.ven_name, vtn, entry.resource, tuple(signals), tuple(reports), signing, dict(entry.figures))

    def _operator(self) -> Operator | None:
        entry = self.file.operator
        if entry is None:
            return None
        names = (entry.tables,) if isinstance(entry.tables, str) else entry.tables
        tables = [
            table
            for i, name in enumerate(names)
            if (table := self._table(name, "operator", "tables", *(() if isinstance(entry.tables, str) else (i,))))
        ]
        listen = None if entry.listen is None else host_port(entry.listen)
        if entry.listen is not None and listen is None:
            self._fault(f"{entry.listen!r} is not HOST:PORT", "operator", "listen")
        rights = self._beside(entry.rights or "", "operator", "rights")
        clients = tuple(
            self._filled(name, "operator", "clients", i).lower() if "@" in name else name
            for i, name in enumerate(entry.clients)
        )
        return Operator(clients, entry.ied, tuple(table.path for table in tables), listen, rights, entry.generic)

    def _device(self, index: int, entry: DeviceEntry) -> Device | None:
        trail = ("devices", index)
        if not _NAME.fullmatch(entry.name):
            self._fault(f"{entry.name!r} is not a name of letters, digits and '_'", *trail, "name")
        self._once("device", entry.name, *trail, "name")
        address = {key: self._filled(str(text), *trail, "address", key) for key, text in entry.address.items()}
        for key, text in address.items():
            if key == "jid":
                self._full(text, *trail, "address", key)
            if key in _UNIQUE:
                self._once(key, text, *trail, "address", key)
        figures, cid = dict(entry.figures), self._beside(entry.cid, *trail, "cid")
        table = self._table(entry.table, *trail, "table")
        if table is None:
            self.incomplete = True
            return None
        values: dict[str, str | float] = {**address, **entry.figures, "device": entry.name}
        bindings = self._bindings(table, entry.name, values, *trail)
        return Device(
            name=entry.name,
            kind=table.path.stem,
            address=address,
            figures=figures,
            bindings=bindings,
            description=entry.description,
            cid=cid,
            driver=entry.driver or (table.path.parent.name if "/" in entry.table else "iec61850"),
            where=self.document.where(*trail, "address"),
            folder=self.document.file(*trail, "address").parent,
        )

    def _bindings(
        self, table: Table, device: str, values: Mapping[str, str | float], *trail: Step
    ) -> tuple[Binding, ...]:
        """Return the rows bound to a device; a figure that several rows need is asked for once."""
        bindings: list[Binding] = []
        told: set[str] = set()
        for row in table:
            try:
                bindings.append(row.bind(f"{DEVICE_POINTS}.{device}.{row.point}", values, device=device))
            except ConfigError as error:
                self.incomplete = True
                if error.message not in told:
                    self._fault(f"{error.message} (row {error.where})", *trail)
                told.add(error.message)
        return tuple(bindings)

    def _beside(self, name: str, *trail: Step) -> Path | None:
        if not name:
            return None
        path = self.document.file(*trail).parent / name
        if not path.is_file():
            self._fault(f"there is no file {name!r} beside the site file", *trail)
            return None
        return path

    def _signing(self, entry: SigningEntry | None) -> SigningEntry | None:
        if entry is None:
            return None
        folder = self.document.file("openadr", "signing").parent
        entry.check(folder, self._fault, "openadr", "signing")
        return entry.beside(folder)

    def _rows(self, names: Tables, key: str) -> list[Row]:
        """Return the rows of one table or several, which together say nothing twice."""
        if isinstance(names, str):
            table = self._table(names, "openadr", key)
            return list(table or ())
        for index, name in enumerate(names):
            if name in names[:index]:
                self._fault(f"table {name!r} is named twice", "openadr", key, index)
        names = tuple(dict.fromkeys(names))
        rows: list[Row] = []
        seen: dict[tuple[str, ...], str] = {}
        for row in chain.from_iterable(self._table(name, "openadr", key, i) or () for i, name in enumerate(names)):
            address = tuple(row.address.values())
            if address in seen:
                shown = ", ".join(filter(None, address))
                reason = f"address {shown!r} is given twice, first at {seen[address]}"
                self.faults.append(ConfigError(reason, where=row.where))
            seen.setdefault(address, row.where)
            rows.append(row)
        return rows

    def _table(self, name: str, *trail: Step) -> Table | None:
        """Return a table; None if there is none, or it is faulty, which is told once."""
        found = next((place for place in places(self.document, name, *trail) if place.is_file()), None)
        if found is None:
            beside = sorted(path.name for path in self.document.file(*trail).parent.glob("*.csv"))
            hint = (
                near(name, [*beside, *_tables()])
                or "; tables are beside the site file, or those of `janusgrid map show`"
            )
            self._fault(f"there is no table {name!r}{hint}", *trail)
            return None
        if found not in self.tables:
            self.tables[found] = None
            try:
                self.tables[found] = load_table(found)
            except ConfigError as error:
                self.faults.append(error)
        return self.tables[found]

    def _report(self, row: Row, devices: Iterable[Device], points: Mapping[str, Binding]) -> list[Binding]:
        """Return the row for each device that has its point, or for the one point that it names."""
        if "{device}" not in row.point:
            return self._bound(row, row.point, {}, points[row.point].device if row.point in points else "")
        names = {device.name: row.point.replace("{device}", device.name) for device in devices}
        there = {device: name for device, name in names.items() if name in points}
        if not there and not self.incomplete and not row.where.startswith(str(mappings_dir())):
            known = {name.replace(f".{device}.", ".{device}.", 1) for device in names for name in points}
            reason = f"no device of {self.path.name} has a point {row.point!r}{near(row.point, known)}"
            self.faults.append(ConfigError(reason, where=row.where))
        return [bound for device, name in there.items() for bound in self._bound(row, name, {"device": device}, device)]

    def _bound(self, row: Row, name: str, values: Mapping[str, str | float], device: str = "") -> list[Binding]:
        try:
            return [row.bind(name, values, device=device)]
        except ConfigError as error:
            self.faults.append(error)
            return []

    def _join(self, points: dict[str, Binding], bindings: Iterable[Binding]) -> None:
        """Add what is new, and see that what is known means the same."""
        for binding in bindings:
            point = binding.point
            known = points.setdefault(point.name, binding)
            if (known.point.kind, known.point.type, known.point.unit) != (point.kind, point.type, point.unit):
                reason = f"{point.name} is {_meaning(point)} here, but {_meaning(known.point)} at {known.row.where}"
                self.faults.append(ConfigError(reason, where=binding.row.where))

    def _jid(self, text: str, *trail: Step) -> str:
        jid = self._filled(text, *trail)
        self._full(jid, *trail)
        return jid

    def _full(self, jid: str, *trail: Step) -> None:
        if not _JID.fullmatch(jid):
            self._fault(f"{jid!r} is not a full JID (name@domain/resource)", *trail)

    def _filled(self, text: str, *trail: Step) -> str:
        for place in _PLACE.findall(text):
            if place != "domain":
                self._fault(f"{{{place}}} is not known here; only {{domain}} is", *trail)
        return text.replace("{domain}", self.domain)

    def _once(self, what: str, text: str, *trail: Step) -> None:
        where = self.document.where(*trail)
        if (what, text) in self.seen:
            self._fault(f"{what} {text!r} is given twice, first at {self.seen[what, text]}", *trail)
        self.seen.setdefault((what, text), where)

    def _fault(self, reason: str, *trail: Step) -> None:
        self.faults.append(self.document.error(reason, *trail))


def _tables() -> list[str]:
    folder = mappings_dir()
    return sorted(str(path.relative_to(folder)) for path in folder.glob("*/*.csv"))


def _meaning(point: Point) -> str:
    return f"a {point.type.value} {point.kind.value} in {point.unit.symbol or 'no unit'}"
