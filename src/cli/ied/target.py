"""How the commands reach a server: their common options, the XMPP account, and a clean end by Ctrl-C."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from ...common.errors import LocalError
from ...common.xmpp.login import Login
from ...common.xmpp.slix import SlixSession
from ...iec61850.client import Ied, connect
from ...iec61850.model.nodes import Model
from ...iec61850.scl import read as read_scl
from ...iec61850.scsm81 import tls
from .protection import Protection, protected, tell

_XMPP_ONLY = frozenset({"account", "jid", "host", "port"})
_TCP_ONLY = frozenset({"cert", "key"})

F = TypeVar("F", bound=Callable[..., None])

_VARIABLE = "JANUSGRID_PASSWORD"
_ACSE_VARIABLE = "JANUSGRID_ACSE_PASSWORD"
_File = click.Path(exists=True, dir_okay=False, path_type=Path)

_JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
_TIMEOUT = click.option("--timeout", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True)
_ACCOUNT = [
    click.option("--account", type=_File, help="XMPP: the file of our account (jid, password, host, port, ca)"),
    click.option("--jid", help=f"XMPP: our JID instead of a file; the password is that in {_VARIABLE}"),
    click.option("--host", help="XMPP: where the server is, with --jid; DNS is asked unless given"),
    click.option("--port", type=click.IntRange(1, 65535), help="XMPP: its port, with --host"),
]
_ACCOUNT_OPTIONS = [
    _JSON,
    *_ACCOUNT,
    click.option("--ca", type=_File, help="authority of the server's certificate (PEM)"),
    _TIMEOUT,
]
_OPTIONS = [
    _JSON,
    *_ACCOUNT,
    click.option("--ca", type=_File, help="authority of the server's certificate (PEM); TCP: use TLS"),
    click.option("--cert", type=_File, help="TCP: our certificate for TLS (PEM)"),
    click.option("--key", type=_File, help="TCP: its key (PEM)"),
    click.option("--dialect", default="80-3", show_default=True, help="XMPP: how the server writes XER"),
    click.option(
        "--keep-alive",
        type=click.FloatRange(0),
        default=30.0,
        show_default=True,
        help="TCP: seconds of silence after which the server is asked whether it is there; 0 never asks",
    ),
    _TIMEOUT,
]


def reaches(command: F) -> F:
    """Give a command the argument TARGET and the options of a connection; it gets them as one `Target`."""

    def wrapped(target: str, **given: Any) -> None:
        protection = Protection.taken(given)
        fields = {name: given.pop(name) for name in attrs.fields_dict(Target) if name in given}
        command(Target(target, protection=protection, **fields), **given)

    wrapped.__doc__ = command.__doc__
    wrapped.__name__ = command.__name__
    wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    wrapped = protected(wrapped)
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return click.argument("target")(wrapped)  # type: ignore[return-value]


def by_account(command: F) -> F:
    """Give a command the options of an XMPP account; it gets them as a `Target` that is no server yet."""

    def wrapped(**given: Any) -> None:
        fields = {name: given.pop(name) for name in attrs.fields_dict(Target) if name in given}
        command(Target("xmpp:", **fields), **given)

    wrapped.__doc__ = command.__doc__
    wrapped.__name__ = command.__name__
    wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(_ACCOUNT_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


@attrs.frozen(slots=True)
class Target:
    """A server, and how it is reached."""

    address: str
    as_json: bool = False
    account: Path | None = None
    jid: str | None = None
    host: str | None = None
    port: int | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    dialect: str = "80-3"
    keep_alive: float = 30.0
    timeout: float = 10.0
    protection: Protection = Protection()

    def tell(self, what: Any, lines: Iterable[str] = ()) -> None:
        """Print the outcome: an object with --json, else lines, which may be none."""
        for line in [json.dumps(what, indent=2)] if self.as_json else lines:
            click.echo(line)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Ied]:
        """Give the server, with an association that is released in the end."""
        self._check()
        place = self._place()
        if self._over_xmpp:
            security, validation = self.protection.security(), self.protection.validation()
            try:
                async with (
                    self._login().session() as session,
                    connect(
                        place, session=session, dialect=self.dialect, timeout=self.timeout,
                        security=security, validation=validation,
                    ) as ied,
                ):  # fmt: skip
                    yield ied
            finally:
                tell(validation)
            return
        password, alive = acse_password(), self.keep_alive
        async with connect(place, tls=self._tls(), password=password, keep_alive=alive, timeout=self.timeout) as ied:
            yield ied

    def session(self) -> SlixSession:
        """Return an XMPP session of the account, not open yet."""
        self._check()
        return self._login().session()

    @property
    def _over_xmpp(self) -> bool:
        """Whether it is reached over XMPP; what an SCL file says is, where an account is given."""
        by_account = self.address.startswith("scl:") and (self.account is not None or self.jid is not None)
        return by_account or self.address.startswith("xmpp:")

    def _place(self) -> str | Model:
        """Return the address, or for `scl:FILE` and `scl:FILE#IED` the model that says where it is."""
        if not self.address.startswith("scl:"):
            return self.address
        file, _, ied = self.address.removeprefix("scl:").partition("#")
        return read_scl(Path(file), ied=ied or None).model

    def _check(self) -> None:
        """Refuse options that would not be heeded: who gives them believes that they do something."""
        given = {name for name in _XMPP_ONLY | _TCP_ONLY | {"ca"} if getattr(self, name) is not None}
        if not self._over_xmpp:
            wrong, why = given & _XMPP_ONLY, "for XMPP; the target is none"
            if self.protection.given:
                raise click.UsageError("end-to-end security and --validate are for XMPP; the target is none")
        elif self.account is not None:
            wrong, why = given - {"account"}, "not for use with --account: the file has it"
        else:
            wrong, why = given & _TCP_ONLY, "for TCP; over XMPP it is the password that says who we are"
        if wrong:
            raise click.UsageError(f"{' and '.join(f'--{name}' for name in sorted(wrong))}: {why}")

    def _tls(self) -> ssl.SSLContext | None:
        return tls_context(tls.client_context, self.ca, self.cert, self.key)

    def _login(self) -> Login:
        if self.account is not None:
            return Login.load(self.account)
        if self.jid is None:
            raise LocalError("over XMPP an account is needed: --account FILE, or --jid", where=self.address)
        password = os.environ.get(_VARIABLE)
        if not password:
            raise LocalError(f"set {_VARIABLE} to the password of {self.jid}, or give --account FILE")
        return Login(self.jid, password, self.host, self.port, self.ca)


def acse_password() -> str | None:
    """Return the password for ACSE authentication, which is in the environment; None if there is none."""
    return os.environ.get(_ACSE_VARIABLE) or None


def tls_context(
    make: Callable[[Path, Path, Path], ssl.SSLContext], ca: Path | None, cert: Path | None, key: Path | None
) -> ssl.SSLContext | None:
    """Return what --ca, --cert and --key together say; None where none of them is given."""
    if ca is None and cert is None and key is None:
        return None
    if ca is None or cert is None or key is None:
        raise click.UsageError("TLS needs all of --ca, --cert and --key")
    return make(ca, cert, key)
