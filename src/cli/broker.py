"""`janusgrid broker`: the embedded XMPP server for a laboratory, with an account file for everybody."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..common.errors import LocalError
from ..common.xmpp import jid as jids
from ..common.xmpp.login import Login
from .running import run

if TYPE_CHECKING:
    from ..common.xmpp.broker import Broker
    from ..common.xmpp.servers.accounts import Accounts


@click.command()
@click.argument("accounts", nargs=-1, required=True, metavar="JID...")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default="accounts", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=5222, show_default=True, help="on this machine alone")
def command(accounts: tuple[str, ...], folder: Path, port: int) -> None:
    """Run an XMPP server for the accounts JID... until Ctrl-C: to try things out, never in earnest.

    Each JID, as `ems@grid.example/IEC`, gets an account file FOLDER/<name>.yaml with a password made for this run;
    `janusgrid ems`, `vtn`, `ven`, `ied` and others take it. All are of one domain, and may see each other's presence.
    The files are removed at the end.
    """
    from ..common.xmpp.broker import Broker
    from ..common.xmpp.servers.accounts import Accounts

    wanted = [jids.normal(jid) for jid in accounts]
    names = [jids.local(jid) for jid in wanted]
    if twice := {name for name in names if names.count(name) > 1}:
        raise click.UsageError(f"the account {', '.join(sorted(twice))} is given twice; one file holds one resource")
    server = Broker(jids.domain(wanted[0]), port=port)
    known = Accounts(server, wanted)

    async def serve() -> None:
        with ExitStack() as stack:
            async with server:
                _write(server, known, wanted, folder, stack)
                click.echo(f"XMPP server of {server.domain} at {server.host} port {server.port}; Ctrl-C ends it")
                for jid in wanted:
                    click.echo(f"  {jid}: {folder / jids.local(jid)}.yaml")
                await asyncio.Event().wait()

    run(serve(), endless=True)


def _write(server: Broker, known: Accounts, wanted: list[str], folder: Path, stack: ExitStack) -> None:
    ca = folder / "ca.pem"
    everybody = tuple(jids.bare(jid) for jid in wanted)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stack.callback(ca.unlink, missing_ok=True)
        shutil.copyfile(server.ca, ca)
    except OSError as error:
        raise LocalError(f"accounts cannot be written: {error.strerror}", where=str(folder)) from None
    for jid in wanted:
        path = folder / f"{jids.local(jid)}.yaml"
        stack.callback(path.unlink, missing_ok=True)
        Login(jid, known.password(jid), server.host, server.port, ca, everybody).save(path)
