"""The site file as it is written: its keys, and what it inherits from another site file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import attrs

from ..config import Document, Trail, read
from ..resources import mappings_dir
from ..security.entry import SigningEntry

Tables = str | tuple[str, ...]
"""One table or several."""


@attrs.frozen(slots=True)
class HostEntry:
    """The host that runs the site.

    Attributes:
        jid: its full JID, `name@{domain}/IEC`.
    """

    jid: str


@attrs.frozen(slots=True)
class OpenAdrEntry:
    """What the site is to the utility.

    Attributes:
        ven_name: its name as a VEN.
        vtn: full JID of the VTN.
        resource: id of the resource that events aim at and reports speak of.
        signals: table of signals, or a list of tables.
        reports: table of reports, or a list of tables.
        figures: the site's own figures, e.g. `contract`: the kW that a level of an event is a part of.
        signing: how messages to and from the utility are signed.
    """

    ven_name: str
    vtn: str
    resource: str
    signals: Tables = "openadr/signals.csv"
    reports: Tables = "openadr/reports.csv"
    figures: dict[str, float] = attrs.field(factory=dict)
    signing: SigningEntry | None = None


@attrs.frozen(slots=True)
class BelowEntry:
    """The VTN of the VENs below: those are devices with a table of OpenADR, such as `openadr/ven.csv`.

    Attributes:
        vtn: its vtnID; the name of the site if it is not given.
        every: how often VENs report.
        poll: how often a VEN that cannot be reached comes for its messages.
    """

    vtn: str = ""
    every: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(seconds=10)


@attrs.frozen(slots=True)
class OperatorEntry:
    """The IEC 61850 server in which an operator above sees all points: on the session of the host (8-2).

    Attributes:
        clients: who is let in: bare JIDs, and for TCP subjects of certificates or IP addresses; `*` is anybody.
        ied: name of its IED.
        tables: tables that say where points are; what they do not say has a place by itself.
        listen: `HOST:PORT`, to be served on TCP (8-1) too.
        rights: file of who may do what, beside the site file; without it, who is let in may do all.
        generic: whether points that no table places are served in generic nodes.
    """

    clients: tuple[str, ...]
    ied: str = "EMS"
    tables: Tables = ()
    listen: str | None = None
    rights: str | None = None
    generic: bool = True


@attrs.frozen(slots=True)
class DeviceEntry:
    """A device of the site.

    Attributes:
        name: as it stands in the names of its points, `der.<name>.p`.
        table: its conversion table, beside the site file or among those of the program.
        address: how it is reached: for IEC 61850 `jid` and `ied`; a number (`port: 502`) is taken as text.
        figures: its own figures, e.g. `rating` in kW and `energy` in kWh.
        description: one line for people.
        cid: the SCL file of its server, beside the site file.
        driver: how it is reached, if the folder of its table does not say it.
    """

    name: str
    table: str
    address: dict[str, str | int | float] = attrs.field(factory=dict)
    figures: dict[str, float] = attrs.field(factory=dict)
    description: str = ""
    cid: str = ""
    driver: str = ""


@attrs.frozen(slots=True)
class SiteFile:
    """A site: its devices, how they are reached, and what it is to the utility.

    Attributes:
        name: of the site.
        domain: XMPP domain that `{domain}` stands for; a program may put another in its place.
        ems: the host that runs the site.
        openadr: what the site is to the utility; nothing, if it is not given.
        devices: in the order in which people look at them.
        below: the VTN of the VENs among them.
        operator: the server of an operator above; none if it is not given.
        inherits: another site file, from which comes everything that is not given here; devices go by name.
        without: devices of that site which this one does not have.
    """

    name: str
    domain: str
    ems: HostEntry
    devices: tuple[DeviceEntry, ...]
    openadr: OpenAdrEntry | None = None
    below: BelowEntry = BelowEntry()
    operator: OperatorEntry | None = None
    inherits: str = ""
    without: tuple[str, ...] = ()


AS_A_WHOLE = frozenset({"signing"})
"""Keys whose mapping is taken as a whole; others are merged key by key."""


def assembled(path: Path) -> Document:
    """Return a site file with everything it inherits in its place; each value knows the file it stands in.

    Raises `ConfigError` for a file that cannot be read, that inherits itself, or leaves out a device that is not there.
    """
    return _assembled(path, ())


def _assembled(path: Path, heirs: tuple[Path, ...]) -> Document:
    document = read(path)
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("inherits", None), str):
        if isinstance(data, dict) and "without" in data and "inherits" not in data:
            raise document.error("there is nothing to leave out: this site inherits no other", "without")
        return document
    parent = _found(document, data["inherits"])
    heirs = (*heirs, path.resolve())
    if parent.resolve() in heirs:
        course = " → ".join(each.name for each in (*heirs[heirs.index(parent.resolve()) :], parent))
        raise document.error(f"a site cannot inherit itself: {course}", "inherits")
    return _Heir(document, _assembled(parent, heirs)).assembled()


def _found(document: Document, name: str) -> Path:
    folders = (document.file("inherits").parent, mappings_dir() / "sites")
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    known = [path.name for folder in folders for path in sorted(folder.glob("*.yaml"))]
    hint = near(name, known) or ": it is beside this one, or one of the program"
    raise document.error(f"there is no site file {name!r}{hint}", "inherits")


class _Heir:
    """A site file laid over the one that it inherits."""

    def __init__(self, own: Document, base: Document) -> None:
        self.own = own
        self.base = base
        self.made = Document(own.source)

    def assembled(self) -> Document:
        self.made.data = self._mapping((), (), ())
        return self.made

    def _mapping(self, own: Trail, base: Trail, trail: Trail) -> dict[str, Any]:
        ours, theirs = self.made.graft(self.own, own, trail, deep=False), self.base.at(base)
        left_out = {"inherits", "without"} if not trail else set()
        keys = dict.fromkeys((*(key for key in theirs if key not in left_out), *ours))
        return {key: self._value(key, ours, theirs, own, base, trail) for key in keys}

    def _value(
        self, key: str, ours: dict[str, Any], theirs: dict[str, Any], own: Trail, base: Trail, trail: Trail
    ) -> Any:
        place = (*trail, key)
        lists = isinstance(theirs.get(key), list) and isinstance(ours.get(key, []), list)
        if not trail and key == "devices" and lists:
            return self._devices(ours, theirs[key])
        if key not in ours:
            return self.made.graft(self.base, (*base, key), place)
        both = isinstance(ours[key], dict) and isinstance(theirs.get(key), dict)
        if both and key not in AS_A_WHOLE:
            return self._mapping((*own, key), (*base, key), place)
        return self.made.graft(self.own, (*own, key), place)

    def _devices(self, ours: dict[str, Any], theirs: list[Any]) -> list[Any]:
        """Return the devices: those inherited, each with what is given here for its name, then the new ones."""
        source = self.own if "devices" in ours else self.base
        self.made.graft(source, ("devices",), ("devices",), deep=False)
        gone = self._left_out(ours, _named(theirs))
        mine = _named(ours.get("devices", []))
        used: set[int] = set()
        devices: list[Any] = []
        for index, entry in enumerate(theirs):
            name = entry.get("name") if isinstance(entry, dict) else None
            place: Trail = ("devices", len(devices))
            if name in gone:
                continue
            if name in mine:
                used.add(mine[name])
                devices.append(self._mapping(("devices", mine[name]), ("devices", index), place))
            else:
                devices.append(self.made.graft(self.base, ("devices", index), place))
        for index, entry in enumerate(ours.get("devices", [])):
            if index not in used:
                self._check_new(index, entry, _named(theirs))
                devices.append(self.made.graft(self.own, ("devices", index), ("devices", len(devices))))
        return devices

    def _check_new(self, index: int, entry: Any, known: Iterable[str]) -> None:
        """See that a device that is not inherited is really a new one: then it names its table."""
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and "table" not in entry:
            reason = f"a new device needs a table, and {name!r} is none of the site inherited{near(name, known)}"
            raise self.own.error(reason, "devices", index)

    def _left_out(self, ours: dict[str, Any], known: Iterable[str]) -> set[str]:
        names = ours.get("without", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return set()
        for index, name in enumerate(names):
            if name not in known:
                near = get_close_matches(name, known, 1, 0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
                raise self.own.error(f"the site inherited has no device {name!r}; {hint}", "without", index)
        return set(names)


def _named(entries: list[Any]) -> dict[str, int]:
    """Return where the device of each name stands first."""
    found: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            found.setdefault(entry["name"], index)
    return found


def near(name: str, known: Iterable[str]) -> str:
    """Return what is near a name that is not known, to be put behind the reason; nothing if nothing is."""
    found = get_close_matches(name, list(known), 1, 0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def places(document: Document, name: str, *trail: str | int) -> tuple[Path, ...]:
    """Return where a table that stands at `trail` is looked for: beside the file that names it, then in the program."""
    return document.file(*trail).parent / name, mappings_dir() / name
