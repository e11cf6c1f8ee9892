"""`connect`: from an address to an `Ied`."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...common.clock import Clock
from ...common.errors import LocalError
from ...common.sntp import TimeClient
from ...common.xmpp.session import Session
from ..acsi.ports import ClientAssociation
from ..acsi.services import Origin
from ..mapping.initiate import Limits
from ..model.nodes import Model
from ..scsm81.address import Address
from .ied import Ied
from .returning import Returned

if TYPE_CHECKING:
    from ..scsm82.protection import Security
    from ..scsm82.validation import Validation


class Connecting:
    """An association to be opened: `async with` it, or await it."""

    def __init__(
        self, target: str, options: dict[str, Any], clock: Clock | TimeClient | None, origin: Origin | None
    ) -> None:
        self._target = target
        self._options = options
        self._clock = clock
        self._origin = origin
        self._ied: Ied | None = None

    def __repr__(self) -> str:
        return f"<connect {self._target}: not yet, await it or async with it>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(f"{name}: nothing is open yet; await connect(...), or async with it")

    async def _open(self) -> Ied:
        async def opener() -> ClientAssociation:
            return await associate(self._target, **self._options)

        returned = _returned(self._target, self._options["session"])
        return Ied(await opener(), clock=self._clock, origin=self._origin, opener=opener, returned=returned)

    def __await__(self) -> Generator[Any, None, Ied]:
        return self._open().__await__()

    async def __aenter__(self) -> Ied:
        self._ied = await self._open()
        return self._ied

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ied is not None:
            await self._ied.release()


def connect(
    target: str | Model,
    *,
    session: Session | None = None,
    dialect: str = "80-3",
    security: Security | None = None,
    validation: Validation | None = None,
    tls: SSLContext | None = None,
    password: str | bytes | None = None,
    local: Address | None = None,
    remote: Address | None = None,
    keep_alive: float = 30.0,
    limits: Limits | None = None,
    timeout: float = 10.0,
    clock: Clock | TimeClient | None = None,
    origin: Origin | None = None,
) -> Connecting:
    """Open an association with a server, over XMPP (SCSM 8-2) or TCP (SCSM 8-1).

        async with connect("xmpp:dg750@plant.example/IEC", session=session) as ied:
            print(await ied.read("DG750DER/MMXU1.TotW.mag.f"))

        async with connect("tcp://dg750.plant.example") as ied:
            print(await ied.read("DG750DER/MMXU1.TotW.mag.f"))

    Args:
        target: `xmpp:` and the full JID of the server, whose resource is `IEC` where none is given; or `tcp://` and
            its host, with the port if it is not 102 (3782 with TLS). Or the server's model, of `scl.read`: then it is
            reached where its SCL file says, with a session by its JID, else by its IP address, port and selectors.
        session: XMPP: an open session; any number of associations share one.
        dialect: XMPP: how the server writes XER: `80-3`, or `2018` (provisional).
        security: XMPP: end-to-end security (`scsm82.protection.Security`): the servers between are not trusted.
        validation: XMPP: every PDU is held against its schema (`scsm82.validation.Validation`), to find faults.
        tls: TCP: a context that shows our certificate and checks the server's (`scsm81.tls.client_context`).
        password: TCP: for ACSE authentication.
        local, remote: TCP: who calls, and who is called, below MMS; by default what servers listen to that nobody
            has configured otherwise.
        keep_alive: TCP: real seconds of silence after which the server is asked whether it is there; 0 never asks.
        limits: of PDU size, requests at the same time, and nesting.
        timeout: real seconds to wait for the association, and for each answer.
        clock: gives the time of commands; of a `TimeClient` their time stamps say too what it is worth.
        origin: who commands, for all controls of this client.

    Raises, when awaited: `LocalError` for a target it cannot do, `NotReachable`, `TimedOut`, `Refused`, `Malformed`.
    """
    if isinstance(target, Model):
        remote = remote or configured_address(target)
        target = configured_target(target, xmpp=session is not None)
    over_xmpp = {"session": session, "dialect": dialect, "security": security, "validation": validation}
    over_tcp = {"tls": tls, "password": password, "local": local, "remote": remote, "keep_alive": keep_alive}
    options = {**over_xmpp, **over_tcp, "limits": limits, "timeout": timeout}
    return Connecting(target, options, clock, origin)


def configured_target(model: Model, *, xmpp: bool = False) -> str:
    """Return where a server is reached, by the Communication section of its SCL file (IEC 61850-6, 9.4).

    Raises `LocalError` if the file does not say so.
    """
    texts = model.addresses
    if xmpp:
        if not texts.get("JID"):
            raise LocalError("its SCL file has no JID for it; give xmpp:user@domain/IEC", where=model.ied)
        return f"xmpp:{texts['JID']}"
    host = texts.get("IP") or texts.get("IPv6")
    if not host:
        raise LocalError("its SCL file has no IP address for it; give tcp://host", where=model.ied)
    port = texts.get("MMS-Port")
    return f"tcp://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"


def configured_address(model: Model) -> Address | None:
    """Return the selectors and the AP title of a server, None where its SCL file has none of them."""
    has_some = any(kind.startswith("OSI-") and kind != "OSI-NSAP" for kind in model.addresses)
    return Address.from_scl(model.addresses) if has_some else None


async def associate(
    target: str,
    *,
    session: Session | None,
    dialect: str,
    security: Security | None = None,
    validation: Validation | None = None,
    limits: Limits | None,
    timeout: float,
    keep_alive: float = 30.0,
    **over_tcp: Any,
) -> ClientAssociation:
    """Return an open association with the server at `target`."""
    scheme, colon, address = target.partition(":")
    over_tcp = {name: value for name, value in over_tcp.items() if value is not None}
    if scheme == "tcp" and address.startswith("//"):
        from ..scsm81.client import TcpAssociation

        host, port = _host_port(target)
        if security is not None:
            raise LocalError("end-to-end security is for XMPP; over TCP give `tls`", where=target)
        if validation is not None:
            raise LocalError("over TCP there is no XML to be valid; `validation` is for XMPP", where=target)
        return await TcpAssociation.open(host, port, limits=limits, timeout=timeout, keep_alive=keep_alive, **over_tcp)
    if scheme != "xmpp" or not colon or not address:
        raise LocalError("a target is xmpp:user@domain/IEC, tcp://host or tcp://host:port", where=target)
    if session is None:
        raise LocalError("give the open XMPP session: connect(target, session=...)", where=target)
    if over_tcp:
        raise LocalError(f"{', '.join(over_tcp)}: that is for TCP, XMPP has it in its session", where=target)
    from ..scsm82.client import XmppAssociation

    return await XmppAssociation.open(
        session, address, dialect=dialect, limits=limits, timeout=timeout, security=security, validation=validation
    )


def _returned(target: str, session: Session | None) -> Returned | None:
    """Return what tells of a server that becomes available; over TCP nothing does."""
    if session is None:
        return None
    from ..scsm82.presence import returned

    return partial(returned, session, target.removeprefix("xmpp:"))


def _host_port(target: str) -> tuple[str, int | None]:
    """Return host and port of `tcp://host:port`; an IPv6 address stands in brackets."""
    try:
        parts = urlsplit(target)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise LocalError("a TCP target is tcp://host or tcp://host:port", where=target) from None
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise LocalError("a TCP target is tcp://host or tcp://host:port", where=target)
    return host, port
