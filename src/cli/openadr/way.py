"""How a program is reached and reaches others: what its configuration says of HTTP and XMPP, made into transports."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

import attrs

from ...common.config import Document, Step, host_port
from ...common.errors import ConfigError, JanusGridError, LocalError
from ...common.security import MODERN, OPENADR, Credentials, client_context, is_fingerprint, server_context
from ...common.security.entry import SigningEntry
from ...common.xmpp.login import Login
from ...openadr.binding.http import HttpTransport
from ...openadr.binding.transport import Transport
from ...openadr.binding.xmpp import XmppTransport
from ...openadr.core.identity import ANYBODY
from ...openadr.core.outbox import Retry
from ...openadr.core.ven import WHEN_REFUSED
from ...openadr.model import EiTarget
from ...openadr.signing import Signing
from ...openadr.signing.entry import signing
from .limits import LimitsEntry

PROFILES = {profile.name: profile for profile in (MODERN, OPENADR)}

Complain = Callable[..., None]
"""Takes a reason and the trail to what is wrong."""


@attrs.frozen(slots=True)
class Http:
    """Simple HTTP, as it is written.

    Attributes:
        listen: `host:port` to be posted to.
        url: the root under which peers reach it, if that is another.
        certificate, key, authorities, revoked: PEM files.
        profile: of TLS.
        plain: no TLS at all: for laboratories.
        limits: what is taken of those who post.
    """

    listen: str | None = None
    url: str | None = None
    certificate: str | None = None
    key: str | None = None
    authorities: str | None = None
    revoked: str | None = None
    profile: Literal["modern", "openadr"] = "modern"
    plain: bool = False
    limits: LimitsEntry | None = None

    def check(self, folder: Path, complain: Complain, *trail: Step) -> None:
        """Complain of what is wrong: addresses, files that are not there, keys that do not fit."""
        if self.listen is not None and host_port(self.listen) is None:
            complain(f"{self.listen!r} is not HOST:PORT", *trail, "listen")
        if self.limits is not None and self.listen is None:
            complain("limits are those of a server: it needs listen", *trail, "limits")
        elif self.limits is not None:
            self.limits.check(complain, *trail, "limits")
        if self.url is not None and urlsplit(self.url).scheme != ("http" if self.plain else "https"):
            complain(f"{self.url!r} is no {'http' if self.plain else 'https'} address", *trail, "url")
        given = [name for name in ("certificate", "key", "authorities", "revoked") if getattr(self, name) is not None]
        if self.plain and given:
            complain(f"plain is without TLS: leave out {', '.join(given)}, or plain", *trail, given[0])
        elif not self.plain and (self.certificate is None or self.key is None):
            complain("give certificate and key, or plain: true for a laboratory without TLS", *trail)
        elif not self.plain:
            absent = [name for name in given if not (folder / str(getattr(self, name))).is_file()]
            for name in absent:
                complain(f"there is no file {getattr(self, name)!r} beside the configuration", *trail, name)
            if not absent:
                self._try(folder, complain, *trail)

    def _try(self, folder: Path, complain: Complain, *trail: Step) -> None:
        credentials = self.credentials(folder)
        assert credentials is not None
        try:
            client_context(credentials, profile=PROFILES[self.profile])
            if self.listen is not None:
                server_context(credentials, profile=PROFILES[self.profile])
        except ConfigError as error:
            complain(str(error), *trail)

    def credentials(self, folder: Path) -> Credentials | None:
        """Return the certificate, and whom we trust; None without TLS."""
        if self.plain:
            return None
        certificate, key = folder / str(self.certificate), folder / str(self.key)
        authorities, revoked = (folder / name if name else None for name in (self.authorities, self.revoked))
        return Credentials(certificate, key, authorities, revoked)

    def transport(self, folder: Path, fingerprint: str = "") -> HttpTransport:
        """Return the transport; `fingerprint` is that of the VTN's certificate."""
        return HttpTransport(
            self.credentials(folder),
            listen=host_port(self.listen) if self.listen else None,
            url=self.url,
            profile=PROFILES[self.profile],
            vtn=fingerprint,
            limits=self.limits.limits() if self.limits else None,
            plain=self.plain,
        )


