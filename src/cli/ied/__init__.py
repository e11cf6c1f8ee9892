"""`janusgrid ied`: an IEC 61850 server from a file, and what a client can ask of any server."""

from __future__ import annotations

import click

from . import conformance, data, files, find, logs, rights, serve, settings


@click.group()
def command() -> None:
    """Serve an SCL file; find, browse, read, write, operate and watch servers; see to their logs, files and settings.

    A TARGET is tcp://HOST[:PORT] or xmpp:USER@DOMAIN[/IEC].
    """


for each in (
    serve.serve,
    find.find,
    data.browse,
    data.read,
    data.write,
    data.operate,
    data.watch,
    files.files,
    settings.settings,
    conformance.conformance,
    rights.rights,
    logs.logs,
):
    command.add_command(each)
