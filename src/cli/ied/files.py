"""`janusgrid ied files`: the files of a server."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import click

from ...iec61850.client import Ied
from ..running import run
from . import show
from .target import Target, reaches

_ARGUMENTS = {"list": (0, 1), "get": (1, 2), "put": (1, 2), "delete": (1, 1), "rename": (2, 2)}
"""For each action how many arguments it takes, at least and at most."""


@click.command()
@reaches
@click.argument("action", type=click.Choice(list(_ARGUMENTS)), default="list")
@click.argument("names", nargs=-1)
def files(target: Target, action: str, names: tuple[str, ...]) -> None:
    """List, get, put, delete or rename files.

    \b
    list [PATH]       what is there, of one directory
    get NAME [TO]     fetch a file; TO is a file here, - is stdout
    put FROM [NAME]   have the server fetch a file from here
    delete NAME
    rename NAME NEW
    """
    least, most = _ARGUMENTS[action]
    if not least <= len(names) <= most:
        raise click.UsageError(f"{action} takes {least if least == most else f'{least} or {most}'} names")

    async def work() -> None:
        async with target.open() as ied:
            if action == "list":
                await _list(target, ied, *names)
            elif action == "get":
                await _get(target, ied, *names)
            elif action == "put":
                source, name = names[0], names[1] if len(names) > 1 else Path(names[0]).name
                await ied.put_file(name, Path(source))
                target.tell({"put": name})
            elif action == "delete":
                await ied.delete_file(names[0])
                target.tell({"deleted": names[0]})
            else:
                await ied.rename_file(names[0], names[1])
                target.tell({"renamed": names[0], "to": names[1]})

    run(work())


async def _list(target: Target, ied: Ied, path: str = "") -> None:
    found = [entry async for entry in ied.files(path)]
    if target.as_json:
        rows = [
            {"name": each.name, "size": each.size, "modified": show.time(each.modified) if each.modified else None}
            for each in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for each in found:
        time = show.time(each.modified) if each.modified else "-"
        click.echo(f"{'' if each.is_directory else each.size:>10} {time:24} {each.name}")


async def _get(target: Target, ied: Ied, name: str, to: str | None = None) -> None:
    if to == "-":
        click.echo(await ied.get_file(name), nl=False)
        return
    # The last part of the name only: a server does not choose where on this machine a file is written.
    here = Path(to) if to else Path(PurePosixPath(name.replace("\\", "/")).name)
    content = await ied.get_file(name, here)
    target.tell({"got": name, "to": str(here), "size": len(content)})
