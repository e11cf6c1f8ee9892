"""The driver `iec61850`: devices with an IEC 61850 server, over XMPP (8-2) or TCP (8-1).

Address of a device over XMPP:

* `jid`: full JID of its server;
* `dialect`: how it writes XER, `80-3` or `2018`;
* `certificate`, `key`, `authorities`, `revoked`: PEM files beside the site file, for end-to-end security; `policy` is
  `required`, or `allowed` where it may go without.

Over TCP:

* `host`, and `port` if it is not 102 (with TLS 3782);
* `certificate`, `key`, `authorities`: PEM files, for TLS;
* `password`: of ACSE.

`timeout` is for the association and each answer. Other keys, such as `ied`, are for the references of the table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from ...common.data.site import Device
from ...common.security.tls import Credentials
from ...common.xmpp.session import Session
from ...iec61850 import Ied, connect
from ...iec61850.access import DeviceAccess
from ...iec61850.acsi.services import Origin, OriginCategory
from ...iec61850.scsm82.context import PROFILES
from ...iec61850.scsm82.presence import returned
from .port import Surroundings
from .settings import Settings

_XMPP = ("jid", "dialect", "revoked", "policy")
_TCP = ("host", "port", "password")
_BOTH = ("certificate", "key", "authorities", "timeout", "ied")


class Iec61850Driver:
    """Makes links to IEC 61850 servers: `DeviceAccess`."""

    def link(self, device: Device, surroundings: Surroundings) -> DeviceAccess:
        """Return a link to a device (see `Driver`)."""
        settings = Settings(device, (*_XMPP, *_TCP, *_BOTH))
        if ("jid" in settings) == ("host" in settings):
            raise settings.error("address: give jid for a device on XMPP (8-2), or host for one on TCP (8-1)")
        over_xmpp = "jid" in settings
        for key in _TCP if over_xmpp else _XMPP:
            if key in settings:
                raise settings.error(f"address: {key} is for {'TCP' if over_xmpp else 'XMPP'}, the device is not there")
        session = surroundings.session
        if over_xmpp and session is None:
            raise settings.error("it is on XMPP, and this program has no session there")
        name = session.jid if session is not None else "janusgrid"
        origin = Origin(OriginCategory.AUTOMATIC_REMOTE, name.encode()[:64])
        options: dict[str, Any] = {"timeout": settings.seconds("timeout", 10.0, 0.1, 600.0)}
        options |= _xmpp(settings, session) if over_xmpp else _tcp(settings)
        target = f"xmpp:{settings.text('jid')}" if over_xmpp else _target(settings)

        async def associate() -> Ied:
            return await connect(target, clock=surroundings.clock, origin=origin, **options)

        return DeviceAccess(
            device.name, device.bindings, associate, surroundings.clock, integrity=surroundings.renew_s,
            returned=_returned(session, settings) if over_xmpp else None,
        )  # fmt: skip


def _returned(session: Session | None, settings: Settings) -> Callable[[], Awaitable[None]] | None:
    return None if session is None else partial(returned, session, settings.text("jid"))


def _target(settings: Settings) -> str:
    host = settings.text("host")
    port = f":{settings.whole('port', None, 1, 65535)}" if "port" in settings else ""
    return f"tcp://{f'[{host}]' if ':' in host else host}{port}"


def _xmpp(settings: Settings, session: Session | None) -> dict[str, Any]:
    dialect = settings.choice("dialect", PROFILES, "") if "dialect" in settings else "80-3"
    options: dict[str, Any] = {"session": session, "dialect": dialect}
    files = _files(settings)
    if files is None:
        if "policy" in settings or "revoked" in settings:
            raise settings.error("address: policy and revoked go with certificate, key and authorities")
        return options
    from ...iec61850.scsm82.protection import Security  # who does not want it needs no cryptography

    optional = "policy" in settings and settings.choice("policy", ("required", "allowed"), "") == "allowed"
    return options | {"security": Security.of(files, policy="allowed" if optional else "required")}


def _tcp(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {"password": settings.text("password")} if "password" in settings else {}
    files = _files(settings)
    if files is None or files.authorities is None:
        return options
    from ...iec61850.scsm81 import tls

    return options | {"tls": tls.client_context(files.authorities, files.certificate, files.key)}


def _files(settings: Settings) -> Credentials | None:
    """Return the certificate of the program, its key and whom it trusts; None where none of them is named."""
    names = ("certificate", "key", "authorities")
    found = {name: settings.file(name) for name in names}
    missing = [name for name in names if found[name] is None]
    if len(missing) == len(names):
        return None
    if missing:
        raise settings.error(f"address: certificate, key and authorities belong together; {missing[0]} is missing")
    certificate, key = found["certificate"], found["key"]
    assert certificate is not None
    assert key is not None
    return Credentials(certificate, key, found["authorities"], settings.file("revoked"))
