"""`janusgrid store`: databases that outlive the program."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..common.errors import ConfigError
from ..common.store import layout
from ..common.store import upgrade as upgrading


@click.group()
def command() -> None:
    """Check and upgrade the databases in which registrations, events, reports and letters are kept.

    PLACE is the file of an SQLite database or the URL of a PostgreSQL one, such as postgresql://user@host/name.
    """


@command.command(short_help="say whether a database fits this version")
@click.argument("place")
def check(place: str) -> None:
    """Say which layout the database at PLACE has. Exit status 1 if it is not that of this version."""
    if "://" not in place and not Path(place).is_file():
        raise ConfigError("there is no such file; a program that is to keep its state there makes it", where=place)
    found = upgrading.revision(place)
    hint = "" if found == layout.HEAD else ", to which `janusgrid store upgrade` brings it"
    click.echo(f"layout {found or 'none: the database is new'}; this version uses {layout.HEAD}{hint}")
    sys.exit(0 if found == layout.HEAD else 1)


@command.command(short_help="bring a database to this version")
@click.argument("place")
def upgrade(place: str) -> None:
    """Bring the database at PLACE to the layout of this version, all of it or nothing.

    End all processes that use it before; SQLite files are upgraded by themselves when they are opened.
    """
    before, now = upgrading.upgrade(place)
    click.echo(f"layout {now}" + (", as it was" if before == now else f"; it was {before or 'new'}"))