@attrs.frozen(slots=True)
class Ways:
    """The transports of a program: HTTP, XMPP (the file of an account), or both; and whether it signs."""

    http: Http | None
    xmpp: str | None
    folder: Path
    fingerprint: str = ""
    signing: SigningEntry | None = None

    @property
    def signs(self) -> Signing | None:
        """How messages are signed; None if they are not."""
        return signing(None if self.signing is None else self.signing.beside(self.folder))

    def check(self, complain: Complain) -> None:
        """Complain of what is wrong with them."""
        if self.signing is not None:
            self.signing.check(self.folder, complain, "signing")
        if self.http is not None:
            self.http.check(self.folder, complain, "http")
        if self.xmpp is not None:
            try:
                Login.load(self.folder / self.xmpp)
            except ConfigError as error:
                complain(str(error), "xmpp")

    async def open(self, stack: AsyncExitStack) -> list[Transport]:
        """Return the transports; the XMPP session is open until `stack` is closed."""
        found: list[Transport] = []
        if self.http is not None:
            found.append(self.http.transport(self.folder, self.fingerprint))
        if self.xmpp is not None:
            session = Login.load(self.folder / self.xmpp).session()
            found.append(XmppTransport(await stack.enter_async_context(session)))
        return found


def identities(text: str, document: Document, *trail: Step) -> tuple[str, ...]:
    """Return the identities that are written with blanks between them; raise `ConfigError` for what is none."""
    found = tuple(text.split())
    for each in found:
        if not (each == ANYBODY or "@" in each or is_fingerprint(each)):
            reason = f"{each!r} is no bare JID and no fingerprint (ten octets, AA:BB:…)"
            raise document.error(f"{reason}; {ANYBODY!r} is anybody, for laboratories", *trail)
    if not found:
        raise document.error("nobody is named", *trail)
    return found


class Meant(Protocol):
    """What else than its venID means a VEN: its resources, groups, parties, classes of devices, meters."""

    @property
    def resources(self) -> tuple[str, ...]: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def parties(self) -> tuple[str, ...]: ...
    @property
    def devices(self) -> tuple[str, ...]: ...
    @property
    def meters(self) -> tuple[str, ...]: ...


def target(meant: Meant) -> EiTarget:
    """Return what else than its venID means a VEN."""
    return EiTarget(
        resource_ids=meant.resources,
        group_ids=meant.groups,
        party_ids=meant.parties,
        end_device_assets=meant.devices,
        meter_assets=meant.meters,
    )


@attrs.frozen(slots=True)
class RefusedEntry:
    """How a VEN goes on that the VTN refuses to register, as it is written.

    Attributes:
        again: whether it tries again by itself.
        first, longest: how long that takes at most, the first time and at last.
    """

    again: bool = True
    first: timedelta = WHEN_REFUSED.first
    longest: timedelta = WHEN_REFUSED.longest

    def retry(self, complain: Complain) -> Retry | None:
        """Return it as a VEN takes it; None if it does not try again, or that cannot be, of which is complained."""
        return _retry(self.first, self.longest, "refused", complain) if self.again else None


@attrs.frozen(slots=True)
class RetryEntry:
    """When what does not go through is sent again, as it is written: after a pause that grows from first to longest."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=120)

    def retry(self, complain: Complain) -> Retry | None:
        """Return it as a role takes it; None if that cannot be, of which is complained."""
        return _retry(self.first, self.longest, "retry", complain)


def _retry(first: timedelta, longest: timedelta, name: str, complain: Complain) -> Retry | None:
    try:
        return Retry(first, longest)
    except LocalError as error:
        complain(error.message, name)
        return None


def poll_fits(every: timedelta, complain: Complain) -> None:
    """Complain of a time between polls that cannot be."""
    if every < timedelta(seconds=1) or every % timedelta(seconds=1):
        complain("is a whole number of seconds, one at least", "poll")


def is_url(address: str) -> bool:
    """Return whether an address is one of HTTP; else it is a JID."""
    return address.lower().startswith(("http://", "https://"))


def reason(error: JanusGridError) -> str:
    """Return an error as one line for people."""
    return " ".join(str(error).split())
