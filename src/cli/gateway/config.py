"""The configuration of `janusgrid gateway`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import attrs

from ...common.config import Document, Step, host_port, read, together
from ...common.errors import ConfigError, JanusGridError
from ...common.security.e2e import Suite
from ...common.security.role import role_number
from ...common.security.tls import Credentials
from ...common.xmpp.login import Login
from ...iec61850.client.connect import configured_address, configured_target
from ...iec61850.mapping.service import Caller
from ...iec61850.scl import read as read_scl
from ...iec61850.scsm81.address import Address
from ...iec61850.scsm82.context import PROFILES

Level = Literal["error", "warning", "info", "debug"]
Complain = Callable[..., None]
_FILES = ("certificate", "key", "authorities", "revoked")


@attrs.frozen(slots=True)
class TlsEntry:
    """TLS on TCP: PEM files beside the configuration; both sides show a certificate of `authorities`, which is not on
    a list of `revoked`."""

    certificate: str
    key: str
    authorities: str
    revoked: str | None = None


@attrs.frozen(slots=True)
class SecurityEntry:
    """End-to-end security on XMPP.

    Attributes:
        certificate, key, authorities, revoked: PEM files beside the configuration.
        policy: `required`, no association without; `allowed`, also without where the other side has none.
        suites: `encrypted`, `clear`: what is offered, the best first, or taken.
    """

    certificate: str
    key: str
    authorities: str
    revoked: str | None = None
    policy: Literal["required", "allowed"] = "required"
    suites: tuple[Literal["encrypted", "clear"], ...] = ("encrypted",)

    def credentials(self, folder: Path) -> Credentials:
        """Return the files."""
        revoked = folder / self.revoked if self.revoked else None
        return Credentials(folder / self.certificate, folder / self.key, folder / self.authorities, revoked)

    @property
    def chosen(self) -> tuple[Suite, ...]:
        """The suites."""
        return tuple(Suite[name.upper()] for name in self.suites)


@attrs.frozen(slots=True)
class ClientEntry:
    """Who is let in, and as whom it is led to the device.

    Attributes:
        who: the subject of its certificate, its IP address, or its bare JID; `*` stands for anything.
        roles: of which it has to have proved one by its certificate; none have to be, if none is given.
        account, security, tls, password: what the gateway shows the device for it, where that is not what `device`
            says.
    """

    who: str = "*"
    roles: tuple[str, ...] = ()
    account: str | None = None
    security: SecurityEntry | None = None
    tls: TlsEntry | None = None
    password: str | None = None

    def fits(self, caller: Caller) -> bool:
        """Return whether this is said of a client: of what it is called, and of what it has proved to be."""
        proved = caller.roles or frozenset()
        return fnmatchcase(caller.identity, self.who) and (
            not self.roles or any(role_number(name) in proved for name in self.roles)
        )


@attrs.frozen(slots=True)
class DeviceEntry:
    """A device, and where it is served.

    Attributes:
        name: what it is called in what the gateway says.
        device: where it is: `xmpp:user@domain/IEC`, `tcp://host:port`, or `scl:FILE#IED`, where its SCL file says: on
            XMPP, if there is an account.
        account: XMPP: file of the account by which the gateway reaches it.
        dialect: XMPP: how it writes XER.
        security: XMPP: end-to-end security with it.
        tls, password: TCP: TLS, and the password of ACSE.
        timeout: for the association, and for each of its answers.
        listen: `host:port` where clients of 8-1 find it.
        listen_tls, listen_password: TLS there, and the password of ACSE that clients have to know.
        serve: file of the account at whose JID clients of 8-2 find it.
        serve_security: end-to-end security there.
        area: where it is: roles that a client's certificate gives for another area do not hold here.
        lost: what becomes of associations when the device is gone: see `Far`.
        clients: who is let in; everybody, if none is given.
    """

    name: str
    device: str
    account: str | None = None
    dialect: str = "80-3"
    security: SecurityEntry | None = None
    tls: TlsEntry | None = None
    password: str | None = None
    timeout: timedelta = timedelta(seconds=5)
    listen: str | None = None
    listen_tls: TlsEntry | None = None
    listen_password: str | None = None
    serve: str | None = None
    serve_security: SecurityEntry | None = None
    area: str = ""
    lost: Literal["keep", "end"] = "keep"
    clients: tuple[ClientEntry, ...] = ()

    @property
    def over_xmpp(self) -> bool:
        """Whether the device is reached over XMPP."""
        return self.device.startswith("xmpp:") or (self.scl is not None and self.account is not None)

    @property
    def scl(self) -> tuple[str, str | None] | None:
        """The SCL file, and the IED in it, that say where it is."""
        if not self.device.startswith("scl:"):
            return None
        file, _, ied = self.device.removeprefix("scl:").partition("#")
        return file, ied or None

    def entry(self, caller: Caller) -> ClientEntry | None:
        """Return as whom a client is led, the first that fits; None if it is not let in."""
        return next((entry for entry in self.clients or (ClientEntry(),) if entry.fits(caller)), None)


@attrs.frozen(slots=True)
class GatewayFile:
    """The file as it is written: devices, and what is logged."""

    devices: tuple[DeviceEntry, ...]
    log: Level = "warning"


@attrs.frozen(slots=True)
class Settings:
    """A configuration that was found to be good."""

    file: GatewayFile
    folder: Path
    logins: dict[str, Login]
    """Of each account that is named, by the name of its file."""


def load(path: Path) -> Settings:
    """Return the settings in a file; raise `ConfigError` that names every fault with line and column."""
    document = read(path)
    file = document.structure(GatewayFile)
    check = _Check(document, path.parent)
    if not file.devices:
        check.complain("there is nothing to serve", "devices")
    for index, device in enumerate(file.devices):
        check.device(device, "devices", index)
    if check.faults:
        raise together(check.faults)
    return Settings(file, path.parent, check.logins)


class _Check:
    """Finds the faults of a file."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document = document
        self._folder = folder
        self._served: set[str] = set()
        self.faults: list[ConfigError] = []
        self.logins: dict[str, Login] = {}

    def complain(self, reason: str, *trail: Step) -> None:
        self.faults.append(self._document.error(reason, *trail))

    def device(self, device: DeviceEntry, *trail: Step) -> None:
        self._reached(device, *trail)
        if device.listen is None and device.serve is None:
            self.complain("give listen, host:port for clients of 8-1, or serve, an account for those of 8-2", *trail)
        if device.listen is not None and host_port(device.listen) is None:
            self.complain(f"{device.listen!r} is not HOST:PORT", *trail, "listen")
        elif device.listen is not None and not device.listen.endswith(":0"):
            self._once(device.listen, "listen", *trail)
        for name, needed in (("listen_tls", "listen"), ("listen_password", "listen"), ("serve_security", "serve")):
            if getattr(device, name) is not None and getattr(device, needed) is None:
                self.complain(f"it goes with {needed}", *trail, name)
        if device.serve is not None:
            self._account(device.serve, *trail, "serve")
            self._once(device.serve, "serve", *trail)
        for name in ("security", "tls", "listen_tls", "serve_security"):
            self._files(getattr(device, name), *trail, name)
        for index, client in enumerate(device.clients):
            self._credentials(client, device.over_xmpp, *trail, "clients", index)
            self._roles(client, device, *trail, "clients", index, "roles")
            for name in ("security", "tls"):
                self._files(getattr(client, name), *trail, "clients", index, name)

    def _reached(self, device: DeviceEntry, *trail: Step) -> None:
        place = device.device
        if device.scl is not None:
            try:
                place_of(device, self._folder)
            except JanusGridError as error:
                self.complain(str(error), *trail, "device")
        elif device.over_xmpp:
            if "@" not in place:
                self.complain(f"{place!r} is not xmpp:user@domain/IEC", *trail, "device")
            if device.account is None and not all(client.account for client in device.clients or (ClientEntry(),)):
                self.complain("a device on XMPP is reached by an account", *trail)
        elif not _is_tcp(place):
            self.complain(
                f"{place!r} is none of xmpp:user@domain/IEC, tcp://host:port and scl:FILE#IED", *trail, "device"
            )
        if device.dialect not in PROFILES:
            self.complain(f"there is no dialect {device.dialect!r}; there is {', '.join(PROFILES)}", *trail, "dialect")
        self._credentials(device, device.over_xmpp, *trail)

    def _credentials(self, entry: DeviceEntry | ClientEntry, over_xmpp: bool, *trail: Step) -> None:
        for name in ("account", "security", "tls", "password"):
            if getattr(entry, name) is not None and (name in ("account", "security")) != over_xmpp:
                self.complain(f"this is for {'TCP' if over_xmpp else 'XMPP'}, the device is not there", *trail, name)
        if entry.account is not None:
            self._account(entry.account, *trail, "account")

    def _roles(self, client: ClientEntry, device: DeviceEntry, *trail: Step) -> None:
        if client.roles and device.listen_tls is None and device.serve_security is None:
            self.complain("nobody can prove a role here: give listen_tls or serve_security", *trail)
        for number, name in enumerate(client.roles):
            try:
                role_number(name)
            except ConfigError as error:
                self.complain(error.message, *trail, number)

    def _account(self, name: str, *trail: Step) -> None:
        try:
            self.logins[name] = Login.load(self._folder / name)
        except JanusGridError as error:
            self.complain(str(error), *trail)

    def _once(self, what: str, key: str, *trail: Step) -> None:
        if what in self._served:
            self.complain(f"{what!r} serves another device already", *trail, key)
        self._served.add(what)

    def _files(self, entry: TlsEntry | SecurityEntry | None, *trail: Step) -> None:
        for name, file in _named(entry):
            if not (self._folder / file).is_file():
                self.complain(f"there is no file {file!r} beside the configuration", *trail, name)


def _named(entry: TlsEntry | SecurityEntry | None) -> Iterator[tuple[str, str]]:
    for name in _FILES:
        file = getattr(entry, name, None)
        if file is not None:
            yield name, file


def _is_tcp(place: str) -> bool:
    try:
        parts = urlsplit(place)
        return parts.scheme == "tcp" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def place_of(device: DeviceEntry, folder: Path) -> tuple[str, Address | None]:
    """Return where a device is, and on TCP what it is called there; raise what is wrong with its SCL file."""
    if device.scl is None:
        return device.device, None
    file, ied = device.scl
    model = read_scl(folder / file, ied=ied).model
    target = configured_target(model, xmpp=device.over_xmpp)
    return target, None if device.over_xmpp else configured_address(model)
