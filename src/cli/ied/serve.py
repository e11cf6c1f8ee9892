"""`janusgrid ied serve`: a server from an SCL file."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import click

from ...common.errors import LocalError
from ...common.security.role import role_number
from ...common.xmpp.login import Login
from ...iec61850.acsi.references import FC, Reference
from ...iec61850.client.connect import configured_address, configured_target
from ...iec61850.engine.steps import Command
from ...iec61850.model.nodes import Model
from ...iec61850.scsm81.client import PORT, TLS_PORT
from ...iec61850.scsm81.tls import server_context
from ...iec61850.server import Server
from ..running import run
from .protection import Protection, protected, tell
from .rights import load
from .target import acse_password, tls_context

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_File)
@click.option("--tcp", metavar="HOST:PORT", help="listen there (8-1); 127.0.0.1:102 (TLS: 3782) if nothing is given")
@click.option(
    "--configured", is_flag=True, help="listen where the file says; refuse who calls other selectors or titles"
)
@click.option("--xmpp", type=_File, metavar="ACCOUNT-FILE", help="serve on this XMPP account (8-2)")
@click.option("--registry", metavar="JID", help="with --xmpp: register there, with nameplate and model")
@click.option("--ca", type=_File, help="TCP: use TLS, and take clients with a certificate of this authority (PEM)")
@click.option("--cert", type=_File, help="TCP: our certificate for TLS (PEM)")
@click.option("--key", type=_File, help="TCP: its key (PEM)")
@click.option("--rights", "table", metavar="FILE", help="who may do what: a table of rights; `default` for ours")
@click.option("--anonymous", multiple=True, metavar="ROLE", help="with --rights: what clients are that prove no role")
@click.option("--area", default="", help="where it is: roles for another area do not hold here")
@click.option("--time-server", "time_servers", multiple=True, metavar="HOST[:PORT]", help="SNTP server; several times")
@click.option("--ied", help="which IED, where the file has several")
@click.option("--access-point", help="which access point of it")
@click.option("--accept", is_flag=True, help="carry out every command: the status takes the control value")
@click.option("--files", type=click.Path(exists=True, file_okay=False, path_type=Path), help="directory to serve")
@click.option("--writable", is_flag=True, help="with --files: clients may write, rename and delete")
@click.option("--json", "as_json", is_flag=True, help="print where it serves as JSON")
@protected
def serve(
    file: Path,
    tcp: str | None,
    configured: bool,
    xmpp: Path | None,
    registry: str | None,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    table: str | None,
    anonymous: tuple[str, ...],
    area: str,
    time_servers: tuple[str, ...],
    ied: str | None,
    access_point: str | None,
    accept: bool,
    files: Path | None,
    writable: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Serve an SCL FILE over TCP, XMPP or both."""
    if writable and files is None:
        raise click.UsageError("--writable goes with --files")
    if registry and xmpp is None:
        raise click.UsageError("--registry goes with --xmpp")
    if anonymous and table is None:
        raise click.UsageError("--anonymous goes with --rights")
    known = load(table) if table is not None else None
    roles = [role_number(role) for role in anonymous]
    protection = Protection.taken(given)
    if protection.given and not xmpp:
        raise click.UsageError("end-to-end security and --validate are for XMPP: give --xmpp")
    security, validation = protection.security(), protection.validation()
    security = security and attrs.evolve(security, area=area)
    tls = tls_context(server_context, ca, cert, key)
    standard = TLS_PORT if tls else PORT
    over_tcp = tcp or tls or configured or not xmpp
    if tcp:
        _address(tcp)  # said at once
    login = Login.load(xmpp) if xmpp else None

    async def work() -> None:
        async with AsyncExitStack() as open_:
            server = Server.from_scl(
                file, ied=ied, access_point=access_point, time_servers=time_servers, rights=known, anonymous=roles
            )
            await open_.enter_async_context(server)
            if files is not None:
                server.serve_files(files, writable=writable)
            if accept:
                _accept(server)
            places = {"ied": server.model.ied}
            if over_tcp:
                if configured and not tcp:
                    found = urlsplit(configured_target(server.model))
                    host, port = found.hostname or "", found.port or standard
                else:
                    host, port = _address(tcp or f"127.0.0.1:{standard}")
                who = configured_address(server.model) if configured else None
                password = acse_password()
                listener = await server.start_tcp(host, port, address=who, tls=tls, password=password, area=area)
                places["tcp"] = f"tcp://{f'[{host}]' if ':' in host else host}:{listener.port}"
            if login is not None:
                session = await open_.enter_async_context(login.session())
                server.start(session, security=security, validation=validation)
                places["xmpp"] = f"xmpp:{session.jid}"
                if registry:
                    await open_.enter_async_context(await server.register(session, registry))
            where = [place for name, place in places.items() if name != "ied"]
            click.echo(json.dumps(places) if as_json else f"{server.model.ied} at {' and '.join(where)}")
            open_.callback(tell, validation)
            await server.wait_closed()

    run(work(), endless=True)


def _address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`; port 0 takes a free one."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise LocalError("listen on HOST:PORT, 0.0.0.0:102 for instance", where=text)
    return host.strip("[]"), int(port)


def _accept(server: Server) -> None:
    for reference in _controls(server.model):
        if server.engine.tree.find(reference.with_fc(FC.CO).child("Oper")) is not None:
            server.on_operate(str(reference))(_carried_out)


def _controls(model: Model) -> list[Reference]:
    return [
        Reference(device.name, node.name, (name,))
        for device in model.devices.values()
        for node in device.nodes.values()
        for name in node.objects
    ]


def _carried_out(command: Command) -> None:
    click.echo(f"{command.peer} operates {command.reference} = {command.value!r}", err=True)
