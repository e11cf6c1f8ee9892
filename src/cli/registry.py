"""`janusgrid registry`: a registry of DERs from its configuration."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import attrs
import click

from ..common import config
from ..common.clock import RealClock
from ..common.errors import ConfigError, LocalError
from ..common.xmpp import jid as jids
from ..common.xmpp.login import Login
from ..iec61850.registry import DatabaseStore, Happening, Limits, RegistryServer
from .openadr.places import Level, place
from .openadr.starting import many
from .openadr.telling import Teller, log_to_stderr
from .running import run


@attrs.frozen(slots=True)
class RegistryFile:
    """The file as it is written.

    Attributes:
        xmpp: file of its XMPP account, beside this one.
        devices: who may register: bare JIDs, and domains of which any account may.
        readers: who may look up devices and watch them, in the same way.
        store: file of a database, beside this one, or a URL; without it all is forgotten at the end.
        keep: how long a device stays registered that is not seen.
        log: what is logged, on standard error.
    """

    xmpp: str
    devices: tuple[str, ...]
    readers: tuple[str, ...]
    store: str | None = None
    keep: timedelta = Limits().keep
    log: Level = "warning"


@click.command()
@click.argument("config_file", metavar="CONFIG", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="only say whether the configuration is good")
@click.option("--json", "as_json", is_flag=True, help="print JSON, one object a line")
def command(config_file: Path, check: bool, as_json: bool) -> None:
    """Run a registry of DERs as CONFIG says, until Ctrl-C or SIGTERM. It prints what happens."""
    settings = config.load(config_file, RegistryFile)
    login = Login.load(config_file.parent / settings.xmpp)
    for name in (*settings.devices, *settings.readers):
        try:
            jids.normal(name)
        except LocalError as error:
            raise ConfigError(error.message, where=str(config_file)) from None
    if check:
        who = f"{many(len(settings.devices), 'name', 'names')} may register, {len(settings.readers)} may look up"
        click.echo(f"{config_file}: registry {jids.bare(jids.normal(login.jid))}, {who}, no fault")
        return
    log_to_stderr(settings.log)
    run(serve(settings, config_file.parent, login, as_json), endless=True)


async def serve(settings: RegistryFile, folder: Path, login: Login, as_json: bool) -> None:
    """Run until cancelled; then end everything in good order."""
    say = Teller(as_json, RealClock().now)
    async with AsyncExitStack() as stack:
        store = None
        if (where := place(settings.store, folder)) is not None:
            store = DatabaseStore(where)
            stack.callback(store.close)
        session = login.session()
        served = RegistryServer(
            session,
            devices=settings.devices,
            readers=settings.readers,
            store=store,
            limits=Limits(keep=settings.keep),
        )
        served.on_change(lambda happening: _tell(say, happening))
        await stack.enter_async_context(session)
        await stack.enter_async_context(served)
        known = len(served.devices)
        say.tell("up", f"registry {session.jid} is there, with {many(known, 'device', 'devices')}",
                 registry=session.jid, devices=known)  # fmt: skip
        try:
            await asyncio.Event().wait()
        finally:
            say.tell("down", "the registry ends")


def _tell(say: Teller, what: Happening) -> None:
    device = what.device
    plate = " ".join(filter(None, (device.nameplate.vendor, device.nameplate.model)))
    say.tell(what.kind.value, f"{device.jid} {what.kind.value}{f': {plate}' if plate else ''}",
             jid=device.jid, address=device.address, vendor=device.nameplate.vendor, model=device.nameplate.model,
             ratings=device.nameplate.ratings)  # fmt: skip
