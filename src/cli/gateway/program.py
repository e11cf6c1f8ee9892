"""`janusgrid gateway`: devices on one mapping of IEC 61850 served on the other."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from ...common.clock import RealClock
from ...common.config import host_port
from ...common.xmpp.session import Session
from ...iec61850.gateway import Far, Gateway, opener
from ...iec61850.mapping.service import Caller
from ...iec61850.scsm81 import tls
from ...iec61850.scsm81.server import TcpServer
from ...iec61850.scsm82.server import XmppServer
from ..openadr.starting import settings_of
from ..openadr.telling import log_to_stderr
from ..running import run
from .config import ClientEntry, DeviceEntry, SecurityEntry, Settings, TlsEntry, load, place_of


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="only say whether the configuration is good")
@click.option("--json", "as_json", is_flag=True, help="print where each device is served as JSON, one object a line")
def command(config: Path, check: bool, as_json: bool) -> None:
    """Serve devices on XMPP (IEC 61850-8-2) to clients on TCP (8-1), and the other way round, as CONFIG says."""
    settings = settings_of(lambda path, _: load(path), config, RealClock(), check, _described)
    log_to_stderr(settings.file.log)
    run(serve(settings, as_json), endless=True)


def _described(settings: Settings) -> str:
    return ", ".join(device.name for device in settings.file.devices)


async def serve(settings: Settings, as_json: bool) -> None:
    """Serve until cancelled; then end everything in good order."""
    async with AsyncExitStack() as stack:
        sessions: dict[str, Session] = {}
        for name, login in settings.logins.items():
            sessions[name] = await stack.enter_async_context(login.session())
        for device in settings.file.devices:
            places = await _serve(device, settings.folder, sessions, stack)
            where = " and ".join(places.values())
            told = {"event": "up", "name": device.name, "device": device.device, **places}
            click.echo(json.dumps(told) if as_json else f"{device.name}, {device.device}, is served at {where}")
        await asyncio.Event().wait()


async def _serve(
    device: DeviceEntry, folder: Path, sessions: dict[str, Session], stack: AsyncExitStack
) -> dict[str, str]:
    """Serve one device, and return where."""
    gateway = Gateway(device.name, _chooser(device, folder, sessions))
    stack.push_async_callback(gateway.close)
    places = {}
    if device.listen is not None:
        context = _tls(device.listen_tls, folder, server=True)
        listening = TcpServer(gateway, tls=context, password=device.listen_password, area=device.area)
        host, port = host_port(device.listen) or ("", 0)
        await listening.listen(host, port)
        stack.callback(listening.stop)
        places["tcp"] = f"tcp://{f'[{host}]' if ':' in host else host}:{listening.port}"
    if device.serve is not None:
        session = sessions[device.serve]
        served = XmppServer(gateway, session, security=_security(device.serve_security, folder, device.area))
        stack.callback(served.stop)
        places["xmpp"] = f"xmpp:{session.jid}"
    return places


def _chooser(device: DeviceEntry, folder: Path, sessions: dict[str, Session]) -> Any:
    """Return what says as whom a client is led to the device; what is known of the device is known for one identity."""
    made: dict[ClientEntry, Far] = {}
    entries = device.clients or (ClientEntry(),)
    for entry in entries:
        reach = _opener(device, entry, folder, sessions)
        made[entry] = Far(device.name, reach, text=device.over_xmpp, keep=device.lost == "keep")

    def choose(caller: Caller) -> Far | None:
        entry = device.entry(caller)
        return None if entry is None else made[entry]

    return choose


def _opener(device: DeviceEntry, entry: ClientEntry, folder: Path, sessions: dict[str, Session]) -> Any:
    timeout = device.timeout.total_seconds()
    target, remote = place_of(device, folder)
    if device.over_xmpp:
        session = sessions[entry.account or device.account or ""]
        security = _security(entry.security or device.security, folder)
        return opener(target, session=session, dialect=device.dialect, security=security, timeout=timeout)
    context = _tls(entry.tls or device.tls, folder, server=False)
    password = entry.password or device.password
    return opener(target, tls=context, password=password, remote=remote, timeout=timeout)


def _tls(entry: TlsEntry | None, folder: Path, *, server: bool) -> ssl.SSLContext | None:
    if entry is None:
        return None
    make = tls.server_context if server else tls.client_context
    files = (folder / file for file in (entry.authorities, entry.certificate, entry.key))
    return make(*files, revoked=folder / entry.revoked if entry.revoked else None)


def _security(entry: SecurityEntry | None, folder: Path, area: str = "") -> Any:
    if entry is None:
        return None
    from ...iec61850.scsm82.protection import Security

    return Security.of(entry.credentials(folder), policy=entry.policy, suites=entry.chosen, area=area)
